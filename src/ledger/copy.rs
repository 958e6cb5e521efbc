//! Copies a ledger page by page, also while a daemon writes to it, and reads what whoever keeps a copy must know of it.
//! Writes nothing into the ledger that it reads. Knows no folder of copies.

use std::io::{Error, ErrorKind};
use std::path::Path;

use drivers::private_file;
use jiff::Timestamp;
use jiff::tz::Offset;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, ffi};

use super::head::{self, Head};
use super::offline::Offline;
use super::{LedgerError, blanks, erase, error, holder, open, reader, retire, schema};

/// Pages of one step: 4 MiB.
const PAGES_A_STEP: i32 = 256;

/// What is told of a ledger beside its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// When its last line was written.
    pub last_at: Option<Timestamp>,
    /// Blanks that should be at the station by it.
    pub blanks_expected: i64,
    /// Fingerprint of the key by which it recognises holders.
    pub holder_key: Option<String>,
    /// Its station was moved to another computer.
    pub is_retired: bool,
    /// Its personal data were erased, and no station opens it any more.
    pub is_erased: bool,
}

/// The end that the station acknowledged, as it stands beside the ledger; `None`: nothing readable stands there.
pub fn head_beside(ledger: &Path) -> Option<Head> {
    head::read(ledger).ok().flatten()
}

/// Copies the ledger, as it is at one moment, into a new file that only its owner can read, and syncs it. The result holds
/// everything and needs no log beside it.
///
/// # Errors
/// [`LedgerError::Unreadable`] about the ledger; [`LedgerError::Full`] and [`LedgerError::Write`] about the new file, of
/// which a part may be there.
pub fn copy(from: &Path, to: &Path) -> Result<(), LedgerError> {
    let ledger = Offline::open(from)?;
    let unreadable = |why| LedgerError::Unreadable { path: from.to_owned(), why };
    if !ledger.live {
        open::log_is_whole(from).map_err(unreadable)?;
    }
    let file = private_file::make_new(to).map_err(|error| target(&error))?;
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LedgerError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            schema::unreadable(from, &error)
        }
        _ => LedgerError::Write(error::said(&error)),
    };
    copy_pages(&ledger.connection, to).map_err(failed)?;
    file.sync_all().map_err(|error| target(&error))?;
    // Whoever verifies the copy shall read what is on the disk, as far as the system can be told so.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    if ledger.was_disturbed(from) {
        return Err(unreadable("a daemon opened it meanwhile; copy it once more".to_owned()));
    }
    Ok(())
}

fn target(error: &Error) -> LedgerError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => LedgerError::Full,
        _ => LedgerError::Write(error.to_string()),
    }
}

fn copy_pages(from: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    // A copy that is not finished is thrown away, and a finished one is synced by the caller.
    copy.pragma_update(None, "journal_mode", "OFF")?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(from, &mut copy)?;
    // The source is read within one transaction, so nothing that is written meanwhile makes it begin anew.
    loop {
        match backup.step(PAGES_A_STEP)? {
            StepResult::Done => break,
            StepResult::More => {}
            // Nobody else has the new file.
            _ => {
                return Err(rusqlite::Error::SqliteFailure(
                    ffi::Error::new(ffi::SQLITE_BUSY),
                    None,
                ));
            }
        }
    }
    drop(backup);
    copy.close().map_err(|(_, error)| error)
}

/// What a ledger, or a copy of one, says of itself.
///
/// # Errors
/// [`LedgerError::Unreadable`], [`LedgerError::Read`].
pub fn summary(path: &Path) -> Result<Summary, LedgerError> {
    let ledger = Offline::open(path)?;
    let c = &ledger.connection;
    let last_at = reader::last_at(c)?;
    let day = Offset::UTC.to_datetime(last_at.unwrap_or(Timestamp::UNIX_EPOCH)).date();
    let days = blanks::days(c, day, day, Offset::UTC)?;
    Ok(Summary {
        last_at,
        // What was counted on that day is what is there.
        blanks_expected: days
            .first()
            .map_or(0, |day| day.expected + day.difference().unwrap_or_default()),
        holder_key: if ledger.version < 3 { None } else { holder::key(c)? },
        is_erased: erase::erased_at(c).map_err(reader::read_error)?.is_some(),
        is_retired: retire::retired_at(c).map_err(reader::read_error)?.is_some(),
    })
}
