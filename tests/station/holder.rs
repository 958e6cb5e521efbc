//! Holders of cards: the same child twice, a replacement that names another child's card, and the key by which both are
//! recognised.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use emulators::evolis::EvolisSettings;
use jiff::SignedDuration;
use kartu::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ledger::{kartud, refusal, verified};
use crate::migration::old_ledger;
use crate::restart::Process;
use crate::test_station::{Answer, Http, TestStation, child};

const WITHIN_A_YEAR: &str = "same_holder_days = 365\nstale_after_days = 36500";

/// A station in this folder that detects a second card for the same child.
fn station_in(dir: TempDir, kia: &'static str) -> TestStation {
    let machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
    let mut bench =
        TestStation { daemon: None, reader: None, kia, machine, dir, http: Http::new("") };
    bench.start("");
    bench
}

fn station() -> TestStation {
    station_in(TempDir::new().unwrap(), WITHIN_A_YEAR)
}

/// A child's job with its own ref and approval.
fn job(sample: &str, reference: &str) -> Value {
    let mut job = child(sample);
    job["ref"] = json!(reference);
    job["recommendation"]["nomor"] = json!(format!("470/{reference}"));
    job
}

fn accepting(sample: &str, reference: &str) -> Value {
    let mut job = job(sample, reference);
    job["recommendation"]["peringatan_disetujui"] = json!(["W_SAME_HOLDER"]);
    job
}

fn replacing(sample: &str, reference: &str, old: &str, old_card: &str) -> Value {
    let mut job = job(sample, reference);
    job["reason"] = json!("PERUBAHAN_DATA");
    job["replaces"] = json!({ "job": old, "old_card": old_card });
    job
}

fn warned(answer: &Answer) -> bool {
    assert_eq!(answer.status, 201, "{}", answer.body);
    let warned = answer.codes("warnings").contains(&"W_SAME_HOLDER".to_owned());
    assert_eq!(warned, answer.body["state"] == "held", "{}", answer.body);
    warned
}

fn printed(bench: &TestStation, job: &Value) -> String {
    let id = bench.accepted(job);
    bench.until(&id, "printed");
    id
}

#[test]
fn the_same_child_twice_is_held_unless_the_recommendation_accepts_it() {
    let bench = station();
    printed(&bench, &job("S2", "PERTAMA-1"));
    let second = bench.http.post("/v1/jobs", &job("S2", "KEDUA-1"));
    assert!(warned(&second), "{}", second.body);
    let reason = &second.body["reasons"][0];
    assert_eq!(
        (&reason["code"], &reason["field"]),
        (&json!("W_SAME_HOLDER"), &json!("fields.nik"))
    );
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(7)));
    for language in ["id", "en"] {
        let said = reason["message"][language].as_str().unwrap();
        assert!(said.contains("PERTAMA-1") && said.contains(&today.date().to_string()), "{said}");
    }
    assert!(!warned(&bench.http.post("/v1/jobs", &job("S3", "LAIN-1"))), "another child");
    let third = bench.http.post("/v1/jobs", &accepting("S2", "KETIGA-1"));
    assert_eq!(third.body["warnings"][0]["acknowledged"], true, "{}", third.body);
    bench.until(third.body["id"].as_str().unwrap(), "printed");
    // Its pixels are inspected later, but its holder is recognised at once.
    let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
    let body = job("S2", "KEEMPAT-1").to_string();
    let later = bench.http.post_with("/v1/jobs", body.as_bytes(), &headers);
    bench.until(later.body["id"].as_str().unwrap(), "held");
    assert_eq!(bench.cards_out(), 3);
}

#[test]
fn of_posts_at_once_for_one_child_one_is_taken_without_a_warning() {
    let bench = TestStation::without_printer_but("same_holder_days = 30");
    let answers: Vec<Answer> = std::thread::scope(|people| {
        let post = |n: usize| {
            let (http, job) = (&bench.http, job("S1", &format!("SERENTAK-{n}")));
            people.spawn(move || http.post("/v1/jobs", &job))
        };
        let posts: Vec<_> = (0..8).map(post).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| !warned(answer)).count(), 1);
}

