//! Commands and responses of a chip card, encoded and decoded (ISO/IEC 7816-4, clause 5). Knows no reader, no profile,
//! no key and no command's effect.
//!
//! A command's data may be a key and a response's data may be personal: `Debug` shows neither, and command data is
//! wiped from memory.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::EncoderError;

/// Most data bytes of one command in short form.
pub const SHORT_DATA_MAX_BYTES: usize = 255;
/// Most response bytes of a command in short form; its Le byte is then `00`.
pub const SHORT_LE_MAX_BYTES: usize = 256;
/// Most data bytes of one command in extended form.
pub const EXTENDED_DATA_MAX_BYTES: usize = 65_535;
/// Most response bytes of a command in extended form; its Le is then `00 00`.
pub const EXTENDED_LE_MAX_BYTES: usize = 65_536;

/// A command APDU.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Data for the card; empty for none. Wiped when the command is dropped.
    pub data: Vec<u8>,
    /// Most response bytes, 1 to 65,536; `None`: none expected. 256 (65,536 in extended form) means all there are.
    pub le: Option<usize>,
}

/// How the length fields of a command are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One byte each.
    Short,
    /// Two bytes each, announced by a zero byte.
    Extended,
}

/// Why a command cannot be encoded, or bytes cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApduError {
    /// More data than the form can carry.
    #[error("a command takes {most} bytes of data, not {got}")]
    DataTooLong {
        /// Length of the data.
        got: usize,
        /// Most data that fit.
        most: usize,
    },
    /// The form cannot express this expected length.
    #[error("a command expects 1 to {most} bytes, not {got}")]
    Expected {
        /// The expected length.
        got: usize,
        /// Largest expected length of the form.
        most: usize,
    },
    /// The length fields do not fit the total length.
    #[error("{0} bytes are no command: its lengths do not fit")]
    Lengths(usize),
}

impl Command {
    /// A command without data that expects no response data.
    pub fn new(cla: u8, ins: u8, p1: u8, p2: u8) -> Self {
        Self { cla, ins, p1, p2, data: Vec::new(), le: None }
    }

    /// Adds data.
    #[must_use]
    pub fn with(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data.zeroize();
        self.data = data.into();
        self
    }

    /// Expects at most so many response bytes.
    #[must_use]
    pub fn expecting(mut self, le: usize) -> Self {
        self.le = Some(le);
        self
    }

    /// CLA, INS, P1, P2.
    pub fn header(&self) -> [u8; 4] {
        [self.cla, self.ins, self.p1, self.p2]
    }

    /// The shortest form that fits.
    pub fn form(&self) -> Form {
        let expects_much = self.le.is_some_and(|le| le > SHORT_LE_MAX_BYTES);
        if self.data.len() > SHORT_DATA_MAX_BYTES || expects_much {
            Form::Extended
        } else {
            Form::Short
        }
    }

    /// Encodes the command in this form.
    ///
    /// # Errors
    /// [`ApduError`] when data or expected length do not fit the form.
    pub fn encode(&self, form: Form) -> Result<Zeroizing<Vec<u8>>, ApduError> {
        let (data_most, le_most) = form.limits();
        let got = self.data.len();
        if got > data_most {
            return Err(ApduError::DataTooLong { got, most: data_most });
        }
        if let Some(got) = self.le.filter(|&le| le == 0 || le > le_most) {
            return Err(ApduError::Expected { got, most: le_most });
        }
        // Allocate all of it at once, so that growing leaves no copy of a secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(got + 9));
        bytes.extend_from_slice(&self.header());
        if form == Form::Extended && (got > 0 || self.le.is_some()) {
            bytes.push(0);
        }
        if got > 0 {
            form.write_length(got, &mut bytes);
            bytes.extend_from_slice(&self.data);
        }
        if let Some(le) = self.le {
            form.write_length(le, &mut bytes);
        }
        Ok(bytes)
    }

    /// Decodes a command, as a card does.
    ///
    /// # Errors
    /// [`ApduError::Lengths`] for bytes that are no command.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApduError> {
        let wrong = ApduError::Lengths(bytes.len());
        let (header, body) = bytes.split_first_chunk::<4>().ok_or(wrong)?;
        let [cla, ins, p1, p2] = *header;
        let (data, le) = match (Form::of(bytes), body) {
            (_, []) => (&[][..], None),
            (Form::Short, [le]) => (&[][..], Some(length_or(*le, SHORT_LE_MAX_BYTES))),
            (Form::Short, [lc, rest @ ..]) => {
                let (data, le) = split_data(usize::from(*lc), rest).ok_or(wrong)?;
                match le {
                    [] => (data, None),
                    [le] => (data, Some(length_or(*le, SHORT_LE_MAX_BYTES))),
                    _ => return Err(wrong),
                }
            }
            (Form::Extended, [_, high, low]) => (&[][..], Some(wide_length(*high, *low))),
            (Form::Extended, [_, high, low, rest @ ..]) => {
                let (data, le) = split_data(usize::from(u16::from_be_bytes([*high, *low])), rest)
                    .ok_or(wrong)?;
                match le {
                    [] => (data, None),
                    [high, low] => (data, Some(wide_length(*high, *low))),
                    _ => return Err(wrong),
                }
            }
            (Form::Extended, _) => return Err(wrong),
        };
        Ok(Self { cla, ins, p1, p2, data: data.to_vec(), le })
    }
}

