//! Major and minor state, as the maker's SDK derives them from the status bits. For a technician who knows the maker's
//! terms; the driver does not depend on them. Source: Evolis wire notes, section 2, "State".

use super::bits::{self, Bit, Word};
use super::status::{StatusWords, error, information, warning};

/// The major states of a machine that answers, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Major {
    Ready,
    Warning,
    Error,
}

impl Major {
    /// The maker's name of the state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

/// The state. Of several bits the worst counts, and of equally bad ones the first in the order of the wire, because it
/// was not measured which one the SDK prefers. (`HEATING`, which the SDK also names, is a bit of the extension words
/// whose position the notes do not give.)
pub fn state(words: &StatusWords, extensions: &[u32]) -> (Major, String) {
    let mut worst: Option<(Major, Bit)> = None;
    for bit in bits::set(words, extensions) {
        if let Some(major) = major(bit)
            && worst.is_none_or(|(known, _)| known < major)
        {
            worst = Some((major, bit));
        }
    }
    match worst {
        None => (Major::Ready, "PRINTER_READY".to_owned()),
        Some((major, bit)) => {
            let prefix = match bit.word {
                Word::Warning => "DEF",
                Word::Error => "ERR",
                _ => "INF",
            };
            // The only bit that has another name in the SDK's states (measured by tests/sdk/status.py).
            let ends = bit.word == Word::Warning && bit.mask == warning::CLEAR_END;
            let name = if ends { "CLEAR_ENDED" } else { bit.name() };
            (major, format!("{prefix}_{name}"))
        }
    }
}

/// The major state of one bit; `None`: the bit does not matter for it.
fn major(bit: Bit) -> Option<Major> {
    use error::{BAD_CLEAR, BAD_RIBBON, HARDWARE, INTERNAL_PRINTER, NO_OPTION};
    use information::*;
    use warning::{EPS_NO_AUTO, INF_RIBBON_COMPATIBLE, POWER_SUPPLY, RECEPTACLE_OPEN};
    if bit.name().is_empty() {
        return None;
    }
    match (bit.word, bit.mask) {
        (Word::Warning, POWER_SUPPLY | RECEPTACLE_OPEN | EPS_NO_AUTO) => None,
        // The SDK classes it as information, and derives no state from it (measured by tests/sdk/status.py).
        (Word::Warning, INF_RIBBON_COMPATIBLE) => None,
        (Word::Warning, _) => Some(Major::Warning),
        (Word::Error, NO_OPTION | INTERNAL_PRINTER | HARDWARE) => None,
        (Word::Error, BAD_RIBBON | BAD_CLEAR) => Some(Major::Warning),
        (Word::Error, _) => Some(Major::Error),
        (Word::Information, PRINTING_RUNNING | ENCODING_RUNNING | CLEANING_RUNNING) => {
            Some(Major::Ready)
        }
        (Word::Information, SLEEP_MODE | UPDATING_FIRMWARE) => Some(Major::Ready),
        (Word::Information, CLEANING_REQUIRED | CLEAN_LAST_OUTWARRANTY) => Some(Major::Warning),
        (Word::Information, WRONG_ZONE_RIBBON | WRONG_ZONE_ALERT) => Some(Major::Warning),
        (Word::Information, WRONG_ZONE_EXPIRED) => Some(Major::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(information: u32, warning: u32, error: u32) -> (&'static str, String) {
        let words = StatusWords { config: !0, information, warning, error };
        let (major, minor) = state(&words, &[]);
        (major.name(), minor)
    }

    #[test]
    fn every_bit_alone_gives_the_captured_state() {
        for (mask, name) in warning::TABLE {
            let ignored =
                ["POWER_SUPPLY", "RECEPTACLE_OPEN", "EPS_NO_AUTO", "INF_RIBBON_COMPATIBLE"];
            let ignored = ignored.contains(&name);
            let in_states = if name == "CLEAR_END" { "CLEAR_ENDED" } else { name };
            let plain = ignored || name.starts_with("UNNAMED");
            let want = if plain { "READY" } else { "WARNING" };
            let minor = if plain { "PRINTER_READY".to_owned() } else { format!("DEF_{in_states}") };
            assert_eq!(told(0, mask, 0), (want, minor));
        }
        for (mask, name) in error::TABLE {
            let want = match name {
                "NO_OPTION" | "INTERNAL_PRINTER" | "HARDWARE" => "READY",
                "BAD_RIBBON" | "BAD_CLEAR" => "WARNING",
                name if name.starts_with("UNNAMED") => "READY",
                _ => "ERROR",
            };
            assert_eq!(told(0, 0, mask).0, want, "{name}");
        }
        for (mask, name) in information::TABLE {
            let want = match name {
                "CLEANING_REQUIRED" | "CLEAN_LAST_OUTWARRANTY" => "WARNING",
                "WRONG_ZONE_RIBBON" | "WRONG_ZONE_ALERT" => "WARNING",
                "WRONG_ZONE_EXPIRED" => "ERROR",
                _ => "READY",
            };
            let (major, minor) = told(mask, 0, 0);
            assert_eq!(major, want, "{name}");
            let silent = ["BUSY", "CLAIM", "RIBBON_LOW", "CLEANING"].contains(&name);
            assert!(!silent || minor == "PRINTER_READY", "{name}");
        }
    }

    #[test]
    fn the_worst_bit_speaks() {
        use information::SLEEP_MODE;
        let seen = told(SLEEP_MODE, warning::COVER_OPEN, error::MECHANICAL);
        assert_eq!(seen, ("ERROR", "ERR_MECHANICAL".to_owned()));
        assert_eq!(told(SLEEP_MODE, warning::COVER_OPEN, 0).1, "DEF_COVER_OPEN");
        assert_eq!(told(SLEEP_MODE, 0, 0), ("READY", "INF_SLEEP_MODE".to_owned()));
        assert_eq!(told(0, 0, 0), ("READY", "PRINTER_READY".to_owned()));
    }
}
