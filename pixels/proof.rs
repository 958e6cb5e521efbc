//! A photo made small, and what is measured on it. Judges nothing.

use jpeg::Picture;

/// All checks look at a copy of about this width: the same for a telephone's 12 megapixels and a scan.
const PROOF_WIDTH_PX: u32 = 240;
/// Corners looked at, as a part of the width and of the height.
const CORNER: f32 = 0.12;
/// Values this far apart are one colour: a lost part is filled with one, a wall before a lens never is across the picture.
const SAME: u8 = 3;
/// Where a face is, as a part of the width and of the height.
const FACE_X: std::ops::Range<f32> = 0.3..0.7;
const FACE_Y: std::ops::Range<f32> = 0.25..0.65;

/// The photo small enough to be looked at whole: RGB.
pub struct Proof {
    width: usize,
    height: usize,
    rgb: Vec<[u8; 3]>,
}

/// How light each pixel of a proof is, 0-255.
pub struct Luma {
    width: usize,
    values: Vec<f32>,
}

impl Proof {
    /// Averages whole blocks of a picture in colour.
    pub fn of(photo: &Picture) -> Self {
        let block = (photo.width / PROOF_WIDTH_PX).max(1) as usize;
        let row = photo.width as usize;
        let (width, height) = (row / block, (photo.height as usize / block).max(1));
        let rgb = &photo.pixels;
        let mut small = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let mut sum = [0_u32; 3];
                for line in 0..block.min(photo.height as usize) {
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

    /// ITU-R BT.601 luma of every pixel.
    pub fn luma(&self) -> Luma {
        let luma = |[r, g, b]: &[u8; 3]| {
            0.299 * f32::from(*r) + 0.587 * f32::from(*g) + 0.114 * f32::from(*b)
        };
        Luma { width: self.width, values: self.rgb.iter().map(luma).collect() }
    }

    /// Mean distance between the strongest and the weakest channel.
    pub fn chroma(&self) -> f32 {
        let spread =
            |p: &[u8; 3]| u64::from(p.iter().max().unwrap_or(&0) - p.iter().min().unwrap_or(&0));
        self.rgb.iter().map(spread).sum::<u64>() as f32 / self.rgb.len() as f32
    }

    /// Which part of the rows, below the first that is not of one colour, is of one colour across the picture.
    pub fn lost_rows(&self) -> f32 {
        let rows = self.rgb.chunks_exact(self.width).map(is_plain);
        let below = rows.skip_while(|plain| *plain);
        below.filter(|plain| *plain).count() as f32 / self.height as f32
    }

    /// The part of the face's place that is within a little of its most frequent colour.
    pub fn plainness_of_face(&self) -> f32 {
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

    /// The colour of the wall: median colour of both upper corners, since hair or a frame may reach in.
    pub fn corner_colour(&self) -> [u8; 3] {
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
        [median(0), median(1), median(2)]
    }
}

impl Luma {
    /// The mean, and the standard deviation from it.
    pub fn mean_and_spread(&self) -> (f32, f32) {
        let luma = &self.values;
        let count = luma.len() as f32;
        let mean = luma.iter().sum::<f32>() / count;
        let variance = luma.iter().map(|l| (l - mean) * (l - mean)).sum::<f32>() / count;
        (mean, variance.sqrt())
    }

    /// Variance of the four-neighbour Laplacian.
    pub fn sharpness(&self) -> f32 {
        let (luma, width) = (&self.values, self.width);
        let height = luma.len() / width;
        let (mut count, mut sum, mut squares) = (0.0_f32, 0.0_f64, 0.0_f64);
        for y in 1..height.saturating_sub(1) {
            for x in 1..width.saturating_sub(1) {
                let at = y * width + x;
                let edge = luma[at - 1] + luma[at + 1] + luma[at - width] + luma[at + width]
                    - 4.0 * luma[at];
                count += 1.0;
                sum += f64::from(edge);
                squares += f64::from(edge) * f64::from(edge);
            }
        }
        let mean = sum / f64::from(count.max(1.0));
        (squares / f64::from(count.max(1.0)) - mean * mean) as f32
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
