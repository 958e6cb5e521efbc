//! What happens to readers and cards behind pcscd's virtual reader.

use std::time::{Duration, Instant};

use drivers::encoder::apdu::Command;
use drivers::encoder::bounded::Bounded;
use drivers::encoder::channel::Channel;
use drivers::encoder::{self, CardEncoder, EncoderError, Interface};
use emulators::card::Protocol;
use emulators::transport::vpcd::Left;
use serde_json::json;

use crate::Test;
use crate::cards::{
    self, RECORD_BYTES, probe, read, read_back, record, select_all, select_application,
    select_record, trouble, update,
};
use crate::office::{FIRST, Inserted, Pcscd, Rig, SECOND, SOON, open, until};

pub const TESTS: &[Test] = &[
    ("a_card_is_written_and_read_back", a_card_is_written_and_read_back),
    ("a_memory_card_is_written_by_pseudo_commands", a_memory_card_is_written_by_pseudo_commands),
    ("a_contactless_card_tells_its_identifier", a_contactless_card_tells_its_identifier),
    (
        "long_commands_pass_where_reader_and_card_carry_them",
        long_commands_pass_where_reader_and_card_carry_them,
    ),
    (
        "a_reader_is_found_by_its_name_and_never_guessed",
        a_reader_is_found_by_its_name_and_never_guessed,
    ),
    ("no_card_comes", no_card_comes),
    ("card_put_in_pulled_and_put_in_again", card_put_in_pulled_and_put_in_again),
    ("card_pulled_out_within_a_command", card_pulled_out_within_a_command),
    ("mute_card_does_not_hold_the_caller", mute_card_does_not_hold_the_caller),
    ("another_program_holds_the_card", another_program_holds_the_card),
    ("pcscd_killed_and_started_anew", pcscd_killed_and_started_anew),
];

fn a_card_is_written_and_read_back(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = cards::with_contacts();
    let _inserted = Inserted::into_slot(FIRST, &card);
    let chip = probe(&mut *open(FIRST.0), SOON);
    assert_eq!(chip.interface, Interface::Contact);
    assert_eq!((chip.uid.as_deref(), &chip.atr), (None, &card.lock().atr()));
    assert!(
        !chip.limits.t0 && chip.limits.extended && chip.limits.apdu_max_bytes > 60_000,
        "{chip:?}"
    );
}

fn a_contactless_card_tells_its_identifier(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = cards::empty(Interface::Contactless, Protocol::T1);
    let _inserted = Inserted::into_slot(FIRST, &card);
    let chip = probe(&mut *open(FIRST.0), SOON);
    assert_eq!(chip.interface, Interface::Contactless);
    let uid = card.lock().in_field().unwrap().uid;
    assert_eq!((chip.uid.as_deref(), chip.identity()), (Some(&uid[..]), &uid[..]));
}

fn a_memory_card_is_written_by_pseudo_commands(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = cards::memory();
    let _inserted = Inserted::into_slot(FIRST, &card);
    let mut reader = open(FIRST.0);
    let chip = reader.power_on(SOON).unwrap();
    assert_eq!((chip.interface, &chip.atr), (Interface::Contactless, &card.lock().atr()));
    assert_eq!(chip.uid, card.lock().in_field().map(|activation| activation.uid));
    let mut channel = Channel::new(&mut *reader, &chip);
    let write = Command::new(0xFF, 0xD6, 0, 8).with(record()[..16].to_vec());
    assert_eq!(channel.send(&write).unwrap().status.0, 0x9000);
    let read = channel.send(&Command::new(0xFF, 0xB0, 0, 8).expecting(16)).unwrap();
    assert_eq!((read.status.0, &read.data[..]), (0x9000, &record()[..16]));
}

fn long_commands_pass_where_reader_and_card_carry_them(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let _inserted = Inserted::into_slot(FIRST, &cards::with_contacts());
    let mut reader = open(FIRST.0);
    let chip = reader.power_on(SOON).unwrap();
    let mut channel = Channel::new(&mut *reader, &chip);
    cards::make_files(&mut channel).unwrap();
    assert_eq!(channel.send(&update(0, &record())).unwrap().status.0, 0x9000);
    let whole = channel.send(&read(0, RECORD_BYTES)).unwrap();
    assert_eq!((whole.status.0, whole.data), (0x9000, record()));
}

