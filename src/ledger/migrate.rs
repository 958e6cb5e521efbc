//! Migrates a ledger of an older version, step by step, in one transaction, after making a copy beside the file. Knows
//! no job: every existing line keeps its bytes and its hash.
//!
//! A migration that was interrupted at any point is repeated at the next start: until the commit the file is unchanged,
//! and the copy is made again. The copy is removed once the daemon has started with the new version
//! ([`super::Ledger::started`]).

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use drivers::private_file;
use rusqlite::Connection;

use super::disk::{self, Disk};
use super::{LedgerError, book, lines, schema};
use crate::event::Event;

/// Brings the tables from one version to the next.
struct Step {
    from: i32,
    sql: &'static str,
}

/// Every released version has its step here for ever. A new ledger runs all of them too, so that its tables have the
/// same text.
const STEPS: &[Step] = &[Step { from: 2, sql: THREE }, Step { from: 3, sql: FOUR }];

/// The holder of each card as a keyed hash, for second cards and replacements; and the indexes for searching jobs.
const THREE: &str = "
ALTER TABLE jobs ADD COLUMN holder BLOB;
CREATE INDEX jobs_holder ON jobs (holder);
CREATE INDEX events_holders ON events (seq) WHERE event = 'holders';
CREATE INDEX jobs_reference ON jobs (reference, seq);
CREATE INDEX jobs_product ON jobs (product, seq);
CREATE INDEX jobs_received ON jobs (received_at);
";

/// The typed card beside the request. And an index of the event kinds that are queried whenever a job is accepted,
/// however many lines about the station there are.
const FOUR: &str = "
ALTER TABLE job_data ADD COLUMN card TEXT;
CREATE INDEX events_adopted ON events (at) WHERE event = 'adopted';
CREATE INDEX events_unaccounted ON events (seq) WHERE event = 'cards_unaccounted';
";

/// The oldest version that can be read and migrated.
pub(super) const OLDEST: i32 = 2;

/// The copy is written in pieces, so that a full disk is noticed.
const PIECE_BYTES: usize = 4 * 1024 * 1024;

/// Migrates the tables from version `from` to version `to`.
pub(super) fn step_forward(c: &Connection, from: i32, to: i32) -> rusqlite::Result<()> {
    for step in STEPS.iter().filter(|step| (from..to).contains(&step.from)) {
        c.execute_batch(step.sql)?;
    }
    c.pragma_update(None, "user_version", to)
}

/// Migrates the ledger at `path`, whose end is trusted, from version `from` to ours.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    from: i32,
    disk: &mut dyn Disk,
    now: jiff::Timestamp,
) -> Result<(), LedgerError> {
    tracing::info!(from, to = schema::VERSION, "the ledger is brought to a newer version");
    let failed = |why: String| LedgerError::NotMigrated { path: path.to_owned(), from, why };
    put_log_away(connection).map_err(failed)?;
    copy_beside(path, disk)?;
    let sql = |error: rusqlite::Error| failed(error.to_string());
    let all = connection.transaction().map_err(sql)?;
    step_forward(&all, from, schema::VERSION).map_err(sql)?;
    let migrated = Event::Migrated { from, to: schema::VERSION };
    book::append(&all, None, &migrated, now).map_err(|e| failed(e.to_string()))?;
    is_as_it_was(&all).map_err(failed)?;
    // A disk that fails now must be noticed before the commit, not by it.
    disk.free_bytes().map_err(|e| failed(e.to_string()))?;
    all.commit().map_err(sql)
}

/// Checks that the tables are those of our version, and that the chain is intact.
fn is_as_it_was(c: &Connection) -> Result<(), String> {
    schema::has_our_tables(c, schema::VERSION)?;
    let walked = lines::walk_all(c, |_, _| ()).map_err(|error| error.to_string())?;
    walked.0.map_or(Ok(()), |broken| Err(format!("its chain is broken at line {}", broken.seq)))
}

/// Checkpoints the log, so that the one file contains everything acknowledged and can be copied.
fn put_log_away(c: &Connection) -> Result<(), String> {
    let busy = c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    match busy {
        Ok(0) => Ok(()),
        Ok(_) => Err("another program has it open; close that one and start again".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The path of the copy: `ledger.db.before-v4`.
fn copy_of(path: &Path) -> PathBuf {
    copy_before(path, schema::VERSION)
}

fn copy_before(path: &Path, version: i32) -> PathBuf {
    beside(path, &format!(".before-v{version}"))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn copy_beside(path: &Path, disk: &mut dyn Disk) -> Result<(), LedgerError> {
    let (copy, part) = (copy_of(path), beside(&copy_of(path), ".part"));
    let needed = fs::metadata(path).map_or(0, |file| file.len());
    let copied = has_space(disk, needed).and_then(|()| {
        write_copy(path, &part, disk)?;
        fs::rename(&part, &copy)?;
        private_file::sync_folder_of(&copy)
    });
    copied.map_err(|source| {
        // An incomplete copy of personal data is useless.
        let _ = fs::remove_file(&part);
        LedgerError::NotCopied { path: path.to_owned(), copy, needed_mib: needed / MIB + 1, source }
    })
}

const MIB: u64 = 1024 * 1024;

fn has_space(disk: &mut dyn Disk, needed: u64) -> io::Result<()> {
    match disk.free_bytes()? {
        free if disk::leaves_the_reserve(free, needed) => Ok(()),
        free => {
            let free = free / MIB;
            Err(io::Error::new(io::ErrorKind::StorageFull, format!("{free} MiB are free")))
        }
    }
}

/// Readable by its owner only, like the ledger, and synced.
fn write_copy(from: &Path, to: &Path, disk: &mut dyn Disk) -> io::Result<()> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut copy = private_file::make_new(to)?;
    let mut ledger = File::open(from)?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = ledger.read(&mut piece)?;
        if read == 0 {
            return copy.sync_all();
        }
        copy.write_all(&piece[..read])?;
        disk.free_bytes()?;
    }
}

/// Where copies and incomplete copies of the ledger may lie.
pub(super) fn copies(path: &Path) -> Vec<PathBuf> {
    let copies = (OLDEST + 1..=schema::VERSION).map(|version| copy_before(path, version));
    copies.flat_map(|copy| [beside(&copy, ".part"), copy]).collect()
}

/// Removes the copies and any incomplete copy, including those of a migration to an intermediate version whose program
/// never started with it.
pub(super) fn forget_copy(path: &Path) {
    for file in copies(path) {
        match fs::remove_file(&file) {
            Ok(()) => tracing::info!(
                file = %file.display(),
                "the station has started; the copy of the older ledger is removed"
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(
                file = %file.display(),
                %error,
                "the copy of the older ledger, with personal data, cannot be removed; remove it"
            ),
        }
    }
}
