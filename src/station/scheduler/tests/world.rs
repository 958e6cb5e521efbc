//! Around the scheduler: a ledger that is a list, a printer that is a few counters, hands and an honest person. Everything is
//! drawn from the numbers of one case.

mod ledger;
mod log;
mod machine;
mod people;

use std::collections::BTreeMap;
use std::time::Duration;

use drivers::contract::PrinterStatus;
use jiff::Timestamp;

use crate::actor::Actor;
use crate::event::{Event, JobState};
use crate::job::JobId;
use crate::lifecycle::{Move, State};
use crate::station::scheduler::*;
use machine::{Machine, card_out, encoded, polled};

const JOBS: usize = 4;
const SERIAL: &str = "A1";
const PLAIN: &str = "plain";
const WITH_CHIP: &str = "chip";

/// A fault of the program, made on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// An intent is said to be synced and is not: it is lost in a power cut.
    IntentNotSynced,
    /// A poll is answered with what the machine said before the last order.
    StalePoll,
    /// What was noted of hands is forgotten over a power cut.
    ForgetsDisturbance,
    /// A machine that was switched off is not known to have been.
    ForgetsRestart,
    /// What was heard wrongly once is taken for heard twice.
    HeardOnce,
    /// A card is printed under another ticket than the one that stands in its intent.
    OtherTicket,
}

impl Sabotage {
    /// Those that a printer of this kind shows.
    pub fn all(kind: Kind) -> &'static [Sabotage] {
        match kind {
            Kind::Counts => &[
                Self::IntentNotSynced,
                Self::StalePoll,
                Self::ForgetsDisturbance,
                Self::ForgetsRestart,
                Self::HeardOnce,
            ],
            Kind::KeepsLog => &[Self::IntentNotSynced, Self::HeardOnce, Self::OtherTicket],
        }
    }
}

/// What the printer tells of cards that nobody saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It counts cards and ribbon.
    Counts,
    /// It counts neither, and keeps a log of its jobs.
    KeepsLog,
}

/// What was true of a job, whatever anybody says.
#[derive(Debug, Clone, Default)]
struct Truth {
    good: u32,
    spoiled: u32,
    accounted: u32,
    /// Orders since evidence said that there is no card.
    prints: u32,
    encodes: u32,
    /// It was written down that hands may have been in the machine.
    disturbed: bool,
    /// The scheduler has seen in this life that hands may have been in the machine.
    seen: bool,
    /// The machine had said that the card is out.
    said_out: bool,
    /// A card of it went away while perhaps nobody watched: by the figures it may be a good one.
    taken: bool,
}

#[derive(Debug)]
struct Line {
    job: Option<JobId>,
    event: Event,
    is_synced: bool,
}

pub struct World {
    scheduler: Scheduler,
    sabotage: Sabotage,
    steady: Duration,
    lines: Vec<Line>,
    jobs: BTreeMap<JobId, JobState>,
    ids: Vec<JobId>,
    machine: Machine,
    before_order: PrinterStatus,
    truth: BTreeMap<JobId, Truth>,
    question: Option<(QuestionNo, Question)>,
    order: Option<(OrderNo, DeviceCommand)>,
    old_orders: Vec<(OrderNo, DeviceCommand)>,
    old_question: Option<QuestionNo>,
    /// The next answer of the machine is garbled; the one after it never is.
    garbles: bool,
    has_garbled: bool,
    is_calm: bool,
    ended: bool,
    replies: Vec<Result<JobId, Unsettled>>,
    told: Vec<String>,
}

