//! Memory cards, through the pseudo-APDUs that a station sends, and by frames where the card's own answers matter.

use serde_json::json;

use super::*;
use crate::card::{ACK, NAK, Response};

const DEFAULT_KEY: [u8; 6] = [0xFF; 6];
/// Key A reads and writes nothing but data, key B writes access bits: C1 C2 C3 of the trailer is 011, of data 100.
const CLOSED: [u8; 4] = [0x78, 0x77, 0x88, 0x69];

fn block(number: u8, data: &[u8]) -> Command {
    Command::new(0xFF, 0xD6, 0, number).with(data)
}

fn read_block(number: u8) -> Command {
    Command::new(0xFF, 0xB0, 0, number).expecting(16)
}

fn open(bench: &mut Bench, number: u8, kind: u8, key: [u8; 6]) -> u16 {
    assert_eq!(bench.status(&Command::new(0xFF, 0x82, 0, 0).with(key)), 0x9000);
    bench.status(&Command::new(0xFF, 0x86, 0, 0).with([1, 0, number, kind, 0]))
}

fn said(bench: &Bench, frame: &[u8]) -> Option<Vec<u8>> {
    match bench.card.lock().frame(frame) {
        Response::Said { bytes, .. } => Some(bytes),
        Response::Mute | Response::Gone => None,
    }
}

#[test]
fn a_sector_opens_with_its_key_only_and_the_next_stays_shut() {
    let mut bench = Bench::new("kind = 'classic_1k'");
    assert_eq!(
        bench.send(&Command::new(0xFF, 0xCA, 0, 0).expecting(256)).data,
        [0x5A, 0x4B, 0x41, 0x52]
    );
    assert_eq!(bench.status(&read_block(4)), 0x6982);
    assert_eq!(open(&mut bench, 4, 0x60, [1; 6]), 0x6982);
    assert_eq!(open(&mut bench, 4, 0x60, DEFAULT_KEY), 0x9000);
    assert_eq!(bench.status(&block(5, &[7; 16])), 0x9000);
    assert_eq!(bench.send(&read_block(5)).data, [7; 16]);
    assert_eq!(bench.status(&read_block(8)), 0x6982);
    // A refusal closes the sector again; nobody may write the manufacturer block, and keys cannot be read.
    assert_eq!(bench.status(&read_block(5)), 0x6982);
    assert_eq!(open(&mut bench, 0, 0x60, DEFAULT_KEY), 0x9000);
    assert_eq!(bench.send(&read_block(0)).data[..6], [0x5A, 0x4B, 0x41, 0x52, 0x02, 0x08]);
    let trailer = [&[0; 6][..], &[0xFF, 0x07, 0x80, 0x69], &[0xFF; 6]].concat();
    assert_eq!(bench.send(&read_block(3)).data, trailer);
    assert_eq!(bench.status(&block(0, &[7; 16])), 0x6982);
    // With transport access bits, key B counts as data.
    assert_eq!(open(&mut bench, 4, 0x61, DEFAULT_KEY), 0x9000);
    assert_eq!(bench.status(&read_block(4)), 0x6982);
}

#[test]
fn closed_access_bits_leave_writing_to_key_b() {
    let mut bench = Bench::new("kind = 'classic_1k'");
    let (a, b) = ([0xA0; 6], [0xB0; 6]);
    open(&mut bench, 4, 0x60, DEFAULT_KEY);
    assert_eq!(bench.status(&block(7, &[&a[..], &CLOSED, &b].concat())), 0x9000);
    assert_eq!(open(&mut bench, 4, 0x60, DEFAULT_KEY), 0x6982);
    assert_eq!(open(&mut bench, 4, 0x60, a), 0x9000);
    assert_eq!(bench.status(&read_block(4)), 0x9000);
    assert_eq!(bench.status(&block(4, &[7; 16])), 0x6982);
    assert_eq!(open(&mut bench, 4, 0x61, b), 0x9000);
    assert_eq!(bench.status(&block(4, &[7; 16])), 0x9000);
    assert_eq!(bench.send(&read_block(4)).data, [7; 16]);
    let shown = bench.send(&read_block(7)).data;
    assert_eq!(shown, [&[0; 6][..], &CLOSED, &[0; 6]].concat());
}

