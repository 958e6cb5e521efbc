//! The configuration is read again while the station runs: taken over as a whole, or refused as a whole.

use std::cell::Cell;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc;

use emulators::machine::Lever;
use kartu::daemon::{Supervision, Told};
use kartu::log::Log;
use kartu::systemd::Notifier;
use serde_json::{Value, json};

use crate::restart::Process;
use crate::signals::Running;
use crate::supervisor::{PATIENCE, told_until};
use crate::test_station::{Http, TestStation, child, config, products};

/// The hashes of the faces, each time that the job was composed.
fn composed(bench: &TestStation, id: &str) -> Vec<Value> {
    let lines = bench.http.get(&format!("/v1/jobs/{id}/events")).body;
    let lines = lines.as_array().unwrap();
    let composed = lines.iter().filter(|line| line["event"] == "compose");
    composed.map(|line| line["detail"]["faces"].clone()).collect()
}

#[test]
fn a_card_that_only_waits_is_made_again_by_the_new_definitions() {
    let mut bench = TestStation::new();
    bench.pull(Lever::OpenCover);
    bench.until_reason("cover-open-error");
    let id = bench.accepted(&child("S2"));
    bench.until(&id, "composed");
    let mut new = bench.config("");
    new.product.get_mut("kia").unwrap().layout = Some("kia1".to_owned());
    let later = bench.daemon.as_mut().unwrap().reload(new).unwrap();
    assert_eq!(later.to_string(), "", "nothing of it needs a restart");
    bench.http.listen(0, |_, _, data| data["job"] == id && data["event"] == "put_back");
    bench.pull(Lever::CloseCover);
    bench.until(&id, "printed");
    let composed = composed(&bench, &id);
    assert_eq!(composed.len(), 2, "once by the old definitions, once by the new ones");
    let sides = |faces: &Value| faces.as_array().unwrap().len();
    assert_eq!((sides(&composed[0]), sides(&composed[1])), (2, 1), "kia1 has one side");
    assert_eq!(bench.cards_out(), 1);
}

#[test]
fn a_job_whose_product_is_gone_is_held_and_not_printed() {
    let mut bench = TestStation::new();
    bench.pull(Lever::OpenCover);
    bench.until_reason("cover-open-error");
    let id = bench.accepted(&child("S2"));
    bench.until(&id, "composed");
    let folder = products(&|_| {});
    std::fs::remove_dir_all(folder.path().join("kia")).unwrap();
    let mut new = bench.config("");
    new.products.folder = Some(folder.path().to_owned());
    let faults = bench.daemon.as_mut().unwrap().reload(new.clone()).unwrap_err();
    assert!(
        faults[0].to_string().contains("product.kia"),
        "its settings name no product: {faults:?}"
    );
    new.product.remove("kia");
    bench.daemon.as_mut().unwrap().reload(new).unwrap();
    bench.until(&id, "held");
    assert_eq!(bench.http.get("/v1/products/kia").status, 404);
    bench.pull(Lever::CloseCover);
    assert_eq!(bench.http.post("/v1/jobs", &child("S3")).status, 422);
    assert_eq!(bench.cards_out(), 0);
}

#[test]
fn a_configuration_that_was_cut_off_makes_no_specimen_of_the_cards_that_wait() {
    let office = concat!(env!("CARGO_MANIFEST_DIR"), "/config/office.example.toml");
    let mut bench = TestStation::with(&format!("[office]\nprofile = {office:?}\n"));
    let cut_off = bench.config("");
    let faults = bench.daemon.as_mut().unwrap().reload(cut_off).unwrap_err();
    assert!(faults[0].to_string().contains("office.profile"), "{faults:?}");
}

/// How often the configuration is read if this many ask before it is read first, and somebody stops the station while it is.
fn readings(asked: usize, stop_first: bool) -> usize {
    let mut bench = TestStation::new();
    let (tell, told) = mpsc::channel();
    (0..asked).for_each(|_| tell.send(Told::Reload).unwrap());
    if stop_first {
        tell.send(Told::Stop).unwrap();
    }
    let (read, stop) = (Rc::new(Cell::new(0)), tell.clone());
    let counted = read.clone();
    let reread = move || {
        counted.set(counted.get() + 1);
        stop.send(Told::Stop).unwrap();
        Err(Vec::new())
    };
    let supervision = Supervision::new(Notifier::default(), Log::default(), Box::new(reread));
    assert!(bench.daemon.take().unwrap().run(tell, &told, supervision));
    read.get()
}

#[test]
fn one_reading_answers_everybody_who_asked_and_a_stop_does_not_wait_behind_them() {
    assert_eq!(readings(100, false), 1);
    assert_eq!(readings(100, true), 0);
}

/// A station under a supervisor, with what it told it up to its readiness.
fn supervised(dir: &Path) -> (UnixDatagram, Process) {
    let socket = dir.join("notify");
    let supervisor = UnixDatagram::bind(&socket).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", "--unset=RUST_LOG", env!("CARGO_BIN_EXE_kartud")]);
    command.env("NOTIFY_SOCKET", &socket);
    let process = Process::start_by(command, dir);
    told_until(&supervisor, "STATUS=");
    (supervisor, process)
}

