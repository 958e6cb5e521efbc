//! Cables that fail at every place of a job. After each fault the driver has said the truth about the card, and the
//! next card comes out of the same driver, without a restart.

use std::sync::OnceLock;

use drivers::contract::{CardImage, Cause, PreparedCard};
use drivers::transport::WireFault;
use emulators::transport::usbip::{Cable, CableFault};

use crate::Test;
use crate::bench::{
    Driver, Haste, assert_printed, assert_truth, black_card, open, open_by, open_files, tidy, usb,
};
use crate::office::Printer;

pub const TESTS: &[Test] = &[
    ("usb_unplugged_while_a_driver_is_opened", usb_unplugged_while_a_driver_is_opened),
    ("usb_unplugged_after_every_transfer", usb_unplugged_after_every_transfer),
    ("usb_unplugged_within_a_transfer", usb_unplugged_within_a_transfer),
    ("the_printer_stalls", the_printer_stalls),
    ("the_printer_takes_and_says_nothing_for_ever", the_printer_takes_and_says_nothing_for_ever),
    ("the_printer_babbles", the_printer_babbles),
    ("answers_come_in_small_parts", answers_come_in_small_parts),
];

/// Transfers while a driver is opened: four answers dropped, four questions and their answers.
const OPENING: u64 = 14;

/// A printer with an opened driver that lives through every fault.
struct Room {
    printer: Printer,
    driver: Driver,
    haste: Haste,
    /// Goes over the cable that fails.
    card: PreparedCard,
    /// Comes after it.
    next: (CardImage, PreparedCard),
}

/// How a printer comes back after a fault.
#[derive(Clone, Copy, PartialEq)]
enum Cure {
    /// It is unplugged and plugged in again.
    Replug,
    /// Nobody touches the cable.
    None,
}

/// What became of a card over a cable that failed.
struct Outcome {
    /// Cards that moved.
    moved: u64,
    /// What went wrong on the wire, if the print told it.
    told: Option<WireFault>,
}

impl Room {
    fn new() -> Self {
        let mut printer = Printer::new("A1", "KBLACK");
        printer.plug(Cable::good());
        let haste = Haste::default();
        let wire = Box::new(haste.over(usb("serial=A1")));
        let driver = drivers::open("evolis", None, wire).unwrap();
        let (_, card) = black_card(driver.as_ref(), 0, None);
        let next = black_card(driver.as_ref(), 1, None);
        Self { printer, driver, haste, card, next }
    }

    fn print_next(&mut self, when: &str) {
        let (image, card) = &self.next;
        self.driver.print(card).unwrap_or_else(|error| panic!("{when}, then: {error}"));
        assert_printed(&self.printer, image);
    }

    /// Prints over a cable that fails after so many transfers; then one card more, on the same driver.
    ///
    /// `surely_untouched`: even with all of the transfer that fails, no card would have moved.
    fn fail_after(
        &mut self,
        good: u64,
        fault: CableFault,
        cure: Cure,
        surely_untouched: bool,
    ) -> Outcome {
        let when = format!("{fault:?} after {good} transfers");
        let (entered, files) = (self.printer.machine.lock().cards_entered(), open_files());
        self.printer.cable().fail_after(good, fault);
        self.haste.set(fault == CableFault::Silence);
        let result = self.driver.print(&self.card);
        self.haste.set(false);
        let moved = self.printer.machine.lock().cards_entered() - entered;
        assert_truth(&result, moved, surely_untouched && moved == 0, &when);
        if cure == Cure::Replug {
            self.printer.unplug();
        }
        tidy(&self.printer);
        if cure == Cure::Replug {
            self.printer.plug(Cable::good());
        }
        self.print_next(&when);
        assert_eq!(open_files(), files, "{when}");
        let told = result.err().and_then(|error| match error.cause {
            Cause::Wire(error) => Some(error.kind),
            _ => None,
        });
        Outcome { moved, told }
    }
}

