//! The ledger: accepted jobs and their events, in SQLite on this machine's disk. The only module that knows the
//! database. Knows no HTTP and no device.
//!
//! Events are appended and never changed; a job's state is the fold of its events through [`crate::lifecycle`], kept
//! beside them as a projection (table `jobs`) in the same transaction. Nothing is answered before it is synced: one
//! thread writes, and many callers share one sync (group commit). Personal data lies in two tables of its own
//! (`job_data`, `photos`), never in events.

mod adopt;
pub mod blanks;
mod book;
pub mod chain;
mod checkpoint;
mod copy;
mod cut;
mod disk;
mod erase;
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
mod put_back;
mod reader;
mod record;
mod replacement;
mod retire;
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
pub use checkpoint::{Checkpoint, check, goes_on};
pub use copy::{Summary, copy, head_beside, summary};
pub use cut::{Cut, Done, Wanted as CutWanted, cut};
pub use disk::{Disk, LocalDisk};
pub use erase::{Erased, erase};
pub use error::LedgerError;
pub use export::{clock_jumps_since, export, last_lines};
pub use files::{Init, files_of, init, left_by_a_creation, must_be_there};
pub use head::Head;
pub use health::{Health, LedgerTrouble, words_of_failing, words_of_gone};
pub use holder::{HashHolder, Holder, HolderHash, W_SAME_HOLDER, rekey};
pub use in_place::{Gone, How};
pub use put_back::{Place, PutBack, goes_beyond, place_for, put_back};
pub use record::{
    Accepted, Entry, JobRecord, NewJob, NoReplacement, Order, Page, Replacing, StoredRequest,
    Wanted,
};
pub use retire::{Retired, retire};
pub use verify::{Fault, Verification, verify};

use crate::actor::Actor;
use crate::clock::{Clock, ClockDoubt};
use crate::event::Event;
use crate::heartbeat::Heartbeat;
use crate::job::JobId;
use crate::lifecycle::State;

/// How long a stopping daemon waits for its ledger; checkpointing a full log takes well under a second.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A handle to the ledger; cheap to clone. The writer thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct Ledger {
    /// First, so that it is dropped first: the last connection checkpoints the log, and that must be the writer's.
    reader: Arc<Mutex<Connection>>,
    inbox: mpsc::Sender<writer::Request>,
    last: watch::Receiver<Head>,
    health: watch::Receiver<Health>,
    read_failures: Arc<health::ReadFailures>,
    path: Arc<Path>,
    clock: Clock,
    beat: Heartbeat,
    /// Nanoseconds that plain threads have waited for the ledger.
    waited: Arc<AtomicU64>,
    /// Its log was there when it was opened.
    was_left_open: bool,
    /// Disconnects when the writer has closed the file.
    ended: Arc<Mutex<std::sync::mpsc::Receiver<()>>>,
}

/// The result of a write, available once it is synced.
pub struct Synced<T> {
    answer: oneshot::Receiver<Result<T, LedgerError>>,
    waited: Arc<AtomicU64>,
}

impl<T> Synced<T> {
    /// Waits on a plain thread.
    ///
    /// # Errors
    /// The error of the write.
    pub fn wait(self) -> Result<T, LedgerError> {
        let since = std::time::Instant::now();
        let answer = self.answer.blocking_recv().unwrap_or(Err(LedgerError::Closed));
        let nanoseconds = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.waited.fetch_add(nanoseconds, Ordering::Relaxed);
        answer
    }
}

impl Ledger {
    /// Opens the ledger at `path`; [`init`] creates the first one.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], [`LedgerError::Lost`], [`LedgerError::Exposed`], [`LedgerError::Unfit`],
    /// [`LedgerError::Unreadable`], [`LedgerError::Erased`], [`LedgerError::InUse`], [`LedgerError::Folder`].
    pub fn open(path: &Path, clock: Clock) -> Result<Ledger, LedgerError> {
        Self::open_on(path, clock, Box::new(LocalDisk::of(path)))
    }

