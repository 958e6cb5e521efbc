//! The first start of a station, and refused starts: a wrong path is not a new station, and a refused start leaves
//! nothing behind.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::ledger::{kartud, refusal, verified};
use crate::restart::Process;
use crate::test_station::{TestStation, child, config};

/// A configuration in `dir` whose ledger is in its folder `ledger`.
fn station_in(dir: &Path) -> (PathBuf, PathBuf) {
    let (file, ledger) = (dir.join("kartud.toml"), dir.join("ledger"));
    fs::write(&file, config(&ledger, "")).unwrap();
    (file, ledger)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = walk(dir);
    names.sort();
    names
}

fn walk(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let below = if path.is_dir() { walk(&path) } else { Vec::new() };
            std::iter::once(path.display().to_string()).chain(below).collect::<Vec<_>>()
        })
        .collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_wrong_path_is_not_a_new_station() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, _) = station_in(dir.path());
    let before = names(dir.path());
    let (said, code) = kartud(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    for word in ["there is no ledger at", "station.ledger", "kartud init", "--new-ledger"] {
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(names(dir.path()), before, "a refused start leaves nothing behind");
}

#[test]
fn init_makes_an_empty_ledger_once_and_is_harmless_ever_after() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, folder) = station_in(dir.path());
    let file = file.to_str().unwrap();
    let ledger = folder.join("ledger.db");
    let (said, code) = kartud(&["init", "--config", file]);
    assert_eq!((code, said.contains("a new ledger")), (Some(0), true), "{said}");
    assert_eq!(mode(&folder), 0o700);
    for name in fs::read_dir(&folder).unwrap() {
        let path = name.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let found = verified(&ledger);
    assert_eq!((&found["faults"], &found["lines"]), (&json!([]), &json!(0)), "{found}");
    assert_eq!(refusal(&folder), None);
    let whole = fs::read(&ledger).unwrap();
    let (said, code) = kartud(&["init", "--config", file]);
    assert_eq!((code, said.contains("nothing was changed")), (Some(0), true), "{said}");
    assert_eq!(fs::read(&ledger).unwrap(), whole);
    let (said, code) = kartud(&["init", "--config", "/nowhere.toml"]);
    assert_ne!(code, Some(0), "{said}");
}

#[test]
fn a_new_ledger_that_is_asked_for_at_every_start_is_made_once() {
    let dir = tempfile::TempDir::new().unwrap();
    let process = Process::start(dir.path());
    let posted = process.http.post("/v1/jobs", &child("S1"));
    assert_eq!(posted.status, 201);
    process.kill();
    let process = Process::start(dir.path());
    let jobs = process.http.get("/v1/jobs").body;
    assert_eq!(jobs["jobs"][0]["id"], posted.body["id"]);
    process.kill();
}

/// An empty file, or one remaining file of an earlier ledger, prevents the creation of a new one.
#[test]
fn what_is_left_of_a_lost_ledger_keeps_a_new_one_from_being_begun() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    bench.stop();
    for mark in ["ledger.head", "ledger.lock"] {
        let dir = tempfile::TempDir::new().unwrap();
        let (file, folder) = station_in(dir.path());
        fs::create_dir(&folder).unwrap();
        fs::copy(bench.dir.path().join(mark), folder.join(mark)).unwrap();
        for empty in [false, true] {
            if empty {
                fs::write(folder.join("ledger.db"), "").unwrap();
            }
            let before = names(dir.path());
            for way in [&["run"][..], &["run", "--new-ledger"], &["init"]] {
                let (said, code) = kartud(&[way, &["--config", file.to_str().unwrap()]].concat());
                assert_eq!((code, said.contains("is lost")), (Some(1), true), "{way:?}: {said}");
                assert!(said.contains(mark), "{said}");
            }
            assert_eq!(names(dir.path()), before);
        }
    }
}

#[test]
fn an_init_that_a_power_cut_broke_off_is_begun_again() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, folder) = station_in(dir.path());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("ledger.lock"), "").unwrap();
    fs::write(folder.join("ledger.db.unfinished"), "half of it").unwrap();
    fs::write(folder.join("ledger.db.unfinished-wal"), "half of it").unwrap();
    let (said, code) = kartud(&["init", "--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(refusal(&folder), None);
    let left = names(&folder);
    assert!(!left.iter().any(|name| name.contains("unfinished")), "{left:?}");
}

#[test]
fn a_refused_start_leaves_nothing_behind() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("kartud.toml");
    let text = config(&dir.path().join("ledger"), "");
    for (text, why) in [
        (text.replace("127.0.0.1:0", &address), "cannot listen"),
        (text.clone() + "[products]\nfolder = \"nowhere\"\n", "nowhere"),
    ] {
        fs::write(&file, text).unwrap();
        let before = names(dir.path());
        let (said, code) = kartud(&["run", "--new-ledger", "--config", file.to_str().unwrap()]);
        assert!(code != Some(0) && said.contains(why), "{said}");
        assert_eq!(names(dir.path()), before, "{why}");
    }
}

