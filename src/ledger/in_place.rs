//! Checks that the name of an open ledger still refers to the open file: before every transaction, before every answer,
//! and every other second while nothing is written. Anything written into a file that was deleted, renamed or
//! overwritten would be lost at the next start, and its card printed again.
//!
//! It only queries names and opens nothing, because closing a second descriptor of the file would drop SQLite's locks
//! on it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{LedgerError, files, schema};

/// A file that was lost while the station was running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The file.
    pub path: PathBuf,
    /// How it was lost.
    pub how: How,
}

/// How a file was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The name does not exist: the file was deleted, or renamed.
    Missing,
    /// Another file has that name.
    Replaced,
    /// It is the same file, but another program wrote into it.
    Overwritten,
}

impl How {
    /// In both languages of the office.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            How::Missing => ("dihapus atau diganti namanya", "was deleted or renamed"),
            How::Replaced => ("diganti dengan berkas lain", "was replaced by another file"),
            How::Overwritten => {
                ("ditimpa oleh program lain", "was written over by another program")
            }
        }
    }
}

/// The files of an open ledger, as they were when it was opened.
pub(super) struct InPlace {
    files: Vec<(PathBuf, Identity)>,
    /// Of the ledger and of its log.
    content: [Content; 2],
}

/// Device and inode of a file, which are unique while it is open.
type Identity = (u64, u64);

/// Length, and modification time in seconds and nanoseconds. A missing log has none.
type Content = (u64, i64, i64);

impl InPlace {
    /// Call it directly after opening the ledger, when log and index exist.
    pub fn of(ledger: &Path) -> Result<InPlace, LedgerError> {
        let names = [
            ledger.to_owned(),
            schema::log_of(ledger),
            files::index_of(ledger),
            files::lock_of(ledger),
        ];
        let mut known = Vec::new();
        for name in names {
            match fs::symlink_metadata(&name) {
                Ok(found) => known.push((name, (found.dev(), found.ino()))),
                Err(error) if files::is_absent(&error) && name != *ledger => {}
                Err(source) => return Err(LedgerError::Folder { path: name, source }),
            }
        }
        let mut in_place = InPlace { files: known, content: [(0, 0, 0); 2] };
        in_place.content = in_place.content_now()?;
        Ok(in_place)
    }

    /// Does every name still refer to the same file?
    pub fn is_same(&self) -> Result<(), LedgerError> {
        for (path, identity) in &self.files {
            let gone = |how| LedgerError::Gone(Gone { path: path.clone(), how });
            match fs::symlink_metadata(path) {
                Ok(found) if (found.dev(), found.ino()) == *identity => {}
                Ok(_) => return Err(gone(How::Replaced)),
                Err(error) if files::is_absent(&error) => return Err(gone(How::Missing)),
                Err(error) => return Err(LedgerError::Write(error.to_string())),
            }
        }
        Ok(())
    }

    /// The same, and has no other program written into the ledger or its log since [`InPlace::note_content`]?
    pub fn is_untouched(&self) -> Result<(), LedgerError> {
        self.is_same()?;
        let now = self.content_now()?;
        let overwritten = |path| Err(LedgerError::Gone(Gone { path, how: How::Overwritten }));
        match (now[0] == self.content[0], now[1] == self.content[1]) {
            (true, true) => Ok(()),
            (false, _) => overwritten(self.ledger().to_owned()),
            (true, false) => overwritten(schema::log_of(self.ledger())),
        }
    }

    /// Call it after our own writes.
    pub fn note_content(&mut self) {
        if let Ok(content) = self.content_now() {
            self.content = content;
        }
    }

    fn ledger(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |(path, _)| path)
    }

    fn content_now(&self) -> Result<[Content; 2], LedgerError> {
        Ok([content_of(self.ledger())?, content_of(&schema::log_of(self.ledger()))?])
    }
}

fn content_of(path: &Path) -> Result<Content, LedgerError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.len(), found.mtime(), found.mtime_nsec())),
        Err(error) if files::is_absent(&error) => Ok((0, 0, 0)),
        Err(error) => Err(LedgerError::Write(error.to_string())),
    }
}
