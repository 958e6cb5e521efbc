//! `[record]` of `product.toml`: the content of a card's signed record. Must not know how a record is encoded or
//! signed.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::check::{Review, Standing};
use super::definition_field::{Names, not_one_of};
use super::reading::Reading;
use super::{AgeRule, Field, Shape, values};
use crate::toml_sheet::Sheet;

/// The name of the record's value on a face, in a separate QR slot: `kartu:value="{record}"`.
pub const RECORD: &str = "record";
/// The fields of an openly readable record, unless the product names more: enough to compare the card with its holder,
/// and as little as possible for anybody who finds it. The card's number is in every record.
const SMALL_SET: [&str; 2] = ["nama", "tgl_lahir"];
/// Name of the office's document key in the vault, unless the product names another.
const DOCUMENT_KEY: &str = "document";

/// The rules of a product's record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRules {
    /// Can anybody who has the card read it?
    pub open: bool,
    /// Name of the signing key in the vault.
    pub key: String,
    fields: Vec<usize>,
    valid_until: Option<usize>,
}

/// The content of one card's record, except the photo's hash and the time. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordContent {
    /// Name of the signing key in the vault.
    pub key: String,
    /// The issuing office.
    pub issuer: String,
    /// Field → text; dates as `YYYY-MM-DD`.
    pub fields: BTreeMap<String, String>,
    /// The last day of the card's validity.
    pub last_day: Option<Date>,
}

impl fmt::Debug for RecordContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordContent({}, {} fields)", self.key, self.fields.len())
    }
}

/// Reads `[record]`. `age` gives the field of the date of birth, whatever its name.
pub(super) fn read(
    mut sheet: Sheet<'_>,
    names: &Names<'_>,
    fields: &[Field],
    age: Option<AgeRule>,
) -> RecordRules {
    let open = match sheet.demanded_text("carrier").as_str() {
        "open" => true,
        "closed" => false,
        other => {
            not_one_of(&sheet, "carrier", other, &["open", "closed"]);
            true
        }
    };
    let named = sheet.texts("fields").map(|named| {
        let found = named.iter().filter_map(|name| find(&sheet, name, names, fields));
        found.collect::<Vec<_>>()
    });
    let of_carrier = || match open {
        false => (0..fields.len()).filter(|at| values::is_printed(&fields[*at])).collect(),
        true => {
            let small = SMALL_SET.iter().filter_map(|name| names.index.get(*name).copied());
            let mut small: Vec<usize> = small.chain(age.map(|age| age.born)).collect();
            small.sort_unstable();
            small.dedup();
            small
        }
    };
    let rules = RecordRules {
        open,
        key: sheet.text("key").unwrap_or_else(|| DOCUMENT_KEY.to_owned()),
        fields: named.unwrap_or_else(of_carrier),
        valid_until: names.optional(&mut sheet, "valid_until"),
    };
    if rules.fields.is_empty() {
        sheet.fault("fields", "sebut sedikitnya satu kolom.", "name at least one field.");
    }
    let is_date = |at: usize| matches!(fields[at].shape, Shape::Date { .. } | Shape::ValidUntil);
    if rules.valid_until.is_some_and(|at| !is_date(at)) {
        sheet.fault("valid_until", "harus kolom tanggal.", "must be a field with a date.");
    }
    sheet.close();
    rules
}

/// A field that is allowed in a record: one that a card may show.
fn find(sheet: &Sheet<'_>, name: &str, names: &Names<'_>, fields: &[Field]) -> Option<usize> {
    let found = names.index.get(name).copied().filter(|at| values::is_printed(&fields[*at]));
    if found.is_none() {
        let shown = fields.iter().filter(|field| values::is_printed(field));
        let known: Vec<&str> = shown.map(|field| field.name.as_str()).collect();
        not_one_of(sheet, "fields", name, &known);
    }
    found
}

impl Review<'_> {
    /// The content of this job's record; `None` if its product has none.
    pub(super) fn record(&self, standing: Standing<'_>) -> Option<RecordContent> {
        let rules = self.product.record.as_ref()?;
        let texts = rules.fields.iter().filter_map(|at| {
            let field = self.product.fields.get(*at)?;
            let text = match (&field.shape, self.reading(Some(*at))) {
                (Shape::Kind, _) => standing.kind?.code.clone(),
                (Shape::ValidUntil, _) => standing.last_day?.to_string(),
                (Shape::Digits { pad, .. }, Reading::Text(text)) => format!("{text:0>pad$}"),
                (_, Reading::Text(text)) => text.to_owned(),
                (_, Reading::Date(date)) => date.to_string(),
                (_, Reading::Absent | Reading::Unusable | Reading::Flag(_)) => return None,
            };
            Some((field.name.clone(), text))
        });
        let last_day = rules.valid_until.and_then(|at| match self.product.fields.get(at)?.shape {
            Shape::ValidUntil => standing.last_day,
            _ => self.reading(Some(at)).date(),
        });
        let office = self.office;
        Some(RecordContent {
            key: rules.key.clone(),
            issuer: format!("{} {}", office.kab_jenis, office.kabupaten),
            fields: texts.collect(),
            last_day,
        })
    }
}
