//! Parsed JSON → a [`JobRequest`]. Every fault names the key, what was found and what is expected.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::json::{Fault, kind_of};
use super::photo_text;
use super::{Attachment, JobRequest, Officer, OldCard, Recommendation, Replaces};
use crate::nearest::nearest;

/// An object whose keys are taken one by one.
struct Object {
    /// Its path; empty for the job itself.
    place: String,
    keys: Map<String, Value>,
    /// The keys taken so far, so that for a mistyped key the nearest can be named.
    asked: Vec<&'static str>,
}

impl JobRequest {
    /// The job that an object describes.
    ///
    /// # Errors
    /// The first key that is missing, of the wrong type, or unknown.
    pub fn from_json(keys: Map<String, Value>) -> Result<JobRequest, Fault> {
        let mut job = Object { place: String::new(), keys, asked: Vec::new() };
        let request = JobRequest {
            product: job.text("product")?,
            reference: job.text("ref")?,
            reason: job.text("reason")?,
            fields: job
                .object("fields")?
                .map(|fields| fields.keys.into_iter().collect())
                .unwrap_or_default(),
            attachments: attachments(&mut job)?,
            recommendation: job
                .optional_object("recommendation")?
                .map(recommendation)
                .transpose()?,
            replaces: job.optional_object("replaces")?.map(replaces).transpose()?,
            photo: job
                .optional_text("photo")?
                .map(|text| photo_text::read(&text))
                .transpose()?
                .flatten(),
        };
        job.close()?;
        Ok(request)
    }
}

fn attachments(job: &mut Object) -> Result<Vec<Attachment>, Fault> {
    let list = job.list("attachments")?;
    list.into_iter()
        .enumerate()
        .map(|(number, entry)| {
            let mut one = Object::of(format!("attachments[{number}]"), entry)?;
            let paper = Attachment { kind: one.text("kind")?, sha256: one.text("sha256")? };
            one.close()?;
            Ok(paper)
        })
        .collect()
}

fn recommendation(mut one: Object) -> Result<Recommendation, Fault> {
    let recommendation = Recommendation {
        nomor: one.optional_text("nomor")?,
        keputusan: one.text("keputusan")?,
        oleh: one.optional_object("oleh")?.map(officer).transpose()?,
        pada: one.optional_text("pada")?,
        kadaluarsa: one.optional_text("kadaluarsa")?,
        daftar_periksa: one
            .object("daftar_periksa")?
            .map(checklist)
            .transpose()?
            .unwrap_or_default(),
        peringatan_disetujui: codes(&mut one)?,
        hash_data: one.optional_text("hash_data")?,
        tanda: one.optional_text("tanda")?,
    };
    one.close()?;
    Ok(recommendation)
}

fn replaces(mut one: Object) -> Result<Replaces, Fault> {
    let job = one.text("job")?;
    let told = one.text("old_card")?;
    let old_card = match told.as_str() {
        "destroyed" => OldCard::Destroyed,
        "lost" => OldCard::Lost,
        "kept" => OldCard::Kept,
        _ => {
            return Err(Fault::at(
                one.path("old_card"),
                "old_card harus destroyed, lost atau kept. Perbaiki isinya.".to_owned(),
                "old_card must be destroyed, lost or kept. Correct it.".to_owned(),
            ));
        }
    };
    one.close()?;
    Ok(Replaces { job, old_card })
}

fn officer(one: Object) -> Result<Officer, Fault> {
    let place = one.place;
    let text = |(key, value): (String, Value)| match value {
        Value::String(text) => Ok((key, text)),
        other => Err(wrong(&place, A_TEXT_EACH, &other)),
    };
    one.keys.into_iter().map(text).collect()
}

fn checklist(one: Object) -> Result<BTreeMap<String, bool>, Fault> {
    let place = one.place;
    let flag = |(key, value): (String, Value)| match value {
        Value::Bool(seen) => Ok((key, seen)),
        other => Err(wrong(&place, A_FLAG_EACH, &other)),
    };
    one.keys.into_iter().map(flag).collect()
}

