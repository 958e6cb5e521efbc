//! What a finished card looks like: panels back to a picture in landscape. Knows no machine.

use std::io::Error;
use std::path::Path;

use super::memory::write_whole;
use crate::emulation::{FinishedCard, Picture};
use crate::evolis::bitmap::{expand_lines, unpack};
use crate::evolis::stream::{Form, Panel};
use crate::models::Head;
use crate::panels::{ColourRule, DyedCard};

/// Panels of one side as they came in, one byte a dot in the order of the head.
#[derive(Default, Clone)]
pub struct Side {
    yellow: Option<Vec<u8>>,
    magenta: Option<Vec<u8>>,
    cyan: Option<Vec<u8>>,
    resin: Option<Vec<u8>>,
    varnish: Option<Vec<u8>>,
}

impl Side {
    /// Lays a panel down; `None` when its line coding is broken or not one that we know.
    pub fn take(&mut self, panel: &Panel<'_>, head: &Head) -> Option<()> {
        let expanded;
        let data = if panel.form == Form::Compressed {
            // The run coding of dye panels was never seen on a wire.
            expanded = (panel.bits == 1).then(|| expand_lines(panel.data, head)).flatten()?;
            &expanded[..]
        } else {
            panel.data
        };
        let place = match panel.letter {
            'y' => &mut self.yellow,
            'm' => &mut self.magenta,
            'c' => &mut self.cyan,
            'k' => &mut self.resin,
            _ => &mut self.varnish,
        };
        *place = Some(unpack(data, panel.bits, head.dots()));
        Some(())
    }

    /// Panels that take ribbon.
    pub fn panels(&self) -> [bool; 5] {
        [&self.yellow, &self.magenta, &self.cyan, &self.resin, &self.varnish].map(Option::is_some)
    }

    /// The picture: dye by the model's rule, resin over it; varnish is clear.
    pub fn draw(
        &self,
        head: &Head,
        rule: ColourRule,
        resin_rgb: [u8; 3],
        card: &DyedCard,
    ) -> Picture {
        let (width, height) = (head.width_px as usize, head.height_px as usize);
        let mut rgb = vec![255; width * height * 3];
        let level =
            |panel: &Option<Vec<u8>>, dot: usize| panel.as_ref().map_or(0, |panel| panel[dot]);
        let mut last = ([0; 3], [255; 3]);
        for x in 0..width {
            for row in 0..height {
                let dot = x * height + (height - 1 - row);
                let cmy =
                    [level(&self.cyan, dot), level(&self.magenta, dot), level(&self.yellow, dot)];
                if cmy != last.0 {
                    let seen = match rule {
                        ColourRule::Complement => cmy.map(|level| 255 - level),
                        ColourRule::Dyes => card.colour(cmy),
                    };
                    last = (cmy, seen);
                }
                let seen = if level(&self.resin, dot) != 0 { resin_rgb } else { last.1 };
                let at = (row * width + x) * 3;
                rgb[at..at + 3].copy_from_slice(&seen);
            }
        }
        Picture { width_px: head.width_px, height_px: head.height_px, rgb }
    }
}

/// Lays a card down as `card-000123-front.png` and, if printed, `-back.png`.
///
/// # Errors
/// What the system says.
pub fn lay_down(card: &FinishedCard, dir: &Path) -> Result<(), Error> {
    for (side, picture) in [("back", card.back.as_ref()), ("front", Some(&card.front))] {
        if let Some(picture) = picture {
            let path = dir.join(format!("card-{:06}-{side}.png", card.number));
            write_whole(&path, &encode(picture)?)?;
        }
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