fn a_reader_is_found_by_its_name_and_never_guessed(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    open(FIRST.0);
    let meet = |address: &str| encoder::open("pcsc", address).map(drop);
    assert_eq!(meet("reader:Virtual PCD * 01"), Ok(()));
    assert_eq!(
        meet("reader:Virtual PCD 00"),
        Err(EncoderError::NoReader("reader:Virtual PCD 00".into()))
    );
    let EncoderError::SeveralReaders { fitting, .. } = meet("reader:Virtual*").unwrap_err() else {
        panic!("two readers fit");
    };
    assert_eq!(fitting, ["Virtual PCD 00 00", "Virtual PCD 00 01"]);
    // A virtual reader is in no USB socket.
    assert_eq!(meet("usb:port=1-1"), Err(EncoderError::NoReader("usb:port=1-1".into())));
    assert!(matches!(meet("the first one"), Err(EncoderError::Unsupported(_))));
    // The card in one slot is none in the other.
    let _inserted = Inserted::into_slot(SECOND, &cards::with_contacts());
    open(SECOND.0).power_on(SOON).unwrap();
    let nothing = open(FIRST.0).power_on(Duration::from_millis(10));
    assert!(matches!(nothing, Err(EncoderError::NoCard { .. })), "{nothing:?}");
}

fn no_card_comes(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let mut reader = open(FIRST.0);
    for waited in [Duration::ZERO, Duration::from_millis(1500)] {
        let began = Instant::now();
        assert_eq!(reader.power_on(waited), Err(EncoderError::NoCard { waited }));
        assert!(began.elapsed() >= waited, "it waits as long as it says");
    }
    assert_eq!(reader.transmit(&[0, 0xA4, 0, 0], &mut vec![1]), Err(EncoderError::CardLost));
    reader.power_off().unwrap();
}

fn card_put_in_pulled_and_put_in_again(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = cards::with_contacts();
    let mut reader = open(FIRST.0);
    // It comes while it is waited for.
    let inserted = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| probe(&mut *reader, SOON));
        let inserted = Inserted::into_slot(FIRST, &card);
        waiting.join().unwrap();
        inserted
    });
    let chip = reader.power_on(SOON).unwrap();
    select_all(&mut Channel::new(&mut *reader, &chip)).unwrap();
    assert_eq!(inserted.pull(), Left::Pulled);
    let mut answer = vec![0x90, 0x00];
    // Whether pcscd has noticed yet or not.
    for _ in 0..2 {
        assert_eq!(reader.transmit(&[0, 0xB0, 0, 0, 16], &mut answer), Err(EncoderError::CardLost));
        assert!(answer.is_empty(), "nothing of the answer before is left");
    }
    until("pcscd has seen that it is gone", || {
        matches!(reader.power_on(Duration::ZERO), Err(EncoderError::NoCard { .. }))
    });
    let _inserted = Inserted::into_slot(FIRST, &card);
    let chip = reader.power_on(SOON).unwrap();
    let mut channel = Channel::new(&mut *reader, &chip);
    select_all(&mut channel).unwrap();
    assert_eq!(read_back(&mut channel).unwrap(), record(), "what was written is kept");
}

fn card_pulled_out_within_a_command(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = cards::with_contacts();
    let inserted = Inserted::into_slot(FIRST, &card);
    let mut reader = open(FIRST.0);
    probe(&mut *reader, SOON);
    let chip = reader.power_on(SOON).unwrap();
    // The application is still selected; with the record's SELECT it goes, which it has obeyed or not.
    trouble(&card, &json!({ "torn_out_after": 1 }));
    let mut channel = Channel::new(&mut *reader, &chip);
    assert_eq!(channel.send(&select_application()).unwrap().status.0, 0x9000);
    assert_eq!(channel.send(&select_record()), Err(EncoderError::CardLost));
    assert_eq!(channel.send(&select_record()), Err(EncoderError::CardLost));
    assert_eq!(inserted.left(), Left::TornOut);
    drop(channel);
    reader.power_off().unwrap();
}