impl Form {
    /// The form of an encoded command.
    pub fn of(command: &[u8]) -> Self {
        match command.get(4) {
            Some(0) if command.len() >= 7 => Self::Extended,
            _ => Self::Short,
        }
    }

    /// Most data, and most response bytes.
    fn limits(self) -> (usize, usize) {
        match self {
            Self::Short => (SHORT_DATA_MAX_BYTES, SHORT_LE_MAX_BYTES),
            Self::Extended => (EXTENDED_DATA_MAX_BYTES, EXTENDED_LE_MAX_BYTES),
        }
    }

    /// The largest expected length is encoded as zero, which are the low bytes of 256 and of 65,536.
    fn write_length(self, length: usize, into: &mut Vec<u8>) {
        let low = length.to_be_bytes();
        let [.., second, first] = low;
        match self {
            Self::Short => into.push(first),
            Self::Extended => into.extend_from_slice(&[second, first]),
        }
    }
}

fn length_or(byte: u8, of_zero: usize) -> usize {
    if byte == 0 { of_zero } else { usize::from(byte) }
}

fn wide_length(high: u8, low: u8) -> usize {
    match u16::from_be_bytes([high, low]) {
        0 => EXTENDED_LE_MAX_BYTES,
        length => usize::from(length),
    }
}

/// A data length is never zero: a command without data has no length field.
fn split_data(length: usize, rest: &[u8]) -> Option<(&[u8], &[u8])> {
    if length == 0 { None } else { rest.split_at_checked(length) }
}

impl Drop for Command {
    fn drop(&mut self) {
        self.data.zeroize();
    }
}

impl fmt::Debug for Command {
    /// Shows header and lengths only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cla, ins, p1, p2] = self.header();
        write!(f, "{cla:02X} {ins:02X} {p1:02X} {p2:02X}")?;
        if !self.data.is_empty() {
            write!(f, " Lc={}", self.data.len())?;
        }
        self.le.map_or(Ok(()), |le| write!(f, " Le={le}"))
    }
}

/// The status word at the end of a response.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

impl Status {
    /// Completed normally.
    pub const OK: Self = Self(0x9000);

    /// From SW1 and SW2.
    pub fn of(sw1: u8, sw2: u8) -> Self {
        Self(u16::from_be_bytes([sw1, sw2]))
    }

    /// First byte.
    pub fn sw1(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// Second byte.
    pub fn sw2(self) -> u8 {
        self.0.to_be_bytes()[1]
    }

    /// Did the command complete normally?
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// Did it complete with a warning (62xx, 63xx)?
    pub fn is_warning(self) -> bool {
        matches!(self.sw1(), 0x62 | 0x63)
    }

    /// 61xx: so many bytes (or more, if 256) wait for GET RESPONSE.
    pub fn waiting(self) -> Option<usize> {
        (self.sw1() == 0x61).then(|| length_or(self.sw2(), SHORT_LE_MAX_BYTES))
    }

    /// 6Cxx: the command was not executed; it would be with this expected length.
    pub fn right_le(self) -> Option<usize> {
        (self.sw1() == 0x6C).then(|| length_or(self.sw2(), SHORT_LE_MAX_BYTES))
    }

    /// 63Cx: a PIN or key was wrong, and so many tries are left.
    pub fn tries_left(self) -> Option<u8> {
        (self.0 & 0xFFF0 == 0x63C0).then(|| self.sw2() & 0x0F)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A response APDU.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Response data; may be personal.
    pub data: Vec<u8>,
    /// The status word.
    pub status: Status,
}

impl Reply {
    /// A response without data.
    pub fn bare(status: u16) -> Self {
        Self { data: Vec::new(), status: Status(status) }
    }

    /// Decodes a response.
    ///
    /// # Errors
    /// [`EncoderError::CardLost`] for less than two bytes, whatever the reader called it.
    pub fn parse(bytes: &[u8]) -> Result<Self, EncoderError> {
        let (data, &[sw1, sw2]) = bytes.split_last_chunk::<2>().ok_or(EncoderError::CardLost)?;
        Ok(Self { data: data.to_vec(), status: Status::of(sw1, sw2) })
    }

    /// Encodes the response, as a card does.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.data;
        bytes.extend_from_slice(&self.status.0.to_be_bytes());
        bytes
    }
}

impl fmt::Debug for Reply {
    /// Shows length and status only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, {}", self.data.len(), self.status)
    }
}

#[cfg(test)]
#[path = "tests/apdu.rs"]
mod tests;
