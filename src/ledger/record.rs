//! What goes into the ledger and what comes out. Knows no SQL.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::actor::Actor;
use crate::event::{CardEvidence, Event, FaceHash, JobState};
use crate::finding::Finding;
use crate::job::{JobId, JobRequest, OldCard};
use crate::lifecycle::State;
use crate::product::ReadyCard;

/// A job that passed the checks, as it is to be stored.
pub struct NewJob {
    /// Its name.
    pub id: JobId,
    /// What was posted, without the photo.
    pub request: JobRequest,
    /// What intake made of it, which everything after intake reads.
    pub card: Option<ReadyCard>,
    /// The photo as it came; `None` where the product takes none.
    pub photo: Option<Vec<u8>>,
    /// The client's `Idempotency-Key`.
    pub key: Option<String>,
    /// Who handed it in, where somebody said so.
    pub by: Option<Actor>,
    /// The number of its approval, where the approval has one: no other live job may have it.
    pub approval: Option<String>,
    /// Whose card it is, where the product tells its holders apart.
    pub holder: Option<super::Holder>,
    /// SHA-256 over the canonical request and the photo: same key, same body?
    pub body_sha256: [u8; 32],
    /// The kind of card that the data lead to (`A`, `B`).
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

/// A job as it lies in the ledger but for its photo: the typed card, and the request that it was made of. Personal;
/// `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRequest {
    text: String,
    card: Option<ReadyCard>,
}

impl StoredRequest {
    /// As it is stored: the request, and the card. A card that this program cannot read counts as none: it is made anew.
    pub fn from_text(request: String, card: Option<&str>) -> Self {
        let card = card.and_then(|text| serde_json::from_str(text).ok());
        Self { text: request, card }
    }

    /// The typed card; `None`: the ledger that stored it knew none.
    pub fn card(&self) -> Option<&ReadyCard> {
        self.card.as_ref()
    }

    /// The request itself, for whoever must make the card anew; `None`: it is no request.
    pub fn parse_again(&self) -> Option<JobRequest> {
        serde_json::from_str(&self.text).ok()
    }
}

impl fmt::Debug for StoredRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredRequest(with a card: {})", self.card.is_some())
    }
}

/// What became of a request to accept.
#[derive(Debug)]
pub enum Accepted {
    /// Stored now.
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
    /// It is another person's.
    OtherHolder,
    /// Nobody knows whether its card came out.
    Unsure,
    /// Its card has not come out, or never did.
    NotPrinted(State),
    /// This live job replaces it already.
    Replaced(Box<JobRecord>),
}

/// The job that another one replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replacing {
    /// The old job.
    pub job: JobId,
    /// What had become of its card when this job was accepted.
    pub old_card: OldCard,
}

/// A job as the ledger knows it: nothing personal.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// Row number, in order of arrival.
    pub seq: u64,
    /// Its name.
    pub id: JobId,
    /// The upstream system's number of the application.
    pub reference: String,
    /// Kind of card.
    pub product: String,
    /// Why it is issued.
    pub reason: String,
    /// `A`, `B`, where the product has kinds.
    pub kind: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Warnings, and the reasons why it is held.
    pub findings: Vec<Finding>,
    /// Hashes of the composed faces, once they exist.
    pub faces: Vec<FaceHash>,
    /// What the machine said of the card, or who saw it; with the last event that needs it.
    pub evidence: Option<CardEvidence>,
    /// The job whose card it replaces.
    pub replaces: Option<Replacing>,
    /// The live job that replaces its card.
    pub replaced_by: Option<JobId>,
    /// Blanks spoiled for it since a person last released it.
    pub spoiled: u32,
    /// Since when it waits: accepted, or last released by a person.
    pub waits_since: jiff::Timestamp,
    /// When it was accepted.
    pub received_at: jiff::Timestamp,
    /// When it last moved.
    pub changed_at: jiff::Timestamp,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number; without gaps in what a reader sees, in the order of the syncs.
    pub seq: u64,
    /// When.
    pub at: jiff::Timestamp,
    /// Whose; `None`: it is about the station.
    pub job: Option<JobId>,
    /// The job's `ref`, so that a listener need not ask.
    pub reference: Option<String>,
    /// `received`, the name of a lifecycle event, or what was noted (`previewed`, `looked`, …).
    pub event: String,
    /// Where the job stands after it.
    pub state: Option<State>,
    /// Its payload as it lies there, for whoever only passes it on; [`Entry::read`] understands it.
    pub detail: Value,
    /// The chain: SHA-256 over the hash of the line before and this line, see [`super::chain`].
    pub hash: [u8; 32],
}

impl Entry {
    /// What it says; `None`: a damaged line, or one of a program that knows more.
    pub fn read(&self) -> Option<Event> {
        Event::read(&self.event, &self.detail).ok()
    }
}

impl JobRecord {
    /// What of it follows from its lines.
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

/// Which jobs are wanted: what is given must hold, all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In one of these states; empty: in any.
    pub states: Vec<State>,
    /// With this `ref`.
    pub reference: Option<String>,
    /// With a `ref` that begins so.
    pub reference_prefix: Option<String>,
    /// With an id that begins or ends so.
    pub id_part: Option<String>,
    /// Of this kind of card.
    pub product: Option<String>,
    /// Accepted then or later, to the second.
    pub received_from: Option<jiff::Timestamp>,
    /// Accepted before then, to the second.
    pub received_until: Option<jiff::Timestamp>,
}

/// Which jobs come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In order of arrival.
    OldestFirst,
    /// The last ones first.
    NewestFirst,
}

/// Some jobs, and where the next ones begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In the order that was asked for.
    pub jobs: Vec<JobRecord>,
    /// Give it as `cursor` to get the next page; `None` at the end.
    pub next: Option<u64>,
}
