//! The wire breaks at every point of a print and of a move: the driver reports truthfully where the card is, and
//! continues without being reopened when the wire is back.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::faulty::{Fate, FaultyWire, OPENING};
use super::{assert_shows, bench, black_face, prepare, settings};
use crate::evolis::EvolisSettings;
use crate::machine::{Lever, SharedMachine};
use crate::transport::emulated::Emulated;
use drivers::contract::*;
use drivers::printers::evolis::job;

/// More bytes than any single command has, and fewer than a job.
const PART_ONE_MIN_BYTES: usize = 50_000;

/// The smallest card, so that it can be printed a thousand times.
fn black_card(printer: &dyn CardPrinter) -> PreparedCard {
    prepare(printer, black_face(printer.prepress().head()), None)
}

/// A driver whose wire fails at one exchange after the opening, and is broken for some that follow.
fn driver(
    machine: &SharedMachine,
    at: usize,
    fate: Fate,
    broken_after: usize,
) -> Box<dyn CardPrinter> {
    let wire = FaultyWire::new(machine, move |exchange, _: &[u8]| {
        match exchange.checked_sub(OPENING.len() + at) {
            Some(0) => fate,
            Some(later) if later <= broken_after => Fate::Cut(0),
            _ => Fate::Fine,
        }
    });
    drivers::open("evolis", None, Box::new(wire)).unwrap()
}

/// The bytes sent in each exchange of a print.
fn exchanges_of_a_print(slowness: f64) -> Vec<usize> {
    let machine = machine(slowness);
    let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
    let log = Arc::clone(&sizes);
    let wire = FaultyWire::new(&machine, move |_, request: &[u8]| {
        log.lock().unwrap().push(request.len());
        Fate::Fine
    });
    let mut printer = drivers::open("evolis", None, Box::new(wire)).unwrap();
    printer.print(&black_card(printer.as_ref())).unwrap();
    let sizes = sizes.lock().unwrap();
    sizes[OPENING.len()..].to_vec()
}

fn machine(slowness: f64) -> SharedMachine {
    let settings = EvolisSettings { slowness, ..settings("Primacy", "KBLACK") };
    crate::evolis::emulate(settings).unwrap()
}

/// Every exchange with each fault that can happen to it.
fn every_fate(slowness: f64) -> Vec<(usize, Fate)> {
    let sizes = exchanges_of_a_print(slowness);
    let part_one = sizes.iter().position(|&bytes| bytes > PART_ONE_MIN_BYTES).unwrap();
    let mut all = Vec::new();
    for (exchange, bytes) in sizes.into_iter().enumerate() {
        all.extend([Fate::Cut(0), Fate::Lost, Fate::Late].map(|fate| (exchange, fate)));
        if exchange == part_one {
            let (_, printer) = bench(settings("Primacy", "KBLACK"));
            let feed = job::bytes_before_feed(&black_card(printer.as_ref()).job);
            let places = [1, feed - 1, feed, feed + 1, feed + 3, feed + 4, bytes / 2, bytes - 1];
            all.extend(places.map(|place| (exchange, Fate::Cut(place))));
        } else if bytes > 0 {
            all.extend([1, bytes / 2, bytes - 1].map(|place| (exchange, Fate::Cut(place))));
        }
    }
    all
}

/// Compares the driver's report with what the machine did.
fn assert_true(result: &Result<CardOut, DeviceError>, machine: &SharedMachine, story: &str) {
    let machine = machine.lock();
    let (entered, out) = (machine.cards_entered(), machine.last_card().is_some());
    match result {
        Ok(_) => assert!(out, "{story}: no card came out"),
        Err(error) => match error.card {
            Whereabouts::Untouched => assert_eq!(entered, 0, "{story}: {error}"),
            Whereabouts::InMachine => assert!(entered == 1 && !out, "{story}: {error}"),
            Whereabouts::Unknown => {}
            Whereabouts::Rejected => panic!("{story}: nobody rejected a card"),
        },
    }
}

#[test]
fn the_wire_breaks_at_every_place_and_the_driver_says_the_truth() {
    let (_, printer) = bench(settings("Primacy", "KBLACK"));
    let card = black_card(printer.as_ref());
    let before_feed = job::bytes_before_feed(&card.job);
    assert_eq!(&card.job[before_feed..before_feed + 4], b"\x1bSs\r");
    let sizes = exchanges_of_a_print(0.0);
    let part_one = sizes.iter().position(|&bytes| bytes > PART_ONE_MIN_BYTES).unwrap();
    let part_two_over = sizes.iter().position(|&bytes| bytes == job::PART_TWO.len()).unwrap();
    for (exchange, fate) in every_fate(0.0) {
        let story = format!("exchange {exchange}, {fate:?}");
        let machine = machine(0.0);
        let result = driver(&machine, exchange, fate, usize::MAX).print(&card);
        assert_true(&result, &machine, &story);
        let untouched = match fate {
            Fate::Cut(bytes) => exchange < part_one || exchange == part_one && bytes <= before_feed,
            _ => exchange < part_one,
        };
        match result {
            Ok(_) => assert!(exchange > part_two_over, "{story}"),
            Err(error) if untouched => assert_eq!(error.card, Whereabouts::Untouched, "{story}"),
            Err(error) => {
                assert_eq!(error.card, Whereabouts::Unknown, "{story}");
                let evidence = error.evidence.unwrap();
                let want = Evidence { cards_entered_before: Some(0), ..Evidence::default() };
                assert_eq!(evidence, want, "{story}: the machine could not be asked");
            }
        }
    }
}

