//! A card with a chip: encoded, read back, then printed. Whatever fails, only a good card comes out, and a bad one goes
//! to the reject box; the ledger records which.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use drivers::encoder::EncoderError;
use emulators::card::{
    BitFlip, CardSettings, Faults, FileCardSettings, MemoryCardSettings, SharedChip,
};
use emulators::machine::{BlankChips, JamAt, Lever, MagneticFault};
use emulators::pn532;
use emulators::transport::faulty::{Faulty, Mishap};
use emulators::transport::line::Line;
use serde_json::{Value, json};

use crate::chip_setup::stripe;
use crate::printing::staff;
use crate::record::{kartud, list, out, scanned};
use crate::test_station::{TestStation, child, products};

/// Every chip that was made, in the order of the blanks.
pub type Made = Arc<Mutex<Vec<SharedChip>>>;

/// Blanks with the settings that `settings` gives for the n-th.
pub fn blanks(
    settings: impl Fn(u64) -> CardSettings + Send + Sync + 'static,
) -> (BlankChips, Made) {
    let made = Made::default();
    let kept = made.clone();
    let chips = BlankChips::new(move |number| {
        let chip = settings(number).blank(number as u32).unwrap();
        kept.lock().unwrap().push(chip.clone());
        chip
    });
    (chips, made)
}

pub fn file_card(faults: Faults) -> CardSettings {
    CardSettings::File(Box::new(FileCardSettings { faults, ..FileCardSettings::default() }))
}

/// Only the first blank has this fault.
fn first_is(faults: Faults) -> TestStation {
    let of = move |number| file_card(if number == 1 { faults.clone() } else { Faults::default() });
    TestStation::with_chips(blanks(of).0, "")
}

