//! Frames, commands and ribbons, decoded and encoded. Knows no transport, no driver, no emulator.
//!
//! Source: Evolis wire notes (captured from the maker's SDK 9.4.1.9451), sections 1, 3, 4 and 7. Status words are in
//! `status.rs`, bitmaps in `bitmap.rs`, the job in `job.rs`.

pub use super::ribbon::{RIBBONS, RibbonKind, RibbonReport};
use super::status::{StatusWords, config};

/// Starts a command.
pub const ESC: u8 = 0x1b;
/// Ends a command.
pub const CR: u8 = 0x0d;
/// Ends every transmission; runs of it may also stand between commands.
pub const NUL: u8 = 0x00;

/// The session number that the maker reserves for printing (section 3).
pub const SESSION_PRINTING: u16 = 2;

/// Answer to an acting command that was done.
pub const OK: &str = "OK";
/// An unknown command.
pub const ERROR_COMMAND: &str = "ERROR CDE";
/// A known command with parameters that it does not take.
pub const ERROR_PARAMETERS: &str = "ERROR PARAMETRES";
/// No card came from the feeder.
pub const ERROR_FEEDER: &str = "ERROR FEEDER";
/// The magnetic stripe cannot be written or read.
pub const ERROR_MAGNETIC: &str = "ERROR MAGN";
/// The data do not fit the track.
pub const ERROR_MAGNETIC_DATA: &str = "ERROR MAGN DATA";
/// The data read back differ from those written; the maker's spelling.
pub const ERROR_MAGNETIC_CHECKSUM: &str = "ERROR MAGN CHEKSUM";
/// A card is stuck. Of the two words for it, this is the one that the maker's SDK takes for a card error (section 4.5).
pub const ERROR_MECA: &str = "ERROR MECA";
/// No card was inserted in time.
pub const ERROR_TIME_OUT: &str = "ERROR TIME OUT";
/// A card is needed and missing.
pub const ERROR_CARD: &str = "ERROR CARD";
/// The magnetic track is empty.
pub const ERROR_BLANK_TRACK: &str = "ERROR BLANK TRACK";
/// The option is not fitted.
pub const OPTION_NOT_AVAILABLE: &str = "OPTION NOT AVAILABLE";

/// Every word with which a machine answers or refuses a command (section 4.5). Only these are ever quoted: see
/// [`crate::redact`].
pub const VOCABULARY: &[&str] = &[
    OK,
    ERROR_COMMAND,
    ERROR_PARAMETERS,
    ERROR_FEEDER,
    ERROR_MAGNETIC,
    ERROR_MAGNETIC_DATA,
    ERROR_MAGNETIC_CHECKSUM,
    ERROR_MECA,
    "ERROR MECHANICAL",
    ERROR_TIME_OUT,
    ERROR_CARD,
    ERROR_BLANK_TRACK,
    OPTION_NOT_AVAILABLE,
    "NO CARD",
    "ERR CARD",
    "ERR NEED CLEANING",
];

/// Writes one command. [`end_transmission`] writes the NUL that ends a transmission.
pub fn command(text: &str, into: &mut Vec<u8>) {
    into.push(ESC);
    into.extend_from_slice(text.as_bytes());
    into.push(CR);
}

/// Ends a transmission as the maker's library does.
pub fn end_transmission(into: &mut Vec<u8>) {
    into.push(NUL);
}

/// Does this answer to an acting command mean that it was done? Empty text counts (section 4.5).
pub fn is_done(text: &str) -> bool {
    text.is_empty() || text == OK
}

/// Does this answer to a query mean that there is none? The prefix is the test of the maker's header.
pub fn is_error(text: &str) -> bool {
    text.starts_with("ERR") || text == OPTION_NOT_AVAILABLE
}

/// One answer: its text, and the whole status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Latin-1 on the wire.
    pub text: String,
    /// The four status words.
    pub status: StatusWords,
    /// The session that has reserved the machine; 0 = nobody.
    pub session: u16,
    /// Extension words, none to four.
    pub extensions: Vec<u32>,
}

