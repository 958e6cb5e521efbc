//! A memory card in a field: it answers frames of ISO 14443-3 with frames. Its content and access rights are the kind's
//! (`classic`, `type2`). Knows no reader and no pseudo-APDU.
//!
//! An acknowledged frame is answered with the byte `0A` (on the air, four bits), a refused one with `00`. A right key
//! is answered with no byte, since what follows passes only between the card and the reader's chip; a wrong key is
//! answered with silence. After a refusal or a wrong key the card ignores everything until it is selected again (power
//! on).

use serde_json::{Value, json};

use super::classic::Classic;
use super::faults::{RefusalForm, Trouble};
use super::settings::{MemoryCardSettings, counted_up};
use super::type2::Type2;
use super::{Activation, EmulatedChip, Response, atr, hex};

/// Acknowledged.
pub const ACK: u8 = 0x0A;
/// Refused.
pub const NAK: u8 = 0x00;
const HALT: u8 = 0x50;

/// The memory cards that can be emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Classic1k,
    Ultralight,
    Ntag213,
    Ntag215,
    Ntag216,
}

/// A memory's answer to a frame.
pub(super) enum Answer {
    Data(Vec<u8>),
    Ack,
    Nak,
    Silence,
}

/// The content of a card.
enum Memory {
    Classic(Box<Classic>),
    Type2(Type2),
}

/// A memory card.
pub struct MemoryCard {
    kind: Kind,
    first_uid: Vec<u8>,
    own_uid: Vec<u8>,
    memory: Memory,
    /// It ignores everything until it is selected again.
    halted: bool,
    trouble: Trouble,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Classic1k => "classic_1k",
            Self::Ultralight => "ultralight",
            Self::Ntag213 => "ntag213",
            Self::Ntag215 => "ntag215",
            Self::Ntag216 => "ntag216",
        }
    }

    fn usual_uid(self) -> &'static [u8] {
        match self {
            Self::Classic1k => &[0x5A, 0x4B, 0x41, 0x52],
            _ => &[0x04, 0x4B, 0x41, 0x52, 0x54, 0x55, 0x80],
        }
    }
}

impl MemoryCard {
    /// The blank of this number in a batch of such cards.
    pub(super) fn new(
        kind: Kind,
        settings: &MemoryCardSettings,
        number: u32,
    ) -> Result<Self, String> {
        let first_uid =
            settings.uid.as_ref().map_or_else(|| kind.usual_uid().to_vec(), |uid| uid.0.clone());
        let length = kind.usual_uid().len();
        if first_uid.len() != length {
            return Err(format!("uid: {length} bytes, not {}", first_uid.len()));
        }
        let own_uid = counted_up(&first_uid, number);
        let trouble = Trouble::new(settings.faults.clone());
        let uid = if trouble.faults().same_uid { &first_uid } else { &own_uid };
        let memory = match kind {
            Kind::Classic1k => Memory::Classic(Box::new(Classic::new(uid))),
            _ => Memory::Type2(Type2::new(kind, uid)),
        };
        Ok(Self { kind, first_uid, own_uid, memory, halted: false, trouble })
    }

    fn uid(&self) -> &[u8] {
        if self.trouble.faults().same_uid { &self.first_uid } else { &self.own_uid }
    }

    fn on_bytes(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        if self.halted {
            return None;
        }
        let answer = match (&mut self.memory, frame) {
            (_, [HALT, ..]) => Answer::Silence,
            (Memory::Classic(classic), frame) => classic.on_bytes(frame),
            (Memory::Type2(type2), frame) => type2.on_bytes(frame),
        };
        self.halted = matches!(answer, Answer::Nak | Answer::Silence);
        match answer {
            Answer::Data(bytes) => Some(bytes),
            Answer::Ack => Some(vec![ACK]),
            Answer::Nak => Some(vec![NAK]),
            Answer::Silence => None,
        }
    }

    fn content(&self) -> Vec<u8> {
        match &self.memory {
            Memory::Classic(classic) => classic.content(),
            Memory::Type2(type2) => type2.content(),
        }
    }

    fn set_content(&mut self, content: &[u8]) -> Result<(), String> {
        let size = self.content().len();
        if content.len() != size {
            return Err(format!("content: {size} bytes, not {}", content.len()));
        }
        match &mut self.memory {
            Memory::Classic(classic) => classic.set_content(content),
            Memory::Type2(type2) => type2.set_content(content),
        }
        Ok(())
    }
}

impl EmulatedChip for MemoryCard {
    fn atr(&self) -> Vec<u8> {
        match self.kind {
            _ if self.trouble.is_gone() => Vec::new(),
            Kind::Classic1k => atr::contactless_memory(0x0001),
            _ => atr::contactless_memory(0x0003),
        }
    }

    fn in_field(&self) -> Option<Activation> {
        let (atqa, sak) = match self.kind {
            _ if self.trouble.is_gone() => return None,
            Kind::Classic1k => ([0x00, 0x04], 0x08),
            _ => ([0x00, 0x44], 0x00),
        };
        Some(Activation { atqa, sak, uid: self.uid().to_vec(), ats: None })
    }

    fn power_on(&mut self) {
        self.halted = false;
        match &mut self.memory {
            Memory::Classic(classic) => classic.forget(),
            Memory::Type2(type2) => type2.forget(),
        }
    }

    fn power_off(&mut self) {
        self.power_on();
    }

    /// Memory cards know no APDUs.
    fn apdu(&mut self, _command: &[u8]) -> Response {
        Response::Mute
    }

    fn frame(&mut self, frame: &[u8]) -> Response {
        let mut trouble = std::mem::take(&mut self.trouble);
        let manner = RefusalForm { refusal: vec![NAK], status_bytes: 0 };
        let response = trouble.respond(&manner, || self.on_bytes(frame));
        self.trouble = trouble;
        response
    }

    fn state(&self) -> Value {
        json!({
            "kind": self.kind.name(),
            "uid": hex::text(self.uid()),
            "atr": hex::text(&self.atr()),
            "content": hex::text(&self.content()),
            "faults": self.trouble.faults(),
        })
    }

    fn change(&mut self, change: &Value) -> Result<(), String> {
        let keys = change.as_object().ok_or("a change is an object")?;
        let (mut trouble, mut content) = (None, None);
        for (key, value) in keys {
            match key.as_str() {
                "faults" => trouble = Some(self.trouble.changed(value)?),
                "content" => {
                    let text = value.as_str().ok_or("content: not a text")?;
                    content = Some(hex::bytes(text).map_err(|why| format!("content: {why}"))?);
                }
                "flip_stored" => {
                    let bit = value["bit"].as_u64().and_then(|bit| usize::try_from(bit).ok());
                    let mut flipped = self.content();
                    super::faults::flip_bit(&mut flipped, bit.ok_or("flip_stored: needs bit")?);
                    content = Some(flipped);
                }
                _ => {
                    return Err(format!(
                        "{key}: cannot be set; faults, content and flip_stored can"
                    ));
                }
            }
        }
        if let Some(content) = content {
            self.set_content(&content)?;
        }
        self.trouble = trouble.unwrap_or_else(|| std::mem::take(&mut self.trouble));
        Ok(())
    }
}
