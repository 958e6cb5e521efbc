//! A card's typed data and its product → the picture of the card, its signed record, and what goes on chip and stripe.
//! The same card at the same moment gives the same bytes. Checks no rule of a product: intake has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use drivers::contract::{CardImage, FaceImage, HeadSize, Tracks};
use drivers::encoder::Interface;
use jiff::Timestamp;
use jiff::tz::Offset;
use sha2::{Digest as _, Sha256};

use super::memory::{CARD_BYTES, PhotoMemory};
use super::{ChipContent, Composer, DecodedPhoto, Design, Sheet, face_sha256, photo, to_png};
use crate::codes::picture::H_NO_FACE;
use crate::config::ProductSettings;
use crate::event::FaceHash;
use crate::finding::Finding;
use crate::product::folder::Products;
use crate::product::{PhotoRules, Product, ReadyCard};
use crate::record::{SigningKey, base45};
use crate::vault::Vault;
use base16ct::lower::encode_string as hex;

/// Previews are drawn for an ID-1 card at 300 dpi, whatever printer is connected (ISO/IEC 7810).
pub(super) const PREVIEW_HEAD: HeadSize =
    HeadSize { width_px: 1016, height_px: 648, dpi_x: 300, dpi_y: 300 };

/// Everything that makes the cards of this station's products, but for the machine.
pub struct CardRenderer {
    products: Arc<Products>,
    composer: Mutex<Composer>,
    /// For every photo that is decoded and every card that is drawn.
    photo_memory: PhotoMemory,
    with: Materials,
}

/// What a station's cards are made with.
pub struct Materials {
    /// By product and file name.
    pub designs: BTreeMap<(String, String), Design>,
    /// By product: background and offset.
    pub settings: BTreeMap<String, ProductSettings>,
    /// The officials' signature pictures by file name, as the office profile names them.
    pub signatures: BTreeMap<String, Vec<u8>>,
    /// For the keys of chips.
    pub vault: Arc<Vault>,
    /// The keys that sign records, by their names in the vault.
    pub signers: BTreeMap<String, SigningKey>,
    /// The office's time.
    pub offset: Offset,
    /// At which station chips are written, if at any.
    pub encoder: Option<Interface>,
    /// Is nothing real configured, so that every card says CONTOH?
    pub specimen: bool,
}

/// What was made of a job, beside its faces.
pub struct Composed {
    /// The hashes of its faces.
    pub faces: Vec<FaceHash>,
    /// SHA-256 of the card's signed record, where its product has one: the same bytes in its QR code and on its chip.
    pub record_sha256: Option<[u8; 32]>,
    /// What its chip must hold, where it has one and this station writes chips.
    pub chip: Option<ChipContent>,
    /// What its magnetic stripe must hold, where it has one.
    pub tracks: Option<Tracks>,
}

/// A card, its photo as it came, and the moment at which its job was accepted, which its record tells.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its kind of card.
    pub product: &'a Product,
    /// What intake made of the job.
    pub card: &'a ReadyCard,
    /// JPEG or PNG.
    pub photo: Option<&'a [u8]>,
    /// When the job was accepted.
    pub accepted_at: Timestamp,
}

impl<'a> Subject<'a> {
    /// The photo, where the card shows it.
    pub(super) fn shown_photo(&self) -> Option<&'a [u8]> {
        self.photo.filter(|_| self.card.photo)
    }

    fn photo_rules(&self) -> PhotoRules {
        self.product.photo.clone().unwrap_or_default()
    }
}

impl CardRenderer {
    /// With everything that its cards are made with.
    pub fn new(products: Arc<Products>, with: Materials) -> CardRenderer {
        // One composer for all cards: the static layers are kept once.
        let composer = Mutex::new(Composer::new());
        CardRenderer { products, composer, photo_memory: PhotoMemory::default(), with }
    }

    /// Is nothing real configured, so that every card says CONTOH?
    pub fn specimen(&self) -> bool {
        self.with.specimen
    }

    pub(super) fn with(&self) -> &Materials {
        &self.with
    }

    pub(super) fn products(&self) -> &Products {
        &self.products
    }

    /// Composes the faces into `into`, and makes the record: of the moment at which the job was accepted, so that
    /// composing it again gives the same bytes.
    ///
    /// # Errors
    /// Why a person must look at the job before it can be printed.
    pub fn compose(
        &self,
        subject: Subject<'_>,
        head: HeadSize,
        into: &mut CardImage,
    ) -> Result<Composed, Vec<Finding>> {
        let record = self.record(subject).map_err(|finding| vec![finding])?;
        let record = record.as_deref();
        self.photo_memory.run(card_bytes(subject), || {
            self.draw(subject, record, head, self.with.specimen, into)
        })?;
        let chip = self.chip_content(subject, record)?;
        let record_sha256 = record.map(|bytes| Sha256::digest(bytes).into());
        let tracks = subject.card.tracks.clone();
        Ok(Composed { faces: hashes(into), record_sha256, chip, tracks })
    }

