//! `[[field]]` of `product.toml` → [`Field`]. Must not know jobs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::charset::CharSet;
use super::definition::read_code;
use super::{Demand, Field, Shape, codes, reading};
use crate::nearest::nearest;
use crate::toml_sheet::Sheet;

/// Default `max` of a text field, so that a job cannot grow without limit; nothing on a card is longer.
const TEXT_CHARS_MAX: u32 = 1000;

/// The values of `type = "…"`.
const TYPES: [&str; 14] = [
    "text",
    "digits",
    "date",
    "choice",
    "flag",
    "nik",
    "no_kk",
    "no_akta",
    "person_name",
    "district",
    "official",
    "tte",
    "kind",
    "valid_until",
];

/// The names of all fields, so that a field can refer to a later one.
pub struct Names<'n> {
    /// Name → index in the list.
    pub index: &'n BTreeMap<String, usize>,
}

impl Names<'_> {
    /// The index of the field that `key` names, if given.
    pub fn optional(&self, sheet: &mut Sheet<'_>, key: &'static str) -> Option<usize> {
        let name = sheet.text(key)?;
        let place = self.index.get(&name).copied();
        if place.is_none() {
            let known: Vec<&str> = self.index.keys().map(String::as_str).collect();
            not_one_of(sheet, key, &name, &known);
        }
        place
    }

    /// The same for a required key.
    pub fn demanded(&self, sheet: &mut Sheet<'_>, key: &'static str) -> Option<usize> {
        if !sheet.has(key) {
            sheet.demanded_text(key);
            return None;
        }
        self.optional(sheet, key)
    }
}

/// Reports that `typed` is not one of `known`, and the nearest name.
pub fn not_one_of(sheet: &Sheet<'_>, key: &str, typed: &str, known: &[&str]) {
    let near = nearest(typed, known.iter().copied()).unwrap_or("-");
    sheet.fault(
        key,
        format!("tidak dikenal; yang paling mirip: {near}."),
        format!("is not known; the nearest is {near}."),
    );
}

