//! The intake: everything that is looked at before a job is taken in, and again before it is printed.
//! Ties a product's rules, the recommendation, the office and the composer together; stores nothing,
//! knows neither HTTP nor the printer.

mod chip;
mod examined;
mod faces;
mod memory;
mod open;
mod record;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use drivers::contract::{CardImage, FaceImage, HeadSize, Tracks};
use drivers::encoder::Interface;
use drivers::words::Words;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::approval;
use crate::config::ProductSettings;
use crate::event::FaceHash;
use crate::finding::{Finding, Severity};
use crate::holder::HolderKey;
use crate::job::{JobRequest, Recommendation};
use crate::ledger::{Holder, HolderHash, W_SAME_HOLDER};
use crate::lifecycle::State;
use crate::product::folder::Products;
use crate::product::{Office, PhotoRules, Product, ReadyCard, Settings};
use crate::queue::{Claimed, Limits, Moment};
use crate::record::{SigningKey, base45};
use crate::render::{self, Composer, DecodedPhoto, Design, Sheet};
use crate::vault::Vault;

pub use chip::ChipContent;
pub use examined::{Examined, Refusal};
use memory::{CARD_BYTES, PhotoMemory};

/// A shorter value, characters, may stand in a number by chance.
const PERSONAL_CHARS_MIN: usize = 8;
/// Previews are drawn for an ID-1 card at 300 dpi, whatever printer is connected (ISO/IEC 7810).
const PREVIEW_HEAD: HeadSize = HeadSize { width_px: 1016, height_px: 648, dpi_x: 300, dpi_y: 300 };

/// Products, office and composer of this station.
pub struct Examiner {
    products: Products,
    /// By product and file name.
    designs: BTreeMap<(String, String), Design>,
    settings: BTreeMap<String, ProductSettings>,
    office: Office,
    /// The officials' signature pictures by file name, as the office profile names them.
    signatures: BTreeMap<String, Vec<u8>>,
    /// For the keys of chips.
    vault: Arc<Vault>,
    /// Recognises holders; an examiner without a ledger has none.
    holder_key: Option<HolderKey>,
    /// The keys that sign records, by their names in the vault.
    signers: BTreeMap<String, SigningKey>,
    /// What is missing and will hold jobs, though the station can start.
    notices: Vec<Words>,
    offset: Offset,
    /// At which station chips are written, if at any.
    encoder: Option<Interface>,
    specimen: bool,
    /// One for all: the static layers are kept once.
    composer: Mutex<Composer>,
    /// For every photo that is decoded and every card that is drawn.
    photo_memory: PhotoMemory,
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

impl Examiner {
    /// What is missing and will hold jobs of some products, though the station can start.
    pub fn notices(&self) -> &[Words] {
        &self.notices
    }

    /// Is nothing real configured, so that every card says CONTOH?
    pub fn specimen(&self) -> bool {
        self.specimen
    }

    /// The kinds of card that this station makes, by name.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.iter()
    }

    /// The kind of card of this name.
    pub fn product(&self, name: &str) -> Option<&Product> {
        self.products.find(name).ok()
    }

    /// Who may sign in this office.
    pub fn officials(&self) -> Vec<&str> {
        self.office.officials.iter().map(|official| official.id.as_str()).collect()
    }

    /// The office's time: when its days begin.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Does some product know this name? Only such a name may be repeated to whoever posts a job.
    pub fn knows_name(&self, name: &str) -> bool {
        self.products.iter().any(|product| product.knows_name(name))
    }

    /// Holds a posted job against every rule. `whole`: also looks at the photo's pixels and the fit of the
    /// texts; else the job is to be stored as received and inspected later.
    ///
    /// # Errors
    /// [`Refusal`] with every fault; then nothing may be stored.
    pub fn examine(
        &self,
        mut request: JobRequest,
        now: Timestamp,
        whole: bool,
    ) -> Result<Examined, Refusal> {
        let photo = request.photo.take().map(|photo| photo.0);
        let body_sha256 = body_sha256(&request, photo.as_deref());
        let product =
            self.products.find(&request.product).map_err(|unknown| Refusal::of(vec![unknown]))?;
        let checked = self.check(product, &request, photo.is_some(), now);
        let mut findings = checked.findings;
        findings.extend(approval::check(request.recommendation.as_ref(), now));
        findings.extend(own_approval(&request));
        findings.extend(disclosed(product, &request));
        if let (Some(recommendation), Some(card)) = (&request.recommendation, &checked.card) {
            findings.extend(product.unsaid(recommendation, card.photo));
        }
        let wants_photo = checked.card.as_ref().is_none_or(|card| card.photo);
        if let (Some(bytes), Some(rules), true) = (&photo, &product.photo, wants_photo) {
            findings.extend(render::photo::header(bytes, rules).err());
        }
        let is_error = |finding: &Finding| finding.severity() == Severity::Error;
        let Some(card) = checked.card.filter(|_| !findings.iter().any(is_error)) else {
            return Err(Refusal::of(findings));
        };
        let photo = photo.filter(|_| card.photo);
        if whole {
            findings.extend(self.look(product, &card, photo.as_deref(), now));
            if findings.iter().any(is_error) {
                return Err(Refusal::of(findings));
            }
        }
        acknowledge(&request, &mut findings);
        let state = match (whole, findings.iter().any(Finding::holds)) {
            (false, _) => State::Received,
            (true, true) => State::Held,
            (true, false) => State::Queued,
        };
        let approval = approval::number(request.recommendation.as_ref());
        let holder = self.holder(product, &request);
        let kind = card.kind;
        Ok(Examined { request, photo, kind, findings, state, body_sha256, approval, holder })
    }

