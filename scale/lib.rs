//! Scales pixels with a prefiltered Lanczos-3. Must not know what a picture shows.
//!
//! It is a crate of its own because the library is generic: its caller compiles it, once for each pixel type used. This
//! crate uses two, and is optimised in builds where the daemon itself is not (tests).

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

/// Pixels in rows from the top, without gaps.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// One byte per channel.
    pub pixels: &'a [u8],
}

/// A part of a picture, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    /// From the left edge.
    pub left: f64,
    /// From the upper edge.
    pub top: f64,
    /// Across.
    pub width: f64,
    /// Down.
    pub height: f64,
}

/// The scaler and its buffers, for repeated use.
#[derive(Default)]
pub struct Scaler(Resizer);

impl Scaler {
    /// Scales a part of an RGB picture to `width * height` pixels in `to`. `None` if a buffer has the wrong size or the
    /// part lies outside.
    pub fn rgb(
        &mut self,
        from: Source<'_>,
        part: Crop,
        (width, height): (u32, u32),
        to: &mut [u8],
    ) -> Option<()> {
        let Crop { left, top, width: across, height: down } = part;
        let options = lanczos().crop(left, top, across, down);
        self.scale::<U8x3>(from, (width, height), to, &options)
    }

    /// Scales a whole picture with transparency.
    pub fn rgba(
        &mut self,
        from: Source<'_>,
        (width, height): (u32, u32),
        to: &mut [u8],
    ) -> Option<()> {
        self.scale::<U8x4>(from, (width, height), to, &lanczos())
    }

    fn scale<P: PixelTrait>(
        &mut self,
        from: Source<'_>,
        (width, height): (u32, u32),
        to: &mut [u8],
        options: &ResizeOptions,
    ) -> Option<()> {
        let from = TypedImageRef::<P>::from_buffer(from.width, from.height, from.pixels).ok()?;
        let mut to = TypedImage::<P>::from_buffer(width, height, to).ok()?;
        self.0.resize_typed(&from, &mut to, options).ok()
    }
}

fn lanczos() -> ResizeOptions {
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_colour_stays_that_colour_and_wrong_buffers_are_refused() {
        let pixels = [10, 200, 30].repeat(40 * 30);
        let from = Source { width: 40, height: 30, pixels: &pixels };
        let part = Crop { left: 5.5, top: 0.0, width: 20.0, height: 30.0 };
        let mut to = vec![0; 13 * 17 * 3];
        let mut scaler = Scaler::default();
        scaler.rgb(from, part, (13, 17), &mut to).expect("it fits");
        assert!(to.chunks_exact(3).all(|pixel| pixel == [10, 200, 30]), "{to:?}");
        assert_eq!(scaler.rgb(from, part, (14, 17), &mut to), None);
        assert_eq!(scaler.rgb(from, Crop { width: 50.0, ..part }, (13, 17), &mut to), None);
        assert_eq!(scaler.rgba(from, (13, 17), &mut vec![0; 13 * 17 * 4]), None);
    }
}
