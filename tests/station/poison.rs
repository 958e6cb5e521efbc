//! A job crashes the program that works on it, or makes it panic. It is held; the station continues and prints the
//! others.
//!
//! The program has no way to be crashed on purpose: the tests pass in a renderer that crashes, in a separate process.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drivers::contract::{CardImage, PreparedCard, Prepress};
use emulators::evolis::EvolisSettings;
use jiff::Timestamp;
use kartu::clock::Clock;
use kartu::config::Config;
use kartu::daemon::{Daemon, Parts};
use kartu::finding::Finding;
use kartu::intake::Examiner;
use kartu::ledger::{LocalDisk, StoredRequest};
use kartu::queue::{Claimed, Moment};
use kartu::station::{Connection, Made, Renderer, Unmade};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ledger::verified;
use crate::migration::die;
use crate::test_station::{Http, TestStation, child, config};

const POISON: &str = "RACUN-1";
/// A text that no log may contain.
const SECRET: &str = "XYLOPHONA";
/// Tells the test's child process what its crash is, and where.
const HOW: &str = "KARTU_TEST_POISON";

/// Renders every card but one, at which it dies or panics.
struct Poisoned {
    examiner: Arc<Examiner>,
    how: String,
}

impl Poisoned {
    fn take(&self, step: &str, reference: &str) {
        if reference != POISON {
            return;
        }
        match self.how.split_once('-') {
            Some(("die", at)) if at == step => die(),
            Some(("panic", at)) if at == step => panic!("{SECRET} of {reference}"),
            _ => {}
        }
    }
}

impl Renderer for Poisoned {
    fn specimen(&self) -> bool {
        true
    }

    fn with_chip(&self) -> Vec<String> {
        Renderer::with_chip(self.examiner.as_ref())
    }

    fn inspect(&self, job: &StoredRequest, photo: Option<&[u8]>, at: Timestamp) -> Vec<Finding> {
        self.take("inspect", job.card().expect("a card").reference());
        self.examiner.inspect(job, photo, at)
    }

    fn make(
        &self,
        claimed: &Claimed,
        prepress: &dyn Prepress,
        moment: Moment,
        image: &mut CardImage,
        card: &mut PreparedCard,
    ) -> Result<Made, Unmade> {
        self.take("make", &claimed.record.reference);
        self.examiner.make(claimed, prepress, moment, image, card)
    }
}

/// The test's child process: a station with such a renderer, until it dies.
fn be_the_station() {
    let Ok(told) = std::env::var(HOW) else { return };
    let (how, dir) = told.split_once(' ').unwrap();
    let (how, dir) = (how.to_owned(), PathBuf::from(dir));
    kartu::panics::report_only_the_place();
    let mut config = Config::parse(&config(&dir, ""), &dir).unwrap();
    config.station.new_ledger = true;
    let machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
    let parts = Parts {
        clock: Clock::system(),
        connection: Connection::to_machine("evolis", machine),
        disk: Box::new(LocalDisk::of(&config.station.ledger)),
    };
    let maker = move |examiner| Arc::new(Poisoned { examiner, how }) as Arc<dyn Renderer>;
    let daemon = Daemon::start_with(&config, parts, maker).unwrap();
    let url = format!("http://{}", daemon.address());
    std::fs::write(dir.join("url.new"), url).unwrap();
    std::fs::rename(dir.join("url.new"), dir.join("url")).unwrap();
    std::thread::sleep(Duration::from_secs(600));
    std::process::exit(0);
}

/// The crashing station in `dir`, run by the test of this name, and its client.
fn poisoned(dir: &Path, test: &str, how: &str) -> (Child, Http) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("poison::{test}"), "--nocapture"])
        .env(HOW, format!("{how} {}", dir.display()))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let url = dir.join("url");
    while !url.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let http = Http::new(&std::fs::read_to_string(&url).unwrap());
    std::fs::remove_file(&url).unwrap();
    (child, http)
}

fn poison() -> Value {
    let mut job = child("S2");
    job["ref"] = json!(POISON);
    job
}

