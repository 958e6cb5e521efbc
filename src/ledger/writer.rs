//! The one thread that writes. Many requests, one transaction, one sync, then the answers:
//! 64 clients cost hardly more syncs than one.

use std::fs::File;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::record::{Accepted, Entry, JobId, NewJob};
use super::{Clock, LedgerError, reader};
use crate::lifecycle::{Event, State};

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
    Note { job: JobId, what: &'static str, detail: Value, reply: Reply<Entry> },
}

/// An answer that may be given once the sync is done.
enum Outcome {
    Accepted(Result<Accepted, LedgerError>, Reply<Accepted>),
    Entry(Result<Entry, LedgerError>, Reply<Entry>),
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
        let now = (self.clock)();
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
            Request::Append { .. } | Request::Note { .. } => 0,
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
        }
    }
}

impl Outcome {
    fn answer(self) {
        // A caller that went away (a client hung up) loses only the answer, not the job.
        match self {
            Outcome::Accepted(result, reply) => drop(reply.send(result)),
            Outcome::Entry(result, reply) => drop(reply.send(result)),
        }
    }

    fn refuse(self, why: &str) {
        let error = LedgerError::Write(why.to_owned());
        match self {
            Outcome::Accepted(_, reply) => drop(reply.send(Err(error))),
            Outcome::Entry(_, reply) => drop(reply.send(Err(error))),
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
            Outcome::Entry(in_savepoint(all, |c| note(c, &job, what, &detail, now)), reply)
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

fn accept(c: &Connection, job: &NewJob, now: jiff::Timestamp) -> Result<Accepted, LedgerError> {
    if let Some(known) = met_before(c, job)? {
        return Ok(known);
    }
    let findings =
        serde_json::to_string(&job.findings).map_err(|e| LedgerError::Write(e.to_string()))?;
    let request =
        serde_json::to_string(&job.request).map_err(|e| LedgerError::Write(e.to_string()))?;
    let at = now.to_string();
    c.prepare_cached(
        "INSERT INTO jobs (id, reference, product, reason, kind, state, findings, idempotency_key,
             body_sha256, received_at, changed_at) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?10)",
    )
    .and_then(|mut s| {
        s.execute(params![
            job.id.as_str(),
            job.request.reference,
            job.request.product,
            job.request.reason,
            job.kind,
            job.state.name(),
            findings,
            job.key,
            job.body_sha256,
            at
        ])
    })
    .map_err(write_error)?;
    let row = c.last_insert_rowid();
    c.prepare_cached("INSERT INTO job_data (job, request) VALUES (?1, ?2)")
        .and_then(|mut s| s.execute(params![row, request]))
        .map_err(write_error)?;
    if let Some(photo) = &job.photo {
        c.prepare_cached("INSERT INTO photos (job, bytes) VALUES (?1, ?2)")
            .and_then(|mut s| s.execute(params![row, photo]))
            .map_err(write_error)?;
    }
    let codes: Vec<&str> = job.findings.iter().map(|f| f.code.as_str()).collect();
    write_event(c, row, "received", job.state, &json!({ "findings": codes }), &at)?;
    count(c, job.state, 1)?;
    Ok(Accepted::New(Box::new(reader::job(c, &job.id)?)))
}

/// The same key, or the same `ref` in a live job?
fn met_before(c: &Connection, job: &NewJob) -> Result<Option<Accepted>, LedgerError> {
    let find = |sql: &str, value: &str| {
        c.prepare_cached(sql)
            .and_then(|mut s| {
                s.query_row([value], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
                })
                .optional()
            })
            .map_err(write_error)
    };
    let record = |id: String| {
        let id = JobId::parse(&id).ok_or_else(|| LedgerError::Read("a job has no name".into()))?;
        reader::job(c, &id).map(Box::new)
    };
    if let Some(key) = &job.key
        && let Some((id, sha)) =
            find("SELECT id, body_sha256 FROM jobs WHERE idempotency_key = ?1", key)?
    {
        let same = sha == job.body_sha256;
        return Ok(Some(if same { Accepted::Before(record(id)?) } else { Accepted::KeyTaken }));
    }
    let live = "SELECT id, body_sha256 FROM jobs
                WHERE reference = ?1 AND state NOT IN ('cancelled', 'expired')";
    let Some((id, sha)) = find(live, &job.request.reference)? else { return Ok(None) };
    let known = record(id)?;
    Ok(Some(if sha == job.body_sha256 {
        Accepted::Before(known)
    } else {
        Accepted::RefTaken(known)
    }))
}

fn append(
    c: &Connection,
    job: &JobId,
    event: Event,
    detail: &Value,
    now: jiff::Timestamp,
) -> Result<Entry, LedgerError> {
    if event.needs_evidence() && detail.get("evidence").is_none_or(Value::is_null) {
        return Err(LedgerError::NoEvidence(event));
    }
    let before = reader::job(c, job)?;
    let state = before.state.after(event)?;
    let row = i64::try_from(before.seq).map_err(|_| LedgerError::NoSuchJob)?;
    let at = now.to_string();
    c.prepare_cached(
        "UPDATE jobs SET state = ?2, changed_at = ?3, faces = coalesce(?4, faces),
             evidence = coalesce(?5, evidence), findings = coalesce(?6, findings) WHERE seq = ?1",
    )
    .and_then(|mut s| {
        let field = |name: &str| detail.get(name).map(Value::to_string);
        s.execute(params![
            row,
            state.name(),
            at,
            field("faces"),
            field("evidence"),
            field("findings")
        ])
    })
    .map_err(write_error)?;
    count(c, before.state, -1)?;
    count(c, state, 1)?;
    let seq = write_event(c, row, event.name(), state, detail, &at)?;
    Ok(entry(seq, now, before.id, before.reference, event.name(), state, detail))
}

fn note(
    c: &Connection,
    job: &JobId,
    what: &str,
    detail: &Value,
    now: jiff::Timestamp,
) -> Result<Entry, LedgerError> {
    let known = reader::job(c, job)?;
    let row = i64::try_from(known.seq).map_err(|_| LedgerError::NoSuchJob)?;
    let seq = write_event(c, row, what, known.state, detail, &now.to_string())?;
    Ok(entry(seq, now, known.id, known.reference, what, known.state, detail))
}

fn entry(
    seq: u64,
    at: jiff::Timestamp,
    job: JobId,
    reference: String,
    event: &str,
    state: State,
    detail: &Value,
) -> Entry {
    Entry { seq, at, job, reference, event: event.to_owned(), state, detail: detail.clone() }
}

fn write_event(
    c: &Connection,
    row: i64,
    event: &str,
    state: State,
    detail: &Value,
    at: &str,
) -> Result<u64, LedgerError> {
    c.prepare_cached("INSERT INTO events (job, at, event, state, detail) VALUES (?1,?2,?3,?4,?5)")
        .and_then(|mut s| s.execute(params![row, at, event, state.name(), detail.to_string()]))
        .map_err(write_error)?;
    Ok(c.last_insert_rowid().unsigned_abs())
}

fn count(c: &Connection, state: State, by: i64) -> Result<(), LedgerError> {
    c.prepare_cached(
        "INSERT INTO counts (state, jobs) VALUES (?1, ?2)
         ON CONFLICT (state) DO UPDATE SET jobs = jobs + ?2",
    )
    .and_then(|mut s| s.execute(params![state.name(), by]))
    .map(drop)
    .map_err(write_error)
}

#[allow(clippy::needless_pass_by_value)] // The shape that `map_err` wants.
fn write_error(error: rusqlite::Error) -> LedgerError {
    LedgerError::Write(error.to_string())
}
