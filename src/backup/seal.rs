//! The station's keys, sealed to somebody's public key (HPKE, RFC 9180), so that a copy may carry them and its thief still
//! has none. Shows no key in any error; what is opened is wiped when dropped.
//!
//! A recipient is a public key of P-256 in PEM, as `kartud keys new` prints one and `openssl ec -pubout` writes one; its
//! owner keeps the private key away from the station.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use drivers::private_file;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::holder;
use crate::record::PublicKey;
use crate::small_file;
use crate::vault::{Vault, check_name};

/// The form of the sealed file, bound into every seal.
const FORMAT: &str = "kartu-sealed-keys/1";
/// Largest file that is read, bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// To whom keys are sealed.
#[derive(Debug, Clone)]
pub struct Recipient(PublicKey);

/// Who opens what was sealed. Wiped when dropped.
pub struct Identity(<DhP256HkdfSha256 as Kem>::PrivateKey);

/// Why keys cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealFault {
    /// The recipient's file.
    #[error("{path} is no public key of P-256 in PEM, to which the keys could be sealed: {why}")]
    Recipient {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The private key.
    #[error(
        "{path} is no private key of P-256 in PEM (PKCS#8 or SEC1), readable by its owner alone: {why}"
    )]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A key's file is not text.
    #[error("the key {0} is no text, so it cannot be sealed")]
    NoText(String),
    /// There is nothing to seal.
    #[error("there is no key to seal: neither the vault nor the ledger's folder has one")]
    NoKeys,
    /// The sealed file is torn, or was sealed to somebody else.
    #[error(
        "the sealed keys {path} cannot be opened with this private key: they were sealed to another one, or are damaged"
    )]
    NotOpened {
        /// The file.
        path: PathBuf,
    },
    /// A key's name would lead out of the folder of keys.
    #[error(
        "the sealed keys {path} have one of the name {name:?}, which no station gives to a key: somebody else sealed them; nothing was changed. Take another copy"
    )]
    Name {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Another key of that name is there.
    #[error(
        "{0} is there and is another key than the one in the copy; nothing was changed. Move it away first, and keep both"
    )]
    OtherKey(PathBuf),
    /// A key cannot be written.
    #[error("the key {path} cannot be written")]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The system gives no randomness, or the library refused the recipient.
    #[error("the keys cannot be sealed to this public key")]
    Unsealed,
}

/// One recipient's seal.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// The recipient's id, as `kartud keys show` names keys.
    recipient: String,
    /// The encapsulated key, base64.
    enc: String,
    /// The sealed keys, base64.
    sealed: String,
}

#[derive(Serialize, Deserialize)]
struct SealedFile {
    format: String,
    seals: Vec<Sealed>,
}

/// Keys by name, as the text of their files. Wiped when dropped.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<String, Zeroizing<String>>);

impl Recipient {
    /// Reads a recipient's file: PEM, or the entry that `kartud keys new` printed.
    ///
    /// # Errors
    /// [`SealFault::Recipient`].
    pub fn read(path: &Path) -> Result<Recipient, SealFault> {
        let refuse = |why: String| SealFault::Recipient { path: path.to_owned(), why };
        let text = small_file::read_text(path, BYTES_MAX).map_err(|e| refuse(e.to_string()))?;
        const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
        const END: &str = "-----END PUBLIC KEY-----";
        let pem = text.find(BEGIN).zip(text.find(END)).filter(|(begin, end)| begin < end);
        let (begin, end) = pem.ok_or_else(|| refuse(format!("it has no {BEGIN}")))?;
        let key = PublicKey::of_pem("backup", &text[begin..end + END.len()]);
        key.map(Recipient).ok_or_else(|| refuse("what it has is another kind of key".into()))
    }
}

impl Identity {
    /// Reads a private key's file, which nobody else may read.
    ///
    /// # Errors
    /// [`SealFault::Identity`].
    pub fn read(path: &Path) -> Result<Identity, SealFault> {
        let refuse = |why: &str| SealFault::Identity { path: path.to_owned(), why: why.to_owned() };
        let secret = Vault::file(path).map_err(|error| refuse(&error.to_string()))?;
        let secret = secret.ok_or_else(|| refuse("it is not there"))?;
        let key = secret.signing().ok_or_else(|| refuse("it has another form"))?;
        let bytes = Zeroizing::new(key.to_bytes());
        let key = <DhP256HkdfSha256 as Kem>::PrivateKey::from_bytes(&bytes);
        key.map(Identity).map_err(|_| refuse("it is no number of this curve"))
    }
}

