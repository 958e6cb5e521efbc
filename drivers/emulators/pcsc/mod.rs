//! An emulated card in a slot of vpcd: receives messages, and answers as a card and its reader would. Knows no socket
//! (`transport::vpcd` transports the messages) and no driver.

mod protocol;

use crate::card::{EmulatedChip, NAK, Response, SharedChip};
use crate::transport::vpcd::{Plugged, Reaction};
use drivers::encoder::EncoderError;
use drivers::encoder::storage::{FrameFault, PSEUDO_CLASS, Storage, Tag, TagKind};
use protocol::ToCard;

/// A card, and the part of its reader that answers for the card: pseudo-APDUs (PC/SC part 3).
pub struct SlotCard {
    card: SharedChip,
    storage: Storage,
}

impl SlotCard {
    /// Puts in a card that may be shared with other code.
    pub fn new(card: SharedChip) -> Self {
        Self { card, storage: Storage::new() }
    }

    /// The reader answers its own class, and everything for a memory card; the card answers the rest.
    fn command(&mut self, command: &[u8]) -> Reaction {
        let mut card = self.card.lock();
        let readers_own = command.first() == Some(&PSEUDO_CLASS);
        let Some(here) = card.in_field().filter(|here| readers_own || here.ats.is_none()) else {
            return reaction(card.apdu(command));
        };
        let tag = Tag { uid: &here.uid, kind: TagKind::of(here.sak) };
        let (mut late_ms, mut end) = (0_u32, Reaction::Gone);
        let mut exchange = |frame: &[u8]| match frame_to(&mut **card, frame) {
            Ok(Response::Said { bytes, after_ms }) => {
                late_ms = late_ms.saturating_add(after_ms);
                Ok(bytes)
            }
            Ok(other) => {
                end = reaction(other);
                Err(FrameFault::Lost(EncoderError::CardLost))
            }
            Err(refused) => Err(refused),
        };
        match self.storage.carry(command, tag, &mut exchange) {
            Ok(reply) => Reaction::Says { bytes: reply.into_bytes(), after_ms: late_ms },
            Err(_) => end,
        }
    }
}

/// Sends one frame to a memory card. A card that refuses, or stays silent after a wrong key, is selected again, as real
/// readers do.
fn frame_to(card: &mut dyn EmulatedChip, frame: &[u8]) -> Result<Response, FrameFault> {
    let response = card.frame(frame);
    let wrong_key = response == Response::Mute && matches!(frame, [0x60 | 0x61, ..]);
    let refused = matches!(&response, Response::Said { bytes, .. } if *bytes == [NAK]);
    if wrong_key || refused {
        card.power_on();
        return Err(FrameFault::Refused);
    }
    Ok(response)
}

fn reaction(response: Response) -> Reaction {
    match response {
        Response::Said { bytes, after_ms } => Reaction::Says { bytes, after_ms },
        Response::Mute => Reaction::Mute,
        Response::Gone => Reaction::Gone,
    }
}

impl Plugged for SlotCard {
    fn on_bytes(&mut self, message: &[u8]) -> Reaction {
        match ToCard::parse(message) {
            Some(ToCard::PowerOff) => {
                self.storage = Storage::new();
                self.card.lock().power_off();
            }
            Some(ToCard::PowerOn | ToCard::Reset) => self.card.lock().power_on(),
            Some(ToCard::GiveAtr) => {
                let bytes = self.card.lock().atr();
                // A card that was removed has no answer.
                let there = !bytes.is_empty();
                return if there { Reaction::Says { bytes, after_ms: 0 } } else { Reaction::Gone };
            }
            Some(ToCard::Command(command)) => return self.command(command),
            // Without an answer vpcd would wait for ever.
            None => return Reaction::Gone,
        }
        Reaction::Nothing
    }
}

/// Parses any bytes as a message from vpcd; for fuzzing.
pub fn any_bytes(bytes: &[u8]) {
    let _ = ToCard::parse(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::{CardSettings, MemoryCardSettings};
    use serde_json::json;

    fn slot(settings: &CardSettings) -> (SharedChip, SlotCard) {
        let card = settings.make().unwrap();
        (card.clone(), SlotCard::new(card))
    }

    fn says(bytes: &[u8]) -> Reaction {
        Reaction::Says { bytes: bytes.to_vec(), after_ms: 0 }
    }

    #[test]
    fn power_is_not_answered_and_a_pulled_card_answers_nothing() {
        let (card, mut slot) = slot(&CardSettings::File(Box::default()));
        let atr = card.lock().atr();
        for message in [&[0x01][..], &[0x02], &[0x00]] {
            assert_eq!(slot.on_bytes(message), Reaction::Nothing);
        }
        assert_eq!(slot.on_bytes(&[0x04]), says(&atr));
        let select = [0x00, 0xA4, 0x04, 0x0C, 0x05, 0xF0, 0x4B, 0x49, 0x41, 0x01];
        assert_eq!(slot.on_bytes(&select), says(&[0x6A, 0x82]));
        for unknown in [&[0x03][..], &[]] {
            assert_eq!(slot.on_bytes(unknown), Reaction::Gone);
        }
        card.lock().change(&json!({"faults": {"mute": true}})).unwrap();
        assert_eq!(slot.on_bytes(&select), Reaction::Mute);
        card.lock().change(&json!({"faults": {"mute": false, "torn_out_after": 0}})).unwrap();
        assert_eq!(slot.on_bytes(&select), Reaction::Gone);
        assert_eq!(slot.on_bytes(&[0x04]), Reaction::Gone);
    }

    #[test]
    fn a_memory_card_is_read_and_written_by_its_reader() {
        let (card, mut slot) = slot(&CardSettings::Ntag215(MemoryCardSettings::default()));
        let uid = card.lock().in_field().unwrap().uid;
        let told = [&uid[..], &[0x90, 0x00]].concat();
        assert_eq!(slot.on_bytes(&[0xFF, 0xCA, 0, 0, 0]), says(&told));
        assert_eq!(slot.on_bytes(&[0xFF, 0xD6, 0, 5, 4, 1, 2, 3, 4]), says(&[0x90, 0x00]));
        assert_eq!(slot.on_bytes(&[0xFF, 0xB0, 0, 5, 4]), says(&[1, 2, 3, 4, 0x90, 0x00]));
        card.lock().change(&json!({"faults": {"torn_out_after": 0}})).unwrap();
        assert_eq!(slot.on_bytes(&[0xFF, 0xB0, 0, 5, 4]), Reaction::Gone);
    }
}
