//! The wire to an emulated machine in this process. Knows no family.

use std::io::ErrorKind;
use std::time::Duration;

use super::{Transport, TransportError, WireFault, clock};
use crate::machine::{Response, SharedMachine};

/// Carries requests to an emulated machine; its time passes only while a caller waits.
pub struct Emulated {
    machine: SharedMachine,
    sent_bytes: usize,
    /// Time waited on this wire.
    passed: Duration,
}

impl Emulated {
    /// A wire to `machine`.
    pub fn new(machine: SharedMachine) -> Self {
        Self { machine, sent_bytes: 0, passed: Duration::ZERO }
    }

    /// Breaks the wire after the first `bytes` of a request: the machine receives these and does not answer.
    pub fn break_after(&mut self, request: &[u8], bytes: usize) -> TransportError {
        self.sent_bytes = bytes.min(request.len());
        let mut machine = self.machine.lock();
        machine.on_bytes(&request[..self.sent_bytes]);
        machine.hang_up();
        self.fault(WireFault::Broken(ErrorKind::BrokenPipe.into()))
    }

    fn pass(&mut self, span: Duration) {
        self.machine.pass(span);
        self.passed = self.passed.saturating_add(span);
    }

    fn fault(&self, kind: WireFault) -> TransportError {
        TransportError { kind, sent_bytes: self.sent_bytes }
    }
}

impl Transport for Emulated {
    fn send(&mut self, request: &[u8], _patience: Duration) -> Result<(), TransportError> {
        let mut machine = self.machine.lock();
        machine.on_bytes(request);
        machine.end_of_input();
        self.sent_bytes = request.len();
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        let mut left = patience;
        loop {
            let speech = self.machine.lock().respond(answer);
            let Response::Later(span) = speech else {
                self.sent_bytes = 0;
                return Ok(());
            };
            // A span of zero would poll for ever.
            let span = span.max(Duration::from_millis(1));
            self.pass(span.min(left));
            if span > left {
                self.machine.lock().hang_up();
                answer.clear();
                return Err(self.fault(WireFault::Silent(patience)));
            }
            left -= span;
        }
    }

    fn pause(&mut self, span: Duration) {
        self.pass(span);
    }

    fn clock(&self) -> Duration {
        if self.machine.follows_the_wall() { clock::since_boot() } else { self.passed }
    }
}
