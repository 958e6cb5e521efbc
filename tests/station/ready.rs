//! Could the station accept a job and print it now? `/readyz`, the station's reasons and the page agree.

use emulators::machine::Lever;
use serde_json::json;

use crate::ledger::kartud;
use crate::test_station::{TestStation, child};

#[test]
fn a_station_is_ready_only_when_it_could_take_and_print_a_job_now() {
    let bench = TestStation::new();
    bench.until(&bench.accepted(&child("S1")), "printed");
    let ready = bench.http.get("/readyz");
    assert_eq!((ready.status, &ready.body), (200, &json!("ready\n")));
    bench.pull(Lever::EmptyFeeder);
    bench.until_reason("media-empty");
    let ready = bench.http.get("/readyz");
    assert_eq!((ready.status, &ready.body["code"]), (503, &json!("E_PRINTER")), "{}", ready.body);
    assert!(ready.body["errors"][0]["field"].as_str().unwrap().starts_with("media-empty"));
    assert_eq!(bench.http.get("/readyz?for=intake").status, 200, "jobs wait for their blank");
    for wrong in ["/readyz?for=printing", "/readyz?intake", "/readyz?for=intake&x"] {
        assert_eq!(bench.http.get(wrong).status, 400, "{wrong}");
    }
    bench.pull(Lever::LoadFeeder(10));
    while bench.http.get("/readyz").status != 200 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let without = TestStation::without_printer();
    let ready = without.http.get("/readyz");
    assert_eq!((ready.status, ready.codes("errors")), (503, vec!["E_PRINTER".to_owned()]));
}

/// More jobs than the page shows.
const MANY: usize = 17;

#[test]
fn whoever_waits_for_a_person_is_counted_over_all_jobs_and_the_unsure_are_named() {
    let bench = TestStation::new();
    for number in 0..MANY {
        let mut job = child("S2");
        job["ref"] = json!(format!("HELD-{number}"));
        job["fields"]["jenis_kelamin"] = json!("PEREMPUAN");
        bench.accepted(&job);
    }
    bench.pull(Lever::JamNextCard);
    let mut job = child("S2");
    job["ref"] = json!("UNSURE-1");
    let unsure = bench.accepted(&job);
    bench.until(&unsure, "unsure");
    bench.until_reason("media-jam-error");
    bench.pull(Lever::TakeCardOut);
    bench.until_event(&unsure, "left_to_a_person");
    for number in 0..16 {
        let mut job = child("S3");
        job["ref"] = json!(format!("LATER-{number}"));
        let id = bench.accepted(&job);
        if number == 15 {
            bench.until(&id, "printed");
        }
    }
    let station = bench.http.get("/v1/station").body;
    let expected = json!({ "held": MANY, "unsure": 1, "unsure_refs": ["UNSURE-1"] });
    assert_eq!(station["waiting"], expected);
    let reasons = station["state_reasons"].to_string();
    assert!(reasons.contains("17 jobs are held") && reasons.contains("UNSURE-1"), "{reasons}");
    let (said, code) = kartud(&["status", "--url", &bench.http.url]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("17 jobs are held") && said.contains("UNSURE-1"), "{said}");
}

/// Relative luminance and contrast as defined in WCAG 2.
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |colour: &str| {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn the_page_can_be_read_by_day_and_by_night() {
    let bench = TestStation::without_printer();
    let page = bench.http.get("/").body;
    let (day, night) = page.as_str().unwrap().split_once("prefers-color-scheme: dark").unwrap();
    for (rules, backgrounds) in
        [(day, &["#ffffff"][..]), (night, &["#121212", "#1c1b22", "#1e1e1e"])]
    {
        for name in ["--good: ", "--wait: ", "--bad: "] {
            let colour = &rules.split(name).nth(1).unwrap()[..7];
            for background in backgrounds {
                let contrast = contrast(colour, background);
                assert!(contrast >= 4.5, "{name}{colour} on {background}: {contrast:.1}");
            }
        }
    }
    assert!(!page.as_str().unwrap().contains("opacity"), "which would lower it again");
}
