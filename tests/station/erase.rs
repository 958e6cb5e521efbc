//! A station is taken away for good: the children's data in its ledger are erased, and the account of its cards is kept.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::ledger::{kartud, refusal, verified};
use crate::test_station::{TestStation, child};

const NAME: &str = "KENARI XYLOPHONA QUETZAL";
const ADDRESS: &str = "JALAN KENARI ZZYZX NO. 77";
const NIK: &str = "1301050704159876";
/// The client's own words for a request.
const KEY: &str = "kenari-key-0815";

/// A child with a photo; of its file some bytes that stand nowhere else.
fn canary(reference: &str) -> (Value, Vec<u8>) {
    let mut job = child("S3");
    job["ref"] = json!(reference);
    job["fields"]["nama"] = json!(NAME);
    job["fields"]["alamat"] = json!(ADDRESS);
    job["fields"]["nik"] = json!(NIK);
    let photo = job["photo"].as_str().unwrap();
    let photo = base64::engine::general_purpose::STANDARD.decode(photo).unwrap();
    let piece = photo[photo.len() / 2..][..24].to_vec();
    (job, piece)
}

/// Which of the canaries stand in any file below `dir`.
fn found(dir: &Path, photo: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for file in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = fs::read(&file).unwrap();
        let canaries = [NAME.as_bytes(), ADDRESS.as_bytes(), NIK.as_bytes(), KEY.as_bytes(), photo];
        for canary in canaries {
            if bytes.windows(canary.len()).any(|there| there == canary) {
                found.push(format!("{}: {:?}", file.display(), String::from_utf8_lossy(canary)));
            }
        }
    }
    found
}

/// The lines of a ledger without their place in the file.
fn lines(ledger: &str) -> Vec<String> {
    let (said, code) = kartud(&["ledger", "export", ledger]);
    assert_eq!(code, Some(0), "{said}");
    said.lines().map(str::to_owned).collect()
}

#[test]
fn an_erased_ledger_keeps_its_lines_and_nothing_of_any_child() {
    let mut bench = TestStation::without_printer();
    let (job, photo) = canary("KENARI-1");
    assert_eq!(bench.http.post_key(&job, KEY).status, 201);
    let withdrawn = bench.accepted(&child("S2"));
    bench.http.post(&format!("/v1/jobs/{withdrawn}/cancel"), &json!({ "by": "op-2" }));
    bench.stop();
    let dir = bench.dir.path();
    let path = dir.join("ledger.db");
    let ledger = path.to_str().unwrap();
    // As a migration leaves them, whose program never started.
    fs::copy(&path, dir.join("ledger.db.before-v4")).unwrap();
    // As restores leave them, a whole one and one that was cut off.
    fs::copy(&path, dir.join("ledger.db.before-restore-1772416800")).unwrap();
    fs::copy(&path, dir.join("ledger.db.restoring")).unwrap();
    let before = found(dir, &photo);
    assert_eq!(before.len(), 20, "all five stand in ledger and copies: {before:#?}");
    let kept = lines(ledger);

    let (said, code) = kartud(&["ledger", "erase", ledger, "--by", "op-2"]);
    assert_eq!((code, said.contains("--yes")), (Some(2), true), "{said}");
    assert_eq!(found(dir, &photo), before, "nothing is done without a word");

    let (said, code) = kartud(&["ledger", "erase", ledger, "--by", "op-2", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 jobs") && said.contains("1 jobs are unfinished"), "{said}");
    assert!(said.contains("KENARI-1"), "whoever waits for that card can be told: {said}");
    assert_eq!(found(dir, &photo), [""; 0]);
    assert!(!dir.join("holder.key").exists(), "the key that recognises children is gone");

    let verification = verified(&path);
    assert_eq!((&verification["faults"], &verification["jobs"]), (&json!([]), &json!(2)));
    let now = lines(ledger);
    assert_eq!(now[..kept.len()], kept, "every line is as it was");
    let added: Vec<Value> =
        now[kept.len()..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&Value> = added.iter().map(|line| &line["event"]).collect();
    assert_eq!(names, ["holders", "erased"]);
    assert_eq!(added[1]["detail"]["unfinished"], 1);
}

#[test]
fn no_station_works_with_an_erased_ledger() {
    let mut bench = TestStation::without_printer();
    let (job, photo) = canary("KENARI-2");
    bench.accepted(&job);
    bench.stop();
    let dir = bench.dir.path();
    let path = dir.join("ledger.db");
    let ledger = path.to_str().unwrap();
    let erase = ["ledger", "erase", ledger, "--by", "op-2", "--yes"];
    assert_eq!(kartud(&erase).1, Some(0));
    let why = refusal(dir).unwrap();
    assert!(why.contains("were erased") && why.contains("station.ledger"), "{why}");
    for task in ["adopt", "rekey", "retire"] {
        let (said, code) = kartud(&["ledger", task, ledger, "--by", "op-2"]);
        assert_eq!((code, said.contains("were erased")), (Some(1), true), "{task}: {said}");
    }

    // The power failed in the middle of the erasure: it is told, and finished.
    let sqlite = rusqlite::Connection::open(&path).unwrap();
    sqlite.execute("INSERT INTO photos VALUES (1, ?1)", [&photo]).unwrap();
    drop(sqlite);
    let found_by_verify = verified(&path);
    assert_eq!(found_by_verify["faults"][0]["code"], "V_ERASED", "{found_by_verify}");
    let head = found_by_verify["head"].clone();
    assert_eq!(kartud(&erase).1, Some(0));
    let whole = verified(&path);
    assert_eq!((&whole["faults"], &whole["head"]), (&json!([]), &head), "no second line");
    assert_eq!(found(dir, &photo), [""; 0]);
}

/// What stands in a ledger that nobody can trust is decided by a person, who looks first.
#[test]
fn a_ledger_that_lost_its_end_is_not_erased_before_it_is_adopted() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S2"));
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    let older = fs::read(&path).unwrap();
    bench.start("");
    bench.accepted(&child("S3"));
    bench.stop();
    fs::write(&path, older).unwrap();
    let before = fs::read(&path).unwrap();
    let ledger = path.to_str().unwrap();
    let erase = ["ledger", "erase", ledger, "--by", "op-2", "--yes"];
    let (said, code) = kartud(&erase);
    assert_eq!((code, said.contains("ledger adopt")), (Some(1), true), "{said}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(kartud(&["ledger", "adopt", ledger, "--by", "op-2"]).1, Some(0));
    assert_eq!(kartud(&erase).1, Some(0));
}
