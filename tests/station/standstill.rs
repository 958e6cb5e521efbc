//! The station's process is suspended while a card moves, as in a suspend or on a computer that swaps, and somebody
//! removes the card meanwhile: two real processes, and SIGSTOP.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::emulate::{Machine, Station};
use crate::test_station::{KEYS, child, config};

/// A card takes some seconds, so that each of its steps can be reached.
const SLOWNESS: &str = "0.15";
/// Longer than a poll may take, and than the card needs.
const STANDSTILL: Duration = Duration::from_secs(5);
/// Longer than anything here takes on a loaded machine.
const SOON: Duration = Duration::from_secs(120);

struct Office {
    machine: Machine,
    station: Station,
    cards: u32,
    _dir: TempDir,
}

impl Office {
    fn open(options: &[&str]) -> Office {
        let dir = TempDir::new().unwrap();
        let options = [&["--slowness", SLOWNESS, "--blanks", "90"], options].concat();
        let machine = Machine::start(dir.path(), &options);
        let station = Station::start(dir.path(), &at_printer(dir.path(), &machine.address));
        Office { machine, station, cards: 0, _dir: dir }
    }

    /// Posts a card of two sides.
    fn post(&mut self) -> String {
        self.cards += 1;
        let mut job = child("S2");
        job["ref"] = json!(format!("STILL-{}", self.cards));
        let posted = self.station.http.post("/v1/jobs", &job);
        assert_eq!(posted.status, 201, "{}", posted.body);
        posted.body["id"].as_str().unwrap().to_owned()
    }

    fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let state = self.machine.ask("GET", "/state", "").1;
            if holds(&state) {
                return state;
            }
            assert!(begun.elapsed() < SOON, "never {what}: {state:#}");
        }
    }

    fn pull(&self, levers: &[(&str, &str)]) {
        for (lever, body) in levers {
            let (status, told) = self.machine.ask("POST", &format!("/levers/{lever}"), body);
            assert_eq!(status, 200, "{lever}: {told}");
        }
    }

    fn state_of(&self, id: &str) -> String {
        let job = self.station.http.get(&format!("/v1/jobs/{id}")).body;
        job["state"].as_str().unwrap().to_owned()
    }

    fn events_of(&self, id: &str) -> Vec<Value> {
        let events = self.station.http.get(&format!("/v1/jobs/{id}/events")).body;
        events.as_array().unwrap().clone()
    }

    /// The job is not settled by the printer's report, and a person says what happened to its card.
    fn left_to_a_person(&self, id: &str, story: &str) {
        let begun = Instant::now();
        while !self.events_of(id).iter().any(|event| event["event"] == "left_to_a_person") {
            let state = self.state_of(id);
            assert!(["printing", "unsure"].contains(&&*state), "{story}: {state}");
            assert!(begun.elapsed() < SOON, "{story}: nobody is told: {:#?}", self.events_of(id));
        }
    }

    fn resolve(&self, id: &str, seen: &str) {
        let answer = json!({ "seen": seen, "by": "petugas-2" });
        let told = self.station.http.post(&format!("/v1/jobs/{id}/resolve"), &answer);
        assert_eq!(told.status, 200, "{}", told.body);
    }

    fn printed(&self, id: &str) {
        let begun = Instant::now();
        while self.state_of(id) != "printed" {
            assert!(begun.elapsed() < SOON, "never printed: {:#?}", self.events_of(id));
        }
    }
}

/// The demo's configuration, with a printer of another process.
fn at_printer(dir: &Path, address: &str) -> String {
    config(dir, &format!("[vault]\nfolder = \"{KEYS}\"\n"))
        .replace("address = \"emulated\"", &format!("address = \"{address}\""))
}

fn card(state: &Value) -> &Value {
    &state["machine"]["card"]
}

/// A step of a two-sided card: its name, the machine's state then, and what makes the card jam there.
type Step = (&'static str, fn(&Value) -> bool, &'static [(&'static str, &'static str)]);

