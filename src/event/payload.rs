//! What events carry. Field names are those of the ledger's lines and of the API: they never change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::chip::Blame;
use crate::evidence::{Facts, Intent, Reason, Seen};
use crate::job::{JobId, OldCard, Replaces};
use crate::lifecycle::State;
use crate::supplies::{BlankKind, SpoilCause};
use drivers::contract::{CardOut, Evidence, Identity, Watch, Whereabouts};
use drivers::text::Text;

/// How a job begins: everything of it that is not personal, and hashes over the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// Codes of what the checks found. The sentences stand with the job; some speak of its holder.
    pub findings: Vec<String>,
    /// SHA-256 over all of the findings, as they are stored.
    pub findings_sha256: String,
    /// The upstream system's number.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Kind of card.
    pub product: String,
    /// Why it is issued.
    pub reason: String,
    /// `A`, `B`, where the product has kinds.
    pub kind: Option<String>,
    /// The approval's number, where it has one.
    pub approval: Option<String>,
    /// The card that it replaces.
    pub replaces: Option<Replaces>,
    /// Over the job's data, see [`crate::ledger::chain::Data`].
    pub data_sha256: String,
    /// Over the holder's hash and the job's salt, where the product tells holders apart.
    #[serde(default)]
    pub holder_sha256: Option<String>,
    /// Who handed the job in, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
}

/// A job as it stood when lines about it were cut off. What its row in the ledger holds must follow from this and the job's
/// later lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// How it began.
    pub first: Received,
    /// Its state after the last of its lines that were cut off.
    pub was: State,
    /// SHA-256 over its findings, as they are stored.
    pub findings_sha256: String,
    /// SHA-256 over the hashes of its faces, as they are stored.
    pub faces_sha256: String,
    /// SHA-256 over what is known of its card, as it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_sha256: Option<String>,
    /// Blanks spoiled for it since a person last released it.
    pub spoiled: u32,
    /// Since when it waits, as it is stored, like the two times that follow.
    pub waits_since: String,
    /// When it was accepted.
    pub received_at: String,
    /// When it last moved.
    pub changed_at: String,
}

/// What was cut off the beginning of the ledger, and what of it must never be forgotten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CutOff {
    /// Who did it.
    pub by: Actor,
    /// The office's day before which everything was cut off, as far as the lines allowed it.
    pub before: jiff::civil::Date,
    /// The first line that was cut off now.
    pub first: u64,
    /// The last one. Everything up to it is gone.
    pub last: u64,
    /// Its hash, to which the first line that is left is chained.
    pub hash: String,
    /// SHA-256 of the exported lines.
    pub export_sha256: String,
    /// Id of the key that signed the checkpoint.
    pub kid: String,
    /// Jobs whose state was carried.
    pub jobs: u64,
    /// What the lines that were cut off add to the blanks at the station.
    pub blanks: i64,
    /// Cards that had ever entered the head of each printer, by its serial number.
    pub counters: BTreeMap<String, u64>,
    /// When the ledger was last taken over, if those lines said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_at: Option<String>,
    /// The cards that the ledger could not account for, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unaccounted: Vec<Unaccounted>,
}

/// Cards that the ledger could not account for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unaccounted {
    /// When that was found.
    pub at: String,
    /// How many.
    pub cards: u64,
    /// Test cards that were entered since, by the lines that were cut off.
    pub tested: u64,
}

/// One composed face: which side, and SHA-256 over its size, colours and resin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaceHash {
    /// `front` or `back`.
    pub side: String,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// What the station does with a job that only computes, and could kill the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// The inspection that was put off.
    Inspect,
    /// The card's faces, panels and chip content.
    Make,
}

impl Attempt {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inspect => "inspect",
            Self::Make => "make",
        }
    }
}

/// An intent to move a card, and the machine that is to do it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntentLine {
    /// What for, and what the machine said just before.
    #[serde(flatten)]
    pub intent: Intent,
    /// Which machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// Who says what became of a card, and what they saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CardEvidence {
    /// A person looked.
    Person {
        /// What they saw.
        person: PersonSaw,
    },
    /// A person said so when they asked for a new card.
    Replaced {
        /// The job of the new card.
        replaced_by: JobId,
        /// What became of the old one.
        old_card: OldCard,
    },
    /// The card could not be encoded, and the printer had not moved it.
    NotEncoded {
        /// Where it is.
        card: Whereabouts,
        /// What happened.
        encoding: FailedEncoding,
    },
    /// The driver's call failed, and it knows where the blank is.
    CallFailed {
        /// Where it is.
        card: Whereabouts,
        /// What the driver met.
        cause: String,
        /// What the machine said afterwards; absent: it was not asked.
        machine: Option<Evidence>,
        /// The row of the table of evidence that decided, where one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<Reason>,
    },
    /// The machine's word.
    Machine {
        /// What it said.
        machine: MachineWord,
        /// The row of the table of evidence that decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<Reason>,
    },
}

/// What a machine said, and to what question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MachineWord {
    /// To the driver that followed the card: it is out.
    CardOut(Box<CardOut>),
    /// Asked how it is.
    Facts(Facts),
    /// Asked after a call that failed.
    AfterFailure(Evidence),
}