#[test]
fn a_copy_that_is_refused_gets_no_lock_and_no_log() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    bench.stop();
    let dir = tempfile::TempDir::new().unwrap();
    fs::copy(bench.dir.path().join("ledger.db"), dir.path().join("ledger.db")).unwrap();
    let before = names(dir.path());
    assert!(refusal(dir.path()).unwrap().contains("head"), "without its head nobody knows");
    assert_eq!(names(dir.path()), before);
}

#[test]
fn a_ledger_that_others_can_write_is_refused_and_one_that_they_can_read_is_closed() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    bench.stop();
    let dir = bench.dir.path().to_owned();
    let names = ["ledger.db", "ledger.head", "ledger.lock"];
    for name in names {
        for open_mode in [0o644, 0o640, 0o604] {
            fs::set_permissions(dir.join(name), Permissions::from_mode(open_mode)).unwrap();
            assert_eq!(refusal(&dir), None, "{name} {open_mode:o}");
            assert_eq!(mode(&dir.join(name)), 0o600, "{name} {open_mode:o}");
        }
    }
    for name in ["ledger.db", "ledger.head"] {
        for open_mode in [0o666, 0o602, 0o646] {
            fs::set_permissions(dir.join(name), Permissions::from_mode(open_mode)).unwrap();
            let why = refusal(&dir).unwrap();
            assert!(why.contains(&format!("{open_mode:04o}")) && why.contains("0600"), "{why}");
            assert_eq!(mode(&dir.join(name)), open_mode, "it is for a person to look first");
        }
        fs::set_permissions(dir.join(name), Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
    let why = refusal(&dir).unwrap();
    assert!(why.contains("0777") && why.contains("0700"), "{why}");
    fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(refusal(&dir), None);
}

#[test]
fn a_link_in_the_place_of_a_ledger_or_of_what_lies_beside_it_is_refused() {
    let mut bench = TestStation::without_printer();
    bench.accepted(&child("S1"));
    bench.stop();
    let dir = bench.dir.path().to_owned();
    for name in ["ledger.db", "ledger.head", "ledger.lock"] {
        let (path, kept) = (dir.join(name), dir.join("kept"));
        fs::rename(&path, &kept).unwrap();
        symlink(&kept, &path).unwrap();
        let before = fs::read(&kept).unwrap();
        assert!(refusal(&dir).is_some(), "{name}");
        assert_eq!(fs::read(&kept).unwrap(), before, "{name}");
        fs::remove_file(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
    }
    assert_eq!(refusal(&dir), None);
}

/// Only root can act as another user; otherwise this test shows nothing.
#[test]
fn another_user_cannot_keep_the_station_from_starting() {
    let mut bench = TestStation::without_printer();
    bench.stop();
    let dir = bench.dir.path().to_owned();
    let lock = dir.join("ledger.lock");
    if fs::metadata(&lock).unwrap().uid() != 0 {
        return;
    }
    // The mode that older versions used: anybody who could open it could lock it.
    fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
    let mut stranger = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "flock", "--no-fork"])
        .arg(&lock)
        // It ends when its input does: with this test, whatever its result.
        .args(["sh", "-c", "echo held; exec cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut out = std::io::BufReader::new(stranger.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut said).unwrap();
    assert_eq!(said, "held\n");
    let why = refusal(&dir);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(why, None, "the station starts");
    assert_eq!(mode(&lock), 0o600);
}

/// The demo's files belong to its owner only, and are never written through a link.
#[test]
fn the_demo_and_a_preview_write_for_their_owner_alone() {
    let dir = tempfile::TempDir::new().unwrap();
    let (demo, victim) = (dir.path().join("demo"), dir.path().join("victim"));
    fs::create_dir(&demo).unwrap();
    fs::write(&victim, "somebody's").unwrap();
    symlink(&victim, demo.join("keys.toml")).unwrap();
    let (said, code) = kartud(&[
        "demo",
        "--once",
        "--cards",
        "1",
        "--listen",
        "127.0.0.1:0",
        "--dir",
        demo.to_str().unwrap(),
    ]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "somebody's");
    for path in walk(&demo) {
        let path = Path::new(&path);
        if path == demo {
            continue;
        }
        let found = fs::symlink_metadata(path).unwrap();
        assert!(!found.is_symlink(), "{}", path.display());
        assert_eq!(found.mode() & 0o077, 0, "{} is {:o}", path.display(), found.mode());
    }
    let job = dir.path().join("job.json");
    fs::write(&job, child("S2").to_string()).unwrap();
    let out = dir.path().join("pictures");
    let preview = ["preview", job.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let (said, code) = kartud(&preview);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((mode(&out), mode(&out.join("front.png"))), (0o700, 0o600));
    fs::set_permissions(out.join("front.png"), Permissions::from_mode(0o644)).unwrap();
    assert_eq!(kartud(&preview).1, Some(0));
    assert_eq!(mode(&out.join("front.png")), 0o600);
}

/// The shipped configuration with the ledger in `dir`.
fn shipped(dir: &Path) -> (PathBuf, String) {
    let file = dir.join("kartud.toml");
    let text = include_str!("../../config/kartud.toml");
    let text = text.replace("\"/var/lib/kartu/ledger.db\"", "\"ledger/ledger.db\"");
    fs::write(&file, &text).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    (file, text)
}

#[test]
fn a_new_station_gets_its_ledger_its_key_its_office_and_its_printer() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, before) = shipped(dir.path());
    let named = file.to_str().unwrap();
    let wanted = ["--office", "KOTA PADANG", "--printer", "usb:serial=10001234", "--yes"];
    let init = [&["init", "--config", named][..], &wanted].concat();
    let (said, code) = kartud(&init);
    assert_eq!(code, Some(0), "{said}");
    for made in
        ["ledger.db: a new", "holder.key: a new", "office.toml: a new", "usb:serial=10001234"]
    {
        assert!(said.contains(made), "{made}: {said}");
    }
    for step in ["  1. ", "  2. kartud blanks load", "  3. kartud submit"] {
        assert!(said.contains(step), "{step}: {said}");
    }
    let after = fs::read_to_string(&file).unwrap();
    let expected = before.replace("profile = \"\" ", "profile = \"office.toml\" ").replacen(
        "address = \"\" ",
        "address = \"usb:serial=10001234\" ",
        1,
    );
    assert_eq!(after, expected, "every comment stands where it stood");
    assert_eq!(mode(&file), 0o644, "the station can read what root wrote");
    let (said, code) = kartud(&["check-config", named]);
    assert_eq!(code, Some(0), "{said}");

    // Whatever is asked for later, what is there stays.
    let every = |dir: &Path| -> Vec<_> {
        let files = walk(dir).into_iter().filter(|path| Path::new(path).is_file());
        files.map(|path| (fs::read(&path).unwrap(), path)).collect()
    };
    let made = every(dir.path());
    let others = ["--office", "KABUPATEN AGAM", "--printer", "tcp://127.0.0.1:9", "--yes"];
    let (said, code) = kartud(&[&["init", "--config", named][..], &others].concat());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("nothing was changed").count(), 3, "each is named: {said}");
    assert!(!said.contains("  1. "), "nothing is left to do: {said}");
    assert!(every(dir.path()) == made, "{said}");
}

