//! A profile as types: the steps that write a blank chip. Knows neither TOML (`definition`) nor a card (`run`).

use std::collections::BTreeSet;
use std::fmt;

use base16ct::lower::encode_string as hex;
use drivers::encoder::Interface;
use drivers::scp03::Level;

use super::status::StatusPattern;
use super::template::Template;
use super::values::{Data, FIELD};

/// The steps for a chip. Made by [`Profile::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name, for technicians.
    pub name: String,
    /// The version that the profile states.
    pub version: String,
    /// SHA-256 of its text, which distinguishes versions even if somebody forgot to change the version text.
    pub sha256: [u8; 32],
    /// The required interface of the chip, if any.
    pub reader: Option<Interface>,
    /// At least one step, in order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its label, else its number and kind: `3 update_binary`. Faults name it.
    pub name: String,
    /// Its action.
    pub action: Action,
    /// Status words with which it continues; every command of the step is checked against them.
    pub accepted: Vec<StatusPattern>,
    /// Status words that continue at a later step, by its index. The narrowest pattern comes first.
    pub on: Vec<(StatusPattern, usize)>,
    /// The step cannot be undone, so it runs only after everything written has been read back.
    pub irreversible: bool,
}

/// The action of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// SELECT by AID; ends a secure channel.
    SelectAid(Vec<u8>),
    /// A raw command.
    Apdu {
        /// The command.
        template: Template,
        /// The expected response data.
        equals: Option<Data>,
    },
    /// Writes a transparent file, in blocks.
    UpdateBinary {
        /// Position and data.
        file: BinaryFile,
        /// Is it read back at once? Otherwise a later step must do that.
        verify: bool,
    },
    /// Reads a transparent file and compares.
    ReadBinary(BinaryFile),
    /// VERIFY with a secret of the vault.
    Verify {
        /// The secret's name in the vault.
        key: String,
        /// P2: which secret of the card.
        reference: u8,
        /// Pads with FF to this many bytes.
        pad_to: Option<u8>,
    },
    /// Opens a secure channel (SCP03) for all following commands.
    Secure {
        /// Name of the three keys in the vault.
        keys: String,
        /// Key version number; 0: the card chooses.
        key_version: u8,
        /// The protection level.
        level: Level,
    },
    /// Puts new keys into the security domain.
    PutKey {
        /// Name of the three new keys in the vault.
        keys: String,
        /// Their version number.
        key_version: u8,
        /// The version number of the keys that are replaced; 0: the new keys are added.
        replaces: u8,
    },
    /// Writes blocks of MIFARE Classic, padded with zeros, starting at a sector; never a sector's trailer.
    ClassicWrite {
        /// Position and data.
        classic: Classic,
        /// Is it read back at once?
        verify: bool,
    },
    /// Writes pages of a Type 2 tag (Ultralight, NTAG), padded with zeros.
    PageWrite {
        /// First page.
        page: u8,
        /// The data.
        data: Data,
        /// Is it read back at once?
        verify: bool,
    },
    /// Writes an NDEF message to a Type 2 tag in the NFC Forum's layout, and reads it back.
    Ndef {
        /// The record's content; without `kind`, the whole message.
        data: Data,
        /// The record's external type, `domain:name`.
        kind: Option<String>,
    },
    /// Makes a Type 2 tag read-only, for ever.
    Lock,
}

/// A position in a transparent file, and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryFile {
    /// File identifier; `None`: the selected file.
    pub fid: Option<u16>,
    /// First byte in the file.
    pub offset: u16,
    /// The data.
    pub data: Data,
    /// Bytes per command; reduced further if the reader or the card takes less.
    pub block: u16,
}

/// A position on a MIFARE Classic card, and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classic {
    /// First sector; the data continue in the next ones.
    pub sector: u8,
    /// Name of the sector key in the vault, 6 bytes.
    pub key: String,
    /// Key A or key B.
    pub letter: KeyLetter,
    /// The data.
    pub data: Data,
}

/// Key A or key B of a sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyLetter {
    /// Key A.
    A,
    /// Key B.
    B,
}

impl Profile {
    /// Name, version text and the first digits of the hash, for people: `staf 1 (9f86d081)`.
    pub fn full_version(&self) -> String {
        format!("{} {} ({})", self.name, self.version, hex(&self.sha256[..4]))
    }