#[test]
fn what_is_no_card_any_more_is_not_warned_of() {
    let bench = station();
    // A withdrawn job.
    let mut held = job("S1", "BATAL-1");
    held["fields"]["nama"] = json!("ANAK 2 CONTOH");
    let held = bench.accepted(&held);
    assert!(warned(&bench.http.post("/v1/jobs", &job("S1", "BATAL-2"))));
    for job in bench.http.get("/v1/jobs").body["jobs"].as_array().unwrap() {
        let path = format!("/v1/jobs/{}/cancel", job["id"].as_str().unwrap());
        assert_eq!(bench.http.post(&path, &json!({ "by": "petugas-2" })).status, 200);
    }
    assert_eq!(bench.http.get(&format!("/v1/jobs/{held}")).body["state"], "cancelled");
    let first = bench.http.post("/v1/jobs", &job("S1", "BATAL-3"));
    assert!(!warned(&first));
    // A card that was found bad.
    let first = first.body["id"].as_str().unwrap();
    bench.until(first, "printed");
    let seen =
        json!({ "seen": "spoiled", "by": "petugas-2", "cause": "CACAT_PABRIK", "insist": true });
    assert_eq!(bench.http.post(&format!("/v1/jobs/{first}/resolve"), &seen).status, 200);
    let second = bench.http.post("/v1/jobs", &job("S1", "RUSAK-2"));
    assert!(!warned(&second), "{}", second.body);
    // A replaced card, even though it is lost.
    let second = second.body["id"].as_str().unwrap();
    bench.until(second, "printed");
    let third = bench.http.post("/v1/jobs", &replacing("S1", "GANTI-3", second, "lost"));
    assert!(!warned(&third), "it says itself that there is a card: {}", third.body);
    bench.until(third.body["id"].as_str().unwrap(), "printed");
    let fourth = bench.http.post("/v1/jobs", &job("S1", "LAGI-4"));
    assert!(warned(&fourth));
    let said = fourth.body["reasons"][0]["message"]["en"].as_str().unwrap();
    assert!(said.contains("GANTI-3"), "{said}");
}

#[test]
fn a_card_of_long_ago_is_not_warned_of_and_a_product_may_not_look_at_all() {
    let mut bench = station();
    printed(&bench, &job("S1", "LAMA-1"));
    for (days, expected) in [(364, true), (366, false)] {
        bench.stop();
        let then = move || jiff::Timestamp::now() + SignedDuration::from_hours(days * 24);
        bench.start_at("", Clock::with_wall(then));
        let answer = bench.http.post("/v1/jobs", &job("S1", &format!("BARU-{days}")));
        assert_eq!(warned(&answer), expected, "{days}: {}", answer.body);
        let path = format!("/v1/jobs/{}/cancel", answer.body["id"].as_str().unwrap());
        bench.http.post(&path, &json!({ "by": "petugas-2" }));
    }
    let bench = TestStation::without_printer_but("same_holder_days = 0");
    bench.accepted(&job("S1", "LAMA-1"));
    assert!(!warned(&bench.http.post("/v1/jobs", &job("S1", "BARU-1"))));
}

#[test]
fn a_replacement_that_names_another_childs_card_is_refused() {
    let bench = station();
    let old = printed(&bench, &job("S1", "ANAK-1"));
    for fate in ["destroyed", "lost", "kept"] {
        let answer = bench.http.post("/v1/jobs", &replacing("S2", "ANAK-2", &old, fate));
        let text = |key: &str| answer.body[key].as_str().unwrap_or("").to_owned();
        assert_eq!(
            (answer.status, text("code"), text("field")),
            (422, "E_REPLACES_HOLDER".to_owned(), "replaces.job".to_owned())
        );
        let message = &answer.body["errors"][0]["message"];
        assert!(message["id"].as_str().unwrap().contains("orang lain"), "{message}");
        assert!(message["en"].as_str().unwrap().contains("another person"), "{message}");
    }
    let jobs = bench.http.get("/v1/jobs").body["jobs"].clone();
    assert_eq!(jobs.as_array().unwrap().len(), 1, "nothing is stored");
    assert_eq!((&jobs[0]["state"], &jobs[0]["replaced_by"]), (&json!("printed"), &Value::Null));
    assert_eq!(bench.http.get("/v1/blanks/spoiled").body["cards"], json!([]));
    printed(&bench, &replacing("S1", "ANAK-1B", &old, "destroyed"));
}

