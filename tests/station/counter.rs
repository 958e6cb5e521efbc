//! The printer's counter compared with the ledger: cards that the printer moved while the station was off, and an old
//! ledger that was restored together with its own old head.

use std::path::Path;

use emulators::machine::Lever;
use serde_json::{Value, json};

use crate::ledger::verified;
use crate::test_station::{TestStation, child};

const FILES: [&str; 2] = ["ledger.db", "ledger.head"];

fn copy(from: &Path, to: &Path) {
    for file in FILES {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

fn is_held_for_the_counter(job: &Value) -> bool {
    let reasons = job["reasons"].as_array().unwrap();
    job["state"] == "held" && reasons.iter().any(|one| one["code"] == "H_CARDS_UNACCOUNTED")
}

/// Prints one card, copies the ledger, prints another card, and restores the copy.
fn put_back() -> (TestStation, Value) {
    let mut bench = TestStation::new();
    bench.until(&bench.accepted(&child("S1")), "printed");
    bench.stop();
    let backup = tempfile::TempDir::new().unwrap();
    copy(bench.dir.path(), backup.path());
    bench.start("");
    let lost = child("S2");
    bench.until(&bench.accepted(&lost), "printed");
    bench.stop();
    copy(backup.path(), bench.dir.path());
    (bench, lost)
}

#[test]
fn an_old_ledger_with_its_own_old_head_prints_nothing_again() {
    let (mut bench, lost) = put_back();
    bench.start("");
    bench.until_polled(2);
    let again = bench.accepted(&lost);
    let held = bench.until(&again, "held");
    assert!(is_held_for_the_counter(&held), "{held}");
    assert_eq!(bench.cards_out(), 2, "its card is there already");
    // The person who looked for the card and found none decides.
    let by = json!({ "by": "op-2" });
    assert_eq!(bench.http.post(&format!("/v1/jobs/{again}/release"), &by).status, 200);
    bench.until(&again, "printed");
    bench.stop();
    assert_eq!(verified(&bench.dir.path().join("ledger.db"))["faults"], json!([]));
}

#[test]
fn a_job_that_was_posted_before_the_printer_answered_is_held_too() {
    let (mut bench, lost) = put_back();
    bench.pull(Lever::CutPower);
    bench.start("");
    let again = bench.accepted(&lost);
    bench.pull(Lever::PowerOn);
    assert!(is_held_for_the_counter(&bench.until(&again, "held")));
    bench.stop();
    bench.start("");
    assert!(is_held_for_the_counter(&bench.until(&again, "held")), "it stays so");
    assert_eq!(bench.cards_out(), 2);
}

#[test]
fn test_cards_that_are_entered_account_for_the_printers_counter() {
    let (mut bench, _) = put_back();
    bench.start("");
    let first = bench.accepted(&child("S3"));
    assert!(is_held_for_the_counter(&bench.until(&first, "held")));
    let test = json!({ "kind": "test", "cards": 1, "by": "op-2" });
    assert_eq!(bench.http.post("/v1/blanks", &test).status, 201);
    let second = bench.accepted(&child("S2"));
    bench.until(&second, "printed");
}

#[test]
fn a_printer_that_is_where_the_ledger_knows_it_holds_nothing() {
    let mut bench = TestStation::new();
    for sample in ["S1", "S2", "S3"] {
        bench.until(&bench.accepted(&child(sample)), "printed");
        bench.stop();
        bench.start("");
    }
    let held = bench.http.get("/v1/jobs?state=held").body;
    assert_eq!(held["jobs"], json!([]));
}
