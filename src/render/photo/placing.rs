//! Crops a photo to its slot and scales it with a prefiltered Lanczos-3. Knows rectangles, no rules.

use scale::{Crop, Scaler, Source};

use super::DecodedPhoto;

/// How much of what is cut off goes above: a third, since heads are up.
const CUT_ABOVE: f64 = 1.0 / 3.0;

/// The scaler with its buffers, used again for every card.
#[derive(Default)]
pub(in crate::render) struct Placer {
    scaler: Scaler,
    pixels: Vec<u8>,
}

impl Placer {
    /// A photo as the pixels of a slot; `slot_ratio` is the slot's width / height on the card, not in pixels,
    /// since a head may have other pixels across than down.
    pub fn place(
        &mut self,
        photo: &DecodedPhoto,
        slot_ratio: f64,
        width_px: u32,
        height_px: u32,
    ) -> Option<&[u8]> {
        let part = crop(photo.width(), photo.height(), slot_ratio);
        self.pixels.resize(width_px as usize * height_px as usize * 3, 0);
        let from = Source { width: photo.width(), height: photo.height(), pixels: photo.rgb() };
        self.scaler.rgb(from, part, (width_px, height_px), &mut self.pixels)?;
        Some(&self.pixels)
    }
}

/// The largest part of a picture with the slot's ratio: sides cut evenly, height cut mostly below.
fn crop(width: u32, height: u32, slot_ratio: f64) -> Crop {
    let (width, height) = (f64::from(width), f64::from(height));
    if width > height * slot_ratio {
        let kept = height * slot_ratio;
        Crop { left: (width - kept) / 2.0, top: 0.0, width: kept, height }
    } else {
        let kept = width / slot_ratio;
        Crop { left: 0.0, top: (height - kept) * CUT_ABOVE, width, height: kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_3x4_photo_loses_its_sides_evenly_in_a_2x3_slot() {
        let Crop { left, top, width, height } = crop(600, 800, 2.0 / 3.0);
        assert_eq!((top, height), (0.0, 800.0));
        assert!((width - 533.333).abs() < 0.01 && (left - 33.333).abs() < 0.01);
    }

    #[test]
    fn a_tall_photo_keeps_the_head_room() {
        let Crop { left, top, width, height } = crop(600, 1000, 2.0 / 3.0);
        assert_eq!((left, width), (0.0, 600.0));
        assert!((height - 900.0).abs() < 0.01 && (top - 33.333).abs() < 0.01);
    }

    #[test]
    fn a_2x3_photo_is_not_cut() {
        let Crop { left, top, width, height } = crop(600, 900, 18.0 / 27.0);
        assert!(left.abs() < 1e-9 && top.abs() < 1e-9);
        assert!((width - 600.0).abs() < 1e-9 && (height - 900.0).abs() < 1e-9);
    }
}
