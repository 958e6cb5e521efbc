//! A computer is lost in the middle of a card, and another driver finds the machine. It ends the orphaned job and
//! ejects the card into the reject box, and the machine resumes nothing by itself. No test here waits.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::faulty::{Fate, FaultyWire, OPENING};
use super::wire::OneStream;
use super::{bench, black_face, colour_card, colour_face, prepare, settings};
use crate::evolis::EvolisSettings;
use crate::machine::{JamAt, Lever, SharedMachine};
use crate::transport::emulated::Emulated;
use drivers::contract::*;
use drivers::printers::evolis::protocol::RIBBONS;

/// A machine at real speed, in the state in which the daemon sends it a two-sided job.
fn machine() -> (SharedMachine, PreparedCard) {
    let settings =
        EvolisSettings { slowness: 1.0, hopper_limit_cards: 1, ..settings("Primacy", "YMCKO") };
    let (machine, printer) = bench(settings);
    let head = printer.prepress().head();
    let card = prepare(printer.as_ref(), black_face(head), Some(black_face(head)));
    (machine, card)
}

/// The commands that the daemon sends before a job, with this error management.
fn reserve(machine: &SharedMachine, errors: &str) {
    for command in ["\x1bPsid;2;45\r\0", errors] {
        machine.lock().exchange(command.as_bytes(), &mut Vec::new());
    }
}

/// The machine receives the first part of a job, and the computer is lost `after` it.
fn lose(machine: &SharedMachine, job: &[u8], after: Duration) {
    machine.lock().on_bytes(job);
    machine.lock().elapse(after);
}

