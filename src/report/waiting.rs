//! Jobs that wait for a person: counted over the whole ledger, not over the jobs that a page shows. Decides nothing.

use std::collections::BTreeMap;

use drivers::text::Text;
use serde::Serialize;

use crate::ledger::{Ledger, LedgerError, Order};
use crate::lifecycle::State;

/// Most jobs that are named; for more, the office uses the list.
const NAMED: u32 = 10;

/// The jobs that wait for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Jobs that are printed only after a release.
    pub held: u64,
    /// Jobs whose card may or may not have come out.
    pub unsure: u64,
    /// The `ref` of each job whose card may or may not have come out, the oldest first; ten at most.
    pub unsure_refs: Vec<String>,
}

impl Waiting {
    /// `counts` must be those of the same ledger.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn of(counts: &BTreeMap<State, u64>, ledger: &Ledger) -> Result<Waiting, LedgerError> {
        let count = |state| counts.get(&state).copied().unwrap_or(0);
        let (held, unsure) = (count(State::Held), count(State::Unsure));
        let mut unsure_refs = Vec::new();
        if unsure > 0 {
            let page = ledger.jobs(Some(State::Unsure), Order::OldestFirst, None, NAMED)?;
            unsure_refs = page.jobs.into_iter().map(|job| job.reference).collect();
        }
        Ok(Waiting { held, unsure, unsure_refs })
    }

    /// What to do about the jobs that may have a card; `None`: there are none.
    pub fn words_of_unsure(&self) -> Option<Text> {
        if self.unsure == 0 {
            return None;
        }
        let more = self.unsure.saturating_sub(self.unsure_refs.len() as u64);
        let (more_id, more_en) = match more {
            0 => (String::new(), String::new()),
            more => (format!(" dan {more} lagi"), format!(" and {more} more")),
        };
        let refs = self.unsure_refs.join(", ");
        Some(Text::new(
            format!(
                "Tidak pasti apakah kartunya keluar: {refs}{more_id}. Lihat di printer, baki hasil dan kotak tolak, lalu jawab per pekerjaan (kartud resolve)."
            ),
            format!(
                "A card may or may not have come out: {refs}{more_en}. Look into the printer, the output hopper and the reject box, then answer for each job (kartud resolve)."
            ),
        ))
    }

    /// What to do about held jobs; `None`: there are none.
    pub fn words_of_held(&self) -> Option<Text> {
        let held = self.held;
        (held > 0).then(|| {
            Text::new(
                format!(
                    "{held} pekerjaan ditahan dan menunggu petugas. Baca alasannya (kartud jobs --state held), lalu lepaskan atau batalkan."
                ),
                format!(
                    "{held} {} for a person. Read why (kartud jobs --state held), then release or cancel.",
                    if held == 1 { "job is held and waits" } else { "jobs are held and wait" }
                ),
            )
        })
    }
}
