//! PN532: a contactless reader on a serial port (its high-speed UART). The driver; knows no port and no daemon.
//!
//! A chip of ISO 14443-4 receives its commands unchanged; for a memory card [`Storage`] turns pseudo-APDUs into frames.
//! [`CardEncoder::power_on`] starts afresh whatever happened before: the chip is woken and configured for polling, and
//! the field is switched off once, so that a card loses its state. The chip never polls for a card indefinitely: it
//! polls three times and reports, and the driver asks again, so that no reader keeps polling after this program has
//! ended.
//!
//! Nothing that reaches the card is sent twice. A corrupted answer is requested again (NACK: the chip repeats its last
//! answer and does nothing else); a missing one is cancelled (ACK from the host).
//! last answer again and does nothing); one that does not come is cancelled (ACK of the host).

#[cfg(test)]
mod golden;
pub mod protocol;

use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::encoder::storage::{FrameFault, PSEUDO_CLASS, Storage, Tag, TagKind};
use crate::encoder::{CardEncoder, Chip, EncoderError, Interface, Limits};
use crate::transport::serial::Serial;
use crate::transport::{Transport, TransportError, WireFault};
use protocol::{Found, Frame, From, Status, Target, WAKE_UP, body, code, decode, encode, whole};

/// A UART takes 300 bytes in 26 ms.
const SEND_LIMIT: Duration = Duration::from_secs(1);
/// The chip acknowledges within 15 ms (UM0701-02, 6.2.1.3); a USB adapter may hold that back a while.
const ACK_LIMIT: Duration = Duration::from_millis(500);
/// Commands that involve no card are answered at once.
const OWN_LIMIT: Duration = Duration::from_secs(1);
/// Three polls for a card take well under 100 ms.
const POLL_LIMIT: Duration = Duration::from_secs(1);
/// A card that generates keys asks for more time again and again, and the chip grants it. After this time the driver
/// gives up.
const CARD_LIMIT: Duration = Duration::from_secs(10);
/// Time between two polls.
const POLL_PAUSE: Duration = Duration::from_millis(50);
/// One poll with the pause after it. The driver counts polls, because it has no clock.
const POLL_SPAN: Duration = Duration::from_millis(100);
/// A card without a field for 5 ms is off (ISO/IEC 14443-3, 5.3).
const OFF_SPAN: Duration = Duration::from_millis(10);
/// How many answers to earlier requests are skipped.
const STALE_MAX: usize = 4;
/// Longest command in short form, and the most data of its response.
const SHORT_APDU_MAX_BYTES: usize = 261;

/// Differences between the chips of the family.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    name: String,
    ic: u8,
    data_max: usize,
}

fn models() -> &'static [Model] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        model: Vec<Model>,
    }
    static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
        let file: File =
            toml::from_str(include_str!("models.toml")).expect("built in, and read by a test");
        file.model
    });
    &MODELS
}

/// A reader on a serial port, `serial:/dev/ttyUSB0`.
///
/// # Errors
/// [`EncoderError::NoReader`] if there is no device; [`EncoderError::Unsupported`] for another address or chip.
pub fn open(address: &str) -> Result<Box<dyn CardEncoder>, EncoderError> {
    let port = port(address).map_err(EncoderError::Unsupported)?;
    over(address, Box::new(Serial::new(port)))
}

/// See [`crate::encoder::EncoderFamily::any_bytes`].
pub fn any_bytes(mut bytes: &[u8]) {
    let _ = whole(bytes);
    let _ = Target::decode(bytes).map(|target| (target.atr(), target.encode()));
    while let Found::Whole(_, end) | Found::Broken(_, end) = decode(bytes) {
        bytes = bytes.get(end.max(1)..).unwrap_or_default();
    }
}

/// Could this be the address of such a reader?
///
/// # Errors
/// A sentence with one that can.
pub fn accepts(address: &str) -> Result<(), String> {
    port(address).map(drop)
}

