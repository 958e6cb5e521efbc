//! Cards with files: content, access conditions, and how answers are sent.

use serde_json::json;

use super::*;
use drivers::encoder::{Interface, Limits};

const AID: [u8; 5] = [0xF0, 0x4B, 0x49, 0x41, 0x01];
const STAFF: &str = r#"
kind = "file"
pin = "31323334"
[[content]]
fid = "DF01"
aid = "F04B494101"
active = true
[[content.files]]
fid = "0101"
size_bytes = 600
content = "010203"
active = true
update = "never"
[[content.files]]
fid = "0102"
size_bytes = 16
active = true
read = "pin"
update = "pin"
"#;

fn ef(fid: u16, size: u16, more: &[u8]) -> Command {
    let [high, low] = fid.to_be_bytes();
    let [size_high, size_low] = size.to_be_bytes();
    let inside =
        [&[0x82, 1, 1, 0x83, 2, high, low, 0x80, 2, size_high, size_low][..], more].concat();
    let length = u8::try_from(inside.len()).unwrap();
    Command::new(0, 0xE0, 0, 0).with([&[0x62, length][..], &inside].concat())
}

fn choose(fid: u16) -> Command {
    Command::new(0, 0xA4, 2, 0x0C).with(fid.to_be_bytes())
}

#[test]
fn a_staff_card_is_made_filled_read_back_and_closed() {
    for how in ["interface = 'contact'\nprotocol = 't0'", "interface = 'contact'", ""] {
        let mut bench = Bench::new(&format!("kind = 'file'\n{how}"));
        let df = [0x62, 14, 0x82, 1, 0x38, 0x83, 2, 0xDF, 1, 0x84, 5, 0xF0, 0x4B, 0x49, 0x41, 1];
        assert_eq!(bench.status(&Command::new(0, 0xE0, 0, 0).with(df)), 0x9000, "{how}");
        assert_eq!(bench.status(&ef(0x0101, 600, &[0x86, 2, 0, 0xFF])), 0x9000);
        assert_eq!(bench.status(&ef(0x0101, 600, &[])), 0x6A89);
        let record: Vec<u8> = (0..600_u32).map(|n| n.to_le_bytes()[0]).collect();
        for (number, block) in record.chunks(200).enumerate() {
            let [high, low] = u16::try_from(number * 200).unwrap().to_be_bytes();
            assert_eq!(bench.status(&Command::new(0, 0xD6, high, low).with(block)), 0x9000);
        }
        bench.again();
        assert_eq!(bench.status(&read(0, 4)), 0x6986);
        assert_eq!(bench.send(&select(&AID)).data[..2], [0x6F, 17]);
        assert_eq!(bench.status(&choose(0x0101)), 0x9000);
        let mut back = Vec::new();
        for number in [0_u16, 1, 2] {
            let [high, low] = (number * 200).to_be_bytes();
            let reply = bench.send(&Command::new(0, 0xB0, high, low).expecting(200));
            assert_eq!(reply.status.0, 0x9000);
            back.extend(reply.data);
        }
        assert_eq!(back, record);
        assert_eq!(bench.status(&Command::new(0, 0x44, 0, 0)), 0x9000);
        assert_eq!(bench.status(&update(0, &[1])), 0x6982);
        assert_eq!(bench.status(&read(0, 200)), 0x9000);
    }
}

#[test]
fn t0_answers_are_fetched_and_wrong_lengths_named() {
    let staff = format!(
        "{}\n{}",
        "interface = 'contact'\nprotocol = 't0'",
        STAFF.replace("kind = \"file\"", "")
    );
    let mut bench = Bench::new(&format!("kind = 'file'\n{staff}"));
    let limits = Limits { t0: true, extended: false, apdu_max_bytes: 261 };
    assert_eq!((bench.chip.interface, bench.chip.limits), (Interface::Contact, limits));
    assert_eq!(bench.raw(&[0, 0xA4, 4, 0, 5, 0xF0, 0x4B, 0x49, 0x41, 1]), [0x61, 19]);
    assert_eq!(bench.raw(&[0, 0xC0, 0, 0, 20]), [0x6C, 19]);
    assert_eq!(bench.raw(&[0, 0xC0, 0, 0, 1]), [0x6F, 0x61, 18]);
    assert_eq!(bench.raw(&[0, 0xC0, 0, 0, 18]).len(), 20);
    assert_eq!(bench.raw(&[0, 0xC0, 0, 0, 1]), [0x69, 0x85]);
    // T=0 allows no data together with an expected length, and no extended length.
    assert_eq!(bench.raw(&[0, 0xA4, 0, 0, 2, 0x3F, 0, 0]), [0x67, 0]);
    assert_eq!(bench.raw(&[0, 0xB0, 0, 0, 0, 1, 0]), [0x67, 0]);
    let (_, seen) = bench.watched(&select(&AID));
    let passed: Vec<_> = seen.iter().map(|one| (one.header[1], one.status.unwrap().0)).collect();
    assert_eq!(passed, [(0xA4, 0x6113), (0xC0, 0x9000)]);
    bench.send(&choose(0x0101));
    let (reply, seen) = bench.watched(&Command::new(0, 0xB0, 2, 0).expecting(256));
    assert_eq!((reply.data.len(), seen.len(), seen[0].status.unwrap().0), (88, 2, 0x6C58));
}

