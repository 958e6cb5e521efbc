//! The ledger's inputs and outputs. Knows no SQL.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::actor::Actor;
use crate::event::{CardEvidence, Event, FaceHash, JobState};
use crate::finding::Finding;
use crate::job::{JobId, JobRequest, OldCard};
use crate::lifecycle::State;
use crate::product::ReadyCard;

/// A job that passed the checks and is to be stored.
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// The request, without the photo.
    pub request: JobRequest,
    /// The typed card from intake, which everything after intake reads.
    pub card: Option<ReadyCard>,
    /// The photo as received; `None` if the product takes none.
    pub photo: Option<Vec<u8>>,
    /// The client's `Idempotency-Key`.
    pub key: Option<String>,
    /// Who submitted it, if known.
    pub by: Option<Actor>,
    /// The number of its approval, if it has one: no other live job may have it.
    pub approval: Option<String>,
    /// The holder of its card, if the product identifies holders.
    pub holder: Option<super::Holder>,
    /// SHA-256 over the canonical request and the photo, to recognise the same body.
    pub body_sha256: [u8; 32],
    /// The kind of card that follows from the data (`A`, `B`).
    pub kind: Option<String>,
    /// Warnings and reasons to hold; never errors.
    pub findings: Vec<Finding>,
    /// Received, Queued or Held.
    pub state: State,
}

#[cfg(test)]
impl NewJob {
    /// A job of `kia` without fields and photo.
    pub fn plain(reference: &str, state: State) -> NewJob {
        let request = JobRequest {
            product: "kia".into(),
            reference: reference.to_owned(),
            reason: "BARU".into(),
            fields: std::collections::BTreeMap::new(),
            attachments: vec![],
            recommendation: None,
            replaces: None,
            photo: None,
        };
        NewJob {
            id: JobId::new(),
            request,
            card: None,
            photo: None,
            key: None,
            by: None,
            approval: None,
            holder: None,
            body_sha256: [0; 32],
            kind: None,
            findings: vec![],
            state,
        }
    }
}

/// A job as stored, except for its photo: the typed card, and the request from which it was made. Personal; `Debug`
/// shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRequest {
    text: String,
    card: Option<ReadyCard>,
}

impl StoredRequest {
    /// From the stored texts. A card that this program cannot read counts as missing and is rebuilt.
    pub fn from_text(request: String, card: Option<&str>) -> Self {
        let card = card.and_then(|text| serde_json::from_str(text).ok());
        Self { text: request, card }
    }

    /// The typed card; `None`: the ledger version that stored the job had none.
    pub fn card(&self) -> Option<&ReadyCard> {
        self.card.as_ref()
    }

    /// Parses the request, for rebuilding the card; `None`: it is not a request.
    pub fn parse_again(&self) -> Option<JobRequest> {
        serde_json::from_str(&self.text).ok()
    }
}

impl fmt::Debug for StoredRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredRequest(with a card: {})", self.card.is_some())
    }
}

/// The result of a request to accept a job.
#[derive(Debug)]
pub enum Accepted {
    /// It is stored now.
    New(Box<JobRecord>),
    /// The same job was stored before; this is it.
    Before(Box<JobRecord>),
    /// The key was used for another body.
    KeyTaken,
    /// A live job has the same `ref`, and another body.
    RefTaken(Box<JobRecord>),
    /// A live job has the same approval: one approval, one card.
    ApprovalUsed(Box<JobRecord>),
    /// The card that it is to replace cannot be replaced.
    NotReplaceable(NoReplacement),
}

/// Why a job may not replace the one that it names.
#[derive(Debug)]
pub enum NoReplacement {
    /// There is no such job.
    Unknown,
    /// It is another kind of card.
    OtherProduct,
    /// It belongs to another person.
    OtherHolder,
    /// It is unknown whether its card came out.
    Unsure,
    /// Its card has not come out, or never did.
    NotPrinted(State),
    /// This live job already replaces it.
    Replaced(Box<JobRecord>),
}

/// The job that another one replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replacing {
    /// The old job.
    pub job: JobId,
    /// What had happened to its card when this job was accepted.
    pub old_card: OldCard,
}

/// A job as the ledger knows it, without anything personal.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// Row number, in order of arrival.
    pub seq: u64,
    /// Its id.
    pub id: JobId,
    /// The upstream system's number of the application.
    pub reference: String,
    /// Kind of card.
    pub product: String,
    /// Why it is issued.
    pub reason: String,
    /// `A`, `B`, where the product has kinds.
    pub kind: Option<String>,
    /// Its state.
    pub state: State,
    /// Warnings, and the reasons why it is held.
    pub findings: Vec<Finding>,
    /// Hashes of the composed faces, once they exist.
    pub faces: Vec<FaceHash>,
    /// The machine's report about the card, or the person who saw it; from the last event that contains one.
    pub evidence: Option<CardEvidence>,
    /// The job whose card it replaces.
    pub replaces: Option<Replacing>,
    /// The live job that replaces its card.
    pub replaced_by: Option<JobId>,
    /// Blanks spoiled for it since a person last released it.
    pub spoiled: u32,
    /// Since when it has waited: since it was accepted, or last released by a person.
    pub waits_since: jiff::Timestamp,
    /// When it was accepted.
    pub received_at: jiff::Timestamp,
    /// When it last moved.
    pub changed_at: jiff::Timestamp,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number; without gaps for a reader, in the order of the syncs.
    pub seq: u64,
    /// Its time.
    pub at: jiff::Timestamp,
    /// The job; `None`: it concerns the station.
    pub job: Option<JobId>,
    /// The job's `ref`, so that a client need not query it.
    pub reference: Option<String>,
    /// `received`, the name of a lifecycle event, or of a note (`previewed`, `looked`, …).
    pub event: String,
    /// The job's state after it.
    pub state: Option<State>,
    /// Its payload as stored, for passing it on; [`Entry::read`] parses it.
    pub detail: Value,
    /// The chain: SHA-256 over the hash of the line before and this line, see [`super::chain`].
    pub hash: [u8; 32],
}

impl Entry {
    /// Its event; `None`: the line is damaged, or a newer program wrote it.
    pub fn read(&self) -> Option<Event> {
        Event::read(&self.event, &self.detail).ok()
    }
}

impl JobRecord {
    /// The part that follows from the job's lines.
    pub(super) fn by_its_lines(&self) -> JobState {
        JobState {
            state: self.state,
            findings: Some(self.findings.clone()),
            faces: self.faces.clone(),
            evidence: self.evidence.clone(),
            spoiled: self.spoiled,
            waits_since: self.waits_since,
            received_at: self.received_at,
            changed_at: self.changed_at,
        }
    }
}

/// Search criteria for jobs: all given ones must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The state is one of these; empty: any state.
    pub states: Vec<State>,
    /// The `ref` is this.
    pub reference: Option<String>,
    /// The `ref` begins so.
    pub reference_prefix: Option<String>,
    /// The id begins or ends so.
    pub id_part: Option<String>,
    /// The kind of card is this.
    pub product: Option<String>,
    /// Accepted at this time or later, to the second.
    pub received_from: Option<jiff::Timestamp>,
    /// Accepted before this time, to the second.
    pub received_until: Option<jiff::Timestamp>,
}

/// The order of the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In order of arrival.
    OldestFirst,
    /// The last ones first.
    NewestFirst,
}

/// Some jobs, and where the next page begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In the requested order.
    pub jobs: Vec<JobRecord>,
    /// Pass it as `cursor` to get the next page; `None` at the end.
    pub next: Option<u64>,
}
