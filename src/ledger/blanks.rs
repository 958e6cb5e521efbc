//! What happened to the blanks: the table `blanks`, which is derived from the events in the same transaction. The
//! chained event is authoritative; [`faults`] compares the two. Knows no day and no HTTP.
//!
//! A blank with which a card was begun is `unsure` from the intent until its outcome is recorded, so that a count can
//! be reconciled even while a card moves or its whereabouts are unknown.

mod days;
mod faults;

use base16ct::lower::encode_string as hex;
use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

pub use days::{Count, Day, Destroyed, Witness};
pub(super) use days::{days, destroyed, opening};
pub use faults::faults;

use super::book::{append, write_error};
use super::record::Entry;
use super::{LedgerError, reader};
use crate::actor::Actor;
use crate::event::{BlanksEntry, Event};
use crate::lifecycle::State;
use crate::supplies::{BlankKind, SpoilCause};

/// What a person did with blanks, or how many they counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// A kind for which [`BlankKind::is_entered`] holds.
    pub kind: BlankKind,
    /// How many.
    pub cards: u32,
    /// The cause, for spoiled, test and lost blanks.
    pub cause: Option<SpoilCause>,
    /// The person who did it.
    pub by: Actor,
    /// The batch, as the store names it.
    pub batch: Option<String>,
    /// The client's `Idempotency-Key`.
    pub key: Option<String>,
}

/// The result of an entry.
#[derive(Debug)]
pub enum Entered {
    /// It is recorded now.
    New(Entry),
    /// It was already entered with this key.
    Before(Entry),
    /// The key was used for another entry.
    KeyTaken,
}

/// One row of the table, without its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    kind: BlankKind,
    cause: Option<SpoilCause>,
    cards: i64,
}

/// An event of a job, with the job's states before and after it.
pub(super) struct Step<'a> {
    pub seq: u64,
    pub job: i64,
    pub at: &'a str,
    pub from: State,
    pub to: State,
    pub event: &'a Event,
}

/// Records what a job's event means for blanks.
pub(super) fn follow(c: &Connection, step: &Step<'_>) -> Result<(), LedgerError> {
    let changes = of_job(step.from, step.to, step.event);
    write(c, step.seq, Some(step.job), step.at, &changes)
}

/// Records a person's entry about blanks; the same key records it only once.
pub(super) fn enter(
    c: &Connection,
    handled: &Handled,
    now: jiff::Timestamp,
) -> Result<Entered, LedgerError> {
    let key_sha256 = handled.key.as_ref().map(|key| hex(&Sha256::digest(key)));
    let entry = BlanksEntry {
        kind: handled.kind,
        cards: handled.cards,
        cause: handled.cause,
        by: handled.by.clone(),
        batch: handled.batch.clone(),
        key_sha256,
    };
    let known = entry.key_sha256.as_deref().map(|key| of_key(c, key)).transpose()?.flatten();
    let changes = of_person(&entry);
    let event = Event::Blanks(entry);
    if let Some(known) = known {
        let same = known.read().as_ref() == Some(&event);
        return Ok(if same { Entered::Before(known) } else { Entered::KeyTaken });
    }
    let line = append(c, None, &event, now)?;
    write(c, line.seq, None, &now.to_string(), &changes)?;
    Ok(Entered::New(line))
}

/// The time of the sum that a `cut` line carries: before every day of any office, so that it opens each day that is left.
const CARRIED_AT: &str = "1970-01-01T00:00:00Z";

/// Records what the lines that were cut off add to the blanks at the station, with the line `seq` that says so.
pub(super) fn carry(c: &Connection, seq: u64, cards: i64) -> Result<(), LedgerError> {
    write(c, seq, None, CARRIED_AT, &[of_cut(cards)])
}

fn of_cut(cards: i64) -> Change {
    Change { kind: BlankKind::Loaded, cause: None, cards }
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
        let cause = change.cause.map(SpoilCause::name);
        c.prepare_cached(
            "INSERT INTO blanks (event, job, at, kind, cause, cards) VALUES (?1,?2,?3,?4,?5,?6)",
        )
        .and_then(|mut s| s.execute(params![seq, job, at, change.kind.name(), cause, change.cards]))
        .map_err(write_error)?;
    }
    Ok(())
}

/// What one event of a job means for blanks.
fn of_job(from: State, to: State, event: &Event) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |kind, cause, cards| changes.push(Change { kind, cause, cards });
    let begun = |state: State| i64::from(state.has_card_moving() || state == State::Unsure);
    match event {
        Event::CardOut { .. } => add(BlankKind::Good, None, 1),
        Event::Spoil { cause, .. } => {
            // The card was good until now.
            if matches!(from, State::Printed | State::HandedOver) {
                add(BlankKind::Good, None, -1);
            }
            add(BlankKind::Spoiled, Some(cause.unwrap_or(SpoilCause::GagalCetak)), 1);
        }
        _ => {}
    }
    if begun(to) != begun(from) {
        add(BlankKind::Unsure, None, begun(to) - begun(from));
    }
    changes
}

/// What a person's entry means for blanks.
fn of_person(entry: &BlanksEntry) -> Vec<Change> {
    vec![Change { kind: entry.kind, cause: entry.cause, cards: i64::from(entry.cards) }]
}
