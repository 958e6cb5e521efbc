//! The wire to an emulated machine in this process. Knows no family.

use std::time::Duration;

use super::{Transport, TransportError};
use crate::emulation::SharedMachine;

/// Carries requests to an emulated machine; time passes in it only while somebody waits.
pub struct Emulated {
    machine: SharedMachine,
    answer: Vec<u8>,
    answered: bool,
}

impl Emulated {
    /// A wire to `machine`.
    pub fn new(machine: SharedMachine) -> Self {
        Self { machine, answer: Vec::new(), answered: false }
    }
}

impl Transport for Emulated {
    fn send(&mut self, request: &[u8], _patience: Duration) -> Result<(), TransportError> {
        self.machine.lock().exchange(request, &mut self.answer);
        self.answered = true;
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, _patience: Duration) -> Result<(), TransportError> {
        if !self.answered {
            self.machine.lock().exchange(&[], &mut self.answer);
        }
        self.answered = false;
        answer.clear();
        answer.append(&mut self.answer);
        Ok(())
    }

    fn pause(&mut self, span: Duration) {
        if self.machine.lock().in_real_time() {
            // The lock is not held: others may look at the machine meanwhile.
            std::thread::sleep(span);
        }
        self.machine.lock().elapse(span);
    }
}
