//! Moving a card, and what every move and print stands on: the reservation, the errors taken over from the
//! machine, and where the card is when something went wrong. Nothing here is done twice.
//!
//! **Point of no return** of a move: the first byte of its command. It is one exchange, answered when the card
//! is there. Source: Evolis wire notes, sections 3, 4.2 and 6.

use std::time::Duration;

use super::driver::{ANSWER_LIMIT, Evolis, done};
use super::evidence::{self, After, Before, Heard};
use super::job::PART_TWO;
use super::protocol::{Answer, ERROR_FEEDER, SESSION_PRINTING};
use super::status::{StatusWords, station};
use super::troubles::{calls_for_hands, troubles};
use crate::contract::{Cause, Designation, DeviceError, Evidence, Level, Stop, Tray, Watch};

/// A move answers when it is finished; 30 s is the maker's limit (section 4.2), and its answer may use it up.
pub const MOVE_LIMIT: Duration = Duration::from_secs(35);

/// How long we wait for our number to appear after reserving (section 3).
const RESERVE_LIMIT: Duration = Duration::from_secs(5);

/// Pause between looks for it (section 3).
const RESERVE_PAUSE: Duration = Duration::from_millis(10);

/// A job that nobody feeds any more lets go within a card's time, or somebody has to help.
const LEFT_JOB_LIMIT: Duration = Duration::from_secs(60);

