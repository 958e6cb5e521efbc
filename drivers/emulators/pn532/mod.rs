//! An emulated PN532, at the bytes: the reader's side of the wire, with a field in front of it. Knows its wire and a
//! card's answers; never sees a driver.
//!
//! What happens only on the air (anticollision, encryption, checksums between chip and card) is internal to the chip
//! and is not modelled. Source: UM0701-02, by section in `protocol.rs`.

mod air;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use drivers::readers::pn532::protocol::{Found, Frame, From, body, code, decode, encode};

use crate::card::{Field, SharedChip};
use crate::reader::EmulatedReader;
use crate::transport::line::SerialDevice;
use air::{Checks, Radio};

/// The family's name.
pub const FAMILY: &str = "pn532";

/// A frame is shorter; a host that sends more without a frame is out of step.
const HEARD_MAX_BYTES: usize = 4096;
/// Duration of one poll for a card.
const POLL_SPAN: Duration = Duration::from_millis(10);
/// IC, version, revision and features (7.2.2): a PN532 v1.6.
const FIRMWARE: [u8; 4] = [0x32, 0x01, 0x06, 0x07];
/// Registers CIU_TxMode and CIU_RxMode; their top bit switches checksums on.
const TX_MODE: [u8; 2] = [0x63, 0x02];
const RX_MODE: [u8; 2] = [0x63, 0x03];
/// Poll for ever: the setting after reset (7.3.1, item 5).
const FOR_EVER: u8 = 0xff;

/// A reader with this field in front of it.
pub fn emulate(field: Field) -> Box<dyn EmulatedReader> {
    Box::new(Reader {
        air: Radio::new(field),
        heard: Vec::new(),
        said: Vec::new(),
        doing: Doing::Nothing,
        last: Vec::new(),
        awake: false,
        parameters: body::AUTOMATIC[0],
        looks: FOR_EVER,
        registers: BTreeMap::new(),
        aside: None,
        faults: Faults::default(),
    })
}

struct Reader {
    air: Radio,
    heard: Vec<u8>,
    /// Bytes of its answer that are not yet on the wire.
    said: Vec<u8>,
    doing: Doing,
    /// Its last answer, for a host that asks for it again.
    last: Vec<u8>,
    /// It ignores everything until it is woken.
    awake: bool,
    parameters: u8,
    /// How often it polls for a card after the first time.
    looks: u8,
    registers: BTreeMap<[u8; 2], u8>,
    /// The card that was taken out of the field.
    aside: Option<SharedChip>,
    faults: Faults,
}

/// Its current activity.
enum Doing {
    Nothing,
    /// It will send this after the given time.
    Answer(Duration, Vec<u8>),
    /// It polls for a card, this many more times, and next after the given time.
    Look {
        left: u8,
        next: Duration,
        wanted: Vec<u8>,
    },
}

/// Faults that can be set.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Faults {
    /// It sends nothing any more.
    mute: bool,
    /// This many of its next answers have one wrong bit in their checksum.
    bad_checksums: u32,
}

impl SerialDevice for Reader {
    fn on_bytes(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        loop {
            if !self.awake && !self.wake() {
                return;
            }
            let (frame, used) = match decode(&self.heard) {
                Found::Part if self.heard.len() > HEARD_MAX_BYTES => (None, self.heard.len()),
                Found::Part => return,
                Found::Whole(frame, used) => (Some(frame), used),
                // A frame that it did not understand is not acknowledged.
                Found::Broken(_, used) => (None, used),
            };
            self.heard.drain(..used);
            match frame {
                Some(Frame::Ack) => self.doing = Doing::Nothing,
                Some(Frame::Nack) => self.said.extend(self.last.clone()),
                Some(Frame::Info { from: From::Host, code, body }) => self.obey(code, &body),
                _ => {}
            }
        }
    }

