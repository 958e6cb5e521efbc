//! Planes to pixels: subsampled components are upsampled, then YCbCr becomes RGB (JFIF 1.02, BT.601). Doubling is a
//! triangle filter with centred samples, as in libjpeg; larger factors repeat samples, as there.

use super::frame::Frame;
use super::scan::Samples;
use super::{Picture, Reduction};

/// How a component's samples are upsampled in one direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stretch {
    Same,
    Double,
    Repeat(usize),
}

impl Stretch {
    /// Horizontal and vertical; the filter applies to both or to neither.
    fn of(across: usize, down: usize) -> (Self, Self) {
        let one = |times| match times {
            1 => Self::Same,
            2 if across.max(down) == 2 => Self::Double,
            times => Self::Repeat(times),
        };
        (one(across), one(down))
    }

    /// The sample at an output position and its neighbour; they are mixed 3 to 1.
    fn pair(self, at: usize, last: usize) -> (usize, usize) {
        match self {
            Self::Same => (at, at),
            Self::Repeat(times) => ((at / times).min(last), (at / times).min(last)),
            Self::Double => {
                let near = (at / 2).min(last);
                let far = if at.is_multiple_of(2) {
                    near.saturating_sub(1)
                } else {
                    (near + 1).min(last)
                };
                (near, far)
            }
        }
    }
}

/// One component's rows, upsampled one after the other.
struct Rows<'a> {
    samples: &'a Samples,
    across: Stretch,
    down: Stretch,
    /// Samples that are not padding.
    width: usize,
    height: usize,
    /// A row mixed vertically, times four.
    mixed: Vec<u16>,
    row: Vec<u8>,
}

pub(super) fn assemble(
    frame: &Frame,
    reduction: Reduction,
    samples: &[Samples],
    is_rgb: bool,
) -> Picture {
    let (width, height) = frame.reduced(reduction);
    let channels = frame.channels();
    let mut rows: Vec<Rows> = Vec::new();
    for (component, samples) in frame.components.iter().zip(samples) {
        let (across, down) = (frame.most.0 / component.across, frame.most.1 / component.down);
        let stretch = Stretch::of(across, down);
        rows.push(Rows {
            samples,
            across: stretch.0,
            down: stretch.1,
            width: (width as usize).div_ceil(across),
            height: (height as usize).div_ceil(down),
            mixed: Vec::new(),
            row: vec![0; width as usize],
        });
    }
    let mut pixels = vec![0; width as usize * height as usize * channels];
    for (y, line) in pixels.chunks_exact_mut(width as usize * channels).enumerate() {
        rows.iter_mut().for_each(|component| component.draw(y));
        match &rows[..] {
            [grey] => line.copy_from_slice(&grey.row),
            [one, two, three] => {
                let (three_each, _) = line.as_chunks_mut::<3>();
                let values = one.row.iter().zip(&two.row).zip(&three.row);
                for (pixel, ((&a, &b), &c)) in three_each.iter_mut().zip(values) {
                    *pixel = if is_rgb { [a, b, c] } else { rgb(a, b, c) };
                }
            }
            _ => {}
        }
    }
    Picture { width, height, channels, pixels }
}

impl Rows<'_> {
    fn draw(&mut self, y: usize) {
        let (near, far) = self.down.pair(y, self.height - 1);
        let Samples { bytes, stride } = self.samples;
        let line = |y: usize| &bytes[y * stride..][..self.width];
        let (near, far) = (line(near), line(far));
        if self.across == Stretch::Same && self.down == Stretch::Same {
            self.row.copy_from_slice(near);
            return;
        }
        self.mixed.clear();
        self.mixed.extend(near.iter().zip(far).map(|(&n, &f)| 3 * u16::from(n) + u16::from(f)));
        match self.across {
            Stretch::Same => {
                for (to, &from) in self.row.iter_mut().zip(&self.mixed) {
                    *to = ((from + 2) / 4) as u8;
                }
            }
            Stretch::Repeat(times) => {
                for (to, &from) in self.row.chunks_mut(times).zip(&self.mixed) {
                    to.fill(((from + 2) / 4) as u8);
                }
            }
            Stretch::Double => double(&self.mixed, &mut self.row),
        }
    }
}

/// Rounds up on one side and down on the other, so that no bias accumulates.
fn double(mixed: &[u16], row: &mut [u8]) {
    let last = mixed.len() - 1;
    for (n, to) in row.chunks_mut(2).enumerate() {
        let near = 3 * mixed[n];
        to[0] = ((near + mixed[n.saturating_sub(1)] + 8) / 16) as u8;
        if let Some(right) = to.get_mut(1) {
            *right = ((near + mixed[(n + 1).min(last)] + 7) / 16) as u8;
        }
    }
}

fn rgb(y: u8, blue: u8, red: u8) -> [u8; 3] {
    // Fixed point with 16 fraction bits.
    let y = (i32::from(y) << 16) + (1 << 15);
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    let byte = |value: i32| (value >> 16).clamp(0, 255) as u8;
    [byte(y + 91_881 * red), byte(y - 22_554 * blue - 46_802 * red), byte(y + 116_130 * blue)]
}
