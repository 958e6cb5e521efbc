//! Recognises the holder of a job's card without storing who it is: a keyed hash of the field that identifies the
//! product's holders. Two jobs for one person have the same hash; without the key nobody can find the person by trying
//! all numbers.
//!
//! The key `holder` is made at the first start of a station and never again: with another key no person would be
//! recognised, so a lost or changed key is refused. The ledger stores the key's fingerprint.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base16ct::lower::encode_string as hex;
use drivers::private_file;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::vault::{Vault, VaultError};

/// Its name in the vault.
pub const NAME: &str = "holder";
/// The file beside the ledger, used if the vault neither has this key nor a folder to put it in.
const BESIDE_THE_LEDGER: &str = "holder.key";
/// A shorter key could be found by brute force, bytes.
const BYTES_MIN: usize = 16;
/// This much of the fingerprint is enough to distinguish two keys, bytes.
const FINGERPRINT_BYTES: usize = 8;

/// The key that recognises holders. Wiped when dropped.
pub struct HolderKey(Zeroizing<Vec<u8>>);

/// Why the key that recognises holders is unavailable.
#[derive(Debug, thiserror::Error)]
pub enum HolderFault {
    /// The vault's error.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It is too short, or not hexadecimal.
    #[error(
        "the key `{NAME}` is not {BYTES_MIN} or more bytes in hexadecimal digits; put back the file that was made at the first start"
    )]
    Form,
    /// The file beside the ledger cannot be read or created.
    #[error("the key file {path} cannot be used")]
    Unusable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The ledger was written with a key that is missing now.
    #[error(
        "the key `{NAME}` (fingerprint {fingerprint}) that the ledger was written with is missing: it is neither in the vault nor at {path}. Without it nobody who has a card already would be recognised. Put it back from the station's backup; if it is lost for good, `kartud ledger rekey` lets the next start make a new one"
    )]
    Lost {
        /// Fingerprint of the required key.
        fingerprint: String,
        /// Where it would be beside the ledger.
        path: PathBuf,
    },
    /// The ledger was written with another key.
    #[error(
        "the key `{NAME}` is another one (fingerprint {there}) than the ledger was written with (fingerprint {fingerprint}): nobody who has a card already would be recognised. Put the old key back from the station's backup; if it is lost for good, `kartud ledger rekey` lets the next start take the new one"
    )]
    Changed {
        /// Fingerprint of the required key.
        fingerprint: String,
        /// Fingerprint of the key found.
        there: String,
    },
}

impl HolderKey {
    /// The key of a station whose ledger is at `ledger` and was written with the key that has the fingerprint `known`.
    /// If no key is known yet and there is none, one is made: in the vault's folder, or beside the ledger.
    ///
    /// # Errors
    /// [`HolderFault`].
    pub fn open(
        vault: &Vault,
        ledger: &Path,
        known: Option<&str>,
    ) -> Result<HolderKey, HolderFault> {
        let beside = beside(ledger);
        let Some(key) = Self::find(vault, Some(&beside))? else {
            return match known {
                Some(known) => {
                    Err(HolderFault::Lost { fingerprint: known.to_owned(), path: beside })
                }
                None => make(vault, &beside),
            };
        };
        match known {
            Some(known) if known != key.fingerprint() => Err(HolderFault::Changed {
                fingerprint: known.to_owned(),
                there: key.fingerprint(),
            }),
            _ => Ok(key),
        }
    }

    /// The key that is there: in the vault, or in this file; `None`: in neither.
    ///
    /// # Errors
    /// [`HolderFault`].
    pub fn find(vault: &Vault, beside: Option<&Path>) -> Result<Option<HolderKey>, HolderFault> {
        let secret = match (vault.key(NAME), beside) {
            (Ok(secret), _) => secret,
            (Err(VaultError::Missing { .. }), Some(beside)) => match Vault::file(beside)? {
                Some(secret) => secret,
                None => return Ok(None),
            },
            (Err(VaultError::Missing { .. }), None) => return Ok(None),
            (Err(wrong), _) => return Err(wrong.into()),
        };
        let bytes = secret.symmetric().filter(|bytes| bytes.len() >= BYTES_MIN);
        bytes.map(|bytes| Some(HolderKey(bytes))).ok_or(HolderFault::Form)
    }

    /// Distinguishes this key from others and reveals nothing of it.
    pub fn fingerprint(&self) -> String {
        hex(&self.mac(&[b"the key itself"])[..FINGERPRINT_BYTES])
    }

    /// The hash of a holder. Blanks, dots and case are ignored, because they are only ways of writing the value.
    pub fn hash(&self, product: &str, field: &str, value: &str) -> [u8; 32] {
        let bare = value.chars().filter(|letter| letter.is_alphanumeric());
        let bare: Zeroizing<String> = Zeroizing::new(bare.flat_map(char::to_uppercase).collect());
        self.mac(&[product.as_bytes(), field.as_bytes(), bare.as_bytes()])
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any length");
        for part in parts {
            mac.update(part);
            mac.update(b"\0");
        }
        mac.finalize().into_bytes().into()
    }
}

/// The file beside a ledger that has the key where the vault has none.
pub fn beside(ledger: &Path) -> PathBuf {
    let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).join(BESIDE_THE_LEDGER)
}

/// Makes a key in the vault's folder, or beside the ledger if there is no writable folder.
fn make(vault: &Vault, beside: &Path) -> Result<HolderKey, HolderFault> {
    let key = HolderKey(Vault::random()?);
    let text = Zeroizing::new(format!("{}\n", hex(&key.0)));
    let in_the_vault = vault.folder().map(|folder| folder.join(NAME));
    let written = match in_the_vault.map(|path| (write(&path, &text), path)) {
        Some((Ok(()), path)) => Ok(path),
        _ => write(beside, &text).map(|()| beside.to_owned()),
    };
    let unusable = |source| HolderFault::Unusable { path: beside.to_owned(), source };
    let path = written.map_err(unusable)?;
    tracing::info!(
        path = %path.display(), fingerprint = key.fingerprint(),
        "made the key by which the holders of cards are recognised; keep it with the station's backup"
    );
    Ok(key)
}

/// Writes for the owner only, completely or not at all, and synced; never replaces a file.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension("part");
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private_file::make_new(&part)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // Unlike a rename, a link never replaces an existing file.
    let placed = written.and_then(|()| fs::hard_link(&part, path));
    fs::remove_file(&part)?;
    placed?;
    private_file::sync_folder_of(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_openssl() {
        // printf 'kia\0nik\0001234\0' | openssl dgst -sha256 -mac HMAC -macopt hexkey:00..0f
        let key = HolderKey(Zeroizing::new((0..16).collect()));
        let hash = key.hash("kia", "nik", "1234");
        assert_eq!(hex(&hash), HASH);
        assert_eq!(key.hash("kia", "nik", " 12.34 "), hash);
        assert_ne!(key.hash("kia", "no_kk", "1234"), hash);
        assert_ne!(key.hash("staf", "nik", "1234"), hash);
        assert_ne!(key.hash("kia", "nik", "1235"), hash);
    }

    const HASH: &str = "ad1182db99293fbab2121ccbdb233b49fbb2d63fa0c32d25cb573c0a42228dcc";
}
