//! What happens to a job of the emulated machine after a fault. Knows no command text and no frame.
//!
//! With `Pem;2` (or 38) a fault drops CLAIM and the job. With `Pem;0` the machine holds the job, keeps CLAIM, and
//! prints the card again by itself as soon as somebody has cleared the fault (Evolis wire notes, section 6.3).

use super::mechanics::{Mechanics, Refusal};
use drivers::printers::evolis::protocol::{ERROR_CARD, ERROR_MECA, OK};
use drivers::printers::evolis::status::error;

/// How a held job continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// From the beginning: the card is spoiled or never came.
    Afresh,
    /// By ejecting the card: only the exit was blocked.
    LetOut,
}

impl Mechanics {
    /// A fault occurred during the job.
    pub fn fault(&mut self, refusal: Refusal) -> &'static str {
        let text = self.complain(refusal);
        let in_job = self.job.open || self.job.run.is_some();
        self.job.run = None;
        if !in_job {
            return text;
        }
        if self.handles_errors() {
            let only_the_way_out = error::HOPPER_FULL | error::CARD_ON_EJECT;
            let barred = refusal.0 != 0 && refusal.0 & !only_the_way_out == 0;
            self.job.complete = !self.job.open;
            self.job.held = Some(if barred { Held::LetOut } else { Held::Afresh });
            return OK;
        }
        self.give_up(text);
        text
    }

    /// Drops the job.
    pub fn give_up(&mut self, text: &'static str) {
        self.job = self.job.lost(text);
    }

    /// The host wants to handle errors itself: a held job is dropped.
    pub fn hand_over_errors(&mut self) {
        if self.held() {
            self.give_up(ERROR_MECA);
        }
    }

    /// Somebody took the job's card out.
    pub fn card_was_taken(&mut self) {
        match self.job.held {
            // The card was finished; only the exit was blocked.
            Some(Held::LetOut) => self.job.held = None,
            Some(Held::Afresh) => {}
            None if self.job.claim => self.give_up(ERROR_CARD),
            None => {}
        }
    }

    /// Continues a held job once nothing is wrong any more and all of its panels have arrived.
    pub(super) fn resume(&mut self) {
        let well = self.errors == 0 && !self.cover_open && !self.feeder_open && !self.locked;
        let fed = self.card.is_some() || self.memory.feeder_cards > 0 || self.card_in_hand;
        if !well || !fed {
            return;
        }
        match self.job.held.take_if(|_| self.job.complete) {
            Some(Held::Afresh) => self.run(),
            Some(Held::LetOut) => {
                if let Err(refusal) = self.let_out(false) {
                    self.fault_on_the_way_out(refusal);
                }
            }
            None => {}
        }
    }

    fn fault_on_the_way_out(&mut self, refusal: Refusal) {
        self.complain(refusal);
        self.job.held = Some(Held::LetOut);
    }
}
