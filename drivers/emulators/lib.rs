//! Emulated card machines, readers and chip cards: each answers byte for byte as the real device would, and has levers
//! that load cards, open the cover or cut the power. For trials and tests; a station with a real printer needs none of
//! it. Knows nothing of the daemon.
//!
//! An emulator never sees a driver. Both share the meaning of the bytes (`protocol.rs` of the family in `drivers`), so
//! the same misreading would go unnoticed in both; the recordings in `golden/` check them against real devices.
//!
//! # The layers, from the wire inwards
//!
//! [`transport`] (wires in this process, ports, plugs) · a family's folder ([`evolis`], [`pn532`], [`pcsc`]) ·
//! [`machine`] and [`reader`] (the interface of every machine and every reader) · [`card`] (the chip cards, which know
//! no reader).
//!
//! [`logbook`] is a family for tests alone, driver and machine: it has no card counter and keeps a log of its jobs.
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
    /// Makes the machine that a station's configuration describes; the family's own module has more settings.
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
