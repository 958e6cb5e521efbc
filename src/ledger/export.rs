//! Exports the lines of a ledger, in the order of the chain, for storage elsewhere. They contain nothing personal.

use std::path::Path;

use base16ct::lower::encode_string as hex;
use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;

use super::head::Head;
use super::lines::{self, RawLine};
use super::offline::Offline;
use super::record::Entry;
use super::{LedgerError, cut, reader};

/// One stored line, with its hashes.
#[derive(Debug, Serialize)]
pub struct Exported<'a> {
    seq: u64,
    at: &'a str,
    job: Option<&'a str>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    event: &'a str,
    state: Option<&'a str>,
    detail: Value,
    /// Hash of the line before, in hexadecimal digits.
    previous: String,
    /// Hash of this line, in hexadecimal digits.
    hash: String,
}

/// Passes every line between `from` and `to` (both included) to `take`, until that fails.
///
/// # Errors
/// [`LedgerError::Unreadable`], [`LedgerError::Read`]; inside, what `take` met.
pub fn export<E>(
    path: &Path,
    from: Option<jiff::Timestamp>,
    to: Option<jiff::Timestamp>,
    mut take: impl FnMut(&Exported<'_>) -> Result<(), E>,
) -> Result<Result<(), E>, LedgerError> {
    let ledger = Offline::open(path)?;
    let wanted = |line: &RawLine| match line.at.parse::<jiff::Timestamp>() {
        Ok(at) => from.is_none_or(|from| at >= from) && to.is_none_or(|to| at <= to),
        // `verify` reports a damaged time; the export includes the line.
        Err(_) => true,
    };
    let start = cut::start(&ledger.connection).map_err(reader::read_error)?;
    lines_of(&ledger.connection, start, &wanted, &mut take)
}

/// Passes the wanted lines behind `from` to `take`, until that fails.
pub(super) fn lines_of<E>(
    c: &Connection,
    from: Head,
    wanted: &dyn Fn(&RawLine) -> bool,
    mut take: impl FnMut(&Exported<'_>) -> Result<(), E>,
) -> Result<Result<(), E>, LedgerError> {
    let (mut took, mut unread) = (Ok(()), None);
    lines::walk(c, from, |line, previous| {
        if took.is_err() || unread.is_some() || !wanted(line) {
            return;
        }
        let reference = line.job.as_deref().map(|job| reader::reference_of(c, job)).transpose();
        let reference = reference.unwrap_or_else(|error| {
            unread = Some(error);
            None
        });
        // A detail that is no longer JSON is exported as text.
        let detail =
            serde_json::from_str(&line.detail).unwrap_or(Value::from(line.detail.as_str()));
        took = take(&Exported {
            seq: line.seq,
            at: &line.at,
            job: line.job.as_deref(),
            reference,
            event: &line.event,
            state: line.state.as_deref(),
            detail,
            previous: hex(previous),
            hash: hex(&line.hash),
        });
    })
    .map_err(reader::read_error)?;
    match unread {
        Some(error) => Err(reader::read_error(error)),
        None => Ok(took),
    }
}

/// How many jumps of the clock on the wall were noted since then.
///
/// # Errors
/// [`LedgerError::Unreadable`], [`LedgerError::Read`].
pub fn clock_jumps_since(path: &Path, since: jiff::Timestamp) -> Result<u64, LedgerError> {
    let ledger = Offline::open(path)?;
    let sql = "SELECT count(*) FROM events WHERE event = 'clock_jumped' AND at >= ?1";
    ledger
        .connection
        .query_row(sql, [reader::at_least(since)], |row| row.get(0))
        .map_err(reader::read_error)
}

/// The last lines, oldest first.
///
/// # Errors
/// [`LedgerError::Unreadable`], [`LedgerError::Read`].
pub fn last_lines(path: &Path, lines: u32) -> Result<Vec<Entry>, LedgerError> {
    let ledger = Offline::open(path)?;
    let head = reader::head(&ledger.connection).map_err(reader::read_error)?;
    let after = head.seq.saturating_sub(u64::from(lines));
    reader::events_after(&ledger.connection, after, lines)
}
