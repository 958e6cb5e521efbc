//! A photo that is a PNG file: its chunks walked over for what stands beside the picture, its rows decoded one by one
//! and made smaller at once, every checksum held.

use std::io::Cursor;

use jpeg::Picture;
use pixels::{Profile, Smaller};
use png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits, Reader, Transformations};

use super::{PNG_START, finishing_bytes, halvings, words};
use crate::codes::picture::{E_PHOTO_FORMAT, E_PHOTO_TRUNCATED};
use crate::finding::Finding;

/// What the decoder may take for rows and chunks; a row of 6000 pixels of 64 bits has 48 kB.
const MAX_CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// The decoder's own window and buffers.
const DECODER_BYTES: u64 = 1024 * 1024;
/// sRGB's exponent in a PNG's hundred-thousandths, and how far off one may be that means the same.
const SRGB_GAMMA: u32 = 45_455;
const GAMMA_SLACK: u32 = 2_000;

pub(super) struct PngFile<'a> {
    bytes: &'a [u8],
    size: (u32, u32),
    interlaced: bool,
    pub exif: Vec<&'a [u8]>,
    pub xmp: Vec<&'a [u8]>,
    has_profile: bool,
    /// Says that it is sRGB.
    srgb: bool,
    gamma: Option<u32>,
}

impl<'a> PngFile<'a> {
    /// Walks over the chunks to `IEND`.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Finding> {
        let mut file = Self {
            bytes,
            size: (0, 0),
            interlaced: false,
            exif: Vec::new(),
            xmp: Vec::new(),
            has_profile: false,
            srgb: false,
            gamma: None,
        };
        let mut rest = &bytes[PNG_START.len()..];
        loop {
            let (name, body, after) =
                chunk(rest).ok_or_else(|| words::plain(&E_PHOTO_TRUNCATED))?;
            match name {
                b"IHDR" => file.read_header(body).ok_or_else(|| words::plain(&E_PHOTO_FORMAT))?,
                b"IEND" => break,
                b"eXIf" => file.exif.push(body),
                b"iTXt" => file.xmp.extend(body.strip_prefix(b"XML:com.adobe.xmp\0")),
                b"iCCP" => file.has_profile = true,
                b"sRGB" => file.srgb = true,
                b"gAMA" => file.gamma = body.first_chunk().map(|four| u32::from_be_bytes(*four)),
                _ => {}
            }
            rest = after;
        }
        if file.size.0 == 0 || file.size.1 == 0 {
            Err(words::plain(&E_PHOTO_FORMAT))
        } else {
            Ok(file)
        }
    }

    fn read_header(&mut self, body: &[u8]) -> Option<()> {
        let (width, rest) = body.split_first_chunk::<4>()?;
        let (height, rest) = rest.split_first_chunk::<4>()?;
        self.size = (u32::from_be_bytes(*width), u32::from_be_bytes(*height));
        self.interlaced = *rest.get(4)? != 0;
        Some(())
    }

    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    pub fn decoding_bytes(&self) -> u64 {
        let (width, height) = self.size;
        // Whole, with the most channels.
        let held = if self.interlaced { 4 * u64::from(width) * u64::from(height) } else { 0 };
        held + finishing_bytes(width, height) + DECODER_BYTES
    }

    /// Decodes every row, to the last checksum of the file.
    pub fn decode(&self) -> Result<(Picture, Profile), Finding> {
        let mut options = DecodeOptions::default();
        options.set_ignore_checksums(false);
        options.set_skip_ancillary_crc_failures(false);
        let mut decoder = Decoder::new_with_options(Cursor::new(self.bytes), options);
        decoder.set_limits(Limits { bytes: MAX_CHUNK_BYTES });
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        let mut reader = decoder.read_info().map_err(damaged)?;
        let (colour, depth) = reader.output_color_type();
        if depth != BitDepth::Eight {
            return Err(words::plain(&E_PHOTO_FORMAT));
        }
        let channels = colour.samples();
        let has_alpha = matches!(colour, ColorType::GrayscaleAlpha | ColorType::Rgba);
        let (width, height) = self.size;
        let mut smaller = Smaller::new(self.size, channels, has_alpha, halvings(width, height));
        if self.interlaced {
            let mut whole = vec![0; self.size.0 as usize * self.size.1 as usize * channels];
            reader.next_frame(&mut whole).map_err(damaged)?;
            whole.chunks_exact(self.size.0 as usize * channels).for_each(|row| smaller.add(row));
        } else {
            for _ in 0..self.size.1 {
                let row = reader
                    .next_row()
                    .map_err(damaged)?
                    .ok_or_else(|| words::plain(&E_PHOTO_TRUNCATED))?;
                smaller.add(row.data());
            }
        }
        reader.finish().map_err(damaged)?;
        Ok((smaller.finish(), self.profile(&reader)))
    }

    fn profile(&self, reader: &Reader<Cursor<&[u8]>>) -> Profile {
        if self.has_profile {
            // The decoder leaves out a profile that it cannot unpack.
            return match &reader.info().icc_profile {
                Some(icc) => Profile::Icc(icc.to_vec()),
                None => Profile::Broken,
            };
        }
        let usual = |gamma: u32| gamma.abs_diff(SRGB_GAMMA) <= GAMMA_SLACK;
        match self.gamma {
            Some(gamma) if !self.srgb && !usual(gamma) => Profile::Gamma,
            _ => Profile::None,
        }
    }
}

/// The first chunk: its name, its body, what follows.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_first_chunk::<4>()?;
    let (body, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let (_, after) = rest.split_first_chunk::<4>()?;
    Some((name, body, after))
}

fn damaged(error: png::DecodingError) -> Finding {
    match error {
        png::DecodingError::LimitsExceeded => words::too_much_memory(),
        _ => words::plain(&E_PHOTO_TRUNCATED),
    }
}
