//! The emulated reader's radio: the field, the card that is selected in it, and its answers. Knows no frame of the
//! wire.

use std::time::Duration;

use crate::card::{ACK, Activation, Field, NAK, Response, SharedChip};
use drivers::readers::pn532::protocol::{Status, Target};

/// The chip starts ISO 14443-4 by itself (SetParameters, 7.2.9).
const AUTOMATIC_RATS: u8 = 0x10;
/// The card supports ISO 14443-4.
const SAK_PART_4: u8 = 0x20;
/// The chip's number for its only card.
const NUMBER: u8 = 1;
/// Masks the flags out of a target's number.
const NUMBER_MASK: u8 = 0x3f;
/// The most bytes that one frame carries from a card.
const SAID_MAX_BYTES: usize = 262;
/// How long the chip waits for a memory card (7.3.1, item 2: 51.2 ms after reset).
const SILENCE_SPAN: Duration = Duration::from_millis(51);

/// "A CRC error has been detected."
const CHECKSUM_FAULT: u8 = 0x02;

/// Which side handles checksums on the air (registers CIU_TxMode and CIU_RxMode, their top bits).
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    pub sent_by_host: bool,
    pub left_to_host: bool,
}

/// The radio and its field.
pub struct Radio {
    field: Field,
    selected: Option<(SharedChip, Activation, bool)>,
    /// Is its radio set for type A?
    type_a: bool,
}

impl Radio {
    pub fn new(field: Field) -> Self {
        Self { field, selected: None, type_a: true }
    }

    pub fn field(&self) -> &Field {
        &self.field
    }

    /// Selects the card in the field, if it is the `wanted` one (empty: any).
    pub fn select(&mut self, parameters: u8, wanted: &[u8]) -> Option<Target> {
        self.type_a = true;
        self.selected = None;
        let card = self.field.card()?;
        let mut activation = card.lock().in_field()?;
        // A longer identifier is given with the cascade tags (88) before its parts.
        let wanted = match wanted.len() {
            8 => wanted[1..].to_vec(),
            12 => [&wanted[1..4], &wanted[5..]].concat(),
            _ => wanted.to_vec(),
        };
        if !wanted.is_empty() && wanted != activation.uid {
            return None;
        }
        card.lock().power_on();
        let part_4 = activation.sak & SAK_PART_4 != 0 && parameters & AUTOMATIC_RATS != 0;
        if !part_4 {
            activation.ats = None;
        }
        let Activation { atqa, sak, uid, ats } = activation.clone();
        self.selected = Some((card, activation, part_4));
        Some(Target { number: NUMBER, atqa, sak, uid, ats })
    }

    /// Sets the radio for another kind of card.
    pub fn listen_otherwise(&mut self) {
        self.type_a = false;
        self.selected = None;
    }

    /// Switches the field on or off.
    pub fn switch(&mut self, on: bool) {
        if !on {
            self.selected = None;
            if let Some(card) = self.field.card() {
                card.lock().power_off();
            }
        }
    }

    /// Is the selected card still in the field?
    pub fn is_there(&self) -> bool {
        self.present().is_some()
    }

    /// Errors, field, cards, and the card's speeds and kind (7.2.3).
    pub fn general_status(&self) -> Vec<u8> {
        let cards: &[u8] = if self.selected.is_some() { &[1, NUMBER, 0, 0, 0x10] } else { &[0] };
        [&[0, u8::from(self.selected.is_some())], cards, &[0]].concat()
    }

    /// Deselects the card; it ignores everything until it is selected again.
    pub fn deselect(&mut self) -> Vec<u8> {
        vec![Status::Ok.encode()]
    }

    /// Wakes the known card.
    pub fn select_again(&mut self) -> Vec<u8> {
        let status = match self.present() {
            Some((card, _)) => {
                card.lock().power_on();
                Status::Ok
            }
            None => Status::Lost,
        };
        vec![status.encode()]
    }

