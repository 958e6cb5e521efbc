//! The signed record of a card: made from a checked job, once, the same bytes for its faces and its chip. Knows neither.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Examiner;
use crate::finding::Finding;
use crate::product::{Product, ReadyCard, RecordContent};
use crate::queue::H_RECORD_KEY;
use crate::record::Record;

impl Examiner {
    /// The record's bytes, of the moment `at` which the job was accepted; `None` if the product has no record.
    ///
    /// # Errors
    /// `H_RECORD_KEY`: the vault has no key to sign it. A card is never printed without its record.
    pub(super) fn record(
        &self,
        product: &Product,
        card: &ReadyCard,
        photo: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<Option<Vec<u8>>, Finding> {
        let Some(content) = &card.record else { return Ok(None) };
        let key = self.signers.get(&content.key).ok_or_else(|| H_RECORD_KEY.at("record", &[]))?;
        Ok(Some(self.says(product, card, content, photo, at).sign(key)))
    }

    /// The same for a picture that is marked CONTOH and for the fit: without the office's key, signed by nobody.
    pub(super) fn record_of_a_picture(
        &self,
        product: &Product,
        card: &ReadyCard,
        photo: Option<&[u8]>,
        at: Timestamp,
    ) -> Option<Vec<u8>> {
        let content = card.record.as_ref()?;
        let record = self.says(product, card, content, photo, at);
        Some(match self.signers.get(&content.key) {
            Some(key) => record.sign(key),
            None => record.sign_as_nobody(),
        })
    }

    fn says(
        &self,
        product: &Product,
        card: &ReadyCard,
        content: &RecordContent,
        photo: Option<&[u8]>,
        at: Timestamp,
    ) -> Record {
        // Until midnight of the office after the last day.
        let end = content
            .last_day
            .and_then(|day| self.offset.to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok());
        Record {
            issuer: content.issuer.clone(),
            card: card.reference().to_owned(),
            product: product.name.clone(),
            issued_at: Timestamp::from_second(at.as_second()).unwrap_or(at),
            expires_at: end,
            photo_sha256: photo.filter(|_| card.photo).map(|photo| Sha256::digest(photo).into()),
            fields: content.fields.clone(),
        }
    }
}
