//! The output of commands for programs, and their exit codes.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::record::{kartud, out};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/chips/");

fn json_of(output: &Output) -> Value {
    let said = out(output);
    serde_json::from_str(&said).unwrap_or_else(|why| panic!("{why}: {said:?}"))
}

/// The only fault that a command reports, and its exit code.
fn fault(words: &[&str]) -> (Option<i32>, Value) {
    let output = kartud(words);
    let told = json_of(&output);
    let faults = told["faults"].as_array().unwrap_or_else(|| panic!("{told:#}"));
    assert_eq!(faults.len(), 1, "{told:#}");
    let message = &faults[0]["message"];
    assert_ne!(message["id"], message["en"]);
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complained.contains(message["en"].as_str().unwrap()), "{complained}");
    (output.status.code(), faults[0].clone())
}

fn put(folder: &Path, name: &str, text: &str) -> String {
    std::fs::write(folder.join(name), text).unwrap();
    folder.join(name).display().to_string()
}

#[test]
fn what_is_wrong_with_a_profile() {
    let folder = tempfile::tempdir().unwrap();
    let pin = std::fs::read_to_string(format!("{SHIPPED}pin.toml")).unwrap();
    let wrong = put(folder.path(), "wrong.toml", &pin.replace("pad_to = 8", "padto = 8"));
    let line = 1 + pin.lines().position(|line| line.contains("pad_to = 8")).unwrap();
    let reader = ["--encoder", "pn532:serial:/dev/null"];
    let trial = [&["chip", "try", &wrong, "--json"], &reader[..]].concat();
    for words in [&["chip", "check", &wrong, "--json"][..], &trial] {
        let (code, fault) = fault(words);
        assert_eq!((code, &fault["file"], &fault["line"]), (Some(5), &json!(wrong), &json!(line)));
        assert_eq!(fault["key"], "step[3].verify.padto");
    }
    let nowhere = folder.path().join("none.toml").display().to_string();
    let (code, fault) = fault(&["chip", "check", &nowhere, "--json"]);
    assert_eq!((code, &fault["file"]), (Some(1), &json!(nowhere)));
}

#[test]
fn what_a_trial_lacks() {
    let ntag = format!("{SHIPPED}ntag.toml");
    let reader = "pn532:serial:/nowhere/reader";
    let (code, told) = fault(&["chip", "try", &ntag, "--json", "--encoder", reader]);
    assert_eq!((code, &told["kind"]), (Some(5), &json!("value_missing")));
    let classic = format!("{SHIPPED}classic.toml");
    let value = ["--value", "record=00"];
    let words = ["chip", "try", &classic, "--json", "--encoder", reader];
    let (code, told) = fault(&[&words[..], &value].concat());
    assert_eq!((code, &told["kind"]), (Some(5), &json!("key_missing")));
    let file = ["--value", "record=@/nowhere/record"];
    let words = ["chip", "try", &ntag, "--json", "--encoder", reader];
    let (code, told) = fault(&[&words[..], &file].concat());
    assert_eq!((code, &told["file"]), (Some(1), &json!("/nowhere/record")));
    let gone = kartud(&[&words[..], &value].concat());
    let told = json_of(&gone);
    assert_eq!((gone.status.code(), &told["fault"]["kind"]), (Some(4), &json!("reader")));
    for (id, en) in [("--encoder", "--encoder"), ("alamatnya", "its address")] {
        let message = &told["fault"]["message"];
        assert!(message["id"].as_str().unwrap().contains(id), "{message}");
        assert!(message["en"].as_str().unwrap().contains(en), "{message}");
        assert!(!message.to_string().contains("kartud.toml"), "{message}");
    }
    let words = ["chip", "try", &ntag, "--json", "--encoder", "pn532:the first one"];
    let (code, told) = fault(&[&words[..], &value].concat());
    assert_eq!((code, &told["kind"]), (Some(2), &json!("reader")));
    assert!(told["message"]["en"].as_str().unwrap().contains("no address like serial:"));
}

#[test]
fn what_a_profile_wants_of_the_vault() {
    let told = json_of(&kartud(&["chip", "check", &format!("{SHIPPED}pin.toml"), "--json"]));
    assert_eq!(told["keys"], json!([{ "name": "pin", "kind": "PIN", "bytes": "1-8" }]));
    let told = out(&kartud(&["chip", "check", &format!("{SHIPPED}globalplatform.toml")]));
    let line = "isd-new: channel keys ENC MAC DEK, 48, 72, 96 bytes, in hexadecimal";
    assert!(told.contains(line), "{told}");
}

#[test]
fn what_is_wrong_with_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let config = put(folder.path(), "kartud.toml", "[http]\nlissten = 1\n");
    let (code, told) = fault(&["check-config", &config, "--json"]);
    assert_eq!((code, &told["file"], &told["line"]), (Some(5), &json!(config), &json!(2)));
    let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    let shown = command.args(["check-config", &config]).env("LC_ALL", "id_ID.UTF-8").output();
    let shown = String::from_utf8_lossy(&shown.unwrap().stderr).into_owned();
    assert!(
        shown.contains("line 2: http.lissten: kunci tidak dikenal; yang paling mirip: listen"),
        "{shown}"
    );
    put(folder.path(), "office.toml", "nam = \"\"\n");
    let config = put(folder.path(), "kartud.toml", "[office]\nprofile = \"office.toml\"\n");
    let wrong = kartud(&["check-config", &config, "--json"]);
    let told = json_of(&wrong);
    let office = folder.path().join("office.toml").display().to_string();
    let first = told["faults"].as_array().unwrap().iter().find(|fault| fault["line"] == 1).unwrap();
    assert_eq!((wrong.status.code(), &first["file"]), (Some(5), &json!(office)));
    assert_ne!(first["message"]["id"], first["message"]["en"]);
    let config = put(folder.path(), "kartud.toml", "");
    let good = kartud(&["check-config", &config, "--json"]);
    let told = json_of(&good);
    assert_eq!(
        (good.status.code(), &told["good"], &told["faults"]),
        (Some(0), &json!(true), &json!([]))
    );
    assert!(told["notes"].to_string().contains("ditahan (H_NO_ENCODER)"), "{told:#}");
}

#[test]
fn the_entry_of_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys").display().to_string();
    let words = ["--folder", keys.as_str(), "--label", "Kantor"];
    let made = json_of(&kartud(&[&["keys", "new", "document", "--json"], &words[..]].concat()));
    let shown = kartud(&[&["keys", "show", "document", "--json"], &words[..]].concat());
    assert_eq!(made, json_of(&shown));
    let list = out(&kartud(&[&["keys", "show", "document"], &words[..]].concat()));
    assert_eq!(made["name"], "Kantor");
    for part in ["kid", "public"] {
        assert!(list.contains(made[part].as_str().unwrap()), "{part}: {made:#}");
    }
    assert!(!made.to_string().contains("PRIVATE"));
    let config = put(folder.path(), "kartud.toml", "[http]\nlissten = 1\n");
    let (code, told) = fault(&["keys", "show", "document", "--json", "--config", &config]);
    assert_eq!((code, &told["line"]), (Some(5), &json!(2)));
}
