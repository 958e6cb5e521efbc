//! Queries of the ledger. Changes nothing.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::head::{self, Head};
use super::record::{Entry, JobRecord, Replacing, StoredRequest};
use super::{LedgerError, chain, cut};
use crate::event::{Event, Received};
use crate::job::JobId;
use crate::lifecycle::State;

/// The first event of the job `jobs`: in its first line, or carried over from lines that were cut off.
macro_rules! first_event {
    () => {
        "(SELECT CASE event WHEN 'carried' THEN detail -> '$.first' ELSE detail END FROM events
          WHERE job = jobs.seq AND event IN ('received', 'carried') ORDER BY seq DESC LIMIT 1)"
    };
}
pub(super) use first_event;

pub(super) const JOB: &str = concat!(
    "SELECT seq, id, reference, product, reason, kind, state, findings, faces, evidence,
                          received_at, changed_at, spoiled, waits_since,
                          (SELECT old.id FROM jobs old WHERE old.seq = jobs.replaces),
                          CASE WHEN replaces IS NULL THEN NULL ELSE ",
    first_event!(),
    " END,
                          (SELECT new.id FROM jobs new
                           WHERE new.replaces = jobs.seq AND new.state NOT IN ('cancelled', 'expired'))
     FROM jobs"
);
const EVENT: &str = "SELECT e.seq, e.at, j.id, j.reference, e.event, e.state, e.detail, e.hash
                     FROM events e LEFT JOIN jobs j ON j.seq = e.job";

/// The last line.
pub(super) fn head(c: &Connection) -> rusqlite::Result<Head> {
    c.prepare_cached("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok(Head { seq: row.get(0)?, hash: row.get(1)? }))
        .optional()
        .map(|head| head.unwrap_or(head::START))
}

/// The hash of a line; that before the first line is fixed, and that of the last line that was cut off is known.
pub(super) fn hash_of(c: &Connection, seq: u64) -> rusqlite::Result<Option<chain::Hash>> {
    if seq == 0 {
        return Ok(Some(chain::START));
    }
    let there = c
        .prepare_cached("SELECT hash FROM events WHERE seq = ?1")?
        .query_row([i64::try_from(seq).unwrap_or(i64::MAX)], |row| row.get(0))
        .optional()?;
    if there.is_some() {
        return Ok(there);
    }
    let start = cut::start(c)?;
    Ok((start.seq == seq).then_some(start.hash))
}

/// A job's state after the last line about it.
pub(super) fn state_in_lines(c: &Connection, row: i64) -> Result<Option<State>, LedgerError> {
    let name: Option<String> = c
        .prepare_cached("SELECT state FROM events WHERE job = ?1 ORDER BY seq DESC LIMIT 1")
        .and_then(|mut s| s.query_row([row], |r| r.get(0)).optional())
        .map_err(read_error)?
        .flatten();
    Ok(name.as_deref().and_then(State::from_name))
}

pub(super) fn job(c: &Connection, id: &JobId) -> Result<JobRecord, LedgerError> {
    let job = c
        .prepare_cached(&format!("{JOB} WHERE seq = (SELECT seq FROM jobs WHERE id = ?1)"))
        .and_then(|mut s| s.query_row([id.as_str()], job_of).optional())
        .map_err(read_error)?
        .ok_or(LedgerError::NoSuchJob)?;
    // The row is found by its number: an index with a flipped bit leads to another job's row.
    if job.id == *id { Ok(job) } else { Err(LedgerError::DataDamaged) }
}

/// The upstream system's number of a job.
pub(super) fn reference_of(c: &Connection, id: &str) -> rusqlite::Result<String> {
    c.prepare_cached("SELECT reference FROM jobs WHERE id = ?1")?.query_row([id], |row| row.get(0))
}

pub(super) fn job_data(
    c: &Connection,
    id: &JobId,
) -> Result<(StoredRequest, Option<Vec<u8>>), LedgerError> {
    let sql = concat!(
        "SELECT d.request, p.bytes, d.salt, idempotency_key, body_sha256, ",
        first_event!(),
        ", id, d.card
         FROM jobs JOIN job_data d ON d.job = jobs.seq LEFT JOIN photos p ON p.job = jobs.seq
         WHERE jobs.seq = (SELECT seq FROM jobs WHERE id = ?1)"
    );
    let ((request, card), photo, salt, key, body_sha256, first, whose): DataRow = c
        .prepare_cached(sql)
        .and_then(|mut s| {
            let row = |r: &rusqlite::Row<'_>| {
                let text = (r.get(0)?, r.get(7)?);
                Ok((text, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?))
            };
            s.query_row([id.as_str()], row).optional()
        })
        .map_err(damaged_or_unread)?
        .ok_or(LedgerError::NoSuchJob)?;
    // A flipped bit on the disk, in the data or in the index, would print another child's card.
    let data = chain::Data {
        salt: &salt,
        key: key.as_deref(),
        body_sha256: &body_sha256,
        request: &request,
        card: card.as_deref(),
        photo: photo.as_deref(),
    };
    let accepted = received_in(&first).ok_or(LedgerError::DataDamaged)?;
    if accepted.data_sha256 != data.sha256() || whose != id.as_str() {
        return Err(LedgerError::DataDamaged);
    }
    Ok((StoredRequest::from_text(request, card.as_deref()), photo))
}

