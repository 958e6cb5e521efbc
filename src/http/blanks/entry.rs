//! A person's entry about blanks, and its validation. Knows no ledger and no day.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::actor::Actor;
use crate::codes::requests;
use crate::finding::Finding;
use crate::ledger::blanks::Handled;
use crate::supplies::{BlankKind, SpoilCause};

/// No feeder and no store hands out more at once; this catches typing errors.
const CARDS_LIMIT: i64 = 10_000;
/// Longest account or officer number.
const BY_LIMIT: usize = 60;
/// Longest name of a batch.
const BATCH_LIMIT: usize = 40;

/// What a person did with blanks, or how many they counted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Entry {
    /// `loaded` (from the store to the station), `returned` (back to the store), `spoiled` (without a job), `test`,
    /// `lost`, or `counted` (this many are at the station now).
    kind: String,
    /// How many, 1 to 10,000; `counted` may be 0.
    #[serde(deserialize_with = "whole_number")]
    cards: i64,
    /// Why they are `spoiled`: `GAGAL_CETAK`, `GAGAL_ENCODE`, `RUSAK_FISIK`, `PERUBAHAN_DATA`, `SALAH_DATA` or
    /// `CACAT_PABRIK`. `test` is always `UJI_CETAK`, `lost` always `HILANG`; the others have none.
    #[serde(default)]
    cause: Option<String>,
    /// Officer number or account, not a name, because it is stored in the ledger. `[A-Za-z0-9._@/-]{1,60}`.
    by: String,
    /// The batch as the store names it, `[A-Za-z0-9/-]{0,40}`.
    #[serde(default)]
    batch: Option<String>,
}

/// Accepts `100` and `100.0`, which are the same number in JSON.
fn whole_number<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    let whole = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < 9e15);
    // The number is small enough to be exact.
    #[allow(clippy::cast_possible_truncation)]
    let rounded = whole.map(|it| it as i64);
    number.as_i64().or(rounded).ok_or_else(|| D::Error::custom("not a whole number"))
}

impl Entry {
    /// The validated entry, with the client's key.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, key: Option<String>) -> Result<Handled, Vec<Finding>> {
        let mut faults = Vec::new();
        let kind = BlankKind::from_name(&self.kind).filter(|kind| kind.is_entered());
        let least = i64::from(kind != Some(BlankKind::Counted));
        if !(least..=CARDS_LIMIT).contains(&self.cards) {
            faults.push(requests::E_BLANKS_CARDS.at("cards", &[]));
        }
        let cause = cause_of(kind, self.cause.as_deref());
        if cause.is_err() {
            faults.push(requests::E_BLANKS_CAUSE.at("cause", &[]));
        }
        if !is_word(&self.by, 1..=BY_LIMIT, "._@/-") {
            faults.push(requests::E_BY.at("by", &[]));
        }
        if self.batch.as_ref().is_some_and(|batch| !is_word(batch, 0..=BATCH_LIMIT, "/-")) {
            faults.push(requests::E_BLANKS_BATCH.at("batch", &[]));
        }
        let batch = self.batch.filter(|batch| !batch.is_empty());
        match (kind, u32::try_from(self.cards), cause) {
            (Some(kind), Ok(cards), Ok(cause)) if faults.is_empty() => {
                Ok(Handled { kind, cards, cause, by: Actor::local(self.by), batch, key })
            }
            (None, ..) => {
                faults.insert(0, requests::E_BLANKS_KIND.at("kind", &[]));
                Err(faults)
            }
            _ => Err(faults),
        }
    }
}

fn cause_of(kind: Option<BlankKind>, cause: Option<&str>) -> Result<Option<SpoilCause>, ()> {
    let cause = cause.map(|cause| SpoilCause::from_name(cause).ok_or(())).transpose()?;
    let always = match kind {
        // An unknown kind is reported once, not again here.
        None => return Ok(None),
        Some(BlankKind::Spoiled) => {
            return cause.filter(|c| c.is_of_spoiling()).map(Some).ok_or(());
        }
        Some(BlankKind::Test) => Some(SpoilCause::UjiCetak),
        Some(BlankKind::Lost) => Some(SpoilCause::Hilang),
        Some(_) => None,
    };
    if cause.is_none() || cause == always { Ok(always) } else { Err(()) }
}

fn is_word(text: &str, length: std::ops::RangeInclusive<usize>, also: &str) -> bool {
    length.contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}
