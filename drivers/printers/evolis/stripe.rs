//! The magnetic head: writes and reads the tracks of the card inside. Knows no ISO rules: [`Tracks`] has already
//! checked the data. Source: Evolis wire notes, section 4.4.
//!
//! **Point of no return**: `Ss`, which feeds a blank unless a card waits inside. Everything after it happens to that
//! card, which stays inside.

use super::driver::{Evolis, done};
use super::evidence::{Before, Received};
use super::moves::MOVE_LIMIT;
use super::protocol::{
    ERROR_BLANK_TRACK, ERROR_MAGNETIC, ERROR_MAGNETIC_CHECKSUM, ERROR_MAGNETIC_DATA,
};
use crate::contract::{Cause, Coercivity, DeviceError, MagneticFault, MagneticStripe, Tracks};

/// Per track: its ISO format (formats 1 to 3 are ISO's tracks 1 to 3), and the query for its data.
const TRACKS: [(usize, &str, &str); 3] =
    [(1, "Pmt;1;1", "Rmb;1"), (2, "Pmt;2;2", "Rmb;2"), (3, "Pmt;3;3", "Rmb;3")];

impl MagneticStripe for Evolis {
    fn write(&mut self, tracks: &Tracks) -> Result<(), DeviceError> {
        self.at_the_stripe(|this| {
            match tracks.coercivity() {
                Some(Coercivity::High) => drop(this.command("Pmc;h")?),
                Some(Coercivity::Low) => drop(this.command("Pmc;l")?),
                None => {}
            }
            for (track, format, _) in TRACKS {
                if tracks.data(track).is_some() {
                    this.command(format)?;
                }
            }
            for (track, ..) in TRACKS {
                if let Some(data) = tracks.data(track) {
                    let text = format!("Dm;{track};{data}");
                    done("Dm", this.request("Dm", &text, MOVE_LIMIT)?)?;
                }
            }
            this.stripe("Smw")
        })
    }

    fn read(&mut self) -> Result<Tracks, DeviceError> {
        self.at_the_stripe(|this| {
            match this.stripe("Smr") {
                // All tracks are empty: a valid answer, although the machine may show an error for it.
                Err(Cause::Magnetic(MagneticFault::Blank)) => return Ok(Tracks::default()),
                other => other?,
            }
            let mut data = [None, None, None];
            for (track, _, question) in TRACKS {
                let text = this.ask(question)?.text;
                data[track - 1] = match fault(&text) {
                    None => Some(text),
                    Some(MagneticFault::Blank) => None,
                    Some(fault) => return Err(Cause::Magnetic(fault)),
                };
            }
            Ok(Tracks::read(data))
        })
    }
}

impl Evolis {
    /// Moves a card to the head, or uses the one that waits inside, and runs `work`.
    fn at_the_stripe<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Cause>,
    ) -> Result<T, DeviceError> {
        self.reserved(|this| {
            let before = this.begin().map_err(DeviceError::untouched)?;
            this.refuse_strange_card(&before).map_err(DeviceError::untouched)?;
            let there = this.send_move("Ss", &before)?;
            this.fed = true;
            let before = Before { words: there.status, ..before };
            work(this).map_err(|cause| this.locate(cause, &before, Received::Answered))
        })
    }

    /// `Smw` or `Smr`.
    fn stripe(&mut self, what: &'static str) -> Result<(), Cause> {
        let answer = self.request(what, what, MOVE_LIMIT)?;
        match fault(&answer.text) {
            Some(fault) => Err(Cause::Magnetic(fault)),
            None => done(what, answer).map(drop),
        }
    }
}

/// Classifies the machine's answer about a stripe; `None`: it concerns something else, or is data.
fn fault(text: &str) -> Option<MagneticFault> {
    match text {
        ERROR_BLANK_TRACK => Some(MagneticFault::Blank),
        ERROR_MAGNETIC_DATA => Some(MagneticFault::Data),
        ERROR_MAGNETIC_CHECKSUM => Some(MagneticFault::CheckSum),
        other if other.starts_with(ERROR_MAGNETIC) => Some(MagneticFault::Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_texts_are_told_apart() {
        for (text, want) in [
            ("ERROR MAGN", Some(MagneticFault::Failed)),
            ("ERROR MAGN DATA", Some(MagneticFault::Data)),
            ("ERROR MAGN CHEKSUM", Some(MagneticFault::CheckSum)),
            ("ERROR MAGN 7", Some(MagneticFault::Failed)),
            ("ERROR BLANK TRACK", Some(MagneticFault::Blank)),
            ("ERROR CARD", None),
            ("OK", None),
            ("", None),
        ] {
            assert_eq!(fault(text), want, "{text}");
        }
    }
}
