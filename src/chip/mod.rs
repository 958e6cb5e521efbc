//! What is written on a card's chip, as data: `chip.toml` → [`Profile`], and [`run`] executes it on one card. Pure
//! except for the reader that it is given: no clock, no randomness, no disk; knows no product, no job and no printer.
//!
//! A profile has no loops and never repeats a step. Everything that it writes is read back and compared, and only after
//! that comes what cannot be undone. Data have names ([`Values`]), and keys have names in the vault ([`KeySource`]);
//! neither their bytes nor a key appears in a fault, a trace or a `Debug`.

mod check;
mod definition;
mod definition_step;
mod fault;
mod files;
mod memory;
mod ndef;
mod profile;
mod run;
mod secure;
mod status;
mod template;
mod values;

#[cfg(all(test, feature = "emulators"))]
mod tests;

pub(crate) use definition::interface;
pub(crate) use definition_step::one_of;
pub use fault::{Blame, ChipFault, FaultKind};
pub use profile::{Action, BinaryFile, Classic, KeyLetter, Profile, Secret, SecretLength, Step};
pub use run::{StepDone, StepSeen, With, Written, preflight, run};
pub use status::StatusPattern;
pub use template::Template;
pub(crate) use values::hex;
pub use values::{Data, KeyFault, KeySource, Values};

/// One fault of a `chip.toml`.
pub use crate::product::ConfigFault as ProfileFault;
