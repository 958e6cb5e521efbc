//! The wires of machines that do not exist. Knows no family's protocol.
//!
//! `emulated` and `line` carry bytes to a machine or reader in this process; `faulty` is a wire around another that breaks
//! it; `serve`, `usbip` and `terminal` put a machine behind a port, a plug or a serial port for other programs; `vpcd` puts a
//! card into the system's own reader.

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
use drivers::transport::{OsReason, Patience, Transport, TransportError, Whole, WireFault, clock};

pub use serve::serve_tcp;
