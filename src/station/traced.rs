//! A wire whose exchanges are traced in the log: lengths and times, never content.

use std::time::{Duration, Instant};

use drivers::transport::{Transport, TransportError, Whole};

/// A wire that logs a line at level `trace` for each half of an exchange.
pub(super) struct Traced(pub Box<dyn Transport>);

impl Transport for Traced {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        let began = Instant::now();
        let sent = self.0.send(request, patience);
        let (bytes, ms) = (request.len(), began.elapsed().as_millis());
        tracing::trace!(bytes, ms, fault = ?sent.as_ref().err().map(ToString::to_string), "sent to the printer");
        sent
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        let began = Instant::now();
        let heard = self.0.receive(answer, patience);
        let (bytes, ms) = (answer.len(), began.elapsed().as_millis());
        tracing::trace!(bytes, ms, fault = ?heard.as_ref().err().map(ToString::to_string), "heard from the printer");
        heard
    }

    fn frame_by(&mut self, whole: Whole) {
        self.0.frame_by(whole);
    }

    fn pause(&mut self, span: Duration) {
        self.0.pause(span);
    }

    fn clock(&self) -> Duration {
        self.0.clock()
    }
}
