//! The vault: keys by name, from systemd's credentials or from a folder of files that nobody else may read. Knows no
//! use of a key; shows none in any error, and `Debug` prints `***`.
//!
//! A key is a file `NAME`: PEM (PKCS#8 or SEC1) where it signs, hexadecimal digits where it is symmetric. Looked up in
//! `$CREDENTIALS_DIRECTORY` first (`LoadCredentialEncrypted=NAME:…` in the unit), then in `[vault] folder`, whose files
//! must be 0600 or narrower. Key bytes are wiped when dropped; the program leaves no core dump (`cli/mod.rs`).

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use drivers::private_file;
use p256::SecretKey;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use zeroize::Zeroizing;

use crate::chip::{KeyFault, KeySource};

/// Largest key file, bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024;
/// Longest name, bytes.
const NAME_BYTES_MAX: usize = 64;
/// Access bits of other users on a key's file: none may be set.
const OTHERS: u32 = 0o077;
/// Write bits of other users on the folder: only its owner may put files into it.
const OTHERS_WRITE: u32 = 0o022;

/// Keys by name.
#[derive(Debug, Clone)]
pub struct Vault {
    credentials: Option<PathBuf>,
    folder: Option<PathBuf>,
}

/// The content of a key's file. Wiped when dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a key is unavailable. Names files and keys, never their content.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Not a valid name: `[a-z0-9._-]`, at most 64 characters, not beginning with a dot.
    #[error("{0:?} is no name of a key: use a-z, 0-9, dot, dash and underscore")]
    Name(String),
    /// Neither place contains it.
    #[error("the vault has no key {name}; looked in {places}")]
    Missing {
        /// Its name.
        name: String,
        /// The places that were searched.
        places: String,
    },
    /// Other users can access the folder or a file in it.
    #[error(
        "{path} is open to others (mode {mode:04o}); chmod {wanted} it, and if others may have read it, make a new key"
    )]
    TooOpen {
        /// The path.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The required mode.
        wanted: &'static str,
    },
    /// It cannot be read or written.
    #[error("{path} cannot be used")]
    Unusable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It already exists; a key is never overwritten.
    #[error("{0} is there already; a key is never overwritten, choose another name")]
    Exists(PathBuf),
    /// It is not a key of the required kind.
    #[error("the key {name} is not {wanted}")]
    Form {
        /// Its name.
        name: String,
        /// The required kind.
        wanted: &'static str,
    },
    /// The operating system provides no randomness.
    #[error("the operating system gives no randomness for a new key")]
    NoRandomness,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Secret {
    /// The file's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes of a symmetric key; blanks and line ends between its digits are ignored. `None`: not hexadecimal.
    pub fn symmetric(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.len() / 2));
        let mut high = None;
        for digit in self.0.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            let digit = char::from(*digit).to_digit(16)? as u8;
            match high.take() {
                None => high = Some(digit),
                Some(high) => bytes.push(high << 4 | digit),
            }
        }
        (high.is_none() && !bytes.is_empty()).then_some(bytes)
    }

    /// The P-256 signing key; wiped when dropped. `None`: not PEM of one, PKCS#8 or SEC1.
    pub fn signing(&self) -> Option<SigningKey> {
        let text = str::from_utf8(&self.0).ok()?.trim();
        let pkcs8 = || SecretKey::from_pkcs8_pem(text).ok();
        SecretKey::from_sec1_pem(text).ok().or_else(pkcs8).map(SigningKey::from)
    }
}

impl KeySource for Vault {
    /// A chip's key is symmetric, or a PIN: hexadecimal digits.
    fn key(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
        let secret = Vault::key(self, name).map_err(|why| match why {
            VaultError::Missing { .. } => KeyFault::Missing,
            other => KeyFault::Unusable(other.to_string()),
        })?;
        secret.symmetric().ok_or_else(|| KeyFault::Unusable("it is not hexadecimal".to_owned()))
    }
}

