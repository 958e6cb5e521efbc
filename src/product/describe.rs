//! The description of a product for upstream: its requirements in words, and as a JSON Schema (draft 2020-12) of its
//! jobs. It is generated from the rules of [`Product::check`], so that nobody has to read `product.toml`.
//!
//! The schema refuses what is refused because of its form. Anything that needs a calendar, a photo's pixels or the
//! meaning of another field is checked only by the station; a job that would be held passes the schema.

use drivers::text::Text;
use serde_json::{Map, Value, json};

use super::charset::CharSet;
use super::photo::BackgroundRule;
use super::{Code, Demand, Field, Product, Reason, Shape, codes};
use crate::codes::Severity;

/// Most documents, see `check.rs`.
const PAPERS_MAX: usize = 32;
/// Pattern of a text that may contain every visible character: no control characters, nothing invisible.
const UNSEEN: &str =
    r"\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff";
/// The valid years of a date on a card, with valid months and days.
const DATE: &str = "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";
/// Area, day (a woman's plus 40), month, year, serial.
const NIK: &str = "^[0-9]{6}(0[1-9]|[12][0-9]|3[01]|4[1-9]|[56][0-9]|7[01])(0[1-9]|1[0-2])[0-9]{2}\
                   ([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])$";
const SHA256: &str = "^[0-9a-fA-F]{64}$";

impl Product {
    /// Everything that upstream must know except the schema. `officials`: who may sign in this office.
    pub fn description(&self, officials: &[&str]) -> Value {
        json!({
            "name": self.name,
            "title": both(&self.title),
            "fields": self.fields.iter().map(|field| self.field_description(field, officials)).collect::<Vec<_>>(),
            "reasons": self.reasons.iter().map(|reason| self.reason_description(reason)).collect::<Vec<_>>(),
            "papers": self.papers.iter().map(|paper| json!({
                "kind": paper.kind, "label": both(&paper.label), "required": paper.required,
            })).collect::<Vec<_>>(),
            "kinds": self.kinds.iter().map(|kind| json!({
                "code": kind.code, "label": both(&kind.label), "below_age": kind.below_age,
                "photo": kind.photo,
            })).collect::<Vec<_>>(),
            "recommendation": self.recommendation_description(),
            "photo": self.photo_description(),
            "record": self.record.is_some(),
            "chip": self.chip_rule.is_some(),
            "stripe": self.stripe.is_some(),
            "codes": self.codes().map(|code| json!({
                "code": code.code,
                "effect": effect(code),
                "message": { "id": code.id, "en": code.en },
            })).collect::<Vec<_>>(),
        })
    }

    /// Its required content; a job with an incomplete recommendation is held.
    fn recommendation_description(&self) -> Value {
        let rules = &self.recommendation;
        let checks = rules.checklist.iter().map(|check| {
            json!({ "name": check.name, "label": both(&check.label), "with_photo": check.with_photo })
        });
        json!({
            "decision": "SETUJU", "number": rules.number, "officer": rules.officer,
            "data_hash": rules.data_hash, "checklist": checks.collect::<Vec<_>>(),
        })
    }

    fn field_description(&self, field: &Field, officials: &[&str]) -> Value {
        let mut told = json!({
            "name": field.name,
            "type": shape_name(&field.shape),
            "label": both(&field.label),
            "required": field.required,
            "printed": field.printed,
            "default": field.default,
            "schema": self.field_schema(field, officials),
        });
        if let Some(above) = held_above(&field.shape) {
            told["held_above"] = json!(above);
        }
        if let Shape::Choice { values, also } = &field.shape {
            told["values"] = json!(values);
            told["also"] = json!(also);
        }
        if let Some(demand) = &field.demand {
            told["required_unless"] = json!({
                "field": self.name_of(demand.unless_of), "is": demand.unless, "code": demand.code.code,
            });
        }
        told
    }

    fn reason_description(&self, reason: &Reason) -> Value {
        let demanded = reason.requires.map(|(field, code)| {
            json!({ "field": self.name_of(field), "code": code.code, "effect": effect(code) })
        });
        json!({ "code": reason.code, "label": both(&reason.label), "requires": demanded })
    }

