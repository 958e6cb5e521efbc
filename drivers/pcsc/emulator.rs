//! An emulated card in a slot of vpcd: hears messages, and answers what a card and its reader would. Knows no socket
//! (`transport::vpcd` carries it) and no driver.

use super::protocol::{GET_UID, ToCard};
use crate::card::{Response, SharedChip};
use crate::transport::vpcd::{Plugged, Reaction};

/// A card, and of its reader what answers in the card's place.
pub struct SlotCard {
    card: SharedChip,
}

impl SlotCard {
    /// A card that somebody else may have in his hands too.
    pub fn new(card: SharedChip) -> Self {
        Self { card }
    }

    /// The reader answers for the identifier of a contactless card (PC/SC part 3); the rest is the card's.
    fn command(&mut self, command: &[u8]) -> Reaction {
        let mut card = self.card.lock();
        if command == GET_UID
            && let Some(activation) = card.in_field()
        {
            return Reaction::Says {
                bytes: [&activation.uid[..], &[0x90, 0x00]].concat(),
                after_ms: 0,
            };
        }
        match card.apdu(command) {
            Response::Said { bytes, after_ms } => Reaction::Says { bytes, after_ms },
            Response::Mute => Reaction::Mute,
            Response::Gone => Reaction::Gone,
        }
    }
}

impl Plugged for SlotCard {
    fn hear(&mut self, message: &[u8]) -> Reaction {
        match ToCard::parse(message) {
            Some(ToCard::PowerOff) => self.card.lock().power_off(),
            Some(ToCard::PowerOn | ToCard::Reset) => self.card.lock().power_on(),
            Some(ToCard::GiveAtr) => {
                let bytes = self.card.lock().atr();
                // A card that was torn away has none.
                return if bytes.is_empty() {
                    Reaction::Gone
                } else {
                    Reaction::Says { bytes, after_ms: 0 }
                };
            }
            Some(ToCard::Command(command)) => return self.command(command),
            // It would wait for an answer that nobody knows; an empty one is no card's.
            None => return Reaction::Gone,
        }
        Reaction::Nothing
    }
}
