//! THE EVENTS: everything that a line of the ledger can say, each with its payload, and what a job is by its lines
//! ([`JobState`]). Whoever writes a line builds an [`Event`]; whoever reads one matches on it. Nothing else in the program
//! knows how an event is written down. Pure: no clock, no disk, no device.
//!
//! # The serial form
//!
//! A line has the event's name in one column and its payload, a JSON object, in another ([`Event::name`],
//! [`Event::detail`]). Lines are for ever, so the form may grow and never change: a field that is new is optional when it is
//! read, and a name that was given once keeps its meaning. [`Event::read`] reads what any version since the second wrote;
//! a field that it does not know is left where it is.
//!
//! Nothing in here is personal: codes, hashes, counters, serial numbers, accounts of officers.

mod fold;
mod payload;
#[cfg(test)]
pub(crate) mod tests;

pub use fold::JobState;
pub use payload::{
    Attempt, BlanksEntry, CardEvidence, ClockReference, EncodedCard, EncodedChip, EncodedStep,
    EncodedStripe, EncodingFailure, FaceHash, FailedEncoding, Holders, IntentLine, Lost,
    MachineWord, PersonSaw, Received, RecoveryStep,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actor::Actor;
use crate::evidence::{Facts, Reason};
use crate::finding::Finding;
use crate::job::{JobId, OldCard};
use crate::lifecycle::Move;
use crate::supplies::SpoilCause;
use drivers::contract::Whereabouts;

/// What happened. The first part moves a job ([`Event::step`]), the others move nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "detail", rename_all = "snake_case")]
pub enum Event {
    // ---- a job begins ----
    /// A job was accepted and stored.
    Received(Box<Received>),

    // ---- moves of a job, see [`crate::lifecycle`] ----
    /// Its inspection found nothing that a person must decide.
    Queue {
        /// Everything that stands with the job from now on.
        findings: Vec<Finding>,
    },
    /// A person must decide.
    Hold {
        /// Everything that stands with the job from now on.
        findings: Vec<Finding>,
        /// What the program stopped or failed at, if that is why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<Attempt>,
    },
    /// A person decided: print it.
    Release {
        /// Who.
        by: Actor,
        /// Codes of what held the job, and is accepted by that.
        accepted: Vec<String>,
        /// What still stands with the job.
        findings: Vec<Finding>,
    },
    /// The station takes it up.
    Claim {},
    /// The faces are composed.
    Compose {
        /// Their hashes.
        faces: Vec<FaceHash>,
    },
    /// Put back before any card moved.
    PutBack {},
    /// Intent: a blank goes to the chip station.
    Encode(IntentLine),
    /// The chip or the stripe was written and read back.
    ChipGood {
        /// What was written.
        encoding: EncodedCard,
    },
    /// Intent: the card is printed.
    Print(IntentLine),
    /// The card is out.
    CardOut {
        /// Who says so.
        evidence: CardEvidence,
        /// What stands with the job from now on; absent: what stood there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        findings: Option<Vec<Finding>>,
    },
    /// No blank left the feeder.
    NoCard {
        /// Who says so.
        evidence: CardEvidence,
        /// What stands with the job from now on; absent: what stood there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        findings: Option<Vec<Finding>>,
    },
    /// The blank, or the card, is spoiled.
    Spoil {
        /// Who says so.
        evidence: CardEvidence,
        /// Why; absent: it was printed badly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<SpoilCause>,
        /// What stands with the job from now on; absent: what stood there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        findings: Option<Vec<Finding>>,
    },
    /// Contact was lost after the point of no return.
    #[serde(rename = "lose_sight")]
    OutcomeUnknown {
        /// What was known then.
        lost: Box<Lost>,
        /// What stands with the job from now on; absent: what stood there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        findings: Option<Vec<Finding>>,
    },
    /// Somebody withdrew it.
    Cancel {
        /// Who.
        by: Actor,
    },
    /// Somebody ended it because its approval had grown too old.
    Expire {
        /// Who.
        by: Actor,
    },
    /// The card was given to the applicant.
    HandOver {
        /// Who gave it.
        by: Actor,
    },

    // ---- notes about a job: they move nothing ----
    /// The station begins to inspect it: a start that finds this as the job's last line knows what the program died of.
    Inspecting {},
    /// It was inspected after an inspection that the program had died of.
    Inspected {
        /// Everything that stands with the job from now on.
        findings: Vec<Finding>,
    },
    /// Somebody looked at its faces.
    Previewed {
        /// `front` or `back`.
        side: String,
    },
    /// The printer was asked about a card that nobody saw.
    Looked {
        /// Its answer.
        machine: Facts,
        /// Between this answer and the one before lay more time than hands need.
        #[serde(default)]
        unseen: bool,
    },
    /// Intent: what a lost computer left in the machine is ended; of a job, or of nobody.
    #[serde(rename = "come_to_rest")]
    AbortOrphanedJob {
        /// What the machine said before.
        machine: Facts,
    },
    /// Intent: the card inside goes to the reject box.
    Reject {
        /// What the machine said before.
        machine: Facts,
    },
    /// The machine did not do what it was told to while a card's outcome was being found out.
    RecoveryFailed {
        /// What it was told.
        what: RecoveryStep,
        /// Where the card is.
        card: Whereabouts,
        /// What it met.
        cause: String,
    },
    /// The machine cannot say what became of the card: a person must look.
    LeftToAPerson {
        /// Why.
        row: Reason,
        /// What it said.
        machine: Facts,
        /// Everything that stands with the job from now on.
        findings: Vec<Finding>,
    },
    /// The ledger was put back from an older copy; this job could not be held.
    Restored {
        /// Everything that stands with the job from now on.
        findings: Vec<Finding>,
    },
    /// Another job replaces its card.
    Replaced {
        /// That job.
        replaced_by: JobId,
        /// What became of this job's card.
        old_card: OldCard,
    },

    // ---- notes about the station ----
    /// The clock on the wall jumped.
    ClockJumped {
        /// Seen against what.
        against: ClockReference,
        /// By so many seconds.
        by_s: i64,
    },
    /// The ledger was brought to a newer version.
    Migrated {
        /// From this version of its tables.
        from: i32,
        /// To this one.
        to: i32,
    },
    /// A ledger that the daemon refused was taken over.
    Adopted {
        /// Who did it.
        by: Actor,
        /// Why the daemon had refused it.
        why: String,
        /// Jobs that were held for it.
        held: u64,
        /// The end that was acknowledged once, as far as it is known.
        known_head: Option<String>,
    },
    /// The hashes of the holders of all jobs so far.
    Holders(Holders),
    /// A person did something with blanks, or counted them.
    Blanks(BlanksEntry),
}

/// Parts of a payload as texts in JSON; `None`: the event says nothing of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// [`Event::findings`].
    pub findings: Option<String>,
    /// Of the faces that were composed.
    pub faces: Option<String>,
    /// [`Event::evidence`].
    pub evidence: Option<String>,
}

