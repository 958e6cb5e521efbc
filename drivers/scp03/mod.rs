//! Secure Channel Protocol 03 of GlobalPlatform (Card Specification 2.3, Amendment D 1.1.2): host and card prove to
//! each other that both hold the same keys; from then on commands, and responses if wanted, are authenticated and
//! encrypted. AES-128, -192 and -256; challenges and MACs of eight bytes (mode S8). Knows no reader, no profile, and
//! not where keys come from.
//!
//! Tested with nine sessions that pySim's authors recorded from real cards (`tests/`). The emulated cards have the
//! card's side; it shares `messages` ([`card_side`]), so the recordings check both.

mod keys;
mod messages;
mod put_key;
#[cfg(test)]
mod tests;

pub use keys::{Key, Keys};

/// The part of the protocol that emulated cards need.
pub mod card_side {
    pub use super::keys::{SHORT_BYTES, Short};
    pub use super::messages::{Cryptograms, Messages, SECURED, card_challenge};
    pub use super::put_key::{KEY_INFORMATION, PUT_KEY, read_key_set};
    pub use super::{DIVERSIFICATION_BYTES, EXTERNAL_AUTHENTICATE, INITIALIZE_UPDATE};
}

use subtle::ConstantTimeEq;

use keys::{SHORT_BYTES, Short};
use messages::Messages;

use crate::encoder::EncoderError;
use crate::encoder::apdu::{Command, Reply, SHORT_LE_MAX_BYTES, Status};
use crate::encoder::channel::Channel;

/// Instruction that begins a channel.
pub const INITIALIZE_UPDATE: u8 = 0x50;
/// Instruction that opens it.
pub const EXTERNAL_AUTHENTICATE: u8 = 0x82;
/// Class of GlobalPlatform's commands.
const GLOBAL_PLATFORM: u8 = 0x80;
/// Length of the data that distinguish one card's keys from another's.
pub const DIVERSIFICATION_BYTES: usize = 10;
const PROTOCOL: u8 = 0x03;

/// How commands and responses are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// 01: commands are authenticated.
    Mac,
    /// 03: and encrypted.
    MacEnc,
    /// 11: commands and answers are authenticated.
    MacRmac,
    /// 13: and commands encrypted.
    MacEncRmac,
    /// 33: commands and responses are authenticated and encrypted.
    Full,
}

impl Level {
    /// Its code in EXTERNAL AUTHENTICATE.
    pub fn byte(self) -> u8 {
        match self {
            Self::Mac => 0x01,
            Self::MacEnc => 0x03,
            Self::MacRmac => 0x11,
            Self::MacEncRmac => 0x13,
            Self::Full => 0x33,
        }
    }

    /// The level of this byte.
    pub fn of(byte: u8) -> Option<Self> {
        [Self::Mac, Self::MacEnc, Self::MacRmac, Self::MacEncRmac, Self::Full]
            .into_iter()
            .find(|level| level.byte() == byte)
    }

    fn encrypts_commands(self) -> bool {
        self.byte() & 0x02 != 0
    }

    fn signs_answers(self) -> bool {
        self.byte() & 0x10 != 0
    }

    fn encrypts_answers(self) -> bool {
        self.byte() & 0x20 != 0
    }

    /// Most command data if this many bytes can be sent.
    fn fits(self, bytes: usize) -> usize {
        let data = bytes.saturating_sub(SHORT_BYTES);
        if self.encrypts_commands() { (data / 16 * 16).saturating_sub(1) } else { data }
    }
}

/// Derives one card's keys from the issuer's keys and the card's diversification data.
pub type Diversify<'a> = &'a dyn Fn(&[u8; DIVERSIFICATION_BYTES], &Keys) -> Keys;

/// Why a secure channel cannot be opened or used; nothing that passed through it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Scp03Error {
    /// The reader failed.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// The card refuses a step of the protocol itself.
    #[error("the card refuses {step} with status {status}")]
    Refused {
        /// The step.
        step: &'static str,
        /// The card's status.
        status: Status,
    },
    /// The card uses another protocol, or another mode of this one.
    #[error(
        "the card speaks secure channel protocol {protocol:02X} mode {mode:02X}, not 03 with S8"
    )]
    OtherProtocol {
        /// The protocol's number.
        protocol: u8,
        /// Its parameter `i`.
        mode: u8,
    },
    /// The card holds keys of another version.
    #[error("the card answers with keys of version {found}, not {asked}")]
    OtherVersion {
        /// The requested version.
        asked: u8,
        /// The card's version.
        found: u8,
    },
    /// The card does not support this level for its responses.
    #[error("the card cannot do security level {:02X}", .0.byte())]
    Level(Level),
    /// The card's cryptogram is not made with these keys. Trying again may block the card.
    #[error("the card does not hold these keys")]
    WrongKeys,
    /// The MAC of a response is missing or wrong.
    #[error("an answer was not authenticated by the card")]
    Tampered,
    /// The card's response to a protocol step is invalid.
    #[error("the card's answer to {0} is not understood")]
    Garbled(&'static str),
    /// Too much data for one secured command.
    #[error("a secured command takes {most} bytes of data here, not {got}")]
    TooLong {
        /// Length of the data.
        got: usize,
        /// Most data that fit.
        most: usize,
    },
    /// The length is not that of an AES key.
    #[error("a key has 16, 24 or 32 bytes, not {0}")]
    KeyLength(usize),
    /// The card reports other check values than those of the keys that it was sent, so it stores something else.
    #[error("the card does not confirm the keys that it was given")]
    KeysNotConfirmed,
    /// The channel was closed after an earlier failure.
    #[error("the secure channel is closed")]
    Closed,
}

