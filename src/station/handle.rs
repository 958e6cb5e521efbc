//! How other parts reach the station: messages in, snapshots out. Decides nothing itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use tokio::sync::{oneshot, watch};

use super::device::Report;
use super::renderer::Renderer;
use super::scheduler::{Look, OperatorCommand, Unsettled};
use crate::actor::Actor;
use crate::job::JobId;
use crate::ledger::{JobRecord, LedgerError};
use crate::report::Snapshot;

/// The channel for the answer to an operator.
pub(super) type Reply = oneshot::Sender<Result<JobRecord, Unsettled>>;

/// A message to the station.
pub enum Message {
    /// The ledger may contain a new job.
    Wake,
    /// An operator's request.
    Operator(Asked),
    /// The printer has an answer.
    Device(Box<Report>),
    /// From now on cards are made so; the sender is dropped when that holds.
    Redefine(Arc<dyn Renderer>, Sender<()>),
    /// Finish the card that is moving, put other jobs back, and end.
    Stop,
}

/// An operator's request, and the channel for the answer.
pub struct Asked {
    pub(super) command: OperatorCommand,
    pub(super) reply: Reply,
}

/// How other parts reach the station. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) inbox: Sender<Message>,
    pub(super) snapshot: watch::Receiver<Snapshot>,
    pub(super) inflight_requests: Arc<AtomicUsize>,
}

/// Counts a request that brings a job, for as long as it exists.
pub struct InflightRequest(Arc<AtomicUsize>);

impl Drop for InflightRequest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handle {
    /// Notifies the station that there may be a new job.
    pub fn wake(&self) {
        self.tell(Message::Wake);
    }

    /// Puts a message into the station's inbox. A station that has ended ignores it; jobs wait in the ledger.
    pub fn tell(&self, message: Message) {
        let _ = self.inbox.send(message);
    }

    /// The station's current snapshot, and every change of it.
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

    /// Records that the card was given to the applicant.
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

    /// Releases a held job, as a person decided.
    ///
    /// # Errors
    /// [`Unsettled::Ledger`], [`Unsettled::NotReleasable`].
    pub async fn release(&self, job: JobId, by: Actor) -> Result<JobRecord, Unsettled> {
        heard(self.ask_release(job, by)).await
    }

    /// Releases a job; the caller waits for the answer later.
    pub fn ask_release(
        &self,
        job: JobId,
        by: Actor,
    ) -> oneshot::Receiver<Result<JobRecord, Unsettled>> {
        self.ask(OperatorCommand::Release { job, by })
    }

    /// Records that a person found the card of an unsure job, or found a printed card bad.
    ///
    /// # Errors
    /// [`Unsettled`].
    pub async fn resolve(&self, job: JobId, look: Look) -> Result<JobRecord, Unsettled> {
        heard(self.ask_resolve(job, look)).await
    }

    /// Resolves a job; the caller waits for the answer later.
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

    /// Registers a request that brings a job; postponed inspections wait until it is done.
    pub fn begin_request(&self) -> InflightRequest {
        self.inflight_requests.fetch_add(1, Ordering::Relaxed);
        InflightRequest(self.inflight_requests.clone())
    }

    /// From now on the station makes cards with this renderer. A card that moves is finished as it was made; one that is
    /// only prepared is made again. The channel closes when that holds, or when the station has ended.
    pub fn redefine(&self, renderer: Arc<dyn Renderer>) -> Receiver<()> {
        let (holds, told) = mpsc::channel();
        self.tell(Message::Redefine(renderer, holds));
        told
    }

    /// Asks the station to end.
    pub fn stop(&self) {
        self.tell(Message::Stop);
    }
}

/// A station that has ended does not answer.
async fn heard(
    answer: oneshot::Receiver<Result<JobRecord, Unsettled>>,
) -> Result<JobRecord, Unsettled> {
    answer.await.unwrap_or(Err(Unsettled::Ledger(LedgerError::Closed)))
}
