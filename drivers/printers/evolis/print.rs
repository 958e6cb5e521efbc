//! Printing one card: the order of section 6.1, what is seen of the card meanwhile, and the truth about it when it goes
//! wrong. Nothing here is done twice.

use std::time::Duration;

use super::driver::{ANSWER_LIMIT, Evolis, done, troubles_of};
use super::evidence::{Before, Heard};
use super::job::{PART_TWO, bytes_before_feed};
use super::protocol::Answer;
use super::status::StatusWords;
use super::troubles::{calls_for_hands, spoils_the_card};
use crate::contract::{CardOut, Cause, DeviceError, Level, PreparedCard, Watch};

/// Between two looks at a machine that prints (section 6.1).
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// A machine takes the job within a feed and a warm-up of its head; it then shows CLAIM.
const CLAIM_LIMIT: Duration = Duration::from_secs(30);

/// A part of the job is sent, and answered when its blank has come, within this: some seconds of bytes on a slow cable, a
/// feed, and a machine that has to wake. Longer, and something stood still meanwhile.
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
            // From here on no error leaves the card untouched by the wire alone.
            let heard = Heard::by(&part_one);
            this.finish((part_one, gap), &before, card.stays_inside)
                .map_err(|cause| this.locate(cause, &before, heard))?;
            this.fed = card.stays_inside;
            this.watch.stood_inside &= !card.stays_inside;
            Ok(this.card_out(&before))
        })
    }

    /// All that must be true before the first byte of the job.
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
        let seen = self.tell("Psid;2;180")?;
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
        self.look_after(gap)?;
        self.wait(part_one, true, "taking the job", CLAIM_LIMIT, &before.words)?;
        let part_two = self.exchange("the end of the job", PART_TWO, ANSWER_LIMIT)?;
        let gap = self.part_answered();
        let part_two = done("the end of the job", part_two)?;
        self.look_after(gap)?;
        let last = self.wait(part_two, false, "the card", PRINT_LIMIT, &before.words)?;
        if spoils_the_card(&last.status) {
            Err(Cause::Trouble(troubles_of(&last)))
        } else if last.status.card_before_exit() && !stays_inside {
            Err(Cause::CardInside)
        } else {
            Ok(())
        }
    }

    /// Looks until CLAIM is as wanted. CLAIM that does not come while the machine complains is a fault at
    /// once; CLAIM that stays while it complains may still end well, if somebody helps. CLAIM that is gone
    /// because the machine started anew says nothing of the card. That the card is done must be said twice: one
    /// changed byte would say it of a card that is being printed.
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
            self.watch.disturbed |= calls_for_hands(&seen.status);
            if seen.status.claimed() == claimed {
                self.watch.stood_inside |= !claimed && seen.status.card_before_exit();
                times_said += 1;
                if claimed || fault || times_said == 2 {
                    return Ok(seen);
                }
                seen = self.look_again()?;
                continue;
            }
            times_said = 0;
            if fault && (claimed || waited >= limit) {
                return Err(Cause::Trouble(troubles_of(&seen)));
            }
            if waited >= limit {
                return Err(Cause::TooSlow { what, limit });
            }
            self.wire.pause(LOOK_PAUSE);
            waited += LOOK_PAUSE;
            seen = self.look_again()?;
        }
    }

    /// A part of the job was answered: so long the machine was not heard of.
    fn part_answered(&mut self) -> Duration {
        let gap = self.wire.clock().saturating_sub(self.heard_at);
        self.heard_again(JOB_USUAL);
        gap
    }

    /// The answer to a part of the job may have waited in the wire while this computer stood still, and somebody may have
    /// taken the card out meanwhile. So after a gap the machine must be seen at work, or with a card inside, now.
    fn look_after(&mut self, gap: Duration) -> Result<(), Cause> {
        if gap > Watch::BLINK {
            let now = self.look_again()?.status;
            self.watch.unseen |= !now.at_work() && !now.card_before_exit();
        }
        Ok(())
    }

    /// A poll of a card that is on its way.
    fn look_again(&mut self) -> Result<Answer, Cause> {
        let seen = self.look()?;
        self.heard_again(Watch::BLINK);
        Ok(seen)
    }

    /// A refusal says less than the status words, if these complain.
    fn trouble_or(&mut self, refused: Cause) -> Cause {
        match self.look() {
            Ok(seen) if spoils_the_card(&seen.status) => Cause::Trouble(troubles_of(&seen)),
            _ => refused,
        }
    }

    /// The machine has said that the card is out, and is asked for its figures. A question that is not answered leaves
    /// its figure out.
    fn card_out(&mut self, before: &Before) -> CardOut {
        let counter = self.ask_counter();
        // A wire that has just failed is not waited for again.
        let ribbon = if counter.is_ok() { self.ask_ribbon().ok().flatten() } else { None };
        // The words that came with the last answer.
        self.watch.disturbed |= calls_for_hands(&self.words);
        self.watch.restarted |= self.words.restarted_since(&before.words);
        self.heard_again(Watch::BLINK);
        CardOut {
            identity: self.identity.clone(),
            cards_entered_before: before.counter,
            cards_entered_after: counter.ok().flatten(),
            ribbon,
            watch: self.watch,
        }
    }
}