/// What a person saw who looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonSaw {
    /// What became of the card.
    pub seen: Seen,
    /// Who looked.
    pub by: Actor,
    /// Looked twice: it stands though the machine says something else.
    pub insist: bool,
}

/// What was known of a card when its outcome became unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    /// Where it was last.
    pub card: Whereabouts,
    /// How contact was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The machine had said that it is out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub said_out: bool,
    /// The row of the table of evidence that could not settle it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<Reason>,
    /// What the machine had said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineWord>,
    /// What the driver saw of it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
    /// How its encoding failed, where that is how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<FailedEncoding>,
}

impl Lost {
    /// Nothing is known but how contact was lost.
    pub fn somewhere(cause: impl Into<String>) -> Lost {
        Lost { cause: Some(cause.into()), ..Lost::at(Whereabouts::Unknown) }
    }

    /// Where it was last.
    pub fn at(card: Whereabouts) -> Lost {
        Lost {
            card,
            cause: None,
            said_out: false,
            row: None,
            machine: None,
            watch: None,
            encoding: None,
        }
    }
}

/// What stands on a card that was encoded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EncodedCard {
    /// On its chip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chip: Option<EncodedChip>,
    /// On its stripe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe: Option<EncodedStripe>,
}

/// A chip that was written and read back. Hashes in hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncodedChip {
    /// Unique identifier, hexadecimal digits; a chip with contacts has none.
    pub uid: Option<String>,
    /// Answer to reset, hexadecimal digits.
    pub atr: String,
    /// Name of the profile.
    pub profile: String,
    /// The profile's own word for its version.
    pub version: String,
    /// Hash of the profile's text.
    pub profile_sha256: String,
    /// Hash of everything that was read back.
    pub content_sha256: String,
    /// Bytes of it.
    pub content_bytes: u64,
    /// Hash of the signed record, if the card has one.
    pub record_sha256: Option<String>,
    /// Commands sent to the chip.
    pub apdus: u32,
    /// What was done, in its order.
    pub steps: Vec<EncodedStep>,
}

/// One step of the profile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncodedStep {
    /// Its name.
    pub step: String,
    /// How long it took, milliseconds.
    pub ms: u64,
    /// Commands sent to the chip.
    pub apdus: u32,
    /// Bytes of content written and read back.
    pub bytes: u64,
}

/// A stripe that was written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncodedStripe {
    /// Its tracks were read as they were written; what stands on them is never told.
    pub read_back: bool,
}

/// What happened to a card that was not encoded: facts, nothing of what was to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodingFailure {
    /// For programs: `read_back_differs`, `lost`, `not_authentic`, …
    pub kind: String,
    /// The profile's step; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// A command that writes had been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_touched: Option<bool>,
    /// What the reader or the printer met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Numbers of the stripe's tracks that are concerned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<usize>,
    /// Answer to reset of its chip, hexadecimal digits, where it told one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atr: Option<String>,
    /// Unique identifier of its chip, hexadecimal digits, where it told one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl EncodingFailure {
    /// Of this kind, with nothing more to say.
    pub fn of(kind: impl Into<String>) -> EncodingFailure {
        EncodingFailure { kind: kind.into(), ..EncodingFailure::default() }
    }
}

/// A card was not encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedEncoding {
    /// What happened.
    #[serde(flatten)]
    pub failure: EncodingFailure,
    /// Where a person must look first.
    pub blame: Blame,
    /// What is wrong and what to do.
    #[serde(flatten)]
    pub words: Text,
}

/// What the machine was told to do while a card's outcome was being found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryStep {
    /// To end what a lost computer left in it.
    #[serde(rename = "come_to_rest")]
    AbortOrphanedJob,
    /// To put the card inside into the reject box.
    Reject,
}

impl RecoveryStep {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AbortOrphanedJob => "come_to_rest",
            Self::Reject => "reject",
        }
    }
}

/// What a jump of the clock on the wall is seen against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockReference {
    /// The time of the ledger's last line, at the start.
    Ledger,
    /// The clock that nobody sets.
    Steady,
}

impl ClockReference {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Steady => "steady",
        }
    }
}

/// A trouble of the printer or the reader.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TroubleSign {
    /// Of what.
    pub place: Place,
    /// IPP keyword with its suffix, such as `media-empty-error`.
    pub keyword: String,
}

/// Which device a trouble is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The printer.
    Printer,
    /// The reader of chips.
    Reader,
}

/// One line over the holders of all jobs so far, see [`crate::ledger`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holders {
    /// Fingerprint of the key; absent: it is forgotten.
    pub key: Option<String>,
    /// Jobs whose holder was entered now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered: Option<u64>,
    /// Who had the key forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// Jobs that it covers.
    pub jobs: u64,
    /// SHA-256 over their holders' hashes.
    pub sha256: String,
}

/// What a person did with blanks, or counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlanksEntry {
    /// What.
    pub kind: BlankKind,
    /// How many.
    pub cards: u32,
    /// Why, of spoiled, test and lost ones.
    pub cause: Option<SpoilCause>,
    /// Who.
    pub by: Actor,
    /// The batch, as the store names it.
    pub batch: Option<String>,
    /// SHA-256 of the client's `Idempotency-Key`: the client's own words stay out of the ledger.
    pub key_sha256: Option<String>,
}
