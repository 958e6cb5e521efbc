//! Turns RGB and resin into panels of dye, resin and varnish: converts colours, and turns rows into head lines. Knows
//! no family and no wire; how a panel is packed is the family's.
//!
//! A head prints the card's short side at once and walks along the long one, so a panel is a row of *lines*: line x is
//! the image's column x, its first dot the bottom pixel. (So it is on every machine that we know; a family with another
//! order turns it there.)

mod dyes;
#[cfg(test)]
mod tests;

pub use dyes::{DyeCube, DyedCard};

use crate::contract::{Area, FaceImage, HeadSize};

/// How a model converts sRGB to dye levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourRule {
    /// C = 255 - R, M = 255 - G, Y = 255 - B: the machine does its own colour conversion.
    Complement,
    /// Real dye levels by the model of [`DyeCube`].
    Dyes,
}

/// A rule together with its data.
#[derive(Clone, Copy)]
pub enum Colour<'a> {
    /// [`ColourRule::Complement`].
    Complement,
    /// [`ColourRule::Dyes`].
    Dyes(&'a DyeCube),
}

/// The three dye panels of one side, 1 byte per dot, `width_px` lines of `height_px` dots each.
pub struct Dyes<'a> {
    /// Yellow.
    pub yellow: &'a mut [u8],
    /// Magenta.
    pub magenta: &'a mut [u8],
    /// Cyan.
    pub cyan: &'a mut [u8],
}

/// Luma below which the colour under resin is black anyway: dye there would only make the resin smear.
/// The maker's own rule (Evolis wire notes, section 5: "C=M=Y=0 if very dark (grey <= 4)").
const BLACK_UNDER_RESIN_MAX: u32 = 4;

/// Image columns and rows of one tile: 32 columns of 64 rows fit into the first-level cache while they are turned.
const TILE_COLUMNS: usize = 32;
const TILE_ROWS: usize = 64;

/// Separates a face into dye panels, turned into head lines. Every byte of `into` is written.
///
/// # Panics
/// If a panel of `into` does not have one byte per pixel of the face: a bug of the caller.
pub fn separate(face: &FaceImage, colour: Colour<'_>, into: &mut Dyes<'_>) {
    match colour {
        Colour::Complement => turn(face, into, |[r, g, b]| [255 - r, 255 - g, 255 - b]),
        Colour::Dyes(cube) => turn(face, into, |rgb| cube.separate(rgb)),
    }
    let (width, height) = (face.width_px as usize, face.height_px as usize);
    each_resin_pixel(face, |x, y| {
        let at = (y * width + x) * 3;
        let [r, g, b] = [face.rgb[at], face.rgb[at + 1], face.rgb[at + 2]].map(u32::from);
        if r * 299 + g * 587 + b * 114 <= BLACK_UNDER_RESIN_MAX * 1000 {
            let dot = x * height + (height - 1 - y);
            for panel in [&mut into.yellow, &mut into.magenta, &mut into.cyan] {
                panel[dot] = 0;
            }
        }
    });
}

/// Turns rows into head lines, tile by tile. Most tiles have one colour, which a comparison of their rows shows;
/// elsewhere, a pixel equal to the one before it is not converted again.
fn turn(face: &FaceImage, into: &mut Dyes<'_>, mut dye: impl FnMut([u8; 3]) -> [u8; 3]) {
    let (width, height) = (face.width_px as usize, face.height_px as usize);
    let mut tile = Box::new([[[0_u8; TILE_ROWS]; TILE_COLUMNS]; 3]);
    let mut last = [255; 3];
    let mut cmy = dye(last);
    for left in (0..width).step_by(TILE_COLUMNS) {
        let columns = TILE_COLUMNS.min(width - left);
        for bottom in (0..height).step_by(TILE_ROWS) {
            let rows = TILE_ROWS.min(height - bottom);
            // From the bottom up, as the head's dots are ordered.
            let row = |j: usize| {
                &face.rgb[((height - 1 - bottom - j) * width + left) * 3..][..columns * 3]
            };
            let first = [row(0)[0], row(0)[1], row(0)[2]];
            let flat = one_colour(row(0)) && (1..rows).all(|j| row(j) == row(0));
            if flat {
                if first != last {
                    (last, cmy) = (first, dye(first));
                }
                for (panel, level) in tile.iter_mut().zip(cmy) {
                    panel.as_flattened_mut().fill(level);
                }
            } else {
                let [cyan, magenta, yellow] = &mut *tile;
                for j in 0..rows {
                    let lines = cyan.iter_mut().zip(magenta.iter_mut()).zip(yellow.iter_mut());
                    for (rgb, ((cyan, magenta), yellow)) in row(j).chunks_exact(3).zip(lines) {
                        let rgb = [rgb[0], rgb[1], rgb[2]];
                        if rgb != last {
                            (last, cmy) = (rgb, dye(rgb));
                        }
                        [cyan[j], magenta[j], yellow[j]] = cmy;
                    }
                }
            }
            for (panel, lines) in
                [&mut into.cyan, &mut into.magenta, &mut into.yellow].into_iter().zip(tile.iter())
            {
                for (column, line) in lines[..columns].iter().enumerate() {
                    panel[(left + column) * height + bottom..][..rows]
                        .copy_from_slice(&line[..rows]);
                }
            }
        }
    }
}