fn port(address: &str) -> Result<&str, String> {
    let port = address.strip_prefix("serial:").filter(|port| port.starts_with('/'));
    port.ok_or_else(|| format!("{address:?} is no address like serial:/dev/ttyUSB0"))
}

/// A reader on any wire; errors use `name` for it.
///
/// # Errors
/// As [`open`].
pub fn over(name: &str, wire: Box<dyn Transport>) -> Result<Box<dyn CardEncoder>, EncoderError> {
    let mut reader = Pn532 {
        wire,
        name: name.to_owned(),
        data_max: 0,
        target: None,
        storage: Storage::new(),
        heard: Zeroizing::new(Vec::new()),
    };
    reader.wire.frame_by(whole);
    reader.begin()?;
    Ok(Box::new(reader))
}

struct Pn532 {
    wire: Box<dyn Transport>,
    name: String,
    data_max: usize,
    /// The card that was switched on.
    target: Option<Target>,
    storage: Storage,
    /// The bytes received last.
    heard: Zeroizing<Vec<u8>>,
}

impl CardEncoder for Pn532 {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        self.target = None;
        self.storage = Storage::new();
        self.begin()?;
        self.ask(code::SET_PARAMETERS, &body::AUTOMATIC, OWN_LIMIT)?;
        self.ask(code::RF_CONFIGURATION, &body::FIELD_OFF, OWN_LIMIT)?;
        self.wire.pause(OFF_SPAN);
        self.ask(code::RF_CONFIGURATION, &body::FINITE_RETRIES, OWN_LIMIT)?;
        let looks = patience.as_millis().div_ceil(POLL_SPAN.as_millis()).max(1);
        for _ in 0..looks {
            if let Some(target) = self.poll_target()? {
                let chip = chip(&target);
                self.target = Some(target);
                return Ok(chip);
            }
            self.wire.pause(POLL_PAUSE);
        }
        Err(EncoderError::NoCard { waited: patience })
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        answer.clear();
        let target = self.target.clone().ok_or(EncoderError::CardLost)?;
        if command.first() == Some(&PSEUDO_CLASS) {
            let tag = Tag { uid: &target.uid, kind: TagKind::of(target.sak) };
            let mut storage = std::mem::take(&mut self.storage);
            let carried = storage.carry(command, tag, &mut |frame| self.frame(frame, &target));
            self.storage = storage;
            answer.extend_from_slice(&Zeroizing::new(carried?.into_bytes()));
        } else if target.ats.is_none() {
            return Err(EncoderError::Unsupported(
                "a memory card knows only the commands of class FF".to_owned(),
            ));
        } else {
            match self.exchange(&target, command)? {
                (Status::Ok, said) => answer.extend_from_slice(&said),
                (status, _) => return Err(self.lost(status)),
            }
        }
        if answer.len() < 2 {
            return Err(self.lost(Status::Lost));
        }
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        let known = self.target.take();
        self.storage = Storage::new();
        if known.is_some() {
            // The card may be gone, so the status in these answers does not matter.
            self.ask(code::IN_DESELECT, &[0], OWN_LIMIT)?;
            self.ask(code::IN_RELEASE, &[0], OWN_LIMIT)?;
        }
        self.ask(code::RF_CONFIGURATION, &body::FIELD_OFF, OWN_LIMIT)?;
        Ok(())
    }
}

impl Pn532 {
    /// Cancels whatever is running, wakes the chip and reads its version.
    fn begin(&mut self) -> Result<(), EncoderError> {
        self.say(&encode(&Frame::Ack))?;
        let waking = [&WAKE_UP[..], &frame(code::SAM_CONFIGURATION, &body::NORMAL_MODE)].concat();
        self.request(&waking, code::SAM_CONFIGURATION, OWN_LIMIT)?;
        let version = self.ask(code::GET_FIRMWARE_VERSION, &[], OWN_LIMIT)?;
        let ic = *version.first().ok_or_else(|| garbled(code::GET_FIRMWARE_VERSION, SHORT))?;
        let model = models().iter().find(|model| model.ic == ic).ok_or_else(|| {
            let known: Vec<_> = models().iter().map(|model| model.name.as_str()).collect();
            EncoderError::Unsupported(format!("chip {ic:02X}; known: {}", known.join(", ")))
        })?;
        self.data_max = model.data_max;
        Ok(())
    }

