//! The driver and the machine together: the log must agree with where the card really is. No test here waits.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use drivers::contract::*;
use drivers::transport::Transport;

use super::protocol::{Request, Said, Taken, answer, any_bytes, read_answer};
use super::{FAMILY, HEAD, LogbookSettings, emulate};
use crate::machine::{Departed, Finish, Lever, SharedMachine, Way};
use crate::transport::emulated::Emulated;
use crate::transport::faulty::{Faulty, Mishap};

/// Exchanges of a driver: WHO at its opening, NEW, PRINT, then HOW and ASK four times a second.
const PRINT: u64 = 2;
/// The head is printing.
const IN_THE_PRINT: u64 = 40;
/// All is printed, and the card is on its way out.
const ON_THE_WAY_OUT: u64 = 105;

fn machine(settings: LogbookSettings) -> SharedMachine {
    emulate(LogbookSettings { slowness: 1.0, ..settings }).unwrap()
}

fn driver(wire: impl Transport + 'static) -> Box<dyn CardPrinter> {
    (FAMILY.open)(None, Box::new(wire)).unwrap()
}

fn good(machine: &SharedMachine) -> Box<dyn CardPrinter> {
    driver(Emulated::new(machine.clone()))
}

fn card(stays_inside: bool) -> PreparedCard {
    let head = HEAD.size();
    let mut front = FaceImage::white(head.width_px, head.height_px);
    front.rgb[..30_000].fill(77);
    front.resin[..90].fill(0xff);
    let mut card = PreparedCard::default();
    let printer = good(&machine(LogbookSettings::instant()));
    let image = CardImage { front, back: None, stays_inside };
    printer.prepress().prepare(&image, &mut card).unwrap();
    card
}

/// Opens a job and prints it, over a wire that calls `before` ahead of one exchange.
fn print_with(
    machine: &SharedMachine,
    card: &PreparedCard,
    exchange: u64,
    mut before: impl FnMut(&SharedMachine) -> Option<Mishap> + Send + 'static,
) -> (Ticket, Result<CardOut, DeviceError>) {
    let hands = machine.clone();
    let wire = Faulty::new(Emulated::new(machine.clone()), move |at, _| {
        if at == exchange { before(&hands) } else { None }
    });
    let mut printer = driver(wire);
    let log = printer.job_log().unwrap();
    let ticket = log.open_job().unwrap();
    let printed = log.print_as(&ticket, card);
    (ticket, printed)
}

/// The final state in the log, determined as a station would: wait for a running job, end a waiting one.
fn settled(machine: &SharedMachine, ticket: &Ticket) -> Outcome {
    let mut printer = good(machine);
    for _ in 0..100 {
        match printer.job_log().unwrap().outcome(ticket).unwrap() {
            Outcome::AtWork => machine.lock().elapse(Duration::from_secs(1)),
            Outcome::Waiting => drop(printer.abort_orphaned_job()),
            outcome => return outcome,
        }
    }
    panic!("it never ends");
}

/// How the only possible card left; `None`: none was moved, or it is inside.
fn departed(machine: &SharedMachine) -> Option<Departed> {
    let all = machine.lock().take_departed();
    assert!(all.len() <= 1, "{all:?}");
    all.first().copied()
}

fn is_inside(machine: &SharedMachine) -> bool {
    good(machine).status().unwrap().card_inside
}

/// Checks that the log agrees with the card.
fn assert_true(machine: &SharedMachine, outcome: Outcome, story: &str) {
    let (inside, left) = (is_inside(machine), departed(machine));
    match outcome {
        Outcome::Printed => {
            let left = left.unwrap();
            assert_eq!((left.way, left.finish), (Way::Hopper, Finish::Whole), "{story}");
        }
        Outcome::NotPrinted => assert!(!inside && left.is_none(), "{story}: {left:?}"),
        Outcome::CardInside => assert!(inside && left.is_none(), "{story}: {left:?}"),
        Outcome::Spoiled => assert!(left.unwrap().finish != Finish::Whole, "{story}"),
        other => panic!("{story}: {other:?}"),
    }
    // The job moves no further card.
    machine.lock().elapse(Duration::from_secs(600));
    assert_eq!(departed(machine), None, "{story}");
}

