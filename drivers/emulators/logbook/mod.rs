//! A family for tests alone: a card printer of no maker that reports neither a card count nor its ribbon, and keeps a
//! log of its jobs instead. Its driver is here beside the machine, since no office has one; no catalogue names it, and
//! tests pass [`FAMILY`] explicitly.

mod driver;
mod log;
mod machine;
mod protocol;
#[cfg(test)]
mod tests;

pub use driver::open;
pub use machine::{LogbookSettings, emulate};

use drivers::models::Head;

/// The family, as a catalogue would name it.
pub static FAMILY: drivers::Family = drivers::Family {
    name: "logbook",
    open,
    // No stripe is fitted, so no command carries personal data.
    personal: |_| false,
    masked: |answer| vec![b'x'; answer.len()],
    any_bytes: protocol::any_bytes,
    usb_vendors: || &[],
    models: || vec![MODEL.to_owned()],
    knows: |name| name == MODEL,
};

/// The one model.
const MODEL: &str = "Logbook";
/// Its print head: one byte of grey per dot.
const HEAD: Head = Head { width_px: 1016, height_px: 648, dpi_x: 300, dpi_y: 300 };
