//! A serial line, which has no connections: the interface of the device at its other end, and the line to an emulated
//! device in this process. Knows no family.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::inbox::Inbox;
use super::{Transport, TransportError, Whole, WireFault};

/// The device's side of a serial line. It cannot know whether anybody listens.
pub trait SerialDevice: Send {
    /// Receives bytes as they come.
    fn on_bytes(&mut self, bytes: &[u8]);

    /// Appends to `said` what it sends now. Returns how long until it sends more, if it receives nothing meanwhile;
    /// `None`: it then stays silent.
    fn respond(&mut self, said: &mut Vec<u8>) -> Option<Duration>;

    /// Advances its clock.
    fn elapse(&mut self, span: Duration);
}

/// A boxed device.
impl<D: SerialDevice + ?Sized> SerialDevice for Box<D> {
    fn on_bytes(&mut self, bytes: &[u8]) {
        (**self).on_bytes(bytes);
    }

    fn respond(&mut self, said: &mut Vec<u8>) -> Option<Duration> {
        (**self).respond(said)
    }

    fn elapse(&mut self, span: Duration) {
        (**self).elapse(span);
    }
}

/// A device that is shared between the line and other code.
impl<D: SerialDevice> SerialDevice for Arc<Mutex<D>> {
    fn on_bytes(&mut self, bytes: &[u8]) {
        self.lock().unwrap_or_else(PoisonError::into_inner).on_bytes(bytes);
    }

    fn respond(&mut self, said: &mut Vec<u8>) -> Option<Duration> {
        self.lock().unwrap_or_else(PoisonError::into_inner).respond(said)
    }

    fn elapse(&mut self, span: Duration) {
        self.lock().unwrap_or_else(PoisonError::into_inner).elapse(span);
    }
}

/// The line to an emulated device in this process; its time passes only while a caller waits.
pub struct Line<D> {
    device: D,
    whole: Option<Whole>,
    inbox: Inbox,
    sent_bytes: usize,
}

impl<D: SerialDevice> Line<D> {
    /// A line to `device`.
    pub fn new(device: D) -> Self {
        Self { device, whole: None, inbox: Inbox::default(), sent_bytes: 0 }
    }

    fn fault(&self, kind: WireFault) -> TransportError {
        TransportError { kind, sent_bytes: self.sent_bytes }
    }
}

impl<D: SerialDevice> Transport for Line<D> {
    fn send(&mut self, request: &[u8], _patience: Duration) -> Result<(), TransportError> {
        // Drop what was sent earlier, as on a real line.
        self.device.respond(&mut Vec::new());
        self.inbox.forget();
        self.device.on_bytes(request);
        self.sent_bytes = request.len();
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        answer.clear();
        let mut left = patience;
        loop {
            let mut said = Vec::new();
            let later = self.device.respond(&mut said);
            self.inbox.take_in(&said);
            let handed = self.inbox.hand_over(answer, self.whole);
            if handed.map_err(|kind| self.fault(kind))? {
                self.sent_bytes = 0;
                return Ok(());
            }
            // A span of zero would poll for ever.
            let span = later.unwrap_or(Duration::MAX).max(Duration::from_millis(1));
            self.device.elapse(span.min(left));
            if span > left {
                return Err(self.fault(WireFault::Silent(patience)));
            }
            left -= span;
        }
    }

    fn frame_by(&mut self, whole: Whole) {
        self.whole = Some(whole);
    }

    fn pause(&mut self, span: Duration) {
        self.device.elapse(span);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use drivers::transport::ANSWER_MAX_BYTES;

    use super::*;

    /// Sends each byte that it receives twice, the second time a second later.
    #[derive(Default)]
    struct Echo {
        now: Vec<u8>,
        later: Vec<u8>,
    }

    impl SerialDevice for Echo {
        fn on_bytes(&mut self, bytes: &[u8]) {
            self.now.extend_from_slice(bytes);
            self.later.extend_from_slice(bytes);
        }

        fn respond(&mut self, said: &mut Vec<u8>) -> Option<Duration> {
            said.append(&mut self.now);
            (!self.later.is_empty()).then_some(Duration::from_secs(1))
        }

        fn elapse(&mut self, span: Duration) {
            if span >= Duration::from_secs(1) {
                self.now.append(&mut self.later);
            }
        }
    }

    fn line() -> Line<Echo> {
        let mut line = Line::new(Echo::default());
        line.frame_by(|bytes| bytes.ends_with(b"."));
        line
    }

    fn received(line: &mut Line<Echo>, patience_s: u64) -> Result<Vec<u8>, WireFault> {
        let mut answer = Vec::new();
        let heard = line.receive(&mut answer, Duration::from_secs(patience_s));
        heard.map(|()| answer).map_err(|fault| fault.kind)
    }

    #[test]
    fn two_answers_that_come_together_are_two() {
        let mut line = line();
        line.send(b"one.two.", Duration::ZERO).unwrap();
        assert_eq!(received(&mut line, 0).unwrap(), b"one.");
        assert_eq!(received(&mut line, 0).unwrap(), b"two.");
        assert_eq!(received(&mut line, 5).unwrap(), b"one.", "a second later");
    }

    #[test]
    fn patience_ends_and_what_was_said_to_another_question_is_dropped() {
        let mut line = line();
        line.send(b"half", Duration::ZERO).unwrap();
        assert_eq!(received(&mut line, 5), Err(WireFault::Silent(Duration::from_secs(5))));
        line.send(b"old.", Duration::ZERO).unwrap();
        line.send(b"new.", Duration::ZERO).unwrap();
        assert_eq!(received(&mut line, 0).unwrap(), b"new.");
    }

    #[test]
    fn noise_without_an_end_is_cut_off() {
        let mut line = line();
        line.send(&vec![b'x'; ANSWER_MAX_BYTES + 1], Duration::ZERO).unwrap();
        assert_eq!(received(&mut line, 9), Err(WireFault::TooLong(ANSWER_MAX_BYTES)));
    }
}