#[test]
fn a_card_is_printed_under_a_ticket_and_the_log_knows_it() {
    let machine = machine(LogbookSettings::instant());
    let card = card(false);
    let (ticket, printed) = print_with(&machine, &card, u64::MAX, |_| None);
    let out = printed.unwrap();
    assert_eq!((out.cards_entered_after, &out.ribbon), (None, &None));
    assert_eq!(out.watch, Watch::default());
    assert_eq!(ticket.as_str(), "0001-1");
    let shown = machine.lock().last_card().unwrap();
    assert_eq!((shown.front.rgb[..3].to_vec(), shown.front.rgb[3 * 800]), (vec![0; 3], 77));
    assert_eq!(machine.lock().not_understood(), 0);
    // A driver that prints without a ticket works too.
    good(&machine).print(&card).unwrap();
    assert_eq!(machine.lock().take_departed().len(), 2);
    assert_eq!(settled(&machine, &ticket), Outcome::Printed);
    let status = good(&machine).status().unwrap();
    assert_eq!((status.cards_entered, status.ribbon), (None, None));
    assert!(!status.busy && !status.owned && status.troubles.is_empty());
}

#[test]
fn a_ticket_serves_for_one_card() {
    let machine = machine(LogbookSettings::instant());
    let card = card(false);
    let (ticket, printed) = print_with(&machine, &card, u64::MAX, |_| None);
    printed.unwrap();
    let mut printer = good(&machine);
    let log = printer.job_log().unwrap();
    let never = log.open_job().unwrap();
    assert_eq!(log.outcome(&never).unwrap(), Outcome::NotPrinted);
    let other = Ticket::read("0001-9").unwrap();
    for used in [ticket, never, other] {
        let refused = log.print_as(&used, &card).unwrap_err();
        assert_eq!(refused.card, Whereabouts::Untouched, "{refused}");
    }
    machine.lock().elapse(Duration::from_secs(60));
    assert_eq!(machine.lock().cards_entered(), 1);
}

#[test]
fn wherever_the_wire_breaks_the_log_tells_the_truth() {
    let card = card(false);
    let (mut printed, mut not_printed) = (0, 0);
    // Every exchange at the beginning, one for each phase of the card, and the end.
    for exchange in (PRINT..12).chain([IN_THE_PRINT, ON_THE_WAY_OUT, 112, 113, 114, 115]) {
        let lost = [Mishap::Lost, Mishap::Garbled(exchange)];
        let cut = [0, 1, 9, 20, card.job.len(), card.job.len() + 20].map(Mishap::Cut);
        for mishap in lost.into_iter().chain(cut) {
            let machine = machine(LogbookSettings::instant());
            let (ticket, result) = print_with(&machine, &card, exchange, move |_| Some(mishap));
            let story = format!("{mishap:?} at {exchange}: {result:?}");
            if let Err(DeviceError { card: Whereabouts::Untouched, .. }) = result {
                assert_eq!(machine.lock().cards_entered(), 0, "{story}");
            }
            let outcome = settled(&machine, &ticket);
            printed += u32::from(outcome == Outcome::Printed);
            not_printed += u32::from(outcome == Outcome::NotPrinted);
            assert_true(&machine, outcome, &story);
        }
    }
    assert!(printed > 50 && not_printed > 5, "{printed} printed, {not_printed} not");
}

#[test]
fn wherever_the_power_goes_the_log_tells_the_truth() {
    let card = card(false);
    let whole = card.job.len() as u64 + 21;
    for bytes in [1, 5, 15, whole - 1, whole, whole + 1, whole + 30, whole + 900] {
        let machine = machine(LogbookSettings::instant());
        let (ticket, failed) = print_with(&machine, &card, PRINT, move |machine| {
            machine.pull(Lever::CutPowerAfterBytes(bytes));
            None
        });
        assert!(failed.is_err(), "{bytes}");
        machine.pull(Lever::PowerOn);
        assert!(good(&machine).status().unwrap().restarted);
        let outcome = settled(&machine, &ticket);
        assert_true(&machine, outcome, &format!("{bytes} bytes, {failed:?}"));
    }
}

