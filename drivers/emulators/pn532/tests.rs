//! The driver against the emulated reader, at the bytes, and both against bytes that mean nothing.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::emulate;
use crate::card::{CardSettings, Field};
use crate::reader::EmulatedReader;
use crate::transport::faulty::{Faulty, Mishap};
use crate::transport::line::Line;
use drivers::encoder::apdu::Command;
use drivers::encoder::channel::Channel;
use drivers::encoder::{CardEncoder, EncoderError};
use drivers::readers::pn532::over;
use drivers::readers::pn532::protocol::{Found, Frame, From, decode, encode, whole};
use drivers::transport::{Transport, TransportError, Whole};

type Shared = Arc<Mutex<Box<dyn EmulatedReader>>>;

const PATIENCE: Duration = Duration::from_secs(3);
const SELECT: [u8; 12] = [0, 0xa4, 4, 0, 5, 0xf0, 0x4b, 0x49, 0x41, 0x01, 0, 0];

fn card(toml: &str) -> Field {
    let field = Field::default();
    let settings: CardSettings = toml::from_str(toml).unwrap();
    field.put(settings.make().unwrap());
    field
}

fn reader(field: &Field) -> (Box<dyn CardEncoder>, Shared) {
    let reader: Shared = Arc::new(Mutex::new(emulate(field.clone())));
    (over("test", Box::new(Line::new(reader.clone()))).unwrap(), reader)
}

fn ask(encoder: &mut dyn CardEncoder, command: &[u8]) -> Result<Vec<u8>, EncoderError> {
    let mut answer = Vec::new();
    encoder.transmit(command, &mut answer).map(|()| answer)
}

/// Records everything that is sent to the reader.
struct Tapped<T>(T, Arc<Mutex<Vec<Vec<u8>>>>);

impl<T: Transport> Transport for Tapped<T> {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.1.lock().unwrap().push(request.to_vec());
        self.0.send(request, patience)
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        self.0.receive(answer, patience)
    }

    fn frame_by(&mut self, whole: Whole) {
        self.0.frame_by(whole);
    }

    fn pause(&mut self, span: Duration) {
        self.0.pause(span);
    }
}

#[test]
fn a_chip_with_files_is_switched_on_and_asked() {
    let field = card("kind = 'file'");
    let atr = field.card().unwrap().lock().atr();
    let (mut encoder, _) = reader(&field);
    let chip = encoder.power_on(PATIENCE).unwrap();
    assert_eq!(chip.atr, atr, "as the card model makes it");
    assert_eq!(chip.identity(), [0x04, 0x4b, 0x41, 0x52, 0x54, 0x55, 0x80]);
    assert!(!chip.limits.extended && !chip.limits.t0);
    // GET DATA of the reader; an application that is not there.
    assert_eq!(ask(&mut *encoder, &[0xff, 0xca, 0, 0, 0]).unwrap()[..7], *chip.identity());
    assert_eq!(ask(&mut *encoder, &SELECT[..10]).unwrap(), [0x6a, 0x82]);
    encoder.power_off().unwrap();
    assert_eq!(ask(&mut *encoder, &SELECT[..10]), Err(EncoderError::CardLost));
}

#[test]
fn a_memory_card_is_opened_written_and_read() {
    let (mut encoder, _) = reader(&card("kind = 'classic_1k'"));
    let chip = encoder.power_on(PATIENCE).unwrap();
    assert_eq!(chip.uid.as_ref().unwrap().len(), 4);
    let read = [0xff, 0xb0, 0, 4, 16];
    assert_eq!(ask(&mut *encoder, &read).unwrap(), [0x69, 0x82], "no key yet");
    // A wrong key, and after it the right one: the reader selects the card again in between.
    let open = [0xff, 0x86, 0, 0, 5, 1, 0, 4, 0x60, 0];
    for (key, said) in [(0xaa, [0x69, 0x82]), (0xff, [0x90, 0])] {
        let load = [&[0xff, 0x82, 0, 0, 6][..], &[key; 6]].concat();
        assert_eq!(ask(&mut *encoder, &load).unwrap(), [0x90, 0]);
        assert_eq!(ask(&mut *encoder, &open).unwrap(), said);
    }
    let write = [&[0xff, 0xd6, 0, 4, 16][..], b"sixteen bytes, 1"].concat();
    assert_eq!(ask(&mut *encoder, &write).unwrap(), [0x90, 0]);
    assert_eq!(ask(&mut *encoder, &read).unwrap(), b"sixteen bytes, 1\x90\x00");
}

#[test]
fn a_tag_for_telephones_is_written_and_read() {
    let (mut encoder, _) = reader(&card("kind = 'ntag215'"));
    encoder.power_on(PATIENCE).unwrap();
    let write = [&[0xff, 0xd6, 0, 4, 8][..], b"12345678"].concat();
    assert_eq!(ask(&mut *encoder, &write).unwrap(), [0x90, 0]);
    assert_eq!(ask(&mut *encoder, &[0xff, 0xb0, 0, 4, 8]).unwrap(), b"12345678\x90\x00");
    let refused = ask(&mut *encoder, &[0, 0xa4, 4, 0]);
    assert!(matches!(refused, Err(EncoderError::Unsupported(_))), "{refused:?}");
}

