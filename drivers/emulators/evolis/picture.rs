//! The picture of a finished card, in landscape, drawn from its panels. Knows no machine.

use std::io::Error;
use std::path::Path;
use std::sync::Arc;

use crate::machine::{FinishedCard, Picture};
use drivers::models::Head;
use drivers::panels::{ColourRule, DyedCard};
use drivers::printers::evolis::bitmap::{expand_lines, unpack, unpack_two_levels};
use drivers::printers::evolis::stream::{Form, Panel};
use drivers::private_file;

/// The panels in the order in which a machine prints them.
pub const ORDER: [char; 5] = ['y', 'm', 'c', 'k', 'o'];

/// Panels of one side, packed as received. A copy shares them.
#[derive(Default, Clone)]
pub struct Side([Option<Arc<Layer>>; 5]);

/// One panel. After a restart of the process it has no data, only the checksum.
struct Layer {
    bits: u32,
    data: Vec<u8>,
    sum: u64,
}

impl Layer {
    fn new(bits: u32, data: Vec<u8>) -> Arc<Self> {
        let sum = sum(&data);
        Arc::new(Self { bits, data, sum })
    }

    /// One byte per dot in the order of the head.
    fn dots(&self, head: &Head) -> Vec<u8> {
        match self.bits {
            1 => unpack_two_levels(&self.data, head),
            bits => unpack(&self.data, bits, head.dots()),
        }
    }
}

/// FNV-1a over words of eight bytes: distinguishes panels, and is not cryptographic.
fn sum(data: &[u8]) -> u64 {
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0100_0000_01b3);
    let (words, rest) = data.as_chunks();
    let sum =
        words.iter().fold(0xcbf2_9ce4_8422_2325, |sum, word| step(sum, u64::from_be_bytes(*word)));
    if rest.is_empty() {
        return sum;
    }
    step(sum, rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)))
}

impl Side {
    /// Stores a panel; `None` when its line coding is broken or unknown.
    pub fn take(&mut self, panel: &Panel<'_>, head: &Head) -> Option<()> {
        let data = if panel.form == Form::Compressed {
            // The run-length coding of dye panels was never seen on a wire.
            (panel.bits == 1).then(|| expand_lines(panel.data, head)).flatten()?
        } else {
            panel.data.to_vec()
        };
        *self.place(panel.letter)? = Some(Layer::new(panel.bits, data));
        Some(())
    }

    /// Prints one panel of `other` on this side.
    pub fn print(&mut self, other: &Side, letter: char) {
        let at = ORDER.iter().position(|&known| known == letter);
        if let Some(at) = at {
            self.0[at].clone_from(&other.0[at]);
        }
    }

    fn place(&mut self, letter: char) -> Option<&mut Option<Arc<Layer>>> {
        ORDER.iter().position(|&known| known == letter).map(|at| &mut self.0[at])
    }

    /// Panels that are there, in the order of printing.
    pub fn letters(&self) -> impl Iterator<Item = char> {
        ORDER.iter().zip(&self.0).filter(|(_, panel)| panel.is_some()).map(|(&letter, _)| letter)
    }

    /// The checksums of its panels by their letters: what survives a power cut.
    pub fn kept(&self) -> Vec<(char, u64)> {
        let panels = ORDER.iter().zip(&self.0);
        panels.filter_map(|(&letter, panel)| Some((letter, panel.as_ref()?.sum))).collect()
    }

    /// A side of which only the checksums are known.
    pub fn remembered(kept: &[(char, u64)]) -> Self {
        let mut side = Self::default();
        for &(letter, sum) in kept {
            if let Some(place) = side.place(letter) {
                *place = Some(Arc::new(Layer { bits: 1, data: Vec::new(), sum }));
            }
        }
        side
    }

