//! Printing one card: the order of section 6.1, and the truth about the card when it goes wrong.
//! Nothing here is done twice.

use std::time::Duration;

use super::driver::{ANSWER_LIMIT, Evolis, done, told_by, untouched};
use super::job::{PART_TWO, bytes_before_feed};
use super::protocol::Answer;
use super::status::{error, warning};
use super::troubles::spoils_the_card;
use crate::contract::{CardOut, Cause, DeviceError, Level, PreparedCard, Whereabouts};

/// Between two looks at a machine that prints (section 6.1).
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// A machine takes the job within a feed and a warm-up of its head; it then shows CLAIM.
const CLAIM_LIMIT: Duration = Duration::from_secs(30);

/// Two sides take about 40 s; this leaves room for a cool-down and is the maker's limit (section 6.1).
const PRINT_LIMIT: Duration = Duration::from_secs(300);

impl Evolis {
    /// See [`crate::contract::CardPrinter::print`].
    pub(super) fn print_card(&mut self, card: &PreparedCard) -> Result<CardOut, DeviceError> {
        self.reserved(|this| {
            let before = this.preflight(card).map_err(untouched)?;
            match this.run(card) {
                Ok(()) => Ok(this.evidence(before)),
                Err((cause, before_feed)) => Err(this.locate(cause, before, before_feed)),
            }
        })
    }

    /// All that must be true before the first byte of the job; returns the counter.
    fn preflight(&mut self, card: &PreparedCard) -> Result<Option<u64>, Cause> {
        let ribbon = self.ask_ribbon()?;
        let in_machine = ribbon.as_ref().map_or(self.ribbon.name, |ribbon| &ribbon.panels);
        if card.model != self.model.name || card.ribbon != in_machine {
            return Err(Cause::Unsupported(format!(
                "the card was made ready for {} with ribbon {}, the machine is {} with {}",
                card.model, card.ribbon, self.model.name, in_machine
            )));
        }
        let counter = self.ask_counter()?;
        self.ask("Rem;1")?;
        self.tell("Pem;2")?;
        // A print may last longer than the first reservation.
        let seen = self.tell("Psid;2;180")?.status;
        if seen.claimed() {
            return Err(Cause::Reserved { session: super::protocol::SESSION_PRINTING });
        }
        let mut troubles = told_by(&seen);
        troubles.retain(|trouble| trouble.level == Level::Error);
        if troubles.is_empty() { Ok(counter) } else { Err(Cause::Trouble(troubles)) }
    }

    /// Both parts of the job. With an error comes how many bytes the wire may have sent and the card still
    /// be untouched.
    fn run(&mut self, card: &PreparedCard) -> Result<(), (Cause, Option<usize>)> {
        let before_feed = bytes_before_feed(&card.job);
        let part_one = self
            .exchange("the print job", &card.job, ANSWER_LIMIT)
            .map_err(|cause| (cause, Some(before_feed)))?;
        // From here on no error leaves the card untouched by the wire alone.
        self.finish(part_one).map_err(|cause| (cause, None))
    }

    fn finish(&mut self, part_one: Answer) -> Result<(), Cause> {
        let part_one =
            done("the print job", part_one).map_err(|refused| self.trouble_or(refused))?;
        self.wait(part_one, true, "taking the job", CLAIM_LIMIT)?;
        let part_two = self.exchange("the end of the job", PART_TWO, ANSWER_LIMIT)?;
        let part_two = done("the end of the job", part_two)?;
        let last = self.wait(part_two, false, "the card", PRINT_LIMIT)?;
        if spoils_the_card(&last.status) {
            Err(Cause::Trouble(told_by(&last.status)))
        } else {
            Ok(())
        }
    }

    /// Looks until CLAIM is as wanted. CLAIM that does not come while the machine complains is a fault at
    /// once; CLAIM that stays while it complains may still end well, if somebody helps.
    fn wait(
        &mut self,
        first: Answer,
        claimed: bool,
        what: &'static str,
        limit: Duration,
    ) -> Result<Answer, Cause> {
        let mut seen = first;
        let mut waited = Duration::ZERO;
        while seen.status.claimed() != claimed {
            let fault = spoils_the_card(&seen.status);
            if (fault && claimed) || (fault && waited >= limit) {
                return Err(Cause::Trouble(told_by(&seen.status)));
            }
            if waited >= limit {
                return Err(Cause::TooSlow { what, limit });
            }
            self.wire.pause(LOOK_PAUSE);
            waited += LOOK_PAUSE;
            seen = self.look()?;
        }
        Ok(seen)
    }

    /// A refusal says less than the status words, if these complain.
    fn trouble_or(&mut self, refused: Cause) -> Cause {
        match self.look() {
            Ok(seen) if spoils_the_card(&seen.status) => Cause::Trouble(told_by(&seen.status)),
            _ => refused,
        }
    }

    /// The card is out, whatever happens to these questions.
    fn evidence(&mut self, cards_entered_before: Option<u64>) -> CardOut {
        CardOut {
            identity: self.identity.clone(),
            cards_entered_before,
            cards_entered_after: self.ask_counter().ok().flatten(),
            ribbon: self.ask_ribbon().ok().flatten(),
        }
    }

    /// Where the card is after `cause`. `before_feed`: with so many bytes sent or fewer it is untouched;
    /// `None` when an earlier exchange had already passed the point of no return.
    ///
    /// Everything else is asked of the machine, once: with CLAIM on, or no answer, or a counter that says
    /// two things, the card's place is unknown. When in doubt: unknown, because an "untouched" that is
    /// wrong prints a second card.
    pub(super) fn locate(
        &mut self,
        cause: Cause,
        before: Option<u64>,
        before_feed: Option<usize>,
    ) -> DeviceError {
        if let Cause::Wire(fault) = &cause
            && before_feed.is_some_and(|before_feed| fault.sent_bytes <= before_feed)
        {
            return DeviceError { card: Whereabouts::Untouched, cause };
        }
        let card = self.whereabouts(before).unwrap_or(Whereabouts::Unknown);
        DeviceError { card, cause }
    }

    /// `None`: the machine does not tell.
    fn whereabouts(&mut self, before: Option<u64>) -> Option<Whereabouts> {
        let after = self.ask_counter().ok()??;
        let seen = self.look().ok()?.status;
        let before = before?;
        if seen.busy() {
            return None;
        }
        // A jam may hold a blank between feeder and head, where nothing counts and nothing sees it.
        let feeder_only =
            seen.error & !error::FEEDER_ERROR == 0 && seen.warning & !warning::FEEDER_EMPTY == 0;
        let feeder_failed = seen.error & error::FEEDER_ERROR != 0;
        match (after.checked_sub(before)?, seen.card_inside()) {
            (0, false) if feeder_only && feeder_failed => Some(Whereabouts::Untouched),
            (0 | 1, true) => Some(Whereabouts::InMachine),
            _ => None,
        }
    }
}
