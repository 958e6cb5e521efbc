//! A checked job → its typed card: everything that is needed after intake, in print form. It is stored with the job,
//! and later steps read it instead of the request. Must not know how a face is drawn.

use std::collections::BTreeMap;
use std::fmt;

use base16ct::lower::encode_string as hex;
use drivers::contract::{TrackError, Tracks};
use drivers::text::Text;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::age::print_date;
use super::check::{Review, Standing};
use super::definition::listed;
use super::office::SignatureMode;
use super::reading::{self, Reading};
use super::stripe::Misfit;
use super::{
    Backdrop, BackgroundRule, Field, Front, Office, Product, RecordContent, Settings, Shape, codes,
};
use crate::approval;
use crate::finding::Finding;

/// The name of the application number's value on a face.
pub const REFERENCE: &str = "ref_cetak";

/// The typed card: everything of a job that is needed after intake, except the photo's bytes. `Debug` shows no value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyCard {
    /// The definitions from which it was derived, see [`Product::basis`]. A card of another basis is rebuilt from the
    /// request.
    pub basis: String,
    /// Kind of card: the product's name.
    pub product: String,
    /// Code of the kind; `None` if the product has no kinds.
    pub kind: Option<String>,
    /// Name in a face's braces → text in print form; exactly the names of `Product::value_names`.
    pub values: BTreeMap<String, String>,
    /// File name of the front.
    pub front: String,
    /// File name of the back; `None` for a one-sided card.
    pub back: Option<String>,
    /// Is the photo printed? If not, it is not stored either.
    pub photo: bool,
    /// The required backdrop of the photo.
    pub expected_backdrop: Option<Backdrop>,
    /// The official's signature image as named in the office profile, if this office prints one.
    pub signature_image: Option<String>,
    /// The content of the magnetic stripe; `None` if the product has none.
    pub tracks: Option<Tracks>,
    /// The content of the card's signed record, if the product has one.
    pub record: Option<RecordContent>,
    /// The date of birth, if the product has ages: the kind can change while the job waits.
    pub born: Option<Date>,
    /// The date of issue, if the product has one.
    pub issued: Option<Date>,
    /// When the approval ends, as it states; see [`approval::ends`].
    pub approval_ends: Option<Timestamp>,
    /// Codes of warnings that the approval accepts.
    pub accepted_warnings: Vec<String>,
}

impl fmt::Debug for ReadyCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadyCard({}, {} values)", self.front, self.values.len())
    }
}

impl ReadyCard {
    /// The number of the application, which is also the card's: one card per job.
    pub fn reference(&self) -> &str {
        self.values.get(REFERENCE).map_or("", String::as_str)
    }
}

/// May a face show this field?
pub(super) fn is_printed(field: &Field) -> bool {
    field.printed && !matches!(field.shape, Shape::Flag | Shape::Official)
}

impl Product {
    /// A digest of everything besides its request that determines a card: the product's definition, the office's
    /// profile, the layout in use, and the program's version. A change of any of them changes the cards that are not
    /// printed yet.
    pub fn basis(&self, office: &Office, settings: &Settings) -> String {
        let layout = settings.layout.as_deref().unwrap_or(&self.default_layout);
        let mut hash = Sha256::new();
        hash.update(self.definition_sha256);
        hash.update(office.profile_sha256);
        hash.update(layout);
        hash.update([0]);
        hash.update(env!("CARGO_PKG_VERSION"));
        hex(&hash.finalize())
    }
}

