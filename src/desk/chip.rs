//! The chip of a card, as far as the desk is concerned: has this station what the product needs? Knows no reader.

use drivers::encoder::Interface;
use drivers::words::Words;

use super::Desk;
use crate::finding::Finding;
use crate::product::{Product, ProductChip};

impl Desk {
    /// The products whose cards have a chip, by name.
    pub fn chips(&self) -> impl Iterator<Item = (&str, &ProductChip)> {
        self.products.iter().filter_map(|one| Some((one.name.as_str(), one.chip.as_ref()?)))
    }

    /// What is written on the chip of this product's cards *here*: `None` also where the product can do without and
    /// the station has no encoder for it.
    pub fn chip_of(&self, product: &str) -> Option<&ProductChip> {
        let chip = self.products.find(product).ok()?.chip.as_ref()?;
        (chip.rule.required || self.can_encode(chip)).then_some(chip)
    }

    /// Whether a reader sits at the station where this chip is written.
    pub fn can_encode(&self, chip: &ProductChip) -> bool {
        self.encoder == Some(chip.rule.station)
    }

    /// Why a card of this product cannot be made here.
    pub(super) fn without_encoder(&self, product: &Product) -> Option<Finding> {
        let chip = product.chip.as_ref()?;
        if !chip.rule.required || self.can_encode(chip) {
            return None;
        }
        let words = match chip.rule.station {
            Interface::Contact => Words::fixed(
                "Kartu ini memerlukan chip (kontak), tetapi stasiun ini tidak punya encoder kontak. Teknisi harus mengatur [encoder].",
                "This card needs its chip written (contact), and this station has no contact encoder. The technician must set up [encoder].",
            ),
            Interface::Contactless => Words::fixed(
                "Kartu ini memerlukan chip (nirkontak), tetapi stasiun ini tidak punya encoder nirkontak. Teknisi harus mengatur [encoder].",
                "This card needs its chip written (contactless), and this station has no contactless encoder. The technician must set up [encoder].",
            ),
        };
        Some(Finding::whole("H_NO_ENCODER", words))
    }
}
