//! A face as a designer drew it: what stands still, and where which value goes. Pure data, no pixels.
//!
//! A face is an SVG file for Inkscape, in millimetres. Attributes of the namespace `urn:kartu:face:1` say what
//! the program has to do; everything else is drawn as it is:
//!
//! | attribute | on | means |
//! |---|---|---|
//! | `layer` | group | `background` (off on pre-printed blanks), `colour`, `resin` (printed in resin black) |
//! | `max-width` | text | widest line, user units; needed when the text holds a `{value}` |
//! | `lines`, `pitch` | text | most lines (1) and the way from one to the next, user units |
//! | `floor` | text | smallest size that the fit rule may shrink to, points (5) |
//! | `slot` | rect | `photo`, `qr`, `code128`, `signature`: filled by the program, the rectangle is not drawn |
//! | `value` | rect | what a code says, such as `{tte}`; `{record}`, alone in a `qr` slot: the card's signed record |
//! | `level`, `version-max` | rect | of a `qr` slot: error correction `L`, `M` (usual), `Q`, `H`; largest version (7) |
//! | `when` | any | drawn only when that value is there and not empty |
//!
//! Outside references are refused: a face is one file.

mod elements;
mod limits;
mod qr;
mod reading;
mod style;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use drivers::text::Text;
use sha2::{Digest, Sha256};

use super::fonts::Typeface;
pub(super) use elements::MM_PER_PT;
pub(super) use style::Anchor;

/// The value that stands for the card's signed record; bytes, so it is no text like the others.
pub(super) const RECORD: &str = "record";

/// Why a face cannot be used: told when it is read, all faults at once, never at a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesignFault {
    /// The face's file name, as given to [`Design::parse`].
    pub file: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// The element's `id`; empty when it has none.
    pub id: String,
    /// What is wrong and what the designer should do.
    pub words: Text,
}

/// One face, read and checked. Holds the file's text; nothing is rendered yet.
#[derive(Debug, Clone)]
pub struct Design {
    pub(super) fingerprint: [u8; 32],
    source: String,
    pieces: Vec<Piece>,
    conditions: Vec<String>,
    /// Texts without values, in resin: set in the same letters as the values beside them, not by resvg.
    pub(super) labels: Vec<Placeholder>,
    pub(super) texts: Vec<Placeholder>,
    pub(super) slots: Vec<Slot>,
}

/// Which of the three printing layers a thing is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// Full colour; not printed on blanks that carry their artwork already.
    Background,
    /// Full colour.
    Colour,
    /// Resin black, one bit.
    Resin,
}

/// A part of the file that is not in every static picture.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Range<usize>,
    what: PieceKind,
}

#[derive(Debug, Clone, Copy)]
enum PieceKind {
    /// A placeholder or a slot: drawn by us.
    Dynamic,
    /// A whole layer.
    Layer(Layer),
    /// `kartu:when`, an index into [`Design::conditions`].
    When(usize),
}

/// A text with values in it. Lengths in millimetres from the card's top left corner.
#[derive(Debug, Clone)]
pub(super) struct Placeholder {
    pub layer: Layer,
    pub typeface: Typeface,
    pub x_mm: f32,
    /// Baseline of the first line.
    pub y_mm: f32,
    pub size_mm: f32,
    pub anchor: Anchor,
    pub max_width_mm: f32,
    pub lines: usize,
    pub pitch_mm: f32,
    pub floor_pt: f32,
    pub ink: [u8; 3],
    pub template: Template,
    pub when: Vec<usize>,
}

/// A rectangle that the program fills.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub kind: SlotKind,
    pub layer: Layer,
    pub x_mm: f32,
    pub y_mm: f32,
    pub width_mm: f32,
    pub height_mm: f32,
    pub template: Template,
    pub qr: QrRules,
    pub when: Vec<usize>,
}

/// How a QR code may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QrRules {
    pub level: QrLevel,
    /// 1 to 40.
    pub version_max: usize,
}

/// How much of a QR code may be lost: about 7, 15, 25, 30 of 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QrLevel {
    L,
    M,
    Q,
    H,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotKind {
    Photo,
    Qr,
    /// A QR code of the card's signed record.
    Record,
    Code128,
    Signature,
}

/// Text with `{names}` in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Fixed(String),
    Value(String),
}

/// A template with its values put in, and which bytes came from which value.
pub(super) struct Filled {
    pub text: String,
    spans: Vec<(Range<usize>, String)>,
}

impl Design {
    /// Reads a face. `known_values` are the names that the product can fill in; any other is a fault.
    ///
    /// # Errors
    /// Every fault of the file at once.
    pub fn parse(
        file_name: &str,
        svg_text: &str,
        known_values: &BTreeSet<String>,
    ) -> Result<Self, Vec<DesignFault>> {
        reading::read(file_name, svg_text, known_values, false)
    }