    /// Is a card there?
    fn poll_target(&mut self) -> Result<Option<Target>, EncoderError> {
        let found = self.ask(code::IN_LIST_PASSIVE_TARGET, &body::ONE_TYPE_A, POLL_LIMIT)?;
        match found.as_slice() {
            [0, ..] => Ok(None),
            [1, listed @ ..] => Target::decode(listed)
                .map(Some)
                .ok_or_else(|| garbled(code::IN_LIST_PASSIVE_TARGET, "no card is described so")),
            _ => Err(garbled(code::IN_LIST_PASSIVE_TARGET, "it counts cards otherwise")),
        }
    }

    /// Sends one frame to a memory card. A card that refuses ignores everything until it is selected again.
    fn frame(&mut self, frame: &[u8], target: &Target) -> Result<Vec<u8>, FrameFault> {
        match self.exchange(target, frame).map_err(FrameFault::Lost)? {
            (Status::Ok, mut said) => Ok(std::mem::take(&mut said)),
            (Status::WrongKey | Status::Refused, _) => {
                match self.poll_target().map_err(FrameFault::Lost)? {
                    Some(again) if again.uid == target.uid => Err(FrameFault::Refused),
                    _ => Err(FrameFault::Lost(self.lost(Status::Lost))),
                }
            }
            (status, _) => Err(FrameFault::Lost(self.lost(status))),
        }
    }

    /// Sends bytes to the card and receives its answer.
    fn exchange(
        &mut self,
        target: &Target,
        bytes: &[u8],
    ) -> Result<(Status, Zeroizing<Vec<u8>>), EncoderError> {
        if bytes.len() > self.data_max {
            let most = self.data_max;
            return Err(EncoderError::Unsupported(format!("more than {most} bytes at once")));
        }
        // Allocate all of it at once, because growing would leave a copy of a key behind.
        let mut request = Zeroizing::new(Vec::with_capacity(1 + bytes.len()));
        request.push(target.number);
        request.extend_from_slice(bytes);
        let mut said = self.ask(code::IN_DATA_EXCHANGE, &request, CARD_LIMIT)?;
        let first = *said.first().ok_or_else(|| garbled(code::IN_DATA_EXCHANGE, SHORT))?;
        if Status::goes_on(first) {
            return Err(garbled(code::IN_DATA_EXCHANGE, "the card's answer is too long"));
        }
        said.remove(0);
        Ok((Status::decode(first), said))
    }

    /// The card is gone, or the chip cannot continue with it, so nothing more is sent to it.
    fn lost(&mut self, status: Status) -> EncoderError {
        match status {
            Status::Other(_) => garbled(code::IN_DATA_EXCHANGE, "the reader reports a fault"),
            _ => {
                self.target = None;
                EncoderError::CardLost
            }
        }
    }

    /// Sends the chip a command; returns the answer's body.
    fn ask(
        &mut self,
        code: u8,
        body: &[u8],
        patience: Duration,
    ) -> Result<Zeroizing<Vec<u8>>, EncoderError> {
        self.request(&frame(code, body), code, patience)
    }

    fn request(
        &mut self,
        bytes: &[u8],
        code: u8,
        patience: Duration,
    ) -> Result<Zeroizing<Vec<u8>>, EncoderError> {
        self.say(bytes)?;
        for _ in 0..STALE_MAX {
            match self.receive_frame(ACK_LIMIT)? {
                Ok(Frame::Ack) => return self.answer(code, patience),
                // The chip sent this before it received our command.
                Ok(Frame::Info { .. }) => {}
                Ok(_) => return Err(garbled(code, "it was not acknowledged")),
                Err(why) => return Err(garbled(code, why)),
            }
        }
        Err(garbled(code, "it was not acknowledged"))
    }