    fn respond(&mut self, said: &mut Vec<u8>) -> Option<Duration> {
        self.settle();
        let mine = std::mem::take(&mut self.said);
        if !self.faults.mute {
            said.extend(mine);
        }
        match &self.doing {
            Doing::Nothing => None,
            Doing::Answer(after, _) => Some(*after),
            Doing::Look { next, .. } => Some(*next),
        }
    }

    fn elapse(&mut self, span: Duration) {
        match &mut self.doing {
            Doing::Nothing => {}
            Doing::Answer(left, _) | Doing::Look { next: left, .. } => {
                *left = left.saturating_sub(span);
            }
        }
    }
}

impl EmulatedReader for Reader {
    fn state(&self) -> Value {
        let card = self.aside.clone().or_else(|| self.air.field().card());
        json!({
            "card_present": self.air.field().card().is_some(),
            "faults": self.faults,
            "card": card.map(|card| card.lock().state()),
        })
    }

    fn change(&mut self, change: &Value) -> Result<(), String> {
        let keys = change.as_object().ok_or("a change is an object")?;
        let (mut faults, mut present) = (self.faults.clone(), None);
        for (key, value) in keys {
            match key.as_str() {
                "faults" => {
                    faults = changed(&faults, value).map_err(|why| format!("faults: {why}"))?;
                }
                "card_present" => {
                    present = Some(value.as_bool().ok_or("card_present: true or false")?);
                }
                "card" => {}
                _ => return Err(format!("{key}: no such key; card, card_present and faults are")),
            }
        }
        if let Some(change) = keys.get("card") {
            let card = self.aside.clone().or_else(|| self.air.field().card());
            let card = card.ok_or("card: there is none")?;
            card.lock().change(change).map_err(|why| format!("card: {why}"))?;
        }
        self.faults = faults;
        match present {
            Some(false) => self.aside = self.air.field().take().or(self.aside.take()),
            Some(true) => {
                if let Some(card) = self.aside.take() {
                    self.air.field().put(card);
                }
            }
            None => {}
        }
        Ok(())
    }
}

impl Reader {
    /// Only wake-up edges are recognised; bytes that come with them are lost.
    fn wake(&mut self) -> bool {
        let edge = self.heard.iter().rposition(|&byte| byte == 0x55);
        match edge {
            Some(edge) => {
                self.heard.drain(..=edge);
                self.awake = true;
            }
            None => self.heard.clear(),
        }
        self.awake
    }

