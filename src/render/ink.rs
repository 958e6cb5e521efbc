//! Putting things onto a face: letters, bits, rectangles. Knows pixels only; whatever lies outside the head is
//! left out, as a printer does.

use drivers::contract::{FaceImage, HeadSize};

use super::design::Anchor;
use super::design::Placeholder;
use super::fit::{Fitted, width};
use super::fonts::Fonts;
use super::glyphs::{Bitmap, GlyphCache, GlyphKey, PHASES};

/// Millimetres of the card to pixels of the head.
///
/// The head is a little larger than the card (overscan); the card lies in its middle. All layers of a card
/// move by the same whole pixels, so that an offset never changes how anything looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Raster {
    pub head: HeadSize,
    /// Pixels a millimetre, across.
    pub scale_x: f32,
    /// Pixels a millimetre, down.
    pub scale_y: f32,
    /// The card's left edge, pixels.
    pub origin_x_px: i32,
    /// The card's top edge, pixels.
    pub origin_y_px: i32,
}

/// ISO/IEC 7810 ID-1, millimetres.
pub(super) const CARD_WIDTH_MM: f32 = 85.60;
/// See [`CARD_WIDTH_MM`].
pub(super) const CARD_HEIGHT_MM: f32 = 53.98;

/// A rectangle of pixels; may reach beyond the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub left_px: i32,
    pub top_px: i32,
    pub width_px: u32,
    pub height_px: u32,
}

impl Raster {
    /// The raster of a head with the batch's offset (right and down, millimetres).
    pub fn new(head: HeadSize, offset_mm: (f32, f32)) -> Self {
        let scale_x = head.dpi_x as f32 / 25.4;
        let scale_y = head.dpi_y as f32 / 25.4;
        let middle = |px: u32, mm: f32, scale: f32| ((px as f32 - mm * scale) / 2.0).round() as i32;
        Self {
            head,
            scale_x,
            scale_y,
            origin_x_px: middle(head.width_px, CARD_WIDTH_MM, scale_x)
                + (offset_mm.0 * scale_x).round() as i32,
            origin_y_px: middle(head.height_px, CARD_HEIGHT_MM, scale_y)
                + (offset_mm.1 * scale_y).round() as i32,
        }
    }

    /// The nearest whole pixels of a rectangle in millimetres.
    pub fn area(&self, x_mm: f32, y_mm: f32, width_mm: f32, height_mm: f32) -> Area {
        Area {
            left_px: self.origin_x_px + (x_mm * self.scale_x).round() as i32,
            top_px: self.origin_y_px + (y_mm * self.scale_y).round() as i32,
            width_px: ((width_mm * self.scale_x).round() as u32).max(1),
            height_px: ((height_mm * self.scale_y).round() as u32).max(1),
        }
    }
}

/// Sets a fitted text: resin as bits, colour blended.
pub(super) fn set_text(
    face: &mut FaceImage,
    raster: &Raster,
    (fonts, cache): (&Fonts, &mut GlyphCache),
    place: &Placeholder,
    fitted: &Fitted,
    resin: bool,
) {
    let per_em = fonts.units_per_em(place.typeface);
    let (size_x, size_y) = (fitted.size_mm * raster.scale_x, fitted.size_mm * raster.scale_y);
    let (unit_x, unit_y) = (size_x / per_em, size_y / per_em);
    for (n, line) in fitted.lines.iter().enumerate() {
        let glyphs = &fitted.glyphs[line.clone()];
        let long = width(glyphs) as f32 * unit_x;
        let shift = match place.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => long / 2.0,
            Anchor::End => long,
        };
        let mut pen_x = place.x_mm * raster.scale_x - shift;
        let baseline = (place.y_mm + n as f32 * place.pitch_mm) * raster.scale_y;
        for glyph in glyphs {
            let x = pen_x + glyph.dx as f32 * unit_x;
            let y = (baseline - glyph.dy as f32 * unit_y).round() as i32;
            // Resin stands on whole pixels, colour on quarters.
            let quarters = (x * PHASES as f32).round() as i32;
            let phase = if resin { 0 } else { quarters.rem_euclid(PHASES as i32) as u32 };
            let key = GlyphKey {
                typeface: place.typeface,
                glyph: glyph.glyph,
                size_x_bits: size_x.to_bits(),
                size_y_bits: size_y.to_bits(),
                phase,
                resin,
            };
            let bitmap = cache.get(fonts, key);
            let whole = match resin {
                true => (x + bitmap.hinted_left_px).round() as i32,
                false => quarters.div_euclid(PHASES as i32),
            };
            let left = raster.origin_x_px + whole + bitmap.left_px;
            let top = raster.origin_y_px + y + bitmap.top_px;
            match resin {
                true => or_bits(face, bitmap, left, top),
                false => blend(face, bitmap, left, top, place.ink),
            }
            pen_x += glyph.advance as f32 * unit_x;
        }
    }
}

