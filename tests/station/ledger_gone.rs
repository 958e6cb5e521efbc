//! The ledger's files are deleted, renamed, replaced or overwritten while the station runs: it stops accepting and
//! printing, reports that, and creates no new ledger.

use std::path::Path;
use std::time::{Duration, Instant};

use emulators::machine::Lever;
use serde_json::json;

use crate::ledger::{kartud, refusal};
use crate::test_station::{TestStation, child};

/// The station checks every other second; a loaded computer takes longer.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);

type Harm = fn(&Path);

/// What people, scripts and repaired file systems do to a ledger's folder.
const HARMS: [(&str, Harm); 11] = [
    ("deleted", |dir| std::fs::remove_file(dir.join("ledger.db")).unwrap()),
    ("renamed", |dir| std::fs::rename(dir.join("ledger.db"), dir.join("kept.db")).unwrap()),
    ("replaced by a copy", |dir| {
        std::fs::copy(dir.join("ledger.db"), dir.join("copy")).unwrap();
        std::fs::rename(dir.join("copy"), dir.join("ledger.db")).unwrap();
    }),
    ("written over", |dir| {
        let whole = std::fs::read(dir.join("ledger.db")).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(dir.join("ledger.db"), whole).unwrap();
    }),
    ("cut to nothing", |dir| {
        std::fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(dir.join("ledger.db"))
            .map(drop)
            .unwrap();
    }),
    ("its log cut to nothing", |dir| cut_log(dir, 0)),
    ("its log cut in the middle", |dir| cut_log(dir, 20_000)),
    ("without its log", |dir| std::fs::remove_file(dir.join("ledger.db-wal")).unwrap()),
    ("without its index", |dir| std::fs::remove_file(dir.join("ledger.db-shm")).unwrap()),
    ("without its lock", |dir| std::fs::remove_file(dir.join("ledger.lock")).unwrap()),
    ("deleted with its head", |dir| {
        std::fs::remove_file(dir.join("ledger.db")).unwrap();
        std::fs::remove_file(dir.join("ledger.head")).unwrap();
    }),
];

fn cut_log(dir: &Path, bytes: u64) {
    let log = std::fs::OpenOptions::new().write(true).open(dir.join("ledger.db-wal")).unwrap();
    assert!(log.metadata().unwrap().len() > bytes);
    log.set_len(bytes).unwrap();
}

fn assert_closed(bench: &TestStation, what: &str) {
    let refused = bench.http.post("/v1/jobs", &child("S2"));
    let codes = refused.codes("errors");
    assert_eq!((refused.status, codes), (503, vec!["E_LEDGER_GONE".to_owned()]), "{what}");
    let message = &refused.body["errors"][0]["message"];
    assert_ne!(message["id"], message["en"], "{what}");
    assert!(message["en"].as_str().unwrap().contains("put"), "what to do: {message}");
    let ready = bench.http.get("/readyz");
    assert_eq!((ready.status, &ready.body["code"]), (503, &json!("E_LEDGER_GONE")), "{what}");
}

#[test]
fn a_ledger_that_is_taken_away_while_the_station_runs_takes_and_prints_nothing() {
    for (what, harm) in HARMS {
        let mut bench = TestStation::new();
        let first = bench.accepted(&child("S1"));
        bench.until(&first, "printed");
        assert_eq!(bench.http.get("/readyz").status, 200);
        let dir = bench.dir.path().to_owned();
        harm(&dir);
        let there = dir.join("ledger.db").exists();
        assert_closed(&bench, what);
        bench.until_reason("other-error");
        let blanks = json!({ "kind": "loaded", "cards": 10, "by": "gudang-1" });
        assert_eq!(bench.http.post("/v1/blanks", &blanks).status, 503, "{what}");
        assert_eq!(bench.cards_out(), 1, "{what}");
        bench.stop();
        assert_eq!(dir.join("ledger.db").exists(), there, "{what}: none is made");
        if what.starts_with("its log") {
            let why = refusal(&dir).expect("what the log held is lost");
            assert!(why.contains("adopt") && !why.contains("malformed"), "{what}: {why}");
        }
        if !there {
            let why = refusal(&dir).unwrap();
            assert!(
                why.contains("is lost") && why.contains("Put the ledger back"),
                "{what}: {why}"
            );
            let config = dir.join("kartud.toml");
            std::fs::write(&config, crate::test_station::config(&dir, "")).unwrap();
            let config = config.to_str().unwrap();
            for again in [vec!["run", "--new-ledger"], vec!["init"]] {
                let (said, code) = kartud(&[&again[..], &["--config", config]].concat());
                assert_eq!((code, said.contains("is lost")), (Some(1), true), "{what}: {said}");
            }
            assert!(!dir.join("ledger.db").exists(), "{what}: no second card");
        }
    }
}

