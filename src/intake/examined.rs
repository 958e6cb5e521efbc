//! What came of an examination: a job that may be stored, or why it may not. Examines nothing.

use drivers::words::Words;

use crate::actor::Actor;
use crate::finding::{Finding, Severity};
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
    /// At least one.
    pub errors: Vec<Finding>,
    /// What would have been warned of.
    pub warnings: Vec<Finding>,
}

impl Refusal {
    /// The examination itself failed: a fault of the program, told as such.
    pub fn broken() -> Self {
        let words = Words::fixed(
            "Pemeriksaan foto atau data gagal. Kirim foto lain; jika terulang, hubungi teknisi.",
            "The photo or the data could not be examined. Send another photo; if it happens again, call the technician.",
        );
        Self { errors: vec![Finding::whole("E_EXAMINATION", words)], warnings: Vec::new() }
    }

    pub(super) fn of(findings: Vec<Finding>) -> Self {
        let (errors, warnings) =
            findings.into_iter().partition(|f| f.severity() == Severity::Error);
        Self { errors, warnings }
    }
}

impl Examined {
    /// Ready for the ledger, under a new name.
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
