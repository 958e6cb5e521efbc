//! The scheduler: decides what the station does next, and does nothing itself. It is told things ([`Input`]) and wants things
//! done ([`Action`]). Pure: no ledger, no printer, no channel, no thread and no clock; whoever turns it ([`super::Station`])
//! carries the actions out in their order and tells what came of them.
//!
//! **The story of one card.** Every arrow that moves a card is an intent in the ledger, written and synced before:
//!
//! ```text
//! Idle ─▶ IntentToEncode ─▶ Encoding ─▶ Encoded ─▶ OpeningJob ─▶ JobOpened ─▶ IntentToPrint ─▶ Printing
//!   └──────────────────────────────────────────────────┘             Idle ◀─ Settling ◀──────────────────┘
//! (a printer that keeps no log of its jobs opens none)
//! Idle ─▶ IntentToRecover ─▶ Recovering ─▶ Idle                  for a card that nobody saw, see `recovery.rs`
//! ```
//!
//! **A turn** ([`Input::Tick`]) walks the tasks in one order ([`Task`]): what an earlier life left, what is known and not yet
//! written, the encoded card that waits inside, the clock, cards in doubt, the next card, printing it, the card behind it,
//! inspections. It stops at the first question and goes on with the answer; a failure of the ledger ends it, and the next
//! turn begins anew.
//!
//! **One question at a time, one order at a time.** While a question to the ledger is open, other inputs wait in order. An
//! answer or a report that was not asked for (late, or told twice) changes nothing; one that contradicts what was asked
//! for stops the program ([`Fault`]), since going on could move a second card.

mod cards;
mod clock;
mod in_doubt;
mod lines;
mod machine;
mod observations;
mod operator;
mod queue;
mod recovery;
mod startup;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use drivers::text::Text;
use jiff::Timestamp;

pub use cards::{Card, InFlight, Origin, Phase, Recovery, WaitingCard};
pub use in_doubt::{UnsureJob, last_intent};
pub use machine::{DeviceCommand, DeviceReport, LoggedJob, Polled};
pub use operator::{Look, OperatorCommand, Unsettled};
pub use queue::Preparation;
pub use startup::{Leftover, Leftovers};

use crate::event::Event;
use crate::job::JobId;
use crate::ledger::{JobRecord, LedgerError, words_of_failing, words_of_gone};
use crate::queue::Moment;
use clock::ClockMonitor;
use in_doubt::{InDoubt, Kept};
use machine::{Backoff, Machine};
use observations::Observations;
use queue::Queue;
use recovery::Judged;

/// What time it is, as the scheduler is told with every input.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// By the steady clock: every duration is of it.
    pub steady: Duration,
    /// By the clock on the wall, which people set.
    pub wall: Timestamp,
}

