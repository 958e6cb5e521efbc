//! The wire: how bytes reach a machine and come back. Knows no family's protocol.
//!
//! Adapters carry bytes to a machine (`tcp`, `usb`, `lp`, `serial`); a wrapper (`recorded`) is a `Transport` around
//! another. The wires of machines that do not exist stand in the crate of the emulators.

pub mod clock;
mod fault;
mod hearing;
pub mod inbox;
pub mod lp;
mod patience;
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

pub(crate) use fault::shortage;
pub use fault::{TransportError, WireFault};
pub use patience::Patience;
pub use reason::OsReason;

use std::time::Duration;

/// The longest answer that is read: hundreds of times what any machine says, and soon read.
pub const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Says whether bytes are a whole answer, in the words of one family. Must be quick and take any bytes.
pub type Whole = fn(&[u8]) -> bool;

/// A way to one machine. Blocking; every wait has a limit that the caller names.
///
/// An *exchange* is `send` then `receive`; a `receive` without a `send` asks a machine that speaks by
/// itself (Evolis answers its status). A driver waits only through this trait, so that a run on an
/// emulated machine takes no real time.
pub trait Transport: Send {
    /// Sends one whole request. `patience` bounds the wait for each piece to be taken.
    ///
    /// # Errors
    /// [`TransportError`], with the number of bytes that may have reached the machine.
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError>;

    /// Reads one whole answer into `answer` (emptied first).
    ///
    /// # Errors
    /// [`TransportError`]; `answer` then holds what had come.
    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError>;

    /// Told by a family's driver before its first exchange: how this family knows that an answer is whole.
    ///
    /// A wire whose answers end by themselves (TCP: the machine hangs up) need not know; on the others an answer may
    /// come in several pieces. A wrapper must hand it on.
    fn frame_by(&mut self, _whole: Whole) {}

    /// Lets the machine work for a while.
    fn pause(&mut self, span: Duration);

    /// Time on a clock that goes on while this program, or the whole computer, stands still. Only differences mean
    /// something. A wire to an emulated machine whose time passes only while somebody waits says that time; a wrapper
    /// must hand it on.
    fn clock(&self) -> Duration {
        clock::since_boot()
    }
}

/// A wire that somebody has put into a box.
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
