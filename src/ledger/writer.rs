//! The one thread that writes. Many requests, one transaction, one sync, then the answers:
//! 64 clients cost hardly more syncs than one.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::blanks::{self, Entered, Handled};
use super::book::{JobData, accept, append, note, write_error};
use super::disk::{Disk, Room};
use super::head::{Head, HeadFile};
use super::record::{Accepted, Entry, JobId, NewJob};
use super::{LedgerError, holder, reader, schema};
use crate::clock::Clock;
use crate::lifecycle::Event;

/// Requests that share one sync at most: bounds the log's growth and the wait of the first.
const BATCH_LIMIT: usize = 64;

/// Silence after which the log is copied into the file: longer than clients in a burst leave between two jobs.
const QUIET: Duration = Duration::from_millis(200);

/// A shorter log stays where it is: put away after every event, each would be synced three times, and flash worn.
const LOG_LONG_BYTES: usize = 32 * 1024 * 1024;

/// A log that is long is put away after so much time even if there is never a silence: a steady stream of jobs must not
/// put it off until one of them has to wait for all of it.
const LONG_AT_MOST: Duration = Duration::from_secs(60);

/// What a request without a photo takes in the log: nine pages of 16 KiB, counted.
const EVENT_LOG_BYTES: usize = 144 * 1024;

type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// What can be asked of the writer.
pub(super) enum Request {
    Accept { job: Box<NewJob>, data: JobData, reply: Reply<Accepted> },
    Append { job: JobId, event: Event, detail: Value, reply: Reply<Entry> },
    Note { job: Option<JobId>, what: &'static str, detail: Value, reply: Reply<Entry> },
    Blanks { handled: Handled, reply: Reply<Entered> },
    Holders { key: String, hash: Box<holder::HashHolder>, reply: Reply<u64> },
}

/// An answer that may be given once the sync is done.
enum Outcome {
    Accepted(Result<Accepted, LedgerError>, Reply<Accepted>),
    Entry(Result<Entry, LedgerError>, Reply<Entry>),
    Entered(Result<Entered, LedgerError>, Reply<Entered>),
    Counted(Result<u64, LedgerError>, Reply<u64>),
}

pub(super) struct Writer {
    /// `None` after a failure of the disk: what SQLite remembers of the file may then differ from what lies there.
    pub connection: Option<Connection>,
    pub path: PathBuf,
    pub disk: Box<dyn Disk>,
    /// The last line that was acknowledged.
    pub head: Head,
    pub head_file: HeadFile,
    pub requests: mpsc::Receiver<Request>,
    pub seq_out: watch::Sender<u64>,
    pub clock: Clock,
    /// About so much was logged since the log was last put away.
    pub logged_bytes: usize,
    /// Since when the log is long, by the steady clock.
    pub long_since: Option<Duration>,
    /// Held as long as the writer lives.
    pub _lock: File,
}

impl Writer {
    /// Runs until every handle is gone.
    pub fn run(mut self, clock: &Runtime) {
        let mut batch = Vec::with_capacity(BATCH_LIMIT);
        while let Some(first) = self.next(clock) {
            batch.push(first);
            while batch.len() < BATCH_LIMIT {
                match self.requests.try_recv() {
                    Ok(next) => batch.push(next),
                    Err(_) => break,
                }
            }
            self.commit(&mut batch);
        }
    }

    /// The next request, however long it takes to come; a long log is put away meanwhile.
    fn next(&mut self, clock: &Runtime) -> Option<Request> {
        if self.logged_bytes < LOG_LONG_BYTES {
            return self.requests.blocking_recv();
        }
        let now = self.clock.steady();
        if now.saturating_sub(*self.long_since.get_or_insert(now)) >= LONG_AT_MOST {
            self.put_log_away();
            return self.requests.blocking_recv();
        }
        let soon = clock.block_on(async { timeout(QUIET, self.requests.recv()).await });
        soon.unwrap_or_else(|_quiet| {
            self.put_log_away();
            self.requests.blocking_recv()
        })
    }

    /// Copies the log into the file, as far as no reader is in the way; the rest waits for the next silence.
    fn put_log_away(&mut self) {
        // A log that cannot be put away is tried again after as long.
        self.long_since = None;
        let Some(connection) = &self.connection else { return };
        match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            Ok(()) => self.logged_bytes = 0,
            // Nothing is lost: what is synced stays in the log.
            Err(error) => tracing::warn!(%error, "the ledger's log cannot be put away"),
        }
    }

