//! The chip of a card inside the emulated machine: readers reach it where the machine holds the card. Knows no reader
//! and no command.

use serde_json::json;

use super::mechanics::{Mechanics, Work};
use super::places::Place;
use crate::card::{Field, SharedChip};
use crate::machine::BlankChips;

/// A chip, and its number among those that were made.
#[derive(Clone)]
pub struct Chip {
    pub number: u64,
    pub chip: SharedChip,
}

/// The positions of the readers inside the machine.
#[derive(Default)]
pub struct Stations {
    chips: Option<BlankChips>,
    /// The position that holds a card, and the number of its chip.
    held: Option<(Place, u64, Field)>,
}

impl Stations {
    pub fn new(chips: Option<BlankChips>) -> Self {
        Self { chips, held: None }
    }

    /// Do the blanks carry chips?
    pub fn have_chips(&self) -> bool {
        self.chips.is_some()
    }

    fn place(&self, place: Place) -> Option<Field> {
        let chips = self.chips.as_ref()?;
        match place {
            Place::Contact => Some(chips.contact()),
            Place::Contactless => Some(chips.contactless()),
            _ => None,
        }
    }
}

impl Mechanics {
    /// The chip of a blank that is just taken, if blanks have chips.
    pub(super) fn chip_of_a_blank(&mut self) -> Option<Chip> {
        let chips = self.stations.chips.as_ref()?;
        self.memory.chips_made += 1;
        let number = self.memory.chips_made;
        Some(Chip { number, chip: chips.blank(number) })
    }

    /// Keeps each reader's field up to date: a card that rests at a reader's position is in its field; while it moves,
    /// or while the reader is unpowered, it is not.
    pub(super) fn hold_to_the_reader(&mut self, powered: bool) {
        let moves = matches!(self.work(), Some((Work::Moving, _)));
        let here = self.card.as_ref().filter(|_| powered && !moves).and_then(|card| {
            let place = card.place?;
            Some((place, self.stations.place(place)?, card.chip.clone()?))
        });
        let there = self.stations.held.as_ref().map(|(place, number, _)| (*place, *number));
        if here.as_ref().map(|(place, _, chip)| (*place, chip.number)) == there {
            return;
        }
        if let Some((.., field)) = self.stations.held.take() {
            field.take();
        }
        if let Some((place, field, chip)) = here {
            if let Some(planned) = self.planned.next_chip.take() {
                // Every kind of card accepts all faults.
                let _ = chip.chip.lock().change(&json!({ "faults": planned.faults }));
            }
            field.put(chip.chip);
            self.stations.held = Some((place, chip.number, field));
        }
    }
}
