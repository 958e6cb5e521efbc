//! Opens a ledger: the lock, the checks, the two connections, the writer's thread. Knows no job.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::disk::Disk;
use super::files::{self, Lock};
use super::head::{self, Head, HeadFile};
use super::health::HealthBoard;
use super::in_place::InPlace;
use super::wal::{self, Log};
use super::{Ledger, LedgerError, cut, erase, lines, migrate, reader, retire, schema, writer};
use crate::clock::Clock;
use crate::heartbeat::{HeartbeatGuard, Part};

/// Requests that wait for the writer before callers are slowed down.
const INBOX_LIMIT: usize = 256;

/// Lines whose chain is verified at every start: enough to detect tampering near the end at once, while a start stays
/// quick.
const LINES_CHECKED: u64 = 1000;

/// A log is read in pieces of this size.
const LOG_BUFFER_BYTES: usize = 256 * 1024;

pub(super) fn open(
    path: &Path,
    clock: Clock,
    mut disk: Box<dyn Disk>,
) -> Result<Ledger, LedgerError> {
    files::must_be_there(path)?;
    let lock = Lock::take(path)?;
    match Opened::of(path, &lock, disk.as_mut(), &clock) {
        Ok(opened) => opened.start(path, clock, disk, lock),
        Err(error) => {
            lock.unmake();
            Err(error)
        }
    }
}

/// A ledger that passed the checks and is locked by us.
struct Opened {
    connection: Connection,
    reader: Connection,
    head: Head,
    head_file: HeadFile,
    in_place: InPlace,
    logged_bytes: usize,
    was_left_open: bool,
}

impl Opened {
    fn of(
        path: &Path,
        lock: &Lock,
        disk: &mut dyn Disk,
        clock: &Clock,
    ) -> Result<Opened, LedgerError> {
        let unreadable = |why| LedgerError::Unreadable { path: path.to_owned(), why };
        let refuse = |source| LedgerError::Folder { path: path.to_owned(), source };
        files::close_to_others(path)?;
        files::no_restore_was_cut_off(path).map_err(unreadable)?;
        log_is_whole(path).map_err(unreadable)?;
        // Closing a ledger puts its log away.
        let left = std::fs::metadata(schema::log_of(path));
        let was_left_open = left.is_ok_and(|log| log.len() > 0);
        let mut connection = schema::open(path)?;
        bring_to_our_version(&mut connection, path, disk, clock)?;
        let head = trusted_head(&connection, path).map_err(unreadable)?;
        if let Some(at) = retire::retired_at(&connection).map_err(reader::read_error)? {
            return Err(LedgerError::Retired { path: path.to_owned(), at });
        }
        let reader = schema::open_reader(path)?;
        let log = std::fs::metadata(schema::log_of(path)).map_or(0, |log| log.len());
        let logged_bytes = usize::try_from(log).unwrap_or(usize::MAX);
        let head_file = HeadFile::open(path, &head).map_err(refuse)?;
        lock.mark().map_err(refuse)?;
        let in_place = InPlace::of(path)?;
        Ok(Opened { connection, reader, head, head_file, in_place, logged_bytes, was_left_open })
    }

    fn start(
        self,
        path: &Path,
        clock: Clock,
        disk: Box<dyn Disk>,
        lock: Lock,
    ) -> Result<Ledger, LedgerError> {
        let refuse = |source| LedgerError::Folder { path: path.to_owned(), source };
        let (head_out, last) = watch::channel(self.head);
        let (inbox, requests) = mpsc::channel(INBOX_LIMIT);
        let (ending, ended) = std::sync::mpsc::channel();
        let timer = timer().map_err(refuse)?;
        let (board, health) = HealthBoard::new();
        let writer = writer::Writer {
            log_position: writer::log_position(&self.connection),
            connection: Some(self.connection),
            path: path.to_owned(),
            disk,
            head: self.head,
            head_file: self.head_file,
            in_place: self.in_place,
            board,
            requests,
            head_out,
            clock: clock.clone(),
            // Logs of earlier runs count too: with a power cut every evening the log must not grow for ever.
            logged_bytes: self.logged_bytes,
            long_since: None,
            _lock: lock,
        };
        let (beat, pulse) = HeartbeatGuard::pair(Part::Ledger);
        let run = move || {
            writer.run(&timer, pulse);
            drop(ending);
        };
        std::thread::Builder::new().name("ledger".into()).spawn(run).map_err(refuse)?;
        Ok(Ledger {
            inbox,
            reader: Arc::new(Mutex::new(self.reader)),
            last,
            health,
            read_failures: Arc::default(),
            path: path.into(),
            clock,
            beat,
            waited: Arc::default(),
            was_left_open: self.was_left_open,
            ended: Arc::new(Mutex::new(ended)),
        })
    }
}

