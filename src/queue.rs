//! The queue: which job is next, and what holds a job before it is printed. It records everything that happens to a job
//! before a card moves for it; from then on [`crate::station::scheduler`] decides. Knows no device.

use jiff::Timestamp;

use crate::codes;
use crate::codes::station::{
    H_BLANKS_SPOILED, H_CARDS_UNACCOUNTED, H_CRASHED, H_DATA_DAMAGED, H_LEDGER_RESTORED,
};
use crate::event::{Attempt, Event, FaceHash};
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::{Entry, JobRecord, Ledger, LedgerError, Order, StoredRequest};
use crate::lifecycle::State;

/// This station's printer cannot encode what the card needs.
pub const H_NO_STATION: &str = "H_NO_STATION";
/// A blank was spoiled, and every other one would be too: the profile or the keys are wrong, or the blanks have unknown
/// keys.
pub const H_CHIP_SETUP: &str = "H_CHIP_SETUP";

/// Jobs per page of the ledger at the start.
const PAGE: u32 = 100;

/// A claimed job with its data.
pub struct Claimed {
    /// The ledger's record.
    pub record: JobRecord,
    /// Its typed card, and the request from which it was made: personal.
    pub request: StoredRequest,
    /// The photo as received: personal.
    pub photo: Option<Vec<u8>>,
}

/// The card's data, and the photo as received: personal.
pub type JobData = (StoredRequest, Option<Vec<u8>>);

/// The result of taking the next job.
pub enum Next {
    /// No job waits.
    Nothing,
    /// A job whose stored data are not the accepted ones: it is held.
    Held,
    /// A job for the station.
    Claimed(Box<Claimed>),
}

/// Takes the oldest waiting job; jobs of excluded products are skipped, and keep their places. `claiming` is set to the
/// job before its claim is written, because a failed write may be stored nevertheless.
///
/// # Errors
/// The ledger's.
pub fn claim(
    ledger: &Ledger,
    excluding: &[String],
    claiming: &mut Option<JobId>,
) -> Result<Next, LedgerError> {
    let Some(record) = ledger.oldest(State::Queued, excluding)? else { return Ok(Next::Nothing) };
    // It was found while the job's card was moving; it is recorded here, whatever has happened in between.
    if record.findings.iter().any(Finding::holds) {
        hold(ledger, &record.id, &record.findings)?;
        return Ok(Next::Held);
    }
    match data_of(ledger, &record)? {
        Some((request, photo)) => {
            *claiming = Some(record.id.clone());
            ledger.append(&record.id, Event::Claim {}).wait()?;
            Ok(Next::Claimed(Box::new(Claimed { record, request, photo })))
        }
        None => Ok(Next::Held),
    }
}

