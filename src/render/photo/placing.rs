//! Crops a photo to its slot and scales it with a prefiltered Lanczos-3. Knows rectangles, no rules.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::DecodedPhoto;

/// How much of what is cut off goes above: a third, since heads are up.
const CUT_ABOVE: f64 = 1.0 / 3.0;

/// The scaler with its buffers, used again for every card.
#[derive(Default)]
pub(in crate::render) struct Placer {
    resizer: Resizer,
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
        let (left, top, width, height) = crop(photo.width(), photo.height(), slot_ratio);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .crop(left, top, width, height);
        self.pixels.resize(width_px as usize * height_px as usize * 3, 0);
        let from =
            ImageRef::new(photo.width(), photo.height(), photo.rgb(), PixelType::U8x3).ok()?;
        let mut to =
            Image::from_slice_u8(width_px, height_px, &mut self.pixels, PixelType::U8x3).ok()?;
        self.resizer.resize(&from, &mut to, &options).ok()?;
        Some(&self.pixels)
    }
}

/// The largest part of a picture with the slot's ratio: sides cut evenly, height cut mostly below.
fn crop(width: u32, height: u32, slot_ratio: f64) -> (f64, f64, f64, f64) {
    let (width, height) = (f64::from(width), f64::from(height));
    if width > height * slot_ratio {
        let kept = height * slot_ratio;
        ((width - kept) / 2.0, 0.0, kept, height)
    } else {
        let kept = width / slot_ratio;
        (0.0, (height - kept) * CUT_ABOVE, width, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_3x4_photo_loses_its_sides_evenly_in_a_2x3_slot() {
        let (left, top, width, height) = crop(600, 800, 2.0 / 3.0);
        assert_eq!((top, height), (0.0, 800.0));
        assert!((width - 533.333).abs() < 0.01 && (left - 33.333).abs() < 0.01);
    }

    #[test]
    fn a_tall_photo_keeps_the_head_room() {
        let (left, top, width, height) = crop(600, 1000, 2.0 / 3.0);
        assert_eq!((left, width), (0.0, 600.0));
        assert!((height - 900.0).abs() < 0.01 && (top - 33.333).abs() < 0.01);
    }

    #[test]
    fn a_2x3_photo_is_not_cut() {
        let (left, top, width, height) = crop(600, 900, 18.0 / 27.0);
        assert!(left.abs() < 1e-9 && top.abs() < 1e-9);
        assert!((width - 600.0).abs() < 1e-9 && (height - 900.0).abs() < 1e-9);
    }
}
