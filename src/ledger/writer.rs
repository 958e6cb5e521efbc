//! The only thread that writes. Many requests share one transaction and one sync, then all are answered: 64 clients
//! need hardly more syncs than one.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::blanks::{self, Entered, Handled};
use super::book::{JobData, accept, append, write_error};
use super::disk::{Disk, FreeSpace};
use super::files::Lock;
use super::head::{Head, HeadFile};
use super::health::HealthBoard;
use super::in_place::{Gone, How, InPlace};
use super::record::{Accepted, Entry, NewJob};
use super::{LedgerError, holder, reader, schema, unaccounted};
use crate::clock::Clock;
use crate::event::Event;
use crate::heartbeat::HeartbeatGuard;
use crate::job::JobId;
use crate::lifecycle::Move;

/// Most requests that share one sync: limits the log's growth and the wait of the first request.
const BATCH_LIMIT: usize = 64;

/// Idle time after which the log is checkpointed: longer than the pauses between jobs in a burst.
const QUIET: Duration = Duration::from_millis(200);

/// A shorter log is not checkpointed: after every event, a checkpoint would sync it three times and wear out flash.
const LOG_LONG_BYTES: usize = 32 * 1024 * 1024;

/// A long log is checkpointed after this time even if there is never an idle period: in a steady stream of jobs one of
/// them would otherwise have to wait for all of it.
const LONG_AT_MOST: Duration = Duration::from_secs(60);

/// Log bytes of a request without a photo: nine pages of 16 KiB, measured.
const EVENT_LOG_BYTES: usize = 144 * 1024;

/// Most log bytes of a new job, with the largest photo allowed.
const JOB_LOG_BYTES: usize = EVENT_LOG_BYTES + 2 * 1024 * 1024;

/// Longest time of a commit, or of checkpointing a full log: 32 MiB on a memory card that stalls.
const COMMIT_LIMIT: Duration = Duration::from_secs(240);

/// How often file and disk are checked while nothing is written.
const DISK_CHECK_INTERVAL: Duration = Duration::from_secs(2);

type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// Pages in the log, and how many of them are in the file too.
pub(super) type LogPosition = (i64, i64);

/// Only queries; `NOOP` moves no page.
pub(super) fn log_position(connection: &Connection) -> Option<LogPosition> {
    let position = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
    connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], position).ok()
}

/// Requests to the writer.
pub(super) enum Request {
    Accept {
        job: Box<NewJob>,
        data: JobData,
        reply: Reply<Accepted>,
    },
    /// An event of a job, or of the station.
    Append {
        job: Option<JobId>,
        event: Box<Event>,
        reply: Reply<Entry>,
    },
    Blanks {
        handled: Handled,
        reply: Reply<Entered>,
    },
    Holders {
        key: String,
        hash: Box<holder::HashHolder>,
        reply: Reply<u64>,
    },
    /// Is the counter of the printer with this serial number ahead of the ledger?
    Account {
        serial: String,
        counted: u64,
        reply: Reply<u64>,
    },
}

/// An answer that may be sent once the sync is done.
enum Outcome {
    Accepted(Result<Accepted, LedgerError>, Reply<Accepted>),
    Entry(Result<Entry, LedgerError>, Reply<Entry>),
    Entered(Result<Entered, LedgerError>, Reply<Entered>),
    Counted(Result<u64, LedgerError>, Reply<u64>),
}

pub(super) struct Writer {
    /// `None` after a disk failure: SQLite's cache of the file may then differ from the file.
    pub connection: Option<Connection>,
    pub path: PathBuf,
    pub disk: Box<dyn Disk>,
    /// The last acknowledged line.
    pub head: Head,
    pub head_file: HeadFile,
    pub in_place: InPlace,
    /// The log's length, and how much of it was in the file, when last checked.
    pub log_position: Option<LogPosition>,
    pub board: HealthBoard,
    pub requests: mpsc::Receiver<Request>,
    pub head_out: watch::Sender<Head>,
    pub clock: Clock,
    /// Approximate number of bytes logged since the last checkpoint.
    pub logged_bytes: usize,
    /// Since when the log has been long, by the monotonic clock.
    pub long_since: Option<Duration>,
    /// Held for as long as the writer runs.
    pub _lock: Lock,
}

