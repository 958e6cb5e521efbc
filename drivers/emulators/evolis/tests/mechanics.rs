//! What happens to a card: panels, ribbon, heat, jams, error management, power.

use super::*;
use crate::machine::{JamAt, Lever, MagneticFault};
use drivers::printers::evolis::status::{error, information, warning};

#[test]
fn claim_stands_from_the_job_to_the_card() {
    let mut table = Table::primacy(1.0);
    let first = table.print("ymcko", "");
    assert_eq!(first.text, "OK");
    assert!(first.status.information & information::CLAIM != 0);
    table.elapse_s(17.0);
    let last = table.look();
    assert!(last.information & information::CLAIM != 0, "17.2 s are not over");
    assert!(last.information & information::PRINTING_RUNNING != 0);
    table.elapse_s(0.3);
    let done = table.look();
    assert_eq!(done.information & (information::CLAIM | information::BUSY), 0);
    assert_eq!((table.account("cards_entered"), table.account("cards_finished")), (1, 1));
    assert_eq!(table.machine.ribbon_left(), 299);
}

#[test]
fn with_the_host_minding_errors_a_fault_drops_claim_and_spoils_one_card() {
    for (lever, bits) in [
        (Lever::OpenCoverAfterPanels(2), error::COVER_OPEN | error::MECHANICAL),
        (Lever::EndRibbonAfterPanels(2), error::RIBBON_ENDED),
        (Lever::Jam(JamAt::Head), error::MECHANICAL),
        (Lever::Jam(JamAt::Flip), error::MECHANICAL),
        (Lever::Jam(JamAt::Eject), error::MECHANICAL),
    ] {
        let mut table = Table::primacy(1.0);
        table.say(&["Pem;2"]);
        table.machine.pull(lever);
        table.print("ymcko", "k");
        table.elapse_s(60.0);
        let seen = table.look();
        assert_eq!((seen.error, seen.claimed()), (bits, false), "{lever:?}");
        assert_eq!((table.account("cards_entered"), table.account("cards_finished")), (1, 0));
        assert!(table.machine.state()["machine"]["card"].is_object(), "{lever:?}");
        table.elapse_s(600.0);
        assert_eq!(table.account("cards_entered"), 1, "{lever:?}: nothing goes on by itself");
    }
}

#[test]
fn with_the_machine_minding_errors_it_prints_again_by_itself_once_somebody_has_helped() {
    for (lever, cures, rejected) in [
        (Lever::OpenCoverAfterPanels(2), &[Lever::CloseCover][..], true),
        (Lever::EndRibbonAfterPanels(2), &[Lever::NewRibbon], true),
        (Lever::Jam(JamAt::Head), &[Lever::TakeCardOut], false),
        (Lever::Jam(JamAt::Flip), &[Lever::TakeCardOut], false),
        (Lever::EmptyFeeder, &[Lever::LoadFeeder(5)], false),
    ] {
        let mut table = Table::primacy(1.0);
        table.machine.pull(lever);
        table.print("ymcko", "k");
        table.elapse_s(300.0);
        let held = table.look();
        assert!(held.error != 0 && held.claimed(), "{lever:?}: held");
        assert_eq!(table.account("cards_finished"), 0, "{lever:?}");
        let entered = table.account("cards_entered");
        for cure in cures {
            table.machine.pull(*cure);
        }
        table.elapse_s(60.0);
        let done = table.look();
        assert_eq!((done.error, done.claimed()), (0, false), "{lever:?}");
        assert_eq!(
            (table.account("cards_entered"), table.account("cards_finished")),
            (entered + 1, 1),
            "{lever:?}"
        );
        assert_eq!(table.machine.last_rejected().is_some(), rejected, "{lever:?}");
        assert!(table.machine.last_card().unwrap().back.is_some(), "{lever:?}");
    }
}

#[test]
fn a_host_that_takes_errors_over_ends_what_the_machine_holds() {
    let mut table = Table::primacy(1.0);
    table.machine.pull(Lever::Jam(JamAt::Head));
    table.print("ymcko", "");
    table.elapse_s(60.0);
    assert!(table.look().claimed());
    assert!(!table.say(&["Pem;2"]).status.claimed());
    table.machine.pull(Lever::TakeCardOut);
    table.elapse_s(60.0);
    assert_eq!((table.account("cards_entered"), table.account("cards_finished")), (1, 0));
}

