//! Checks one job against one product: `check` at intake, `kind_changed` on the day of printing. Reports every fault,
//! never only the first. Pure: the time is passed in; must not know states or storage.
//!
//! Findings come in the order: envelope, fields, what lies between fields, papers and photo.

use drivers::text::Text;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::age::{self, Kind};
use super::codes;
use super::definition::listed;
use super::reading::{self, Reading};
use super::{Office, Product, ReadyCard, Settings};
use crate::codes::Severity;
use crate::finding::Finding;
use crate::job::JobRequest;
use crate::nearest::nearest;

/// Longest `ref`, characters (DOMAIN 4).
const REF_CHARS_MAX: usize = 40;
/// Most documents of a job; a real one has four.
const ATTACHMENTS_MAX: usize = 32;
/// At most this many unknown fields are named: the job is refused anyway.
const UNKNOWN_FIELDS_NAMED_MAX: usize = 10;

/// The result of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Errors, holds and warnings together.
    pub findings: Vec<Finding>,
    /// The card to print; absent exactly if the findings include an error.
    pub card: Option<ReadyCard>,
}

impl Checked {
    /// Is there a finding of this severity?
    pub fn has(&self, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.severity() == severity)
    }
}

/// A job that is being checked: its readings and the findings so far.
pub(super) struct Review<'a> {
    pub product: &'a Product,
    pub job: &'a JobRequest,
    pub office: &'a Office,
    pub settings: &'a Settings,
    pub photo_sent: bool,
    pub today: Date,
    pub readings: Vec<Reading<'a>>,
    pub findings: Vec<Finding>,
}

/// Facts derived from the dates of birth and issue.
#[derive(Clone, Copy, Default)]
pub(super) struct Standing<'a> {
    pub kind: Option<&'a Kind>,
    pub last_day: Option<Date>,
}

impl Product {
    /// Checks a job against the rules. `now` and `offset` (the office's UTC offset) give today's date; to rebuild a
    /// stored job's card, pass the time of its acceptance.
    pub fn check(
        &self,
        job: &JobRequest,
        photo_sent: bool,
        office: &Office,
        settings: &Settings,
        now: Timestamp,
        offset: Offset,
    ) -> Checked {
        if job.product != self.name {
            return Checked {
                findings: vec![unknown_product(&job.product, [self.name.as_str()])],
                card: None,
            };
        }
        let today = offset.to_datetime(now).date();
        let (readings, findings) = (Vec::with_capacity(self.fields.len()), Vec::new());
        let mut review =
            Review { product: self, job, office, settings, photo_sent, today, readings, findings };
        review.envelope();
        review.fields();
        let standing = review.between();
        review.papers();
        review.photo(standing);
        let refused = review.findings.iter().any(|finding| finding.severity() == Severity::Refuse);
        let ready = if refused { None } else { review.ready(standing) };
        let card = match ready.map(|card| review.magnetised(card)).transpose() {
            Ok(card) => card,
            Err(misfit) => {
                review.findings.push(misfit);
                None
            }
        };
        Checked { findings: review.findings, card }
    }

    /// On the day of printing: has the kind changed since the job was accepted (DOMAIN 5)? `accepted`: the kind at that
    /// time. `None`: it has not, or the product has no kinds.
    pub fn kind_changed(
        &self,
        card: &ReadyCard,
        accepted: Option<&str>,
        on: Date,
    ) -> Option<Finding> {
        let field = self.fields.get(self.age?.born).filter(|_| !self.kinds.is_empty())?;
        let kind = age::kind_on(&self.kinds, card.born?, on);
        let changed = kind.map(|kind| kind.code.as_str()) != accepted;
        changed.then(|| codes::H_KIND_CHANGED.at(reading::place(field), &[]))
    }
}

/// `E_PRODUCT`, naming the nearest known product.
pub(super) fn unknown_product<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Finding {
    codes::E_PRODUCT.at("product", &[("{nearest}", &listed(nearest(typed, known)))])
}

impl Review<'_> {
    /// Checks `ref`, `reason`, and the names of the fields.
    fn envelope(&mut self) {
        let reference = self.job.reference.as_bytes();
        let allowed = |byte: &u8| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'/' | b'-')
        };
        if reference.is_empty() || reference.len() > REF_CHARS_MAX || !reference.iter().all(allowed)
        {
            self.findings.push(codes::E_REF.at("ref", &[]));
        }
        if !self.product.reasons.iter().any(|reason| reason.code == self.job.reason) {
            let known = listed(self.product.reasons.iter().map(|reason| reason.code.as_str()));
            self.findings.push(codes::E_REASON.at("reason", &[("{expected}", &known)]));
        }
        let unknown = self.job.fields.keys().filter(|name| !self.product.index.contains_key(*name));
        for name in unknown.take(UNKNOWN_FIELDS_NAMED_MAX) {
            let near =
                listed(nearest(name, self.product.fields.iter().map(|field| field.name.as_str())));
            let length = listed([name.chars().count().to_string().as_str()]);
            let filling = [("{nearest}", &near), ("{length}", &length)];
            self.findings.push(codes::E_FIELD_UNKNOWN.at("fields", &filling));
        }
    }

    fn fields(&mut self) {
        for field in &self.product.fields {
            let sent = self.job.fields.get(&field.name);
            self.readings.push(reading::read(field, sent, &mut self.findings));
        }
    }

    fn papers(&mut self) {
        let papers = &self.product.papers;
        if self.job.attachments.len() > ATTACHMENTS_MAX {
            let label = Text::fixed("daftar berkas", "the list of papers");
            let limit = listed([format!("0-{ATTACHMENTS_MAX}").as_str()]);
            self.findings.push(
                codes::E_LENGTH.at("attachments", &[("{label}", &label), ("{limit}", &limit)]),
            );
            return;
        }
        for (index, sent) in self.job.attachments.iter().enumerate() {
            if !papers.iter().any(|paper| paper.kind == sent.kind) {
                let known = listed(papers.iter().map(|paper| paper.kind.as_str()));
                let place = format!("attachments[{index}].kind");
                self.findings
                    .push(codes::E_ATTACHMENT_UNKNOWN.at(place, &[("{expected}", &known)]));
            }
            if sent.sha256.len() != 64 || !sent.sha256.bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                self.findings
                    .push(codes::E_ATTACHMENT_HASH.at(format!("attachments[{index}].sha256"), &[]));
            }
        }
        for paper in papers.iter().filter(|paper| paper.required) {
            if !self.job.attachments.iter().any(|sent| sent.kind == paper.kind) {
                self.findings.push(
                    codes::E_ATTACHMENT_REQUIRED.at("attachments", &[("{label}", &paper.label)]),
                );
            }
        }
    }

    fn photo(&mut self, standing: Standing<'_>) {
        match self.photo_wanted(standing) {
            Some(true) if !self.photo_sent => {
                self.findings.push(codes::E_PHOTO_REQUIRED.at("photo", &[]))
            }
            Some(false) if self.photo_sent => {
                self.findings.push(codes::W_PHOTO_IGNORED.at("photo", &[]))
            }
            _ => {}
        }
    }

    /// Does the card show a photo? `None` if an error in the dates leaves that open.
    pub(super) fn photo_wanted(&self, standing: Standing<'_>) -> Option<bool> {
        if self.product.kinds.is_empty() {
            return Some(self.product.photo.is_some());
        }
        standing.kind.map(|kind| kind.photo)
    }
}
