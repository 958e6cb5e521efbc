//! An empty recommendation is worth nothing: if it lacks something that the product requires, the job is held, and only
//! another recommendation helps.

use serde_json::{Value, json};

use crate::printing::staff;
use crate::test_station::{TestStation, child};

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The change to a complete recommendation, and the code and field that hold its job.
const SILENT: &[(&str, fn(&mut Value), &str, &str)] = &[
    (
        "no number",
        |r| drop(r.as_object_mut().unwrap().remove("nomor")),
        "H_RECOMMENDATION_NUMBER",
        "nomor",
    ),
    ("an empty number", |r| r["nomor"] = json!(" "), "H_RECOMMENDATION_NUMBER", "nomor"),
    (
        "nobody",
        |r| drop(r.as_object_mut().unwrap().remove("oleh")),
        "H_RECOMMENDATION_OFFICER",
        "oleh.nama",
    ),
    ("no NIP", |r| r["oleh"]["nip"] = json!(""), "H_RECOMMENDATION_OFFICER", "oleh.nip"),
    (
        "no family card",
        |r| r["daftar_periksa"]["kk"] = json!(false),
        "H_RECOMMENDATION_CHECK",
        "daftar_periksa.kk",
    ),
    (
        "no photo seen",
        |r| r["daftar_periksa"]["foto"] = json!(false),
        "H_RECOMMENDATION_CHECK",
        "daftar_periksa.foto",
    ),
    (
        "no checklist",
        |r| r["daftar_periksa"] = json!({}),
        "H_RECOMMENDATION_CHECK",
        "daftar_periksa.data_cocok",
    ),
    ("zeros", |r| r["hash_data"] = json!(ZEROS), "H_RECOMMENDATION_HASH", "hash_data"),
    ("no hash", |r| r["hash_data"] = json!("abc"), "H_RECOMMENDATION_HASH", "hash_data"),
];

fn reasons(job: &Value) -> Vec<(&str, &str)> {
    let reasons = job["reasons"].as_array().unwrap().iter();
    reasons.map(|one| (one["code"].as_str().unwrap(), one["field"].as_str().unwrap())).collect()
}

#[test]
fn a_recommendation_that_says_nothing_holds_its_job() {
    let bench = TestStation::new();
    for (number, (what, change, code, place)) in SILENT.iter().enumerate() {
        let mut job = child("S2");
        job["ref"] = json!(format!("SILENT-{number}"));
        job["recommendation"]["nomor"] = json!(format!("OWN-{number}"));
        change(&mut job["recommendation"]);
        let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
        let asynchronous = number % 2 == 1;
        let headers = if asynchronous { &headers[..] } else { &headers[..1] };
        let answer = bench.http.post_with("/v1/jobs", job.to_string().as_bytes(), headers);
        assert_eq!(answer.status, 201, "{what}: {}", answer.body);
        let id = answer.body["id"].as_str().unwrap();
        let held = bench.until(id, "held");
        let place = format!("recommendation.{place}");
        assert!(reasons(&held).contains(&(code, &*place)), "{what}: {held}");
        let release = bench.http.post(&format!("/v1/jobs/{id}/release"), &json!({ "by": "p-2" }));
        assert_eq!(
            (release.status, &release.body["code"]),
            (409, &json!("E_NOT_RELEASABLE")),
            "{what}"
        );
    }
    assert_eq!(bench.cards_out(), 0, "nothing is printed on a bare yes");
}

#[test]
fn a_bare_yes_is_told_everything_that_it_does_not_say() {
    let bench = TestStation::without_printer();
    let mut job = child("S1");
    job["recommendation"] = json!({
        "keputusan": "SETUJU", "hash_data": ZEROS,
        "daftar_periksa": { "kk": false, "akta": false, "foto": false, "data_cocok": false },
    });
    let answer = bench.http.post("/v1/jobs", &job);
    let told: Vec<&str> = reasons(&answer.body).into_iter().map(|(_, place)| place).collect();
    let short: Vec<&str> = told.iter().map(|place| &place["recommendation.".len()..]).collect();
    // A child of kind A has no photo to compare.
    let expected = [
        "nomor",
        "oleh.nama",
        "oleh.nip",
        "daftar_periksa.kk",
        "daftar_periksa.akta",
        "daftar_periksa.data_cocok",
        "hash_data",
    ];
    assert_eq!(short, expected);
}

#[test]
fn an_honest_recommendation_prints_and_another_product_asks_what_it_wants() {
    let bench = TestStation::for_staff();
    let mut job = child("S1");
    job["recommendation"]["daftar_periksa"]["foto"] = json!(false);
    job["recommendation"]["hash_data"] = json!("ab".repeat(32));
    bench.until(&bench.accepted(&job), "printed");
    let mut silent = staff();
    silent["recommendation"].as_object_mut().unwrap().remove("oleh");
    let answer = bench.http.post("/v1/jobs", &silent);
    assert_eq!(answer.codes("reasons"), ["H_RECOMMENDATION_OFFICER"]);
    let cancel = format!("/v1/jobs/{}/cancel", answer.body["id"].as_str().unwrap());
    assert_eq!(bench.http.post(&cancel, &json!({ "by": "p-2" })).status, 200);
    bench.until(&bench.accepted(&staff()), "printed");
}

/// The ledger's lines are kept for good and exported, so a number in them must not identify a person.
#[test]
fn a_number_that_names_the_holder_is_refused_and_kept_nowhere() {
    let bench = TestStation::without_printer();
    let good = child("S2");
    let (nik, nama) =
        (good["fields"]["nik"].as_str().unwrap(), good["fields"]["nama"].as_str().unwrap());
    let names: [(&str, String); 4] = [
        ("/ref", nik.to_owned()),
        ("/ref", format!("A/{}", nama.to_uppercase().replace(' ', "-"))),
        ("/recommendation/nomor", format!("470/{}", nama.to_lowercase())),
        ("/recommendation/nomor", format!("470/{} {}", &nik[..6], &nik[6..])),
    ];
    for (place, number) in names {
        let mut job = good.clone();
        *job.pointer_mut(place).unwrap() = json!(number);
        let answer = bench.http.post("/v1/jobs", &job);
        let field = place[1..].replace('/', ".");
        assert_eq!((answer.status, &answer.body["code"]), (422, &json!("E_PERSONAL")), "{number}");
        assert_eq!(answer.body["field"], json!(field), "{number}");
        assert!(!answer.body.to_string().contains(&number), "it is not repeated");
    }
    let lines = bench.http.get("/v1/jobs").body;
    assert_eq!(lines["jobs"], json!([]));
}

#[test]
fn an_approval_is_the_same_however_its_number_is_written() {
    let bench = TestStation::without_printer();
    let mut first = child("S2");
    first["recommendation"]["nomor"] = json!("800/12-a/KIA");
    bench.accepted(&first);
    for written in ["800/12-A/kia", " 800 / 12-a / KIA "] {
        let mut job = child("S3");
        job["recommendation"]["nomor"] = json!(written);
        let answer = bench.http.post("/v1/jobs", &job);
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (409, &json!("E_APPROVAL_USED")),
            "{written}"
        );
    }
}