impl Writer {
    /// Runs until every handle is dropped.
    pub fn run(mut self, clock: &Runtime, pulse: HeartbeatGuard) {
        let mut batch = Vec::with_capacity(BATCH_LIMIT);
        while let Some(first) = self.next(clock, &pulse) {
            batch.push(first);
            while batch.len() < BATCH_LIMIT {
                match self.requests.try_recv() {
                    Ok(next) => batch.push(next),
                    Err(_) => break,
                }
            }
            self.commit(&mut batch);
        }
        // Closing the connection copies the log into the ledger. If another program has written into either of them,
        // that would damage data that are still good.
        if let Err(error) = self.still_in_place() {
            self.report_failure(&error);
        }
        pulse.finish();
    }

    /// The next request, however long it takes. Meanwhile a long log is checkpointed, and file and disk are checked.
    fn next(&mut self, clock: &Runtime, pulse: &HeartbeatGuard) -> Option<Request> {
        let mut patience = DISK_CHECK_INTERVAL;
        if self.logged_bytes >= LOG_LONG_BYTES {
            let now = self.clock.steady();
            if now.saturating_sub(*self.long_since.get_or_insert(now)) >= LONG_AT_MOST {
                self.put_log_away();
            } else {
                patience = QUIET;
            }
        }
        loop {
            pulse.waits();
            let soon = clock.block_on(async { timeout(patience, self.requests.recv()).await });
            pulse.works(COMMIT_LIMIT);
            match soon {
                Ok(request) => return request,
                Err(_quiet) => {
                    self.check_disk();
                    if patience == QUIET {
                        self.put_log_away();
                    }
                }
            }
            patience = DISK_CHECK_INTERVAL;
        }
    }

    /// Notices changes of file and disk even if there are no requests.
    fn check_disk(&mut self) {
        let looked = self.still_in_place().and_then(|()| {
            let free = self.disk.idle_free_bytes();
            free.map_err(|error| LedgerError::Write(error.to_string()))
        });
        match looked {
            Ok(Some(free_bytes)) => {
                self.report_space(&self.free_space(free_bytes));
                self.try_again();
            }
            Ok(None) => {}
            Err(error) => self.report_failure(&error),
        }
    }

    /// After a failed write: rewrites a page unchanged, so that the disk is tested without leaving a line.
    fn try_again(&mut self) {
        if self.board.now().failing.is_none() {
            return;
        }
        let written = self.connected().and_then(|connection| {
            let same = connection.pragma_update(None, "user_version", schema::VERSION);
            same.map(|()| connection).map_err(write_error)
        });
        if let Ok(connection) = written {
            self.connection = Some(connection);
            self.board.change(|health| health.failing = None);
        }
        self.note_content();
    }

    /// Do the names still refer to the open files, and has no other program written into them? Once that is false, this
    /// process writes nothing any more, because only a start checks everything.
    fn still_in_place(&mut self) -> Result<(), LedgerError> {
        if let Some(gone) = self.board.now().gone {
            return Err(LedgerError::Gone(gone));
        }
        match self.in_place.is_untouched() {
            Err(LedgerError::Gone(Gone { how: How::Overwritten, .. }))
                if self.log_was_put_away() =>
            {
                tracing::info!("another program put the ledger's log away");
                self.note_content();
                Ok(())
            }
            found => found,
        }
    }

    /// Did another program, such as a technician's sqlite3 or a backup, checkpoint the log as we do?
    fn log_was_put_away(&self) -> bool {
        let now = self.connection.as_ref().and_then(log_position);
        now.is_some() && now != self.log_position
    }

    fn note_content(&mut self) {
        self.log_position = self.connection.as_ref().and_then(log_position);
        self.in_place.note_content();
    }

