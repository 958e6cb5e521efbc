//! The cards of these tests, and what is written on them: the whole of it, as a station would, and read back.

use drivers::encoder::apdu::{Command, Reply};
use drivers::encoder::channel::Channel;
use drivers::encoder::{CardEncoder, Chip, EncoderError, Interface};
use emulators::card::{CardSettings, FileCardSettings, MemoryCardSettings, Protocol, SharedChip};
use serde_json::json;

/// The staff card's application and its record.
pub const AID: [u8; 5] = [0xF0, 0x4B, 0x49, 0x41, 0x01];
pub const RECORD: [u8; 2] = [0x01, 0x01];
pub const RECORD_BYTES: usize = 600;

/// An empty card.
pub fn empty(interface: Interface, protocol: Protocol) -> SharedChip {
    let settings = FileCardSettings { interface, protocol, ..FileCardSettings::default() };
    CardSettings::File(Box::new(settings)).make().unwrap()
}

/// An empty card with contacts that speaks T=1.
pub fn with_contacts() -> SharedChip {
    empty(Interface::Contact, Protocol::T1)
}

/// A memory card.
pub fn memory() -> SharedChip {
    CardSettings::Ntag215(MemoryCardSettings::default()).make().unwrap()
}

/// Something goes wrong with it from now on.
pub fn trouble(card: &SharedChip, faults: &serde_json::Value) {
    card.lock().change(&json!({ "faults": faults })).unwrap();
}

/// Nothing that repeats within a block.
pub fn record() -> Vec<u8> {
    (0..RECORD_BYTES).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap()).collect()
}

pub fn select_application() -> Command {
    Command::new(0x00, 0xA4, 0x04, 0x0C).with(AID)
}

pub fn select_record() -> Command {
    Command::new(0x00, 0xA4, 0x00, 0x0C).with(RECORD)
}

/// The record from `offset`.
pub fn read(offset: usize, bytes: usize) -> Command {
    let [high, low] = u16::try_from(offset).unwrap().to_be_bytes();
    Command::new(0x00, 0xB0, high, low).expecting(bytes)
}

pub fn update(offset: usize, data: &[u8]) -> Command {
    let [high, low] = u16::try_from(offset).unwrap().to_be_bytes();
    Command::new(0x00, 0xD6, high, low).with(data)
}

fn create(parameters: &[u8]) -> Command {
    let length = u8::try_from(parameters.len()).unwrap();
    Command::new(0x00, 0xE0, 0x00, 0x00).with([&[0x62, length], parameters].concat())
}

/// Application and record file, which were not there.
pub fn make_files(channel: &mut Channel) -> Result<(), EncoderError> {
    let mut ok =
        |command: &Command| channel.send(command).map(|reply| assert_done(command, &reply));
    let missing = ok(&select_application());
    assert_eq!(missing?, 0x6A82, "the card is empty");
    let directory = [&[0x82, 1, 0x38, 0x83, 2, 0x01, 0x00, 0x84, 5], &AID[..]].concat();
    assert_eq!(ok(&create(&directory))?, 0x9000);
    assert_eq!(ok(&select_application())?, 0x9000);
    let [high, low] = u16::try_from(RECORD_BYTES).unwrap().to_be_bytes();
    assert_eq!(
        ok(&create(&[0x82, 1, 0x01, 0x83, 2, RECORD[0], RECORD[1], 0x80, 2, high, low]))?,
        0x9000
    );
    assert_eq!(ok(&select_record())?, 0x9000);
    Ok(())
}

fn assert_done(command: &Command, reply: &Reply) -> u16 {
    assert!(reply.data.is_empty(), "{command:?} brought {reply:?}");
    reply.status.0
}

/// Writes the record in blocks of 200 bytes, as for any card.
pub fn write(channel: &mut Channel) -> Result<(), EncoderError> {
    for (block, data) in record().chunks(200).enumerate() {
        let command = update(block * 200, data);
        assert_eq!(assert_done(&command, &channel.send(&command)?), 0x9000);
    }
    Ok(())
}

/// Reads the record in blocks of 200 bytes.
pub fn read_back(channel: &mut Channel) -> Result<Vec<u8>, EncoderError> {
    let mut content = Vec::new();
    while content.len() < RECORD_BYTES {
        let reply = channel.send(&read(content.len(), 200))?;
        assert_eq!((reply.status.0, reply.data.len()), (0x9000, 200));
        content.extend(reply.data);
    }
    Ok(content)
}

/// The whole of it on an empty card: made, written, read back, what is missing refused, forgotten without power.
pub fn probe(encoder: &mut dyn CardEncoder, patience: std::time::Duration) -> Chip {
    let chip = encoder.power_on(patience).unwrap();
    make_write_and_read(&mut Channel::new(encoder, &chip));
    let again = encoder.power_on(patience).unwrap();
    assert_eq!(again, chip, "the same card");
    read_after_reset(&mut Channel::new(encoder, &again));
    encoder.power_off().unwrap();
    chip
}

fn make_write_and_read(channel: &mut Channel) {
    make_files(channel).unwrap();
    write(channel).unwrap();
    assert_eq!(read_back(channel).unwrap(), record());
    // An answer longer than wanted, and one that must be fetched on T=0.
    let told =
        channel.send(&Command::new(0x00, 0xA4, 0x00, 0x00).with(RECORD).expecting(256)).unwrap();
    assert_eq!((told.status.0, told.data[0]), (0x9000, 0x6F));
    assert_eq!(
        channel.send(&Command::new(0x00, 0xA4, 0x00, 0x0C).with([0x0F, 0xFF])).unwrap().status.0,
        0x6A82
    );
}

fn read_after_reset(channel: &mut Channel) {
    let nothing = channel.send(&read(0, 16)).unwrap();
    assert_eq!(nothing.status.0, 0x6986, "nothing is selected after a reset");
    select_all(channel).unwrap();
    assert_eq!(read_back(channel).unwrap(), record());
}

/// As whoever comes later does.
pub fn select_all(channel: &mut Channel) -> Result<(), EncoderError> {
    for command in [select_application(), select_record()] {
        assert_eq!(channel.send(&command)?.status.0, 0x9000);
    }
    Ok(())
}
