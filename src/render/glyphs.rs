//! Letters as small bitmaps, drawn once and kept. Knows outlines and pixels, no faces and no fields.

use std::collections::HashMap;

use skrifa::outline::{HintingInstance, OutlinePen};
use tiny_skia::{FillRule, Mask, Path, PathBuilder, Transform};

use super::fonts::{Fonts, Typeface};

/// Where in a pixel a letter may start: quarters are finer than the eye at 300 dpi.
pub(super) const PHASES: u32 = 4;
/// A station prints few sizes; beyond this the cache starts anew (about 150 bytes each).
const MAX_GLYPHS: usize = 8192;
/// Sizes in use at one time; a face has fewer than ten.
const MAX_SIZES: usize = 32;
/// Coverage from which a pixel is resin: half of it.
pub(super) const RESIN_FROM: u8 = 128;

/// Which bitmap: a letter at a size, a phase and an ink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct GlyphKey {
    pub typeface: Typeface,
    pub glyph: u32,
    /// Font size across, pixels, as bits: a key must be exact.
    pub size_x_bits: u32,
    /// Font size down, pixels, as bits.
    pub size_y_bits: u32,
    /// Quarters of a pixel to the right; 0 in resin.
    pub phase: u32,
    /// One bit a pixel instead of coverage, and hinted: without greys, only stems on whole pixels are even.
    pub resin: bool,
}

/// A letter's pixels relative to its origin on the baseline.
#[derive(Default)]
pub(super) struct Bitmap {
    pub left_px: i32,
    pub top_px: i32,
    pub width_px: usize,
    pub height_px: usize,
    /// How far hinting moved the letter's middle to the left, pixels: given back when it is set, since else
    /// the gaps between words change with the letters beside them.
    pub hinted_left_px: f32,
    /// Coverage bytes, or bits (most significant first, rows padded to bytes).
    pub data: Box<[u8]>,
}

/// The letters drawn so far.
#[derive(Default)]
pub(super) struct GlyphCache {
    bitmaps: HashMap<GlyphKey, Bitmap>,
    hints: HashMap<(Typeface, u32), Option<HintingInstance>>,
}

impl GlyphCache {
    /// The bitmap of a key, drawn if it is new.
    pub fn get(&mut self, fonts: &Fonts, key: GlyphKey) -> &Bitmap {
        if self.bitmaps.len() >= MAX_GLYPHS && !self.bitmaps.contains_key(&key) {
            self.bitmaps.clear();
        }
        let hints = &mut self.hints;
        self.bitmaps.entry(key).or_insert_with(|| {
            if !key.resin {
                return draw(fonts, key);
            }
            if hints.len() >= MAX_SIZES {
                hints.clear();
            }
            let size = (key.typeface, key.size_y_bits);
            let made = || fonts.hints(key.typeface, f32::from_bits(key.size_y_bits));
            match hints.entry(size).or_insert_with(made) {
                Some(hints) => draw_hinted(fonts, key, hints),
                None => draw(fonts, key),
            }
        })
    }
}

/// Collects an outline as a path, scaled and with y downwards.
pub(super) struct PathPen {
    builder: PathBuilder,
    scale_x: f32,
    scale_y: f32,
    x: f32,
    y: f32,
}

impl PathPen {
    /// Scale from font units; origin of the glyph.
    pub fn new(scale_x: f32, scale_y: f32, x: f32, y: f32) -> Self {
        Self { builder: PathBuilder::new(), scale_x, scale_y, x, y }
    }

    /// Where the next glyph stands.
    pub fn go_to(&mut self, x: f32, y: f32) {
        (self.x, self.y) = (x, y);
    }

    /// `None` when nothing was drawn (a space).
    pub fn finish(self) -> Option<Path> {
        self.builder.finish()
    }

    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale_x, self.y - y * self.scale_y)
    }
}

impl OutlinePen for PathPen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.builder.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.builder.line_to(x, y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let ((cx, cy), (x, y)) = (self.at(cx, cy), self.at(x, y));
        self.builder.quad_to(cx, cy, x, y);
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let ((cx0, cy0), (cx1, cy1), (x, y)) =
            (self.at(cx0, cy0), self.at(cx1, cy1), self.at(x, y));
        self.builder.cubic_to(cx0, cy0, cx1, cy1, x, y);
    }

    fn close(&mut self) {
        self.builder.close();
    }
}

fn draw(fonts: &Fonts, key: GlyphKey) -> Bitmap {
    rasterise(plain_path(fonts, key), key.resin).unwrap_or_default()
}

/// The letter as the font has it, in pixels.
fn plain_path(fonts: &Fonts, key: GlyphKey) -> Option<Path> {
    let per_em = fonts.units_per_em(key.typeface);
    let (size_x, size_y) = (f32::from_bits(key.size_x_bits), f32::from_bits(key.size_y_bits));
    let phase = key.phase as f32 / PHASES as f32;
    let mut pen = PathPen::new(size_x / per_em, size_y / per_em, phase, 0.0);
    fonts.outline(key.typeface, key.glyph, &mut pen);
    pen.finish()
}

/// Hinted at the size down the card; where a head has other pixels across, stretched to them.
fn draw_hinted(fonts: &Fonts, key: GlyphKey, hints: &HintingInstance) -> Bitmap {
    let across = f32::from_bits(key.size_x_bits) / f32::from_bits(key.size_y_bits);
    let mut pen = PathPen::new(across, 1.0, 0.0, 0.0);
    fonts.hinted_outline(key.typeface, key.glyph, hints, &mut pen);
    let (hinted, plain) = (pen.finish(), plain_path(fonts, key));
    let middle = |path: &Path| (path.bounds().left() + path.bounds().right()) / 2.0;
    let moved =
        plain.as_ref().zip(hinted.as_ref()).map(|(plain, hinted)| middle(plain) - middle(hinted));
    let bitmap = rasterise(hinted, true).unwrap_or_default();
    Bitmap { hinted_left_px: moved.unwrap_or_default(), ..bitmap }
}

/// `None` for a glyph without ink.
fn rasterise(path: Option<Path>, resin: bool) -> Option<Bitmap> {
    let path = path?;
    let bounds = path.bounds();
    let (left, top) = (bounds.left().floor(), bounds.top().floor());
    let width = (bounds.right().ceil() - left) as u32;
    let height = (bounds.bottom().ceil() - top) as u32;
    let mut mask = Mask::new(width, height)?;
    mask.fill_path(&path, FillRule::Winding, true, Transform::from_translate(-left, -top));
    let coverage = mask.take();
    let data = if resin { pack(&coverage, width as usize) } else { coverage };
    Some(Bitmap {
        left_px: left as i32,
        top_px: top as i32,
        width_px: width as usize,
        height_px: height as usize,
        hinted_left_px: 0.0,
        data: data.into_boxed_slice(),
    })
}

/// Coverage to bits, rows padded to bytes.
pub(super) fn pack(coverage: &[u8], width_px: usize) -> Vec<u8> {
    let rows = coverage.chunks_exact(width_px);
    let bytes = rows.flat_map(|row| {
        row.chunks(8).map(|eight| {
            let bits = eight.iter().enumerate();
            bits.fold(0, |byte, (n, c)| byte | u8::from(*c >= RESIN_FROM) << (7 - n))
        })
    });
    bytes.collect()
}
