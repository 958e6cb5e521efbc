//! The contract of every smart-card reader driver, and the families. Knows no printer, no profile, no key and no
//! daemon.
//!
//! A driver carries one command to the chip and returns one response, unchanged. [`channel`] handles differences
//! between chips (GET RESPONSE, wrong lengths, chaining); [`bounded`] keeps a deadline even for a call that cannot be
//! cancelled.
//!
//! **"Present" and "Ok" prove nothing.** A reader may report for ever that a card is present, and a response under two
//! bytes means a lost card, whatever the reader calls it. Hence [`Chip::identity`], which the station compares with
//! that of the card before.

mod advice;
pub mod apdu;
pub mod bounded;
pub mod channel;
pub mod storage;
pub mod tlv;

use std::time::Duration;

use crate::transport::{Transport, TransportError};

pub use crate::ENCODERS;

/// A reader with one position for a card. Calls block; one thread owns it.
pub trait CardEncoder: Send {
    /// Waits for a card, and switches it on (again).
    ///
    /// # Errors
    /// [`EncoderError::NoCard`] if none came within `patience`.
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError>;

    /// Sends one command APDU (ISO 7816-4, or a pseudo-APDU of PC/SC part 3 for a memory card) to the chip; writes the
    /// response into `answer` (emptied first): data, then SW1 SW2. Repeats nothing.
    ///
    /// # Errors
    /// [`EncoderError::CardLost`] when less than two bytes came back.
    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError>;

    /// Switches the card off and releases it. A card that is gone counts as off.
    ///
    /// # Errors
    /// [`EncoderError`], of the reader.
    fn power_off(&mut self) -> Result<(), EncoderError>;
}

/// A chip that was switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    /// Its interface.
    pub interface: Interface,
    /// Answer to reset; for a contactless chip the one that PC/SC part 3 composes.
    pub atr: Vec<u8>,
    /// Unique identifier of a contactless chip.
    pub uid: Option<Vec<u8>>,
    /// Size limits of the chip and its reader.
    pub limits: Limits,
}

impl Chip {
    /// Distinguishes it from the card before: its UID, else its ATR (which a whole batch may share).
    pub fn identity(&self) -> &[u8] {
        self.uid.as_deref().unwrap_or(&self.atr)
    }
}

/// The interface of a chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interface {
    /// Through its contacts (ISO 7816-3).
    Contact,
    /// Through the air (ISO 14443).
    Contactless,
}

/// Size limits of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// T=0: a command never has both data and an expected length.
    pub t0: bool,
    /// Do card and reader support extended lengths?
    pub extended: bool,
    /// Most bytes of one command APDU, header and lengths included, and of one response without its status.
    pub apdu_max_bytes: usize,
}

/// Why a call to a reader failed. Facts only; nothing of what was transmitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncoderError {
    /// The configured reader is missing. The reader's name is no secret.
    #[error("the card reader {0:?} is not connected")]
    NoReader(String),
    /// The name matches more than one reader, and guessing could write the wrong card. Readers' names are no secret.
    #[error("{name} fits more than one card reader: {}", .fitting.join(", "))]
    SeveralReaders {
        /// The name as in the configuration.
        name: String,
        /// Every reader that it matches.
        fitting: Vec<String>,
    },
    /// The service that manages the readers is not running, or has just ended.
    #[error("{0}, which drives the card readers, is not running")]
    NoService(&'static str),
    /// The system does not let this user use card readers.
    #[error("this user may not use card readers")]
    Barred,
    /// No card came into the field or slot.
    #[error("no card reached the reader within {} s", .waited.as_secs())]
    NoCard {
        /// How long the driver waited.
        waited: Duration,
    },
    /// The card was removed, or stopped answering, during a command.
    #[error("the card was lost")]
    CardLost,
    /// A call exceeded its limit and has not returned yet, so the reader cannot be used.
    #[error("the card reader is stuck: no answer within {} s", .limit.as_secs())]
    Stuck {
        /// The limit.
        limit: Duration,
    },
    /// A card answers where none should be; writing now could write that card.
    #[error("a card lies on the card reader before one was brought to it")]
    Occupied,
    /// Another program holds the card.
    #[error("another program holds the card in the reader")]
    InUse,
    /// The wire to the reader failed.
    #[error("the wire to the card reader failed: {0}")]
    Wire(#[from] TransportError),
    /// The reader's answer violates its protocol.
    #[error("the card reader's answer to {command} is not understood: {why}")]
    Garbled {
        /// The command that was sent.
        command: &'static str,
        /// What is wrong with the answer; never its content.
        why: &'static str,
    },
    /// The reader, or this build of the program, cannot do that.
    #[error("the card reader cannot do this: {0}")]
    Unsupported(String),
}

/// A reader's driver, or why there is none.
pub type Opened = Result<Box<dyn CardEncoder>, EncoderError>;

/// A family: readers with the same protocol.
pub struct EncoderFamily {
    /// The name in the configuration and on the command line.
    pub name: &'static str,
    /// Could this address belong to a reader of the family, in this build? Does no I/O; the error sentence says why
    /// not.
    pub accepts: fn(address: &str) -> Result<(), String>,
    /// The positions in a printer where its readers can be fitted.
    pub stations: &'static [Interface],
    /// Connects to the reader at this address; needs no card.
    pub open: fn(address: &str) -> Opened,
    /// Opens the driver over any wire, if the family uses a byte stream; errors call the reader by the given name.
    pub over: Option<fn(name: &str, wire: Box<dyn Transport>) -> Opened>,
    /// Parses any bytes as input from the family's wire, in both directions; for fuzzing.
    pub any_bytes: fn(&[u8]),
}

/// Opens the reader at `address` with the named family's driver.
///
/// # Errors
/// [`EncoderError::Unsupported`] for an unknown family; else the driver's error.
pub fn open(family: &str, address: &str) -> Opened {
    (find(family)?.open)(address)
}

/// The family of this name.
///
/// # Errors
/// [`EncoderError::Unsupported`] for an unknown one.
pub fn find(family: &str) -> Result<&'static EncoderFamily, EncoderError> {
    ENCODERS.iter().find(|known| known.name == family).ok_or_else(|| {
        let known: Vec<_> = ENCODERS.iter().map(|family| family.name).collect();
        EncoderError::Unsupported(format!(
            "no encoder family {family:?}; known: {}",
            known.join(", ")
        ))
    })
}
