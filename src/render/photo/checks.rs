//! Looks at a decoded photo: DOMAIN section 8, ICAO-like, without machine learning.
//! Knows pixels and thresholds, not the person: whether it is the right child is the operator's preview.

use super::{DecodedPhoto, Doubt, words};
use crate::codes::picture::{
    H_PHOTO_BLANK, H_PHOTO_BRIGHT, H_PHOTO_DARK, H_PHOTO_FLAT, H_PHOTO_GREY, H_PHOTO_ORIENTATION,
    H_PHOTO_RATIO, W_PHOTO_PROFILE, W_PHOTO_SOFT,
};
use crate::finding::Finding;
use crate::product::{Backdrop, PhotoRules};

/// All checks look at a copy of about this width: the same for a telephone's 12 megapixels and a scan.
const PROOF_WIDTH_PX: u32 = 240;
/// Mean luma outside of this is near-black or near-white (DOMAIN section 8).
const MEAN_LUMA: std::ops::RangeInclusive<f32> = 40.0..=215.0;
/// Less spread of luma than this is a flat field (DOMAIN section 8).
const MIN_SPREAD: f32 = 20.0;
/// Variance of the Laplacian below which no edge in the picture is an edge. Lenient: a photo recompressed by
/// WhatsApp has several hundred, a drawn face about a thousand, one blurred over 3 % of its width below twenty.
const MIN_SHARPNESS: f32 = 25.0;
/// Mean distance between the strongest and the weakest channel; JPEG noise on grey stays below.
const MIN_CHROMA: f32 = 7.0;
/// Corners looked at, as a part of the width and of the height.
const CORNER: f32 = 0.12;
/// Values this far apart are one colour: a lost part is filled with one, a wall before a lens never is across the picture.
const SAME: u8 = 3;
/// Rows of one colour across the whole picture, below where its subject begins, as a part of its height: no portrait
/// has any, since neck and shoulders stand in its middle.
const MAX_LOST_ROWS: f32 = 0.05;
/// Where a face is, as a part of the width and of the height.
const FACE_X: std::ops::Range<f32> = 0.3..0.7;
const FACE_Y: std::ops::Range<f32> = 0.25..0.65;
/// The part of the face's place that one colour may fill. Drawn faces without shadows have
/// 0.45 to 0.60, a plain box before it or a lost part 1.
const MAX_FACE_PLAIN: f32 = 0.80;
/// Weaker colour than this (of 255) has no hue to speak of.
const MIN_HUE_CHROMA: u8 = 36;

/// The photo small enough to be looked at whole: RGB.
struct Proof {
    width: usize,
    height: usize,
    rgb: Vec<[u8; 3]>,
}

/// Everything that is wrong with a photo, told together. `expected` is the backdrop that the product's rule
/// asks of this holder; `None` when any will do.
pub fn inspect(
    photo: &DecodedPhoto,
    rules: &PhotoRules,
    expected: Option<Backdrop>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let (width, height) = (photo.width(), photo.height());
    if width < rules.good_width_px || height < rules.good_height_px {
        found.push(words::small(rules.good_width_px, rules.good_height_px));
    }
    for doubt in &photo.doubts {
        found.push(match doubt {
            Doubt::Orientation => words::plain(&H_PHOTO_ORIENTATION),
            Doubt::Profile => words::plain(&W_PHOTO_PROFILE),
        });
    }
    let ratio = width as f32 / height as f32;
    if !(rules.ratio_min..=rules.ratio_max).contains(&ratio) {
        found.push(words::plain(&H_PHOTO_RATIO));
    }
    let proof = Proof::of(photo);
    let luma = proof.luma();
    found.extend(light(&luma));
    if sharpness(&luma, proof.width) < MIN_SHARPNESS {
        found.push(words::plain(&W_PHOTO_SOFT));
    }
    if proof.lost_rows() > MAX_LOST_ROWS || proof.plainness_of_face() > MAX_FACE_PLAIN {
        found.push(words::plain(&H_PHOTO_BLANK));
    }
    if rules.colour && proof.chroma() < MIN_CHROMA {
        found.push(words::plain(&H_PHOTO_GREY));
    }
    if let Some(expected) = expected
        && proof.backdrop() != Some(expected)
    {
        found.push(words::backdrop(expected));
    }
    found
}