/// A driver of another process, over a wire with a single stream.
fn opened(machine: &SharedMachine) -> Box<dyn CardPrinter> {
    drivers::open("evolis", None, Box::new(OneStream(machine.clone()))).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Puts right everything that a person can, and lets time pass for anything that resumes by itself.
fn help(machine: &SharedMachine) {
    for lever in [Lever::CloseCover, Lever::EmptyHopper, Lever::NewRibbon, Lever::LoadFeeder(10)] {
        machine.pull(lever);
    }
    machine.lock().elapse(seconds(600));
}

type Story = (&'static str, &'static str, fn(&SharedMachine, &[u8]));

/// Ways to lose a computer while a card is inside that can be moved, and where that card is.
const STORIES: [Story; 8] = [
    ("head", "in the middle of a panel", |machine, job| lose(machine, &job[..60_000], seconds(1))),
    ("head", "before the last command", |machine, job| {
        let end = job.windows(4).rposition(|bytes| bytes == b"\x1bSe\r").unwrap();
        lose(machine, &job[..end], seconds(1));
    }),
    ("head", "the cover was opened under the first panels", |machine, job| {
        machine.pull(Lever::OpenCoverAfterPanels(1));
        lose(machine, job, seconds(60));
        machine.pull(Lever::CloseCover);
    }),
    ("head", "the ribbon ended between the panels", |machine, job| {
        machine.pull(Lever::EndRibbonAfterPanels(1));
        lose(machine, job, seconds(60));
    }),
    ("flip", "the cover was opened while it turned", |machine, job| {
        // 1.5 s for the feed, 1.9 s for the resin, 1.8 s for the varnish.
        lose(machine, job, seconds(6));
        machine.pull(Lever::OpenCover);
        machine.pull(Lever::CloseCover);
    }),
    ("exit", "the hopper was full", |machine, job| {
        machine.lock().change(&serde_json::json!({ "hopper_cards": 1 })).unwrap();
        lose(machine, job, seconds(60));
    }),
    ("contact", "it waited at the contacts", |machine, _| {
        machine.lock().exchange(b"\x1bSis\r\0", &mut Vec::new());
    }),
    ("contactless", "it waited at the antenna", |machine, _| {
        machine.lock().exchange(b"\x1bSic\r\0", &mut Vec::new());
    }),
];

#[test]
fn whatever_a_lost_computer_left_inside_goes_to_the_reject_box_and_nothing_follows() {
    for errors in ["\x1bPem;2\r\0", "\x1bPem;0\r\0"] {
        for (place, story, leave) in STORIES {
            let story = format!("{story}, {errors:?}");
            let (machine, card) = machine();
            reserve(&machine, errors);
            leave(&machine, &card.job);
            let at = machine.lock().state()["machine"]["card"]["place"].clone();
            if errors.contains('0') && story.contains("cover") {
                // The machine has already put that card aside and prints another.
                assert!(opened(&machine).status().unwrap().owned, "{story}");
            } else {
                assert_eq!(at, place, "{story}");
            }
            let mut printer = opened(&machine);
            // A machine that is working again finishes that card within a minute.
            for patience in (0..=6).rev() {
                let Err(error) = printer.abort_orphaned_job() else { break };
                let busy = (error.card, error.cause) == (Whereabouts::Untouched, Cause::Busy);
                assert!(busy && patience > 0, "{story}");
                machine.lock().elapse(seconds(10));
            }
            let status = printer.status().unwrap();
            assert!(!status.owned && !status.busy, "{story}");
            let entered = machine.lock().cards_entered();
            printer.clear_errors().expect(&story);
            if status.card_inside {
                let error = printer.print(&card).unwrap_err();
                assert_eq!(error.card, Whereabouts::Untouched, "{story}");
                printer.eject(Tray::Reject).expect(&story);
            }
            let status = printer.status().unwrap();
            assert!(!status.card_inside && !status.owned, "{story}");
            help(&machine);
            assert_eq!(machine.lock().cards_entered(), entered, "{story}: nothing by itself");
            let state = machine.lock().state();
            assert_eq!(state["reject_box_cards"], 1, "{story}");
            assert!(state["machine"]["card"].is_null(), "{story}");
            printer.print(&card).expect(&story);
            let machine = machine.lock();
            assert_eq!(machine.last_card().unwrap().number, machine.cards_entered());
        }
    }
}

#[test]
fn a_job_that_the_machine_holds_is_never_printed_again_behind_our_back() {
    for (lever, cure) in [
        (Lever::Jam(JamAt::Head), Lever::TakeCardOut),
        (Lever::Jam(JamAt::Flip), Lever::TakeCardOut),
        (Lever::Jam(JamAt::Eject), Lever::TakeCardOut),
        (Lever::EndRibbonAfterPanels(1), Lever::NewRibbon),
        (Lever::EmptyFeeder, Lever::LoadFeeder(5)),
    ] {
        for rests in [false, true] {
            let (machine, card) = machine();
            reserve(&machine, "\x1bPem;0\r\0");
            machine.pull(lever);
            lose(&machine, &card.job, seconds(60));
            let mut printer = opened(&machine);
            assert!(printer.status().unwrap().owned, "{lever:?}: held");
            if rests {
                printer.abort_orphaned_job().unwrap();
                assert!(!printer.status().unwrap().owned, "{lever:?}");
            }
            let entered = machine.lock().cards_entered();
            machine.pull(cure);
            machine.lock().elapse(seconds(600));
            let came = machine.lock().cards_entered() - entered;
            assert_eq!(came, u64::from(!rests), "{lever:?}: else it prints by itself");
        }
    }
}

#[test]
fn a_card_that_sticks_waits_for_a_hand() {
    for at in [JamAt::Head, JamAt::Flip, JamAt::Eject] {
        let (machine, card) = machine();
        reserve(&machine, "\x1bPem;2\r\0");
        machine.pull(Lever::Jam(at));
        lose(&machine, &card.job, seconds(60));
        let mut printer = opened(&machine);
        printer.abort_orphaned_job().unwrap();
        let barred = printer.eject(Tray::Reject).unwrap_err();
        assert_eq!(barred.card, Whereabouts::InMachine, "{at:?}: {barred}");
        machine.pull(Lever::TakeCardOut);
        let status = printer.status().unwrap();
        assert!(!status.card_inside && !status.owned && status.troubles.is_empty(), "{at:?}");
        printer.print(&card).unwrap();
    }
}

#[test]
fn a_machine_that_prints_is_left_to_it_and_its_errors_stay_ours() {
    let (machine, card) = machine();
    reserve(&machine, "\x1bPem;0\r\0");
    lose(&machine, &card.job, seconds(3));
    let mut printer = opened(&machine);
    let error = printer.abort_orphaned_job().unwrap_err();
    assert_eq!((error.card, error.cause), (Whereabouts::Untouched, Cause::Busy));
    let error = printer.print(&card).unwrap_err();
    assert_eq!((error.card, error.cause), (Whereabouts::Untouched, Cause::Busy));
    // The machine then meets a fault; it must not print the card again.
    machine.pull(Lever::OpenCover);
    machine.pull(Lever::CloseCover);
    machine.lock().elapse(seconds(600));
    printer.abort_orphaned_job().unwrap();
    assert_eq!(machine.lock().cards_entered(), 1);
    // Without a fault, the card comes out.
    printer.clear_errors().unwrap();
    printer.eject(Tray::Reject).unwrap();
    lose(&machine, &card.job, seconds(60));
    printer.abort_orphaned_job().unwrap();
    let status = printer.status().unwrap();
    assert!(!status.card_inside && !status.owned);
    assert_eq!(machine.lock().last_card().unwrap().number, 2);
}

#[test]
fn the_wire_breaks_at_every_place_of_coming_to_rest_and_it_can_be_asked_again() {
    let mut unknown = 0;
    for exchange in 0.. {
        let mut reached = false;
        for fate in [Fate::Cut(0), Fate::Cut(3), Fate::Lost, Fate::Late] {
            let story = format!("{exchange}, {fate:?}");
            let (machine, card) = machine();
            reserve(&machine, "\x1bPem;2\r\0");
            lose(&machine, &card.job, seconds(60));
            let to_come = Arc::new(AtomicBool::new(true));
            let coming = Arc::clone(&to_come);
            let wire = FaultyWire::new(&machine, move |now, _: &[u8]| {
                let now = now == OPENING.len() + exchange && coming.swap(false, Ordering::Relaxed);
                if now { fate } else { Fate::Fine }
            });
            let mut printer = drivers::open("evolis", None, Box::new(wire)).unwrap();
            let result = printer.abort_orphaned_job();
            reached |= !to_come.swap(false, Ordering::Relaxed);
            let claimed = machine.lock().state()["machine"]["claim"] == true;
            match result {
                Ok(()) => assert!(!claimed, "{story}"),
                Err(error) if error.card == Whereabouts::Untouched => {}
                Err(error) => {
                    assert_eq!(error.card, Whereabouts::Unknown, "{story}: {error}");
                    assert_eq!(error.evidence.unwrap().owned, Some(claimed), "{story}");
                    unknown += 1;
                }
            }
            printer.abort_orphaned_job().expect(&story);
            assert!(!printer.status().unwrap().owned, "{story}");
            assert_eq!(machine.lock().cards_entered(), 1, "{story}");
        }
        if !reached {
            assert!(unknown >= 3, "part 2 was lost in every way");
            return;
        }
    }
}

#[test]
fn a_machine_that_was_switched_on_says_so_until_somebody_uses_it() {
    let (machine, mut printer) = bench(settings("Primacy", "YMCKO"));
    let card = colour_card(printer.as_ref());
    assert!(printer.status().unwrap().restarted);
    assert!(printer.status().unwrap().restarted, "asking is no use of it");
    printer.print(&card).unwrap();
    assert!(!printer.status().unwrap().restarted);
    machine.pull(Lever::CutPower);
    assert!(printer.status().is_err());
    machine.pull(Lever::PowerOn);
    let mut printer =
        drivers::open("evolis", None, Box::new(Emulated::new(machine.clone()))).unwrap();
    assert!(printer.status().unwrap().restarted);
    printer.abort_orphaned_job().unwrap();
    assert!(!printer.status().unwrap().restarted);
}

#[test]
fn the_emulated_machine_takes_as_many_prints_as_the_prepress_says() {
    let mut counted = Vec::new();
    for kind in RIBBONS {
        let (machine, mut printer) = bench(settings("Primacy", kind.name));
        let head = printer.prepress().head();
        let white = FaceImage::white(head.width_px, head.height_px);
        let faces = [white, black_face(head), colour_face(head)];
        for front in &faces {
            for back in faces.iter().map(Some).chain([None]) {
                let image =
                    CardImage { front: front.clone(), back: back.cloned(), stays_inside: false };
                let mut card = PreparedCard::default();
                if printer.prepress().prepare(&image, &mut card).is_err() {
                    continue;
                }
                let before = machine.lock().ribbon_left();
                printer.print(&card).unwrap();
                let took = before - machine.lock().ribbon_left();
                assert_eq!(card.ribbon_prints, Some(took), "{}", kind.name);
                counted.push(took);
            }
        }
    }
    assert!(counted.len() > 60 && [0, 1, 2].iter().all(|prints| counted.contains(prints)));
}

#[test]
fn a_machine_that_tells_neither_counter_nor_ribbon_prints_all_the_same() {
    for old_firmware in [false, true] {
        let settings = EvolisSettings {
            no_counters: true,
            no_ribbon_chip: true,
            old_firmware,
            ..settings("Primacy", "YMCKO")
        };
        let (machine, mut printer) = bench(settings);
        let status = printer.status().unwrap();
        assert_eq!((status.cards_entered, status.ribbon), (None, None));
        let card = colour_card(printer.as_ref());
        let out = printer.print(&card).unwrap();
        let counted = (out.cards_entered_before, out.cards_entered_after, out.ribbon);
        assert_eq!(counted, (None, None, None));
        // The machine counts the card but does not report it.
        let mut hands = machine.lock();
        assert_eq!((hands.cards_entered(), hands.ribbon_left()), (1, 299));
        assert_eq!(hands.not_understood(), 0);
        let told = serde_json::json!({ "no_counters": false, "no_ribbon_chip": false });
        hands.change(&told).unwrap();
        drop(hands);
        let status = printer.status().unwrap();
        assert_eq!((status.cards_entered, status.ribbon.unwrap().remaining), (Some(1), 299));
    }
}
