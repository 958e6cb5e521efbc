//! The result of profiles on emulated cards: file cards over every protocol, tags, MIFARE Classic.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::bench::{CANARY, Table, record, values};
use super::profile;
use crate::chip::{Blame, FaultKind, Profile, SecretLength, Values};

const STAF: &str = include_str!("../../../config/products/staf/chip.toml");

fn staf() -> Profile {
    Profile::parse(STAF).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// The content of file 0101, from the card's state.
fn file_0101(state: &Value) -> Vec<u8> {
    let found = find(&state["content"]).unwrap_or_else(|| panic!("{state:#}"));
    crate::chip::hex(found["content"].as_str().unwrap()).unwrap()
}

fn find(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(keys) if keys.get("fid").is_some_and(|fid| fid == "0101") => Some(value),
        Value::Object(keys) => keys.values().find_map(find),
        Value::Array(items) => items.iter().find_map(find),
        _ => None,
    }
}

#[test]
fn a_staff_card_is_written_read_back_and_sealed() {
    let mut table = Table::new(json!({"kind": "file"}));
    let written = table.written(&staf(), &values(429));
    assert_eq!(file_0101(&table.state()), record(429));
    let hash: [u8; 32] = Sha256::digest(record(429)).into();
    assert_eq!((written.content_sha256, written.content_bytes), (hash, 429));
    let names: Vec<&str> = written.steps.iter().map(|step| step.name.as_str()).collect();
    let all = [
        "1 select_aid",
        "create application",
        "create file",
        "write",
        "seal file",
        "select again",
        "seal",
    ];
    assert_eq!(names, all);
    assert!(written.steps.iter().all(|step| step.took == Duration::from_secs(1)));
    let apdus: u32 = written.steps.iter().map(|step| step.apdus).sum();
    assert_eq!(written.apdus, apdus);
    assert_eq!(written.steps[3].bytes, 429);
    // The card is sealed and no longer a blank, whatever is to be written.
    let again = table.run(&staf(), &values(429)).unwrap_err();
    assert_eq!((again.step.as_str(), &again.kind), ("1 select_aid", &FaultKind::Answer(0x9000)));
    assert!(!again.card_touched);
    assert_eq!(file_0101(&table.state()), record(429), "and what stood there stands there still");
}

/// Writes and reads back over T=0 with its fetched responses and over T=1, in short and extended form, with blocks of
/// every size.
#[test]
fn every_protocol_and_every_block_size_carry_the_same_record() {
    let cards = [
        json!({"kind": "file", "interface": "contact", "protocol": "t0"}),
        json!({"kind": "file", "interface": "contact", "protocol": "t1", "extended": false}),
        json!({"kind": "file", "interface": "contact", "protocol": "t1"}),
        json!({"kind": "file", "interface": "contactless"}),
    ];
    let mut commands = Vec::new();
    for card in cards {
        for block in [1, 7, 200, 255, 256, 300, 60_000] {
            let text = STAF
                .replace("reader = \"contactless\"", "")
                .replace("block = 240", &format!("block = {block}"));
            let profile = Profile::parse(&text).unwrap();
            let mut table = Table::new(card.clone());
            if card["extended"] == false {
                table.reader = table.reader.short_only();
            }
            let written = table.written(&profile, &values(601));
            assert_eq!(file_0101(&table.state()), record(601), "{card} {block}");
            commands.push((block, written.apdus));
        }
    }
    let of = |block| commands.iter().filter(move |(b, _)| *b == block).map(|(_, n)| *n);
    assert!(of(1).all(|n| n > 1200) && of(200).all(|n| n < 40), "{commands:?}");
    assert!(of(60_000).any(|n| n < 12), "one extended command carries it all: {commands:?}");
}

