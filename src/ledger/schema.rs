//! The tables, and how a ledger file is opened, checked or created. Knows no job.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{LedgerError, migrate};

/// "KRTU": distinguishes our file from other SQLite files (`PRAGMA application_id`).
pub(super) const APPLICATION_ID: i32 = 0x4B52_5455;
/// Incremented with every change of the tables (`PRAGMA user_version`).
pub(super) const VERSION: i32 = 4;
/// More than the number of different statements, so that none is ever parsed twice.
const STATEMENTS: usize = 64;
/// Only short queries of our own, or of a technician's sqlite3, can block the writer.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// The page size of every ledger that we create.
pub(super) const PAGE_BYTES: u32 = 16_384;
/// Length that the log may reach in a burst before it is checkpointed during the burst: 512 MiB, some 3,000 jobs.
const LOG_PAGES: u32 = 32_768;
pub(super) const LOG_BYTES: usize = LOG_PAGES as usize * PAGE_BYTES as usize;

/// The tables of [`migrate::OLDEST`]; the steps in `migrate.rs` have everything newer.
const TABLES: &str = "
CREATE TABLE jobs (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    reference       TEXT NOT NULL,
    product         TEXT NOT NULL,
    reason          TEXT NOT NULL,
    kind            TEXT,
    state           TEXT NOT NULL,
    findings        TEXT NOT NULL,
    faces           TEXT NOT NULL DEFAULT '[]',
    evidence        TEXT,
    idempotency_key TEXT UNIQUE,
    body_sha256     BLOB NOT NULL,
    approval        TEXT,
    replaces        INTEGER REFERENCES jobs,
    -- Blanks spoiled for it, and since when it waits: both begin anew when a person releases it.
    spoiled         INTEGER NOT NULL DEFAULT 0,
    waits_since     TEXT NOT NULL,
    received_at     TEXT NOT NULL,
    changed_at      TEXT NOT NULL
);
-- One live job a reference: an application that was withdrawn may be posted anew.
CREATE UNIQUE INDEX jobs_live_reference ON jobs (reference) WHERE state NOT IN ('cancelled', 'expired');
-- One live job an approval, and one live replacement a card.
CREATE UNIQUE INDEX jobs_live_approval ON jobs (approval) WHERE state NOT IN ('cancelled', 'expired');
CREATE UNIQUE INDEX jobs_live_replacement ON jobs (replaces) WHERE state NOT IN ('cancelled', 'expired');
CREATE INDEX jobs_state ON jobs (state, seq);
CREATE TABLE counts (state TEXT PRIMARY KEY, jobs INTEGER NOT NULL) WITHOUT ROWID;
-- The salt makes the hash of a child's data, which stands in an event for ever, useless without the data.
CREATE TABLE job_data (job INTEGER PRIMARY KEY REFERENCES jobs, request TEXT NOT NULL, salt BLOB NOT NULL);
CREATE TABLE photos (job INTEGER PRIMARY KEY REFERENCES jobs, bytes BLOB NOT NULL);
CREATE TABLE events (
    seq    INTEGER PRIMARY KEY,
    job    INTEGER REFERENCES jobs,
    at     TEXT NOT NULL,
    event  TEXT NOT NULL,
    state  TEXT,
    detail TEXT NOT NULL,
    hash   BLOB NOT NULL
);
CREATE INDEX events_job ON events (job, seq);
-- What became of blanks: a projection of the events, by their numbers.
CREATE TABLE blanks (
    event INTEGER NOT NULL REFERENCES events,
    job   INTEGER REFERENCES jobs,
    at    TEXT NOT NULL,
    kind  TEXT NOT NULL,
    cause TEXT,
    cards INTEGER NOT NULL,
    PRIMARY KEY (event, kind)
) WITHOUT ROWID;
-- Covers the sums: an office that never counts has all of them added up.
CREATE INDEX blanks_at ON blanks (at, kind, cards);
-- A double click enters once.
CREATE UNIQUE INDEX blanks_key ON events (detail ->> '$.key_sha256') WHERE event = 'blanks';
";

