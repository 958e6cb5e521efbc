//! Profiles through a secure channel, on a card with a security domain.

use serde_json::{Value, json};

use super::bench::{Keys, Table, record, values};
use super::{profile, text};
use crate::chip::{Blame, FaultKind, Profile, Values};

const LEVELS: [&str; 5] =
    ["cmac", "cmac+cenc", "cmac+rmac", "cmac+cenc+rmac", "cmac+cenc+rmac+renc"];

/// Three different keys; all of them contain the canary's digits.
fn keys(length: usize, first: u8) -> Vec<u8> {
    let key = |number: u8| {
        let mut key = record(length);
        key[length - 1] = first + number;
        key
    };
    [key(0), key(1), key(2)].concat()
}

/// A card whose file 0101 can be written only through a secure channel.
fn card(all: &[u8], interface: &str) -> Value {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let key = |place: usize| hex(&all[place * all.len() / 3..][..all.len() / 3]);
    json!({
        "kind": "file", "interface": interface, "protocol": "t0",
        "domain": {"version": 48, "enc": key(0), "mac": key(1), "dek": key(2)},
        "content": [{"fid": "3F00", "files": [
            {"fid": "0101", "size_bytes": 700, "update": "secure", "active": true}]}],
    })
}

fn steps(level: &str, key_version: u8) -> String {
    format!(
        "[[step]]\nsecure = {{ scp = \"03\", keys = \"vault:isd\", key_version = {key_version}, level = \"{level}\" }}\n\
         [[step]]\nupdate_binary = {{ fid = \"0101\", data = \"record\", block = 255 }}\n"
    )
}

const PUT: &str = "[[step]]\nput_key = { keys = \"vault:new\", key_version = 1, replaces = 48 }\nirreversible = true\n";

fn table(card: Value, isd: &[u8]) -> Table {
    let mut table = Table::new(card);
    table.keys = Keys::default().with("isd", isd).with("new", &keys(16, 7));
    table
}

#[test]
fn every_level_and_every_key_length_write_the_same_record() {
    for level in LEVELS {
        for (length, interface) in [(16, "contactless"), (24, "contact"), (32, "contactless")] {
            let mut table = table(card(&keys(length, 1), interface), &keys(length, 1));
            let written = table.written(&profile(&steps(level, 48)), &values(620));
            assert_eq!(written.content_bytes, 620, "{level} {length}");
            assert!(table.state().to_string().contains("4B414E415249"), "{level} {length}");
        }
    }
}

#[test]
fn without_the_channel_the_file_is_shut() {
    let only = steps("cmac", 48).split_inclusive("[[step]]").skip(2).collect::<String>();
    let only = Profile::parse(&text(&format!("[[step]]{only}"))).unwrap();
    let fault = table(card(&keys(16, 1), "contactless"), &[]).run(&only, &values(9)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Answer(0x6982));
    // Another application has another security domain: a channel opened before does not count there.
    let left = steps("cmac", 48).replacen(
        "[[step]]\nupdate",
        "[[step]]\nselect_aid = \"A000000151000000\"\n[[step]]\nupdate",
        1,
    );
    let fault = table(card(&keys(16, 1), "contactless"), &keys(16, 1));
    let fault = { fault }.run(&profile(&left), &values(9)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Answer(0x6982));
}

#[test]
fn new_keys_take_the_place_of_the_old_ones() {
    let mut table = table(card(&keys(16, 1), "contactless"), &keys(16, 1));
    let renewing = profile(&(steps("cmac+cenc+rmac", 48) + PUT));
    table.written(&renewing, &values(100));
    let old = table.run(&renewing, &values(100)).unwrap_err();
    assert_eq!(old.step, "1 secure");
    assert!(matches!(old.kind, FaultKind::Answer(_) | FaultKind::NotAuthentic(_)), "{old:?}");
    table.keys = Keys::default().with("isd", &keys(16, 7));
    table.written(&profile(&steps("cmac", 1)), &values(100));
}

#[test]
fn wrong_keys_spoil_no_second_card() {
    let mut table = table(card(&keys(16, 1), "contactless"), &keys(16, 4));
    let fault = table.run(&profile(&steps("cmac", 0)), &values(100)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotAuthentic("isd".into()));
    assert_eq!(fault.blame(), Blame::Setup);
    assert!(fault.words().id.contains("kunci isd"));
    for wrong in [0, 15, 16, 47, 49, 120] {
        table.keys = Keys::default().with("isd", &record(wrong));
        let fault = table.run(&profile(&steps("cmac", 0)), &values(100)).unwrap_err();
        assert!(matches!(fault.kind, FaultKind::KeyLength { .. }), "{wrong}: {fault:?}");
        assert!(!fault.card_touched);
    }
}

#[test]
fn a_card_with_everybodys_keys_is_not_let_out() {
    let known = b"@ABCDEFGHIJKLMNO".repeat(3);
    let mut open = table(card(&known, "contactless"), &known);
    let fault = open.run(&profile(&steps("cmac", 48)), &values(100)).unwrap_err();
    assert_eq!((fault.kind.clone(), fault.blame()), (FaultKind::KnownKeys, Blame::Setup));
    let mut renewed = table(card(&known, "contactless"), &known);
    renewed.written(&profile(&(steps("cmac", 48) + PUT)), &values(100));
    // Keys added beside the old ones do not replace them.
    let beside = steps("cmac", 48) + &PUT.replace(", replaces = 48", "");
    let mut beside_them = table(card(&known, "contactless"), &known);
    let fault = beside_them.run(&profile(&beside), &values(100)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::KnownKeys);
    // New keys of another application do not count either, however it was selected.
    let select = |step: &str| format!("[[step]]\n{step}\n");
    let both = select("select_aid = \"A000000151000000\"")
        + &steps("cmac", 48)
        + &select("apdu = \"00A40400 05 A000000151\"")
        + &steps("cmac", 48)
        + PUT;
    let mut other = table(card(&known, "contactless"), &known);
    let fault = other.run(&profile(&both), &values(100)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::KnownKeys);
    // Default keys are gone after the first key set, according to the card's own list.
    let mut factory = card(&known, "contactless");
    factory["domain"]["version"] = json!(255);
    let mut table = table(factory, &known);
    table.written(
        &profile(&(steps("cmac+rmac", 255) + &PUT.replace(", replaces = 48", ""))),
        &values(100),
    );
}

#[test]
fn what_is_changed_on_its_way_through_the_channel_is_found() {
    let commands = {
        let mut table = table(card(&keys(16, 1), "contactless"), &keys(16, 1));
        table.written(&profile(&steps("cmac+rmac", 48)), &values(300)).apdus
    };
    for answer in 1..=commands {
        let mut table = table(card(&keys(16, 1), "contactless"), &keys(16, 1));
        table.change(json!({"faults": {"bit_flip": {"answer": answer, "bit": 131}}}));
        let fault = match table.run(&profile(&steps("cmac+rmac", 48)), &values(300)) {
            // The response to EXTERNAL AUTHENTICATE has no data to modify.
            Ok(_) => continue,
            Err(fault) => fault,
        };
        let known = matches!(
            fault.kind,
            FaultKind::Unprotected | FaultKind::NotAuthentic(_) | FaultKind::AnswerLength
        );
        assert!(known, "answer {answer}: {fault:?}");
        assert!(table.run(&profile(&steps("cmac", 48)), &Values::new()).is_err());
    }
}