/// All fields, and the index of each name.
pub fn read_fields(root: &mut Sheet<'_>) -> (Vec<Field>, BTreeMap<String, usize>) {
    let mut named: Vec<(String, Sheet<'_>)> = Vec::new();
    let mut index = BTreeMap::new();
    for mut sheet in root.list("field") {
        let name = sheet.demanded_text("name");
        if index.insert(name.clone(), named.len()).is_some() {
            sheet.fault("name", "nama ini sudah dipakai.", "this name is taken already.");
        }
        named.push((name, sheet));
    }
    let names = Names { index: &index };
    let fields = named.into_iter().map(|(name, sheet)| read_field(name, sheet, &names)).collect();
    (fields, index)
}

fn read_field(name: String, mut sheet: Sheet<'_>, names: &Names<'_>) -> Field {
    let label = sheet.words("label");
    let shape = read_shape(&mut sheet, names);
    let demand = sheet.child("required_unless").and_then(|one| read_demand(one, names));
    let required = sheet.flag("required").unwrap_or_default();
    let printed = sheet.flag("printed").unwrap_or(true);
    let field =
        Field { name, label, shape, required, default: sheet.text("default"), printed, demand };
    if let Some(default) = &field.default {
        let mut found = Vec::new();
        reading::read(&field, Some(&Value::String(default.clone())), &mut found);
        if !found.is_empty() {
            sheet.fault(
                "default",
                "tidak memenuhi aturan kolom ini.",
                "does not keep the rules of this field.",
            );
        }
    }
    sheet.close();
    field
}

fn read_demand(mut sheet: Sheet<'_>, names: &Names<'_>) -> Option<Demand> {
    let unless_of = names.demanded(&mut sheet, "field");
    let unless = sheet.texts("is").unwrap_or_default();
    let code = read_code(&mut sheet, "code", &codes::E_REQUIRED);
    sheet.close();
    Some(Demand { unless_of: unless_of?, unless, code })
}

fn read_shape(sheet: &mut Sheet<'_>, names: &Names<'_>) -> Shape {
    let name = sheet.demanded_text("type");
    match name.as_str() {
        "text" => Shape::Text {
            min: limit(sheet, "min", 1),
            max: demanded_limit(sheet, "max"),
            hold_above: sheet.has("hold_above").then(|| limit(sheet, "hold_above", 0)),
            chars: read_chars(sheet),
        },
        "digits" => Shape::Digits {
            min: limit(sheet, "min", 1),
            max: demanded_limit(sheet, "max"),
            pad: limit(sheet, "pad", 0),
        },
        "date" => Shape::Date { not_past: sheet.flag("not_past").unwrap_or_default() },
        "choice" => read_choice(sheet),
        "flag" => Shape::Flag,
        "nik" => read_nik(sheet, names),
        "no_kk" => Shape::NoKk,
        "no_akta" => Shape::NoAkta {
            born: names.optional(sheet, "born"),
            max: demanded_limit(sheet, "max"),
            chars: read_chars(sheet),
        },
        "person_name" => Shape::PersonName {
            hold_above: demanded_limit(sheet, "hold_above"),
            max: demanded_limit(sheet, "max"),
        },
        "district" => Shape::District { max: demanded_limit(sheet, "max") },
        "official" => Shape::Official,
        "tte" => Shape::Tte {
            hold_above_bytes: demanded_limit(sheet, "hold_above_bytes"),
            max: demanded_limit(sheet, "max"),
        },
        "kind" => Shape::Kind,
        "valid_until" => Shape::ValidUntil,
        other => {
            not_one_of(sheet, "type", other, &TYPES);
            Shape::Flag
        }
    }
}

fn read_choice(sheet: &mut Sheet<'_>) -> Shape {
    let values = sheet.texts("values").unwrap_or_default();
    if values.is_empty() {
        sheet.fault(
            "values",
            "sedikitnya satu nilai harus ada.",
            "there must be at least one value.",
        );
    }
    Shape::Choice { values, also: sheet.texts("also").unwrap_or_default() }
}

fn read_nik(sheet: &mut Sheet<'_>, names: &Names<'_>) -> Shape {
    let mut provinces = 0u128;
    for code in sheet.texts("provinces").unwrap_or_default() {
        match code.parse::<u32>() {
            Ok(number) if code.len() == 2 => provinces |= 1 << number,
            _ => sheet.fault("provinces", "harus kode dua angka.", "must be codes of two digits."),
        }
    }
    let (born, sex) = (names.optional(sheet, "born"), names.optional(sheet, "sex"));
    Shape::Nik { provinces, born, sex, female: sheet.texts("female").unwrap_or_default() }
}

fn read_chars(sheet: &mut Sheet<'_>) -> CharSet {
    let Some(description) = sheet.text("chars") else { return CharSet::Printable };
    CharSet::compile(&description).unwrap_or_else(|| {
        sheet.fault(
            "chars",
            "harus berupa daftar seperti A-Z0-9./-.",
            "must be a list such as A-Z0-9./-.",
        );
        CharSet::Printable
    })
}

fn demanded_limit(sheet: &mut Sheet<'_>, key: &'static str) -> usize {
    let given = sheet.demanded_count(key);
    bounded(sheet, key, given)
}

fn limit(sheet: &mut Sheet<'_>, key: &'static str, usual: u32) -> usize {
    let given = sheet.count(key).unwrap_or(usual);
    bounded(sheet, key, given)
}

fn bounded(sheet: &Sheet<'_>, key: &str, given: u32) -> usize {
    if given > TEXT_CHARS_MAX {
        sheet.fault(
            key,
            format!("paling besar {TEXT_CHARS_MAX}."),
            format!("must be at most {TEXT_CHARS_MAX}."),
        );
    }
    usize::try_from(given).unwrap_or(usize::MAX)
}