/// Request and card, photo, salt, key, the body's hash, the first line, and the holder.
type DataRow =
    ((String, Option<String>), Option<Vec<u8>>, Vec<u8>, Option<String>, Vec<u8>, String, String);

/// The oldest job in a state whose product is none of these.
pub(super) fn oldest(
    c: &Connection,
    state: State,
    but: &[String],
) -> Result<Option<JobRecord>, LedgerError> {
    let but = serde_json::to_string(but).map_err(|e| LedgerError::Read(e.to_string()))?;
    let others = "product NOT IN (SELECT value FROM json_each(?2))";
    c.prepare_cached(&format!("{JOB} WHERE state = ?1 AND {others} ORDER BY seq LIMIT 1"))
        .and_then(|mut s| s.query_row(params![state.name(), but], job_of).optional())
        .map_err(read_error)
}

pub(super) fn events_of(c: &Connection, id: &JobId) -> Result<Vec<Entry>, LedgerError> {
    c.prepare_cached(&format!("{EVENT} WHERE j.id = ?1 ORDER BY e.seq"))
        .and_then(|mut s| s.query_map([id.as_str()], entry_of)?.collect())
        .map_err(read_error)
}

pub(super) fn events_after(
    c: &Connection,
    after: u64,
    limit: u32,
) -> Result<Vec<Entry>, LedgerError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    c.prepare_cached(&format!("{EVENT} WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2"))
        .and_then(|mut s| s.query_map(params![after, limit], entry_of)?.collect())
        .map_err(read_error)
}

pub(super) fn last_at(c: &Connection) -> Result<Option<jiff::Timestamp>, LedgerError> {
    c.prepare_cached("SELECT at FROM events ORDER BY seq DESC LIMIT 1")
        .and_then(|mut s| {
            s.query_row([], |row| text(row, 0, |t| t.parse::<jiff::Timestamp>().ok())).optional()
        })
        .map_err(read_error)
}

