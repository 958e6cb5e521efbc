//! A thread of the station dies: the process logs which one and ends, so that it is restarted; no card is printed
//! twice.
//!
//! The program has no way to make a thread die: the tests pass in a clock, a disk, a printer and a reader that do, in a
//! separate process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use drivers::contract::{
    CardOut, CardPrinter, DeviceError, Facts, JobLog, MagneticStripe, PreparedCard, Prepress,
    PrinterStatus, Stop, Tray,
};
use emulators::evolis::EvolisSettings;
use emulators::machine::SharedMachine;
use emulators::transport::emulated::Emulated;
use jiff::Timestamp;
use kartu::clock::Clock;
use kartu::config::Config;
use kartu::daemon::{Daemon, Parts, Supervision};
use kartu::ledger::{Disk, LocalDisk};
use kartu::station::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::test_station::{Http, TestStation, child, config};

/// Tells the test's child process which part dies, and where.
const WHICH: &str = "KARTU_TEST_DIES";
/// When a file of this name appears in the child's folder, the part dies.
const NOW: &str = "die-now";
/// The process ends within this time after the panic; stopping waits for the threads that still work.
const SOON: Duration = Duration::from_secs(30);

/// Decides when to die.
#[derive(Clone)]
struct Lever {
    part: &'static str,
    chosen: String,
    file: PathBuf,
}

impl Lever {
    fn of(&self, part: &'static str) -> Lever {
        Lever { part, ..self.clone() }
    }

    fn pulled(&self) {
        let is_time = self.part == self.chosen && self.file.exists();
        assert!(!is_time, "as it is told");
    }
}

struct DyingDisk(LocalDisk, Lever);

impl Disk for DyingDisk {
    fn free_bytes(&mut self) -> std::io::Result<u64> {
        self.1.pulled();
        self.0.free_bytes()
    }

    fn idle_free_bytes(&mut self) -> std::io::Result<Option<u64>> {
        self.free_bytes().map(Some)
    }
}

/// Prints the card, and dies before it can report that.
struct DyingPrinter(Box<dyn CardPrinter>, Lever);

impl CardPrinter for DyingPrinter {
    fn status(&mut self) -> Result<PrinterStatus, DeviceError> {
        self.0.status()
    }
    fn prepress(&self) -> Box<dyn Prepress> {
        self.0.prepress()
    }
    fn print(&mut self, card: &PreparedCard) -> Result<CardOut, DeviceError> {
        let printed = self.0.print(card);
        self.1.pulled();
        printed
    }
    fn feed(&mut self, to: Stop) -> Result<(), DeviceError> {
        self.0.feed(to)
    }
    fn eject(&mut self, to: Tray) -> Result<(), DeviceError> {
        self.0.eject(to)
    }
    fn abort_orphaned_job(&mut self) -> Result<(), DeviceError> {
        self.0.abort_orphaned_job()
    }
    fn clear_errors(&mut self) -> Result<(), DeviceError> {
        self.0.clear_errors()
    }
    fn magnetic(&mut self) -> Option<&mut dyn MagneticStripe> {
        self.0.magnetic()
    }
    fn job_log(&mut self) -> Option<&mut dyn JobLog> {
        self.0.job_log()
    }
    fn facts(&mut self) -> Result<Facts, DeviceError> {
        self.0.facts()
    }
}

fn connection(machine: SharedMachine, lever: &Lever) -> Connection {
    let (printer, reader) = (lever.of("printer"), lever.of("reader"));
    let connection = Connection::through(Box::new(move || {
        let wire = Box::new(Emulated::new(machine.clone()));
        let opened = drivers::open("evolis", None, wire)?;
        Ok(Box::new(DyingPrinter(opened, printer.clone())))
    }));
    let field = emulators::card::Field::default();
    let open = move || {
        reader.pulled();
        // Each poll reopens it, as with a reader that was unplugged.
        let _works = emulators::reader::open("pn532", field.clone())?;
        Err(drivers::encoder::EncoderError::InUse)
    };
    connection.with_encoder(open, SOON)
}

