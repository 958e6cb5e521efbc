//! An emulated chip card: what the card's side does with bytes. Every emulated reader holds such a card, so that one
//! card model stands behind all of them. Knows no reader, no wire and no driver.

mod atr;
mod classic;
mod commands;
pub mod direct;
mod domain;
mod faults;
mod file_card;
mod files;
pub(crate) mod hex;
mod memory;
mod settings;
#[cfg(test)]
mod tests;
mod type2;

pub use domain::DomainSettings;
pub use faults::{BitFlip, Faults, WrongStatus};
pub use file_card::FileCard;
pub use files::{Access, Directory, File, MASTER};
pub use memory::{ACK, MemoryCard, NAK};
pub use settings::{CardSettings, FileCardSettings, Hex, MemoryCardSettings, Protocol, Secret};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The card's end of a reader.
pub trait EmulatedChip: Send {
    /// Answer to reset: of the contacts, or as PC/SC part 3 makes it for a contactless card.
    fn atr(&self) -> Vec<u8>;

    /// What it says in the field; `None`: it has contacts only.
    fn in_field(&self) -> Option<Activation>;

    /// Switched on anew (or reset): what a card forgets without power is forgotten.
    fn power_on(&mut self);

    /// Switched off, or out of the field.
    fn power_off(&mut self);

    /// A command APDU. Memory cards, which know none, answer [`Response::Mute`].
    fn apdu(&mut self, command: &[u8]) -> Response;

    /// A frame of ISO 14443-3 level, as a memory card hears it (`30 04`, `A2 04 …`, `60 block key uid`).
    fn frame(&mut self, frame: &[u8]) -> Response;

    /// What stands on it now, for whoever looks at a finished card. Secrets (keys) are left out.
    fn state(&self) -> serde_json::Value;

    /// Sets what stands in `change`: faults, or content.
    ///
    /// # Errors
    /// A sentence that names the key. Nothing is changed then.
    fn change(&mut self, change: &serde_json::Value) -> Result<(), String>;
}

/// What a card says when it is found in a field (ISO 14443-3 and -4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Answer to request, high byte first.
    pub atqa: [u8; 2],
    /// Select acknowledge.
    pub sak: u8,
    /// 4, 7 or 10 bytes.
    pub uid: Vec<u8>,
    /// Answer to select with its length byte; `None`: no ISO 14443-4.
    pub ats: Option<Vec<u8>>,
}

/// What a card does with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// It answers these bytes, after so many milliseconds of its own time.
    Said {
        /// The answer.
        bytes: Vec<u8>,
        /// How long it takes for it.
        after_ms: u32,
    },
    /// It says nothing, for ever.
    Mute,
    /// It is not there any more.
    Gone,
}

/// One card in several hands: a reader's, and those of whoever does something to it.
#[derive(Clone)]
pub struct SharedChip(Arc<Mutex<Box<dyn EmulatedChip>>>);

impl SharedChip {
    /// Shares a card.
    pub fn new(chip: impl EmulatedChip + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(chip))))
    }

    /// Lays hands on it. A thread that died while holding it does not take it away from the others.
    pub fn lock(&self) -> MutexGuard<'_, Box<dyn EmulatedChip>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place in front of a reader: a card that is brought there can be asked, one that is taken away cannot.
#[derive(Clone, Default)]
pub struct Field(Arc<Mutex<Option<SharedChip>>>);

impl Field {
    /// Brings a card; whatever was there is gone.
    pub fn put(&self, chip: SharedChip) {
        *self.place() = Some(chip);
    }

    /// Takes the card away.
    pub fn take(&self) -> Option<SharedChip> {
        let taken = self.place().take();
        if let Some(chip) = &taken {
            chip.lock().power_off();
        }
        taken
    }

    /// The card that is there.
    pub fn card(&self) -> Option<SharedChip> {
        self.place().clone()
    }

    fn place(&self) -> MutexGuard<'_, Option<SharedChip>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
