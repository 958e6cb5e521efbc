//! The power fails, and comes back: the station tells for how long it was off, and what became of the card.

use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::emulate::Machine;
use crate::ledger::kartud;
use crate::restart::Process;
use crate::test_station::child;

fn start(dir: &Path, machine: &Machine) -> Process {
    Process::start_at(Command::new(env!("CARGO_BIN_EXE_kartud")), dir, &machine.address)
}

fn told(process: &Process) -> Value {
    process.http.get("/v1/station").body["power_cut"].clone()
}

#[test]
fn a_power_cut_is_told_with_what_became_of_the_card() {
    let dir = tempfile::TempDir::new().unwrap();
    let machine = Machine::start(&dir.path().join("machine"), &["--slowness", "0.05"]);
    let process = start(dir.path(), &machine);
    assert_eq!(told(&process), Value::Null, "a first start is no power cut");
    assert_eq!(process.http.post("/v1/jobs", &child("S2")).status, 201);
    // Earlier no card would have moved, and the job would be printed once more.
    machine.until("feeder_cards", &json!(99));
    process.kill();
    let process = start(dir.path(), &machine);
    let settling = ["card_out", "no_card", "spoil", "left_to_a_person"];
    let (mut lost, mut how) = (false, String::new());
    process.http.listen(0, |_, _, data| {
        let event = data["event"].as_str().unwrap_or_default();
        lost |= event == "lose_sight";
        event.clone_into(&mut how);
        lost && settling.contains(&event)
    });
    let cut = told(&process);
    let by_printer = u64::from(how != "left_to_a_person");
    assert_eq!(
        (cut["settled_by_printer"].as_u64(), cut["waiting"].as_u64()),
        (Some(by_printer), Some(1 - by_printer)),
        "{how}: {cut}"
    );
    assert!(cut["from"].as_str() < cut["until"].as_str(), "{cut}");
    let (said, _) = kartud(&["status", "--url", &process.http.url]);
    assert!(said.contains("The power failed, or the program was killed"), "{said}");
    let mut process = process;
    let pid = Pid::from_raw(process.child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(process.child.wait().unwrap().success());
    let process = start(dir.path(), &machine);
    assert_eq!(told(&process), Value::Null, "it was told to stop");
    // A card that was spoiled is made once more.
    process.http.listen(0, |_, _, data| how == "left_to_a_person" || data["state"] == "printed");
    process.kill();
    let process = start(dir.path(), &machine);
    let message = told(&process)["message"]["en"].clone();
    assert!(message.as_str().unwrap().ends_with("no card was moving."), "{message}");
    process.kill();
}
