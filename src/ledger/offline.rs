//! Opens a ledger, or a copy of one, for reading only. Never writes to it and needs no daemon.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{LedgerError, migrate, schema};

/// Only the writer's short transactions can block a query.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// A ledger that is open for reading.
pub(super) struct Offline {
    pub connection: Connection,
    /// Does a daemon have it open?
    pub live: bool,
    /// The version of its tables; an older one is read as it is.
    pub version: i32,
    /// There is no log beside it, so it is read as an immutable file.
    immutable: bool,
}

impl Offline {
    /// Opens it and starts a transaction: all queries see the same moment.
    pub fn open(path: &Path) -> Result<Offline, LedgerError> {
        let live = is_live(path);
        // SQLite would create a log beside a file that has none, even for reading.
        let immutable = !live && !has_log(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let uri = format!("file:{}{}", escaped(path), if immutable { "?immutable=1" } else { "" });
        let begin = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(uri, flags)?;
            connection.busy_timeout(BUSY_LIMIT)?;
            // Closing the last connection would checkpoint the log.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.execute_batch("BEGIN")?;
            Ok(connection)
        };
        let connection = begin().map_err(|e| schema::unreadable(path, &e))?;
        let version = version_of(&connection, path)?;
        Ok(Offline { connection, live, immutable, version })
    }

    /// Another program began to write to a file that was opened as immutable.
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

/// A path as escaped in SQLite's URIs.
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
