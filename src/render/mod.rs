//! A job's typed card → the picture of the card, its signed record, and what goes on its chip. Pure: no clock, disk,
//! network or system font; the same [`Sheet`] on the same head gives the same bytes everywhere.
//!
//! Reading order: `card` (a product's card as a whole), `record`, `chip`; then the composer in this file and what it is
//! made of: [`Design`] (a face as drawn), `fit` (the fit rule), `layers` (what stands still), `ink` and `glyphs` (letters),
//! `codes`, [`photo`], `specimen`. `memory` and `faces` bound what rendering may take: they alone know threads. The
//! composer must not know products; nothing here knows printers' colours.

mod card;
mod chip;
mod codes;
mod design;
pub mod faces;
mod fit;
mod fonts;
mod glyphs;
mod ink;
mod layers;
mod memory;
pub mod photo;
mod picture_file;
mod pictures;
pub mod portrait;
mod proof;
mod record;
mod seen;
mod signature;
mod specimen;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use drivers::contract::{CardImage, FaceImage, HeadSize};
use drivers::text::Text;

pub use card::{CardRenderer, Composed, Materials, Subject};
pub use chip::ChipContent;
pub use design::{Design, DesignFault};
pub use photo::{DecodedPhoto, PhotoFormat, PhotoHeader};
pub use proof::{face_sha256, mean_difference, to_png};
pub use seen::shows_record;

use codes::{CodeFault, Symbol};
use design::{Layer, Placeholder, Slot, SlotKind, is_drawn};
use fit::{Fitted, Misfit};
use fonts::Fonts;
use glyphs::GlyphCache;
use ink::Raster;
use layers::Layers;
use photo::Placer;
use signature::Signatures;
use specimen::Specimen;

use crate::codes::Code;
use crate::codes::picture::{
    H_CODE_CHARACTER, H_CODE_TOO_LONG, H_GLYPH_MISSING, H_PHOTO_MISSING, H_RECORD_MISSING,
    H_RECORD_TOO_LONG, H_SIGNATURE_BROKEN, H_TEXT_OVERFLOW,
};
use crate::finding::Finding;

/// Everything that one card is made of.
#[derive(Clone, Copy)]
pub struct Sheet<'a> {
    /// The side with the photo.
    pub front: &'a Design,
    /// The other side; `None` for a one-sided card.
    pub back: Option<&'a Design>,
    /// What the placeholders say, as it shall be printed. An absent value is empty.
    pub values: &'a BTreeMap<String, String>,
    /// The holder's photo, for faces that have a slot for it.
    pub photo: Option<&'a DecodedPhoto>,
    /// The card's signed record as its QR code says it (Base45), for faces that show it.
    pub record: Option<&'a str>,
    /// The office's signature picture, a PNG; `None` leaves its slot to the pen.
    pub signature: Option<&'a [u8]>,
    /// Marks both sides CONTOH.
    pub specimen: bool,
    /// Prints the background layer; off on blanks that carry their artwork already.
    pub background: bool,
    /// Moves everything right and down: the batch of blanks is cut or printed off centre.
    pub offset_mm: (f32, f32),
}

impl fmt::Debug for Sheet<'_> {
    /// No values: they are a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sheet({} values, photo: {})", self.values.len(), self.photo.is_some())
    }
}

/// Composes cards. Keeps fonts, letters, static layers and buffers from card to card; holds nothing of a
/// person between them but letters' shapes and the scaled photo's buffer. Nothing is rendered before the first card.
pub struct Composer {
    fonts: Fonts,
    glyphs: GlyphCache,
    layers: Layers,
    placer: Placer,
    signatures: Signatures,
    specimen: Option<Specimen>,
}