    fn photo_description(&self) -> Value {
        let Some(rules) = &self.photo else { return Value::Null };
        json!({
            "required": if self.kinds.is_empty() { "always" } else { "by_kind" },
            "formats": ["image/jpeg", "image/png"],
            "max_bytes": rules.max_bytes,
            "max_side_px": rules.max_side_px,
            "min_width_px": rules.min_width_px,
            "min_height_px": rules.min_height_px,
            "good_width_px": rules.good_width_px,
            "good_height_px": rules.good_height_px,
            "ratio_min": decimal(rules.ratio_min),
            "ratio_max": decimal(rules.ratio_max),
            "colour": rules.colour,
            "background": match rules.background {
                BackgroundRule::Any => "any",
                BackgroundRule::BirthYearParity => "birth_year_parity",
            },
        })
    }

    /// The codes that a job of this product can get, in the order of the documentation.
    fn codes(&self) -> impl Iterator<Item = &'static Code> {
        codes::TABLE.iter().filter(|code| self.can_meet(code))
    }

    /// A code about something that this product does not have is impossible.
    fn can_meet(&self, code: &Code) -> bool {
        let has = |is: fn(&Shape) -> bool| self.fields.iter().any(|field| is(&field.shape));
        let about = |words: &[&str]| words.iter().any(|word| code.code.contains(word));
        let named = self.demanded_codes().any(|one| one == code.code);
        match code.code {
            _ if named => true,
            "E_ITAP_REQUIRED" | "E_POLICE_REPORT" | "H_OLD_CARD" => false,
            _ if about(&["_NIK_"]) => has(|shape| matches!(shape, Shape::Nik { .. })),
            _ if about(&["_KK_"]) => has(|shape| matches!(shape, Shape::NoKk)),
            _ if about(&["_AKTA_"]) => has(|shape| matches!(shape, Shape::NoAkta { .. })),
            _ if about(&["_NAME_"]) => has(|shape| matches!(shape, Shape::PersonName { .. })),
            _ if about(&["_DISTRICT_"]) => has(|shape| matches!(shape, Shape::District { .. })),
            _ if about(&["_OFFICIAL_"]) => has(|shape| matches!(shape, Shape::Official)),
            _ if about(&["_TTE_"]) => has(|shape| matches!(shape, Shape::Tte { .. })),
            _ if about(&["_TRACK_"]) => self.stripe.is_some(),
            _ if about(&["_PHOTO_REQUIRED"]) => self.photo.is_some(),
            _ if about(&["E_AGE", "_KIND_", "_VALIDITY"]) => !self.kinds.is_empty(),
            _ if about(&["_ISSUE"]) => self.issue.is_some(),
            _ => true,
        }
    }

    /// Codes that reasons, ages and other fields name in `product.toml`.
    fn demanded_codes(&self) -> impl Iterator<Item = &'static str> {
        let of_fields =
            self.fields.iter().filter_map(|field| Some(field.demand.as_ref()?.code.code));
        let of_reasons = self.reasons.iter().filter_map(|reason| Some(reason.requires?.1.code));
        of_fields.chain(of_reasons).chain(self.age.map(|age| age.too_old.code))
    }

    fn name_of(&self, place: usize) -> &str {
        self.fields.get(place).map_or("", |field| field.name.as_str())
    }

    /// The JSON Schema of this product's jobs, as posted as JSON. In a multipart post the photo is a separate part and
    /// not in the job.
    pub fn job_schema(&self, officials: &[&str]) -> Value {
        let mut needed = vec!["product", "ref", "reason", "recommendation"];
        let fields = self.fields_schema(officials);
        if fields["required"] != json!([]) {
            needed.push("fields");
        }
        if self.papers.iter().any(|paper| paper.required) {
            needed.push("attachments");
        }
        if self.photo.is_some() && self.kinds.is_empty() {
            needed.push("photo");
        }
        let reasons: Vec<&str> = self.reasons.iter().map(|reason| reason.code.as_str()).collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": format!("urn:kartu:product:{}:job", self.name),
            "title": format!("{} / {}", self.title.id, self.title.en),
            "type": "object",
            "required": needed,
            "additionalProperties": false,
            "properties": {
                "product": { "const": self.name },
                "ref": { "type": "string", "pattern": "^[A-Z0-9/-]{1,40}$" },
                "reason": { "type": "string", "enum": reasons },
                "fields": fields,
                "attachments": self.papers_schema(),
                "recommendation": recommendation_schema(),
                "replaces": replaces_schema(),
                "photo": { "type": ["string", "null"], "contentEncoding": "base64" },
            },
            "allOf": self.demands_schema(),
        })
    }

    fn fields_schema(&self, officials: &[&str]) -> Value {
        let properties: Map<String, Value> = self
            .fields
            .iter()
            .map(|field| (field.name.clone(), self.field_schema(field, officials)))
            .collect();
        // A field with a default may be omitted.
        let needed = self.fields.iter().filter(|field| field.required && field.default.is_none());
        json!({
            "type": "object",
            "required": needed.map(|field| field.name.as_str()).collect::<Vec<_>>(),
            "additionalProperties": false,
            "properties": properties,
        })
    }

    fn field_schema(&self, field: &Field, officials: &[&str]) -> Value {
        let mut schema = self.shape_schema(&field.shape, officials);
        if !field.required && !matches!(field.shape, Shape::Flag) {
            // An empty text counts as absent.
            schema = json!({ "anyOf": [{ "const": "" }, schema] });
        }
        schema["title"] = json!(format!("{} / {}", field.label.id, field.label.en));
        schema
    }

    fn shape_schema(&self, shape: &Shape, officials: &[&str]) -> Value {
        let text = |min: usize, max: usize, chars: &CharSet| json!({ "type": "string", "minLength": min.max(1), "maxLength": max, "pattern": pattern(chars) });
        let any = CharSet::Printable;
        match shape {
            Shape::Text { min, max, chars, .. } => text(*min, *max, chars),
            Shape::NoAkta { max, chars, .. } => text(1, *max, chars),
            Shape::PersonName { max, .. } | Shape::District { max } | Shape::Tte { max, .. } => {
                text(1, *max, &any)
            }
            Shape::Digits { min, max, .. } => {
                json!({ "type": "string", "pattern": format!("^[0-9]{{{},{max}}}$", min.max(&1)) })
            }
            Shape::Date { .. } | Shape::ValidUntil => {
                json!({ "type": "string", "format": "date", "pattern": DATE })
            }
            Shape::Choice { values, also } => {
                json!({ "type": "string", "enum": values.iter().chain(also).collect::<Vec<_>>() })
            }
            Shape::Flag => json!({ "type": "boolean" }),
            Shape::Nik { .. } => json!({ "type": "string", "pattern": NIK }),
            Shape::NoKk => json!({ "type": "string", "pattern": "^[0-9]{16}$" }),
            Shape::Official => json!({ "type": "string", "enum": officials }),
            Shape::Kind => {
                let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.code.as_str()).collect();
                json!({ "type": "string", "enum": kinds })
            }
        }
    }

    fn papers_schema(&self) -> Value {
        let kinds: Vec<&str> = self.papers.iter().map(|paper| paper.kind.as_str()).collect();
        if kinds.is_empty() {
            return json!({ "type": "array", "maxItems": 0 });
        }
        let needed = self.papers.iter().filter(|paper| paper.required).map(|paper| {
            let is_it =
                json!({ "required": ["kind"], "properties": { "kind": { "const": paper.kind } } });
            json!({ "contains": is_it })
        });
        let mut schema = json!({
            "type": "array",
            "maxItems": PAPERS_MAX,
            "items": {
                "type": "object",
                "required": ["kind", "sha256"],
                "additionalProperties": false,
                "properties": {
                    "kind": { "type": "string", "enum": kinds },
                    "sha256": { "type": "string", "pattern": SHA256 },
                },
            },
        });
        let needed: Vec<Value> = needed.collect();
        if !needed.is_empty() {
            schema["allOf"] = json!(needed);
        }
        schema
    }

    /// Requirements of a reason, of one field on another, and of a replacement.
    fn demands_schema(&self) -> Vec<Value> {
        let of_reasons = self.reasons.iter().filter_map(|reason| {
            let (field, code) =
                reason.requires.filter(|(_, code)| code.severity() == Severity::Refuse)?;
            let is_so = json!({ "properties": { "reason": { "const": reason.code } } });
            let _ = code;
            Some(json!({ "if": is_so, "then": must_have(self.fields.get(field)?) }))
        });
        let of_fields = self.fields.iter().filter_map(|field| {
            let Demand { unless_of, unless, code } = field.demand.as_ref()?;
            if code.severity() != Severity::Refuse {
                return None;
            }
            let other = self.name_of(*unless_of);
            // An absent field requires nothing.
            let is_so = json!({ "properties": { "fields": {
                "required": [other], "properties": { other: { "type": "string", "not": { "enum": unless }, "minLength": 1 } },
            } } });
            Some(json!({ "if": is_so, "then": must_have(field) }))
        });
        let numbered = json!({
            "if": { "required": ["replaces"], "properties": { "replaces": { "type": "object" } } },
            "then": { "properties": { "recommendation": {
                "required": ["nomor"], "properties": { "nomor": { "type": "string", "pattern": "\\S" } },
            } } },
        });
        of_reasons.chain(of_fields).chain([numbered]).collect()
    }
}

