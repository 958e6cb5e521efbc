//! Blanks with a chip, for an emulated machine: who makes the chips, and the readers' places inside the machine at which
//! they stand. Knows no machine and no reader.

use std::fmt;
use std::sync::Arc;

use crate::card::{CardSettings, Field, SharedChip};

/// What the blanks of an emulated machine carry. Clones share the maker and the places.
#[derive(Clone)]
pub struct BlankChips {
    make: Arc<Make>,
    contact: Field,
    contactless: Field,
}

type Make = dyn Fn(u64) -> SharedChip + Send + Sync;

impl BlankChips {
    /// `make` makes the chip of the n-th blank, from 1. Whoever wants to look at the chips later keeps a clone of each.
    pub fn new(make: impl Fn(u64) -> SharedChip + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make), contact: Field::default(), contactless: Field::default() }
    }

    /// Blanks of one batch, of which this card is the first: each has an identifier of its own.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn of(card: CardSettings) -> Result<Self, String> {
        card.make()?;
        Ok(Self::new(move |number| {
            let after_the_first = u32::try_from(number.saturating_sub(1)).unwrap_or(u32::MAX);
            card.blank(after_the_first).expect("the first card was made of the same settings")
        }))
    }

    /// Where a card stands while the machine holds it at the contacts; a reader's place.
    pub fn contact(&self) -> Field {
        self.contact.clone()
    }

    /// Where it stands while the machine holds it at the contactless station.
    pub fn contactless(&self) -> Field {
        self.contactless.clone()
    }

    /// The chip of the n-th blank.
    pub(crate) fn blank(&self, number: u64) -> SharedChip {
        (self.make)(number)
    }
}

/// The same maker.
impl PartialEq for BlankChips {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.make, &other.make)
    }
}

impl fmt::Debug for BlankChips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlankChips")
    }
}
