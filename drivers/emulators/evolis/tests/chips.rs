//! Blanks with chips: a reader reaches the card where the machine holds it, and nowhere else.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::card::{CardSettings, SharedChip};
use crate::machine::{BlankChips, Lever, Way};

type Made = Arc<Mutex<Vec<SharedChip>>>;

fn chips() -> (BlankChips, Made) {
    let made = Made::default();
    let kept = made.clone();
    let settings: CardSettings = toml::from_str("kind = 'ntag213'").unwrap();
    let chips = BlankChips::new(move |number| {
        let chip = settings.blank(number as u32).unwrap();
        kept.lock().unwrap().push(chip.clone());
        chip
    });
    (chips, made)
}

fn settings(chips: &BlankChips) -> EvolisSettings {
    EvolisSettings {
        model: "Primacy".to_owned(),
        fitted: vec!["SMART".to_owned(), "CONTACTLESS".to_owned()],
        chip: Some(chips.clone()),
        ..EvolisSettings::instant()
    }
}

fn uid(chip: &SharedChip) -> Vec<u8> {
    chip.lock().in_field().unwrap().uid
}

#[test]
fn a_card_is_before_the_reader_while_it_is_held_at_its_station() {
    let (chips, made) = chips();
    let mut table = Table::new(settings(&chips));
    let (contact, contactless) = (chips.contact(), chips.contactless());
    assert!(contactless.card().is_none() && contact.card().is_none());
    assert_eq!(table.say(&["Sic"]).text, "OK");
    let first = contactless.card().unwrap();
    assert_eq!(uid(&first), uid(&made.lock().unwrap()[0]));
    assert_eq!(table.say(&["Sis"]).text, "OK");
    assert!(contactless.card().is_none(), "it moved on");
    assert_eq!(uid(&contact.card().unwrap()), uid(&first));
    table.say(&["Ser"]);
    assert!(contact.card().is_none());
    // One transmission ejects this card and brings the next one to the same position.
    table.say(&["Sic"]);
    table.say(&["Ser", "Sic"]);
    assert_eq!(uid(&contactless.card().unwrap()), uid(&made.lock().unwrap()[2]));
    let gone: Vec<_> =
        table.machine.take_departed().iter().map(|card| (card.chip, card.way)).collect();
    assert_eq!(gone, [(Some(1), Way::RejectBox), (Some(2), Way::RejectBox)]);
}

#[test]
fn a_reader_without_power_and_a_card_on_its_way_see_nothing() {
    let (chips, _) = chips();
    let mut table = Table::new(EvolisSettings { slowness: 1.0, ..settings(&chips) });
    let transmission = transmission(&["Sic"]);
    table.machine.on_bytes(&transmission);
    assert!(chips.contactless().card().is_none(), "it is on its way");
    table.elapse_s(10.0);
    assert!(chips.contactless().card().is_some());
    table.machine.pull(Lever::CutPower);
    assert!(chips.contactless().card().is_none());
    table.machine.pull(Lever::PowerOn);
    assert!(chips.contactless().card().is_some(), "the card is still there");
    table.machine.pull(Lever::TakeCardOut);
    assert!(chips.contactless().card().is_none());
}

#[test]
fn what_is_planned_for_the_next_chip_is_met_before_a_reader_and_once() {
    let (chips, made) = chips();
    let mut table = Table::new(settings(&chips));
    let mute = json!({ "next_chip": { "faults": { "mute": true } } });
    table.machine.change(&mute).unwrap();
    assert_eq!(table.machine.state()["next_chip"]["faults"]["mute"], true);
    // A card that no reader reaches needs no chip; the fault waits for one that a reader reaches.
    table.print("ymcko", "");
    table.say(&["Sic"]);
    assert_eq!(table.machine.state()["next_chip"], Value::Null);
    table.say(&["Ser", "Sic"]);
    let is_mute = |at: usize| made.lock().unwrap()[at].lock().state()["faults"]["mute"] == true;
    assert_eq!([is_mute(0), is_mute(1), is_mute(2)], [false, true, false]);
    table.machine.change(&mute).unwrap();
    table.machine.change(&json!({ "next_chip": null })).unwrap();
    table.say(&["Ser", "Sic"]);
    assert!(!is_mute(3), "it was taken back");
    let told = table.machine.change(&json!({ "next_chip": { "faults": { "deaf": true } } }));
    assert!(told.unwrap_err().contains("deaf"));
    let mut plain = Table::new(EvolisSettings { chip: None, ..settings(&chips) });
    assert!(plain.machine.change(&mute).unwrap_err().starts_with("next_chip: "));
}

#[test]
fn the_blanks_of_a_batch_begin_with_the_card_that_was_described() {
    let settings: CardSettings = toml::from_str("kind = 'ntag213'").unwrap();
    let first = settings.make().unwrap();
    let chips = BlankChips::of(settings).unwrap();
    assert_eq!(uid(&chips.blank(1)), uid(&first));
    assert_ne!(uid(&chips.blank(2)), uid(&first));
    let twin = chips.blank(3);
    twin.lock().change(&json!({ "faults": { "same_uid": true } })).unwrap();
    assert_eq!(uid(&twin), uid(&first));
    let wrong: CardSettings = toml::from_str("kind = 'ntag213'\nuid = '04'").unwrap();
    assert!(BlankChips::of(wrong).is_err());
}

#[test]
fn a_finished_card_keeps_its_chip_and_it_is_laid_down_beside_its_picture() {
    let dir = tempfile::tempdir().unwrap();
    let (chips, made) = chips();
    let settings = EvolisSettings { out_dir: Some(dir.path().to_owned()), ..settings(&chips) };
    let mut table = Table::new(settings);
    table.say(&["Sic"]);
    let chip = chips.contactless().card().unwrap();
    chip.lock().power_on();
    chip.lock().frame(&[0xa2, 4, b'K', b'A', b'R', b'T']);
    table.print("ymcko", "");
    let card = table.machine.last_card().unwrap();
    let stands = card.chip.unwrap();
    assert_eq!(stands, made.lock().unwrap()[0].lock().state());
    assert!(
        stands["content"].as_str().unwrap().to_uppercase().replace(' ', "").contains("4B415254")
    );
    let laid: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("card-000001-chip.json")).unwrap())
            .unwrap();
    assert_eq!(laid, stands);
    assert_eq!(table.machine.take_departed()[0].chip, Some(1));
}

#[test]
fn blanks_without_a_chip_are_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut table =
        Table::new(EvolisSettings { out_dir: Some(dir.path().to_owned()), ..settings(&chips().0) });
    table.say(&["Si", "Sce"]);
    let kept = std::fs::read_to_string(dir.path().join("machine.json")).unwrap();
    assert!(kept.contains("chips_made"));
    let dir = tempfile::tempdir().unwrap();
    let plain =
        EvolisSettings { out_dir: Some(dir.path().to_owned()), chip: None, ..settings(&chips().0) };
    let mut table = Table::new(plain);
    table.print("ymcko", "");
    assert!(table.machine.last_card().unwrap().chip.is_none());
    assert_eq!(table.machine.take_departed()[0].chip, None);
    let kept = std::fs::read_to_string(dir.path().join("machine.json")).unwrap();
    assert!(!kept.contains("chips_made"));
    let mode = |file: std::fs::DirEntry| file.metadata().unwrap().permissions().mode() & 0o777;
    let files = std::fs::read_dir(dir.path()).unwrap().map(|file| mode(file.unwrap()));
    assert_eq!(
        files.collect::<Vec<_>>(),
        [0o600; 2],
        "machine.json and the front, its owner's alone"
    );
}
