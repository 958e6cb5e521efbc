//! The runner: tells the scheduler what happens and carries out what it wants, in its order. Decides nothing. It has a
//! thread of its own, or is turned by hand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use drivers::contract::Prepress;
use tokio::sync::watch;

use super::device::{DeviceStatus, Order, Report, trace_status};
use super::handle::{Asked, Handle, Message, Reply};
use super::preparer::Preparer;
use super::scheduler::{
    Action, Answer, Asker, Counted, DeviceCommand, DeviceReport, Fault, Input, Now, OrderNo,
    Polled, Preparation, Question, Scheduler, Unsettled,
};
use super::{Parts, answers, status};
use crate::clock::{Clock, ClockTrust};
use crate::heartbeat::HeartbeatGuard;
use crate::job::JobId;
use crate::ledger::{JobRecord, Ledger};
use crate::queue;
use crate::report::{Metrics, PrinterState, ProductLabel, Snapshot};

/// Messages that are heard in one turn: whoever floods the station must not keep it from its printer.
const HEARD_AT_ONCE: usize = 1000;
/// What one action may take: a write on the slowest disk, or a card with the largest photo on the slowest machine.
const ACTION_LIMIT: Duration = Duration::from_secs(300);

/// Carries jobs from the queue to the printer. See the head of this folder.
pub struct Station {
    scheduler: Scheduler,
    ledger: Ledger,
    preparer: Preparer,
    messages: Receiver<Message>,
    device: Option<Sender<Order>>,
    /// How cards are prepared for the printer, once it has said who it is.
    prepress: Option<Box<dyn Prepress>>,
    clock: Clock,
    clock_trust: ClockTrust,
    /// The scheduler was told that the clock is not believed.
    was_in_doubt: bool,
    metrics: Metrics,
    snapshot: watch::Sender<Snapshot>,
    inflight_requests: Arc<AtomicUsize>,
    /// Given to the printer's thread, which answers in this order.
    orders: VecDeque<OrderNo>,
    askers: Asker,
    replies: BTreeMap<Asker, Reply>,
    /// How long it had waited for its ledger after its last turn.
    waited: Duration,
    pulse: HeartbeatGuard,
    end: Option<End>,
}

/// How the station ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// As it was told to.
    Finished,
    /// It must not go on.
    Halted,
}

impl Station {
    /// Puts a station together; nothing moves before its first turn. `orders`: how it reaches its printer; `None`: none
    /// is configured. `pulse`: how others know that it does not stand still.
    pub fn new(
        parts: Parts,
        orders: Option<Sender<Order>>,
        pulse: HeartbeatGuard,
    ) -> (Station, Handle) {
        let Parts { name, ledger, renderer, clock, clock_trust, metrics } = parts;
        let (inbox, messages) = mpsc::channel();
        let first = Snapshot {
            station: name,
            version: env!("CARGO_PKG_VERSION"),
            state: PrinterState::Stopped,
            state_reasons: vec![],
            printer: None,
            encoder: None,
            printing: None,
            specimen: renderer.specimen(),
            cards_out: 0,
        };
        let (snapshot, seen) = watch::channel(first);
        let inflight_requests = Arc::new(AtomicUsize::new(0));
        let preparer = Preparer::new(renderer, ledger.clone(), clock.clone(), metrics.clone());
        let now = Now { steady: clock.steady(), wall: clock.now() };
        let station = Station {
            scheduler: Scheduler::new(now, orders.is_some(), preparer.with_chip()),
            ledger,
            preparer,
            messages,
            device: orders,
            prepress: None,
            clock,
            clock_trust,
            was_in_doubt: false,
            metrics,
            snapshot,
            inflight_requests: inflight_requests.clone(),
            orders: VecDeque::new(),
            askers: 0,
            replies: BTreeMap::new(),
            waited: Duration::ZERO,
            pulse,
            end: None,
        };
        (station, Handle { inbox, snapshot: seen, inflight_requests })
    }

