//! What is written on a card's chip, as data: `chip.toml` → [`Profile`], and [`run`] carries it out on one card.
//! Pure but for the encoder that it is given: no clock, no chance, no disk; knows no product, no job and no printer.
//!
//! A profile has no loops and never tries a step again. Everything that it writes is read back and compared, and what
//! cannot be undone happens only after that. Data have names ([`Values`]), keys are named by the vault ([`KeySource`]);
//! neither stands in a fault, a trace or a `Debug`.

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

/// One thing wrong in a `chip.toml`.
pub use crate::product::ConfigFault as ProfileFault;
