//! Memory cards behind the pseudo-APDUs of PC/SC part 3 (3.2.2): commands of class FF become frames of ISO 14443-3, and
//! the card's answers become responses with a status word. A driver uses it towards a real card, an emulated PC/SC
//! reader towards an emulated one. Knows no reader, no wire and no profile.
//!
//! `FF CA` identifier · `FF 82` key into the reader · `FF 86` open a sector · `FF B0` read · `FF D6` write.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::EncoderError;
use super::apdu::{Command, Reply, SHORT_LE_MAX_BYTES, Status};

/// The class of all pseudo-APDUs.
pub const PSEUDO_CLASS: u8 = 0xFF;
const GET_DATA: u8 = 0xCA;
const LOAD_KEY: u8 = 0x82;
const AUTHENTICATE: u8 = 0x86;
const READ: u8 = 0xB0;
const UPDATE: u8 = 0xD6;

/// Commands in the cards' frames.
const CARD_READ: u8 = 0x30;
const CARD_WRITE_BLOCK: u8 = 0xA0;
const CARD_WRITE_PAGE: u8 = 0xA2;
const CARD_ACKNOWLEDGES: u8 = 0x0A;
/// Bytes that one read of the card returns.
const READ_BYTES: usize = 16;

const KEY_BYTES: usize = 6;
/// Key slots of the reader; they are cleared when it is switched off.
const KEYS: usize = 16;

mod word {
    pub(super) const WRITTEN_IN_PART: u16 = 0x6581;
    pub(super) const WRONG_LENGTH: u16 = 0x6700;
    pub(super) const NO_KEY: u16 = 0x6986;
    pub(super) const NOT_ALLOWED: u16 = 0x6982;
    pub(super) const NOT_SUPPORTED: u16 = 0x6A81;
    pub(super) const NO_SUCH_PLACE: u16 = 0x6A82;
    pub(super) const WRONG_PARAMETERS: u16 = 0x6A86;
    pub(super) const UNKNOWN_KEY: u16 = 0x6A88;
    pub(super) const UNKNOWN_INSTRUCTION: u16 = 0x6D00;
    pub(super) const UNKNOWN_CLASS: u16 = 0x6E00;
}

/// The card in the field, as far as pseudo-APDUs need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Its identifier.
    pub uid: &'a [u8],
    /// Its capabilities.
    pub kind: TagKind,
}

/// Capabilities of a memory card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// MIFARE Classic: blocks of 16 bytes, behind keys.
    Classic,
    /// Type 2 (Ultralight, NTAG): pages of 4 bytes.
    Type2,
    /// Any other card; only its identifier can be read.
    Other,
}

impl TagKind {
    /// Determines the kind from the select acknowledge.
    pub fn of(sak: u8) -> Self {
        match sak {
            0x08 | 0x09 | 0x18 | 0x19 | 0x88 => Self::Classic,
            0x00 => Self::Type2,
            _ => Self::Other,
        }
    }

    fn unit_bytes(self) -> usize {
        if self == Self::Classic { 16 } else { 4 }
    }
}

/// Why a frame failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameFault {
    /// The card refuses: a wrong key, or a block that is not open.
    Refused,
    /// The state of the card is unknown.
    Lost(EncoderError),
}

/// Sends one frame to the card and returns its answer; an acknowledgement is no byte, or the byte `0A`.
pub type Exchange<'a> = &'a mut dyn FnMut(&[u8]) -> Result<Vec<u8>, FrameFault>;

/// The reader's key slots. Wiped when dropped; `Debug` shows nothing.
#[derive(Default)]
pub struct Storage {
    /// Boxed, because moving the keys themselves would leave a copy behind.
    keys: Box<[Option<[u8; KEY_BYTES]>; KEYS]>,
}

/// Ends a pseudo-APDU early: with a status word, or with a lost card.
enum End {
    Status(u16),
    Lost(EncoderError),
}

impl From<FrameFault> for End {
    fn from(fault: FrameFault) -> Self {
        match fault {
            FrameFault::Refused => Self::Status(word::NOT_ALLOWED),
            FrameFault::Lost(why) => Self::Lost(why),
        }
    }
}

impl Storage {
    /// All slots are empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Executes a pseudo-APDU by sending frames. Never sends one twice.
    ///
    /// # Errors
    /// The error with which `exchange` lost the card.
    pub fn carry(
        &mut self,
        command: &[u8],
        tag: Tag<'_>,
        exchange: Exchange<'_>,
    ) -> Result<Reply, EncoderError> {
        let Ok(command) = Command::parse(command) else {
            return Ok(Reply::bare(word::WRONG_LENGTH));
        };
        match self.answer(&command, tag, exchange) {
            Ok(reply) => Ok(reply),
            Err(End::Status(status)) => Ok(Reply::bare(status)),
            Err(End::Lost(why)) => Err(why),
        }
    }

    fn answer(
        &mut self,
        command: &Command,
        tag: Tag<'_>,
        exchange: Exchange<'_>,
    ) -> Result<Reply, End> {
        match (command.cla, command.ins) {
            (PSEUDO_CLASS, GET_DATA) => identifier(command, tag),
            (PSEUDO_CLASS, LOAD_KEY) => self.load(command),
            (PSEUDO_CLASS, AUTHENTICATE | READ | UPDATE) if tag.kind == TagKind::Other => {
                Err(End::Status(word::NOT_SUPPORTED))
            }
            (PSEUDO_CLASS, AUTHENTICATE) => self.authenticate(command, tag, exchange),
            (PSEUDO_CLASS, READ) => read(command, tag, exchange),
            (PSEUDO_CLASS, UPDATE) => update(command, tag, exchange),
            (PSEUDO_CLASS, _) => Err(End::Status(word::UNKNOWN_INSTRUCTION)),
            _ => Err(End::Status(word::UNKNOWN_CLASS)),
        }
    }