fn mute_card_does_not_hold_the_caller(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = cards::with_contacts();
    let inserted = Inserted::into_slot(FIRST, &card);
    drop(open(FIRST.0));
    let limit = Duration::from_secs(3);
    let mut reader = Bounded::new(|| encoder::open("pcsc", FIRST.0), limit);
    let chip = reader.power_on(SOON).unwrap();
    assert_eq!(
        Channel::new(&mut reader, &chip).send(&select_application()).unwrap().status.0,
        0x6A82
    );
    trouble(&card, &json!({ "mute": true }));
    let began = Instant::now();
    let stuck = Err(EncoderError::Stuck { limit });
    assert_eq!(Channel::new(&mut reader, &chip).send(&select_application()), stuck);
    assert!(began.elapsed() < 2 * limit, "{:?}", began.elapsed());
    // Nothing more is asked of the reader meanwhile, and nobody waits for it.
    let began = Instant::now();
    assert_eq!(Channel::new(&mut reader, &chip).send(&select_application()), stuck);
    assert!(began.elapsed() < limit);
    // What the printer does: it takes the card out, and the next one is a good one.
    assert_eq!(inserted.pull(), Left::Pulled);
    // A card that follows before the next poll of pcscd (0.4 s) is taken for the old one, which answers nothing. No hand
    // and no printer is that fast.
    until("pcscd has seen it go", || pcscd.log().contains("Card Removed From"));
    let _inserted = Inserted::into_slot(FIRST, &cards::with_contacts());
    let began = Instant::now();
    let chip = loop {
        match reader.power_on(Duration::from_secs(1)) {
            Ok(chip) => break chip,
            Err(fault) => assert!(began.elapsed() < SOON, "{fault}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(
        Channel::new(&mut reader, &chip).send(&select_application()).unwrap().status.0,
        0x6A82
    );
}

fn another_program_holds_the_card(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let _pcscd = Pcscd::with_vpcd(rig, folder.path());
    let _inserted = Inserted::into_slot(FIRST, &cards::with_contacts());
    let (mut holder, mut other) = (open(FIRST.0), open(FIRST.0));
    let chip = holder.power_on(SOON).unwrap();
    assert_eq!(other.power_on(SOON), Err(EncoderError::InUse));
    // Nor does it say where it is plugged in.
    assert_eq!(encoder::open("pcsc", "usb:port=1-1").map(drop), Err(EncoderError::InUse));
    cards::make_files(&mut Channel::new(&mut *holder, &chip)).unwrap();
    holder.power_off().unwrap();
    other.power_on(SOON).unwrap();
    drop(other);
    holder.power_on(SOON).unwrap();
}

fn pcscd_killed_and_started_anew(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let mut pcscd = Pcscd::with_vpcd(rig, folder.path());
    let card = cards::with_contacts();
    let inserted = Inserted::into_slot(FIRST, &card);
    let mut reader = open(FIRST.0);
    probe(&mut *reader, SOON);
    let chip = reader.power_on(SOON).unwrap();
    pcscd.kill();
    assert_eq!(inserted.left(), Left::ReaderGone);
    let lost = Channel::new(&mut *reader, &chip).send(&select_application());
    assert_eq!(lost, Err(EncoderError::NoService("pcscd")));
    assert_eq!(reader.power_on(SOON), Err(EncoderError::NoService("pcscd")));
    reader.power_off().unwrap();
    let refused = encoder::open("pcsc", FIRST.0).map(drop);
    assert_eq!(refused, Err(EncoderError::NoService("pcscd")));
    pcscd.start_anew();
    drop(open(FIRST.0));
    let _inserted = Inserted::into_slot(FIRST, &card);
    // The same driver finds its reader again.
    let chip = reader.power_on(SOON).unwrap();
    let mut channel = Channel::new(&mut *reader, &chip);
    select_all(&mut channel).unwrap();
    assert_eq!(read_back(&mut channel).unwrap(), record());
}
