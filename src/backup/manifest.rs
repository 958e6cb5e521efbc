//! What is told of a copy, in the copy: `copy.json`. Nothing personal stands in it.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BackupError, CopyName, MANIFEST};
use crate::ledger::Head;
use crate::small_file;

/// The form of this file.
const FORMAT: &str = "kartu-copy/1";
/// Largest file that is read, bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// What is told of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub(super) format: String,
    /// The station, as its configuration names it.
    pub station: String,
    /// When the copy was made.
    pub made_at: Timestamp,
    /// Version of the program that made it.
    pub kartud: String,
    /// The ledger's last line, `SEQ:HASH`.
    pub(super) head: String,
    /// Jobs in it.
    pub jobs: u64,
    /// When its last line was written.
    pub last_line_at: Option<Timestamp>,
    /// Blanks that should have been at the station.
    pub blanks_expected: i64,
    /// Size of the ledger's file, bytes.
    pub ledger_bytes: u64,
    /// SHA-256 of the ledger's file, in hexadecimal digits.
    pub ledger_sha256: String,
    /// Fingerprint of the key `holder` that the ledger needs.
    pub holder_key: Option<String>,
    /// The names of the keys that are sealed in the copy.
    #[serde(default)]
    pub sealed_keys: Vec<String>,
    /// The station was retired before: nothing was printed there since.
    #[serde(default)]
    pub is_retired: bool,
}

impl Manifest {
    /// A manifest of this head, still to be filled in.
    pub(super) fn new(station: &str, made_at: Timestamp, head: Head) -> Manifest {
        Manifest {
            format: FORMAT.to_owned(),
            station: station.to_owned(),
            made_at,
            kartud: env!("CARGO_PKG_VERSION").to_owned(),
            head: head.to_string(),
            jobs: 0,
            last_line_at: None,
            blanks_expected: 0,
            ledger_bytes: 0,
            ledger_sha256: String::new(),
            holder_key: None,
            sealed_keys: Vec::new(),
            is_retired: false,
        }
    }

    /// The manifest of the copy in this folder.
    ///
    /// # Errors
    /// [`BackupError::NoCopy`].
    pub fn of(folder: &Path) -> Result<Manifest, BackupError> {
        let no_copy = |why: String| BackupError::NoCopy { path: folder.to_owned(), why };
        let path = folder.join(MANIFEST);
        let text = small_file::read_text(&path, BYTES_MAX)
            .map_err(|error| no_copy(format!("{MANIFEST} cannot be read ({error})")))?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| no_copy(format!("{MANIFEST} is not what was written ({error})")))?;
        if manifest.format != FORMAT {
            let format = &manifest.format;
            return Err(no_copy(format!("its form is {format:?}; this kartud knows {FORMAT}")));
        }
        let name = CopyName::of(&manifest.station, manifest.made_at, manifest.head(folder)?);
        match folder.file_name().and_then(|name| name.to_str()) {
            Some(found) if found == name.to_string() => Ok(manifest),
            _ => Err(no_copy(format!("by {MANIFEST} its name is {name}"))),
        }
    }

    /// The ledger's last line. `folder`: where the manifest was found, for the error.
    ///
    /// # Errors
    /// [`BackupError::NoCopy`].
    pub fn head(&self, folder: &Path) -> Result<Head, BackupError> {
        self.head.parse().map_err(|error| BackupError::NoCopy {
            path: folder.to_owned(),
            why: format!("{MANIFEST}: {error}"),
        })
    }
}