/// Are all pixels of a piece of a row equal? Compares it with itself shifted by one pixel, which is one fast memory
/// comparison.
fn one_colour(row: &[u8]) -> bool {
    row[3..] == row[..row.len() - 3]
}

/// Writes the resin of a face as head lines, 1 bit per dot, most significant bit first, in one stream without padding
/// between lines; 1 = black. `into` holds `ceil(dots / 8)` bytes, all written.
pub fn resin(face: &FaceImage, into: &mut [u8]) {
    into.fill(0);
    let height = face.height_px as usize;
    each_resin_pixel(face, |x, y| {
        let dot = x * height + (height - 1 - y);
        into[dot / 8] |= 0x80 >> (dot % 8);
    });
}

/// Writes varnish over a whole side except the areas that must stay bare, in the order of [`resin`]; 1 = varnish. A dot
/// that an area only touches stays bare too, because varnish on a chip's contact would break it.
pub fn varnish(head: HeadSize, bare: &[Area], into: &mut [u8]) {
    into.fill(0xff);
    let dots = |from_mm: f32, size_mm: f32, dpi: u32, most: u32| {
        let dot = |mm: f32| f64::from(mm) * f64::from(dpi) / 25.4;
        // The cast saturates: an area that lies outside, or is not a number, ends at the edge.
        let end = dot(from_mm) + dot(size_mm);
        (dot(from_mm).floor() as usize)..(end.ceil() as usize).min(most as usize)
    };
    for area in bare {
        let rows = dots(area.top_mm, area.height_mm, head.dpi_y, head.height_px);
        for x in dots(area.left_mm, area.width_mm, head.dpi_x, head.width_px) {
            for y in rows.clone() {
                let dot = (x + 1) * head.height_px as usize - 1 - y;
                into[dot / 8] &= !(0x80 >> (dot % 8));
            }
        }
    }
}

/// Is there colour that resin does not cover? A ribbon without dye cannot print it.
pub fn has_colour(face: &FaceImage) -> bool {
    colour_columns(face).is_some()
}

/// The columns between the first and the last pixel of colour that resin does not cover; `None`: there is none.
pub fn colour_columns(face: &FaceImage) -> Option<std::ops::RangeInclusive<u32>> {
    let rows = face.rgb.chunks_exact(face.width_px.max(1) as usize * 3).zip(0..);
    // Most rows are completely white, which is detected quickly.
    rows.filter(|(row, _)| row.iter().any(|&v| v != 255))
        .flat_map(|(row, y)| row.chunks_exact(3).zip(0..).map(move |(rgb, x)| (rgb, x, y)))
        .filter(|&(rgb, x, y)| rgb != [255; 3] && !face.is_resin(x, y))
        .map(|(_, x, _)| x..=x)
        .reduce(|all, one| *all.start().min(one.start())..=*all.end().max(one.end()))
}

/// Calls `with` for each pixel that is resin black. Most of a face has none, so zero bytes are skipped.
fn each_resin_pixel(face: &FaceImage, mut with: impl FnMut(usize, usize)) {
    let stride = FaceImage::resin_stride(face.width_px).max(1);
    for (y, row) in face.resin.chunks_exact(stride).enumerate() {
        for (column, &eight) in row.iter().enumerate() {
            let mut left = eight;
            while left != 0 {
                let bit = left.leading_zeros() as usize;
                with(column * 8 + bit, y);
                left &= !(0x80 >> bit);
            }
        }
    }
}

/// How much dye a side takes; some machines need it in the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Share of dots without any dye, in percent, rounded.
    pub white_percent: u8,
    /// Mean level of yellow, rounded.
    pub yellow_mean: u8,
    /// Mean level of magenta, rounded.
    pub magenta_mean: u8,
    /// Mean level of cyan, rounded.
    pub cyan_mean: u8,
}

impl Coverage {
    /// Measures the panels of one side.
    pub fn of(dyes: &Dyes<'_>) -> Self {
        let dots = (dyes.cyan.len() as u64).max(1);
        let white: u64 = dyes
            .yellow
            .chunks(4096)
            .zip(dyes.magenta.chunks(4096).zip(dyes.cyan.chunks(4096)))
            .map(|(y, (m, c))| {
                let none = y.iter().zip(m).zip(c).map(|((y, m), c)| u32::from(y | m | c == 0));
                u64::from(none.sum::<u32>())
            })
            .sum();
        Self {
            white_percent: rounded(white * 100, dots),
            yellow_mean: rounded(sum(dyes.yellow), dots),
            magenta_mean: rounded(sum(dyes.magenta), dots),
            cyan_mean: rounded(sum(dyes.cyan), dots),
        }
    }
}

fn sum(panel: &[u8]) -> u64 {
    panel.chunks(4096).map(|part| u64::from(part.iter().map(|&v| u32::from(v)).sum::<u32>())).sum()
}

/// Quotients here are percentages and means of bytes, so they fit.
fn rounded(sum: u64, count: u64) -> u8 {
    ((sum + count / 2) / count).min(255) as u8
}
