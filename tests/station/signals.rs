//! Long-running commands and signals: SIGTERM, SIGINT, a closed terminal.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::test_station::{Http, child, config};

/// Immediately, on a loaded machine.
const SOON: Duration = Duration::from_secs(30);

/// A running command, killed with the test.
pub struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(args: &[&str]) -> Running {
        // The tests may run under nohup, whose children ignore a closed terminal.
        let mut child = Command::new("env")
            .args(["--default-signal=HUP,INT,TERM", env!("CARGO_BIN_EXE_kartud")])
            .args(args)
            .env("LC_ALL", "C")
            .env("RUST_LOG", "info")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, into) = (BufReader::new(child.stderr.take().unwrap()), log.clone());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                into.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Running { child, log }
    }

    pub fn station(dir: &Path, printer: &str) -> (Running, Http) {
        let path = dir.join("kartud.toml");
        let address = format!("address = \"{printer}\"");
        std::fs::write(&path, config(dir, "").replace("address = \"emulated\"", &address)).unwrap();
        Running::station_by(&path)
    }

    /// A station with this configuration.
    pub fn station_by(path: &Path) -> (Running, Http) {
        let station = Running::start(&["run", "--new-ledger", "--config", path.to_str().unwrap()]);
        let ready = station.until_logged("address=");
        let address = ready.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
        let http = Http::new(&format!("http://{address}"));
        (station, http)
    }

    /// An emulated machine, and its address.
    pub fn machine(dir: &Path, slowness: &str) -> (Running, String) {
        let out = dir.join("cards");
        let words =
            ["emulate", "evolis", "--listen", "127.0.0.1:0", "--slowness", slowness, "--out"];
        let mut machine = Running::start(&[&words[..], &[out.to_str().unwrap()]].concat());
        let line = machine.line("tcp://");
        (machine, line.rsplit(' ').next().unwrap().to_owned())
    }

    fn stdout(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.child.stdout.take().unwrap())
    }

    fn line(&mut self, says: &str) -> String {
        let mut lines = self.stdout().lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains(says)).expect(says);
        // Its output must be read continuously.
        std::thread::spawn(move || lines.for_each(drop));
        line
    }

    pub fn until_logged(&self, says: &str) -> String {
        let begun = Instant::now();
        loop {
            let log = self.log.lock().unwrap().clone();
            if log.contains(says) {
                return log;
            }
            assert!(begun.elapsed() < SOON, "{says} is not said: {log}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    pub fn tell(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < SOON, "it does not end: {}", self.log.lock().unwrap());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_demo_that_waits_for_its_printer_ends_when_it_is_told_to() {
    for (signal, once, code) in
        [("-TERM", true, 1), ("-INT", true, 1), ("-TERM", false, 0), ("-HUP", false, 0)]
    {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.json");
        std::fs::write(&state, r#"{"cover_open": true}"#).unwrap();
        let place = dir.path().to_str().unwrap();
        let words =
            ["demo", "--dir", place, "--listen", "127.0.0.1:0", "--state", state.to_str().unwrap()];
        let mut demo = Running::start(&[&words[..], if once { &["--once"] } else { &[] }].concat());
        let url = demo.line("page").split_whitespace().nth(1).unwrap().to_owned();
        let http = Http::new(url.trim_end_matches('/'));
        http.listen(0, |kind, _, data| {
            kind == "station" && data["state_reasons"].to_string().contains("cover-open")
        });
        demo.tell(signal);
        assert_eq!(demo.end().code(), Some(code), "{signal} {once}: {}", demo.log.lock().unwrap());
    }
}

#[test]
fn a_closed_terminal_does_not_stop_the_station() {
    let dir = tempfile::tempdir().unwrap();
    let (_machine, printer) = Running::machine(dir.path(), "0");
    let (mut station, http) = Running::station(dir.path(), &printer);
    let id = http.post("/v1/jobs", &child("S2")).body["id"].as_str().unwrap().to_owned();
    for _ in 0..20 {
        station.tell("-HUP");
    }
    station.until_logged("SIGHUP");
    http.listen(0, |_, _, data| data["job"] == id && data["state"] == "printed");
    station.tell("-TERM");
    assert_eq!(station.end().code(), Some(0));
}

#[test]
fn a_station_whose_log_nobody_reads_any_more_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kartud.toml");
    std::fs::write(&path, config(dir.path(), "")).unwrap();
    let mut station = Command::new(env!("CARGO_BIN_EXE_kartud"))
        .args(["run", "--new-ledger", "--config", path.to_str().unwrap()])
        .env("RUST_LOG", "debug")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(station.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("address=") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0);
    }
    drop(log);
    let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
    let http = Http::new(&format!("http://{address}"));
    let pid = station.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    assert_eq!(http.post("/v1/jobs", &child("S2")).status, 201);
    http.listen(0, |_, _, data| data["event"] == "card_out");
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(station.wait().unwrap().code(), Some(0));
}

#[test]
fn a_card_that_moves_is_finished_unless_somebody_says_so_three_times() {
    let dir = tempfile::tempdir().unwrap();
    let (_machine, printer) = Running::machine(dir.path(), "1");
    let (mut station, http) = Running::station(dir.path(), &printer);
    assert_eq!(http.post("/v1/jobs", &child("S2")).status, 201);
    http.listen(0, |kind, _, data| kind == "station" && data["printing"].is_string());
    station.tell("-TERM");
    station.tell("-INT");
    station.until_logged("a card is moving");
    assert!(station.child.try_wait().unwrap().is_none(), "the card is being finished");
    station.tell("-TERM");
    let log = station.log.clone();
    assert_eq!(station.end().code(), Some(1), "{}", log.lock().unwrap());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bench = crate::test_station::TestStation::without_printer();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("job.json");
    std::fs::write(&file, child("S2").to_string()).unwrap();
    let url = ["--url", &bench.http.url];
    let submit = ["submit", file.to_str().unwrap()];
    for words in [&submit[..], &["jobs"], &["status"], &["status", "--watch"], &["blanks"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
        let output = command.args(words).args(url).stdout(writer).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), complaint.as_str()), (Some(0), ""), "{words:?}");
    }
    assert_eq!(bench.http.get("/v1/jobs").body["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn whatever_runs_for_long_ends_when_it_is_told_to() {
    let bench = crate::test_station::TestStation::without_printer();
    let dir = tempfile::tempdir().unwrap();
    let (port, keep) = (dir.path().join("tty"), dir.path().join("keep.json"));
    for signal in ["-TERM", "-INT", "-HUP"] {
        let (mut machine, _) = Running::machine(dir.path(), "0");
        machine.tell(signal);
        assert_eq!(machine.end().code(), Some(0), "{signal}");
        let mut reader = Running::start(&["emulate", "reader", "--port", port.to_str().unwrap()]);
        reader.line("tty");
        reader.tell(signal);
        assert_eq!(reader.end().code(), Some(0), "{signal}");
        assert!(std::fs::symlink_metadata(&port).is_err(), "its port is gone");
        let words = ["emulate", "card", "--vpcd", "127.0.0.1:9", "--keep", keep.to_str().unwrap()];
        let mut card = Running::start(&words);
        card.line("no reader");
        card.tell(signal);
        assert_eq!(card.end().code(), Some(0), "{signal}");
        let mut watch = Running::start(&["status", "--watch", "--json", "--url", &bench.http.url]);
        watch.line("station");
        watch.tell(signal);
        assert_eq!(watch.end().code(), Some(0), "{signal}");
    }
}