    /// Loads a plain key, volatile (P1 0) or persistent (P1 20); here both are volatile.
    fn load(&mut self, command: &Command) -> Result<Reply, End> {
        if !matches!(command.p1, 0x00 | 0x20) {
            return Err(End::Status(word::WRONG_PARAMETERS));
        }
        let key =
            command.data.as_slice().try_into().map_err(|_| End::Status(word::WRONG_LENGTH))?;
        let place = self.keys.get_mut(usize::from(command.p2));
        *place.ok_or(End::Status(word::UNKNOWN_KEY))? = Some(key);
        Ok(Reply::bare(Status::OK.0))
    }

    /// `01 00 block kind key-number`.
    fn authenticate(
        &self,
        command: &Command,
        tag: Tag<'_>,
        exchange: Exchange<'_>,
    ) -> Result<Reply, End> {
        let &[0x01, high, block, kind @ (0x60 | 0x61), number] = command.data.as_slice() else {
            return Err(End::Status(word::WRONG_PARAMETERS));
        };
        if tag.kind != TagKind::Classic {
            return Err(End::Status(word::NOT_SUPPORTED));
        }
        if high != 0 {
            return Err(End::Status(word::NO_SUCH_PLACE));
        }
        let key = self.keys.get(usize::from(number)).and_then(Option::as_ref);
        let key = key.ok_or(End::Status(word::NO_KEY))?;
        // Only the last four bytes of a longer identifier are used (NXP AN10927).
        let uid = tag.uid.last_chunk::<4>().ok_or(End::Status(word::NOT_SUPPORTED))?;
        let mut frame = Zeroizing::new(Vec::with_capacity(12));
        frame.extend_from_slice(&[kind, block]);
        frame.extend_from_slice(key);
        frame.extend_from_slice(uid);
        exchange(&frame)?;
        Ok(Reply::bare(Status::OK.0))
    }
}

/// GET DATA: the identifier (P1 0). A memory card has no historical bytes (P1 1).
fn identifier(command: &Command, tag: Tag<'_>) -> Result<Reply, End> {
    if (command.p1, command.p2) != (0, 0) {
        return Err(End::Status(word::NOT_SUPPORTED));
    }
    let length = tag.uid.len();
    match command.le.unwrap_or(SHORT_LE_MAX_BYTES) {
        le if le < length => Err(End::Status(0x6C00 | u16::try_from(length).unwrap_or(0))),
        _ => Ok(Reply { data: tag.uid.to_vec(), status: Status::OK }),
    }
}

/// The number of a block or page: one byte on these cards.
fn place(command: &Command) -> Result<u8, End> {
    if command.p1 == 0 { Ok(command.p2) } else { Err(End::Status(word::NO_SUCH_PLACE)) }
}

/// READ BINARY: reads the card until the length is reached; 0 means one read.
fn read(command: &Command, tag: Tag<'_>, exchange: Exchange<'_>) -> Result<Reply, End> {
    let first = place(command)?;
    let wanted = match command.le {
        None => return Err(End::Status(word::WRONG_LENGTH)),
        Some(SHORT_LE_MAX_BYTES) => READ_BYTES,
        Some(le) => le,
    };
    let step = u8::try_from(READ_BYTES / tag.kind.unit_bytes()).unwrap_or(1);
    let mut data = Vec::with_capacity(wanted);
    let mut at = Some(first);
    while data.len() < wanted {
        let here = at.ok_or(End::Status(word::NO_SUCH_PLACE))?;
        let answer = exchange(&[CARD_READ, here])?;
        if answer.len() != READ_BYTES {
            return Err(End::Status(word::NOT_ALLOWED));
        }
        data.extend_from_slice(&answer[..READ_BYTES.min(wanted - data.len())]);
        at = here.checked_add(step);
    }
    Ok(Reply { data, status: Status::OK })
}

/// UPDATE BINARY: block by block, or page by page; the first refusal ends it.
fn update(command: &Command, tag: Tag<'_>, exchange: Exchange<'_>) -> Result<Reply, End> {
    let first = place(command)?;
    let unit = tag.kind.unit_bytes();
    if command.data.is_empty() || !command.data.len().is_multiple_of(unit) {
        return Err(End::Status(word::WRONG_LENGTH));
    }
    let write = if tag.kind == TagKind::Classic { CARD_WRITE_BLOCK } else { CARD_WRITE_PAGE };
    for (number, bytes) in command.data.chunks_exact(unit).enumerate() {
        let in_part = if number == 0 { word::NOT_ALLOWED } else { word::WRITTEN_IN_PART };
        let here = u8::try_from(number).ok().and_then(|number| first.checked_add(number));
        let here = here.ok_or(End::Status(word::NO_SUCH_PLACE))?;
        let mut frame = Zeroizing::new(Vec::with_capacity(2 + unit));
        frame.extend_from_slice(&[write, here]);
        frame.extend_from_slice(bytes);
        match exchange(&frame) {
            Ok(answer) if matches!(answer.as_slice(), [] | [CARD_ACKNOWLEDGES]) => {}
            Ok(_) | Err(FrameFault::Refused) => return Err(End::Status(in_part)),
            Err(FrameFault::Lost(why)) => return Err(End::Lost(why)),
        }
    }
    Ok(Reply::bare(Status::OK.0))
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.keys.iter_mut().flatten().for_each(Zeroize::zeroize);
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Storage")
    }
}

#[cfg(test)]
#[path = "tests/storage.rs"]
mod tests;
