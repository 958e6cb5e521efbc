//! Models as data: reads any family's `models.toml`. Knows no family; what only one family needs is in that family's
//! own type `W`, the `wire` table of each model.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::contract::HeadSize;
use crate::panels::ColourRule;

/// One model of a family.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model<W> {
    /// Trade name, as the machine reports it.
    pub name: String,
    /// The raster of its print head.
    pub head: Head,
    /// How sRGB becomes dye on it.
    pub colour: ColourRule,
    /// Data of the model that only this family needs.
    pub wire: W,
}

/// [`HeadSize`] as written in `models.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Pixels along the card's long side.
    pub width_px: u32,
    /// Pixels along the card's short side.
    pub height_px: u32,
    /// Pixels per inch along the long side.
    pub dpi_x: u32,
    /// Pixels per inch along the short side.
    pub dpi_y: u32,
}

impl Head {
    /// The contract's form of it.
    pub fn size(&self) -> HeadSize {
        HeadSize {
            width_px: self.width_px,
            height_px: self.height_px,
            dpi_x: self.dpi_x,
            dpi_y: self.dpi_y,
        }
    }

    /// Dots on one side of a card.
    pub fn dots(&self) -> usize {
        self.width_px as usize * self.height_px as usize
    }
}

/// A `models.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models<W> {
    /// USB vendor numbers of the family's machines. Which model it is, no number tells; the machine itself does.
    #[serde(default)]
    pub usb_vendors: Vec<u16>,
    /// Its models.
    #[serde(rename = "model")]
    pub models: Vec<Model<W>>,
}

/// Reads a `models.toml`.
///
/// # Errors
/// The line and the unknown or missing key.
pub fn read<W: DeserializeOwned>(text: &str) -> Result<Models<W>, toml::de::Error> {
    toml::from_str(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct NoWire {}

    const ONE: &str = r#"
        [[model]]
        name = "One"
        head = { width_px = 10, height_px = 4, dpi_x = 300, dpi_y = 260 }
        colour = "dyes"
        wire = {}
    "#;

    #[test]
    fn a_model_is_read() {
        let sheet: Models<NoWire> = read(&format!("usb_vendors = [0x0f49]{ONE}")).unwrap();
        assert_eq!(sheet.usb_vendors, [0x0f49]);
        assert_eq!(sheet.models[0].head.size().dpi_y, 260);
        assert_eq!(sheet.models[0].head.dots(), 40);
    }

    #[test]
    fn an_unknown_key_is_refused_by_its_name() {
        let fault = read::<NoWire>(&ONE.replace("dpi_y", "dpi_z")).err().unwrap();
        assert!(fault.to_string().contains("dpi_z"), "{fault}");
    }
}