/// One face's values, fitted and encoded: what `inspect` finds out and `compose` prints.
struct Setting<'a> {
    conditions: u64,
    texts: Vec<(&'a Placeholder, Fitted)>,
    codes: Vec<(&'a Slot, Symbol)>,
}

impl Default for Composer {
    fn default() -> Self {
        Self::new()
    }
}

impl Composer {
    /// Renders nothing.
    pub fn new() -> Self {
        Self {
            fonts: Fonts::default(),
            glyphs: GlyphCache::default(),
            layers: Layers::default(),
            placer: Placer::default(),
            signatures: Signatures::default(),
            specimen: None,
        }
    }

    /// Would every text and code of this card be printed whole? Renders nothing and ignores the photo, whose
    /// absence is the product's rule. Codes are judged at 300 dpi, the coarsest head.
    pub fn inspect(&self, sheet: &Sheet) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.set(sheet.front, sheet, &mut findings);
        if let Some(back) = sheet.back {
            self.set(back, sheet, &mut findings);
        }
        findings
    }

    /// Draws what stands still on a face, with all its conditions and with none, and keeps nothing of it: whoever reads
    /// a face finds out whether it can be drawn.
    pub fn draw_static(&mut self, design: &Design, head: HeadSize) {
        let raster = Raster::new(head, (0.0, 0.0));
        let mut face = FaceImage::white(0, 0);
        for conditions in [u64::MAX, 0] {
            let letters = (&self.fonts, &mut self.glyphs);
            self.layers.lay(letters, design, (&raster, true, conditions), &mut face);
        }
    }

    /// Draws both sides at a head's size; the memory of `into` is used again.
    ///
    /// # Errors
    /// What [`Composer::inspect`] finds, `H_PHOTO_MISSING`, or `H_SIGNATURE_BROKEN`; `into` is then not a card.
    pub fn compose(
        &mut self,
        sheet: &Sheet,
        head: HeadSize,
        into: &mut CardImage,
    ) -> Result<(), Vec<Finding>> {
        let mut findings = Vec::new();
        let front = self.set(sheet.front, sheet, &mut findings);
        let back = sheet.back.map(|design| (design, self.set(design, sheet, &mut findings)));
        let needs_photo = |design: &Design| design.has_photo_slot() && sheet.photo.is_none();
        if needs_photo(sheet.front) || sheet.back.is_some_and(needs_photo) {
            findings.push(H_PHOTO_MISSING.at("photo", &[]));
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let raster = Raster::new(head, sheet.offset_mm);
        self.draw(sheet.front, &front, sheet, &raster, &mut into.front)?;
        match back {
            Some((design, setting)) => {
                let face = into.back.get_or_insert_with(|| FaceImage::white(0, 0));
                self.draw(design, &setting, sheet, &raster, face)
            }
            None => {
                into.back = None;
                Ok(())
            }
        }
    }

    /// Fits a face's texts and encodes its codes.
    fn set<'a>(
        &self,
        design: &'a Design,
        sheet: &Sheet,
        findings: &mut Vec<Finding>,
    ) -> Setting<'a> {
        let conditions = design.conditions_met(sheet.values);
        let mut setting = Setting { conditions, texts: Vec::new(), codes: Vec::new() };
        for place in design.texts.iter().filter(|text| is_drawn(&text.when, conditions)) {
            let filled = place.template.fill(sheet.values);
            match fit::fit(&self.fonts, place, &filled.text) {
                Ok(fitted) => setting.texts.push((place, fitted)),
                Err(Misfit::Overflow) => {
                    findings.extend(filled.name_at(0).map(|name| about(&H_TEXT_OVERFLOW, name)));
                }
                Err(Misfit::Missing { at_byte }) => {
                    findings
                        .extend(filled.name_at(at_byte).map(|name| about(&H_GLYPH_MISSING, name)));
                }
            }
        }
        for slot in design.slots.iter().filter(|slot| is_drawn(&slot.when, conditions)) {
            match symbol(slot, sheet) {
                Ok(symbol) => setting.codes.extend(symbol.map(|symbol| (slot, symbol))),
                Err(finding) => findings.push(finding),
            }
        }
        if sheet.signature.is_some_and(|png| !picture_file::is_readable_png(png))
            && design.slots.iter().any(|slot| slot.kind == SlotKind::Signature)
        {
            findings.push(H_SIGNATURE_BROKEN.whole());
        }
        setting
    }

    /// Static art, photo, colour texts, the mark, codes, resin texts: in this order from bottom to top.
    fn draw(
        &mut self,
        design: &Design,
        setting: &Setting,
        sheet: &Sheet,
        raster: &Raster,
        face: &mut FaceImage,
    ) -> Result<(), Vec<Finding>> {
        let letters = (&self.fonts, &mut self.glyphs);
        let what = (raster, sheet.background, setting.conditions);
        self.layers.lay(letters, design, what, face);
        for slot in design.slots.iter().filter(|slot| is_drawn(&slot.when, setting.conditions)) {
            let drawn = match slot.kind {
                SlotKind::Photo => self.draw_photo(slot, sheet, raster, face),
                SlotKind::Signature => sheet
                    .signature
                    .map_or(Some(()), |png| self.signatures.draw(face, raster, slot, png)),
                SlotKind::Qr | SlotKind::Record | SlotKind::Code128 => Some(()),
            };
            drawn.ok_or_else(|| vec![H_SIGNATURE_BROKEN.whole()])?;
        }
        self.draw_texts(setting, raster, face, Layer::Colour);
        if sheet.specimen {
            self.mark(raster, face);
        }
        for (slot, symbol) in &setting.codes {
            codes::print(face, raster, slot, symbol);
        }
        self.draw_texts(setting, raster, face, Layer::Resin);
        Ok(())
    }

    fn draw_photo(
        &mut self,
        slot: &Slot,
        sheet: &Sheet,
        raster: &Raster,
        face: &mut FaceImage,
    ) -> Option<()> {
        let photo = sheet.photo?;
        let area = raster.area(slot.x_mm, slot.y_mm, slot.width_mm, slot.height_mm);
        let ratio = f64::from(slot.width_mm) / f64::from(slot.height_mm);
        let rgb = self.placer.place(photo, ratio, area.width_px, area.height_px)?;
        ink::copy_rgb(face, area, rgb);
        Some(())
    }

    fn draw_texts(
        &mut self,
        setting: &Setting,
        raster: &Raster,
        face: &mut FaceImage,
        layer: Layer,
    ) {
        for (place, fitted) in setting.texts.iter().filter(|(place, _)| place.layer == layer) {
            let letters = (&self.fonts, &mut self.glyphs);
            ink::set_text(face, raster, letters, place, fitted, layer == Layer::Resin);
        }
    }

    fn mark(&mut self, raster: &Raster, face: &mut FaceImage) {
        if !self.specimen.as_ref().is_some_and(|drawn| drawn.fits(raster)) {
            self.specimen = Some(Specimen::new(&self.fonts, raster));
        }
        if let Some(specimen) = &self.specimen {
            specimen.mark(face);
        }
    }
}

/// About one field, by the name that the job has for it.
fn about(code: &Code, name: &str) -> Finding {
    code.at(format!("fields.{name}"), &[("{name}", &Text::new(name, name))])
}

/// What a code slot prints: nothing where its value is empty, and never nothing where the record belongs.
fn symbol(slot: &Slot, sheet: &Sheet) -> Result<Option<Symbol>, Finding> {
    let code = |text: &str| codes::encode(slot, text).map(Some);
    match slot.kind {
        SlotKind::Photo | SlotKind::Signature => Ok(None),
        SlotKind::Record => {
            let record = sheet.record.ok_or_else(|| H_RECORD_MISSING.whole())?;
            code(record).map_err(|_| H_RECORD_TOO_LONG.whole())
        }
        SlotKind::Qr | SlotKind::Code128 => {
            let filled = slot.template.fill_exactly(sheet.values);
            if filled.text.is_empty() {
                return Ok(None);
            }
            let name = filled.name_at(0).unwrap_or_default();
            code(&filled.text).map_err(|fault| match fault {
                CodeFault::TooLong => about(&H_CODE_TOO_LONG, name),
                CodeFault::Character => about(&H_CODE_CHARACTER, name),
            })
        }
    }
}
