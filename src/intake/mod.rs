//! The one way in: bytes that somebody hands in → a stored job, or why there is none. Whoever brings them (HTTP today) only
//! takes them off the wire and answers. What can be read and examined without a ledger, an [`Examiner`] does, for the
//! command line too.
//!
//! Reading order: this file, `examiner`, `recheck` (what is checked again on the way to the printer), `open`. Must not know
//! HTTP, printers or faces.

mod examined;
mod examiner;
mod open;
mod recheck;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

pub use examined::{Examined, Refusal};
pub use examiner::Examiner;
pub use recheck::{Circumstances, Limits, OfCard, RULES, Rule, recheck, rule_of};

use crate::actor::Actor;
use crate::job::json::Fault;
use crate::job::{JobRequest, Photo};
use crate::ledger::{Accepted, Ledger, LedgerError};
use crate::panics;

/// Photos that are decoded at once: as many as there are cores, at least two, or memory grows.
const INSPECTIONS_MIN: usize = 2;
/// Photos of jobs that wait to be inspected, as sent, in KiB: two dozen of the largest that a job may bring.
const WAITING_KIB: u32 = 48 * 1024;

/// What somebody hands in.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// The job, as it came.
    pub body: Body<'a>,
    /// The client's own name for this submission: the same again is the same job.
    pub key: Option<&'a str>,
    /// The photo's pixels and the fit of the texts are inspected after the answer.
    pub later: bool,
    /// Who hands it in; `None`: nobody has said so.
    pub by: Option<&'a Actor>,
}

/// The two forms in which a job comes.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// JSON, with the photo in base64.
    Json(&'a [u8]),
    /// JSON without a photo, and the photo as it is.
    Parts {
        /// JSON.
        job: &'a [u8],
        /// JPEG or PNG.
        photo: Option<&'a [u8]>,
    },
}

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is no job.
    #[error("the submission is no job")]
    Unreadable(Fault),
    /// A photo stands in the JSON, too.
    #[error("the submission has two photos")]
    TwoPhotos,
    /// It breaks rules.
    #[error("the job breaks rules")]
    Rules(Refusal),
    /// Too much waits for its inspection already; it may be handed in again in a moment.
    #[error("too much is being examined")]
    Busy,
    /// The ledger does not take it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Takes jobs in.
pub struct Intake {
    examiner: Arc<Examiner>,
    ledger: Ledger,
    /// Tells whoever prints that there is something new.
    on_stored: Box<dyn Fn() + Send + Sync>,
    inspections: Semaphore,
    waiting_kib: Arc<Semaphore>,
}

impl Intake {
    /// Examines with `examiner`, stores in `ledger`, and calls `on_stored` whenever it has.
    pub fn new(
        examiner: Arc<Examiner>,
        ledger: Ledger,
        on_stored: impl Fn() + Send + Sync + 'static,
    ) -> Intake {
        let cores = std::thread::available_parallelism().map_or(INSPECTIONS_MIN, usize::from);
        Intake {
            examiner,
            ledger,
            on_stored: Box::new(on_stored),
            inspections: Semaphore::new(cores.max(INSPECTIONS_MIN)),
            waiting_kib: Arc::new(Semaphore::new(WAITING_KIB as usize)),
        }
    }

    /// Whoever examines jobs.
    pub fn examiner(&self) -> &Arc<Examiner> {
        &self.examiner
    }

    /// Reads, examines and stores a job. Where it answers [`Accepted::New`], the job is on the disk, synced.
    ///
    /// # Errors
    /// [`Refused`]; then nothing is stored.
    pub async fn receive(&self, submission: Submission<'_>) -> Result<Accepted, Refused> {
        let request = self.read(submission.body)?;
        let now = self.ledger.now();
        let _place = self.place_for(request.photo.as_ref().map_or(0, |photo| photo.0.len()))?;
        let examined =
            self.examine(request, now, submission.later).await.map_err(Refused::Rules)?;
        let job = examined.into_new_job(submission.key, submission.by);
        let accepted = self.ledger.accept(job).await?;
        (self.on_stored)();
        Ok(accepted)
    }

    /// A turn at decoding a photo, for whoever else must.
    pub async fn inspection_turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.inspections.acquire().await.ok()
    }

    fn read(&self, body: Body<'_>) -> Result<JobRequest, Refused> {
        let (text, photo) = match body {
            Body::Json(text) => return self.examiner.read(text).map_err(Refused::Unreadable),
            Body::Parts { job, photo } => (job, photo),
        };
        let mut request = self.examiner.read(text).map_err(Refused::Unreadable)?;
        if request.photo.is_some() {
            return Err(Refused::TwoPhotos);
        }
        request.photo = photo.map(|bytes| Photo(bytes.to_vec()));
        Ok(request)
    }

    /// The rules, and unless put off the photo's pixels and the fit of the texts.
    async fn examine(
        &self,
        request: JobRequest,
        now: jiff::Timestamp,
        later: bool,
    ) -> Result<Examined, Refusal> {
        if later {
            return self.examiner.examine(request, now, false);
        }
        let _turn = self.inspection_turn().await;
        let examiner = self.examiner.clone();
        let examined = tokio::task::spawn_blocking(move || examiner.examine(request, now, true));
        panics::passed_on(examined.await).unwrap_or_else(|| Err(Refusal::broken()))
    }

    /// A place for a photo that is to be inspected now, by its size; none where too many wait already.
    fn place_for(&self, photo_bytes: usize) -> Result<OwnedSemaphorePermit, Refused> {
        let kib = u32::try_from(photo_bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(WAITING_KIB);
        self.waiting_kib.clone().try_acquire_many_owned(kib).map_err(|_| Refused::Busy)
    }
}
