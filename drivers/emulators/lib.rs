//! Card machines, readers and chip cards that do not exist: each answers at its bytes, as the real one would, with somebody
//! who puts cards in, opens the cover or cuts the power. For trials and tests; a station with a real printer needs none
//! of it. Knows nothing of the daemon.
//!
//! An emulator never sees a driver. It shares with it what the bytes mean (`protocol.rs` of the family in `drivers`), so one
//! misreading would fool both: what holds them against the world are the recordings in `golden/`.
//!
//! # The layers, from the wire inwards
//!
//! [`transport`] (wires in this process, ports, plugs) · a family's folder ([`evolis`], [`pn532`], [`pcsc`]) ·
//! [`machine`] and [`reader`] (what any machine and any reader offers to those who run it) · [`card`] (the chip cards,
//! which know no reader).
//!
//! [`logbook`] is a family for tests alone, driver and machine: it counts no cards and keeps a log of its jobs.
//!
//! # How to add a family
//!
//! Make a folder of the driver's name with the machine's side of the wire (an [`machine::EmulatedMachine`], or a
//! [`reader::EmulatedReader`]), with settings of its own, and add a line to [`MACHINES`] or [`reader::READERS`].

mod blanks;
pub mod card;
pub mod evolis;
mod levers;
pub mod logbook;
pub mod machine;
pub mod pcsc;
pub mod pn532;
pub mod reader;
pub mod transport;

use machine::{EmulationError, Installation, SharedMachine};

/// Every family of card machines that can be emulated, one line each.
pub const MACHINES: &[EmulatedFamily] =
    &[EmulatedFamily { name: evolis::FAMILY, install: evolis::install }];

/// A family of machines that can be emulated.
pub struct EmulatedFamily {
    /// Its driver's name, as in [`drivers::CATALOGUE`].
    pub name: &'static str,
    /// Makes the machine that a station's configuration describes; the family's own module knows more settings.
    pub install: fn(Installation) -> Result<SharedMachine, EmulationError>,
}

/// Starts the machine that a station's configuration describes.
///
/// # Errors
/// [`EmulationError`] when the family, model or ribbon is not known, or its folder cannot be used.
pub fn install(family: &str, installation: Installation) -> Result<SharedMachine, EmulationError> {
    let found = MACHINES.iter().find(|known| known.name == family);
    let family = found.ok_or_else(|| EmulationError::Unknown {
        what: "family",
        name: family.to_owned(),
        known: known_families(),
    })?;
    (family.install)(installation)
}

fn known_families() -> String {
    let names: Vec<_> = MACHINES.iter().map(|family| family.name).collect();
    format!("known: {}", names.join(", "))
}