impl Review<'_> {
    /// The card to print. `None` only if the product has no such layout or front, which `Product::parse` refuses.
    pub(super) fn ready(&self, standing: Standing<'_>) -> Option<ReadyCard> {
        let layout = self.product.layout(self.settings)?;
        let front = match &layout.front {
            Front::One(file) => file,
            Front::ByKind(files) => files.get(&standing.kind?.code)?,
        };
        let official =
            self.office.official(self.shaped(|shape| matches!(shape, Shape::Official)).text())?;
        let photo = self.photo_wanted(standing)?;
        let approval = self.job.recommendation.as_ref();
        let date = |field: Option<usize>| self.reading(field).date();
        Some(ReadyCard {
            basis: self.product.basis(self.office, self.settings),
            product: self.product.name.clone(),
            kind: standing.kind.map(|kind| kind.code.clone()),
            values: self.values(standing),
            front: front.clone(),
            back: layout.back.clone(),
            photo,
            expected_backdrop: if photo { self.backdrop() } else { None },
            signature_image: official
                .image
                .clone()
                .filter(|_| self.office.signature == SignatureMode::Image),
            tracks: None,
            record: self.record(standing),
            born: date(self.product.age.map(|age| age.born)),
            issued: date(self.product.issue.map(|issue| issue.field)),
            approval_ends: approval.and_then(approval::ends),
            accepted_warnings: approval
                .map(|approval| approval.peringatan_disetujui.clone())
                .unwrap_or_default(),
        })
    }

    /// Adds the tracks of the stripe; returns a finding if a track cannot hold its content.
    pub(super) fn magnetised(&self, card: ReadyCard) -> Result<ReadyCard, Finding> {
        let Some(stripe) = &self.product.stripe else { return Ok(card) };
        match stripe.tracks(&card.values) {
            Ok(tracks) => Ok(ReadyCard { tracks: Some(tracks), ..card }),
            Err(misfit) => Err(self.not_on_a_track(&misfit)),
        }
    }

    fn not_on_a_track(&self, misfit: &Misfit) -> Finding {
        let field = misfit.field.as_ref().and_then(|name| self.product.field(name));
        let (track, code, limit) = match misfit.error {
            TrackError::TooLong { track, most, .. } => (track, &codes::E_TRACK_LENGTH, most),
            TrackError::Empty { track } => (track, &codes::E_TRACK_LENGTH, 1),
            TrackError::Character { track, .. } => (track, &codes::E_TRACK_CHARACTER, 0),
        };
        let place = field.map_or_else(|| "fields".to_owned(), reading::place);
        let label = field.map_or(Text::fixed("Isi", "What is to be written"), |f| f.label.clone());
        let (track, limit) = (track.to_string(), limit.to_string());
        code.at(
            place,
            &[
                ("{label}", &label),
                ("{track}", &listed([track.as_str()])),
                ("{limit}", &listed([limit.as_str()])),
            ],
        )
    }

    fn shaped(&self, wanted: impl Fn(&Shape) -> bool) -> Reading<'_> {
        let at = self.product.fields.iter().position(|field| wanted(&field.shape));
        at.map_or(Reading::Absent, |at| self.reading(Some(at)))
    }

    fn values(&self, standing: Standing<'_>) -> BTreeMap<String, String> {
        let official = self.shaped(|shape| matches!(shape, Shape::Official)).text();
        let mut values: BTreeMap<String, String> = self.office.values(official).collect();
        values.insert(REFERENCE.to_owned(), self.job.reference.clone());
        for (field, reading) in self.product.fields.iter().zip(&self.readings) {
            if !is_printed(field) {
                continue;
            }
            let text = match (&field.shape, reading) {
                (Shape::Kind, _) => standing.kind.map(|kind| kind.code.clone()),
                (Shape::ValidUntil, _) => standing.last_day.map(print_date),
                // Only in an office that signs in this way: a face must not show an unrequested QR code.
                (Shape::Tte { .. }, _) if self.office.signature != SignatureMode::TteQr => None,
                (Shape::Digits { pad, .. }, Reading::Text(text)) => Some(format!("{text:0>pad$}")),
                (_, Reading::Text(text)) => Some((*text).to_owned()),
                (_, Reading::Date(date)) => Some(print_date(*date)),
                _ => None,
            };
            // An absent field does not replace the office's value of the same name, such as the place of issue.
            match text {
                Some(text) => drop(values.insert(field.name.clone(), text)),
                None => drop(values.entry(field.name.clone()).or_default()),
            }
        }
        values
    }

    /// Red for an odd birth year, blue for an even one (DOMAIN 8).
    fn backdrop(&self) -> Option<Backdrop> {
        if self.product.photo.as_ref()?.background != BackgroundRule::BirthYearParity {
            return None;
        }
        let born = self.reading(Some(self.product.age?.born)).date()?;
        Some(if born.year() % 2 == 1 { Backdrop::Red } else { Backdrop::Blue })
    }
}
