//! What becomes of a job of the emulated machine when something goes wrong. Knows no command text and no frame.
//!
//! With `Pem;2` (or 38) a fault drops CLAIM and gives the job up. With `Pem;0` the machine holds the job, keeps
//! CLAIM, and prints the card again by itself as soon as somebody has put right what was wrong (Evolis wire
//! notes, section 6.3).

use super::mechanics::{Mechanics, Refusal};
use drivers::printers::evolis::protocol::{ERROR_CARD, ERROR_MECA, OK};
use drivers::printers::evolis::status::error;

/// What a held job goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Everything: the card is spoiled or never came.
    Afresh,
    /// Only the way out was barred.
    LetOut,
}

impl Mechanics {
    /// Something went wrong with the job.
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

    /// The job is lost.
    pub fn give_up(&mut self, text: &'static str) {
        self.job = self.job.lost(text);
    }

    /// The host wants to handle errors itself: a job that the machine holds is lost.
    pub fn hand_over_errors(&mut self) {
        if self.held() {
            self.give_up(ERROR_MECA);
        }
    }

    /// Somebody took the card of a job in his hand.
    pub fn card_was_taken(&mut self) {
        match self.job.held {
            // It was finished, and only the way out was barred.
            Some(Held::LetOut) => self.job.held = None,
            Some(Held::Afresh) => {}
            None if self.job.claim => self.give_up(ERROR_CARD),
            None => {}
        }
    }

    /// A held job goes on when nothing is wrong any more and all of its panels are there.
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