    /// Turns until it is told to stop and no card is moving.
    pub(super) fn run(mut self) {
        self.poll();
        while self.turn() {
            self.pulse.waits();
            let heard = self.messages.recv_timeout(self.patience());
            self.pulse.works(ACTION_LIMIT);
            match heard {
                Ok(message) => self.on_message(message),
                // What is due then is done in the next turn.
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // A station that must not go on has not finished.
        if self.end != Some(End::Halted) {
            self.pulse.finish();
        }
    }

    /// Does everything that can be done without waiting, and tells how the station is. False: it has ended.
    pub fn turn(&mut self) -> bool {
        // A burst of messages is one reason to look at the ledger, not a thousand.
        for _ in 0..HEARD_AT_ONCE {
            let Ok(message) = self.messages.try_recv() else { break };
            self.on_message(message);
        }
        let doubt = self.clock_trust.doubt();
        if doubt.is_some() != self.was_in_doubt {
            self.was_in_doubt = doubt.is_some();
            self.step(Input::ClockInDoubt(self.was_in_doubt));
        }
        let inflight_requests = self.inflight_requests.load(Ordering::Relaxed);
        self.step(Input::Tick { inflight_requests });
        let waited = self.ledger.waited();
        let more = waited.saturating_sub(std::mem::replace(&mut self.waited, waited));
        self.metrics.ledger_wait_seconds.inc_by(more.as_secs_f64());
        status::publish(&self.scheduler.view(), doubt, &self.ledger, &self.snapshot);
        self.end.is_none()
    }

    /// How long to wait for a message before the next turn.
    pub fn patience(&self) -> Duration {
        self.scheduler.patience(self.now(), self.inflight_requests.load(Ordering::Relaxed))
    }

    /// Asks the machine how it is, unless it is asked already or at work.
    pub fn poll(&mut self) {
        self.step(Input::Poll);
    }

    fn now(&self) -> Now {
        Now { steady: self.clock.steady(), wall: self.clock.now() }
    }

    /// Tells the scheduler, and carries out all that follows.
    fn step(&mut self, input: Input) {
        let mut actions = VecDeque::from(self.scheduler.step(input, self.now()));
        while self.end.is_none()
            && let Some(action) = actions.pop_front()
        {
            self.pulse.works(ACTION_LIMIT);
            if let Some(result) = self.carry_out(action) {
                actions.extend(self.scheduler.step(result, self.now()));
            }
        }
    }

    /// What came of it, if that is known at once.
    fn carry_out(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Ask(question, what) => {
                let answer = self.answer(what);
                return Some(Input::Answer { question, answer });
            }
            Action::Order(number, command) => return self.order(number, command),
            Action::Discard(job) => self.preparer.discard(&job),
            Action::Reply(asker, answer) => self.reply(asker, answer),
            Action::Count(counted) => self.count(counted),
            Action::End => self.end = Some(End::Finished),
            Action::Halt(fault) => self.halt(fault),
        }
        None
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Append { job, event } => {
                Answer::Written(answers::append(&self.ledger, job.as_ref(), *event))
            }
            Question::Leftovers => {
                let put_back = self.preparer.put_unfinished_back();
                Answer::Leftovers(put_back.and_then(|()| answers::leftovers(&self.ledger)))
            }
            Question::Account { serial, counted } => {
                Answer::Accounted(self.ledger.account_for_cards(&serial, counted).wait())
            }
            Question::InDoubt => Answer::InDoubt(answers::in_doubt(&self.ledger)),
            Question::Suspended => {
                let with_chip = self.preparer.with_chip();
                Answer::Suspended(queue::suspended(&self.ledger, &with_chip))
            }
            Question::Job(job) => Answer::Job(self.ledger.job(&job).map(Box::new)),
            Question::Prepare { excluding, moment } => Answer::Prepared(match &self.prepress {
                Some(prepress) => self.preparer.prepare_next(prepress.as_ref(), &excluding, moment),
                None => Ok(Preparation::Nothing),
            }),
            Question::PutUnfinishedBack => Answer::Written(self.preparer.put_unfinished_back()),
            Question::Inspect => Answer::Inspected(self.preparer.inspect_oldest()),
        }
    }