/// What the scheduler is told.
#[derive(Debug)]
pub enum Input {
    /// Do everything that can be done now.
    Tick {
        /// HTTP requests under way that bring a job: inspections that were put off wait for them.
        inflight_requests: usize,
    },
    /// Is the clock on the wall in doubt since the start? Then no card is begun.
    ClockInDoubt(bool),
    /// Ask the printer how it is, whether or not that is due.
    Poll,
    /// There may be something new in the ledger.
    Wake,
    /// Products, office or keys were defined anew; with the products whose cards need the reader.
    Redefined(Vec<String>),
    /// Finish the card that is moving, put the rest back, end.
    Stop,
    /// An operator asks for a move.
    Operator {
        /// Comes back with the answer.
        asker: Asker,
        /// What is asked for.
        command: OperatorCommand,
    },
    /// The printer's thread carried out a command.
    Device {
        /// Which one.
        order: OrderNo,
        /// What came of it.
        report: Box<DeviceReport>,
    },
    /// What came of a question.
    Answer {
        /// Which one.
        question: QuestionNo,
        /// The answer.
        answer: Answer,
    },
    /// A thread that the station cannot do without has ended.
    Died(&'static str),
}

/// What the scheduler wants done, in this order.
#[derive(Debug)]
pub enum Action {
    /// Answer this with [`Input::Answer`], and tell nothing else before.
    Ask(QuestionNo, Question),
    /// Give this to the printer's thread; its report comes as [`Input::Device`].
    Order(OrderNo, DeviceCommand),
    /// The prepared card of this job is not printed: its buffers may be used again.
    Discard(JobId),
    /// Tell an operator; with the job as it stands now.
    Reply(Asker, Result<JobId, Unsettled>),
    /// Count a card, for outsiders.
    Count(Counted),
    /// All that was to be finished is finished.
    End,
    /// Stop the program: what was told contradicts what was asked for.
    Halt(Fault),
}

/// What is asked of whoever reaches the ledger.
#[derive(Debug)]
pub enum Question {
    /// Write this down, sync it, then say so.
    Append {
        /// Whose line; `None`: it is about the station.
        job: Option<JobId>,
        /// What happened.
        event: Box<Event>,
    },
    /// What did an earlier life leave unfinished?
    Leftovers,
    /// Has this printer moved cards of which the ledger knows nothing? If so, hold whatever could print.
    Account {
        /// Its serial number.
        serial: String,
        /// Cards that ever entered its head, by its own word.
        counted: u64,
    },
    /// Which jobs are unsure, and what was written of them since their last intent?
    InDoubt,
    /// Which products must wait for a person?
    Suspended,
    /// How does this job stand?
    Job(JobId),
    /// Claim the oldest waiting job, but none of these products, and prepare its card.
    Prepare {
        /// Products that are passed over.
        excluding: Vec<String>,
        /// When it is.
        moment: Moment,
    },
    /// Put a job back that was claimed and of which nothing more could be written.
    PutUnfinishedBack,
    /// Inspect the oldest job whose inspection was put off.
    Inspect,
}

/// What came of a question.
#[derive(Debug)]
pub enum Answer {
    /// To [`Question::Append`] and [`Question::PutUnfinishedBack`]: it is synced.
    Written(Result<(), LedgerError>),
    /// To [`Question::Leftovers`].
    Leftovers(Result<Leftovers, LedgerError>),
    /// To [`Question::Account`]: so many.
    Accounted(Result<u64, LedgerError>),
    /// To [`Question::InDoubt`].
    InDoubt(Result<Vec<UnsureJob>, LedgerError>),
    /// To [`Question::Suspended`].
    Suspended(Result<Vec<String>, LedgerError>),
    /// To [`Question::Job`].
    Job(Result<Box<JobRecord>, LedgerError>),
    /// To [`Question::Prepare`].
    Prepared(Result<Preparation, LedgerError>),
    /// To [`Question::Inspect`]: was there one?
    Inspected(Result<bool, LedgerError>),
}

/// Names a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuestionNo(u64);

/// Names an order to the printer's thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderNo(u64);

/// Names an operator who waits for an answer.
pub type Asker = u64;

/// What is counted for outsiders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// A card came out, so long after its intent.
    CardOut {
        /// Of this product.
        product: String,
        /// Since the intent.
        took: Duration,
    },
    /// A card was written and read back, so long after its intent.
    Encoded(Duration),
}

/// Why the program must stop rather than go on: after each of these, going on could move a second card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The printer's thread reported something else than it was ordered to do, or about another job.
    #[error("the printer's thread reported on another order than the one that was given")]
    OtherReport,
    /// A report came for a card that is not where the report says.
    #[error("a card was reported in a phase that has none")]
    OtherPhase,
    /// An order was about to be given while another was still being carried out.
    #[error("an order was to be given while the printer still carries out another")]
    SecondOrder,
    /// A question was about to be asked while another was still open.
    #[error("a question was to be asked while another was still open")]
    SecondQuestion,
    /// An answer does not fit its question.
    #[error("the answer to another question came")]
    OtherAnswer,
    /// The prepared card of the job in hand is not there.
    #[error("the prepared card of the job in hand is gone")]
    CardMissing,
    /// A thread ended that the station cannot do without.
    #[error("the {0} thread has ended")]
    ThreadEnded(&'static str),
}

/// What a turn is at.
#[derive(Debug, Clone)]
enum Task {
    /// What an earlier life left is written down as such.
    Leftovers,
    /// The printer's counter is held against the ledger, before anything of it is written there.
    Account,
    /// What became of the last card is written down. Until it is, nothing else moves.
    Settle,
    /// An encoded card is printed, whatever else there is to do: it must not wait inside. So is one for which the machine
    /// has opened a job.
    PrintOpened,
    /// A jump of the clock on the wall is written down.
    Clock,
    /// What was noticed of the devices is written down.
    Observe,
    /// Cards that nobody saw; from this one on, by what the machine said.
    Recover(Option<(usize, crate::evidence::Facts)>),
    /// The next card is prepared.
    Prepare,
    /// It is printed.
    Print,
    /// The card after it is prepared while its chip is written, not when the next message comes.
    PrepareAnother,
    /// A job whose inspection was put off is inspected.
    Inspect,
    /// What there is to tell is told.
    Finish,
    /// The station ends: what is not printed is put back.
    PutUnfinishedBack,
    /// And the prepared card.
    PutNextBack,
}