impl Vault {
    /// The vault of this process: `$CREDENTIALS_DIRECTORY`, then `folder`; an empty path means none.
    pub fn open(folder: &Path) -> Vault {
        let folder = (!folder.as_os_str().is_empty()).then(|| folder.to_owned());
        Self::of(std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from), folder)
    }

    /// A vault with both places passed in.
    pub fn of(credentials: Option<PathBuf>, folder: Option<PathBuf>) -> Vault {
        Vault { credentials, folder }
    }

    /// The folder of keys, if one is named.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The names of all keys in both places, in alphabetical order.
    ///
    /// # Errors
    /// [`VaultError::Unusable`].
    pub fn names(&self) -> Result<Vec<String>, VaultError> {
        let mut names = BTreeSet::new();
        for folder in [&self.credentials, &self.folder].into_iter().flatten() {
            let entries = match fs::read_dir(folder) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(unusable(folder))?,
            };
            for entry in entries {
                let entry = entry.map_err(unusable(folder))?;
                let name = entry.file_name().into_string().unwrap_or_default();
                if check_name(&name).is_ok() && entry.path().is_file() {
                    names.insert(name);
                }
            }
        }
        Ok(names.into_iter().collect())
    }

    /// A key's file outside the vault, checked like those in it; `None`: it does not exist.
    ///
    /// # Errors
    /// [`VaultError::Unusable`] or [`VaultError::TooOpen`].
    pub fn file(path: &Path) -> Result<Option<Secret>, VaultError> {
        read(path, OTHERS)
    }

    /// The bytes of a new symmetric key, as long as a private key of P-256.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn random() -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let key = SecretKey::try_generate().map_err(|_| VaultError::NoRandomness)?;
        Ok(Zeroizing::new(key.to_bytes().to_vec()))
    }

    /// Checks that the folder, if one is named, exists and is closed to other users.
    ///
    /// # Errors
    /// [`VaultError::Unusable`] or [`VaultError::TooOpen`].
    pub fn check(&self) -> Result<(), VaultError> {
        let Some(path) = &self.folder else { return Ok(()) };
        let meta = fs::metadata(path).map_err(unusable(path))?;
        if !meta.is_dir() {
            return Err(unusable(path)(io::ErrorKind::NotADirectory.into()));
        }
        closed(path, meta.mode(), OTHERS_WRITE, "0700")
    }

    /// The key of this name.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn key(&self, name: &str) -> Result<Secret, VaultError> {
        check_name(name)?;
        // systemd makes these readable for this service alone, by an access list that shows in the mode.
        let credential = self.credentials.as_ref().map(|folder| folder.join(name));
        if let Some(found) = credential.map(|path| read(&path, 0)).transpose()?.flatten() {
            return Ok(found);
        }
        if let Some(folder) = &self.folder {
            self.check()?;
            if let Some(found) = read(&folder.join(name), OTHERS)? {
                return Ok(found);
            }
        }
        let places = [&self.credentials, &self.folder].into_iter().flatten();
        let places: Vec<_> = places.map(|path| path.display().to_string()).collect();
        let places = if places.is_empty() {
            "no place: vault.folder is empty".into()
        } else {
            places.join(", ")
        };
        Err(VaultError::Missing { name: name.to_owned(), places })
    }

    /// The signing key of this name.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn signing_key(&self, name: &str) -> Result<SigningKey, VaultError> {
        let wanted = "a private key of P-256 in PEM (PKCS#8 or SEC1)";
        let form = || VaultError::Form { name: name.to_owned(), wanted };
        self.key(name)?.signing().ok_or_else(form)
    }

    /// Makes a new P-256 key in a folder (created with 0700 if missing) as a file with 0600, PKCS#8 PEM, synced.
    ///
    /// # Errors
    /// [`VaultError`]; nothing is ever overwritten.
    pub fn make_signing_key(folder: &Path, name: &str) -> Result<SigningKey, VaultError> {
        check_name(name)?;
        private_file::make_folder(folder).map_err(unusable(folder))?;
        Vault::of(None, Some(folder.to_owned())).check()?;
        let key = SecretKey::try_generate().map_err(|_| VaultError::NoRandomness)?;
        let pem = key.to_pkcs8_pem(LineEnding::LF).expect("a key of P-256 has a PEM form");
        let path = folder.join(name);
        let mut file = private_file::make_new(&path).map_err(|why| match why.kind() {
            io::ErrorKind::AlreadyExists => VaultError::Exists(path.clone()),
            _ => unusable(&path)(why),
        })?;
        let written = file.write_all(pem.as_bytes()).and_then(|()| file.sync_all());
        written.and_then(|()| private_file::sync_folder_of(&path)).map_err(unusable(&path))?;
        Ok(SigningKey::from(key))
    }
}

/// Reads a key's file, if it exists; the permissions of the opened file are checked, not those of the name.
fn read(path: &Path, forbidden: u32) -> Result<Option<Secret>, VaultError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(unusable(path)(why)),
    };
    let meta = file.metadata().map_err(unusable(path))?;
    if !meta.is_file() || meta.len() > FILE_BYTES_MAX {
        return Err(unusable(path)(io::Error::other("this is no file of a key")));
    }
    closed(path, meta.mode(), forbidden, "0600")?;
    // Allocate all of it at once, because a growing vector would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize + 64));
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unusable(path))?;
    Ok(Some(Secret(bytes)))
}

fn closed(path: &Path, mode: u32, forbidden: u32, wanted: &'static str) -> Result<(), VaultError> {
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(VaultError::TooOpen { path: path.to_owned(), mode: mode & 0o7777, wanted })
}

