//! Every access condition of a MIFARE Classic, with both keys, against the tables of its data sheet (NXP MF1S50YYX_V1,
//! tables 7 and 8), by frames as a reader sends them.

use super::*;
use crate::card::{ACK, NAK, Response};

const UID: [u8; 4] = [0x5A, 0x4B, 0x41, 0x52];
const TRANSPORT: [u8; 6] = [0xFF; 6];
const A: [u8; 6] = [0xA1; 6];
const B: [u8; 6] = [0xB1; 6];
const NEW: [u8; 6] = [0xC1; 6];
const TRAILER: u8 = 7;

/// C1 C2 C3, and with which keys a data block can be read and written.
const DATA: [(u8, &str, &str); 8] = [
    (0b000, "AB", "AB"),
    (0b010, "AB", ""),
    (0b100, "AB", "B"),
    (0b110, "AB", "B"),
    (0b001, "AB", ""),
    (0b011, "B", "B"),
    (0b101, "B", ""),
    (0b111, "", ""),
];

/// C1 C2 C3 of a trailer, and with which keys: keys written, access bits read, access bits written, key B read.
const TRAILERS: [(u8, &str, &str, &str, &str); 8] = [
    (0b000, "A", "A", "", "A"),
    (0b010, "", "A", "", "A"),
    (0b100, "B", "AB", "", ""),
    (0b110, "", "AB", "", ""),
    (0b001, "A", "A", "A", "A"),
    (0b011, "B", "AB", "B", ""),
    (0b101, "", "AB", "B", ""),
    (0b111, "", "AB", "", ""),
];

/// Access bits with one condition for all data blocks and one for the trailer.
fn access(data: u8, trailer: u8) -> [u8; 4] {
    let nibble = |bit: u8| {
        let (data, trailer) = (data >> bit & 1, trailer >> bit & 1);
        (data * 0b0111) | (trailer << 3)
    };
    let (c1, c2, c3) = (nibble(2), nibble(1), nibble(0));
    [(c2 ^ 0xF) << 4 | (c1 ^ 0xF), c1 << 4 | (c3 ^ 0xF), c3 << 4 | c2, 0x69]
}

fn said(card: &SharedChip, frame: &[u8]) -> Option<Vec<u8>> {
    match card.lock().frame(frame) {
        Response::Said { bytes, .. } => Some(bytes),
        Response::Mute | Response::Gone => None,
    }
}

/// Selects the card anew and opens the second sector.
fn open(card: &SharedChip, kind: u8, key: [u8; 6]) -> bool {
    card.lock().power_on();
    said(card, &[&[kind, 4][..], &key, &UID].concat()).is_some()
}

fn write(card: &SharedChip, block: u8, data: &[u8]) -> bool {
    let answer = said(card, &[&[0xA0, block][..], data].concat()).unwrap();
    assert!(answer == [ACK] || answer == [NAK]);
    answer == [ACK]
}

fn read(card: &SharedChip, block: u8) -> Option<Vec<u8>> {
    said(card, &[0x30, block]).filter(|bytes| bytes.len() == 16)
}

/// A card whose second sector has these conditions.
fn conditioned(data: u8, trailer: u8) -> SharedChip {
    let settings: CardSettings = toml::from_str("kind = 'classic_1k'").unwrap();
    let card = settings.make().unwrap();
    assert!(open(&card, 0x60, TRANSPORT));
    assert!(write(&card, TRAILER, &[&A[..], &access(data, trailer), &B].concat()));
    card
}

const KEYS: [(&str, u8, [u8; 6]); 2] = [("A", 0x60, A), ("B", 0x61, B)];

#[test]
fn transport_conditions_have_the_bits_of_every_blank() {
    assert_eq!(access(0b000, 0b001), [0xFF, 0x07, 0x80, 0x69]);
}

#[test]
fn data_are_read_and_written_with_the_keys_of_the_data_sheet() {
    for (condition, readers, writers) in DATA {
        for (name, kind, key) in KEYS {
            for block in 4..7 {
                let card = conditioned(condition, 0b011);
                assert!(open(&card, kind, key));
                assert_eq!(
                    read(&card, block).is_some(),
                    readers.contains(name),
                    "{condition:03b} {name}"
                );
                assert!(open(&card, kind, key));
                let written = write(&card, block, &[7; 16]);
                assert_eq!(written, writers.contains(name), "{condition:03b} {name}");
            }
        }
    }
}

#[test]
fn a_trailer_is_read_and_written_with_the_keys_of_the_data_sheet() {
    for (condition, keys_by, read_by, access_by, b_by) in TRAILERS {
        for (name, kind, key) in KEYS {
            let card = conditioned(0b000, condition);
            let case = format!("{condition:03b} {name}");
            assert!(open(&card, kind, key));
            let shown = read(&card, TRAILER);
            assert_eq!(shown.is_some(), read_by.contains(name), "{case}");
            if let Some(shown) = shown {
                assert_eq!(shown[..6], [0; 6]);
                let b = if b_by.contains(name) { B } else { [0; 6] };
                assert_eq!(shown[10..], b, "{case}");
            }
            assert!(open(&card, kind, key));
            let bits = access(0b010, condition);
            let written = write(&card, TRAILER, &[&NEW[..], &bits, &NEW].concat());
            let (keys, access_bits) = (keys_by.contains(name), access_by.contains(name));
            assert_eq!(written, keys || access_bits, "{case}");
            assert_eq!(open(&card, 0x60, NEW), keys, "{case}");
            assert_eq!(open(&card, 0x61, NEW), keys, "{case}");
            let content = card.lock().state()["content"].as_str().unwrap().to_owned();
            let stored = &content[(7 * 16 + 6) * 2..(7 * 16 + 10) * 2];
            let set = stored == crate::card::hex::text(&bits);
            assert_eq!(set, access_bits, "{case}");
        }
    }
}
