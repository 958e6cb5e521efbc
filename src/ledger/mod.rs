//! The ledger: what was accepted and what became of it, in SQLite on this machine's disk.
//! The only module that knows the database. Knows no HTTP and no device.
//!
//! Events are appended and never changed; a job's state is the fold of its events through
//! [`crate::lifecycle`], kept beside them as a projection (table `jobs`) in the same transaction.
//! Nothing is answered before it is synced: one thread writes, and many callers share one sync
//! (group commit). Personal data lies in two tables of its own (`job_data`, `photos`), never in events.

mod adopt;
pub mod blanks;
mod book;
pub mod chain;
mod disk;
mod error;
mod export;
mod files;
pub mod head;
mod health;
mod holder;
mod in_place;
mod lines;
mod listing;
mod migrate;
mod offline;
mod open;
#[cfg(test)]
mod projection;
mod reader;
mod record;
mod replacement;
mod schema;
mod unaccounted;
mod verify;
mod verify_jobs;
pub mod wal;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

pub use adopt::{Adopted, adopt};
pub use disk::{Disk, LocalDisk};
pub use error::LedgerError;
pub use export::export;
pub use files::{Init, init, must_be_there};
pub use head::Head;
pub use health::{Health, LedgerTrouble, words_of_failing, words_of_gone};
pub use holder::{HashHolder, Holder, HolderHash, W_SAME_HOLDER, rekey};
pub use in_place::{Gone, How};
pub use record::{
    Accepted, Entry, JobRecord, NewJob, NoReplacement, Order, Page, Replacing, StoredRequest,
    Wanted,
};
pub use verify::{Fault, Verification, verify};

use crate::clock::Clock;
use crate::event::Event;
use crate::heartbeat::Beat;
use crate::job::JobId;
use crate::lifecycle::State;

/// How long a daemon that stops waits for its ledger; putting a full log away takes well under a second.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A handle to the ledger; cheap to clone. The writer thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct Ledger {
    /// First, so that it is dropped first: only the last connection puts the log away, and that must be the writer's.
    reader: Arc<Mutex<Connection>>,
    inbox: mpsc::Sender<writer::Request>,
    last: watch::Receiver<Head>,
    health: watch::Receiver<Health>,
    read_failures: Arc<health::ReadFailures>,
    path: Arc<Path>,
    clock: Clock,
    beat: Beat,
    /// Nanoseconds that plain threads have waited for it.
    waited: Arc<AtomicU64>,
    /// Hangs up when the writer has closed the file.
    ended: Arc<Mutex<std::sync::mpsc::Receiver<()>>>,
}

/// The answer to a write, once it is synced.
pub struct Synced<T> {
    answer: oneshot::Receiver<Result<T, LedgerError>>,
    waited: Arc<AtomicU64>,
}

impl<T> Synced<T> {
    /// Waits on a plain thread.
    ///
    /// # Errors
    /// What the write met.
    pub fn wait(self) -> Result<T, LedgerError> {
        let since = std::time::Instant::now();
        let answer = self.answer.blocking_recv().unwrap_or(Err(LedgerError::Closed));
        let nanoseconds = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.waited.fetch_add(nanoseconds, Ordering::Relaxed);
        answer
    }
}

impl Ledger {
    /// Opens the ledger at `path`; [`init`] makes the first one.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], [`LedgerError::Lost`], [`LedgerError::Exposed`], [`LedgerError::Unfit`],
    /// [`LedgerError::Unreadable`], [`LedgerError::InUse`], [`LedgerError::Folder`].
    pub fn open(path: &Path, clock: Clock) -> Result<Ledger, LedgerError> {
        Self::open_on(path, clock, Box::new(LocalDisk::of(path)))
    }

