//! Does a picture of a card show a certain QR code? For whoever knows what it must say, so that no reader of any code is
//! needed. Knows no card.

use super::codes::{Symbol, record_symbols};
use super::picture_file::{Rgba, decode_png};

/// Darker is printed.
const DARK_BELOW: u32 = 128;
/// A finder pattern's upper edge: so many dark modules in a row (ISO/IEC 18004).
const FINDER_MODULES: u32 = 7;

/// Does this PNG show the QR code of a record's text, in any error correction: every module, dark or bright?
pub fn shows_record(png: &[u8], text: &str) -> bool {
    let Some(picture) = decode_png(png) else { return false };
    let symbols = record_symbols(text);
    corners(&picture).any(|corner| symbols.iter().any(|symbol| is_at(&picture, symbol, corner)))
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
fn corners(picture: &Rgba) -> impl Iterator<Item = Corner> + '_ {
    let places = (0..picture.height).flat_map(|y| (0..picture.width).map(move |x| (x, y)));
    places.filter_map(|(x, y)| {
        let begins = is_dark(picture, x, y)
            && x.checked_sub(1).is_none_or(|left| !is_dark(picture, left, y))
            && y.checked_sub(1).is_none_or(|above| !is_dark(picture, x, above));
        if !begins {
            return None;
        }
        let across = (x..picture.width).take_while(|x| is_dark(picture, *x, y)).count() as u32;
        let down = (y..picture.height).take_while(|y| is_dark(picture, x, *y)).count() as u32;
        let whole = |px: u32| px.is_multiple_of(FINDER_MODULES).then_some(px / FINDER_MODULES);
        Some(Corner { x, y, across_px: whole(across)?, down_px: whole(down)? })
    })
}

/// The middle of each module is as the symbol has it.
fn is_at(picture: &Rgba, symbol: &Symbol, corner: Corner) -> bool {
    symbol.modules().all(|(column, row, dark)| {
        let x = corner.x + column * corner.across_px + corner.across_px / 2;
        let y = corner.y + row * corner.down_px + corner.down_px / 2;
        x < picture.width && y < picture.height && is_dark(picture, x, y) == dark
    })
}

fn is_dark(picture: &Rgba, x: u32, y: u32) -> bool {
    let at = (y as usize * picture.width as usize + x as usize) * 4;
    let [r, g, b] = [0, 1, 2].map(|channel| u32::from(picture.pixels[at + channel]));
    // Luminance as Rec. 709 weighs it.
    (2126 * r + 7152 * g + 722 * b) / 10_000 < DARK_BELOW
}
