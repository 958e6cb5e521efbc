//! Bytes as people write them in a settings file: hexadecimal text, with or without spaces. Knows no card.

use base16ct::{Error, mixed};
use zeroize::Zeroizing;

pub(crate) use base16ct::upper::encode_string as text;

/// Decodes text in constant time, since it may be a key; for the same reason the error never shows it.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut digits = Zeroizing::new(String::with_capacity(text.len()));
    digits.extend(text.split_whitespace());
    mixed::decode_vec(digits.as_bytes()).map_err(|fault| match fault {
        Error::InvalidEncoding => "a character is no hexadecimal digit",
        Error::InvalidLength => "a hexadecimal digit is missing",
    })
}

/// For `#[serde(with)]` on bytes.
pub(crate) mod blob {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::text(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        super::bytes(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(with)]` on a number of two bytes: the name of a file, a status word.
pub(crate) mod word {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(word: &u16, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{word:04X}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
        let bytes = super::bytes(&String::deserialize(from)?).map_err(D::Error::custom)?;
        let word = <[u8; 2]>::try_from(bytes).map_err(|_| D::Error::custom("not four digits"))?;
        Ok(u16::from_be_bytes(word))
    }
}
