//! Cards whose outcome is unknown: the machine decides if it can, and a person if it cannot.

use emulators::machine::{AnswerFault, Lever, SpoiltAnswers};
use jiff::SignedDuration;
use kartu::clock::Clock;
use serde_json::{Value, json};

use crate::test_station::{TestStation, child};

fn resolve(bench: &TestStation, id: &str, answer: &Value) -> (u16, Value) {
    let answer = bench.http.post(&format!("/v1/jobs/{id}/resolve"), answer);
    (answer.status, answer.body)
}

fn events(bench: &TestStation, id: &str) -> Vec<String> {
    let events = bench.http.get(&format!("/v1/jobs/{id}/events")).body;
    let name = |event: &Value| event["event"].as_str().unwrap().to_owned();
    events.as_array().unwrap().iter().map(name).collect()
}

/// A card that jams, is removed by hand, and is left to a person.
fn jammed(bench: &TestStation) -> String {
    bench.pull(Lever::JamNextCard);
    let id = bench.accepted(&child("S2"));
    bench.until(&id, "unsure");
    bench.until_reason("media-jam-error");
    bench.pull(Lever::TakeCardOut);
    bench.until_event(&id, "left_to_a_person");
    id
}

#[test]
fn a_person_says_that_the_blank_is_spoiled_and_the_same_approval_gets_its_card() {
    let bench = TestStation::new();
    let id = jammed(&bench);
    let job = bench.http.get(&format!("/v1/jobs/{id}")).body;
    assert_eq!(job["reasons"][0]["code"], "H_UNSURE", "{job}");
    let (status, job) = resolve(&bench, &id, &json!({ "seen": "spoiled", "by": "petugas-2" }));
    assert_eq!((status, &job["reasons"]), (200, &json!([])), "{job}");
    let job = bench.until(&id, "printed");
    assert_eq!(bench.machine.lock().last_card().unwrap().number, 2);
    assert_eq!(job["evidence"]["machine"]["cards_entered_after"], 2);
    let told = events(&bench, &id);
    assert_eq!(told.iter().filter(|event| *event == "print").count(), 2, "{told:?}");
}

#[test]
fn a_person_says_that_the_card_is_good_and_it_is_not_printed_again() {
    let bench = TestStation::new();
    let id = jammed(&bench);
    let (status, job) = resolve(&bench, &id, &json!({ "seen": "printed", "by": "petugas-2" }));
    assert_eq!((status, &job["state"]), (200, &json!("printed")), "{job}");
    assert_eq!(job["evidence"]["person"]["by"], "petugas-2");
    let (status, problem) = resolve(&bench, &id, &json!({ "seen": "no_card", "by": "petugas-2" }));
    assert_eq!((status, &problem["code"]), (409, &json!("E_STATE")));
    assert_eq!(bench.cards_out(), 0, "the machine let none out");
}

#[test]
fn an_answer_that_the_machine_contradicts_is_asked_for_twice() {
    let bench = TestStation::new();
    let id = jammed(&bench);
    let nothing = json!({ "seen": "no_card", "by": "petugas-2" });
    let (status, problem) = resolve(&bench, &id, &nothing);
    assert_eq!((status, &problem["code"]), (409, &json!("E_CONTRADICTED")), "{problem}");
    assert_eq!(bench.http.get(&format!("/v1/jobs/{id}")).body["state"], "unsure");
    let (status, _) =
        resolve(&bench, &id, &json!({ "seen": "no_card", "by": "x", "insist": true }));
    assert_eq!(status, 200);
    bench.until(&id, "printed");
}

#[test]
fn what_is_no_answer_is_refused_with_what_would_be_one() {
    let bench = TestStation::without_printer();
    let id = bench.accepted(&child("S1"));
    for answer in [
        json!({}),
        json!({ "seen": "gone", "by": "x" }),
        json!({ "seen": "printed" }),
        json!({ "seen": "printed", "by": " " }),
        json!({ "seen": "printed", "by": "x".repeat(61) }),
        json!({ "seen": "spoiled", "by": "x", "cause": "NASIB" }),
        json!({ "seen": "printed", "by": "x", "sene": 1 }),
    ] {
        let (status, problem) = resolve(&bench, &id, &answer);
        assert_eq!((status, &problem["code"]), (400, &json!("E_RESOLUTION")), "{answer}");
    }
    let (status, problem) = resolve(&bench, &id, &json!({ "seen": "printed", "by": "x" }));
    assert_eq!((status, &problem["code"]), (409, &json!("E_STATE")), "it waits, nobody saw it");
    let none = "0199f3c0-1f5c-7c3e-8f56-3f0a4a1a2b3c";
    assert_eq!(resolve(&bench, none, &json!({ "seen": "printed", "by": "x" })).0, 404);
}

/// `tests/simulation` covers every moment of a print; here the whole daemon recovers at a few.
#[test]
fn after_a_lost_answer_the_machine_says_what_became_of_the_card() {
    for after in [12, 22, 27] {
        let bench = TestStation::new();
        let how = AnswerFault::HangUpUnanswered;
        bench.pull(Lever::SpoilAnswers(SpoiltAnswers { how, after, times: 1 }));
        let id = bench.accepted(&child("S1"));
        let job = bench.until(&id, "printed");
        let machine = bench.machine.lock().state();
        assert_eq!(machine["hopper_cards"], 1, "after {after}: {job}");
    }
}

#[test]
fn a_card_that_was_found_bad_ends_its_job_and_its_approval() {
    let bench = TestStation::new();
    let id = bench.accepted(&child("S2"));
    bench.until(&id, "printed");
    let bad = json!({ "seen": "spoiled", "by": "petugas-2", "cause": "CACAT_PABRIK" });
    let (status, job) = resolve(&bench, &id, &bad);
    assert_eq!((status, &job["state"]), (200, &json!("spoiled")), "{job}");
    assert_eq!(
        bench.http.post("/v1/jobs", &child("S2")).body["id"],
        id.as_str(),
        "no new card of it"
    );
}

#[test]
fn a_job_that_waited_too_long_is_held_and_printed_when_a_person_releases_it() {
    let mut bench = TestStation::without_printer();
    let mut job = child("S2");
    job["recommendation"]["kadaluarsa"] = json!("2099-01-01T00:00:00Z");
    let id = bench.accepted(&job);
    bench.stop();
    let later = || jiff::Timestamp::now() + SignedDuration::from_hours(8 * 24);
    bench.start_at("", Clock::with_wall(later));
    let held = bench.until(&id, "held");
    assert_eq!(held["reasons"][0]["code"], "H_STALE");
    let path = format!("/v1/jobs/{id}/release");
    assert_eq!(bench.http.post(&path, &json!({ "by": "" })).status, 400);
    let released = bench.http.post(&path, &json!({ "by": "petugas-2" }));
    assert_eq!(released.status, 200, "{}", released.body);
    bench.until(&id, "printed");
    assert_eq!(bench.http.post(&path, &json!({ "by": "petugas-2" })).status, 409);
}

#[test]
fn what_a_release_does_not_mend_is_not_released() {
    let bench = TestStation::without_printer();
    let mut job = child("S2");
    job["fields"]["jenis_kelamin"] = json!("PEREMPUAN");
    let id = bench.accepted(&job);
    let answer = bench.http.post(&format!("/v1/jobs/{id}/release"), &json!({ "by": "petugas-2" }));
    assert_eq!((answer.status, &answer.body["code"]), (409, &json!("E_NOT_RELEASABLE")));
}
