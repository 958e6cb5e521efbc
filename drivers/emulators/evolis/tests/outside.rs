//! What can be set and seen from outside: the state document, and the machine over a wire in pieces.

use serde_json::json;

use super::*;
use crate::machine::Lever;
use crate::transport::emulated::Emulated;
use drivers::printers::evolis::status::{error, information};
use drivers::transport::{Transport, WireFault};

#[test]
fn a_change_is_made_whole_or_not_at_all_and_names_what_is_wrong() {
    let mut table = Table::primacy(0.0);
    for (change, named) in [
        (json!({ "feeder_cards": 1, "feder_cards": 2 }), "feder_cards"),
        (json!({ "feeder_cards": 1, "machine": {} }), "machine"),
        (json!({ "feeder_cards": 1, "ribbon": "YMCA" }), "ribbon"),
        (json!({ "feeder_cards": 1, "slowness": -1 }), "slowness"),
        (json!({ "feeder_cards": 1, "jam": "roof" }), "roof"),
        (json!({ "feeder_cards": 1, "forced": { "error": ["HOT"] } }), "HOT"),
        (json!({ "feeder_cards": 1, "forced": { "panic": 1 } }), "panic"),
        (json!({ "feeder_cards": 1, "spoil_answers": { "how": "never", "x": 1 } }), "x"),
        (json!({ "feeder_cards": -1 }), "-1"),
        (json!([1]), "object"),
    ] {
        let fault = table.machine.change(&change).unwrap_err();
        assert!(fault.contains(named), "{change}: {fault}");
        assert_eq!(table.machine.state()["feeder_cards"], 100, "{change}");
    }
    table.machine.change(&json!({})).unwrap();
}

#[test]
fn what_is_shown_can_be_set_and_is_shown_again() {
    let mut table = Table::primacy(0.0);
    let change = json!({
        "asleep": true, "locked": true, "cover_open": true, "feeder_open": true, "feeder_cards": 7,
        "hopper_cards": 3, "reject_box_cards": 2, "card_in_slot": true, "card_in_hand": true, "ribbon": "KO",
        "ribbon_left": 5, "tended": false, "slowness": 2.0, "cards_since_cleaning": 0, "old_firmware": true,
        "no_counters": true, "no_ribbon_chip": true,
        "jam": "flip", "open_cover_after_panels": 3, "end_ribbon_after_panels": 4, "fail_magnetic": "read",
        "cut_power_after_bytes": 100, "spoil_answers": { "how": { "garble": 7 }, "after": 9, "times": 2 },
    });
    table.machine.change(&change).unwrap();
    let mut shown = table.machine.state();
    for (key, value) in change.as_object().unwrap() {
        assert_eq!(&shown[key], value, "{key}");
    }
    // The document can be applied as it was shown, except for the read-only part.
    shown.as_object_mut().unwrap().remove("machine");
    table.machine.change(&shown).unwrap();
    let mut again = table.machine.state();
    again.as_object_mut().unwrap().remove("machine");
    assert_eq!(again, shown);
    table.machine.change(&json!({ "jam": null, "spoil_answers": null, "ribbon": null })).unwrap();
    let taken_away = table.machine.state();
    assert!(taken_away["jam"].is_null() && taken_away["ribbon"].is_null());
    assert_eq!(taken_away["open_cover_after_panels"], 3);
}

#[test]
fn bits_are_forced_by_name_or_number_and_let_go() {
    let mut table = Table::primacy(0.0);
    let force = json!({ "forced": { "error": ["HEAD_TEMP", "0x1"], "information": 1, "extension1": ["0x100"] } });
    table.machine.change(&force).unwrap();
    let answer = table.say(&[]);
    assert_eq!(answer.status.error, error::HEAD_TEMP | error::HARDWARE);
    assert!(answer.status.information & information::BUSY != 0);
    assert_eq!(answer.extensions, [0x100]);
    table.machine.change(&json!({ "forced": {} })).unwrap();
    assert_eq!((table.look().error, table.say(&[]).extensions.len()), (0, 0));
}

#[test]
fn supplies_set_from_outside_put_right_what_they_can() {
    let mut table = Table::primacy(0.0);
    table.machine.change(&json!({ "feeder_cards": 0 })).unwrap();
    table.say(&["Pem;2"]);
    assert_eq!(table.text("Si"), "ERROR FEEDER");
    assert_eq!(table.look().error, error::FEEDER_ERROR);
    let too_many = table.machine.change(&json!({ "feeder_cards": 500 }));
    assert_eq!(too_many, Err("feeder_cards: the feeder holds 100".to_owned()));
    assert_eq!(table.look().error, error::FEEDER_ERROR, "a refused change changes nothing");
    table.machine.change(&json!({ "feeder_cards": 100 })).unwrap();
    assert_eq!(table.look().error, 0);
    table.machine.change(&json!({ "powered": false })).unwrap();
    assert_eq!(table.machine.respond(&mut Vec::new()), Response::HangsUp);
    table.machine.change(&json!({ "powered": true })).unwrap();
    assert!(table.look().information & information::RESET != 0);
}

#[test]
fn a_job_in_small_pieces_makes_the_same_card() {
    let job = part_one("ymcko", "k");
    let cards: Vec<_> = [job.len(), 64 * 1024, 509]
        .into_iter()
        .map(|piece| {
            let mut table = Table::primacy(0.0);
            job.chunks(piece).for_each(|bytes| table.machine.on_bytes(bytes));
            table.say(&["Pcla;0"]);
            assert_eq!(table.machine.not_understood(), 0, "{piece}");
            table.machine.last_card().unwrap()
        })
        .collect();
    assert!(cards[0] == cards[1] && cards[1] == cards[2]);
}

#[test]
fn a_host_that_vanishes_leaves_nothing_half_heard() {
    let mut table = Table::primacy(0.0);
    let job = part_one("ymcko", "");
    table.machine.on_bytes(&job[..300_000]);
    table.machine.hang_up();
    assert_eq!(table.text("Rtp"), "Primacy");
    assert_eq!(table.machine.not_understood(), 0);
    assert!(table.look().claimed(), "the job that it began still owns it");
    assert_eq!(table.print("ymcko", "").text, "OK", "until the next one takes it over");
    assert_eq!((table.account("cards_entered"), table.account("cards_finished")), (1, 1));
}

#[test]
fn a_caller_without_patience_is_told_of_silence_and_others_are_not_kept_waiting() {
    let settings = EvolisSettings { slowness: 1.0, ..EvolisSettings::instant() };
    let machine = super::super::emulate(settings).unwrap();
    let mut wire = Emulated::new(machine.clone());
    let patience = Duration::from_secs(1);
    wire.send(b"\x1bSi\r\0", patience).unwrap();
    let silence = wire.receive(&mut Vec::new(), patience).unwrap_err();
    assert_eq!(silence.kind, WireFault::Silent(patience));
    assert_eq!(machine.lock().state()["machine"]["clock_s"], 1.0);
    let mut frame = Vec::new();
    wire.receive(&mut frame, patience).unwrap();
    assert!(Answer::parse(&frame).unwrap().status.information & information::CARD_PRINT != 0);
    machine.pull(Lever::CutPower);
    wire.receive(&mut frame, patience).unwrap();
    assert!(frame.is_empty());
}