impl Parts {
    /// With what a later event says.
    #[must_use]
    pub fn and(self, later: Parts) -> Parts {
        Parts {
            findings: later.findings.or(self.findings),
            faces: later.faces.or(self.faces),
            evidence: later.evidence.or(self.evidence),
        }
    }
}

/// A line that this program cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event {name:?} cannot be read")]
pub struct Unreadable {
    /// The name in the line.
    pub name: String,
}

impl Event {
    /// Its stable name, in the ledger and in the API.
    pub fn name(&self) -> &'static str {
        if let Some(step) = self.step() {
            return step.name();
        }
        match self {
            Event::Received(_) => "received",
            Event::Inspecting {} => "inspecting",
            Event::Inspected { .. } => "inspected",
            Event::Previewed { .. } => "previewed",
            Event::Looked { .. } => "looked",
            Event::AbortOrphanedJob { .. } => RecoveryStep::AbortOrphanedJob.name(),
            Event::Reject { .. } => RecoveryStep::Reject.name(),
            Event::RecoveryFailed { .. } => "recovery_failed",
            Event::LeftToAPerson { .. } => "left_to_a_person",
            Event::Restored { .. } => "restored",
            Event::Replaced { .. } => "replaced",
            Event::ClockJumped { .. } => "clock_jumped",
            Event::Migrated { .. } => "migrated",
            Event::Adopted { .. } => "adopted",
            Event::Holders(_) => "holders",
            Event::Blanks(_) => "blanks",
            // Every other one moves a job.
            _ => "",
        }
    }

    /// The move that it makes in the lifecycle; `None`: it moves no job.
    pub fn step(&self) -> Option<Move> {
        Some(match self {
            Event::Queue { .. } => Move::Queue,
            Event::Hold { .. } => Move::Hold,
            Event::Release { .. } => Move::Release,
            Event::Claim {} => Move::Claim,
            Event::Compose { .. } => Move::Compose,
            Event::PutBack {} => Move::PutBack,
            Event::Encode(_) => Move::Encode,
            Event::ChipGood { .. } => Move::ChipGood,
            Event::Print(_) => Move::Print,
            Event::CardOut { .. } => Move::CardOut,
            Event::NoCard { .. } => Move::NoCard,
            Event::Spoil { .. } => Move::Spoil,
            Event::OutcomeUnknown { .. } => Move::OutcomeUnknown,
            Event::Cancel { .. } => Move::Cancel,
            Event::Expire { .. } => Move::Expire,
            Event::HandOver { .. } => Move::HandOver,
            _ => return None,
        })
    }

    /// What stands with the job from this event on; `None`: what stood there.
    pub fn findings(&self) -> Option<&[Finding]> {
        match self {
            Event::Queue { findings }
            | Event::Hold { findings, .. }
            | Event::Release { findings, .. }
            | Event::Inspected { findings }
            | Event::LeftToAPerson { findings, .. }
            | Event::Restored { findings } => Some(findings),
            Event::CardOut { findings, .. }
            | Event::NoCard { findings, .. }
            | Event::Spoil { findings, .. }
            | Event::OutcomeUnknown { findings, .. } => findings.as_deref(),
            _ => None,
        }
    }

    /// Who says what became of the card, where the event says so.
    pub fn evidence(&self) -> Option<&CardEvidence> {
        match self {
            Event::CardOut { evidence, .. }
            | Event::NoCard { evidence, .. }
            | Event::Spoil { evidence, .. } => Some(evidence),
            _ => None,
        }
    }

    /// The intent to move a card, where it is one.
    pub fn intent(&self) -> Option<&IntentLine> {
        match self {
            Event::Encode(line) | Event::Print(line) => Some(line),
            _ => None,
        }
    }

    /// What of its payload is stored with the job too, text for text as it stands in the line. `detail`: the payload as it
    /// lies there.
    pub fn parts(&self, detail: &Value) -> Parts {
        let part = |stands: bool, key: &str| {
            stands.then(|| detail.get(key).map(Value::to_string)).flatten()
        };
        Parts {
            findings: part(self.findings().is_some(), "findings"),
            faces: part(matches!(self, Event::Compose { .. }), "faces"),
            evidence: part(self.evidence().is_some(), "evidence"),
        }
    }

    /// Its payload as it is written down: a JSON object.
    pub fn detail(&self) -> Value {
        let whole = serde_json::to_value(self).expect("every payload has texts as its keys");
        match whole {
            Value::Object(mut whole) => whole.remove("detail").unwrap_or_default(),
            _ => Value::Null,
        }
    }

    /// Reads what a line says.
    ///
    /// # Errors
    /// [`Unreadable`] for a name that nobody knows, or a payload that is not this event's.
    pub fn read(name: &str, detail: &Value) -> Result<Event, Unreadable> {
        let whole = serde_json::json!({ "event": name, "detail": detail });
        Event::deserialize(whole).map_err(|_| Unreadable { name: name.to_owned() })
    }
}
