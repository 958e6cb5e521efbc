//! Does a picture of a card show a certain QR code? For whoever knows what it must say, so that no reader of any code is
//! needed. Knows no card.

use image::GrayImage;

use super::codes::{Symbol, record_symbols};

/// Darker is printed.
const DARK_BELOW: u8 = 128;
/// A finder pattern's upper edge: so many dark modules in a row (ISO/IEC 18004).
const FINDER_MODULES: u32 = 7;

/// Does this PNG show the QR code of a record's text, in any error correction: every module, dark or bright?
pub fn shows_record(png: &[u8], text: &str) -> bool {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png);
    let Ok(grey) = picture.map(image::DynamicImage::into_luma8) else { return false };
    let symbols = record_symbols(text);
    corners(&grey).any(|corner| symbols.iter().any(|symbol| is_at(&grey, symbol, corner)))
}

/// A place where a code may begin, and the size of its modules there.
#[derive(Clone, Copy)]
struct Corner {
    x: u32,
    y: u32,
    across_px: u32,
    down_px: u32,
}

/// Every upper left corner of something dark whose edges are those of a finder pattern.
fn corners(grey: &GrayImage) -> impl Iterator<Item = Corner> + '_ {
    let places = (0..grey.height()).flat_map(|y| (0..grey.width()).map(move |x| (x, y)));
    places.filter_map(|(x, y)| {
        let begins = is_dark(grey, x, y)
            && x.checked_sub(1).is_none_or(|left| !is_dark(grey, left, y))
            && y.checked_sub(1).is_none_or(|above| !is_dark(grey, x, above));
        if !begins {
            return None;
        }
        let across = (x..grey.width()).take_while(|x| is_dark(grey, *x, y)).count() as u32;
        let down = (y..grey.height()).take_while(|y| is_dark(grey, x, *y)).count() as u32;
        let whole = |px: u32| px.is_multiple_of(FINDER_MODULES).then_some(px / FINDER_MODULES);
        Some(Corner { x, y, across_px: whole(across)?, down_px: whole(down)? })
    })
}

/// The middle of each module is as the symbol has it.
fn is_at(grey: &GrayImage, symbol: &Symbol, corner: Corner) -> bool {
    symbol.modules().all(|(column, row, dark)| {
        let x = corner.x + column * corner.across_px + corner.across_px / 2;
        let y = corner.y + row * corner.down_px + corner.down_px / 2;
        x < grey.width() && y < grey.height() && is_dark(grey, x, y) == dark
    })
}

fn is_dark(grey: &GrayImage, x: u32, y: u32) -> bool {
    grey.get_pixel(x, y).0[0] < DARK_BELOW
}