/// Opens the writer's connection: write-ahead log, synced at every commit.
pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let connection = Connection::open(path).map_err(|e| unreadable(path, &e))?;
    set_up(&connection).map_err(|e| unreadable(path, &e))?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_LIMIT)?;
    // A photo takes 37 pages of 4 KiB but 10 of 16 KiB: fewer checksums and index entries in the log.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // Erased personal data must not stay in free pages.
    connection.pragma_update(None, "secure_delete", "ON")?;
    // The writer checkpoints a long log when it is idle, so that a burst of photos is not written twice at once. This
    // value bounds a burst. Log space beyond 32 MiB is freed afterwards.
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", 32 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -2048)?;
    // Savepoint data stay in memory: otherwise every event writes them to a file in /tmp, where a full disk would stop
    // the ledger.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    keep_statements(connection)
}

/// If a partial index might help, SQLite prepares a statement again for every bound value, unless it is told that one
/// plan suits all values.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Opens a connection that can only read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| unreadable(path, &e))?;
    connection.busy_timeout(BUSY_LIMIT).map_err(|e| unreadable(path, &e))?;
    connection.pragma_update(None, "cache_size", -1024).map_err(|e| unreadable(path, &e))?;
    // Only the writer checkpoints the log.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(|e| unreadable(path, &e))?;
    keep_statements(&connection).map_err(|e| unreadable(path, &e))?;
    Ok(connection)
}

/// The version of the ledger in this file, or `None` for a new file. Refuses what is not a ledger, what is damaged, and
/// what a newer program wrote.
pub(super) fn version_of(connection: &Connection, path: &Path) -> Result<Option<i32>, LedgerError> {
    let ask = |name: &str| -> rusqlite::Result<i32> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    let application = ask("application_id").map_err(|e| unreadable(path, &e))?;
    let version = ask("user_version").map_err(|e| unreadable(path, &e))?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|e| unreadable(path, &e))?;
    let wrong = |why: String| LedgerError::Unreadable { path: path.to_owned(), why };
    match (application, version, tables) {
        (APPLICATION_ID, version, _) if version > VERSION => {
            Err(LedgerError::Newer { path: path.to_owned(), version, known: VERSION })
        }
        (APPLICATION_ID, version, _) if version >= migrate::OLDEST => {
            has_our_tables(connection, version)
                .and_then(|()| is_whole(connection, path))
                .map_err(wrong)?;
            Ok(Some(version))
        }
        (APPLICATION_ID, other, _) => {
            Err(wrong(format!("it has version {other}, which no kartud ever wrote for good")))
        }
        (0, 0, 0) => Ok(None),
        _ => Err(wrong("it is an SQLite file of another program".into())),
    }
}

/// The log that SQLite keeps beside a file.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// A table or an index with another definition than ours would give wrong results without an error.
pub(super) fn has_our_tables(connection: &Connection, version: i32) -> Result<(), String> {
    let tables = |c: &Connection| -> rusqlite::Result<Vec<(String, String)>> {
        let sql = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
        c.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let ours = Connection::open_in_memory().and_then(|mut new| {
        create_as(&mut new, version)?;
        tables(&new)
    });
    match (tables(connection), ours) {
        (Ok(there), Ok(ours)) if there == ours => Ok(()),
        (Ok(_), Ok(_)) => Err("its tables are not those of a ledger".into()),
        (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
    }
}

/// A file that lost its end (an incomplete copy, a repaired file system) is reported at once, not at the first job in
/// the lost part. With a log beside it the file may legitimately be shorter than its page count.
fn is_whole(connection: &Connection, path: &Path) -> Result<(), String> {
    let ask = |name: &str| -> rusqlite::Result<u64> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    let length = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
    if length(&log_of(path)) > 0 {
        return Ok(());
    }
    let pages = ask("page_count").map_err(|e| e.to_string())?;
    let wanted = pages * ask("page_size").map_err(|e| e.to_string())?;
    match length(path) {
        got if got >= wanted => Ok(()),
        got => Err(format!("it should have {wanted} bytes and has {got}")),
    }
}

/// Creates the tables in a new file.
pub(super) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    create_as(connection, VERSION)
}

/// Creates the tables of this version.
fn create_as(connection: &mut Connection, version: i32) -> rusqlite::Result<()> {
    let all = connection.transaction()?;
    all.execute_batch(TABLES)?;
    all.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate::step_forward(&all, migrate::OLDEST, version)?;
    all.commit()
}

pub(super) fn unreadable(path: &Path, error: &rusqlite::Error) -> LedgerError {
    LedgerError::Unreadable { path: path.to_owned(), why: super::error::said(error) }
}
