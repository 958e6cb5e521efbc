//! What a recommendation must say before a card of this product is printed (`[recommendation]`): a bare "yes" is worth as
//! much as none. What is missing holds the job. Must not know whether the recommendation is still good
//! (`crate::approval`) nor whose it is.

use drivers::text::Text;

use super::{Product, codes};
use crate::finding::Finding;
use crate::job::Recommendation;
use crate::toml_sheet::Sheet;

/// `[recommendation]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecommendationRules {
    /// Its number must be given.
    pub number: bool,
    /// Keys of `oleh` that must be filled.
    pub officer: Vec<String>,
    /// `hash_data` must be given; one that is given must be a hash in any case.
    pub data_hash: bool,
    /// What must have been compared and found right.
    pub checklist: Vec<Check>,
}

/// One entry of `daftar_periksa` that must be `true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its key: `kk`.
    pub name: String,
    /// For a person.
    pub label: Text,
    /// Only where the card shows a photo.
    pub with_photo: bool,
}

pub(super) fn read(mut sheet: Sheet<'_>) -> RecommendationRules {
    let rules = RecommendationRules {
        number: sheet.flag("number").unwrap_or_default(),
        officer: sheet.texts("officer").unwrap_or_default(),
        data_hash: sheet.flag("data_hash").unwrap_or_default(),
        checklist: sheet.list("check").into_iter().map(read_check).collect(),
    };
    sheet.close();
    rules
}

fn read_check(mut sheet: Sheet<'_>) -> Check {
    let check = Check {
        name: sheet.demanded_text("name"),
        label: sheet.words("label"),
        with_photo: sheet.flag("with_photo").unwrap_or_default(),
    };
    sheet.close();
    check
}

impl Product {
    /// What a recommendation does not say, though this product asks for it. `photo`: whether the card shows one.
    pub fn unsaid(&self, recommendation: &Recommendation, photo: bool) -> Vec<Finding> {
        let rules = &self.recommendation;
        let mut found = Vec::new();
        if rules.number && crate::approval::number(Some(recommendation)).is_none() {
            found.push(codes::H_RECOMMENDATION_NUMBER.at("recommendation.nomor", &[]));
        }
        for key in &rules.officer {
            let told = recommendation.oleh.as_ref().and_then(|officer| officer.get(key));
            if told.is_none_or(|text| text.trim().is_empty()) {
                let (place, key) =
                    (format!("recommendation.oleh.{key}"), Text::new(key.clone(), key.clone()));
                found.push(codes::H_RECOMMENDATION_OFFICER.at(place, &[("{label}", &key)]));
            }
        }
        for check in rules.checklist.iter().filter(|check| photo || !check.with_photo) {
            if recommendation.daftar_periksa.get(&check.name) != Some(&true) {
                let place = format!("recommendation.daftar_periksa.{}", check.name);
                found.push(codes::H_RECOMMENDATION_CHECK.at(place, &[("{label}", &check.label)]));
            }
        }
        if !says_a_hash(recommendation.hash_data.as_deref(), rules.data_hash) {
            found.push(codes::H_RECOMMENDATION_HASH.at("recommendation.hash_data", &[]));
        }
        found
    }

    /// Is this the name of a field, of an entry of the checklist, or of what must be told of the officer?
    pub fn knows_name(&self, name: &str) -> bool {
        let rules = &self.recommendation;
        self.field(name).is_some()
            || rules.checklist.iter().any(|check| check.name == name)
            || rules.officer.iter().any(|key| key == name)
    }
}

/// 64 hexadecimal digits that are not all the same: zeros are what a program sends that computes none.
fn says_a_hash(hash: Option<&str>, required: bool) -> bool {
    let Some(hash) = hash else { return !required };
    let digits = hash.as_bytes();
    let varied = digits.iter().any(|digit| Some(digit) != digits.first());
    digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit) && varied
}
