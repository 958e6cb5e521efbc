//! Looks at a decoded photo: DOMAIN section 8, ICAO-like, without machine learning.
//! Knows thresholds; what is measured is the crate `pixels`'. Knows nothing of the person: whether it is the right child is the operator's preview.

use pixels::{Luma, Proof};

use super::{DecodedPhoto, Doubt, words};
use crate::codes::picture::{
    H_PHOTO_BLANK, H_PHOTO_BRIGHT, H_PHOTO_DARK, H_PHOTO_FLAT, H_PHOTO_GREY, H_PHOTO_ORIENTATION,
    H_PHOTO_RATIO, W_PHOTO_PROFILE, W_PHOTO_SOFT,
};
use crate::finding::Finding;
use crate::product::{Backdrop, PhotoRules};

/// Mean luma outside of this is near-black or near-white (DOMAIN section 8).
const MEAN_LUMA: std::ops::RangeInclusive<f32> = 40.0..=215.0;
/// Less spread of luma than this is a flat field (DOMAIN section 8).
const MIN_SPREAD: f32 = 20.0;
/// Variance of the Laplacian below which no edge in the picture is an edge. Lenient: a photo recompressed by
/// WhatsApp has several hundred, a drawn face about a thousand, one blurred over 3 % of its width below twenty.
const MIN_SHARPNESS: f32 = 25.0;
/// Mean distance between the strongest and the weakest channel; JPEG noise on grey stays below.
const MIN_CHROMA: f32 = 7.0;
/// Rows of one colour across the whole picture, below where its subject begins, as a part of its height: no portrait
/// has any, since neck and shoulders stand in its middle.
const MAX_LOST_ROWS: f32 = 0.05;
/// The part of the face's place that one colour may fill. Drawn faces without shadows have
/// 0.45 to 0.60, a plain box before it or a lost part 1.
const MAX_FACE_PLAIN: f32 = 0.80;
/// Weaker colour than this (of 255) has no hue to speak of.
const MIN_HUE_CHROMA: u8 = 36;

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
    let proof = Proof::of(&photo.picture);
    let luma = proof.luma();
    found.extend(light(&luma));
    if luma.sharpness() < MIN_SHARPNESS {
        found.push(words::plain(&W_PHOTO_SOFT));
    }
    if proof.lost_rows() > MAX_LOST_ROWS || proof.plainness_of_face() > MAX_FACE_PLAIN {
        found.push(words::plain(&H_PHOTO_BLANK));
    }
    if rules.colour && proof.chroma() < MIN_CHROMA {
        found.push(words::plain(&H_PHOTO_GREY));
    }
    if let Some(expected) = expected
        && class(proof.corner_colour()) != Some(expected)
    {
        found.push(words::backdrop(expected));
    }
    found
}

/// The colour class of a wall. Red reaches from magenta-red to orange-red, blue from cyan-blue to violet-blue: school walls differ.
fn class([r, g, b]: [u8; 3]) -> Option<Backdrop> {
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

fn light(luma: &Luma) -> Option<Finding> {
    let (mean, spread) = luma.mean_and_spread();
    if mean < *MEAN_LUMA.start() {
        Some(words::plain(&H_PHOTO_DARK))
    } else if mean > *MEAN_LUMA.end() {
        Some(words::plain(&H_PHOTO_BRIGHT))
    } else if spread < MIN_SPREAD {
        Some(words::plain(&H_PHOTO_FLAT))
    } else {
        None
    }
}
