//! The station's loop, one turn at a time. Every duration here is of the steady clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use drivers::contract::DeviceError;
use drivers::words::Words;
use tokio::sync::watch;

use super::Parts;
use super::device::{Order, Report, Sight};
use super::handle::{Handle, Message};
use super::hours::Hours;
use super::machine::{Machine, Rest, is_well, trace_status};
use super::moving::{Begun, Moving};
use super::ready::{Ready, Workbench};
use super::recovery::Doubt;
use crate::clock::Clock;
use crate::event::{Event, RecoveryStep};
use crate::job::JobId;
use crate::ledger::{JobRecord, Ledger, LedgerError};
use crate::lifecycle::Move;
use crate::queue;
use crate::report::{Metrics, PrinterState, Snapshot};

/// How often an idle machine is looked at: a technician who opens the cover sees it on the page soon.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often a machine in trouble is looked at: the queue goes on soon after somebody has helped.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Messages that are heard in one turn: whoever floods the station must not keep it from its printer.
const HEARD_AT_ONCE: usize = 1000;
/// Jobs whose inspection was put off are looked at one by one, and rarely while the door is busy.
const INSPECT_EVERY: Duration = Duration::from_millis(500);

/// Carries jobs from the queue to the printer. See the head of this folder.
pub struct Station {
    pub(super) ledger: Ledger,
    pub(super) bench: Workbench,
    messages: Receiver<Message>,
    pub(super) device: Option<Sender<Order>>,
    pub(super) clock: Clock,
    pub(super) hours: Hours,
    pub(super) metrics: Metrics,
    pub(super) snapshot: watch::Sender<Snapshot>,
    door: Arc<AtomicUsize>,
    pub(super) machine: Machine,
    /// Composed and separated, waiting for the machine.
    pub(super) next: Option<Ready>,
    /// The card that is being encoded or printed.
    pub(super) moving: Option<Moving>,
    /// The machine is being brought to rest, or empties itself.
    pub(super) recovering: bool,
    /// Jobs whose card nobody saw; `None`: to be read from the ledger.
    pub(super) doubts: Option<Vec<Doubt>>,
    /// The card that was lost from sight last, and when; its doubt is watched from then on.
    pub(super) lost: Option<(JobId, Duration)>,
    /// Known, but not yet in the ledger: nothing else is printed before it is.
    unsettled: Option<(JobRecord, Event)>,
    /// What keeps the station itself from working.
    pub(super) own_trouble: Option<Words>,
    /// After a card that could not be begun.
    pub(super) rest: Option<Rest>,
    /// What an earlier life left is written down as such.
    recovered: bool,
    stopping: bool,
    inspected_at: Duration,
    /// When the machine was last asked how it is, or has answered. What is due is due by this, however many messages come.
    polled_at: Duration,
    /// How long it had waited for its ledger after its last turn.
    waited: Duration,
}

impl Station {
    /// Puts a station together; nothing moves before its first turn. `orders`: how it reaches its printer; `None`: none
    /// is configured.
    pub fn new(parts: Parts, orders: Option<Sender<Order>>) -> (Station, Handle) {
        let Parts { name, ledger, maker, clock, metrics } = parts;
        let (inbox, messages) = mpsc::channel();
        let first = Snapshot {
            station: name,
            version: env!("CARGO_PKG_VERSION"),
            state: PrinterState::Stopped,
            state_reasons: vec![],
            printer: None,
            encoder: None,
            printing: None,
            specimen: maker.specimen(),
            cards_out: 0,
        };
        let (snapshot, seen) = watch::channel(first);
        let door = Arc::new(AtomicUsize::new(0));
        let station = Station {
            bench: Workbench::new(maker, ledger.clone(), clock.clone(), metrics.clone()),
            hours: Hours::new(&clock),
            ledger,
            messages,
            device: orders,
            inspected_at: clock.steady(),
            polled_at: clock.steady(),
            clock,
            metrics,
            snapshot,
            door: door.clone(),
            machine: Machine::default(),
            next: None,
            moving: None,
            recovering: false,
            doubts: None,
            lost: None,
            unsettled: None,
            own_trouble: None,
            rest: None,
            recovered: false,
            stopping: false,
            waited: Duration::ZERO,
        };
        (station, Handle { inbox, snapshot: seen, door })
    }

