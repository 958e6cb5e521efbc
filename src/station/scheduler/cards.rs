//! The card that is in the printer's hands: encoded first where it has a chip or a stripe, then printed. Every step has its
//! intent in the ledger before it is ordered.

use std::time::Duration;

use drivers::contract::{CardOut, DeviceError, PrinterStatus, Whereabouts};
use drivers::ticket::Ticket;

use super::in_doubt::Kept;
use super::machine::is_well;
use super::{Action, Counted, DeviceCommand, Fault, LedgerError, Scheduler, Task, Then, lines};
use crate::chip::Blame;
use crate::event::{EncodedCard, Event, Lost};
use crate::evidence::{Facts, Intent};
use crate::finding::Finding;
use crate::job::JobId;
use crate::lifecycle::Move;
use crate::station::encode::{Encoded, Unencoded};

/// What the printer is doing on behalf of a card. One at a time: what is not here cannot be.
#[derive(Debug)]
pub enum Phase {
    /// Nothing.
    Idle,
    /// The intent to write a blank's chip or stripe is on its way to the disk. Nothing moves.
    IntentToEncode(Card),
    /// A blank is being written.
    Encoding(InFlight),
    /// The card was written and read back, and waits inside to be printed.
    Encoded(Box<WaitingCard>),
    /// The machine is asked to open a job, for the encoded card that waits inside, else for the next one. Nothing moves.
    OpeningJob(Option<Box<WaitingCard>>),
    /// It has opened one.
    JobOpened(Option<Box<WaitingCard>>, Option<Ticket>),
    /// The intent to print is on its way to the disk. Nothing moves.
    IntentToPrint(Origin, Box<Intent>),
    /// The card is being printed.
    Printing(InFlight, Box<Intent>),
    /// What became of the card is known, and not yet in the ledger.
    Settling(JobId, Box<Event>),
    /// The intent to empty the machine of a card that nobody saw is on its way to the disk. Nothing moves.
    IntentToRecover(Recovery),
    /// The machine is being emptied.
    Recovering(Recovery),
}

/// A card that only waits for the printer.
#[derive(Debug, Clone)]
pub struct Card {
    /// Whose.
    pub job: JobId,
    /// Of this kind.
    pub product: String,
    /// What stands with the job.
    pub findings: Vec<Finding>,
    /// Prints that it takes from the ribbon.
    pub ribbon_prints: Option<u32>,
    /// A chip or a stripe must be written before it is printed.
    pub is_encoded_first: bool,
}

/// A card that moves.
#[derive(Debug, Clone)]
pub struct InFlight {
    /// Which.
    pub card: Card,
    /// When it was ordered, by the steady clock.
    pub since: Duration,
}

/// A card that was written and read back.
#[derive(Debug)]
pub struct WaitingCard {
    /// Which.
    pub in_flight: InFlight,
    /// What was written, for the ledger.
    encoding: EncodedCard,
    /// What the printer said then.
    status: PrinterStatus,
    /// That it is encoded is in the ledger.
    is_noted: bool,
}

/// Where a card that is to be printed comes from.
#[derive(Debug)]
pub enum Origin {
    /// A blank from the feeder.
    Feeder(Card),
    /// The encoded card that waits inside.
    Inside(Box<WaitingCard>),
}

/// How the machine is emptied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// A job that nobody holds any more is ended; `None`: it is no job of ours, or the machine is only used.
    Aborting(Option<JobId>),
    /// The card that is inside goes to the reject box.
    Rejecting(JobId),
}

impl Phase {
    /// The printer carries out an order that may move a card, or holds a card that must be printed.
    pub(in crate::station) fn is_at_work(&self) -> bool {
        match self {
            Self::Encoding(_)
            | Self::Encoded(_)
            | Self::OpeningJob(_)
            | Self::JobOpened(..)
            | Self::Printing(..)
            | Self::Recovering(_) => true,
            Self::IntentToPrint(origin, _) => matches!(origin, Origin::Inside(_)),
            Self::Idle
            | Self::IntentToEncode(_)
            | Self::Settling(..)
            | Self::IntentToRecover(_) => false,
        }
    }

    /// The job whose card may be moving.
    pub(in crate::station) fn job_in_flight(&self) -> Option<&JobId> {
        match self {
            Self::Encoding(in_flight) | Self::Printing(in_flight, _) => Some(&in_flight.card.job),
            Self::Encoded(encoded)
            | Self::OpeningJob(Some(encoded))
            | Self::JobOpened(Some(encoded), _)
            | Self::IntentToPrint(Origin::Inside(encoded), _) => Some(&encoded.in_flight.card.job),
            _ => None,
        }
    }
}