impl World {
    pub fn new(kind: Kind, sabotage: Sabotage) -> World {
        let ids: Vec<JobId> = (0..JOBS).map(|_| JobId::new()).collect();
        let machine = Machine::new(kind);
        let truth = ids.iter().map(|job| (job.clone(), Truth::default())).collect();
        let mut world = World {
            scheduler: new_scheduler(Duration::ZERO),
            sabotage,
            steady: Duration::ZERO,
            lines: Vec::new(),
            jobs: BTreeMap::new(),
            before_order: machine.status(),
            ids,
            machine,
            truth,
            question: None,
            order: None,
            old_orders: Vec::new(),
            old_question: None,
            garbles: false,
            has_garbled: false,
            is_calm: false,
            ended: false,
            replies: Vec::new(),
            told: Vec::new(),
        };
        for job in world.ids.clone() {
            let queued = Event::Queue { findings: Vec::new() };
            world.write(Some(job), queued).expect("it was received");
        }
        world
    }

    /// Something happens.
    pub fn step(&mut self, what: u8, how: u8) -> Result<(), String> {
        self.told.push(format!("{what} {how}: {:?}", self.scheduler.phase));
        match what % 16 {
            0..=4 => self.go_on(how),
            5..=7 => self.tick(how),
            8 => self.hands(how),
            9 => self.say_again(how),
            10 if how < 90 => self.power_cut(how),
            11 => self.person(how),
            12 => self.pass_and_tick(u64::from(how % 3) * 2000),
            13 => {
                let job = self.ids[usize::from(how) % JOBS].clone();
                let by = Actor::local("op");
                let command = match how % 8 {
                    0 if how < 64 => OperatorCommand::Cancel { job, by },
                    _ => OperatorCommand::Release { job, by },
                };
                self.tell(Input::Operator { asker: 1, command })
            }
            14 if how < 20 => self.tell(Input::Stop),
            14 if how >= 230 => self.tell(Input::Redefined(vec![WITH_CHIP.to_owned()])),
            _ => self.go_on(how),
        }
    }

    /// All goes well until the machine is given such an order.
    pub fn until_ordered(&mut self, is_it: fn(&DeviceCommand) -> bool) -> Result<(), String> {
        for _ in 0..300 {
            let is_ordered = self.order.as_ref().is_some_and(|(_, command)| is_it(command));
            if is_ordered && self.question.is_none() {
                return Ok(());
            }
            match (&self.question, &self.order) {
                (None, None) => self.pass_and_tick(500)?,
                _ => self.go_on_once(CALM)?,
            }
        }
        self.broken("it is never ordered")
    }

    /// All goes well until the intent to print a card is on its way to the disk.
    pub fn until_intent_to_print(&mut self) -> Result<(), String> {
        for _ in 0..300 {
            if matches!(self.scheduler.phase, Phase::IntentToPrint(..)) {
                return Ok(());
            }
            match (&self.question, &self.order) {
                (None, None) => self.pass_and_tick(500)?,
                _ => self.go_on_once(CALM)?,
            }
        }
        self.broken("no card is to be printed")
    }

    /// Nothing more goes wrong, and a person answers. Everything must come to an end, and be true.
    pub fn calm(&mut self) -> Result<(), String> {
        if self.sabotage == Sabotage::IntentNotSynced {
            self.power_cut(0)?;
        }
        self.machine.unplugged = false;
        (self.garbles, self.is_calm) = (false, true);
        for round in 0..600 {
            self.told.push(format!("calm: {:?}", self.scheduler.phase));
            self.machine.cover_open = false;
            while self.question.is_some() || self.order.is_some() {
                self.go_on_once(CALM)?;
            }
            if self.ended {
                self.reboot();
            }
            if round % 3 == 2 {
                self.person(CALM)?;
            }
            self.pass_and_tick(if round % 2 == 0 { 100 } else { 2100 })?;
            let ended = |job| matches!(self.state(job), State::Printed | State::Cancelled);
            if self.ids.iter().all(ended) {
                break;
            }
        }
        self.all_ended()
    }