    /// Carries out everything that is due.
    fn settle(&mut self) {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Answer(Duration::ZERO, answer) => self.say(answer),
            Doing::Look { left, next: Duration::ZERO, wanted } => self.poll_target(left, wanted),
            other => self.doing = other,
        }
    }

    fn poll_target(&mut self, left: u8, wanted: Vec<u8>) {
        let listed = match self.air.select(self.parameters, &wanted) {
            Some(found) => [vec![1], found.encode()].concat(),
            None if left == 0 => vec![0],
            None => {
                let left = if left == FOR_EVER { left } else { left - 1 };
                self.doing = Doing::Look { left, next: POLL_SPAN, wanted };
                return;
            }
        };
        self.say(answer(code::IN_LIST_PASSIVE_TARGET, listed));
    }

    fn say(&mut self, frame: Vec<u8>) {
        self.last.clone_from(&frame);
        let at = self.said.len();
        self.said.extend(frame);
        if self.faults.bad_checksums > 0 && self.said.len() >= at + 2 {
            self.faults.bad_checksums -= 1;
            let checksum = self.said.len() - 2;
            self.said[checksum] ^= 0x01;
        }
    }

    fn obey(&mut self, code: u8, body: &[u8]) {
        self.said.extend(encode(&Frame::Ack));
        if code == code::IN_LIST_PASSIVE_TARGET {
            self.doing = self.begin_poll(body);
            return;
        }
        let mut after = Duration::ZERO;
        let said = match (code, body) {
            (code::DIAGNOSE, [0x00, ..]) => Some(body.to_vec()),
            // The host asks whether the card is still there.
            (code::DIAGNOSE, [0x06, ..]) => Some(vec![u8::from(!self.air.is_there())]),
            (code::DIAGNOSE, [_, ..]) => Some(vec![0]),
            (code::GET_FIRMWARE_VERSION, []) => Some(FIRMWARE.to_vec()),
            (code::GET_GENERAL_STATUS, []) => Some(self.air.general_status()),
            (code::READ_REGISTER, names) => Some(self.read_registers(names)),
            (code::WRITE_REGISTER, pairs) => {
                for triple in pairs.chunks_exact(3) {
                    self.registers.insert([triple[0], triple[1]], triple[2]);
                }
                Some(Vec::new())
            }
            (code::SET_PARAMETERS, &[parameters]) => {
                self.parameters = parameters;
                Some(Vec::new())
            }
            (code::SAM_CONFIGURATION, [0x01..=0x04, ..]) => Some(Vec::new()),
            (code::POWER_DOWN, [_, ..]) => {
                self.awake = false;
                Some(vec![0])
            }
            (code::RF_CONFIGURATION, [item, values @ ..]) => self.configure(*item, values),
            (code::IN_DATA_EXCHANGE, [target, data @ ..]) => {
                Some(self.air.exchange(*target, data, &mut after))
            }
            (code::IN_COMMUNICATE_THRU, data) => {
                Some(self.air.raw(data, self.checks(), &mut after))
            }
            (code::IN_DESELECT | code::IN_RELEASE, [_]) => Some(self.air.deselect()),
            (code::IN_SELECT, [_]) => Some(self.air.select_again()),
            _ => None,
        };
        let said = said.map_or_else(|| encode(&Frame::Refused), |body| answer(code, body));
        self.doing = Doing::Answer(after, said);
    }

    /// The body has the number of cards, the modulation, and optionally the identifier to look for.
    fn begin_poll(&mut self, body: &[u8]) -> Doing {
        match body {
            [1..=2, 0x00, wanted @ ..] => {
                // The chip sets its radio for the kind of card that it polls for.
                self.registers.extend([(TX_MODE, 0x80), (RX_MODE, 0x80)]);
                Doing::Look { left: self.looks, next: Duration::ZERO, wanted: wanted.to_vec() }
            }
            // Only type A cards are ever in the field; the chip's radio is set for the other kind nevertheless.
            [1..=2, 0x01..=0x04, ..] => {
                self.air.listen_otherwise();
                Doing::Answer(POLL_SPAN, answer(code::IN_LIST_PASSIVE_TARGET, vec![0]))
            }
            _ => Doing::Answer(Duration::ZERO, encode(&Frame::Refused)),
        }
    }

    fn configure(&mut self, item: u8, values: &[u8]) -> Option<Vec<u8>> {
        match (item, values) {
            (0x01, [field]) => self.air.switch(field & 1 != 0),
            (0x05, [_, _, looks]) => self.looks = *looks,
            (0x02, [_, _, _]) | (0x04, [_]) | (0x0a..=0x0d, [_, ..]) => {}
            _ => return None,
        }
        Some(Vec::new())
    }

    fn checks(&self) -> Checks {
        let off = |register| self.registers.get(register).is_some_and(|value| value & 0x80 == 0);
        Checks { sent_by_host: off(&TX_MODE), left_to_host: off(&RX_MODE) }
    }

    fn read_registers(&self, names: &[u8]) -> Vec<u8> {
        let value = |name: &[u8]| self.registers.get(name).copied().unwrap_or_default();
        names.chunks_exact(2).map(value).collect()
    }
}

/// The faults with the named ones replaced.
fn changed(faults: &Faults, change: &Value) -> Result<Faults, String> {
    let mut all = json!(faults);
    let named = change.as_object().ok_or("not an object")?;
    if let Some(all) = all.as_object_mut() {
        all.extend(named.clone());
    }
    serde_json::from_value(all).map_err(|why| why.to_string())
}

fn answer(code: u8, body: Vec<u8>) -> Vec<u8> {
    encode(&Frame::Info { from: From::Chip, code: code.wrapping_add(1), body: body.into() })
}
