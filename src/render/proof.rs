//! A composed face as a fingerprint for the ledger and as a picture for a person, and how alike two pictures are.

use drivers::contract::FaceImage;
use sha2::{Digest, Sha256};

use super::picture_file::{decode_png, encode_png};

/// SHA-256 over the size (two little-endian 32-bit numbers), the colour and the resin: kept with the job.
pub fn face_sha256(face: &FaceImage) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(face.width_px.to_le_bytes());
    hash.update(face.height_px.to_le_bytes());
    hash.update(&face.rgb);
    hash.update(&face.resin);
    hash.finalize().into()
}

/// The face as a PNG for the preview, resin drawn black. sRGB, no metadata.
pub fn to_png(face: &FaceImage) -> Vec<u8> {
    let mut rgb = face.rgb.clone();
    let stride = FaceImage::resin_stride(face.width_px);
    let rows = rgb.chunks_exact_mut(face.width_px as usize * 3);
    for (row, bits) in rows.zip(face.resin.chunks_exact(stride)) {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            if bits[x / 8] & (0x80 >> (x % 8)) != 0 {
                pixel.fill(0);
            }
        }
    }
    encode_png(face.width_px, face.height_px, &rgb)
}

/// How different two pictures are: the mean difference of a channel, of 255. `None` if one does not decode or they
/// are not of one size.
pub fn mean_difference(one: &[u8], other: &[u8]) -> Option<f64> {
    let (one, other) = (decode_png(one)?, decode_png(other)?);
    if (one.width, one.height) != (other.width, other.height) {
        return None;
    }
    let channels = one.colours().flatten().zip(other.colours().flatten());
    let sum: u64 = channels.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    Some(sum as f64 / one.colours().flatten().count().max(1) as f64)
}