    /// Reads a face that the program was built with: without asking resvg whether it can be drawn. The program's tests have
    /// asked, and a station that waits for its first card holds nothing of resvg in memory.
    ///
    /// # Errors
    /// As [`Design::parse`].
    pub fn built_in(
        file_name: &str,
        svg_text: &str,
        known_values: &BTreeSet<String>,
    ) -> Result<Self, Vec<DesignFault>> {
        reading::read(file_name, svg_text, known_values, true)
    }

    /// Is there a slot for the holder's photo on this face?
    pub fn has_photo_slot(&self) -> bool {
        self.slots.iter().any(|slot| slot.kind == SlotKind::Photo)
    }

    /// Does this face show the card's signed record?
    pub fn shows_record(&self) -> bool {
        self.slots.iter().any(|slot| slot.kind == SlotKind::Record)
    }

    /// The names of all values that this face prints or asks for.
    pub fn value_names(&self) -> BTreeSet<&str> {
        let texts = self.texts.iter().map(|text| &text.template);
        let templates = texts.chain(self.slots.iter().map(|slot| &slot.template));
        let printed = templates.flat_map(|template| template.names());
        printed.chain(self.conditions.iter().map(String::as_str)).collect()
    }

    fn new(source: &str) -> Self {
        Self {
            fingerprint: Sha256::digest(source.as_bytes()).into(),
            source: source.to_owned(),
            pieces: Vec::new(),
            conditions: Vec::new(),
            labels: Vec::new(),
            texts: Vec::new(),
            slots: Vec::new(),
        }
    }

    /// Bit n = condition n holds. More than 64 are refused at reading.
    pub(super) fn conditions_met(&self, values: &BTreeMap<String, String>) -> u64 {
        let met = |name: &String| values.get(name).is_some_and(|v| !v.trim().is_empty());
        let bits = self.conditions.iter().enumerate().filter(|(_, name)| met(name));
        bits.fold(0, |set, (bit, _)| set | 1 << bit)
    }

    /// The SVG with only the static art of some layers in it, for a set of conditions.
    pub(super) fn static_art(&self, layers: &[Layer], conditions: u64) -> String {
        let mut out = String::with_capacity(self.source.len());
        let mut from = 0;
        for piece in &self.pieces {
            let stays = match piece.what {
                PieceKind::Dynamic => false,
                PieceKind::Layer(layer) => layers.contains(&layer),
                PieceKind::When(bit) => conditions & (1 << bit) != 0,
            };
            // Pieces lie in document order and may contain one another; what is inside a cut is gone with it.
            if !stays && piece.bytes.start >= from {
                out.push_str(&self.source[from..piece.bytes.start]);
                from = piece.bytes.end;
            }
        }
        out.push_str(&self.source[from..]);
        out
    }
}

/// Do all of an element's conditions hold?
pub(super) fn is_drawn(when: &[usize], conditions: u64) -> bool {
    when.iter().all(|bit| conditions & (1 << bit) != 0)
}

impl Template {
    /// `{name}` is a value. `None` for a brace without its partner or an odd name.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}')?;
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_name) || before.contains('}') {
                return None;
            }
            parts.push(Part::Fixed(before.to_owned()));
            parts.push(Part::Value(name.to_owned()));
            rest = behind;
        }
        parts.push(Part::Fixed(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Fixed(text) if text.is_empty()));
        (!rest.contains('}')).then_some(Self { parts })
    }

    /// A text without values.
    fn fixed(text: &str) -> Self {
        Self { parts: vec![Part::Fixed(text.to_owned())] }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(name) => Some(name.as_str()),
            Part::Fixed(_) => None,
        })
    }

    /// Puts the values in, for a person to read; one that is absent is empty. White space inside a value becomes single
    /// spaces.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> Filled {
        self.fill_with(values, |value, text| {
            for (n, word) in value.split_whitespace().enumerate() {
                text.push_str(if n == 0 { "" } else { " " });
                text.push_str(word);
            }
        })
    }

    /// Puts the values in, for a machine to read: byte for byte, since what it reads may be signed.
    pub fn fill_exactly(&self, values: &BTreeMap<String, String>) -> Filled {
        self.fill_with(values, |value, text| text.push_str(value))
    }

    fn fill_with(
        &self,
        values: &BTreeMap<String, String>,
        put: impl Fn(&str, &mut String),
    ) -> Filled {
        let mut filled = Filled { text: String::new(), spans: Vec::new() };
        for part in &self.parts {
            match part {
                Part::Fixed(text) => filled.text.push_str(text),
                Part::Value(name) => {
                    let from = filled.text.len();
                    let value = values.get(name).map_or("", String::as_str);
                    put(value, &mut filled.text);
                    filled.spans.push((from..filled.text.len(), name.clone()));
                }
            }
        }
        filled
    }
}

impl Filled {
    /// The value that a byte came from; for fixed text, the first value of the template.
    pub fn name_at(&self, byte: usize) -> Option<&str> {
        let holder = self.spans.iter().find(|(span, _)| span.contains(&byte));
        holder.or(self.spans.first()).map(|(_, name)| name.as_str())
    }
}
