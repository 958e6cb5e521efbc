//! Which side of a stored picture is up. Two parts of a file may say so; only their agreement is believed.

use jpeg::Picture;

/// How far behind `tiff:Orientation` its number stands at most: `="6"`, `>6<`.
const XMP_REACH: usize = 4;

/// The number of `Orientation` in EXIF and TIFF: the entry that says it, and its kind (a 16-bit number).
const TAG: u16 = 0x0112;
const SHORT: u16 = 3;

/// Which of the eight ways a picture is stored, as EXIF numbers them (CIPA DC-008, 4.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(u8);

impl Orientation {
    /// As it is stored.
    const UPRIGHT: Orientation = Orientation(1);

    fn new(number: u16) -> Option<Self> {
        u8::try_from(number).ok().filter(|number| (1..=8).contains(number)).map(Self)
    }

    /// What the first directory of an EXIF part says.
    fn in_exif(tiff: &[u8]) -> Option<Self> {
        let big_endian = match tiff.first_chunk()? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        let short = |two: [u8; 2]| match big_endian {
            true => u16::from_be_bytes(two),
            false => u16::from_le_bytes(two),
        };
        let long = |four: [u8; 4]| match big_endian {
            true => u32::from_be_bytes(four),
            false => u32::from_le_bytes(four),
        };
        let directory = long(*tiff.get(4..)?.first_chunk()?);
        let (count, entries) =
            tiff.get(usize::try_from(directory).ok()?..)?.split_first_chunk::<2>()?;
        let entries = entries.as_chunks::<12>().0.iter().take(short(*count).into());
        let said = entries.map(|&[a, b, c, d, e, f, g, h, i, j, ..]| {
            ((short([a, b]), short([c, d]), long([e, f, g, h])), short([i, j]))
        });
        let mut orientations = said.filter(|(what, _)| *what == (TAG, SHORT, 1));
        Self::new(orientations.next()?.1)
    }

    /// Width and height change places.
    pub fn lies_on_its_side(self) -> bool {
        self.0 >= 5
    }

    /// The picture as it is looked at.
    pub fn upright(self, picture: Picture) -> Picture {
        if self == Self::UPRIGHT {
            return picture;
        }
        let (last_x, last_y) = (picture.width as usize - 1, picture.height as usize - 1);
        let (width, height) = match self.lies_on_its_side() {
            true => (picture.height, picture.width),
            false => (picture.width, picture.height),
        };
        let mut pixels = Vec::with_capacity(picture.pixels.len());
        for y in 0..height as usize {
            for x in 0..width as usize {
                let (x, y) = match self.0 {
                    2 => (last_x - x, y),
                    3 => (last_x - x, last_y - y),
                    4 => (x, last_y - y),
                    5 => (y, x),
                    6 => (y, last_y - x),
                    7 => (last_x - y, last_y - x),
                    _ => (last_x - y, x),
                };
                let at = (y * picture.width as usize + x) * picture.channels;
                pixels.extend_from_slice(&picture.pixels[at..at + picture.channels]);
            }
        }
        Picture { width, height, channels: picture.channels, pixels }
    }
}

/// Every orientation that the EXIF and XMP parts of a file name.
pub fn named(exif: &[&[u8]], xmp: &[&[u8]]) -> Vec<Orientation> {
    let of_exif = exif.iter().filter_map(|body| Orientation::in_exif(body));
    of_exif.chain(xmp.iter().filter_map(|body| in_xmp(body))).collect()
}

/// The one orientation that is named, upright when none is.
///
/// # Errors
/// The first of several different ones.
pub fn agreed(named: &[Orientation]) -> Result<Orientation, Orientation> {
    let first = named.first().copied().unwrap_or(Orientation::UPRIGHT);
    if named.iter().all(|one| *one == first) { Ok(first) } else { Err(first) }
}

fn in_xmp(body: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    let at = body.windows(NAME.len()).position(|part| part == NAME)? + NAME.len();
    let digit = body[at..].iter().take(XMP_REACH).find(|byte| byte.is_ascii_digit())?;
    Orientation::new(u16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use image::metadata::Orientation as Theirs;
    use image::{DynamicImage, RgbImage};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_eight_ways_are_turned_as_another_library_turns_them() {
        let pixels: Vec<u8> = (0..3 * 5 * 3).collect();
        for number in 1..=8 {
            let stored = Picture { width: 3, height: 5, channels: 3, pixels: pixels.clone() };
            let mut theirs = DynamicImage::from(RgbImage::from_raw(3, 5, pixels.clone()).unwrap());
            theirs.apply_orientation(Theirs::from_exif(number).unwrap());
            let ours = Orientation(number).upright(stored);
            assert_eq!((ours.width, ours.height), (theirs.width(), theirs.height()), "{number}");
            assert_eq!(ours.pixels, theirs.into_rgb8().into_raw(), "{number}");
        }
    }

    proptest! {
        /// A directory of some entries, cut anywhere, some bytes changed.
        #[test]
        fn exif_is_read_as_another_library_reads_it(
            big in any::<bool>(),
            entries in prop::collection::vec((prop::sample::select(vec![TAG, 0x0110]), 1_u16..5, 0_u32..3, 0_u16..10), 0..4),
            changed in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            cut in any::<prop::sample::Index>(),
        ) {
            let two = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
            let four = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
            let mut tiff = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
            tiff.extend(four(8));
            tiff.extend(two(entries.len() as u16));
            for (tag, kind, count, value) in entries {
                tiff.extend([two(tag), two(kind)].concat());
                tiff.extend(four(count));
                tiff.extend([two(value), [0, 0]].concat());
            }
            if let Some((at, byte)) = changed {
                let at = at.index(tiff.len());
                tiff[at] = byte;
            }
            for bytes in [&tiff[..], &tiff[..cut.index(tiff.len())]] {
                let theirs = Theirs::from_exif_chunk(bytes).map(Theirs::to_exif);
                prop_assert_eq!(Orientation::in_exif(bytes).map(|ours| ours.0), theirs);
            }
        }
    }
}
