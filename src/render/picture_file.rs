//! Pictures as files, photos apart: logos and signatures to pixels, previews to files and back. A file is decoded wholly
//! or not at all. Must not know cards.

use std::io::Cursor;

use jpeg::Reduction;
use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};

/// Longest side of any picture, pixels.
const SIDE_MAX_PX: u32 = 4096;
/// The most memory that decoding one may take, bytes.
const DECODE_MAX_BYTES: usize = 64 * 1024 * 1024;

/// A picture with transparency; colours are not multiplied by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rgba {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<u8>,
}

impl Rgba {
    /// Each pixel's colour without its transparency.
    pub fn colours(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(4).map(|pixel| &pixel[..3])
    }
}

/// Is it a PNG that can be read, by its header?
pub(super) fn is_readable_png(bytes: &[u8]) -> bool {
    png_reader(bytes).is_some()
}

/// A PNG of any kind.
pub(super) fn decode_png(bytes: &[u8]) -> Option<Rgba> {
    let mut reader = png_reader(bytes)?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    reader.next_frame(&mut pixels).ok()?;
    reader.finish().ok()?;
    if reader.output_color_type().0 == ColorType::GrayscaleAlpha {
        pixels = pixels.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect();
    }
    let (width, height) = reader.info().size();
    Some(Rgba { width, height, pixels })
}

fn png_reader(bytes: &[u8]) -> Option<png::Reader<Cursor<&[u8]>>> {
    let limits = Limits { bytes: DECODE_MAX_BYTES };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(
        Transformations::EXPAND | Transformations::STRIP_16 | Transformations::ALPHA,
    );
    let reader = decoder.read_info().ok()?;
    let (width, height) = reader.info().size();
    let fits = width.max(height) <= SIDE_MAX_PX
        && reader.output_buffer_size().is_some_and(|bytes| bytes <= DECODE_MAX_BYTES);
    fits.then_some(reader)
}

/// A JPEG of the kinds that photos may have too.
pub(super) fn decode_jpeg(bytes: &[u8]) -> Option<Rgba> {
    let frame = jpeg::outline(bytes).ok()?.frame;
    if frame.width.max(frame.height) > SIDE_MAX_PX {
        return None;
    }
    let picture = jpeg::decode(bytes, Reduction::None, DECODE_MAX_BYTES as u64).ok()?;
    let pixels = match picture.channels {
        1 => picture.pixels.iter().flat_map(|&grey| [grey, grey, grey, 255]).collect(),
        _ => picture.pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect(),
    };
    Some(Rgba { width: picture.width, height: picture.height, pixels })
}

/// Red, green, blue as a PNG, without metadata.
pub(super) fn encode_png(width: u32, height: u32, rgb: &[u8]) -> Vec<u8> {
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let written = encoder.write_header().and_then(|mut file| {
        file.write_image_data(rgb)?;
        file.finish()
    });
    written.expect("a face's buffer has the face's size, and memory takes every byte");
    png
}
