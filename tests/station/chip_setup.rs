//! Faults that another blank would not cure: wrong keys and profiles, missing encoding positions, a card that was
//! forgotten on the reader. They cost at most one blank, and only the cards that need the chip wait.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use drivers::contract::{Stop, Tracks, Whereabouts};
use emulators::card::CardSettings;
use emulators::evolis::EvolisSettings;
use emulators::machine::BlankChips;
use emulators::transport::emulated::Emulated;
use kartu::job::JobId;
use kartu::station::encode::Encoding;
use kartu::station::{Connect, Device, Order, Report};
use serde_json::{Value, json};

use crate::chip::{blanks, events, file_card};
use crate::printing::staff;
use crate::test_station::{KEYS, TestStation, child, products};

/// The staff card with a stripe and without a chip.
pub fn stripe(staf: &Path) {
    std::fs::remove_file(staf.join("chip.toml")).unwrap();
    let file = staf.join("product.toml");
    let product = std::fs::read_to_string(&file).unwrap();
    let at = product.find("[chip]").unwrap();
    let after = at + product[at..].find("\n\n").unwrap();
    let stripe = "[magnetic]\ncoercivity = \"hico\"\ntrack1 = \"{no_pegawai}^{nama}\"";
    std::fs::write(file, [&product[..at], stripe, &product[after..]].concat()).unwrap();
}

/// Sends the staff card's record through a secure channel.
fn secure(staf: &Path) {
    let profile = "name = \"staf\"\nversion = \"scp03\"\n\
        [[step]]\nsecure = { scp = \"03\", keys = \"vault:isd\", key_version = 48, level = \"cmac\" }\n\
        [[step]]\nupdate_binary = { fid = \"0101\", data = \"record\" }\n";
    std::fs::write(staf.join("chip.toml"), profile).unwrap();
}

const ENC: &str = "000102030405060708090A0B0C0D0E01";
const MAC: &str = "000102030405060708090A0B0C0D0E02";
const DEK: &str = "000102030405060708090A0B0C0D0E03";

/// Blanks with a security domain that has these keys.
fn secure_blanks() -> BlankChips {
    let card = json!({
        "kind": "file",
        "domain": { "version": 48, "enc": ENC, "mac": MAC, "dek": DEK },
        "content": [{ "fid": "3F00", "files": [
            { "fid": "0101", "size_bytes": 700, "update": "secure", "active": true }] }],
    });
    let card: CardSettings = serde_json::from_value(card).unwrap();
    blanks(move |_| card.clone()).0
}

fn put_key(bench: &TestStation, hex: &str) {
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(bench.dir.path().join(KEYS).join("isd")).unwrap();
    std::io::Write::write_all(&mut file, hex.as_bytes()).unwrap();
}

fn staff_number(number: u32) -> Value {
    let mut job = staff();
    job["ref"] = json!(format!("STAF-{number}"));
    job
}

fn blanks_left_and_spoiled(bench: &TestStation) -> (u64, u64) {
    let machine = bench.machine.lock().state();
    let count = |key: &str| machine[key].as_u64().unwrap_or_else(|| panic!("{machine}"));
    (count("hopper_cards"), count("reject_box_cards"))
}

#[test]
fn wrong_keys_cost_one_blank_and_not_the_whole_feeder() {
    let folder = products(&secure);
    let more = format!("[products]\nfolder = {:?}\n", folder.path());
    let mut bench = TestStation::with_chips(secure_blanks(), &more);
    put_key(&bench, &[ENC, DEK, DEK].concat());
    let first = bench.accepted(&staff_number(1));
    let second = bench.accepted(&staff_number(2));
    let job = bench.until(&first, "held");
    assert_eq!(job["reasons"][0]["code"], "H_CHIP_SETUP", "{job}");
    assert!(job["reasons"].to_string().contains("kunci isd"), "{job}");
    assert_eq!(job["encoding"]["blanks_used"], 1, "{job}");
    // A child's card is printed before the waiting ones, also after a restart.
    for child_id in ["S1", "S2"] {
        let child = bench.accepted(&child(child_id));
        bench.until(&child, "printed");
        bench.until_reason("other-error");
        let waits = bench.http.get(&format!("/v1/jobs/{second}")).body;
        assert_eq!(waits["state"], "queued", "{waits}");
        assert_eq!(blanks_left_and_spoiled(&bench).1, 1, "one blank, and no second one");
        bench.stop();
        bench.start(&more);
    }
    // The right key is installed, and a person releases the job.
    put_key(&bench, &[ENC, MAC, DEK].concat());
    let release = json!({ "by": "teknisi-1" });
    let answer = bench.http.post(&format!("/v1/jobs/{first}/release"), &release);
    assert_eq!(answer.status, 200, "{}", answer.body);
    for id in [&first, &second] {
        bench.until(id, "printed");
    }
    assert_eq!(blanks_left_and_spoiled(&bench).1, 1);
    assert_eq!(bench.http.get("/v1/station").body["state_reasons"], json!([]));
    let all = json!(events(&bench, &first)).to_string();
    assert!(!all.contains(&ENC[..20]), "{all}");
}