    /// Turns until it is told to stop and no card is moving.
    pub(super) fn run(mut self) {
        self.look();
        while self.turn() {
            match self.messages.recv_timeout(self.patience()) {
                Ok(message) => self.hear(message),
                // What is due then is done in the next turn.
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does everything that can be done without waiting, and tells how the station is. False: it has ended.
    pub fn turn(&mut self) -> bool {
        // A burst at the door is one reason to look at the ledger, not a thousand.
        for _ in 0..HEARD_AT_ONCE {
            let Ok(message) = self.messages.try_recv() else { break };
            self.hear(message);
        }
        self.poll_when_due();
        let worked = self.work();
        // What failed is tried again after a pause, not at once and for ever.
        self.bench.more_to_inspect &= worked.is_ok();
        let waited = self.ledger.waited();
        let more = waited.saturating_sub(std::mem::replace(&mut self.waited, waited));
        self.metrics.ledger_wait_seconds.inc_by(more.as_secs_f64());
        self.own_trouble = self.trouble_of(worked);
        self.publish();
        // A card that waits inside for a ledger that cannot be written is found there at the next start.
        let waits = self.moving.as_ref().is_some_and(Moving::waits_for_the_ledger);
        let over = self.stopping && (!self.at_work() || waits);
        if over {
            self.put_next_back();
        }
        !over
    }

    fn work(&mut self) -> Result<(), LedgerError> {
        if !self.recovered {
            queue::recover(&self.ledger)?;
            self.recovered = true;
        }
        self.settle()?;
        self.print_encoded()?;
        self.watch_the_clock()?;
        let free = self.recover()?;
        if self.stopping {
            return Ok(());
        }
        self.make_ready()?;
        if free {
            self.print_next()?;
        }
        // The card after it is composed while its chip is written, not when the next message comes.
        if self.at_work() {
            self.make_ready()?;
        }
        self.inspect_one()
    }

    /// Has the next card composed, unless it is.
    fn make_ready(&mut self) -> Result<(), LedgerError> {
        let (kind, reader) = (self.machine.kind(), self.machine.can_encode());
        let but = self.bench.passed_over(reader, &kind)?;
        self.bench.give_way(&mut self.next, &but)?;
        if self.next.is_none()
            && let Some(prepress) = &self.machine.prepress
        {
            let moment = self.moment();
            self.next = self.bench.make_ready(prepress.as_ref(), &kind, moment, reader)?;
        }
        Ok(())
    }

    /// Writes down what is known. Until it is written, the next card does not move.
    fn settle(&mut self) -> Result<(), LedgerError> {
        let Some((job, event)) = self.unsettled.take() else { return Ok(()) };
        match self.ledger.append(&job.id, event.clone()).wait() {
            Ok(_) if event.step() == Some(Move::OutcomeUnknown) => {
                self.lost = Some((job.id, self.clock.steady()));
                self.forget();
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error @ LedgerError::Refused(_)) => Err(error),
            Err(error) => {
                self.unsettled = Some((job, event));
                Err(error)
            }
        }
    }

    /// Preflight, intent, then the card moves.
    fn print_next(&mut self) -> Result<(), LedgerError> {
        if self.device.is_none() || self.at_work() || self.next.is_none() || self.rests() {
            return Ok(());
        }
        if !self.machine.is_known() {
            self.look_if_it_answers();
            return Ok(());
        }
        if !self.machine.is_of_now(self.clock.steady()) {
            self.look();
            return Ok(());
        }
        let Some(status) = &self.machine.status else { return Ok(()) };
        // A sign that already stands would hide the next time that it is switched off, in the middle of a card; and a job
        // that owns the machine is nobody's any more.
        if !status.busy && (status.owned || (status.restarted && !self.machine.used)) {
            return self.use_it();
        }
        if !is_well(status) {
            return Ok(());
        }
        let status = status.clone();
        let Some(mut ready) = self.next.take() else { return Ok(()) };
        let begun = match ready.encoding.take() {
            Some(work) => self.begin_to_encode(ready, work, &status),
            None => self.begin_to_print(ready, &status),
        };
        match begun? {
            // Withdrawn in the meantime: no card has moved for it.
            Begun::Withdrawn => self.print_next(),
            Begun::Moves => Ok(()),
        }
    }

    /// The printer must never wait for an inspection, and the door goes first.
    fn inspect_one(&mut self) -> Result<(), LedgerError> {
        let now = self.clock.steady();
        let door_is_busy = self.door.load(Ordering::Relaxed) > 0;
        let printer_waits = self.next.is_none() && self.machine.prepress.is_some();
        let lately = now.saturating_sub(self.inspected_at) < INSPECT_EVERY;
        if door_is_busy && !printer_waits && lately {
            return Ok(());
        }
        self.inspected_at = now;
        if self.bench.inspect_oldest()? {
            // There may be more; one at a time, so that messages are heard in between.
            self.bench.more_to_inspect = true;
        }
        Ok(())
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Wake => self.bench.more_to_inspect = true,
            Message::Stop => self.stopping = true,
            Message::Person(asked) => self.hear_person(asked),
            Message::Device(report) => self.hear_printer(*report),
        }
    }

    fn hear_printer(&mut self, report: Report) {
        match report {
            Report::Looked(looked) => self.looked(looked),
            Report::Printed(job, result, card) => {
                self.bench.take_back(card);
                self.printed(&job, result);
            }
            Report::Encoded(job, result) => self.encoded(&job, result),
            Report::Rested(job, result) => {
                self.recovered(job.as_ref(), RecoveryStep::AbortOrphanedJob, result)
            }
            Report::Rejected(job, result) => {
                self.recovered(Some(&job), RecoveryStep::Reject, result)
            }
        }
    }

    fn looked(&mut self, looked: Result<Sight, DeviceError>) {
        self.machine.looking = false;
        (self.polled_at, self.machine.told_at) = (self.clock.steady(), self.clock.steady());
        match looked {
            Ok(sight) => {
                trace_status(&sight.status);
                self.machine.status = Some(sight.status);
                self.machine.prepress = Some(sight.prepress);
                self.machine.reader = sight.reader;
                self.machine.error = None;
                self.machine.fresh = true;
            }
            Err(error) => {
                if self.machine.error.as_ref() != Some(&error) {
                    tracing::warn!(%error, "the printer cannot be asked");
                }
                self.machine.error = Some(error);
                (self.machine.fresh, self.machine.used) = (false, false);
                // It was not asked.
                self.machine.reader = None;
            }
        }
    }

    /// Written down before anything else moves.
    pub(super) fn settle_later(&mut self, record: JobRecord, event: Event) {
        self.unsettled = Some((record, event));
        self.look();
    }

    /// Asks the machine how it is, unless it is asked or at work.
    pub fn look(&mut self) {
        if self.device.is_none() || self.machine.looking || self.at_work() {
            return;
        }
        let Some(device) = &self.device else { return };
        self.machine.looking = device.send(Order::Look).is_ok();
        self.polled_at = self.clock.steady();
    }

    /// The machine is looked at when it is due, not when it happens to be quiet.
    fn poll_when_due(&mut self) {
        if self.until_the_next_poll().is_zero() {
            self.look();
        }
    }

    fn until_the_next_poll(&self) -> Duration {
        let every = self.poll_interval();
        if self.device.is_none() || self.machine.looking || self.at_work() {
            return every;
        }
        (self.polled_at + every).saturating_sub(self.clock.steady())
    }

    fn poll_interval(&self) -> Duration {
        let in_trouble = self.own_trouble.is_some()
            || self.machine.error.is_some()
            || self.doubts.as_ref().is_none_or(|doubts| !doubts.is_empty())
            || self.machine.status.as_ref().is_some_and(|status| !is_well(status));
        if in_trouble { LOOK_AGAIN } else { LOOK_EVERY }
    }

    /// A machine that did not answer is asked again when the patience is over, not at once and for ever.
    pub(super) fn look_if_it_answers(&mut self) {
        if self.machine.error.is_none() {
            self.look();
        }
    }

    /// The printer carries out an order that may move a card.
    pub(super) fn at_work(&self) -> bool {
        self.moving.is_some() || self.recovering
    }

    /// How long to wait for a message before the next turn.
    pub fn patience(&self) -> Duration {
        let quiet = self.until_the_next_poll();
        match (self.bench.more_to_inspect, self.door.load(Ordering::Relaxed)) {
            (true, 0) => Duration::ZERO,
            (true, _) => quiet.min(INSPECT_EVERY),
            (false, _) => quiet,
        }
    }

    pub(super) fn rests(&self) -> bool {
        self.rest.is_some_and(|rest| rest.until > self.clock.steady())
    }

    pub(super) fn pause_longer(&mut self) {
        self.rest = Some(Rest::longer(self.rest, self.clock.steady()));
    }

    fn put_next_back(&mut self) {
        if let Err(error) = self.bench.put_unfinished_back() {
            tracing::warn!(%error, "a claimed job stays claimed; the next start will hold it");
        }
        if let Some(ready) = self.next.take()
            && let Err(error) = queue::put_back(&self.ledger, &ready.record.id)
        {
            // The next start puts it back.
            tracing::warn!(%error, "a composed job stays composed");
        }
    }
}
