//! What any smart-card encoder must do, and the families that do it.
//! Knows no printer, no profile, no key and no daemon.
//!
//! An encoder carries one command to the chip and brings one answer back, as it is. What stands between a profile's
//! step and a chip's habits (GET RESPONSE, wrong lengths, chaining) is the channel's; a deadline that holds even where a
//! call cannot be ended is the bounded reader's.
//!
//! **"Present" and "Ok" prove nothing.** A reader may say for ever that a card is there, and an answer under two bytes is
//! a lost card, whatever the reader calls it: hence [`Chip::identity`], which whoever moves the cards compares with the
//! card before.

mod advice;
pub mod apdu;
pub mod bounded;
pub mod channel;
pub mod storage;
pub mod tlv;

use std::time::Duration;

use crate::transport::{Transport, TransportError};

pub use crate::ENCODERS;

/// A reader with one place for a card. Blocking; one thread owns it.
pub trait CardEncoder: Send {
    /// Waits until a card is there, and switches it on (again).
    ///
    /// # Errors
    /// [`EncoderError::NoCard`] when none came within `patience`.
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError>;

    /// Carries one command APDU (ISO 7816-4, or a pseudo-APDU of PC/SC part 3 for a memory card) to the chip; writes the
    /// answer into `answer` (emptied first): data, then SW1 SW2. Does nothing twice.
    ///
    /// # Errors
    /// [`EncoderError::CardLost`] when less than two bytes came back.
    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError>;

    /// Switches the card off and lets go of it. A card that is gone is off.
    ///
    /// # Errors
    /// [`EncoderError`], of the reader.
    fn power_off(&mut self) -> Result<(), EncoderError>;
}

/// A chip that was switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    /// How it is reached.
    pub interface: Interface,
    /// Answer to reset; for a contactless chip the one that PC/SC part 3 makes of it.
    pub atr: Vec<u8>,
    /// Unique identifier of a contactless chip.
    pub uid: Option<Vec<u8>>,
    /// How commands must be cut for it and its reader.
    pub limits: Limits,
}

impl Chip {
    /// What tells it from the card before: its UID, else its ATR (which a whole batch may share).
    pub fn identity(&self) -> &[u8] {
        self.uid.as_deref().unwrap_or(&self.atr)
    }
}

/// How a chip is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interface {
    /// Through its contacts (ISO 7816-3).
    Contact,
    /// Through the air (ISO 14443).
    Contactless,
}

/// How commands must be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// T=0: never data and an expected length in one command.
    pub t0: bool,
    /// Extended lengths are understood by card and reader.
    pub extended: bool,
    /// Bytes of one command APDU, header and lengths included, and of one answer without its status.
    pub apdu_max_bytes: usize,
}

/// Why a call to an encoder failed. Facts only; nothing of what was carried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncoderError {
    /// The configured reader is not there. The reader's name is no secret.
    #[error("the card reader {0:?} is not connected")]
    NoReader(String),
    /// The name fits more than one reader, and guessing could write the wrong card. Readers' names are no secret.
    #[error("{name} fits more than one card reader: {}", .fitting.join(", "))]
    SeveralReaders {
        /// The name as in the configuration.
        name: String,
        /// Every reader that it fits.
        fitting: Vec<String>,
    },
    /// The program that owns the readers does not run, or has just ended.
    #[error("{0}, which drives the card readers, is not running")]
    NoService(&'static str),
    /// The system does not let this user use card readers.
    #[error("this user may not use card readers")]
    Barred,
    /// Nothing came into the field or slot.
    #[error("no card reached the reader within {} s", .waited.as_secs())]
    NoCard {
        /// How long was waited.
        waited: Duration,
    },
    /// The card went away, or fell silent, while something was asked of it.
    #[error("the card was lost")]
    CardLost,
    /// A call did not come back within its limit, and still has not: nothing can be asked of the reader.
    #[error("the card reader is stuck: no answer within {} s", .limit.as_secs())]
    Stuck {
        /// The limit.
        limit: Duration,
    },
    /// A card answers where none should be: whoever wrote now might write that one.
    #[error("a card lies on the card reader before one was brought to it")]
    Occupied,
    /// Another program holds the card.
    #[error("another program holds the card in the reader")]
    InUse,
    /// The wire to the reader failed.
    #[error("the wire to the card reader failed: {0}")]
    Wire(#[from] TransportError),
    /// The reader answered something that its protocol does not allow here.
    #[error("the card reader's answer to {command} is not understood: {why}")]
    Garbled {
        /// What was asked.
        command: &'static str,
        /// What is wrong with the answer; never its content.
        why: &'static str,
    },
    /// The reader, or this build of the program, cannot do that.
    #[error("the card reader cannot do this: {0}")]
    Unsupported(String),
}

/// A driver of a reader, or why there is none.
pub type Opened = Result<Box<dyn CardEncoder>, EncoderError>;

/// A family: readers that speak one language.
pub struct EncoderFamily {
    /// The name in the configuration and on the command line.
    pub name: &'static str,
    /// Can a reader of the family, in this build, have this address? Asks nobody; a sentence says why not.
    pub accepts: fn(address: &str) -> Result<(), String>,
    /// The stations of a printer at which its readers can sit.
    pub stations: &'static [Interface],
    /// Makes contact with the reader of this address; asks for no card.
    pub open: fn(address: &str) -> Opened,
    /// The driver over any wire, where the family has one of bytes; errors call the reader by the given name.
    pub over: Option<fn(name: &str, wire: Box<dyn Transport>) -> Opened>,
    /// Reads any bytes as whatever may come over the family's wire, in both directions; for whoever throws them at it.
    pub any_bytes: fn(&[u8]),
}

/// Opens the reader at `address` with the named family's driver.
///
/// # Errors
/// [`EncoderError::Unsupported`] for a family that is not known; else what the driver met.
pub fn open(family: &str, address: &str) -> Opened {
    (find(family)?.open)(address)
}

/// The family of this name.
///
/// # Errors
/// [`EncoderError::Unsupported`] for one that is not known.
pub fn find(family: &str) -> Result<&'static EncoderFamily, EncoderError> {
    ENCODERS.iter().find(|known| known.name == family).ok_or_else(|| {
        let known: Vec<_> = ENCODERS.iter().map(|family| family.name).collect();
        EncoderError::Unsupported(format!(
            "no encoder family {family:?}; known: {}",
            known.join(", ")
        ))
    })
}
