//! How others reach the station: messages in, snapshots out. Moves nothing itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use tokio::sync::{oneshot, watch};

use super::device::Report;
use crate::ledger::{JobId, JobRecord, LedgerError};
use crate::report::Snapshot;

/// What the station is told.
pub(super) enum Message {
    /// There may be something new in the ledger.
    Wake,
    /// Somebody withdraws a job.
    Cancel { job: JobId, by: String, reply: oneshot::Sender<Result<JobRecord, LedgerError>> },
    /// The printer's thread has an answer.
    Device(Report),
    /// Finish the card that is moving, put the rest back, end.
    Stop,
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
        // A station that has ended takes no jobs; they wait in the ledger.
        let _ = self.inbox.send(Message::Wake);
    }

    /// The station as it is now, and every change of it.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.clone()
    }

    /// Withdraws a job.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] when its card may already exist, [`LedgerError::NoSuchJob`].
    pub async fn cancel(&self, job: JobId, by: String) -> Result<JobRecord, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Cancel { job, by, reply }).map_err(|_| LedgerError::Closed)?;
        answer.await.unwrap_or(Err(LedgerError::Closed))
    }

    /// Somebody is at the door with a job; inspections that were put off wait.
    pub fn at_the_door(&self) -> AtTheDoor {
        self.door.fetch_add(1, Ordering::Relaxed);
        AtTheDoor(self.door.clone())
    }

    /// Asks the station to end.
    pub fn stop(&self) {
        let _ = self.inbox.send(Message::Stop);
    }
}
