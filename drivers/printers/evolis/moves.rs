//! Moving a card, and what every move and print needs: the reservation, error handling by the host, and where the card
//! is after a failure. Nothing here is repeated.
//!
//! **Point of no return** of a move: the first byte of its command. A move is one exchange, answered when the card has
//! arrived. Source: Evolis wire notes, sections 3, 4.2 and 6.

use std::time::Duration;

use super::driver::{ANSWER_LIMIT, Evolis, done};
use super::evidence::{self, After, Before, Received};
use super::job::PART_TWO;
use super::protocol::{Answer, ERROR_FEEDER, SESSION_PRINTING};
use super::status::{StatusWords, station};
use super::troubles::{needs_operator, troubles};
use crate::contract::{Cause, Designation, DeviceError, Evidence, Level, Stop, Tray, Watch};

/// A move is answered when it has finished; 30 s is the maker's limit (section 4.2), and the move may use it up.
pub const MOVE_LIMIT: Duration = Duration::from_secs(35);

/// How long we wait for our number to appear after reserving (section 3).
const RESERVE_LIMIT: Duration = Duration::from_secs(5);

/// Pause between polls for it (section 3).
const RESERVE_PAUSE: Duration = Duration::from_millis(10);

/// An abandoned job releases the machine within a card's time, or somebody has to help.
const LEFT_JOB_LIMIT: Duration = Duration::from_secs(60);

