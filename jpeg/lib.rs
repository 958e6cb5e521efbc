//! A JPEG decoder that accepts a file only when every block of it was decoded and every byte of it is explained.
//! Browsers' decoders show as much of a damaged picture as they can; on an identity card that would be a wrong card.
//! Must not know the daemon, and never takes more memory than its caller allows.
//!
//! Why this is not a library: of 1,932 legal files of the grid in tests/jpeg, `zune-jpeg` 0.5.15 in its strict mode
//! decodes 805 wrongly or not at all; `jpeg-decoder` 0.3.2 and this one decode all. Of 936 damaged ones (cut and
//! terminated, or filled up with zeros), `zune-jpeg` accepts 638, `jpeg-decoder` 286 and this one 1, which lost so
//! little that the rest is a legal file.
//!
//! Covered: Huffman-coded files of 8 bits (baseline, extended, progressive; ITU-T T.81), grey, YCbCr and RGB, every
//! whole-numbered subsampling, any number of scans, restart intervals. The rest is refused as [`Fault::Unsupported`].
//!
//! Reading order: `marker` (the file's segments), `frame` (what they declare), `bits` and `huffman` (the code),
//! `scan` and `progressive` (blocks), `idct`, `picture` (planes to pixels).

mod bits;
mod frame;
mod huffman;
mod idct;
mod marker;
mod picture;
mod progressive;
mod scan;
#[cfg(test)]
mod tests;

use frame::{Colour, Tables};
use marker::{Marker, Markers, Segment};
use scan::Planes;

pub use frame::Frame;

/// The most scans in one file: progressive files have about ten, and each costs a walk over the picture.
const MAX_SCANS: usize = 64;

/// Why a file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file's structure is not that of a JPEG file.
    #[error("not a JPEG file: {0}")]
    Structure(&'static str),
    /// A legal file of a kind that is not decoded here; saving it as an ordinary JPEG helps.
    #[error("a kind of JPEG that is not read: {0}")]
    Unsupported(&'static str),
    /// Picture data is missing or damaged.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// Decoding would take more memory than was allowed.
    #[error("decoding takes {bytes} bytes, more than is allowed")]
    TooLarge {
        /// How much.
        bytes: u64,
    },
}

/// A file's metadata, read without decoding a pixel.
#[derive(Debug, Clone)]
pub struct Outline<'a> {
    /// Size, components and process.
    pub frame: Frame,
    /// The bodies of all EXIF segments, from the TIFF header on.
    pub exif: Vec<&'a [u8]>,
    /// The bodies of all XMP segments.
    pub xmp: Vec<&'a [u8]>,
    /// The ICC profile's segments as they stand: number, count, bytes.
    pub profile: Vec<(u8, u8, &'a [u8])>,
}

/// Pixels, rows from the top, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// 1: grey; 3: red, green, blue.
    pub channels: usize,
    /// `width * height * channels` bytes.
    pub pixels: Vec<u8>,
}

/// How far a picture is reduced while it is decoded. Only the DCT's lower frequencies are used, which is a clean
/// reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// As stored.
    None,
    /// Half of each side, rounded up.
    Half,
    /// A quarter.
    Quarter,
    /// An eighth.
    Eighth,
}

impl Reduction {
    /// Pixels that remain of the eight along a block's side.
    fn block(self) -> usize {
        match self {
            Self::None => 8,
            Self::Half => 4,
            Self::Quarter => 2,
            Self::Eighth => 1,
        }
    }
}

/// Walks over the whole file without decoding a pixel: finds its size and metadata, and checks that it reaches its end
/// marker. Bytes after the end marker are common in files from telephones and are ignored.
///
/// # Errors
/// [`Fault`]; a file that passes may still be found damaged by [`decode`].
pub fn outline(bytes: &[u8]) -> Result<Outline<'_>, Fault> {
    let mut markers = Markers::new(bytes)?;
    let (mut frame, mut scans) = (None, 0);
    let (mut exif, mut xmp, mut profile) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let Segment { marker, body } = markers.next()?;
        match marker {
            Marker::Frame(kind) if frame.is_none() => frame = Some(Frame::read(kind, body)?),
            Marker::Frame(_) => return Err(Fault::Structure("two pictures in one")),
            Marker::App(1) => {
                exif.extend(body.strip_prefix(b"Exif\0\0"));
                xmp.extend(body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0"));
            }
            Marker::App(2) => {
                let piece = body.strip_prefix(b"ICC_PROFILE\0").and_then(<[u8]>::split_first_chunk);
                profile.extend(piece.map(|(&[number, count], bytes)| (number, count, bytes)));
            }
            Marker::Scan => {
                scans += 1;
                markers.skip_scan()?;
            }
            Marker::End => break,
            _ => {}
        }
        if scans > MAX_SCANS {
            return Err(Fault::Unsupported("very many scans"));
        }
    }
    let frame = frame.ok_or(Fault::Structure("no picture"))?;
    if scans == 0 {
        return Err(Fault::Damaged("no picture data"));
    }
    Ok(Outline { frame, exif, xmp, profile })
}

/// Decodes a file, completely or not at all, within `max_bytes` of memory.
///
/// # Errors
/// [`Fault`].
pub fn decode(bytes: &[u8], reduction: Reduction, max_bytes: u64) -> Result<Picture, Fault> {
    let Outline { frame, .. } = outline(bytes)?;
    let needed = frame.decoding_bytes(reduction);
    if needed > max_bytes {
        return Err(Fault::TooLarge { bytes: needed });
    }
    let mut markers = Markers::new(bytes)?;
    let mut tables = Tables::default();
    let mut planes = Planes::new(&frame, reduction);
    let mut colour = Colour::default();
    loop {
        let Segment { marker, body } = markers.next()?;
        match marker {
            Marker::App(number) => colour.hear(number, body),
            Marker::Quantisation => tables.quantisation(body)?,
            Marker::Huffman => tables.huffman(body)?,
            Marker::RestartInterval => tables.restart_interval(body)?,
            Marker::Scan => {
                let used = planes.scan(&frame, &tables, body, markers.rest())?;
                markers.skip(used);
            }
            Marker::End => break,
            Marker::Frame(_) | Marker::Comment => {}
        }
    }
    let samples = planes.finish(&frame)?;
    Ok(picture::assemble(&frame, reduction, &samples, colour.is_rgb(&frame)))
}
