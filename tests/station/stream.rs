//! A steady stream of messages: the station still polls and drives its printer in time, and answers people.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use drivers::transport::clock::since_boot;
use emulators::evolis::EvolisSettings;
use emulators::machine::Lever;
use jiff::Timestamp;
use kartu::clock::Clock;
use serde_json::{Value, json};

use crate::test_station::{TestStation, child};

/// More posts than the station could need; each takes some milliseconds.
const POSTS_MAX: u32 = 2_000;

/// A station whose monotonic clock runs twenty times as fast as its wait for a message: a poll is due long before an
/// idle moment.
fn fast() -> TestStation {
    let mut bench = TestStation::new();
    bench.stop();
    let start = since_boot();
    let steady = move || (since_boot().saturating_sub(start)) * 20;
    bench.start_at("", Clock::of(Timestamp::now, steady));
    bench
}

/// Posts jobs that are held, one after the other, until `seen`.
fn posts_until(bench: &TestStation, what: &str, seen: impl Fn() -> bool) {
    for number in 0..POSTS_MAX {
        let mut job = child("S2");
        job["ref"] = json!(format!("STREAM-{number}"));
        job["fields"]["alamat"] = json!("J".repeat(81));
        bench.accepted(&job);
        if seen() {
            return;
        }
    }
    panic!("{what} is not noticed while jobs come in");
}

fn station(bench: &TestStation) -> Value {
    bench.http.get("/v1/station").body
}

#[test]
fn an_open_cover_is_noticed_while_jobs_keep_coming_in() {
    let bench = fast();
    bench.until_reason("");
    bench.pull(Lever::OpenCover);
    posts_until(&bench, "an open cover", || {
        station(&bench)["state_reasons"].to_string().contains("cover-open")
    });
    bench.pull(Lever::CloseCover);
    posts_until(&bench, "a closed cover", || {
        !station(&bench)["state_reasons"].to_string().contains("cover-open")
    });
}

#[test]
fn a_card_that_nobody_saw_is_settled_while_jobs_keep_coming_in() {
    let bench = fast();
    bench.pull(Lever::JamNextCard);
    let id = bench.accepted(&child("S1"));
    bench.until(&id, "unsure");
    bench.until_reason("media-jam-error");
    bench.pull(Lever::TakeCardOut);
    let told = || {
        let job = bench.http.get(&format!("/v1/jobs/{id}")).body;
        job["reasons"].to_string().contains("H_UNSURE")
    };
    posts_until(&bench, "a card that was taken out", told);
}

/// A machine at real speed: a card moves while people send requests.
fn slow(slowness: f64) -> TestStation {
    let mut bench = TestStation::new();
    bench.stop();
    let settings = EvolisSettings { slowness, real_time: true, ..EvolisSettings::instant() };
    bench.machine = emulators::evolis::emulate(settings).unwrap();
    bench.start("");
    bench
}

#[test]
fn what_a_person_saw_is_taken_while_another_card_prints_and_not_while_this_one_moves() {
    let bench = slow(0.2);
    let resolve = |id: &str, seen: &str| {
        let answer = json!({ "seen": seen, "by": "petugas-2" });
        bench.http.post(&format!("/v1/jobs/{id}/resolve"), &answer)
    };
    let printed = bench.accepted(&child("S3"));
    bench.until(&printed, "printed");
    bench.pull(Lever::JamNextCard);
    let unsure = bench.accepted(&child("S1"));
    bench.until_reason("media-jam-error");
    bench.pull(Lever::TakeCardOut);
    bench.until_event(&unsure, "left_to_a_person");
    let moving = bench.accepted(&child("S2"));
    bench.until(&moving, "printing");
    // While a card is moving, nobody can have found it.
    for seen in ["printed", "spoiled", "no_card"] {
        let told = resolve(&moving, seen);
        assert_eq!(
            (told.status, &told.body["code"]),
            (409, &json!("E_CARD_MOVING")),
            "{}",
            told.body
        );
        assert_eq!(told.retry_after, "5");
        assert!(!told.body.to_string().contains("insist"), "{}", told.body);
    }
    let bad = resolve(&printed, "spoiled");
    assert_eq!((bad.status, &bad.body["state"]), (200, &json!("spoiled")), "{}", bad.body);
    let told = resolve(&unsure, "spoiled");
    assert_eq!((told.status, &told.body["state"]), (200, &json!("queued")), "{}", told.body);
    assert_eq!(bench.http.get(&format!("/v1/jobs/{moving}")).body["state"], "printing");
    bench.until(&moving, "printed");
    bench.until(&unsure, "printed");
    assert_eq!(bench.machine.lock().state()["hopper_cards"], 3);
}

/// The idle printer's ribbon was changed just before a job came: the counters of its card are those of the new ribbon.
#[test]
fn a_ribbon_that_was_changed_between_two_polls_contradicts_no_card() {
    let ticks = Arc::new(AtomicU64::new(0));
    let mut bench = TestStation::new();
    bench.stop();
    let read = ticks.clone();
    let steady = move || Duration::from_millis(read.load(Ordering::Relaxed));
    bench.start_at("", Clock::of(Timestamp::now, steady));
    let first = bench.accepted(&child("S1"));
    bench.until(&first, "printed");
    bench.pull(Lever::NewRibbon);
    // Not yet time for a poll.
    ticks.store(2_000, Ordering::Relaxed);
    let second = bench.accepted(&child("S2"));
    bench.until(&second, "printed");
    let events = bench.http.get(&format!("/v1/jobs/{second}/events")).body;
    assert!(!events.to_string().contains("lose_sight"), "{events:#}");
}