/// A waiting job's data; `None`: they are not the accepted ones, and the job is held.
///
/// # Errors
/// The ledger's.
pub fn data_of(ledger: &Ledger, record: &JobRecord) -> Result<Option<JobData>, LedgerError> {
    match ledger.job_data(&record.id) {
        Err(LedgerError::DataDamaged) => {
            let known = record.findings.iter().cloned();
            let findings: Vec<_> = known.chain([H_DATA_DAMAGED.at("job", &[])]).collect();
            hold(ledger, &record.id, &findings)?;
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// The products whose next blank would be spoiled like the last one: the chip's profile or keys are wrong, or (for
/// those `with_chip`) several blanks in a row were bad. A product is no longer suspended once a person has released or
/// cancelled that job.
///
/// # Errors
/// The ledger's.
pub fn suspended(ledger: &Ledger, with_chip: &[String]) -> Result<Vec<String>, LedgerError> {
    let stands = |job: &JobRecord| {
        let has = |code: &str| job.findings.iter().any(|finding| finding.code == code);
        has(H_CHIP_SETUP) || (has(H_BLANKS_SPOILED.code) && with_chip.contains(&job.product))
    };
    let mut products = Vec::new();
    for state in [State::Unsure, State::Held] {
        let jobs = all_in(ledger, state)?;
        products.extend(jobs.into_iter().filter(stands).map(|job| job.product));
    }
    products.sort();
    products.dedup();
    Ok(products)
}

/// Records that the inspection of a job begins.
///
/// # Errors
/// The ledger's; then it may not be inspected.
pub fn begin_to_inspect(ledger: &Ledger, job: &JobId) -> Result<(), LedgerError> {
    ledger.append(job, Event::Inspecting {}).wait().map(drop)
}

/// Holds a job during which the program stopped or panicked. A job that was withdrawn meanwhile stays withdrawn.
///
/// # Errors
/// The ledger's.
pub fn hold_crashed(ledger: &Ledger, job: &JobRecord, attempt: Attempt) -> Result<(), LedgerError> {
    tracing::warn!(job = %job.id, attempt = attempt.name(), "the program stopped or failed at this job; it is held");
    match ledger.append(&job.id, crashed(job.findings.clone(), attempt)).wait() {
        Ok(_) | Err(LedgerError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The event that holds a job during which the program stopped or panicked; a person may release it for another
/// attempt.
pub fn crashed(mut findings: Vec<Finding>, attempt: Attempt) -> Event {
    findings.push(H_CRASHED.at("job", &[]));
    Event::Hold { findings, attempt: Some(attempt) }
}

/// Was its inspection never completed? A person may release it all the same; it is inspected when it is claimed.
///
/// # Errors
/// The ledger's.
pub fn is_uninspected(ledger: &Ledger, job: &JobId) -> Result<bool, LedgerError> {
    let (mut uninspected, mut before) = (false, None);
    for line in ledger.events_of(job)? {
        let state = line.state;
        uninspected = match line.read() {
            Some(Event::Hold { attempt: Some(Attempt::Inspect), .. }) => true,
            Some(Event::Hold { findings, .. }) if before == Some(State::Received) => {
                uninspected || is_of_a_restored_ledger(&findings)
            }
            Some(Event::Inspected { .. }) => false,
            _ => uninspected,
        };
        before = state;
    }
    Ok(uninspected)
}

/// Held by `kartud ledger adopt`, which inspects no photo and adds its finding last.
fn is_of_a_restored_ledger(findings: &[Finding]) -> bool {
    let by_the_ledger = [H_LEDGER_RESTORED.code, H_CARDS_UNACCOUNTED.code];
    findings.last().is_some_and(|finding| by_the_ledger.contains(&&*finding.code))
}

/// Records the findings of an inspection that repeats a crashed one.
///
/// # Errors
/// The ledger's.
pub fn inspected(ledger: &Ledger, job: &JobId, findings: &[Finding]) -> Result<(), LedgerError> {
    ledger.append(job, Event::Inspected { findings: findings.to_vec() }).wait().map(drop)
}

/// The time at which a job is checked before printing.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the wall clock, but never before the ledger's last line.
    pub now: Timestamp,
    /// The clock jumped, or is far from the ledger's last line: what seems old may not be.
    pub doubtful: bool,
}

/// The findings that a release does not remove; empty: a person may release the job. See [`crate::codes`].
pub fn not_releasable(findings: &[Finding]) -> Vec<&Finding> {
    let stays = |finding: &&Finding| finding.holds() && !codes::remedy(&finding.code).may_release();
    findings.iter().filter(stays).collect()
}

/// Records that the faces exist.
///
/// # Errors
/// The ledger's.
pub fn composed(ledger: &Ledger, job: &JobId, faces: &[FaceHash]) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::Compose { faces: faces.to_vec() }).wait()
}

/// Holds the job for a person.
///
/// # Errors
/// The ledger's.
pub fn hold(ledger: &Ledger, job: &JobId, findings: &[Finding]) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::Hold { findings: findings.to_vec(), attempt: None }).wait()
}

/// Puts a job back for which no card was moved.
///
/// # Errors
/// The ledger's.
pub fn put_back(ledger: &Ledger, job: &JobId) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::PutBack {}).wait()
}

/// Every job in a state, oldest first.
///
/// # Errors
/// The ledger's.
pub fn all_in(ledger: &Ledger, state: State) -> Result<Vec<JobRecord>, LedgerError> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let page = ledger.jobs(Some(state), Order::OldestFirst, cursor, PAGE)?;
        all.extend(page.jobs);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(all),
        }
    }
}