impl Proof {
    /// Averages whole blocks of pixels.
    fn of(photo: &DecodedPhoto) -> Self {
        let block = (photo.width() / PROOF_WIDTH_PX).max(1) as usize;
        let row = photo.width() as usize;
        let (width, height) = (row / block, (photo.height() as usize / block).max(1));
        let rgb = photo.rgb();
        let mut small = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let mut sum = [0_u32; 3];
                for line in 0..block.min(photo.height() as usize) {
                    let from = ((y * block + line) * row + x * block) * 3;
                    for pixel in rgb[from..from + block * 3].chunks_exact(3) {
                        sum[0] += u32::from(pixel[0]);
                        sum[1] += u32::from(pixel[1]);
                        sum[2] += u32::from(pixel[2]);
                    }
                }
                let mean = |sum: u32| (sum / (block * block) as u32) as u8;
                small.push([mean(sum[0]), mean(sum[1]), mean(sum[2])]);
            }
        }
        Self { width, height, rgb: small }
    }

    /// ITU-R BT.601 luma, 0-255.
    fn luma(&self) -> Vec<f32> {
        let luma = |[r, g, b]: &[u8; 3]| {
            0.299 * f32::from(*r) + 0.587 * f32::from(*g) + 0.114 * f32::from(*b)
        };
        self.rgb.iter().map(luma).collect()
    }

    fn chroma(&self) -> f32 {
        let spread =
            |p: &[u8; 3]| u64::from(p.iter().max().unwrap_or(&0) - p.iter().min().unwrap_or(&0));
        self.rgb.iter().map(spread).sum::<u64>() as f32 / self.rgb.len() as f32
    }

    /// Which part of the rows, below the first that is not of one colour, is of one colour across the picture.
    fn lost_rows(&self) -> f32 {
        let rows = self.rgb.chunks_exact(self.width).map(is_plain);
        let below = rows.skip_while(|plain| *plain);
        below.filter(|plain| *plain).count() as f32 / self.height as f32
    }

    /// The part of the face's place that is within a little of its most frequent colour.
    fn plainness_of_face(&self) -> f32 {
        let part = |of: usize, at: f32| (of as f32 * at) as usize;
        let (left, right) = (part(self.width, FACE_X.start), part(self.width, FACE_X.end));
        let (top, bottom) = (part(self.height, FACE_Y.start), part(self.height, FACE_Y.end));
        let rows = self.rgb.chunks_exact(self.width).take(bottom).skip(top);
        let face: Vec<[u8; 3]> = rows.flat_map(|row| row[left..right].iter().copied()).collect();
        let coarse = |&[r, g, b]: &[u8; 3]| [r / 8, g / 8, b / 8];
        let mut cells: Vec<[u8; 3]> = face.iter().map(coarse).collect();
        cells.sort_unstable();
        let Some(most) = cells.chunk_by(|a, b| a == b).max_by_key(|same| same.len()) else {
            return 0.0;
        };
        let middle = |n: usize| i32::from(most[0][n]) * 8 + 4;
        let near = |pixel: &&[u8; 3]| {
            (0..3).all(|n| (i32::from(pixel[n]) - middle(n)).abs() <= 4 + i32::from(SAME))
        };
        face.iter().filter(near).count() as f32 / face.len().max(1) as f32
    }

    /// The colour class of the wall: median colour of both upper corners, since hair or a frame may reach in.
    fn backdrop(&self) -> Option<Backdrop> {
        let across = ((self.width as f32 * CORNER) as usize).max(1);
        let down = ((self.height as f32 * CORNER) as usize).max(1);
        let rows = self.rgb.chunks_exact(self.width).take(down);
        let corners: Vec<[u8; 3]> = rows
            .flat_map(|row| row[..across].iter().chain(&row[self.width - across..]).copied())
            .collect();
        let median = |channel: usize| {
            let mut values: Vec<u8> = corners.iter().map(|pixel| pixel[channel]).collect();
            values.sort_unstable();
            values[values.len() / 2]
        };
        class(median(0), median(1), median(2))
    }
}

/// Is a row of one colour?
fn is_plain(row: &[[u8; 3]]) -> bool {
    let spread = |n: usize| {
        let values = row.iter().map(|pixel| pixel[n]);
        values.clone().max().unwrap_or(0) - values.min().unwrap_or(0)
    };
    (0..3).all(|n| spread(n) <= SAME)
}

/// Red reaches from magenta-red to orange-red, blue from cyan-blue to violet-blue: school walls differ.
fn class(r: u8, g: u8, b: u8) -> Option<Backdrop> {
    let (strongest, weakest) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = strongest - weakest;
    if chroma < MIN_HUE_CHROMA {
        return None;
    }
    let part = |of: u8, minus: u8| (f32::from(of) - f32::from(minus)) / f32::from(chroma);
    let hue = if strongest == r {
        60.0 * part(g, b)
    } else if strongest == g {
        120.0 + 60.0 * part(b, r)
    } else {
        240.0 + 60.0 * part(r, g)
    };
    match hue {
        h if (-30.0..=28.0).contains(&h) || h >= 330.0 => Some(Backdrop::Red),
        h if (180.0..=262.0).contains(&h) => Some(Backdrop::Blue),
        _ => None,
    }
}

fn light(luma: &[f32]) -> Option<Finding> {
    let count = luma.len() as f32;
    let mean = luma.iter().sum::<f32>() / count;
    let variance = luma.iter().map(|l| (l - mean) * (l - mean)).sum::<f32>() / count;
    if mean < *MEAN_LUMA.start() {
        Some(words::plain(&H_PHOTO_DARK))
    } else if mean > *MEAN_LUMA.end() {
        Some(words::plain(&H_PHOTO_BRIGHT))
    } else if variance.sqrt() < MIN_SPREAD {
        Some(words::plain(&H_PHOTO_FLAT))
    } else {
        None
    }
}

/// Variance of the four-neighbour Laplacian.
fn sharpness(luma: &[f32], width: usize) -> f32 {
    let height = luma.len() / width;
    let (mut count, mut sum, mut squares) = (0.0_f32, 0.0_f64, 0.0_f64);
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = y * width + x;
            let edge =
                luma[at - 1] + luma[at + 1] + luma[at - width] + luma[at + width] - 4.0 * luma[at];
            count += 1.0;
            sum += f64::from(edge);
            squares += f64::from(edge) * f64::from(edge);
        }
    }
    let mean = sum / f64::from(count.max(1.0));
    (squares / f64::from(count.max(1.0)) - mean * mean) as f32
}