    /// Everybody in the batch hears the same of the disk; each hears its own of the rules.
    fn commit(&mut self, batch: &mut Vec<Request>) {
        let mut outcomes = Vec::with_capacity(batch.len());
        match self.write(batch, &mut outcomes) {
            Ok(head) => {
                let last_seq = head.seq;
                self.seq_out.send_if_modified(|seq| std::mem::replace(seq, last_seq) != last_seq);
                outcomes.into_iter().for_each(Outcome::answer);
            }
            Err(error) => {
                tracing::error!(%error, "the ledger cannot be written");
                // Those that were not yet performed hear the same: nothing was stored.
                outcomes.into_iter().for_each(|outcome| outcome.refuse(&error));
                batch.drain(..).for_each(|request| request.refuse(&error));
            }
        }
    }

    /// One transaction and its sync. When it fails the connection is closed, and the next batch opens the file anew:
    /// after a failed write or sync SQLite's own view of the file is not to be trusted (nor is a second sync, which
    /// may succeed though the first lost the pages).
    fn write(
        &mut self,
        batch: &mut Vec<Request>,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<Head, LedgerError> {
        let free_bytes =
            self.disk.free_bytes().map_err(|error| LedgerError::Write(error.to_string()))?;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open_anew()?,
        };
        let mut room = Room::new(free_bytes, self.logged_bytes.min(schema::LOG_BYTES));
        self.logged_bytes += batch.iter().map(Request::log_bytes).sum::<usize>();
        let head = transact(&mut connection, batch, outcomes, self.clock.now(), &mut room)?;
        self.connection = Some(connection);
        if let Err(error) = self.head_file.write(&head) {
            // An older head is good too; it only knows less.
            tracing::warn!(%error, "the ledger's head cannot be noted");
        }
        self.head = head;
        Ok(head)
    }

    /// What was acknowledged must still be there.
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
    room: &mut Room,
) -> Result<Head, LedgerError> {
    let mut all = connection.transaction().map_err(write_error)?;
    for request in batch.drain(..) {
        outcomes.push(perform(&mut all, request, now, room));
        // SQLite has rolled everything back by itself: what came before in this batch is gone too.
        if all.is_autocommit() {
            return Err(outcomes.last().map_or(LedgerError::Full, Outcome::failure));
        }
    }
    let head = reader::head(&all).map_err(write_error)?;
    all.commit().map_err(write_error)?;
    Ok(head)
}

impl Request {
    /// About what it will take in the log.
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
            Request::Append { reply, .. } | Request::Note { reply, .. } => {
                drop(reply.send(Err(error)));
            }
            Request::Blanks { reply, .. } => drop(reply.send(Err(error))),
            Request::Holders { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

impl Outcome {
    fn answer(self) {
        // A caller that went away (a client hung up) loses only the answer, not the job.
        match self {
            Outcome::Accepted(result, reply) => drop(reply.send(result)),
            Outcome::Entry(result, reply) => drop(reply.send(result)),
            Outcome::Entered(result, reply) => drop(reply.send(result)),
            Outcome::Counted(result, reply) => drop(reply.send(result)),
        }
    }

    /// Why it did not work, of the disk.
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

/// One request in a savepoint of its own: what is refused leaves nothing behind.
fn perform(
    all: &mut Transaction<'_>,
    request: Request,
    now: jiff::Timestamp,
    room: &mut Room,
) -> Outcome {
    let log_bytes = request.log_bytes();
    match request {
        Request::Accept { job, data, reply } => {
            let room = || room.take(log_bytes);
            Outcome::Accepted(in_savepoint(all, |c| accept(c, &job, &data, now, room)), reply)
        }
        Request::Append { job, event, detail, reply } => {
            Outcome::Entry(in_savepoint(all, |c| append(c, &job, event, &detail, now)), reply)
        }
        Request::Note { job, what, detail, reply } => {
            Outcome::Entry(in_savepoint(all, |c| note(c, job.as_ref(), what, &detail, now)), reply)
        }
        Request::Blanks { handled, reply } => {
            Outcome::Entered(in_savepoint(all, |c| blanks::enter(c, &handled, now)), reply)
        }
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
