//! The only way in: submitted bytes become a stored job, or the reason why not. The transport (HTTP today) only decodes
//! the request and answers. Everything that needs no ledger is done by an [`Examiner`], which the command line uses
//! too.
//!
//! Reading order: this file, `examiner`, `recheck` (the checks repeated before printing), `open`. Must not know HTTP,
//! printers or faces.

mod examined;
mod examiner;
mod open;
mod recheck;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

pub use examined::{Examined, Refusal};
pub use examiner::Examiner;
pub use recheck::{Circumstances, Limits, OfCard, RULES, Rule, recheck, rule_of};

use crate::actor::Actor;
use crate::clock::{ClockDoubt, ClockTrust};
use crate::job::json::Fault;
use crate::job::{JobRequest, Photo};
use crate::ledger::{Accepted, Ledger, LedgerError};
use crate::panics;

/// Photos decoded at once: one per core, but at least two; more would take too much memory.
const INSPECTIONS_MIN: usize = 2;
/// Memory for photos of jobs that wait to be inspected, as sent, in KiB: two dozen of the largest allowed.
const WAITING_KIB: u32 = 48 * 1024;

/// A submitted job.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// The job as received.
    pub body: Body<'a>,
    /// The client's own name for this submission: the same name again means the same job.
    pub key: Option<&'a str>,
    /// Inspect the photo's pixels and the fit of the texts after the response.
    pub later: bool,
    /// Who submits it; `None`: unknown.
    pub by: Option<&'a Actor>,
}

/// The two forms of a submitted job.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// JSON, with the photo in base64.
    Json(&'a [u8]),
    /// JSON without a photo, and the photo separately.
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
    /// It is not a job.
    #[error("the submission is no job")]
    Unreadable(Fault),
    /// The JSON contains a photo too.
    #[error("the submission has two photos")]
    TwoPhotos,
    /// It breaks rules.
    #[error("the job breaks rules")]
    Rules(Refusal),
    /// The clock is not believed, so nothing that depends on time can be judged.
    #[error("the clock is in doubt")]
    ClockInDoubt(ClockDoubt),
    /// Too many jobs wait for their inspection; the client may submit it again in a moment.
    #[error("too much is being examined")]
    Busy,
    /// The ledger does not accept it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Accepts jobs.
pub struct Intake {
    /// Replaced when the configuration is read again; locked only to copy the pointer.
    examiner: RwLock<Arc<Examiner>>,
    ledger: Ledger,
    /// Notifies the station that there is a new job.
    on_stored: Box<dyn Fn() + Send + Sync>,
    inspections: Semaphore,
    waiting_kib: Arc<Semaphore>,
    clock_trust: Option<ClockTrust>,
}

impl Intake {
    /// Examines with `examiner`, stores in `ledger`, and calls `on_stored` after storing.
    pub fn new(
        examiner: Arc<Examiner>,
        ledger: Ledger,
        on_stored: impl Fn() + Send + Sync + 'static,
    ) -> Intake {
        let cores = std::thread::available_parallelism().map_or(INSPECTIONS_MIN, usize::from);
        Intake {
            examiner: RwLock::new(examiner),
            ledger,
            on_stored: Box::new(on_stored),
            inspections: Semaphore::new(cores.max(INSPECTIONS_MIN)),
            waiting_kib: Arc::new(Semaphore::new(WAITING_KIB as usize)),
            clock_trust: None,
        }
    }

    /// Takes nothing in while this clock is in doubt.
    #[must_use]
    pub fn with_clock(self, clock_trust: ClockTrust) -> Intake {
        Intake { clock_trust: Some(clock_trust), ..self }
    }

    /// The current examiner. Whoever uses it twice for one request keeps it, so that both uses follow the same rules.
    pub fn examiner(&self) -> Arc<Examiner> {
        self.examiner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on jobs are examined by this one.
    pub fn redefine(&self, examiner: Arc<Examiner>) {
        *self.examiner.write().unwrap_or_else(PoisonError::into_inner) = examiner;
    }

    /// Reads, examines and stores a job. If it returns [`Accepted::New`], the job is on the disk, synced.
    ///
    /// # Errors
    /// [`Refused`]; then nothing is stored.
    pub async fn receive(&self, submission: Submission<'_>) -> Result<Accepted, Refused> {
        if let Some(doubt) = self.clock_trust.as_ref().and_then(ClockTrust::doubt) {
            return Err(Refused::ClockInDoubt(doubt));
        }
        let examiner = self.examiner();
        let request = read(&examiner, submission.body)?;
        let now = self.ledger.now();
        let _place = self.place_for(request.photo.as_ref().map_or(0, |photo| photo.0.len()))?;
        let examined =
            self.examine(examiner, request, now, submission.later).await.map_err(Refused::Rules)?;
        let job = examined.into_new_job(submission.key, submission.by);
        let accepted = self.ledger.accept(job).await?;
        (self.on_stored)();
        Ok(accepted)
    }

    /// A turn at decoding a photo, for other code that decodes one.
    pub async fn inspection_turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.inspections.acquire().await.ok()
    }

    /// Checks the rules, and unless postponed the photo's pixels and the fit of the texts.
    async fn examine(
        &self,
        examiner: Arc<Examiner>,
        request: JobRequest,
        now: jiff::Timestamp,
        later: bool,
    ) -> Result<Examined, Refusal> {
        if later {
            return examiner.examine(request, now, false);
        }
        let _turn = self.inspection_turn().await;
        let examined = tokio::task::spawn_blocking(move || examiner.examine(request, now, true));
        panics::passed_on(examined.await).unwrap_or_else(|| Err(Refusal::broken()))
    }

    /// Reserves memory for a photo that is to be inspected now, by its size; fails if too many wait already.
    fn place_for(&self, photo_bytes: usize) -> Result<OwnedSemaphorePermit, Refused> {
        let kib = u32::try_from(photo_bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(WAITING_KIB);
        self.waiting_kib.clone().try_acquire_many_owned(kib).map_err(|_| Refused::Busy)
    }
}

fn read(examiner: &Examiner, body: Body<'_>) -> Result<JobRequest, Refused> {
    let (text, photo) = match body {
        Body::Json(text) => return examiner.read(text).map_err(Refused::Unreadable),
        Body::Parts { job, photo } => (job, photo),
    };
    let mut request = examiner.read(text).map_err(Refused::Unreadable)?;
    if request.photo.is_some() {
        return Err(Refused::TwoPhotos);
    }
    request.photo = photo.map(|bytes| Photo(bytes.to_vec()));
    Ok(request)
}