pub fn events(bench: &TestStation, id: &str) -> Vec<Value> {
    let events = bench.http.get(&format!("/v1/jobs/{id}/events")).body;
    events.as_array().unwrap().clone()
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

/// One blank was spoiled by its chip, and the next one became the card.
fn the_second_blank_is_the_card(bench: &TestStation, kind: &str) {
    let id = bench.accepted(&staff());
    let job = bench.until(&id, "printed");
    assert_eq!(job["encoding"]["blanks_used"], 2, "{job}");
    let failed = &job["encoding"]["failed"];
    assert_eq!((&failed[0]["kind"], failed[1].is_null()), (&json!(kind), true), "{job}");
    assert_eq!(
        failed[0]["uid"].as_str().map(str::len),
        Some(14),
        "the one in the reject box: {job}"
    );
    let events = events(bench, &id);
    let told = names(&events);
    let spoil = told.iter().position(|name| *name == "spoil").expect("one is spoiled");
    assert_eq!(events[spoil]["detail"]["cause"], "GAGAL_ENCODE", "{told:?}");
    let lost = told.iter().position(|name| *name == "lose_sight").unwrap();
    assert_eq!(events[lost]["detail"]["lost"]["encoding"]["kind"], kind, "{}", events[lost]);
    assert!(told[..spoil].contains(&"reject") && !told[..spoil].contains(&"print"), "{told:?}");
    let machine = bench.machine.lock().state();
    assert_eq!((&machine["hopper_cards"], &machine["reject_box_cards"]), (&json!(1), &json!(1)));
    let blanks = bench.http.get("/v1/blanks").body;
    let today = blanks["days"].as_array().unwrap().last().unwrap();
    assert_eq!(today["spoiled_by_cause"], json!({ "GAGAL_ENCODE": 1 }), "{blanks}");
}

/// The content of the record's file.
fn record_on(chip: &SharedChip) -> Vec<u8> {
    let state = chip.lock().state();
    let file = &state["content"][1]["files"][0];
    let text = file["content"].as_str().unwrap_or_else(|| panic!("no record in {state:#}"));
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn a_staff_card_is_encoded_read_back_and_printed() {
    let (chips, made) = blanks(|_| file_card(Faults::default()));
    let bench = TestStation::with_chips(chips, "");
    let id = bench.accepted(&staff());
    let job = bench.until(&id, "printed");
    let told = names(&events(&bench, &id)).join(" ");
    assert!(told.ends_with("compose encode chip_good print card_out"), "{told}");
    let chip = &job["encoding"]["chip"];
    assert_eq!(job["encoding"]["blanks_used"], 1);
    assert_eq!(bench.http.get("/v1/station").body["encoder"]["state"], "idle");
    assert_eq!((&chip["profile"], chip["uid"].as_str().map(str::len)), (&json!("staf"), Some(14)));
    assert_eq!(chip["content_sha256"], chip["record_sha256"], "{chip}");
    assert!(chip["steps"].as_array().is_some_and(|steps| steps.len() > 2), "{chip}");
    // Chip and QR code have the same record, and another office can verify either.
    let record = record_on(&made.lock().unwrap()[0]);
    let file = bench.dir.path().join("ef0101");
    std::fs::write(&file, &record).unwrap();
    let keys = list(&bench, "");
    let keys = keys.to_str().unwrap();
    let good = kartud(&["verify", "--chip", file.to_str().unwrap(), "--keys", keys, "--json"]);
    assert_eq!(good.status.code(), Some(0), "{}", out(&good));
    let qr = scanned(&bench.machine.lock().last_card().unwrap().back.unwrap());
    let other = kartud(&["verify", "--qr", &qr, "--keys", keys, "--json"]);
    assert_eq!(out(&good), out(&other));
    // The events contain nothing about the person.
    let all = bench.http.get(&format!("/v1/jobs/{id}")).body.to_string();
    let all = all + &json!(events(&bench, &id)).to_string();
    assert!(!all.contains("RINA") && !all.contains("PS-000417"), "{all}");
}

#[test]
fn card_pulled_out_while_written() {
    for done in [false, true] {
        let faults = Faults { torn_out_after: Some(3), torn_out_done: done, ..Faults::default() };
        the_second_blank_is_the_card(&first_is(faults), "lost");
    }
}

#[test]
fn mute_card() {
    let faults = Faults { mute_after: Some(2), ..Faults::default() };
    the_second_blank_is_the_card(&first_is(faults), "lost");
}

#[test]
fn a_bit_that_changed_on_the_way_back() {
    // One of the responses contains the file's content; the others are only status words.
    let flip = |answer| Faults { bit_flip: Some(BitFlip { answer, bit: 77 }), ..Faults::default() };
    let changed = (1..=8).filter(|&answer| {
        let bench = first_is(flip(answer));
        let id = bench.accepted(&staff());
        let job = bench.until(&id, "printed");
        job["encoding"]["blanks_used"] == 2
    });
    assert!(changed.count() > 0, "what is read back is compared");
}

#[test]
fn wrong_blank_in_hopper() {
    let (chips, _) = blanks(|_| CardSettings::Ntag213(MemoryCardSettings::default()));
    let bench = TestStation::with_chips(chips, "");
    let id = bench.accepted(&staff());
    let job = bench.until(&id, "held");
    assert_eq!(job["reasons"][0]["code"], "H_BLANKS_SPOILED", "{job}");
    assert_eq!(bench.cards_out(), 0, "nothing was printed on it");
    let machine = bench.machine.lock().state();
    assert_eq!((&machine["hopper_cards"], &machine["reject_box_cards"]), (&json!(0), &json!(2)));
    // Nor are further blanks spent on the next job; a card without a chip uses one of them.
    let mut next = staff();
    next["ref"] = json!("STAF-2");
    let next = bench.accepted(&next);
    let child = bench.accepted(&child("S2"));
    bench.until(&child, "printed");
    bench.until_reason("other-error");
    let waits = bench.http.get(&format!("/v1/jobs/{next}")).body;
    assert_eq!((&waits["state"], &waits["encoding"]["blanks_used"]), (&json!("queued"), &json!(0)));
    let release = json!({ "by": "petugas-2" });
    bench.http.post(&format!("/v1/jobs/{id}/cancel"), &release);
    let job = bench.until(&next, "held");
    assert_eq!(job["encoding"]["blanks_used"], 2, "somebody looked, so it is tried again: {job}");
}

#[test]
fn same_card_twice() {
    let faults = Faults { same_uid: true, ..Faults::default() };
    let (chips, _) = blanks(move |_| file_card(faults.clone()));
    let bench = TestStation::with_chips(chips, "");
    let id = bench.accepted(&staff());
    bench.until(&id, "printed");
    let mut second = staff();
    second["ref"] = json!("STAF-2");
    let id = bench.accepted(&second);
    let job = bench.until(&id, "held");
    assert_eq!(job["encoding"]["blanks_used"], 2, "{job}");
    let told = json!(events(&bench, &id)).to_string();
    assert!(told.contains("same_card_again"), "{told}");
}

#[test]
fn reader_unplugged() {
    let (chips, _) = blanks(|_| file_card(Faults::default()));
    let gone = Arc::new(AtomicBool::new(false));
    let (field, is_gone, pulled) = (chips.contactless(), gone.clone(), AtomicBool::new(false));
    let pulled = Arc::new(pulled);
    let open = move || {
        let (is_gone, pulled) = (is_gone.clone(), pulled.clone());
        let mut written = 0;
        let wire = Faulty::new(Line::new(pn532::emulate(field.clone())), move |_, request| {
            // InDataExchange with UPDATE BINARY: in the middle of the record, once.
            written += u32::from(request.windows(3).any(|bytes| bytes == [0x00, 0xD6, 0x00]));
            if written == 1 && !pulled.swap(true, Ordering::Relaxed) {
                is_gone.store(true, Ordering::Relaxed);
            }
            is_gone.load(Ordering::Relaxed).then_some(Mishap::Cut(0))
        });
        drivers::readers::pn532::over("emulated", Box::new(wire))
    };
    let bench = TestStation::with_chips_and_reader(chips, Arc::new(open), "");
    let id = bench.accepted(&staff());
    bench.until_event(&id, "spoil");
    bench.until_reason("subunit-unrecoverable-failure-error");
    assert_eq!(bench.http.get("/v1/station").body["encoder"]["state"], "stopped");
    let job = bench.http.get(&format!("/v1/jobs/{id}")).body;
    assert_eq!(bench.cards_out(), 0, "no card is printed without its chip: {job}");
    gone.store(false, Ordering::Relaxed);
    let job = bench.until(&id, "printed");
    assert_eq!(
        job["encoding"]["blanks_used"], 2,
        "no blank was fed to a reader that is gone: {job}"
    );
}

#[test]
fn cards_without_a_chip_do_not_wait_for_the_reader() {
    let (chips, _) = blanks(|_| file_card(Faults::default()));
    let gone = Arc::new(AtomicBool::new(true));
    let (field, is_gone) = (chips.contactless(), gone.clone());
    let open = move || match is_gone.load(Ordering::Relaxed) {
        true => Err(EncoderError::NoReader("bench".to_owned())),
        false => emulators::reader::open("pn532", field.clone()),
    };
    let bench = TestStation::with_chips_and_reader(chips, Arc::new(open), "");
    let first = bench.accepted(&staff());
    let second = bench.accepted(&child("S2"));
    bench.until(&second, "printed");
    bench.until_reason("subunit-unrecoverable-failure-error");
    let waits = bench.http.get(&format!("/v1/jobs/{first}")).body;
    assert_eq!((&waits["state"], bench.cards_out()), (&json!("queued"), 1), "{waits}");
    gone.store(false, Ordering::Relaxed);
    let job = bench.until(&first, "printed");
    assert_eq!(job["encoding"]["blanks_used"], 1, "{job}");
}

/// Its chip is not written and nothing is printed; only a person can say where the blank is.
#[test]
fn a_blank_that_jams_on_its_way_to_the_reader_is_spoiled_by_encoding() {
    let bench = TestStation::for_staff();
    bench.pull(Lever::Jam(JamAt::Feeder));
    let id = bench.accepted(&staff());
    bench.until(&id, "unsure");
    bench.until_reason("media-jam-error");
    bench.pull(Lever::TakeCardOut);
    bench.until_event(&id, "left_to_a_person");
    let answer = json!({ "seen": "spoiled", "by": "petugas-2" });
    let answer = bench.http.post(&format!("/v1/jobs/{id}/resolve"), &answer);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let job = bench.until(&id, "printed");
    assert_eq!(job["encoding"]["blanks_used"], 2, "{job}");
    let events = events(&bench, &id);
    let spoil = events.iter().find(|event| event["event"] == "spoil").unwrap();
    assert_eq!(spoil["detail"]["cause"], "GAGAL_ENCODE", "{spoil}");
}

/// The staff card with a stripe and without a chip.
fn with_a_stripe() -> (TestStation, tempfile::TempDir) {
    let folder = products(&stripe);
    let bench = TestStation::with(&format!("[products]\nfolder = {:?}\n", folder.path()));
    (bench, folder)
}

#[test]
fn a_stripe_is_written_read_back_and_then_printed() {
    let (bench, _folder) = with_a_stripe();
    let id = bench.accepted(&staff());
    let job = bench.until(&id, "printed");
    assert_eq!(job["encoding"]["stripe"]["read_back"], true, "{job}");
    assert_eq!(bench.cards_out(), 1);
    let told = json!(events(&bench, &id)).to_string();
    assert!(!told.contains("PS-000417"), "{told}");
}

#[test]
fn a_stripe_that_reads_otherwise_is_a_spoiled_blank() {
    for fault in [MagneticFault::Write, MagneticFault::Checksum, MagneticFault::Blank] {
        let (bench, _folder) = with_a_stripe();
        bench.pull(Lever::FailMagnetic(fault));
        let id = bench.accepted(&staff());
        let job = bench.until(&id, "printed");
        assert_eq!(job["encoding"]["blanks_used"], 2, "{fault:?}: {job}");
        let machine = bench.machine.lock().state();
        assert_eq!(machine["reject_box_cards"], 1, "{fault:?}");
    }
}

#[test]
fn what_a_track_cannot_hold_is_refused_at_the_door() {
    let (bench, _folder) = with_a_stripe();
    let mut job = staff();
    job["fields"]["nama"] = json!("RINA CONTOH, S.Kom; M.M.");
    let answer = bench.http.post("/v1/jobs", &job);
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert!(answer.body.to_string().contains("E_TRACK_CHARACTER"), "{}", answer.body);
    assert_eq!(bench.cards_out(), 0);
}

#[test]
fn a_station_without_an_encoder_holds_a_staff_card() {
    let bench = TestStation::new();
    let answer = bench.http.post("/v1/jobs", &staff());
    assert_eq!((answer.status, &answer.body["state"]), (201, &json!("held")), "{}", answer.body);
    assert_eq!(answer.codes("reasons"), ["H_NO_ENCODER"]);
    assert_eq!(bench.http.get("/v1/station").body["encoder"], Value::Null);
    assert_eq!(bench.cards_out(), 0, "never silently without its chip");
}