#[test]
fn beyond_t0_answers_come_at_once_and_extended_lengths_where_they_are_known() {
    let mut bench = Bench::new(STAFF);
    bench.send(&select(&AID));
    bench.send(&choose(0x0101));
    let (reply, seen) = bench.watched(&read(0, 600));
    assert_eq!((reply.data.len(), seen.len()), (600, 1));
    assert_eq!(reply.data[..4], [1, 2, 3, 0]);
    let reply = bench.send(&Command::new(0, 0xB0, 2, 0).expecting(200));
    assert_eq!((reply.data.len(), reply.status.0), (88, 0x6282));
    assert_eq!(bench.status(&Command::new(0, 0xB0, 2, 0).expecting(256)), 0x9000);
    assert_eq!(bench.status(&Command::new(0, 0xB0, 3, 0).expecting(1)), 0x6B00);
    // By its short file identifier, without a SELECT.
    assert_eq!(bench.send(&Command::new(0, 0xB0, 0x81, 1).expecting(2)).data, [2, 3]);

    let short = STAFF.replace("pin =", "extended = false\npin =");
    let mut bench = Bench::new(&short);
    assert_eq!(bench.raw(&[0, 0xB0, 0, 0, 0, 1, 0]), [0x67, 0]);
}

#[test]
fn a_long_update_comes_as_a_chain() {
    let mut bench = Bench::new("kind = 'file'");
    bench.send(&ef(0x0105, 700, &[]));
    bench.chip.limits.extended = false;
    let (reply, seen) = bench.watched(&update(0, &[7; 600]));
    let classes: Vec<_> = seen.iter().map(|one| one.header[0]).collect();
    assert_eq!((reply.status.0, classes), (0x9000, vec![0x10, 0x10, 0x00]));
    assert_eq!(
        bench.send(&Command::new(0, 0xB0, 2, 80).expecting(16)).data,
        [[7; 8], [0; 8]].concat()
    );
    assert_eq!(bench.raw(&[0x10, 0xD6, 0, 0, 1, 9]), [0x90, 0]);
    assert_eq!(bench.raw(&[0x00, 0xD6, 0, 1, 1, 9]), [0x68, 0x83]);
    assert_eq!(bench.send(&read(0, 1)).data, [7]);
}

#[test]
fn a_pin_opens_and_is_blocked_after_three_wrong_ones() {
    let mut bench = Bench::new(STAFF);
    let pin = |pin: &[u8]| Command::new(0, 0x20, 0, 1).with(pin);
    bench.send(&select(&AID));
    bench.send(&choose(0x0102));
    assert_eq!(bench.status(&read(0, 1)), 0x6982);
    assert_eq!(bench.status(&pin(b"1111")), 0x63C2);
    assert_eq!(bench.status(&pin(b"1234")), 0x9000);
    assert_eq!(bench.status(&pin(b"")), 0x9000);
    assert_eq!(bench.status(&update(0, &[1])), 0x9000);
    bench.again();
    assert_eq!(bench.status(&pin(b"")), 0x63C3);
    for left in [2, 1, 0] {
        assert_eq!(bench.status(&pin(b"1")), 0x63C0 | left);
    }
    assert_eq!(bench.status(&pin(b"1234")), 0x6983);
    assert_eq!(bench.card.lock().state()["pin_tries_left"], 0);
}

