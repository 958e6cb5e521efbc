//! The holder's photo: what is seen at the door, decoding with limits, and what becomes of its metadata (nothing).
//! Knows the product's rules as data; the looking is in `checks.rs`, the cropping in `placing.rs`.

mod checks;
mod placing;
mod words;

use std::fmt;
use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

pub use checks::inspect;
pub(super) use placing::Placer;

use crate::finding::Finding;
use crate::product::PhotoRules;

/// The most memory that a decoder may take, bytes; a picture of 6000 x 6000 pixels in three colours fits in.
const MAX_DECODER_BYTES: u64 = 128 * 1024 * 1024;
/// First bytes of a JPEG: start of image and the next marker (ITU-T T.81, B.1.1).
const JPEG_START: [u8; 3] = [0xFF, 0xD8, 0xFF];
/// First bytes of a PNG (PNG specification, 5.2).
const PNG_START: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];

/// What a photo's header says, told without decoding a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhotoHeader {
    /// Pixels across, as the picture is looked at (EXIF orientation applied).
    pub width: u32,
    /// Pixels down, as the picture is looked at.
    pub height: u32,
    /// Which of the two formats.
    pub format: PhotoFormat,
}

/// The formats that a photo may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhotoFormat {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
}

/// A photo as pixels: upright, sRGB, opaque, without metadata. One value serves the checks and the card.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodedPhoto {
    pixels: RgbImage,
}

impl fmt::Debug for DecodedPhoto {
    /// The size only: the pixels are a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodedPhoto({}x{} px)", self.width(), self.height())
    }
}

impl DecodedPhoto {
    /// Pixels across.
    pub fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Pixels down.
    pub fn height(&self) -> u32 {
        self.pixels.height()
    }

    fn rgb(&self) -> &[u8] {
        self.pixels.as_raw()
    }
}

/// The cheap checks at the door: format, truncation, size of file and picture. Decodes no pixel.
///
/// # Errors
/// `E_PHOTO_TOO_LARGE`, `E_PHOTO_FORMAT` or `E_PHOTO_TOO_SMALL`: the first that holds.
pub fn header(bytes: &[u8], rules: &PhotoRules) -> Result<PhotoHeader, Finding> {
    if bytes.len() > rules.max_bytes {
        return Err(words::file_too_large(rules.max_bytes));
    }
    let format = format(bytes).ok_or_else(words::format)?;
    let whole = match format {
        PhotoFormat::Jpeg => jpeg_is_whole(bytes),
        PhotoFormat::Png => png_is_whole(bytes),
    };
    if whole.is_none() {
        return Err(words::truncated());
    }
    let mut decoder = decoder(bytes, format, rules)?;
    let (width, height) = decoder.dimensions();
    let turned = lies_on_its_side(decoder.orientation().unwrap_or(Orientation::NoTransforms));
    let (width, height) = if turned { (height, width) } else { (width, height) };
    if width < rules.min_width_px || height < rules.min_height_px {
        return Err(words::too_small(rules.min_width_px, rules.min_height_px));
    }
    Ok(PhotoHeader { width, height, format })
}

/// Decodes a photo for the checks and the card: upright, flattened on white.
///
/// # Errors
/// What [`header`] says, or `E_PHOTO_FORMAT` when the pixels do not decode.
pub fn decode(bytes: &[u8], rules: &PhotoRules) -> Result<DecodedPhoto, Finding> {
    let header = header(bytes, rules)?;
    let mut decoder = decoder(bytes, header.format, rules)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| words::format())?;
    picture.apply_orientation(orientation);
    Ok(DecodedPhoto { pixels: flatten(picture) })
}

fn format(bytes: &[u8]) -> Option<PhotoFormat> {
    if bytes.starts_with(&JPEG_START) {
        Some(PhotoFormat::Jpeg)
    } else if bytes.starts_with(&PNG_START) {
        Some(PhotoFormat::Png)
    } else {
        None
    }
}

/// A decoder that has read the header and refuses bombs before it takes memory.
fn decoder<'a>(
    bytes: &'a [u8],
    format: PhotoFormat,
    rules: &PhotoRules,
) -> Result<impl ImageDecoder + 'a, Finding> {
    let format = match format {
        PhotoFormat::Jpeg => ImageFormat::Jpeg,
        PhotoFormat::Png => ImageFormat::Png,
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(rules.max_side_px);
    limits.max_image_height = Some(rules.max_side_px);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| match error {
        image::ImageError::Limits(_) => words::too_many_pixels(rules.max_side_px),
        _ => words::format(),
    })?;
    // The limits above are asked by each decoder in its own time; this is before any pixel.
    let (width, height) = decoder.dimensions();
    if width.max(height) > rules.max_side_px {
        return Err(words::too_many_pixels(rules.max_side_px));
    }
    Ok(decoder)
}

fn lies_on_its_side(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// Transparent parts become white paper.
fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let on_white = |channel: u8, alpha: u8| {
        let alpha = u32::from(alpha);
        ((u32::from(channel) * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        image::Rgb([on_white(r, a), on_white(g, a), on_white(b, a)])
    })
}

/// Walks a JPEG's segments to the first scan (a thumbnail inside EXIF has an end of its own), then looks for the
/// end of image. In a scan FF D9 is nothing else (ITU-T T.81, B.1.1.5). Bytes after it are common on telephones.
fn jpeg_is_whole(bytes: &[u8]) -> Option<()> {
    const SCAN: u8 = 0xDA;
    const END: u8 = 0xD9;
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1).filter(|_| bytes.get(at) == Some(&0xFF))?;
        if marker == 0xFF {
            at += 1; // A fill byte before the marker.
            continue;
        }
        if marker == END {
            return None; // It ends before any picture.
        }
        let length = u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]);
        at += 2 + usize::from(length.max(2));
        if marker == SCAN {
            break;
        }
    }
    bytes.get(at..)?.windows(2).rev().any(|pair| pair == [0xFF, END]).then_some(())
}

/// Walks a PNG's chunks to `IEND`.
fn png_is_whole(bytes: &[u8]) -> Option<()> {
    let mut at = PNG_START.len();
    loop {
        let head = bytes.get(at..at + 8)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        at = at.checked_add(length)?.checked_add(12)?;
        if at > bytes.len() {
            return None;
        }
        if &head[4..] == b"IEND" {
            return Some(());
        }
    }
}
