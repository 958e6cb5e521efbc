//! A family for tests alone: a card printer of no maker that tells neither a count of cards nor its ribbon, and keeps a log
//! of its jobs instead. Its driver stands here beside the machine, since no office has one; no catalogue names it, and
//! whoever tests with it hands [`FAMILY`] over.

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
    // No stripe is fitted: nothing that is asked is somebody's.
    personal: |_| false,
    masked: |answer| vec![b'x'; answer.len()],
    any_bytes: protocol::any_bytes,
    models: || vec![MODEL.to_owned()],
    knows: |name| name == MODEL,
};

/// The one model.
const MODEL: &str = "Logbook";
/// Its print head: one byte of grey a dot.
const HEAD: Head = Head { width_px: 1016, height_px: 648, dpi_x: 300, dpi_y: 300 };
