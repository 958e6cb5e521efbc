//! The ledger's disk: full, failing, and working again.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use emulators::evolis::EvolisSettings;
use emulators::machine::SharedMachine;
use kartu::clock::Clock;
use kartu::config::Config;
use kartu::daemon::{Daemon, Parts};
use kartu::ledger::Disk;
use kartu::station::Connection;
use serde_json::json;

use crate::ledger::verified;
use crate::restart::Process;
use crate::test_station::{Answer, Http, TestStation, child, config, numbered};

const ROOMY: u64 = 1 << 40;
const BROKEN: u64 = u64::MAX;

/// A disk whose free space can be set while the station runs; a broken one cannot be written at all.
#[derive(Clone)]
struct Shelf(Arc<AtomicU64>);

impl Disk for Shelf {
    fn free_bytes(&mut self) -> io::Result<u64> {
        match self.0.load(Ordering::SeqCst) {
            BROKEN => Err(io::Error::other("input/output error")),
            free => Ok(free),
        }
    }

    fn idle_free_bytes(&mut self) -> io::Result<Option<u64>> {
        self.free_bytes().map(Some)
    }
}

impl Shelf {
    fn set(&self, free: u64) {
        self.0.store(free, Ordering::SeqCst);
    }
}

/// A station whose ledger lies on `shelf`.
fn station_on(shelf: &Shelf) -> TestStation {
    station_with(|_, _| Box::new(shelf.clone()))
}

/// A station on a disk that knows the machine and the ledger's file.
fn station_with(disk: impl FnOnce(&SharedMachine, &Path) -> Box<dyn Disk>) -> TestStation {
    let machine: SharedMachine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let mut config = Config::parse(&config(dir.path(), ""), dir.path()).unwrap();
    config.station.new_ledger = true;
    let connection = Connection::to_machine("evolis", machine.clone());
    let disk = disk(&machine, &dir.path().join("ledger.db"));
    let parts = Parts { clock: Clock::system(), connection, disk };
    let daemon = Daemon::start_on(&config, parts).unwrap();
    let http = Http::new(&format!("http://{}", daemon.address()));
    TestStation { daemon: Some(daemon), reader: None, kia: "", machine, dir, http }
}

#[test]
fn a_full_disk_takes_no_new_job_but_lets_the_others_be_printed() {
    let shelf = Shelf(Arc::new(AtomicU64::new(ROOMY)));
    let bench = station_on(&shelf);
    let first = bench.http.post_key(&child("S1"), "first");
    assert_eq!(first.status, 201);
    shelf.set(1024 * 1024);
    let refused = bench.http.post_key(&child("S2"), "second");
    assert_eq!((refused.status, refused.codes("errors")), (507, vec!["E_DISK_FULL".to_owned()]));
    assert_ne!(
        refused.body["errors"][0]["message"]["id"],
        refused.body["errors"][0]["message"]["en"]
    );
    let again = bench.http.post_key(&child("S1"), "first");
    assert_eq!((again.status, again.replayed), (201, true), "what is stored needs no room");
    bench.until(first.body["id"].as_str().unwrap(), "printed");
    shelf.set(ROOMY);
    let accepted = bench.http.post_key(&child("S2"), "second");
    assert_eq!((accepted.status, accepted.replayed), (201, false), "{}", accepted.body);
    bench.until(accepted.body["id"].as_str().unwrap(), "printed");
    assert_eq!(bench.cards_out(), 2);
}