#[test]
fn a_full_hopper_bars_the_way_out_of_a_card_that_is_not_printed_twice() {
    let mut table = Table::new(EvolisSettings {
        model: "Primacy".to_owned(),
        hopper_limit_cards: 1,
        ..EvolisSettings::instant()
    });
    table.print("k", "");
    assert!(table.look().warning & warning::HOPPER_FULL != 0);
    table.print("k", "");
    assert_eq!(table.look().error, error::HOPPER_FULL);
    assert!(table.look().information & information::CARD_EJECT != 0);
    table.machine.pull(Lever::EmptyHopper);
    assert_eq!(table.look().error, 0);
    assert_eq!((table.account("cards_entered"), table.account("cards_finished")), (2, 2));
}

#[test]
fn a_blank_that_sticks_before_the_head_is_neither_counted_nor_seen() {
    let mut table = Table::primacy(0.0);
    table.say(&["Pem;2"]);
    table.machine.pull(Lever::Jam(JamAt::Feeder));
    assert_eq!(table.text("Si"), "ERROR MECA");
    let seen = table.look();
    assert_eq!((seen.error, seen.card_inside()), (error::MECHANICAL, false));
    assert_eq!(table.machine.cards_entered(), 0);
    assert_eq!(table.text("Scs"), "OK");
    assert_eq!(table.look().error, 0);
    assert_eq!(table.text("Ser"), "ERROR MECA", "only a hand moves it");
    table.machine.pull(Lever::TakeCardOut);
    assert_eq!(table.text("Si"), "OK");
    assert_eq!(table.machine.cards_entered(), 1);
}

#[test]
fn the_head_rests_when_it_is_hot_and_goes_on_by_itself() {
    let mut table = Table::new(EvolisSettings {
        model: "Primacy".to_owned(),
        slowness: 1.0,
        rests_after_cards: 3,
        cools_a_card_in: Duration::from_secs(100),
        ..EvolisSettings::instant()
    });
    let mut rested = Vec::new();
    for card in 1..=4 {
        table.print("k", "");
        if table.look().warning & warning::COOLING != 0 {
            rested.push(card);
            assert!(table.look().claimed(), "the job waits in the machine");
            table.elapse_s(200.0);
        }
        table.elapse_s(5.0);
        assert_eq!(table.look().warning & warning::COOLING, 0);
    }
    assert_eq!(rested, [4]);
    assert_eq!(table.account("cards_finished"), 4);
}

#[test]
fn a_power_cut_takes_the_job_and_leaves_card_and_counters() {
    let dir = tempfile::tempdir().unwrap();
    let settings = EvolisSettings {
        model: "Primacy".to_owned(),
        out_dir: Some(dir.path().to_owned()),
        ..EvolisSettings::instant()
    };
    let mut table = Table::new(settings.clone());
    table.say(&["Psid;2;45", "Pem;2"]);
    table.machine.pull(Lever::CutPowerAfterBytes(700_000));
    table.machine.on_bytes(&part_one("ymcko", ""));
    assert_eq!(table.machine.respond(&mut Vec::new()), Response::HangsUp);
    table.machine.on_bytes(b"\x1bRtp\r");
    assert_eq!(table.machine.respond(&mut Vec::new()), Response::HangsUp);
    table.machine.pull(Lever::PowerOn);
    let answer = table.say(&[]);
    assert_eq!(answer.session, 0);
    let shown = answer.status.information;
    assert!(shown & information::RESET != 0 && shown & information::CARD_PRINT != 0);
    assert!(shown & information::PRINTER_MASTER != 0 && !answer.status.claimed());
    assert_eq!((table.account("cards_entered"), table.account("cards_finished")), (1, 0));
    assert_eq!(table.say(&["Pem;2"]).status.information & information::RESET, 0);
    assert_eq!(table.text("Ser"), "OK");
    table.print("k", "");
    assert_eq!(Table::new(settings).text("Rco;card"), "inserted_head: 2");
}

