//! Bytes of the PN532 on its high-speed UART, and their meaning. Knows no port, no card and no driver.
//!
//! Source: NXP UM0701-02 (PN532 user manual), section 6.2.1 for frames and 7 for commands. `golden.rs` has bytes that
//! are not ours.

use std::fmt;

use zeroize::Zeroizing;

/// The chip never sends more than this without a frame; noise of this length is given up.
const NOISE_MAX_BYTES: usize = 600;

/// TFI and data of the longest (extended) frame (section 6.2.1.2).
const FRAME_MAX_BYTES: usize = 265;

/// Wakes the chip (section 7.2.11): the first edges are lost, and it needs some time before it receives.
pub const WAKE_UP: [u8; 16] = [0x55, 0x55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The sender (TFI).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The computer.
    Host,
    /// The reader's chip.
    Chip,
}

/// A frame on the wire.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// Acknowledges a frame; from the host, it cancels the current command.
    Ack,
    /// Requests the last frame again.
    Nack,
    /// The chip does not know the command, or not with these parameters.
    Refused,
    /// A command, or its answer (whose code is one more).
    Info {
        /// The sender.
        from: From,
        /// The command's code; an answer's is one more.
        code: u8,
        /// May be a key, or personal data.
        body: Zeroizing<Vec<u8>>,
    },
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ack => f.write_str("Ack"),
            Self::Nack => f.write_str("Nack"),
            Self::Refused => f.write_str("Refused"),
            Self::Info { from, code, body } => {
                write!(f, "Info({from:?} {code:02x}, {} bytes)", body.len())
            }
        }
    }
}

/// The first item of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// An incomplete frame.
    Part,
    /// A frame, and how many bytes it takes.
    Whole(Frame, usize),
    /// Bytes that are no frame, and how many there are.
    Broken(&'static str, usize),
}

/// Encodes a frame: a normal one if that suffices, else an extended one. The result contains the body, so it is as
/// secret.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let (from, code, body) = match frame {
        Frame::Ack => return vec![0, 0, 0xff, 0, 0xff, 0],
        Frame::Nack => return vec![0, 0, 0xff, 0xff, 0, 0],
        Frame::Refused => return vec![0, 0, 0xff, 0x01, 0xff, 0x7f, 0x81, 0],
        Frame::Info { from, code, body } => (*from, *code, body),
    };
    let length = body.len() + 2;
    let [high, low] = (length as u16).to_be_bytes();
    let extended = [0xff, 0xff, high, low, high.wrapping_add(low).wrapping_neg()];
    let normal = [low, low.wrapping_neg()];
    let lengths = if length > usize::from(u8::MAX) { &extended[..] } else { &normal[..] };
    let at = 3 + lengths.len();
    // Allocate all of it at once, because growing would leave a copy of a key behind.
    let mut bytes = Vec::with_capacity(at + length + 2);
    bytes.extend([0, 0, 0xff]);
    bytes.extend_from_slice(lengths);
    bytes.extend([if from == From::Host { 0xd4 } else { 0xd5 }, code]);
    bytes.extend_from_slice(body);
    bytes.extend([sum(&bytes[at..]).wrapping_neg(), 0]);
    bytes
}

/// Finds the first frame in `bytes`; anything before its start code is noise.
pub fn decode(bytes: &[u8]) -> Found {
    let Some(start) = bytes.windows(2).position(|pair| pair == [0, 0xff]) else {
        return match bytes.len() {
            NOISE_MAX_BYTES.. => Found::Broken("no start of a frame", bytes.len()),
            _ => Found::Part,
        };
    };
    let at = start + 2;
    let (data, length) = match bytes[at..] {
        [0x00, 0xff, _, ..] => return Found::Whole(Frame::Ack, at + 3),
        [0xff, 0x00, _, ..] => return Found::Whole(Frame::Nack, at + 3),
        [0x00, 0xff] | [0xff, 0x00 | 0xff] | [0xff, 0xff, _] | [0xff, 0xff, _, _] | [_] | [] => {
            return Found::Part;
        }
        [0xff, 0xff, high, low, check, ..] => {
            if sum(&[high, low, check]) != 0 {
                return Found::Broken("the length's checksum is wrong", at + 5);
            }
            (at + 5, usize::from(u16::from_be_bytes([high, low])))
        }
        [short, check, ..] => {
            if sum(&[short, check]) != 0 {
                return Found::Broken("the length's checksum is wrong", at + 2);
            }
            (at + 2, usize::from(short))
        }
    };
    if !(1..=FRAME_MAX_BYTES).contains(&length) {
        return Found::Broken("a frame of this length does not exist", data);
    }
    let end = data + length + 2;
    match bytes.get(data..end) {
        None => Found::Part,
        Some(framed) => match read(&framed[..=length], framed[length + 1]) {
            Ok(frame) => Found::Whole(frame, end),
            Err(why) => Found::Broken(why, end),
        },
    }
}