#[test]
fn files_are_found_by_name_path_and_parent_and_others_are_not() {
    let mut bench = Bench::new(STAFF);
    let by = |p1, data: &[u8]| Command::new(0, 0xA4, p1, 0x0C).with(data);
    for (command, status) in [
        (by(0x00, &[0x3F, 0]), 0x9000),
        (by(0x00, &[0xDF, 1]), 0x9000),
        (by(0x00, &[1, 1]), 0x9000),
        (by(0x03, &[]), 0x9000),
        (by(0x02, &[1, 1]), 0x6A82),
        (by(0x01, &[0xDF, 1]), 0x9000),
        (by(0x09, &[1, 1]), 0x9000),
        (by(0x08, &[0xDF, 1, 1, 2]), 0x9000),
        (by(0x08, &[0xDF, 1, 9, 9]), 0x6A82),
        (by(0x08, &[0xDF]), 0x6A80),
        (by(0x04, &AID[..3]), 0x9000),
        (by(0x04, &[0xA0, 0]), 0x6A82),
        (by(0x05, &[1]), 0x6A86),
        (Command::new(0, 0xA4, 4, 2).with(AID), 0x6A82),
        (Command::new(0x01, 0xA4, 4, 0).with(AID), 0x6881),
        (Command::new(0xA0, 0xA4, 4, 0).with(AID), 0x6E00),
        (Command::new(0x04, 0xA4, 4, 0).with(AID), 0x6882),
        (Command::new(0x00, 0xFE, 0, 0), 0x6D00),
        (ef(0x0103, 10, &[]), 0x6982),
    ] {
        assert_eq!(bench.status(&command), status, "{command:?}");
    }
}

#[test]
fn what_cannot_be_made_is_refused() {
    let mut bench = Bench::new("kind = 'file'\nmemory_bytes = 200");
    for (command, status) in [
        (ef(0x0101, 500, &[]), 0x6A84),
        (ef(0x3F00, 10, &[]), 0x6A80),
        (ef(0x0101, 10, &[0x86, 2, 7, 7]), 0x6A80),
        (Command::new(0, 0xE0, 0, 0).with([0x62, 5, 1]), 0x6A80),
        (Command::new(0, 0xE0, 1, 0).with([0x62, 0]), 0x6A86),
        (ef(0x0101, 10, &[0x8A, 1, 3]), 0x9000),
        (update(8, &[1, 2, 3]), 0x6A84),
        (update(0, &[]), 0x6700),
    ] {
        assert_eq!(bench.status(&command), status, "{command:?}");
    }
    for wrong in [
        "kind = 'file'\nuid = '0102'",
        "kind = 'file'\nmemory_bytes = 8\n[[content]]\nfid = 'DF01'",
        "kind = 'file'\n[[content]]\nfid = 'DF01'\n[[content]]\nfid = 'DF01'",
        "kind = 'file'\ncontent = [{ fid = '3F00', files = [{ fid = 'DF01', size_bytes = 1 }] }, { fid = 'DF01' }]",
        "kind = 'file'\n[domain]\nversion = 1\nenc = '00'\nmac = '00'\ndek = '00'",
    ] {
        assert!(toml::from_str::<CardSettings>(wrong).unwrap().make().is_err(), "{wrong}");
    }
    for wrong in ["kind = 'paper'", "kind = 'file'\ncolour = 1", "kind = 'file'\nuid = '0x'"] {
        assert!(toml::from_str::<CardSettings>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_stands_on_a_card_outlives_it_as_data() {
    let mut first = Bench::new(STAFF);
    let pin = Command::new(0, 0x20, 0, 1).with(*b"1234");
    for command in [select(&AID), choose(0x0102), pin, update(0, b"KARTU")] {
        assert_eq!(first.status(&command), 0x9000);
    }
    let content = first.card.lock().state()["content"].clone();
    let mut second = Bench::new("kind = 'file'\npin = '31323334'");
    second.change(&json!({ "content": content }));
    assert_eq!(second.status(&select(&AID)), 0x9000);
    second.send(&choose(0x0102));
    assert_eq!(second.status(&read(0, 5)), 0x6982);
    second.send(&Command::new(0, 0x20, 0, 1).with(*b"1234"));
    assert_eq!(second.send(&read(0, 5)).data, b"KARTU");
}

#[test]
fn every_blank_of_a_batch_calls_itself_otherwise_unless_that_is_its_fault() {
    for how in ["", "interface = 'contact'"] {
        let identity = |number, faults: &str| {
            let settings = format!("kind = 'file'\n{how}\n{faults}");
            let settings: CardSettings = toml::from_str(&settings).unwrap();
            Bench::of(settings.blank(number).unwrap()).chip.identity().to_vec()
        };
        assert_ne!(identity(0, ""), identity(1, ""));
        assert_eq!(identity(0, ""), identity(0, ""));
        let same = "[faults]\nsame_uid = true";
        assert_eq!(identity(0, same), identity(1, same));
    }
}

#[test]
fn the_settings_show_no_pin() {
    let settings: CardSettings = toml::from_str(STAFF).unwrap();
    let shown = format!("{settings:?}");
    assert!(shown.contains("***") && !shown.contains("31323334") && !shown.contains("49, 50, 51"));
}