#[test]
fn access_bits_that_contradict_themselves_shut_a_sector_for_ever() {
    let mut bench = Bench::new("kind = 'classic_1k'");
    open(&mut bench, 4, 0x60, DEFAULT_KEY);
    let trailer = [&DEFAULT_KEY[..], &[0; 4], &DEFAULT_KEY].concat();
    assert_eq!(bench.status(&block(7, &trailer)), 0x9000);
    assert_eq!(open(&mut bench, 4, 0x60, DEFAULT_KEY), 0x9000);
    assert_eq!(bench.status(&block(7, &trailer)), 0x6982);
    assert_eq!(open(&mut bench, 8, 0x60, DEFAULT_KEY), 0x9000);
    assert_eq!(bench.status(&read_block(8)), 0x9000);
}

#[test]
fn every_ntag_is_of_its_size_and_says_so() {
    for (kind, size, container, last_user) in
        [("ntag213", 0x0F, 0x12, 39), ("ntag215", 0x11, 0x3E, 129), ("ntag216", 0x13, 0x6D, 225)]
    {
        let mut bench = Bench::new(&format!("kind = '{kind}'"));
        assert_eq!(said(&bench, &[0x60]), Some(vec![0, 4, 4, 2, 1, 0, size, 3]));
        let head = bench.send(&read_block(0)).data;
        assert_eq!(head[..9], [4, 0x4B, 0x41, 0x86, 0x52, 0x54, 0x55, 0x80, 0xD3]);
        assert_eq!(head[12..], [0xE1, 0x10, container, 0]);
        assert_eq!(bench.status(&block(last_user, &[7; 4])), 0x9000);
        // The page after the last user page holds lock bits, which behave differently from user data.
        assert_eq!(bench.status(&block(last_user + 1, &[0, 0, 0, 7])), 0x9000);
        let after = bench.send(&read_block(last_user)).data;
        assert_eq!(after[..8], [7, 7, 7, 7, 0, 0, 0, 0xBD]);
        assert_eq!(bench.status(&block(last_user + 6, &[7; 4])), 0x6982);
    }
}

#[test]
fn lock_and_container_bits_go_one_way() {
    let mut bench = Bench::new("kind = 'ntag213'");
    assert_eq!(bench.status(&block(3, &[0xE1, 0x11, 0x12, 0x0F])), 0x9000);
    assert_eq!(bench.status(&block(3, &[0; 4])), 0x9000);
    assert_eq!(bench.send(&read_block(3)).data[..4], [0xE1, 0x11, 0x12, 0x0F]);
    // Locks pages 4 and 15, and prevents any further lock of pages 10 to 15.
    assert_eq!(bench.status(&block(2, &[0, 0, 0x14, 0x80])), 0x9000);
    assert_eq!(bench.status(&block(2, &[0, 0, 0x20, 0x40])), 0x9000);
    assert_eq!(bench.send(&read_block(2)).data[2..4], [0x34, 0x80]);
    for (page, status) in [(4, 0x6982), (5, 0x6982), (6, 0x9000), (14, 0x9000), (15, 0x6982)] {
        assert_eq!(bench.status(&block(page, &[7; 4])), status, "{page}");
    }
    // One bit locks pages 18 and 19; the other bit freezes it and its neighbour.
    assert_eq!(bench.status(&block(40, &[0x02, 0, 0x01, 0])), 0x9000);
    assert_eq!(bench.status(&block(40, &[0x04, 0, 0, 0])), 0x9000);
    // Nor can the freezing be undone.
    assert_eq!(bench.status(&block(40, &[0x01, 0, 0, 0])), 0x9000);
    for (page, status) in [(16, 0x9000), (17, 0x9000), (18, 0x6982), (19, 0x6982), (20, 0x6982)] {
        assert_eq!(bench.status(&block(page, &[7; 4])), status, "{page}");
    }
}

