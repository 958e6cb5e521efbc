//! `signed-record/1`: the office's signed statement about a card, small enough for a QR code, and the same bytes on a
//! chip. Pure: no clock, disk, network; keys and times are passed in. Knows neither products nor faces.
//!
//! COSE_Sign1 (RFC 9052, tag 18) over a CWT claims map (RFC 8392), ES256. In the protected header `alg` and `kid`
//! ([`kid`]); in the claims, in this order:
//!
//! | key | | |
//! |---|---|---|
//! | 1 | `iss` | the issuing office, a text |
//! | 4 | `exp` | seconds since 1970; absent where the card does not end |
//! | 6 | `iat` | seconds since 1970 |
//! | -65537 | the card | a map, see below; this private number means `signed-record/1`, another version gets another |
//!
//! | key in the card | | |
//! |---|---|---|
//! | 0 | number of the card | the job's `ref`, a text; lists of revoked cards name it |
//! | 1 | SHA-256 of the photo | of the file as it was accepted, 32 bytes; absent on a card without one |
//! | 2 | kind of card | the product's name, a text |
//! | 3 … | fields | as `fields.rs` numbers them, others by name; texts, dates as `YYYY-MM-DD` |
//!
//! In a QR code the bytes are encoded as [`base45`], without a prefix.
//!
//! **One record, one form.** Everything is deterministic CBOR (RFC 8949, 4.2.1), with tag 18 and no other; the only
//! unsigned part is the key's id, if it is not signed; of the two signatures that ECDSA has for one content, with s and
//! n - s, only the smaller one is made or accepted. So one record cannot appear as two in lists and comparisons by
//! their bytes.

pub mod base45;
mod envelope;
mod fields;
mod form;
mod keys;
mod statement;
mod verify;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use coset::CborSerializable as _;
use coset::cbor::value::Value;
use coset::cwt::{ClaimName, ClaimsSet, ClaimsSetBuilder, Timestamp as Seconds};
use jiff::Timestamp;

pub use envelope::{KID_BYTES, kid};
pub use keys::{FORMAT, KeyList, PublicKey};
pub use p256::ecdsa::SigningKey;
pub use statement::{STATEMENT_BYTES_MAX, read_statement, sign_statement};
pub use verify::{Fault, Verdict, read_chip, read_text, verify};

/// The private claim that holds the card. Its number is the version of the format.
const CARD: i64 = -65_537;
const NUMBER: i64 = 0;
const PHOTO: i64 = 1;
const PRODUCT: i64 = 2;

/// The content of a record. All of it is personal: `Debug` shows none.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The office.
    pub issuer: String,
    /// Number of the card.
    pub card: String,
    /// Kind of card.
    pub product: String,
    /// When the job was accepted; whole seconds.
    pub issued_at: Timestamp,
    /// When the card's validity ends.
    pub expires_at: Option<Timestamp>,
    /// Hash of the photo's file.
    pub photo_sha256: Option<[u8; 32]>,
    /// Field → text.
    pub fields: BTreeMap<String, String>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({}, {} fields)", self.product, self.fields.len())
    }
}

impl Record {
    /// The signed bytes; the same record and key give the same bytes.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        envelope::seal(self.claims(), key)
    }

    /// Signs with a publicly known key: for pictures that are marked CONTOH and never printed.
    pub fn sign_as_nobody(&self) -> Vec<u8> {
        self.sign(&envelope::nobodys_key())
    }

    fn claims(&self) -> Vec<u8> {
        let text = |text: &String| Value::Text(text.clone());
        let mut card = vec![(Value::from(NUMBER), text(&self.card))];
        card.extend(self.photo_sha256.map(|hash| (Value::from(PHOTO), Value::from(&hash[..]))));
        card.push((Value::from(PRODUCT), text(&self.product)));
        let numbered = |name: &String| fields::number(name);
        let mut entries: Vec<_> = self.fields.iter().collect();
        // Numbers before names, as in deterministic CBOR (RFC 8949, 4.2.1).
        entries.sort_by_key(|(name, _)| {
            (numbered(name).is_none(), numbered(name), name.len(), (*name).clone())
        });
        card.extend(entries.into_iter().map(|(name, value)| {
            let key = numbered(name).map_or_else(|| text(name), Value::from);
            (key, text(value))
        }));
        let mut claims = ClaimsSetBuilder::new()
            .issuer(self.issuer.clone())
            .issued_at(Seconds::WholeSeconds(self.issued_at.as_second()))
            .private_claim(CARD, Value::Map(card));
        if let Some(end) = self.expires_at {
            claims = claims.expiration_time(Seconds::WholeSeconds(end.as_second()));
        }
        claims.build().to_vec().expect("texts, bytes and small numbers become CBOR")
    }

    /// Decodes claims; `None` if they are not those of a `signed-record/1`.
    fn of_claims(bytes: &[u8]) -> Option<Record> {
        if !form::is_deterministic(bytes) {
            return None;
        }
        let claims = ClaimsSet::from_slice(bytes).ok()?;
        let issued_at = moment(claims.issued_at?)?;
        // A record is valid from the moment it is made, so one with a later beginning is something else.
        if let Some(begin) = claims.not_before
            && moment(begin)? > issued_at
        {
            return None;
        }
        let mut record = Record {
            issuer: claims.issuer?,
            card: String::new(),
            product: String::new(),
            issued_at,
            expires_at: None,
            photo_sha256: None,
            fields: BTreeMap::new(),
        };
        if let Some(end) = claims.expiration_time {
            record.expires_at = Some(moment(end)?);
        }
        let card = claims.rest.into_iter().find(|(name, _)| *name == ClaimName::PrivateUse(CARD));
        let Value::Map(card) = card?.1 else { return None };
        for (key, value) in card {
            record.take(key, value)?;
        }
        (!record.card.is_empty() && !record.product.is_empty()).then_some(record)
    }

    /// Adds one entry of the card. `None`: it has the wrong type, or is a duplicate.
    fn take(&mut self, key: Value, value: Value) -> Option<()> {
        let number = key.as_integer().map(i64::try_from).transpose().ok()?;
        let free = match (number, value) {
            (Some(NUMBER), Value::Text(text)) => std::mem::replace(&mut self.card, text).is_empty(),
            (Some(PRODUCT), Value::Text(text)) => {
                std::mem::replace(&mut self.product, text).is_empty()
            }
            (Some(PHOTO), Value::Bytes(hash)) => {
                self.photo_sha256.replace(hash.try_into().ok()?).is_none()
            }
            (Some(PHOTO | NUMBER | PRODUCT), _) => return None,
            (number, Value::Text(text)) => {
                let name = match number {
                    Some(number) => fields::name(number),
                    None => key.into_text().ok()?,
                };
                self.fields.insert(name, text).is_none()
            }
            _ => return None,
        };
        free.then_some(())
    }
}

fn moment(seconds: Seconds) -> Option<Timestamp> {
    let Seconds::WholeSeconds(seconds) = seconds else { return None };
    Timestamp::from_second(seconds).ok()
}
