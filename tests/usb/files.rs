//! The way of those who must keep usblp: a device file. The kernel's driver, the same machine.

use drivers::contract::Cause;
use drivers::transport::lp::Lp;
use emulators::transport::usbip::{Cable, CableFault};

use crate::Test;
use crate::bench::{Driver, Haste, assert_printed, assert_truth, black_card, open_files, tidy};
use crate::office::{Printer, until};

pub const TESTS: &[Test] = &[
    ("prints_through_the_device_file", prints_through_the_device_file),
    ("unplugged_behind_the_device_file", unplugged_behind_the_device_file),
    ("nothing_is_taken_behind_the_device_file", nothing_is_taken_behind_the_device_file),
];

fn open(file: &str) -> Driver {
    drivers::open("evolis", None, Box::new(Lp::new(file))).unwrap()
}

fn prints_through_the_device_file() {
    let mut printer = Printer::new("A1", "KBLACK");
    let file = printer.plug(Cable::good()).device_file.unwrap();
    let mut driver = open(&file);
    assert_eq!(driver.status().unwrap().identity.serial.as_str(), "A1");
    for (front, back) in [(0, None), (1, Some(2)), (3, None)] {
        let (image, card) = black_card(driver.as_ref(), front, back);
        driver.print(&card).unwrap();
        assert_printed(&printer, &image);
    }
    assert_eq!(printer.machine.lock().cards_entered(), 3);
}

/// usblp says less of what was taken, so the driver may be unsure where over the bus it would know; never wrong.
fn unplugged_behind_the_device_file() {
    let mut printer = Printer::new("A1", "KBLACK");
    let mut told = 0;
    for good in (0..100).step_by(9) {
        let when = format!("unplugged after {good} transfers");
        let (entered, files) = (printer.machine.lock().cards_entered(), open_files());
        let file = printer.plug(Cable::failing(good, CableFault::Unplug)).device_file.unwrap();
        let wire = Box::new(Lp::new(&file));
        if let Ok(mut driver) = drivers::open("evolis", None, wire) {
            let (_, card) = black_card(driver.as_ref(), 0, None);
            let result = driver.print(&card);
            let moved = printer.machine.lock().cards_entered() - entered;
            assert_truth(&result, moved, false, &when);
            told +=
                u32::from(matches!(result, Err(error) if matches!(error.cause, Cause::Wire(_))));
        }
        printer.unplug();
        tidy(&printer);
        let file = printer.plug(Cable::good()).device_file.unwrap();
        let mut driver = open(&file);
        let (image, card) = black_card(driver.as_ref(), 1, None);
        driver.print(&card).unwrap_or_else(|error| panic!("{when}, then: {error}"));
        assert_printed(&printer, &image);
        drop(driver);
        printer.unplug();
        until("the files are closed", || open_files() == files);
    }
    assert!(told >= 3, "told {told} times");
}

/// The write hangs in the kernel until the plug is pulled; nobody waits for it.
fn nothing_is_taken_behind_the_device_file() {
    let mut printer = Printer::new("A1", "KBLACK");
    let file = printer.plug(Cable::failing(0, CableFault::Silence)).device_file.unwrap();
    let haste = Haste::default();
    haste.set(true);
    let wire = Box::new(haste.over(Lp::new(&file)));
    let error = drivers::open("evolis", None, wire).err().unwrap();
    assert!(error.to_string().contains("no answer"), "{error}");
    printer.unplug();
    let file = printer.plug(Cable::good()).device_file.unwrap();
    let mut driver = open(&file);
    let (image, card) = black_card(driver.as_ref(), 0, None);
    driver.print(&card).unwrap();
    assert_printed(&printer, &image);
}
