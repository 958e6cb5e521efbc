//! Verifies a record against a key list, offline, and says in words what is wrong. Never panics, whatever the bytes.

use drivers::text::Text;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::envelope::{open, without_padding};
use super::{KeyList, Record, base45};

/// A verifier's clock may be this much behind the station's.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_hours(24);

/// The result.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The card's content, if a key of the list signed exactly this; never unverified content.
    pub record: Option<Record>,
    /// The name of that key in the list.
    pub key: Option<String>,
    /// The faults; the record is valid if there are none.
    pub faults: Vec<Fault>,
}

impl Verdict {
    /// Did a trusted office sign it, and is it still valid?
    pub fn is_good(&self) -> bool {
        self.faults.is_empty() && self.record.is_some()
    }

    fn refused(fault: Fault) -> Self {
        Self { record: None, key: None, faults: vec![fault] }
    }
}

/// One fault of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not a `signed-record/1`.
    NotARecord,
    /// The signing key is not in the list, or not stated.
    UnknownKey,
    /// The signature does not fit the content.
    Changed,
    /// The key is compromised.
    KeyWithdrawn,
    /// It was made before or after the days of the key.
    OutsideKeyDays,
    /// It was made in the future.
    FromTheFuture,
    /// Its validity has ended.
    Expired,
    /// Its number is in the list of revoked cards.
    Revoked,
    /// The photo is a different one.
    PhotoDiffers,
    /// A photo was given, and the record has none.
    NoPhoto,
}

impl Fault {
    /// For programs; never changes.
    pub fn code(self) -> &'static str {
        match self {
            Fault::NotARecord => "not_a_record",
            Fault::UnknownKey => "unknown_key",
            Fault::Changed => "changed",
            Fault::KeyWithdrawn => "key_withdrawn",
            Fault::OutsideKeyDays => "outside_key_days",
            Fault::FromTheFuture => "from_the_future",
            Fault::Expired => "expired",
            Fault::Revoked => "revoked",
            Fault::PhotoDiffers => "photo_differs",
            Fault::NoPhoto => "no_photo",
        }
    }

    /// For people: what is wrong and what to do.
    pub fn words(self) -> Text {
        let (id, en) = match self {
            Fault::NotARecord => (
                "Ini bukan rekaman kartu, atau terpotong. Pindai atau baca sekali lagi.",
                "This is not the record of a card, or it was cut off. Scan or read it once more.",
            ),
            Fault::UnknownKey => (
                "Penandatangannya tidak ada dalam daftar kunci. Perbarui daftar kunci; bila tetap, kartu ini tidak dapat dipercaya.",
                "Its signer is not in the list of keys. Renew the list; if that does not help, the card cannot be trusted.",
            ),
            Fault::Changed => (
                "Isinya bukan yang ditandatangani kantor: telah diubah atau rusak. Tahan kartu ini dan hubungi kantor penerbit.",
                "Its content is not what the office signed: it was changed or is damaged. Keep the card and call the issuing office.",
            ),
            Fault::KeyWithdrawn => (
                "Kunci penandatangan telah ditarik. Hubungi kantor penerbit; kartu perlu diganti.",
                "The signer's key has been withdrawn. Call the issuing office; the card must be replaced.",
            ),
            Fault::OutsideKeyDays => (
                "Dibuat di luar masa berlaku kunci penandatangan. Hubungi kantor penerbit.",
                "It was made outside the days in which the signer's key is good. Call the issuing office.",
            ),
            Fault::FromTheFuture => (
                "Dibuat pada waktu yang belum tiba. Periksa jam komputer ini.",
                "It was made at a time that has not come yet. Check the clock of this computer.",
            ),
            Fault::Expired => (
                "Masa berlaku kartu sudah habis. Pemegang perlu mengajukan kartu baru.",
                "The card is no longer valid. Its holder needs a new one.",
            ),
            Fault::Revoked => (
                "Kartu ini telah dicabut. Tahan kartu ini dan hubungi kantor penerbit.",
                "This card has been revoked. Keep it and call the issuing office.",
            ),
            Fault::PhotoDiffers => (
                "Fotonya bukan foto yang ditandatangani kantor. Tahan kartu ini dan hubungi kantor penerbit.",
                "The photo is not the one that the office signed for. Keep the card and call the issuing office.",
            ),
            Fault::NoPhoto => (
                "Rekaman ini tanpa foto; foto yang diberikan tidak dapat dibandingkan.",
                "This record has no photo; the one given cannot be compared.",
            ),
        };
        Text::fixed(id, en)
    }
}

/// Verifies signed bytes against `keys` at `now`; `photo`: the file whose hash the record should contain.
pub fn verify(bytes: &[u8], keys: &KeyList, now: Timestamp, photo: Option<&[u8]>) -> Verdict {
    let mut signer = None;
    let payload = open(bytes, |name| {
        signer = keys.find(name);
        signer.map(|one| &one.key)
    });
    let payload = match payload {
        Ok(payload) => payload,
        Err(fault) => return Verdict::refused(fault),
    };
    let (Some(signer), Some(record)) = (signer, Record::of_claims(&payload)) else {
        return Verdict::refused(Fault::NotARecord);
    };
    let photo_fault = match (photo, record.photo_sha256) {
        (Some(photo), Some(hash)) if Sha256::digest(photo)[..] != hash => Some(Fault::PhotoDiffers),
        (Some(_), None) => Some(Fault::NoPhoto),
        _ => None,
    };
    let wrong = [
        (signer.withdrawn, Fault::KeyWithdrawn),
        (!signer.covers(record.issued_at), Fault::OutsideKeyDays),
        (record.issued_at.duration_since(now) > CLOCK_TOLERANCE, Fault::FromTheFuture),
        (record.expires_at.is_some_and(|end| end <= now), Fault::Expired),
        (signer.revoked.contains(&record.card), Fault::Revoked),
    ];
    let faults = wrong.into_iter().filter(|(is_so, _)| *is_so).map(|(_, fault)| fault);
    let faults = faults.chain(photo_fault).collect();
    Verdict { record: Some(record), key: Some(signer.name.clone()), faults }
}

/// The signed bytes in the text of a QR code; `None` if it is not Base45. One line end after it, from a scanner, is
/// ignored.
pub fn read_text(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    base45::decode(text.strip_suffix('\r').unwrap_or(text))
}

/// The signed bytes at the beginning of a chip's file that is larger than the record.
pub fn read_chip(bytes: &[u8]) -> Option<&[u8]> {
    without_padding(bytes)
}
