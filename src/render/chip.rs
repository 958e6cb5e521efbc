//! The chip of a card: what it must hold, and has this station what the product needs? Knows no reader.

use std::sync::Arc;

use drivers::encoder::Interface;
use drivers::text::Text;

use super::card::{CardRenderer, Subject};
use crate::chip::{Profile, Values};
use crate::codes::station::{H_CHIP, H_NO_ENCODER};
use crate::finding::Finding;
use crate::product::{Product, ProductChip};
use crate::vault::Vault;

/// What one card's chip must hold. Its `Debug` shows no value.
#[derive(Debug, Clone)]
pub struct ChipContent {
    /// At which station it is written.
    pub station: Interface,
    /// What is done, step by step.
    pub profile: Profile,
    /// This card's data.
    pub values: Values,
}

impl CardRenderer {
    /// Where the keys of chips are.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.with().vault
    }

    /// This card's chip, with everything there that it needs but for the card.
    ///
    /// # Errors
    /// `H_CHIP`: a value or a key is missing. A blank must not be fed for it.
    pub(super) fn chip_content(
        &self,
        subject: Subject<'_>,
        record: Option<&[u8]>,
    ) -> Result<Option<ChipContent>, Vec<Finding>> {
        let Subject { product, card, .. } = subject;
        let Some(ProductChip { rule, profile }) = self.chip_of(&product.name) else {
            return Ok(None);
        };
        let mut values = Values::new().with("card_number", card.reference());
        for (name, bytes) in [("photo", subject.shown_photo()), ("record", record)] {
            if let Some(bytes) = bytes {
                values = values.with(name, bytes);
            }
        }
        for (name, text) in &card.values {
            values = values.with(format!("field:{name}"), text.as_str());
        }
        let faults = crate::chip::preflight(profile, &values, self.with().vault.as_ref());
        if faults.is_empty() {
            let (station, profile) = (rule.station, profile.clone());
            return Ok(Some(ChipContent { station, profile, values }));
        }
        Err(faults.iter().map(|fault| Finding::whole(H_CHIP.code, fault.words())).collect())
    }

    /// The products whose cards have a chip, by name.
    pub fn chips(&self) -> impl Iterator<Item = (&str, &ProductChip)> {
        self.products().iter().filter_map(|one| Some((one.name.as_str(), one.chip.as_ref()?)))
    }

    /// What is written on the chip of this product's cards *here*: `None` also where the product can do without and
    /// the station has no encoder for it.
    pub fn chip_of(&self, product: &str) -> Option<&ProductChip> {
        let chip = self.products().find(product).ok()?.chip.as_ref()?;
        (chip.rule.required || self.can_encode(chip)).then_some(chip)
    }

    /// Whether a reader sits at the station where this chip is written.
    pub fn can_encode(&self, chip: &ProductChip) -> bool {
        self.with().encoder == Some(chip.rule.station)
    }

    /// Why a card of this product cannot be made here.
    pub fn without_encoder(&self, product: &Product) -> Option<Finding> {
        let chip = product.chip.as_ref()?;
        if !chip.rule.required || self.can_encode(chip) {
            return None;
        }
        let words = match chip.rule.station {
            Interface::Contact => Text::fixed(
                "Kartu ini memerlukan chip (kontak), tetapi stasiun ini tidak punya encoder kontak. Teknisi harus mengatur [encoder].",
                "This card needs its chip written (contact), and this station has no contact encoder. The technician must set up [encoder].",
            ),
            Interface::Contactless => Text::fixed(
                "Kartu ini memerlukan chip (nirkontak), tetapi stasiun ini tidak punya encoder nirkontak. Teknisi harus mengatur [encoder].",
                "This card needs its chip written (contactless), and this station has no contactless encoder. The technician must set up [encoder].",
            ),
        };
        Some(Finding::whole(H_NO_ENCODER.code, words))
    }
}
