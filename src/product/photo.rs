//! A product's requirements for a photo, as data. Knows no image codec: `render/photo/` does the checks.

use serde::{Deserialize, Serialize};

/// `[photo]` of `product.toml`. The defaults are DOMAIN's rules for the child identity card.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PhotoRules {
    /// Largest file, bytes.
    pub max_bytes: usize,
    /// Longest side in pixels; a larger picture is refused without decoding it (decompression bombs).
    pub max_side_px: u32,
    /// A narrower picture is refused (the slot at 300 dpi), pixels.
    pub min_width_px: u32,
    /// See `min_width_px`.
    pub min_height_px: u32,
    /// A narrower picture gets a warning, pixels.
    pub good_width_px: u32,
    /// See `good_width_px`.
    pub good_height_px: u32,
    /// Narrowest width/height that can be cropped without losing the head.
    pub ratio_min: f32,
    /// Widest width/height.
    pub ratio_max: f32,
    /// Is a grey-scale picture held?
    pub colour: bool,
    /// The required backdrop.
    pub background: BackgroundRule,
}

impl Default for PhotoRules {
    fn default() -> Self {
        Self {
            max_bytes: 2 * 1024 * 1024,
            max_side_px: 6000,
            min_width_px: 213,
            min_height_px: 319,
            good_width_px: 300,
            good_height_px: 450,
            ratio_min: 0.60,
            ratio_max: 0.80,
            colour: true,
            background: BackgroundRule::Any,
        }
    }
}

/// How the required backdrop follows from the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackgroundRule {
    /// Any backdrop is accepted.
    #[default]
    Any,
    /// Red for an odd birth year, blue for an even one (practice of the KIA offices).
    BirthYearParity,
}

/// A backdrop colour class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backdrop {
    /// *Merah*.
    Red,
    /// *Biru*.
    Blue,
}
