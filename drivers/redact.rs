//! Decides which part of a device's answer may be stored: logs, events and the ledger are kept, and a device may answer
//! anything. Knows no family.
//!
//! A faulty printer may answer with the previous card's data, and a program that only poses as a printer with anything
//! at all. So an answer is quoted only if it is a word of its family's protocol; otherwise only its length is. A serial
//! number or version is accepted only if its length and characters rule out a name, a person's number and an address.

use std::fmt;

/// An answer as it may appear in an error: one of the protocol's own words, or its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redacted {
    /// A word of the family's closed list.
    Word(&'static str),
    /// Any other answer, by its length in bytes.
    Bytes(usize),
}

impl Redacted {
    /// Reduces `text` to what may be kept. `vocabulary`: every word of the family.
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

/// A person's number in Indonesia has 16 digits, so a designation must be shorter.
const DESIGNATION_MAX_CHARS: usize = 15;
/// Versions and serial numbers have only short runs of letters (`EMU0000001`, `2.1 rev B`); names have longer ones.
const LETTERS_MAX: usize = 4;

/// A serial number or version that a device reported; empty if it reported none or something else.
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
    /// Accepts a designation; anything else becomes empty.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        Self(if is_designation(text) { text.to_owned() } else { String::new() })
    }

    /// The text; empty when there is none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is there none?
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

/// The name of a reader or a USB device, made safe to show: anything but printable ASCII becomes `*`, which addresses
/// take as a wildcard, and the length is limited to that of a PC/SC reader name.
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
