//! The ledger is copied to another disk, the disk dies, and a copy is put back on another machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use emulators::evolis::EvolisSettings;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ledger::{kartud, refusal, verified};
use crate::test_station::{KEYS, TestStation, child, config};

/// The station's configuration as a file, which the commands read.
fn config_file(dir: &Path, more: &str) -> PathBuf {
    let path = dir.join("kartud.toml");
    let keys = dir.join(KEYS);
    let vault = format!("[vault]\nfolder = {:?}\n{more}", keys.display().to_string());
    fs::write(&path, config(dir, &vault)).unwrap();
    path
}

/// Runs a command that must answer in JSON.
fn told(args: &[&str]) -> Value {
    let (said, code) = kartud(args);
    assert_eq!(code, Some(0), "{said}");
    let json = said.find('{').map_or("", |at| &said[at..]);
    let json = json.rfind("\n}").map_or(json, |end| &json[..end + 2]);
    serde_json::from_str(json).unwrap_or_else(|_| panic!("{said}"))
}

fn backup(config: &Path, to: &Path, more: &[&str]) -> Value {
    let (config, to) = (config.to_str().unwrap(), to.to_str().unwrap());
    told(&[&["backup", "--config", config, "--to", to, "--json"], more].concat())
}

fn restore(config: &Path, copy: &Path, more: &[&str]) -> (String, Option<i32>) {
    let (config, copy) = (config.to_str().unwrap(), copy.to_str().unwrap());
    kartud(&[&["restore", copy, "--config", config, "--by", "teknisi-7"], more].concat())
}

