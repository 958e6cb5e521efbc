//! Faults of a card while it is written, and how they are reported. After each of them no card is called good, and no
//! report contains personal data.

use serde_json::json;

use super::bench::{Table, record, values};
use super::profile;
use crate::chip::{Blame, FaultKind, Profile, Values};

const STAF: &str = include_str!("../../../config/products/staf/chip.toml");

fn staf() -> Profile {
    Profile::parse(STAF).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// Number of commands for a staff card.
fn commands() -> u32 {
    Table::new(json!({"kind": "file"})).written(&staf(), &values(429)).apdus
}

#[test]
fn card_pulled_out_while_written() {
    for done in [false, true] {
        for after in 0..commands() {
            let mut table = Table::new(json!({"kind": "file"}));
            table.change(json!({"faults": {"torn_out_after": after, "torn_out_done": done}}));
            let fault = table.run(&staf(), &values(429)).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Lost, "after {after}");
            assert_eq!(fault.blame(), Blame::Card);
            assert_eq!(fault.card_touched, after > 0, "after {after}");
            assert!(!fault.step.is_empty());
        }
    }
}

#[test]
fn a_card_that_falls_silent_is_a_lost_card() {
    for after in 0..commands() {
        let mut table = Table::new(json!({"kind": "file"}));
        table.change(json!({"faults": {"mute_after": after}}));
        assert_eq!(table.run(&staf(), &values(429)).unwrap_err().kind, FaultKind::Lost);
    }
}

#[test]
fn a_wrong_answer_to_any_command_ends_it_with_step_and_status() {
    for command in 1..=commands() {
        let mut table = Table::new(json!({"kind": "file"}));
        table.change(json!({"faults": {"wrong_status": {"command": command, "status": "6581"}}}));
        let fault = table.run(&staf(), &values(429)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Answer(0x6581), "command {command}");
        let words = fault.words();
        for told in [words.id, words.en] {
            assert!(
                told.contains("SW6581") && told.contains(&format!("\"{}\"", fault.step)),
                "{told}"
            );
        }
    }
}

#[test]
fn one_bit_that_differs_when_read_back_spoils_the_card() {
    // The run itself shows which responses carry content.
    let mut differed = 0;
    for answer in 1..=commands() {
        let mut table = Table::new(json!({"kind": "file"}));
        table.change(json!({"faults": {"bit_flip": {"answer": answer, "bit": 77}}}));
        match table.run(&staf(), &values(429)) {
            Ok(written) => assert_eq!(written.content_bytes, 429, "an answer without content"),
            Err(fault) => {
                assert_eq!((fault.step.as_str(), &fault.kind), ("write", &FaultKind::Different));
                assert!(fault.words().en.contains("spoiled"));
                differed += 1;
            }
        }
    }
    assert_eq!(differed, 2, "429 bytes are read back in two blocks");
}

#[test]
fn what_is_not_there_is_told_before_the_card_is_touched() {
    let mut table = Table::new(json!({"kind": "file"}));
    let fault = table.run(&staf(), &Values::new()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoValue("record".into()));
    assert_eq!((fault.card_touched, fault.blame()), (false, Blame::Setup));
    assert!(!table.shown.contains("header"), "nothing was sent");
    let verify = profile("[[step]]\nverify = { key = \"vault:pin\" }\n");
    let fault = table.run(&verify, &Values::new()).unwrap_err();
    assert!(matches!(&fault.kind, FaultKind::NoKey { name, .. } if name == "pin"));
    assert!(fault.words().id.contains("kunci pin") && fault.words().en.contains("key pin"));
    assert!(!table.shown.contains("header"), "nothing was sent");
}

#[test]
fn a_card_in_the_wrong_kind_of_reader_is_told() {
    let mut table = Table::new(json!({"kind": "file", "interface": "contact"}));
    let fault = table.run(&staf(), &values(9)).unwrap_err();
    assert!(matches!(fault.kind, FaultKind::OtherInterface(_)), "{fault:?}");
}

#[test]
fn a_card_without_room_says_so_and_a_file_that_is_too_short_too() {
    let mut full = Table::new(json!({"kind": "file", "memory_bytes": 300}));
    let fault = full.run(&staf(), &values(429)).unwrap_err();
    assert_eq!((fault.step.as_str(), fault.kind), ("create file", FaultKind::Answer(0x6A84)));
    let long = Table::new(json!({"kind": "file"})).run(&staf(), &values(40_000)).unwrap_err();
    assert!(long.words().en.contains("SW6A84") || matches!(long.kind, FaultKind::TooLong { .. }));
    let huge = Table::new(json!({"kind": "file"})).run(&staf(), &values(70_000)).unwrap_err();
    assert_eq!(huge.kind, FaultKind::TooLong { needs: 70_000, fits: 65_535 });
}

/// The parser ensures that everything is read back without jumps; a jump may skip the reading.
#[test]
fn a_way_on_which_something_stays_unread_does_not_end_well() {
    let content = json!([{"fid": "3F00", "files": [{"fid": "0101", "size_bytes": 64}]}]);
    let card = json!({"kind": "file", "content": content});
    let steps = "
[[step]]
update_binary = { fid = \"0101\", data = \"record\", verify = false }
[[step]]
apdu = \"00A4000C 02 0999\"
on = { \"6A82\" = \"final\" }
[[step]]
read_binary = { fid = \"0101\", data = \"record\" }
[[step]]
label = \"final\"
apdu = \"00A4000C 02 0101\"
";
    let open = Table::new(card.clone()).run(&profile(steps), &values(32)).unwrap_err();
    assert_eq!((open.step.as_str(), open.kind), ("", FaultKind::NotReadBack));
    let last = profile(&format!("{steps}irreversible = true\n"));
    let mut table = Table::new(card);
    let fault = table.run(&last, &values(32)).unwrap_err();
    assert_eq!((fault.step.as_str(), &fault.kind), ("final", &FaultKind::NotReadBack));
    assert!(!table.shown.contains("Begins(\"final\")\nApdu"), "what is final was not sent");
}

#[test]
fn an_irreversible_command_is_sent_once() {
    let steps = profile("[[step]]\napdu = \"00440000\"\nirreversible = true\n");
    let mut table = Table::new(json!({"kind": "file"}));
    table.change(json!({"faults": {"wrong_status": {"command": 1, "status": "6F00"}}}));
    assert_eq!(table.run(&steps, &Values::new()).unwrap_err().kind, FaultKind::Answer(0x6F00));
    assert_eq!(table.shown.matches("Apdu(").count(), 1);
}

#[test]
fn what_a_raw_command_wrote_is_compared_with_what_another_reads() {
    let content = json!([{"fid": "3F00", "files": [{"fid": "0101", "size_bytes": 31}]}]);
    let card = json!({"kind": "file", "content": content});
    let steps = "
[[step]]
apdu = \"00A4000C 02 0101\"
[[step]]
apdu = \"00D60000 {lc} {data:record}\"
[[step]]
apdu = \"00B00000 {le}\"
equals = \"record\"
";
    let mut table = Table::new(card.clone());
    let written = table.written(&profile(steps), &values(31));
    assert_eq!(written.content_bytes, 31);
    let mut table = Table::new(card);
    table.change(json!({"faults": {"bit_flip": {"answer": 3, "bit": 0}}}));
    let fault = table.run(&profile(steps), &values(31)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Different);
    assert_eq!(record(31).len(), 31);
}
