//! How a person ends a job: its card is handed over, or its approval has expired.

use kartu::clock::Clock;
use serde_json::{Value, json};

use crate::ledger::{kartud, verified};
use crate::test_station::{TestStation, child};

fn ask(bench: &TestStation, id: &str, what: &str) -> (u16, Value) {
    let answer = bench.http.post(&format!("/v1/jobs/{id}/{what}"), &json!({ "by": "petugas-3" }));
    (answer.status, answer.body)
}

#[test]
fn a_card_is_handed_over_once_and_may_be_found_bad_afterwards() {
    let mut bench = TestStation::new();
    let waits = bench.accepted(&child("S1"));
    let id = bench.accepted(&child("S2"));
    bench.until(&waits, "printed");
    bench.until(&id, "printed");
    let (status, job) = ask(&bench, &id, "hand-over");
    assert_eq!(
        (status, &job["state"], &job["state_label"]),
        (200, &json!("handed_over"), &json!("diserahkan"))
    );
    assert_eq!(ask(&bench, &id, "hand-over").0, 409, "it is not given twice");
    assert_eq!(ask(&bench, &id, "cancel").0, 409);
    let lines = bench.http.get(&format!("/v1/jobs/{id}/events")).body;
    let last = lines.as_array().unwrap().last().unwrap();
    assert_eq!((&last["event"], &last["detail"]["by"]), (&json!("hand_over"), &json!("petugas-3")));
    // By the command line; then the card comes back as bad.
    let (said, code) =
        kartud(&["hand-over", &waits, "--by", "petugas-3", "--url", &bench.http.url]);
    assert!(said.contains("handed_over") && code == Some(0), "{said}");
    let bad =
        json!({ "seen": "spoiled", "by": "petugas-3", "cause": "CACAT_PABRIK", "insist": true });
    assert_eq!(bench.http.post(&format!("/v1/jobs/{id}/resolve"), &bad).body["state"], "spoiled");
    let days = bench.http.get("/v1/blanks").body["days"].clone();
    let today = days.as_array().unwrap().last().unwrap();
    let counted = (&today["good"], &today["spoiled_by_cause"]["CACAT_PABRIK"]);
    assert_eq!(counted, (&json!(1), &json!(1)), "{today}");
    bench.stop();
    assert_eq!(verified(&bench.dir.path().join("ledger.db"))["faults"], json!([]));
}

#[test]
fn a_card_that_is_not_out_cannot_be_handed_over() {
    let bench = TestStation::without_printer();
    let id = bench.accepted(&child("S2"));
    let (status, body) = ask(&bench, &id, "hand-over");
    assert_eq!((status, &body["code"]), (409, &json!("E_STATE")), "{body}");
    assert_eq!(ask(&bench, "01a22ba7-c674-777d-b1b2-caf2a75f230e", "hand-over").0, 404);
    let nobody = bench.http.post(&format!("/v1/jobs/{id}/hand-over"), &json!({}));
    assert_eq!((nobody.status, &nobody.body["code"]), (400, &json!("E_BY")));
}

#[test]
fn an_approval_that_expired_is_ended_by_a_person_and_stays_spent() {
    let mut bench = TestStation::without_printer();
    let job = child("S2");
    let id = bench.accepted(&job);
    let (status, body) = ask(&bench, &id, "expire");
    assert_eq!((status, &body["code"]), (409, &json!("E_NOT_EXPIRED")), "{body}");
    bench.stop();
    let in_eight_days = || jiff::Timestamp::now() + jiff::SignedDuration::from_hours(8 * 24);
    bench.start_at("", Clock::with_wall(in_eight_days));
    bench.until(&id, "held");
    let (said, code) = kartud(&["expire", &id, "--by", "petugas-3", "--url", &bench.http.url]);
    assert!(said.contains("expired") && code == Some(0), "{said}");
    assert_eq!(ask(&bench, &id, "release").0, 409, "nothing leads back");
    // The application may be posted again, but its approval may not.
    let again = bench.http.post("/v1/jobs", &job);
    assert_eq!(
        (again.status, &again.body["code"]),
        (409, &json!("E_APPROVAL_USED")),
        "{}",
        again.body
    );
    let mut approved_anew = job;
    approved_anew["recommendation"]["nomor"] = json!("470/BARU-2");
    bench.until(&bench.accepted(&approved_anew), "printed");
    assert_eq!(bench.cards_out(), 1);
}
