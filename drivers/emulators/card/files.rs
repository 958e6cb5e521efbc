//! The content of a file card: a master directory, applications, and transparent files with access conditions. Knows no
//! command, no reader and no secret.
//!
//! Access conditions apply only once a file (or directory) is activated, so that a card is filled first and closed
//! afterwards (ISO/IEC 7816-9). That is also why activation cannot be undone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hex;

/// Name of the master directory.
pub const MASTER: u16 = 0x3F00;
/// Memory that a file or directory takes beyond its content.
const OVERHEAD_BYTES: usize = 32;
/// Offsets of READ and UPDATE BINARY reach no further.
pub(super) const FILE_MAX_BYTES: usize = 0x7FFF;

/// Who has access.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everybody.
    #[default]
    Always,
    /// A host that has presented the card's PIN.
    Pin,
    /// A host that has opened a secure channel and sent this very command through it.
    Secure,
    /// Nobody.
    Never,
}

/// A transparent file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name in its directory.
    #[serde(with = "hex::word")]
    pub fid: u16,
    /// Capacity in bytes.
    pub size_bytes: usize,
    /// Its content from the beginning; the rest is zero.
    #[serde(default, with = "hex::blob")]
    pub content: Vec<u8>,
    /// Who may read it.
    #[serde(default)]
    pub read: Access,
    /// Who may write into it.
    #[serde(default)]
    pub update: Access,
    /// Are the two access conditions in force?
    #[serde(default)]
    pub active: bool,
}

impl fmt::Debug for File {
    /// Shows identifier and size only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({:04X}, {} bytes)", self.fid, self.size_bytes)
    }
}

/// The master directory, or an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Its name on the card.
    #[serde(with = "hex::word")]
    pub fid: u16,
    /// The application identifier; the master directory has none.
    #[serde(default, with = "hex::blob", skip_serializing_if = "Vec::is_empty")]
    pub aid: Vec<u8>,
    /// Activated: from then on a file can be created only through a secure channel.
    #[serde(default)]
    pub active: bool,
    /// Its files.
    #[serde(default)]
    pub files: Vec<File>,
}

/// The file or directory on which commands act.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) directory: usize,
    pub(super) file: Option<usize>,
}

/// Everything on a card. The master directory stands first.
#[derive(Clone)]
pub(super) struct Files {
    directories: Vec<Directory>,
    memory_bytes: usize,
}

impl Files {
    /// Checks and stores the configured content; a missing master directory is added, empty.
    pub(super) fn new(content: &[Directory], memory_bytes: usize) -> Result<Self, String> {
        let master = Directory { fid: MASTER, aid: Vec::new(), active: false, files: Vec::new() };
        let mut files = Self { directories: vec![master], memory_bytes };
        for directory in content {
            let empty = Directory { files: Vec::new(), ..directory.clone() };
            let place = if directory.fid == MASTER {
                files.directories[0] = empty;
                0
            } else {
                files.add_directory(empty).map_err(|why| why.said_of(directory.fid))?
            };
            for file in &directory.files {
                files.add_file(place, file.clone()).map_err(|why| why.said_of(file.fid))?;
            }
        }
        Ok(files)
    }

    /// The content, in the form that [`Files::new`] takes.
    pub(super) fn content(&self) -> &[Directory] {
        &self.directories
    }

    pub(super) fn directory(&self, place: usize) -> &Directory {
        &self.directories[place]
    }

    pub(super) fn directory_mut(&mut self, place: usize) -> &mut Directory {
        &mut self.directories[place]
    }

    /// The selected file.
    pub(super) fn file(&self, selected: Selected) -> Option<&File> {
        self.directories[selected.directory].files.get(selected.file?)
    }

    /// The selected file.
    pub(super) fn file_mut(&mut self, selected: Selected) -> Option<&mut File> {
        self.directories[selected.directory].files.get_mut(selected.file?)
    }

    /// The first application whose AID begins so.
    pub(super) fn application(&self, name: &[u8]) -> Option<usize> {
        let named =
            |directory: &Directory| !directory.aid.is_empty() && directory.aid.starts_with(name);
        self.directories.iter().position(named)
    }

    pub(super) fn directory_of(&self, fid: u16) -> Option<usize> {
        self.directories.iter().position(|directory| directory.fid == fid)
    }

    pub(super) fn file_of(&self, directory: usize, fid: u16) -> Option<usize> {
        self.directories[directory].files.iter().position(|file| file.fid == fid)
    }

    /// Adds an application and returns its index.
    pub(super) fn add_directory(&mut self, directory: Directory) -> Result<usize, NoRoom> {
        let same_aid = |known: &Directory| !known.aid.is_empty() && known.aid == directory.aid;
        let taken = self.directory_of(directory.fid).or(self.file_of(0, directory.fid)).is_some();
        if taken || self.directories.iter().any(same_aid) {
            return Err(NoRoom::NameTaken);
        }
        if self.free_bytes() < OVERHEAD_BYTES {
            return Err(NoRoom::Full);
        }
        self.directories.push(directory);
        Ok(self.directories.len() - 1)
    }

    /// Adds a file and returns its index. Content is padded with zeros to the size.
    pub(super) fn add_file(&mut self, directory: usize, mut file: File) -> Result<usize, NoRoom> {
        let taken = file.fid == MASTER || self.file_of(directory, file.fid).is_some();
        if taken || (directory == 0 && self.directory_of(file.fid).is_some()) {
            return Err(NoRoom::NameTaken);
        }
        let fits = file.size_bytes.saturating_add(OVERHEAD_BYTES) <= self.free_bytes();
        if !fits || file.size_bytes > FILE_MAX_BYTES || file.content.len() > file.size_bytes {
            return Err(NoRoom::Full);
        }
        file.content.resize(file.size_bytes, 0);
        let files = &mut self.directories[directory].files;
        files.push(file);
        Ok(files.len() - 1)
    }

    fn free_bytes(&self) -> usize {
        let files = self.directories.iter().flat_map(|directory| &directory.files);
        let taken: usize = files.map(|file| file.size_bytes + OVERHEAD_BYTES).sum();
        self.memory_bytes.saturating_sub(taken + self.directories.len() * OVERHEAD_BYTES)
    }
}

/// Why a file cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    NameTaken,
    Full,
}

impl NoRoom {
    fn said_of(self, fid: u16) -> String {
        match self {
            Self::NameTaken => format!("content: {fid:04X} is there already"),
            Self::Full => format!("content: {fid:04X} is larger than itself or the card's memory"),
        }
    }
}