const STEPS: [Step; 5] = [
    (
        "a blank settles under the head",
        |s| s["machine"]["printing"] == true && s["ribbon_left"] == 300,
        &[("jam", "\"head\"")],
    ),
    (
        "its front is printed",
        |s| s["machine"]["printing"] == true && s["ribbon_left"] == 299,
        &[("jam", "\"flip\"")],
    ),
    (
        "its front is printed, and the cover is opened",
        |s| s["machine"]["printing"] == true && s["ribbon_left"] == 299,
        &[("open_cover", "")],
    ),
    (
        "its back is printed",
        |s| s["machine"]["printing"] == true && s["ribbon_left"] == 298,
        &[("open_cover", "")],
    ),
    (
        "its back is printed, and it sticks",
        |s| s["machine"]["printing"] == true && s["ribbon_left"] == 298,
        &[("jam", "\"head\"")],
    ),
];

/// At each step the station is suspended, the card jams, somebody removes it, and the station continues. The printer
/// then is idle, empty and without trouble, and somebody has the card.
#[test]
fn a_card_that_was_taken_out_while_the_station_stood_still_is_never_printed() {
    let mut office = Office::open(&[]);
    for (step, is_there, sticks) in STEPS {
        // A new ribbon, so that its counter identifies the step.
        office.pull(&[("new_ribbon", "")]);
        let good = office.until("at rest", |s| card(s).is_null())["hopper_cards"].clone();
        let id = office.post();
        office.until(step, is_there);
        office.station.signal(Signal::STOP);
        let stopped = Instant::now();
        office.pull(sticks);
        let stuck = office.until("stuck", |s| {
            s["machine"]["printing"] == false && s["machine"]["claim"] == false
        });
        assert!(card(&stuck).is_object(), "{step}: {stuck:#}");
        office.pull(&[("open_cover", ""), ("take_card_out", ""), ("close_cover", "")]);
        let calm = office.until("calm for long enough", |_| stopped.elapsed() > STANDSTILL);
        assert_eq!(
            (card(&calm), &calm["machine"]["status"]["error"]),
            (&Value::Null, &json!([])),
            "{step}"
        );
        office.station.signal(Signal::CONT);
        office.left_to_a_person(&id, step);
        let now = office.until("at rest", |s| card(s).is_null());
        assert_eq!(
            now["hopper_cards"], good,
            "{step}: nothing is printed in its stead before somebody says so"
        );
        office.resolve(&id, "spoiled");
        office.printed(&id);
        let cards = office.until("at rest", |s| card(s).is_null())["hopper_cards"].as_u64();
        assert_eq!(cards, good.as_u64().map(|good| good + 1), "{step}: one good card");
    }
}

/// If the machine reports no counter and no ribbon, the station must have observed the card without a gap; otherwise a
/// person is asked once, even if nobody touched the card.
#[test]
fn a_standstill_is_told_and_an_intact_card_that_was_watched_needs_nobody() {
    for options in
        [&[][..], &["--no-counters"], &["--no-ribbon-chip"], &["--no-counters", "--no-ribbon-chip"]]
    {
        let mut office = Office::open(options);
        let id = office.post();
        office.printed(&id);
        let watched = office.events_of(&id);
        let names: Vec<&str> = watched.iter().filter_map(|event| event["event"].as_str()).collect();
        assert!(!names.contains(&"lose_sight"), "{options:?}: {watched:#?}");
        let id = office.post();
        // The card's back is being printed: the job was answered long ago, and the printer is polled.
        office.until("printing", |s| s["machine"]["printing"] == true && s["ribbon_left"] == 296);
        office.station.signal(Signal::STOP);
        let stopped = Instant::now();
        office.until("out for a while", |s| card(s).is_null() && stopped.elapsed() > STANDSTILL);
        office.station.signal(Signal::CONT);
        office.left_to_a_person(&id, "nobody watched");
        office.resolve(&id, "printed");
        let state = office.until("at rest", |s| card(s).is_null());
        assert_eq!(state["hopper_cards"], 2, "{options:?}: one card a job");
    }
}