pub(super) fn printed_since(c: &Connection, seq: u64, serial: &str) -> Result<bool, LedgerError> {
    let sql = "SELECT event, detail FROM events WHERE seq > ?1 AND event IN ('print', 'encode')";
    let mut statement = c.prepare_cached(sql).map_err(read_error)?;
    let mut rows = statement.query([seq]).map_err(read_error)?;
    while let Some(row) = rows.next().map_err(read_error)? {
        let event = text(row, 1, |detail| serde_json::from_str(detail).ok())
            .and_then(|detail| Ok(Event::read(row.get_ref(0)?.as_str()?, &detail).ok()))
            .map_err(read_error)?;
        // An unreadable intent may have been for this machine.
        let on = event.as_ref().and_then(Event::intent).map(|line| &line.intent.before.serial);
        if on.is_none_or(|on| on == serial) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The job's first event.
fn received_in(detail: &str) -> Option<Received> {
    serde_json::from_str(detail).ok()
}

/// A moment, to be compared as text with the times of the tables: without the `Z`, because a time with a fraction of a
/// second (`…00.5Z`) sorts before the same second without one (`…00Z`).
pub(super) fn at_least(moment: jiff::Timestamp) -> String {
    moment.to_string().trim_end_matches('Z').to_owned()
}

pub(super) fn counts(c: &Connection) -> Result<BTreeMap<State, u64>, LedgerError> {
    let rows: Vec<(String, u64)> = c
        .prepare_cached("SELECT state, jobs FROM counts")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
        .map_err(read_error)?;
    let mut counts: BTreeMap<State, u64> = State::ALL.into_iter().map(|s| (s, 0)).collect();
    counts.extend(rows.into_iter().filter_map(|(name, n)| Some((State::from_name(&name)?, n))));
    Ok(counts)
}

pub(super) fn job_of(row: &Row<'_>) -> rusqlite::Result<JobRecord> {
    Ok(JobRecord {
        seq: row.get(0)?,
        id: text(row, 1, JobId::parse)?,
        reference: row.get(2)?,
        product: row.get(3)?,
        reason: row.get(4)?,
        kind: row.get(5)?,
        state: text(row, 6, State::from_name)?,
        findings: text(row, 7, |t| serde_json::from_str(t).ok())?,
        faces: text(row, 8, |t| serde_json::from_str(t).ok())?,
        evidence: row.get::<_, Option<String>>(9)?.and_then(|t| serde_json::from_str(&t).ok()),
        received_at: text(row, 10, |t| t.parse().ok())?,
        changed_at: text(row, 11, |t| t.parse().ok())?,
        spoiled: row.get(12)?,
        waits_since: text(row, 13, |t| t.parse().ok())?,
        replaces: optional(row, 14, JobId::parse)?
            .map(|job| {
                let replaces = text(row, 15, |t| received_in(t)?.replaces)?;
                Ok::<_, rusqlite::Error>(Replacing { job, old_card: replaces.old_card })
            })
            .transpose()?,
        replaced_by: optional(row, 16, JobId::parse)?,
    })
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        at: text(row, 1, |t| t.parse().ok())?,
        job: optional(row, 2, JobId::parse)?,
        reference: row.get(3)?,
        event: row.get(4)?,
        state: optional(row, 5, State::from_name)?,
        detail: text(row, 6, |t| serde_json::from_str(t).ok())?,
        hash: row.get(7)?,
    })
}

/// A column that we wrote ourselves; if it cannot be read, the ledger is damaged, and that is reported.
pub(super) fn text<T>(
    row: &Row<'_>,
    at: usize,
    read: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let raw = row.get_ref(at)?.as_str()?;
    read(raw).ok_or(rusqlite::Error::InvalidColumnType(
        at,
        row.as_ref().column_name(at)?.to_owned(),
        rusqlite::types::Type::Text,
    ))
}

pub(super) fn optional<T>(
    row: &Row<'_>,
    at: usize,
    read: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    let absent = row.get_ref(at)? == rusqlite::types::ValueRef::Null;
    if absent { Ok(None) } else { text(row, at, read).map(Some) }
}

/// For one job's data: what cannot be decoded is damaged, what could not be read may be readable later.
fn damaged_or_unread(error: rusqlite::Error) -> LedgerError {
    use rusqlite::{Error, ErrorCode};
    match error {
        Error::InvalidColumnType(..)
        | Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..) => LedgerError::DataDamaged,
        error if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            LedgerError::DataDamaged
        }
        error => read_error(error),
    }
}

#[allow(clippy::needless_pass_by_value)] // The signature that `map_err` needs.
pub(super) fn read_error(error: rusqlite::Error) -> LedgerError {
    LedgerError::Read(super::error::said(&error))
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::ledger::schema;

    #[test]
    fn a_question_is_prepared_once_whatever_is_asked_for() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("ledger.db");
        schema::create(&mut schema::open(&path).unwrap()).unwrap();
        let c = schema::open_reader(&path).unwrap();
        let mut question =
            c.prepare(&format!("{JOB} WHERE state = ?3 AND seq > ?1 LIMIT ?2")).unwrap();
        for (from, state) in ["queued", "unsure", "queued"].into_iter().enumerate() {
            assert!(!question.exists(params![from, 1, state]).unwrap());
        }
        assert_eq!(question.get_status(StatementStatus::RePrepare), 0);
    }
}