fn print_well(printer: &Printer, driver: &mut Driver, when: &str) {
    let (image, card) = black_card(driver.as_ref(), 1, None);
    driver.print(&card).unwrap_or_else(|error| panic!("{when}, then: {error}"));
    assert_printed(printer, &image);
}

/// The transfers of printing one card with an opened driver.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// The last of so many takes the blank from the feeder.
    feeds: u64,
    /// After so many the card is out and told.
    all: u64,
}

fn course() -> Course {
    static COURSE: OnceLock<Course> = OnceLock::new();
    *COURSE.get_or_init(|| {
        let mut room = Room::new();
        assert_eq!(room.printer.cable().transfers(), OPENING);
        room.print_next("on a good cable");
        let all = room.printer.cable().transfers() - OPENING;
        let (mut untouched, mut fed) = (0, all);
        while fed - untouched > 1 {
            let middle = untouched.midpoint(fed);
            let moved = room.fail_after(middle, CableFault::Unplug, Cure::Replug, false).moved;
            *(if moved > 0 { &mut fed } else { &mut untouched }) = middle;
        }
        let course = Course { feeds: fed, all };
        println!("{course:?}");
        course
    })
}

fn usb_unplugged_while_a_driver_is_opened() {
    let mut printer = Printer::new("A1", "KBLACK");
    for good in 0..OPENING {
        printer.plug(Cable::failing(good, CableFault::Unplug));
        let error = open_by("serial=A1").err().unwrap();
        assert!(matches!(error.cause, Cause::Wire(_)), "after {good} transfers: {error}");
        printer.unplug();
    }
    printer.plug(Cable::good());
    print_well(&printer, &mut open(&printer), "after all that");
    assert_eq!(printer.machine.lock().cards_entered(), 1);
}

fn usb_unplugged_after_every_transfer() {
    let Course { feeds, all } = course();
    let mut room = Room::new();
    let mut told = 0;
    for good in 0..all {
        let outcome = room.fail_after(good, CableFault::Unplug, Cure::Replug, good + 1 < feeds);
        assert_eq!(outcome.moved > 0, good >= feeds, "after {good} transfers");
        told += u64::from(outcome.told.is_some());
    }
    // Only what is asked for the evidence, when the card is out already, may fail without a word.
    assert!(told > all - 16, "{told} of {all}");
}

fn usb_unplugged_within_a_transfer() {
    let feeds = course().feeds;
    let mut room = Room::new();
    for good in [feeds - 2, feeds - 1, feeds, feeds + 8, feeds + 14] {
        for bytes in [1, 63] {
            let surely = good + 1 < feeds;
            room.fail_after(good, CableFault::UnplugWithin(bytes), Cure::Replug, surely);
        }
    }
}

fn the_printer_stalls() {
    let Course { feeds, all } = course();
    let mut room = Room::new();
    let mut told = 0;
    for good in (0..all).step_by(2) {
        let outcome = room.fail_after(good, CableFault::Stall, Cure::None, good + 1 < feeds);
        told += u64::from(outcome.told == Some(WireFault::Stalled));
    }
    assert!(told > all / 4, "{told} of {all}");
}

fn the_printer_takes_and_says_nothing_for_ever() {
    let Course { feeds, all } = course();
    let mut room = Room::new();
    for good in [0, 1, feeds - 2, feeds - 1, feeds, feeds + 12, all - 9] {
        let outcome = room.fail_after(good, CableFault::Silence, Cure::Replug, good + 1 < feeds);
        let silent = matches!(outcome.told, Some(WireFault::Silent(_)));
        assert!(silent, "after {good} transfers: {:?}", outcome.told);
    }
}

fn the_printer_babbles() {
    let Course { feeds, all } = course();
    let mut room = Room::new();
    for good in (0..all).step_by(3) {
        room.fail_after(good, CableFault::Babble, Cure::None, good + 1 < feeds);
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