    fn all_ended(&self) -> Result<(), String> {
        for job in &self.ids {
            let (state, truth) = (self.state(job), &self.truth[job]);
            if !matches!(state, State::Printed | State::Cancelled) {
                return self.broken(&format!("{job} never ends: it is {state:?}"));
            }
            // A log knows what hands took.
            let taken = truth.taken && self.machine.log.is_none();
            if state == State::Printed && truth.good == 0 && !taken {
                return self.broken(&format!("{job} is printed and has no card"));
            }
        }
        Ok(())
    }

    fn broken<T>(&self, why: &str) -> Result<T, String> {
        let lines = self.lines.iter().map(|line| {
            let job = line.job.as_ref().and_then(|job| self.ids.iter().position(|id| id == job));
            format!("{job:?} {:?}", line.event)
        });
        let lines: Vec<String> = lines.collect();
        Err(format!("{why}\n{}\n{}", self.told.join("\n"), lines.join("\n")))
    }
}

/// What is drawn when nothing goes wrong.
const CALM: u8 = 255;

fn new_scheduler(steady: Duration) -> Scheduler {
    Scheduler::new(now(steady), true, vec![WITH_CHIP.to_owned()])
}

fn now(steady: Duration) -> Now {
    Now { steady, wall: Timestamp::UNIX_EPOCH + steady }
}

// ---- the scheduler's turn ----

impl World {
    fn tell(&mut self, input: Input) -> Result<(), String> {
        if self.ended {
            self.reboot();
        }
        let actions = self.scheduler.step(input, now(self.steady));
        for action in actions {
            match action {
                Action::Ask(number, question) if self.question.is_none() => {
                    self.question = Some((number, question));
                }
                Action::Ask(..) => return self.broken("two questions at once"),
                Action::Order(number, command) => self.take_order(number, command)?,
                Action::Reply(_, answer) => self.replies.push(answer),
                Action::Halt(fault) => return self.broken(&format!("halted: {fault}")),
                Action::End => self.ended = true,
                Action::Discard(_) | Action::Count(_) => {}
            }
        }
        Ok(())
    }

    /// The promise, at the only place where it can be broken.
    fn take_order(&mut self, number: OrderNo, command: DeviceCommand) -> Result<(), String> {
        if self.order.is_some() {
            return self.broken("an order while another is carried out");
        }
        let (job, is_print) = match &command {
            DeviceCommand::Print(job, ticket) => {
                let keeps_log = self.machine.log.is_some();
                let last = self.lines.last().and_then(|line| line.event.intent());
                if keeps_log && last.is_none_or(|line| line.intent.ticket != *ticket) {
                    return self.broken("a card is printed under a ticket that is not written");
                }
                (Some(job), true)
            }
            DeviceCommand::Encode(job) => (Some(job), false),
            DeviceCommand::Reject(job) | DeviceCommand::AbortOrphanedJob(Some(job)) => {
                let last = self.lines.last();
                let is_intent = last.is_some_and(|line| {
                    let event = &line.event;
                    line.job.as_ref() == Some(job)
                        && matches!(event, Event::Reject { .. } | Event::AbortOrphanedJob { .. })
                });
                if !is_intent {
                    return self.broken("the machine is emptied without an intent");
                }
                (None, false)
            }
            DeviceCommand::Poll(_)
            | DeviceCommand::OpenJob
            | DeviceCommand::AbortOrphanedJob(None) => (None, false),
        };
        if let Some(job) = job.cloned() {
            let wanted = if is_print { Move::Print } else { Move::Encode };
            let stands = self.lines.last().is_some_and(|line| {
                line.job.as_ref() == Some(&job) && line.event.step() == Some(wanted)
            });
            if !stands {
                return self.broken("a card moves without its intent just before");
            }
            let truth = self.truth.get_mut(&job).expect("its job");
            truth.prints += u32::from(is_print);
            truth.encodes += u32::from(!is_print);
            if truth.prints > 1 || truth.encodes > 1 {
                return self.broken("a second card for one approval");
            }
        }
        self.before_order = match command {
            DeviceCommand::Poll(_) | DeviceCommand::OpenJob => self.before_order.clone(),
            _ => self.machine.status(),
        };
        self.order = Some((number, command));
        Ok(())
    }

