//! `[encoder]`: the reader that writes the cards' chips. Knows which values are valid; opens nothing.

use std::time::Duration;

use drivers::encoder::{self, ENCODERS, Interface};

use super::{Address, text};
use crate::toml_sheet::Sheet;

/// The address of the emulated machine's reader; the daemon creates it.
const EMULATED: &str = "emulated";
/// Writing a chip takes a few seconds; a mute card must not hold up the queue for minutes.
const DEADLINE_SECONDS: u64 = 20;
const DEADLINES: std::ops::RangeInclusive<u64> = 1..=300;

/// `[encoder]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// Family of the reader.
    pub family: String,
    /// The reader, in its family's form of address; never "the first".
    pub address: String,
    /// The position in the printer where the reader is fitted.
    pub station: Interface,
    /// Longest wait for a card, and for one response.
    pub deadline: Duration,
}

impl Encoder {
    /// Is the reader in this process, like the emulated machine?
    pub fn is_emulated(&self) -> bool {
        self.family == EMULATED
    }
}

/// `None`: chips are not written here. A reader that could never write a chip in this printer is a fault, because every
/// blank would be rejected.
pub(super) fn encoder(s: &mut Sheet<'_>, printer: &Address) -> Option<Encoder> {
    let family = text(s, "family", "");
    let address = text(s, "address", "");
    let station = match text(s, "station", "contactless").as_str() {
        "contact" => Interface::Contact,
        other => {
            if other != "contactless" {
                s.fault_in_english("station", "must be \"contact\" or \"contactless\"");
            }
            Interface::Contactless
        }
    };
    let seconds = s.number("deadline_seconds").unwrap_or(DEADLINE_SECONDS);
    if !DEADLINES.contains(&seconds) {
        s.fault_in_english("deadline_seconds", "must lie between 1 and 300");
    }
    if family.is_empty() {
        if !address.is_empty() {
            s.fault_in_english("address", "needs encoder.family");
        }
        return None;
    }
    check_reader(s, &family, &address, printer);
    if is_out_of_reach(&family, station) {
        let rule =
            format!("must be \"contactless\": no reader of the family {family} has contacts");
        s.fault_in_english("station", &rule);
    }
    Some(Encoder { family, address, station, deadline: Duration::from_secs(seconds) })
}

/// Is a reader of this family and address possible?
fn check_reader(s: &Sheet<'_>, family: &str, address: &str, printer: &Address) {
    if family == EMULATED {
        if let Err(rule) = can_be_emulated(printer) {
            s.fault_in_english("family", rule);
        }
        return;
    }
    let Ok(known) = encoder::find(family) else {
        let all: Vec<&str> = ENCODERS.iter().map(|family| family.name).chain([EMULATED]).collect();
        let rule = format!("is not a family that this kartud knows: {}", all.join(", "));
        return s.fault_in_english("family", &rule);
    };
    if address.is_empty() {
        s.fault_in_english("family", "needs encoder.address: which reader it is");
    } else if let Err(why) = (known.accepts)(address) {
        s.fault_in_english("address", &format!("cannot be reached: {why}"));
    }
}

/// Is an emulated reader possible with this printer?
#[cfg(feature = "emulators")]
fn can_be_emulated(printer: &Address) -> Result<(), &'static str> {
    if *printer == Address::Emulated {
        return Ok(());
    }
    Err("needs printer.address = \"emulated\": it sees no card of another printer; \
         beside a real one write pcsc or pn532, and encoder.address")
}

#[cfg(not(feature = "emulators"))]
fn can_be_emulated(_printer: &Address) -> Result<(), &'static str> {
    Err(super::address::NO_EMULATORS)
}

/// Does the family have no reader for this position? The emulated one is contactless.
fn is_out_of_reach(family: &str, station: Interface) -> bool {
    match encoder::find(family) {
        Ok(known) => !known.stations.contains(&station),
        Err(_) => family == EMULATED && station == Interface::Contact,
    }
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
        assert_eq!(faults[0].to_string(), "line 2: encoder.address: needs encoder.family");
    }

    #[test]
    fn a_reader_is_named_and_has_a_deadline() {
        let text = "[encoder]\nfamily = \"pn532\"\naddress = \"serial:/dev/ttyUSB0\"\ndeadline_seconds = 7\n";
        let encoder = parse(text).unwrap().encoder.unwrap();
        assert_eq!((encoder.station, encoder.deadline.as_secs()), (Interface::Contactless, 7));
        let text = "[encoder]\nfamily = \"pcsk\"\nstation = \"here\"\ndeadline_seconds = 0\n";
        let told: Vec<String> = parse(text).unwrap_err().iter().map(Fault::to_string).collect();
        assert!(told[0].starts_with("line 2: encoder.family: is not a family"), "{told:?}");
        assert_eq!(told[1], "line 3: encoder.station: must be \"contact\" or \"contactless\"");
        assert_eq!(told[2], "line 4: encoder.deadline_seconds: must lie between 1 and 300");
        assert_eq!(told.len(), 3, "{told:?}");
    }

    /// The single fault of `[encoder]` with these lines and this printer address.
    fn refusal(printer: &str, lines: &str) -> String {
        let text = format!("[encoder]\n{lines}[printer]\naddress = \"{printer}\"\n");
        let faults = parse(&text).expect_err(lines);
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults[0].to_string()
    }

    #[cfg(feature = "emulators")]
    #[test]
    fn a_reader_that_could_never_see_the_printers_cards_is_refused() {
        let emulated = "family = \"emulated\"\n";
        assert!(
            parse(&format!("[printer]\naddress = \"emulated\"\n[encoder]\n{emulated}")).is_ok()
        );
        for printer in ["", "tcp://127.0.0.1:9100", "lp:/dev/usb/lp0"] {
            let told = refusal(printer, emulated);
            let rule = "line 2: encoder.family: needs printer.address = \"emulated\"";
            assert!(told.starts_with(rule) && told.contains("pcsc or pn532"), "{told}");
        }
        for lines in [
            "station = \"contact\"\nfamily = \"emulated\"\n",
            "station = \"contact\"\nfamily = \"pn532\"\naddress = \"serial:/dev/ttyUSB0\"\n",
        ] {
            let told = refusal("emulated", lines);
            assert!(told.starts_with("line 2: encoder.station: must be \"contactless\""), "{told}");
        }
    }

    #[test]
    fn an_address_that_names_no_reader_of_the_family_is_refused() {
        let told = refusal("", "family = \"pn532\"\naddress = \"foo\"\n");
        assert_eq!(
            told,
            "line 3: encoder.address: cannot be reached: \"foo\" is no address like serial:/dev/ttyUSB0"
        );
        let told = refusal("", "family = \"pcsc\"\naddress = \"foo\"\n");
        let remedy = if cfg!(feature = "pcsc") { "reader:NAME" } else { "--features pcsc" };
        assert!(told.starts_with("line 3: encoder.address: cannot be reached: "), "{told}");
        assert!(told.contains(remedy), "{told}");
    }

    #[test]
    #[cfg(feature = "pcsc")]
    fn a_pcsc_reader_at_either_station_is_good() {
        for station in ["contact", "contactless"] {
            let text = format!(
                "[encoder]\nfamily = \"pcsc\"\naddress = \"reader:ACS*\"\nstation = \"{station}\"\n"
            );
            assert!(parse(&text).is_ok(), "{station}");
        }
    }
}