fn post_later(http: &Http, job: &Value) -> String {
    let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
    let answer = http.post_with("/v1/jobs", job.to_string().as_bytes(), &headers);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

fn station_in(dir: TempDir) -> TestStation {
    let machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
    let mut bench =
        TestStation { daemon: None, reader: None, kia: "", machine, dir, http: Http::new("") };
    bench.start("");
    bench
}

fn events(bench: &TestStation, id: &str) -> Vec<String> {
    let events = bench.http.get(&format!("/v1/jobs/{id}/events")).body;
    let name = |event: &Value| event["event"].as_str().unwrap().to_owned();
    events.as_array().unwrap().iter().map(name).collect()
}

/// The job is held after one crash; released, it is tried once more; the others never wait for it.
fn is_held_and_the_others_are_printed(dir: TempDir, id: &str) -> TestStation {
    let bench = station_in(dir);
    let job = bench.until(id, "held");
    assert_eq!(job["reasons"][0]["code"], "H_CRASHED", "{job}");
    for language in ["id", "en"] {
        let said = job["reasons"][0]["message"][language].as_str().unwrap();
        assert!(said.to_lowercase().contains("release"), "{said}");
    }
    let other = bench.accepted(&child("S3"));
    bench.until(&other, "printed");
    let path = format!("/v1/jobs/{id}/release");
    let released = bench.http.post(&path, &json!({ "by": "petugas-2" }));
    assert_eq!(released.status, 200, "{}", released.body);
    bench.until(id, "printed");
    assert_eq!(bench.cards_out(), 2);
    bench
}

#[test]
fn a_job_that_kills_the_program_while_its_card_is_made_is_held() {
    be_the_station();
    let dir = TempDir::new().unwrap();
    let test = "a_job_that_kills_the_program_while_its_card_is_made_is_held";
    let (mut process, http) = poisoned(dir.path(), test, "die-make");
    // The program may be dead before its answer is sent.
    let _ = std::thread::spawn(move || http.post("/v1/jobs", &poison()).status).join();
    assert!(!process.wait().unwrap().success());
    let ledger = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
    let id: String = ledger.query_row("SELECT id FROM jobs", [], |row| row.get(0)).unwrap();
    drop(ledger);
    let mut bench = is_held_and_the_others_are_printed(dir, &id);
    bench.stop();
    assert_eq!(verified(&bench.dir.path().join("ledger.db"))["faults"], json!([]));
}

#[test]
fn a_job_that_kills_its_inspection_is_held_and_inspected_again_once_it_is_released() {
    be_the_station();
    let dir = TempDir::new().unwrap();
    let test = "a_job_that_kills_its_inspection_is_held_and_inspected_again_once_it_is_released";
    let (mut process, http) = poisoned(dir.path(), test, "die-inspect");
    let id = post_later(&http, &poison());
    assert!(!process.wait().unwrap().success());
    let bench = is_held_and_the_others_are_printed(dir, &id);
    let events = events(&bench, &id);
    let at = |name: &str| events.iter().position(|event| event == name).unwrap();
    assert!(at("release") < at("inspected") && at("inspected") < at("print"), "{events:?}");
}

#[test]
fn a_job_at_which_the_program_panics_is_held_and_only_the_place_is_logged() {
    be_the_station();
    let test = "a_job_at_which_the_program_panics_is_held_and_only_the_place_is_logged";
    for how in ["panic-make", "panic-inspect"] {
        let dir = TempDir::new().unwrap();
        let (mut process, http) = poisoned(dir.path(), test, how);
        let id = post_later(&http, &poison());
        let bench = TestStation {
            daemon: None,
            reader: None,
            kia: "",
            machine: emulators::evolis::emulate(EvolisSettings::instant()).unwrap(),
            dir,
            http,
        };
        assert_eq!(bench.until(&id, "held")["reasons"][0]["code"], "H_CRASHED");
        let other = bench.accepted(&child("S3"));
        bench.until(&other, "printed");
        // It is tried once more, and held once more, as often as a person releases it.
        let path = format!("/v1/jobs/{id}/release");
        assert_eq!(bench.http.post(&path, &json!({ "by": "petugas-2" })).status, 200);
        while events(&bench, &id).iter().filter(|event| *event == "hold").count() < 2 {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(bench.http.get("/healthz").status, 200, "the station lives");
        process.kill().unwrap();
        process.wait().unwrap();
        let mut log = String::new();
        process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(log.contains("tests/station/poison.rs:"), "the place: {log}");
        assert!(!log.contains(SECRET), "and never the text: {log}");
    }
}

#[test]
fn a_program_that_fails_at_a_request_answers_so_and_stores_nothing() {
    let fails = Arc::new(AtomicBool::new(false));
    let at = fails.clone();
    let mut bench = TestStation::without_printer();
    bench.stop();
    // While this clock is broken, every HTTP thread that reads it panics.
    let clock = Clock::with_wall(move || {
        let answers = std::thread::current().name() == Some("http");
        assert!(!(answers && at.load(Ordering::SeqCst)), "{SECRET}");
        Timestamp::now()
    });
    bench.start_at("", clock);
    fails.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let answer = bench.http.post("/v1/jobs", &child("S1"));
        assert_eq!((answer.status, &answer.body["code"]), (500, &json!("E_PROGRAM")));
        assert_eq!(answer.kind, "application/problem+json");
        assert!(!answer.body.to_string().contains(SECRET));
    }
    fails.store(false, Ordering::SeqCst);
    assert_eq!(bench.http.get("/v1/jobs").body["jobs"], json!([]), "nothing is stored");
    bench.accepted(&child("S1"));
}
