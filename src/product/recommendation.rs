//! The required content of a recommendation before a card of this product is printed (`[recommendation]`): a bare "yes"
//! is not enough. If something is missing, the job is held. Must not know whether the recommendation is still valid
//! (`crate::approval`) nor whose it is.

use drivers::text::Text;

use super::{Product, codes};
use crate::finding::Finding;
use crate::job::Recommendation;
use crate::toml_sheet::Sheet;

/// `[recommendation]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecommendationRules {
    /// Is its number required?
    pub number: bool,
    /// Keys of `oleh` that must not be empty.
    pub officer: Vec<String>,
    /// Is `hash_data` required? If given, it must be a hash in any case.
    pub data_hash: bool,
    /// The comparisons that must have been made and found correct.
    pub checklist: Vec<Check>,
}

/// One entry of `daftar_periksa` that must be `true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its key: `kk`.
    pub name: String,
    /// Its label, for people.
    pub label: Text,
    /// Required only if the card shows a photo.
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
    /// What this product requires and a recommendation lacks. `photo`: does the card show one?
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

    /// Is this the name of a field, of an entry of the checklist, or of a required key of the officer?
    pub fn knows_name(&self, name: &str) -> bool {
        let rules = &self.recommendation;
        self.field(name).is_some()
            || rules.checklist.iter().any(|check| check.name == name)
            || rules.officer.iter().any(|key| key == name)
    }
}

/// 64 hexadecimal digits that are not all the same: a program that computes no hash sends zeros.
fn says_a_hash(hash: Option<&str>, required: bool) -> bool {
    let Some(hash) = hash else { return !required };
    let digits = hash.as_bytes();
    let varied = digits.iter().any(|digit| Some(digit) != digits.first());
    digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit) && varied
}
