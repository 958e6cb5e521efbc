//! A job as the workbench takes it from the ledger, for the benchmarks that begin there.

use kartu::job::JobId;
use kartu::job::JobRequest;
use kartu::ledger::JobRecord;
use kartu::lifecycle::State;
use kartu::queue::Claimed;

/// What the daemon does with a job that it takes from the ledger: the envelope is parsed, the photo is still packed.
pub fn read(job: &[u8], photo: &[u8]) -> Claimed {
    let request: JobRequest = serde_json::from_slice(job).expect("the envelope is a job");
    let now = jiff::Timestamp::now();
    let record = JobRecord {
        seq: 1,
        id: JobId::new(),
        reference: request.reference.clone(),
        product: request.product.clone(),
        reason: request.reason.clone(),
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
    Claimed { record, request, photo: Some(photo.to_vec()) }
}
