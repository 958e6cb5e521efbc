//! Colours as a file's profile means them → sRGB. Knows pixels, no file format.

use jpeg::Picture;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformExecutor, TransformOptions};

/// A display's profile has some kilobytes; a table of a quarter of a million numbers is no display's.
const MAX_PROFILE_BYTES: usize = 512 * 1024;
/// Pixels converted at once.
const CHUNK_PX: usize = 16 * 1024;

/// What a file says of its colours.
pub enum Profile {
    /// Nothing: sRGB, as every camera and browser has it.
    None,
    /// Something that cannot be read.
    Broken,
    /// An ICC profile.
    Icc(Vec<u8>),
    /// A PNG's own words for colours that are not sRGB's.
    Gamma,
}

/// A picture as sRGB, and whether its profile could be honoured; if not, its numbers are taken as sRGB.
pub fn to_srgb(picture: Picture, profile: &Profile) -> (Picture, bool) {
    match profile {
        Profile::None => (plain(picture), true),
        Profile::Broken | Profile::Gamma => (plain(picture), false),
        Profile::Icc(icc) => match transform(icc, picture.channels) {
            Some(transform) => convert(picture, transform.as_ref()),
            None => (plain(picture), false),
        },
    }
}

/// Numbers as they are; grey becomes three equal ones.
fn plain(picture: Picture) -> Picture {
    match picture.channels {
        1 => in_colour(&picture, picture.pixels.iter().flat_map(|&grey| [grey; 3]).collect()),
        _ => picture,
    }
}

/// A picture of the same size with these pixels.
fn in_colour(grey: &Picture, pixels: Vec<u8>) -> Picture {
    Picture { width: grey.width, height: grey.height, channels: 3, pixels }
}

type Transform = std::sync::Arc<dyn TransformExecutor<u8> + Send + Sync>;

fn transform(icc: &[u8], channels: usize) -> Option<Transform> {
    if icc.len() > MAX_PROFILE_BYTES {
        return None;
    }
    let source = ColorProfile::new_from_slice(icc).ok()?;
    let layout = match (source.color_space, channels) {
        (DataColorSpace::Rgb, 3) => Layout::Rgb,
        (DataColorSpace::Gray, 1) => Layout::Gray,
        _ => return None,
    };
    let srgb = ColorProfile::new_srgb();
    source.create_transform_8bit(layout, &srgb, Layout::Rgb, TransformOptions::default()).ok()
}

fn convert(mut picture: Picture, transform: &dyn TransformExecutor<u8>) -> (Picture, bool) {
    if picture.channels == 1 {
        let mut rgb = vec![0; picture.pixels.len() * 3];
        let done = transform.transform(&picture.pixels, &mut rgb).is_ok();
        return (in_colour(&picture, rgb), done);
    }
    // In pieces, so that no second picture is needed.
    let mut piece = vec![0; CHUNK_PX * 3];
    let mut done = true;
    for part in picture.pixels.chunks_mut(CHUNK_PX * 3) {
        let piece = &mut piece[..part.len()];
        done &= transform.transform(part, piece).is_ok();
        part.copy_from_slice(piece);
    }
    (picture, done)
}