#[test]
fn a_ledger_that_is_taken_away_is_noticed_though_nobody_writes() {
    for harm in [HARMS[0].1, HARMS[1].1, HARMS[2].1, HARMS[3].1] {
        let bench = TestStation::new();
        bench.until(&bench.accepted(&child("S1")), "printed");
        harm(bench.dir.path());
        let began = Instant::now();
        while bench.http.get("/readyz").body["code"] != "E_LEDGER_GONE" {
            assert!(began.elapsed() < NOTICED_WITHIN, "nobody notices");
            std::thread::sleep(Duration::from_millis(50));
        }
        bench.until_reason("other-error");
        let station = bench.http.get("/v1/station").body;
        assert_eq!(station["state"], "stopped");
        assert!(station["state_reasons"].to_string().contains("put"), "{station}");
    }
}

#[test]
fn a_job_that_waits_is_not_printed_once_the_ledger_is_away() {
    let mut bench = TestStation::new();
    bench.pull(Lever::EmptyFeeder);
    let id = bench.accepted(&child("S1"));
    bench.until_reason("media-empty");
    // Its faces are made, so no attempt is in progress that the next start would find unfinished.
    bench.until(&id, "composed");
    let dir = bench.dir.path().to_owned();
    std::fs::rename(dir.join("ledger.db"), dir.join("kept.db")).unwrap();
    bench.pull(Lever::LoadFeeder(10));
    bench.until_reason("other-error");
    bench.until_polled(8);
    assert_eq!(bench.cards_out(), 0);
    bench.stop();
    // The original file contains what was acknowledged.
    std::fs::rename(dir.join("kept.db"), dir.join("ledger.db")).unwrap();
    bench.start("");
    bench.until(&id, "printed");
    assert_eq!(bench.cards_out(), 1);
}

#[test]
fn a_folder_that_is_renamed_is_noticed_and_put_back_whole() {
    let mut bench = TestStation::new();
    let folder = bench.dir.path().join("office");
    std::fs::create_dir(&folder).unwrap();
    bench.stop();
    for name in ["ledger.db", "ledger.head", "ledger.lock"] {
        std::fs::rename(bench.dir.path().join(name), folder.join(name)).unwrap();
    }
    // The key that identifies holders belongs to the ledger.
    let key = bench.dir.path().join(crate::test_station::KEYS).join("holder");
    std::fs::copy(key, folder.join("holder.key")).unwrap();
    let text = crate::test_station::config(&folder, "");
    let config = kartu::config::Config::parse(&text, bench.dir.path()).unwrap();
    let connection = kartu::station::Connection::to_machine("evolis", bench.machine.clone());
    let clock = kartu::clock::Clock::system();
    let daemon = kartu::daemon::Daemon::start_at(&config, clock, connection).unwrap();
    bench.http = crate::test_station::Http::new(&format!("http://{}", daemon.address()));
    bench.daemon = Some(daemon);
    let id = bench.accepted(&child("S1"));
    bench.until(&id, "printed");
    let away = bench.dir.path().join("away");
    std::fs::rename(&folder, &away).unwrap();
    assert_closed(&bench, "the folder");
    std::fs::create_dir(&folder).unwrap();
    assert_closed(&bench, "an empty folder of that name");
    bench.stop();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing is made there");
    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(&away, &folder).unwrap();
    assert_eq!(refusal(&folder), None);
    let found = crate::ledger::verified(&folder.join("ledger.db"));
    assert_eq!((&found["faults"], &found["jobs"]), (&json!([]), &json!(1)), "{found}");
}

#[test]
fn a_head_that_is_taken_away_is_made_anew_by_the_station_that_knows_it() {
    let mut bench = TestStation::new();
    bench.until(&bench.accepted(&child("S1")), "printed");
    let dir = bench.dir.path().to_owned();
    std::fs::remove_file(dir.join("ledger.head")).unwrap();
    bench.until(&bench.accepted(&child("S2")), "printed");
    bench.stop();
    assert_eq!(refusal(&dir), None);
}

/// A technician's sqlite3 or a backup program may move pages of the log into the file, and nothing is lost.
#[test]
fn a_log_that_another_program_puts_away_is_no_loss() {
    let mut bench = TestStation::new();
    bench.until(&bench.accepted(&child("S1")), "printed");
    let path = bench.dir.path().join("ledger.db");
    for (way, job) in [("PASSIVE", "S2"), ("TRUNCATE", "S3")] {
        std::thread::sleep(Duration::from_millis(20));
        let sqlite = rusqlite::Connection::open(&path).unwrap();
        sqlite.query_row(&format!("PRAGMA wal_checkpoint({way})"), [], |_| Ok(())).unwrap();
        drop(sqlite);
        bench.until(&bench.accepted(&child(job)), "printed");
    }
    assert_eq!(bench.http.get("/readyz").status, 200);
    bench.stop();
    let found = crate::ledger::verified(&path);
    assert_eq!((&found["faults"], &found["jobs"]), (&json!([]), &json!(3)), "{found}");
}
