//! A technician maintains the ledger: verifies it, exports it, restores an older copy.

use std::path::Path;

use kartu::clock::Clock;
use kartu::config::Config;
use kartu::daemon::Daemon;
use serde_json::{Value, json};

use crate::restart::Process;
use crate::test_station::{KEYS, TestStation, child, config};

/// The output of `kartud ARGS` and its exit code.
pub fn kartud(args: &[&str]) -> (String, Option<i32>) {
    let kartud = std::process::Command::new(env!("CARGO_BIN_EXE_kartud"))
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let said = [kartud.stdout, kartud.stderr].concat();
    (String::from_utf8(said).unwrap(), kartud.status.code())
}

pub fn verified(ledger: &Path) -> Value {
    let (said, _) = kartud(&["ledger", "verify", "--json", ledger.to_str().unwrap()]);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"))
}

/// Why the daemon does not start in `dir`.
pub fn refusal(dir: &Path) -> Option<String> {
    let mut config = Config::parse(&config(dir, ""), dir).unwrap();
    let keys = dir.join(KEYS);
    config.vault.folder = keys.exists().then_some(keys);
    match Daemon::start(&config, Clock::system()) {
        Ok(daemon) => {
            daemon.stop();
            None
        }
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn a_whole_ledger_is_whole_live_closed_and_copied() {
    let mut bench = TestStation::new();
    let id = bench.accepted(&child("S1"));
    bench.until(&id, "printed");
    let path = bench.dir.path().join("ledger.db");
    let live = verified(&path);
    assert_eq!((&live["live"], &live["faults"]), (&json!(true), &json!([])), "{live}");
    bench.stop();
    let whole = std::fs::read(&path).unwrap();
    let closed = verified(&path);
    assert_eq!((&closed["live"], &closed["faults"]), (&json!(false), &json!([])), "{closed}");
    assert_eq!(closed["jobs"], 1);
    let there: Vec<_> =
        std::fs::read_dir(bench.dir.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(!there.iter().any(|name| name.to_string_lossy().ends_with("-wal")), "{there:?}");
    assert_eq!(std::fs::read(&path).unwrap(), whole, "nothing is written");
    let copy = bench.dir.path().join("a copy of it.db");
    std::fs::copy(&path, &copy).unwrap();
    let head = closed["head"].as_str().unwrap();
    let copy = copy.to_str().unwrap();
    let (said, code) = kartud(&["ledger", "verify", "--head", head, copy]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("head {head}")), "{said}");
    let other = format!("1:{}", "a".repeat(64));
    let (said, code) = kartud(&["ledger", "verify", "--head", &other, copy]);
    assert_eq!((code, said.contains("V_HEAD")), (Some(1), true), "{said}");
    assert_eq!(kartud(&["ledger", "verify", "--head", "none", copy]).1, Some(2));
    assert_eq!(kartud(&["ledger", "verify", "/nowhere/ledger.db"]).1, Some(1));
}

#[test]
fn the_ledger_of_a_killed_station_is_verified_with_its_log() {
    let dir = tempfile::TempDir::new().unwrap();
    let process = Process::start(dir.path());
    assert_eq!(process.http.post("/v1/jobs", &child("S2")).status, 201);
    process.kill();
    let path = dir.path().join("ledger.db");
    let log = dir.path().join("ledger.db-wal");
    let before = (std::fs::read(&path).unwrap(), std::fs::read(&log).unwrap());
    let found = verified(&path);
    assert_eq!((&found["faults"], &found["jobs"]), (&json!([]), &json!(1)), "{found}");
    assert_eq!((std::fs::read(&path).unwrap(), std::fs::read(&log).unwrap()), before);
}

/// A person who can write the file can do more than flip a bit; the change is named.
#[test]
fn what_somebody_did_to_the_ledger_is_named() {
    let mut bench = TestStation::new();
    let ids = [bench.accepted(&child("S1")), bench.accepted(&child("S2"))];
    ids.iter().for_each(|id| drop(bench.until(id, "printed")));
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    let whole = std::fs::read(&path).unwrap();
    for (done, code) in [
        (
            "UPDATE events SET detail = replace(detail, 'before', 'BEFORE') WHERE event = 'print'",
            "V_CHAIN",
        ),
        ("DELETE FROM events WHERE seq = 3", "V_CHAIN"),
        ("UPDATE jobs SET state = 'queued' WHERE seq = 1", "V_JOB"),
        ("UPDATE jobs SET reference = 'OTHER' WHERE seq = 1", "V_JOB"),
        ("UPDATE jobs SET approval = 'OTHER' WHERE seq = 1", "V_JOB"),
        ("UPDATE jobs SET spoiled = 1, faces = '[]' WHERE seq = 2", "V_JOB"),
        ("UPDATE jobs SET idempotency_key = 'other' WHERE seq = 1", "V_DATA"),
        ("UPDATE job_data SET request = request || ' ' WHERE job = 1", "V_DATA"),
        ("UPDATE photos SET bytes = zeroblob(9) WHERE job = 2", "V_DATA"),
        ("DELETE FROM job_data WHERE job = 2", "V_DATA"),
        ("UPDATE counts SET jobs = 1 WHERE state = 'printed'", "V_COUNTS"),
        ("DROP INDEX jobs_live_reference", "V_FILE"),
    ] {
        std::fs::write(&path, &whole).unwrap();
        let sqlite = rusqlite::Connection::open(&path).unwrap();
        sqlite.execute_batch(&format!("PRAGMA foreign_keys = OFF; {done}")).unwrap();
        drop(sqlite);
        let found = verified(&path);
        let codes: Vec<&str> = found["faults"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["code"].as_str().unwrap())
            .collect();
        assert!(codes.contains(&code), "{done}: {found}");
        for fault in found["faults"].as_array().unwrap() {
            assert_ne!(fault["message"]["id"], fault["message"]["en"]);
        }
        let (said, exit) = kartud(&["ledger", "verify", path.to_str().unwrap()]);
        assert_eq!((exit, said.contains(code)), (Some(1), true), "{said}");
        if matches!(code, "V_CHAIN" | "V_FILE") {
            let why = refusal(bench.dir.path());
            assert!(why.is_some_and(|why| why.contains("verify")), "{done}: met at the start");
        }
    }
}

/// A state that no line supports must not move a card.
#[test]
fn a_job_whose_state_was_set_by_hand_is_not_printed() {
    let mut bench = TestStation::new();
    let id = bench.accepted(&child("S1"));
    bench.until(&id, "printed");
    bench.stop();
    let sqlite = rusqlite::Connection::open(bench.dir.path().join("ledger.db")).unwrap();
    sqlite.execute("UPDATE jobs SET state = 'queued'", []).unwrap();
    drop(sqlite);
    let ledger =
        kartu::ledger::Ledger::open(&bench.dir.path().join("ledger.db"), Clock::system()).unwrap();
    let id = kartu::job::JobId::parse(&id).unwrap();
    let claimed = ledger.append(&id, kartu::event::Event::Claim {}).wait();
    assert!(matches!(claimed, Err(kartu::ledger::LedgerError::DataDamaged)), "{claimed:?}");
    ledger.close();
}

#[test]
fn lines_are_exported_in_the_order_of_the_chain_and_nothing_personal() {
    let bench = TestStation::new();
    let mut job = child("S2");
    job["ref"] = json!("KENARI-1");
    job["fields"]["nama"] = json!("KENARI XYLOPHONA QUETZAL");
    job["fields"]["alamat"] = json!("JALAN KENARI ZZYZX NO. 77");
    let id = bench.accepted(&job);
    bench.until(&id, "printed");
    let path = bench.dir.path().join("ledger.db");
    let export = |more: &[&str]| {
        let (said, code) = kartud(&[&["ledger", "export", path.to_str().unwrap()], more].concat());
        assert_eq!(code, Some(0), "{said}");
        said
    };
    let all = export(&[]);
    for canary in ["XYLOPHONA", "ZZYZX", job["fields"]["nik"].as_str().unwrap()] {
        assert!(!all.contains(canary), "{canary}");
    }
    let lines: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut previous = json!("0".repeat(64));
    for (line, seq) in lines.iter().zip(1..) {
        assert_eq!((&line["seq"], &line["previous"]), (&json!(seq), &previous));
        previous = line["hash"].clone();
    }
    let received = lines.iter().find(|line| line["event"] == "received").unwrap();
    assert_eq!((&received["job"], &received["ref"]), (&json!(id), &json!("KENARI-1")));
    assert_eq!(verified(&path)["head"], format!("{}:{}", lines.len(), previous.as_str().unwrap()));
    let at = received["at"].as_str().unwrap();
    assert_eq!(
        export(&["--from", at]).lines().count(),
        lines.len() - received["seq"].as_u64().unwrap() as usize + 1
    );
    assert!(export(&["--to", at]).lines().count() >= 1);
    assert_eq!(
        export(&["--from", at, "--to", at]).lines().next(),
        all.lines().find(|l| l.contains("\"received\""))
    );
    assert_eq!(export(&["--from", &at[..10], "--to", &at[..10]]), all);
    assert_eq!(export(&["--to", "2020-01-01"]), "");
    assert_eq!(kartud(&["ledger", "export", "--from", "today", "x"]).1, Some(2));
}

#[test]
fn an_older_copy_put_back_is_refused_until_somebody_adopts_it() {
    let mut bench = TestStation::without_printer();
    let (first, held) = (bench.accepted(&child("S1")), {
        let mut job = child("S2");
        job["fields"]["jenis_kelamin"] = json!("PEREMPUAN");
        bench.accepted(&job)
    });
    bench.stop();
    let dir = bench.dir.path().to_owned();
    let path = dir.join("ledger.db");
    let ledger = path.to_str().unwrap();
    let copy = std::fs::read(&path).unwrap();
    let adopt = || kartud(&["ledger", "adopt", ledger, "--by", "teknisi-7"]);
    let (said, code) = adopt();
    assert_eq!((code, said.contains("nothing was changed")), (Some(0), true), "{said}");
    bench.start("");
    bench.until(&first, "printed");
    let (said, code) = adopt();
    assert_eq!((code, said.contains("in use")), (Some(1), true), "{said}");
    bench.stop();
    std::fs::write(&path, &copy).unwrap();
    let why = refusal(&dir).expect("an older copy would print again");
    assert!(why.contains("lost the acknowledged lines") && why.contains("adopt"), "{why}");
    assert_eq!(verified(&path)["faults"][0]["code"], "V_HEAD");
    std::fs::remove_file(dir.join("ledger.head")).unwrap();
    let why = refusal(&dir).expect("without its head nobody knows");
    assert!(why.contains("missing"), "{why}");
    assert_eq!(kartud(&["ledger", "adopt", ledger]).1, Some(2), "somebody must stand for it");
    let (said, code) = adopt();
    assert_eq!((code, said.contains("2 jobs are held")), (Some(0), true), "{said}");
    bench.start("");
    let job = bench.until(&first, "held");
    assert_eq!(job["reasons"][0]["code"], "H_LEDGER_RESTORED");
    let waiting = bench.http.get(&format!("/v1/jobs/{held}")).body;
    assert!(waiting["reasons"].to_string().contains("H_LEDGER_RESTORED"), "{waiting}");
    assert_eq!(bench.cards_out(), 1, "nothing is printed again");
    let release = |id: &str| {
        bench.http.post(&format!("/v1/jobs/{id}/release"), &json!({ "by": "petugas-2" }))
    };
    let refused = release(&held);
    assert_eq!((refused.status, refused.codes("errors")), (409, vec!["E_NOT_RELEASABLE".into()]));
    assert!(refused.body["detail"].as_str().unwrap().starts_with("W_NIK_SEX"), "{}", refused.body);
    assert_eq!(release(&first).status, 200, "somebody looked for its card and there was none");
    bench.until_event(&first, "release");
    bench.until(&first, "printed");
    assert_eq!(bench.cards_out(), 2);
    bench.stop();
    let found = verified(&path);
    assert_eq!(found["faults"], json!([]), "{found}");
}

/// The card that only the lost lines recorded is not printed again when its job is posted again; jobs approved since
/// are printed as usual.
#[test]
fn a_card_that_the_lost_lines_knew_of_is_not_printed_again() {
    let mut bench = TestStation::new();
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    let copy = std::fs::read(&path).unwrap();
    let approved = |reference: &str, pada: Option<jiff::Timestamp>| {
        let mut job = child("S1");
        job["ref"] = json!(reference);
        job["recommendation"]["nomor"] = json!(reference);
        job["recommendation"]["pada"] = json!(pada.map(|time| time.to_string()));
        job["recommendation"]["kadaluarsa"] = Value::Null;
        job
    };
    let (dated, undated) =
        (approved("LOST-1", Some(jiff::Timestamp::now())), approved("LOST-2", None));
    bench.start("");
    for job in [&dated, &undated] {
        bench.until(&bench.accepted(job), "printed");
    }
    bench.stop();
    std::fs::write(&path, &copy).unwrap();
    let (said, code) = kartud(&["ledger", "adopt", path.to_str().unwrap(), "--by", "teknisi-7"]);
    assert_eq!((code, said.contains("approved before now")), (Some(0), true), "{said}");
    bench.start("");
    let mut again = Vec::new();
    for job in [&dated, &undated] {
        let id = bench.accepted(job);
        let held = bench.http.get(&format!("/v1/jobs/{id}")).body;
        assert_eq!(
            (&held["state"], &held["reasons"][0]["code"]),
            (&json!("held"), &json!("H_LEDGER_RESTORED"))
        );
        again.push(id);
    }
    let later = bench.accepted(&approved("NEW-1", Some(jiff::Timestamp::now())));
    bench.until(&later, "printed");
    assert_eq!(bench.cards_out(), 3, "no second card of either");
    let release = format!("/v1/jobs/{}/release", again[0]);
    let released = bench.http.post(&release, &json!({ "by": "petugas-2" }));
    assert_eq!(released.status, 200, "somebody looked for the card and there was none");
    bench.until(&again[0], "printed");
    assert_eq!(bench.cards_out(), 4);
    bench.stop();
    assert_eq!(verified(&path)["faults"], json!([]));
}

#[test]
fn a_ledger_that_is_gone_is_not_begun_anew() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    bench.stop();
    std::fs::remove_file(bench.dir.path().join("ledger.db")).unwrap();
    let why = refusal(bench.dir.path()).unwrap();
    assert!(why.contains("is lost") && why.contains("ledger.head"), "{why}");
}

#[test]
fn a_job_that_nobody_had_looked_at_is_looked_at_before_a_release_prints_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let process = Process::start(dir.path());
    let later = [("content-type", "application/json"), ("prefer", "respond-async")];
    // The station inspects one such job every half second, so the last one is not inspected yet.
    let ids: Vec<String> = (0..6)
        .map(|number| {
            let mut job = child("S2");
            job["ref"] = json!(format!("LATER-{number}"));
            job["recommendation"]["nomor"] = json!(format!("LATER-{number}"));
            crate::holds::with_photo(&mut job, |photo| photo.grayscale());
            let body = job.to_string();
            let answer = process.http.post_with("/v1/jobs", body.as_bytes(), &later);
            assert_eq!(answer.body["state"], "received", "{}", answer.body);
            answer.body["id"].as_str().unwrap().to_owned()
        })
        .collect();
    process.kill();
    std::fs::remove_file(dir.path().join("ledger.head")).unwrap();
    let ledger = dir.path().join("ledger.db");
    let (said, code) = kartud(&["ledger", "adopt", ledger.to_str().unwrap(), "--by", "teknisi-7"]);
    assert_eq!(code, Some(0), "{said}");
    // A station with a printer claims the released job.
    let mut bench = TestStation::new();
    bench.stop();
    for file in ["ledger.db", "ledger.head"] {
        std::fs::copy(dir.path().join(file), bench.dir.path().join(file)).unwrap();
    }
    // The key that identifies holders belongs to the ledger.
    let key = bench.dir.path().join(KEYS).join("holder");
    std::fs::copy(dir.path().join("holder.key"), key).unwrap();
    bench.start("");
    let last = &ids[5];
    let job = bench.http.get(&format!("/v1/jobs/{last}")).body;
    assert_eq!(job["reasons"].as_array().unwrap().len(), 1, "{job}");
    assert_eq!(job["reasons"][0]["code"], "H_LEDGER_RESTORED", "{job}");
    let release = format!("/v1/jobs/{last}/release");
    assert_eq!(bench.http.post(&release, &json!({ "by": "petugas-2" })).status, 200);
    bench.until_event(last, "inspected");
    let job = bench.until(last, "held");
    assert!(job["reasons"].to_string().contains("H_PHOTO_GREY"), "{job}");
    assert_eq!(bench.cards_out(), 0);
}
