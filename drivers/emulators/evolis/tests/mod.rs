//! The machine itself, without a driver: its answers, its faults, its clock. No test here waits.

mod chips;
mod conversation;
mod departed;
mod mechanics;
mod outside;

use std::time::Duration;

use crate::evolis::EvolisSettings;
use crate::machine::{EmulatedMachine, NEVER, Response};
use drivers::printers::evolis::protocol::Answer;
use drivers::printers::evolis::status::StatusWords;

/// A machine under test, and the actions on it.
struct Table {
    machine: super::Machine,
}

impl Table {
    fn new(settings: EvolisSettings) -> Self {
        Self { machine: super::machine(settings).unwrap() }
    }

    /// A Primacy with a colour ribbon; `slowness` as on [`EvolisSettings`].
    fn primacy(slowness: f64) -> Self {
        Self::new(EvolisSettings {
            model: "Primacy".to_owned(),
            slowness,
            ..EvolisSettings::instant()
        })
    }

    /// Sends these commands in one transmission and lets the time that they take pass.
    fn say(&mut self, commands: &[&str]) -> Answer {
        let mut frame = Vec::new();
        self.machine.exchange(&transmission(commands), &mut frame);
        Answer::parse(&frame).unwrap()
    }

    fn text(&mut self, command: &str) -> String {
        self.say(&[command]).text
    }

    /// Its status when no command was sent.
    fn look(&mut self) -> StatusWords {
        self.say(&[]).status
    }

    fn elapse_s(&mut self, seconds: f64) {
        self.machine.elapse(Duration::from_secs_f64(seconds));
    }

    /// Sends these commands and returns how long the answer takes, without waiting.
    fn delay(&mut self, commands: &[&str]) -> Duration {
        self.machine.on_bytes(&transmission(commands));
        self.machine.end_of_input();
        match self.machine.respond(&mut Vec::new()) {
            Response::Later(NEVER) => NEVER,
            Response::Later(span) => span,
            Response::Said => Duration::ZERO,
            Response::HangsUp => panic!("it hangs up"),
        }
    }

    /// A number from the machine's read-only state.
    fn account(&self, key: &str) -> u64 {
        self.machine.state()["machine"][key].as_u64().unwrap()
    }
}

fn transmission(commands: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands {
        drivers::printers::evolis::protocol::command(command, &mut bytes);
    }
    bytes
}

/// The first part of a job that prints these panels on the front (and back) on a Primacy: dye in one tone, resin and
/// varnish all over. Ends as a captured job does.
fn part_one(front: &str, back: &str) -> Vec<u8> {
    let mut bytes = transmission(&["Pcla;1", "Pr;0;t", "Ss"]);
    for (turn, letters) in [("Sr", front), ("Sv", back)] {
        if letters.is_empty() {
            continue;
        }
        bytes.extend(transmission(&[turn]));
        for letter in letters.chars() {
            let (levels, size, dot) =
                if "ymc".contains(letter) { (256, 658_368, 60) } else { (2, 82_296, 0xff) };
            bytes.extend(format!("\x1bDb;{letter};{levels};").bytes());
            bytes.resize(bytes.len() + size, dot);
            bytes.push(b'\r');
        }
    }
    bytes.extend(transmission(&["Se"]));
    bytes
}

impl Table {
    /// Sends both parts of a job; returns the answer to the first.
    fn print(&mut self, front: &str, back: &str) -> Answer {
        let mut frame = Vec::new();
        self.machine.exchange(&part_one(front, back), &mut frame);
        self.say(&["Pcla;0"]);
        Answer::parse(&frame).unwrap()
    }
}