/// Checks TFI, data and their checksum, and the byte after them.
fn read(checked: &[u8], postamble: u8) -> Result<Frame, &'static str> {
    if sum(checked) != 0 {
        return Err("the checksum is wrong");
    }
    if postamble != 0 {
        return Err("the frame does not end");
    }
    match checked {
        [0x7f, _] => Ok(Frame::Refused),
        [tfi @ (0xd4 | 0xd5), code, body @ .., _] => {
            let from = if *tfi == 0xd4 { From::Host } else { From::Chip };
            Ok(Frame::Info { from, code: *code, body: Zeroizing::new(body.to_vec()) })
        }
        _ => Err("it is from nobody"),
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, &byte| sum.wrapping_add(byte))
}

/// Are the bytes a frame, or can they never become one?
pub fn whole(bytes: &[u8]) -> bool {
    decode(bytes) != Found::Part
}

/// Codes of commands (section 7.1); an answer's is one more.
pub mod code {
    /// Diagnose (7.2.1).
    pub const DIAGNOSE: u8 = 0x00;
    /// GetFirmwareVersion (7.2.2).
    pub const GET_FIRMWARE_VERSION: u8 = 0x02;
    /// GetGeneralStatus (7.2.3).
    pub const GET_GENERAL_STATUS: u8 = 0x04;
    /// ReadRegister (7.2.4).
    pub const READ_REGISTER: u8 = 0x06;
    /// WriteRegister (7.2.5).
    pub const WRITE_REGISTER: u8 = 0x08;
    /// SetParameters (7.2.9).
    pub const SET_PARAMETERS: u8 = 0x12;
    /// SAMConfiguration (7.2.10).
    pub const SAM_CONFIGURATION: u8 = 0x14;
    /// PowerDown (7.2.11).
    pub const POWER_DOWN: u8 = 0x16;
    /// RFConfiguration (7.3.1).
    pub const RF_CONFIGURATION: u8 = 0x32;
    /// InDataExchange (7.3.8).
    pub const IN_DATA_EXCHANGE: u8 = 0x40;
    /// InCommunicateThru (7.3.9).
    pub const IN_COMMUNICATE_THRU: u8 = 0x42;
    /// InDeselect (7.3.10).
    pub const IN_DESELECT: u8 = 0x44;
    /// InListPassiveTarget (7.3.5).
    pub const IN_LIST_PASSIVE_TARGET: u8 = 0x4a;
    /// InRelease (7.3.11).
    pub const IN_RELEASE: u8 = 0x52;
    /// InSelect (7.3.12).
    pub const IN_SELECT: u8 = 0x54;
}

/// Parameters of commands.
pub mod body {
    /// SAMConfiguration: normal mode, no time limit of its own, interrupt line as after reset (7.2.10).
    pub const NORMAL_MODE: [u8; 3] = [0x01, 0x00, 0x01];
    /// SetParameters: automatic ATR_RES and RATS (7.2.9), as after reset.
    pub const AUTOMATIC: [u8; 1] = [0x14];
    /// RFConfiguration item 1: the field is off (7.3.1).
    pub const FIELD_OFF: [u8; 2] = [0x01, 0x00];
    /// Item 5: poll three times for a card, not for ever, which is the setting after reset.
    pub const FINITE_RETRIES: [u8; 4] = [0x05, 0x00, 0x01, 0x02];
    /// InListPassiveTarget: one card of ISO 14443 type A at 106 kbit/s (7.3.5).
    pub const ONE_TYPE_A: [u8; 2] = [0x01, 0x00];
}