#[test]
fn a_key_of_the_wrong_length_costs_no_blank() {
    let folder = products(&secure);
    let more = format!("[products]\nfolder = {:?}\n", folder.path());
    let bench = TestStation::with_chips(secure_blanks(), &more);
    put_key(&bench, ENC);
    let id = bench.accepted(&staff());
    let job = bench.until(&id, "held");
    assert_eq!(job["reasons"][0]["code"], "H_CHIP", "{job}");
    assert!(job["reasons"].to_string().contains("48, 72, 96"), "{job}");
    assert_eq!(blanks_left_and_spoiled(&bench), (0, 0));
}

/// A station that lacks something a card needs; a job that needs it is posted before one that does not.
fn holds_and_prints_on(mut bench: TestStation, settings: EvolisSettings, more: &str) {
    bench.stop();
    bench.machine = emulators::evolis::emulate(settings).unwrap();
    bench.start(more);
    let first = bench.accepted(&staff());
    let second = bench.accepted(&child("S2"));
    bench.until(&second, "printed");
    let job = bench.until(&first, "held");
    assert_eq!(job["reasons"][0]["code"], "H_NO_STATION", "{job}");
    assert_eq!(job["encoding"]["blanks_used"], 0, "{job}");
    assert_eq!(blanks_left_and_spoiled(&bench), (1, 0));
}

#[test]
fn what_the_printer_has_no_station_for_is_held_and_the_others_are_printed() {
    let without = |option: &str| EvolisSettings {
        not_fitted: vec![option.to_owned()],
        ..EvolisSettings::instant()
    };
    let folder = products(&stripe);
    let more = format!("[products]\nfolder = {:?}\n", folder.path());
    holds_and_prints_on(TestStation::with(&more), without("MAGNETIC"), &more);
    holds_and_prints_on(TestStation::for_staff(), without("CONTACTLESS"), "");
}

#[test]
fn a_card_forgotten_on_the_reader_costs_no_blank() {
    let (chips, made) = blanks(|_| file_card(Default::default()));
    let (field, reader) = (chips.contactless(), chips.contactless());
    let open = move || emulators::reader::open("pn532", reader.clone());
    field.put(file_card(Default::default()).blank(77).unwrap());
    let bench = TestStation::with_chips_and_reader(chips, Arc::new(open), "");
    let first = bench.accepted(&staff());
    let second = bench.accepted(&child("S2"));
    bench.until(&second, "printed");
    bench.until_reason("subunit-unrecoverable-failure-error");
    let told = bench.http.get("/v1/station").body["state_reasons"].to_string();
    assert!(told.contains("Ada kartu di pembaca"), "{told}");
    let waits = bench.http.get(&format!("/v1/jobs/{first}")).body;
    assert_eq!((&waits["state"], bench.cards_out()), (&json!("queued"), 1), "{waits}");
    field.take();
    let job = bench.until(&first, "printed");
    assert_eq!(job["encoding"]["blanks_used"], 1, "{job}");
    assert!(made.lock().unwrap().len() >= 2);
}

/// The card is fed by hand and already has track data of another person: written beside them, the card must not be
/// issued.
#[test]
fn a_stripe_that_was_somebodys_is_no_good_card() {
    let machine = emulators::evolis::emulate(EvolisSettings::instant()).unwrap();
    let tracks = |data| Tracks::new(data).unwrap();
    let connect: Connect = Box::new(move || {
        let wire = Box::new(Emulated::new(machine.clone()));
        let mut printer = drivers::open("evolis", None, wire)?;
        printer.feed(Stop::Magnetic)?;
        printer.magnetic().unwrap().write(&tracks([None, None, Some("77")]))?;
        Ok(printer)
    });
    let work = Encoding { chip: None, stripe: Some(tracks([Some("A"), None, None])) };
    let job = JobId::parse("0199f3c0-0000-7000-8000-000000000000").unwrap();
    match Device::new(connect, None).perform(Order::Encode(job, work)) {
        Report::Encoded(_, Err(failed)) => {
            let told = json!({ "kind": "stripe_not_blank", "tracks": [3] });
            assert_eq!(json!(failed.unwritten.failure), told);
            assert_eq!(failed.card, Whereabouts::InMachine, "it goes to the reject box");
        }
        _ => panic!("the old track was not met"),
    }
}
