//! Serial CCID readers: libccid's twin driver at our reader's bytes, with our card behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use drivers::encoder::channel::Channel;
use drivers::encoder::{EncoderError, Interface};
use emulators::card::{Field, Protocol, SharedChip};
use emulators::transport::terminal::Terminal;
use serde_json::json;

use crate::Test;
use crate::cards::{
    self, RECORD_BYTES, probe, read, read_back, record, select_all, select_application, trouble,
    update,
};
use crate::office::{Pcscd, Rig, SOON, open, until};
use crate::twin::Twin;

pub const TESTS: &[Test] = &[
    ("serial_reader_and_a_card_of_bytes", serial_reader_and_a_card_of_bytes),
    ("serial_reader_and_a_card_of_blocks", serial_reader_and_a_card_of_blocks),
    (
        "bad_check_bytes_on_the_card_s_side_are_repaired",
        bad_check_bytes_on_the_card_s_side_are_repaired,
    ),
    ("card_put_in_and_pulled_at_a_serial_reader", card_put_in_and_pulled_at_a_serial_reader),
    (
        "card_pulled_out_within_a_command_at_a_serial_reader",
        card_pulled_out_within_a_command_at_a_serial_reader,
    ),
];

const READER: &str = "reader:GemPCTwin *";

/// A serial reader on the desk, its port served until it is dropped.
struct Desk {
    twin: Arc<Mutex<Twin>>,
    slot: Field,
    stop: Arc<AtomicBool>,
    line: Option<JoinHandle<()>>,
    _pcscd: Pcscd,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn new(rig: &Rig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = folder.path().join("twin.tty");
        let terminal = Terminal::open(&port).unwrap();
        let slot = Field::default();
        let twin = Arc::new(Mutex::new(Twin::new(slot.clone())));
        let stop = Arc::new(AtomicBool::new(false));
        let (mut device, stopped) = (twin.clone(), stop.clone());
        let line = std::thread::spawn(move || terminal.serve(&mut device, &stopped).unwrap());
        let pcscd = Pcscd::with_twins(rig, folder.path(), &[("GemPCTwin serial", &port)]);
        Self { twin, slot, stop, line: Some(line), _pcscd: pcscd, _folder: folder }
    }

    fn with(rig: &Rig, card: &SharedChip) -> Self {
        let desk = Self::new(rig);
        desk.slot.put(card.clone());
        desk
    }

    fn twin(&self) -> MutexGuard<'_, Twin> {
        self.twin.lock().unwrap()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self._pcscd.kill();
        self.stop.store(true, Ordering::Relaxed);
        // A line that failed has said so.
        let _ = self.line.take().map(JoinHandle::join);
    }
}

fn serial_reader_and_a_card_of_bytes(rig: &Rig) {
    let card = cards::empty(Interface::Contact, Protocol::T0);
    let desk = Desk::with(rig, &card);
    let mut reader = open(READER);
    let chip = probe(&mut *reader, SOON);
    assert_eq!((chip.interface, &chip.atr), (Interface::Contact, &card.lock().atr()));
    assert!(chip.limits.t0 && !chip.limits.extended, "{chip:?}");
    // A slow card asks for time, byte by byte.
    desk.twin().asks_for_time = 3;
    let chip = reader.power_on(SOON).unwrap();
    select_all(&mut Channel::new(&mut *reader, &chip)).unwrap();
    assert_eq!(desk.twin().asks_for_time, 0);
    assert!(desk.twin().transfers > 20, "it all went over the serial line");
}

fn serial_reader_and_a_card_of_blocks(rig: &Rig) {
    let desk = Desk::with(rig, &cards::with_contacts());
    let mut reader = open(READER);
    let chip = probe(&mut *reader, SOON);
    assert!(!chip.limits.t0 && chip.limits.extended, "{chip:?}");
    // Longer than a block, both ways.
    let chip = reader.power_on(SOON).unwrap();
    let mut channel = Channel::new(&mut *reader, &chip);
    select_all(&mut channel).unwrap();
    let reversed: Vec<u8> = record().into_iter().rev().collect();
    assert_eq!(channel.send(&update(0, &reversed)).unwrap().status.0, 0x9000);
    let whole = channel.send(&read(0, RECORD_BYTES)).unwrap();
    assert_eq!((whole.status.0, whole.data), (0x9000, reversed));
    assert_eq!(desk.twin().blocks.wrong_checks, 0);
}

fn bad_check_bytes_on_the_card_s_side_are_repaired(rig: &Rig) {
    let desk = Desk::with(rig, &cards::with_contacts());
    let mut reader = open(READER);
    probe(&mut *reader, SOON);
    let chip = reader.power_on(SOON).unwrap();
    let mut channel = Channel::new(&mut *reader, &chip);
    select_all(&mut channel).unwrap();
    desk.twin().blocks.spoil_next = true;
    assert_eq!(read_back(&mut channel).unwrap(), record());
    assert_eq!(desk.twin().blocks.repeated, 1, "libccid has asked for the block again");
    // A wrong check byte of the reader's frame is logged by libccid and no more.
    desk.twin().spoil_next_frame = true;
    assert_eq!(read_back(&mut channel).unwrap(), record());
    assert!(!desk.twin().spoil_next_frame);
}

fn card_put_in_and_pulled_at_a_serial_reader(rig: &Rig) {
    let desk = Desk::new(rig);
    let mut reader = open(READER);
    assert!(matches!(reader.power_on(Duration::from_millis(10)), Err(EncoderError::NoCard { .. })));
    desk.slot.put(cards::with_contacts());
    probe(&mut *reader, SOON);
    reader.power_on(SOON).unwrap();
    desk.slot.take();
    assert_eq!(reader.transmit(&[0, 0xA4, 0, 0x0C], &mut Vec::new()), Err(EncoderError::CardLost));
    until("pcscd has seen that it is gone", || {
        matches!(reader.power_on(Duration::ZERO), Err(EncoderError::NoCard { .. }))
    });
    desk.slot.put(cards::with_contacts());
    probe(&mut *reader, SOON);
}

fn card_pulled_out_within_a_command_at_a_serial_reader(rig: &Rig) {
    let card = cards::with_contacts();
    let _desk = Desk::with(rig, &card);
    let mut reader = open(READER);
    let chip = reader.power_on(SOON).unwrap();
    trouble(&card, &json!({ "torn_out_after": 1 }));
    let mut channel = Channel::new(&mut *reader, &chip);
    assert_eq!(channel.send(&select_application()).unwrap().status.0, 0x6A82);
    assert_eq!(channel.send(&select_application()), Err(EncoderError::CardLost));
}
