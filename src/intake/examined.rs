//! The result of an examination: a job that may be stored, or why it may not. Examines nothing.

use crate::actor::Actor;
use crate::codes::Severity;
use crate::codes::requests::E_EXAMINATION;
use crate::finding::Finding;
use crate::job::JobId;
use crate::job::JobRequest;
use crate::ledger::{Holder, NewJob};
use crate::lifecycle::State;
use crate::product::ReadyCard;

/// A job that may be stored.
pub struct Examined {
    pub(super) request: JobRequest,
    pub(super) card: ReadyCard,
    pub(super) photo: Option<Vec<u8>>,
    pub(super) findings: Vec<Finding>,
    pub(super) state: State,
    pub(super) body_sha256: [u8; 32],
    pub(super) approval: Option<String>,
    pub(super) holder: Option<Holder>,
}

/// A job that may not be stored: every fault, and the warnings found beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Errors; there is at least one.
    pub errors: Vec<Finding>,
    /// The warnings.
    pub warnings: Vec<Finding>,
}

impl Refusal {
    /// The examination itself failed: a bug, reported as such.
    pub fn broken() -> Self {
        Self { errors: vec![E_EXAMINATION.whole()], warnings: Vec::new() }
    }

    pub(super) fn of(findings: Vec<Finding>) -> Self {
        let (errors, warnings) =
            findings.into_iter().partition(|f| f.severity() == Severity::Refuse);
        Self { errors, warnings }
    }
}

impl Examined {
    /// The job for the ledger, with a new id.
    pub fn into_new_job(self, key: Option<&str>, by: Option<&Actor>) -> NewJob {
        NewJob {
            id: JobId::new(),
            request: self.request,
            photo: self.photo,
            key: key.map(str::to_owned),
            by: by.cloned(),
            approval: self.approval,
            holder: self.holder,
            body_sha256: self.body_sha256,
            kind: self.card.kind.clone(),
            card: Some(self.card),
            findings: self.findings,
            state: self.state,
        }
    }
}
