//! What stands still on a face: rendered once through resvg, kept small, copied for every card.
//! Must not know values, photos or codes; reads no file and no system font.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use drivers::contract::FaceImage;
use resvg::usvg::{self, ImageHrefResolver, Options, Tree, fontdb};
use tiny_skia::{Pixmap, Transform};

use super::design::{Design, Layer, is_drawn};
use super::fit;
use super::fonts::{Fonts, svg_fonts};
use super::glyphs::{GlyphCache, pack};
use super::ink::{Raster, set_text};
use super::pictures::{self, PictureFault};

/// Faces kept ready: both sides of two products, with and without a condition. A face more costs one rendering.
const MAX_KEPT: usize = 8;
/// usvg's pixels an inch: CSS.
const CSS_DPI: f32 = 96.0;
/// CSS pixels a millimetre.
const CSS_PX_PER_MM: f32 = CSS_DPI / 25.4;
/// Runs of one colour from this length on are kept as a run.
const RUN_FROM_PX: usize = 16;

/// Renders static art and keeps it. Empty until the first card.
#[derive(Default)]
pub(super) struct Layers {
    svg_fonts: Option<Arc<fontdb::Database>>,
    kept: Vec<(Key, Kept)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Key {
    fingerprint: [u8; 32],
    raster: Raster,
    background: bool,
    conditions: u64,
}

/// One face's static art: the colour as runs (plain areas cost a few bytes), the resin as bits.
struct Kept {
    runs: Vec<Run>,
    literal: Box<[u8]>,
    resin: Box<[u8]>,
}

enum Run {
    /// So many pixels of one colour.
    Plain(u32, [u8; 3]),
    /// So many pixels as they stand in `literal`.
    Drawn(u32),
}

impl Layers {
    /// Fills a face with a design's static art. Sizes the face's buffers.
    pub fn lay(
        &mut self,
        letters: (&Fonts, &mut GlyphCache),
        design: &Design,
        (raster, background, conditions): (&Raster, bool, u64),
        face: &mut FaceImage,
    ) {
        let key = Key { fingerprint: design.fingerprint, raster: *raster, background, conditions };
        let found = self.kept.iter().position(|(kept, _)| *kept == key);
        let at = found.unwrap_or_else(|| {
            let kept = self.render(letters, design, &key);
            if self.kept.len() == MAX_KEPT {
                self.kept.remove(0);
            }
            self.kept.push((key, kept));
            self.kept.len() - 1
        });
        let head = raster.head;
        face.width_px = head.width_px;
        face.height_px = head.height_px;
        self.kept[at].1.copy_to(face);
    }

    /// Bytes held, for the memory test.
    #[cfg(test)]
    pub fn bytes_kept(&self) -> usize {
        let size = |k: &Kept| k.runs.len() * size_of::<Run>() + k.literal.len() + k.resin.len();
        self.kept.iter().map(|(_, kept)| size(kept)).sum()
    }

