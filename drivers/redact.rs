//! What of a device's own words may be kept: logs, events and the ledger are for good, and a device may say anything.
//! Knows no family.
//!
//! A faulty printer may answer with the data of the card before, and a program that is no printer with whatever
//! somebody likes. So an answer is quoted only if it is a word of its family's protocol, else by its length; and a
//! serial number or a version is believed only in the length and the characters of one, which no name, no number of a
//! person and no address has.

use std::fmt;

/// An answer as it may stand in an error: one of the protocol's own words, or its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redacted {
    /// A word of the family's closed list.
    Word(&'static str),
    /// Anything else, of so many bytes.
    Bytes(usize),
}

impl Redacted {
    /// What may be kept of `text`. `vocabulary`: every word of the family.
    pub fn of(text: &str, vocabulary: &[&'static str]) -> Self {
        let known = vocabulary.iter().find(|word| **word == text);
        known.map_or(Self::Bytes(text.chars().count()), |word| Self::Word(word))
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Bytes(bytes) => write!(f, "{bytes} bytes that are no known answer"),
        }
    }
}

/// A person's number in Indonesia has 16 digits: no designation is as long.
const DESIGNATION_MAX_CHARS: usize = 15;
/// Versions and serial numbers hold short series of letters (`EMU0000001`, `2.1 rev B`); names are longer.
const LETTERS_MAX: usize = 4;

/// A serial number or a version, as a device tells it: empty when it tells none, or something else.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Designation(String);

impl From<String> for Designation {
    fn from(text: String) -> Self {
        Self::read(&text)
    }
}

impl From<Designation> for String {
    fn from(designation: Designation) -> Self {
        designation.0
    }
}

impl Designation {
    /// Reads one; what is none tells nothing.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        Self(if is_designation(text) { text.to_owned() } else { String::new() })
    }

    /// The text; empty when there is none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Did the device tell none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Designation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_designation(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || " .-_/".contains(c);
    let letters = text.split(|c: char| !c.is_ascii_alphabetic()).map(str::len).max();
    text.len() <= DESIGNATION_MAX_CHARS
        && text.chars().all(fits)
        && text.contains(|c: char| c.is_ascii_digit())
        && letters.is_none_or(|letters| letters <= LETTERS_MAX)
}

/// The name of a reader or a USB device, as it may be shown: what is not printable ASCII becomes `*`, which addresses
/// take for anything, and none is longer than PC/SC lets a reader's name be.
pub fn name(text: &str) -> String {
    const NAME_MAX_CHARS: usize = 127;
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '*' };
    text.chars().take(NAME_MAX_CHARS).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_quoted_only_as_a_word_of_the_protocol() {
        let words = ["OK", "ERROR FEEDER"];
        assert_eq!(Redacted::of("ERROR FEEDER", &words).to_string(), "ERROR FEEDER");
        for (text, bytes) in [("ERROR FEEDER KENARI", 19), ("ok", 2), ("", 0), ("é", 1)] {
            assert_eq!(Redacted::of(text, &words), Redacted::Bytes(bytes), "{text}");
        }
        assert_eq!(Redacted::Bytes(23).to_string(), "23 bytes that are no known answer");
    }

    #[test]
    fn no_name_number_or_address_of_a_person_is_a_designation() {
        for good in ["10001234", "EMU0000001", "EMU 1.0", "P1", "A1", "2.1-rev_B/3", " 77 "] {
            assert_eq!(Designation::read(good).as_str(), good.trim());
        }
        for bad in [
            "1301050704159002",
            "1301 0507 0415 9",
            "KENARI",
            "KENARI 7",
            "JALAN NO. 7",
            "A1\u{7}",
            "é1",
            "EMU",
            "",
        ] {
            assert!(Designation::read(bad).is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert_eq!(name("Gemalto PC Twin (1A) 00 00"), "Gemalto PC Twin (1A) 00 00");
        assert_eq!(name("Pembaca\u{1b}[2Jé"), "Pembaca*[2J*");
        assert_eq!(name(&"x".repeat(500)).len(), 127);
    }
}