/// A sentence in both languages.
fn both(words: &Text) -> Value {
    json!({ "id": words.id, "en": words.en })
}

/// What happens to a job with this code.
fn effect(code: &Code) -> &'static str {
    match code.severity() {
        Severity::Refuse => "refused",
        Severity::Hold => "held",
        Severity::Warn => "held_unless_acknowledged",
        Severity::Verify => "found",
    }
}

/// A field that must be present, not empty, and, if it is a flag, true.
fn must_have(field: &Field) -> Value {
    let full = match field.shape {
        Shape::Flag => json!({ "const": true }),
        _ => json!({ "minLength": 1 }),
    };
    json!({
        "required": ["fields"],
        "properties": { "fields": { "required": [field.name], "properties": { field.name.as_str(): full } } },
    })
}

/// The value of `type = "…"` in `product.toml`.
fn shape_name(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text { .. } => "text",
        Shape::Digits { .. } => "digits",
        Shape::Date { .. } => "date",
        Shape::Choice { .. } => "choice",
        Shape::Flag => "flag",
        Shape::Nik { .. } => "nik",
        Shape::NoKk => "no_kk",
        Shape::NoAkta { .. } => "no_akta",
        Shape::PersonName { .. } => "person_name",
        Shape::District { .. } => "district",
        Shape::Official => "official",
        Shape::Tte { .. } => "tte",
        Shape::Kind => "kind",
        Shape::ValidUntil => "valid_until",
    }
}

