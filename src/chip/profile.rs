//! A profile as types: the steps that make a blank chip a written one. Knows neither TOML (`definition`) nor a card
//! (`run`).

use std::collections::BTreeSet;
use std::fmt;

use base16ct::lower::encode_string as hex;
use drivers::encoder::Interface;
use drivers::scp03::Level;

use super::status::StatusPattern;
use super::template::Template;
use super::values::{Data, FIELD};

/// What is done to a chip. Made by [`Profile::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What a technician calls it.
    pub name: String,
    /// Its own word for its version.
    pub version: String,
    /// SHA-256 of its text: what "version" means when somebody forgot to change the word.
    pub sha256: [u8; 32],
    /// How the chip is reached, if the profile is for one way only.
    pub reader: Option<Interface>,
    /// At least one, in their order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its label, else its number and kind: `3 update_binary`. What a fault names.
    pub name: String,
    /// What is done.
    pub action: Action,
    /// Answers with which it goes on; every command of the step is held against them.
    pub accepted: Vec<StatusPattern>,
    /// Answers with which it goes on elsewhere: the index of a later step. The narrowest pattern stands first.
    pub on: Vec<(StatusPattern, usize)>,
    /// Cannot be undone: is done only when all that was written has been read back.
    pub irreversible: bool,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// SELECT by the name of an application; ends a secure channel.
    SelectAid(Vec<u8>),
    /// A command written out.
    Apdu {
        /// The command.
        template: Template,
        /// What the answer's data must be.
        equals: Option<Data>,
    },
    /// Writes a transparent file, in blocks.
    UpdateBinary {
        /// Where and what.
        file: BinaryFile,
        /// Whether it is read back at once; else a later step must do it.
        verify: bool,
    },
    /// Reads a transparent file and compares.
    ReadBinary(BinaryFile),
    /// VERIFY with a secret of the vault.
    Verify {
        /// The vault's name for it.
        key: String,
        /// P2: which secret of the card.
        reference: u8,
        /// Filled up with FF to so many bytes.
        pad_to: Option<u8>,
    },
    /// Opens a secure channel (SCP03), through which all that follows goes.
    Secure {
        /// The vault's name of the three keys.
        keys: String,
        /// Key version number; 0: the card's first.
        key_version: u8,
        /// What is protected.
        level: Level,
    },
    /// Puts new keys into the security domain.
    PutKey {
        /// The vault's name of the three new keys.
        keys: String,
        /// Their version number.
        key_version: u8,
        /// The version number of the keys that go; 0: they are added.
        replaces: u8,
    },
    /// Writes blocks of MIFARE Classic, filled up with zeros, from a sector on; never a sector's trailer.
    ClassicWrite {
        /// Where and what.
        classic: Classic,
        /// Whether it is read back at once.
        verify: bool,
    },
    /// Writes pages of a Type 2 tag (Ultralight, NTAG), filled up with zeros.
    PageWrite {
        /// First page.
        page: u8,
        /// What.
        data: Data,
        /// Whether it is read back at once.
        verify: bool,
    },
    /// Writes a message to a Type 2 tag as the NFC Forum lays it out, and reads it back.
    Ndef {
        /// The record's content, or without `kind` the whole message.
        data: Data,
        /// The record's external type, `domain:name`.
        kind: Option<String>,
    },
    /// Makes a Type 2 tag read-only, for ever.
    Lock,
}

/// A place in a transparent file, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryFile {
    /// File identifier; `None`: the file that is selected.
    pub fid: Option<u16>,
    /// First byte in the file.
    pub offset: u16,
    /// What.
    pub data: Data,
    /// Bytes a command; cut further where the reader or the card takes less.
    pub block: u16,
}

/// A place on a MIFARE Classic card, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classic {
    /// First sector; the data go on in the next ones.
    pub sector: u8,
    /// The vault's name for the sector key, 6 bytes.
    pub key: String,
    /// Which of the two it is.
    pub letter: KeyLetter,
    /// What.
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
    /// Name, word and the first digits of the hash, for people: `staf 1 (9f86d081)`.
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

    /// What is this card's own, and must stand on every card that is good: values that steps write or compare.
    pub fn contents(&self) -> impl Iterator<Item = &Data> {
        self.steps
            .iter()
            .flat_map(|step| step.action.contents())
            .filter(|data| data.name().is_some())
    }

    /// The vault's names of [`Profile::secrets`].
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
    /// The vault's name for it.
    pub name: &'p str,
    /// What it must be.
    pub length: SecretLength,
}

/// What a secret must be, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretLength {
    /// Three AES keys of one length, one after the other: ENC, MAC, DEK.
    Channel,
    /// A key of a MIFARE Classic sector.
    Sector,
    /// A PIN of up to so many bytes.
    Pin(u8),
}

impl SecretLength {
    /// May a secret of so many bytes be one?
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

    /// What it writes and does not itself read back.
    pub fn writes_unread(&self) -> Vec<&Data> {
        match self {
            Action::Apdu { template, .. } => template.data().collect(),
            Action::UpdateBinary { file, verify: false } => vec![&file.data],
            Action::ClassicWrite { classic, verify: false } => vec![&classic.data],
            Action::PageWrite { data, verify: false, .. } => vec![data],
            _ => Vec::new(),
        }
    }

    /// What it reads back for a step before it.
    pub fn reads_back(&self) -> Option<&Data> {
        match self {
            Action::ReadBinary(file) => Some(&file.data),
            Action::Apdu { equals, .. } => equals.as_ref(),
            _ => None,
        }
    }

    /// What it writes or compares; not what it only tells the size of.
    fn contents(&self) -> Vec<&Data> {
        match self {
            Action::Apdu { template, equals } => template.data().chain(equals).collect(),
            other => other.values(),
        }
    }

    /// The secret that it needs.
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

    /// Whether only a memory card can do it.
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
