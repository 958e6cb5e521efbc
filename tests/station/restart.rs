//! The power fails and returns; the ledger is damaged, or another process has locked it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use kartu::clock::Clock;
use kartu::config::Config;
use kartu::daemon::{Daemon, StartError};
use kartu::ledger::LedgerError;
use serde_json::Value;

use crate::test_station::{Http, TestStation, child, config};

#[test]
fn what_was_accepted_is_printed_after_a_restart() {
    let mut bench = TestStation::without_printer();
    let ids: Vec<String> = ["S1", "S2", "S3"].iter().map(|s| bench.accepted(&child(s))).collect();
    bench.stop();
    bench.start("");
    for id in &ids {
        bench.until(id, "printed");
    }
    bench.stop();
    bench.start("");
    assert_eq!(bench.cards_out(), 3, "a second start prints nothing again");
}

#[test]
fn an_approval_that_expired_while_the_station_was_off_prints_nothing() {
    let mut bench = TestStation::without_printer();
    let id = bench.accepted(&child("S2"));
    bench.stop();
    let in_eight_days = || jiff::Timestamp::now() + jiff::SignedDuration::from_hours(8 * 24);
    bench.start_at("", Clock::with_wall(in_eight_days));
    let job = bench.until(&id, "held");
    assert_eq!(job["reasons"][0]["code"], "H_RECOMMENDATION_EXPIRED");
    assert_eq!(bench.cards_out(), 0);
}

/// The real program as a separate process; killed when dropped.
pub struct Process {
    pub child: Child,
    pub http: Http,
}

impl Process {
    /// Starts `kartud run` in `dir`, and waits for the line that says it is ready.
    pub fn start(dir: &std::path::Path) -> Process {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_kartud")), dir)
    }

    /// Starts it by a command; its log is collected until it ends.
    pub fn start_by_logged(
        command: Command,
        dir: &std::path::Path,
    ) -> (Process, std::thread::JoinHandle<Vec<String>>) {
        Self::begin(command, dir, "", "")
    }

    /// The same with further configuration.
    pub fn start_with(
        command: Command,
        dir: &std::path::Path,
        more: &str,
    ) -> (Process, std::thread::JoinHandle<Vec<String>>) {
        Self::begin(command, dir, "", more)
    }

    /// Starts it by a command that takes the program's arguments after its own.
    pub fn start_by(command: Command, dir: &std::path::Path) -> Process {
        Self::start_at(command, dir, "")
    }

    /// Starts it with a printer at this address.
    pub fn start_at(command: Command, dir: &std::path::Path, printer: &str) -> Process {
        Self::begin(command, dir, printer, "").0
    }

    fn begin(
        mut command: Command,
        dir: &std::path::Path,
        printer: &str,
        more: &str,
    ) -> (Process, std::thread::JoinHandle<Vec<String>>) {
        let path = dir.join("kartud.toml");
        let address = format!("address = \"{printer}\"");
        std::fs::write(&path, config(dir, more).replace("address = \"emulated\"", &address))
            .unwrap();
        let mut child = command
            .args(["run", "--new-ledger", "--config"])
            .arg(&path)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = lines
            .find_map(|line| line.ok().filter(|l| l.contains("ready")))
            .expect("it gets ready");
        let address =
            ready.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        // The log must be read continuously, or the daemon would block on it.
        let log = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        (Process { child, http: Http::new(&format!("http://{address}")) }, log)
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn killed_right_after_the_answer_nothing_accepted_is_lost() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut accepted = Vec::new();
    for round in 0..5 {
        let process = Process::start(dir.path());
        let mut job = child("S2");
        job["ref"] = format!("KILL-{round}").into();
        let answer = process.http.post("/v1/jobs", &job);
        assert_eq!(answer.status, 201);
        accepted.push((answer.body["id"].clone(), job));
        process.kill();
    }
    let process = Process::start(dir.path());
    let stored = process.http.get("/v1/jobs").body;
    let stored: Vec<&Value> =
        stored["jobs"].as_array().unwrap().iter().map(|job| &job["id"]).collect();
    assert_eq!(stored, accepted.iter().map(|(id, _)| id).collect::<Vec<_>>());
    for (id, job) in &accepted {
        assert_eq!(
            &process.http.post("/v1/jobs", job).body["id"],
            id,
            "a client that asks again gets the same job"
        );
    }
    process.kill();
}

#[test]
fn a_second_station_on_one_ledger_is_refused() {
    let bench = TestStation::without_printer();
    let config = Config::parse(&config(bench.dir.path(), ""), bench.dir.path()).unwrap();
    let second = Daemon::start(&config, Clock::system()).err().unwrap();
    assert!(matches!(second, StartError::Ledger(LedgerError::InUse { .. })), "{second}");
}

#[test]
fn a_damaged_ledger_is_never_taken_for_an_empty_one() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    let whole = std::fs::read(&path).unwrap();
    for damage in [&b"not a ledger at all, but long enough to have a header of one hundred bytes, which SQLite wants to see first thing."[..], &whole[..whole.len() / 2 + 7]] {
        std::fs::write(&path, damage).unwrap();
        let config = Config::parse(&config(bench.dir.path(), ""), bench.dir.path()).unwrap();
        let error = Daemon::start(&config, Clock::system()).err().map(|e| e.to_string());
        assert!(error.as_ref().is_some_and(|e| e.contains("cannot be read")), "{error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), damage, "what is there is kept");
    }
}

#[test]
fn the_projection_is_the_fold_of_the_events() {
    use kartu::lifecycle::{Move, State};
    let bench = TestStation::new();
    let ids: Vec<String> = ["S1", "S2", "S3"].iter().map(|s| bench.accepted(&child(s))).collect();
    bench.until(&ids[2], "printed");
    for id in &ids {
        let events = bench.http.get(&format!("/v1/jobs/{id}/events")).body;
        let mut state = State::from_name(events[0]["state"].as_str().unwrap()).unwrap();
        for event in events.as_array().unwrap().iter().skip(1) {
            if let Some(moved) = Move::from_name(event["event"].as_str().unwrap()) {
                state = state.after(moved).unwrap();
            }
            assert_eq!(event["state"], state.name());
        }
        assert_eq!(bench.http.get(&format!("/v1/jobs/{id}")).body["state"], state.name());
    }
    let counts = bench.http.get("/v1/station").body["jobs"].clone();
    assert_eq!(counts["printed"], 3);
    assert_eq!(counts.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>(), 3);
}
