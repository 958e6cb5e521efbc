//! The magnetic stripe of a card: three tracks, the characters that each may hold, and the interface of a head that
//! writes and reads them. Knows no family and no wire.
//!
//! Source of lengths and characters: ISO/IEC 7811-2 and 7811-6. The data here have no start and end sentinels and no
//! check character: the machine adds and removes them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::DeviceError;

/// Writes and reads the stripe of the card inside. The card stays inside.
pub trait MagneticStripe {
    /// Writes the tracks that have data, on the card that was fed, else on a blank from the feeder. It does not verify:
    /// use [`MagneticStripe::read`] and [`Tracks::differing`].
    ///
    /// # Errors
    /// [`DeviceError`]; the card may then be [`crate::contract::Whereabouts::InMachine`].
    fn write(&mut self, tracks: &Tracks) -> Result<(), DeviceError>;

    /// Reads all three tracks; a blank one is `None`. If all are blank, the machine may show an error until something
    /// is written or [`crate::contract::CardPrinter::clear_errors`] is called.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn read(&mut self) -> Result<Tracks, DeviceError>;
}

/// Checked data of the three tracks. `Debug` shows none of it: it is personal.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Tracks {
    data: [Option<String>; 3],
    coercivity: Option<Coercivity>,
}

/// The serialised form of [`Tracks`]; deserialising checks them again.
#[derive(Serialize, Deserialize)]
struct Written {
    data: [Option<String>; 3],
    coercivity: Option<Coercivity>,
}

/// How strong a field the stripe needs, to be written or erased. It depends on the blanks, and no machine can detect
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coercivity {
    /// 2750 or 4000 Oe: usual for durable cards.
    High,
    /// 300 Oe.
    Low,
}

/// Characters on a track without sentinels and check character: 79, 40 and 107 with them.
const DATA_MAX_CHARS: [usize; 3] = [76, 37, 104];

/// Why data cannot be written on a track; names the track, never the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrackError {
    /// More data than the track holds.
    #[error("track {track} takes {most} characters, not {got}")]
    TooLong {
        /// 1 to 3.
        track: usize,
        /// Most characters of the track.
        most: usize,
        /// Characters given.
        got: usize,
    },
    /// A character that the track's code does not have, or that would end the data.
    #[error("track {track} cannot hold the character at place {place}")]
    Character {
        /// 1 to 3.
        track: usize,
        /// Position, from 1.
        place: usize,
    },
    /// There are no data: leave the track out instead.
    #[error("track {track} has no data")]
    Empty {
        /// 1 to 3.
        track: usize,
    },
}

impl Tracks {
    /// Checks and stores the data of the tracks 1, 2 and 3; `None` leaves a track unchanged.
    ///
    /// # Errors
    /// [`TrackError`] for the first track that cannot be written.
    pub fn new(data: [Option<&str>; 3]) -> Result<Self, TrackError> {
        let mut tracks = Self::default();
        for (place, data) in data.into_iter().enumerate() {
            if let Some(data) = data {
                check(place, data)?;
                tracks.data[place] = Some(data.to_owned());
            }
        }
        Ok(tracks)
    }

    /// Tracks as a machine has read them; sentinels are removed if it returns them. A card may hold data that could not
    /// be written here, so nothing is checked.
    pub fn read(data: [Option<String>; 3]) -> Self {
        let mut place = 0;
        let data = data.map(|data| {
            place += 1;
            let start = if place == 1 { '%' } else { ';' };
            data.map(|text| {
                let text = text.strip_prefix(start).unwrap_or(&text);
                text.strip_suffix('?').unwrap_or(text).to_owned()
            })
        });
        Self { data, coercivity: None }
    }

    /// Sets the kind of stripe to write; without it, the machine's own setting applies.
    #[must_use]
    pub fn for_stripe(self, coercivity: Option<Coercivity>) -> Self {
        Self { coercivity, ..self }
    }

    /// The kind of stripe, if it was set.
    pub fn coercivity(&self) -> Option<Coercivity> {
        self.coercivity
    }

    /// The data of track 1, 2 or 3.
    pub fn data(&self, track: usize) -> Option<&str> {
        self.data.get(track.checked_sub(1)?)?.as_deref()
    }

    /// The numbers of the tracks whose data were read back differently.
    pub fn differing(&self, read: &Tracks) -> Vec<usize> {
        (1..=3)
            .filter(|&track| self.data(track).is_some() && self.data(track) != read.data(track))
            .collect()
    }

