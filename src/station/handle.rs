//! How others reach the station: messages in, snapshots out. Moves nothing itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use tokio::sync::{oneshot, watch};

use super::device::Report;
use super::people::{Look, Unsettled};
use crate::actor::Actor;
use crate::job::JobId;
use crate::ledger::{JobRecord, LedgerError};
use crate::report::Snapshot;

/// The answer to a person.
pub(super) type Reply<E> = oneshot::Sender<Result<JobRecord, E>>;

/// What the station is told.
pub enum Message {
    /// There may be something new in the ledger.
    Wake,
    /// Somebody asks for a move.
    Person(Asked),
    /// The printer has an answer.
    Device(Box<Report>),
    /// Finish the card that is moving, put the rest back, end.
    Stop,
}

/// What a person asks for, and where the answer goes.
pub struct Asked(pub(super) Wish);

pub(super) enum Wish {
    Cancel { job: JobId, by: Actor, reply: Reply<LedgerError> },
    Release { job: JobId, by: Actor, reply: Reply<Unsettled> },
    Resolve { job: JobId, look: Look, reply: Reply<Unsettled> },
}

/// How others reach the station. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) inbox: Sender<Message>,
    pub(super) snapshot: watch::Receiver<Snapshot>,
    pub(super) door: Arc<AtomicUsize>,
}

/// Counts a request at the door for as long as it lives.
pub struct AtTheDoor(Arc<AtomicUsize>);

impl Drop for AtTheDoor {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handle {
    /// There may be a new job.
    pub fn wake(&self) {
        self.tell(Message::Wake);
    }

    /// Puts a message into the station's inbox. A station that has ended hears nothing; jobs wait in the ledger.
    pub fn tell(&self, message: Message) {
        let _ = self.inbox.send(message);
    }

    /// The station as it is now, and every change of it.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.clone()
    }

    /// Withdraws a job.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] when its card may already exist, [`LedgerError::NoSuchJob`].
    pub async fn cancel(&self, job: JobId, by: Actor) -> Result<JobRecord, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Person(Asked(Wish::Cancel { job, by, reply })));
        answer.await.unwrap_or(Err(LedgerError::Closed))
    }

    /// A person decided that a held job be printed.
    ///
    /// # Errors
    /// [`Unsettled::Ledger`], [`Unsettled::NotReleasable`].
    pub async fn release(&self, job: JobId, by: Actor) -> Result<JobRecord, Unsettled> {
        self.ask_release(job, by).await.unwrap_or(Err(Unsettled::Ledger(LedgerError::Closed)))
    }

    /// The same; the answer is waited for elsewhere.
    pub fn ask_release(
        &self,
        job: JobId,
        by: Actor,
    ) -> oneshot::Receiver<Result<JobRecord, Unsettled>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Person(Asked(Wish::Release { job, by, reply })));
        answer
    }

    /// A person looked where the card of an unsure job is, or found a printed card bad.
    ///
    /// # Errors
    /// [`Unsettled`].
    pub async fn resolve(&self, job: JobId, look: Look) -> Result<JobRecord, Unsettled> {
        self.ask_resolve(job, look).await.unwrap_or(Err(Unsettled::Ledger(LedgerError::Closed)))
    }

    /// The same; the answer is waited for elsewhere.
    pub fn ask_resolve(
        &self,
        job: JobId,
        look: Look,
    ) -> oneshot::Receiver<Result<JobRecord, Unsettled>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Person(Asked(Wish::Resolve { job, look, reply })));
        answer
    }

    /// Somebody is at the door with a job; inspections that were put off wait.
    pub fn at_the_door(&self) -> AtTheDoor {
        self.door.fetch_add(1, Ordering::Relaxed);
        AtTheDoor(self.door.clone())
    }

    /// Asks the station to end.
    pub fn stop(&self) {
        self.tell(Message::Stop);
    }
}
