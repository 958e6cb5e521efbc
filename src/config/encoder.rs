//! `[encoder]`: the reader that writes the chips of the cards. Knows what may be written there; opens nothing.

use std::time::Duration;

use drivers::encoder::{ENCODERS, Interface};

use super::reader::Reader;

/// The reader behind an emulated machine's station; the daemon puts it there.
const EMULATED: &str = "emulated";
/// A card that is written takes a few seconds; a mute one must not hold the queue for minutes.
const DEADLINE_SECONDS: u64 = 20;
const DEADLINES: std::ops::RangeInclusive<u64> = 1..=300;

/// `[encoder]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// Family of the reader.
    pub family: String,
    /// Which reader it is, as its family names readers; never "the first".
    pub address: String,
    /// The station of the printer in front of which it sits.
    pub station: Interface,
    /// Longest wait for a card to be seen, and for one answer.
    pub deadline: Duration,
}

impl Encoder {
    /// The reader is in this process, like the emulated machine.
    pub fn is_emulated(&self) -> bool {
        self.family == EMULATED
    }
}

/// `None`: chips are not written here.
pub(super) fn encoder(r: &mut Reader<'_>) -> Option<Encoder> {
    let family = r.text("encoder.family", "");
    let address = r.text("encoder.address", "");
    let station = match r.text("encoder.station", "contactless").as_str() {
        "contactless" => Interface::Contactless,
        other => {
            if other != "contact" {
                r.fault("encoder.station", "must be \"contact\" or \"contactless\"");
            }
            Interface::Contact
        }
    };
    let seconds = r.number("encoder.deadline_seconds", DEADLINE_SECONDS);
    if !DEADLINES.contains(&seconds) {
        r.fault("encoder.deadline_seconds", "must lie between 1 and 300");
    }
    let known = || ENCODERS.iter().map(|family| family.name).chain([EMULATED]);
    if family.is_empty() {
        if !address.is_empty() {
            r.fault("encoder.address", "needs encoder.family");
        }
        return None;
    }
    if !known().any(|name| name == family) {
        let all: Vec<&str> = known().collect();
        let rule = format!("is not a family that this kartud knows: {}", all.join(", "));
        r.fault("encoder.family", &rule);
    } else if address.is_empty() && family != EMULATED {
        r.fault("encoder.family", "needs encoder.address: which reader it is");
    }
    Some(Encoder { family, address, station, deadline: Duration::from_secs(seconds) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;
    use crate::config::{Config, Fault};

    fn parse(text: &str) -> Result<Config, Vec<Fault>> {
        Config::parse(text, Path::new("/etc/kartu"))
    }

    #[test]
    fn a_station_without_an_encoder_says_nothing_of_it() {
        assert_eq!(parse("").unwrap().encoder, None);
        let faults = parse("[encoder]\naddress = \"/dev/ttyUSB0\"\n").unwrap_err();
        assert_eq!(faults[0].to_string(), "line 2: encoder.address needs encoder.family");
    }

    #[test]
    fn a_reader_is_named_and_has_a_deadline() {
        let text =
            "[encoder]\nfamily = \"emulated\"\nstation = \"contact\"\ndeadline_seconds = 7\n";
        let encoder = parse(text).unwrap().encoder.unwrap();
        assert_eq!((encoder.station, encoder.deadline.as_secs()), (Interface::Contact, 7));
        let text = "[encoder]\nfamily = \"pcsk\"\nstation = \"here\"\ndeadline_seconds = 0\n";
        let told: Vec<String> = parse(text).unwrap_err().iter().map(Fault::to_string).collect();
        assert!(told[0].starts_with("line 2: encoder.family is not a family"), "{told:?}");
        assert_eq!(told[1], "line 3: encoder.station must be \"contact\" or \"contactless\"");
        assert_eq!(told[2], "line 4: encoder.deadline_seconds must lie between 1 and 300");
    }
}