impl Evolis {
    /// Reserves the machine for us, does `work`, and lets go of it whatever came of that.
    pub(super) fn reserved<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        self.reserve().map_err(DeviceError::untouched)?;
        let result = work(self);
        // With a job still in it and errors its own again, the machine would print by itself once somebody
        // has helped (section 6.3): a card that nobody counts any more.
        let unheard = matches!(&result, Err(DeviceError { evidence: Some(Evidence { owned, .. }), .. })
            if owned.is_none());
        let left = unheard || self.words.claimed();
        // What the work found out stands, even if letting go fails: the reservation ends by itself.
        if left || self.ask("Pem;0").is_ok() {
            let _ = self.ask("Psid;0;45");
        }
        result
    }

    /// Section 3: nobody has it; take it; see that we have it. Number 2 may be our own, of a call whose
    /// last answer was lost.
    fn reserve(&mut self) -> Result<(), Cause> {
        let session = self.look()?.session;
        if session != 0 && session != SESSION_PRINTING {
            return Err(Cause::Reserved { session });
        }
        let mut seen = self.tell("Psid;2;45")?.session;
        let mut waited = Duration::ZERO;
        while seen != SESSION_PRINTING {
            if waited >= RESERVE_LIMIT {
                return Err(match seen {
                    0 => Cause::TooSlow { what: "to reserve itself", limit: RESERVE_LIMIT },
                    session => Cause::Reserved { session },
                });
            }
            self.wire.pause(RESERVE_PAUSE);
            waited += RESERVE_PAUSE;
            seen = self.look()?.session;
        }
        Ok(())
    }

    /// What every move and print begins with: no other job owns the machine, its errors are ours to handle
    /// (`Rem;1`, `Pem;2`), and what it says before anything moves.
    pub(super) fn begin(&mut self) -> Result<Before, Cause> {
        // Asked because the maker asks; what the mode was before does not matter.
        self.ask("Rem;1")?;
        self.begin_watch();
        // Of this call's card: it is untouched whatever becomes of the earlier one.
        self.end_left_job().map_err(|error| error.cause)?;
        let words = self.tell("Pem;2")?.status;
        Ok(Before { counter: self.ask_counter()?, words })
    }

    /// A job whose computer was lost owns the machine until it hears part 2. That feeds and prints nothing
    /// by itself, and only a job that nobody holds gets so far: the machine is reserved by us.
    ///
    /// **Point of no return**: the first byte of part 2. Before it no card has moved.
    fn end_left_job(&mut self) -> Result<(), DeviceError> {
        let untouched = DeviceError::untouched;
        if !self.words.claimed() {
            return Ok(());
        }
        // First of all: a job that meets a fault, or has met one, must not be printed again by itself. A machine
        // that does not take it now is told again when the job is over.
        let words = self.ask("Pem;2").map_err(untouched)?.status;
        if words.at_work() {
            return Err(untouched(Cause::Busy));
        }
        if !words.claimed() {
            return Ok(());
        }
        let before = Before { counter: self.ask_counter().map_err(untouched)?, words };
        let told = match self.exchange("the end of an earlier job", PART_TWO, ANSWER_LIMIT) {
            Ok(told) => told,
            Err(cause) => return Err(self.lost(cause, &before, 0)),
        };
        match self.wait(told, false, "an earlier job", LEFT_JOB_LIMIT, &words) {
            Ok(_) => Ok(()),
            Err(Cause::TooSlow { .. }) => Err(self.locate(Cause::Busy, &before, Heard::Answered)),
            Err(cause) => Err(self.locate(cause, &before, Heard::Answered)),
        }
    }

    /// See [`crate::contract::CardPrinter::come_to_rest`].
    pub(super) fn rest(&mut self) -> Result<(), DeviceError> {
        self.reserved(|this| {
            let untouched = DeviceError::untouched;
            this.ask("Rem;1").map_err(untouched)?;
            this.end_left_job()?;
            // Whatever is inside: after a loss it may be half of somebody's card.
            this.fed = false;
            if this.tell("Pem;2").map_err(untouched)?.status.at_work() {
                return Err(untouched(Cause::Busy));
            }
            Ok(())
        })
    }

    /// A card that nobody fed for this call must not be printed on: it may be half of somebody's card. Nor must a blank
    /// in the place of a card that was fed, and that a fault has taken, or somebody's hand: its chip would be empty.
    pub(super) fn refuse_strange_card(&mut self, before: &Before) -> Result<(), Cause> {
        match (before.words.card_inside(), self.fed) {
            (true, false) => Err(Cause::CardInside),
            (false, true) => {
                self.fed = false;
                Err(Cause::CardGone)
            }
            _ => Ok(()),
        }
    }

    /// See [`crate::contract::CardPrinter::feed`].
    pub(super) fn bring(&mut self, to: Stop) -> Result<(), DeviceError> {
        let what = match to {
            Stop::Print | Stop::Magnetic => "Si",
            Stop::Contact => "Sis",
            Stop::Contactless => "Sic",
        };
        if station(to).is_some_and(|option| !self.has(option)) {
            let what = format!("it has no station for {to:?} cards").to_lowercase();
            return Err(DeviceError::untouched(Cause::Unsupported(what)));
        }
        self.reserved(|this| {
            let before = this.begin().map_err(DeviceError::untouched)?;
            this.refuse_strange_card(&before).map_err(DeviceError::untouched)?;
            this.carry(what, &before)?;
            this.fed = true;
            Ok(())
        })
    }

    /// See [`crate::contract::CardPrinter::eject`].
    pub(super) fn let_out(&mut self, to: Tray) -> Result<(), DeviceError> {
        let what = match to {
            Tray::Out => "Sce",
            Tray::Reject => "Ser",
        };
        self.reserved(|this| {
            let before = this.begin().map_err(DeviceError::untouched)?;
            this.carry(what, &before)?;
            this.fed = false;
            Ok(())
        })
    }

    /// See [`crate::contract::CardPrinter::clear_errors`]. What the machine moves to get there is not known.
    pub(super) fn clear(&mut self) -> Result<(), DeviceError> {
        self.reserved(|this| {
            let before = this.begin().map_err(DeviceError::untouched)?;
            let seen = this.carry("Scs", &before)?;
            let errors = StatusWords { error: seen.status.error, ..StatusWords::default() };
            let mut stand = troubles(&errors, &[]);
            stand.retain(|trouble| trouble.level == Level::Error);
            if stand.is_empty() {
                return Ok(());
            }
            Err(this.locate(Cause::Trouble(stand), &before, Heard::Answered))
        })
    }

    /// One command that moves a card; its answer.
    pub(super) fn carry(
        &mut self,
        what: &'static str,
        before: &Before,
    ) -> Result<Answer, DeviceError> {
        let answer = match self.say(what, what, MOVE_LIMIT) {
            Ok(answer) => answer,
            Err(cause) => return Err(self.lost(cause, before, 0)),
        };
        let heard = Heard::by(&answer);
        done(what, answer).map_err(|cause| self.locate(cause, before, heard))
    }

    /// The answer was lost. `bytes_before_move`: with so many bytes sent or fewer the machine has heard
    /// nothing of the command that moves the card.
    pub(super) fn lost(
        &mut self,
        cause: Cause,
        before: &Before,
        bytes_before_move: usize,
    ) -> DeviceError {
        let heard = match &cause {
            Cause::Wire(fault) if fault.sent_bytes <= bytes_before_move => Heard::Nothing,
            _ => Heard::Perhaps,
        };
        self.locate(cause, before, heard)
    }

    /// Where the card is after `cause`: asks the machine once, and judges by [`evidence`].
    pub(super) fn locate(&mut self, cause: Cause, before: &Before, heard: Heard) -> DeviceError {
        if heard == Heard::Nothing {
            return DeviceError::untouched(cause);
        }
        self.fed = false;
        let after = self.ask_after().ok();
        if let Some(after) = &after {
            self.watch.disturbed |= calls_for_hands(&after.words);
            self.watch.restarted |= after.words.restarted_since(&before.words);
        }
        self.watch.restarted |= cause == Cause::Restarted;
        // A job that the machine ended by itself did not end well, whatever it counts afterwards.
        self.watch.disturbed |= matches!(&cause, Cause::TooSlow { .. } | Cause::Refused { .. });
        self.heard_again(Watch::BLINK);
        DeviceError {
            card: evidence::whereabouts(heard, before, after.as_ref()),
            cause,
            evidence: Some(evidence::kept(before, after.as_ref(), self.watch)),
        }
    }

    /// The card is on its way from here on.
    pub(super) fn begin_watch(&mut self) {
        self.watch = Watch::default();
        self.heard_at = self.wire.clock();
    }

    /// The machine was heard of again; within `usual` nobody had the time to lay hands on it unseen.
    pub(super) fn heard_again(&mut self, usual: Duration) {
        let now = self.wire.clock();
        self.watch.unseen |= now.saturating_sub(self.heard_at) > usual;
        self.heard_at = now;
    }

    /// What the machine says now, and whether it is the one that we know.
    fn ask_after(&mut self) -> Result<After, Cause> {
        let serial = Designation::read(&self.ask("Rsn")?.text);
        let counter = self.ask_counter()?;
        let ribbon_left = self.ask_ribbon()?.map(|ribbon| ribbon.remaining);
        let words = self.look()?.status;
        // A machine without a number cannot be told from another one.
        let same_machine = !serial.is_empty() && serial == self.identity.serial;
        Ok(After { same_machine, counter, ribbon_left, words })
    }
}

impl Heard {
    /// What an answer says of the feeder.
    pub(super) fn by(answer: &Answer) -> Self {
        if answer.text == ERROR_FEEDER { Self::FeederRefused } else { Self::Answered }
    }
}
