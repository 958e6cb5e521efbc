//! Cards that leave the machine are reported one by one, and the card inside survives a restart.

use super::*;
use crate::machine::{Departed, Finish, JamAt, Lever, Way};
use drivers::printers::evolis::status::information;

fn seen(cards: &[Departed]) -> Vec<(Option<u64>, Way, Finish)> {
    cards.iter().map(|card| (card.number, card.way, card.finish)).collect()
}

#[test]
fn every_card_that_leaves_is_told_once_with_its_way_and_what_is_on_it() {
    let mut table = Table::primacy(0.0);
    table.print("ymcko", "k");
    table.print("ymcko", "k");
    table.print("ymcko", "");
    table.say(&["Si", "Pcem;M", "Sce"]);
    table.machine.pull(Lever::TakeFromExit);
    table.say(&["Pem;2"]);
    table.machine.pull(Lever::OpenCoverAfterPanels(2));
    table.print("ymcko", "k");
    table.machine.pull(Lever::CloseCover);
    assert_eq!(table.say(&["Scs", "Ser"]).text, "OK");
    table.machine.pull(Lever::Jam(JamAt::Feeder));
    table.say(&["Si"]);
    table.machine.pull(Lever::TakeCardOut);
    let cards = table.machine.take_departed();
    let want = [
        (Some(1), Way::Hopper, Finish::Whole),
        (Some(2), Way::Hopper, Finish::Whole),
        (Some(3), Way::Hopper, Finish::Whole),
        (Some(4), Way::Slot, Finish::Blank),
        (Some(5), Way::RejectBox, Finish::Partly),
        (None, Way::Hand, Finish::Blank),
    ];
    assert_eq!(seen(&cards), want);
    let sums: Vec<_> = cards.iter().map(|card| (card.front_sum, card.back_sum)).collect();
    assert_eq!(sums[0], sums[1]);
    assert_eq!((sums[0].0, 0), sums[2], "the same front, and no back");
    assert!(sums[0].1 != 0 && sums[4].0 != sums[0].0 && sums[4].0 != 0);
    assert_eq!((sums[3], sums[5]), ((0, 0), (0, 0)));
    assert!(table.machine.take_departed().is_empty());
    assert_eq!(table.machine.last_card().unwrap().number, 3);
    assert_eq!(table.machine.last_rejected().unwrap().number, 5);
}

#[test]
fn a_log_that_nobody_takes_forgets_the_oldest() {
    let mut table = Table::new(EvolisSettings {
        model: "Primacy".to_owned(),
        tended: true,
        ..EvolisSettings::instant()
    });
    for _ in 0..1030 {
        table.say(&["Si", "Sce"]);
    }
    let cards = table.machine.take_departed();
    assert_eq!((cards.len(), cards[0].number, cards[1023].number), (1024, Some(7), Some(1030)));
}

#[test]
fn the_card_inside_survives_a_restart_and_the_job_does_not() {
    for (lever, at, stuck, finish) in [
        (None, "head", false, Finish::Partly),
        (Some(Lever::Jam(JamAt::Head)), "head", true, Finish::Blank),
        (Some(Lever::Jam(JamAt::Flip)), "flip", true, Finish::Partly),
        (Some(Lever::Jam(JamAt::Feeder)), "feeder_path", true, Finish::Blank),
        (Some(Lever::Jam(JamAt::Eject)), "exit", true, Finish::Whole),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let settings = EvolisSettings {
            model: "Primacy".to_owned(),
            out_dir: Some(dir.path().to_owned()),
            slowness: 1.0,
            ..EvolisSettings::instant()
        };
        let mut table = Table::new(settings.clone());
        table.say(&["Psid;2;45", "Pem;38"]);
        lever.into_iter().for_each(|lever| table.machine.pull(lever));
        table.print("ymcko", "k");
        // In the middle of the second panel, or after the fault.
        table.elapse_s(if lever.is_none() { 6.0 } else { 60.0 });
        let before = table.machine.state();
        let card = before["machine"]["card"].clone();
        assert_eq!((card["place"].as_str(), card["stuck"].as_bool()), (Some(at), Some(stuck)));
        drop(table);
        let mut table = Table::new(settings);
        let answer = table.say(&[]);
        assert_eq!((answer.session, answer.status.claimed(), answer.status.error), (0, false, 0));
        let shown = answer.status.information;
        assert!(shown & information::RESET != 0 && shown & information::PRINTER_MASTER != 0);
        let after = table.machine.state();
        assert_eq!(after["machine"]["card"], card, "{at}");
        for key in ["feeder_cards", "hopper_cards", "reject_box_cards", "ribbon_left"] {
            assert_eq!(after[key], before[key], "{at}: {key}");
        }
        table.elapse_s(600.0);
        assert_eq!(table.account("cards_finished"), 0, "{at}: nothing goes on");
        if stuck {
            table.machine.pull(Lever::TakeCardOut);
        } else {
            assert_eq!(table.text("Ser"), "OK");
        }
        let way = if stuck { Way::Hand } else { Way::RejectBox };
        let cards = table.machine.take_departed();
        assert_eq!(seen(&cards), [(card["number"].as_u64(), way, finish)], "{at}");
        assert_eq!(cards[0].front_sum == 0, finish == Finish::Blank, "{at}");
        table.print("k", "");
        table.elapse_s(60.0);
        let want = card["number"].as_u64().unwrap_or(0) + 1;
        assert_eq!(table.account("cards_entered"), want, "{at}: no number twice");
    }
}

#[test]
fn a_memory_of_before_is_read_and_a_damaged_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let settings = EvolisSettings {
        model: "Primacy".to_owned(),
        out_dir: Some(dir.path().to_owned()),
        ..EvolisSettings::instant()
    };
    let file = dir.path().join("machine.json");
    let old = r#"{ "cards_entered": 7, "ribbon": "YMCKO", "ribbon_left": 5, "feeder_cards": 3,
                   "hopper_cards": 1, "rejected_cards": 2 }"#;
    std::fs::write(&file, old).unwrap();
    let mut table = Table::new(settings.clone());
    assert_eq!(table.text("Rco;card"), "inserted_head: 7");
    assert!(table.machine.state()["machine"]["card"].is_null());
    table.say(&["Si", "Sce", "Pcem;M", "Si", "Sce"]);
    assert_eq!(Table::new(settings.clone()).machine.state()["card_in_slot"], true);
    let whole = std::fs::read_to_string(&file).unwrap();
    for damaged in [whole.replace("\"card\"", "\"kard\""), whole[..whole.len() / 2].to_owned()] {
        std::fs::write(&file, damaged).unwrap();
        assert!(super::super::emulate(settings.clone()).is_err());
    }
}