#[test]
fn what_a_new_station_is_told_wrongly_is_named_with_the_rule() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, before) = shipped(dir.path());
    let init = ["init", "--config", file.to_str().unwrap(), "--yes"];
    for (wrong, rule) in
        [(["--office", "PADANG"], "KOTA PADANG"), (["--printer", "first"], "usb:serial=NUMBER")]
    {
        let (said, code) = kartud(&[&init[..], &wrong].concat());
        assert!(code != Some(0) && said.contains(rule), "{wrong:?}: {said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        assert!(!dir.path().join("office.toml").exists());
    }
}

/// A profile that lies there unnamed may be that of a real office: its cards would no longer be marked CONTOH.
#[test]
fn a_profile_that_nobody_named_is_not_put_to_use() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, before) = shipped(dir.path());
    fs::write(dir.path().join("office.toml"), "provinsi = \"X\"\n").unwrap();
    let init = ["init", "--config", file.to_str().unwrap(), "--printer", "none"];
    let (said, code) = kartud(&init);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), before, "{said}");
}

/// As the unit runs it before every start.
fn unattended(file: &Path) -> (String, Option<i32>) {
    kartud(&["init", "--unattended", "--config", file.to_str().unwrap()])
}

#[test]
fn the_unit_begins_a_station_that_nobody_configured_yet() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, before) = shipped(dir.path());
    let folder = dir.path().join("ledger");
    // A fresh disk, and what a power cut left of the first try.
    fs::create_dir_all(folder.join("lost+found")).unwrap();
    fs::write(folder.join("ledger.lock"), "").unwrap();
    fs::write(folder.join("ledger.db.unfinished"), "half of it").unwrap();
    let (said, code) = unattended(&file);
    assert_eq!((code, said.contains("ledger.db: a new")), (Some(0), true), "{said}");
    assert_eq!(mode(&folder.join("holder.key")), 0o600);
    assert_eq!(fs::read_to_string(&file).unwrap(), before, "no printer is looked for");
    assert_eq!(refusal(&folder), None);
    assert_eq!(unattended(&file), (String::new(), Some(0)), "nothing to say at the next start");
}

