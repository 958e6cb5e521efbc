//! `[backup]`: where copies of the ledger are put, how many stay, and when one is late.

use std::path::{Path, PathBuf};

use super::path;
use crate::toml_sheet::Sheet;

/// Copies that stay.
const KEEP: u32 = 14;
/// A timer that runs once a day may be late by two hours.
const LATE_AFTER_HOURS: u32 = 26;
/// A year.
const HOURS_MAX: u32 = 24 * 366;

/// `[backup]`
#[derive(Debug, Clone, PartialEq)]
pub struct Backup {
    /// Folder of the copies, on another disk; empty: none are expected.
    pub folder: Option<PathBuf>,
    /// So many copies of this station stay; the oldest beyond are removed.
    pub keep: u32,
    /// A last copy that is older is told as late, hours.
    pub late_after_hours: u32,
    /// File with the public key to which the station's keys are sealed in each copy; empty: copies hold no keys.
    pub recipient: Option<PathBuf>,
}

impl Default for Backup {
    fn default() -> Self {
        Self { folder: None, keep: KEEP, late_after_hours: LATE_AFTER_HOURS, recipient: None }
    }
}

pub(super) fn backup(s: &mut Sheet<'_>, folder: &Path) -> Backup {
    let keep = s.number("keep").unwrap_or(KEEP);
    if !(1..=10_000).contains(&keep) {
        s.fault_in_english("keep", "must lie between 1 and 10000");
    }
    let late_after_hours = s.number("late_after_hours").unwrap_or(LATE_AFTER_HOURS);
    if !(1..=HOURS_MAX).contains(&late_after_hours) {
        s.fault_in_english("late_after_hours", "must lie between 1 and 8784");
    }
    Backup {
        folder: path(s, "folder", folder),
        keep,
        late_after_hours,
        recipient: path(s, "recipient", folder),
    }
}
