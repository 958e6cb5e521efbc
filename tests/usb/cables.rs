//! Cables that fail at every place of a job. After each fault the driver has said the truth about the card, and the
//! next card comes out of the same driver, without a restart.

use std::sync::OnceLock;

use drivers::contract::Cause;
use drivers::transport::WireFault;
use drivers::transport::usbip::{Cable, CableFault};

use crate::Test;
use crate::bench::{
    Driver, assert_printed, assert_truth, black_card, open, open_by, open_files, tidy,
};
use crate::office::Printer;

pub const TESTS: &[Test] = &[
    ("usb_unplugged_after_every_transfer", usb_unplugged_after_every_transfer),
    ("usb_unplugged_within_a_transfer", usb_unplugged_within_a_transfer),
    ("the_printer_stalls", the_printer_stalls),
    ("the_printer_takes_and_says_nothing_for_ever", the_printer_takes_and_says_nothing_for_ever),
    ("the_printer_babbles", the_printer_babbles),
    ("answers_come_in_small_parts", answers_come_in_small_parts),
];

/// The transfers of opening a driver and printing one card.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// After so many the driver is open.
    opened: u64,
    /// The last of so many takes the blank from the feeder.
    feeds: u64,
    /// After so many the card is out and told.
    printed: u64,
}

fn course() -> Course {
    static COURSE: OnceLock<Course> = OnceLock::new();
    *COURSE.get_or_init(|| {
        let mut printer = Printer::new("A1", "KBLACK");
        printer.plug(Cable::good());
        let mut driver = open(&printer);
        let opened = printer.cable().transfers();
        let (_, card) = black_card(driver.as_ref(), 0, None);
        driver.print(&card).unwrap();
        let printed = printer.cable().transfers();
        drop(driver);
        let (mut untouched, mut fed) = (opened, printed);
        while fed - untouched > 1 {
            let middle = untouched.midpoint(fed);
            let moved = print_over(Cable::failing(middle, CableFault::Unplug)) > 0;
            *(if moved { &mut fed } else { &mut untouched }) = middle;
        }
        let course = Course { opened, feeds: fed, printed };
        println!("{course:?}");
        course
    })
}

/// Prints, or tries to, on a new machine over this cable; returns how many cards moved.
fn print_over(cable: Cable) -> u64 {
    let mut printer = Printer::new("A1", "KBLACK");
    printer.plug(cable);
    let mut driver = open(&printer);
    let (_, card) = black_card(driver.as_ref(), 0, None);
    let _ = driver.print(&card);
    let moved = printer.machine.lock().cards_entered();
    moved
}

/// How a printer comes back after a fault.
#[derive(Clone, Copy, PartialEq)]
enum Cure {
    /// It is unplugged and plugged in again.
    Replug,
    /// Nobody touches the cable.
    None,
}

/// Opens and prints over a cable that fails after so many transfers; then the next card, on the same driver.
///
/// Returns what went wrong on the wire, if the print told it.
fn fail_at(printer: &mut Printer, good: u64, fault: CableFault, cure: Cure) -> Option<WireFault> {
    let when = format!("{fault:?} after {good} transfers");
    let (entered, files) = (printer.machine.lock().cards_entered(), open_files());
    printer.plug(Cable::failing(good, fault));
    let mut driver = open_by("serial=A1").ok();
    let result = driver.as_mut().map(|driver| {
        let (_, card) = black_card(driver.as_ref(), 0, None);
        driver.print(&card)
    });
    let moved = printer.machine.lock().cards_entered() - entered;
    match &result {
        // Even with all of the transfer that failed, nothing would have moved.
        Some(result) => assert_truth(result, moved, good + 1 < course().feeds, &when),
        None => assert_eq!(moved, 0, "{when}"),
    }
    if cure == Cure::Replug {
        printer.unplug();
    }
    tidy(printer);
    if cure == Cure::Replug {
        printer.plug(Cable::good());
    }
    let mut driver = driver.unwrap_or_else(|| open(printer));
    print_well(printer, &mut driver, &when);
    drop(driver);
    printer.unplug();
    assert_eq!(open_files(), files, "{when}");
    match result?.err()?.cause {
        Cause::Wire(error) => Some(error.kind),
        _ => None,
    }
}

fn print_well(printer: &Printer, driver: &mut Driver, when: &str) {
    let (image, card) = black_card(driver.as_ref(), 1, None);
    driver.print(&card).unwrap_or_else(|error| panic!("{when}, then: {error}"));
    assert_printed(printer, &image);
}

fn usb_unplugged_after_every_transfer() {
    let mut printer = Printer::new("A1", "KBLACK");
    let mut told = 0;
    for good in 0..course().printed {
        let fault = fail_at(&mut printer, good, CableFault::Unplug, Cure::Replug);
        told += u64::from(fault.is_some());
    }
    // Every unplug from the first transfer of the print to the last that decides anything was told.
    assert!(told > (course().printed - course().opened) / 2, "{told}");
}

fn usb_unplugged_within_a_transfer() {
    let mut printer = Printer::new("A1", "KBLACK");
    let feeds = course().feeds;
    for good in [feeds - 2, feeds - 1, feeds, feeds + 8, feeds + 14] {
        for bytes in [0, 1, 40, 63] {
            fail_at(&mut printer, good, CableFault::UnplugWithin(bytes), Cure::Replug);
        }
    }
}

/// At every seventh transfer, and around the one that feeds the blank.
fn some_places() -> impl Iterator<Item = u64> {
    let course = course();
    let every_seventh = (0..course.printed).step_by(7);
    every_seventh.chain([course.feeds - 2, course.feeds - 1, course.feeds])
}

fn the_printer_stalls() {
    let mut printer = Printer::new("A1", "KBLACK");
    let mut told = 0;
    for good in some_places() {
        let fault = fail_at(&mut printer, good, CableFault::Stall, Cure::None);
        told += u32::from(fault == Some(WireFault::Stalled));
    }
    assert!(told >= 4, "told {told} times");
}

fn the_printer_takes_and_says_nothing_for_ever() {
    let mut printer = Printer::new("A1", "KBLACK");
    let Course { opened, feeds, printed } = course();
    for good in [0, opened, feeds - 2, feeds - 1, feeds, feeds + 12, printed - 1] {
        let fault = fail_at(&mut printer, good, CableFault::Silence, Cure::Replug);
        let silent = fault.is_none_or(|fault| matches!(fault, WireFault::Silent(_)));
        assert!(silent, "after {good} transfers");
    }
}

fn the_printer_babbles() {
    let mut printer = Printer::new("A1", "KBLACK");
    for good in some_places() {
        fail_at(&mut printer, good, CableFault::Babble, Cure::None);
    }
}

fn answers_come_in_small_parts() {
    for bytes in [1, 7, 23] {
        let mut printer = Printer::new("A1", "KBLACK");
        printer.plug(Cable::short_reads(bytes));
        let mut driver = open(&printer);
        print_well(&printer, &mut driver, &format!("{bytes} bytes at a time"));
    }
}
