//! What became of blanks: the table `blanks`, which follows from the events in the same transaction. The truth is the
//! chained event; [`faults`] holds one against the other. Knows no day and no HTTP.
//!
//! A blank that a card was begun with is `unsure` from the intent until its outcome is written, so that a count made
//! while a card moves, or while nobody knows where it is, can be held against the rest.

mod days;
mod faults;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use days::{Count, Day, Destroyed};
pub(super) use days::{days, destroyed};
pub use faults::faults;

use super::book::{note, write_error};
use super::record::Entry;
use super::{LedgerError, chain, reader};
use crate::lifecycle::{Event, State};

/// The event of an entry made by a person.
const ENTERED: &str = "blanks";

/// What can become of a blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Taken from the store to the station.
    Loaded,
    /// A good card; taken back (−1) when that card is spoiled later.
    Good,
    /// Spoiled, with a cause.
    Spoiled,
    /// A test card.
    Test,
    /// Not found again.
    Lost,
    /// Brought back to the store.
    Returned,
    /// A card was begun with it (+1); its outcome is known (−1).
    Unsure,
    /// So many lie at the station: moves none.
    Counted,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 8] = [
        Self::Loaded,
        Self::Good,
        Self::Spoiled,
        Self::Test,
        Self::Lost,
        Self::Returned,
        Self::Unsure,
        Self::Counted,
    ];

    /// Stable name, in the API and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Good => "good",
            Self::Spoiled => "spoiled",
            Self::Test => "test",
            Self::Lost => "lost",
            Self::Returned => "returned",
            Self::Unsure => "unsure",
            Self::Counted => "counted",
        }
    }

    /// Reads [`Kind::name`].
    pub fn from_name(name: &str) -> Option<Kind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What people enter; the rest follows from jobs.
    pub fn is_entered(self) -> bool {
        !matches!(self, Self::Good | Self::Unsure)
    }
}

/// Why a blank is no card: the words of the *berita acara* (DOMAIN section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Printed badly, or not to the end.
    GagalCetak,
    /// The chip or the stripe could not be written.
    GagalEncode,
    /// Bent, scratched, torn.
    RusakFisik,
    /// The person's data changed.
    PerubahanData,
    /// The data were wrong.
    SalahData,
    /// Bad from the factory.
    CacatPabrik,
    /// A test card.
    UjiCetak,
    /// Not found again.
    Hilang,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Cause; 8] = [
        Self::GagalCetak,
        Self::GagalEncode,
        Self::RusakFisik,
        Self::PerubahanData,
        Self::SalahData,
        Self::CacatPabrik,
        Self::UjiCetak,
        Self::Hilang,
    ];

    /// As the office writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::GagalCetak => "GAGAL_CETAK",
            Self::GagalEncode => "GAGAL_ENCODE",
            Self::RusakFisik => "RUSAK_FISIK",
            Self::PerubahanData => "PERUBAHAN_DATA",
            Self::SalahData => "SALAH_DATA",
            Self::CacatPabrik => "CACAT_PABRIK",
            Self::UjiCetak => "UJI_CETAK",
            Self::Hilang => "HILANG",
        }
    }

    /// Reads [`Cause::name`].
    pub fn from_name(name: &str) -> Option<Cause> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// Says why a card is bad; a test and a loss are kinds of their own.
    pub fn is_of_spoiling(self) -> bool {
        !matches!(self, Self::UjiCetak | Self::Hilang)
    }

    /// What the old card died of when a job with this reason replaces it.
    pub fn of_replacement(reason: &str) -> Cause {
        Self::from_name(reason).filter(|cause| cause.is_of_spoiling()).unwrap_or(Self::RusakFisik)
    }
}

/// What a person did with blanks, or counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// One that [`Kind::is_entered`].
    pub kind: Kind,
    /// How many.
    pub cards: u32,
    /// Of spoiled, test and lost ones.
    pub cause: Option<Cause>,
    /// Officer number or account.
    pub by: String,
    /// The batch, as the store names it.
    pub batch: Option<String>,
    /// The client's `Idempotency-Key`.
    pub key: Option<String>,
}

/// What became of an entry.
#[derive(Debug)]
pub enum Entered {
    /// Written now.
    New(Entry),
    /// The same was entered before with this key.
    Before(Entry),
    /// The key was used for another entry.
    KeyTaken,
}

/// One line of the table, without its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    kind: Kind,
    cause: Option<Cause>,
    cards: i64,
}