/// The card's data from when the channel was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The data that diversify its keys.
    pub diversification: [u8; DIVERSIFICATION_BYTES],
    /// Version of its keys.
    pub key_version: u8,
    /// Parameter `i` of the protocol.
    pub mode: u8,
}

/// An open secure channel; the host's side.
pub struct Session {
    messages: Messages,
    keys: Keys,
    opened: Opened,
    closed: bool,
}

/// A card's response to INITIALIZE UPDATE.
struct Challenge {
    opened: Opened,
    challenge: Short,
    cryptogram: Short,
}

impl Session {
    /// Opens a channel with the selected security domain. `host_challenge` must be random and never reused;
    /// `key_version` 0 lets the card choose.
    ///
    /// # Errors
    /// [`Scp03Error`]; on [`Scp03Error::WrongKeys`] the card was sent no cryptogram.
    pub fn open(
        channel: &mut Channel<'_>,
        keys: &Keys,
        key_version: u8,
        level: Level,
        host_challenge: [u8; 8],
        diversify: Option<Diversify<'_>>,
    ) -> Result<Self, Scp03Error> {
        let initialize = Command::new(GLOBAL_PLATFORM, INITIALIZE_UPDATE, key_version, 0)
            .with(host_challenge)
            .expecting(SHORT_LE_MAX_BYTES);
        let reply = accepted("INITIALIZE UPDATE", channel.send(&initialize)?)?;
        let card = Challenge::parse(&reply.data)?;
        card.suits(key_version, level)?;
        let keys = match diversify {
            Some(diversify) => diversify(&card.opened.diversification, keys),
            None => keys.clone(),
        };
        let (mut messages, expected) = Messages::new(&keys, host_challenge, card.challenge);
        if !bool::from(expected.card.ct_eq(&card.cryptogram)) {
            return Err(Scp03Error::WrongKeys);
        }
        let authenticate = Command::new(GLOBAL_PLATFORM, EXTERNAL_AUTHENTICATE, level.byte(), 0);
        let reply = channel.send(&messages.sign(authenticate.with(expected.host)))?;
        accepted("EXTERNAL AUTHENTICATE", reply)?;
        messages.open(level);
        Ok(Self { messages, keys, opened: card.opened, closed: false })
    }

    /// The card's data from when the channel was opened.
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Most data bytes of one command through this channel.
    pub fn data_max(&self, channel: &Channel<'_>) -> usize {
        self.messages.level().fits(channel.data_max())
    }

    /// Sends a command through the channel and returns the response, verified and decrypted. A refusal is a response
    /// too.
    ///
    /// # Errors
    /// [`Scp03Error`]; the channel is closed then, except after [`Scp03Error::TooLong`].
    pub fn send(
        &mut self,
        channel: &mut Channel<'_>,
        command: &Command,
    ) -> Result<Reply, Scp03Error> {
        if self.closed {
            return Err(Scp03Error::Closed);
        }
        let (got, most) = (command.data.len(), self.data_max(channel));
        if got > most {
            return Err(Scp03Error::TooLong { got, most });
        }
        let mut secured = self.messages.wrap(command);
        if self.messages.level().signs_answers() && secured.le.is_none() {
            secured.le = Some(SHORT_LE_MAX_BYTES);
        }
        let sent = channel.send(&secured).map_err(Scp03Error::from);
        let mut reply = sent.and_then(|reply| self.messages.unwrap_reply(reply));
        self.closed = reply.is_err();
        // With T=0 the card does not learn the expected length and may return more; the largest length means all there
        // is.
        let at_most = command.le.filter(|&le| le < SHORT_LE_MAX_BYTES);
        if let (Ok(reply), Some(le)) = (&mut reply, at_most) {
            reply.data.truncate(le);
        }
        reply
    }
}

impl Challenge {
    /// Diversification data, key version, protocol, `i`, challenge, cryptogram, and the card's counter if it has one.
    fn parse(data: &[u8]) -> Result<Self, Scp03Error> {
        const GARBLED: Scp03Error = Scp03Error::Garbled("INITIALIZE UPDATE");
        let (&diversification, rest) = data.split_first_chunk().ok_or(GARBLED)?;
        let (&[key_version, protocol, mode], rest) = rest.split_first_chunk().ok_or(GARBLED)?;
        if protocol != PROTOCOL || mode & 0x01 != 0 {
            return Err(Scp03Error::OtherProtocol { protocol, mode });
        }
        let (&challenge, rest) = rest.split_first_chunk().ok_or(GARBLED)?;
        let (&cryptogram, rest) = rest.split_first_chunk().ok_or(GARBLED)?;
        if !matches!(rest.len(), 0 | 3) {
            return Err(GARBLED);
        }
        let opened = Opened { diversification, key_version, mode };
        Ok(Self { opened, challenge, cryptogram })
    }

    fn suits(&self, asked: u8, level: Level) -> Result<(), Scp03Error> {
        let Opened { key_version: found, mode, .. } = self.opened;
        if asked != 0 && found != asked {
            return Err(Scp03Error::OtherVersion { asked, found });
        }
        // b6 of `i`: responses can be authenticated; b7: and encrypted.
        let lacks_code = level.signs_answers() && mode & 0x20 == 0;
        let lacks_encryption = level.encrypts_answers() && mode & 0x40 == 0;
        if lacks_code || lacks_encryption { Err(Scp03Error::Level(level)) } else { Ok(()) }
    }
}

/// A protocol step must succeed without a warning.
fn accepted(step: &'static str, reply: Reply) -> Result<Reply, Scp03Error> {
    if reply.status.is_ok() {
        Ok(reply)
    } else {
        Err(Scp03Error::Refused { step, status: reply.status })
    }
}
