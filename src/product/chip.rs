//! `[chip]` of `product.toml` and the `chip.toml` beside it: whether a card has a chip, and where and what is written.
//! Knows no reader and no card; `crate::chip` interprets the profile.

use drivers::encoder::Interface;
use drivers::text::Text;

use super::{Field, Product};
use crate::chip::{self, Profile};
use crate::toml_sheet::{ConfigFault, Sheet};

/// A bad chip costs a blank; after this many the job waits for a person.
const ATTEMPTS_USUAL: u32 = 2;
/// The upper limit protects a whole hopper from being spoiled.
const ATTEMPTS: std::ops::RangeInclusive<u32> = 1..=10;

/// `[chip]`: how a card's chip is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChipRule {
    /// The position inside the printer where it is written.
    pub station: Interface,
    /// Most blanks for one card.
    pub attempts: u32,
    /// Without a chip reader, the card is held (`true`) or printed without a chip. With a reader, the chip must be
    /// written in either case.
    pub required: bool,
}

/// The chip of a product's cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductChip {
    /// `[chip]`.
    pub rule: ChipRule,
    /// `chip.toml`.
    pub profile: Profile,
}

pub(super) fn read(mut sheet: Sheet<'_>) -> ChipRule {
    sheet.demanded_text("station");
    let station = chip::interface(&mut sheet, "station").unwrap_or(Interface::Contact);
    let attempts = sheet.count("attempts").unwrap_or(ATTEMPTS_USUAL);
    if !ATTEMPTS.contains(&attempts) {
        sheet.fault("attempts", "harus 1-10.", "must be 1-10.");
    }
    let rule = ChipRule { station, attempts, required: sheet.flag("required").unwrap_or(true) };
    sheet.close();
    rule
}

impl Product {
    /// Adds the content of `chip.toml`; `None`: there is no such file.
    ///
    /// # Errors
    /// Everything that is wrong with that file, with its lines.
    pub fn with_chip(mut self, text: Option<&str>) -> Result<Product, Vec<ConfigFault>> {
        let (rule, text) = match (self.chip_rule, text) {
            (None, None) => return Ok(self),
            (Some(rule), Some(text)) => (rule, text),
            (Some(_), None) => return Err(whole(MISSING)),
            (None, Some(_)) => return Err(whole(UNUSED)),
        };
        let profile = Profile::parse(text)?;
        // Some fields must not be printed; a chip may hold all of them, because the product decides that.
        let fields = self.fields.iter().map(|Field { name, .. }| name.as_str());
        let mut faults = profile.incompatible(rule.station, fields);
        if !faults.is_empty() {
            for fault in &mut faults {
                let at = text.lines().position(|line| line.contains(&fault.key));
                fault.line = at.map_or(0, |at| at + 1);
            }
            return Err(faults);
        }
        self.chip = Some(ProductChip { rule, profile });
        Ok(self)
    }
}

fn whole(words: Text) -> Vec<ConfigFault> {
    vec![ConfigFault { line: 0, key: String::new(), words }]
}

const MISSING: Text = Text::fixed(
    "berkas ini tidak ada, padahal product.toml memuat [chip].",
    "this file is not there, though product.toml has [chip].",
);
const UNUSED: Text = Text::fixed(
    "product.toml tidak memuat [chip], jadi berkas ini tidak dipakai. Tambahkan [chip] atau hapus berkas ini.",
    "product.toml has no [chip], so this file is not used. Add [chip] or remove the file.",
);
