//! Programs that are not ours at our card, and our own `kartud emulate card` as a technician runs it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use drivers::encoder::channel::Channel;
use drivers::encoder::{CardEncoder, EncoderError};

use crate::Test;
use crate::cards::{self, probe, read_back, record, select_all, select_application, select_record};
use crate::office::{FIRST, Inserted, Pcscd, Rig, SOON, open, text, until};
use crate::process::{Process, kartud};

pub const TESTS: &[Test] = &[
    ("opensc_knows_reader_and_card", opensc_knows_reader_and_card),
    ("a_card_as_a_process_of_its_own", a_card_as_a_process_of_its_own),
    ("a_card_that_is_spoilt_by_its_state_file", a_card_that_is_spoilt_by_its_state_file),
    ("a_state_file_that_is_wrong_is_refused", a_state_file_that_is_wrong_is_refused),
];

fn opensc_knows_reader_and_card(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = cards::with_contacts();
    let _inserted = Inserted::into_slot(FIRST, &card);
    probe(&mut *open(FIRST.0), SOON);
    let list = rig.opensc(&["--list-readers"]);
    assert!(list.contains("Virtual PCD 00 00"), "{list}");
    let spoken: Vec<String> = card.lock().atr().iter().map(|byte| format!("{byte:02x}")).collect();
    let told = rig.opensc(&["--reader", "0", "--atr"]);
    assert!(told.contains(&spoken.join(":")), "{told}");
    let dialogue = rig.opensc(&[
        "--reader",
        "0",
        "--card-driver",
        "default",
        "-s",
        "00:A4:04:0C:05:F0:4B:49:41:01",
        "-s",
        "00:A4:00:0C:02:01:01",
        "-s",
        "00:B0:00:00:08",
        "-s",
        "00:A4:00:0C:02:0F:FF",
    ]);
    let statuses: Vec<&str> =
        dialogue.lines().filter(|line| line.starts_with("Received (SW1")).collect();
    assert_eq!(statuses.len(), 4, "{dialogue}");
    for (status, word) in statuses.iter().zip([
        "0x90, SW2=0x00",
        "0x90, SW2=0x00",
        "0x90, SW2=0x00",
        "0x6A, SW2=0x82",
    ]) {
        assert!(status.contains(word), "{dialogue}");
    }
    let first: Vec<String> = record()[..8].iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(dialogue.contains(&first.join(" ")), "{dialogue}");
}

/// `kartud emulate card` with its files in this folder.
fn card(rig: &Rig, folder: &Path) -> Command {
    let mut command = kartud(rig, &["emulate", "card", "--state"]);
    command.arg(folder.join("state.json")).arg("--keep").arg(folder.join("content.json"));
    command
}

fn start(rig: &Rig, folder: &Path) -> Process {
    Process::start(&mut card(rig, folder), &folder.join("card.log"))
}

/// Puts a whole file in place of the one before, as a person's editor does.
fn say(folder: &Path, state: &str) {
    fs::write(folder.join("next"), state).unwrap();
    fs::rename(folder.join("next"), folder.join("state.json")).unwrap();
}

fn gone(reader: &mut dyn CardEncoder) -> bool {
    matches!(reader.power_on(Duration::ZERO), Err(EncoderError::NoCard { .. }))
}

fn a_card_as_a_process_of_its_own(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let mut reader = open(FIRST.0);
    say(folder.path(), r#"{"inserted": false}"#);
    let process = start(rig, folder.path());
    let nothing = reader.power_on(Duration::from_secs(1));
    assert!(matches!(nothing, Err(EncoderError::NoCard { .. })), "{nothing:?}");
    say(folder.path(), r#"{"inserted": true}"#);
    probe(&mut *reader, SOON);
    say(folder.path(), r#"{"inserted": false}"#);
    until("it is pulled", || gone(&mut *reader));
    process.end();
    let kept = folder.path().join("content.json");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    say(folder.path(), r#"{"inserted": true}"#);
    let _process = start(rig, folder.path());
    let chip = reader.power_on(SOON).unwrap();
    let mut channel = Channel::new(&mut *reader, &chip);
    select_all(&mut channel).unwrap();
    assert_eq!(read_back(&mut channel).unwrap(), record(), "the content outlives the process");
}

fn a_card_that_is_spoilt_by_its_state_file(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let mut reader = open(FIRST.0);
    let mut meet = |state: &str| {
        say(folder.path(), state);
        let process = start(rig, folder.path());
        let chip = reader.power_on(SOON).unwrap();
        let met = [select_application(), select_record()].map(|command| {
            let reply = Channel::new(&mut *reader, &chip).send(&command);
            reply.map(|reply| reply.status.0)
        });
        drop(process);
        until("it is out", || gone(&mut *reader));
        met
    };
    assert_eq!(meet("{}"), [Ok(0x6A82), Ok(0x6A82)]);
    let refused = r#"{"faults": {"wrong_status": {"command": 2, "status": "6581"}}}"#;
    assert_eq!(meet(refused), [Ok(0x6A82), Ok(0x6581)]);
    let torn = r#"{"faults": {"torn_out_after": 1}}"#;
    assert_eq!(meet(torn), [Ok(0x6A82), Err(EncoderError::CardLost)]);
    assert_eq!(meet(r#"{"faults": {"slow_ms": 300}}"#), [Ok(0x6A82), Ok(0x6A82)]);
}

fn a_state_file_that_is_wrong_is_refused(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    for (state, named) in [
        ("{", "JSON"),
        (r#"{"inserted": 1}"#, "inserted"),
        (r#"{"faults": {"deaf": true}}"#, "deaf"),
        (r#"{"insertd": true}"#, "insertd"),
    ] {
        say(folder.path(), state);
        let refused = card(rig, folder.path()).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused).contains(named), "{}", text(&refused));
    }
}
