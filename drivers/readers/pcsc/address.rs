//! The address of a reader in the configuration. Opens nothing and knows no PC/SC.
//!
//! There is no "the first reader": a printer may hold a contact and a contactless one, and the office may have a third.
//! pcscd numbers its readers in the order in which they were plugged in, and puts the number at the end of their names
//! (`ACS ACR1281 1S Dual Reader 00 01`: reader 00, slot 01), so a name may leave out what changes with `*`.

use std::fmt;
use std::str::FromStr;

use crate::transport::usb::UsbName;

/// The conditions that a reader must meet; at least one of the two is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The socket or serial number of its USB device.
    pub usb: Option<UsbName>,
    /// Its name in pcscd.
    pub name: Option<Pattern>,
}

/// A name in which every `*` matches any text, including none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(String);

/// An address that names no reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no card reader; write reader:NAME as pcscd tells it (* stands for what changes), usb:port=BUS-PORT, \
     usb:serial=NUMBER, or usb:port=BUS-PORT reader:NAME where one USB device is several readers"
)]
pub(super) struct NoReaderName(String);

impl FromStr for Address {
    type Err = NoReaderName;

    fn from_str(typed: &str) -> Result<Self, NoReaderName> {
        let wrong = || NoReaderName(typed.to_owned());
        let pattern = |name: &str| Pattern::new(name).ok_or_else(wrong);
        if let Some(name) = typed.strip_prefix("reader:") {
            return Ok(Self { usb: None, name: Some(pattern(name)?) });
        }
        let usb = typed.strip_prefix("usb:").ok_or_else(wrong)?;
        let (usb, name) = match usb.split_once(" reader:") {
            Some((usb, name)) => (usb, Some(pattern(name)?)),
            None => (usb, None),
        };
        Ok(Self { usb: Some(usb.parse().map_err(|_| wrong())?), name })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.usb, &self.name) {
            (Some(usb), Some(name)) => write!(f, "{usb} reader:{}", name.0),
            (Some(usb), None) => write!(f, "{usb}"),
            (None, name) => write!(f, "reader:{}", name.as_ref().map_or("", |name| &name.0)),
        }
    }
}

impl Pattern {
    /// `None` for a pattern that would match every reader.
    pub fn new(text: &str) -> Option<Self> {
        let says_something = text.chars().any(|c| c != '*' && !c.is_whitespace());
        (says_something && !text.contains(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// Does the pattern match the whole name?
    pub fn fits(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return self.0 == name;
        };
        let Some(mut left) = name.strip_prefix(first) else {
            return false;
        };
        // Every piece but the last is best matched as early as possible; the last must match at the end.
        let mut pieces: Vec<&str> = rest.split('*').collect();
        let last = pieces.pop().unwrap_or_default();
        for piece in pieces {
            match left.find(piece) {
                Some(at) => left = &left[at + piece.len()..],
                None => return false,
            }
        }
        left.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_whole_and_a_star_stands_for_what_changes() {
        let fits = |pattern: &str, name: &str| Pattern::new(pattern).unwrap().fits(name);
        let picc = "ACS ACR1281 1S Dual Reader (5) 00 01";
        assert!(fits(picc, picc));
        assert!(!fits("ACS ACR1281 1S Dual Reader (5) 00", picc), "not by its beginning");
        for good in
            ["ACS ACR1281*01", "*01", "ACS*", "*Dual*", "ACS * Dual Reader * 0* 01", "ACS**01"]
        {
            assert!(fits(good, picc), "{good}");
        }
        for bad in ["ACS ACR1281*00", "*Dual", "acs*", "*01*01*01", "ACS *Dual*Dual*"] {
            assert!(!fits(bad, picc), "{bad}");
        }
        assert!(!fits("aba*ba", "aba"), "one letter is not used twice");
    }

    #[test]
    fn addresses_are_read_and_written_alike_and_none_means_any_reader() {
        for good in [
            "reader:Virtual PCD 00 00",
            "reader:*(CONTACTLESS)*",
            "usb:port=1-1.2",
            "usb:serial=10001234",
            "usb:port=1-1.2 reader:*PICC*",
        ] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "reader:",
            "reader:*",
            "reader:* *",
            "reader:a\n",
            "usb:",
            "usb:first",
            "Virtual PCD 00 00",
        ] {
            let told = bad.parse::<Address>().unwrap_err().to_string();
            assert!(told.contains("reader:NAME"), "{told}");
        }
        assert!("usb:port=1-1.2 reader:*".parse::<Address>().is_err());
    }
}