#[test]
fn what_hands_did_is_told_only_as_far_as_the_machine_can_know() {
    type LockedMachine = fn(&SharedMachine);
    let open: LockedMachine = |machine| machine.pull(Lever::OpenCover);
    let take: LockedMachine = |machine| {
        machine.pull(Lever::OpenCover);
        machine.pull(Lever::TakeCardOut);
        machine.pull(Lever::CloseCover);
    };
    let take_while_off: LockedMachine = |machine| {
        machine.pull(Lever::CutPower);
        machine.pull(Lever::TakeCardOut);
        machine.pull(Lever::PowerOn);
    };
    let interrupted = Outcome::Unknown(Unlogged::Interrupted);
    let taken = Outcome::Unknown(Unlogged::TakenOut);
    for (exchange, hands, outcome) in [
        (IN_THE_PRINT, open, Outcome::CardInside),
        (ON_THE_WAY_OUT, open, Outcome::CardInside),
        (IN_THE_PRINT, take, Outcome::Spoiled),
        // The card that somebody took out may be a complete one.
        (ON_THE_WAY_OUT, take, taken),
        (IN_THE_PRINT, take_while_off, interrupted),
        (ON_THE_WAY_OUT, take_while_off, interrupted),
    ] {
        let machine = machine(LogbookSettings::instant());
        let (ticket, failed) = print_with(&machine, &card(false), exchange, move |machine| {
            hands(machine);
            None
        });
        let story = format!("at {exchange}: {failed:?}");
        assert_ne!(failed.unwrap_err().card, Whereabouts::Untouched, "{story}");
        assert_eq!(settled(&machine, &ticket), outcome, "{story}");
    }
}

#[test]
fn a_card_that_stands_inside_is_rejected_and_the_log_follows() {
    let machine = machine(LogbookSettings::instant());
    let (ticket, failed) = print_with(&machine, &card(false), IN_THE_PRINT, |machine| {
        machine.pull(Lever::OpenCover);
        None
    });
    let failed = failed.unwrap_err();
    assert_eq!(failed.card, Whereabouts::InMachine);
    machine.pull(Lever::CloseCover);
    let mut printer = good(&machine);
    assert!(printer.status().unwrap().owned);
    printer.abort_orphaned_job().unwrap();
    printer.clear_errors().unwrap();
    assert!(!printer.status().unwrap().owned);
    printer.eject(Tray::Reject).unwrap();
    assert_eq!(settled(&machine, &ticket), Outcome::Spoiled);
    assert_eq!(departed(&machine).unwrap().way, Way::RejectBox);
    // A card that was kept inside on request is good when it is ejected.
    let (ticket, kept) = print_with(&machine, &card(true), u64::MAX, |_| None);
    kept.unwrap();
    assert_eq!(settled(&machine, &ticket), Outcome::CardInside);
    good(&machine).eject(Tray::Out).unwrap();
    assert_eq!(settled(&machine, &ticket), Outcome::Printed);
}

#[test]
fn a_job_that_cannot_begin_does_not_begin_behind_our_back() {
    let machine = machine(LogbookSettings { feeder_cards: 0, ..LogbookSettings::instant() });
    let (ticket, failed) = print_with(&machine, &card(false), u64::MAX, |_| None);
    let failed = failed.unwrap_err();
    assert_eq!(failed.card, Whereabouts::Untouched);
    assert!(failed.to_string().contains("media-empty"), "{failed}");
    machine.pull(Lever::LoadFeeder(5));
    machine.lock().elapse(Duration::from_secs(60));
    assert_eq!(machine.lock().cards_entered(), 0);
    assert_eq!(settled(&machine, &ticket), Outcome::NotPrinted);
    // A job whose answer was lost waits until it is ended.
    machine.pull(Lever::EmptyFeeder);
    let (ticket, _) = print_with(&machine, &card(false), PRINT, |_| Some(Mishap::Lost));
    let mut printer = good(&machine);
    assert_eq!(printer.job_log().unwrap().outcome(&ticket).unwrap(), Outcome::Waiting);
    assert!(printer.status().unwrap().owned);
    printer.abort_orphaned_job().unwrap();
    machine.pull(Lever::LoadFeeder(5));
    machine.lock().elapse(Duration::from_secs(60));
    assert_eq!(settled(&machine, &ticket), Outcome::NotPrinted);
    assert_eq!(machine.lock().cards_entered(), 0);
}

