//! Copies of a station's ledger in a folder: each made whole or not at all, verified after it was written, found again, and
//! put back. Knows no SQLite and no HTTP.
//!
//! A copy is a folder with a name of its own ([`CopyName`]): the ledger as one file, `copy.json` ([`Manifest`]), and
//! `keys.sealed` if the keys were sealed into it. It is made under a name with a leading dot and renamed when everything in
//! it is synced and verified, so a folder with a copy's name is a whole copy.

mod copies;
mod make;
mod manifest;
mod note;
mod restore;
mod seal;

use std::io;
use std::path::PathBuf;

pub use copies::{CopyName, NotRemoved, list};
pub use make::{Made, Wanted, make};
pub use manifest::Manifest;
pub use note::{BackupView, BackupWatch, Failed, LastCopy, Note};
pub use restore::{Restored, Source, restore};
pub use seal::{Identity, Recipient, SealFault};

use crate::ledger::{Fault, LedgerError};
use crate::vault::VaultError;

/// The ledger in a copy.
pub const LEDGER: &str = "ledger.db";
/// What is told of a copy.
pub const MANIFEST: &str = "copy.json";
/// The sealed keys in a copy.
pub const KEYS: &str = "keys.sealed";

/// Why a copy was not made or not put back. Contains nothing personal.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder for the copies cannot be used.
    #[error(
        "no copy was made: the folder {folder} cannot be used ({why}). It must be there (a disk that is not plugged in or not mounted is not), and the user of kartud must be able to write it. Nothing half is left in it"
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        why: io::Error,
    },
    /// It went away, or failed, while the copy was written.
    #[error(
        "no copy was made: writing to {folder} failed ({why}). Look whether its disk is still plugged in and sound; copies that were whole before are still whole"
    )]
    Failed {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        why: String,
    },
    /// Its disk has no room.
    #[error(
        "no copy was made: the disk of {folder} has {free_mib} MiB free and the copy needs {needed_mib}. Make room there, or keep fewer copies (--keep)"
    )]
    Full {
        /// The folder.
        folder: PathBuf,
        /// What is free.
        free_mib: u64,
        /// What the copy needs.
        needed_mib: u64,
    },
    /// The copy does not verify, so the ledger is damaged, or the disk does not give back what was written.
    #[error(
        "no copy was kept: what was copied does not verify ({0}). Look at the ledger with `kartud ledger verify`; if it is whole, the disk of the copies is not sound"
    )]
    Unsound(String),
    /// What is to be put back is no copy, or is not whole.
    #[error("{path} is no whole copy: {why}. Nothing was changed; take another one")]
    NoCopy {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The key here that recognises holders is not the one that the copy's ledger was written with.
    #[error(
        "the key `{NAME}` here (fingerprint {there}) is another one than the copy's ledger was written with (fingerprint {wanted}); the station would not start with it. Nothing was changed. Move that key away first, and keep both",
        NAME = crate::holder::NAME
    )]
    OtherHolder {
        /// Fingerprint of the required key.
        wanted: String,
        /// Fingerprint of the key found.
        there: String,
    },
    /// The key that recognises holders cannot be read.
    #[error(transparent)]
    Holder(#[from] crate::holder::HolderFault),
    /// The ledger's error.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The keys cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealFault),
    /// A key cannot be read or written.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl BackupError {
    fn unsound(fault: &Fault) -> BackupError {
        Self::Unsound(format!("{}: {}", fault.code, fault.message.en))
    }
}