/// The test's child process: a station that runs until a part of it dies.
fn be_the_station() {
    let Ok(told) = std::env::var(WHICH) else { return };
    let (chosen, dir) = told.split_once(' ').unwrap();
    let dir = PathBuf::from(dir);
    let lever = Lever { part: "", chosen: chosen.to_owned(), file: dir.join(NOW) };
    kartu::panics::report_only_the_place();
    let mut config = Config::parse(&config(&dir, ""), &dir).unwrap();
    config.station.new_ledger = true;
    let machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
    let scheduler = lever.of("scheduler");
    let clock = Clock::with_wall(move || {
        if std::thread::current().name() == Some("station") {
            scheduler.pulled();
        }
        Timestamp::now()
    });
    let disk = LocalDisk::of(&config.station.ledger);
    let parts = Parts {
        clock,
        connection: connection(machine, &lever),
        disk: Box::new(DyingDisk(disk, lever.of("ledger"))),
    };
    let daemon = Daemon::start_with(&config, parts, |examiner| examiner as Arc<_>).unwrap();
    let url = format!("http://{}", daemon.address());
    std::fs::write(dir.join("url.new"), url).unwrap();
    std::fs::rename(dir.join("url.new"), dir.join("url")).unwrap();
    let (tell, told) = mpsc::channel();
    let in_order = daemon.run(tell, &told, Supervision::default());
    std::process::exit(if in_order { 0 } else { 1 });
}

fn station(dir: &Path, part: &str) -> (Child, Http) {
    let process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "heartbeat::a_thread_that_dies_ends_the_process", "--nocapture"])
        .env(WHICH, format!("{part} {}", dir.display()))
        .stderr(std::fs::File::create(dir.join("log")).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let url = dir.join("url");
    while !url.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let http = Http::new(&std::fs::read_to_string(&url).unwrap());
    std::fs::remove_file(&url).unwrap();
    (process, http)
}

/// The exit code; `None`: it did not end within [`SOON`].
fn exit_code(process: &mut Child) -> Option<i32> {
    let (step, mut waited) = (Duration::from_millis(20), Duration::ZERO);
    while waited < SOON {
        if let Some(status) = process.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(step);
        waited += step;
    }
    process.kill().unwrap();
    None
}

fn states(http: &Http) -> Vec<(String, String)> {
    let station = http.get("/v1/station").body;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let threads = station["threads"].as_array().unwrap().iter();
    threads.map(|one| (text(&one["thread"]), text(&one["state"]))).collect()
}

#[test]
fn a_thread_that_dies_ends_the_process() {
    be_the_station();
    for part in ["scheduler", "printer", "reader", "ledger"] {
        let dir = TempDir::new().unwrap();
        let (mut process, http) = station(dir.path(), part);
        let seen = states(&http);
        let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ledger", "scheduler", "printer", "reader", "http"]);
        assert!(seen.iter().all(|(_, state)| state == "working" || state == "waiting"), "{seen:?}");
        let figures = String::from_utf8(http.bytes("/metrics")).unwrap();
        let age = format!("kartu_heartbeat_age_seconds{{thread=\"{part}\"}}");
        assert!(figures.contains(&age), "{figures}");

        std::fs::write(dir.path().join(NOW), "").unwrap();
        let id = match part {
            "printer" => http.post("/v1/jobs", &child("S2")).body["id"].as_str().map(str::to_owned),
            _ => None,
        };
        assert_eq!(exit_code(&mut process), Some(1), "{part} died");
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(log.contains("tests/station/heartbeat.rs:"), "the place: {log}");
        std::fs::remove_file(dir.path().join(NOW)).unwrap();
        it_starts_again(dir, id.as_deref());
    }
}

/// Nor is the card that was in the machine printed again before a person has looked.
fn it_starts_again(dir: TempDir, id: Option<&str>) {
    // The machine that printed it is gone, and another one proves nothing.
    let settings = EvolisSettings { serial: "99".repeat(5), ..EvolisSettings::instant() };
    let machine = emulators::evolis::emulate(settings).unwrap();
    let mut bench =
        TestStation { daemon: None, reader: None, kia: "", machine, dir, http: Http::new("") };
    bench.start("");
    if let Some(id) = id {
        let job = bench.until(id, "unsure");
        assert_eq!(job["state"], json!("unsure"), "{job}");
    }
    let other = bench.accepted(&child("S3"));
    bench.until(&other, "printed");
    assert_eq!(bench.cards_out(), 1);
    bench.stop();
}
