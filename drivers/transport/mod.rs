//! The wire: carries bytes to a machine and back. Knows no family's protocol.
//!
//! Adapters carry bytes to a machine (`tcp`, `usb`, `lp`, `serial`); a wrapper (`recorded`) is a `Transport` around
//! another. The emulators' crate has the wires of emulated machines.

pub mod clock;
mod deadline;
mod fault;
mod framing;
pub mod inbox;
pub mod lp;
mod pieces;
mod port;
mod reason;
#[cfg(any(test, feature = "record"))]
pub mod recorded;
pub mod serial;
pub mod tcp;
#[cfg(test)]
mod tests;
pub mod usb;

pub use deadline::Deadline;
pub(crate) use fault::shortage;
pub use fault::{TransportError, WireFault};
pub use reason::OsReason;

use std::time::Duration;

/// The longest answer that is read: hundreds of times what any machine sends, and still read quickly.
pub const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Are these bytes a complete answer of the family? Must be quick and accept any bytes.
pub type Whole = fn(&[u8]) -> bool;

/// A connection to one machine. Calls block; the caller sets a limit for every wait.
///
/// An *exchange* is `send` then `receive`; a `receive` without a `send` polls a machine that answers unasked (Evolis
/// sends its status). A driver waits only through this trait, so that a run on an emulated machine takes no real time.
pub trait Transport: Send {
    /// Sends one whole request. `patience` limits the wait for each piece to be accepted.
    ///
    /// # Errors
    /// [`TransportError`], with the number of bytes that may have reached the machine.
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError>;

    /// Reads one whole answer into `answer` (emptied first).
    ///
    /// # Errors
    /// [`TransportError`]; `answer` then holds the bytes received so far.
    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError>;

    /// A family's driver calls this before its first exchange, with the family's test for a complete answer.
    ///
    /// A wire that marks the end of an answer (TCP: the machine closes) does not need it; on the others an answer may
    /// arrive in several pieces. A wrapper must pass it on.
    fn frame_by(&mut self, _whole: Whole) {}

    /// Waits while the machine works.
    fn pause(&mut self, span: Duration);

    /// Time on a clock that continues while this program, or the whole computer, is suspended. Only differences are
    /// meaningful. A wire to an emulated machine with its own time returns that time; a wrapper must pass it on.
    fn clock(&self) -> Duration {
        clock::since_boot()
    }
}

/// A boxed wire.
impl<T: Transport + ?Sized> Transport for Box<T> {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        (**self).send(request, patience)
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        (**self).receive(answer, patience)
    }

    fn frame_by(&mut self, whole: Whole) {
        (**self).frame_by(whole);
    }

    fn pause(&mut self, span: Duration) {
        (**self).pause(span);
    }

    fn clock(&self) -> Duration {
        (**self).clock()
    }
}
