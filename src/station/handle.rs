//! How others reach the station: messages in, snapshots out. Moves nothing itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use tokio::sync::{oneshot, watch};

use super::device::Report;
use super::scheduler::{Look, OperatorCommand, Unsettled};
use crate::actor::Actor;
use crate::job::JobId;
use crate::ledger::{JobRecord, LedgerError};
use crate::report::Snapshot;

/// The answer to an operator.
pub(super) type Reply = oneshot::Sender<Result<JobRecord, Unsettled>>;

/// What the station is told.
pub enum Message {
    /// There may be something new in the ledger.
    Wake,
    /// Somebody asks for a move.
    Operator(Asked),
    /// The printer has an answer.
    Device(Box<Report>),
    /// Finish the card that is moving, put the rest back, end.
    Stop,
}

/// What an operator asks for, and where the answer goes.
pub struct Asked {
    pub(super) command: OperatorCommand,
    pub(super) reply: Reply,
}

/// How others reach the station. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) inbox: Sender<Message>,
    pub(super) snapshot: watch::Receiver<Snapshot>,
    pub(super) inflight_requests: Arc<AtomicUsize>,
}

/// Counts a request that brings a job for as long as it lives.
pub struct InflightRequest(Arc<AtomicUsize>);

impl Drop for InflightRequest {
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
    /// [`Unsettled::Ledger`]: refused when its card may already exist, or there is no such job.
    pub async fn cancel(&self, job: JobId, by: Actor) -> Result<JobRecord, Unsettled> {
        heard(self.ask(OperatorCommand::Cancel { job, by })).await
    }

    /// The card was given to the applicant.
    ///
    /// # Errors
    /// [`Unsettled::Ledger`]: refused when its card is not out, or there is no such job.
    pub async fn hand_over(&self, job: JobId, by: Actor) -> Result<JobRecord, Unsettled> {
        heard(self.ask(OperatorCommand::HandOver { job, by })).await
    }

    /// Ends a held job whose approval has expired.
    ///
    /// # Errors
    /// [`Unsettled::Ledger`], [`Unsettled::NotExpired`].
    pub async fn expire(&self, job: JobId, by: Actor) -> Result<JobRecord, Unsettled> {
        heard(self.ask(OperatorCommand::Expire { job, by })).await
    }

    /// A person decided that a held job be printed.
    ///
    /// # Errors
    /// [`Unsettled::Ledger`], [`Unsettled::NotReleasable`].
    pub async fn release(&self, job: JobId, by: Actor) -> Result<JobRecord, Unsettled> {
        heard(self.ask_release(job, by)).await
    }

    /// The same; the answer is waited for elsewhere.
    pub fn ask_release(
        &self,
        job: JobId,
        by: Actor,
    ) -> oneshot::Receiver<Result<JobRecord, Unsettled>> {
        self.ask(OperatorCommand::Release { job, by })
    }

    /// A person looked where the card of an unsure job is, or found a printed card bad.
    ///
    /// # Errors
    /// [`Unsettled`].
    pub async fn resolve(&self, job: JobId, look: Look) -> Result<JobRecord, Unsettled> {
        heard(self.ask_resolve(job, look)).await
    }

    /// The same; the answer is waited for elsewhere.
    pub fn ask_resolve(
        &self,
        job: JobId,
        look: Look,
    ) -> oneshot::Receiver<Result<JobRecord, Unsettled>> {
        self.ask(OperatorCommand::Resolve { job, look })
    }

    fn ask(&self, command: OperatorCommand) -> oneshot::Receiver<Result<JobRecord, Unsettled>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Operator(Asked { command, reply }));
        answer
    }

    /// A request that brings a job is under way; inspections that were put off wait.
    pub fn begin_request(&self) -> InflightRequest {
        self.inflight_requests.fetch_add(1, Ordering::Relaxed);
        InflightRequest(self.inflight_requests.clone())
    }

    /// Asks the station to end.
    pub fn stop(&self) {
        self.tell(Message::Stop);
    }
}

/// A station that has ended answers nobody.
async fn heard(
    answer: oneshot::Receiver<Result<JobRecord, Unsettled>>,
) -> Result<JobRecord, Unsettled> {
    answer.await.unwrap_or(Err(Unsettled::Ledger(LedgerError::Closed)))
}
