//! Fixtures for the tests: the shipped products, the sample office and the sample children. Faces are replaced by empty
//! drawings, because drawing is not tested here.

#![allow(clippy::unwrap_used)]

mod birthdays;
mod every_code;
mod print_form;
mod product_file;
mod record;
mod sample_children;
mod stranger;
mod stripe;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Value, json};

use super::{Checked, Office, Product, Settings};
use crate::job::{Attachment, JobRequest};

const KIA: &str = include_str!("../../../config/products/kia/product.toml");
const STAF: &str = include_str!("../../../config/products/staf/product.toml");
const OFFICE: &str = include_str!("../../../config/office-contoh.toml");
const SAMPLES: &str = include_str!("../../../config/kia-samples.json");

/// The samples are issued on 2026-03-02; this is the afternoon of that day at the office.
const ISSUE_DAY: &str = "2026-03-02T14:00:00+07:00";

fn faces(names: &[&str]) -> BTreeMap<String, String> {
    names.iter().map(|name| ((*name).to_owned(), "<svg/>".to_owned())).collect()
}

fn kia_faces() -> BTreeMap<String, String> {
    faces(&[
        "kia2-front-a.svg",
        "kia2-front-b.svg",
        "kia2-back.svg",
        "kia1-front-a.svg",
        "kia1-front-b.svg",
    ])
}

fn parse(text: &str, faces: BTreeMap<String, String>) -> Product {
    Product::parse("kia", text, faces).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn kia() -> Product {
    parse(KIA, kia_faces())
}

fn staf() -> Product {
    Product::parse("staf", STAF, faces(&["staf-front.svg", "staf-back.svg"]))
        .unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn office() -> Office {
    Office::parse(OFFICE).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn samples() -> Value {
    serde_json::from_str(SAMPLES).unwrap()
}

/// A sample child as recorded, including derived data.
fn child(id: &str) -> Map<String, Value> {
    let samples = samples();
    let found =
        samples["children"].as_array().unwrap().iter().find(|child| child["id"] == id).cloned();
    found.unwrap().as_object().unwrap().clone()
}

/// The job for a sample child, without the data that the station derives itself.
fn job(id: &str) -> JobRequest {
    let mut fields: BTreeMap<String, Value> = child(id).into_iter().collect();
    for not_sent in ["id", "case", "latar", "jenis_kia", "berlaku_hingga"] {
        fields.remove(not_sent);
    }
    JobRequest {
        photo: None,
        product: "kia".to_owned(),
        reference: format!("1301-2026-{id}"),
        reason: "BARU".to_owned(),
        fields,
        attachments: ["KK", "AKTA"].map(paper).to_vec(),
        recommendation: None,
        replaces: None,
    }
}

/// A job for the staff card.
fn staf_job() -> JobRequest {
    let fields = json!({
        "nama": "Dr. CONTOH PEGAWAI, M.Si.", "jabatan": "ARSIPARIS", "unit": "SEKRETARIAT",
        "no_pegawai": "PSS-00042", "berlaku_hingga": "2031-03-01",
    });
    JobRequest {
        photo: None,
        product: "staf".to_owned(),
        reference: "STAF-42".to_owned(),
        reason: "BARU".to_owned(),
        fields: fields.as_object().unwrap().clone().into_iter().collect(),
        attachments: Vec::new(),
        recommendation: None,
        replaces: None,
    }
}

fn paper(kind: &str) -> Attachment {
    Attachment { kind: kind.to_owned(), sha256: "0123456789abcdef".repeat(4) }
}

fn set(job: &mut JobRequest, field: &str, value: impl Into<Value>) {
    job.fields.insert(field.to_owned(), value.into());
}

fn issue_day() -> Timestamp {
    ISSUE_DAY.parse().unwrap()
}

fn office_offset() -> Offset {
    Offset::constant(7)
}

/// Checks on the issue day of the samples, at the sample office.
fn check(product: &Product, job: &JobRequest, photo: bool) -> Checked {
    product.check(job, photo, &office(), &Settings::default(), issue_day(), office_offset())
}

fn codes_of(checked: &Checked) -> Vec<&str> {
    checked.findings.iter().map(|finding| finding.code.as_str()).collect()
}
