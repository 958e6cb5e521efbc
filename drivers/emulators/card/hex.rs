//! Bytes as people write them in a settings file: hexadecimal text, with or without spaces. Knows no card.

use std::fmt::Write as _;

/// Bytes as text, without spaces.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// Text as bytes; the fault never shows the text, which may be a key.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.ok_or("a character is no hexadecimal digit")?;
    let (pairs, odd) = digits.as_chunks::<2>();
    if !odd.is_empty() {
        return Err("a hexadecimal digit is missing");
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
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
