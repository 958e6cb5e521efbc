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
    Attempt, BlanksEntry, CardEvidence, Carried, ClockReference, CutOff, EncodedCard, EncodedChip,
    EncodedStep, EncodedStripe, EncodingFailure, FaceHash, FailedEncoding, Holders, IntentLine,
    Lost, MachineWord, PersonSaw, Place, Received, RecoveryStep, TroubleSign, Unaccounted,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actor::Actor;
use crate::evidence::{Facts, Reason};
use crate::finding::Finding;
use crate::job::{JobId, OldCard};
use crate::lifecycle::Move;
use crate::supplies::SpoilCause;
use drivers::contract::{Cleaning, Identity, Ribbon, Whereabouts};

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
    /// The clock on the wall was in doubt at the start, and a person said that it is right.
    ClockTrusted {
        /// Who.
        by: Actor,
        /// Why it was in doubt.
        doubt: String,
        /// When the computer was started, by that clock: until the next start the clock is not doubted again.
        booted_at: Timestamp,
    },
    /// The printer answered: for the first time since the start, again after it was lost, or it is another one. What was
    /// known of troubles and supplies is void; what stands now is written anew.
    PrinterSeen {
        /// Which machine.
        identity: Identity,
        /// Cards that ever entered its head.
        cards_entered: Option<u64>,
    },
    /// The printer cannot be asked any more.
    PrinterLost {
        /// Why, as an IPP keyword with its suffix.
        keyword: String,
    },
    /// Something keeps the printer or the reader from working, or soon will.
    TroubleRaised(TroubleSign),
    /// It stands no more.
    TroubleCleared(TroubleSign),
    /// Prints are left on the ribbon.
    RibbonCounted {
        /// Serial number of the printer.
        serial: String,
        /// The ribbon.
        ribbon: Ribbon,
        /// Cards that ever entered the head.
        cards_entered: Option<u64>,
    },
    /// Cards came and went since the printer was last cleaned, or it was cleaned.
    CleaningCounted {
        /// Serial number of the printer.
        serial: String,
        /// What it says of it.
        cleaning: Cleaning,
        /// Cards that ever entered the head.
        cards_entered: Option<u64>,
    },
    /// Somebody put something new into the printer.
    SuppliesLoaded {
        /// The ribbon that is in it now.
        ribbon: Ribbon,
    },
    /// At the start the printer had moved more cards than the ledger knows of: it was used otherwise while the station was
    /// off, or the ledger was put back from a copy and has lost lines.
    CardsUnaccounted {
        /// Serial number of the printer.
        serial: String,
        /// Cards that entered its head by the last line that says so.
        known: u64,
        /// Cards that entered its head by its own word.
        counted: u64,
        /// So many of them the ledger cannot account for.
        cards: u64,
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
    /// The station was moved to another computer: this is the last line of the ledger here.
    Retired {
        /// Who said so.
        by: Actor,
        /// Jobs that it leaves unfinished.
        open: u64,
    },
    /// The ledger was ended for good: all personal data in it are erased, and no line follows.
    Erased {
        /// Who did it.
        by: Actor,
        /// Jobs whose card was still to be made, or was not settled.
        unfinished: u64,
    },
    /// A job as it stood when lines about it were cut off: whoever folds its lines begins here.
    Carried(Box<Carried>),
    /// The first lines of the ledger were exported and cut off.
    Cut(Box<CutOff>),
    /// The hashes of the holders of all jobs so far.
    Holders(Holders),
    /// A person did something with blanks, or counted them.
    Blanks(BlanksEntry),
}

/// What an event does to its job, or how a note is called.
enum Kind {
    Moves(Move),
    Notes(&'static str),
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
        match self.kind() {
            Kind::Moves(step) => step.name(),
            Kind::Notes(name) => name,
        }
    }

    /// The move that it makes in the lifecycle; `None`: it moves no job.
    pub fn step(&self) -> Option<Move> {
        match self.kind() {
            Kind::Moves(step) => Some(step),
            Kind::Notes(_) => None,
        }
    }