/// A turn under way.
#[derive(Debug)]
struct Turn {
    task: Task,
    /// No card in doubt is in the way of the next one.
    free: bool,
    inflight_requests: usize,
    /// The queue was asked, and nothing waits that could be prepared.
    nothing_waits: bool,
    failed: Option<LedgerError>,
}

/// How to go on with an answer.
#[derive(Debug)]
enum Then {
    Leftovers,
    LeftoverWritten { is_hold: bool },
    Settled,
    ChipGood,
    Intent,
    ClockNoted(clock::Jump),
    Accounted(String),
    Observed(Box<Event>),
    InDoubt,
    Judged(Box<Judged>),
    RecoveryIntent,
    InDoubtSettled(recovery::Settlement),
    HeldAfterSettling(Option<(Asker, JobId)>),
    LeftToAPerson(Box<recovery::Left>),
    Suspended,
    Requeued,
    Prepared,
    Inspected,
    FailureNoted,
    UnfinishedPutBack,
    NextPutBack,
    Operator(Box<operator::Asking>),
}

/// Decides; see the head of this file.
pub struct Scheduler {
    now: Now,
    phase: Phase,
    machine: Machine,
    queue: Queue,
    /// Jobs whose card nobody saw; `None`: to be read from the ledger.
    in_doubt: Option<Vec<InDoubt>>,
    /// What only this life knows of the cards in doubt, while `in_doubt` is read anew.
    kept: BTreeMap<JobId, Kept>,
    clock: ClockMonitor,
    observations: Observations,
    /// Serial numbers of the printers whose counter was held against the ledger in this life.
    accounted: BTreeSet<String>,
    /// What an earlier life left and is still to be written down; `None`: it is to be read.
    leftovers: Option<VecDeque<Leftover>>,
    /// After a card that could not be begun.
    backoff: Option<Backoff>,
    /// What keeps the station itself from working.
    own_trouble: Option<Text>,
    stopping: bool,
    turn: Option<Turn>,
    talk: Talk,
}

/// The conversation with whoever carries the actions out.
#[derive(Default)]
struct Talk {
    questions: u64,
    orders: u64,
    /// The open question.
    open: Option<(QuestionNo, Then)>,
    /// What came while it was open.
    backlog: VecDeque<Input>,
    actions: Vec<Action>,
    halted: bool,
}

impl Scheduler {
    /// Knows nothing yet; the first tick reads what an earlier life left. `has_printer`: is one configured?
    /// `with_chip`: the products whose cards need the reader.
    pub fn new(now: Now, has_printer: bool, with_chip: Vec<String>) -> Scheduler {
        Scheduler {
            now,
            phase: Phase::Idle,
            machine: Machine::new(has_printer, now.steady),
            queue: Queue::new(with_chip, now.steady),
            in_doubt: None,
            kept: BTreeMap::new(),
            clock: ClockMonitor::new(now),
            observations: Observations::default(),
            accounted: BTreeSet::new(),
            leftovers: None,
            backoff: None,
            own_trouble: None,
            stopping: false,
            turn: None,
            talk: Talk::default(),
        }
    }

    /// What is to be done, now that this is known.
    pub fn step(&mut self, input: Input, now: Now) -> Vec<Action> {
        self.now = now;
        if self.talk.halted {
            return Vec::new();
        }
        match input {
            Input::Died(thread) => self.halt(Fault::ThreadEnded(thread)),
            Input::Answer { question, answer } => self.on_answer(question, answer),
            other if self.talk.open.is_some() => self.talk.backlog.push_back(other),
            other => self.accept(other),
        }
        self.run();
        std::mem::take(&mut self.talk.actions)
    }

    /// How long there is nothing to do but to hear messages.
    pub fn patience(&self, now: Now, inflight_requests: usize) -> Duration {
        let quiet = self.until_next_poll(now.steady);
        match (self.queue.more_to_inspect, inflight_requests) {
            (true, 0) => Duration::ZERO,
            (true, _) => quiet.min(queue::INSPECT_INTERVAL),
            (false, _) => quiet,
        }
    }

