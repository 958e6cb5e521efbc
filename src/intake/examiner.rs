//! Checks jobs against everything that this station knows: the product's rules, the approval, the photo, the fit of
//! texts and codes. Builds the typed card once; a stored job is read by that card. Stores nothing, knows neither HTTP
//! nor the printer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use drivers::contract::{CardImage, HeadSize};
use drivers::text::Text;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::examined::{Examined, Refusal};
use super::recheck::{self, Circumstances, Limits, OfCard};
use crate::approval;
use crate::codes::Severity;
use crate::codes::requests::{E_PERSONAL, E_REPLACES_APPROVAL};
use crate::codes::station::H_DATA_DAMAGED;
use crate::config::ProductSettings;
use crate::finding::Finding;
use crate::holder::HolderKey;
use crate::job::json::{self, Fault};
use crate::job::{JobRequest, Recommendation};
use crate::ledger::{Holder, HolderHash, StoredRequest, W_SAME_HOLDER};
use crate::lifecycle::State;
use crate::product::folder::Products;
use crate::product::{Checked, Office, Product, ReadyCard, Settings};
use crate::queue::{Claimed, Moment};
use crate::render::{CardRenderer, Composed, Subject, photo};

/// A shorter value, in characters, could appear in a number by coincidence.
const PERSONAL_CHARS_MIN: usize = 8;

/// Products and office of this station, and the renderer of its cards.
pub struct Examiner {
    pub(super) products: Arc<Products>,
    pub(super) settings: BTreeMap<String, ProductSettings>,
    pub(super) office: Office,
    /// Recognises holders; an examiner without a ledger has no key.
    pub(super) holder_key: Option<HolderKey>,
    /// Missing things that will hold jobs, although the station can start.
    pub(super) notices: Vec<Text>,
    pub(super) offset: Offset,
    pub(super) renderer: CardRenderer,
}

/// A job's product, and its typed card: the stored one, or a rebuilt one.
type CardOf<'a, 'j> = (&'a Product, Cow<'j, ReadyCard>);

impl Examiner {
    /// Missing things that will hold jobs of some products, although the station can start.
    pub fn notices(&self) -> &[Text] {
        &self.notices
    }

    /// The renderer of this station's cards.
    pub fn renderer(&self) -> &CardRenderer {
        &self.renderer
    }