/// A longer value is held: in characters; for an e-signature's QR, in bytes.
fn held_above(shape: &Shape) -> Option<usize> {
    match shape {
        Shape::Text { hold_above, .. } => *hold_above,
        Shape::PersonName { hold_above, .. } => Some(*hold_above),
        Shape::Tte { hold_above_bytes, .. } => Some(*hold_above_bytes),
        _ => None,
    }
}

/// The pattern of a text: no blank at its ends, nothing invisible.
fn pattern(chars: &CharSet) -> String {
    match chars {
        CharSet::Printable => format!("^[^\\s{UNSEEN}]([^{UNSEEN}]*[^\\s{UNSEEN}])?$"),
        CharSet::Only(bits) => {
            let allowed = |but: Option<u8>| -> String {
                let each =
                    (b' '..=b'~').filter(|byte| bits & (1 << byte) != 0 && Some(*byte) != but);
                each.map(in_class).collect()
            };
            let (all, seen) = (allowed(None), allowed(Some(b' ')));
            format!("^[{seen}]([{all}]*[{seen}])?$")
        }
    }
}

/// A character escaped for the brackets of a regular expression.
fn in_class(byte: u8) -> String {
    let letter = char::from(byte);
    if letter.is_ascii_alphanumeric() || letter == ' ' {
        letter.to_string()
    } else {
        format!("\\u{byte:04x}")
    }
}

/// As written in the file, without the additional digits of a binary fraction.
fn decimal(number: f32) -> f64 {
    (f64::from(number) * 1000.0).round() / 1000.0
}

fn recommendation_schema() -> Value {
    let text = json!({ "type": ["string", "null"], "maxLength": 1024 });
    let time = json!({ "type": ["string", "null"], "format": "date-time" });
    json!({
        "type": "object",
        "required": ["keputusan"],
        "additionalProperties": false,
        "properties": {
            "nomor": text, "keputusan": { "const": "SETUJU" },
            "oleh": { "type": ["object", "null"], "maxProperties": 64, "additionalProperties": { "type": "string" } },
            "pada": time, "kadaluarsa": time,
            "daftar_periksa": { "type": "object", "maxProperties": 64, "additionalProperties": { "type": "boolean" } },
            "peringatan_disetujui": { "type": "array", "maxItems": 64, "items": { "type": "string", "maxLength": 1024 } },
            "hash_data": text, "tanda": text,
        },
    })
}

fn replaces_schema() -> Value {
    json!({
        "type": ["object", "null"],
        "required": ["job", "old_card"],
        "additionalProperties": false,
        "properties": {
            "job": { "type": "string", "format": "uuid" },
            "old_card": { "enum": ["destroyed", "lost", "kept"] },
        },
    })
}
