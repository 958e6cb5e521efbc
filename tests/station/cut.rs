//! Closed months leave the ledger between two runs of a station: what was approved stays spent, old cards are still the
//! office's, the blanks close, and somebody else can check what left.

use std::path::{Path, PathBuf};

use jiff::tz::Offset;
use kartu::actor::Actor;
use kartu::ledger::{self, Cut, CutWanted, LocalDisk};
use kartu::record::SigningKey;
use kartu::vault::Vault;
use serde_json::{Value, json};

use crate::ledger::{kartud, verified};
use crate::test_station::{Answer, TestStation, Wall, child};

fn key(dir: &Path) -> SigningKey {
    let known = Vault::file(&dir.join("checkpoint.key")).unwrap();
    known.map_or_else(
        || Vault::make_signing_key(dir, "checkpoint.key").unwrap(),
        |known| known.signing().unwrap(),
    )
}

fn cut(bench: &TestStation, before: &str, wall: &Wall) -> Cut {
    let (dir, by) = (bench.dir.path(), Actor::local("op-2"));
    let path = dir.join("ledger.db");
    let to = dir.join("archive");
    std::fs::create_dir_all(&to).unwrap();
    let key = key(dir);
    let (before, offset) = (before.parse().unwrap(), Offset::constant(7));
    let wanted = CutWanted { before, offset, to: &to, by: &by, key: &key };
    ledger::cut(&path, &wanted, &wall.clock(), &mut LocalDisk::of(&path)).unwrap()
}

