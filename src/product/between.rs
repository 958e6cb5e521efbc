//! Rules between the fields of a job: age and kind, NIK against birth date and sex, requirements of a reason, the
//! office's data. A field that already has an error is skipped, so that one mistake gives one finding. Must not know a
//! clock.

use drivers::text::Text;
use jiff::civil::Date;

use super::age::{self, Kind, days_between};
use super::check::{Review, Standing};
use super::definition::listed;
use super::indonesia::{self, AktaDate, Nik};
use super::office::SignatureMode;
use super::reading::{Reading, place};
use super::{AgeRule, Code, Shape, codes};

impl<'a> Review<'a> {
    /// Checks all rules between fields; returns what follows from the dates.
    pub(super) fn between(&mut self) -> Standing<'a> {
        self.issue();
        let standing = self.standing();
        self.demands();
        let product = self.product;
        for (at, field) in product.fields.iter().enumerate() {
            match &field.shape {
                Shape::Nik { born, sex, female, .. } => self.nik(at, *born, *sex, female),
                Shape::NoAkta { born, .. } => self.akta(at, *born),
                Shape::Date { not_past: true } => self.not_past(at),
                Shape::District { .. } => self.district(at),
                Shape::Official => self.official(at),
                Shape::Tte { hold_above_bytes, .. } => self.tte(at, *hold_above_bytes),
                Shape::Kind => self.sent_kind(at, standing),
                Shape::ValidUntil => self.sent_last_day(at, standing),
                _ => {}
            }
        }
        standing
    }

    /// The reading of a field; unusable if there is no such field.
    pub(super) fn reading(&self, at: Option<usize>) -> Reading<'a> {
        at.and_then(|at| self.readings.get(at).copied()).unwrap_or(Reading::Unusable)
    }

    /// Reports `code` at a field.
    fn say(&mut self, at: usize, code: &Code, filling: &[(&'static str, &Text)]) {
        if let Some(field) = self.product.fields.get(at) {
            let label = [("{label}", &field.label)];
            self.findings.push(code.at(place(field), &[&label, filling].concat()));
        }
    }

    /// Reports an error; the field gets no further findings.
    fn refuse(&mut self, at: usize, code: &Code) {
        self.say(at, code, &[]);
        if let Some(reading) = self.readings.get_mut(at) {
            *reading = Reading::Unusable;
        }
    }

    fn issue(&mut self) {
        let Some(issue) = self.product.issue else { return };
        let Some(issued) = self.reading(Some(issue.field)).date() else { return };
        let age_max_days = self.settings.issue_age_max_days.unwrap_or(issue.age_max_days);
        let age_days = days_between(issued, self.today);
        if age_days < 0 {
            self.say(issue.field, &codes::H_ISSUE_FUTURE, &[]);
        } else if age_days > i64::from(age_max_days) {
            self.say(issue.field, &codes::H_ISSUE_OLD, &[("{limit}", &number(age_max_days))]);
        }
    }

    /// Age and kind on the date of issue, not today (DOMAIN 5).
    fn standing(&mut self) -> Standing<'a> {
        let product = self.product;
        let nothing = Standing::default();
        let (Some(issue), Some(rule)) = (product.issue, product.age) else { return nothing };
        let Some(issued) = self.reading(Some(issue.field)).date() else { return nothing };
        let Some(born) = self.reading(Some(rule.born)).date() else { return nothing };
        if born > issued {
            self.refuse(rule.born, &codes::E_BIRTH_AFTER_ISSUE);
            return nothing;
        }
        if product.kinds.is_empty() {
            return nothing;
        }
        let Some(kind) = age::kind_on(&product.kinds, born, issued) else {
            self.refuse(rule.born, rule.too_old);
            return nothing;
        };
        let by_age = kind.last_day(born, self.office.last_day_wording);
        let permit = self.reading(rule.not_beyond).date();
        let last_day = by_age.map(|day| permit.map_or(day, |end| end.min(day)));
        self.doubt_validity(rule, kind, issued, last_day);
        Standing { kind: Some(kind), last_day }
    }

    /// Warns if a stay permit ends before the issue, or a kind ends soon after it.
    fn doubt_validity(&mut self, rule: AgeRule, kind: &Kind, issued: Date, last_day: Option<Date>) {
        let Some(days) = last_day.map(|day| days_between(issued, day)) else { return };
        if days < 0 {
            self.say(rule.not_beyond.unwrap_or(rule.born), &codes::H_VALIDITY_PAST, &[]);
        } else if let Some(short) = kind.short_days.filter(|short| days <= i64::from(*short)) {
            self.say(rule.born, &codes::W_VALIDITY_SHORT, &[("{limit}", &number(short))]);
        }
    }

    /// Requirements of the reason, and of one field on another.
    fn demands(&mut self) {
        let product = self.product;
        let reason = product.reasons.iter().find(|reason| reason.code == self.job.reason);
        if let Some((at, code)) = reason.and_then(|reason| reason.requires)
            && matches!(self.reading(Some(at)), Reading::Absent | Reading::Flag(false))
        {
            self.say(at, code, &[]);
        }
        for (at, field) in product.fields.iter().enumerate() {
            let Some(demand) = &field.demand else { continue };
            let Some(text) = self.reading(Some(demand.unless_of)).text() else { continue };
            if self.reading(Some(at)) == Reading::Absent
                && !demand.unless.iter().any(|one| one == text)
            {
                self.say(at, demand.code, &[]);
            }
        }
    }

    /// A NIK is permanent and need not agree with corrected data, so this gives only a warning (PP 40/2019 art. 30(2)).
    fn nik(&mut self, at: usize, born: Option<usize>, sex: Option<usize>, female: &[String]) {
        let Some(nik) = self.reading(Some(at)).text().and_then(|text| Nik::read(text).ok()) else {
            return;
        };
        if self.reading(born).date().is_some_and(|born| !nik.agrees_with(born)) {
            self.say(at, &codes::W_NIK_DOB, &[]);
        }
        if self
            .reading(sex)
            .text()
            .is_some_and(|sex| female.iter().any(|one| one == sex) != nik.female)
        {
            self.say(at, &codes::W_NIK_SEX, &[]);
        }
    }

    fn akta(&mut self, at: usize, born: Option<usize>) {
        let Some(text) = self.reading(Some(at)).text() else { return };
        let doubtful = match indonesia::akta_date(text) {
            AktaDate::Free => false,
            AktaDate::Impossible => true,
            AktaDate::On(date) => self.reading(born).date().is_some_and(|born| date < born),
        };
        if doubtful {
            self.say(at, &codes::W_AKTA_DATE, &[]);
        }
    }

    fn not_past(&mut self, at: usize) {
        if self.reading(Some(at)).date().is_some_and(|date| date < self.today) {
            self.refuse(at, &codes::E_DATE_PAST);
        }
    }

    fn district(&mut self, at: usize) {
        let Some(text) = self.reading(Some(at)).text() else { return };
        if !self.office.districts.iter().any(|known| known == text) {
            self.say(at, &codes::W_DISTRICT_UNKNOWN, &[]);
        }
    }

    fn official(&mut self, at: usize) {
        let Some(text) = self.reading(Some(at)).text() else { return };
        if self.office.official(Some(text)).is_none() {
            let known = listed(self.office.officials.iter().map(|official| official.id.as_str()));
            self.say(at, &codes::E_OFFICIAL_UNKNOWN, &[("{expected}", &known)]);
        }
    }

    fn tte(&mut self, at: usize, hold_above_bytes: usize) {
        let reading = self.reading(Some(at));
        match (self.office.signature, reading) {
            (SignatureMode::TteQr, Reading::Absent) => self.refuse(at, &codes::E_TTE_REQUIRED),
            (SignatureMode::TteQr, Reading::Text(text)) if text.len() > hold_above_bytes => {
                let limit = listed([hold_above_bytes.to_string().as_str()]);
                self.say(at, &codes::H_TTE_TOO_LONG, &[("{limit}", &limit)]);
            }
            (SignatureMode::Image | SignatureMode::Empty, Reading::Text(_)) => {
                self.say(at, &codes::W_TTE_IGNORED, &[]);
            }
            _ => {}
        }
    }

    fn sent_kind(&mut self, at: usize, standing: Standing<'_>) {
        let (Some(sent), Some(kind)) = (self.reading(Some(at)).text(), standing.kind) else {
            return;
        };
        if sent != kind.code {
            self.refuse(at, &codes::E_KIND_MISMATCH);
        }
    }

    fn sent_last_day(&mut self, at: usize, standing: Standing<'_>) {
        let (Some(sent), Some(derived)) = (self.reading(Some(at)).date(), standing.last_day) else {
            return;
        };
        match days_between(derived, sent).abs() {
            0 => {}
            1 => self.say(at, &codes::W_VALIDITY_ONE_DAY, &[]),
            _ => self.say(at, &codes::H_VALIDITY, &[]),
        }
    }
}

fn number(number: u32) -> Text {
    listed([number.to_string().as_str()])
}