fn copy_of(made: &Value) -> PathBuf {
    made["copy"].as_str().unwrap().into()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A job that was approved now, so that nothing else holds it.
fn approved_now(reference: &str) -> Value {
    let mut job = child("S1");
    job["ref"] = json!(reference);
    job["recommendation"]["nomor"] = json!(reference);
    job["recommendation"]["pada"] = json!(jiff::Timestamp::now().to_string());
    job["recommendation"]["kadaluarsa"] = Value::Null;
    job
}

/// A key pair on the office's other computer, and what of it is brought to the station.
fn recipient(elsewhere: &Path) -> (PathBuf, PathBuf) {
    let folder = elsewhere.join("safe");
    let (entry, code) = kartud(&["keys", "new", "backup", "--folder", folder.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{entry}");
    let public = elsewhere.join("backup.pub");
    fs::write(&public, entry).unwrap();
    (folder.join("backup"), public)
}

#[test]
fn the_disk_dies_and_what_was_printed_after_the_copy_is_not_printed_again() {
    let mut bench = TestStation::new();
    let elsewhere = TempDir::new().unwrap();
    let (private, public) = recipient(elsewhere.path());
    let stick = elsewhere.path().join("stick");
    fs::create_dir(&stick).unwrap();
    let loaded = json!({ "kind": "loaded", "cards": 50, "by": "op-2" });
    assert!(bench.http.post("/v1/blanks", &loaded).status < 300);
    let before = bench.accepted(&approved_now("BEFORE"));
    bench.until(&before, "printed");
    let old = config_file(bench.dir.path(), "");
    let made = backup(&old, &stick, &["--with-keys", public.to_str().unwrap()]);
    assert_eq!((&made["jobs"], &made["blanks_expected"]), (&json!(1), &json!(49)), "{made}");
    assert_eq!(made["sealed_keys"], json!(["document", "holder"]), "{made}");
    let lost = approved_now("LOST");
    bench.until(&bench.accepted(&lost), "printed");
    bench.stop();
    // The disk dies, with the machine; the copy and the private key are what is left.
    bench.dir = TempDir::new().unwrap();
    bench.machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
    let new = config_file(bench.dir.path(), "");
    let (said, code) = restore(&new, &copy_of(&made), &["--identity", private.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("By the copy 49 blanks") && said.contains("0 jobs are held"), "{said}");
    bench.start("");
    let again = bench.accepted(&lost);
    let held = bench.http.get(&format!("/v1/jobs/{again}")).body;
    assert_eq!(
        (&held["state"], &held["reasons"][0]["code"]),
        (&json!("held"), &json!("H_LEDGER_RESTORED")),
        "{held}"
    );
    let known = bench.http.post("/v1/jobs", &approved_now("BEFORE"));
    assert_eq!((known.status, known.codes("errors")), (409, vec!["E_REF_TAKEN".into()]));
    let later = bench.accepted(&approved_now("LATER"));
    bench.until(&later, "printed");
    assert_eq!(bench.cards_out(), 1, "only what was approved since");
    let days = bench.http.get("/v1/blanks").body["days"].as_array().unwrap().clone();
    let day = days.last().unwrap();
    assert_eq!(day["expected"], 48, "{day}");
    bench.stop();
    assert_eq!(verified(&bench.dir.path().join("ledger.db"))["faults"], json!([]));
}

#[test]
fn a_copy_without_keys_says_which_one_is_missing() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    let stick = TempDir::new().unwrap();
    let made = backup(&config_file(bench.dir.path(), ""), stick.path(), &[]);
    assert_eq!(made["sealed_keys"], json!([]));
    let copy = copy_of(&made);
    assert_eq!(names(&copy), ["copy.json", "ledger.db"], "no key leaves the machine");
    let key = bench.dir.path().join("holder.key");
    let key = fs::read(if key.exists() { key } else { bench.dir.path().join(KEYS).join("holder") });
    bench.stop();
    let other = TempDir::new().unwrap();
    let (said, code) = restore(&config_file(other.path(), ""), &copy, &[]);
    assert_eq!((code, said.contains("the key `holder` is not here")), (Some(0), true), "{said}");
    let why = refusal(other.path()).expect("without the key nobody would be recognised");
    assert!(why.contains("holder"), "{why}");
    let path = other.path().join("holder.key");
    fs::write(&path, key.unwrap()).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(refusal(other.path()), None);
}

#[test]
fn keys_that_were_forgotten_are_put_back_beside_the_restored_ledger() {
    let mut bench = TestStation::new();
    let elsewhere = TempDir::new().unwrap();
    let (private, public) = recipient(elsewhere.path());
    let identity = ["--identity", private.to_str().unwrap()];
    let stick = elsewhere.path().join("stick");
    fs::create_dir(&stick).unwrap();
    bench.accepted(&child("S1"));
    let config = config_file(bench.dir.path(), "");
    let copy = copy_of(&backup(&config, &stick, &["--with-keys", public.to_str().unwrap()]));
    bench.stop();
    let new = TempDir::new().unwrap();
    let config = config_file(new.path(), "");
    let (said, code) = restore(&config, &copy, &[]);
    assert_eq!((code, said.contains("--identity")), (Some(0), true), "{said}");
    let ledger = fs::read(new.path().join("ledger.db")).unwrap();
    let (said, code) = restore(&config, &copy, &identity);
    assert_eq!((code, said.contains("only the keys were put back")), (Some(0), true), "{said}");
    assert_eq!(fs::read(new.path().join("ledger.db")).unwrap(), ledger);
    assert!(names(&new.path().join(KEYS)).contains(&"holder".to_owned()));
}

#[test]
fn a_copy_that_was_torn_or_changed_is_refused_and_nothing_is_put_there() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    let stick = TempDir::new().unwrap();
    let made = backup(&config_file(bench.dir.path(), ""), stick.path(), &[]);
    bench.stop();
    let whole = copy_of(&made);
    let ledger = fs::read(whole.join("ledger.db")).unwrap();
    let manifest = fs::read_to_string(whole.join("copy.json")).unwrap();
    let mut flipped = ledger.clone();
    flipped[ledger.len() / 2] ^= 1;
    let name = whole.file_name().unwrap().to_str().unwrap().to_owned();
    let other_head = manifest.replace("\"head\": \"", "\"head\": \"9");
    let damaged: [(&str, &[u8], &str, &str); 6] = [
        ("cut", &ledger[..ledger.len() - 16_384], &manifest, &name),
        ("flipped", &flipped, &manifest, &name),
        ("empty", b"", &manifest, &name),
        ("no manifest", &ledger, "", &name),
        ("another head", &ledger, &other_head, &name),
        ("renamed", &ledger, &manifest, "kartu-1_20990101T000000Z_1-0000000000000000"),
    ];
    let target = TempDir::new().unwrap();
    let config = config_file(target.path(), "");
    for (what, ledger, manifest, name) in damaged {
        let folder = TempDir::new().unwrap();
        let copy = folder.path().join(name);
        fs::create_dir(&copy).unwrap();
        fs::write(copy.join("ledger.db"), ledger).unwrap();
        fs::write(copy.join("copy.json"), manifest).unwrap();
        let (said, code) = restore(&config, &copy, &[]);
        assert_eq!(
            (code, said.contains("not whole") || said.contains("no whole copy")),
            (Some(1), true),
            "{what}: {said}"
        );
        assert_eq!(names(target.path()), ["kartud.toml"], "{what}");
    }
    let (said, code) = restore(&config, stick.path(), &[]);
    assert_eq!((code, said.contains(&name)), (Some(1), true), "the newest copy is named: {said}");
    assert_eq!(restore(&config, &whole, &[]).1, Some(0), "the whole one is taken");
}

#[test]
fn a_copy_never_takes_the_place_of_a_running_or_newer_ledger() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    let stick = TempDir::new().unwrap();
    let config = config_file(bench.dir.path(), "");
    let copy = copy_of(&backup(&config, stick.path(), &[]));
    let (said, code) = restore(&config, &copy, &[]);
    assert_eq!((code, said.contains("in use")), (Some(1), true), "{said}");
    bench.accepted(&child("S2"));
    bench.stop();
    let path = bench.dir.path().join("ledger.db");
    let before = fs::read(&path).unwrap();
    let (said, code) = restore(&config, &copy, &[]);
    assert_eq!((code, said.contains("newer than the copy")), (Some(1), true), "{said}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(refusal(bench.dir.path()), None, "and the station goes on with it");
    let mut other = TestStation::without_printer();
    other.accepted(&child("S3"));
    other.stop();
    let (said, code) = restore(&config_file(other.dir.path(), ""), &copy, &[]);
    assert_eq!((code, said.contains("another ledger")), (Some(1), true), "{said}");
    // An older ledger is put aside, with its log.
    let newest = copy_of(&backup(&config, stick.path(), &[]));
    let older = TempDir::new().unwrap();
    fs::copy(copy.join("ledger.db"), older.path().join("ledger.db")).unwrap();
    let (said, code) = restore(&config_file(older.path(), ""), &newest, &[]);
    assert_eq!((code, said.contains("put aside:")), (Some(0), true), "{said}");
    assert!(names(older.path()).iter().any(|name| name.contains("ledger.db.before-restore")));
}

/// A package starts a station as soon as it is installed, and that makes a ledger and a key of its own.
#[test]
fn a_station_that_never_had_a_job_makes_room_for_a_copy_with_its_key() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    let (private, public) = recipient(bench.dir.path());
    let stick = TempDir::new().unwrap();
    let public = ["--with-keys", public.to_str().unwrap()];
    let copy = copy_of(&backup(&config_file(bench.dir.path(), ""), stick.path(), &public));
    bench.stop();
    let no_vault = |dir: &Path| {
        let path = dir.join("kartud.toml");
        fs::write(&path, config(dir, "")).unwrap();
        path
    };
    let mut new = TestStation::without_printer();
    let (said, code) = restore(&no_vault(new.dir.path()), &copy, &[]);
    assert_eq!((code, said.contains("in use")), (Some(1), true), "before anything else: {said}");
    new.stop();
    let identity = ["--identity", private.to_str().unwrap()];
    fs::write(new.dir.path().join("holder.key"), "00".repeat(32)).unwrap();
    let (said, code) = restore(&no_vault(new.dir.path()), &copy, &identity);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("put aside:").count(), 2, "ledger and key: {said}");
    let aside = names(new.dir.path());
    assert!(aside.iter().any(|name| name.starts_with("holder.key.before-restore")), "{aside:?}");
    // The other way round a key that may be needed stays, and the wrong one is told before anything is changed.
    let used = TempDir::new().unwrap();
    let key = used.path().join("holder.key");
    fs::write(&key, "00".repeat(32)).unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (said, code) = restore(&no_vault(used.path()), &copy, &[]);
    assert_eq!((code, said.contains("Move that key away")), (Some(1), true), "{said}");
    assert!(!used.path().join("ledger.db").exists());
}

