//! Every profile of `config/chips` completes on the emulated card of its kind, as the help of `kartud emulate card`
//! describes that card, with keys from a vault as docs/chips.md describes them.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use emulators::card::direct::Direct;
use emulators::card::{CardSettings, Field};
use serde_json::{Value, json};

use super::{on_a_card, show};
use crate::chip::{Profile, Values};
use crate::cli::emulate::card_file;
use crate::vault::Vault;

/// Key ENC, MAC and DEK, one per line.
const ISD: &str = "404142434445464748494A4B4C4D4E4F\n404142434445464748494A4B4C4D4E4F\n404142434445464748494A4B4C4D4E4F\n";
const KEYS: [(&str, &str); 4] = [
    ("isd", ISD),
    (
        "isd-new",
        "00112233445566778899aabbccddeeff 102132435465768798a9bacbdcedfe0f 2031425364758697a8b9cadbecfd0e1f",
    ),
    ("pin", "313233343536"),
    ("classic", "FFFFFFFFFFFF"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/chips")
}

fn profile(name: &str) -> Profile {
    let text = fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
    Profile::parse(&text).unwrap_or_else(|faults| panic!("{name}: {faults:#?}"))
}

/// Runs the profile twice on one card: the output of both runs, and then the card's content.
fn tried(name: &str, card: &str) -> (Value, Value, Value) {
    let (_, text) =
        card_file::EXAMPLES.into_iter().find(|(what, _)| what.starts_with(card)).unwrap();
    let card = toml::from_str::<CardSettings>(text).unwrap().make().unwrap();
    let (profile, field) = (profile(name), Field::default());
    field.put(card.clone());
    let keys = tempfile::tempdir().unwrap();
    for (name, text) in KEYS {
        fs::write(keys.path().join(name), text).unwrap();
        fs::set_permissions(keys.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let vault = Vault::of(None, Some(keys.path().into()));
    let values = Values::new()
        .with("record", vec![0xA5; 130])
        .with("card_number", "1301-2026-S2")
        .with("field:nama", "RINA CONTOH");
    let mut reader = Direct::new(field);
    let mut run = || {
        let mut trace = show::Trace::new(true);
        let done =
            on_a_card(&mut reader, Duration::from_secs(1), &profile, (&values, &vault), &mut trace);
        trace.told(&done)
    };
    let (first, second) = (run(), run());
    let state = card.lock().state();
    assert_eq!(first["fault"], Value::Null, "{name}: {first:#}");
    (first, second, state)
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn every_example_is_among_those_that_are_run() {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["classic", "globalplatform", "ntag", "pin", "ultralight"]);
}

#[test]
fn a_tag_is_written_and_locked() {
    let (first, second, state) = tried("ntag", "NTAG215");
    assert_eq!(first["written"]["bytes"], 130);
    let content = state["content"].as_str().unwrap();
    assert!(content.contains(&digits(b"kartu.example:record")), "{content}");
    assert!(content.contains(&digits(&[0xA5; 130])));
    assert_eq!(second["fault"]["kind"], "answer", "it is read-only");
}

#[test]
fn sectors_and_pages_are_written() {
    let (first, second, state) = tried("classic", "MIFARE Classic");
    assert_eq!((&first["written"]["bytes"], &second["fault"]), (&json!(130), &Value::Null));
    assert!(state["content"].as_str().unwrap()[128..].starts_with(&digits(&[0xA5; 48])));
    let (first, second, state) = tried("ultralight", "MIFARE Ultralight");
    assert_eq!(first["written"]["bytes"], 12 + 4);
    let content = state["content"].as_str().unwrap();
    assert!(
        content[32..].starts_with(&digits(b"1301-2026-S2")) && content.ends_with(&digits(b"KOTA"))
    );
    assert_eq!(second["fault"]["kind"], "answer", "it is read-only");
}

#[test]
fn everybodys_keys_are_replaced_and_the_file_is_shut() {
    let (_, second, state) = tried("globalplatform", "a security domain");
    let versions = state["domain"]["keys"].as_array().unwrap();
    assert_eq!(versions.len(), 1, "{versions:?}");
    assert_eq!(versions[0]["version"], 1);
    let file = &state["content"][0]["files"][0];
    assert_eq!(file["content"], digits(&[0xA5; 130]));
    assert_eq!((&file["update"], &file["active"]), (&json!("secure"), &json!(true)));
    assert_eq!(second["fault"]["step"], "2 secure", "the old keys are gone: {second:#}");
}

#[test]
fn a_pin_opens_the_file() {
    let (first, second, state) = tried("pin", "files behind a PIN");
    assert_eq!((&first["written"]["bytes"], &second["fault"]), (&json!(11), &Value::Null));
    assert_eq!(state["pin_tries_left"], 3);
    let content = state["content"].to_string();
    assert!(content.contains(&digits(b"RINA CONTOH")), "{content}");
}

#[test]
fn what_a_profile_needs_of_the_vault_is_told_with_its_lengths() {
    let of = |name: &str| -> Vec<Value> {
        profile(name).secrets().iter().map(show::key_as_json).collect()
    };
    let channel = |name: &str| json!({"name": name, "kind": "channel keys ENC MAC DEK", "bytes": "48, 72, 96"});
    assert_eq!(of("globalplatform"), [channel("isd"), channel("isd-new")]);
    assert_eq!(of("pin"), [json!({"name": "pin", "kind": "PIN", "bytes": "1-8"})]);
    assert_eq!(of("classic"), [json!({"name": "classic", "kind": "sector key", "bytes": "6"})]);
    assert!(of("ntag").is_empty());
}
