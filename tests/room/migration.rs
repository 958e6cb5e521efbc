//! A newer program meets the ledger of an older one.
//!
//! `fixtures/ledger-v2.db` was written by kartud of commit 833864b, which was killed in the middle of a card: its children
//! come from `config/kia-samples.json`, and nobody of them exists.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use emulators::evolis::EvolisSettings;
use kartu::clock::Clock;
use kartu::ledger::{Disk, Ledger};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bench::{Bench, Http, config};
use crate::ledger::{kartud, refusal, verified};

const OLD: &[u8] = include_bytes!("fixtures/ledger-v2.db");
const OLD_HEAD: &str = include_str!("fixtures/ledger-v2.head");
/// In the order of their arrival.
const JOBS: [(&str, &str); 12] = [
    ("V2-PRINTED", "printed"),
    ("V2-OLD", "spoiled"),
    ("V2-NEW", "printed"),
    ("V2-BAD", "spoiled"),
    ("V2-HELD", "held"),
    ("V2-UNSURE", "unsure"),
    ("V2-CANCELLED", "cancelled"),
    ("V2-MOVING", "printing"),
    ("V2-COMPOSED", "composed"),
    ("V2-QUEUED", "queued"),
    ("V2-RECEIVED", "received"),
    ("V2-RECEIVED-2", "received"),
];
/// Tells the test's own child at which question to the disk it is to die.
const DIES_AT: &str = "KARTU_TEST_DIES_AT";
const ROOMY: u64 = 1 << 40;

/// A folder with the old ledger in it.
pub fn old_ledger() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("ledger.db");
    std::fs::write(&path, OLD).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(dir.path().join("ledger.head"), OLD_HEAD).unwrap();
    (dir, path)
}

type Line = (i64, Option<i64>, String, String, Option<String>, String, Vec<u8>);

/// The lines that the old program wrote.
fn old_lines(path: &Path) -> Vec<Line> {
    let c = rusqlite::Connection::open(path).unwrap();
    let sql =
        "SELECT seq, job, at, event, state, detail, hash FROM events WHERE seq <= 48 ORDER BY seq";
    let mut lines = c.prepare(sql).unwrap();
    let line = |r: &rusqlite::Row<'_>| {
        Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?))
    };
    lines.query_map([], line).unwrap().map(Result::unwrap).collect()
}

