//! Feeder, hopper, reject box and ribbon of the emulated machine, and their limits. Knows no command.
//!
//! A ribbon is a row of sets of panels. Printing the first panel of a set begins the set; panels that are not wanted
//! are wound past. `count` of the ribbon's chip is the number of sets not begun.

use super::memory::Memory;
use crate::evolis::EvolisSettings;
use drivers::printers::evolis::protocol::RibbonKind;

/// Blanks that one refill puts into a tended machine's feeder.
const FEEDER_REFILL_CARDS: u32 = 100;

/// The supplies and the capacities.
pub struct Supplies {
    /// Blanks that the feeder holds.
    pub feeder_limit: u32,
    /// Cards that the hopper holds.
    pub hopper_limit: u32,
    /// Cards that the reject box holds.
    pub reject_limit: u32,
    /// The ribbon inside.
    pub ribbon: Option<RibbonKind>,
    /// Sets on a new ribbon.
    pub ribbon_capacity: u32,
    /// The machine is tended.
    pub tended: bool,
    /// Since the last card the machine has reported how much ribbon is left. Before that, nobody knows that a new
    /// ribbon is needed.
    pub told: bool,
    /// The next panel of the current set.
    place: Option<usize>,
    torn: bool,
}

/// The result of winding the ribbon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wound {
    /// The panel is under the head.
    There,
    /// The ribbon is at its end.
    Ended,
    /// The ribbon has no such panel.
    NotOnIt,
    /// There is no ribbon.
    Missing,
}

impl Supplies {
    /// Supplies of a machine with these settings.
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

    /// A card comes under the head: the next panel starts a new set.
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

    /// Puts a new ribbon in.
    pub fn put_ribbon(&mut self, ribbon: RibbonKind, memory: &mut Memory) {
        self.ribbon = Some(ribbon);
        ribbon.name.clone_into(&mut memory.ribbon);
        memory.ribbon_left = self.ribbon_capacity;
        (self.place, self.torn) = (None, false);
    }

    /// Sets how many sets are left on the ribbon.
    pub fn set_ribbon_left(&mut self, left: u32, memory: &mut Memory) {
        memory.ribbon_left = left;
        (self.place, self.torn) = (None, false);
    }

    /// Is the ribbon nearly used up? The maker's own tools warn at a tenth.
    pub fn ribbon_low(&self, memory: &Memory) -> bool {
        memory.ribbon_left > 0
            && u64::from(memory.ribbon_left) * 10 <= u64::from(self.ribbon_capacity)
    }

    /// Tends the machine before it runs out of anything. The ribbon is changed only `between_cards`.
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
        // A two-sided card needs two sets, and a ribbon is not changed in the middle of a card.
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
