//! What a person does to the emulated machine by hand, and which faults that clears. Knows no command.

use super::mechanics::Mechanics;
use super::places::Place;
use crate::machine::{JamAt, Lever, Way};
use drivers::printers::evolis::protocol::{ERROR_MECA, RibbonKind};
use drivers::printers::evolis::status::error;

impl Mechanics {
    /// A person does something to the machine.
    pub fn pull(&mut self, lever: Lever) {
        match lever {
            Lever::OpenCover => self.open_cover(),
            Lever::CloseCover => self.close_cover(),
            Lever::OpenFeeder => self.feeder_open = true,
            Lever::CloseFeeder => {
                self.feeder_open = false;
                self.errors &= !error::FEEDER_OPEN;
            }
            Lever::EmptyFeeder => self.memory.feeder_cards = 0,
            Lever::LoadFeeder(cards) => {
                let cards = self.memory.feeder_cards.saturating_add(cards);
                self.set_feeder(cards);
            }
            Lever::EmptyHopper => self.set_hopper(0),
            Lever::EmptyRejectBox => self.set_reject_box(0),
            Lever::EndRibbon => self.supplies.end_ribbon(&mut self.memory),
            Lever::NewRibbon => self.set_ribbon_left(self.supplies.ribbon_capacity),
            Lever::RemoveRibbon => self.supplies.ribbon = None,
            Lever::PutRibbon(number) => {
                if let Some(ribbon) = RibbonKind::numbered(number) {
                    self.put_ribbon(ribbon);
                }
            }
            Lever::JamNextCard => self.planned.jam = Some(JamAt::Head),
            Lever::Jam(at) => self.planned.jam = Some(at),
            Lever::TakeCardOut => self.take_card_out(),
            Lever::InsertCard => {
                self.card_in_hand = true;
                self.errors &= !error::NO_CARD_INSERTED;
            }
            Lever::TakeFromExit => {
                self.card_in_slot = false;
                self.errors &= !error::CARD_ON_EJECT;
            }
            Lever::Lock => self.locked = true,
            Lever::Unlock => self.locked = false,
            Lever::Overheat => self.heat.overheat(),
            Lever::OpenCoverAfterPanels(panels) => self.planned.cover_after_panels = Some(panels),
            Lever::EndRibbonAfterPanels(panels) => self.planned.ribbon_after_panels = Some(panels),
            Lever::FailMagnetic(fault) => self.planned.magnetic = Some(fault),
            Lever::CutPowerAfterBytes(bytes) => self.planned.power_after_bytes = Some(bytes),
            Lever::SpoilAnswers(answers) => self.planned.answers = Some(answers),
            Lever::Force { word, bits } => self.planned.force(word, bits),
            // These belong to the electronics.
            Lever::Sleep | Lever::CutPower | Lever::PowerOn => {}
        }
        self.remember();
        self.settle();
    }

    /// Spoils a running print.
    pub fn open_cover(&mut self) {
        self.cover_open = true;
        if self.printing() {
            self.fault((error::COVER_OPEN | error::MECHANICAL, ERROR_MECA));
        }
    }

    /// A machine that handles errors itself retries, unless the card is stuck.
    pub fn close_cover(&mut self) {
        self.cover_open = false;
        self.errors &= !error::COVER_OPEN;
        let stuck = self.card.as_ref().is_some_and(|card| card.stuck);
        if self.held() && !stuck {
            self.errors &= !error::MECHANICAL;
        }
    }

    /// Sets the blanks in the feeder, up to its capacity.
    pub fn set_feeder(&mut self, cards: u32) {
        self.memory.feeder_cards = cards.min(self.supplies.feeder_limit);
        self.errors &= if cards > 0 { !error::FEEDER_ERROR } else { u32::MAX };
    }

    /// Sets the cards in the hopper.
    pub fn set_hopper(&mut self, cards: u32) {
        self.memory.hopper_cards = cards;
        if cards < self.supplies.hopper_limit {
            self.errors &= !error::HOPPER_FULL;
        }
    }

    /// Sets the cards in the reject box.
    pub fn set_reject_box(&mut self, cards: u32) {
        self.memory.rejected_cards = cards;
        if cards < self.supplies.reject_limit {
            self.errors &= !error::REJECT_BOX_FULL;
        }
    }

    /// Sets the prints left on the ribbon.
    pub fn set_ribbon_left(&mut self, left: u32) {
        self.supplies.set_ribbon_left(left, &mut self.memory);
        if left > 0 {
            self.errors &= !error::RIBBON_ENDED;
        }
    }

    /// A new ribbon of this kind.
    pub fn put_ribbon(&mut self, ribbon: RibbonKind) {
        self.supplies.put_ribbon(ribbon, &mut self.memory);
        self.errors &= !(error::RIBBON_ENDED | error::BAD_RIBBON | error::RIBBON_ERROR);
    }

    /// Taking the card out also clears the fault that it caused.
    fn take_card_out(&mut self) {
        let taken = self.card.take();
        if let Some(card) = &taken {
            self.outside.note(card, Way::Hand);
        }
        if self.printing() {
            // The machine grips for the card and finds none.
            self.fault((error::MECHANICAL, ERROR_MECA));
            return;
        }
        self.errors &= !error::MECHANICAL;
        if taken.is_some_and(|card| card.place != Some(Place::FeederPath)) {
            self.errors &= !(error::RIBBON_ENDED | error::HOPPER_FULL);
            self.card_was_taken();
        }
    }
}