/// A line about a job, and where the job stood around it.
pub(super) struct Step<'a> {
    pub seq: u64,
    pub job: i64,
    pub at: &'a str,
    pub from: State,
    pub to: State,
    pub event: Event,
    pub detail: &'a Value,
}

/// Writes down what a job's event says of blanks.
pub(super) fn follow(c: &Connection, step: &Step<'_>) -> Result<(), LedgerError> {
    let changes = of_job(step.from, step.to, step.event, step.detail)?;
    write(c, step.seq, Some(step.job), step.at, &changes)
}

/// Writes down what a person says of blanks, once a key.
pub(super) fn enter(
    c: &Connection,
    handled: &Handled,
    now: jiff::Timestamp,
) -> Result<Entered, LedgerError> {
    // The client's own words stay out of the ledger, where they would stand for ever.
    let key = handled.key.as_ref().map(|key| chain::hex(&Sha256::digest(key)));
    let detail = json!({
        "kind": handled.kind.name(), "cards": handled.cards, "cause": handled.cause.map(Cause::name),
        "by": handled.by, "batch": handled.batch, "key_sha256": key,
    });
    if let Some(known) = key.map(|key| of_key(c, &key)).transpose()?.flatten() {
        let same = known.detail == detail;
        return Ok(if same { Entered::Before(known) } else { Entered::KeyTaken });
    }
    let entry = note(c, None, ENTERED, &detail, now)?;
    write(c, entry.seq, None, &now.to_string(), &of_person(&detail)?)?;
    Ok(Entered::New(entry))
}

fn of_key(c: &Connection, key: &str) -> Result<Option<Entry>, LedgerError> {
    let sql = "SELECT seq FROM events WHERE event = 'blanks' AND detail ->> '$.key_sha256' = ?1";
    let seq: Option<u64> = c
        .prepare_cached(sql)
        .and_then(|mut s| s.query_row([key], |row| row.get(0)).optional())
        .map_err(write_error)?;
    let Some(seq) = seq else { return Ok(None) };
    Ok(reader::events_after(c, seq.saturating_sub(1), 1)?.pop())
}

fn write(
    c: &Connection,
    seq: u64,
    job: Option<i64>,
    at: &str,
    changes: &[Change],
) -> Result<(), LedgerError> {
    for change in changes {
        let cause = change.cause.map(Cause::name);
        c.prepare_cached(
            "INSERT INTO blanks (event, job, at, kind, cause, cards) VALUES (?1,?2,?3,?4,?5,?6)",
        )
        .and_then(|mut s| s.execute(params![seq, job, at, change.kind.name(), cause, change.cards]))
        .map_err(write_error)?;
    }
    Ok(())
}

/// What one event of a job says of blanks.
fn of_job(
    from: State,
    to: State,
    event: Event,
    detail: &Value,
) -> Result<Vec<Change>, LedgerError> {
    let mut changes = Vec::new();
    let mut add = |kind, cause, cards| changes.push(Change { kind, cause, cards });
    let begun = |state: State| i64::from(state.has_card_moving() || state == State::Unsure);
    match event {
        Event::CardOut => add(Kind::Good, None, 1),
        Event::Spoil => {
            // A card that was good until now.
            if matches!(from, State::Printed | State::HandedOver) {
                add(Kind::Good, None, -1);
            }
            let cause = cause_in(detail)?.unwrap_or(Cause::GagalCetak);
            add(Kind::Spoiled, Some(cause), 1);
        }
        _ => {}
    }
    if begun(to) != begun(from) {
        add(Kind::Unsure, None, begun(to) - begun(from));
    }
    Ok(changes)
}

/// What an entry of a person says.
fn of_person(detail: &Value) -> Result<Vec<Change>, LedgerError> {
    let kind = detail["kind"].as_str().and_then(Kind::from_name);
    let (Some(kind), Some(cards)) = (kind, detail["cards"].as_i64()) else {
        return Err(LedgerError::Read("an entry of blanks is damaged".into()));
    };
    Ok(vec![Change { kind, cause: cause_in(detail)?, cards }])
}

fn cause_in(detail: &Value) -> Result<Option<Cause>, LedgerError> {
    let Some(cause) = detail.get("cause").filter(|cause| !cause.is_null()) else { return Ok(None) };
    let known = cause.as_str().and_then(Cause::from_name);
    known.map(Some).ok_or(LedgerError::UnknownCause)
}