/// Waits until `/readyz` answers with this status, without posting.
fn until_ready(bench: &TestStation, path: &str, status: u16) -> Answer {
    let began = std::time::Instant::now();
    loop {
        let answer = bench.http.get(path);
        if answer.status == status {
            return answer;
        }
        assert!(began.elapsed().as_secs() < 30, "{}", answer.body);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_disk_that_is_nearly_full_or_fails_is_told_before_anybody_posts_and_so_is_its_end() {
    let shelf = Shelf(Arc::new(AtomicU64::new(ROOMY)));
    let bench = station_on(&shelf);
    until_ready(&bench, "/readyz", 200);
    shelf.set(1024 * 1024);
    let told = until_ready(&bench, "/readyz?for=intake", 503);
    assert_eq!(told.codes("errors"), ["E_DISK_FULL"]);
    bench.until_reason("spool-area-full-error");
    assert_eq!(bench.http.post("/v1/jobs", &child("S2")).status, 507);
    shelf.set(ROOMY);
    until_ready(&bench, "/readyz", 200);
    shelf.set(BROKEN);
    let told = until_ready(&bench, "/readyz?for=intake", 503);
    assert_eq!(told.codes("errors"), ["E_LEDGER"]);
    assert_eq!(bench.http.post("/v1/jobs", &child("S2")).status, 503);
    let lines = bench.http.get("/v1/station").body["last_event"].clone();
    shelf.set(ROOMY);
    until_ready(&bench, "/readyz", 200);
    let after = bench.http.get("/v1/station").body["last_event"].clone();
    assert_eq!(after, lines, "trying the disk leaves no line");
    bench.until(&bench.accepted(&child("S2")), "printed");
}

/// A client that never gives up must not fill a full disk with log lines.
#[test]
fn a_trouble_of_the_disk_is_logged_once_however_often_it_is_met() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -S -f 1024; trap '' XFSZ; exec \"$0\" \"$@\""]);
    limited.arg(env!("CARGO_BIN_EXE_kartud"));
    let (process, log) = Process::start_by_logged(limited, dir.path());
    let refused = (0..30).filter(|number| {
        let mut job = child("S2");
        job["ref"] = format!("FULL-{number}").into();
        process.http.post("/v1/jobs", &job).status == 503
    });
    assert!(refused.count() > 20);
    process.kill();
    let log = log.join().unwrap();
    let errors: Vec<&String> = log.iter().filter(|line| line.contains("ERROR")).collect();
    assert!((1..=6).contains(&errors.len()), "{errors:#?}");
}

#[test]
fn a_disk_that_cannot_be_written_takes_nothing_and_prints_nothing() {
    let shelf = Shelf(Arc::new(AtomicU64::new(ROOMY)));
    let bench = station_on(&shelf);
    shelf.set(BROKEN);
    let refused = bench.http.post_key(&child("S2"), "key");
    assert_eq!((refused.status, refused.codes("errors")), (503, vec!["E_LEDGER".to_owned()]));
    assert_eq!(bench.http.get("/v1/jobs").body["jobs"].as_array().unwrap().len(), 0);
    assert_eq!(bench.cards_out(), 0);
    shelf.set(ROOMY);
    let accepted = bench.http.post_key(&child("S2"), "key");
    assert_eq!((accepted.status, accepted.replayed), (201, false));
    bench.until(accepted.body["id"].as_str().unwrap(), "printed");
    assert_eq!(bench.cards_out(), 1);
}

/// Fails twice for every card that is out and not yet recorded, whether the station or a client's job is being written.
struct FailsWhileACardIsOut {
    ledger: PathBuf,
    machine: SharedMachine,
    /// The number of the card that was out, at each failure.
    seen: Arc<Mutex<Vec<u64>>>,
}

impl Disk for FailsWhileACardIsOut {
    fn free_bytes(&mut self) -> io::Result<u64> {
        let out = self.machine.lock().last_card().map_or(0, |card| card.number);
        if out == 0 {
            return Ok(ROOMY);
        }
        let c = rusqlite::Connection::open(&self.ledger).unwrap();
        let noted = "SELECT count(*) FROM jobs WHERE state = 'printed'";
        let noted = c.query_row(noted, [], |row| row.get::<_, u64>(0)).unwrap();
        let mut seen = self.seen.lock().unwrap();
        if out == noted || seen.iter().filter(|&&card| card == out).count() == 2 {
            return Ok(ROOMY);
        }
        seen.push(out);
        Err(io::Error::other("input/output error"))
    }
}

