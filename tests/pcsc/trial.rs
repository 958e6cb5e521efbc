//! A technician tries a profile: `kartud chip try` at a reader behind pcscd.

use std::fs;
use std::path::{Path, PathBuf};

use drivers::encoder::Interface;
use emulators::card::SharedChip;
use serde_json::{Value, json};

use crate::Test;
use crate::cards::{self, trouble};
use crate::office::{FIRST, Inserted, Pcscd, Rig, open};
use crate::process::{json_of, kartud, ran};

pub const TESTS: &[Test] = &[
    ("a_profile_is_tried_on_a_card", a_profile_is_tried_on_a_card),
    ("a_mute_card_does_not_hold_the_trial", a_mute_card_does_not_hold_the_trial),
    ("a_trial_without_a_card_or_a_reader", a_trial_without_a_card_or_a_reader),
];

const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/products/staf/chip.toml");
/// What must never be shown, as text and as its bytes.
const CANARY: (&str, &str) = ("KENARI", "4B454E415249");

/// Where the value lies that the profile writes.
fn value(folder: &Path) -> PathBuf {
    let file = folder.join("record");
    fs::write(&file, CANARY.0.repeat(60)).unwrap();
    file
}

fn blank() -> SharedChip {
    cards::empty(Interface::Contactless, emulators::card::Protocol::T1)
}

/// Tries it; exit code and everything that was said.
fn tried(rig: &Rig, folder: &Path, reader: &str, more: &[&str]) -> (Option<i32>, String) {
    let value = format!("record=@{}", value(folder).display());
    let words = ["chip", "try", PROFILE, "--encoder", reader, "--value", &value];
    let (code, said) = ran(rig, &[&words[..], more].concat());
    let upper = said.to_uppercase();
    assert!(!upper.contains(CANARY.0) && !upper.contains(CANARY.1), "{said}");
    (code, said)
}

fn first() -> String {
    format!("pcsc:{}", FIRST.0)
}

fn a_profile_is_tried_on_a_card(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = blank();
    let _inserted = Inserted::into_slot(FIRST, &card);
    drop(open(FIRST.0));
    let (code, said) = tried(rig, folder.path(), &first(), &[]);
    assert_eq!(code, Some(0), "{said}");
    // Headers, lengths, status words, and how it ended.
    for part in ["card contactless  uid 044B", "00 A4 04 00  Lc 5", "SW 6A82", "SW 9000"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("360 bytes written and read back"), "{said}");
    let on_it = &card.lock().state()["content"][1]["files"][0]["content"];
    assert_eq!(on_it, &json!(CANARY.1.repeat(60)), "what was given stands on the card");
    // The profile seals the card: it can be written once.
    let words = ["chip", "try", PROFILE, "--json", "--encoder", &first(), "--value", "record=00"];
    let again = kartud(rig, &words).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    let told = json_of(&again);
    assert_eq!((&told["fault"]["kind"], &told["written"]), (&json!("answer"), &Value::Null));
}

fn a_mute_card_does_not_hold_the_trial(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = blank();
    let inserted = Inserted::into_slot(FIRST, &card);
    drop(open(FIRST.0));
    // The identifier is asked for as well.
    trouble(&card, &json!({ "mute_after": 4 }));
    let (code, said) = tried(rig, folder.path(), &first(), &["--deadline", "2"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("The card reader is stuck: no answer within 2 s."), "{said}");
    drop(inserted);
}

fn a_trial_without_a_card_or_a_reader(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let mut pcscd = Pcscd::with_vpcd(rig, folder.path());
    drop(open(FIRST.0));
    let meet = |reader: &str, code, words: &str| {
        let (ended, said) = tried(rig, folder.path(), reader, &["--patience", "1"]);
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    };
    meet(&first(), 1, "No card was seen within 1 s.");
    meet("pcsc:reader:Another*", 4, "The card reader reader:Another* is not connected.");
    meet("pcsc:reader:Virtual*", 1, "fits more than one card reader");
    meet("pcsc:the first one", 2, "cannot do this");
    pcscd.kill();
    meet(&first(), 4, "The service pcscd, which drives the card readers, is not running.");
}