/// The whole folder is gone, as when its disk is not mounted: no file in it can tell that there was a ledger.
#[test]
fn the_unit_begins_no_second_ledger_where_a_station_was_configured() {
    let signs: [(&str, &str, &str, Option<&str>); 3] = [
        ("printer.address", "address = \"\"", "address = \"usb:serial=10001234\"", None),
        ("office.profile", "profile = \"\"", "profile = \"office.toml\"", None),
        ("files in its folder", "", "", Some("holder.key")),
    ];
    for (sign, from, to, left) in signs {
        let dir = tempfile::TempDir::new().unwrap();
        let (file, text) = shipped(dir.path());
        let folder = dir.path().join("ledger");
        assert_eq!(unattended(&file).1, Some(0));
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        assert_eq!(unattended(&file), (String::new(), Some(0)), "{sign}: the ledger is there");
        fs::rename(&folder, dir.path().join("away")).unwrap();
        fs::create_dir(&folder).unwrap();
        if let Some(name) = left {
            fs::copy(dir.path().join("away").join(name), folder.join(name)).unwrap();
        }
        let before = names(dir.path());
        let (said, code) = unattended(&file);
        assert_eq!(code, Some(1), "{sign}: {said}");
        for word in [sign, "mount", "kartud restore", "sudo kartud init --config"] {
            assert!(said.contains(word), "{sign}: {word}: {said}");
        }
        assert_eq!(names(dir.path()), before, "{sign}");
        let (said, code) = kartud(&["run", "--config", file.to_str().unwrap()]);
        assert_ne!(code, Some(0), "{sign}: {said}");
        assert_eq!(names(dir.path()), before, "{sign}");
        // A person says that it is a new one.
        let asked = ["init", "--config", file.to_str().unwrap(), "--printer", "none", "--yes"];
        assert_eq!(kartud(&asked).1, Some(0), "{sign}");
        assert_eq!(unattended(&file).1, Some(0), "{sign}");
    }
}

#[test]
fn what_the_unit_runs_takes_no_word_of_a_person() {
    for more in [["--office", "KOTA PADANG"], ["--printer", "auto"]] {
        let (said, code) = kartud(&[&["init", "--unattended"][..], &more].concat());
        assert_eq!((code, said.contains("cannot be used with")), (Some(2), true), "{said}");
    }
}

#[test]
fn keys_are_made_in_the_folder_that_is_named_for_them() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, text) = shipped(dir.path());
    fs::write(&file, text.replace("[vault]\nfolder = \"\"", "[vault]\nfolder = \"keys\"")).unwrap();
    let keys = dir.path().join("keys");
    let (said, code) = kartud(&["init", "--config", file.to_str().unwrap(), "--printer", "none"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(mode(&keys), 0o700);
    for key in ["holder", "document"] {
        assert_eq!(mode(&keys.join(key)), 0o600, "{key}");
    }
    assert!(!dir.path().join("ledger/holder.key").exists());
    assert!(!said.contains("PRIVATE"), "{said}");
}

/// As root, before the service ever ran: the service must be able to open what was made for it.
#[test]
fn what_root_makes_belongs_to_the_owner_of_the_ledgers_folder() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let dir = tempfile::TempDir::new().unwrap();
    let (file, _) = shipped(dir.path());
    let folder = dir.path().join("ledger");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(54_321), Some(54_322)).unwrap();
    let init = ["init", "--config", file.to_str().unwrap(), "--office", "KOTA PADANG"];
    assert_eq!(kartud(&init).1, Some(0));
    for path in walk(&folder) {
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid()), (54_321, 54_322), "{path}");
    }
    let office = fs::metadata(dir.path().join("office.toml")).unwrap();
    assert_eq!((office.uid(), office.gid(), office.mode() & 0o777), (0, 54_322, 0o640));
}