fn get(bench: &TestStation, path: &str) -> Value {
    let answer = bench.http.get(path);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// What a client is told of a job that it posts, whichever request it was.
fn told(answer: &Answer) -> (u16, Vec<String>, Value) {
    (answer.status, answer.codes("errors"), answer.body["id"].clone())
}

/// The same application, and another one with the same approval.
fn post_again(bench: &TestStation) -> Vec<(u16, Vec<String>, Value)> {
    let mut other = child("S1");
    other["ref"] = json!("OTHER-1");
    other["recommendation"]["nomor"] = json!("470 /1301-2026-S1");
    let mut changed = child("S1");
    changed["fields"]["alamat"] = json!("JALAN LAIN NO. 1");
    [child("S1"), other, changed]
        .iter()
        .map(|job| told(&bench.http.post("/v1/jobs", job)))
        .collect()
}

/// Cuts off what lies before April, and checks ledger and export with the commands that anybody has.
fn cut_and_checked(bench: &TestStation, wall: &Wall) -> PathBuf {
    let path = bench.dir.path().join("ledger.db");
    let ledger = path.to_str().unwrap();
    let cut_off = cut(bench, "2026-04-01", wall);
    let done = cut_off.done.unwrap();
    let found = verified(&path);
    assert_eq!((&found["faults"], &found["cut_to"]), (&json!([]), &json!(cut_off.cut_to)));
    let (said, _) = kartud(&["ledger", "verify", ledger]);
    assert!(said.contains(&format!("1-{}: lines were cut off", cut_off.cut_to)), "{said}");
    let folder = done.folder.to_str().unwrap();
    let pem = done.folder.join("checkpoint.pub.pem");
    let check =
        ["ledger", "checkpoint", folder, "--key", pem.to_str().unwrap(), "--ledger", ledger];
    let (said, code) = kartud(&check);
    assert_eq!((code, said.contains("Whole: lines 1 to")), (Some(0), true), "{said}");
    path
}

#[test]
fn closed_months_leave_and_nothing_that_was_approved_prints_again() {
    let wall = Wall::at("2026-03-10T09:00:00+07:00");
    let mut bench = TestStation::begun("", wall.clock());
    let loaded = json!({ "kind": "loaded", "cards": 50, "by": "op-2" });
    assert_eq!(bench.http.post("/v1/blanks", &loaded).status, 201);
    let first = bench.accepted(&child("S1"));
    bench.until(&first, "printed");
    let second = bench.accepted(&child("S2"));
    bench.until(&second, "printed");
    let lines = get(&bench, &format!("/v1/jobs/{first}/events"));
    let old_event = lines[1]["id"].as_str().unwrap().to_owned();
    let again = post_again(&bench);
    assert_eq!((again[0].0, &again[0].2), (201, &json!(first)));
    assert_eq!((again[1].0, &again[1].1), (409, &vec!["E_APPROVAL_USED".to_owned()]));
    assert_eq!((again[2].0, &again[2].1), (409, &vec!["E_REF_TAKEN".to_owned()]));
    let job = get(&bench, &format!("/v1/jobs/{first}"));
    bench.stop();
    wall.turn_to("2026-04-10T09:00:00+07:00");
    bench.start_at("", wall.clock());
    let loaded = json!({ "kind": "loaded", "cards": 5, "by": "op-2" });
    assert_eq!(bench.http.post("/v1/blanks", &loaded).status, 201);
    let april = get(&bench, "/v1/blanks?from=2026-04-01&to=2026-04-30");
    let blanks = get(&bench, "/v1/blanks?from=2026-04-10&to=2026-04-10");
    assert_eq!(blanks["days"][0]["expected"], 53, "{blanks}");
    bench.stop();

    let path = cut_and_checked(&bench, &wall);
    bench.start_at("", wall.clock());
    assert_eq!(post_again(&bench), again, "each is answered as before");
    let now = get(&bench, &format!("/v1/jobs/{first}"));
    for key in ["state", "faces", "evidence", "received_at", "changed_at"] {
        assert_eq!(now[key], job[key], "{key}");
    }
    assert!(now.get("encoding").is_none(), "{now}");
    assert_eq!(get(&bench, "/v1/blanks?from=2026-04-01&to=2026-04-30"), april);
    for path in [
        "/v1/blanks?from=2026-03-31&to=2026-04-30",
        "/v1/blanks/spoiled?from=2026-03-10&to=2026-03-10",
    ] {
        let gone = bench.http.get(path);
        assert_eq!((gone.status, gone.codes("errors")), (410, vec!["E_CUT_OFF".to_owned()]));
    }
    let heard = bench.http.listen(old_event, |kind, _, _| kind == "reset" || kind == "job");
    assert!(heard[0].1["last_event"].is_string(), "it must read everything anew: {heard:?}");
    let (said, code) = kartud(&["job", &first, "--url", &bench.http.url]);
    assert_eq!(
        (code, said.contains("older lines of this job were cut off")),
        (Some(0), true),
        "{said}"
    );

    let by = json!({ "by": "petugas-3" });
    assert_eq!(bench.http.post(&format!("/v1/jobs/{first}/hand-over"), &by).status, 200);
    let mut replacement = child("S2");
    replacement["ref"] = json!("1301-2026-S2-RUSAK");
    replacement["reason"] = json!("RUSAK");
    replacement["replaces"] = json!({ "job": second, "old_card": "destroyed" });
    let new = bench.http.post("/v1/jobs", &replacement);
    assert_eq!(new.status, 201, "{}", new.body);
    assert_eq!(get(&bench, &format!("/v1/jobs/{second}"))["state"], "spoiled");
    bench.stop();
    assert_eq!(verified(&path)["faults"], json!([]));
}

#[test]
fn an_unfinished_job_keeps_its_month_and_a_copy_of_before_a_cut_is_taken_over() {
    let wall = Wall::at("2026-03-10T09:00:00+07:00");
    let mut bench = TestStation::begun("", wall.clock());
    bench.until(&bench.accepted(&child("S1")), "printed");
    bench.stop();
    wall.turn_to("2026-04-10T09:00:00+07:00");
    bench.start_at("", wall.clock());
    let mut waits = child("S2");
    waits["fields"]["alamat"] = json!("J".repeat(81));
    let waits = bench.accepted(&waits);
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    let copy = std::fs::read(&path).unwrap();
    wall.turn_to("2026-06-10T09:00:00+07:00");
    let first = cut(&bench, "2026-06-01", &wall);
    assert_eq!((first.done.is_some(), first.kept_for), (true, vec!["1301-2026-S2".to_owned()]));
    assert_eq!(cut(&bench, "2026-06-01", &wall).done, None, "its own month stays");
    bench.start_at("", wall.clock());
    let by = json!({ "by": "petugas-3" });
    assert_eq!(bench.http.post(&format!("/v1/jobs/{waits}/cancel"), &by).status, 200);
    bench.stop();
    assert!(cut(&bench, "2026-06-01", &wall).done.is_some());
    assert_eq!(verified(&path)["faults"], json!([]));

    std::fs::write(&path, copy).unwrap();
    let ledger = path.to_str().unwrap();
    let (said, code) = kartud(&["ledger", "adopt", ledger, "--by", "op-2"]);
    assert_eq!((code, said.contains("1 jobs are held")), (Some(0), true), "{said}");
    assert_eq!(verified(&path)["faults"], json!([]));
}

#[test]
fn a_cut_is_refused_with_words_where_it_may_not_be() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S2"));
    let path = bench.dir.path().join("ledger.db");
    let (ledger, to) = (path.to_str().unwrap(), bench.dir.path().to_str().unwrap().to_owned());
    let cut = |before: &str| {
        kartud(&["ledger", "cut", ledger, "--before", before, "--to", &to, "--by", "op-2"])
    };
    let (said, code) = cut("2020-01");
    assert_eq!((code, said.contains("in use by another kartud")), (Some(1), true), "{said}");
    bench.stop();
    for (before, code, words) in [
        ("2999-01", 1, "only whole months that are over"),
        ("2020-01-02", 2, "write a month"),
        ("2020-01", 0, "Nothing was cut off"),
    ] {
        let (said, found) = cut(before);
        assert_eq!((found, said.contains(words)), (Some(code), true), "{before}: {said}");
    }
    assert_eq!(verified(&path)["faults"], json!([]));
    assert_eq!(kartud(&["ledger", "retire", ledger, "--by", "op-2"]).1, Some(0));
    let (said, code) = cut("2020-01");
    assert_eq!((code, said.contains("was retired")), (Some(1), true), "{said}");
}