    /// The same, with somebody else's word on what the disk still takes.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_on(path: &Path, clock: Clock, disk: Box<dyn Disk>) -> Result<Ledger, LedgerError> {
        open::open(path, clock, disk)
    }

    /// The daemon has started with it: the copy that a migration made beside it is not needed any more.
    pub fn started(&self) {
        migrate::forget_copy(&self.path);
    }

    /// Lets go of the last handle and waits until everything lies in the one file, the log beside it gone.
    pub fn close(self) {
        let ended = self.ended.clone();
        drop(self);
        let Ok(ended) = ended.lock() else { return };
        if ended.recv_timeout(CLOSE_LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            // Nothing is lost: the log is read at the next start.
            tracing::warn!("somebody still holds the ledger; its log stays beside it");
        }
    }

    /// How long plain threads (the station) have waited for it since it was opened.
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    fn synced<T>(&self, answer: oneshot::Receiver<Result<T, LedgerError>>) -> Synced<T> {
        Synced { answer, waited: self.waited.clone() }
    }

    /// The time of day as the ledger sees it.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// Stores a new job; done when it is synced. From an async task.
    ///
    /// # Errors
    /// [`LedgerError::Write`] when the disk did not take it: then nothing is stored.
    pub async fn accept(&self, job: NewJob) -> Result<Accepted, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let data = book::JobData::of(&job)?;
        let request = writer::Request::Accept { job: Box::new(job), data, reply };
        self.inbox.send(request).await.map_err(|_| LedgerError::Closed)?;
        answer.await.unwrap_or(Err(LedgerError::Closed))
    }

    /// Appends an event of a job, if the lifecycle allows it. From a plain thread.
    pub fn append(&self, job: &JobId, event: Event) -> Synced<Entry> {
        self.send(Some(job.clone()), event)
    }

    /// Appends an event of the station. From a plain thread.
    pub fn append_of_station(&self, event: Event) -> Synced<Entry> {
        self.send(None, event)
    }

    fn send(&self, job: Option<JobId>, event: Event) -> Synced<Entry> {
        let (reply, answer) = oneshot::channel();
        let request = writer::Request::Append { job, event: Box::new(event), reply };
        // A closed inbox drops the reply, which the waiter sees as `Closed`.
        let _ = self.inbox.blocking_send(request);
        self.synced(answer)
    }

    /// Writes down that somebody looked at a job's faces. Looking moves nothing. From an async task.
    ///
    /// # Errors
    /// [`LedgerError::Write`].
    pub async fn note_preview(&self, job: &JobId, side: &'static str) -> Result<(), LedgerError> {
        let (reply, answer) = oneshot::channel();
        let event = Box::new(Event::Previewed { side: side.to_owned() });
        let request = writer::Request::Append { job: Some(job.clone()), event, reply };
        self.inbox.send(request).await.map_err(|_| LedgerError::Closed)?;
        answer.await.unwrap_or(Err(LedgerError::Closed)).map(|_| ())
    }

    /// Writes down what a person did with blanks, once a key.
    ///
    /// # Errors
    /// [`LedgerError::Write`].
    pub async fn enter_blanks(
        &self,
        handled: blanks::Handled,
    ) -> Result<blanks::Entered, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let request = writer::Request::Blanks { handled, reply };
        self.inbox.send(request).await.map_err(|_| LedgerError::Closed)?;
        answer.await.unwrap_or(Err(LedgerError::Closed))
    }

    /// Holds the printer's counter against the ledger's last word about it, at the start and before anything of the printer
    /// is written: how many cards it moved of which the ledger knows nothing. If there are any, whatever could print is
    /// held. From a plain thread.
    pub fn account_for_cards(&self, serial: &str, counted: u64) -> Synced<u64> {
        let (reply, answer) = oneshot::channel();
        let serial = serial.to_owned();
        let _ = self.inbox.blocking_send(writer::Request::Account { serial, counted, reply });
        self.synced(answer)
    }

    /// The fingerprint of the key that the holders' hashes are made with, if they were ever made.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn holder_key(&self) -> Result<Option<String>, LedgerError> {
        self.ask(holder::key)
    }

    /// Enters the holders of stored jobs that have none yet, made with the key of this fingerprint; how many. From a plain
    /// thread.
    pub fn enter_holders(&self, key: String, hash: Box<HashHolder>) -> Synced<u64> {
        let (reply, answer) = oneshot::channel();
        let _ = self.inbox.blocking_send(writer::Request::Holders { key, hash, reply });
        self.synced(answer)
    }

    /// The blanks of the office's days from `from` to `to`, both included.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn blank_days(
        &self,
        from: jiff::civil::Date,
        to: jiff::civil::Date,
        offset: jiff::tz::Offset,
    ) -> Result<Vec<blanks::Day>, LedgerError> {
        self.ask(|c| blanks::days(c, from, to, offset))
    }

    /// The spoiled and test cards of those days.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn destroyed_blanks(
        &self,
        from: jiff::civil::Date,
        to: jiff::civil::Date,
        offset: jiff::tz::Offset,
    ) -> Result<Vec<blanks::Destroyed>, LedgerError> {
        self.ask(|c| blanks::destroyed(c, from, to, offset))
    }

    /// One job.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchJob`], [`LedgerError::Read`].
    pub fn job(&self, id: &JobId) -> Result<JobRecord, LedgerError> {
        self.ask(|c| reader::job(c, id))
    }

    /// The data of one job that were to be printed: personal.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchJob`], [`LedgerError::Read`].
    pub fn job_data(&self, id: &JobId) -> Result<(StoredRequest, Option<Vec<u8>>), LedgerError> {
        self.ask(|c| reader::job_data(c, id))
    }

    /// A page of the jobs that are wanted; `cursor` is [`Page::next`] of the page before.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn find(
        &self,
        wanted: &Wanted,
        order: Order,
        cursor: Option<u64>,
        limit: u32,
    ) -> Result<Page, LedgerError> {
        self.ask(|c| listing::find(c, wanted, order, cursor, limit))
    }

    /// A page of the jobs in a state; `cursor` is [`Page::next`] of the page before.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn jobs(
        &self,
        state: Option<State>,
        order: Order,
        cursor: Option<u64>,
        limit: u32,
    ) -> Result<Page, LedgerError> {
        self.find(
            &Wanted { states: state.into_iter().collect(), ..Wanted::default() },
            order,
            cursor,
            limit,
        )
    }

    /// The oldest job in a state, but for the jobs of some products.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn oldest(&self, state: State, but: &[String]) -> Result<Option<JobRecord>, LedgerError> {
        self.ask(|c| reader::oldest(c, state, but))
    }

    /// The events of one job.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn events_of(&self, id: &JobId) -> Result<Vec<Entry>, LedgerError> {
        self.ask(|c| reader::events_of(c, id))
    }

    /// Events behind `after`, oldest first.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn events_after(&self, after: u64, limit: u32) -> Result<Vec<Entry>, LedgerError> {
        self.ask(|c| reader::events_after(c, after, limit))
    }

    /// How many jobs are in each state.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn counts(&self) -> Result<std::collections::BTreeMap<State, u64>, LedgerError> {
        self.ask(reader::counts)
    }

    /// When the last line was written, by the clock of then.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn last_at(&self) -> Result<Option<jiff::Timestamp>, LedgerError> {
        self.ask(reader::last_at)
    }

    /// Was a print intended behind line `seq` on the machine of this serial number?
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn printed_since(&self, seq: u64, serial: &str) -> Result<bool, LedgerError> {
        self.ask(|c| reader::printed_since(c, seq, serial))
    }

    /// The last synced line; changes when there is something new.
    pub fn watch(&self) -> watch::Receiver<Head> {
        self.last.clone()
    }

    /// How the ledger is, and every change of it.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// How others know that the writer does not stand still.
    pub fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// The writer is there: nothing can be written after it has ended.
    pub fn is_alive(&self) -> bool {
        !self.inbox.is_closed()
    }

    /// The hash of a line; `None`: there is no such line.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn hash_of(&self, seq: u64) -> Result<Option<chain::Hash>, LedgerError> {
        self.ask(|c| reader::hash_of(c, seq).map_err(reader::read_error))
    }

    /// Where the ledger lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let reader = self.reader.lock().map_err(|_| LedgerError::Closed)?;
        let answer = question(&reader);
        if let Err(LedgerError::Read(why)) = &answer {
            self.read_failures.met(why);
        }
        answer
    }
}
