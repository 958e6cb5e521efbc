//! A technician tries a profile on the card in a reader on a serial port: `kartud chip try`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::record::{kartud, out};

const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/products/staf/chip.toml");
/// A value that must never be shown, as text and as its bytes.
const CANARY: (&str, &str) = ("KENARI", "4B454E415249");

/// An emulated reader with an empty card, ended with the test.
struct Reader {
    process: Child,
    address: String,
}

impl Reader {
    fn start(folder: &Path, state: &Value) -> Reader {
        std::fs::write(folder.join("state.json"), state.to_string()).unwrap();
        Self::with(folder, &["--state", "state.json"])
    }

    fn with(folder: &Path, words: &[&str]) -> Reader {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
        command.args(["emulate", "reader", "--port", "reader.tty"]).args(words);
        let mut process = command.current_dir(folder).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (family, address) = line.trim().split_once(" on ").expect("it says where it is");
        Reader { process, address: format!("{family}:{address}") }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Tries the staff card's profile; exit code, standard output, standard error.
fn tried(folder: &Path, reader: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let file = folder.join("value");
    std::fs::write(&file, CANARY.0.repeat(60)).unwrap();
    let value = format!("record=@{}", file.display());
    let words = ["chip", "try", PROFILE, "--reader", reader, "--value", &value];
    let output = kartud(&[&words[..], more].concat());
    let (said, complained) = (out(&output), String::from_utf8_lossy(&output.stderr).into_owned());
    let shown = format!("{said}{complained}").to_uppercase();
    assert!(!shown.contains(CANARY.0) && !shown.contains(CANARY.1), "{shown}");
    (output.status.code(), said, complained)
}

#[test]
fn a_profile_is_tried_on_the_card_in_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::start(folder.path(), &json!({}));
    let (code, said, complained) = tried(folder.path(), &reader.address, &[]);
    assert_eq!(code, Some(0), "{said}{complained}");
    for part in ["card contactless  uid 04", "00 A4 04 00  Lc 5", "SW 6A82", "360 bytes written"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The card is no longer a fresh blank, so it is not written again.
    let (code, said, complained) = tried(folder.path(), &reader.address, &["--json"]);
    assert_eq!(code, Some(1), "{said}{complained}");
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&told["fault"]["kind"], &told["written"]), (&json!("answer"), &Value::Null));
    assert!(complained.contains("the card answered SW9000"), "{complained}");
}

#[test]
fn a_trial_without_a_card_or_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let meet = |address: &str, code, words: &str| {
        let (ended, said, complained) = tried(folder.path(), address, &["--patience", "1"]);
        assert_eq!(ended, Some(code), "{said}{complained}");
        assert!(complained.contains(words), "{complained}");
    };
    let nothing_there = folder.path().join("reader");
    let address = format!("pn532:serial:{}", nothing_there.display());
    meet(&address, 4, "is not connected. Check its cable and its power, then its address.");
    meet(&address, 4, "Its address is what stands after --encoder.");
    let reader = Reader::start(folder.path(), &json!({ "card_present": false }));
    meet(&reader.address, 1, "No card was seen within 1 s.");
    drop(reader);
    let reader = Reader::start(folder.path(), &json!({ "faults": { "mute": true } }));
    meet(&reader.address, 4, "card reader");
    meet("pn532:the first one", 2, "cannot do this");
}

/// The profiles and the cards that the help names, with a reader between them.
#[test]
fn the_examples_of_the_help_are_tried() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let meet = |profile: &str, card: &str, more: &[&str]| {
        let reader = Reader::with(folder.path(), &["--card", &file("card.toml", card)]);
        let profile = format!("{}/config/chips/{profile}", env!("CARGO_MANIFEST_DIR"));
        let words = ["chip", "try", &profile, "--encoder", &reader.address, "--json"];
        let output = kartud(&[&words[..], more].concat());
        let told: Value = serde_json::from_str(&out(&output)).unwrap();
        assert_eq!(output.status.code(), Some(0), "{told:#}");
        told["written"]["bytes"].clone()
    };
    assert_eq!(meet("ntag.toml", "kind = \"ntag215\"", &["--value", "record=00112233"]), 4);
    let key = file("pin", "313233343536");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let card = r#"kind = "file"
        pin = "313233343536FFFF"
        content = [{ fid = "4B01", aid = "F04B494101", files = [
            { fid = "0101", size_bytes = 64, update = "pin", active = true }] }]"#;
    let vault = folder.path().display().to_string();
    let more = ["--vault", &vault, "--value", "field:nama=text:RINA CONTOH"];
    assert_eq!(meet("pin.toml", card, &more), 11);
}
