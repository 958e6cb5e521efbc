//! Feeder, hopper, reject box and ribbon of the emulated machine, and their limits. Knows no command.
//!
//! A ribbon is a row of sets of panels. A set is begun with the first panel that is wanted of it, and what is
//! not wanted of it is wound past; `count` of the ribbon's chip are the sets that are not begun.

use super::memory::Memory;
use crate::evolis::EvolisSettings;
use drivers::printers::evolis::protocol::RibbonKind;

/// What somebody who tends the machine puts into the feeder at a time.
const FEEDER_REFILL_CARDS: u32 = 100;

/// What is put in, and what it holds.
pub struct Supplies {
    /// Blanks that the feeder holds.
    pub feeder_limit: u32,
    /// Cards that the hopper holds.
    pub hopper_limit: u32,
    /// Cards that the reject box holds.
    pub reject_limit: u32,
    /// The ribbon inside.
    pub ribbon: Option<RibbonKind>,
    /// Sets on a new one.
    pub ribbon_capacity: u32,
    /// Somebody looks after all of it.
    pub tended: bool,
    /// It has told how much ribbon is left since the last card: before that nobody knows that a new one is wanted.
    pub told: bool,
    /// The next panel of the set that is begun.
    place: Option<usize>,
    torn: bool,
}

/// What winding the ribbon came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wound {
    /// The panel lies under the head.
    There,
    /// The ribbon is at its end.
    Ended,
    /// The ribbon has no such panel.
    NotOnIt,
    /// There is no ribbon.
    Missing,
}

impl Supplies {
    /// As the machine is set up.
    pub fn new(settings: &EvolisSettings, ribbon: RibbonKind) -> Self {
        Self {
            feeder_limit: settings.feeder_limit_cards,
            hopper_limit: settings.hopper_limit_cards,
            reject_limit: settings.reject_box_limit_cards,
            ribbon: Some(ribbon),
            ribbon_capacity: settings.ribbon_capacity,
            tended: settings.tended,
            told: false,
            place: None,
            torn: false,
        }
    }

    /// Panels of a set.
    pub fn set(&self) -> String {
        self.ribbon.map(|ribbon| ribbon.set()).unwrap_or_default()
    }

    /// A card comes under the head: the ribbon is wound to the next set.
    pub fn begin_card(&mut self) {
        (self.place, self.told) = (None, false);
    }

    /// Winds to the next panel with this letter.
    pub fn wind_to(&mut self, letter: char, memory: &mut Memory) -> Wound {
        if self.ribbon.is_none() {
            return Wound::Missing;
        }
        let set = self.set();
        if !set.contains(letter) {
            return Wound::NotOnIt;
        }
        let from = self.place.unwrap_or(set.len());
        let found = set[from..].find(letter).map(|at| from + at);
        if self.torn || (found.is_none() && memory.ribbon_left == 0) {
            return Wound::Ended;
        }
        let at = found.or_else(|| {
            memory.ribbon_left -= 1;
            set.find(letter)
        });
        self.place = at.map(|at| at + 1);
        Wound::There
    }

    /// The ribbon tears, or ends.
    pub fn end_ribbon(&mut self, memory: &mut Memory) {
        memory.ribbon_left = 0;
        self.torn = true;
    }

    /// A new ribbon.
    pub fn put_ribbon(&mut self, ribbon: RibbonKind, memory: &mut Memory) {
        self.ribbon = Some(ribbon);
        ribbon.name.clone_into(&mut memory.ribbon);
        memory.ribbon_left = self.ribbon_capacity;
        (self.place, self.torn) = (None, false);
    }

    /// A ribbon from which so many sets are left is in the machine.
    pub fn set_ribbon_left(&mut self, left: u32, memory: &mut Memory) {
        memory.ribbon_left = left;
        (self.place, self.torn) = (None, false);
    }

    /// Is the ribbon nearly used up? A tenth is what the maker's own tools warn at.
    pub fn ribbon_low(&self, memory: &Memory) -> bool {
        memory.ribbon_left > 0
            && u64::from(memory.ribbon_left) * 10 <= u64::from(self.ribbon_capacity)
    }

    /// Somebody looks after the machine before it has to ask. `between_cards`: nobody changes a ribbon
    /// under a card.
    pub fn tend(&mut self, memory: &mut Memory, between_cards: bool) {
        if memory.feeder_cards == 0 {
            memory.feeder_cards = FEEDER_REFILL_CARDS.min(self.feeder_limit);
        }
        if memory.hopper_cards >= self.hopper_limit {
            memory.hopper_cards = 0;
        }
        if memory.rejected_cards >= self.reject_limit {
            memory.rejected_cards = 0;
        }
        // Two sides must fit: nobody leaves a ribbon in for half a card.
        if memory.ribbon_left < 2 && between_cards && self.told {
            self.set_ribbon_left(self.ribbon_capacity, memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(ribbon: &str, cards: &[&str]) -> u32 {
        let settings = EvolisSettings { ribbon: ribbon.to_owned(), ..EvolisSettings::instant() };
        let mut memory = Memory::wake(&settings).unwrap();
        let mut supplies = Supplies::new(&settings, RibbonKind::named(ribbon).unwrap());
        for card in cards {
            supplies.begin_card();
            for letter in card.chars() {
                assert_eq!(supplies.wind_to(letter, &mut memory), Wound::There, "{ribbon} {card}");
            }
        }
        300 - memory.ribbon_left
    }

    #[test]
    fn a_ribbon_is_used_set_by_set() {
        for (ribbon, cards, sets) in [
            ("YMCKO", &["ymcko"][..], 1),
            ("YMCKO", &["ymckoymcko"], 2),
            ("YMCKO", &["o", "c", "mo"], 3),
            ("YMCKOK", &["ymckok"], 1),
            ("YMCKOK", &["ymcko", "ymckok"], 2),
            ("YMCKOS", &["ymckoymcko"], 2),
            ("KO", &["kok"], 2),
            ("KBLACK", &["kk", "k"], 3),
            ("KWHITE", &["k"], 1),
            ("YMCKOKOS", &["ymckoko"], 1),
        ] {
            assert_eq!(used(ribbon, cards), sets, "{ribbon} {cards:?}");
        }
    }

    #[test]
    fn a_ribbon_ends_and_tears_and_may_lack_a_panel() {
        let settings = EvolisSettings { ribbon_capacity: 1, ..EvolisSettings::instant() };
        let mut memory = Memory::wake(&settings).unwrap();
        let mut supplies = Supplies::new(&settings, RibbonKind::named("YMCKO").unwrap());
        assert_eq!(supplies.wind_to('s', &mut memory), Wound::NotOnIt);
        assert_eq!(supplies.wind_to('o', &mut memory), Wound::There);
        assert_eq!(supplies.wind_to('y', &mut memory), Wound::Ended);
        supplies.put_ribbon(RibbonKind::named("YMCKO").unwrap(), &mut memory);
        assert_eq!(supplies.wind_to('y', &mut memory), Wound::There);
        supplies.end_ribbon(&mut memory);
        assert_eq!(supplies.wind_to('m', &mut memory), Wound::Ended);
    }
}
