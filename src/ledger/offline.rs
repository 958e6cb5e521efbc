//! Opens a ledger, or a copy of one, only to look at it. Never writes to it and needs no daemon.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{LedgerError, migrate, schema};

/// Only the writer's short transactions can be in the way.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// A ledger that is looked at.
pub(super) struct Offline {
    pub connection: Connection,
    /// A daemon has it open.
    pub live: bool,
    /// Of its tables; an older one is read as it is.
    pub version: i32,
    /// Without a log beside it: read as a file that nobody changes.
    immutable: bool,
}

impl Offline {
    /// Opens it and begins to look: everything that is asked is of the same moment.
    pub fn open(path: &Path) -> Result<Offline, LedgerError> {
        let live = is_live(path);
        // SQLite would make a log beside a file that has none, even to read it.
        let immutable = !live && !has_log(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let uri = format!("file:{}{}", escaped(path), if immutable { "?immutable=1" } else { "" });
        let begin = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(uri, flags)?;
            connection.busy_timeout(BUSY_LIMIT)?;
            // The last one to leave would put the log away.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.execute_batch("BEGIN")?;
            Ok(connection)
        };
        let connection = begin().map_err(|e| schema::unreadable(path, &e))?;
        let version = version_of(&connection, path)?;
        Ok(Offline { connection, live, immutable, version })
    }

    /// Somebody began to write to what was taken for a file that nobody changes.
    pub fn was_disturbed(&self, path: &Path) -> bool {
        self.immutable && (is_live(path) || has_log(path))
    }
}

fn version_of(c: &Connection, path: &Path) -> Result<i32, LedgerError> {
    let ask = |name: &str| -> Result<i32, LedgerError> {
        c.pragma_query_value(None, name, |row| row.get(0)).map_err(|e| schema::unreadable(path, &e))
    };
    let (ours, version) = (ask("application_id")? == schema::APPLICATION_ID, ask("user_version")?);
    let path = path.to_owned();
    match version {
        _ if !ours => Err(LedgerError::Unreadable { path, why: "it is no ledger".to_owned() }),
        version if version > schema::VERSION => {
            Err(LedgerError::Newer { path, version, known: schema::VERSION })
        }
        version if version < migrate::OLDEST => {
            let why = format!("it is no ledger of version {} or later", migrate::OLDEST);
            Err(LedgerError::Unreadable { path, why })
        }
        version => Ok(version),
    }
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(schema::log_of(path)).is_ok_and(|log| log.len() > 0)
}

fn is_live(path: &Path) -> bool {
    let Ok(lock) = File::open(path.with_extension("lock")) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// A path as SQLite's URIs have it.
fn escaped(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                text.push(char::from(*byte));
            }
            byte => {
                let _ = write!(text, "%{byte:02x}");
            }
        }
    }
    text
}
