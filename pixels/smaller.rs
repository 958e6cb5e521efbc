//! Rows of pixels, one by one, to a picture that is smaller by halves and has no transparency.

use jpeg::Picture;

/// Rows averaged into a smaller picture, flattened on white: each target pixel is a square of source pixels.
pub struct Smaller {
    times: u32,
    channels: usize,
    has_alpha: bool,
    picture: Picture,
    sums: Vec<u32>,
    rows: u32,
    flat: Vec<u8>,
}

impl Smaller {
    /// For rows of so many channels, the last of them transparency if `has_alpha`; its sides are halved so many `times`.
    pub fn new((width, height): (u32, u32), channels: usize, has_alpha: bool, times: u32) -> Self {
        let (to_width, to_height) = (halved(width, times), halved(height, times));
        let kept = if channels <= 2 { 1 } else { 3 };
        let pixels = Vec::with_capacity(to_width as usize * to_height as usize * kept);
        Self {
            times,
            channels,
            has_alpha,
            picture: Picture { width: to_width, height: to_height, channels: kept, pixels },
            sums: vec![0; to_width as usize * kept],
            rows: 0,
            flat: Vec::with_capacity(width as usize * kept),
        }
    }

    /// The next row from the top.
    pub fn add(&mut self, row: &[u8]) {
        self.flat.clear();
        if self.has_alpha {
            for pixel in row.chunks_exact(self.channels) {
                if let Some((&alpha, colours)) = pixel.split_last() {
                    self.flat.extend(colours.iter().map(|&colour| on_white(colour, alpha)));
                }
            }
        } else {
            self.flat.extend_from_slice(row);
        }
        if self.times == 0 {
            self.picture.pixels.extend_from_slice(&self.flat);
            return;
        }
        let kept = self.picture.channels;
        let square = kept << self.times;
        for (pixels, sums) in self.flat.chunks(square).zip(self.sums.chunks_exact_mut(kept)) {
            for pixel in pixels.chunks_exact(kept) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += u32::from(value));
            }
        }
        self.rows += 1;
        if self.rows == 1 << self.times {
            self.give();
        }
    }

    /// A target row is complete.
    fn give(&mut self) {
        let kept = self.picture.channels;
        let squares = self.flat.chunks(kept << self.times);
        for (pixels, sums) in squares.zip(self.sums.chunks_exact_mut(kept)) {
            let count = (pixels.len() / kept) as u32 * self.rows;
            let means = sums.iter().map(|sum| ((sum + count / 2) / count) as u8);
            self.picture.pixels.extend(means);
            sums.fill(0);
        }
        self.rows = 0;
    }

    /// The picture of all rows.
    pub fn finish(mut self) -> Picture {
        if self.rows > 0 {
            self.give();
        }
        self.picture
    }
}

/// A halved side, rounded up.
pub fn halved(side: u32, times: u32) -> u32 {
    side.div_ceil(1 << times)
}

/// Transparent parts become white paper.
fn on_white(colour: u8, alpha: u8) -> u8 {
    let alpha = u32::from(alpha);
    ((u32::from(colour) * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}
