//! Settings of an emulated card: data, from a settings file, a state file or a test. Knows no reader.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::domain::DomainSettings;
use super::faults::Faults;
use super::files::Directory;
use super::memory::{Kind, MemoryCard};
use super::{FileCard, SharedChip, hex};
use drivers::encoder::Interface;

/// One card, or the first of a batch of blanks.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CardSettings {
    /// A microprocessor with files.
    File(Box<FileCardSettings>),
    /// MIFARE Classic 1K.
    #[serde(rename = "classic_1k")]
    Classic1k(MemoryCardSettings),
    /// MIFARE Ultralight.
    Ultralight(MemoryCardSettings),
    /// NTAG213.
    Ntag213(MemoryCardSettings),
    /// NTAG215.
    Ntag215(MemoryCardSettings),
    /// NTAG216.
    Ntag216(MemoryCardSettings),
}

/// A microprocessor with files.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileCardSettings {
    /// Its interfaces.
    pub interface: Interface,
    /// The transmission protocol over its contacts.
    pub protocol: Protocol,
    /// Does it understand extended lengths? With T=0 it never does.
    pub extended: bool,
    /// Its unique identifier in the field, 4, 7 or 10 bytes; over contacts, its last four bytes are the card's number
    /// in the ATR.
    pub uid: Hex,
    /// Memory for files.
    pub memory_bytes: usize,
    /// The PIN that VERIFY must present; `None`: the card has no PIN.
    pub pin: Option<Secret>,
    /// The security domain whose keys open secure channels; `None`: the card has none.
    pub domain: Option<DomainSettings>,
    /// Its content; the master directory's identifier is `3F00`.
    pub content: Vec<Directory>,
    /// Its faults.
    pub faults: Faults,
}

impl Default for FileCardSettings {
    fn default() -> Self {
        Self {
            interface: Interface::Contactless,
            protocol: Protocol::T1,
            extended: true,
            uid: Hex(vec![0x04, 0x4B, 0x41, 0x52, 0x54, 0x55, 0x80]),
            memory_bytes: 32 * 1024,
            pin: None,
            domain: None,
            content: Vec::new(),
            faults: Faults::default(),
        }
    }
}

/// Transmission protocols over contacts (ISO/IEC 7816-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Byte by byte; an answer with data must be fetched.
    T0,
    /// In blocks.
    T1,
}

/// A memory card.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryCardSettings {
    /// Its unique identifier; `None`: the default of its kind.
    pub uid: Option<Hex>,
    /// Its faults.
    pub faults: Faults,
}

/// Bytes, written in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hex(#[serde(with = "hex::blob")] pub Vec<u8>);

/// Bytes that are never displayed, written in hexadecimal.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Hex")]
pub struct Secret(Zeroizing<Vec<u8>>);

impl From<Hex> for Secret {
    fn from(bytes: Hex) -> Self {
        Self(Zeroizing::new(bytes.0))
    }
}

impl Secret {
    /// The bytes themselves.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl CardSettings {
    /// The card itself.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn make(&self) -> Result<SharedChip, String> {
        self.blank(0)
    }

    /// The blank of this number in a batch: its identifier is counted up from the first one's.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn blank(&self, number: u32) -> Result<SharedChip, String> {
        let memory = |kind, settings: &MemoryCardSettings| {
            MemoryCard::new(kind, settings, number).map(SharedChip::new)
        };
        match self {
            Self::File(settings) => FileCard::new(settings, number).map(SharedChip::new),
            Self::Classic1k(settings) => memory(Kind::Classic1k, settings),
            Self::Ultralight(settings) => memory(Kind::Ultralight, settings),
            Self::Ntag213(settings) => memory(Kind::Ntag213, settings),
            Self::Ntag215(settings) => memory(Kind::Ntag215, settings),
            Self::Ntag216(settings) => memory(Kind::Ntag216, settings),
        }
    }
}

/// The identifier of a blank: the first one's, with its last three bytes counted up.
pub(super) fn counted_up(first: &[u8], number: u32) -> Vec<u8> {
    let mut uid = first.to_vec();
    if let Some(last) = uid.last_chunk_mut::<3>() {
        let [a, b, c] = *last;
        let [_, a, b, c] = u32::from_be_bytes([0, a, b, c]).wrapping_add(number).to_be_bytes();
        *last = [a, b, c];
    }
    uid
}
