//! The inputs of a profile: data by name, and keys by their name in the vault. Knows no profile. None of it is ever
//! shown: `Debug` shows only names, and memory is wiped.

use std::collections::BTreeMap;
use std::fmt;

use drivers::text::Text;
use zeroize::Zeroizing;

use crate::nearest::nearest;

/// Names of data that are not fields of the job.
pub const PLAIN_NAMES: [&str; 3] = ["record", "photo", "card_number"];
/// Prefix of a field's name.
pub const FIELD: &str = "field:";
/// Prefix of bytes in the profile itself.
const HEX: &str = "hex:";

/// Bytes to write, as a profile names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// A named value: `record`, `field:nama`.
    Value(String),
    /// Literal bytes: `hex:E1101200`.
    Literal(Vec<u8>),
}

impl Data {
    /// Parses a name.
    ///
    /// # Errors
    /// Which forms are allowed, and the nearest known name.
    pub fn parse(text: &str) -> Result<Data, Text> {
        if let Some(digits) = text.strip_prefix(HEX) {
            let bytes = hex(digits).filter(|bytes| !bytes.is_empty());
            return bytes.map(Data::Literal).ok_or_else(|| {
                Text::fixed(
                    "sesudah hex: harus ada angka heksadesimal berpasangan.",
                    "hex: must be followed by pairs of hexadecimal digits.",
                )
            });
        }
        let field = text.strip_prefix(FIELD).is_some_and(|name| !name.is_empty());
        if field || PLAIN_NAMES.contains(&text) {
            return Ok(Data::Value(text.to_owned()));
        }
        let near = nearest(text, PLAIN_NAMES.into_iter().chain([FIELD])).unwrap_or("-");
        Err(Text::new(
            format!("data ini tidak dikenal; yang paling mirip: {near}."),
            format!("there is no such data; the nearest is {near}."),
        ))
    }

    /// The name, if it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Data::Value(name) => Some(name),
            Data::Literal(_) => None,
        }
    }
}

/// Parses pairs of hexadecimal digits, with blanks allowed between them.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    base16ct::mixed::decode_vec(digits).ok()
}

/// Named bytes of one card: the record, the photo, fields. Wiped when dropped.
#[derive(Clone, Default)]
pub struct Values(BTreeMap<String, Zeroizing<Vec<u8>>>);

impl Values {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes under this name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(name.into(), Zeroizing::new(bytes.into()));
        self
    }

    /// The bytes of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|bytes| bytes.as_slice())
    }

    /// The bytes of data in a profile; the error is the missing name.
    pub(super) fn of<'v>(&'v self, data: &'v Data) -> Result<&'v [u8], String> {
        match data {
            Data::Literal(bytes) => Ok(bytes),
            Data::Value(name) => self.get(name).ok_or_else(|| name.clone()),
        }
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A source of keys and PINs: the vault.
pub trait KeySource {
    /// The bytes of the secret of this name (in a profile `vault:NAME`): a PIN, a sector key, or the three concatenated
    /// keys of a secure channel (ENC, MAC, DEK).
    ///
    /// # Errors
    /// [`KeyFault`]; never with anything of the secret.
    fn key(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault>;
}

/// Why a key is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The vault has no key of this name.
    #[error("the vault has no key of this name")]
    Missing,
    /// The key exists and cannot be used.
    #[error("the vault's key cannot be used: {0}")]
    Unusable(String),
}
