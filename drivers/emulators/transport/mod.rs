//! The wires of emulated devices. Knows no family's protocol.
//!
//! `emulated` and `line` carry bytes to a machine or reader in this process; `faulty` wraps another wire and makes it
//! fail; `serve`, `usbip` and `terminal` offer a machine to other programs at a TCP port, a USB plug or a serial port;
//! `vpcd` puts a card into the system's virtual reader.

pub mod emulated;
pub mod faulty;
pub mod line;
mod serve;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod usbip;
pub mod vpcd;

use drivers::transport::inbox;
use drivers::transport::{Deadline, OsReason, Transport, TransportError, Whole, WireFault, clock};

pub use serve::serve_tcp;
