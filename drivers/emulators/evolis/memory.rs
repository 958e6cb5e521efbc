//! What the emulated machine stores over a power cut, in `machine.json` beside its cards. Knows nothing of the
//! mechanics.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

use super::picture::Side;
use super::places::{Card, Place};
use crate::evolis::EvolisSettings;
use crate::machine::EmulationError;
use drivers::private_file;

const FILE: &str = "machine.json";

/// Counters, supplies and the card inside.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Cards that ever entered the head, good or not.
    pub cards_entered: u64,
    /// Trade name of the ribbon inside.
    pub ribbon: String,
    /// Prints left on it.
    pub ribbon_left: u32,
    /// Blanks in the feeder.
    pub feeder_cards: u32,
    /// Finished cards in the hopper.
    pub hopper_cards: u32,
    /// Cards in the reject box.
    pub rejected_cards: u32,
    /// Good cards that ever came out.
    #[serde(default)]
    pub cards_finished: u64,
    /// What `cards_entered` was at the last cleaning.
    #[serde(default)]
    pub cleaned_at: u64,
    /// Regular cleanings.
    #[serde(default)]
    pub regular_cleanings: u32,
    /// Thorough cleanings.
    #[serde(default)]
    pub advanced_cleanings: u32,
    /// The card inside. Up to date only when the memory is written.
    #[serde(default)]
    pub card: Option<KeptCard>,
    /// A card lies in the exit slot.
    #[serde(default)]
    pub card_in_slot: bool,
    /// Blanks with a chip that were ever taken, so that no two chips have one number.
    #[serde(default, skip_serializing_if = "is_none")]
    pub chips_made: u64,
}

/// A machine without chips keeps the same file as ever.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// A card inside, as far as the file describes it: its position and which panels were printed, not the picture and not
/// the magnetic stripe. Drawn after a restart, it is white.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptCard {
    number: Option<u64>,
    place: Option<Place>,
    stuck: bool,
    wanted_panels: usize,
    front: Vec<(char, u64)>,
    back: Vec<(char, u64)>,
}

impl KeptCard {
    /// The part of a card that is stored.
    pub fn of(card: &Card) -> Self {
        Self {
            number: card.number,
            place: card.place,
            stuck: card.stuck,
            wanted_panels: card.wanted_panels,
            front: card.front.kept(),
            back: card.back.kept(),
        }
    }

    /// The card that is inside when the machine starts.
    pub fn back(&self) -> Card {
        Card {
            number: self.number,
            place: self.place,
            stuck: self.stuck,
            wanted_panels: self.wanted_panels,
            front: Side::remembered(&self.front),
            back: Side::remembered(&self.back),
            ..Card::default()
        }
    }
}

impl Memory {
    /// The memory stored in this directory, or a new machine's.
    ///
    /// # Errors
    /// [`EmulationError::Directory`]: an unreadable file is not taken for a new machine, which would reuse card
    /// numbers.
    pub fn wake(settings: &EvolisSettings) -> Result<Self, EmulationError> {
        let new = Self {
            cards_entered: 0,
            ribbon: settings.ribbon.clone(),
            ribbon_left: settings.ribbon_capacity,
            feeder_cards: settings.feeder_cards,
            hopper_cards: 0,
            rejected_cards: 0,
            cards_finished: 0,
            cleaned_at: 0,
            regular_cleanings: 0,
            advanced_cleanings: 0,
            card: None,
            card_in_slot: false,
            chips_made: 0,
        };
        let Some(dir) = &settings.out_dir else { return Ok(new) };
        let path = dir.join(FILE);
        let fault = |source| EmulationError::Directory { path: path.clone(), source };
        private_file::make_folder(dir).map_err(fault)?;
        let known = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Self>(&bytes)
                .map_err(|e| fault(Error::new(ErrorKind::InvalidData, e)))?,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(new),
            Err(e) => return Err(fault(e)),
        };
        // Somebody may have changed the ribbon while it was off.
        let same_ribbon = known.ribbon == settings.ribbon;
        Ok(Self {
            ribbon_left: if same_ribbon { known.ribbon_left } else { settings.ribbon_capacity },
            ribbon: new.ribbon,
            ..known
        })
    }

    /// Writes the memory, completely or not at all.
    ///
    /// # Errors
    /// The system's error.
    pub fn keep(&self, dir: &Path) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(self)?;
        private_file::replace(&dir.join(FILE), &bytes)
    }
}
