//! The holder's photo: what is seen at the door, decoding with limits, and what becomes of its metadata: the colour
//! profile and the orientation are applied, the rest is dropped. Knows the product's rules as data.
//!
//! Reading order: `jpeg_file` and `png_file` (a format each), `checks` (what is judged), `placing` (the cropping). What is
//! done with every pixel is the crate `pixels`'.

mod checks;
mod jpeg_file;
mod placing;
mod png_file;
mod words;

use std::fmt;

use jpeg::Picture;
use pixels::{Orientation, halved};

pub use checks::inspect;
pub(super) use placing::Placer;

use crate::codes::picture::E_PHOTO_FORMAT;
use crate::finding::Finding;
use crate::product::PhotoRules;

/// The most memory that decoding one photo may take, bytes. Baseline JPEGs and PNGs of any allowed size are made smaller
/// while they are decoded and take a third of it; what reaches it are progressive JPEGs and interlaced PNGs, which
/// must be held whole.
const MAX_DECODING_BYTES: u64 = 64 * 1024 * 1024;
/// A photo is halved as often as it keeps this many pixels: more than any slot of a card has at 600 dpi.
const PIXELS_KEPT: u64 = 1_200_000;
/// First bytes of a JPEG: start of image and the next marker (ITU-T T.81, B.1.1).
const JPEG_START: [u8; 3] = [0xFF, 0xD8, 0xFF];
/// First bytes of a PNG (PNG specification, 5.2).
const PNG_START: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];

/// What a photo's header says, told without decoding a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhotoHeader {
    /// Pixels across, as the picture is looked at (orientation applied).
    pub width: u32,
    /// Pixels down, as the picture is looked at.
    pub height: u32,
    /// Which of the two formats.
    pub format: PhotoFormat,
    /// What decoding it takes at most.
    pub decoding_bytes: u64,
}

/// The formats that a photo may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhotoFormat {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
}

/// A photo as pixels: upright, sRGB, opaque, without metadata, large ones made smaller. One value serves the checks
/// and the card.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodedPhoto {
    /// Three channels.
    picture: Picture,
    doubts: Vec<Doubt>,
}

/// What a file says of itself that could not be honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Two of its parts name different orientations.
    Orientation,
    /// Its colour profile is broken, too large or of other colours than the picture.
    Profile,
}

/// A file whose structure was walked over; no pixel is decoded yet.
enum File<'a> {
    Jpeg(jpeg_file::JpegFile<'a>),
    Png(png_file::PngFile<'a>),
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
        self.picture.width
    }

    /// Pixels down.
    pub fn height(&self) -> u32 {
        self.picture.height
    }

    fn rgb(&self) -> &[u8] {
        &self.picture.pixels
    }
}

/// The cheap checks at the door: format, truncation, size of file and picture. Decodes no pixel.
///
/// # Errors
/// `E_PHOTO_TOO_LARGE`, `E_PHOTO_FORMAT`, `E_PHOTO_TRUNCATED` or `E_PHOTO_TOO_SMALL`: the first that holds.
pub fn header(bytes: &[u8], rules: &PhotoRules) -> Result<PhotoHeader, Finding> {
    open(bytes, rules).map(|(_, header)| header)
}

/// Decodes a photo for the checks and the card: upright, in sRGB, flattened on white.
///
/// # Errors
/// What [`header`] says, or `E_PHOTO_TRUNCATED` when not every pixel is there.
pub fn decode(bytes: &[u8], rules: &PhotoRules) -> Result<DecodedPhoto, Finding> {
    let (file, _) = open(bytes, rules)?;
    let orientation = pixels::agreed(&file.orientations());
    let (picture, profile) = match &file {
        File::Jpeg(jpeg) => (jpeg.decode()?, jpeg.profile()),
        File::Png(png) => png.decode()?,
    };
    let mut doubts = Vec::new();
    let (picture, converted) = pixels::to_srgb(picture, &profile);
    if !converted {
        doubts.push(Doubt::Profile);
    }
    let orientation = orientation.unwrap_or_else(|first| {
        doubts.push(Doubt::Orientation);
        first
    });
    Ok(DecodedPhoto { picture: orientation.upright(picture), doubts })
}

/// Walks over a file and holds its size against the rules.
fn open<'a>(bytes: &'a [u8], rules: &PhotoRules) -> Result<(File<'a>, PhotoHeader), Finding> {
    if bytes.len() > rules.max_bytes {
        return Err(words::file_too_large(rules.max_bytes));
    }
    let file = if bytes.starts_with(&JPEG_START) {
        File::Jpeg(jpeg_file::JpegFile::open(bytes)?)
    } else if bytes.starts_with(&PNG_START) {
        File::Png(png_file::PngFile::open(bytes)?)
    } else {
        return Err(words::plain(&E_PHOTO_FORMAT));
    };
    let (format, (width, height), decoding_bytes) = match &file {
        File::Jpeg(jpeg) => (PhotoFormat::Jpeg, jpeg.size(), jpeg.decoding_bytes()),
        File::Png(png) => (PhotoFormat::Png, png.size(), png.decoding_bytes()),
    };
    if width.max(height) > rules.max_side_px {
        return Err(words::too_many_pixels(rules.max_side_px));
    }
    if decoding_bytes > MAX_DECODING_BYTES {
        return Err(words::too_much_memory());
    }
    let on_its_side = pixels::agreed(&file.orientations()).is_ok_and(Orientation::lies_on_its_side);
    let (width, height) = if on_its_side { (height, width) } else { (width, height) };
    if width < rules.min_width_px || height < rules.min_height_px {
        return Err(words::too_small(rules.min_width_px, rules.min_height_px));
    }
    Ok((file, PhotoHeader { width, height, format, decoding_bytes }))
}

impl File<'_> {
    /// Every orientation that the file names, wherever.
    fn orientations(&self) -> Vec<Orientation> {
        let (exif, xmp) = match self {
            Self::Jpeg(jpeg) => (&jpeg.outline.exif, &jpeg.outline.xmp),
            Self::Png(png) => (&png.exif, &png.xmp),
        };
        pixels::named(exif, xmp)
    }
}

/// How often a picture's sides are halved while it is decoded.
fn halvings(width: u32, height: u32) -> u32 {
    let pixels = u64::from(width) * u64::from(height);
    (1..=3).take_while(|n| pixels >> (2 * n) >= PIXELS_KEPT).count() as u32
}

/// What turning a decoded picture upright and into RGB takes: the picture in colour, twice.
fn finishing_bytes(width: u32, height: u32) -> u64 {
    let times = halvings(width, height);
    6 * u64::from(halved(width, times)) * u64::from(halved(height, times))
}
