//! The signed record of a card: made from its typed data, once, the same bytes for its faces and its chip. Knows neither.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::card::{CardRenderer, Subject};
use crate::codes::station::H_RECORD_KEY;
use crate::finding::Finding;
use crate::product::RecordContent;
use crate::record::Record;

impl CardRenderer {
    /// The record's bytes, of the moment at which the job was accepted; `None` if the product has no record.
    ///
    /// # Errors
    /// `H_RECORD_KEY`: the vault has no key to sign it. A card is never printed without its record.
    pub(super) fn record(&self, subject: Subject<'_>) -> Result<Option<Vec<u8>>, Finding> {
        let Some(content) = &subject.card.record else { return Ok(None) };
        let key = self.with().signers.get(&content.key);
        let key = key.ok_or_else(|| H_RECORD_KEY.at("record", &[]))?;
        Ok(Some(self.says(subject, content).sign(key)))
    }

    /// The same for a picture that is marked CONTOH and for the fit: without the office's key, signed by nobody.
    pub(super) fn record_of_a_picture(&self, subject: Subject<'_>) -> Option<Vec<u8>> {
        let content = subject.card.record.as_ref()?;
        let record = self.says(subject, content);
        Some(match self.with().signers.get(&content.key) {
            Some(key) => record.sign(key),
            None => record.sign_as_nobody(),
        })
    }

    fn says(&self, subject: Subject<'_>, content: &RecordContent) -> Record {
        let at = subject.accepted_at;
        // Until midnight of the office after the last day.
        let end = content.last_day.and_then(|day| {
            self.with().offset.to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok()
        });
        Record {
            issuer: content.issuer.clone(),
            card: subject.card.reference().to_owned(),
            product: subject.product.name.clone(),
            issued_at: Timestamp::from_second(at.as_second()).unwrap_or(at),
            expires_at: end,
            photo_sha256: subject.shown_photo().map(|photo| Sha256::digest(photo).into()),
            fields: content.fields.clone(),
        }
    }
}
