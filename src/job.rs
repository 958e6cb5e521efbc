//! The content of a job: a product, its fields, a photo, the documents seen, and the recommendation. Pure: knows no
//! rule of any product, no clock, no storage.
//!
//! Everything in here is a person. `Debug` shows none of it.

pub mod json;

mod photo_text;
mod shape;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A job's permanent id: UUID version 7 (RFC 9562), given by this station, never reused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// Makes a new id.
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// Parses typed text; `None` if it cannot be an id.
    pub fn parse(text: &str) -> Option<Self> {
        uuid::Uuid::try_parse(text).ok().map(|id| Self(id.to_string()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for JobId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The envelope that an upstream system posts (`POST /v1/jobs`).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// Which kind of card: the name of a folder in `config/products/`.
    pub product: String,
    /// The upstream system's number of the application (*nomor permohonan*); `[A-Z0-9/-]{1,40}`. Only one live job may
    /// have a given `ref`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Why the card is issued: one of the product's reasons (`BARU`, `HILANG`, …).
    pub reason: String,
    /// The data to be printed, under the product's own field names. Values are texts or booleans.
    #[serde(default)]
    pub fields: BTreeMap<String, Value>,
    /// The documents that were seen: kind and hash only; the documents themselves are never sent here.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// The section head's decision that this card be printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<Recommendation>,
    /// The card that this one replaces; `reason` says why. A replacement needs a recommendation with its own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaces>,
    /// The photo in base64 if the job is posted as JSON (in a multipart post it is a separate part): standard or
    /// URL-safe, with or without padding, with or without line breaks, also as a data URI. An empty text means no
    /// photo. It is removed before the job is stored, because the photo is stored separately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<Photo>,
}

/// The card that a job replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replaces {
    /// The station's id of the old job. Its card must have come out, and no other live job may replace it.
    pub job: String,
    /// What has happened to the old card.
    pub old_card: OldCard,
}

/// What has happened to a card that is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldCard {
    /// It is at the office and cannot be used any more: counted as spoiled.
    Destroyed,
    /// Nobody knows where it is.
    Lost,
    /// Its holder still has it.
    Kept,
}

/// A portrait as received: JPEG or PNG bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo(pub Vec<u8>);

impl Serialize for Photo {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Photo {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Base64;
        impl serde::de::Visitor<'_> for Base64 {
            type Value = Photo;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the photo in standard base64")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Photo, E> {
                let bytes = base64::engine::general_purpose::STANDARD.decode(text);
                bytes.map(Photo).map_err(|_| E::custom("the photo is not standard base64"))
            }
        }
        from.deserialize_str(Base64)
    }
}

impl fmt::Debug for Photo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Photo({} bytes)", self.0.len())
    }
}

/// A document that was seen upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// `KK`, `AKTA`, `FOTO`, `KTP_ORTU`, … as the product names it.
    pub kind: String,
    /// SHA-256 of the document's file, 64 hexadecimal digits.
    pub sha256: String,
}

/// *Rekomendasi Kasi*: the approval. Its signature is not verified yet; until it is, the daemon listens on loopback
/// only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// Number of the recommendation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nomor: Option<String>,
    /// `SETUJU` (print) or `TOLAK` (do not).
    pub keputusan: String,
    /// Who decided: name, NIP, office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oleh: Option<Officer>,
    /// Time of the decision, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pada: Option<String>,
    /// End of its validity, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kadaluarsa: Option<String>,
    /// What the section head has checked: document → seen and correct.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub daftar_periksa: BTreeMap<String, bool>,
    /// Codes of warnings that the section head has seen and accepts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peringatan_disetujui: Vec<String>,
    /// SHA-256 over the canonical printed fields and the photo's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_data: Option<String>,
    /// Signature of the upstream key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tanda: Option<String>,
}

/// Who decided: `nama`, `nip`, `jabatan`. Stored as received.
pub type Officer = BTreeMap<String, String>;

impl fmt::Debug for JobRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobRequest({} {}, {} fields)", self.product, self.reference, self.fields.len())
    }
}

impl fmt::Debug for Recommendation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recommendation(…)")
    }
}