/// Why bytes are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadFrame {
    /// The machine closed the connection without an answer.
    Empty,
    /// No zero ends the text.
    TextWithoutEnd,
    /// Text without a status after it: switched off on this machine, or the firmware is too old.
    NoStatus,
    /// An item has the wrong length, or the frame ends within it.
    BadLength,
}

impl BadFrame {
    /// For [`crate::contract::Cause::Garbled`].
    pub fn why(self) -> &'static str {
        match self {
            Self::Empty => "the connection closed without an answer",
            Self::TextWithoutEnd => "the text has no end",
            Self::NoStatus => "there is no status block",
            Self::BadLength => "an item of the status block has a wrong length",
        }
    }
}

/// Fewer bytes than this after the text mean that there is no status block (section 1).
const STATUS_MIN_BYTES: usize = 4;
const EXTENSIONS_MAX: usize = 4;
const SESSION_BYTES: usize = 2;
const EXTENSION_BYTES: usize = 4;

impl Answer {
    /// Decodes `text 00 LL LL 10 <status> 02 <session> [04 <extension>]...`.
    ///
    /// The two bytes `LL LL` are skipped, as the maker's library does; it accepts any values there.
    ///
    /// # Errors
    /// [`BadFrame`]. Unlike the maker's library, a block of wrong length is not read as a status of zeros: an invented
    /// status could send a second card.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadFrame> {
        if bytes.is_empty() {
            return Err(BadFrame::Empty);
        }
        let end = bytes.iter().position(|&b| b == 0).ok_or(BadFrame::TextWithoutEnd)?;
        let text = bytes[..end].iter().map(|&b| char::from(b)).collect();
        let block = &bytes[end + 1..];
        if block.len() < STATUS_MIN_BYTES {
            return Err(BadFrame::NoStatus);
        }
        let (status, rest) = item::<{ StatusWords::BYTES }>(&block[2..])?;
        let (session, mut rest) = item::<SESSION_BYTES>(rest)?;
        let mut extensions = Vec::new();
        while !rest.is_empty() && extensions.len() < EXTENSIONS_MAX {
            let (word, behind) = item::<EXTENSION_BYTES>(rest)?;
            extensions.push(u32::from_be_bytes(word));
            rest = behind;
        }
        Ok(Self {
            text,
            status: StatusWords::parse(&status),
            session: u16::from_be_bytes(session),
            extensions,
        })
    }

    /// Encodes an answer. `LL LL` is the length of what follows: a guess that fits all captures.
    pub fn emit(&self, into: &mut Vec<u8>) {
        self.emit_text(into);
        let extensions = &self.extensions[..self.extensions.len().min(EXTENSIONS_MAX)];
        let length =
            1 + StatusWords::BYTES + 1 + SESSION_BYTES + extensions.len() * (1 + EXTENSION_BYTES);
        into.extend_from_slice(&(length as u16).to_be_bytes());
        into.push(StatusWords::BYTES as u8);
        into.extend_from_slice(&self.status.emit());
        into.push(SESSION_BYTES as u8);
        into.extend_from_slice(&self.session.to_be_bytes());
        for word in extensions {
            into.push(EXTENSION_BYTES as u8);
            into.extend_from_slice(&word.to_be_bytes());
        }
    }
}

impl Answer {
    /// The answer of a machine whose status block is switched off: only the text, with its zero byte.
    pub fn emit_text(&self, into: &mut Vec<u8>) {
        into.clear();
        into.extend(self.text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).filter(|&b| b != 0));
        into.push(0);
    }
}

/// Bit of an extension word: another one follows (section 2).
const EXTENDED_AGAIN: u32 = 0x8000_0000;

/// Is this a whole frame, up to the last extension word that it announces? Needed on wires on which an answer has no
/// end of its own. Bytes that cannot become a frame never count as whole; the wire hands them over after a pause.
pub fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.iter().position(|&b| b == 0) else { return false };
    let Some(block) = bytes.get(end + 3..) else { return false };
    let Ok((status, rest)) = item::<{ StatusWords::BYTES }>(block) else { return false };
    let Ok((_, mut rest)) = item::<SESSION_BYTES>(rest) else { return false };
    let mut more = StatusWords::parse(&status).config & config::EXTENSION_1 != 0;
    for _ in 0..EXTENSIONS_MAX {
        if !more {
            return true;
        }
        let Ok((word, behind)) = item::<EXTENSION_BYTES>(rest) else { return false };
        more = u32::from_be_bytes(word) & EXTENDED_AGAIN != 0;
        rest = behind;
    }
    true
}

