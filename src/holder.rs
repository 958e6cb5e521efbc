//! Whose card a job is, without saying who: a keyed hash of the field by which the product tells its holders apart. Two
//! jobs for one person have the same hash; without the key nobody can find out whose it is by trying all numbers.
//!
//! The key `holder` is made at the first start of a station and never again: with another key no person would be
//! recognised, so a lost or a changed one is refused. The ledger knows the key's fingerprint.

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
/// The file beside the ledger, where the vault has no such key and no folder to put one in.
const BESIDE_THE_LEDGER: &str = "holder.key";
/// A shorter key could be found by trying, bytes.
const BYTES_MIN: usize = 16;
/// So much of the fingerprint is enough to tell two keys apart, bytes.
const FINGERPRINT_BYTES: usize = 8;

/// The key by which holders are recognised. Wiped when dropped.
pub struct HolderKey(Zeroizing<Vec<u8>>);

/// Why there is no key by which holders are recognised.
#[derive(Debug, thiserror::Error)]
pub enum HolderFault {
    /// The vault's answer.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It is too short, or not hexadecimal.
    #[error(
        "the key `{NAME}` is not {BYTES_MIN} or more bytes in hexadecimal digits; put back the file that was made at the first start"
    )]
    Form,
    /// The file beside the ledger cannot be read or made.
    #[error("the key file {path} cannot be used")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The ledger was written with a key that is not there any more.
    #[error(
        "the key `{NAME}` (fingerprint {fingerprint}) that the ledger was written with is missing: it is neither in the vault nor at {path}. Without it nobody who has a card already would be recognised. Put it back from the station's backup; if it is lost for good, `kartud ledger rekey` lets the next start make a new one"
    )]
    Lost {
        /// Of the key that is wanted.
        fingerprint: String,
        /// Where it would lie beside the ledger.
        path: PathBuf,
    },
    /// Another key is there than the ledger was written with.
    #[error(
        "the key `{NAME}` is another one (fingerprint {there}) than the ledger was written with (fingerprint {fingerprint}): nobody who has a card already would be recognised. Put the old key back from the station's backup; if it is lost for good, `kartud ledger rekey` lets the next start take the new one"
    )]
    Changed {
        /// Of the key that is wanted.
        fingerprint: String,
        /// Of the key that is there.
        there: String,
    },
}

impl HolderKey {
    /// The key of a station whose ledger lies at `ledger` and was written with the key of the fingerprint `known`. Where
    /// no key is known yet and none is there, one is made: in the vault's folder, or beside the ledger.
    ///
    /// # Errors
    /// [`HolderFault`].
    pub fn open(
        vault: &Vault,
        ledger: &Path,
        known: Option<&str>,
    ) -> Result<HolderKey, HolderFault> {
        let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty());
        let beside = folder.unwrap_or(Path::new(".")).join(BESIDE_THE_LEDGER);
        let found = match vault.key(NAME) {
            Ok(secret) => Some(secret),
            Err(VaultError::Missing { .. }) => Vault::file(&beside)?,
            Err(wrong) => return Err(wrong.into()),
        };
        let Some(secret) = found else {
            return match known {
                Some(known) => {
                    Err(HolderFault::Lost { fingerprint: known.to_owned(), path: beside })
                }
                None => make(vault, &beside),
            };
        };
        let bytes = secret.symmetric().filter(|bytes| bytes.len() >= BYTES_MIN);
        let key = HolderKey(bytes.ok_or(HolderFault::Form)?);
        match known {
            Some(known) if known != key.fingerprint() => Err(HolderFault::Changed {
                fingerprint: known.to_owned(),
                there: key.fingerprint(),
            }),
            _ => Ok(key),
        }
    }

    /// What tells this key from others and gives nothing of it away.
    pub fn fingerprint(&self) -> String {
        hex(&self.mac(&[b"the key itself"])[..FINGERPRINT_BYTES])
    }

    /// The hash of a holder. Blanks, dots and case do not count: they are how the value is written, not whose it is.
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

/// A new key in the vault's folder, or beside the ledger where there is no folder, or none that can be written.
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

/// For its owner alone, whole or not at all, and synced; never over another one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension("part");
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private_file::make_new(&part)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // A link, unlike a new name, never takes the place of a file that is there.
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