#[test]
fn a_card_that_cannot_be_written_down_waits_and_nothing_else_is_printed() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let bench = station_with(|machine, ledger| {
        let (ledger, machine) = (ledger.to_owned(), machine.clone());
        Box::new(FailsWhileACardIsOut { ledger, machine, seen: seen.clone() })
    });
    let ids = ["S1", "S2"].map(|name| {
        // The station's own write may be the one that fails; then the client repeats its post.
        let answer = std::iter::repeat_with(|| bench.http.post_key(&child(name), name));
        let answer = answer.take(9).find(|answer| answer.status == 201).expect("it is taken in");
        answer.body["id"].as_str().unwrap().to_owned()
    });
    for id in &ids {
        bench.until(id, "printed");
    }
    assert_eq!(bench.cards_out(), 2);
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen, [1, 1, 2, 2], "each card was noted at the third try, before the next came");
    for id in &ids {
        let events = bench.http.get(&format!("/v1/jobs/{id}/events")).body;
        let prints = events.as_array().unwrap().iter().filter(|e| e["event"] == "print").count();
        assert_eq!(prints, 1, "{events}");
    }
}

/// The operating system itself refuses to let a file grow, and later allows it again.
#[test]
fn a_file_that_may_not_grow_is_met_and_the_station_goes_on_by_itself() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut limited = Command::new("sh");
    // 1.5 MiB per file. The signal that would end the program is ignored, as a service manager does.
    limited.args(["-c", "ulimit -S -f 3072; trap '' XFSZ; exec \"$0\" \"$@\""]);
    limited.arg(env!("CARGO_BIN_EXE_kartud"));
    let process = Process::start_by(limited, dir.path());
    let post = |number: usize| {
        let mut job = child("S2");
        job["ref"] = format!("FULL-{number}").into();
        process.http.post_key(&job, &format!("key-{number}"))
    };
    let refused = (0..40).find_map(|number| {
        let answer = post(number);
        (answer.status != 201).then_some((number, answer))
    });
    let (number, answer) = refused.expect("the file cannot hold forty photos");
    assert_eq!((answer.status, answer.codes("errors")), (503, vec!["E_LEDGER".to_owned()]));
    assert!(number > 0, "the first one fits");
    assert_eq!(post(number).status, 503);
    let stored = || process.http.get("/v1/jobs").body["jobs"].as_array().unwrap().len();
    assert_eq!(stored(), number, "what was refused is not stored");
    let pid = process.child.id().to_string();
    let freed =
        Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:unlimited"]).status();
    assert!(freed.unwrap().success());
    let again = post(number);
    assert_eq!((again.status, again.replayed), (201, false), "{}", again.body);
    assert!(post(0).replayed);
    assert_eq!(stored(), number + 1);
    process.kill();
    let found = verified(&dir.path().join("ledger.db"));
    assert_eq!((&found["faults"], &found["jobs"]), (&json!([]), &json!(number + 1)), "{found}");
    let process = Process::start(dir.path());
    assert_eq!(process.http.get("/v1/jobs").body["jobs"].as_array().unwrap().len(), number + 1);
    process.kill();
}

#[test]
fn killed_between_commit_and_answer_the_clients_retry_gets_the_same_job() {
    let dir = tempfile::TempDir::new().unwrap();
    for round in 0..3 {
        let process = Process::start(dir.path());
        let before =
            process.http.get("/v1/station").body["last_event"].as_str().unwrap().to_owned();
        let mut job = child("S2");
        job["ref"] = format!("GONE-{round}").into();
        let (body, key) = (numbered(&job).to_string(), format!("gone-{round}"));
        let address = process.http.url.strip_prefix("http://").unwrap();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /v1/jobs HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             idempotency-key: {key}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(body.as_bytes()).unwrap();
        // The event is synced, but nobody has read it.
        let heard = process.http.listen(before, |kind, _, data| {
            kind == "job" && data["event"] == "received" && data["ref"] == job["ref"]
        });
        let id = heard.last().unwrap().1["job"].clone();
        process.kill();
        drop(client);
        let process = Process::start(dir.path());
        let again = process.http.post_key(&job, &key);
        assert_eq!((again.status, again.replayed, &again.body["id"]), (201, true, &id));
        process.kill();
    }
}