    /// From now on holders are recognised by this key.
    pub fn know_holders_by(&mut self, key: HolderKey) {
        self.holder_key = Some(key);
    }

    /// The keyed hash of a job's holder; `None`: its product tells no holders apart.
    pub fn holder_hash(&self, request: &JobRequest) -> Option<HolderHash> {
        self.holder(self.products.find(&request.product).ok()?, request).map(|one| one.hash)
    }

    fn holder(&self, product: &Product, request: &JobRequest) -> Option<Holder> {
        let (rule, key) = (product.holder.as_ref()?, self.holder_key.as_ref()?);
        let value = request.fields.get(&rule.field)?.as_str()?;
        let accepted = |one: &Recommendation| {
            one.peringatan_disetujui.iter().any(|code| code == W_SAME_HOLDER)
        };
        Some(Holder {
            hash: key.hash(&product.name, &rule.field, value),
            field: rule.field.clone(),
            same_days: self.settings_of(product).same_holder_days.unwrap_or(rule.same_days),
            acknowledged: request.recommendation.as_ref().is_some_and(accepted),
            offset: self.offset,
        })
    }

    /// The inspection that was put off when the job was taken in.
    pub fn inspect(
        &self,
        request: &JobRequest,
        photo: Option<&[u8]>,
        received_at: Timestamp,
    ) -> Vec<Finding> {
        let mut findings = match self.card(request, photo.is_some(), received_at) {
            Ok((product, card)) => self.look(product, &card, photo, received_at),
            Err(findings) => findings,
        };
        acknowledge(request, &mut findings);
        findings
    }

    /// What stands against printing a claimed job now; see [`crate::queue::standing`].
    pub fn standing(&self, claimed: &Claimed, moment: Moment) -> Vec<Finding> {
        let settings = self.settings.get(&claimed.request.product);
        let days =
            settings.map_or(ProductSettings::default().stale_after_days, |s| s.stale_after_days);
        let stale_after = SignedDuration::from_hours(24 * i64::from(days));
        let limits = Limits { stale_after, blanks: self.attempts(&claimed.request.product) };
        let mut findings =
            crate::queue::standing(&claimed.record, &claimed.request, moment, limits);
        let product = self.products.find(&claimed.request.product).ok();
        findings.extend(product.and_then(|product| self.without_encoder(product)));
        findings
    }

    /// Composes a claimed job's faces into `into`, and makes its record: of the moment at which the job was accepted,
    /// so that composing it again gives the same bytes.
    ///
    /// # Errors
    /// Why a person must look at the job before it can be printed.
    pub fn compose(
        &self,
        claimed: &Claimed,
        head: HeadSize,
        now: Timestamp,
        into: &mut CardImage,
    ) -> Result<Composed, Vec<Finding>> {
        let Claimed { record, request, photo } = claimed;
        let (product, card) = self.card(request, photo.is_some(), record.received_at)?;
        let day = self.printing_day(product, request, now);
        let changed = product.recheck(request, record.kind.as_deref(), day, self.offset);
        if let Some(changed) = changed {
            return Err(vec![changed]);
        }
        let photo = photo.as_deref();
        let record = self.record(product, &card, photo, record.received_at);
        let record = record.map_err(|finding| vec![finding])?;
        let with = (photo, record.as_deref());
        let bytes = self.card_bytes(product, photo);
        self.photo_memory
            .run(bytes, || self.draw(product, &card, with, head, self.specimen, into))?;
        let chip = self.chip_content(product, &card, photo, record.as_deref())?;
        let record_sha256 = record.map(|bytes| Sha256::digest(bytes).into());
        Ok(Composed { faces: hashes(into), record_sha256, chip, tracks: card.tracks })
    }

