//! The office's signature picture: from its own configuration, never from a job. Knows pixels, not who signs.

use drivers::contract::FaceImage;
use scale::{Scaler, Source};
use sha2::{Digest, Sha256};

use super::design::{Layer, Slot};
use super::glyphs::{Bitmap, pack};
use super::ink::{Area, Raster, mix, or_bits};
use super::picture_file::decode_png;

/// The signature used last, scaled to its slot: an office has one, and its cards come in rows.
#[derive(Default)]
pub(super) struct Signatures {
    last: Option<Scaled>,
}

/// A signature at its place. Ink = how dark a pixel is, 255 = black.
struct Scaled {
    source: [u8; 32],
    area: Area,
    rgba: Vec<u8>,
    fitted: Area,
}

impl Signatures {
    /// Draws the signature into its slot, whole and centred. `None` when it does not decode.
    pub fn draw(
        &mut self,
        face: &mut FaceImage,
        raster: &Raster,
        slot: &Slot,
        png: &[u8],
    ) -> Option<()> {
        let area = raster.area(slot.x_mm, slot.y_mm, slot.width_mm, slot.height_mm);
        let source: [u8; 32] = Sha256::digest(png).into();
        if self.last.as_ref().is_none_or(|last| last.source != source || last.area != area) {
            self.last = Some(scale(png, source, area, raster)?);
        }
        let scaled = self.last.as_ref()?;
        match slot.layer {
            Layer::Resin => stamp(face, scaled),
            _ => paint(face, scaled),
        }
        Some(())
    }
}

/// Scaled to stand wholly inside the slot, with the slot's pixels as they are (square or not).
fn scale(png: &[u8], source: [u8; 32], area: Area, raster: &Raster) -> Option<Scaled> {
    let picture = decode_png(png)?;
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let (across, down) = (f64::from(raster.scale_x), f64::from(raster.scale_y));
    let per_pixel_mm =
        (f64::from(area.width_px) / across / width).min(f64::from(area.height_px) / down / height);
    let px = |pixels: f64, scale: f64, most: u32| {
        ((pixels * per_pixel_mm * scale).round() as u32).clamp(1, most)
    };
    let width_px = px(width, across, area.width_px);
    let height_px = px(height, down, area.height_px);
    let mut rgba = vec![0; width_px as usize * height_px as usize * 4];
    let from = Source { width: picture.width, height: picture.height, pixels: &picture.pixels };
    Scaler::default().rgba(from, (width_px, height_px), &mut rgba)?;
    let fitted = Area {
        left_px: area.left_px + (area.width_px - width_px) as i32 / 2,
        top_px: area.top_px + (area.height_px - height_px) as i32 / 2,
        width_px,
        height_px,
    };
    Some(Scaled { source, area, rgba, fitted })
}

/// Dark, opaque pixels become resin.
fn stamp(face: &mut FaceImage, scaled: &Scaled) {
    let darkness = |p: &[u8]| {
        let luma = (299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2])) / 1000;
        ((255 - luma) * u32::from(p[3]) / 255) as u8
    };
    let coverage: Vec<u8> = scaled.rgba.chunks_exact(4).map(darkness).collect();
    let (width_px, height_px) = (scaled.fitted.width_px as usize, scaled.fitted.height_px as usize);
    let data = pack(&coverage, width_px).into_boxed_slice();
    let bitmap = Bitmap { width_px, height_px, data, ..Bitmap::default() };
    or_bits(face, &bitmap, scaled.fitted.left_px, scaled.fitted.top_px);
}

fn paint(face: &mut FaceImage, scaled: &Scaled) {
    let Area { left_px, top_px, width_px, .. } = scaled.fitted;
    for (n, pixel) in scaled.rgba.chunks_exact(4).enumerate() {
        let x = left_px + (n % width_px as usize) as i32;
        let y = top_px + (n / width_px as usize) as i32;
        if (0..face.width_px as i32).contains(&x) && (0..face.height_px as i32).contains(&y) {
            let at = (y as usize * face.width_px as usize + x as usize) * 3;
            if let Some(under) = face.rgb[at..].first_chunk_mut() {
                mix(under, [pixel[0], pixel[1], pixel[2]], pixel[3]);
            }
        }
    }
}
