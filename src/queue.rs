//! Claim and settle: which job is next, and what is written down when something has become of it.
//! Every move of a job by the station goes through here. Knows no device.

use drivers::contract::{CardOut, DeviceError, PrinterStatus};
use serde_json::{Value, json};

use crate::finding::Finding;
use crate::job::JobRequest;
use crate::ledger::{Entry, FaceHash, JobId, JobRecord, Ledger, LedgerError, Order};
use crate::lifecycle::{Event, State};

/// Jobs that one look at the ledger brings at the start.
const PAGE: u32 = 100;

/// A claimed job with its data.
pub struct Claimed {
    /// What the ledger knows.
    pub record: JobRecord,
    /// What is printed: personal.
    pub request: JobRequest,
    /// The photo as it came: personal.
    pub photo: Option<Vec<u8>>,
}

/// Takes the oldest waiting job.
///
/// # Errors
/// The ledger's.
pub fn claim(ledger: &Ledger) -> Result<Option<Claimed>, LedgerError> {
    let Some(record) = ledger.oldest(State::Queued)? else { return Ok(None) };
    let (request, photo) = ledger.job_data(&record.id)?;
    ledger.append(&record.id, Event::Claim, json!({})).wait()?;
    Ok(Some(Claimed { record, request, photo }))
}

/// The faces exist.
///
/// # Errors
/// The ledger's.
pub fn composed(ledger: &Ledger, job: &JobId, faces: &[FaceHash]) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::Compose, json!({ "faces": faces })).wait()
}

/// A person must decide.
///
/// # Errors
/// The ledger's.
pub fn hold(ledger: &Ledger, job: &JobId, findings: &[Finding]) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::Hold, json!({ "findings": findings })).wait()
}

/// Puts a job back that no card was moved for.
///
/// # Errors
/// The ledger's.
pub fn put_back(ledger: &Ledger, job: &JobId) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::PutBack, json!({})).wait()
}

/// Write before you act: what the machine said just before, synced before the card moves.
///
/// # Errors
/// The ledger's; then nothing may be printed.
pub fn intend_to_print(
    ledger: &Ledger,
    job: &JobId,
    before: &PrinterStatus,
) -> Result<Entry, LedgerError> {
    let detail = json!({ "before": {
        "identity": before.identity,
        "cards_entered": before.cards_entered,
        "card_inside": before.card_inside,
        "ribbon": before.ribbon,
    }});
    ledger.append(job, Event::Print, detail).wait()
}

/// What a finished call to the printer means for the job, and what is written down of it.
pub fn settlement(result: &Result<CardOut, DeviceError>) -> (Event, Value) {
    use drivers::contract::Whereabouts;
    match result {
        Ok(out) => (Event::CardOut, json!({ "evidence": { "machine": out } })),
        Err(error) => {
            let cause = json!({
                "card": error.card, "cause": error.cause.to_string(), "machine": error.evidence,
            });
            match error.card {
                Whereabouts::Untouched => (Event::NoCard, json!({ "evidence": cause })),
                Whereabouts::Rejected => (Event::Spoil, json!({ "evidence": cause })),
                Whereabouts::InMachine | Whereabouts::Unknown => {
                    (Event::LoseSight, json!({ "lost": cause }))
                }
            }
        }
    }
}

/// After a stop that nobody planned: what was only prepared goes back to the queue; where a card may
/// have moved, nobody knows, and nobody prints it again.
///
/// # Errors
/// The ledger's.
pub fn recover(ledger: &Ledger) -> Result<(), LedgerError> {
    for state in [State::Claimed, State::Composed] {
        for job in all_in(ledger, state)? {
            put_back(ledger, &job.id)?;
        }
    }
    for state in [State::Encoding, State::Encoded, State::Printing] {
        for job in all_in(ledger, state)? {
            let lost = json!({ "lost": { "card": "unknown", "cause": "the station stopped while the card was moving" } });
            ledger.append(&job.id, Event::LoseSight, lost).wait()?;
            tracing::warn!(job = %job.id, "a card may have come out while the station stopped; look at the printer");
        }
    }
    Ok(())
}

fn all_in(ledger: &Ledger, state: State) -> Result<Vec<JobRecord>, LedgerError> {
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