    /// One side as a PNG, marked CONTOH whatever is configured; `None`: the card has no such side.
    ///
    /// # Errors
    /// Why the card cannot be composed.
    pub fn preview(
        &self,
        request: &JobRequest,
        photo: Option<&[u8]>,
        back: bool,
        received_at: Timestamp,
    ) -> Result<Option<Vec<u8>>, Vec<Finding>> {
        let (product, card) = self.card(request, photo.is_some(), received_at)?;
        let record = self.record_of_a_picture(product, &card, photo, received_at);
        let with = (photo, record.as_deref());
        self.photo_memory.run(self.card_bytes(product, photo), || {
            let mut image =
                CardImage { front: FaceImage::white(0, 0), back: None, stays_inside: false };
            self.draw(product, &card, with, PREVIEW_HEAD, true, &mut image)?;
            let face = if back { image.back.as_ref() } else { Some(&image.front) };
            Ok(face.map(render::to_png))
        })
    }

    fn check(
        &self,
        product: &Product,
        request: &JobRequest,
        photo_sent: bool,
        now: Timestamp,
    ) -> crate::product::Checked {
        let settings = self.settings_of(product);
        let settings =
            Settings { layout: settings.layout, issue_age_max_days: settings.issue_age_max_days };
        product.check(request, photo_sent, &self.office, &settings, now, self.offset)
    }

    /// A stored job as it is to be printed.
    fn card(
        &self,
        request: &JobRequest,
        photo_sent: bool,
        received_at: Timestamp,
    ) -> Result<(&Product, ReadyCard), Vec<Finding>> {
        let product = self.products.find(&request.product).map_err(|unknown| vec![unknown])?;
        let checked = self.check(product, request, photo_sent, received_at);
        let is_error = |finding: &Finding| finding.severity() == Severity::Error;
        match checked.card {
            Some(card) => Ok((product, card)),
            // The product's rules became stricter since the job was stored.
            None => Err(checked.findings.into_iter().filter(is_error).collect()),
        }
    }

    /// A product's age limits are held against the issue date; a station that is allowed to print old issues
    /// (the demo) must not find every child too old by today.
    fn printing_day(&self, product: &Product, request: &JobRequest, now: Timestamp) -> Timestamp {
        let lenient = self.settings_of(product).issue_age_max_days.is_some();
        let issued = product.issue_date(request).filter(|_| lenient);
        issued.and_then(|date| self.offset.to_timestamp(date.at(12, 0, 0, 0)).ok()).unwrap_or(now)
    }

    /// The photo's pixels, the record's key and the fit of texts and codes.
    fn look(
        &self,
        product: &Product,
        card: &ReadyCard,
        photo: Option<&[u8]>,
        at: Timestamp,
    ) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            self.record(product, card, photo, at).err().into_iter().collect();
        if let Some(bytes) = photo.filter(|_| card.photo) {
            let rules = product.photo.clone().unwrap_or_default();
            findings.extend(self.photo_memory.run(decoding_bytes(bytes, &rules), || {
                match render::photo::decode(bytes, &rules) {
                    Ok(photo) => look_at(&photo, &rules, card),
                    Err(finding) => vec![finding],
                }
            }));
        }
        // With a key or without, a record has the same length.
        let record =
            self.record_of_a_picture(product, card, photo, at).map(|one| base45::encode(&one));
        match self.sheet(product, card, (None, record.as_deref()), self.specimen) {
            Some(sheet) => findings.extend(self.composer().inspect(&sheet)),
            None => findings.push(no_face()),
        }
        findings.extend(self.without_encoder(product));
        findings
    }

    fn draw(
        &self,
        product: &Product,
        card: &ReadyCard,
        (photo, record): (Option<&[u8]>, Option<&[u8]>),
        head: HeadSize,
        specimen: bool,
        into: &mut CardImage,
    ) -> Result<(), Vec<Finding>> {
        let rules = product.photo.clone().unwrap_or_default();
        let photo = photo.filter(|_| card.photo).map(|bytes| render::photo::decode(bytes, &rules));
        let photo = photo.transpose().map_err(|finding| vec![finding])?;
        let record = record.map(base45::encode);
        let sheet = self.sheet(product, card, (photo.as_ref(), record.as_deref()), specimen);
        let sheet = sheet.ok_or_else(|| vec![no_face()])?;
        self.composer().compose(&sheet, head, into)
    }

    fn sheet<'a>(
        &'a self,
        product: &Product,
        card: &'a ReadyCard,
        (photo, record): (Option<&'a DecodedPhoto>, Option<&'a str>),
        specimen: bool,
    ) -> Option<Sheet<'a>> {
        let design = |file: &String| self.designs.get(&(product.name.clone(), file.clone()));
        let settings = self.settings_of(product);
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
                .and_then(|file| self.signatures.get(file))
                .map(Vec::as_slice),
            specimen,
            background: settings.background,
            offset_mm: (settings.offset_x_mm, settings.offset_y_mm),
        })
    }

    /// What drawing a card with this photo takes.
    fn card_bytes(&self, product: &Product, photo: Option<&[u8]>) -> u64 {
        let rules = product.photo.clone().unwrap_or_default();
        CARD_BYTES + photo.map_or(0, |bytes| decoding_bytes(bytes, &rules))
    }

    fn settings_of(&self, product: &Product) -> ProductSettings {
        self.settings.get(&product.name).cloned().unwrap_or_default()
    }

    /// A composer that was left in the middle of a card is as good as new: nothing of a card stays in it.
    fn composer(&self) -> std::sync::MutexGuard<'_, Composer> {
        self.composer.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What is refused takes nothing.