#[test]
fn no_card_mute_card_and_a_card_that_is_pulled_away() {
    let field = Field::default();
    let (mut encoder, _) = reader(&field);
    let none = EncoderError::NoCard { waited: PATIENCE };
    assert_eq!(encoder.power_on(PATIENCE), Err(none));
    field.put(card("kind = 'file'").take().unwrap());
    encoder.power_on(PATIENCE).unwrap();
    let chip = field.card().unwrap();
    chip.lock().change(&json!({ "faults": { "mute": true } })).unwrap();
    assert_eq!(ask(&mut *encoder, &SELECT), Err(EncoderError::CardLost));
    chip.lock().change(&json!({ "faults": { "mute": false } })).unwrap();
    encoder.power_on(PATIENCE).unwrap();
    assert!(ask(&mut *encoder, &SELECT).is_ok());
    let taken = field.take().unwrap();
    assert_eq!(ask(&mut *encoder, &SELECT), Err(EncoderError::CardLost));
    field.put(taken);
    assert_eq!(ask(&mut *encoder, &SELECT), Err(EncoderError::CardLost), "not before power on");
    encoder.power_on(PATIENCE).unwrap();
    encoder.power_off().unwrap();
}

#[test]
fn another_card_in_its_place_is_not_taken_for_it() {
    let field = card("kind = 'classic_1k'");
    let (mut encoder, _) = reader(&field);
    encoder.power_on(PATIENCE).unwrap();
    let other: CardSettings = toml::from_str("kind = 'classic_1k'").unwrap();
    field.put(other.blank(1).unwrap());
    assert_eq!(ask(&mut *encoder, &[0xff, 0xb0, 0, 4, 16]), Err(EncoderError::CardLost));
}

#[test]
fn a_broken_answer_is_asked_for_again_and_the_card_asked_once() {
    let field = card("kind = 'file'");
    let inner: Shared = Arc::new(Mutex::new(emulate(field.clone())));
    let said = Arc::new(Mutex::new(Vec::new()));
    let wire = Tapped(Line::new(inner.clone()), said.clone());
    let mut encoder = over("test", Box::new(wire)).unwrap();
    encoder.power_on(PATIENCE).unwrap();
    said.lock().unwrap().clear();
    inner.lock().unwrap().change(&json!({ "faults": { "bad_checksums": 1 } })).unwrap();
    assert_eq!(ask(&mut *encoder, &SELECT[..10]).unwrap(), [0x6a, 0x82]);
    let said = said.lock().unwrap();
    assert_eq!(said.len(), 2, "the command, and the wish to hear its answer again");
    assert_eq!(said[1], encode(&Frame::Nack));
}

#[test]
fn a_reader_that_falls_silent_is_told_to_stop() {
    let field = card("kind = 'file'");
    let inner: Shared = Arc::new(Mutex::new(emulate(field.clone())));
    let said = Arc::new(Mutex::new(Vec::new()));
    let mut encoder = over("test", Box::new(Tapped(Line::new(inner), said.clone()))).unwrap();
    encoder.power_on(PATIENCE).unwrap();
    let slow = json!({ "faults": { "slow_ms": 60_000 } });
    field.card().unwrap().lock().change(&slow).unwrap();
    let fault = ask(&mut *encoder, &SELECT).unwrap_err();
    assert!(matches!(fault, EncoderError::Wire(_)), "{fault}");
    assert_eq!(said.lock().unwrap().last().unwrap(), &encode(&Frame::Ack));
    let quick = json!({ "faults": { "slow_ms": 0 } });
    field.card().unwrap().lock().change(&quick).unwrap();
    encoder.power_on(PATIENCE).unwrap();
    assert!(ask(&mut *encoder, &SELECT).is_ok(), "the cancelled answer does not come late");
}

#[test]
fn the_longest_short_command_goes_in_an_extended_frame() {
    let field = card("kind = 'file'");
    let (mut encoder, _) = reader(&field);
    let chip = encoder.power_on(PATIENCE).unwrap();
    let mut channel = Channel::new(&mut *encoder, &chip);
    let most = Command { cla: 0, ins: 0xd6, p1: 0, p2: 0, data: vec![7; 255], le: Some(256) };
    // No file is selected. The card received the whole command, or it would report a wrong length.
    assert_eq!(channel.send(&most).unwrap().status.0, 0x6986);
    drop(channel);
    let mut answer = Vec::new();
    let long = encoder.transmit(&[0; 263], &mut answer);
    assert!(matches!(long, Err(EncoderError::Unsupported(_))), "{long:?}");
}

