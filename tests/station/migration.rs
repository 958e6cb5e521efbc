//! The current program opens ledgers of older ones. All persons in them are fictional: the children come from
//! `config/kia-samples.json`.
//!
//! `fixtures/ledger-v2.db` was written by kartud of commit 833864b, which was killed in the middle of a card.
//!
//! `fixtures/ledger-v3.db` was written by kartud of commit e48b15c, which was killed in the middle of a card, too.
//! Chips were spoiled, cards jammed, the clock was wrong at first, and an older copy was put back and adopted. Its
//! `ledger-v3.holder.key` was made for it and is no secret.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use emulators::evolis::EvolisSettings;
use kartu::clock::Clock;
use kartu::event::Event;
use kartu::ledger::{Disk, Ledger};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ledger::{kartud, refusal, verified};
use crate::test_station::{Http, TestStation, config};

/// The version that the program of today writes.
const TODAY: i64 = 4;

/// A ledger as an older program left it.
struct Fixture {
    ledger: &'static [u8],
    /// The head beside it.
    head: &'static [u8],
    holder_key: Option<&'static [u8]>,
    /// In the order of their arrival.
    jobs: &'static [(&'static str, &'static str)],
}

const V2: Fixture = Fixture {
    ledger: include_bytes!("fixtures/ledger-v2.db"),
    head: include_bytes!("fixtures/ledger-v2.head"),
    holder_key: None,
    jobs: &[
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
    ],
};
const V3: Fixture = Fixture {
    ledger: include_bytes!("fixtures/ledger-v3.db"),
    head: include_bytes!("fixtures/ledger-v3.head"),
    holder_key: Some(include_bytes!("fixtures/ledger-v3.holder.key")),
    jobs: &[
        ("V3-PRINTED", "printed"),
        ("V3-STAFF", "printed"),
        ("V3-STAFF-BLANK", "printed"),
        ("V3-STAFF-MUTE", "printed"),
        ("V3-STAFF-KILLED", "printed"),
        ("V3-BAD", "spoiled"),
        ("V3-DESTROYED", "spoiled"),
        ("V3-DESTROYED-NEW", "printed"),
        ("V3-KEPT", "printed"),
        ("V3-KEPT-NEW", "printed"),
        ("V3-LOST", "printed"),
        ("V3-LOST-NEW", "printed"),
        ("V3-HELD", "held"),
        ("V3-RELEASED", "printed"),
        ("V3-CANCELLED", "cancelled"),
        ("V3-SAME-HOLDER", "printed"),
        ("V3-SAME-HELD", "held"),
        ("V3-CRASHED", "printed"),
        ("V3-LATER", "printed"),
        ("V3-UNSURE", "unsure"),
        ("V3-UNSURE-NO-CARD", "printed"),
        ("V3-UNSURE-SPOILED", "printed"),
        ("V3-UNSURE-PRINTED", "printed"),
        ("V3-KILLED-AT-ONCE", "printed"),
        ("V3-KILLED-EARLY", "printed"),
        ("V3-KILLED-LATE", "printed"),
        ("V3-WIRE-1", "printed"),
        ("V3-WIRE-2", "printed"),
        ("V3-PUT-BACK", "held"),
        ("V3-RESTORED-QUEUED", "cancelled"),
        ("V3-AFTER-RESTORE", "held"),
        ("V3-CHIP-SETUP-MENDED", "printed"),
        ("V3-CHIP-SETUP", "held"),
        ("V3-MOVING", "printing"),
        ("V3-COMPOSED", "composed"),
        ("V3-QUEUED", "queued"),
        ("V3-RECEIVED", "received"),
        ("V3-RECEIVED-2", "received"),
    ],
};
/// Tells the test's child process at which query of the disk it must die.
const DIES_AT: &str = "KARTU_TEST_DIES_AT";
const ROOMY: u64 = 1 << 40;

