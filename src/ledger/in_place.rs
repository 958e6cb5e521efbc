//! Is a ledger that is open still the file that its name leads to? Asked before every transaction, before every answer,
//! and every other second while nothing is written: whatever is written into a file that was deleted, renamed or
//! written over would be forgotten at the next start, and its card printed again.
//!
//! Only names are asked, nothing is opened: closing a second descriptor of the file would drop SQLite's locks on it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{LedgerError, files, schema};

/// What became of a file under the running station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Which file.
    pub path: PathBuf,
    /// What became of it.
    pub how: How,
}

/// How a file was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Nothing has that name: it was deleted, or renamed.
    Missing,
    /// Another file has that name.
    Replaced,
    /// It is the same file, and somebody else wrote into it.
    Overwritten,
}

impl How {
    /// In the languages of the office.
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

/// The files of an open ledger as they were when it was opened.
pub(super) struct InPlace {
    files: Vec<(PathBuf, Identity)>,
    /// Of the ledger and of its log.
    content: [Content; 2],
}

/// Device and number of a file: no other file has them while it is open.
type Identity = (u64, u64);

/// Length, and when it was last written: seconds and nanoseconds. A log that is not there has none.
type Content = (u64, i64, i64);

impl InPlace {
    /// Of a ledger that was just opened, so that log and index are there.
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

    /// Every name still leads to the same file.
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

    /// The same, and nobody else has written into the ledger or its log since [`InPlace::note_content`].
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

    /// We have written ourselves.
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
