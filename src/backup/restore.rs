//! Puts a copy back: checks everything about it first, then gives it to the ledger, which takes it over.

use std::path::{Path, PathBuf};

use super::{BackupError, Identity, KEYS, LEDGER, MANIFEST, Manifest, copies, seal};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::holder::{self, HolderFault, HolderKey};
use crate::ledger::{self, PutBack};
use crate::vault::Vault;

/// What is to be put back, and where.
pub struct Source<'a> {
    /// The folder of the copy.
    pub copy: &'a Path,
    /// Where the ledger shall lie.
    pub ledger: &'a Path,
    /// Where keys shall lie.
    pub vault: &'a Vault,
    /// Opens the sealed keys; `None`: they stay sealed.
    pub identity: Option<&'a Identity>,
    /// Who does it.
    pub by: &'a Actor,
}

/// What was put back.
#[derive(Debug)]
pub struct Restored {
    /// What is told of the copy.
    pub manifest: Manifest,
    /// The ledger, and what was held; `None`: the ledger that is there goes on from the copy, and only keys were put back.
    pub put_back: Option<PutBack>,
    /// Keys of the copy that have no place here: no `[vault] folder` is configured.
    pub keys_without_place: Vec<String>,
    /// The key `holder` that the ledger needs was neither in the copy nor here.
    pub needs_holder_key: bool,
}

/// Puts a copy back. The station then holds whatever may have been printed since the copy was made. Where the copy is
/// part of the ledger already, an identity still puts its keys back.
///
/// # Errors
/// [`BackupError`]; then nothing was changed.
pub fn restore(source: &Source<'_>, clock: &Clock) -> Result<Restored, BackupError> {
    let manifest = read_manifest(source.copy)?;
    let head = manifest.head(source.copy)?;
    let copy = source.copy.join(LEDGER);
    let is_there = source.identity.is_some() && ledger::goes_beyond(source.ledger, head);
    let place = match is_there {
        true => None,
        false => Some(ledger::place_for(&copy, source.ledger)?),
    };
    // A key beside a ledger that holds nothing is put aside with it.
    let holds_nothing = place.as_ref().is_some_and(|place| place.holds_nothing);
    let beside = (!holds_nothing).then(|| holder::beside(source.ledger));
    let keys = match source.identity {
        Some(identity) => Some(seal::open(&source.copy.join(KEYS), identity)?),
        None => None,
    };
    if let Some(keys) = &keys {
        keys.check(source.vault, beside.as_deref())?;
    }
    let found = key_here(source.vault, beside.as_deref())?;
    must_fit(&manifest, found.as_ref())?;
    let put_back = match place {
        Some(place) => {
            let sha256 = &manifest.ledger_sha256;
            Some(ledger::put_back(&copy, sha256, head, &place, source.by, clock)?)
        }
        None => None,
    };
    let keys_without_place = match &keys {
        Some(keys) => keys.put_back(source.vault, source.ledger)?,
        None => Vec::new(),
    };
    let was_sealed = keys.is_some_and(|keys| keys.names().iter().any(|name| name == holder::NAME));
    let needs_holder_key = manifest.holder_key.is_some() && found.is_none() && !was_sealed;
    Ok(Restored { manifest, put_back, keys_without_place, needs_holder_key })
}

/// On a new computer the vault's folder need not be there yet.
fn key_here(vault: &Vault, beside: Option<&Path>) -> Result<Option<HolderKey>, HolderFault> {
    match vault.folder() {
        Some(folder) if !folder.exists() => HolderKey::find(&Vault::of(None, None), beside),
        _ => HolderKey::find(vault, beside),
    }
}

/// A station does not start with another key `holder` than its ledger was written with.
fn must_fit(manifest: &Manifest, found: Option<&HolderKey>) -> Result<(), BackupError> {
    match (&manifest.holder_key, found.map(HolderKey::fingerprint)) {
        (Some(wanted), Some(there)) if *wanted != there => {
            Err(BackupError::OtherHolder { wanted: wanted.clone(), there })
        }
        _ => Ok(()),
    }
}

/// A folder of copies is not a copy; the newest in it is named.
fn read_manifest(copy: &Path) -> Result<Manifest, BackupError> {
    if copy.join(MANIFEST).exists() {
        return Manifest::of(copy);
    }
    let newest = newest_in(copy).map(|path| path.display().to_string());
    let why = match newest {
        Some(newest) => {
            format!("it is a folder of copies; name one of them, the newest is {newest}")
        }
        None => format!("it has no {MANIFEST}"),
    };
    Err(BackupError::NoCopy { path: copy.to_owned(), why })
}

fn newest_in(folder: &Path) -> Option<PathBuf> {
    let newest = copies::list_all(folder).ok()?.pop()?;
    Some(newest.1)
}