#[test]
fn a_password_guards_the_pages_from_its_first() {
    let mut bench = Bench::new("kind = 'ntag213'");
    for (page, data) in
        [(43, *b"KATA"), (44, [1, 2, 0, 0]), (42, [0x80, 0, 0, 0]), (41, [4, 0, 0, 20])]
    {
        assert_eq!(bench.status(&block(page, &data)), 0x9000);
    }
    assert_eq!(bench.status(&block(20, &[7; 4])), 0x6982);
    assert_eq!(bench.status(&read_block(20)), 0x6982);
    // A read rolls over where the protected pages begin.
    assert_eq!(bench.send(&read_block(19)).data[4..8], [4, 0x4B, 0x41, 0x86]);
    assert_eq!(said(&bench, b"\x1BXXXX"), Some(vec![NAK]));
    bench.again();
    assert_eq!(said(&bench, b"\x1BKATA"), Some(vec![1, 2]));
    assert_eq!(bench.status(&block(20, &[7; 4])), 0x9000);
    // Protected or not, the password is never read.
    assert_eq!(bench.send(&read_block(42)).data[4..12], [0; 8]);
}

#[test]
fn an_ultralight_has_sixteen_pages_and_no_version() {
    let mut bench = Bench::new("kind = 'ultralight'");
    assert_eq!(bench.status(&block(15, &[7; 4])), 0x9000);
    assert_eq!(bench.send(&read_block(15)).data[..8], [7, 7, 7, 7, 4, 0x4B, 0x41, 0x86]);
    assert_eq!(said(&bench, &[&[0xA0, 4][..], &[9; 16]].concat()), Some(vec![ACK]));
    assert_eq!(bench.send(&read_block(4)).data[..8], [9, 9, 9, 9, 0, 0, 0, 0]);
    assert_eq!(said(&bench, &[0x60]), Some(vec![NAK]));
    assert_eq!(said(&bench, &[0x30, 0]), None);
    bench.again();
    assert_eq!(said(&bench, &[0x50, 0]), None);
    assert_eq!(said(&bench, &[0x30, 0]), None);
    // The reader refuses what it does not know.
    bench.again();
    assert_eq!(bench.status(&select(&[1, 2, 3, 4, 5])), 0x6E00);
}

#[test]
fn content_outlives_the_card_as_data_and_keys_stay_where_they_are() {
    let mut bench = Bench::new("kind = 'classic_1k'");
    open(&mut bench, 4, 0x60, DEFAULT_KEY);
    bench.send(&block(7, &[&[0xA0; 6][..], &CLOSED, &[0xB0; 6]].concat()));
    open(&mut bench, 4, 0x61, [0xB0; 6]);
    bench.send(&block(4, b"KARTU-KARTU-KART"));
    let state = bench.card.lock().state();
    assert!(!state.to_string().contains("A0A0A0"));
    let mut second = Bench::new("kind = 'classic_1k'");
    second.change(&json!({"content": state["content"]}));
    assert_eq!(open(&mut second, 4, 0x60, DEFAULT_KEY), 0x9000);
    assert_eq!(second.send(&read_block(4)).data, b"KARTU-KARTU-KART");
    second.change(&json!({"flip_stored": {"bit": 4 * 128}}));
    assert_eq!(second.send(&read_block(4)).data[0], b'K' ^ 1);
}

#[test]
fn any_frames_leave_a_card_standing() {
    for kind in ["classic_1k", "ultralight", "ntag216"] {
        let bench = Bench::new(&format!("kind = '{kind}'"));
        let mut number: u32 = 1;
        for length in (0..20).cycle().take(4000) {
            let mut frame = vec![[0x30, 0x60, 0xA0, 0xA2, 0x3A, 0x1B, 0x61][length % 7]];
            frame.extend(
                std::iter::repeat_with(|| {
                    number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    number.to_be_bytes()[0]
                })
                .take(length),
            );
            bench.card.lock().power_on();
            bench.card.lock().frame(&frame);
        }
        assert!(!bench.card.lock().atr().is_empty());
    }
}