    fn render(
        &mut self,
        (fonts, glyphs): (&Fonts, &mut GlyphCache),
        design: &Design,
        key: &Key,
    ) -> Kept {
        let colour: &[Layer] = match key.background {
            true => &[Layer::Background, Layer::Colour],
            false => &[Layer::Colour],
        };
        let svg_fonts = self.svg_fonts.get_or_insert_with(|| Arc::new(svg_fonts())).clone();
        let head = key.raster.head;
        let mut pixels =
            Pixmap::new(head.width_px, head.height_px).expect("a print head has pixels");
        pixels.fill(tiny_skia::Color::WHITE);
        let art = design.static_art(colour, key.conditions);
        draw(&art, svg_fonts.clone(), &key.raster, &mut pixels);
        let (runs, literal) = runs(pixels.data());
        pixels.fill(tiny_skia::Color::TRANSPARENT);
        let art = design.static_art(&[Layer::Resin], key.conditions);
        draw(&art, svg_fonts, &key.raster, &mut pixels);
        // Resin has one ink: whatever is drawn there is black, whichever colour it was drawn in.
        let width = head.width_px as usize;
        let rows = pixels.data().chunks_exact(width * 4);
        let alpha = rows.map(|row| row.iter().copied().skip(3).step_by(4).collect::<Vec<u8>>());
        let resin = alpha.flat_map(|row| pack(&row, width)).collect();
        let (width_px, height_px) = (head.width_px, head.height_px);
        let mut face =
            FaceImage { width_px, height_px, rgb: Vec::new(), resin, unvarnished: Vec::new() };
        for label in design.labels.iter().filter(|label| is_drawn(&label.when, key.conditions)) {
            let text = label.template.fill(&BTreeMap::new()).text;
            if let Ok(fitted) = fit::fit(fonts, label, &text) {
                set_text(&mut face, &key.raster, (fonts, glyphs), label, &fitted, true);
            }
        }
        Kept { runs, literal, resin: face.resin.into() }
    }
}

impl Kept {
    fn copy_to(&self, face: &mut FaceImage) {
        face.resin.clear();
        face.resin.extend_from_slice(&self.resin);
        face.rgb.resize(face.width_px as usize * face.height_px as usize * 3, 255);
        let (mut to, mut from) = (0, 0);
        for run in &self.runs {
            match *run {
                Run::Plain(pixels, colour) => {
                    let bytes = pixels as usize * 3;
                    fill(&mut face.rgb[to..to + bytes], colour);
                    to += bytes;
                }
                Run::Drawn(pixels) => {
                    let bytes = pixels as usize * 3;
                    face.rgb[to..to + bytes].copy_from_slice(&self.literal[from..from + bytes]);
                    from += bytes;
                    to += bytes;
                }
            }
        }
    }
}

/// Fills with one colour; doubles what is filled already, since most runs are whole fields of the card.
fn fill(to: &mut [u8], colour: [u8; 3]) {
    if colour[0] == colour[1] && colour[1] == colour[2] {
        to.fill(colour[0]);
        return;
    }
    to[..3].copy_from_slice(&colour);
    let mut done = 3;
    while done < to.len() {
        let more = done.min(to.len() - done);
        to.copy_within(..more, done);
        done += more;
    }
}

/// Opaque RGBA to runs.
fn runs(rgba: &[u8]) -> (Vec<Run>, Box<[u8]>) {
    let (pixels, _) = rgba.as_chunks::<4>();
    let (mut runs, mut literal, mut drawn) = (Vec::new(), Vec::new(), 0);
    for same in pixels.chunk_by(|a, b| a == b) {
        let [r, g, b, _] = same[0];
        if same.len() < RUN_FROM_PX {
            literal.extend(same.iter().flat_map(|_| [r, g, b]));
            drawn += same.len() as u32;
            continue;
        }
        if drawn > 0 {
            runs.push(Run::Drawn(drawn));
        }
        runs.push(Run::Plain(same.len() as u32, [r, g, b]));
        drawn = 0;
    }
    if drawn > 0 {
        runs.push(Run::Drawn(drawn));
    }
    (runs, literal.into())
}

/// Draws an SVG of card size; what lies beyond the card's edge (bleed) is drawn as far as the head reaches.
fn draw(svg: &str, fonts: Arc<fontdb::Database>, raster: &Raster, into: &mut Pixmap) {
    let options = Options {
        dpi: CSS_DPI,
        font_family: "Roboto Condensed".into(),
        fontdb: fonts,
        // Pictures inside the file only: a face never reads the disk.
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    // Parsed before by another reader: what resvg alone refuses leaves its layer empty, and the proof shows it.
    let Ok(tree) = Tree::from_str(svg, &options) else { return };
    let (scale_x, scale_y) = (raster.scale_x / CSS_PX_PER_MM, raster.scale_y / CSS_PX_PER_MM);
    let (x, y) = (raster.origin_x_px as f32, raster.origin_y_px as f32);
    let place = Transform::from_row(scale_x, 0.0, 0.0, scale_y, x, y);
    pictures::render(&tree, place, &mut into.as_mut());
}

/// Why a face cannot be drawn.
pub(super) enum Undrawable {
    /// In resvg's words.
    Svg(usvg::Error),
    /// A picture in it.
    Picture(PictureFault),
}

/// Can this SVG be drawn at all? Asked when a face is read, so that no card finds out.
pub(super) fn is_drawable(svg: &str) -> Result<(), Undrawable> {
    let wrong = Mutex::new(None);
    let read = ImageHrefResolver::default_data_resolver();
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|mime, data, options| {
                let kind = read(mime, data, options);
                let fault = pictures::check(kind.as_ref()).err();
                let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                *wrong = wrong.or(fault);
                kind
            }),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(Undrawable::Svg)?;
    let wrong = *wrong.lock().unwrap_or_else(PoisonError::into_inner);
    let wrong = wrong.map_or_else(|| pictures::check_places(&tree), Err);
    wrong.map_err(Undrawable::Picture)
}