/// Wakes the writer when it receives no requests.
fn timer() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()
}

/// Creates the tables in a new file, and migrates an older ledger, but only if its end is the acknowledged one, so that
/// a ledger that must be adopted stays unchanged.
fn bring_to_our_version(
    connection: &mut Connection,
    path: &Path,
    disk: &mut dyn Disk,
    clock: &Clock,
) -> Result<(), LedgerError> {
    match schema::version_of(connection, path)? {
        None => schema::create(connection).map_err(|error| schema::unreadable(path, &error)),
        Some(schema::VERSION) => erase::must_not_be_erased(connection, path),
        Some(older) => {
            erase::must_not_be_erased(connection, path)?;
            trusted_head(connection, path)
                .map_err(|why| LedgerError::Unreadable { path: path.to_owned(), why })?;
            migrate::migrate(connection, path, older, disk, clock.now())
        }
    }
}

/// SQLite silently drops everything after the first damaged frame; this check reports it.
pub(super) fn log_is_whole(path: &Path) -> Result<(), String> {
    let log = match File::open(schema::log_of(path)) {
        Ok(log) => log,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("its log: {error}")),
    };
    let log = std::io::BufReader::with_capacity(LOG_BUFFER_BYTES, log);
    match wal::examine(log, schema::PAGE_BYTES as usize).map_err(|error| error.to_string())? {
        Log::Empty | Log::Whole => Ok(()),
        Log::Torn => {
            tracing::info!(
                "the ledger's log ends in a transaction that never finished; it was not acknowledged"
            );
            Ok(())
        }
        Log::Damaged { frame } => Err(format!(
            "its log ({}) is damaged at frame {frame}, with acknowledged lines behind",
            schema::log_of(path).display()
        )),
    }
}

/// Opens a ledger that no daemon runs on, to write lines that end it or change what it holds. Nobody else opens it while the
/// lock is held. The head is its last line.
///
/// # Errors
/// [`LedgerError::InUse`]; [`LedgerError::Erased`]; [`LedgerError::Unreadable`] if the daemon would not trust it, or if its
/// version is older.
pub(super) fn to_change(path: &Path) -> Result<(Lock, Connection, Head), LedgerError> {
    let unreadable = |why: String| LedgerError::Unreadable { path: path.to_owned(), why };
    files::must_be_there(path)?;
    let lock = Lock::take(path)?;
    files::close_to_others(path)?;
    files::no_restore_was_cut_off(path).map_err(unreadable)?;
    log_is_whole(path).map_err(unreadable)?;
    let connection = schema::open(path)?;
    if schema::version_of(&connection, path)? != Some(schema::VERSION) {
        return Err(unreadable("it is of an older version; start this kartud once first".into()));
    }
    erase::must_not_be_erased(&connection, path)?;
    let head = trusted_head(&connection, path).map_err(unreadable)?;
    Ok((lock, connection, head))
}

/// The end of the ledger, if it is the acknowledged one and the chain up to it is intact.
pub(super) fn trusted_head(c: &Connection, path: &Path) -> Result<Head, String> {
    let sql = |error: rusqlite::Error| error.to_string();
    let last = reader::head(c).map_err(sql)?;
    let start = cut::start(c).map_err(sql)?;
    let from = last.seq.saturating_sub(LINES_CHECKED).max(start.seq);
    let hash = reader::hash_of(c, from).map_err(sql)?;
    let hash = hash.ok_or_else(|| format!("line {from} is missing"))?;
    if let (Some(broken), _) = lines::walk(c, Head { seq: from, hash }, |_, _| ()).map_err(sql)? {
        return Err(format!("its chain is broken at line {} of {}", broken.seq, broken.at));
    }
    let file = head::path_of(path);
    match head::read(path) {
        Err(error) => Err(format!("its head {}: {error}", file.display())),
        Ok(None) if last.seq == 0 => Ok(last),
        Ok(None) => Err(format!(
            "its head {} is missing, so nobody knows whether its last lines are there",
            file.display()
        )),
        Ok(Some(head)) if head.seq > last.seq => Err(format!(
            "it lost the acknowledged lines {} to {}: it is damaged, its -wal file is missing, or an older copy was put back",
            last.seq + 1,
            head.seq
        )),
        Ok(Some(head)) => match reader::hash_of(c, head.seq).map_err(sql)? {
            Some(hash) if hash == head.hash => Ok(last),
            _ => Err(format!("line {} is not the one that was acknowledged", head.seq)),
        },
    }
}