impl Evolis {
    /// Reserves the machine, runs `work`, and releases the machine whatever the result.
    pub(super) fn reserved<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        self.reserve().map_err(DeviceError::untouched)?;
        let result = work(self);
        // If a job is still in the machine and it handled errors itself again (`Pem;0`), it would print once somebody
        // clears the fault (section 6.3), and nobody would count that card.
        let unheard = matches!(&result, Err(DeviceError { evidence: Some(Evidence { owned, .. }), .. })
            if owned.is_none());
        let left = unheard || self.words.claimed();
        // The result of `work` stands even if the release fails: the reservation expires by itself.
        if left || self.ask("Pem;0").is_ok() {
            let _ = self.ask("Psid;0;45");
        }
        result
    }

    /// Section 3: check that nobody has reserved the machine, reserve it, and check that it worked. Session 2 may be
    /// our own, from a call whose last answer was lost.
    fn reserve(&mut self) -> Result<(), Cause> {
        let session = self.poll()?.session;
        if session != 0 && session != SESSION_PRINTING {
            return Err(Cause::Reserved { session });
        }
        let mut seen = self.command("Psid;2;45")?.session;
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
            seen = self.poll()?.session;
        }
        Ok(())
    }

    /// The beginning of every move and print: no other job owns the machine, the host handles its errors (`Rem;1`,
    /// `Pem;2`), and its state before anything moves is read.
    pub(super) fn begin(&mut self) -> Result<Before, Cause> {
        // The maker's library sends this query; the answer does not matter.
        self.ask("Rem;1")?;
        self.begin_watch();
        // An error concerns the earlier job's card; this call's card is untouched in any case.
        self.end_left_job().map_err(|error| error.cause)?;
        let words = self.command("Pem;2")?.status;
        Ok(Before { counter: self.ask_counter()?, words })
    }

    /// Ends a job whose computer was lost: it owns the machine until part 2 arrives. Part 2 feeds and prints nothing by
    /// itself, and nobody else is printing, because the machine is reserved for us.
    ///
    /// **Point of no return**: the first byte of part 2. Before it no card has moved.
    fn end_left_job(&mut self) -> Result<(), DeviceError> {
        let untouched = DeviceError::untouched;
        if !self.words.claimed() {
            return Ok(());
        }
        // `Pem;2` comes first: a job that meets a fault, or has met one, must not be printed again by itself. A machine
        // that does not accept it now is told again when the job is over.
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
            Err(Cause::TooSlow { .. }) => {
                Err(self.locate(Cause::Busy, &before, Received::Answered))
            }
            Err(cause) => Err(self.locate(cause, &before, Received::Answered)),
        }
    }

    /// See [`crate::contract::CardPrinter::abort_orphaned_job`].
    pub(super) fn abort_orphaned(&mut self) -> Result<(), DeviceError> {
        self.reserved(|this| {
            let untouched = DeviceError::untouched;
            this.ask("Rem;1").map_err(untouched)?;
            this.end_left_job()?;
            // A card inside counts as not fed: after a loss it may be half of somebody's card.
            this.fed = false;
            if this.command("Pem;2").map_err(untouched)?.status.at_work() {
                return Err(untouched(Cause::Busy));
            }
            Ok(())
        })
    }

    /// A card that was not fed for this call must not be printed on: it may be half of somebody's card. Nor may a blank
    /// replace a card that was fed and has been removed since: its chip would be empty.
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
            this.send_move(what, &before)?;
            this.fed = true;
            Ok(())
        })
    }

    /// See [`crate::contract::CardPrinter::eject`].
    pub(super) fn eject_card(&mut self, to: Tray) -> Result<(), DeviceError> {
        let what = match to {
            Tray::Out => "Sce",
            Tray::Reject => "Ser",
        };
        self.reserved(|this| {
            let before = this.begin().map_err(DeviceError::untouched)?;
            this.send_move(what, &before)?;
            this.fed = false;
            Ok(())
        })
    }

    /// See [`crate::contract::CardPrinter::clear_errors`]. It is not known which parts the machine moves for it.
    pub(super) fn clear(&mut self) -> Result<(), DeviceError> {
        self.reserved(|this| {
            let before = this.begin().map_err(DeviceError::untouched)?;
            let seen = this.send_move("Scs", &before)?;
            let errors = StatusWords { error: seen.status.error, ..StatusWords::default() };
            let mut stand = troubles(&errors, &[]);
            stand.retain(|trouble| trouble.level == Level::Error);
            if stand.is_empty() {
                return Ok(());
            }
            Err(this.locate(Cause::Trouble(stand), &before, Received::Answered))
        })
    }

    /// Sends one command that moves a card; returns its answer.
    pub(super) fn send_move(
        &mut self,
        what: &'static str,
        before: &Before,
    ) -> Result<Answer, DeviceError> {
        let answer = match self.request(what, what, MOVE_LIMIT) {
            Ok(answer) => answer,
            Err(cause) => return Err(self.lost(cause, before, 0)),
        };
        let heard = Received::by(&answer);
        done(what, answer).map_err(|cause| self.locate(cause, before, heard))
    }

    /// Handles a lost answer. `bytes_before_move`: if at most this many bytes were sent, the machine has received
    /// nothing of the command that moves the card.
    pub(super) fn lost(
        &mut self,
        cause: Cause,
        before: &Before,
        bytes_before_move: usize,
    ) -> DeviceError {
        let heard = match &cause {
            Cause::Wire(fault) if fault.sent_bytes <= bytes_before_move => Received::Nothing,
            _ => Received::Perhaps,
        };
        self.locate(cause, before, heard)
    }

    /// Determines where the card is after `cause`: queries the machine once and decides by [`evidence`].
    pub(super) fn locate(&mut self, cause: Cause, before: &Before, heard: Received) -> DeviceError {
        if heard == Received::Nothing {
            return DeviceError::untouched(cause);
        }
        self.fed = false;
        let after = self.ask_after().ok();
        if let Some(after) = &after {
            self.watch.disturbed |= needs_operator(&after.words);
            self.watch.restarted |= after.words.restarted_since(&before.words);
        }
        self.watch.restarted |= cause == Cause::Restarted;
        // A job that the machine ended by itself did not end well, whatever its counter shows afterwards.
        self.watch.disturbed |= matches!(&cause, Cause::TooSlow { .. } | Cause::Refused { .. });
        self.note_answer(Watch::BLINK);
        DeviceError {
            card: evidence::whereabouts(heard, before, after.as_ref()),
            cause,
            evidence: Some(evidence::kept(before, after.as_ref(), self.watch)),
        }
    }

    /// Starts observing: the card moves from here on.
    pub(super) fn begin_watch(&mut self) {
        self.watch = Watch::default();
        self.answered_at = self.wire.clock();
    }

    /// Records that the machine answered. If more than `usual` has passed since it last did, somebody may have reached
    /// into it unnoticed.
    pub(super) fn note_answer(&mut self, usual: Duration) {
        let now = self.wire.clock();
        self.watch.unseen |= now.saturating_sub(self.answered_at) > usual;
        self.answered_at = now;
    }

    /// The machine's state now, and whether it is the same machine.
    fn ask_after(&mut self) -> Result<After, Cause> {
        let serial = Designation::read(&self.ask("Rsn")?.text);
        let counter = self.ask_counter()?;
        let ribbon_left = self.ask_ribbon()?.map(|ribbon| ribbon.remaining);
        let words = self.poll()?.status;
        // A machine without a serial number cannot be distinguished from another one.
        let same_machine = !serial.is_empty() && serial == self.identity.serial;
        Ok(After { same_machine, counter, ribbon_left, words })
    }
}

impl Received {
    /// Classifies an answer by what it reports about the feeder.
    pub(super) fn by(answer: &Answer) -> Self {
        if answer.text == ERROR_FEEDER { Self::FeederRefused } else { Self::Answered }
    }
}