/// Two stations may have been left with the name of the shipped configuration.
#[test]
fn a_station_does_not_remove_the_copies_of_another_one_of_its_name() {
    let [one, other] = [TestStation::without_printer(), TestStation::without_printer()];
    for bench in [&one, &other] {
        bench.accepted(&child("S1"));
    }
    let stick = TempDir::new().unwrap();
    let keep_one = |bench: &TestStation| {
        copy_of(&backup(&config_file(bench.dir.path(), ""), stick.path(), &["--keep", "1"]))
    };
    let (first, others) = (keep_one(&one), keep_one(&other));
    let second = keep_one(&one);
    assert_eq!([&first, &others, &second].map(|copy| copy.exists()), [false, true, true]);
}

/// The timer's user cannot remove what root made; that must not be the end of copies.
#[test]
fn an_old_copy_that_cannot_be_removed_is_told_and_a_new_one_is_made() {
    let bench = TestStation::without_printer();
    let stick = TempDir::new().unwrap();
    let config = config_file(bench.dir.path(), "");
    let first = copy_of(&backup(&config, stick.path(), &[]));
    let name = first.file_name().unwrap().to_str().unwrap();
    // A folder that nobody can empty, root neither: a file of that name is no folder.
    let rest = stick.path().join(format!(".{name}.old"));
    fs::write(&rest, "").unwrap();
    for run in 0..2 {
        let made = backup(&config, stick.path(), &["--keep", "1"]);
        assert!(copy_of(&made).exists(), "run {run}: {made}");
        let not_removed = made["not_removed"].to_string();
        assert!(not_removed.contains(&format!(".{name}.old")), "run {run}: {made}");
    }
}