    fn answer(&mut self, code: u8, patience: Duration) -> Result<Zeroizing<Vec<u8>>, EncoderError> {
        let mut heard = self.receive_frame(patience);
        if let Ok(Err(_)) = heard {
            self.say(&encode(&Frame::Nack))?;
            heard = self.receive_frame(OWN_LIMIT);
        }
        match heard {
            Ok(Ok(Frame::Info { from: From::Chip, code: said, body }))
                if said == code.wrapping_add(1) =>
            {
                Ok(body)
            }
            Ok(Ok(Frame::Refused)) => Err(garbled(code, "the reader refuses it")),
            Ok(Ok(_)) => Err(garbled(code, "it is an answer to something else")),
            Ok(Err(why)) => Err(garbled(code, why)),
            Err(fault) => {
                // The chip must not go on with a command that nobody waits for. If the wire is down, that is already
                // being reported.
                let _ = self.say(&encode(&Frame::Ack));
                Err(fault)
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), EncoderError> {
        self.wire.send(bytes, SEND_LIMIT).map_err(|fault| self.wire_fault(fault))
    }

    /// Receives one frame, or the reason why the bytes are none.
    fn receive_frame(
        &mut self,
        patience: Duration,
    ) -> Result<Result<Frame, &'static str>, EncoderError> {
        let heard = self.wire.receive(&mut self.heard, patience);
        heard.map_err(|fault| self.wire_fault(fault))?;
        Ok(match decode(&self.heard) {
            Found::Whole(frame, _) => Ok(frame),
            Found::Broken(why, _) => Err(why),
            Found::Part => Err("it breaks off"),
        })
    }

    fn wire_fault(&self, fault: TransportError) -> EncoderError {
        match fault.kind {
            WireFault::Unreachable(reason) if reason.is_shortage() => EncoderError::Wire(fault),
            WireFault::NotPlugged { .. } | WireFault::Unreachable(_) => {
                EncoderError::NoReader(self.name.clone())
            }
            WireFault::Taken => EncoderError::InUse,
            WireFault::Barred => EncoderError::Barred,
            _ => EncoderError::Wire(fault),
        }
    }
}

const SHORT: &str = "it is too short";

fn frame(code: u8, body: &[u8]) -> Zeroizing<Vec<u8>> {
    let body = Zeroizing::new(body.to_vec());
    Zeroizing::new(encode(&Frame::Info { from: From::Host, code, body }))
}

fn garbled(code: u8, why: &'static str) -> EncoderError {
    let command = match code {
        code::GET_FIRMWARE_VERSION => "GetFirmwareVersion",
        code::SET_PARAMETERS => "SetParameters",
        code::SAM_CONFIGURATION => "SAMConfiguration",
        code::RF_CONFIGURATION => "RFConfiguration",
        code::IN_DATA_EXCHANGE => "InDataExchange",
        code::IN_DESELECT => "InDeselect",
        code::IN_LIST_PASSIVE_TARGET => "InListPassiveTarget",
        code::IN_RELEASE => "InRelease",
        _ => "a command",
    };
    EncoderError::Garbled { command, why }
}

fn chip(target: &Target) -> Chip {
    Chip {
        interface: Interface::Contactless,
        atr: target.atr(),
        uid: Some(target.uid.clone()),
        // A frame carries 262 bytes, which allows short commands only.
        limits: Limits { t0: false, extended: false, apdu_max_bytes: SHORT_APDU_MAX_BYTES },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_port_and_a_missing_reader_is_said_by_its_name() {
        for address in ["pn532", "serial:", "serial:ttyUSB0", "tcp:1.2.3.4"] {
            assert!(matches!(open(address), Err(EncoderError::Unsupported(_))), "{address}");
        }
        let missing = "serial:/dev/no-such-port";
        assert_eq!(open(missing).err(), Some(EncoderError::NoReader(missing.to_owned())));
    }
}
