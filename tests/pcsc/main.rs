//! The PC/SC driver in front of readers and cards as they are on a desk. Runs in the namespaces that tests/outside/pcsc
//! makes, never on a person's machine: it starts and kills a pcscd. Knows the driver by its public doors only.
//!
//! Cards are emulated at the bytes; everything between them and the driver is real: libpcsclite, pcscd, vpcd, and for the
//! serial readers libccid's twin driver.

#![allow(clippy::unwrap_used)]

mod blocks;
mod cards;
mod office;
mod process;
mod programs;
mod rooms;
mod serial;
mod station;
mod trial;
mod twin;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use office::Rig;

/// A test and its name, which says what happens in the room.
type Test = (&'static str, fn(&Rig));

const TESTS: &[&[Test]] =
    &[rooms::TESTS, serial::TESTS, programs::TESTS, trial::TESTS, station::TESTS];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(tools), Some(kartud)) = (words.next(), words.next()) else {
        eprintln!("this is run by tests/outside/pcsc");
        return ExitCode::from(2);
    };
    let rig = Rig { tools: PathBuf::from(tools), kartud: PathBuf::from(kartud) };
    let words: Vec<String> = words.collect();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in TESTS.iter().copied().flatten().filter(|(name, _)| chosen(name)) {
        let began = Instant::now();
        let well = catch_unwind(AssertUnwindSafe(|| test(&rig))).is_ok();
        let result = if well { "ok" } else { "FAILED" };
        println!("{name} ... {result} ({:.1} s)", began.elapsed().as_secs_f64());
        *(if well { &mut passed } else { &mut failed }) += 1;
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
