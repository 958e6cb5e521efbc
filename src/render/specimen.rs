//! The word CONTOH across a card that must not pass for a real one. Knows no design and no data.
//!
//! Letters in two greys, a light body and a darker edge: plain to see on white, on pastel and over a photo,
//! and thin enough that resin text above it stays readable.

use drivers::contract::FaceImage;
use tiny_skia::{FillRule, Mask, Path, Stroke, Transform};

use super::fonts::{Fonts, Typeface};
use super::glyphs::PathPen;
use super::ink::{CARD_HEIGHT_MM, CARD_WIDTH_MM, Raster, mix};

/// Indonesian for specimen.
const WORD: &str = "CONTOH";
/// From the first letter's start to the last one's end, millimetres along the diagonal.
const LENGTH_MM: f32 = 74.0;
/// Added between letters, font units over units per em.
const SPACING_EM: f32 = 0.06;
/// Width of the letters' edge, millimetres.
const EDGE_MM: f32 = 0.45;
/// A cool grey that neither backdrop nor band contains.
const INK: [u8; 3] = [96, 100, 116];
/// Body and edge, of 255.
const BODY: u8 = 40;
/// See [`BODY`].
const EDGE: u8 = 104;

/// The mark for one raster, as spans of equal strength.
pub(super) struct Specimen {
    raster: Raster,
    spans: Vec<Span>,
}

struct Span {
    first_pixel: u32,
    pixels: u16,
    cover: u8,
}

impl Specimen {
    /// Draws the word for a raster.
    pub fn new(fonts: &Fonts, raster: &Raster) -> Self {
        let (width, height) = (raster.head.width_px, raster.head.height_px);
        let cover = cover(fonts, raster).unwrap_or_default();
        let mut spans = Vec::new();
        let mut at = 0;
        for row in cover.chunks_exact(width as usize).take(height as usize) {
            for same in row.chunk_by(|a, b| a == b) {
                if same[0] > 0 {
                    let pixels = same.len() as u16;
                    spans.push(Span { first_pixel: at, pixels, cover: same[0] });
                }
                at += same.len() as u32;
            }
        }
        Self { raster: *raster, spans }
    }

    /// Is it drawn for this raster?
    pub fn fits(&self, raster: &Raster) -> bool {
        self.raster == *raster
    }

    /// Marks a face's colour.
    pub fn mark(&self, face: &mut FaceImage) {
        for span in &self.spans {
            let from = span.first_pixel as usize * 3;
            let bytes = usize::from(span.pixels) * 3;
            for pixel in face.rgb[from..][..bytes].as_chunks_mut().0 {
                mix(pixel, INK, span.cover);
            }
        }
    }
}

/// The word's strength at every pixel of the head.
fn cover(fonts: &Fonts, raster: &Raster) -> Option<Vec<u8>> {
    let path = word(fonts)?;
    let place = along_the_diagonal(&path, raster);
    let mut body = Mask::new(raster.head.width_px, raster.head.height_px)?;
    let mut edge = body.clone();
    body.fill_path(&path, FillRule::Winding, true, place);
    let stroke = Stroke { width: EDGE_MM, ..Stroke::default() };
    edge.fill_path(&path.stroke(&stroke, raster.scale_x)?, FillRule::Winding, true, place);
    let strength = |of: u8, most: u8| (u16::from(of) * u16::from(most) / 255) as u8;
    let both = body.data().iter().zip(edge.data());
    Some(both.map(|(b, e)| strength(*b, BODY).max(strength(*e, EDGE))).collect())
}

/// The word as a path in millimetres, its start at 0, its baseline at 0.
fn word(fonts: &Fonts) -> Option<Path> {
    let typeface = Typeface::CondensedBold;
    let glyphs = fonts.shape(typeface, WORD);
    let spacing = SPACING_EM * fonts.units_per_em(typeface);
    let gaps = (glyphs.len() - 1) as f32 * spacing;
    let long: f32 = glyphs.iter().map(|glyph| glyph.advance as f32).sum::<f32>() + gaps;
    let scale = LENGTH_MM / long;
    let mut pen = PathPen::new(scale, scale, 0.0, 0.0);
    let mut x = 0.0;
    for glyph in glyphs {
        pen.go_to(x, 0.0);
        fonts.outline(typeface, glyph.glyph, &mut pen);
        x += (glyph.advance as f32 + spacing) * scale;
    }
    pen.finish()
}

/// Middle on the card's middle, rising along its diagonal. By square root, not by sine: equal on every machine.
fn along_the_diagonal(path: &Path, raster: &Raster) -> Transform {
    let diagonal = (CARD_WIDTH_MM * CARD_WIDTH_MM + CARD_HEIGHT_MM * CARD_HEIGHT_MM).sqrt();
    let (cos, sin) = (CARD_WIDTH_MM / diagonal, -CARD_HEIGHT_MM / diagonal);
    let bounds = path.bounds();
    let (mid_x, mid_y) =
        ((bounds.left() + bounds.right()) / 2.0, (bounds.top() + bounds.bottom()) / 2.0);
    Transform::from_translate(-mid_x, -mid_y)
        .post_concat(Transform::from_row(cos, sin, -sin, cos, 0.0, 0.0))
        .post_translate(CARD_WIDTH_MM / 2.0, CARD_HEIGHT_MM / 2.0)
        .post_scale(raster.scale_x, raster.scale_y)
        .post_translate(raster.origin_x_px as f32, raster.origin_y_px as f32)
}