fn ask<T: rusqlite::types::FromSql>(path: &Path, sql: &str) -> T {
    rusqlite::Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn version(path: &Path) -> i64 {
    ask(path, "PRAGMA user_version")
}

fn copy(path: &Path) -> PathBuf {
    path.with_file_name("ledger.db.before-v3")
}

/// Its chain, its jobs and its data are whole, and the head that the old program left is still in it.
fn is_whole(path: &Path) {
    let said = kartud(&["ledger", "verify", "--head", OLD_HEAD.trim(), path.to_str().unwrap()]);
    assert_eq!(said.1, Some(0), "{}", said.0);
    assert_eq!(verified(path)["jobs"], 12);
}

#[test]
fn an_older_ledger_is_brought_forward_and_the_station_goes_on() {
    let (dir, path) = old_ledger();
    let before = old_lines(&path);
    let machine = emulators::evolis::emulate(EvolisSettings::bench()).unwrap();
    let mut bench =
        Bench { daemon: None, reader: None, kia: "", machine, dir, http: Http::new("") };
    bench.kia = "stale_after_days = 36500";
    bench.start("");
    let state = |http: &Http, reference: &str| {
        let jobs = http.get("/v1/jobs?limit=500").body["jobs"].clone();
        let jobs = jobs.as_array().unwrap().clone();
        jobs.into_iter().find(|job| job["ref"] == reference).unwrap()
    };
    for waits in ["V2-COMPOSED", "V2-QUEUED", "V2-RECEIVED", "V2-RECEIVED-2"] {
        let id = state(&bench.http, waits)["id"].as_str().unwrap().to_owned();
        bench.until(&id, "printed");
    }
    for (reference, was) in JOBS {
        let is = state(&bench.http, reference)["state"].clone();
        match was {
            // Its card was on its way when the old program was killed, on a machine that is not this one.
            "printing" => assert_eq!(is, "unsure", "{reference}"),
            "composed" | "queued" | "received" => assert_eq!(is, "printed", "{reference}"),
            was => assert_eq!(is, was, "{reference}"),
        }
    }
    assert_eq!(bench.cards_out(), 4);
    bench.stop();
    bench.start("");
    bench.stop();
    assert_eq!(bench.cards_out(), 4, "nothing is printed twice");
    assert_eq!((version(&path), old_lines(&path) == before), (3, true));
    is_whole(&path);
    assert!(!copy(&path).exists(), "the copy holds personal data, and nobody needs it any more");
}

/// Asks itself at every question whether it is to fail.
struct Failing<F: FnMut(u64) -> io::Result<u64> + Send> {
    asked: Arc<AtomicU64>,
    answer: F,
}

impl<F: FnMut(u64) -> io::Result<u64> + Send> Disk for Failing<F> {
    fn free_bytes(&mut self) -> io::Result<u64> {
        (self.answer)(self.asked.fetch_add(1, Ordering::SeqCst))
    }
}

fn open_on(path: &Path, answer: impl FnMut(u64) -> io::Result<u64> + Send + 'static) -> Opened {
    let asked = Arc::new(AtomicU64::new(0));
    let disk = Failing { asked: asked.clone(), answer };
    let opened = Ledger::open_on(path, Clock::system(), Box::new(disk));
    Opened { ledger: opened.map_err(|error| told(&error)), asked: asked.load(Ordering::SeqCst) }
}

struct Opened {
    ledger: Result<Ledger, String>,
    asked: u64,
}

/// With its cause.
fn told(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

pub fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

#[test]
fn a_migration_that_is_killed_at_any_point_is_done_again() {
    if let Ok(at) = std::env::var(DIES_AT) {
        let (at, path) = at.split_once(' ').unwrap();
        let at: u64 = at.parse().unwrap();
        let _opened = open_on(Path::new(path), move |n| if n == at { die() } else { Ok(ROOMY) });
        // It is in the new version, and nobody has said yet that the station started.
        die();
    }
    let (_dir, path) = old_ledger();
    let points = open_on(&path, |_| Ok(ROOMY)).asked;
    assert!(points >= 3, "before, during and after the copy: {points}");
    for at in 0..=points {
        let (dir, path) = old_ledger();
        let before = old_lines(&path);
        let killed = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "migration::a_migration_that_is_killed_at_any_point_is_done_again"])
            .env(DIES_AT, format!("{at} {}", path.display()))
            .output()
            .unwrap();
        assert_eq!(killed.status.signal(), Some(9), "{killed:?}");
        for file in std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
            let (name, mode) = (file.file_name(), file.metadata().unwrap().permissions().mode());
            let personal = name.to_str().unwrap().starts_with("ledger.db");
            assert!(!personal || mode & 0o077 == 0, "{name:?} {mode:o}");
        }
        is_whole(&path);
        assert_eq!(refusal(dir.path()), None, "killed at {at}");
        assert_eq!((version(&path), old_lines(&path) == before), (3, true), "killed at {at}");
        is_whole(&path);
        let left = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_str().unwrap().contains("before")).collect();
        assert!(left.is_empty(), "killed at {at}: {left:?}");
    }
}

#[test]
fn a_disk_that_fails_in_a_migration_leaves_the_older_ledger_as_it_was() {
    let (_dir, path) = old_ledger();
    let points = open_on(&path, |_| Ok(ROOMY)).asked;
    for at in 0..points {
        let (dir, path) = old_ledger();
        let fails = move |n| if n == at { Err(io::Error::other("no light")) } else { Ok(ROOMY) };
        let why = open_on(&path, fails).ledger.err().unwrap();
        assert!(why.contains("no light") && why.contains("Nothing"), "{why}");
        assert_eq!(version(&path), 2, "question {at}");
        assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM events"), 48);
        is_whole(&path);
        assert_eq!(refusal(dir.path()), None, "question {at}");
        assert_eq!(version(&path), 3);
    }
}