/// Every key of the station: the vault's, and the one beside the ledger.
pub(super) fn gather(vault: &Vault, ledger: &Path) -> Result<Keys, super::BackupError> {
    let mut keys = Keys::default();
    for name in vault.names()? {
        keys.add(&name, vault.key(&name)?.as_bytes())?;
    }
    if !keys.0.contains_key(holder::NAME)
        && let Some(beside) = Vault::file(&holder::beside(ledger))?
    {
        keys.add(holder::NAME, beside.as_bytes())?;
    }
    if keys.0.is_empty() {
        return Err(SealFault::NoKeys.into());
    }
    Ok(keys)
}

impl Keys {
    pub fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), SealFault> {
        let text = str::from_utf8(bytes).map_err(|_| SealFault::NoText(name.to_owned()))?;
        self.0.insert(name.to_owned(), Zeroizing::new(text.to_owned()));
        Ok(())
    }

    /// Writes the keys where the station looks for them: into the vault's folder, or `holder` beside the ledger. Returns the
    /// names of those that had no place.
    pub fn put_back(&self, vault: &Vault, ledger: &Path) -> Result<Vec<String>, SealFault> {
        let place = |name: &str| match vault.folder() {
            Some(folder) => Some(folder.join(name)),
            None => (name == holder::NAME).then(|| holder::beside(ledger)),
        };
        let mut without = Vec::new();
        for (name, text) in &self.0 {
            match place(name) {
                Some(path) => write(&path, text)?,
                None => without.push(name.clone()),
            }
        }
        Ok(without)
    }

    /// Is one of them there already, and another key? Then nothing of the copy may be put back.
    /// `beside`: the file beside the ledger, unless that is put aside.
    pub fn check(&self, vault: &Vault, beside: Option<&Path>) -> Result<(), SealFault> {
        let folder = vault.folder();
        for (name, text) in &self.0 {
            let in_the_vault = folder.map(|folder| folder.join(name));
            let beside = beside.filter(|_| name == holder::NAME).map(Path::to_owned);
            for path in in_the_vault.into_iter().chain(beside) {
                let there = fs::read(&path).map(Zeroizing::new);
                if there.is_ok_and(|there| there.trim_ascii() != text.as_bytes().trim_ascii()) {
                    return Err(SealFault::OtherKey(path));
                }
            }
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<(), SealFault> {
    if path.exists() {
        // It is the same key, see `Keys::check`.
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = private_file::make_folder(folder).and_then(|()| {
        let mut file = private_file::make_new(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        private_file::give_to_owner_of_folder(path)?;
        private_file::sync_folder_of(path)
    });
    written.map_err(|source| SealFault::Unwritten { path: path.to_owned(), source })
}

/// The sealed file: one seal for each recipient.
pub(super) fn seal(keys: &Keys, recipients: &[Recipient]) -> Result<Vec<u8>, SealFault> {
    let plain: BTreeMap<&str, &str> =
        keys.0.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let plain = Zeroizing::new(serde_json::to_vec(&plain).map_err(|_| SealFault::Unsealed)?);
    let mut seals = Vec::new();
    for Recipient(recipient) in recipients {
        let point = recipient.to_point();
        let public = <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(&point);
        let public = public.map_err(|_| SealFault::Unsealed)?;
        let (enc, sealed) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
            &OpModeS::Base,
            &public,
            FORMAT.as_bytes(),
            &plain,
            b"",
        )
        .map_err(|_| SealFault::Unsealed)?;
        seals.push(Sealed {
            recipient: recipient.kid(),
            enc: BASE64.encode(enc.to_bytes()),
            sealed: BASE64.encode(sealed),
        });
    }
    let file = SealedFile { format: FORMAT.to_owned(), seals };
    serde_json::to_vec_pretty(&file).map_err(|_| SealFault::Unsealed)
}

/// The keys in a sealed file.
pub(super) fn open(path: &Path, identity: &Identity) -> Result<Keys, SealFault> {
    let not_opened = || SealFault::NotOpened { path: path.to_owned() };
    let text = small_file::read_text(path, BYTES_MAX).map_err(|_| not_opened())?;
    let file: SealedFile = serde_json::from_str(&text).map_err(|_| not_opened())?;
    let plain = file.seals.iter().find_map(|seal| opened(seal, identity)).ok_or_else(not_opened)?;
    let texts: BTreeMap<String, String> =
        serde_json::from_slice(&plain).map_err(|_| not_opened())?;
    // Whoever has the public key can seal; a name becomes the name of a file.
    if let Some(name) = texts.keys().find(|name| check_name(name).is_err()) {
        return Err(SealFault::Name { path: path.to_owned(), name: name.clone() });
    }
    Ok(Keys(texts.into_iter().map(|(name, text)| (name, Zeroizing::new(text))).collect()))
}

fn opened(seal: &Sealed, Identity(identity): &Identity) -> Option<Zeroizing<Vec<u8>>> {
    let enc = BASE64.decode(&seal.enc).ok()?;
    let enc = <DhP256HkdfSha256 as Kem>::EncappedKey::from_bytes(&enc).ok()?;
    let sealed = BASE64.decode(&seal.sealed).ok()?;
    hpke::single_shot_open::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
        &OpModeR::Base,
        identity,
        &enc,
        FORMAT.as_bytes(),
        &sealed,
        b"",
    )
    .ok()
    .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "404142434445464748494a4b4c4d4e4f";

    fn identity(folder: &Path, name: &str) -> (Identity, Recipient) {
        let key = Vault::make_signing_key(folder, name).unwrap();
        let public = PublicKey::new(name, *key.verifying_key());
        let list = folder.join(format!("{name}.toml"));
        fs::write(&list, public.to_toml()).unwrap();
        let recipient = Recipient::read(&list).unwrap();
        (Identity::read(&folder.join(name)).unwrap(), recipient)
    }

    #[test]
    fn what_was_sealed_is_opened_by_each_recipient_and_by_nobody_else() {
        let dir = tempfile::TempDir::new().unwrap();
        let (one, to_one) = identity(dir.path(), "one");
        let (two, to_two) = identity(dir.path(), "two");
        let (other, _) = identity(dir.path(), "other");
        let mut keys = Keys::default();
        keys.add("holder", HEX.as_bytes()).unwrap();
        let path = dir.path().join("keys.sealed");
        let bytes = seal(&keys, &[to_one, to_two]).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(HEX));
        fs::write(&path, &bytes).unwrap();
        for identity in [one, two] {
            assert_eq!(*open(&path, &identity).unwrap().0["holder"], HEX);
        }
        assert!(matches!(open(&path, &other), Err(SealFault::NotOpened { .. })));
    }

    #[test]
    fn a_sealed_name_never_leads_out_of_the_folder_of_keys() {
        let dir = tempfile::TempDir::new().unwrap();
        let (identity, to) = identity(dir.path(), "one");
        let path = dir.path().join("keys.sealed");
        for name in ["../other", "/etc/other", "", ".hidden", "a/b"] {
            let mut keys = Keys::default();
            keys.add(name, HEX.as_bytes()).unwrap();
            fs::write(&path, seal(&keys, std::slice::from_ref(&to)).unwrap()).unwrap();
            assert!(matches!(open(&path, &identity), Err(SealFault::Name { .. })), "{name}");
        }
    }

    #[test]
    fn a_seal_that_was_changed_anywhere_does_not_open() {
        let dir = tempfile::TempDir::new().unwrap();
        let (identity, to) = identity(dir.path(), "one");
        let mut keys = Keys::default();
        keys.add("holder", HEX.as_bytes()).unwrap();
        let file: SealedFile = serde_json::from_slice(&seal(&keys, &[to]).unwrap()).unwrap();
        let whole = &file.seals[0];
        let sealed = BASE64.decode(&whole.sealed).unwrap();
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone();
            bytes[at] ^= 1;
            let changed = Sealed {
                recipient: whole.recipient.clone(),
                enc: whole.enc.clone(),
                sealed: BASE64.encode(bytes),
            };
            assert!(opened(&changed, &identity).is_none(), "byte {at}");
        }
    }

    #[test]
    fn another_key_of_that_name_is_never_replaced() {
        let dir = tempfile::TempDir::new().unwrap();
        let ledger = dir.path().join("ledger.db");
        let beside = holder::beside(&ledger);
        let mut keys = Keys::default();
        keys.add("holder", HEX.as_bytes()).unwrap();
        keys.add("document", b"PEM").unwrap();
        let vault = Vault::of(None, None);
        assert_eq!(keys.put_back(&vault, &ledger).unwrap(), ["document"], "it has no place");
        keys.check(&vault, Some(&beside)).unwrap();
        keys.put_back(&vault, &ledger).unwrap();
        fs::write(&beside, "00").unwrap();
        assert!(matches!(keys.check(&vault, Some(&beside)), Err(SealFault::OtherKey(_))));
        keys.check(&vault, None).unwrap();
    }
}