    fn report_failure(&self, error: &LedgerError) {
        if let (LedgerError::Gone(_), Some(connection)) = (error, &self.connection) {
            // Otherwise stopping the station would checkpoint the log into whatever has the name now, and delete the
            // log.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        self.board.change(|health| match error {
            LedgerError::Gone(gone) => health.gone = Some(gone.clone()),
            other => health.failing = Some(other.to_string()),
        });
    }

    fn free_space(&self, free_bytes: u64) -> FreeSpace {
        FreeSpace::new(free_bytes, self.logged_bytes.min(schema::LOG_BYTES))
    }

    fn report_space(&self, room: &FreeSpace) {
        self.board.change(|health| health.low_disk = room.is_low(JOB_LOG_BYTES));
    }

    /// Copies the log into the file, as far as no query blocks it; the rest waits for the next idle period.
    fn put_log_away(&mut self) {
        // If it fails, it is retried after the same time.
        self.long_since = None;
        if self.still_in_place().is_err() {
            return;
        }
        let Some(connection) = &self.connection else { return };
        match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            Ok(()) => self.logged_bytes = 0,
            // Nothing is lost: synced data stay in the log.
            Err(error) => tracing::warn!(%error, "the ledger's log cannot be put away"),
        }
        self.note_content();
    }

    /// All requests of the batch share a disk error; each gets its own answer from the rules.
    fn commit(&mut self, batch: &mut Vec<Request>) {
        let mut outcomes = Vec::with_capacity(batch.len());
        match self.write(batch, &mut outcomes) {
            Ok(head) => {
                self.head_out.send_if_modified(|last| std::mem::replace(last, head) != head);
                self.board.change(|health| health.failing = None);
                outcomes.into_iter().for_each(Outcome::answer);
            }
            Err(error) => {
                self.report_failure(&error);
                // Requests that were not performed yet get the same error, because nothing was stored.
                outcomes.into_iter().for_each(|outcome| outcome.refuse(&error));
                batch.drain(..).for_each(|request| request.refuse(&error));
            }
        }
    }

    /// One transaction and its sync. If it fails, the connection is closed, and the next batch reopens the file: after
    /// a failed write or sync SQLite's view of the file cannot be trusted (nor can a second sync, which may succeed
    /// although the first lost the pages).
    fn write(
        &mut self,
        batch: &mut Vec<Request>,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<Head, LedgerError> {
        self.still_in_place()?;
        let free_bytes =
            self.disk.free_bytes().map_err(|error| LedgerError::Write(error.to_string()))?;
        let mut connection = self.connected()?;
        let mut room = self.free_space(free_bytes);
        self.report_space(&room);
        self.logged_bytes += batch.iter().map(Request::log_bytes).sum::<usize>();
        let written = transact(&mut connection, batch, outcomes, self.clock.now(), &mut room);
        let head = match written {
            Ok(head) => head,
            Err(error) => {
                drop(connection);
                // The incomplete write is our own, not another program's.
                self.note_content();
                return Err(error);
            }
        };
        self.connection = Some(connection);
        // Check before answering: data in a file that is no longer in place would be lost.
        self.in_place.is_same()?;
        self.note_content();
        if let Err(error) = self.head_file.write(&head) {
            // An older head is valid too; it only detects less.
            tracing::warn!(%error, "the ledger's head cannot be noted");
        }
        self.head = head;
        Ok(head)
    }

    fn connected(&mut self) -> Result<Connection, LedgerError> {
        self.connection.take().map_or_else(|| self.open_anew(), Ok)
    }

    /// Checks that the last acknowledged line is still there.
    fn open_anew(&self) -> Result<Connection, LedgerError> {
        let connection =
            schema::open(&self.path).map_err(|error| LedgerError::Write(error.to_string()))?;
        match reader::hash_of(&connection, self.head.seq).map_err(write_error)? {
            Some(hash) if hash == self.head.hash => Ok(connection),
            _ => Err(LedgerError::Write("its last line is not there any more".into())),
        }
    }
}

fn transact(
    connection: &mut Connection,
    batch: &mut Vec<Request>,
    outcomes: &mut Vec<Outcome>,
    now: jiff::Timestamp,
    room: &mut FreeSpace,
) -> Result<Head, LedgerError> {
    let mut all = connection.transaction().map_err(write_error)?;
    for request in batch.drain(..) {
        outcomes.push(perform(&mut all, request, now, room));
        // SQLite has rolled everything back by itself, including the earlier requests of this batch.
        if all.is_autocommit() {
            return Err(outcomes.last().map_or(LedgerError::Full, Outcome::failure));
        }
    }
    let head = reader::head(&all).map_err(write_error)?;
    all.commit().map_err(write_error)?;
    Ok(head)
}

impl Request {
    /// Approximate number of bytes in the log.
    fn log_bytes(&self) -> usize {
        let photo = match self {
            Request::Accept { job, .. } => job.photo.as_ref().map_or(0, Vec::len),
            _ => 0,
        };
        EVENT_LOG_BYTES + photo
    }