#[test]
fn an_empty_ledger_that_is_put_back_holds_what_was_approved_before() {
    let mut bench = TestStation::without_printer();
    bench.stop();
    let stick = TempDir::new().unwrap();
    let made = backup(&config_file(bench.dir.path(), ""), stick.path(), &[]);
    let job = approved_now("EARLY");
    bench.dir = TempDir::new().unwrap();
    let (said, code) = restore(&config_file(bench.dir.path(), ""), &copy_of(&made), &[]);
    assert_eq!(code, Some(0), "{said}");
    fs::write(bench.dir.path().join("holder.key"), "").unwrap();
    fs::remove_file(bench.dir.path().join("holder.key")).unwrap();
    let ledger = bench.dir.path().join("ledger.db");
    let (said, code) = kartud(&["ledger", "rekey", ledger.to_str().unwrap(), "--by", "teknisi-7"]);
    assert_eq!(code, Some(0), "{said}");
    bench.start("");
    let id = bench.accepted(&job);
    bench.until(&id, "held");
    // Approved by a clock that is some minutes ahead.
    let mut ahead = approved_now("AHEAD");
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5);
    ahead["recommendation"]["pada"] = json!(soon.to_string());
    let id = bench.accepted(&ahead);
    bench.until(&id, "held");
    // Or by one that is hours ahead, or in a time zone that was not said.
    ahead["recommendation"]["pada"] = json!("2099-01-01T00:00:00Z");
    let refused = bench.http.post("/v1/jobs", &ahead);
    assert_eq!(refused.codes("errors"), ["E_RECOMMENDATION_AHEAD"]);
}