/// The script tests/outside/nfc starts the reader and has another program write the card.
#[test]
#[ignore = "tests/outside/nfc runs it"]
fn what_another_program_wrote_on_a_classic_card_is_read() {
    let address = std::env::var("KARTU_NFC_READER").expect("the reader's address");
    let expected =
        std::env::var("KARTU_NFC_EXPECTED").expect("bytes from block 4 on, in hexadecimal");
    let mut encoder = drivers::encoder::open("pn532", &address).unwrap();
    encoder.power_on(PATIENCE).unwrap();
    // The public key of NDEF sectors (NXP AN1305).
    let load = [0xff, 0x82, 0, 0, 6, 0xd3, 0xf7, 0xd3, 0xf7, 0xd3, 0xf7];
    assert_eq!(ask(&mut *encoder, &load).unwrap(), [0x90, 0]);
    let open = [0xff, 0x86, 0, 0, 5, 1, 0, 4, 0x60, 0];
    assert_eq!(ask(&mut *encoder, &open).unwrap(), [0x90, 0]);
    let read = ask(&mut *encoder, &[0xff, 0xb0, 0, 4, 48]).unwrap();
    let shown: String = read.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(shown.starts_with(&expected), "{shown}");
    encoder.power_off().unwrap();
}

#[test]
fn a_wire_that_breaks_or_lies_never_makes_a_wrong_answer() {
    let (mut good, mut failed) = (0, 0);
    for seed in 0..400_u64 {
        let field = card("kind = 'ntag213'");
        let inner: Shared = Arc::new(Mutex::new(emulate(field)));
        let wire = Faulty::new(Line::new(inner), move |exchange, _| {
            (exchange == 3 + seed % 40).then_some(match seed % 3 {
                0 => Mishap::Cut(seed as usize % 7),
                1 => Mishap::Lost,
                _ => Mishap::Garbled(seed),
            })
        });
        let Ok(mut encoder) = over("test", Box::new(wire)) else {
            failed += 1;
            continue;
        };
        let read = encoder
            .power_on(PATIENCE)
            .and_then(|_| ask(&mut *encoder, &[0xff, 0xd6, 0, 4, 4, 1, 2, 3, 4]))
            .and_then(|_| ask(&mut *encoder, &[0xff, 0xb0, 0, 4, 4]));
        match read {
            Ok(answer) => {
                assert_eq!(answer, [1, 2, 3, 4, 0x90, 0], "seed {seed}");
                good += 1;
            }
            Err(_) => failed += 1,
        }
    }
    assert!(good > 50 && failed > 50, "{good} good, {failed} failed");
}

#[test]
fn neither_frames_nor_errors_show_what_they_carry() {
    let body = b"CANARY".to_vec();
    let frame = Frame::Info { from: From::Host, code: 0x40, body: body.into() };
    assert!(!format!("{frame:?}").contains("67"), "{frame:?}");
    assert!(!format!("{frame:?}").contains("CANARY"));
}

proptest! {
    #[test]
    fn any_frame_comes_back(code: u8, body in proptest::collection::vec(any::<u8>(), 0..=263)) {
        let frame = Frame::Info { from: From::Chip, code, body: body.into() };
        let bytes = encode(&frame);
        prop_assert_eq!(bytes.capacity(), bytes.len(), "it grew, and left a copy of a key behind");
        prop_assert_eq!(decode(&bytes), Found::Whole(frame, bytes.len()));
        for end in 0..bytes.len() {
            prop_assert!(!whole(&bytes[..end]), "whole after {} of {} bytes", end, bytes.len());
        }
    }

    #[test]
    fn a_flipped_bit_is_never_a_frame_of_the_same_meaning(
        body in proptest::collection::vec(any::<u8>(), 0..40), at: prop::sample::Index, bit in 0..8_u8,
    ) {
        let frame = Frame::Info { from: From::Host, code: 0x40, body: body.into() };
        let mut bytes = encode(&frame);
        // The first byte is not part of the frame.
        let at = 1 + at.index(bytes.len() - 1);
        bytes[at] ^= 1 << bit;
        prop_assert!(!matches!(decode(&bytes), Found::Whole(found, _) if found == frame));
    }

    #[test]
    fn any_bytes_are_survived(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = decode(&noise);
        let mut reader = emulate(card("kind = 'classic_1k'"));
        reader.on_bytes(&[0x55]);
        reader.on_bytes(&noise);
        let mut said = Vec::new();
        for _ in 0..20 {
            if let Some(span) = reader.respond(&mut said) {
                reader.elapse(span);
            }
        }
    }

    #[test]
    fn any_command_is_survived(code: u8, body in proptest::collection::vec(any::<u8>(), 0..30)) {
        let mut reader = emulate(card("kind = 'file'"));
        reader.on_bytes(&[0x55]);
        reader.on_bytes(&encode(&Frame::Info { from: From::Host, code: 0x4a, body: vec![1, 0].into() }));
        reader.respond(&mut Vec::new());
        reader.on_bytes(&encode(&Frame::Info { from: From::Host, code, body: body.into() }));
        let mut said = Vec::new();
        while let Some(span) = reader.respond(&mut said).filter(|_| code != 0x4a) {
            reader.elapse(span);
        }
        prop_assert!(said.starts_with(&encode(&Frame::Ack)));
    }
}
