//! A card that nobody saw, step by step: what is written before anything is done, and what is believed only when it is said
//! twice.

use std::time::Duration;

use drivers::contract::{
    Cause, DeviceError, Identity, Level, PrinterStatus, Ribbon, Trouble, Whereabouts,
};
use drivers::text::Text;
use drivers::ticket::{Outcome, Ticket};
use jiff::Timestamp;

use crate::actor::Actor;
use crate::event::{Event, IntentLine, Lost};
use crate::evidence::{Facts, Intent, Reason, Seen};
use crate::job::JobId;
use crate::ledger::JobRecord;
use crate::lifecycle::State;
use crate::station::scheduler::*;

/// A machine that counted 7 cards, with this complaint.
fn status(keyword: Option<&'static str>) -> PrinterStatus {
    let words = Text::fixed("x", "x");
    let trouble = |keyword| Trouble { keyword, level: Level::Error, words, vendor_code: "" };
    let serial = "A1".to_owned().into();
    PrinterStatus {
        identity: Identity { serial, ..Identity::default() },
        troubles: keyword.map(trouble).into_iter().collect(),
        card_inside: false,
        busy: false,
        owned: false,
        restarted: false,
        ribbon: Some(Ribbon { panels: "YMCKO".to_owned(), remaining: 50, capacity: 100 }),
        cards_entered: Some(7),
        cleaning: None,
    }
}

/// A station with one job whose card nobody saw.
struct Doubtful {
    scheduler: Scheduler,
    job: JobId,
    steady: Duration,
    written: Vec<Event>,
    replies: Vec<Result<JobId, Unsettled>>,
    poll: Option<OrderNo>,
    /// What an earlier life wrote down since it was lost from sight.
    noted: Vec<Event>,
    others_printed: bool,
    /// What the machine's log says of its ticket; `None`: it keeps none.
    logged: Option<Outcome>,
}

impl Doubtful {
    fn new() -> Doubtful {
        let steady = Duration::from_secs(100);
        let mut scheduler = Scheduler::new(now(steady), true, Vec::new());
        scheduler.accounted.insert("A1".to_owned());
        let (written, replies) = (Vec::new(), Vec::new());
        let (job, noted) = (JobId::new(), Vec::new());
        Doubtful {
            scheduler,
            job,
            steady,
            written,
            replies,
            poll: None,
            noted,
            others_printed: false,
            logged: None,
        }
    }

    fn tell(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for action in self.scheduler.step(input, now(self.steady)) {
                match action {
                    Action::Ask(question, what) => {
                        let answer = self.answer(what);
                        inputs.push(Input::Answer { question, answer });
                    }
                    Action::Order(order, DeviceCommand::Poll(_)) => self.poll = Some(order),
                    Action::Reply(_, answer) => self.replies.push(answer),
                    other => panic!("nothing moves here: {other:?}"),
                }
            }
        }
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Append { job, event } => {
                // What the printer says of itself is the station's line, not the card's.
                self.written.extend(job.map(|_| *event));
                Answer::Written(Ok(()))
            }
            Question::Leftovers => Answer::Leftovers(Ok(Leftovers::default())),
            Question::Account { .. } => Answer::Accounted(Ok(0)),
            Question::InDoubt => Answer::InDoubt(Ok(vec![self.unsure()])),
            Question::Suspended => Answer::Suspended(Ok(Vec::new())),
            Question::Job(job) => Answer::Job(Ok(Box::new(record(job)))),
            Question::Prepare { .. } => Answer::Prepared(Ok(Preparation::Nothing)),
            Question::PutUnfinishedBack => Answer::Written(Ok(())),
            Question::Inspect => Answer::Inspected(Ok(false)),
        }
    }

    fn unsure(&self) -> UnsureJob {
        let intent = Intent::to_print(&status(None), Some(1), self.logged.map(|_| ticket()));
        let lost = Box::new(Lost::at(Whereabouts::Unknown));
        let lines = [
            Event::Print(IntentLine { intent, identity: None }),
            Event::OutcomeUnknown { lost, findings: None },
        ];
        UnsureJob {
            job: self.job.clone(),
            findings: Vec::new(),
            lines: lines.into_iter().chain(self.noted.clone()).map(Some).collect(),
            others_printed: self.others_printed,
        }
    }

    /// The machine answers the poll that is due, and the station has its turn.
    fn polled(&mut self, status: PrinterStatus) {
        let logged = self.logged.map(|logged| (ticket(), logged)).into_iter().collect();
        self.answered(Ok(Polled {
            status,
            reader: None,
            keeps_log: self.logged.is_some(),
            logged,
        }));
    }

    fn answered(&mut self, polled: Result<Polled, DeviceError>) {
        self.steady += Duration::from_secs(3);
        if self.poll.is_none() {
            self.tell(Input::Tick { inflight_requests: 0 });
        }
        let order = self.poll.take().expect("it is polled");
        let report = DeviceReport::Polled(polled);
        self.tell(Input::Device { order, report: Box::new(report) });
        self.tell(Input::Tick { inflight_requests: 0 });
    }

    fn written(&self) -> Vec<&'static str> {
        self.written.iter().map(Event::name).collect()
    }
}

fn ticket() -> Ticket {
    Ticket::read("1F-7").expect("it is one")
}

fn now(steady: Duration) -> Now {
    Now { steady, wall: Timestamp::UNIX_EPOCH }
}