    fn accept(&mut self, input: Input) {
        match input {
            Input::Tick { inflight_requests } => {
                self.poll_when_due();
                self.turn = Some(Turn {
                    task: Task::Leftovers,
                    free: true,
                    inflight_requests,
                    nothing_waits: false,
                    failed: None,
                });
            }
            Input::ClockInDoubt(is_in_doubt) => self.clock.is_in_doubt = is_in_doubt,
            Input::Poll => self.poll(),
            Input::Wake => self.queue.more_to_inspect = true,
            Input::Redefined(with_chip) => self.on_redefined(with_chip),
            Input::Stop => self.stopping = true,
            Input::Operator { asker, command } => self.on_command(asker, command),
            Input::Device { order, report } => self.on_report(order, *report),
            // Both are taken before anything is put off.
            Input::Answer { .. } | Input::Died(_) => {}
        }
    }

    /// Goes on until there is a question, or nothing to do.
    fn run(&mut self) {
        while self.talk.open.is_none() && !self.talk.halted {
            if self.turn.is_some() {
                self.proceed();
            } else if let Some(input) = self.talk.backlog.pop_front() {
                self.accept(input);
            } else {
                return;
            }
        }
    }

    /// One task of the turn, up to its next question.
    fn proceed(&mut self) {
        let Some(turn) = &self.turn else { return };
        match turn.task.clone() {
            Task::Leftovers => self.write_leftovers(),
            Task::Account => self.account_for_cards(),
            Task::Settle => self.settle(),
            Task::PrintOpened => self.print_opened(),
            Task::Clock => self.watch_clock(),
            Task::Observe => self.write_observation(),
            Task::Recover(at) => self.recover(at),
            Task::Prepare => self.prepare(Task::Print),
            Task::Print => self.print_next(),
            Task::PrepareAnother if self.at_work() => self.prepare(Task::Inspect),
            Task::PrepareAnother => self.next_task(Task::Inspect),
            Task::Inspect => self.inspect(),
            Task::Finish => self.finish(),
            Task::PutUnfinishedBack => {
                self.ask(Question::PutUnfinishedBack, Then::UnfinishedPutBack);
            }
            Task::PutNextBack => self.put_next_back(),
        }
    }

    fn next_task(&mut self, task: Task) {
        if let Some(turn) = &mut self.turn {
            turn.task = task;
        }
    }

    /// The turn has met a failure of the ledger: what is left of it is tried in the next one, after a pause.
    fn fail(&mut self, error: LedgerError) {
        self.queue.more_to_inspect = false;
        if let Some(turn) = &mut self.turn {
            (turn.task, turn.failed) = (Task::Finish, Some(error));
        }
    }

    /// What keeps the station from working is known; whether it ends, too.
    fn finish(&mut self) {
        let failed = self.turn.as_mut().and_then(|turn| turn.failed.take());
        let trouble = failed.map(|error| {
            let words = match &error {
                LedgerError::Gone(gone) => words_of_gone(gone),
                other => words_of_failing(&other.to_string()),
            };
            if self.own_trouble.as_ref() != Some(&words) {
                tracing::error!(%error, "the station cannot go on");
            }
            words
        });
        if trouble.is_none() && self.own_trouble.is_some() {
            tracing::info!("the station goes on");
        }
        self.own_trouble = trouble;
        // A card that waits inside for a ledger that cannot be written is found there at the next start.
        let waits = matches!(self.phase, Phase::Encoded(_) | Phase::JobOpened(..));
        if self.stopping && (!self.at_work() || waits) {
            self.next_task(Task::PutUnfinishedBack);
        } else {
            self.turn = None;
        }
    }

    fn on_answer(&mut self, question: QuestionNo, answer: Answer) {
        match self.talk.open.take_if(|(open, _)| *open == question) {
            Some((_, then)) => self.go_on(then, answer),
            None => tracing::debug!("an answer to a question that is not open"),
        }
    }