    fn order(&mut self, number: OrderNo, command: DeviceCommand) -> Option<Input> {
        let order = match command {
            DeviceCommand::Poll(jobs) => Some(Order::Poll(jobs)),
            DeviceCommand::OpenJob => Some(Order::OpenJob),
            DeviceCommand::Encode(job) => {
                let work = self.preparer.take_encoding(&job);
                work.map(|work| Order::Encode(job, work))
            }
            DeviceCommand::Print(job, ticket) => {
                let card = self.preparer.take_card(&job);
                card.map(|card| Order::Print(job, ticket, card))
            }
            DeviceCommand::AbortOrphanedJob(job) => Some(Order::AbortOrphanedJob(job)),
            DeviceCommand::Reject(job) => Some(Order::Reject(job)),
        };
        let Some(order) = order else {
            self.halt(Fault::CardMissing);
            return None;
        };
        self.orders.push_back(number);
        let is_given = self.device.as_ref().is_some_and(|device| device.send(order).is_ok());
        (!is_given).then_some(Input::Died("printer"))
    }

    fn reply(&mut self, asker: Asker, answer: Result<JobId, Unsettled>) {
        let answer: Result<JobRecord, Unsettled> =
            answer.and_then(|job| Ok(self.ledger.job(&job)?));
        if let Some(reply) = self.replies.remove(&asker) {
            // The asker may have gone; what was asked is done all the same.
            drop(reply.send(answer));
        }
    }

    fn count(&mut self, counted: Counted) {
        match counted {
            Counted::CardOut { product, took } => {
                self.metrics.cards_out.get_or_create(&ProductLabel { product }).inc();
                self.metrics.card_seconds.observe(took.as_secs_f64());
                self.snapshot.send_modify(|snapshot| snapshot.cards_out += 1);
            }
            Counted::Encoded(took) => self.metrics.encode_seconds.observe(took.as_secs_f64()),
        }
    }

    /// No card is moved any more: the next start finds out what became of the one in hand.
    fn halt(&mut self, fault: Fault) {
        tracing::error!(%fault, "the station stops at once, so that no second card comes out; please report it");
        self.end = Some(End::Halted);
    }

    fn on_message(&mut self, message: Message) {
        match message {
            Message::Wake => self.step(Input::Wake),
            Message::Stop => self.step(Input::Stop),
            Message::Operator(Asked { command, reply }) => {
                self.askers += 1;
                self.replies.insert(self.askers, reply);
                self.step(Input::Operator { asker: self.askers, command });
            }
            Message::Device(report) => self.on_report(*report),
            Message::Redefine(renderer, _holds) => {
                let specimen = renderer.specimen();
                self.preparer.redefine(renderer);
                self.snapshot.send_modify(|snapshot| snapshot.specimen = specimen);
                self.step(Input::Redefined(self.preparer.with_chip()));
            }
        }
    }

    fn on_report(&mut self, report: Report) {
        let report = match report {
            Report::Polled(polled) => DeviceReport::Polled(polled.map(|told| {
                let DeviceStatus { status, prepress, reader, keeps_log, logged } = told;
                trace_status(&status);
                self.prepress = Some(prepress);
                Polled { status, reader, keeps_log, logged }
            })),
            Report::JobOpened(opened) => DeviceReport::JobOpened(opened),
            Report::Encoded(job, result) => DeviceReport::Encoded(job, result),
            Report::Printed(job, result, card) => {
                self.preparer.take_back(card);
                DeviceReport::Printed(job, result)
            }
            Report::Aborted(job, result) => DeviceReport::Aborted(job, result),
            Report::Rejected(job, result) => DeviceReport::Rejected(job, result),
        };
        let Some(order) = self.orders.pop_front() else {
            return tracing::debug!("a report that nobody ordered");
        };
        self.step(Input::Device { order, report: Box::new(report) });
    }
}