fn record(id: JobId) -> JobRecord {
    JobRecord {
        seq: 1,
        id,
        reference: "R".to_owned(),
        product: "kia".to_owned(),
        reason: "BARU".to_owned(),
        kind: None,
        state: State::Unsure,
        findings: Vec::new(),
        faces: Vec::new(),
        evidence: None,
        replaces: None,
        replaced_by: None,
        spoiled: 0,
        waits_since: Timestamp::UNIX_EPOCH,
        received_at: Timestamp::UNIX_EPOCH,
        changed_at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn what_is_heard_once_settles_nothing() {
    let mut station = Doubtful::new();
    station.polled(status(None));
    assert!(station.written().is_empty(), "heard once: {:?}", station.written);
    // The poll that is to say it again is under way.
    assert!(station.poll.is_some());
    station.polled(status(None));
    assert_eq!(station.written(), ["no_card"], "heard twice");
}

#[test]
fn a_disturbance_is_written_down_before_anything_is_settled() {
    let mut station = Doubtful::new();
    station.polled(status(Some("cover-open")));
    assert_eq!(station.written(), ["looked"]);
    let Event::Looked { machine, .. } = &station.written[0] else { panic!("it is") };
    assert_eq!(machine.errors, ["cover-open"]);
    for _ in 0..3 {
        station.polled(status(None));
    }
    assert_eq!(station.written(), ["looked", "left_to_a_person"], "hands were in between");
}

/// What hands do while the printer's cards are not accounted for yet is not forgotten over it.
#[test]
fn a_disturbance_is_seen_before_the_cards_are_accounted_for() {
    let mut station = Doubtful::new();
    station.scheduler.accounted.clear();
    station.tell(Input::Tick { inflight_requests: 0 });
    station.polled(status(Some("cover-open")));
    assert!(station.written().is_empty(), "{:?}", station.written);
    for _ in 0..3 {
        station.polled(status(None));
    }
    assert_eq!(station.written(), ["looked", "left_to_a_person"]);
    let Event::Looked { machine, .. } = &station.written[0] else { panic!("it is") };
    assert_eq!(
        (&machine.errors[..], machine.cards_entered),
        (&["cover-open".to_owned()][..], None)
    );
}

/// What was written down before a power cut counts as if it had just been seen: without it, each of these would be settled.
#[test]
fn what_was_noted_of_hands_counts_over_a_power_cut() {
    let facts = |status: PrinterStatus| Facts::of(&status);
    let looked = |machine: Facts| Event::Looked { machine, unseen: false };
    let switched_off = Facts { restarted: true, ..facts(status(None)) };
    let cases = [
        (vec![], false, None),
        (vec![looked(facts(status(Some("cover-open"))))], false, Some(Reason::Disturbed)),
        (vec![looked(switched_off.clone())], false, Some(Reason::Restarted)),
        // It was used since, and does not say any more that it was switched off.
        (vec![Event::AbortOrphanedJob { machine: switched_off }], false, Some(Reason::Restarted)),
        (vec![], true, Some(Reason::OthersPrinted)),
    ];
    for (noted, others_printed, row) in cases {
        let mut station = Doubtful { noted, others_printed, ..Doubtful::new() };
        station.polled(status(None));
        station.polled(status(None));
        match (&station.written[..], row) {
            ([Event::NoCard { .. }], None) => {}
            ([Event::LeftToAPerson { row, .. }], Some(wanted)) => assert_eq!(*row, wanted),
            (written, row) => panic!("{row:?}: {written:?}"),
        }
    }
}

/// The last poll was before a card moved, or contact was only just made: what the machine says to an answer is not known.
#[test]
fn an_operators_answer_waits_for_a_poll_of_now() {
    let mut station = Doubtful::new();
    let look = Look { seen: Seen::NoCard, by: Actor::local("op"), cause: None, insist: false };
    let command = OperatorCommand::Resolve { job: station.job.clone(), look };
    station.tell(Input::Operator { asker: 1, command: command.clone() });
    assert!(matches!(station.replies[..], [Err(Unsettled::Moving)]), "{:?}", station.replies);
    station.polled(status(Some("cover-open")));
    station.tell(Input::Operator { asker: 2, command });
    assert!(station.replies[1].is_ok(), "{:?}", station.replies);
}

/// A card may yet come of it while the machine answers, whatever a person insists on. That it is gone, switched off or
/// another one is never in the way of a person.
#[test]
fn a_person_can_always_end_a_job_whose_machine_is_gone() {
    let waits = PrinterStatus { owned: true, ..status(None) };
    let not_owned = status(None);
    let serial = "B2".to_owned().into();
    let other =
        PrinterStatus { identity: Identity { serial, ..Identity::default() }, ..status(None) };
    let gone = || Err(DeviceError::untouched(Cause::Busy));
    let polled = |status| Ok(Polled { status, reader: None, keeps_log: true, logged: Vec::new() });
    for (waiting, then) in [(waits.clone(), gone()), (not_owned, gone()), (waits, polled(other))] {
        let mut station = Doubtful { logged: Some(Outcome::Waiting), ..Doubtful::new() };
        let by = Actor::local("op");
        let look = Look { seen: Seen::NoCard, by, cause: None, insist: true };
        let command = OperatorCommand::Resolve { job: station.job.clone(), look };
        station.polled(waiting);
        station.tell(Input::Operator { asker: 1, command: command.clone() });
        assert!(matches!(station.replies[..], [Err(Unsettled::Moving)]), "{:?}", station.replies);
        station.answered(then);
        station.tell(Input::Operator { asker: 2, command });
        assert!(station.replies[1].is_ok(), "{:?}", station.replies);
    }
}