fn codes(one: &mut Object) -> Result<Vec<String>, Fault> {
    let place = one.path("peringatan_disetujui");
    let text = |(number, value): (usize, Value)| match value {
        Value::String(code) => Ok(code),
        other => Err(wrong(&format!("{place}[{number}]"), A_TEXT, &other)),
    };
    one.list("peringatan_disetujui")?.into_iter().enumerate().map(text).collect()
}

/// What is expected, in both languages.
type Wanted = (&'static str, &'static str);
const A_TEXT: Wanted = ("teks dalam tanda kutip", "a text in quotation marks");
const A_TEXT_EACH: Wanted = ("objek yang semua isinya teks", "an object whose values are texts");
const A_FLAG_EACH: Wanted =
    ("objek yang semua isinya true atau false", "an object whose values are true or false");
const AN_OBJECT: Wanted = ("objek JSON, {…}", "a JSON object, {…}");
const A_LIST: Wanted = ("daftar JSON, […]", "a JSON list, […]");

fn wrong(place: &str, wanted: Wanted, found: &Value) -> Fault {
    let (id, en) = kind_of(found);
    Fault::at(
        place,
        format!("{place} harus {}; yang diterima {id}. Perbaiki isinya.", wanted.0),
        format!("{place} must be {}; what came is {en}. Correct it.", wanted.1),
    )
}

impl Object {
    fn of(place: String, value: Value) -> Result<Object, Fault> {
        match value {
            Value::Object(keys) => Ok(Object { place, keys, asked: Vec::new() }),
            other => Err(wrong(&place, AN_OBJECT, &other)),
        }
    }

    fn path(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.keys.remove(key)
    }

    fn text(&mut self, key: &'static str) -> Result<String, Fault> {
        let place = self.path(key);
        match self.take(key) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(wrong(&place, A_TEXT, &other)),
            None => Err(Fault::at(
                place.clone(),
                format!("Kunci {place} tidak ada. Isi, lalu kirim lagi."),
                format!("The key {place} is missing. Add it and send it again."),
            )),
        }
    }

    /// `null` counts as absent.
    fn optional_text(&mut self, key: &'static str) -> Result<Option<String>, Fault> {
        let place = self.path(key);
        match self.take(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(&place, A_TEXT, &other)),
        }
    }

    fn object(&mut self, key: &'static str) -> Result<Option<Object>, Fault> {
        let place = self.path(key);
        self.take(key).map(|value| Object::of(place, value)).transpose()
    }

    /// `null` counts as absent.
    fn optional_object(&mut self, key: &'static str) -> Result<Option<Object>, Fault> {
        let place = self.path(key);
        let value = self.take(key).filter(|value| !value.is_null());
        value.map(|value| Object::of(place, value)).transpose()
    }

    fn list(&mut self, key: &'static str) -> Result<Vec<Value>, Fault> {
        let place = self.path(key);
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(entries)) => Ok(entries),
            Some(other) => Err(wrong(&place, A_LIST, &other)),
        }
    }

    /// Any key that is left is unknown. It is not repeated, because it may be personal.
    fn close(self) -> Result<(), Fault> {
        let Some((key, _)) = self.keys.iter().next() else { return Ok(()) };
        let letters = key.chars().count();
        let near = nearest(key, self.asked.iter().copied()).unwrap_or("-");
        let (id, en) = if self.place.is_empty() {
            ("Satu kunci".to_owned(), "A key".to_owned())
        } else {
            (format!("Satu kunci dalam {}", self.place), format!("A key in {}", self.place))
        };
        let words = (
            format!(
                "{id} ({letters} huruf) tidak dikenal; yang paling mirip: {near}. Perbaiki namanya atau hapus; lihat /openapi.json."
            ),
            format!(
                "{en} ({letters} characters) is not known; the nearest is {near}. Correct its name or remove it; see /openapi.json."
            ),
        );
        let place = if self.place.is_empty() { None } else { Some(self.place) };
        Err(Fault { place, ..Fault::at("", words.0, words.1) })
    }
}
