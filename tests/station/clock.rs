//! The computer wakes up with a wrong clock: nothing is judged by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use kartu::clock::{Clock, Keepers};
use serde_json::{Value, json};

use crate::ledger::kartud;
use crate::test_station::{TestStation, child};

/// A wall clock that is off by some hours, until somebody sets it.
#[derive(Clone, Default)]
struct Wall(Arc<AtomicI64>);

impl Wall {
    fn off_by_hours(hours: i64) -> Wall {
        let wall = Wall::default();
        wall.0.store(hours, Ordering::Relaxed);
        wall
    }

    fn set_right(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let hours = self.0.clone();
        Clock::with_wall(move || {
            Timestamp::now() + SignedDuration::from_hours(hours.load(Ordering::Relaxed))
        })
    }
}

fn approved(reference: &str, hours_from_now: i64) -> Value {
    let mut job = child("S1");
    job["ref"] = json!(reference);
    job["recommendation"]["nomor"] = json!(reference);
    let time = |hours: i64| (Timestamp::now() + SignedDuration::from_hours(hours)).to_string();
    job["recommendation"]["pada"] = json!(time(-72));
    job["recommendation"]["kadaluarsa"] = json!(time(hours_from_now));
    job
}

#[test]
fn a_clock_that_was_never_set_judges_nothing_until_it_is_set() {
    let mut bench = TestStation::new();
    bench.stop();
    let wall = Wall::off_by_hours(-24 * 365 * 20);
    bench.start_at("", wall.clock());
    let refused = bench.http.post("/v1/jobs", &approved("EARLY", 24));
    assert_eq!(
        (refused.status, refused.codes("errors")),
        (503, vec!["E_CLOCK_IN_DOUBT".to_owned()])
    );
    assert_eq!(refused.retry_after, "60");
    bench.until_reason("clock");
    let told = bench.http.get("/v1/station").body;
    assert_eq!((&told["clock_doubt"], &told["state"]), (&json!("never_set"), &json!("stopped")));
    assert!(told["state_reasons"][0]["message"]["en"].as_str().unwrap().contains("was not set"));
    for path in ["/readyz", "/readyz?for=intake"] {
        let ready = bench.http.get(path);
        assert_eq!(ready.status, 503, "{path}");
        assert!(ready.codes("errors").contains(&"E_CLOCK_IN_DOUBT".to_owned()), "{path}");
    }
    wall.set_right();
    let id = bench.accepted(&approved("EARLY", 24));
    bench.until(&id, "printed");
    assert_eq!(bench.http.get("/v1/station").body["clock_doubt"], Value::Null);
}

#[test]
fn an_approval_that_ended_is_not_printed_because_the_clock_went_back() {
    let mut bench = TestStation::without_printer();
    let ended = bench.accepted(&approved("ENDED", 1));
    let good = bench.accepted(&approved("GOOD", 48));
    bench.stop();
    // The clock of a dead battery: two days behind. By it the approval still holds.
    let wall = Wall::off_by_hours(-48);
    bench.start_at("", wall.clock());
    bench.until_polled(4);
    for id in [&ended, &good] {
        assert_eq!(bench.http.get(&format!("/v1/jobs/{id}")).body["state"], "queued");
    }
    assert_eq!(bench.cards_out(), 0);
    assert_eq!(bench.http.get("/v1/station").body["clock_doubt"], "behind_ledger");
    // It is set, and by then the first approval has ended.
    wall.0.store(2, Ordering::Relaxed);
    let held = bench.until(&ended, "held");
    assert!(held["reasons"].to_string().contains("H_RECOMMENDATION_EXPIRED"), "{held}");
    bench.until(&good, "printed");
    assert_eq!(bench.cards_out(), 1);
}

#[test]
fn a_person_says_that_the_clock_is_right_and_it_stands_in_the_ledger() {
    let mut bench = TestStation::without_printer();
    let id = bench.accepted(&approved("WAITS", 48));
    bench.stop();
    let wall = Wall::off_by_hours(-1);
    bench.start_at("", wall.clock());
    let url = bench.http.url.clone();
    let trust = |by: &str| kartud(&["clock", "trust", "--by", by, "--url", &url]);
    let (said, code) = trust("a name");
    assert_eq!((code, said.contains("E_BY")), (Some(3), true), "{said}");
    let (said, code) = trust("petugas-2");
    assert_eq!((code, said.contains("believed until")), (Some(0), true), "{said}");
    bench.until(&id, "printed");
    let (said, code) = trust("petugas-2");
    assert_eq!((code, said.contains("was not in doubt")), (Some(0), true), "{said}");
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    let (lines, _) = kartud(&["ledger", "export", path.to_str().unwrap()]);
    let trusted: Vec<&str> = lines.lines().filter(|line| line.contains("clock_trusted")).collect();
    assert_eq!(trusted.len(), 1, "{trusted:?}");
    assert!(trusted[0].contains("behind_ledger") && trusted[0].contains("petugas-2"));
}

#[test]
fn without_a_battery_the_network_sets_the_clock_first() {
    use std::sync::atomic::AtomicBool;
    let mut bench = TestStation::new();
    bench.stop();
    let is_set = Arc::new(AtomicBool::new(false));
    let seen = is_set.clone();
    let clock = Clock::system().kept_by(move || {
        let is_set_by_network = seen.load(Ordering::Relaxed);
        Keepers { has_battery: false, waits_for_network: !is_set_by_network, is_set_by_network }
    });
    bench.start_at("", clock);
    assert_eq!(bench.http.get("/v1/station").body["clock_doubt"], "unsynchronised");
    assert_eq!(bench.http.post("/v1/jobs", &approved("EARLY", 24)).status, 503);
    is_set.store(true, Ordering::Relaxed);
    let id = bench.accepted(&approved("EARLY", 24));
    bench.until(&id, "printed");
    bench.stop();
    // There is no network, and a person looks at the clock: once for each start of the computer.
    let lonely = || {
        let keepers = Keepers { waits_for_network: true, ..Keepers::default() };
        Clock::system().kept_by(move || keepers)
    };
    bench.start_at("", lonely());
    let trust = json!({ "by": "petugas-2" });
    let told = bench.http.post("/v1/clock/trust", &trust).body;
    assert_eq!(told["was_in_doubt"], "unsynchronised");
    bench.stop();
    bench.start_at("", lonely());
    assert_eq!(bench.http.get("/v1/station").body["clock_doubt"], Value::Null);
}