#[test]
fn the_t0_card_has_its_answers_fetched() {
    let mut table = Table::new(json!({"kind": "file", "interface": "contact", "protocol": "t0"}));
    let profile = Profile::parse(&STAF.replace("reader = \"contactless\"", "")).unwrap();
    table.written(&profile, &values(100));
    assert!(table.shown.contains("header: [0, 192, 0, 0]"), "GET RESPONSE: {}", table.shown);
}

/// A larger file on a used card would be sealed with the rest of the earlier record after this one.
#[test]
fn a_card_that_was_begun_is_no_blank() {
    let mut table = Table::new(json!({"kind": "file"}));
    table.change(json!({"faults": {"wrong_status": {"command": 5, "status": "6581"}}}));
    let broken = table.run(&staf(), &values(64)).unwrap_err();
    assert_eq!((broken.step.as_str(), broken.kind), ("write", FaultKind::Answer(0x6581)));
    table.change(json!({"faults": {"wrong_status": null}}));
    let again = table.run(&staf(), &values(60)).unwrap_err();
    assert_eq!((again.kind.clone(), again.blame()), (FaultKind::Answer(0x9000), Blame::Card));
    assert!(again.words().id.contains("padahal seharusnya tidak"), "{}", again.words().id);
}

#[test]
fn a_card_whose_answers_lead_past_its_own_data_is_not_good() {
    let steps = profile(
        "[[step]]\nselect_aid = \"3F00\"\non = { \"6A82\" = \"end\" }\n\
         [[step]]\nupdate_binary = { fid = \"0101\", data = \"record\" }\n\
         [[step]]\nlabel = \"end\"\nselect_aid = \"F04B494101\"\nexpect = [\"6A82\"]\n",
    );
    let fault = Table::new(json!({"kind": "file"})).run(&steps, &values(64)).unwrap_err();
    assert_eq!(
        (fault.kind.clone(), fault.blame()),
        (FaultKind::LeftOut("record".into()), Blame::Card)
    );
}

#[test]
fn a_pin_opens_what_it_bars() {
    let content = json!([{"fid": "3F00", "files": [
        {"fid": "0101", "size_bytes": 40, "update": "pin", "active": true}]}]);
    let card = json!({"kind": "file", "pin": "4B414E4152493132", "content": content});
    let write = "[[step]]\nupdate_binary = { fid = \"0101\", data = \"record\" }\n";
    let shut = Table::new(card.clone()).run(&profile(write), &values(32)).unwrap_err();
    assert_eq!(shut.kind, FaultKind::Answer(0x6982));
    let verify = format!("[[step]]\nverify = {{ key = \"vault:pin\", reference = 1 }}\n{write}");
    let mut table = Table::new(card.clone());
    table.keys = std::mem::take(&mut table.keys).with("pin", b"KANARI12");
    table.written(&profile(&verify), &values(32));
    let mut table = Table::new(card);
    table.keys = std::mem::take(&mut table.keys).with("pin", b"KANARI13");
    let wrong = table.run(&profile(&verify), &values(32)).unwrap_err();
    assert_eq!(
        (wrong.kind.clone(), wrong.blame()),
        (FaultKind::NotAuthentic("pin".into()), Blame::Setup)
    );
    assert_eq!(table.state()["pin_tries_left"], 2, "a wrong PIN is shown once and not again");
}

fn content(table: &Table) -> Vec<u8> {
    crate::chip::hex(table.state()["content"].as_str().unwrap()).unwrap()
}

#[test]
fn a_tag_holds_the_record_as_an_ndef_message_and_is_locked() {
    let steps = "[[step]]\nndef = { data = \"record\", type = \"kartu.example:record\" }\n\
                 [[step]]\nlock = true\nirreversible = true\n";
    for (kind, bytes) in [("ntag213", 100), ("ntag215", 429), ("ntag216", 800)] {
        let mut table = Table::new(json!({"kind": kind}));
        let written = table.written(&profile(steps), &values(bytes));
        let hash: [u8; 32] = Sha256::digest(record(bytes)).into();
        assert_eq!((written.content_sha256, written.content_bytes), (hash, bytes), "{kind}");
        let block = content(&table);
        let kept = block.windows(bytes).any(|window| window == record(bytes));
        assert!(
            kept && block.windows(20).any(|window| window == b"kartu.example:record"),
            "{kind}"
        );
        let again = table.run(&profile(steps), &values(bytes)).unwrap_err();
        assert_eq!(
            (again.step.as_str(), again.kind),
            ("1 ndef", FaultKind::Answer(0x6982)),
            "{kind}"
        );
        assert_eq!(content(&table), block, "{kind} is locked");
    }
}

