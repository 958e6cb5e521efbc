//! The magnetic stripe of a card: three tracks, what may stand on them, and a station that writes and reads
//! them. Knows no family and no wire.
//!
//! Source of lengths and characters: ISO/IEC 7811-2 and 7811-6. Data stand here without start and end
//! sentinels and without the check character: the machine adds and takes them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::DeviceError;

/// A station that writes and reads the stripe of the card inside. The card stays inside.
pub trait MagneticStripe {
    /// Writes the tracks that have data, on the card that was fed, else on a blank from the feeder.
    /// Nothing is read back: that is [`MagneticStripe::read`] and [`Tracks::differing`].
    ///
    /// # Errors
    /// [`DeviceError`]; the card may then be [`crate::contract::Whereabouts::InMachine`].
    fn write(&mut self, tracks: &Tracks) -> Result<(), DeviceError>;

    /// Reads all three tracks; a blank one is `None`. Where all are blank the machine may show an error until
    /// something is written or [`crate::contract::CardPrinter::clear_errors`] is called.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn read(&mut self) -> Result<Tracks, DeviceError>;
}

/// Data of the three tracks, checked. `Debug` shows none of it: it is a person's.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Tracks {
    data: [Option<String>; 3],
    coercivity: Option<Coercivity>,
}

/// [`Tracks`] as they are written down: read back, they are checked again.
#[derive(Serialize, Deserialize)]
struct Written {
    data: [Option<String>; 3],
    coercivity: Option<Coercivity>,
}

/// How hard the stripe is to magnetise, and to spoil. A property of the blanks, which no machine can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coercivity {
    /// 2750 or 4000 Oe: usual for cards that are to last.
    High,
    /// 300 Oe.
    Low,
}

/// Characters on a track without sentinels and check character: 79, 40 and 107 with them.
const DATA_MAX_CHARS: [usize; 3] = [76, 37, 104];

/// Why data cannot stand on a track; the track is named, the data never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrackError {
    /// More than the track holds.
    #[error("track {track} takes {most} characters, not {got}")]
    TooLong {
        /// 1 to 3.
        track: usize,
        /// What it holds.
        most: usize,
        /// What came.
        got: usize,
    },
    /// A character that the track's code has not, or that would end the data.
    #[error("track {track} cannot hold the character at place {place}")]
    Character {
        /// 1 to 3.
        track: usize,
        /// From 1.
        place: usize,
    },
    /// No data: leave the track out instead.
    #[error("track {track} has no data")]
    Empty {
        /// 1 to 3.
        track: usize,
    },
}

impl Tracks {
    /// Checks and keeps the data of the tracks 1, 2 and 3; `None` leaves a track alone.
    ///
    /// # Errors
    /// [`TrackError`] for the first track that cannot be written as it stands.
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

    /// As a machine has read them: sentinels are taken off where it gives them. What a card holds need not
    /// be what may be written, so nothing is checked.
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

    /// To be written on stripes of this kind; without it, as the machine is set.
    #[must_use]
    pub fn for_stripe(self, coercivity: Option<Coercivity>) -> Self {
        Self { coercivity, ..self }
    }

    /// The kind of stripe, where it was said.
    pub fn coercivity(&self) -> Option<Coercivity> {
        self.coercivity
    }

    /// The data of track 1, 2 or 3.
    pub fn data(&self, track: usize) -> Option<&str> {
        self.data.get(track.checked_sub(1)?)?.as_deref()
    }

    /// The numbers of the tracks that were to be written and read otherwise.
    pub fn differing(&self, read: &Tracks) -> Vec<usize> {
        (1..=3)
            .filter(|&track| self.data(track).is_some() && self.data(track) != read.data(track))
            .collect()
    }

    /// The numbers of the tracks that hold something and were not to be written: the card was somebody's before.
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

/// What a machine says of a stripe that it could not write or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MagneticFault {
    /// Writing or reading failed.
    #[error("it could not be written or read")]
    Failed,
    /// The data are not what the track's format allows.
    #[error("its data are not valid")]
    Data,
    /// The check character does not fit.
    #[error("its check sum is wrong")]
    CheckSum,
    /// Nothing stands on it.
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
