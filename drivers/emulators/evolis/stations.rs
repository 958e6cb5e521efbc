//! The magnetic head of the emulated machine: which data a track accepts, and how writing and reading fail. Knows no
//! bytes. Source: Evolis wire notes, section 4.4; the tracks' characters are those of ISO/IEC 7811-2 and -6.

use super::Machine;
use super::mechanics::{MAGNETIC_TIME, Work};
use crate::machine::MagneticFault;
use drivers::printers::evolis::protocol::{
    ERROR_BLANK_TRACK, ERROR_CARD, ERROR_MAGNETIC, ERROR_MAGNETIC_CHECKSUM, ERROR_MAGNETIC_DATA,
    ERROR_PARAMETERS, OK, OPTION_NOT_AVAILABLE,
};
use drivers::printers::evolis::status::{config, error};

/// The data to be written, and the data last read.
pub struct Magnetic {
    formats: [u8; 3],
    to_write: [Option<String>; 3],
    read: [Option<String>; 3],
    /// Why nothing was read; each track is answered with this text.
    unread: &'static str,
}

impl Default for Magnetic {
    /// Track 1 in ISO 1 and so on, as in the maker's settings.
    fn default() -> Self {
        Self {
            formats: [1, 2, 3],
            to_write: Default::default(),
            read: Default::default(),
            unread: ERROR_BLANK_TRACK,
        }
    }
}

/// Errors that a new attempt may clear.
pub const MAGNETIC_ERRORS: u32 =
    error::BLANK_TRACK | error::MAGNETIC_DATA | error::READ_MAGNETIC | error::WRITE_MAGNETIC;

/// Can a track of this format hold these data (without sentinels and check digit)?
fn fits(format: u8, data: &str) -> bool {
    let (longest, least, most) = match format {
        1 => (76, b' ', b'_'),
        2 => (37, b'0', b'?'),
        3 => (104, b'0', b'?'),
        // Of the other formats only the command's length is known.
        _ => (usize::MAX, b' ', b'~'),
    };
    data.len() <= longest && data.bytes().all(|byte| (least..=most).contains(&byte))
}

impl Machine {
    /// The commands of the magnetic head.
    pub(super) fn encode(&mut self, name: &str, parameters: &[&str]) -> Option<String> {
        let track =
            |text: &str| text.parse::<usize>().ok().filter(|t| (1..=3).contains(t)).map(|t| t - 1);
        let text = match (name, parameters) {
            // Every job of these models has this line, whether a head is fitted or not.
            ("Pmc", ["h" | "l" | "a"]) => OK,
            ("Pmt" | "Dm" | "Smw" | "Smr" | "Rmb", _) if !self.options.has(config::MAGNETIC) => {
                OPTION_NOT_AVAILABLE
            }
            ("Pmt", [t, format]) => match (track(t), format.parse()) {
                (Some(track), Ok(format @ 1..=7)) => {
                    self.magnetic.formats[track] = format;
                    OK
                }
                _ => ERROR_PARAMETERS,
            },
            ("Dm", [t, data @ ..]) if track(t).is_some() && !data.is_empty() => {
                // The data may contain the separator.
                self.magnetic.to_write[track(t)?] = Some(data.join(";"));
                OK
            }
            ("Smw", []) => self.write_stripe(),
            ("Smr", []) => self.read_stripe(None),
            ("Smr", [t]) if track(t).is_some() => self.read_stripe(track(t)),
            ("Rmb", [t]) if track(t).is_some() => {
                let read = self.magnetic.read[track(t)?].clone();
                return Some(read.unwrap_or_else(|| self.magnetic.unread.to_owned()));
            }
            ("Pmc" | "Dm" | "Smw" | "Smr" | "Rmb", _) => ERROR_PARAMETERS,
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn write_stripe(&mut self) -> &'static str {
        self.mechanics.errors &= !MAGNETIC_ERRORS;
        self.mechanics.begin_work(Work::Encoding, MAGNETIC_TIME);
        let wanted = std::mem::take(&mut self.magnetic.to_write);
        let formats = self.magnetic.formats;
        if self.card().is_none() {
            return ERROR_CARD;
        }
        let faults = [MagneticFault::Write, MagneticFault::Data, MagneticFault::Checksum];
        let mut fault = self.mechanics.planned.magnetic.take_if(|fault| faults.contains(fault));
        let misfit = |(data, format): (&Option<String>, u8)| {
            data.as_ref().is_some_and(|data| !fits(format, data))
        };
        if wanted.iter().zip(formats).any(misfit) {
            fault = Some(MagneticFault::Data);
        }
        if let Some(fault) = fault {
            return self.fail_magnetic(fault);
        }
        if let Some(card) = &mut self.mechanics.card {
            for (written, wanted) in card.tracks.iter_mut().zip(wanted) {
                if wanted.is_some() {
                    *written = wanted;
                }
            }
        }
        OK
    }

    /// Reads one track, or all three.
    fn read_stripe(&mut self, only: Option<usize>) -> &'static str {
        self.mechanics.errors &= !MAGNETIC_ERRORS;
        self.mechanics.begin_work(Work::Encoding, MAGNETIC_TIME);
        (self.magnetic.read, self.magnetic.unread) = (Default::default(), ERROR_BLANK_TRACK);
        let Some(card) = &self.mechanics.card else { return ERROR_CARD };
        let mut read = card.tracks.clone();
        let faults = [MagneticFault::Read, MagneticFault::Checksum];
        let planned = &mut self.mechanics.planned.magnetic;
        if let Some(fault) = planned.take_if(|fault| faults.contains(fault)) {
            self.magnetic.unread = self.fail_magnetic(fault);
            return self.magnetic.unread;
        }
        if planned.take_if(|fault| *fault == MagneticFault::Blank).is_some() {
            read = Default::default();
        }
        if let Some(only) = only {
            let track = read[only].take();
            read = Default::default();
            read[only] = track;
        }
        self.magnetic.read = read;
        if self.magnetic.read.iter().all(Option::is_none) {
            return self.fail_magnetic(MagneticFault::Blank);
        }
        OK
    }

    fn fail_magnetic(&mut self, fault: MagneticFault) -> &'static str {
        self.mechanics.complain(match fault {
            MagneticFault::Write => (error::WRITE_MAGNETIC, ERROR_MAGNETIC),
            MagneticFault::Read => (error::READ_MAGNETIC, ERROR_MAGNETIC),
            MagneticFault::Checksum => (error::MAGNETIC_DATA, ERROR_MAGNETIC_CHECKSUM),
            MagneticFault::Data => (error::MAGNETIC_DATA, ERROR_MAGNETIC_DATA),
            MagneticFault::Blank => (error::BLANK_TRACK, ERROR_BLANK_TRACK),
        })
    }
}
