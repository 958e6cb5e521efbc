//! The doctor: what is wrong with a station, its computer and its surroundings, why it matters and what to do. Facts are
//! gathered in one place ([`gather`]) and judged in another, which is pure. Changes nothing.

mod advice;
mod checks;
mod devices;
mod facts;
pub mod gather;

use drivers::text::Text;
use serde::Serialize;

pub use checks::examine;
pub use facts::{
    Answers, ClockFacts, Copies, DiskFacts, Facts, HolderKeyFact, KeyFact, LedgerFacts,
    PrinterFacts, ReaderFacts, UnitFacts, Wear,
};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// Worth knowing; nothing has to be done today.
    Note,
    /// Something should be done before it stops the station.
    Warning,
    /// The station does not work, or could lose what it must keep.
    Fault,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Stable name: `part.what`; `part` alone where all is well.
    pub code: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What is so.
    pub what: Text,
    /// Why it matters; empty where all is well.
    pub why: Text,
    /// What to do; empty where there is nothing to do.
    pub to_do: Text,
}

/// The findings where the configuration cannot be read, so that nothing else is known.
pub fn of_config_alone(faults: Vec<Text>) -> Vec<Diagnosis> {
    faults.into_iter().map(|fault| advice::CONFIG_WRONG.about(fault)).collect()
}

/// The worst level of all findings.
pub fn worst(found: &[Diagnosis]) -> Level {
    found.iter().map(|one| one.level).max().unwrap_or(Level::Good)
}
