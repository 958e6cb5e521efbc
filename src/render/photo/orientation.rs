//! Which side of a stored picture is up. Two parts of a file may say so; only their agreement is believed.

use image::metadata::Orientation;

/// How far behind `tiff:Orientation` its number stands at most: `="6"`, `>6<`.
const XMP_REACH: usize = 4;

/// Every orientation that the EXIF and XMP parts of a file name.
pub(super) fn named(exif: &[&[u8]], xmp: &[&[u8]]) -> Vec<Orientation> {
    let of_exif = exif.iter().filter_map(|body| Orientation::from_exif_chunk(body));
    of_exif.chain(xmp.iter().filter_map(|body| in_xmp(body))).collect()
}

/// The one orientation that is named, upright when none is; `Err` with the first of several different ones.
pub(super) fn agreed(named: &[Orientation]) -> Result<Orientation, Orientation> {
    let first = named.first().copied().unwrap_or(Orientation::NoTransforms);
    if named.iter().all(|one| *one == first) { Ok(first) } else { Err(first) }
}

fn in_xmp(body: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    let at = body.windows(NAME.len()).position(|part| part == NAME)? + NAME.len();
    let digit = body[at..].iter().take(XMP_REACH).find(|byte| byte.is_ascii_digit())?;
    Orientation::from_exif(digit - b'0')
}
