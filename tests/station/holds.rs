//! Jobs that a person must check: each is resolved in the way that its response states, and a person's decision is
//! final.

use std::collections::BTreeSet;
use std::io::Cursor;

use image::DynamicImage;
use kartu::codes::{self, Remedy};
use serde_json::{Value, json};

use crate::test_station::{TestStation, base64, child};

/// A code, and the change to a good job that makes it held for that code.
const CASES: &[(&str, fn(&mut Value))] = &[
    ("H_NAME_DIGITS", |job| job["fields"]["nama"] = json!("RAFI CONTOH 2")),
    ("H_NAME_CHARACTER", |job| job["fields"]["nama"] = json!("RAFI @CONTOH")),
    ("H_NAME_LONG", |job| job["fields"]["nama"] = json!("LILI ".repeat(12) + "LILI")),
    ("H_TEXT_LONG", |job| {
        job["fields"]["alamat"] = json!("JL. ".to_owned() + &"ILI ".repeat(19) + "ILI")
    }),
    ("H_VALIDITY", |job| job["fields"]["berlaku_hingga"] = json!("2032-04-08")),
    ("H_VALIDITY_PAST", |job| {
        job["fields"]["kewarganegaraan"] = json!("OA");
        job["fields"]["itap_sampai"] = json!("2026-03-01");
    }),
    ("H_ISSUE_FUTURE", |job| job["fields"]["tgl_terbit"] = json!("2030-01-01")),
    ("H_FOREIGN_LETTER", |job| job["fields"]["alamat"] = json!("JL. \u{41c}ELATI NO. 1")),
    ("H_OLD_CARD", |job| job["reason"] = json!("RUSAK")),
    ("H_TEXT_OVERFLOW", |job| {
        job["fields"]["nama"] = json!("W".repeat(30) + " " + &"W".repeat(29))
    }),
    ("H_GLYPH_MISSING", |job| job["fields"]["alamat"] = json!("JALAN \u{4e2d}\u{6587} NO. 1")),
    ("H_PHOTO_DARK", |job| with_photo(job, |photo| photo.brighten(-150))),
    ("H_PHOTO_BRIGHT", |job| with_photo(job, |photo| photo.brighten(150))),
    ("H_PHOTO_FLAT", |job| with_photo(job, |photo| photo.adjust_contrast(-80.0))),
    ("H_PHOTO_GREY", |job| with_photo(job, |photo| photo.grayscale())),
    ("H_PHOTO_RATIO", |job| with_photo(job, |photo| photo.crop_imm(0, 0, 600, 600))),
    ("W_NIK_SEX", |job| job["fields"]["jenis_kelamin"] = json!("PEREMPUAN")),
];

/// Codes that other tests produce: by a clock, a chip, a key, a disk, a restored ledger, an office that signs.
const ELSEWHERE: &[&str] = &[
    "H_BLANKS_SPOILED",
    "H_CARDS_UNACCOUNTED",
    "H_CHIP",
    "H_CHIP_SETUP",
    "H_CLOCK",
    "H_CODE_CHARACTER",
    "H_CODE_TOO_LONG",
    "H_CRASHED",
    "H_DATA_DAMAGED",
    "H_ISSUE_OLD",
    "H_KIND_CHANGED",
    "H_LEDGER_RESTORED",
    "H_NOT_WATCHED",
    "H_NO_ENCODER",
    "H_NO_FACE",
    "H_NO_STATION",
    "H_PHOTO_BLANK",
    "H_PHOTO_MISSING",
    "H_PHOTO_ORIENTATION",
    "H_RECOMMENDATION_CHECK",
    "H_RECOMMENDATION_EXPIRED",
    "H_RECOMMENDATION_HASH",
    "H_RECOMMENDATION_NUMBER",
    "H_RECOMMENDATION_OFFICER",
    "H_RECORD_KEY",
    "H_RECORD_MISSING",
    "H_RECORD_TOO_LONG",
    "H_SIGNATURE_BROKEN",
    "H_STALE",
    "H_TTE_TOO_LONG",
    "H_UNSURE",
];

pub fn with_photo(job: &mut Value, change: impl Fn(DynamicImage) -> DynamicImage) {
    use ::base64::Engine as _;
    let photo = ::base64::engine::general_purpose::STANDARD.decode(job["photo"].as_str().unwrap());
    let mut png = Cursor::new(Vec::new());
    let changed = change(image::load_from_memory(&photo.unwrap()).unwrap());
    changed.write_to(&mut png, image::ImageFormat::Png).unwrap();
    job["photo"] = json!(base64(&png.into_inner()));
}