#[test]
fn a_tag_that_is_too_small_or_not_made_ready_is_left_alone() {
    let steps =
        profile("[[step]]\nndef = { data = \"record\", type = \"kartu.example:record\" }\n");
    let mut small = Table::new(json!({"kind": "ntag213"}));
    let before = content(&small);
    let fault = small.run(&steps, &values(429)).unwrap_err();
    assert!(matches!(fault.kind, FaultKind::TooLong { fits: 144, .. }), "{fault:?}");
    assert_eq!(content(&small), before);
    let bare = Table::new(json!({"kind": "ultralight"})).run(&steps, &values(20)).unwrap_err();
    assert_eq!(bare.kind, FaultKind::NoNdef);
}

#[test]
fn pages_are_written_where_the_profile_says() {
    let steps = profile("[[step]]\npage_write = { page = 6, data = \"record\" }\n");
    for (kind, bytes) in [("ultralight", 37), ("ntag216", 222)] {
        let mut table = Table::new(json!({"kind": kind}));
        table.written(&steps, &values(bytes));
        assert_eq!(content(&table)[24..24 + bytes], record(bytes), "{kind}");
    }
    let over = Table::new(json!({"kind": "ultralight"})).run(&steps, &values(60)).unwrap_err();
    assert!(matches!(over.kind, FaultKind::Answer(_)), "{over:?}");
}

#[test]
fn a_classic_card_is_written_over_its_sectors_and_no_trailer_is_touched() {
    let steps = |letter: &str| {
        let step = "[[step]]\nclassic_write = { sector = 2, key = \"vault:classic\", key_type = \"X\", data = \"record\" }\n";
        profile(&step.replace('X', letter))
    };
    let mut table = Table::new(json!({"kind": "classic_1k"}));
    table.keys = std::mem::take(&mut table.keys).with("classic", &[0xFF; 6]);
    let before = content(&table);
    table.written(&steps("A"), &values(429));
    let after = content(&table);
    let blocks: Vec<&[u8]> = after.chunks(16).collect();
    let data = blocks.iter().enumerate().filter(|(at, _)| *at >= 8 && at % 4 != 3);
    let data: Vec<u8> = data.flat_map(|(_, block)| block.to_vec()).collect();
    assert_eq!(data[..429], record(429));
    assert!(data[429..].iter().all(|byte| *byte == 0));
    for trailer in (3..64).step_by(4) {
        assert_eq!(after[trailer * 16..][..16], before[trailer * 16..][..16]);
    }
    let mut wrong = Table::new(json!({"kind": "classic_1k"}));
    wrong.keys = std::mem::take(&mut wrong.keys).with("classic", b"KANARI");
    for letter in ["A", "B"] {
        let fault = wrong.run(&steps(letter), &values(429)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotAuthentic("classic".into()), "{letter}");
    }
    let mut short = Table::new(json!({"kind": "classic_1k"}));
    short.keys = std::mem::take(&mut short.keys).with("classic", &CANARY[..5]);
    let fault = short.run(&steps("A"), &values(429)).unwrap_err();
    assert_eq!(
        fault.kind,
        FaultKind::KeyLength { name: "classic".into(), wanted: SecretLength::Sector }
    );
    let much = Values::new().with("record", record(4000));
    let fault = wrong.run(&steps("A"), &much).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooLong { needs: 4000, fits: 30 * 48 + 8 * 240 });
    assert!(!fault.card_touched);
}