    fn go_on(&mut self, then: Then, answer: Answer) {
        if matches!(answer, Answer::Written(Err(_))) {
            // It may stand there all the same, and have released a product.
            self.queue.suspended = None;
        }
        match (then, answer) {
            (Then::Leftovers, Answer::Leftovers(read)) => self.on_leftovers(read),
            (Then::LeftoverWritten { is_hold }, Answer::Written(done)) => {
                self.on_leftover_written(is_hold, done);
            }
            (Then::Settled, Answer::Written(done)) => self.on_settled(done),
            (Then::ChipGood, Answer::Written(done)) => self.on_chip_good(done),
            (Then::Intent, Answer::Written(done)) => self.on_intent(done),
            (Then::ClockNoted(jump), Answer::Written(done)) => self.on_clock_noted(jump, done),
            (Then::InDoubt, Answer::InDoubt(read)) => {
                if let Err(error) = self.on_in_doubt(read) {
                    self.fail(error);
                }
            }
            (Then::Accounted(serial), Answer::Accounted(done)) => self.on_accounted(serial, done),
            (Then::Observed(event), Answer::Written(done)) => {
                self.on_observation_written(&event, done);
            }
            (Then::Judged(judged), Answer::Written(done)) => self.on_observed(*judged, done),
            (Then::RecoveryIntent, Answer::Written(done)) => self.on_recovery_intent(done),
            (Then::InDoubtSettled(settled), Answer::Written(done)) => {
                self.on_in_doubt_settled(settled, done);
            }
            (Then::HeldAfterSettling(asker), Answer::Written(done)) => {
                self.on_held_after_settling(asker, done);
            }
            (Then::LeftToAPerson(left), Answer::Written(done)) => {
                self.on_left_to_a_person(*left, done);
            }
            (Then::Suspended, Answer::Suspended(read)) => self.on_suspended(read),
            (Then::Requeued, Answer::Written(done)) => self.on_requeued(done),
            (Then::Prepared, Answer::Prepared(prepared)) => self.on_prepared(prepared),
            (Then::Inspected, Answer::Inspected(inspected)) => self.on_inspected(inspected),
            // Only told: what holds is what the machine says next.
            (Then::FailureNoted, Answer::Written(_)) => self.poll(),
            (Then::UnfinishedPutBack, Answer::Written(done)) => self.on_unfinished_put_back(done),
            (Then::NextPutBack, Answer::Written(done)) => self.on_next_put_back(done),
            (Then::Operator(asking), answer) => self.on_operator_answer(*asking, answer),
            _ => self.halt(Fault::OtherAnswer),
        }
    }

    fn ask(&mut self, question: Question, then: Then) {
        if self.talk.open.is_some() {
            return self.halt(Fault::SecondQuestion);
        }
        self.talk.questions += 1;
        let number = QuestionNo(self.talk.questions);
        self.talk.open = Some((number, then));
        self.talk.actions.push(Action::Ask(number, question));
    }

    /// Writes down something about a job.
    fn append(&mut self, job: &JobId, event: Event, then: Then) {
        self.observations.follow(&event);
        self.ask(Question::Append { job: Some(job.clone()), event: Box::new(event) }, then);
    }

    /// Whatever its intent is, it is in the ledger.
    fn order(&mut self, command: DeviceCommand) {
        if self.machine.outstanding.is_some() {
            return self.halt(Fault::SecondOrder);
        }
        self.talk.orders += 1;
        let number = OrderNo(self.talk.orders);
        self.machine.outstanding = Some((number, command.clone()));
        self.talk.actions.push(Action::Order(number, command));
    }

    fn act(&mut self, action: Action) {
        self.talk.actions.push(action);
    }

    /// Nothing more is decided: the next start finds out what became of the card.
    fn halt(&mut self, fault: Fault) {
        self.talk.halted = true;
        // No order that was about to be given is given.
        self.talk.actions.retain(|action| !matches!(action, Action::Order(..)));
        self.act(Action::Halt(fault));
    }

    /// When it is, for whatever has a limit in days.
    fn moment(&self) -> Moment {
        Moment { now: self.now.wall, doubtful: self.clock.is_doubtful }
    }

    /// The printer carries out an order that may move a card.
    pub(super) fn at_work(&self) -> bool {
        self.phase.is_at_work()
    }

    fn is_backing_off(&self) -> bool {
        self.backoff.is_some_and(|backoff| backoff.until > self.now.steady)
    }

    fn back_off(&mut self) {
        self.backoff = Some(Backoff::longer(self.backoff, self.now.steady));
    }
}

/// What there is to tell of the station.
pub(super) struct View<'a> {
    pub phase: &'a Phase,
    pub machine: &'a Machine,
    pub queue: &'a Queue,
    pub own_trouble: Option<&'a Text>,
    pub clock_is_doubtful: bool,
}

impl Scheduler {
    /// How the station is.
    pub(super) fn view(&self) -> View<'_> {
        View {
            phase: &self.phase,
            machine: &self.machine,
            queue: &self.queue,
            own_trouble: self.own_trouble.as_ref(),
            clock_is_doubtful: self.clock.is_doubtful,
        }
    }
}