#[test]
fn it_falls_asleep_and_wakes_for_a_command() {
    let mut table = Table::new(EvolisSettings {
        slowness: 1.0,
        sleeps_after: Some(Duration::from_secs(60)),
        ..EvolisSettings::instant()
    });
    table.elapse_s(61.0);
    assert!(table.look().information & information::SLEEP_MODE != 0, "looking does not wake it");
    assert_eq!(table.delay(&["Rtp"]), Duration::from_secs(4));
    table.elapse_s(4.0);
    assert_eq!(table.look().information & information::SLEEP_MODE, 0);
}

#[test]
fn cleaning_is_advised_then_mandatory_then_done() {
    let mut table = Table::new(EvolisSettings {
        model: "Primacy".to_owned(),
        cleaning_advised_after_cards: 2,
        cleaning_mandatory_after_cards: 1,
        ..EvolisSettings::instant()
    });
    let bits = information::CLEANING | information::CLEANING_MANDATORY;
    let mut shown = Vec::new();
    for _ in 0..3 {
        table.print("k", "");
        shown.push(table.look().information & bits);
    }
    assert_eq!(shown, [0, information::CLEANING, bits]);
    assert_eq!(table.text("Rco;r"), "2");
    assert_eq!(table.text("Scp"), "OK");
    assert_eq!(table.text("Scp;a card"), "OK");
    assert_eq!(table.look().information & bits, 0);
    assert_eq!(
        table.text("Rco;clean"),
        "rem_advised: 2\nmandatory: 1\nlast_periodic: 3\nperiodic_global: 1\nadvanced_global: 1"
    );
}

#[test]
fn a_stripe_is_written_read_and_fails_as_documented() {
    let mut table = Table::primacy(0.0);
    assert_eq!(table.text("Smw"), "ERROR CARD");
    table.text("Ss");
    assert_eq!(table.text("Smr"), "ERROR BLANK TRACK");
    assert_eq!(table.look().error, error::BLANK_TRACK);
    assert_eq!(table.say(&["Pmt;1;1", "Dm;1;KARTU;1", "Dm;2;123=4", "Smw"]).text, "OK");
    assert_eq!(table.look().error, 0, "a new attempt puts it right");
    assert_eq!(table.text("Smr"), "OK");
    assert_eq!(table.text("Rmb;1"), "KARTU;1");
    assert_eq!(table.text("Rmb;2"), "123=4");
    assert_eq!(table.text("Rmb;3"), "ERROR BLANK TRACK");
    for (fault, deed, text) in [
        (MagneticFault::Write, "Smw", "ERROR MAGN"),
        (MagneticFault::Checksum, "Smw", "ERROR MAGN CHEKSUM"),
        (MagneticFault::Data, "Smw", "ERROR MAGN DATA"),
        (MagneticFault::Read, "Smr", "ERROR MAGN"),
        (MagneticFault::Blank, "Smr", "ERROR BLANK TRACK"),
    ] {
        table.machine.pull(Lever::FailMagnetic(fault));
        assert_eq!(table.text(deed), text, "{fault:?}");
        assert_eq!(table.text("Smr"), "OK", "{fault:?} once");
    }
    for (track, data) in [("1", "a"), ("2", "KARTU"), ("3", &"1".repeat(105))] {
        assert_eq!(table.say(&[&format!("Dm;{track};{data}"), "Smw"]).text, "ERROR MAGN DATA");
    }
}

#[test]
fn trays_lead_cards_where_they_are_set() {
    let mut table = Table::primacy(0.0);
    table.say(&["Pcim;M"]);
    assert!(table.look().warning & warning::WAIT_CARD != 0);
    assert_eq!(table.text("Si"), "ERROR TIME OUT");
    assert_eq!(table.look().error, error::NO_CARD_INSERTED);
    table.machine.pull(Lever::InsertCard);
    assert_eq!(table.say(&["Si", "Pcem;M", "Sce"]).text, "OK");
    assert!(table.look().warning & warning::CARD_ON_EJECT != 0);
    table.machine.pull(Lever::TakeFromExit);
    assert_eq!(table.look().warning & warning::CARD_ON_EJECT, 0);
    assert_eq!(table.say(&["Pcim;F", "Si", "Pcem;R", "Sce"]).text, "OK");
    assert_eq!(table.machine.state()["reject_box_cards"], 1);
    assert_eq!(table.say(&["Pcim;N", "Si"]).text, "ERROR CARD");
}