    fn kind(&self) -> Kind {
        use Kind::{Moves, Notes};
        match self {
            Event::Received(_) => Notes("received"),
            Event::Queue { .. } => Moves(Move::Queue),
            Event::Hold { .. } => Moves(Move::Hold),
            Event::Release { .. } => Moves(Move::Release),
            Event::Claim {} => Moves(Move::Claim),
            Event::Compose { .. } => Moves(Move::Compose),
            Event::PutBack {} => Moves(Move::PutBack),
            Event::Encode(_) => Moves(Move::Encode),
            Event::ChipGood { .. } => Moves(Move::ChipGood),
            Event::Print(_) => Moves(Move::Print),
            Event::CardOut { .. } => Moves(Move::CardOut),
            Event::NoCard { .. } => Moves(Move::NoCard),
            Event::Spoil { .. } => Moves(Move::Spoil),
            Event::OutcomeUnknown { .. } => Moves(Move::OutcomeUnknown),
            Event::Cancel { .. } => Moves(Move::Cancel),
            Event::Expire { .. } => Moves(Move::Expire),
            Event::HandOver { .. } => Moves(Move::HandOver),
            Event::Inspecting {} => Notes("inspecting"),
            Event::Inspected { .. } => Notes("inspected"),
            Event::Previewed { .. } => Notes("previewed"),
            Event::Looked { .. } => Notes("looked"),
            Event::AbortOrphanedJob { .. } => Notes(RecoveryStep::AbortOrphanedJob.name()),
            Event::Reject { .. } => Notes(RecoveryStep::Reject.name()),
            Event::RecoveryFailed { .. } => Notes("recovery_failed"),
            Event::LeftToAPerson { .. } => Notes("left_to_a_person"),
            Event::Restored { .. } => Notes("restored"),
            Event::Replaced { .. } => Notes("replaced"),
            Event::ClockJumped { .. } => Notes("clock_jumped"),
            Event::ClockTrusted { .. } => Notes("clock_trusted"),
            Event::PrinterSeen { .. } => Notes("printer_seen"),
            Event::PrinterLost { .. } => Notes("printer_lost"),
            Event::TroubleRaised(_) => Notes("trouble_raised"),
            Event::TroubleCleared(_) => Notes("trouble_cleared"),
            Event::RibbonCounted { .. } => Notes("ribbon_counted"),
            Event::CleaningCounted { .. } => Notes("cleaning_counted"),
            Event::SuppliesLoaded { .. } => Notes("supplies_loaded"),
            Event::CardsUnaccounted { .. } => Notes("cards_unaccounted"),
            Event::Migrated { .. } => Notes("migrated"),
            Event::Adopted { .. } => Notes("adopted"),
            Event::Retired { .. } => Notes("retired"),
            Event::Erased { .. } => Notes("erased"),
            Event::Carried(_) => Notes("carried"),
            Event::Cut(_) => Notes("cut"),
            Event::Holders(_) => Notes("holders"),
            Event::Blanks(_) => Notes("blanks"),
        }
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

    /// How many cards had ever entered the head of the printer of this serial number, as far as the line says.
    pub fn counted(&self, serial: &str) -> Option<u64> {
        if let Event::Cut(cut) = self {
            return cut.counters.get(serial).copied();
        }
        self.counter().filter(|(of, _)| *of == serial).map(|(_, counted)| counted)
    }

    /// A printer's serial number, and how many cards had ever entered its head, where the line says so of one printer.
    pub fn counter(&self) -> Option<(&str, u64)> {
        match self {
            Event::Encode(line) | Event::Print(line) => of_machine(&line.intent.before),
            Event::Looked { machine, .. }
            | Event::AbortOrphanedJob { machine }
            | Event::Reject { machine }
            | Event::LeftToAPerson { machine, .. } => of_machine(machine),
            Event::CardOut { evidence: CardEvidence::Machine { machine, .. }, .. }
            | Event::NoCard { evidence: CardEvidence::Machine { machine, .. }, .. }
            | Event::Spoil { evidence: CardEvidence::Machine { machine, .. }, .. } => {
                of_word(machine)
            }
            Event::OutcomeUnknown { lost, .. } => lost.machine.as_ref().and_then(of_word),
            Event::CardsUnaccounted { serial, counted, .. } => Some((serial, *counted)),
            Event::RibbonCounted { serial, cards_entered, .. }
            | Event::CleaningCounted { serial, cards_entered, .. } => {
                Some((serial, (*cards_entered)?))
            }
            Event::PrinterSeen { identity, cards_entered } => {
                Some((identity.serial.as_str(), (*cards_entered)?))
            }
            _ => None,
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

/// A machine's counter, with its serial number.
fn of_machine(facts: &Facts) -> Option<(&str, u64)> {
    Some((&facts.serial, facts.cards_entered?))
}

fn of_word(word: &MachineWord) -> Option<(&str, u64)> {
    match word {
        MachineWord::CardOut(out) => Some((out.identity.serial.as_str(), out.cards_entered_after?)),
        MachineWord::Facts(facts) => of_machine(facts),
        // It does not say of which machine; its job's intent does, and counts as well.
        MachineWord::AfterFailure(_) => None,
    }
}
