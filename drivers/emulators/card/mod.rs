//! An emulated chip card: the card's side, at the bytes. Every emulated reader holds such a card, so that all of them
//! share one card model. Knows no reader, no wire and no driver.

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

/// A card, as its reader reaches it.
pub trait EmulatedChip: Send {
    /// Answer to reset: of the contacts, or as PC/SC part 3 makes it for a contactless card.
    fn atr(&self) -> Vec<u8>;

    /// Its answers to activation in a field; `None`: it has contacts only.
    fn in_field(&self) -> Option<Activation>;

    /// Switched on again (or reset): the card loses its volatile state.
    fn power_on(&mut self);

    /// Switched off, or out of the field.
    fn power_off(&mut self);

    /// A command APDU. Memory cards, which know none, answer [`Response::Mute`].
    fn apdu(&mut self, command: &[u8]) -> Response;

    /// A frame of ISO 14443-3 level, as a memory card receives it (`30 04`, `A2 04 …`, `60 block key uid`).
    fn frame(&mut self, frame: &[u8]) -> Response;

    /// Its content now, for inspection of a finished card. Secrets (keys) are left out.
    fn state(&self) -> serde_json::Value;

    /// Applies the faults or content that `change` names.
    ///
    /// # Errors
    /// A sentence that names the key. Nothing is changed then.
    fn change(&mut self, change: &serde_json::Value) -> Result<(), String>;
}

/// A card's answers when a reader activates it in a field (ISO 14443-3 and -4).
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

/// A card's reaction to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// It answers with these bytes, after so many milliseconds of its own time.
    Said {
        /// The answer.
        bytes: Vec<u8>,
        /// How long the answer takes.
        after_ms: u32,
    },
    /// It never answers.
    Mute,
    /// It was removed.
    Gone,
}

/// One card, shared between a reader and whatever else acts on it.
#[derive(Clone)]
pub struct SharedChip(Arc<Mutex<Box<dyn EmulatedChip>>>);

impl SharedChip {
    /// Shares a card.
    pub fn new(chip: impl EmulatedChip + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(chip))))
    }

    /// Locks the card. A thread that panicked while holding it does not block the others.
    pub fn lock(&self) -> MutexGuard<'_, Box<dyn EmulatedChip>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The position in front of a reader: a card that is put there can be used, one that is taken away cannot.
#[derive(Clone, Default)]
pub struct Field(Arc<Mutex<Option<SharedChip>>>);

impl Field {
    /// Puts a card there, in place of any other.
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