#[test]
fn the_children_of_an_older_ledger_are_recognised() {
    let (dir, _path) = old_ledger();
    let bench = station_in(dir, WITHIN_A_YEAR);
    for (sample, known) in [("S1", "V2-PRINTED"), ("S2", "V2-NEW")] {
        let answer = bench.http.post("/v1/jobs", &job(sample, &format!("V3-{sample}")));
        assert!(warned(&answer), "{}", answer.body);
        let said = answer.body["reasons"][0]["message"]["en"].as_str().unwrap().to_owned();
        assert!(said.contains(known), "{said}");
    }
    let jobs = bench.http.get("/v1/jobs?limit=500").body["jobs"].clone();
    let find = |reference: &str| {
        let job = jobs.as_array().unwrap().iter().find(|job| job["ref"] == reference);
        job.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let wrong = replacing("S2", "V3-WRONG", &find("V2-PRINTED"), "lost");
    assert_eq!(bench.http.post("/v1/jobs", &wrong).body["code"], "E_REPLACES_HOLDER");
    bench.accepted(&replacing("S1", "V3-RIGHT", &find("V2-PRINTED"), "lost"));
}

#[test]
fn no_hash_of_a_child_leaves_the_ledger() {
    let mut bench = station();
    printed(&bench, &job("S1", "ANAK-1"));
    let id = bench.accepted(&job("S1", "ANAK-2"));
    let seen = [
        bench.http.get(&format!("/v1/jobs/{id}")).body.to_string(),
        bench.http.get(&format!("/v1/jobs/{id}/events")).body.to_string(),
        bench.http.get("/v1/jobs").body.to_string(),
    ];
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    let c = rusqlite::Connection::open(&path).unwrap();
    let ask = |sql: &str| -> Vec<Option<String>> {
        let mut statement = c.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let hashes = ask("SELECT lower(hex(holder)) FROM jobs");
    assert_eq!((hashes.len(), &hashes[0]), (2, &hashes[1]), "one child");
    let (lines, _) = kartud(&["ledger", "export", path.to_str().unwrap()]);
    let hash = hashes[0].clone().unwrap();
    for text in seen.iter().chain([&lines]) {
        assert!(!text.contains(&hash) && !text.contains(&hash[..16]));
    }
    let salted = ask("SELECT detail ->> '$.holder_sha256' FROM events WHERE event = 'received'");
    assert!(salted[0].is_some() && salted[0] != salted[1], "who holds the lines knows no twins");
}

/// A folder with a ledger that has one child's job, and the key beside it.
fn used() -> TempDir {
    let mut bench = station();
    printed(&bench, &job("S1", "ANAK-1"));
    bench.stop();
    bench.dir
}

fn is_private(path: &Path) {
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_lost_or_changed_key_is_refused_until_somebody_says_that_it_is_lost() {
    let dir = used();
    let (key, ledger) = (dir.path().join("holder.key"), dir.path().join("ledger.db"));
    is_private(&key);
    let right = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let why = refusal(dir.path()).unwrap();
    assert!(why.contains("is missing") && why.contains("holder.key"), "{why}");
    assert!(why.contains("backup") && why.contains("kartud ledger rekey"), "{why}");
    assert!(!key.exists(), "none is made in its place");
    let put = |bytes: &[u8], mode: u32| {
        std::fs::write(&key, bytes).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    put(&right, 0o644);
    assert!(refusal(dir.path()).unwrap().contains("open to others"));
    for (wrong, told) in [
        (&b"00112233445566778899aabbccddeeff"[..], "another one"),
        (b"0011", "hexadecimal"),
        (b"", "hexa"),
    ] {
        put(wrong, 0o600);
        let why = refusal(dir.path()).unwrap();
        assert!(why.contains(told), "{why}");
        assert!(!why.contains("8899aabb"), "a key is not told");
    }
    put(&right, 0o600);
    assert_eq!(refusal(dir.path()), None);
    std::fs::remove_file(&key).unwrap();
    let (said, code) = kartud(&["ledger", "rekey", "--by", "teknisi-7", ledger.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(verified(&ledger)["faults"], json!([]));
    let mut bench = station_in(dir, WITHIN_A_YEAR);
    is_private(&key);
    assert!(std::fs::read(&key).unwrap() != right);
    let again = bench.http.post("/v1/jobs", &job("S1", "ANAK-2"));
    assert!(warned(&again), "the stored job is counted anew: {}", again.body);
    bench.stop();
    assert_eq!(verified(&ledger)["faults"], json!([]));
}

#[test]
fn the_key_lies_in_the_vault_where_there_is_one() {
    let bench = TestStation::new();
    is_private(&bench.dir.path().join("keys/holder"));
    assert!(!bench.dir.path().join("holder.key").exists());
    // systemd's credentials take precedence.
    let credentials = TempDir::new().unwrap();
    std::fs::write(credentials.path().join("holder"), "ab".repeat(32)).unwrap();
    let dir = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    command.env("CREDENTIALS_DIRECTORY", credentials.path());
    Process::start_by(command, dir.path()).kill();
    assert!(!dir.path().join("holder.key").exists());
    let why = refusal(dir.path()).unwrap();
    assert!(why.contains("is missing"), "without the credential it does not start: {why}");
}
