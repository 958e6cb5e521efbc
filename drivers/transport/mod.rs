//! The wire: how bytes reach a machine and come back. Knows no family's protocol.
//!
//! Adapters carry bytes to a real machine (`tcp`), `emulated` carries them to an emulated one in this
//! process, wrappers (later: faults, recording) carry them to another `Transport`.

pub mod emulated;
mod serve;
pub mod tcp;

pub use serve::serve_tcp;

use std::time::Duration;

/// The longest answer that is read: hundreds of times what any machine says, and soon read.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

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

    /// Lets the machine work for a while.
    fn pause(&mut self, span: Duration);
}

/// Why bytes did not get through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} after {sent_bytes} bytes sent")]
pub struct TransportError {
    /// What happened.
    pub kind: WireFault,
    /// Upper bound of what may have reached the machine in this exchange; 0 = certainly nothing.
    pub sent_bytes: usize,
}

/// What happened on the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// Nobody there, or the way is barred.
    #[error("the printer cannot be reached ({0})")]
    Unreachable(std::io::ErrorKind),
    /// The other end hung up.
    #[error("the connection broke ({0})")]
    Broken(std::io::ErrorKind),
    /// Silence for longer than the caller's patience.
    #[error("no answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// More came than any answer may be long.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}