    /// One side as a PNG, marked CONTOH whatever is configured; `None`: the card has no such side.
    ///
    /// # Errors
    /// Why the card cannot be composed.
    pub fn preview(
        &self,
        subject: Subject<'_>,
        back: bool,
    ) -> Result<Option<Vec<u8>>, Vec<Finding>> {
        let record = self.record_of_a_picture(subject);
        self.photo_memory.run(card_bytes(subject), || {
            let mut image =
                CardImage { front: FaceImage::white(0, 0), back: None, stays_inside: false };
            self.draw(subject, record.as_deref(), PREVIEW_HEAD, true, &mut image)?;
            let face = if back { image.back.as_ref() } else { Some(&image.front) };
            Ok(face.map(to_png))
        })
    }

    /// Could it be printed as it is: the photo's pixels, the record's key, the fit of texts and codes, the chip?
    pub fn inspect(&self, subject: Subject<'_>) -> Vec<Finding> {
        let Subject { product, card, .. } = subject;
        let mut findings: Vec<Finding> = self.record(subject).err().into_iter().collect();
        if let Some(bytes) = subject.shown_photo() {
            let rules = subject.photo_rules();
            let looked =
                self.photo_memory.run(decoding_bytes(bytes, &rules), || {
                    match photo::decode(bytes, &rules) {
                        Ok(decoded) => photo::inspect(&decoded, &rules, card.expected_backdrop),
                        Err(finding) => vec![finding],
                    }
                });
            findings.extend(looked);
        }
        // With a key or without, a record has the same length.
        let record = self.record_of_a_picture(subject).map(|one| base45::encode(&one));
        match self.sheet(product, card, (None, record.as_deref()), self.with.specimen) {
            Some(sheet) => findings.extend(self.composer().inspect(&sheet)),
            None => findings.push(H_NO_FACE.whole()),
        }
        findings.extend(self.without_encoder(product));
        findings
    }

    fn draw(
        &self,
        subject: Subject<'_>,
        record: Option<&[u8]>,
        head: HeadSize,
        specimen: bool,
        into: &mut CardImage,
    ) -> Result<(), Vec<Finding>> {
        let rules = subject.photo_rules();
        let decoded = subject.shown_photo().map(|bytes| photo::decode(bytes, &rules));
        let decoded = decoded.transpose().map_err(|finding| vec![finding])?;
        let record = record.map(base45::encode);
        let with = (decoded.as_ref(), record.as_deref());
        let sheet = self.sheet(subject.product, subject.card, with, specimen);
        let sheet = sheet.ok_or_else(|| vec![H_NO_FACE.whole()])?;
        self.composer().compose(&sheet, head, into)
    }

    fn sheet<'a>(
        &'a self,
        product: &Product,
        card: &'a ReadyCard,
        (photo, record): (Option<&'a DecodedPhoto>, Option<&'a str>),
        specimen: bool,
    ) -> Option<Sheet<'a>> {
        let design = |file: &String| self.with.designs.get(&(product.name.clone(), file.clone()));
        let settings = self.with.settings.get(&product.name).cloned().unwrap_or_default();
        let back = match &card.back {
            Some(file) => Some(design(file)?),
            None => None,
        };
        Some(Sheet {
            front: design(&card.front)?,
            back,
            values: &card.values,
            photo,
            record,
            signature: card
                .signature_image
                .as_ref()
                .and_then(|file| self.with.signatures.get(file))
                .map(Vec::as_slice),
            specimen,
            background: settings.background,
            offset_mm: (settings.offset_x_mm, settings.offset_y_mm),
        })
    }

    /// A composer that was left in the middle of a card is as good as new: nothing of a card stays in it.
    fn composer(&self) -> std::sync::MutexGuard<'_, Composer> {
        self.composer.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What drawing a card with this photo takes.
fn card_bytes(subject: Subject<'_>) -> u64 {
    CARD_BYTES + subject.photo.map_or(0, |bytes| decoding_bytes(bytes, &subject.photo_rules()))
}

/// What is refused takes nothing.
fn decoding_bytes(bytes: &[u8], rules: &PhotoRules) -> u64 {
    photo::header(bytes, rules).map_or(0, |header| header.decoding_bytes)
}

fn hashes(card: &CardImage) -> Vec<FaceHash> {
    let hash = |side: &str, face: &FaceImage| FaceHash {
        side: side.to_owned(),
        sha256: hex(&face_sha256(face)),
    };
    std::iter::once(hash("front", &card.front))
        .chain(card.back.as_ref().map(|back| hash("back", back)))
        .collect()
}