#[test]
fn the_wire_comes_back_and_the_driver_goes_on() {
    // The wire is back at once, or after two exchanges, or on a machine at real speed, where time passes before the
    // next card.
    for (broken_after, slowness) in [(0, 0.0), (2, 0.0), (0, 1.0)] {
        let (_, other) = bench(settings("Primacy", "KBLACK"));
        let card = black_card(other.as_ref());
        for (exchange, fate) in every_fate(slowness) {
            let story = format!("exchange {exchange}, {fate:?}, {broken_after}, {slowness}");
            let machine = machine(slowness);
            let mut printer = driver(&machine, exchange, fate, broken_after);
            assert_true(&printer.print(&card), &machine, &story);
            machine.lock().elapse(Duration::from_secs(300));
            // The wire may still be broken for up to two exchanges.
            let status = (0..3).find_map(|_| printer.status().ok()).expect(&story);
            assert!(!status.busy, "{story}: {status:?}");
            if status.card_inside {
                let refused = printer.print(&card).unwrap_err();
                assert_eq!(refused.cause, Cause::CardInside, "{story}");
                assert_eq!(refused.card, Whereabouts::Untouched, "{story}");
                printer.eject(Tray::Reject).expect(&story);
            }
            let entered = machine.lock().cards_entered();
            let out = printer.print(&card).expect(&story);
            assert_eq!(out.cards_entered_after, Some(entered + 1), "{story}");
            let machine = machine.lock();
            assert_eq!(machine.last_card().unwrap().number, entered + 1, "{story}");
            let want = black_face(printer.prepress().head());
            assert_shows(&machine.last_card().unwrap().front, &want, 0);
        }
    }
}

#[test]
fn a_job_that_lost_its_answer_is_left_alone_while_it_prints_and_ended_before_the_next() {
    let machine = machine(1.0);
    let sizes = exchanges_of_a_print(1.0);
    let part_one = sizes.iter().position(|&bytes| bytes > PART_ONE_MIN_BYTES).unwrap();
    let mut printer = driver(&machine, part_one, Fate::Lost, 0);
    let card = black_card(printer.as_ref());
    let error = printer.print(&card).unwrap_err();
    assert_eq!(error.card, Whereabouts::Unknown);
    let evidence = error.evidence.unwrap();
    assert_eq!((evidence.owned, evidence.cards_entered_after), (Some(true), Some(1)));
    let status = printer.status().unwrap();
    assert!(status.busy && status.owned);
    let refused = printer.print(&card).unwrap_err();
    assert_eq!((refused.card, refused.cause), (Whereabouts::Untouched, Cause::Busy));
    machine.lock().elapse(Duration::from_secs(60));
    let status = printer.status().unwrap();
    assert!(!status.busy && status.owned, "nobody has told it that the job is over");
    printer.print(&card).unwrap();
    assert_eq!(machine.lock().cards_entered(), 2, "the first one came out by itself");
    assert!(!printer.status().unwrap().owned);
}

#[test]
fn a_feeder_that_gives_no_card_leaves_it_untouched_and_another_fault_does_not() {
    for (lever, want) in
        [(Lever::EmptyFeeder, Whereabouts::Untouched), (Lever::OpenCover, Whereabouts::Unknown)]
    {
        let machine = machine(0.0);
        let hands = machine.clone();
        // Between the last poll and the job, somebody opens something.
        let wire = FaultyWire::new(&machine, move |_, request: &[u8]| {
            if request.len() > PART_ONE_MIN_BYTES {
                hands.pull(lever);
            }
            Fate::Fine
        });
        let mut printer = drivers::open("evolis", None, Box::new(wire)).unwrap();
        let card = black_card(printer.as_ref());
        let error = printer.print(&card).unwrap_err();
        assert_eq!(error.card, want, "{error}");
        assert!(matches!(error.cause, Cause::Trouble(_)), "{error}");
        assert_eq!(error.evidence.unwrap().owned, Some(false), "the job was given up");
        assert_eq!(machine.lock().cards_entered(), 0);
    }
}

