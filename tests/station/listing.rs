//! Queries of the lists of jobs and products, over HTTP and at the command line.

use serde_json::{Value, json};

use crate::record::{kartud, out};
use crate::test_station::{TestStation, child};

/// Creates jobs of two products, one of them withdrawn; returns their ids.
fn some_jobs(bench: &TestStation) -> Vec<String> {
    let post = |reference: &str| {
        let mut job = child("S1");
        job["ref"] = json!(reference);
        job["recommendation"]["nomor"] = json!(format!("470/{reference}"));
        bench.accepted(&job)
    };
    let ids: Vec<String> =
        ["PS/2026-1", "PS/2026-2", "PS/2025-9", "XX-1"].into_iter().map(post).collect();
    let cancel = format!("/v1/jobs/{}/cancel", ids[1]);
    assert_eq!(bench.http.post(&cancel, &json!({ "by": "petugas-2" })).status, 200);
    ids
}

fn refs(bench: &TestStation, query: &str) -> Vec<String> {
    let answer = bench.http.get(&format!("/v1/jobs?{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let jobs = answer.body["jobs"].as_array().unwrap();
    jobs.iter().map(|job| job["ref"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn jobs_are_found_by_what_a_person_knows_of_them() {
    let bench = TestStation::without_printer();
    let ids = some_jobs(&bench);
    let (by_end, by_id) = (format!("id={}", &ids[2][28..]), format!("id={}", ids[3]));
    let cases: &[(&str, &[&str])] = &[
        ("ref=PS/2026-1", &["PS/2026-1"]),
        ("ref=PS/2026", &[]),
        ("ref_prefix=PS/2026", &["PS/2026-1", "PS/2026-2"]),
        ("ref_prefix=PS&order=newest", &["PS/2025-9", "PS/2026-2", "PS/2026-1"]),
        ("state=cancelled,queued&ref_prefix=PS/2026", &["PS/2026-1", "PS/2026-2"]),
        ("state=cancelled,held", &["PS/2026-2"]),
        ("state=cancelled&state=held", &["PS/2026-2"]),
        ("product=staf", &[]),
        ("product=kia&limit=1&order=newest", &["XX-1"]),
        ("received_from=2026-03-01&ref=XX-1", &["XX-1"]),
        ("received_until=2026-03-01", &[]),
        ("received_from=2999-12-30", &[]),
        (&by_end, &["PS/2025-9"]),
        (&by_id, &["XX-1"]),
    ];
    for (query, expected) in cases {
        assert_eq!(refs(&bench, query), *expected, "{query}");
    }
    let first = bench.http.get("/v1/jobs?ref_prefix=PS&limit=2").body;
    let next = first["next"].as_str().unwrap();
    assert_eq!(refs(&bench, &format!("ref_prefix=PS&limit=2&cursor={next}")), ["PS/2025-9"]);
}

#[test]
fn a_day_of_the_office_begins_at_its_own_midnight() {
    let bench = TestStation::without_printer();
    let id = some_jobs(&bench).remove(0);
    let at: jiff::Timestamp = {
        let job = bench.http.get(&format!("/v1/jobs/{id}")).body;
        job["received_at"].as_str().unwrap().parse().unwrap()
    };
    let today = jiff::tz::Offset::constant(7).to_datetime(at).date();
    let (before, after) = (today.yesterday().unwrap(), today.tomorrow().unwrap());
    let count = |query: String| refs(&bench, &query).len();
    assert_eq!(count(format!("received_from={today}&received_until={today}")), 4);
    assert_eq!(count(format!("received_from={after}")), 0);
    assert_eq!(count(format!("received_until={before}")), 0);
    let second = jiff::Timestamp::from_second(at.as_second()).unwrap();
    assert_eq!(count(format!("received_from={second}")), 4);
    assert_eq!(count(format!("received_until={second}")), 0, "the end is not included");
}

#[test]
fn a_parameter_that_is_wrong_is_named_with_what_may_stand_there() {
    let bench = TestStation::without_printer();
    for (query, field, says) in [
        ("limit=0", "limit", "1 to 500"),
        ("limit=501", "limit", "1 to 500"),
        ("limit=%2B5", "limit", "1 to 500"),
        ("state=lost", "state", "held,unsure"),
        ("state=held,", "state", "held,unsure"),
        ("order=up", "order", "oldest or newest"),
        ("cursor=x", "cursor", "the page before"),
        ("cursor=-1", "cursor", "the page before"),
        ("ref=a", "ref", "A-Z"),
        ("ref_prefix=", "ref_prefix", "A-Z"),
        ("id=019", "id", "4 to 36"),
        ("received_from=yesterday", "received_from", "RFC 3339"),
        ("received_until=2026-02-30", "received_until", "RFC 3339"),
        ("statte=held", "statte", "nearest is state"),
        ("limit=5&limit=6", "limit", "twice"),
    ] {
        let answer =
            bench.http.get_with(&format!("/v1/jobs?{query}"), &[("accept-language", "en")]);
        let told = (answer.status, answer.body["code"].as_str(), answer.body["field"].as_str());
        assert_eq!(told, (400, Some("E_QUERY"), Some(field)), "{query}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{query}: {detail}");
    }
    for query in [
        "from=2026-03-02T00:00",
        "form=2026-03-02",
        "from=2026-3-2",
        "from=2026-03-02&to=2026-03-01",
    ] {
        let answer = bench.http.get(&format!("/v1/blanks?{query}"));
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (400, Some("E_QUERY")),
            "{query}"
        );
    }
}

#[test]
fn the_command_line_finds_a_job_by_a_part_of_its_id_or_by_its_ref() {
    let bench = TestStation::without_printer();
    let ids = some_jobs(&bench);
    let url = bench.http.url.as_str();
    let shown = |typed: &str| -> Value {
        serde_json::from_str(&out(&kartud(&["job", typed, "--json", "--url", url]))).unwrap()
    };
    for typed in [ids[3].as_str(), &ids[3].to_uppercase(), &ids[3][24..], "XX-1"] {
        assert_eq!(shown(typed)["job"]["id"], json!(ids[3]), "{typed}");
    }
    let several = kartud(&["job", &ids[0][..4], "--url", url]);
    assert_eq!(several.status.code(), Some(3));
    let told = String::from_utf8_lossy(&several.stderr).into_owned();
    assert!(
        ids.iter().all(|id| told.contains(id.as_str())) && told.contains("PS/2025-9"),
        "{told}"
    );
    for nobody in ["ffff-ffff", "NO-SUCH", "x", ""] {
        assert_eq!(kartud(&["job", nobody, "--url", url]).status.code(), Some(3), "{nobody}");
    }
    let cancel = kartud(&["cancel", &ids[0][28..], "--by", "petugas-2", "--url", url]);
    assert!(out(&cancel).contains("cancelled"));
}

#[test]
fn the_command_line_lists_by_ref_product_day_and_states() {
    let bench = TestStation::without_printer();
    some_jobs(&bench);
    let lines = |args: &[&str]| {
        let all = [&["jobs", "--url", &bench.http.url], args].concat();
        out(&kartud(&all)).lines().count()
    };
    assert_eq!(lines(&["--ref", "PS/2026"]), 2);
    assert_eq!(lines(&["--ref", "PS/2026", "--state", "queued"]), 1);
    assert_eq!(lines(&["--state", "cancelled", "--state", "queued"]), 4);
    assert_eq!(lines(&["--state", "cancelled,held"]), 1);
    assert_eq!(lines(&["--product", "staf"]), 0);
    assert_eq!(lines(&["--since", "2026-03-01T08:00:00+07:00"]), 4);
    assert_eq!(lines(&["--until", "2026-03-01"]), 0);
    let wrong = kartud(&["jobs", "--since", "yesterday", "--url", &bench.http.url]);
    assert_eq!(wrong.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("RFC 3339"));
}

#[test]
fn what_a_job_must_have_is_told_by_the_station() {
    let bench = TestStation::without_printer();
    let all = bench.http.get("/v1/products").body;
    let names: Vec<&str> = all["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["kia", "staf"]);
    let kia = bench.http.get("/v1/products/kia").body;
    let named = |list: &str, key: &str, name: &str| {
        kia[list].as_array().unwrap().iter().find(|one| one[key] == name).cloned().unwrap()
    };
    let sex = named("fields", "name", "jenis_kelamin");
    assert_eq!((&sex["type"], &sex["required"]), (&json!("choice"), &json!(true)));
    assert_eq!(sex["values"], json!(["LAKI-LAKI", "PEREMPUAN"]));
    assert_eq!(sex["label"], json!({ "id": "Jenis kelamin", "en": "Sex" }));
    assert_eq!(named("fields", "name", "itap_sampai")["required_unless"]["is"], json!(["WNI"]));
    let lost = &named("reasons", "code", "HILANG")["requires"];
    assert_eq!((&lost["field"], &lost["effect"]), (&json!("no_laporan_polisi"), &json!("refused")));
    assert_eq!(named("papers", "kind", "KK")["required"], true);
    assert_eq!(named("codes", "code", "W_NIK_SEX")["effect"], "held_unless_acknowledged");
    assert_eq!(kia["photo"]["background"], "birth_year_parity");
    let alone = bench.http.get(kia["links"]["job_schema"].as_str().unwrap());
    assert_eq!((alone.status, alone.kind.as_str()), (200, "application/schema+json"));
    assert_eq!(alone.body, kia["job_schema"]);
    let staf = bench.http.get("/v1/products/staf").body;
    let codes = staf["codes"].to_string();
    assert!(!codes.contains("_NIK_") && !codes.contains("E_AGE"), "{codes}");
    assert_eq!(bench.http.get("/v1/products/ktp").status, 404);
}
