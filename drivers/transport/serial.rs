//! The wire over a serial port (115200 8N1), including USB adapters. Knows no family.
//!
//! The port is opened at the first request and stays open; if it fails (the adapter was unplugged), the next request
//! reopens it. There is no flow control, so the port accepts bytes as fast as the bits are sent; on a pseudo-terminal
//! whose other end never reads, a write could block after 4 KiB, which is more than any driver sends without an answer.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use super::inbox::Inbox;
use super::port::Port;
use super::{Transport, TransportError, Whole, WireFault};

/// The speed of every supported reader after it is switched on.
const BAUD: u32 = 115_200;

/// Bytes per write, so that the accepted amount is known to within one piece.
const PIECE_BYTES: usize = 64;

/// A device on a serial port.
pub struct Serial {
    path: String,
    whole: Option<Whole>,
    port: Option<Port>,
    inbox: Inbox,
    sent_bytes: usize,
}

impl Serial {
    /// A wire over the port at `path` (`/dev/ttyUSB0`). Nothing is opened yet.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), whole: None, port: None, inbox: Inbox::default(), sent_bytes: 0 }
    }

    /// After a fault the port is reopened, unless the device just did not answer.
    fn failed(&mut self, kind: WireFault) -> TransportError {
        if !matches!(kind, WireFault::Silent(_)) {
            self.port = None;
        }
        TransportError { kind, sent_bytes: self.sent_bytes }
    }

    fn opened(&mut self) -> Result<&mut Port, WireFault> {
        if self.port.is_none() {
            let port = Port::open(Path::new(&self.path), BAUD);
            self.port = Some(port.map_err(|fault| self.not_opened(&fault))?);
        }
        self.port.as_mut().ok_or(WireFault::Unreachable(ErrorKind::NotFound.into()))
    }

    fn not_opened(&self, fault: &std::io::Error) -> WireFault {
        match fault.kind() {
            ErrorKind::PermissionDenied => WireFault::Barred,
            ErrorKind::ResourceBusy => WireFault::Taken,
            // A name in /dev may remain after the adapter is gone.
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                WireFault::NotPlugged { name: format!("serial:{}", self.path) }
            }
            _ => WireFault::Unreachable(fault.into()),
        }
    }

    fn deliver(&mut self, request: &[u8], patience: Duration) -> Result<(), WireFault> {
        self.sent_bytes = 0;
        self.inbox.forget();
        let port = self.opened()?;
        port.forget_input().map_err(|fault| broken(&fault, patience))?;
        let mut left = request;
        while !left.is_empty() {
            let piece = &left[..left.len().min(PIECE_BYTES)];
            let taken = match self.opened()?.write(piece, patience) {
                Ok(0) => return Err(WireFault::Broken(ErrorKind::WriteZero.into())),
                Ok(taken) => taken,
                Err(fault) if fault.kind() == ErrorKind::Interrupted => continue,
                Err(fault) => {
                    // An upper bound, because a failed write may have transmitted any part of its piece.
                    self.sent_bytes += piece.len();
                    return Err(broken(&fault, patience));
                }
            };
            self.sent_bytes += taken;
            left = &left[taken..];
        }
        Ok(())
    }

    /// Appends the bytes that arrive within `patience` to the inbox.
    fn read(&mut self, patience: Duration) -> Result<(), WireFault> {
        let mut bytes = [0; 512];
        match self.opened()?.read(&mut bytes, patience) {
            // The adapter was unplugged.
            Ok(0) => Err(WireFault::Broken(ErrorKind::UnexpectedEof.into())),
            Ok(got) => {
                self.inbox.take_in(&bytes[..got]);
                Ok(())
            }
            Err(fault) if fault.kind() == ErrorKind::Interrupted => Ok(()),
            Err(fault) => Err(broken(&fault, patience)),
        }
    }

    fn read_answer(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), WireFault> {
        let until = Instant::now() + patience;
        while !self.inbox.hand_over(answer, self.whole)? {
            let left = until.saturating_duration_since(Instant::now());
            let read = if left.is_zero() { Err(WireFault::Silent(left)) } else { self.read(left) };
            read.map_err(|fault| match fault {
                WireFault::Silent(_) => WireFault::Silent(patience),
                fault => fault,
            })?;
        }
        Ok(())
    }
}

impl Transport for Serial {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.deliver(request, patience).map_err(|kind| self.failed(kind))
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        answer.clear();
        self.read_answer(answer, patience).map_err(|kind| self.failed(kind))?;
        self.sent_bytes = 0;
        Ok(())
    }

    fn frame_by(&mut self, whole: Whole) {
        self.whole = Some(whole);
    }

    fn pause(&mut self, span: Duration) {
        std::thread::sleep(span);
    }
}

fn broken(fault: &std::io::Error, patience: Duration) -> WireFault {
    match fault.kind() {
        ErrorKind::TimedOut => WireFault::Silent(patience),
        _ => WireFault::Broken(fault.into()),
    }
}
