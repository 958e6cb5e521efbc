//! Ends a ledger for good: erases all personal data in it and keeps its lines. A station that is taken away has to destroy
//! the data of children, and must not destroy the account of its cards; both lie in one file.
//!
//! The last line, `erased`, is written first: from then on no station opens the ledger. An erasure that was interrupted is
//! finished by calling it once more, and `verify` reports it until then.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::book::{append, write_error};
use super::disk::LocalDisk;
use super::head::{Head, HeadFile};
use super::{LedgerError, files, holder, migrate, open, put_back, reader, schema};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::event::Event;
use crate::holder as holder_key;
use crate::lifecycle::State;

/// Jobs per transaction. Erased pages are written to the log as zeros: a log of some 30 MiB fits on any disk, one as long as
/// the ledger might not.
const JOBS_AT_ONCE: u32 = 128;

/// What [`erase`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Jobs in the ledger. None of them has personal data any more.
    pub jobs: u64,
    /// References of the jobs whose card was still to be made, or whose card nobody has settled.
    pub unfinished: Vec<String>,
    /// The last line.
    pub head: Head,
}

/// Erases the requests, typed cards, photos, salts, holders' hashes and clients' keys of all jobs, the sentences of
/// findings, what a migration or a restore left beside the ledger, and the key `holder` beside the ledger. The lines stay.
///
/// # Errors
/// [`LedgerError::Unreadable`] if the daemon would not trust the ledger: adopt it first. [`LedgerError::InUse`].
/// [`LedgerError::Write`] if the disk does not take it: call it once more then.
pub fn erase(path: &Path, by: &Actor, clock: &Clock) -> Result<Erased, LedgerError> {
    files::must_be_there(path)?;
    let _lock = files::Lock::take(path)?;
    files::close_to_others(path)?;
    let mut connection = open_trusted(path, clock)?;
    let unfinished = unfinished(&connection).map_err(reader::read_error)?;
    if erased_at(&connection).map_err(reader::read_error)?.is_none() {
        write_last_line(&mut connection, by, &unfinished, clock.now())?;
    }
    let head = reader::head(&connection).map_err(reader::read_error)?;
    HeadFile::open(path, &head)
        .map_err(|source| LedgerError::Folder { path: path.to_owned(), source })?;
    delete(&connection).map_err(write_error)?;
    let jobs = connection.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0));
    let jobs = jobs.map_err(reader::read_error)?;
    // Closing the last connection removes the log.
    drop(connection);
    let left = put_back::left_over(path)
        .map_err(|source| LedgerError::Folder { path: path.to_owned(), source })?;
    for file in beside(path).into_iter().chain(left) {
        match fs::remove_file(&file) {
            Err(source) if !files::is_absent(&source) => {
                return Err(LedgerError::Folder { path: file, source });
            }
            _ => {}
        }
    }
    Ok(Erased { jobs, unfinished, head })
}

/// Opens a ledger that the daemon would open, too, with the tables of our version.
fn open_trusted(path: &Path, clock: &Clock) -> Result<Connection, LedgerError> {
    let unreadable = |why: String| LedgerError::Unreadable { path: path.to_owned(), why };
    open::log_is_whole(path).map_err(unreadable)?;
    let mut connection = schema::open(path)?;
    let version = schema::version_of(&connection, path)?;
    let older = version.ok_or_else(|| unreadable("there is no ledger".into()))?;
    open::trusted_head(&connection, path).map_err(unreadable)?;
    if older < schema::VERSION {
        let mut disk = LocalDisk::of(path);
        migrate::migrate(&mut connection, path, older, &mut disk, clock.now())?;
    }
    Ok(connection)
}

/// When its personal data were erased; `None`: they were not. Nothing is written after that line.
pub(super) fn erased_at(c: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT event, at FROM events ORDER BY seq DESC LIMIT 1";
    let mut statement = c.prepare(sql)?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let event: String = row.get(0)?;
    (event == "erased").then(|| row.get(1)).transpose()
}

/// # Errors
/// [`LedgerError::Erased`].
pub(super) fn must_not_be_erased(c: &Connection, path: &Path) -> Result<(), LedgerError> {
    match erased_at(c).map_err(|error| schema::unreadable(path, &error))? {
        Some(at) => Err(LedgerError::Erased { path: path.to_owned(), at }),
        None => Ok(()),
    }
}

/// Does anything lie in the ledger that [`erase`] erases?
pub(super) fn is_unerased(c: &Connection) -> rusqlite::Result<bool> {
    c.query_row(
        "SELECT EXISTS (SELECT 1 FROM photos) OR EXISTS (SELECT 1 FROM job_data) OR EXISTS (
             SELECT 1 FROM jobs WHERE holder IS NOT NULL OR idempotency_key IS NOT NULL
                                   OR length(body_sha256) > 0 OR findings <> '[]')",
        [],
        |row| row.get(0),
    )
}

fn unfinished(c: &Connection) -> rusqlite::Result<Vec<String>> {
    let jobs: Vec<(String, String)> = c
        .prepare("SELECT reference, state FROM jobs ORDER BY seq")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let is_open = |state: &str| State::from_name(state).is_none_or(|state| !state.is_end());
    Ok(jobs.into_iter().filter(|(_, state)| is_open(state)).map(|(name, _)| name).collect())
}

/// The line that ends the ledger. The columns that tell persons apart are erased with it.
fn write_last_line(
    c: &mut Connection,
    by: &Actor,
    unfinished: &[String],
    now: jiff::Timestamp,
) -> Result<(), LedgerError> {
    let all = c.transaction().map_err(write_error)?;
    holder::forget(&all, by, now)?;
    all.execute("UPDATE jobs SET idempotency_key = NULL, body_sha256 = x'', findings = '[]'", [])
        .map_err(write_error)?;
    let erased = Event::Erased { by: by.clone(), unfinished: unfinished.len() as u64 };
    append(&all, None, &erased, now)?;
    all.commit().map_err(write_error)
}

/// Deletes the rows piece by piece, so that the log stays short, and then writes the file anew without their pages.
/// `secure_delete` has overwritten them with zeros before.
fn delete(c: &Connection) -> rusqlite::Result<()> {
    for table in ["photos", "job_data"] {
        let sql = format!(
            "DELETE FROM {table} WHERE job IN (SELECT job FROM {table} LIMIT {JOBS_AT_ONCE})"
        );
        while c.execute(&sql, [])? > 0 {
            put_log_away(c)?;
        }
    }
    // What is left is as long as the lines, and need not fit into memory.
    c.pragma_update(None, "temp_store", "FILE")?;
    c.execute_batch("VACUUM")?;
    put_log_away(c)
}

fn put_log_away(c: &Connection) -> rusqlite::Result<()> {
    c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Files beside a ledger that hold personal data, or the key to them.
fn beside(path: &Path) -> Vec<PathBuf> {
    let mut all = migrate::copies(path);
    all.extend(files::unfinished(path));
    all.push(holder_key::beside(path));
    all
}
