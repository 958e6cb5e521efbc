//! A machine that shows SLEEP_MODE (Evolis wire notes, section 2) until it hears a job. Changes one bit of its answers
//! and nothing else.

use std::time::Duration;

use drivers::emulation::{EmulatedMachine, FinishedCard, Lever, Speech};

/// INFORMATION stands behind the text's zero, two bytes, a length byte and CONFIG; SLEEP_MODE is in its second byte.
const INFORMATION_OFFSET: usize = 1 + 2 + 1 + 4;
const SLEEP_MODE: u8 = 0x20;

pub struct Sleeper {
    machine: Box<dyn EmulatedMachine>,
    awake: bool,
}

impl Sleeper {
    pub fn new(machine: Box<dyn EmulatedMachine>) -> Self {
        Self { machine, awake: false }
    }
}

impl EmulatedMachine for Sleeper {
    fn hear(&mut self, bytes: &[u8]) {
        self.awake |= bytes.windows(4).any(|window| window == b"Pcla");
        self.machine.hear(bytes);
    }

    fn end_of_input(&mut self) {
        self.machine.end_of_input();
    }

    fn hang_up(&mut self) {
        self.machine.hang_up();
    }

    fn speak(&mut self, answer: &mut Vec<u8>) -> Speech {
        let speech = self.machine.speak(answer);
        if !self.awake
            && let Some(end) = answer.iter().position(|&b| b == 0)
        {
            answer[end + INFORMATION_OFFSET + 1] |= SLEEP_MODE;
        }
        speech
    }

    fn elapse(&mut self, span: Duration) {
        self.machine.elapse(span);
    }

    fn in_real_time(&self) -> bool {
        self.machine.in_real_time()
    }

    fn pull(&mut self, lever: Lever) {
        self.machine.pull(lever);
    }

    fn cards_entered(&self) -> u64 {
        self.machine.cards_entered()
    }

    fn ribbon_left(&self) -> u32 {
        self.machine.ribbon_left()
    }

    fn not_understood(&self) -> u64 {
        self.machine.not_understood()
    }

    fn last_card(&self) -> Option<&FinishedCard> {
        self.machine.last_card()
    }

    fn last_rejected(&self) -> Option<&FinishedCard> {
        self.machine.last_rejected()
    }

    fn state(&self) -> serde_json::Value {
        self.machine.state()
    }

    fn change(&mut self, change: &serde_json::Value) -> Result<(), String> {
        self.machine.change(change)
    }
}
