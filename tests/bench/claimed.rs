//! A job as the station takes it from the ledger, for the benchmarks that begin there.

use kartu::intake::Examiner;
use kartu::job::{JobId, JobRequest};
use kartu::ledger::{JobRecord, StoredRequest};
use kartu::lifecycle::State;
use kartu::queue::{Claimed, Moment};

/// A job as intake stores it.
pub struct Stored {
    request: String,
    card: String,
    photo: Vec<u8>,
    reference: String,
}

/// What intake makes of a posted job.
pub fn store(examiner: &Examiner, job: &[u8], photo: &[u8]) -> Stored {
    let request: JobRequest = serde_json::from_slice(job).expect("the envelope is a job");
    let (_, card) = examiner.card(&request, true, jiff::Timestamp::now()).expect("a good job");
    let json = |written: serde_json::Result<String>| written.expect("texts become JSON");
    Stored {
        card: json(serde_json::to_string(&card)),
        request: json(serde_json::to_string(&request)),
        photo: photo.to_vec(),
        reference: request.reference,
    }
}

/// What the daemon does with a job that it takes from the ledger: the typed card is read, the photo is still packed.
pub fn read(stored: &Stored) -> Claimed {
    let request = StoredRequest::from_text(stored.request.clone(), Some(&stored.card));
    let now = jiff::Timestamp::now();
    let record = JobRecord {
        seq: 1,
        id: JobId::new(),
        reference: stored.reference.clone(),
        product: "kia".to_owned(),
        reason: "BARU".to_owned(),
        kind: Some("B".to_owned()),
        state: State::Claimed,
        findings: Vec::new(),
        faces: Vec::new(),
        evidence: None,
        replaces: None,
        replaced_by: None,
        spoiled: 0,
        waits_since: now,
        received_at: now,
        changed_at: now,
    };
    Claimed { record, request, photo: Some(stored.photo.clone()) }
}

/// Now, by a clock that nobody doubts.
pub fn moment() -> Moment {
    Moment { now: jiff::Timestamp::now(), doubtful: false }
}
