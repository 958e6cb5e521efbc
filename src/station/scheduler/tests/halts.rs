//! What contradicts what was asked for stops the program; no card moves after it.

use std::time::Duration;

use drivers::contract::{CardOut, Identity, PrinterStatus, Watch};
use jiff::Timestamp;

use crate::job::JobId;
use crate::station::scheduler::*;

const NOW: Now = Now { steady: Duration::from_secs(9), wall: Timestamp::UNIX_EPOCH };

fn status() -> PrinterStatus {
    PrinterStatus {
        identity: Identity::default(),
        troubles: Vec::new(),
        card_inside: false,
        busy: false,
        owned: false,
        restarted: false,
        ribbon: None,
        cards_entered: Some(7),
        cleaning: None,
    }
}

fn out() -> CardOut {
    CardOut {
        identity: Identity::default(),
        cards_entered_before: None,
        cards_entered_after: Some(8),
        ribbon: None,
        watch: Watch::default(),
    }
}

/// A scheduler that prints this job, and the number of its order.
fn printing(job: &JobId) -> (Scheduler, OrderNo) {
    let mut scheduler = Scheduler::new(NOW, true, Vec::new());
    let mut inputs = vec![Input::Tick { inflight_requests: 0 }, Input::Poll];
    let mut printing = None;
    for _ in 0..40 {
        if let (Some(order), true) = (printing, inputs.is_empty()) {
            return (scheduler, order);
        }
        let input = inputs.pop().unwrap_or(Input::Tick { inflight_requests: 0 });
        for action in scheduler.step(input, NOW) {
            match action {
                Action::Ask(question, what) => {
                    let answer = answer(what, job);
                    inputs.push(Input::Answer { question, answer });
                }
                Action::Order(order, DeviceCommand::OpenJob) => {
                    let report = Box::new(DeviceReport::JobOpened(Ok(None)));
                    inputs.push(Input::Device { order, report });
                }
                Action::Order(order, DeviceCommand::Poll(_)) => {
                    let polled = Polled {
                        status: status(),
                        reader: None,
                        keeps_log: false,
                        logged: Vec::new(),
                    };
                    let report = Box::new(DeviceReport::Polled(Ok(polled)));
                    inputs.push(Input::Device { order, report });
                }
                Action::Order(order, _) => printing = Some(order),
                _ => {}
            }
        }
    }
    panic!("it prints nothing: {:?}", scheduler.phase);
}

fn answer(question: Question, job: &JobId) -> Answer {
    match question {
        Question::Append { .. } | Question::PutUnfinishedBack => Answer::Written(Ok(())),
        Question::Leftovers => Answer::Leftovers(Ok(Leftovers::default())),
        Question::Account { .. } => Answer::Accounted(Ok(0)),
        Question::InDoubt => Answer::InDoubt(Ok(Vec::new())),
        Question::Suspended => Answer::Suspended(Ok(Vec::new())),
        Question::Job(_) => Answer::Job(Err(LedgerError::NoSuchJob)),
        Question::Inspect => Answer::Inspected(Ok(false)),
        Question::Prepare { .. } => Answer::Prepared(Ok(Preparation::Prepared(Card {
            // What is prepared after it is never printed here.
            job: job.clone(),
            product: "kia".to_owned(),
            findings: Vec::new(),
            ribbon_prints: None,
            is_encoded_first: false,
        }))),
    }
}

fn halts(mut scheduler: Scheduler, input: Input, wanted: Fault) {
    let actions = scheduler.step(input, NOW);
    let is_halt = |action: &Action| matches!(action, Action::Halt(fault) if *fault == wanted);
    assert!(actions.iter().any(is_halt), "{actions:?}");
    let orders = actions.iter().any(|action| matches!(action, Action::Order(..)));
    assert!(!orders, "{actions:?}");
    // Nothing is done any more.
    let tick = Input::Tick { inflight_requests: 0 };
    assert!(scheduler.step(tick, NOW).is_empty());
}

#[test]
fn a_report_about_another_job_or_another_order_stops_the_program() {
    let job = JobId::new();
    let reports = [
        DeviceReport::Printed(JobId::new(), Ok(out())),
        DeviceReport::Rejected(job.clone(), Ok(())),
        DeviceReport::Aborted(None, Ok(())),
        DeviceReport::JobOpened(Ok(None)),
        DeviceReport::Polled(Ok(Polled {
            status: status(),
            reader: None,
            keeps_log: false,
            logged: Vec::new(),
        })),
    ];
    for report in reports {
        let (scheduler, order) = printing(&job);
        let report = Box::new(report);
        halts(scheduler, Input::Device { order, report }, Fault::OtherReport);
    }
}

#[test]
fn a_thread_that_died_stops_the_program_whatever_is_open() {
    let job = JobId::new();
    halts(printing(&job).0, Input::Died("printer"), Fault::ThreadEnded("printer"));
    let mut waits_for_the_ledger = Scheduler::new(NOW, true, Vec::new());
    waits_for_the_ledger.step(Input::Tick { inflight_requests: 0 }, NOW);
    halts(waits_for_the_ledger, Input::Died("printer"), Fault::ThreadEnded("printer"));
}

#[test]
fn an_answer_to_another_question_stops_the_program() {
    let mut scheduler = Scheduler::new(NOW, true, Vec::new());
    let actions = scheduler.step(Input::Tick { inflight_requests: 0 }, NOW);
    let [Action::Order(_, DeviceCommand::Poll(_)) | Action::Ask(..), ..] = &actions[..] else {
        panic!("{actions:?}");
    };
    let open = actions.iter().find_map(|action| match action {
        Action::Ask(question, _) => Some(*question),
        _ => None,
    });
    let question = open.expect("it asks what was left");
    let answer = Answer::Inspected(Ok(true));
    halts(scheduler, Input::Answer { question, answer }, Fault::OtherAnswer);
}

/// The machine's thread may be late, and may say a thing twice: only the first word about the order that is carried out
/// counts.
#[test]
fn a_report_about_an_order_that_is_over_changes_nothing() {
    let job = JobId::new();
    let (mut scheduler, order) = printing(&job);
    let report = || Box::new(DeviceReport::Printed(job.clone(), Ok(out())));
    let first = scheduler.step(Input::Device { order, report: report() }, NOW);
    let counted = |actions: &[Action]| {
        actions.iter().filter(|action| matches!(action, Action::Count(_))).count()
    };
    assert_eq!(counted(&first), 1, "{first:?}");
    let phase = format!("{:?}", scheduler.phase);
    assert!(scheduler.step(Input::Device { order, report: report() }, NOW).is_empty());
    assert_eq!(format!("{:?}", scheduler.phase), phase);
}

/// What the machine said before an order is not what it says after it, though nobody has polled it since.
#[test]
fn an_order_makes_what_was_heard_before_it_stale() {
    let (scheduler, _order) = printing(&JobId::new());
    assert!(scheduler.machine.status.is_some());
    assert!(!scheduler.machine.is_fresh && !scheduler.machine.is_known());
}