    /// One checksum over all of its panels; 0 for a blank side.
    pub fn sum(&self) -> u64 {
        let kept = self.kept();
        let bytes: Vec<u8> = kept
            .iter()
            .flat_map(|&(letter, sum)| [u64::from(letter).to_be_bytes(), sum.to_be_bytes()])
            .flatten()
            .collect();
        if bytes.is_empty() { 0 } else { sum(&bytes) }
    }

    /// Is nothing on it?
    pub fn is_blank(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The machine's own test card with the panels of its ribbon: ramps of dye, a ladder of resin. `upside_down` turns
    /// both, so that two kinds of test card exist.
    pub fn test_card(letters: &str, head: &Head, upside_down: bool) -> Self {
        let (width, height) = (head.width_px as usize, head.height_px as usize);
        let mut side = Self::default();
        for (band, letter) in ORDER.into_iter().enumerate().filter(|(_, l)| letters.contains(*l)) {
            let dot = |at: usize| {
                let (x, y) = (at / height, at % height);
                let row = if upside_down { height - 1 - y } else { y };
                match letter {
                    'o' => 255,
                    'k' => 255 * u8::from(row * 5 / height == band && x / 16 % 2 == 0),
                    _ if row * 5 / height == band => (x * 255 / width) as u8,
                    _ => 0,
                }
            };
            side.0[band] = Some(Layer::new(8, (0..width * height).map(dot).collect()));
        }
        side
    }

    /// Draws the picture: dye by the model's colour rule, resin over it; varnish is clear.
    pub fn draw(
        &self,
        head: &Head,
        rule: ColourRule,
        resin_rgb: [u8; 3],
        card: &DyedCard,
    ) -> Picture {
        let (width, height) = (head.width_px as usize, head.height_px as usize);
        let mut rgb = vec![255; width * height * 3];
        let dots = |at: usize| self.0[at].as_ref().map(|panel| panel.dots(head));
        let [yellow, magenta, cyan, resin] = &[0, 1, 2, 3].map(dots);
        let level =
            |panel: &Option<Vec<u8>>, dot: usize| panel.as_ref().map_or(0, |panel| panel[dot]);
        let mut last = ([0; 3], [255; 3]);
        for x in 0..width {
            for row in 0..height {
                let dot = x * height + (height - 1 - row);
                let cmy = [level(cyan, dot), level(magenta, dot), level(yellow, dot)];
                if cmy != last.0 {
                    let seen = match rule {
                        ColourRule::Complement => cmy.map(|level| 255 - level),
                        ColourRule::Dyes => card.colour(cmy),
                    };
                    last = (cmy, seen);
                }
                let seen = if level(resin, dot) != 0 { resin_rgb } else { last.1 };
                let at = (row * width + x) * 3;
                rgb[at..at + 3].copy_from_slice(&seen);
            }
        }
        Picture { width_px: head.width_px, height_px: head.height_px, rgb }
    }
}

/// Saves a card as `card-000123-front.png` and, if printed, `-back.png`, and the content of its chip as `-chip.json`; a
/// rejected one as `card-000123-rejected-front.png`.
///
/// # Errors
/// The system's error.
pub fn lay_down(card: &FinishedCard, rejected: bool, dir: &Path) -> Result<(), Error> {
    let rejected = if rejected { "rejected-" } else { "" };
    for (side, picture) in [("back", card.back.as_ref()), ("front", Some(&card.front))] {
        if let Some(picture) = picture {
            let path = dir.join(format!("card-{:06}-{rejected}{side}.png", card.number));
            private_file::replace(&path, &encode(picture)?)?;
        }
    }
    if let Some(chip) = &card.chip {
        let path = dir.join(format!("card-{:06}-{rejected}chip.json", card.number));
        private_file::replace(&path, &serde_json::to_vec_pretty(chip)?)?;
    }
    Ok(())
}

fn encode(picture: &Picture) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width_px, picture.height_px);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(Error::other)?;
    writer.write_image_data(&picture.rgb).map_err(Error::other)?;
    writer.finish().map_err(Error::other)?;
    Ok(bytes)
}
