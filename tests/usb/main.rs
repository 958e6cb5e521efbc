//! The driver on a real Linux USB stack. Runs as root in the virtual machine that tests/outside/usb boots, never on the
//! machine of a person: it plugs printers in and out. Knows the driver by its public doors only.
//!
//! Printers are emulated at the bytes and plugged into the kernel's virtual host controller; everything between them
//! and the driver is real: usbfs, libusb, usblp, hot-plug. Each test leaves as many open files as it found.

#![allow(clippy::unwrap_used)]

mod bench;
mod cables;
mod files;
mod office;
mod programs;
mod rooms;
mod speed;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use bench::open_files;

/// A test and its name, which says what happens in the room.
type Test = (&'static str, fn());

const TESTS: &[&[Test]] = &[rooms::TESTS, cables::TESTS, files::TESTS, programs::TESTS];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "as-another-user") {
        return rooms::as_another_user();
    }
    if !std::path::Path::new(office::CONTROLLER).exists() {
        eprintln!("no virtual host controller: this runs in the guest of tests/outside/usb");
        return ExitCode::from(2);
    }
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    // Minutes of real time are spent only when they are asked for.
    let named = |name: &str| words.iter().any(|word| word == name);
    let measured = speed::TESTS.iter().filter(|(name, _)| named(name));
    let (mut passed, mut failed) = (0, 0);
    // Whatever the first use leaves open for good is no leak.
    rooms::warm_up();
    let tests = TESTS.iter().copied().flatten().filter(|(name, _)| chosen(name));
    for (name, test) in tests.chain(measured) {
        let began = Instant::now();
        let before = open_files();
        let well = catch_unwind(AssertUnwindSafe(test)).is_ok();
        // A test that failed may have left its printers to the kernel.
        office::until("all plugs are out", || office::all().is_empty());
        let after = open_files();
        let result = match (well, after == before) {
            (true, true) => "ok",
            (true, false) => "FAILED: open files",
            (false, _) => "FAILED",
        };
        println!(
            "{name} ... {result} ({:.1} s, {before} open files, then {after})",
            began.elapsed().as_secs_f64()
        );
        *(if result == "ok" { &mut passed } else { &mut failed }) += 1;
    }
    println!("printers plugged in {} times", office::times_plugged());
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