#[test]
fn a_log_that_forgot_or_was_begun_anew_says_so() {
    let machine = machine(LogbookSettings { log_jobs: 2, ..LogbookSettings::instant() });
    let card = card(false);
    let tickets: Vec<Ticket> =
        (0..3).map(|_| print_with(&machine, &card, u64::MAX, |_| None).0).collect();
    assert_eq!(settled(&machine, &tickets[0]), Outcome::Unknown(Unlogged::TooOld));
    assert_eq!(settled(&machine, &tickets[1]), Outcome::Printed);
    machine.lock().change(&serde_json::json!({"log": "anew"})).unwrap();
    for ticket in &tickets {
        assert_eq!(settled(&machine, ticket), Outcome::Unknown(Unlogged::OtherLog));
    }
    let (again, _) = print_with(&machine, &card, u64::MAX, |_| None);
    assert!(!tickets.contains(&again), "a name is never given twice");
}

#[test]
fn a_card_that_sticks_waits_for_a_hand() {
    let machine = machine(LogbookSettings::instant());
    machine.pull(Lever::JamNextCard);
    let (ticket, failed) = print_with(&machine, &card(false), u64::MAX, |_| None);
    let failed = failed.unwrap_err();
    assert!(failed.card == Whereabouts::InMachine && failed.to_string().contains("media-jam"));
    machine.pull(Lever::TakeCardOut);
    assert_eq!(settled(&machine, &ticket), Outcome::Spoiled);
    good(&machine).print(&card(false)).unwrap();
}

#[test]
fn requests_and_answers_byte_for_byte() {
    let mut bytes = Vec::new();
    for (request, wire) in [
        (Request::Who, &b"#7 WHO\n"[..]),
        (Request::Print("0001-3", &[1, 0, 10, 35]), b"#7 PRINT 0001-3 4\n\x01\x00\n#"),
        (Request::Ask("0001-3"), b"#7 ASK 0001-3\n"),
        (Request::Out(false), b"#7 OUT reject\n"),
    ] {
        request.emit(7, &mut bytes);
        assert_eq!(bytes, wire);
        assert_eq!(Request::take(&bytes), Taken::Whole(7, request, bytes.len()));
        for cut in 0..bytes.len() {
            assert_eq!(Request::take(&bytes[..cut]), Taken::Part, "{cut}");
        }
    }
    assert_eq!(answer(7, Said::Done.word()), b"#7 DONE\n");
    assert_eq!(read_answer(b"#7 DONE\n"), Some((7, "DONE")));
    assert_eq!(Request::take(b"#7 DANCE\n#8"), Taken::Unknown(7, 9));
    assert_eq!(Request::take(b"GET / HTTP/1.1\r\n"), Taken::Noise(16));
}

#[test]
fn noise_breaks_neither_the_driver_nor_the_machine() {
    let machine = machine(LogbookSettings::instant());
    let mut seed = 0x5eed_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let alphabet = b"# 0123456789\nWHOWNEWASKDROPPRINTOUTREST-";
    for _ in 0..3000 {
        let length = next() % 80;
        let bytes: Vec<u8> =
            (0..length).map(|_| alphabet[next() as usize % alphabet.len()]).collect();
        any_bytes(&bytes);
        machine.lock().on_bytes(&bytes);
        machine.lock().end_of_input();
    }
    machine.lock().hang_up();
    let (_, printed) = print_with(&machine, &card(false), u64::MAX, |_| None);
    printed.unwrap();
}
