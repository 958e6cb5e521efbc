//! A card before it is printed: the image of both sides, and the bytes that they become for one model. Knows no family
//! and no wire.

use std::fmt;

use crate::contract::Stop;
use crate::text::Text;

/// Turns composed faces into one model's job format. The same faces give the same bytes.
pub trait Prepress: Send + Sync {
    /// The raster on which faces must be composed.
    fn head(&self) -> HeadSize;

    /// Can a card be moved to this stop? True if the option there is fitted.
    fn reaches(&self, stop: Stop) -> bool;

    /// Separates, dithers and packs; `into` is emptied first and its memory reused.
    ///
    /// # Errors
    /// [`PrepressError`] when the faces are not of [`Prepress::head`]'s size, or the machine cannot print what is asked
    /// (a back on a machine without a flipper, colour on a black ribbon).
    fn prepare(&self, card: &CardImage, into: &mut PreparedCard) -> Result<(), PrepressError>;
}

/// The raster of a print head over an ID-1 card lying in landscape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct HeadSize {
    /// Pixels along the card's long side.
    pub width_px: u32,
    /// Pixels along the card's short side.
    pub height_px: u32,
    /// Pixels per inch along the long side.
    pub dpi_x: u32,
    /// Pixels per inch along the short side; differs from `dpi_x` on some models.
    pub dpi_y: u32,
}

/// Both sides of a card as they should look, before any machine's colour.
#[derive(Debug, Clone, PartialEq)]
pub struct CardImage {
    /// The side with the photo.
    pub front: FaceImage,
    /// The other side; `None` for a one-sided card.
    pub back: Option<FaceImage>,
    /// After printing the card waits inside, to be encoded or inspected; it is ejected later.
    pub stays_inside: bool,
}

/// A rectangle on a face, from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// From the left edge, mm.
    pub left_mm: f32,
    /// From the upper edge, mm.
    pub top_mm: f32,
    /// Along the long side, mm.
    pub width_mm: f32,
    /// Along the short side, mm.
    pub height_mm: f32,
}

/// One side: sRGB colour and, apart from it, what is printed in resin black.
///
/// Resin is a layer of its own, never derived from dark pixels: a threshold would turn dark hair into resin. The colour
/// under resin is left as the background has it.
#[derive(Clone, PartialEq)]
pub struct FaceImage {
    /// Pixels per row.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
    /// sRGB, 3 bytes per pixel, row by row from the top left, no padding.
    pub rgb: Vec<u8>,
    /// 1 bit per pixel, row by row, most significant bit first, each row padded to [`FaceImage::resin_stride`] bytes; 1
    /// = resin black. Padding bits are 0.
    pub resin: Vec<u8>,
    /// Where no varnish may lie: the chip's contacts, the field for a signature, the magnetic stripe.
    pub unvarnished: Vec<Area>,
}

impl FaceImage {
    /// A white face without resin.
    pub fn white(width_px: u32, height_px: u32) -> Self {
        let pixels = width_px as usize * height_px as usize;
        Self {
            width_px,
            height_px,
            rgb: vec![255; pixels * 3],
            resin: vec![0; Self::resin_stride(width_px) * height_px as usize],
            unvarnished: Vec::new(),
        }
    }

    /// Bytes in one row of [`FaceImage::resin`].
    pub fn resin_stride(width_px: u32) -> usize {
        width_px.div_ceil(8) as usize
    }

    /// Is the pixel printed in resin black?
    pub fn is_resin(&self, x_px: u32, y_px: u32) -> bool {
        let row = y_px as usize * Self::resin_stride(self.width_px);
        self.resin[row + x_px as usize / 8] & (0x80 >> (x_px % 8)) != 0
    }
}

impl fmt::Debug for FaceImage {
    /// Shows the size only: the pixels show a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaceImage({}x{} px)", self.width_px, self.height_px)
    }
}

/// A card as the bytes that one model takes. Made by [`Prepress::prepare`]; the buffers are reused for the next card.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PreparedCard {
    /// The job in the family's own format.
    pub job: Vec<u8>,
    /// 1 or 2.
    pub sides: u8,
    /// Trade name of the model that the bytes are for; any other model must refuse them.
    pub model: String,
    /// Trade name of the ribbon that the bytes are for; see [`crate::contract::Ribbon::panels`].
    pub ribbon: String,
    /// [`CardImage::stays_inside`].
    pub stays_inside: bool,
    /// By how much a complete card lowers [`crate::contract::Ribbon::remaining`], according to what is known about how
    /// the machine counts; `None`: unknown.
    pub ribbon_prints: Option<u32>,
}

impl fmt::Debug for PreparedCard {
    /// Shows the size only: the bytes show a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedCard({} bytes, {} sides)", self.job.len(), self.sides)
    }
}

/// Why faces cannot be prepared for a model; always a configuration error, never caused by a person's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepressError {
    /// The faces do not have the print head's raster.
    #[error("face is {got_width_px}x{got_height_px} px, the print head takes {}x{} px", .head.width_px, .head.height_px)]
    WrongSize {
        /// The print head's raster.
        head: HeadSize,
        /// Width of the face.
        got_width_px: u32,
        /// Height of the face.
        got_height_px: u32,
    },
    /// A two-sided card on a machine that cannot turn it.
    #[error("the card has a back, but the printer has no flipper")]
    NoFlipper,
    /// A ribbon whose panels this driver cannot fill.
    #[error("the ribbon {ribbon} is not one that we can print with")]
    UnsupportedRibbon {
        /// The ribbon's trade name.
        ribbon: String,
    },
    /// The ribbon's colour panels cover only a part of the card, and the face has colour beyond it.
    #[error(
        "colour takes {got_px} columns of the face, the half panels of the ribbon {ribbon} give {most_px}"
    )]
    HalfPanel {
        /// The ribbon's trade name.
        ribbon: String,
        /// Columns from the first to the last coloured pixel.
        got_px: u32,
        /// Columns that are certain to be dyed.
        most_px: u32,
    },
    /// The ribbon has no panel for the face's colours.
    #[error("the face has colour, but the ribbon {ribbon} has none")]
    NoColour {
        /// The ribbon's trade name.
        ribbon: String,
    },
}

impl PrepressError {
    /// What is wrong and what to do; it addresses whoever maintains the configuration.
    pub fn words(&self) -> Text {
        let id = match self {
            Self::WrongSize { head, got_width_px, got_height_px } => format!(
                "muka kartu {got_width_px}x{got_height_px} piksel, kepala cetak {}x{}.",
                head.width_px, head.height_px
            ),
            Self::NoFlipper => {
                "kartunya dua sisi, dan printer tidak dapat membalik kartu.".to_owned()
            }
            Self::UnsupportedRibbon { ribbon } => format!("pita {ribbon} tidak dikenal."),
            Self::HalfPanel { ribbon, got_px, most_px } => format!(
                "warna memerlukan {got_px} kolom, setengah panel pita {ribbon} hanya {most_px}."
            ),
            Self::NoColour { ribbon } => {
                format!("ada warna di muka kartu, dan pita {ribbon} tidak berwarna.")
            }
        };
        Text::new(id, format!("{self}."))
    }
}