fn reload(process: &Process) {
    let pid = process.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
}

#[test]
fn the_supervisor_hears_what_came_of_a_reload() {
    let dir = tempfile::TempDir::new().unwrap();
    let (supervisor, process) = supervised(dir.path());
    let file = dir.path().join("kartud.toml");
    let good = std::fs::read_to_string(&file).unwrap();

    // One fault, and beside it a change that could hold: nothing of it does.
    std::fs::write(&file, config(dir.path(), "[log]\nlevel = \"loud\"\n[product.kia]\n")).unwrap();
    reload(&process);
    let told = told_until(&supervisor, "READY=1");
    assert!(told.contains(&"RELOADING=1".to_owned()), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("MONOTONIC_USEC=")), "{told:?}");
    let refused = told_until(&supervisor, "STATUS=").pop().unwrap();
    assert!(refused.contains("refused, the old one holds"), "{refused}");
    assert_eq!(process.http.post("/v1/jobs", &child("S2")).status, 201, "the old one holds");

    std::fs::write(&file, good.replace("[station]", "[station]\nutc_offset_hours = 8")).unwrap();
    reload(&process);
    told_until(&supervisor, "READY=1");
    let later = told_until(&supervisor, "STATUS=").pop().unwrap();
    assert!(later.contains("needs a restart"), "{later}");
    assert_eq!(process.http.get("/v1/station").body["utc_offset_hours"], json!(7));

    std::fs::write(&file, good).unwrap();
    reload(&process);
    told_until(&supervisor, "READY=1");
    let well = told_until(&supervisor, "STATUS=").pop().unwrap();
    assert!(!well.contains("configuration"), "{well}");
    process.kill();
}

/// The card that moves is finished as it was made, and the one behind it is made anew; a restart in the middle of a card adds
/// none and loses none.
#[test]
fn a_reload_and_a_restart_in_mid_card_make_one_card_of_each_job() {
    let dir = tempfile::TempDir::new().unwrap();
    let (_machine, printer) = Running::machine(dir.path(), "0.1");
    let (station, http) = Running::station(dir.path(), &printer);
    let accepted = |http: &Http, sample: &str| {
        let answer = http.post("/v1/jobs", &child(sample));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    };
    let (first, second) = (accepted(&http, "S2"), accepted(&http, "S3"));
    http.listen(0, |kind, _, data| kind == "station" && data["printing"] == first.as_str());
    http.listen(0, |_, _, data| data["job"] == second && data["event"] == "compose");
    let path = dir.path().join("kartud.toml");
    let old = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, old.replace("[product.kia]", "[product.kia]\nlayout = \"kia1\""))
        .unwrap();
    station.tell("-HUP");
    http.listen(0, |_, _, data| data["job"] == second && data["event"] == "put_back");
    http.listen(0, |kind, _, data| kind == "station" && data["printing"] == second.as_str());
    let third = accepted(&http, "S4");
    let mut station = station;
    station.tell("-TERM");
    assert_eq!(station.end().code(), Some(0), "the card that moves is finished first");

    let (_station, http) = Running::station_by(&path);
    http.listen(0, |_, _, data| data["job"] == third && data["state"] == "printed");
    let sides = |id: &str| {
        let job = http.get(&format!("/v1/jobs/{id}")).body;
        (job["state"].clone(), job["faces"].as_array().unwrap().len())
    };
    assert_eq!(sides(&first), (json!("printed"), 2), "as it was made");
    for id in [&second, &third] {
        assert_eq!(sides(id), (json!("printed"), 1), "by the new layout");
    }
    let station = http.get("/v1/station").body;
    assert_eq!(station["printer"]["cards_entered"], json!(3), "{station}");
}

#[test]
fn the_level_of_the_log_changes_while_the_station_runs() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("kartud.toml");
    let at = |level: &str| config(dir.path(), &format!("[log]\nlevel = \"{level}\"\n"));
    std::fs::write(&path, at("info")).unwrap();
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let mut child = Command::new("env")
        .args(["--default-signal=HUP", "--unset=RUST_LOG", env!("CARGO_BIN_EXE_kartud")])
        .args(["run", "--new-ledger", "--config"])
        .arg(&path)
        .stderr(log)
        .spawn()
        .unwrap();
    let read = || std::fs::read_to_string(dir.path().join("log")).unwrap();
    let until = |says: &str| {
        let began = std::time::Instant::now();
        while !read().contains(says) {
            assert!(began.elapsed() < PATIENCE, "{says}: {}", read());
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
    };
    until("ready");
    assert!(!read().contains("DEBUG"), "{}", read());
    std::fs::write(&path, at("debug")).unwrap();
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    until("holds from now on");
    let address =
        read().split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let http = Http::new(&format!("http://{address}"));
    assert_eq!(http.get("/v1/station").status, 200);
    until("DEBUG");
    child.kill().unwrap();
    child.wait().unwrap();
}