/// A good child's job that accepts every warning.
fn accepting_all() -> Value {
    let warnings =
        codes::all().into_iter().map(|code| code.code).filter(|code| code.starts_with('W'));
    let mut job = child("S2");
    job["recommendation"]["peringatan_disetujui"] = json!(warnings.collect::<Vec<_>>());
    job
}

fn reason<'v>(job: &'v Value, code: &str) -> &'v Value {
    let reasons = job["reasons"].as_array().unwrap();
    reasons.iter().find(|reason| reason["code"] == code).unwrap_or_else(|| panic!("{code}: {job}"))
}

struct Held<'b> {
    bench: &'b TestStation,
    id: String,
    code: &'static str,
}

impl Held<'_> {
    fn ask(&self, what: &str) -> (u16, Value) {
        let path = format!("/v1/jobs/{}/{what}", self.id);
        let answer = self.bench.http.post(&path, &json!({ "by": "petugas-2" }));
        (answer.status, answer.body)
    }

    fn events(&self) -> Vec<Value> {
        let path = format!("/v1/jobs/{}/events", self.id);
        self.bench.http.get(&path).body.as_array().unwrap().clone()
    }

    fn is_lifted_by_a_release_for_good(&self) {
        let (status, job) = self.ask("release");
        assert_eq!(status, 200, "{}: {job}", self.code);
        self.bench.until(&self.id, "printed");
        let events = self.events();
        let released = events.iter().position(|event| event["event"] == "release").unwrap();
        let accepted = events[released]["detail"]["accepted"].as_array().unwrap();
        assert!(accepted.contains(&json!(self.code)), "{}: {accepted:?}", self.code);
        let again = events[released..].iter().any(|event| event["event"] == "hold");
        assert!(!again, "{}: what was decided is asked again", self.code);
    }

    /// If the cause remains, the job is held again; it can always be withdrawn and posted again.
    fn holds_again_until_mended(&self) {
        assert_eq!(self.ask("release").0, 200, "{}", self.code);
        self.bench.until_event(&self.id, "hold");
        reason(&self.bench.http.get(&format!("/v1/jobs/{}", self.id)).body, self.code);
        assert_eq!(self.ask("cancel").0, 200);
    }

    fn is_not_lifted_by_a_release(&self) {
        let (status, problem) = self.ask("release");
        assert_eq!((status, &problem["code"]), (409, &json!("E_NOT_RELEASABLE")), "{}", self.code);
        let told = problem["errors"][0]["message"]["en"].as_str().unwrap();
        assert!(
            told.starts_with(self.code) && told.to_lowercase().contains("cancel the job"),
            "{told}"
        );
        assert_eq!(self.ask("cancel").0, 200);
    }
}

#[test]
fn every_hold_is_lifted_in_the_way_that_it_names() {
    let bench = TestStation::new();
    for (number, (code, change)) in CASES.iter().enumerate() {
        let reference = json!(format!("HOLD-{number}"));
        let mut job = if code.starts_with('W') { child("S2") } else { accepting_all() };
        job["ref"] = reference.clone();
        change(&mut job);
        let answer = bench.http.post("/v1/jobs", &job);
        assert_eq!((answer.status, &answer.body["state"]), (201, &json!("held")), "{code}");
        let why = reason(&answer.body, code).clone();
        let held = Held { bench: &bench, id: answer.body["id"].as_str().unwrap().into(), code };
        let remedy = codes::find(code).unwrap().remedy;
        assert_eq!(why["remedy"], serde_json::to_value(remedy).unwrap(), "{code}");
        for language in ["id", "en"] {
            let told = why["message"][language].as_str().unwrap().to_lowercase();
            assert!(told.contains("cancel"), "{why}");
        }
        match remedy {
            Remedy::Release => {
                held.is_lifted_by_a_release_for_good();
                continue;
            }
            Remedy::Mend | Remedy::MendOrRepost => held.holds_again_until_mended(),
            _ => held.is_not_lifted_by_a_release(),
        }
        let mut right = if code.starts_with('W') { job } else { child("S2") };
        if code.starts_with('W') {
            right["recommendation"]["peringatan_disetujui"] = json!([code]);
        }
        right["ref"] = reference;
        let id = bench.accepted(&right);
        bench.until(&id, "printed");
    }
    assert_eq!(bench.cards_out(), CASES.len() as u64, "one approval, one card");
}

#[test]
fn no_hold_is_left_out() {
    let held = codes::all().into_iter().map(|code| code.code).filter(|code| code.starts_with('H'));
    let walked = CASES.iter().map(|(code, _)| *code).filter(|code| code.starts_with('H'));
    let walked: BTreeSet<&str> = walked.chain(ELSEWHERE.iter().copied()).collect();
    assert_eq!(walked, held.collect::<BTreeSet<_>>());
}