    /// The numbers of the tracks that hold data although nothing was to be written there: the card was used before.
    pub fn foreign(&self, read: &Tracks) -> Vec<usize> {
        let foreign = |track: &usize| self.data(*track).is_none() && read.data(*track).is_some();
        (1..=3).filter(foreign).collect()
    }
}

impl TryFrom<Written> for Tracks {
    type Error = TrackError;

    fn try_from(written: Written) -> Result<Self, TrackError> {
        let tracks = Tracks::new(written.data.each_ref().map(Option::as_deref))?;
        Ok(tracks.for_stripe(written.coercivity))
    }
}

impl From<Tracks> for Written {
    fn from(tracks: Tracks) -> Self {
        Self { data: tracks.data, coercivity: tracks.coercivity }
    }
}

impl fmt::Debug for Tracks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = self.data.each_ref().map(|data| data.as_ref().map_or(0, String::len));
        write!(f, "Tracks({lengths:?} characters)")
    }
}

fn check(place: usize, data: &str) -> Result<(), TrackError> {
    let (track, most) = (place + 1, DATA_MAX_CHARS[place]);
    if data.is_empty() {
        return Err(TrackError::Empty { track });
    }
    let got = data.chars().count();
    if got > most {
        return Err(TrackError::TooLong { track, most, got });
    }
    match data.chars().position(|c| !may_stand(place, c)) {
        Some(at) => Err(TrackError::Character { track, place: at + 1 }),
        None => Ok(()),
    }
}

/// Track 1: the 64 characters from space to underscore. Tracks 2 and 3: digits and `: < = >`. The
/// sentinels `%`, `;` and `?` would end the data; ISO keeps `;` on track 1 for hardware, not for data.
fn may_stand(place: usize, c: char) -> bool {
    match (place, c) {
        (_, ';' | '?') => false,
        (0, c) => (' '..='_').contains(&c) && c != '%',
        (_, c) => ('0'..='>').contains(&c),
    }
}

/// A fault that a machine reports when it cannot write or read a stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MagneticFault {
    /// Writing or reading failed.
    #[error("it could not be written or read")]
    Failed,
    /// The track's format does not allow the data.
    #[error("its data are not valid")]
    Data,
    /// The check character is wrong.
    #[error("its check sum is wrong")]
    CheckSum,
    /// The stripe is empty.
    #[error("it is blank")]
    Blank,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_track_holds_what_iso_says_and_no_more() {
        for (place, most, good) in [(0, 76, 'A'), (1, 37, '7'), (2, 104, '7')] {
            let mut data = [None; 3];
            let fits: String = std::iter::repeat_n(good, most).collect();
            data[place] = Some(fits.as_str());
            assert_eq!(Tracks::new(data).unwrap().data(place + 1), Some(fits.as_str()));
            let longer = fits.clone() + "7";
            data[place] = Some(&longer);
            let error = TrackError::TooLong { track: place + 1, most, got: most + 1 };
            assert_eq!(Tracks::new(data), Err(error));
            data[place] = Some("");
            assert_eq!(Tracks::new(data), Err(TrackError::Empty { track: place + 1 }));
        }
    }

    #[test]
    fn every_character_is_allowed_or_refused_on_every_track() {
        let track_one = " !\"#$&'()*+,-./0123456789:<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_";
        for c in (0..=255_u8).map(char::from).chain(['é', '\u{2003}']) {
            let text = c.to_string();
            for (place, allowed) in [(0, track_one), (1, "0123456789:<=>"), (2, "0123456789:<=>")] {
                let mut data = [None; 3];
                data[place] = Some(text.as_str());
                assert_eq!(Tracks::new(data).is_ok(), allowed.contains(c), "{c:?} on {place}");
            }
        }
        let error = TrackError::Character { track: 2, place: 3 };
        assert_eq!(Tracks::new([None, Some("12A4"), None]), Err(error));
    }

    #[test]
    fn what_was_read_is_compared_without_sentinels() {
        let written = Tracks::new([Some("A^B"), Some("12=34"), None]).unwrap();
        let read = |one: &str, two: Option<&str>| {
            Tracks::read([Some(one.to_owned()), two.map(str::to_owned), Some("9".to_owned())])
        };
        assert!(written.differing(&read("%A^B?", Some(";12=34?"))).is_empty());
        assert!(written.differing(&read("A^B", Some("12=34"))).is_empty());
        assert_eq!(written.differing(&read("A^C", None)), [1, 2]);
        assert_eq!(written.foreign(&read("A^B", Some("12=34"))), [3]);
        assert!(written.foreign(&written).is_empty());
        assert_eq!(format!("{written:?}"), "Tracks([3, 5, 0] characters)");
        assert_eq!(written.data(0), None);
    }
}