impl Scheduler {
    /// Preflight, then the intent to encode it or a job to print it, then the card moves.
    pub(super) fn print_next(&mut self) {
        let is_free = self.turn.as_ref().is_some_and(|turn| turn.free);
        if is_free
            && self.may_begin()
            && let Some(status) = self.machine.status.clone()
        {
            let keeps_log = self.machine.keeps_log;
            match self.queue.next.take_if(|card| card.is_encoded_first || !keeps_log) {
                Some(card) if card.is_encoded_first => return self.begin_encoding(card, &status),
                Some(card) => return self.begin_printing(Origin::Feeder(card), &status, None),
                None => self.open_job(None),
            }
        }
        // A question may be open: the machine is brought to rest first.
        self.next_task(Task::PrepareAnother);
    }

    /// What the machine's log is to call the card must be known when the intent is written.
    fn open_job(&mut self, encoded: Option<Box<WaitingCard>>) {
        self.phase = Phase::OpeningJob(encoded);
        self.order(DeviceCommand::OpenJob);
    }

    /// Nothing has moved, whatever came of it. The next card stays in the queue until its intent is written.
    pub(super) fn on_job_opened(&mut self, opened: Result<Option<Ticket>, DeviceError>) {
        let Phase::OpeningJob(encoded) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            return self.halt(Fault::OtherPhase);
        };
        let error = match opened {
            Ok(ticket) => return self.phase = Phase::JobOpened(encoded, ticket),
            Err(error) => error,
        };
        self.back_off();
        tracing::warn!(%error, "the printer opened no job");
        let cause = error.cause.to_string();
        (self.machine.error, self.machine.is_fresh) = (Some(error), false);
        // The encoded card was never ordered to be printed: it is found out about as one that was being encoded.
        if let Some(encoded) = encoded {
            let job = encoded.in_flight.card.job;
            self.act(Action::Discard(job.clone()));
            let lost = Lost { cause: Some(cause), ..Lost::at(Whereabouts::InMachine) };
            self.settle_later(job, lines::outcome_unknown(lost));
        }
    }

    /// Is there a card, and is the machine known to be well at this very moment? If not, does what leads there.
    fn may_begin(&mut self) -> bool {
        if !self.machine.is_configured || self.at_work() || self.queue.next.is_none() {
            return false;
        }
        if self.is_backing_off() || self.unaccounted().is_some() {
            return false;
        }
        if !self.machine.is_known() {
            self.poll_if_it_answers();
            return false;
        }
        // The intent must not contain a wrong answer, because the outcome of the card is later compared with it. So the
        // printer must report the same figures twice.
        if !self.machine.is_of_now(self.now.steady) || !self.machine.is_said_twice {
            self.poll();
            return false;
        }
        let Some(status) = &self.machine.status else { return false };
        // A sign that already stands would hide the next power loss, in the middle of a card; and a job that owns the
        // machine is nobody's any more.
        if !status.busy && (status.owned || (status.restarted && !self.machine.is_used)) {
            self.use_machine();
            return false;
        }
        is_well(status)
    }

    fn begin_encoding(&mut self, card: Card, status: &PrinterStatus) {
        let job = card.job.clone();
        let line = Event::Encode(lines::intent_line(&Intent::to_encode(status), status));
        self.phase = Phase::IntentToEncode(card);
        self.append(&job, line, Then::Intent);
    }

    fn begin_printing(&mut self, origin: Origin, status: &PrinterStatus, ticket: Option<Ticket>) {
        let card = match &origin {
            Origin::Feeder(card) => card,
            Origin::Inside(encoded) => &encoded.in_flight.card,
        };
        let job = card.job.clone();
        let intent = Intent::to_print(status, card.ribbon_prints, ticket);
        let line = Event::Print(lines::intent_line(&intent, status));
        self.phase = Phase::IntentToPrint(origin, Box::new(intent));
        self.append(&job, line, Then::Intent);
    }

    /// The intent is in the ledger, and the card moves; or it is not, and nothing moves.
    pub(super) fn on_intent(&mut self, done: Result<(), LedgerError>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Idle);
        let since = self.now.steady;
        match (phase, done) {
            (Phase::IntentToEncode(card), Ok(())) => {
                let job = card.job.clone();
                self.phase = Phase::Encoding(InFlight { card, since });
                self.order_card(DeviceCommand::Encode(job));
            }
            (Phase::IntentToPrint(origin, intent), Ok(())) => {
                let in_flight = match origin {
                    Origin::Feeder(card) => InFlight { card, since },
                    Origin::Inside(encoded) => encoded.in_flight,
                };
                let print = DeviceCommand::Print(in_flight.card.job.clone(), intent.ticket.clone());
                self.phase = Phase::Printing(in_flight, intent);
                self.order_card(print);
            }
            // Withdrawn in the meantime; or an earlier try that failed stands in the ledger all the same. No card was
            // ordered to move: what the ledger says is found out about as after a start.
            (Phase::IntentToPrint(Origin::Inside(encoded), _), Err(LedgerError::Refused(_))) => {
                self.read_leftovers_anew(encoded.in_flight.card.job);
            }
            (
                Phase::IntentToEncode(card) | Phase::IntentToPrint(Origin::Feeder(card), _),
                Err(LedgerError::Refused(_)),
            ) => {
                self.machine.is_fresh = false;
                self.read_leftovers_anew(card.job);
            }
            // It waits inside, and the intent is tried again.
            (Phase::IntentToPrint(Origin::Inside(encoded), intent), Err(error)) => {
                self.phase = Phase::JobOpened(Some(encoded), intent.ticket);
                self.fail(error);
            }
            (
                Phase::IntentToEncode(card) | Phase::IntentToPrint(Origin::Feeder(card), _),
                Err(error),
            ) => {
                self.queue.next = Some(card);
                // A job that was opened for it owns the machine now.
                self.machine.is_fresh = false;
                self.fail(error);
            }
            _ => self.halt(Fault::OtherPhase),
        }
    }

    /// Of this job, and of the card behind it: whatever is composed is put back by that, so nothing composed is kept, and
    /// nothing is prepared before.
    pub(super) fn read_leftovers_anew(&mut self, job: JobId) {
        self.leftovers = None;
        self.act(Action::Discard(job));
        self.discard_next();
        self.next_task(Task::Leftovers);
    }

    fn order_card(&mut self, command: DeviceCommand) {
        self.machine.is_fresh = false;
        // The counter is about this card from now on.
        self.in_doubt = None;
        self.kept.clear();
        self.order(command);
    }

    /// What came of encoding.
    pub(super) fn on_encoded(&mut self, job: &JobId, result: Result<Encoded, Unencoded>) {
        let Some(in_flight) = self.take_encoding(job) else {
            return self.halt(Fault::OtherPhase);
        };
        match result {
            Ok(Encoded { written: encoding, status }) => {
                let took = self.now.steady.saturating_sub(in_flight.since);
                self.act(Action::Count(Counted::Encoded(took)));
                let encoded = WaitingCard { in_flight, encoding, status, is_noted: false };
                self.phase = Phase::Encoded(Box::new(encoded));
            }
            Err(failed) => {
                self.act(Action::Discard(job.clone()));
                self.not_encoded(in_flight.card, failed);
            }
        }
    }

    fn take_encoding(&mut self, job: &JobId) -> Option<InFlight> {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Encoding(in_flight) if in_flight.card.job == *job => Some(in_flight),
            other => {
                self.phase = other;
                None
            }
        }
    }

    /// A card that was not encoded is no card: it goes to the reject box, and the job waits for a fresh blank.
    fn not_encoded(&mut self, card: Card, failed: Unencoded) {
        let blame = failed.unwritten.blame;
        tracing::warn!(job = %card.job, ?blame, "the card was not encoded");
        // Another blank may do where the card is to blame; else somebody must help first.
        let only_the_card = blame == Blame::Card && failed.printer.is_none();
        if failed.card == Whereabouts::Untouched || !only_the_card {
            self.back_off();
        }
        let line = lines::not_encoded(&failed, &card.findings);
        self.machine.error = failed.printer.map(|error| *error);
        if let Some(error) = failed.reader {
            self.machine.reader = Some(Err(*error));
        }
        self.settle_later(card.job, line);
    }

    /// A card that is encoded is printed, whatever else there is to do: it must not wait inside. So is one for which a job
    /// is open.
    pub(super) fn print_opened(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Encoded(encoded) if !encoded.is_noted => {
                let job = encoded.in_flight.card.job.clone();
                let line = Event::ChipGood { encoding: encoded.encoding.clone() };
                self.phase = Phase::Encoded(encoded);
                self.append(&job, line, Then::ChipGood);
            }
            Phase::Encoded(encoded) if self.machine.keeps_log => self.open_job(Some(encoded)),
            Phase::Encoded(encoded) => {
                let status = encoded.status.clone();
                self.begin_printing(Origin::Inside(encoded), &status, None);
            }
            Phase::JobOpened(Some(encoded), ticket) => {
                let status = encoded.status.clone();
                self.begin_printing(Origin::Inside(encoded), &status, ticket);
            }
            Phase::JobOpened(None, ticket) => {
                let may_go = !self.stopping && !self.queue.is_outdated;
                let card = self.queue.next.take_if(|card| may_go && !card.is_encoded_first);
                match (card, self.machine.status.clone()) {
                    (Some(card), Some(status)) => {
                        self.begin_printing(Origin::Feeder(card), &status, ticket);
                    }
                    // The card was withdrawn or defined anew meanwhile. The job is ended as any that nobody holds.
                    _ => self.machine.is_fresh = false,
                }
            }
            other => {
                self.phase = other;
                self.next_task(Task::Clock);
            }
        }
    }

    pub(super) fn on_chip_good(&mut self, done: Result<(), LedgerError>) {
        match (&mut self.phase, done) {
            // Refused: an earlier try that failed stands in the ledger all the same.
            (Phase::Encoded(encoded), Ok(()) | Err(LedgerError::Refused(_))) => {
                encoded.is_noted = true;
            }
            (_, Ok(())) => self.halt(Fault::OtherPhase),
            (_, Err(error)) => self.fail(error),
        }
    }

    /// What came of printing.
    pub(super) fn on_printed(&mut self, job: &JobId, result: Result<CardOut, DeviceError>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Idle);
        let (card, since, intent) = match phase {
            Phase::Printing(InFlight { card, since }, intent) if card.job == *job => {
                (card, since, intent)
            }
            other => {
                self.phase = other;
                return self.halt(Fault::OtherPhase);
            }
        };
        let line = lines::settlement(&result, &intent);
        if line.step() == Some(Move::CardOut) {
            let took = self.now.steady.saturating_sub(since);
            self.act(Action::Count(Counted::CardOut { product: card.product, took }));
        }
        match result {
            Ok(out) => {
                self.machine.note_figures(&Facts::of_card_out(&out));
                self.machine.error = None;
                self.backoff = None;
            }
            Err(error) => {
                self.back_off();
                tracing::warn!(%job, %error, "the card was not finished");
                self.machine.error = Some(error);
            }
        }
        self.settle_later(card.job, line);
    }

    /// Written down before anything else moves.
    fn settle_later(&mut self, job: JobId, line: Event) {
        self.phase = Phase::Settling(job, Box::new(line));
        self.poll();
    }

    /// Writes down what is known. Until it is written, the next card does not move.
    pub(super) fn settle(&mut self) {
        match &self.phase {
            Phase::Settling(job, line) => {
                let (job, line) = (job.clone(), (**line).clone());
                self.append(&job, line, Then::Settled);
            }
            _ => self.next_task(Task::PrintOpened),
        }
    }

    pub(super) fn on_settled(&mut self, done: Result<(), LedgerError>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Idle);
        match (phase, done) {
            (Phase::Settling(job, line), Ok(())) => self.is_settled(job, &line),
            // An earlier try that failed stands in the ledger all the same.
            (Phase::Settling(job, line), Err(error @ LedgerError::Refused(_))) => {
                self.is_settled(job, &line);
                self.fail(error);
            }
            (settling @ Phase::Settling(..), Err(error)) => {
                self.phase = settling;
                self.fail(error);
            }
            _ => self.halt(Fault::OtherPhase),
        }
    }

    fn is_settled(&mut self, job: JobId, line: &Event) {
        if line.step() == Some(Move::OutcomeUnknown) {
            self.reload_in_doubt();
            let heard_at = Some(self.now.steady);
            self.kept.insert(job, Kept { heard_at, ..Kept::default() });
        }
    }

    /// Brings a machine to rest that no card in doubt is about.
    fn use_machine(&mut self) {
        let Some(status) = &self.machine.status else { return };
        let line = Event::AbortOrphanedJob { machine: Facts::of(status) };
        self.phase = Phase::IntentToRecover(Recovery::Aborting(None));
        self.note_station(line, Then::RecoveryIntent);
    }

    /// Writes down something about the station.
    pub(super) fn note_station(&mut self, event: Event, then: Then) {
        self.ask(super::Question::Append { job: None, event: Box::new(event) }, then);
    }
}