    fn tick(&mut self, how: u8) -> Result<(), String> {
        self.tell(Input::Tick { inflight_requests: usize::from(how % 2) })
    }

    fn pass_and_tick(&mut self, ms: u64) -> Result<(), String> {
        self.steady += Duration::from_millis(ms);
        self.tick(0)
    }

    /// The open question is answered, or the open order carried out; often what follows goes well.
    fn go_on(&mut self, how: u8) -> Result<(), String> {
        self.go_on_once(how)?;
        for _ in 0..how % 8 {
            if self.question.is_none() {
                break;
            }
            self.go_on_once(CALM)?;
        }
        Ok(())
    }

    fn go_on_once(&mut self, how: u8) -> Result<(), String> {
        if let Some((question, what)) = self.question.take() {
            let answer = self.answer(what, how)?;
            self.old_question = Some(question);
            return self.tell(Input::Answer { question, answer });
        }
        if let Some((order, command)) = self.order.take() {
            let report = Box::new(self.perform(&command, how));
            self.old_orders.push((order, command));
            self.truth_holds()?;
            return self.tell(Input::Device { order, report });
        }
        self.tick(how)
    }

    /// What was said is said once more, late.
    fn say_again(&mut self, how: u8) -> Result<(), String> {
        if let Some(question) = self.old_question.filter(|_| how.is_multiple_of(2)) {
            return self.tell(Input::Answer { question, answer: Answer::Written(Ok(())) });
        }
        let at = usize::from(how) % self.old_orders.len().max(1);
        let Some((order, command)) = self.old_orders.get(at).cloned() else { return Ok(()) };
        let report = match command {
            DeviceCommand::Print(job, _) => DeviceReport::Printed(job, Ok(card_out(&self.machine))),
            DeviceCommand::OpenJob => DeviceReport::JobOpened(Ok(None)),
            DeviceCommand::Encode(job) => DeviceReport::Encoded(job, Ok(encoded(&self.machine))),
            DeviceCommand::Poll(_) => {
                DeviceReport::Polled(Ok(polled(self.machine.status(), Vec::new())))
            }
            DeviceCommand::Reject(job) => DeviceReport::Rejected(job, Ok(())),
            DeviceCommand::AbortOrphanedJob(job) => DeviceReport::Aborted(job, Ok(())),
        };
        self.tell(Input::Device { order, report: Box::new(report) })
    }

    /// The computer loses its power. What was being written is written or not; the machine ends what it was told.
    fn power_cut(&mut self, how: u8) -> Result<(), String> {
        if let Some((_, Question::Append { job, event })) = self.question.take()
            && how.is_multiple_of(2)
        {
            let _ = self.write(job, *event);
        }
        if let Some((_, command)) = self.order.take() {
            self.perform(&command, how);
        }
        if self.sabotage == Sabotage::IntentNotSynced {
            let lost = self.lines.iter().rposition(|line| line.is_synced).map_or(0, |at| at + 1);
            self.lines.truncate(lost);
            self.fold_anew();
        }
        self.truth_holds()?;
        self.reboot();
        Ok(())
    }

    fn reboot(&mut self) {
        (self.question, self.order, self.old_question) = (None, None, None);
        self.old_orders.clear();
        self.scheduler = new_scheduler(self.steady);
        self.machine.told_restarted = false;
        self.truth.values_mut().for_each(|truth| truth.seen = false);
        self.ended = false;
    }

    fn truth_holds(&self) -> Result<(), String> {
        match self.truth.iter().find(|(_, truth)| truth.good > 1) {
            Some((job, _)) => self.broken(&format!("{job} has two good cards")),
            None => Ok(()),
        }
    }
}