    /// The kinds of card that this station makes, by name.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.iter()
    }

    /// The kind of card of this name.
    pub fn product(&self, name: &str) -> Option<&Product> {
        self.products.find(name).ok()
    }

    /// The officials who may sign in this office.
    pub fn officials(&self) -> Vec<&str> {
        self.office.officials.iter().map(|official| official.id.as_str()).collect()
    }

    /// The office's UTC offset, which defines its days.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Reads a job as JSON. A fault repeats a key's name only if some product knows it.
    ///
    /// # Errors
    /// [`Fault`]: it is not a job.
    pub fn read(&self, text: &[u8]) -> Result<JobRequest, Fault> {
        let known = |name: &str| self.products.iter().any(|product| product.knows_name(name));
        json::read(text, &known).and_then(JobRequest::from_json)
    }

    /// Checks a posted job against every rule. `whole`: also inspects the photo's pixels and the fit of the texts;
    /// otherwise the job is stored as received and inspected later.
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
            findings.extend(photo::header(bytes, rules).err());
        }
        let is_error = |finding: &Finding| finding.severity() == Severity::Refuse;
        let Some(card) = checked.card.filter(|_| !findings.iter().any(is_error)) else {
            return Err(Refusal::of(findings));
        };
        let photo = photo.filter(|_| card.photo);
        if whole {
            let subject =
                Subject { product, card: &card, photo: photo.as_deref(), accepted_at: now };
            findings.extend(self.renderer.inspect(subject));
            if findings.iter().any(is_error) {
                return Err(Refusal::of(findings));
            }
        }
        acknowledge(&card, &mut findings);
        let state = match (whole, findings.iter().any(Finding::holds)) {
            (false, _) => State::Received,
            (true, true) => State::Held,
            (true, false) => State::Queued,
        };
        let approval = approval::number(request.recommendation.as_ref());
        let holder = self.holder(product, &request);
        Ok(Examined { request, card, photo, findings, state, body_sha256, approval, holder })
    }

    /// Sets the key that recognises holders.
    pub fn know_holders_by(&mut self, key: HolderKey) {
        self.holder_key = Some(key);
    }

    /// The keyed hash of a job's holder; `None`: its product does not identify holders.
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

    /// The inspection that was postponed when the job was accepted.
    pub fn inspect(
        &self,
        stored: &StoredRequest,
        photo: Option<&[u8]>,
        accepted_at: Timestamp,
    ) -> Vec<Finding> {
        let (product, card) = match self.stored_card(stored, photo.is_some(), accepted_at) {
            Ok(found) => found,
            Err(findings) => return findings,
        };
        let card = card.as_ref();
        let mut findings = self.renderer.inspect(Subject { product, card, photo, accepted_at });
        acknowledge(card, &mut findings);
        findings
    }

    /// Repeats the checks whose result time, machine or configuration may have changed ([`super::recheck`]), then
    /// composes a claimed job's faces into `into`.
    ///
    /// # Errors
    /// Why a person must look at the job before it can be printed.
    pub fn make_card(
        &self,
        claimed: &Claimed,
        head: HeadSize,
        moment: Moment,
        into: &mut CardImage,
    ) -> Result<Composed, Vec<Finding>> {
        let made = self.try_to_make(claimed, head, moment, into);
        let is_of_a_rule = |finding: &Finding| recheck::rule_of(&finding.code).is_some();
        debug_assert!(
            made.as_ref().err().is_none_or(|findings| findings.iter().all(is_of_a_rule)),
            "every finding on the way to the printer belongs to a named rule"
        );
        made
    }

    fn try_to_make(
        &self,
        claimed: &Claimed,
        head: HeadSize,
        moment: Moment,
        into: &mut CardImage,
    ) -> Result<Composed, Vec<Finding>> {
        let Claimed { record, request, photo } = claimed;
        let accepted_at = record.received_at;
        let (product, card) = self.stored_card(request, photo.is_some(), accepted_at)?;
        let card = card.as_ref();
        let settings = self.settings_of(product);
        let days = settings.stale_after_days;
        let stale_after = SignedDuration::from_hours(24 * i64::from(days));
        let chip = self.renderer.chip_of(&product.name);
        let blanks = chip.map_or(recheck::BLANKS_A_JOB, |chip| chip.rule.attempts);
        let limits = Limits { stale_after, blanks };
        let of_card = OfCard {
            product,
            card,
            day: printing_day(&settings, card, self.offset, moment.now),
            renderer: &self.renderer,
        };
        let found = recheck::recheck(&Circumstances {
            record,
            approval_ends: card.approval_ends,
            moment,
            limits,
            card: Some(of_card),
        });
        if !found.is_empty() {
            return Err(found);
        }
        let photo = photo.as_deref();
        self.renderer.compose(Subject { product, card, photo, accepted_at }, head, into)
    }

    /// One side of a stored job's card as a PNG; see [`CardRenderer::preview`].
    ///
    /// # Errors
    /// Why the card cannot be composed.
    pub fn preview(
        &self,
        stored: &StoredRequest,
        photo: Option<&[u8]>,
        back: bool,
        accepted_at: Timestamp,
    ) -> Result<Option<Vec<u8>>, Vec<Finding>> {
        let (product, card) = self.stored_card(stored, photo.is_some(), accepted_at)?;
        let card = card.as_ref();
        self.renderer.preview(Subject { product, card, photo, accepted_at }, back)
    }

    /// The typed card of a request, by the product's rules alone.
    ///
    /// # Errors
    /// The rules' errors.
    pub fn card(
        &self,
        request: &JobRequest,
        photo_sent: bool,
        now: Timestamp,
    ) -> Result<(&Product, ReadyCard), Vec<Finding>> {
        let product = self.products.find(&request.product).map_err(|unknown| vec![unknown])?;
        let checked = self.check(product, request, photo_sent, now);
        let is_error = |finding: &Finding| finding.severity() == Severity::Refuse;
        match checked.card {
            Some(card) => Ok((product, card)),
            None => Err(checked.findings.into_iter().filter(is_error).collect()),
        }
    }

    /// The card that is stored with a job. If it was made by other definitions than the current ones, or an older
    /// ledger has none, it is rebuilt from the request: a current face may need a value that the stored card lacks, and
    /// an official who has left the office must not sign.
    fn stored_card<'a, 'j>(
        &'a self,
        stored: &'j StoredRequest,
        photo_sent: bool,
        accepted_at: Timestamp,
    ) -> Result<CardOf<'a, 'j>, Vec<Finding>> {
        if let Some(card) = stored.card()
            && let Ok(product) = self.products.find(&card.product)
            && card.basis
                == product.basis(&self.office, &checked_settings(self.settings_of(product)))
        {
            return Ok((product, Cow::Borrowed(card)));
        }
        let request = stored.parse_again().ok_or_else(|| vec![H_DATA_DAMAGED.at("job", &[])])?;
        let (product, card) = self.card(&request, photo_sent, accepted_at)?;
        Ok((product, Cow::Owned(card)))
    }

    fn check(
        &self,
        product: &Product,
        request: &JobRequest,
        photo_sent: bool,
        now: Timestamp,
    ) -> Checked {
        let settings = checked_settings(self.settings_of(product));
        product.check(request, photo_sent, &self.office, &settings, now, self.offset)
    }

    fn settings_of(&self, product: &Product) -> ProductSettings {
        self.settings.get(&product.name).cloned().unwrap_or_default()
    }
}

/// The part of a product's settings that its rules use.
fn checked_settings(settings: ProductSettings) -> Settings {
    Settings { layout: settings.layout, issue_age_max_days: settings.issue_age_max_days }
}

/// The day against which a product's age limits are checked is the issue date. A station that may print old issues (the
/// demo) must not reject every child as too old today.
fn printing_day(
    settings: &ProductSettings,
    card: &ReadyCard,
    offset: Offset,
    now: Timestamp,
) -> jiff::civil::Date {
    let lenient = settings.issue_age_max_days.is_some();
    card.issued.filter(|_| lenient).unwrap_or_else(|| offset.to_datetime(now).date())
}

/// Marks the warnings that the approval accepts.
fn acknowledge(card: &ReadyCard, findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|f| f.severity() == Severity::Warn) {
        finding.acknowledged = card.accepted_warnings.contains(&finding.code);
    }
}

/// A replacement needs a new approval. Only the number distinguishes two recommendations; without one, the old
/// recommendation could be posted again.
fn own_approval(request: &JobRequest) -> Option<Finding> {
    let numbered = approval::number(request.recommendation.as_ref()).is_some();
    if request.replaces.is_none() || request.recommendation.is_none() || numbered {
        return None;
    }
    Some(E_REPLACES_APPROVAL.at("recommendation.nomor", &[]))
}

/// `ref` and the recommendation's number are stored in the ledger's lines for good, and appear in events and logs, so
/// they must not contain data that identify a person.
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
    told.map(|(place, _)| E_PERSONAL.at(place, &[])).collect()
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