impl Fixture {
    /// A folder with the ledger in it.
    fn laid_out(&self) -> (TempDir, PathBuf) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("ledger.db");
        write_private(&path, self.ledger);
        write_private(&dir.path().join("ledger.head"), self.head);
        if let Some(key) = self.holder_key {
            write_private(&dir.path().join("holder.key"), key);
        }
        (dir, path)
    }

    /// The end that the old program acknowledged, `SEQ:HASH`. It is in one of two slots, or it is the whole file.
    fn head(&self) -> &'static str {
        let text = std::str::from_utf8(self.head).unwrap();
        let heads = text.split(['\0', '\n', ' ']).filter(|word| word.contains(':'));
        heads.max().unwrap()
    }

    fn last_line(&self) -> i64 {
        self.head().split_once(':').unwrap().0.parse().unwrap()
    }

    /// Its chain, its jobs and its data are intact, and the old program's head is still in it.
    fn is_whole(&self, path: &Path) {
        let said = kartud(&["ledger", "verify", "--head", self.head(), path.to_str().unwrap()]);
        assert_eq!(said.1, Some(0), "{}", said.0);
        assert_eq!(verified(path)["jobs"], self.jobs.len());
    }

    /// The lines that the old program wrote.
    fn old_lines(&self, path: &Path) -> Vec<Line> {
        let c = rusqlite::Connection::open(path).unwrap();
        let sql = "SELECT seq, job, at, event, state, detail, hash FROM events WHERE seq <= ?1 ORDER BY seq";
        let mut lines = c.prepare(sql).unwrap();
        let line = |r: &rusqlite::Row<'_>| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?))
        };
        lines.query_map([self.last_line()], line).unwrap().map(Result::unwrap).collect()
    }
}

fn write_private(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A folder with the oldest ledger in it.
pub fn old_ledger() -> (TempDir, PathBuf) {
    V2.laid_out()
}

type Line = (i64, Option<i64>, String, String, Option<String>, String, Vec<u8>);

fn ask<T: rusqlite::types::FromSql>(path: &Path, sql: &str) -> T {
    rusqlite::Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn version(path: &Path) -> i64 {
    ask(path, "PRAGMA user_version")
}

fn copy(path: &Path) -> PathBuf {
    path.with_file_name(format!("ledger.db.before-v{TODAY}"))
}

#[test]
fn an_older_ledger_is_brought_forward_and_the_station_goes_on() {
    for fixture in [V2, V3] {
        the_station_goes_on(&fixture);
    }
}

fn the_station_goes_on(fixture: &Fixture) {
    let (dir, path) = fixture.laid_out();
    let before = fixture.old_lines(&path);
    let machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
    let mut bench =
        TestStation { daemon: None, reader: None, kia: "", machine, dir, http: Http::new("") };
    bench.kia = "stale_after_days = 36500";
    bench.start("");
    let find = |http: &Http, reference: &str| {
        let jobs = http.get("/v1/jobs?limit=500").body["jobs"].clone();
        let jobs = jobs.as_array().unwrap().clone();
        jobs.into_iter().find(|job| job["ref"] == reference).unwrap()
    };
    let waits = |was: &str| ["composed", "queued", "received"].contains(&was);
    let waiting: Vec<_> = fixture.jobs.iter().filter(|(_, was)| waits(was)).collect();
    for (reference, _) in &waiting {
        let id = find(&bench.http, reference)["id"].as_str().unwrap().to_owned();
        bench.until(&id, "printed");
    }
    for (reference, was) in fixture.jobs {
        let is = find(&bench.http, reference)["state"].clone();
        match *was {
            // Its card was moving when the old program was killed, on a machine other than this one.
            "printing" => assert_eq!(is, "unsure", "{reference}"),
            was if waits(was) => assert_eq!(is, "printed", "{reference}"),
            was => assert_eq!(is, was, "{reference}"),
        }
    }
    let cards = waiting.len() as u64;
    assert_eq!(bench.cards_out(), cards);
    bench.stop();
    bench.start("");
    bench.stop();
    assert_eq!(bench.cards_out(), cards, "nothing is printed twice");
    assert_eq!((version(&path), fixture.old_lines(&path) == before), (TODAY, true));
    fixture.is_whole(&path);
    assert!(!copy(&path).exists(), "the copy holds personal data, and nobody needs it any more");
}

/// Nothing of the old form is lost or changed in the new one.
fn is_kept(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(key, value)| new.get(key).is_some_and(|new| is_kept(value, new)))
        }
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_kept(old, new))
        }
        (old, new) => old == new,
    }
}

/// Lines that version 3 could write too, and that no fixture contains.
fn rare_lines() -> Vec<(&'static str, Value)> {
    let watch =
        json!({ "disturbed": true, "restarted": false, "stood_inside": false, "unseen": true });
    let out = json!({ "identity": { "model": "Primacy 2", "serial": "1", "firmware": "" },
        "cards_entered_before": 1, "cards_entered_after": null, "ribbon": null, "watch": watch });
    let told = |mut of: Value| {
        (of["blame"], of["id"], of["en"]) = (json!("card"), json!("Lain."), json!("Differs."));
        of
    };
    vec![
        ("migrated", json!({ "from": 2, "to": 3 })),
        ("holders", json!({ "key": null, "by": "teknisi-7", "jobs": 0, "sha256": "00" })),
        (
            "spoil",
            json!({ "evidence": { "card": "rejected", "cause": "jam", "machine": null },
                "cause": "GAGAL_CETAK" }),
        ),
        (
            "no_card",
            json!({ "evidence": { "card": "untouched", "encoding":
                told(json!({ "kind": "key_length", "step": "", "card_touched": false })) } }),
        ),
        (
            "lose_sight",
            json!({ "lost": { "card": "in_machine", "encoding":
                told(json!({ "kind": "stripe_not_blank", "tracks": [1, 3] })) } }),
        ),
        (
            "lose_sight",
            json!({ "lost": { "card": "unknown", "cause": "asked again", "said_out": true,
                "row": "not_watched", "machine": out, "watch": watch } }),
        ),
        ("chip_good", json!({ "encoding": { "stripe": { "read_back": true } } })),
    ]
}