    /// Every value that a card may need.
    pub fn values(&self) -> BTreeSet<&str> {
        self.steps.iter().flat_map(|step| step.action.values()).filter_map(Data::name).collect()
    }

    /// The fields of the job among [`Profile::values`], by their own names.
    pub fn fields(&self) -> BTreeSet<&str> {
        self.values().into_iter().filter_map(|name| name.strip_prefix(FIELD)).collect()
    }

    /// The data that belong to this card and must be on every good card: values that steps write or compare.
    pub fn contents(&self) -> impl Iterator<Item = &Data> {
        self.steps
            .iter()
            .flat_map(|step| step.action.contents())
            .filter(|data| data.name().is_some())
    }

    /// Names in the vault of [`Profile::secrets`].
    pub fn keys(&self) -> BTreeSet<&str> {
        self.secrets().into_iter().map(|secret| secret.name).collect()
    }

    /// Every secret of the vault that a card may need.
    pub fn secrets(&self) -> BTreeSet<Secret<'_>> {
        self.steps.iter().filter_map(|step| step.action.secret()).collect()
    }
}

/// A secret that a step needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret<'p> {
    /// Its name in the vault.
    pub name: &'p str,
    /// Its required length.
    pub length: SecretLength,
}

/// The required length of a secret, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretLength {
    /// Three AES keys of one length, concatenated: ENC, MAC, DEK.
    Channel,
    /// A key of a MIFARE Classic sector.
    Sector,
    /// A PIN of up to so many bytes.
    Pin(u8),
}

impl SecretLength {
    /// Is this length allowed?
    pub fn allows(self, bytes: usize) -> bool {
        match self {
            SecretLength::Channel => [48, 72, 96].contains(&bytes),
            SecretLength::Sector => bytes == 6,
            SecretLength::Pin(most) => (1..=usize::from(most)).contains(&bytes),
        }
    }
}

impl fmt::Display for SecretLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretLength::Channel => f.write_str("48, 72, 96"),
            SecretLength::Sector => f.write_str("6"),
            SecretLength::Pin(most) => write!(f, "1-{most}"),
        }
    }
}

impl Action {
    /// The values that it needs.
    pub fn values(&self) -> Vec<&Data> {
        match self {
            Action::Apdu { template, equals } => template.needs().chain(equals).collect(),
            Action::UpdateBinary { file, .. } | Action::ReadBinary(file) => vec![&file.data],
            Action::ClassicWrite { classic, .. } => vec![&classic.data],
            Action::PageWrite { data, .. } | Action::Ndef { data, .. } => vec![data],
            _ => Vec::new(),
        }
    }

    /// Data that it writes without reading them back itself.
    pub fn writes_unread(&self) -> Vec<&Data> {
        match self {
            Action::Apdu { template, .. } => template.data().collect(),
            Action::UpdateBinary { file, verify: false } => vec![&file.data],
            Action::ClassicWrite { classic, verify: false } => vec![&classic.data],
            Action::PageWrite { data, verify: false, .. } => vec![data],
            _ => Vec::new(),
        }
    }

    /// Data that it reads back for an earlier step.
    pub fn reads_back(&self) -> Option<&Data> {
        match self {
            Action::ReadBinary(file) => Some(&file.data),
            Action::Apdu { equals, .. } => equals.as_ref(),
            _ => None,
        }
    }

    /// Data that it writes or compares, not those of which it needs only the size.
    fn contents(&self) -> Vec<&Data> {
        match self {
            Action::Apdu { template, equals } => template.data().chain(equals).collect(),
            other => other.values(),
        }
    }

    /// The secret that it needs, if any.
    pub fn secret(&self) -> Option<Secret<'_>> {
        let (name, length) = match self {
            Action::Verify { key, pad_to, .. } => {
                (key, SecretLength::Pin(pad_to.unwrap_or(u8::MAX)))
            }
            Action::Secure { keys, .. } | Action::PutKey { keys, .. } => {
                (keys, SecretLength::Channel)
            }
            Action::ClassicWrite { classic, .. } => (&classic.key, SecretLength::Sector),
            _ => return None,
        };
        Some(Secret { name, length })
    }

    /// Does it require a memory card?
    pub fn of_memory_card(&self) -> bool {
        matches!(
            self,
            Action::ClassicWrite { .. }
                | Action::PageWrite { .. }
                | Action::Ndef { .. }
                | Action::Lock
        )
    }
}
