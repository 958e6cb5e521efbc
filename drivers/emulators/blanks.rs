//! Blanks with chips for an emulated machine: the function that makes the chips, and the positions inside the machine
//! where readers reach them. Knows no machine and no reader.

use std::fmt;
use std::sync::Arc;

use crate::card::{CardSettings, Field, SharedChip};

/// The chips of an emulated machine's blanks. Clones share the function and the positions.
#[derive(Clone)]
pub struct BlankChips {
    make: Arc<Make>,
    contact: Field,
    contactless: Field,
}

type Make = dyn Fn(u64) -> SharedChip + Send + Sync;

impl BlankChips {
    /// `make` makes the chip of the n-th blank, counted from 1. Keep a clone of each chip to inspect it later.
    pub fn new(make: impl Fn(u64) -> SharedChip + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make), contact: Field::default(), contactless: Field::default() }
    }

    /// Blanks of one batch, starting with this card; each has its own identifier.
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

    /// The field of the contact reader: holds the card while the machine keeps it at the contacts.
    pub fn contact(&self) -> Field {
        self.contact.clone()
    }

    /// The field of the contactless reader: holds the card while the machine keeps it at the contactless position.
    pub fn contactless(&self) -> Field {
        self.contactless.clone()
    }

    /// The chip of the n-th blank.
    pub(crate) fn blank(&self, number: u64) -> SharedChip {
        (self.make)(number)
    }
}

/// Equal when both share one function.
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