    /// Opens the ledger with the caller's disk.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_on(path: &Path, clock: Clock, disk: Box<dyn Disk>) -> Result<Ledger, LedgerError> {
        open::open(path, clock, disk)
    }

    /// The daemon has started, so the copy that a migration made is no longer needed.
    pub fn started(&self) {
        migrate::forget_copy(&self.path);
    }

    /// Drops the last handle and waits until everything is in the one file and its log is gone.
    pub fn close(self) {
        let ended = self.ended.clone();
        drop(self);
        let Ok(ended) = ended.lock() else { return };
        if ended.recv_timeout(CLOSE_LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            // Nothing is lost: the log is read at the next start.
            tracing::warn!("somebody still holds the ledger; its log stays beside it");
        }
    }

    /// Did the last daemon that had it end without closing it: killed, or without power?
    pub fn was_left_open(&self) -> bool {
        self.was_left_open
    }

    /// How long plain threads (the station) have waited for the ledger since it was opened.
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    fn synced<T>(&self, answer: oneshot::Receiver<Result<T, LedgerError>>) -> Synced<T> {
        Synced { answer, waited: self.waited.clone() }
    }

    /// The ledger's wall clock time.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// Stores a new job, and returns when it is synced. Call it from an async task.
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

    /// Appends an event of a job, if the lifecycle allows it. Call it from a plain thread.
    pub fn append(&self, job: &JobId, event: Event) -> Synced<Entry> {
        self.send(Some(job.clone()), event)
    }

    /// Appends an event of the station. Call it from a plain thread.
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

    /// Records an access to a job's faces, which does not change its state. Call it from an async task.
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

    /// Records that a person believes the clock, by which the computer was started at `booted_at`. Call it from an async task.
    ///
    /// # Errors
    /// [`LedgerError::Write`].
    pub async fn note_clock_trusted(
        &self,
        by: Actor,
        doubt: ClockDoubt,
        booted_at: jiff::Timestamp,
    ) -> Result<(), LedgerError> {
        let (reply, answer) = oneshot::channel();
        let doubt = doubt.name().to_owned();
        let event = Box::new(Event::ClockTrusted { by, doubt, booted_at });
        let request = writer::Request::Append { job: None, event, reply };
        self.inbox.send(request).await.map_err(|_| LedgerError::Closed)?;
        answer.await.unwrap_or(Err(LedgerError::Closed)).map(|_| ())
    }

    /// Records a person's entry about blanks; the same key records it only once.
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

    /// Compares the printer's counter with its last value in the ledger, at the start and before any event of the
    /// printer is recorded. Returns how many cards the printer moved that the ledger does not know. If there are any,
    /// every job that could print is held. Call it from a plain thread.
    pub fn account_for_cards(&self, serial: &str, counted: u64) -> Synced<u64> {
        let (reply, answer) = oneshot::channel();
        let serial = serial.to_owned();
        let _ = self.inbox.blocking_send(writer::Request::Account { serial, counted, reply });
        self.synced(answer)
    }

    /// The fingerprint of the key for the holders' hashes, if there are any.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn holder_key(&self) -> Result<Option<String>, LedgerError> {
        self.ask(holder::key)
    }

    /// Enters the missing holders of stored jobs, computed with the key of this fingerprint; returns how many. Call it
    /// from a plain thread.
    pub fn enter_holders(&self, key: String, hash: Box<HashHolder>) -> Synced<u64> {
        let (reply, answer) = oneshot::channel();
        let _ = self.inbox.blocking_send(writer::Request::Holders { key, hash, reply });
        self.synced(answer)
    }

    /// The office's first day of which all lines are here; `None`: nothing was ever cut off.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn first_day(&self) -> Result<Option<jiff::civil::Date>, LedgerError> {
        let last = self.ask(|c| cut::last(c).map_err(reader::read_error))?;
        Ok(last.map(|cut| cut.said.before))
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

    /// The personal data of one job.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchJob`], [`LedgerError::Read`].
    pub fn job_data(&self, id: &JobId) -> Result<(StoredRequest, Option<Vec<u8>>), LedgerError> {
        self.ask(|c| reader::job_data(c, id))
    }

    /// A page of the jobs that match; `cursor` is [`Page::next`] of the page before.
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

    /// The oldest job in a state, excluding some products.
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

    /// Events after line `after`, oldest first.
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

    /// The time of the last line, by the clock at that time.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn last_at(&self) -> Result<Option<jiff::Timestamp>, LedgerError> {
        self.ask(reader::last_at)
    }

    /// Is there a print intent after line `seq` for the machine of this serial number?
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn printed_since(&self, seq: u64, serial: &str) -> Result<bool, LedgerError> {
        self.ask(|c| reader::printed_since(c, seq, serial))
    }

    /// The last synced line; it changes with every new one.
    pub fn watch(&self) -> watch::Receiver<Head> {
        self.last.clone()
    }

    /// The ledger's health, and every change of it.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// The writer's heartbeat.
    pub fn beat(&self) -> Heartbeat {
        self.beat.clone()
    }

    /// Is the writer running? After it has ended nothing can be written.
    pub fn is_alive(&self) -> bool {
        !self.inbox.is_closed()
    }

    /// The hash of a line; `None` if it does not exist.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn hash_of(&self, seq: u64) -> Result<Option<chain::Hash>, LedgerError> {
        self.ask(|c| reader::hash_of(c, seq).map_err(reader::read_error))
    }

    /// The ledger's path.
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