#[test]
fn so_many_copies_stay_and_the_oldest_goes_after_the_new_one_is_whole() {
    let mut bench = TestStation::without_printer();
    let stick = TempDir::new().unwrap();
    let config = config_file(bench.dir.path(), "");
    fs::create_dir(stick.path().join("other's things")).unwrap();
    let made: Vec<Value> =
        (0..3).map(|_| backup(&config, stick.path(), &["--keep", "2"])).collect();
    assert_eq!(made[1]["removed"], json!([]));
    let first = copy_of(&made[0]);
    assert_eq!(made[2]["removed"], json!([first.file_name().unwrap().to_str().unwrap()]));
    let left = names(stick.path());
    assert_eq!(left.len(), 3, "{left:?}");
    bench.accepted(&child("S1"));
    bench.stop();
    let sqlite = rusqlite::Connection::open(bench.dir.path().join("ledger.db")).unwrap();
    sqlite.execute("UPDATE jobs SET state = 'printed'", []).unwrap();
    drop(sqlite);
    let (to, config) = (stick.path().to_str().unwrap(), config.to_str().unwrap());
    let (said, code) = kartud(&["backup", "--config", config, "--to", to, "--keep", "1"]);
    assert_eq!((code, said.contains("V_JOB")), (Some(1), true), "{said}");
    assert_eq!(names(stick.path()), left, "what was whole stays");
}

#[test]
fn a_disk_that_takes_no_copy_is_told_and_nothing_half_stays_on_it() {
    let bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    let config = config_file(bench.dir.path(), "");
    let config = config.to_str().unwrap();
    let stick = TempDir::new().unwrap();
    let to = stick.path().to_str().unwrap();
    let shell = |script: &str| {
        let kartud = env!("CARGO_BIN_EXE_kartud");
        let script =
            script.replace("KARTUD", &format!("{kartud} backup --config {config} --to {to}"));
        let done =
            Command::new("unshare").args(["-rm", "sh", "-c", &script]).env("LC_ALL", "C").output();
        let done = done.unwrap();
        String::from_utf8([done.stdout, done.stderr].concat()).unwrap()
    };
    let full = shell(&format!("mount -t tmpfs -o size=128k none {to} && KARTUD; ls -A {to}"));
    assert!(full.contains("MiB free and the copy needs") && full.ends_with("(--keep)\n"), "{full}");
    // The disk takes some of it and then no more.
    let stops = shell(&format!("trap '' XFSZ; ulimit -f 200; KARTUD; ls -A {to}"));
    assert!(stops.contains("no copy was made"), "{stops}");
    assert_eq!(names(stick.path()), Vec::<String>::new(), "{stops}");
    let read_only = shell(&format!("mount -t tmpfs -o ro none {to} && KARTUD; ls -A {to}"));
    assert!(read_only.contains("cannot be used (Read-only file system"), "{read_only}");
    for gone in ["/nowhere/copies", config] {
        let (said, code) = kartud(&["backup", "--config", config, "--to", gone]);
        assert_eq!((code, said.contains("cannot be used")), (Some(1), true), "{said}");
    }
    assert_eq!(kartud(&["backup", "--config", config]).1, Some(2), "it is not known where to");
    let note = fs::read_to_string(bench.dir.path().join("ledger.copied")).unwrap();
    assert!(note.contains("cannot be used"), "the doctor can tell why: {note}");
}

