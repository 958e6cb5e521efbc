//! A photo that is a JPEG file: how large it is decoded and what its segments say. The decoding is the crate `jpeg`'s.

use jpeg::{Fault, Outline, Picture, Reduction};
use pixels::Profile;

use super::{MAX_DECODING_BYTES, finishing_bytes, halvings, words};
use crate::codes::picture::{E_PHOTO_FORMAT, E_PHOTO_TRUNCATED};
use crate::finding::Finding;

pub(super) struct JpegFile<'a> {
    bytes: &'a [u8],
    pub outline: Outline<'a>,
}

impl<'a> JpegFile<'a> {
    pub fn open(bytes: &'a [u8]) -> Result<Self, Finding> {
        jpeg::outline(bytes).map(|outline| Self { bytes, outline }).map_err(told)
    }

    pub fn size(&self) -> (u32, u32) {
        (self.outline.frame.width, self.outline.frame.height)
    }

    pub fn decoding_bytes(&self) -> u64 {
        let (width, height) = self.size();
        self.outline.frame.decoding_bytes(self.reduction()) + finishing_bytes(width, height)
    }

    pub fn decode(&self) -> Result<Picture, Finding> {
        jpeg::decode(self.bytes, self.reduction(), MAX_DECODING_BYTES).map_err(told)
    }

    /// The pieces of the profile put together; each must be there once.
    pub fn profile(&self) -> Profile {
        let mut pieces = self.outline.profile.clone();
        let Some(&(_, count, _)) = pieces.first() else { return Profile::None };
        pieces.sort_by_key(|(number, _, _)| *number);
        let numbers = pieces.iter().map(|(number, of, _)| (*number, *of));
        if !numbers.eq((1..=count).map(|number| (number, count))) {
            return Profile::Broken;
        }
        Profile::Icc(pieces.iter().flat_map(|(_, _, piece)| *piece).copied().collect())
    }

    fn reduction(&self) -> Reduction {
        let (width, height) = self.size();
        match halvings(width, height) {
            0 => Reduction::None,
            1 => Reduction::Half,
            2 => Reduction::Quarter,
            _ => Reduction::Eighth,
        }
    }
}

fn told(fault: Fault) -> Finding {
    match fault {
        Fault::Structure(_) => words::plain(&E_PHOTO_FORMAT),
        Fault::Unsupported(_) => words::unusual(),
        Fault::Damaged(_) => words::plain(&E_PHOTO_TRUNCATED),
        Fault::TooLarge { .. } => words::too_much_memory(),
    }
}
