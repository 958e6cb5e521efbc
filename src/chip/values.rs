//! What a profile is given from outside: data by name, and keys by the vault's name. Knows no profile.
//! Nothing of it is ever shown: `Debug` gives names only, and the memory is wiped.

use std::collections::BTreeMap;
use std::fmt;

use drivers::text::Text;
use zeroize::Zeroizing;

use crate::nearest::nearest;

/// Names of data that are no field of the job.
pub const PLAIN_NAMES: [&str; 3] = ["record", "photo", "card_number"];
/// Before the name of a field.
pub const FIELD: &str = "field:";
/// Before bytes that stand in the profile itself.
const HEX: &str = "hex:";

/// Bytes to be written, as a profile names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// A value by name: `record`, `field:nama`.
    Value(String),
    /// Bytes of the profile: `hex:E1101200`.
    Literal(Vec<u8>),
}

impl Data {
    /// Reads a name.
    ///
    /// # Errors
    /// What it must be, and which name is nearest.
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

/// Pairs of hexadecimal digits, blanks between them allowed.
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

    /// With these bytes under this name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(name.into(), Zeroizing::new(bytes.into()));
        self
    }

    /// The bytes of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|bytes| bytes.as_slice())
    }

    /// The bytes that a profile means; the error is the name that is missing.
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

/// Where keys and PINs come from: the vault.
pub trait KeySource {
    /// The bytes of the secret of this name (in a profile `vault:NAME`): a PIN, a sector key, or the three keys of a
    /// secure channel one after the other (ENC, MAC, DEK).
    ///
    /// # Errors
    /// [`KeyFault`]; never with anything of the secret.
    fn key(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault>;
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The vault has none of this name.
    #[error("the vault has no key of this name")]
    Missing,
    /// It is there and cannot be used.
    #[error("the vault's key cannot be used: {0}")]
    Unusable(String),
}