/// # Errors
/// [`VaultError::Name`]: no key has such a name.
pub(crate) fn check_name(name: &str) -> Result<(), VaultError> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.starts_with('.');
    let known = fits && name.bytes().all(allowed);
    known.then_some(()).ok_or_else(|| VaultError::Name(name.to_owned()))
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> VaultError {
    let path = path.to_owned();
    move |source| VaultError::Unusable { path: path.clone(), source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const HEX: &str = "404142434445464748494a4b4c4d4e4f";
    /// RFC 6979, A.2.5, in both forms, by `openssl ec` and `openssl pkcs8 -topk8`.
    const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----\n\
        MHcCAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49\n\
        AwEHoUQDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8\n\
        maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n\
        -----END EC PRIVATE KEY-----\n";
    const PKCS8: &str = "-----BEGIN PRIVATE KEY-----\n\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX\n\
        Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth\n\
        +mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ\n\
        -----END PRIVATE KEY-----\n";

    fn put(folder: &Path, name: &str, text: &str, mode: u32) {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn private_folder() -> tempfile::TempDir {
        let folder = tempfile::TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        folder
    }

    #[test]
    fn a_key_comes_from_the_credentials_first() {
        let (folder, credentials) = (private_folder(), private_folder());
        put(folder.path(), "kia-isd", "00", 0o600);
        put(folder.path(), "other", "0a 0B\n", 0o400);
        put(credentials.path(), "kia-isd", HEX, 0o440);
        let vault = Vault::of(Some(credentials.path().into()), Some(folder.path().into()));
        let key = vault.key("kia-isd").unwrap();
        assert_eq!(key.as_bytes(), HEX.as_bytes());
        assert_eq!(key.symmetric().unwrap()[..3], [0x40, 0x41, 0x42]);
        assert_eq!(vault.key("other").unwrap().symmetric().unwrap()[..], [0x0a, 0x0b]);
        assert!(matches!(vault.key("third"), Err(VaultError::Missing { .. })));
        let nowhere = Vault::of(None, None).key("third").unwrap_err();
        assert!(nowhere.to_string().contains("vault.folder is empty"), "{nowhere}");
    }

    #[test]
    fn what_others_can_reach_is_refused() {
        let folder = private_folder();
        let vault = Vault::of(None, Some(folder.path().into()));
        for mode in [0o640, 0o604, 0o660, 0o610] {
            put(folder.path(), "key", HEX, mode);
            assert!(matches!(vault.key("key"), Err(VaultError::TooOpen { .. })), "{mode:o}");
        }
        put(folder.path(), "key", HEX, 0o600);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o770)).unwrap();
        let told = vault.key("key").unwrap_err().to_string();
        assert!(told.contains("0770") && told.contains("0700") && !told.contains("4041"), "{told}");
        assert!(vault.check().is_err());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(vault.key("key").is_ok(), "others may know which keys there are");
        assert!(Vault::of(None, Some(folder.path().join("not-there"))).check().is_err());
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        let vault = Vault::of(None, Some(private_folder().path().into()));
        for name in ["", "..", ".hidden", "a/b", "/etc/shadow", "A", "a b", &"x".repeat(65)] {
            assert!(matches!(vault.key(name), Err(VaultError::Name(_))), "{name}");
        }
    }

    #[test]
    fn both_forms_of_a_signing_key_are_read_and_anything_else_is_not() {
        let folder = private_folder();
        let vault = Vault::of(None, Some(folder.path().into()));
        put(folder.path(), "sec1", SEC1, 0o600);
        put(folder.path(), "pkcs8", PKCS8, 0o600);
        assert_eq!(vault.signing_key("sec1").unwrap(), vault.signing_key("pkcs8").unwrap());
        put(folder.path(), "cut", &PKCS8[..120], 0o600);
        let told = format!("{:?}", vault.signing_key("cut").unwrap_err());
        assert!(told.contains("PEM") && !told.contains("MIGH"), "{told}");
        for wrong in ["", "0", "0g", HEX.get(1..).unwrap(), SEC1] {
            put(folder.path(), "hex", wrong, 0o600);
            assert!(vault.key("hex").unwrap().symmetric().is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_new_key_is_closed_and_never_overwritten() {
        let parent = private_folder();
        let folder = parent.path().join("keys");
        let made = Vault::make_signing_key(&folder, "document").unwrap();
        let vault = Vault::of(None, Some(folder.clone()));
        assert_eq!(vault.signing_key("document").unwrap(), made);
        assert_eq!(fs::metadata(folder.join("document")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        let again = Vault::make_signing_key(&folder, "document");
        assert!(matches!(again, Err(VaultError::Exists(_))));
        assert_eq!(vault.signing_key("document").unwrap(), made);
        assert_ne!(Vault::make_signing_key(&folder, "second").unwrap(), made);
    }

    #[test]
    fn a_secret_shows_nothing() {
        let folder = private_folder();
        put(folder.path(), "key", HEX, 0o600);
        let vault = Vault::of(None, Some(folder.path().into()));
        assert_eq!(format!("{:?}", vault.key("key")), "Ok(***)");
    }
}