/// Splits off one item with its length byte, which must be `N`; returns the rest too.
fn item<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), BadFrame> {
    let (&length, rest) = bytes.split_first().ok_or(BadFrame::BadLength)?;
    if usize::from(length) != N {
        return Err(BadFrame::BadLength);
    }
    let (item, rest) = rest.split_first_chunk::<N>().ok_or(BadFrame::BadLength)?;
    Ok((*item, rest))
}

/// The value of one key in an answer of several lines (LF or CRLF), `key: value` or `key value`.
pub fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix(key)?;
        let value = rest.trim_start_matches([' ', '\t', ':']);
        (value.len() < rest.len()).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::status::information;
    use super::*;

    fn claimed() -> Answer {
        Answer {
            text: OK.to_owned(),
            status: StatusWords { information: information::CLAIM, ..StatusWords::default() },
            session: SESSION_PRINTING,
            extensions: vec![0x100],
        }
    }

    #[test]
    fn an_answer_byte_for_byte() {
        let mut bytes = Vec::new();
        claimed().emit(&mut bytes);
        let want = b"OK\0\x00\x19\x10\0\0\0\0\x80\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x02\x04\0\0\x01\0";
        assert_eq!(bytes, want);
        assert_eq!(Answer::parse(want), Ok(claimed()));
    }

    #[test]
    fn without_a_status_block_there_is_text_and_a_zero() {
        let mut bytes = Vec::new();
        claimed().emit_text(&mut bytes);
        assert_eq!(bytes, b"OK\0");
        assert_eq!(Answer::parse(&bytes), Err(BadFrame::NoStatus));
    }

    #[test]
    fn a_frame_is_whole_with_the_last_word_that_it_announces_and_not_before() {
        for announced in 0..=4 {
            let mut answer = claimed();
            answer.status.config = if announced > 0 { config::EXTENSION_1 } else { 0 };
            answer.extensions =
                (1..=announced).map(|n| if n < announced { EXTENDED_AGAIN } else { 1 }).collect();
            let mut bytes = Vec::new();
            answer.emit(&mut bytes);
            for cut in 0..bytes.len() {
                assert!(!is_whole(&bytes[..cut]), "{announced} words, {cut} bytes");
            }
            assert!(is_whole(&bytes), "{announced} words");
        }
        assert!(!is_whole(b"OK\0\x00\x14\x11garbled and longer than any frame is"));
    }

    #[test]
    fn without_extensions_the_length_is_the_one_in_the_notes() {
        let mut bytes = Vec::new();
        Answer::default().emit(&mut bytes);
        assert_eq!(bytes[..4], [0, 0x00, 0x14, 0x10]);
    }

    #[test]
    fn a_frame_cut_anywhere_is_told_and_never_believed() {
        let mut bytes = Vec::new();
        claimed().emit(&mut bytes);
        let without_extension = bytes.len() - 5;
        for cut in (0..bytes.len()).filter(|&cut| cut != without_extension) {
            assert!(Answer::parse(&bytes[..cut]).is_err(), "{cut}");
        }
        assert_eq!(Answer::parse(b""), Err(BadFrame::Empty));
        assert_eq!(Answer::parse(b"OK"), Err(BadFrame::TextWithoutEnd));
        assert_eq!(Answer::parse(b"OK\0abc"), Err(BadFrame::NoStatus));
        assert_eq!(Answer::parse(b"OK\0\0\0\x0fabcdefgh"), Err(BadFrame::BadLength));
    }

    #[test]
    fn a_command_byte_for_byte() {
        let mut bytes = Vec::new();
        command("Psid;2;45", &mut bytes);
        end_transmission(&mut bytes);
        assert_eq!(bytes, b"\x1bPsid;2;45\r\0");
    }
}
