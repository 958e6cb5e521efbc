//! Bytes that are not ours, from other readers and libraries, checked against `protocol.rs` and the driver's requests.
//! Each names its source. Driver and emulator share `protocol.rs`, so only foreign bytes reveal a misreading.

#![allow(clippy::unwrap_used)]

use super::protocol::*;

fn info(from: From, code: u8, body: &[u8]) -> Frame {
    Frame::Info { from, code, body: body.to_vec().into() }
}

/// The source's bytes must decode to this frame, and the frame must encode to them.
fn same(hex: &str, frame: &Frame) {
    let bytes = bytes(hex);
    assert_eq!(decode(&bytes), Found::Whole(frame.clone(), bytes.len()), "{hex}");
    assert_eq!(encode(frame), bytes, "{hex}");
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn a_pn532_on_a_serial_port_answers_a_raspberry_pi() {
    // A log of a real PN532 on HSU: github.com/techniq/node-pn532, issue 12 (2017).
    same(
        "00 00 ff 05 fb d4 14 01 00 01 16 00",
        &info(From::Host, code::SAM_CONFIGURATION, &body::NORMAL_MODE),
    );
    let heard = bytes("00 00 ff 00 ff 00 00 00 ff 02 fe d5 15 16 00");
    assert_eq!(decode(&heard), Found::Whole(Frame::Ack, 6));
    let done = info(From::Chip, code::SAM_CONFIGURATION + 1, &[]);
    assert_eq!(decode(&heard[6..]), Found::Whole(done, 9));
}

#[test]
fn libnfc_asks_and_readers_answer() {
    // Debug logs in issues of github.com/nfc-tools/libnfc: 278 (RFConfiguration, InListPassiveTarget), and of the list
    // nfc-tools-devel (a PN533: firmware, a NACK and the same answer once more).
    same(
        "00 00 ff 06 fa d4 32 05 ff ff ff f8 00",
        &info(From::Host, code::RF_CONFIGURATION, &[5, 0xff, 0xff, 0xff]),
    );
    same("00 00 ff 02 fe d5 33 f8 00", &info(From::Chip, code::RF_CONFIGURATION + 1, &[]));
    same(
        "00 00 ff 04 fc d4 4a 01 00 e1 00",
        &info(From::Host, code::IN_LIST_PASSIVE_TARGET, &body::ONE_TYPE_A),
    );
    same("00 00 ff 02 fe d4 02 2a 00", &info(From::Host, code::GET_FIRMWARE_VERSION, &[]));
    same(
        "00 00 ff 06 fa d5 03 33 02 07 07 e5 00",
        &info(From::Chip, code::GET_FIRMWARE_VERSION + 1, &[0x33, 2, 7, 7]),
    );
    same("00 00 ff ff 00 00", &Frame::Nack);
    same("00 00 ff 00 ff 00", &Frame::Ack);
    // The same list: "Invalid Received Frame (13)".
    same("00 00 ff 03 fd d5 87 13 91 00", &info(From::Chip, 0x87, &[0x13]));
}

#[test]
fn a_mifare_classic_card_is_found_opened_and_read() {
    // "NFC pn532 read and write command format" for S50 cards, a session with a real reader (jinmi8.com/doc/12721).
    let listed = bytes("00 00 ff 0c f4 d5 4b 01 01 00 04 08 04 fb 0e e2 0b d8 00");
    let Found::Whole(Frame::Info { body: listed, .. }, 19) = decode(&listed) else { panic!() };
    let card = Target::decode(&listed[1..]).unwrap();
    let uid = vec![0xfb, 0x0e, 0xe2, 0x0b];
    assert_eq!(card, Target { number: 1, atqa: [0, 4], sak: 8, uid, ats: None });
    assert_eq!(card.encode(), listed[1..]);
    let key = bytes("01 60 07 ff ff ff ff ff ff fb 0e e2 0b");
    same(
        "00 00 ff 0f f1 d4 40 01 60 07 ff ff ff ff ff ff fb 0e e2 0b 94 00",
        &info(From::Host, code::IN_DATA_EXCHANGE, &key),
    );
    same(
        "00 00 ff 05 fb d4 40 01 30 04 b7 00",
        &info(From::Host, code::IN_DATA_EXCHANGE, &[1, 0x30, 4]),
    );
    let read = [&[0][..], &[0xff; 16]].concat();
    same(
        "00 00 ff 13 ed d5 41 00 ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff fa 00",
        &info(From::Chip, code::IN_DATA_EXCHANGE + 1, &read),
    );
}

#[test]
fn another_readers_card_has_its_identifier_behind_its_kind() {
    // An Elechouse module with a MIFARE card, as nfc-list shows it beside the bytes: libnfc, pull request 739 (2024).
    let card = Target::decode(&bytes("01 00 04 08 04 1a da 74 44")).unwrap();
    assert_eq!((card.atqa, card.sak, card.uid), ([0x00, 0x04], 0x08, vec![0x1a, 0xda, 0x74, 0x44]));
}

#[test]
fn an_error_frame_is_as_the_manual_has_it() {
    // UM0701-02, 6.2.1.5.
    same("00 00 ff 01 ff 7f 81 00", &Frame::Refused);
}

#[test]
fn answers_to_reset_are_those_of_readers_on_the_market() {
    // Ludovic Rousseau's list of smart cards (pcsc-tools): MIFARE Classic 1K, Ultralight, DESFire.
    let card = |sak, ats: Option<&str>| Target {
        number: 1,
        atqa: [0, 4],
        sak,
        uid: vec![1, 2, 3, 4],
        ats: ats.map(bytes),
    };
    let classic = "3b 8f 80 01 80 4f 0c a0 00 00 03 06 03 00 01 00 00 00 00 6a";
    assert_eq!(card(0x08, None).atr(), bytes(classic));
    let ultralight = "3b 8f 80 01 80 4f 0c a0 00 00 03 06 03 00 03 00 00 00 00 68";
    assert_eq!(card(0x00, None).atr(), bytes(ultralight));
    assert_eq!(card(0x20, Some("06 75 77 81 02 80")).atr(), bytes("3b 81 80 01 80 80"));
}