    /// InDataExchange: sends a command, or a frame for a memory card.
    pub fn exchange(&mut self, number: u8, data: &[u8], after: &mut Duration) -> Vec<u8> {
        if number & NUMBER_MASK != NUMBER || self.selected.is_none() {
            return vec![Status::NotAcceptable.encode()];
        }
        let Some((card, part_4)) = self.present() else {
            *after = SILENCE_SPAN;
            return vec![Status::Lost.encode()];
        };
        if part_4 {
            return told(card.lock().apdu(data), Status::Lost, after);
        }
        let asks_for_a_key = matches!(data, [0x60 | 0x61, _, _, ..]);
        let silence = if asks_for_a_key { Status::WrongKey } else { Status::Lost };
        match card.lock().frame(data) {
            // The acknowledgement has four bits, and the chip does not pass it on.
            Response::Said { bytes, after_ms } if bytes == [ACK] => {
                told(Response::Said { bytes: Vec::new(), after_ms }, silence, after)
            }
            Response::Said { bytes, after_ms } if bytes == [NAK] => {
                *after = Duration::from_millis(u64::from(after_ms));
                vec![Status::Refused.encode()]
            }
            other => told(other, silence, after),
        }
    }

    /// InCommunicateThru: sends a frame unchanged. Only memory cards are addressed so. If the host handles the
    /// checksums, they are part of the frame and of the answer.
    pub fn raw(&mut self, data: &[u8], checks: Checks, after: &mut Duration) -> Vec<u8> {
        *after = SILENCE_SPAN;
        let card = self.present().filter(|(_, part_4)| self.type_a && !part_4);
        let frame = match (checks.sent_by_host, data) {
            (false, frame) => Some(frame),
            (true, [frame @ .., low, high]) => (crc_a(frame) == [*low, *high]).then_some(frame),
            (true, _) => None,
        };
        // The card ignores a frame with a wrong checksum.
        let (Some((card, _)), Some(frame)) = (card, frame) else {
            return vec![Status::Lost.encode()];
        };
        let response = card.lock().frame(frame);
        match response {
            // A refusal of four bits is not a frame.
            Response::Said { bytes, .. } if bytes == [NAK] => vec![CHECKSUM_FAULT],
            // An acknowledgement has no checksum.
            Response::Said { bytes, .. } if bytes == [ACK] => match checks.left_to_host {
                true => [vec![Status::Ok.encode()], bytes].concat(),
                false => vec![CHECKSUM_FAULT],
            },
            Response::Said { mut bytes, after_ms } => {
                if checks.left_to_host {
                    bytes.extend(crc_a(&bytes));
                }
                told(Response::Said { bytes, after_ms }, Status::Lost, after)
            }
            silent => told(silent, Status::Lost, after),
        }
    }

    /// The selected card, if it is still the one in the field.
    fn present(&self) -> Option<(SharedChip, bool)> {
        let (_, known, part_4) = self.selected.as_ref()?;
        let card = self.field.card()?;
        let here = card.lock().in_field()?;
        (here.uid == known.uid).then_some((card, *part_4))
    }
}

/// Status and the card's answer.
fn told(response: Response, silence: Status, after: &mut Duration) -> Vec<u8> {
    match response {
        Response::Said { bytes, after_ms } => {
            *after = Duration::from_millis(u64::from(after_ms));
            if bytes.len() > SAID_MAX_BYTES {
                // "Internal buffer overflow".
                return vec![0x0e];
            }
            [vec![Status::Ok.encode()], bytes].concat()
        }
        Response::Mute | Response::Gone => {
            *after = SILENCE_SPAN;
            vec![silence.encode()]
        }
    }
}

/// Checksum of ISO 14443 type A (ISO/IEC 14443-3, annex B).
fn crc_a(bytes: &[u8]) -> [u8; 2] {
    let bit = |crc: u16| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0x8408 };
    let step = |crc: u16, &byte: &u8| (0..8).fold(crc ^ u16::from(byte), |crc, _| bit(crc));
    bytes.iter().fold(0x6363, step).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_others() {
        // What nfc-anticol sent to a real card (forums.nfc-tools.org, post 3104), and nfc-mfultralight's GET VERSION.
        assert_eq!(crc_a(&[0x93, 0x70, 0x3e, 0x65, 0x4b, 0x9a, 0x8a]), [0xe9, 0x7b]);
        assert_eq!(crc_a(&[0x50, 0x00]), [0x57, 0xcd]);
        assert_eq!(crc_a(&[0x60]), [0xf8, 0x32]);
    }
}
