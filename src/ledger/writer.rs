//! The one thread that writes. Many requests, one transaction, one sync, then the answers:
//! 64 clients cost hardly more syncs than one.

use std::fs::File;
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::blanks::{self, Entered, Handled};
use super::book::{accept, append, note, write_error};
use super::record::{Accepted, Entry, JobId, NewJob};
use super::{LedgerError, reader};
use crate::clock::Clock;
use crate::lifecycle::Event;

/// Requests that share one sync at most: bounds the log's growth and the wait of the first.
const BATCH_LIMIT: usize = 64;

/// Silence after which the log is copied into the file: longer than clients in a burst leave between two jobs.
const QUIET: Duration = Duration::from_millis(200);

/// A shorter log stays where it is: put away after every event, each would be synced three times, and flash worn.
const LOG_LONG_BYTES: usize = 32 * 1024 * 1024;

/// What a request without a photo takes in the log: a few pages of 16 KiB.
const EVENT_LOG_BYTES: usize = 64 * 1024;

type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// What can be asked of the writer.
pub(super) enum Request {
    Accept { job: Box<NewJob>, reply: Reply<Accepted> },
    Append { job: JobId, event: Event, detail: Value, reply: Reply<Entry> },
    Note { job: Option<JobId>, what: &'static str, detail: Value, reply: Reply<Entry> },
    Blanks { handled: Handled, reply: Reply<Entered> },
}

/// An answer that may be given once the sync is done.
enum Outcome {
    Accepted(Result<Accepted, LedgerError>, Reply<Accepted>),
    Entry(Result<Entry, LedgerError>, Reply<Entry>),
    Entered(Result<Entered, LedgerError>, Reply<Entered>),
}

pub(super) struct Writer {
    pub connection: Connection,
    pub requests: mpsc::Receiver<Request>,
    pub seq_out: watch::Sender<u64>,
    pub clock: Clock,
    /// About so much was logged since the log was last put away.
    pub logged_bytes: usize,
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
        let soon = clock.block_on(async { timeout(QUIET, self.requests.recv()).await });
        soon.unwrap_or_else(|_quiet| {
            self.put_log_away();
            self.requests.blocking_recv()
        })
    }

    /// Copies the log into the file, as far as no reader is in the way; the rest waits for the next silence.
    fn put_log_away(&mut self) {
        self.logged_bytes = 0;
        if let Err(error) =
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        {
            // Nothing is lost: what is synced stays in the log.
            tracing::warn!(%error, "the ledger's log cannot be put away");
        }
    }

    /// Everybody in the batch hears the same of the disk; each hears its own of the rules.
    fn commit(&mut self, batch: &mut Vec<Request>) {
        let now = self.clock.now();
        self.logged_bytes += batch.iter().map(Request::log_bytes).sum::<usize>();
        let mut outcomes = Vec::with_capacity(batch.len());
        let written = self.connection.transaction().and_then(|mut all| {
            for request in batch.drain(..) {
                outcomes.push(perform(&mut all, request, now));
            }
            let last_seq = reader::last_seq_raw(&all)?;
            all.commit()?;
            Ok(last_seq)
        });
        match written {
            Ok(last_seq) => {
                self.seq_out.send_if_modified(|seq| std::mem::replace(seq, last_seq) != last_seq);
                outcomes.into_iter().for_each(Outcome::answer);
            }
            Err(error) => {
                let why = error.to_string();
                tracing::error!(error = %why, "the ledger cannot be written");
                // Requests not yet performed are dropped: their waiters hear that nothing was stored.
                outcomes.into_iter().for_each(|outcome| outcome.refuse(&why));
                batch.drain(..).for_each(|request| request.refuse(&why));
            }
        }
    }
}

impl Request {
    /// About what it will take in the log.
    fn log_bytes(&self) -> usize {
        let photo = match self {
            Request::Accept { job, .. } => job.photo.as_ref().map_or(0, Vec::len),
            Request::Append { .. } | Request::Note { .. } | Request::Blanks { .. } => 0,
        };
        EVENT_LOG_BYTES + photo
    }

    fn refuse(self, why: &str) {
        let error = LedgerError::Write(why.to_owned());
        match self {
            Request::Accept { reply, .. } => drop(reply.send(Err(error))),
            Request::Append { reply, .. } | Request::Note { reply, .. } => {
                drop(reply.send(Err(error)));
            }
            Request::Blanks { reply, .. } => drop(reply.send(Err(error))),
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
        }
    }

    fn refuse(self, why: &str) {
        let error = LedgerError::Write(why.to_owned());
        match self {
            Outcome::Accepted(_, reply) => drop(reply.send(Err(error))),
            Outcome::Entry(_, reply) => drop(reply.send(Err(error))),
            Outcome::Entered(_, reply) => drop(reply.send(Err(error))),
        }
    }
}

/// One request in a savepoint of its own: what is refused leaves nothing behind.
fn perform(all: &mut Transaction<'_>, request: Request, now: jiff::Timestamp) -> Outcome {
    match request {
        Request::Accept { job, reply } => {
            Outcome::Accepted(in_savepoint(all, |c| accept(c, &job, now)), reply)
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