/// Sets bits of resin.
pub(super) fn or_bits(face: &mut FaceImage, bitmap: &Bitmap, left_px: i32, top_px: i32) {
    let stride = FaceImage::resin_stride(face.width_px);
    let row_bytes = bitmap.width_px.div_ceil(8);
    let inside = left_px >= 0 && left_px as usize + row_bytes * 8 <= face.width_px as usize;
    for row in 0..bitmap.height_px {
        let y = top_px + row as i32;
        if y < 0 || y >= face.height_px as i32 {
            continue;
        }
        let bits = &bitmap.data[row * row_bytes..][..row_bytes];
        let to = &mut face.resin[y as usize * stride..][..stride];
        if inside {
            let (first, shift) = (left_px as usize / 8, left_px as usize % 8);
            for (n, byte) in bits.iter().enumerate() {
                let spread = u16::from(*byte) << (8 - shift);
                to[first + n] |= (spread >> 8) as u8;
                if shift > 0 && first + n + 1 < stride {
                    to[first + n + 1] |= spread as u8;
                }
            }
        } else {
            let set = (0..bitmap.width_px).filter(|x| bits[x / 8] & (0x80 >> (x % 8)) != 0);
            for x in set.map(|x| left_px + x as i32) {
                if x >= 0 && x < face.width_px as i32 {
                    to[x as usize / 8] |= 0x80 >> (x % 8);
                }
            }
        }
    }
}

/// Lays a colour over the face where the bitmap covers it.
fn blend(face: &mut FaceImage, bitmap: &Bitmap, left_px: i32, top_px: i32, ink: [u8; 3]) {
    for row in 0..bitmap.height_px {
        for column in 0..bitmap.width_px {
            let (x, y) = (left_px + column as i32, top_px + row as i32);
            let coverage = bitmap.data[row * bitmap.width_px + column];
            if coverage > 0
                && x >= 0
                && y >= 0
                && x < face.width_px as i32
                && y < face.height_px as i32
            {
                let at = (y as usize * face.width_px as usize + x as usize) * 3;
                if let Some(pixel) = face.rgb[at..].first_chunk_mut() {
                    mix(pixel, ink, coverage);
                }
            }
        }
    }
}

/// Mixes a pixel with an ink, 255 = ink only. Runs for every pixel of CONTOH.
#[inline]
pub(super) fn mix(pixel: &mut [u8; 3], ink: [u8; 3], coverage: u8) {
    let cover = u32::from(coverage);
    let mixed = |under: u8, ink: u8| {
        ((u32::from(under) * (255 - cover) + u32::from(ink) * cover + 127) / 255) as u8
    };
    // Written out: a daemon that is compiled small would call the iterators of a loop.
    *pixel = [mixed(pixel[0], ink[0]), mixed(pixel[1], ink[1]), mixed(pixel[2], ink[2])];
}

/// Copies an RGB picture of the area's size to its place.
pub(super) fn copy_rgb(face: &mut FaceImage, area: Area, rgb: &[u8]) {
    let row_bytes = area.width_px as usize * 3;
    for (from, to) in rows(face, area) {
        let source = &rgb[from.0 * row_bytes + from.1 * 3..][..to.len()];
        face.rgb[to].copy_from_slice(source);
    }
}

/// Leaves an area unprinted: codes are read against the bare card.
pub(super) fn clear_rgb(face: &mut FaceImage, area: Area) {
    for (_, to) in rows(face, area) {
        face.rgb[to].fill(255);
    }
}

/// The part of each row of an area that lies on the face: (row, first column) of the area, bytes of `rgb`.
fn rows(face: &FaceImage, area: Area) -> Vec<((usize, usize), std::ops::Range<usize>)> {
    let (width, height) = (face.width_px as i32, face.height_px as i32);
    let left = area.left_px.clamp(0, width);
    let right = (area.left_px + area.width_px as i32).clamp(0, width);
    let visible =
        (0..area.height_px as i32).filter(|row| (0..height).contains(&(area.top_px + row)));
    let bytes = |row: i32| {
        let start = (area.top_px + row) as usize * width as usize;
        (start + left as usize) * 3..(start + right as usize) * 3
    };
    visible
        .map(|row| ((row as usize, (left - area.left_px).max(0) as usize), bytes(row)))
        .filter(|(_, to)| !to.is_empty())
        .collect()
}