type Call = fn(&mut dyn CardPrinter) -> Result<(), DeviceError>;

/// Moves by name: the preparation, and the move.
const MOVES: [(&str, Call, Call); 5] = [
    ("feed", |_| Ok(()), |p| p.feed(Stop::Contact)),
    ("feed on", |p| p.feed(Stop::Contact), |p| p.feed(Stop::Print)),
    ("let out", |p| p.feed(Stop::Print), |p| p.eject(Tray::Out)),
    ("write", |_| Ok(()), |p| p.magnetic().unwrap().write(&tracks())),
    // Write the stripe first: a blank stripe would be a second fault.
    (
        "read",
        |p| p.magnetic().unwrap().write(&tracks()),
        |p| p.magnetic().unwrap().read().map(drop),
    ),
];

fn tracks() -> Tracks {
    Tracks::new([Some("KARTU"), Some("12"), None]).unwrap()
}

/// Makes a move, failing some of its exchanges (counted from its beginning). Returns its result; whether a card is
/// inside now, according to another driver over a faultless wire; the driver; and the number of exchanges.
fn moved(
    machine: &SharedMachine,
    (before, call): (Call, Call),
    fate: impl Fn(usize) -> Fate + Send + 'static,
) -> (Result<(), DeviceError>, bool, Box<dyn CardPrinter>, usize) {
    let begun = Arc::new(AtomicUsize::new(usize::MAX));
    let last = Arc::new(AtomicUsize::new(0));
    let (seen_begun, seen_last) = (Arc::clone(&begun), Arc::clone(&last));
    let wire = FaultyWire::new(machine, move |exchange, _: &[u8]| {
        seen_last.store(exchange + 1, Ordering::Relaxed);
        exchange.checked_sub(seen_begun.load(Ordering::Relaxed)).map_or(Fate::Fine, &fate)
    });
    let mut printer = drivers::open("evolis", None, Box::new(wire)).unwrap();
    before(printer.as_mut()).unwrap();
    let start = last.load(Ordering::Relaxed);
    begun.store(start, Ordering::Relaxed);
    let result = call(printer.as_mut());
    let exchanges = last.load(Ordering::Relaxed) - start;
    let wire = Box::new(Emulated::new(machine.clone()));
    let inside = drivers::open("evolis", None, wire).unwrap().status().unwrap().card_inside;
    (result, inside, printer, exchanges)
}

#[test]
fn a_move_says_where_the_card_is_and_its_wire_may_break_at_every_place() {
    for (name, before, call) in MOVES {
        let inside_before = name != "feed" && name != "write";
        let (_, _, _, exchanges) = moved(&machine(0.0), (before, call), |_| Fate::Fine);
        for exchange in 0..exchanges {
            for fate in [Fate::Cut(0), Fate::Cut(3), Fate::Lost, Fate::Late] {
                for broken_after in [0, usize::MAX] {
                    let story = format!("{name}, exchange {exchange}, {fate:?}, {broken_after}");
                    let machine = machine(0.0);
                    let (result, inside, mut printer, _) =
                        moved(&machine, (before, call), move |now| {
                            match now.checked_sub(exchange) {
                                Some(0) => fate,
                                Some(later) if later <= broken_after => Fate::Cut(0),
                                _ => Fate::Fine,
                            }
                        });
                    match result.map_err(|error| error.card) {
                        Ok(()) => assert_eq!(inside, name != "let out", "{story}"),
                        Err(Whereabouts::Untouched) => assert_eq!(inside, inside_before, "{story}"),
                        Err(Whereabouts::InMachine) => assert!(inside, "{story}"),
                        // A machine that answers reports a card that it detects, so the outcome is unknown only if it
                        // did not answer or holds no card.
                        Err(Whereabouts::Unknown) => {
                            assert!(broken_after > 0 || !inside, "{story}");
                        }
                        Err(Whereabouts::Rejected) => panic!("{story}"),
                    }
                    if broken_after == 0 && printer.status().unwrap().card_inside {
                        printer.eject(Tray::Reject).expect(&story);
                    }
                }
            }
        }
    }
}

#[test]
fn what_somebody_before_us_left_unread_is_taken_for_nobodys_answer() {
    for left in [&["OK"][..], &["Primacy"], &["OK", "Primacy"], &["EMU0000001"], &["3", "OK"]] {
        let machine = machine(0.0);
        let wire = FaultyWire::new(&machine, |_, _: &[u8]| Fate::Fine).with_unread(left);
        let mut printer = drivers::open("evolis", None, Box::new(wire)).unwrap();
        let status = printer.status().unwrap();
        let identity = status.identity;
        assert_eq!((identity.model.as_str(), identity.serial.as_str()), ("Primacy", "EMU0000001"));
        assert_eq!(status.cards_entered, Some(0));
        printer.print(&black_card(printer.as_ref())).unwrap();
    }
}
