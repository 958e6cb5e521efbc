//! What comes before the first card of a printer: its counter is held against the ledger before anything of it is written,
//! and what a card is held against was told twice.

use std::time::Duration;

use drivers::contract::{Identity, PrinterStatus, Ribbon};
use jiff::Timestamp;

use crate::event::Event;
use crate::job::JobId;
use crate::station::scheduler::*;

/// A machine that counted so many cards.
pub fn status(cards_entered: Option<u64>) -> PrinterStatus {
    let serial = "A1".to_owned().into();
    PrinterStatus {
        identity: Identity { serial, ..Identity::default() },
        troubles: Vec::new(),
        card_inside: false,
        busy: false,
        owned: false,
        restarted: false,
        ribbon: Some(Ribbon { panels: "YMCKO".to_owned(), remaining: 50, capacity: 100 }),
        cards_entered,
        cleaning: None,
    }
}

/// A station with one job that waits, and what it did.
struct Beginning {
    scheduler: Scheduler,
    steady: Duration,
    poll: Option<OrderNo>,
    /// In the order in which they were asked.
    accounted: Vec<u64>,
    written: Vec<Event>,
    is_prepared: bool,
}

impl Beginning {
    fn new() -> Beginning {
        let steady = Duration::from_secs(100);
        let now = Now { steady, wall: Timestamp::UNIX_EPOCH };
        Beginning {
            scheduler: Scheduler::new(now, true, Vec::new()),
            steady,
            poll: None,
            accounted: Vec::new(),
            written: Vec::new(),
            is_prepared: false,
        }
    }

    fn tell(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let now = Now { steady: self.steady, wall: Timestamp::UNIX_EPOCH };
            for action in self.scheduler.step(input, now) {
                match action {
                    Action::Ask(question, what) => {
                        let answer = self.answer(what);
                        inputs.push(Input::Answer { question, answer });
                    }
                    Action::Order(order, DeviceCommand::Poll(_)) => self.poll = Some(order),
                    Action::Order(_, DeviceCommand::Print(..)) => {}
                    other => panic!("nothing else moves: {other:?}"),
                }
            }
        }
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Append { event, .. } => {
                self.written.push(*event);
                Answer::Written(Ok(()))
            }
            Question::Account { counted, .. } => {
                assert!(self.written.is_empty(), "{:?}", self.written);
                self.accounted.push(counted);
                Answer::Accounted(Ok(0))
            }
            Question::Leftovers => Answer::Leftovers(Ok(Leftovers::default())),
            Question::InDoubt => Answer::InDoubt(Ok(Vec::new())),
            Question::Suspended => Answer::Suspended(Ok(Vec::new())),
            Question::Inspect => Answer::Inspected(Ok(false)),
            Question::Prepare { .. } if std::mem::replace(&mut self.is_prepared, true) => {
                Answer::Prepared(Ok(Preparation::Nothing))
            }
            Question::Prepare { .. } => Answer::Prepared(Ok(Preparation::Prepared(Card {
                job: JobId::new(),
                product: "kia".to_owned(),
                findings: Vec::new(),
                ribbon_prints: Some(1),
                is_encoded_first: false,
            }))),
            other => panic!("nobody asks for anything: {other:?}"),
        }
    }

    /// The machine answers the next poll, and the station has its turn.
    fn polled(&mut self, status: PrinterStatus) {
        if self.poll.is_none() {
            self.steady += Duration::from_secs(3);
            self.tell(Input::Tick { inflight_requests: 0 });
        }
        let order = self.poll.take().expect("it is polled");
        let polled = Polled { status, reader: None, keeps_log: false, logged: Vec::new() };
        let report = Box::new(DeviceReport::Polled(Ok(polled)));
        self.tell(Input::Device { order, report });
        self.tell(Input::Tick { inflight_requests: 0 });
    }

    fn intent(&self) -> Option<Option<u64>> {
        let intents = self.written.iter().filter_map(Event::intent);
        intents.map(|line| line.intent.before.cards_entered).next()
    }
}

/// One wrong bit would hold all that could print, and would be what the ledger knows from then on.
#[test]
fn a_counter_that_was_heard_once_is_neither_accounted_for_nor_written_down() {
    let mut station = Beginning::new();
    for counted in [7 + (1 << 20), 7] {
        station.polled(status(Some(counted)));
        assert_eq!((&station.accounted[..], &station.written[..]), (&[][..], &[][..]), "{counted}");
    }
    station.polled(status(Some(7)));
    assert_eq!(station.accounted, [7], "once in this life");
    assert_eq!(station.intent(), Some(Some(7)));
}

#[test]
fn a_counter_that_is_missing_once_is_waited_for() {
    let mut station = Beginning::new();
    for cards_entered in [None, Some(7)] {
        station.polled(status(cards_entered));
        assert!(station.accounted.is_empty() && station.written.is_empty());
    }
    station.polled(status(Some(7)));
    assert_eq!((&station.accounted[..], station.intent()), (&[7][..], Some(Some(7))));
    // One that never tells any prints all the same.
    let mut station = Beginning::new();
    station.polled(status(None));
    assert_eq!(station.intent(), None);
    station.polled(status(None));
    assert_eq!(station.intent(), Some(None));
}

/// By one wrong answer before the intent, a card would have come out that nobody has printed.
#[test]
fn a_card_is_held_against_what_was_told_twice() {
    let mut station = Beginning::new();
    station.is_prepared = true;
    for _ in 0..2 {
        station.polled(status(Some(7)));
    }
    // A job comes while the machine is garbled once.
    station.is_prepared = false;
    station.polled(status(Some(6)));
    assert_eq!(station.intent(), None);
    for _ in 0..2 {
        station.polled(status(Some(7)));
    }
    assert_eq!(station.intent(), Some(Some(7)));
}
