//! Wires and readers that send a heartbeat with every call: while a driver waits within its own limit, its thread does
//! not count as hanging.

use std::time::Duration;

use drivers::encoder::{CardEncoder, Chip, EncoderError};
use drivers::transport::{Transport, TransportError, Whole};

use super::device::BETWEEN_EXCHANGES;
use crate::heartbeat::Heartbeat;

/// A request may be sent in several pieces, each of which may wait for the whole time limit.
const PIECES: u32 = 10;

/// A wire of the printer's thread.
pub(super) struct WatchedWire {
    pub wire: Box<dyn Transport>,
    pub beat: Heartbeat,
}

impl Transport for WatchedWire {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.beat.works(patience.saturating_mul(PIECES).saturating_add(BETWEEN_EXCHANGES));
        let sent = self.wire.send(request, patience);
        self.beat.works(BETWEEN_EXCHANGES);
        sent
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        self.beat.works(patience.saturating_add(BETWEEN_EXCHANGES));
        let heard = self.wire.receive(answer, patience);
        self.beat.works(BETWEEN_EXCHANGES);
        heard
    }

    fn frame_by(&mut self, whole: Whole) {
        self.wire.frame_by(whole);
    }

    fn pause(&mut self, span: Duration) {
        self.beat.works(span.saturating_add(BETWEEN_EXCHANGES));
        self.wire.pause(span);
        self.beat.works(BETWEEN_EXCHANGES);
    }

    fn clock(&self) -> Duration {
        self.wire.clock()
    }
}

/// A reader, on its own thread: a call that panics, or exceeds `limit`, is noticed.
pub(super) struct WatchedReader {
    pub reader: Box<dyn CardEncoder>,
    pub beat: Heartbeat,
    pub limit: Duration,
}

impl CardEncoder for WatchedReader {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        let limit = self.limit.saturating_add(patience);
        self.beat.during(limit, || self.reader.power_on(patience))
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        self.beat.during(self.limit, || self.reader.transmit(command, answer))
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        self.beat.during(self.limit, || self.reader.power_off())
    }
}

/// The same reader, seen from the printer's thread, which waits for it: each call within its limit is progress.
pub(super) struct AwaitedReader {
    pub reader: Box<dyn CardEncoder>,
    pub beat: Heartbeat,
    pub limit: Duration,
}

impl AwaitedReader {
    fn await_it<T>(
        &mut self,
        patience: Duration,
        call: impl FnOnce(&mut dyn CardEncoder) -> T,
    ) -> T {
        let limit = self.limit.saturating_add(patience);
        self.beat.works(limit.saturating_add(BETWEEN_EXCHANGES));
        let done = call(self.reader.as_mut());
        self.beat.works(BETWEEN_EXCHANGES);
        done
    }
}

impl CardEncoder for AwaitedReader {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        self.await_it(patience, |reader| reader.power_on(patience))
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        self.await_it(Duration::ZERO, |reader| reader.transmit(command, answer))
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        self.await_it(Duration::ZERO, |reader| reader.power_off())
    }
}