#[test]
fn a_disk_without_room_for_the_copy_is_told_with_words() {
    let (dir, path) = old_ledger();
    let room = OLD.len() as u64 + 64 * 1024 * 1024;
    let why = open_on(&path, move |_| Ok(room - 1)).ledger.err().unwrap();
    assert!(why.contains("make 1 MiB free") && why.contains("before-v3"), "{why}");
    // The operating system itself lets no file grow as long as the copy would be.
    std::fs::write(dir.path().join("kartud.toml"), config(dir.path(), "")).unwrap();
    let said = Command::new("sh")
        .args(["-c", "ulimit -f 600; trap '' XFSZ; exec \"$0\" run --config \"$1\""])
        .arg(env!("CARGO_BIN_EXE_kartud"))
        .arg(dir.path().join("kartud.toml"))
        .output()
        .unwrap();
    let said = (String::from_utf8(said.stderr).unwrap(), said.status.code());
    assert!(said.1 != Some(0) && said.0.contains("make 1 MiB free"), "{said:?}");
    assert_eq!(version(&path), 2);
    assert!(!dir.path().join("ledger.db.before-v3.part").exists(), "half of it is no use");
    open_on(&path, move |_| Ok(room)).ledger.unwrap().close();
    assert_eq!(version(&path), 3);
}

#[test]
fn an_older_ledger_with_a_log_beside_it_loses_nothing() {
    let (dir, path) = old_ledger();
    // The last thing that the old program did lies in the log only.
    let c = rusqlite::Connection::open(&path).unwrap();
    c.execute_batch("UPDATE counts SET jobs = 0 WHERE state = 'received'").unwrap();
    c.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    c.execute_batch("UPDATE counts SET jobs = 2 WHERE state = 'received'").unwrap();
    std::mem::forget(c);
    let log = std::fs::metadata(dir.path().join("ledger.db-wal")).unwrap();
    assert!(log.len() > 0);
    assert_eq!(refusal(dir.path()), None);
    assert_eq!(version(&path), 3);
    is_whole(&path);
}

#[test]
fn a_ledger_of_a_newer_program_is_refused_with_what_to_do() {
    let (dir, path) = old_ledger();
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    let before = std::fs::read(&path).unwrap();
    let at = path.to_str().unwrap();
    let why = refusal(dir.path()).unwrap();
    assert!(why.contains("version 9") && why.contains("install that kartud again"), "{why}");
    for command in [
        &["ledger", "verify", at][..],
        &["ledger", "export", at],
        &["ledger", "adopt", "--by", "t", at],
    ] {
        let (said, code) = kartud(command);
        assert!(said.contains("a newer kartud wrote it") && code != Some(0), "{said}");
    }
    assert!(std::fs::read(&path).unwrap() == before, "nothing was changed");
}

#[test]
fn an_older_ledger_is_looked_at_as_it_is() {
    let (_dir, path) = old_ledger();
    let at = path.to_str().unwrap();
    is_whole(&path);
    let (lines, code) = kartud(&["ledger", "export", at]);
    assert_eq!((lines.lines().count(), code), (48, Some(0)));
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "received");
    let (said, code) = kartud(&["ledger", "adopt", "--by", "teknisi-7", at]);
    assert!(said.contains("nothing was changed") && code == Some(0), "{said}");
    assert!(std::fs::read(&path).unwrap() == OLD, "who only looks brings nothing forward");
}

#[test]
fn an_older_ledger_that_lost_its_end_is_adopted_before_it_is_brought_forward() {
    let (dir, path) = old_ledger();
    let later = format!("{:020}:{}\n", 60, "a".repeat(64));
    std::fs::write(dir.path().join("ledger.head"), later).unwrap();
    let why = refusal(dir.path()).unwrap();
    assert!(why.contains("lost the acknowledged lines 49 to 60"), "{why}");
    assert_eq!(
        (version(&path), copy(&path).exists()),
        (2, false),
        "what is lost is looked for there"
    );
    let (said, code) = kartud(&["ledger", "adopt", "--by", "teknisi-7", path.to_str().unwrap()]);
    assert!(said.contains("7 jobs are held") && code == Some(0), "{said}");
    assert_eq!(version(&path), 2);
    assert_eq!(verified(&path)["faults"], json!([]));
    assert_eq!(refusal(dir.path()), None);
    assert_eq!((version(&path), &verified(&path)["faults"]), (3, &json!([])));
}