fn decoding_bytes(photo: &[u8], rules: &PhotoRules) -> u64 {
    render::photo::header(photo, rules).map_or(0, |header| header.decoding_bytes)
}

fn look_at(photo: &DecodedPhoto, rules: &PhotoRules, card: &ReadyCard) -> Vec<Finding> {
    render::photo::inspect(photo, rules, card.expected_backdrop)
}

/// Marks the warnings that the recommendation accepts.
fn acknowledge(request: &JobRequest, findings: &mut [Finding]) {
    let Some(recommendation) = &request.recommendation else { return };
    for finding in findings.iter_mut().filter(|f| f.severity() == Severity::Warning) {
        finding.acknowledged = recommendation.peringatan_disetujui.contains(&finding.code);
    }
}

/// A replacement is approved anew. Only a number tells two recommendations apart; without one the old recommendation
/// could be posted once more.
fn own_approval(request: &JobRequest) -> Option<Finding> {
    let numbered = approval::number(request.recommendation.as_ref()).is_some();
    if request.replaces.is_none() || request.recommendation.is_none() || numbered {
        return None;
    }
    let words = Words::fixed(
        "Kartu pengganti perlu rekomendasi baru dengan nomornya sendiri.",
        "A replacement needs a new recommendation with a number of its own.",
    );
    Some(Finding::at("recommendation.nomor", "E_REPLACES_APPROVAL", words))
}

/// `ref` and the recommendation's number stand in the ledger's lines for good, in events and in logs: what tells a person
/// apart has no place in them.
fn disclosed(product: &Product, request: &JobRequest) -> Vec<Finding> {
    let bare = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
    };
    let values = product.fields.iter().filter(|field| field.shape.identifies());
    let values = values.filter_map(|field| request.fields.get(&field.name)?.as_str());
    let personal: Vec<String> =
        values.map(bare).filter(|value| value.chars().count() >= PERSONAL_CHARS_MIN).collect();
    let number = request.recommendation.as_ref().and_then(|one| one.nomor.as_deref());
    let places = [("ref", Some(&*request.reference)), ("recommendation.nomor", number)];
    let tells = |text: &str| personal.iter().any(|value| bare(text).contains(value));
    let told = places.into_iter().filter(|(_, text)| text.is_some_and(tells));
    let words = || {
        Words::fixed(
            "Nomor ini memuat nama, NIK atau nomor KK pemegang kartu, padahal nomor tercatat selamanya. Pakai nomor register tanpa data pribadi.",
            "This number contains the holder's name, NIK or family card number, and numbers are recorded for good. Use a register's number without personal data.",
        )
    };
    told.map(|(place, _)| Finding::at(place, "E_PERSONAL", words())).collect()
}

/// A product whose faces changed on disk between check and start is refused at start; this is the rest.
fn no_face() -> Finding {
    let words = Words::fixed(
        "Gambar muka kartu untuk tata letak ini tidak ada. Periksa folder produk.",
        "There is no face for this layout. Check the product's folder.",
    );
    Finding::whole("H_NO_FACE", words)
}

fn hashes(card: &CardImage) -> Vec<FaceHash> {
    let hash = |side: &str, face: &FaceImage| FaceHash {
        side: side.to_owned(),
        sha256: hex(&render::face_sha256(face)),
    };
    std::iter::once(hash("front", &card.front))
        .chain(card.back.as_ref().map(|back| hash("back", back)))
        .collect()
}

/// Keys are sorted in a `JobRequest`, so two bodies with the same content have the same hash.
fn body_sha256(request: &JobRequest, photo: Option<&[u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(request).expect("texts and lists become JSON"));
    if let Some(photo) = photo {
        hash.update([0]);
        hash.update(photo);
    }
    hash.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