#[test]
fn every_line_that_an_older_program_wrote_is_understood() {
    let rare = rare_lines().into_iter();
    let mut lines: Vec<_> = rare.map(|(name, detail)| (0, name.to_owned(), detail)).collect();
    for fixture in [V2, V3] {
        let (_dir, path) = fixture.laid_out();
        let of_the_ledger = fixture.old_lines(&path).into_iter();
        lines.extend(of_the_ledger.map(|(seq, _, _, name, _, detail, _)| {
            (seq, name, serde_json::from_str(&detail).unwrap())
        }));
    }
    let is_lost = |(_, name, old): &&(i64, String, Value)| {
        let event = Event::read(name, old);
        !event.is_ok_and(|event| event.name() == name && is_kept(old, &event.detail()))
    };
    let lost: Vec<_> = lines.iter().filter(is_lost).collect();
    assert!(lost.is_empty(), "{lost:#?}");
}

/// Decides at every query whether to fail.
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

/// The error with its cause.
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
        // The ledger is in the new version, and the station has not been reported as started.
        die();
    }
    let (_dir, path) = old_ledger();
    let points = open_on(&path, |_| Ok(ROOMY)).asked;
    assert!(points >= 3, "before, during and after the copy: {points}");
    for at in 0..=points {
        let (dir, path) = old_ledger();
        let before = V2.old_lines(&path);
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
        V2.is_whole(&path);
        assert_eq!(refusal(dir.path()), None, "killed at {at}");
        assert_eq!(
            (version(&path), V2.old_lines(&path) == before),
            (TODAY, true),
            "killed at {at}"
        );
        V2.is_whole(&path);
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
        V2.is_whole(&path);
        assert_eq!(refusal(dir.path()), None, "question {at}");
        assert_eq!(version(&path), TODAY);
    }
}

#[test]
fn a_disk_without_room_for_the_copy_is_told_with_words() {
    let (dir, path) = old_ledger();
    let room = V2.ledger.len() as u64 + 64 * 1024 * 1024;
    let why = open_on(&path, move |_| Ok(room - 1)).ledger.err().unwrap();
    assert!(why.contains("make 1 MiB free") && why.contains(&format!("before-v{TODAY}")), "{why}");
    // The operating system lets no file grow to the copy's length.
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
    assert!(
        !path.with_file_name(format!("ledger.db.before-v{TODAY}.part")).exists(),
        "half of it is no use"
    );
    open_on(&path, move |_| Ok(room)).ledger.unwrap().close();
    assert_eq!(version(&path), TODAY);
}

#[test]
fn an_older_ledger_with_a_log_beside_it_loses_nothing() {
    let (dir, path) = old_ledger();
    // The last action of the old program is only in the log.
    let c = rusqlite::Connection::open(&path).unwrap();
    c.execute_batch("UPDATE counts SET jobs = 0 WHERE state = 'received'").unwrap();
    c.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    c.execute_batch("UPDATE counts SET jobs = 2 WHERE state = 'received'").unwrap();
    std::mem::forget(c);
    let log = std::fs::metadata(dir.path().join("ledger.db-wal")).unwrap();
    assert!(log.len() > 0);
    assert_eq!(refusal(dir.path()), None);
    assert_eq!(version(&path), TODAY);
    V2.is_whole(&path);
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
    V2.is_whole(&path);
    let (lines, code) = kartud(&["ledger", "export", at]);
    assert_eq!((lines.lines().count(), code), (48, Some(0)));
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "received");
    let (said, code) = kartud(&["ledger", "adopt", "--by", "teknisi-7", at]);
    assert!(said.contains("nothing was changed") && code == Some(0), "{said}");
    assert!(std::fs::read(&path).unwrap() == V2.ledger, "who only looks brings nothing forward");
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
    assert_eq!((version(&path), &verified(&path)["faults"]), (TODAY, &json!([])));
}
