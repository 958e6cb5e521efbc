//! The embedded fonts: names, shaping, outlines. Must not know faces, fields, pixels or the machine's fonts.

use std::sync::{Arc, OnceLock};

use harfrust::{ShaperData, UnicodeBuffer};
use resvg::usvg::fontdb;
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{
    DrawSettings, Engine, GlyphStyles, HintingInstance, HintingOptions, OutlinePen, SmoothMode,
    Target,
};
use skrifa::{FontRef, GlyphId, MetadataProvider};

/// A font that a face may use. The bytes are part of the program (`config/fonts`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Typeface {
    /// Roboto Condensed Regular: labels.
    Condensed,
    /// Roboto Condensed Bold: values and headings.
    CondensedBold,
    /// DejaVu Sans Mono Bold: long numbers.
    MonoBold,
}

/// All, in the order of [`Fonts::faces`].
const ALL: [Typeface; 3] = [Typeface::Condensed, Typeface::CondensedBold, Typeface::MonoBold];

/// What a face may ask for, for the sentence about an unknown font.
pub(super) const KNOWN_FONTS: &str = "Roboto Condensed (normal, bold), DejaVu Sans Mono (bold)";

impl Typeface {
    /// The font of a CSS `font-family` (first name of the list) and weight; `None` when it is not embedded.
    pub fn named(family: &str, bold: bool) -> Option<Self> {
        match (family, bold) {
            ("Roboto Condensed", false) => Some(Self::Condensed),
            ("Roboto Condensed", true) => Some(Self::CondensedBold),
            ("DejaVu Sans Mono", true) => Some(Self::MonoBold),
            _ => None,
        }
    }

    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Condensed => {
                include_bytes!("../../config/fonts/RobotoCondensed-Regular.ttf").as_slice()
            }
            Self::CondensedBold => {
                include_bytes!("../../config/fonts/RobotoCondensed-Bold.ttf").as_slice()
            }
            Self::MonoBold => {
                include_bytes!("../../config/fonts/DejaVuSansMono-Bold.ttf").as_slice()
            }
        }
    }
}

/// One glyph of a shaped text; distances in font units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shaped {
    /// Glyph number; 0 = the font lacks it.
    pub glyph: u32,
    /// Where its letter starts in the text, bytes.
    pub at_byte: usize,
    /// To the next glyph.
    pub advance: i32,
    /// Shift to the right.
    pub dx: i32,
    /// Shift upwards.
    pub dy: i32,
}

struct Face {
    font: FontRef<'static>,
    shaper: ShaperData,
    units_per_em: f32,
}

/// The fonts. Each is opened when it is first asked for: a station that waits for its first card holds none in memory.
#[derive(Default)]
pub(super) struct Fonts {
    faces: [OnceLock<Face>; 3],
}

impl Fonts {
    /// Letters to glyphs with kerning and ligatures, left to right.
    pub fn shape(&self, typeface: Typeface, text: &str) -> Vec<Shaped> {
        let face = self.face(typeface);
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let shaped = face.shaper.shaper(&face.font).build().shape(buffer, Default::default());
        let glyphs = shaped.glyph_infos().iter().zip(shaped.glyph_positions());
        glyphs
            .map(|(info, position)| Shaped {
                glyph: info.glyph_id,
                at_byte: info.cluster as usize,
                advance: position.x_advance,
                dx: position.x_offset,
                dy: position.y_offset,
            })
            .collect()
    }

    /// Font units in one font size.
    pub fn units_per_em(&self, typeface: Typeface) -> f32 {
        self.face(typeface).units_per_em
    }

    /// Draws a glyph's outline in font units, y upwards, without hinting.
    pub fn outline(&self, typeface: Typeface, glyph: u32, pen: &mut impl OutlinePen) {
        let outlines = self.face(typeface).font.outline_glyphs();
        if let Some(outline) = outlines.get(GlyphId::new(glyph)) {
            let settings = DrawSettings::unhinted(Size::unscaled(), LocationRef::default());
            // A glyph that cannot be drawn would be a broken font of our own; the golden pictures show it.
            let _ = outline.draw(settings, pen);
        }
    }

    /// Makes a font ready to be drawn in whole pixels without greys, at a size in pixels. `None` when the font
    /// cannot be; letters are then drawn as they are.
    pub fn hints(&self, typeface: Typeface, size_px: f32) -> Option<HintingInstance> {
        let outlines = self.face(typeface).font.outline_glyphs();
        let engine = match typeface {
            // DejaVu brings its maker's own instructions, Roboto's unhinted edition none.
            Typeface::MonoBold => Engine::Interpreter,
            _ => Engine::Auto(Some(GlyphStyles::new(&outlines))),
        };
        // Not `Target::Mono`: it makes horizontal strokes a pixel thinner than upright ones at 5 points.
        let target = Target::Smooth {
            mode: SmoothMode::Normal,
            symmetric_rendering: true,
            preserve_linear_metrics: false,
        };
        let options = HintingOptions { engine, target };
        HintingInstance::new(&outlines, Size::new(size_px), LocationRef::default(), options).ok()
    }

    /// Draws a glyph's outline in pixels, y upwards, its stems on whole pixels.
    pub fn hinted_outline(
        &self,
        typeface: Typeface,
        glyph: u32,
        hints: &HintingInstance,
        pen: &mut impl OutlinePen,
    ) {
        let outlines = self.face(typeface).font.outline_glyphs();
        if let Some(outline) = outlines.get(GlyphId::new(glyph)) {
            // As in `outline`.
            let _ = outline.draw(DrawSettings::hinted(hints, false), pen);
        }
    }

    fn face(&self, typeface: Typeface) -> &Face {
        self.faces[typeface as usize].get_or_init(|| Face::open(typeface))
    }
}

impl Face {
    fn open(typeface: Typeface) -> Self {
        let font = FontRef::new(typeface.bytes()).expect("the embedded fonts are fonts");
        let units_per_em = font.metrics(Size::unscaled(), LocationRef::default()).units_per_em;
        Self { shaper: ShaperData::new(&font), units_per_em: f32::from(units_per_em), font }
    }
}

/// The same fonts for resvg, and none besides; the bytes are not copied.
pub(super) fn svg_fonts() -> fontdb::Database {
    let mut fonts = fontdb::Database::new();
    for typeface in ALL {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(typeface.bytes())));
    }
    fonts.set_sans_serif_family("Roboto Condensed");
    fonts
}
