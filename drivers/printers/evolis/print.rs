//! Printing one card: the sequence of section 6.1, the observation of the card meanwhile, and where the card is after a
//! failure. Nothing here is repeated.

use std::time::Duration;

use super::driver::{ANSWER_LIMIT, Evolis, done, troubles_of};
use super::evidence::{Before, Received};
use super::job::{PART_TWO, bytes_before_feed};
use super::protocol::Answer;
use super::status::StatusWords;
use super::troubles::{needs_operator, spoils_the_card};
use crate::contract::{CardOut, Cause, DeviceError, Level, PreparedCard, Watch};

/// Time between two polls of a machine that prints (section 6.1).
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// A machine takes the job within a feed and a warm-up of its head; it then shows CLAIM.
const CLAIM_LIMIT: Duration = Duration::from_secs(30);

/// Sending a part of the job and receiving the answer takes at most this: some seconds of bytes on a slow cable, a
/// feed, and the machine's waking up. If it takes longer, this computer or the wire stalled meanwhile.
const JOB_USUAL: Duration = Duration::from_secs(15);

/// Two sides take about 40 s; this leaves room for a cool-down and is the maker's limit (section 6.1).
const PRINT_LIMIT: Duration = Duration::from_secs(300);

impl Evolis {
    /// See [`crate::contract::CardPrinter::print`].
    pub(super) fn print_card(&mut self, card: &PreparedCard) -> Result<CardOut, DeviceError> {
        self.reserved(|this| {
            let before = this.preflight(card).map_err(DeviceError::untouched)?;
            this.begin_watch();
            let part_one = match this.exchange("the print job", &card.job, ANSWER_LIMIT) {
                Ok(answer) => answer,
                Err(cause) => return Err(this.lost(cause, &before, bytes_before_feed(&card.job))),
            };
            let gap = this.part_answered();
            // From here on a broken wire no longer means an untouched card.
            let heard = Received::by(&part_one);
            this.finish((part_one, gap), &before, card.stays_inside)
                .map_err(|cause| this.locate(cause, &before, heard))?;
            this.fed = card.stays_inside;
            this.watch.stood_inside &= !card.stays_inside;
            Ok(this.card_out(&before))
        })
    }

    /// Checks everything that must hold before the job's first byte is sent.
    fn preflight(&mut self, card: &PreparedCard) -> Result<Before, Cause> {
        let ribbon = self.ask_ribbon()?;
        let in_machine = ribbon.as_ref().map_or(self.ribbon.name, |ribbon| &ribbon.panels);
        if card.model != self.model.name || card.ribbon != in_machine {
            return Err(Cause::Unsupported(format!(
                "the card was made ready for {} with ribbon {}, the machine is {} with {}",
                card.model, card.ribbon, self.model.name, in_machine
            )));
        }
        let before = self.begin()?;
        // A print may last longer than the first reservation.
        let seen = self.command("Psid;2;180")?;
        let before = Before { words: seen.status, ..before };
        self.refuse_strange_card(&before)?;
        let mut troubles = troubles_of(&seen);
        troubles.retain(|trouble| trouble.level == Level::Error);
        if troubles.is_empty() { Ok(before) } else { Err(Cause::Trouble(troubles)) }
    }

    fn finish(
        &mut self,
        (part_one, gap): (Answer, Duration),
        before: &Before,
        stays_inside: bool,
    ) -> Result<(), Cause> {
        let part_one =
            done("the print job", part_one).map_err(|refused| self.trouble_or(refused))?;
        self.check_after_gap(gap)?;
        self.wait(part_one, true, "taking the job", CLAIM_LIMIT, &before.words)?;
        let part_two = self.exchange("the end of the job", PART_TWO, ANSWER_LIMIT)?;
        let gap = self.part_answered();
        let part_two = done("the end of the job", part_two)?;
        self.check_after_gap(gap)?;
        let last = self.wait(part_two, false, "the card", PRINT_LIMIT, &before.words)?;
        if spoils_the_card(&last.status) {
            Err(Cause::Trouble(troubles_of(&last)))
        } else if last.status.card_before_exit() && !stays_inside {
            Err(Cause::CardInside)
        } else {
            Ok(())
        }
    }

    /// Polls until CLAIM is as wanted. If CLAIM does not appear while the machine reports a fault, that is an error at
    /// once; if CLAIM stays during a fault, the job may still end well once somebody clears it. If CLAIM is gone
    /// because the machine restarted, nothing is known of the card. The end of the job must be reported twice: one
    /// corrupted byte could report it for a card that is being printed.
    pub(super) fn wait(
        &mut self,
        first: Answer,
        claimed: bool,
        what: &'static str,
        limit: Duration,
        before: &StatusWords,
    ) -> Result<Answer, Cause> {
        let mut seen = first;
        let mut waited = Duration::ZERO;
        let mut times_said = 0;
        loop {
            if seen.status.restarted_since(before) {
                return Err(Cause::Restarted);
            }
            let fault = spoils_the_card(&seen.status);
            self.watch.disturbed |= needs_operator(&seen.status);
            if seen.status.claimed() == claimed {
                self.watch.stood_inside |= !claimed && seen.status.card_before_exit();
                times_said += 1;
                if claimed || fault || times_said == 2 {
                    return Ok(seen);
                }
                seen = self.poll_again()?;
                continue;
            }
            times_said = 0;
            if fault && (claimed || waited >= limit) {
                return Err(Cause::Trouble(troubles_of(&seen)));
            }
            if waited >= limit {
                return Err(Cause::TooSlow { what, limit });
            }
            self.wire.pause(POLL_INTERVAL);
            waited += POLL_INTERVAL;
            seen = self.poll_again()?;
        }
    }

    /// Records the answer to a part of the job; returns how long the machine had not answered.
    fn part_answered(&mut self) -> Duration {
        let gap = self.wire.clock().saturating_sub(self.answered_at);
        self.note_answer(JOB_USUAL);
        gap
    }

    /// The answer to a part of the job may have waited in the wire while this computer stalled, and somebody may have
    /// removed the card meanwhile. So after a gap the machine must report now that it is at work, or has a card inside.
    fn check_after_gap(&mut self, gap: Duration) -> Result<(), Cause> {
        if gap > Watch::BLINK {
            let now = self.poll_again()?.status;
            self.watch.unseen |= !now.at_work() && !now.card_before_exit();
        }
        Ok(())
    }

    /// Polls a card that is moving.
    fn poll_again(&mut self) -> Result<Answer, Cause> {
        let seen = self.poll()?;
        self.note_answer(Watch::BLINK);
        Ok(seen)
    }

    /// If the status words report a fault, they say more than a refusal.
    fn trouble_or(&mut self, refused: Cause) -> Cause {
        match self.poll() {
            Ok(seen) if spoils_the_card(&seen.status) => Cause::Trouble(troubles_of(&seen)),
            _ => refused,
        }
    }

    /// The machine has reported the card out; reads its counters. A query that is not answered leaves its value out.
    fn card_out(&mut self, before: &Before) -> CardOut {
        let counter = self.ask_counter();
        // Do not wait again for a wire that has just failed.
        let ribbon = if counter.is_ok() { self.ask_ribbon().ok().flatten() } else { None };
        // The status words of the last answer.
        self.watch.disturbed |= needs_operator(&self.words);
        self.watch.restarted |= self.words.restarted_since(&before.words);
        self.note_answer(Watch::BLINK);
        CardOut {
            identity: self.identity.clone(),
            cards_entered_before: before.counter,
            cards_entered_after: counter.ok().flatten(),
            ribbon,
            watch: self.watch,
        }
    }
}