#[test]
fn the_station_tells_how_old_the_last_copy_is_and_where_its_ledger_ends() {
    let mut bench = TestStation::without_printer();
    let told = bench.http.get("/v1/station").body;
    assert_eq!(
        (&told["backup"]["configured"], &told["backup"]["late"]),
        (&json!(false), &json!(false))
    );
    bench.stop();
    let stick = TempDir::new().unwrap();
    let more = format!("[backup]\nfolder = {:?}\n", stick.path().display().to_string());
    bench.start(&more);
    let told = bench.http.get("/v1/station").body;
    assert_eq!(told["backup"]["late"], true, "{told}");
    assert!(told["state_reasons"].to_string().contains("was never copied"), "{told}");
    let config = config_file(bench.dir.path(), &more);
    let (said, code) = kartud(&["backup", "--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    let told = bench.http.get("/v1/station").body;
    assert_eq!(told["backup"]["late"], false, "{told}");
    assert!(said.contains(told["backup"]["head"].as_str().unwrap()), "{said}");
    // Lines about the printer are still written at a start.
    let (told, figures) = loop {
        let told = bench.http.get("/v1/station").body;
        let figures = bench.http.get("/metrics").body;
        if bench.http.get("/v1/station").body["ledger_head"] == told["ledger_head"] {
            break (told, figures);
        }
    };
    let figures = figures.as_str().unwrap();
    assert!(
        figures.contains("kartu_backup_age_seconds ") && figures.contains("kartu_backup_late 0")
    );
    // A head that was kept elsewhere tells a ledger whose end was cut off.
    let head = told["ledger_head"].as_str().unwrap().to_owned();
    let lines: u64 = head.split(':').next().unwrap().parse().unwrap();
    assert!(figures.contains(&format!("kartu_ledger_lines {lines}\n")), "{figures}");
    bench.stop();
    let ledger = bench.dir.path().join("ledger.db");
    let event = told["last_event"].as_str().unwrap().to_owned();
    let verify =
        |head: &str| kartud(&["ledger", "verify", "--head", head, ledger.to_str().unwrap()]);
    assert_eq!((verify(&head).1, verify(&event).1), (Some(0), Some(0)));
    let sqlite = rusqlite::Connection::open(&ledger).unwrap();
    sqlite.execute("DELETE FROM events WHERE seq = ?1", [lines]).unwrap();
    drop(sqlite);
    fs::remove_file(bench.dir.path().join("ledger.head")).unwrap();
    for kept in [&head, &event] {
        let (said, code) = verify(kept);
        assert_eq!((code, said.contains("V_HEAD")), (Some(1), true), "{said}");
    }
}

#[test]
fn a_station_moves_and_the_old_one_prints_nothing_more() {
    let mut bench = TestStation::without_printer();
    let waiting = bench.accepted(&approved_now("WAITS"));
    let config = config_file(bench.dir.path(), "");
    let ledger = bench.dir.path().join("ledger.db");
    let retire = || kartud(&["ledger", "retire", ledger.to_str().unwrap(), "--by", "teknisi-7"]);
    let (said, code) = retire();
    assert_eq!((code, said.contains("in use")), (Some(1), true), "{said}");
    bench.stop();
    let (said, code) = retire();
    assert_eq!((code, said.contains("1 jobs are not finished")), (Some(0), true), "{said}");
    assert_eq!(retire(), (said, code), "once is enough");
    let why = refusal(bench.dir.path()).expect("it is retired");
    assert!(why.contains("was retired at"), "{why}");
    let stick = TempDir::new().unwrap();
    let copy = copy_of(&backup(&config, stick.path(), &[]));
    let key = fs::read(bench.dir.path().join("holder.key")).unwrap();
    let old = std::mem::replace(&mut bench.dir, TempDir::new().unwrap());
    let new = bench.dir.path().join("holder.key");
    fs::write(&new, key).unwrap();
    fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (said, code) = restore(&config_file(bench.dir.path(), ""), &copy, &[]);
    assert_eq!((code, said.contains("1 jobs are held")), (Some(0), true), "{said}");
    bench.start("");
    bench.until(&waiting, "held");
    let release = bench.http.post(&format!("/v1/jobs/{waiting}/release"), &json!({ "by": "op-2" }));
    assert_eq!(release.status, 200, "{}", release.body);
    bench.until(&waiting, "printed");
    assert!(refusal(old.path()).is_some(), "the old computer, switched on once more");
    let path = old.path().join("ledger.db");
    let (said, code) = kartud(&["ledger", "adopt", path.to_str().unwrap(), "--by", "teknisi-7"]);
    assert_eq!((code, said.contains("1 jobs are held")), (Some(0), true), "{said}");
    assert_eq!(refusal(old.path()), None, "somebody stands for it");
}