/// The status between chip and card (section 7.1, table of error codes); the two upper bits are flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// No error.
    Ok,
    /// The card did not answer, or its answer could not be understood.
    Lost,
    /// A memory card refused the key.
    WrongKey,
    /// A memory card refused the frame (its refusal of four bits is not a frame).
    Refused,
    /// The command does not fit the card or its state.
    NotAcceptable,
    /// Any other error.
    Other(u8),
}

impl Status {
    /// Decodes the first byte of an answer.
    pub fn decode(byte: u8) -> Self {
        match byte & 0x3f {
            0x00 => Self::Ok,
            // Time-out, checksum, parity, bits, framing, collision, field, protocol, released, exchanged, gone.
            0x01..=0x06 | 0x0a | 0x0b | 0x29..=0x2b => Self::Lost,
            0x13 => Self::Refused,
            0x14 => Self::WrongKey,
            0x26 | 0x27 => Self::NotAcceptable,
            other => Self::Other(other),
        }
    }

    /// Encodes that byte, for an emulated chip.
    pub fn encode(self) -> u8 {
        match self {
            Self::Ok => 0x00,
            Self::Lost => 0x01,
            Self::WrongKey => 0x14,
            Self::Refused => 0x13,
            Self::NotAcceptable => 0x27,
            Self::Other(byte) => byte & 0x3f,
        }
    }

    /// Does the card's answer continue beyond one frame?
    pub fn goes_on(byte: u8) -> bool {
        byte & 0x40 != 0
    }
}

/// A card in the answer to InListPassiveTarget (7.3.5, type A at 106 kbit/s).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The chip's number for the card.
    pub number: u8,
    /// SENS_RES, high byte first.
    pub atqa: [u8; 2],
    /// SEL_RES.
    pub sak: u8,
    /// NFCID1.
    pub uid: Vec<u8>,
    /// Answer to select with its length byte; `None`: a memory card.
    pub ats: Option<Vec<u8>>,
}

impl Target {
    /// Decodes what follows the number of cards.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [number, high, low, sak, length, rest @ ..] = bytes else { return None };
        let (uid, rest) = rest.split_at_checked(usize::from(*length))?;
        let ats = match rest.first() {
            None => None,
            Some(&length) if usize::from(length) == rest.len() => Some(rest.to_vec()),
            Some(_) => return None,
        };
        let fits = matches!(uid.len(), 4 | 7 | 10) && (1..=2).contains(number);
        fits.then(|| Self {
            number: *number,
            atqa: [*high, *low],
            sak: *sak,
            uid: uid.to_vec(),
            ats,
        })
    }

    /// Encodes it, for an emulated chip.
    pub fn encode(&self) -> Vec<u8> {
        let [high, low] = self.atqa;
        let length = u8::try_from(self.uid.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![self.number, high, low, self.sak, length];
        bytes.extend_from_slice(&self.uid);
        bytes.extend_from_slice(self.ats.as_deref().unwrap_or_default());
        bytes
    }

    /// The answer to reset that PC/SC part 3 composes (3.1.3.2.3): with the historical bytes of the answer to select,
    /// or with the memory card's name.
    pub fn atr(&self) -> Vec<u8> {
        let history = match &self.ats {
            Some(ats) => historical(ats).to_vec(),
            None => {
                let name = match self.sak {
                    0x08 | 0x88 => 0x01,
                    0x18 => 0x02,
                    0x00 => 0x03,
                    0x09 => 0x26,
                    _ => 0x00,
                };
                vec![0x80, 0x4f, 0x0c, 0xa0, 0, 0, 0x03, 0x06, 0x03, 0, name, 0, 0, 0, 0]
            }
        };
        let history = &history[..history.len().min(15)];
        let mut atr = vec![0x3b, 0x80 | history.len() as u8, 0x80, 0x01];
        atr.extend_from_slice(history);
        atr.push(atr[1..].iter().fold(0, |check, byte| check ^ byte));
        atr
    }
}

/// The historical bytes: what follows the interface bytes of an answer to select (ISO/IEC 14443-4, 5.2).
fn historical(ats: &[u8]) -> &[u8] {
    let Some(&format) = ats.get(1) else { return &[] };
    let interface_bytes = (format >> 4 & 0x07).count_ones() as usize;
    ats.get(2 + interface_bytes..).unwrap_or_default()
}