    fn refuse(self, error: &LedgerError) {
        let error = error.of_the_disk();
        match self {
            Request::Accept { reply, .. } => drop(reply.send(Err(error))),
            Request::Append { reply, .. } => drop(reply.send(Err(error))),
            Request::Blanks { reply, .. } => drop(reply.send(Err(error))),
            Request::Account { reply, .. } | Request::Holders { reply, .. } => {
                drop(reply.send(Err(error)));
            }
        }
    }
}

impl Outcome {
    fn answer(self) {
        if let Outcome::Entry(result, _) = &self {
            log_line(result);
        }
        // A caller that is gone (a client disconnected) loses only the answer, not the job.
        match self {
            Outcome::Accepted(result, reply) => drop(reply.send(result)),
            Outcome::Entry(result, reply) => drop(reply.send(result)),
            Outcome::Entered(result, reply) => drop(reply.send(result)),
            Outcome::Counted(result, reply) => drop(reply.send(result)),
        }
    }

    /// The disk error.
    fn failure(&self) -> LedgerError {
        let error = match self {
            Outcome::Accepted(result, _) => result.as_ref().err(),
            Outcome::Entry(result, _) => result.as_ref().err(),
            Outcome::Entered(result, _) => result.as_ref().err(),
            Outcome::Counted(result, _) => result.as_ref().err(),
        };
        error.map_or(LedgerError::Write("SQLite rolled back".into()), LedgerError::of_the_disk)
    }

    fn refuse(self, error: &LedgerError) {
        let error = error.of_the_disk();
        match self {
            Outcome::Accepted(_, reply) => drop(reply.send(Err(error))),
            Outcome::Entry(_, reply) => drop(reply.send(Err(error))),
            Outcome::Entered(_, reply) => drop(reply.send(Err(error))),
            Outcome::Counted(_, reply) => drop(reply.send(Err(error))),
        }
    }
}

/// What became of a job, for whoever follows one through the journal; and every other line, for developers.
fn log_line(line: &Result<Entry, LedgerError>) {
    let line = match line {
        Ok(line) => line,
        Err(error) => return tracing::debug!(%error, "the ledger took no line"),
    };
    let (job, step) = (line.job.as_ref().map(JobId::as_str), line.event.as_str());
    match line.read().and_then(|event| event.step()) {
        Some(Move::Hold) => tracing::warn!(job, step, "the job is held for a person"),
        Some(Move::OutcomeUnknown) => {
            tracing::warn!(job, step, "nobody saw what became of the card")
        }
        Some(Move::Spoil) => tracing::warn!(job, step, "the card is spoiled"),
        Some(Move::CardOut) => tracing::info!(job, step, "the card is out"),
        Some(Move::NoCard) => tracing::info!(job, step, "no card moved"),
        Some(Move::Release) => tracing::info!(job, step, "a person released the job"),
        Some(Move::Cancel | Move::Expire) => {
            tracing::info!(job, step, "the job ended without a card")
        }
        Some(Move::HandOver) => tracing::info!(job, step, "the card was handed over"),
        _ => tracing::debug!(job, step, "written"),
    }
}

/// Performs one request in its own savepoint: a refused request leaves nothing behind.
fn perform(
    all: &mut Transaction<'_>,
    request: Request,
    now: jiff::Timestamp,
    room: &mut FreeSpace,
) -> Outcome {
    let log_bytes = request.log_bytes();
    match request {
        Request::Accept { job, data, reply } => {
            let room = || room.take(log_bytes);
            Outcome::Accepted(in_savepoint(all, |c| accept(c, &job, &data, now, room)), reply)
        }
        Request::Append { job, event, reply } => {
            let entry = in_savepoint(all, |c| append(c, job.as_ref(), &event, now));
            Outcome::Entry(entry, reply)
        }
        Request::Blanks { handled, reply } => {
            Outcome::Entered(in_savepoint(all, |c| blanks::enter(c, &handled, now)), reply)
        }
        Request::Account { serial, counted, reply } => Outcome::Counted(
            in_savepoint(all, |c| unaccounted::account(c, &serial, counted, now)),
            reply,
        ),
        Request::Holders { key, hash, reply } => Outcome::Counted(
            in_savepoint(all, |c| holder::enter(c, &key, hash.as_ref(), now)),
            reply,
        ),
    }
}

fn in_savepoint<T>(
    all: &mut Transaction<'_>,
    work: impl FnOnce(&Connection) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    let point = all.savepoint().map_err(write_error)?;
    let done = work(&point)?;
    point.commit().map_err(write_error)?;
    Ok(done)
}
