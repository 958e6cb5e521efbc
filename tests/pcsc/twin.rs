//! A serial CCID reader at the bytes (GemPC Twin, as libccid's `ccid_serial.c` expects it), with a card behind it: 115200
//! baud, TPDU level, an echo of every command before its answer, a card's coming and going told between the two.

use std::time::Duration;

use emulators::card::{Field, Response};
use emulators::transport::line::SerialDevice;

use crate::blocks::Blocks;

const FRAME: [u8; 2] = [0x03, 0x06];
const HEADER_BYTES: usize = 10;
/// Longer than any message of a reader that says it takes 271 bytes.
const HEARD_MAX_BYTES: usize = 1024;

/// Bytes of a CCID answer: how the slot is (bits 0 and 1), and that the command failed (bit 6).
const ACTIVE: u8 = 0;
const INACTIVE: u8 = 1;
const ABSENT: u8 = 2;
const FAILED: u8 = 0x40;
/// Error "the card is mute".
const MUTE: u8 = 0xFE;
/// "Not supported", of CCID: the offset of the message type.
const UNKNOWN: u8 = 0x00;

/// The reader; the card lies in its field.
pub struct Twin {
    slot: Field,
    heard: Vec<u8>,
    said: Vec<u8>,
    /// Something lies in the slot, as it was told last.
    seen: bool,
    powered: bool,
    tells_movements: bool,
    /// Protocol parameters as the host has set them; `None`: not since the card was switched on.
    parameters: Option<Vec<u8>>,
    pub blocks: Blocks,
    /// So many bytes "I need more time" are said before the next answer to a command of T=0.
    pub asks_for_time: usize,
    /// The next frame goes out with a wrong check byte.
    pub spoil_next_frame: bool,
    /// Commands that it obeyed, by their type.
    pub transfers: usize,
}

impl Twin {
    pub fn new(slot: Field) -> Self {
        Self {
            slot,
            heard: Vec::new(),
            said: Vec::new(),
            seen: false,
            powered: false,
            tells_movements: false,
            parameters: None,
            blocks: Blocks::default(),
            asks_for_time: 0,
            spoil_next_frame: false,
            transfers: 0,
        }
    }

    /// The first whole frame of what was heard: sync, control, message, check byte.
    fn take_frame(&mut self) -> Option<Vec<u8>> {
        let start = self.heard.windows(2).position(|two| two == FRAME)?;
        self.heard.drain(..start);
        let length = self.heard.get(3..7)?.try_into().ok().map(u32::from_le_bytes)?;
        let whole = FRAME.len() + HEADER_BYTES + length as usize + 1;
        if whole > HEARD_MAX_BYTES {
            self.heard.clear();
            return None;
        }
        (self.heard.len() >= whole).then(|| self.heard.drain(..whole).collect())
    }

    fn obey(&mut self, frame: &[u8]) {
        self.said.extend_from_slice(frame);
        let there = self.slot.card().is_some();
        if there != self.seen {
            (self.seen, self.powered) = (there, false);
            if self.tells_movements {
                self.said.extend([0x50, if there { 0x03 } else { 0x02 }]);
            }
        }
        let message = &frame[FRAME.len()..frame.len() - 1];
        let (kind, body) = (message[0], &message[HEADER_BYTES..]);
        match kind {
            0x62 => self.switch_on(message),
            0x63 => {
                if let Some(card) = self.slot.card() {
                    card.lock().power_off();
                }
                self.powered = false;
                self.answer(message, 0x81, &[], 0, 0);
            }
            0x65 => self.answer(message, 0x81, &[], 0, 0),
            0x61 => {
                self.parameters = Some([&[message[7]], body].concat());
                self.tell_parameters(message);
            }
            0x6C | 0x6D => self.tell_parameters(message),
            0x6B => {
                self.tells_movements |= body == [1, 1, 1];
                let said: &[u8] = if body == [2] { b"Emulated twin" } else { &[0] };
                self.answer(message, 0x83, said, 0, 0);
            }
            0x6F => self.transfer(message, body),
            _ => self.answer(message, 0x81, &[], FAILED, UNKNOWN),
        }
    }

    fn switch_on(&mut self, message: &[u8]) {
        self.parameters = None;
        self.blocks = Blocks::default();
        let Some(card) = self.slot.card() else {
            return self.answer(message, 0x80, &[], FAILED, MUTE);
        };
        self.powered = true;
        let atr = {
            let mut card = card.lock();
            card.power_on();
            card.atr()
        };
        self.answer(message, 0x80, &atr, 0, 0);
    }

    fn tell_parameters(&mut self, message: &[u8]) {
        let told = self.parameters.clone().unwrap_or_else(|| vec![0, 0x11, 0, 0, 10, 0]);
        let (protocol, values) = (told[0], &told[1..]);
        self.answer_specific(message, 0x82, values, [0, 0, protocol]);
    }

    /// A TPDU of T=0, a block of T=1, or a request for other parameters before either.
    fn transfer(&mut self, message: &[u8], body: &[u8]) {
        let Some(card) = self.slot.card().filter(|_| self.powered) else {
            return self.answer(message, 0x80, &[], FAILED, MUTE);
        };
        self.transfers += 1;
        let asks_for_parameters = self.parameters.is_none() && body.first() == Some(&0xFF);
        let came = match self.parameters.as_ref().map(|parameters| parameters[0]) {
            _ if asks_for_parameters => Ok(body.to_vec()),
            Some(1) => self.blocks.on_bytes(body, |command| card.lock().apdu(command)),
            _ => {
                self.said
                    .extend(std::iter::repeat_n(0x80, std::mem::take(&mut self.asks_for_time)));
                match card.lock().apdu(body) {
                    Response::Said { bytes, .. } => Ok(bytes),
                    other => Err(other),
                }
            }
        };
        match came {
            Ok(bytes) => self.answer(message, 0x80, &bytes, 0, 0),
            Err(Response::Gone) => {
                self.slot.take();
                self.powered = false;
                self.answer(message, 0x80, &[], FAILED, MUTE);
            }
            // A reader knows no more than that nothing came; it tells after the card's waiting time.
            Err(_) => self.answer(message, 0x80, &[], FAILED, MUTE),
        }
    }

    fn answer(&mut self, to: &[u8], kind: u8, data: &[u8], failed: u8, error: u8) {
        let slot = match (self.slot.card().is_some(), self.powered) {
            (false, _) => ABSENT,
            (true, false) => INACTIVE,
            (true, true) => ACTIVE,
        };
        self.answer_specific(to, kind, data, [slot | failed, error, 0]);
    }

    fn answer_specific(&mut self, to: &[u8], kind: u8, data: &[u8], specific: [u8; 3]) {
        let length = u32::try_from(data.len()).expect("an answer is short");
        let mut frame =
            [&FRAME[..], &[kind], &length.to_le_bytes(), &to[5..7], &specific, data].concat();
        frame.push(frame.iter().fold(0, |sum, byte| sum ^ byte));
        if std::mem::take(&mut self.spoil_next_frame) {
            *frame.last_mut().expect("a frame has a check byte") ^= 0x55;
        }
        self.said.extend(frame);
    }
}

impl SerialDevice for Twin {
    fn on_bytes(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        while let Some(frame) = self.take_frame() {
            self.obey(&frame);
        }
    }

    fn respond(&mut self, said: &mut Vec<u8>) -> Option<Duration> {
        said.append(&mut self.said);
        None
    }

    fn elapse(&mut self, _span: Duration) {}
}
