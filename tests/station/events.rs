//! Clients of the event stream: an event id that is not in this ledger is reported, never answered with silence.

use serde_json::{Value, json};

use crate::ledger::kartud;
use crate::test_station::{TestStation, child};

/// Kinds and data of the events after `after`, up to the job's `event`.
fn heard(bench: &TestStation, after: &str, job: &str, event: &str) -> Vec<(String, Value)> {
    let mut heard = Vec::new();
    bench.http.listen(after, |kind, _, data| {
        heard.push((kind.to_owned(), data.clone()));
        kind == "job" && data["job"] == job && data["event"] == event
    });
    heard.retain(|(kind, _)| kind != "station");
    heard
}

fn last_event(bench: &TestStation) -> String {
    bench.http.get("/v1/station").body["last_event"].as_str().unwrap().to_owned()
}

#[test]
fn an_event_that_this_ledger_does_not_have_is_told_by_one_reset() {
    let bench = TestStation::without_printer();
    let first = bench.accepted(&child("S1"));
    let known = last_event(&bench);
    let (seq, hash) = known.split_once('-').unwrap();
    assert!(seq.parse::<u64>().unwrap() > 0 && hash.len() == 16, "{known}");
    let other = if hash.starts_with('0') { "1" } else { "0" };
    let foreign = [
        format!("{seq}-{other}{}", &hash[1..]),
        format!("999999-{hash}"),
        format!("0-{hash}"),
        format!("{}-{hash}", u64::MAX),
        format!("99999999999999999999-{hash}"),
        // The older form of ids.
        seq.to_owned(),
        // An id that no kartud ever gave.
        "yesterday".into(),
        "-".into(),
        "7-".into(),
        known.to_uppercase().replace('-', "-F"),
        "123456789012345678901".into(),
    ];
    for (number, after) in foreign.into_iter().enumerate() {
        let now = last_event(&bench);
        let mut job = child("S2");
        job["ref"] = json!(format!("AFTER-{number}"));
        let mut told = Vec::new();
        bench.http.listen(&after, |kind, _, data| {
            if kind == "reset" {
                assert_eq!(data["last_event"], now, "{after}");
                assert_ne!(data["message"]["id"], data["message"]["en"]);
                bench.accepted(&job);
            }
            told.push(kind.to_owned());
            kind == "job" && data["ref"] == job["ref"]
        });
        assert_eq!(told[0], "reset", "{after}: {told:?}");
        assert_eq!(told.iter().filter(|kind| *kind == "reset").count(), 1, "{after}: {told:?}");
    }
    let all = heard(&bench, "0", &first, "received");
    assert!(all.iter().all(|(kind, _)| kind == "job"), "{all:?}");
    let named = all.last().unwrap().1["id"].as_str().unwrap().to_owned();
    assert_eq!(named.split_once('-').unwrap().1.len(), 16);
    let told = bench.http.get(&format!("/v1/jobs/{first}/events")).body;
    assert_eq!(told[0]["id"], named, "the same name wherever a line is shown");
    let second = bench.accepted(&child("S3"));
    let later = heard(&bench, &known, &second, "received");
    assert!(later.iter().all(|(kind, _)| kind == "job"), "{later:?}");
}

#[test]
fn after_a_ledger_is_put_back_everybody_who_listened_is_told_to_read_anew() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    let before = last_event(&bench);
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    let copy = std::fs::read(&path).unwrap();
    let lost = {
        bench.start("");
        let id = bench.accepted(&child("S2"));
        bench.until(&id, "printed");
        bench.stop();
        bench.start("");
        last_event(&bench)
    };
    bench.stop();
    std::fs::write(&path, copy).unwrap();
    let (said, code) = kartud(&["ledger", "adopt", path.to_str().unwrap(), "--by", "teknisi-7"]);
    assert_eq!(code, Some(0), "{said}");
    bench.start("");
    let id = bench.accepted(&child("S3"));
    // The new ledger has lines with the same numbers.
    let seq: u64 = lost.split_once('-').unwrap().0.parse().unwrap();
    let there = |bench: &TestStation| -> u64 {
        last_event(bench).split_once('-').unwrap().0.parse().unwrap()
    };
    for number in 0.. {
        if there(&bench) > seq {
            break;
        }
        let mut job = child("S4");
        job["ref"] = json!(format!("MORE-{number}"));
        bench.accepted(&job);
    }
    let mut told = Vec::new();
    bench.http.listen(&lost, |kind, _, _| {
        told.push(kind.to_owned());
        kind == "station"
    });
    // An event about a card that is being printed may come between the two.
    told.retain(|kind| kind != "job");
    assert_eq!(told, ["reset", "station"]);
    let kept = heard(&bench, &before, &id, "received");
    assert!(kept.iter().all(|(kind, _)| kind == "job"), "what is in the copy still holds");
}
