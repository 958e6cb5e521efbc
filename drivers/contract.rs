//! What any card machine must do, and the things that pass between it and the station.
//! Knows no family, no wire and no daemon.
//!
//! The station acts on [`DeviceError::card`] (where is the card?) and shows a person
//! [`DeviceError::cause`] (what is wrong, what to do). A call never retries: only the station,
//! which has the ledger, may decide to do something twice.

use std::fmt;
use std::time::Duration;

use crate::words::Words;

/// A machine that takes a blank, prints it and lets it out. Blocking; one thread owns it.
pub trait CardPrinter: Send {
    /// Asks the machine how it is. Never moves a card.
    fn status(&mut self) -> Result<PrinterStatus, DeviceError>;

    /// How a card must be made ready for this machine. Pure: needs no wire, may be used on
    /// another thread while this one prints.
    fn prepress(&self) -> Box<dyn Prepress>;

    /// Feeds a blank, prints it, and returns once the machine says that the card is out.
    fn print(&mut self, card: &PreparedCard) -> Result<CardOut, DeviceError>;

    /// Takes a blank from the feeder to a stop inside the machine, where it stays.
    fn feed(&mut self, to: Stop) -> Result<(), DeviceError>;

    /// Lets a card that is inside the machine out.
    fn eject(&mut self, to: Tray) -> Result<(), DeviceError>;
}

/// Turns composed faces into what one model of machine takes. Same faces, same bytes.
pub trait Prepress: Send + Sync {
    /// The raster on which faces must be composed.
    fn head(&self) -> HeadSize;

    /// Separates, dithers and packs; `into` is emptied first and its memory used again.
    ///
    /// # Errors
    /// [`PrepressError`] when the faces are not of [`Prepress::head`]'s size, or the machine
    /// cannot print what is asked (a back on a machine without a flipper, colour on a black ribbon).
    fn prepare(&self, card: &CardImage, into: &mut PreparedCard) -> Result<(), PrepressError>;
}

/// The raster of a print head over an ID-1 card lying in landscape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct HeadSize {
    /// Pixels along the card's long side.
    pub width_px: u32,
    /// Pixels along the card's short side.
    pub height_px: u32,
    /// Pixels an inch along the long side.
    pub dpi_x: u32,
    /// Pixels an inch along the short side; differs from `dpi_x` on some models.
    pub dpi_y: u32,
}

/// Both sides of a card as they shall look, before any machine's colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardImage {
    /// The side with the photo.
    pub front: FaceImage,
    /// The other side; `None` for a one-sided card.
    pub back: Option<FaceImage>,
}

/// One side: sRGB colour and, apart from it, what is printed in resin black.
///
/// Resin is a layer, never found by looking for dark pixels: a threshold eats dark hair.
/// Under resin the colour is left as the background has it.
#[derive(Clone, PartialEq, Eq)]
pub struct FaceImage {
    /// Pixels a row.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
    /// sRGB, 3 bytes a pixel, row by row from the top left, no padding.
    pub rgb: Vec<u8>,
    /// 1 bit a pixel, row by row, most significant bit first, each row padded to
    /// [`FaceImage::resin_stride`] bytes; 1 = resin black. Padding bits are 0.
    pub resin: Vec<u8>,
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
    /// The size only: the pixels are a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaceImage({}x{} px)", self.width_px, self.height_px)
    }
}

/// A card as the bytes that one model takes. Made by [`Prepress::prepare`], used again and again.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PreparedCard {
    /// The job in the family's own format.
    pub job: Vec<u8>,
    /// 1 or 2.
    pub sides: u8,
    /// Trade name of the model that the bytes are for; another one must refuse them.
    pub model: String,
    /// Trade name of the ribbon that the bytes are for; see [`Ribbon::panels`].
    pub ribbon: String,
}

impl fmt::Debug for PreparedCard {
    /// The size only: the bytes are a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedCard({} bytes, {} sides)", self.job.len(), self.sides)
    }
}

/// Why faces cannot be made ready for a model; always a fault of configuration, never of a person's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepressError {
    /// The composer and the printer disagree about the raster.
    #[error("face is {got_width_px}x{got_height_px} px, the print head takes {}x{} px", .head.width_px, .head.height_px)]
    WrongSize {
        /// What the machine takes.
        head: HeadSize,
        /// What came.
        got_width_px: u32,
        /// What came.
        got_height_px: u32,
    },
    /// A two-sided card on a machine that cannot turn it.
    #[error("the card has a back, but the printer has no flipper")]
    NoFlipper,
    /// A ribbon whose panels we do not know how to fill.
    #[error("the ribbon {ribbon} is not one that we can print with")]
    UnsupportedRibbon {
        /// The ribbon's trade name.
        ribbon: String,
    },
    /// The ribbon has no panel for what is on the face.
    #[error("the face has colour, but the ribbon {ribbon} has none")]
    NoColour {
        /// The ribbon's trade name.
        ribbon: String,
    },
}

/// What the machine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PrinterStatus {
    /// Who it is; evidence after a crash is only worth something from the same machine.
    pub identity: Identity,
    /// What keeps it from printing, or soon will. Empty: ready.
    pub troubles: Vec<Trouble>,
    /// Is there a card inside, as far as the machine's sensors tell?
    pub card_inside: bool,
    /// It is printing, encoding, cleaning or owned by a job.
    pub busy: bool,
    /// What it says of its ribbon; `None` when it does not say.
    pub ribbon: Option<Ribbon>,
    /// Cards that ever entered the print head; `None` when it does not say. Not the number of good cards.
    pub cards_entered: Option<u64>,
}

/// Which machine it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// Trade name, as in `models.toml`.
    pub model: String,
    /// Serial number; empty when the machine does not say.
    pub serial: String,
    /// Firmware version; empty when the machine does not say.
    pub firmware: String,
}

/// A ribbon as the machine reads it from the spool.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Ribbon {
    /// Panels in order, such as `YMCKO`.
    pub panels: String,
    /// Prints left on it.
    pub remaining: u32,
    /// Prints on a new one.
    pub capacity: u32,
}

/// A stop inside the machine where a card can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Under the print head.
    Print,
    /// At the contact chip station.
    Contact,
    /// At the contactless station.
    Contactless,
    /// At the magnetic head.
    Magnetic,
}

/// Where a card is let out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tray {
    /// The output hopper: good cards.
    Out,
    /// The reject box: spoiled cards.
    Reject,
}

/// A card came out. What the machine said of it is kept as the job's evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CardOut {
    /// Who printed it.
    pub identity: Identity,
    /// [`PrinterStatus::cards_entered`] before the card.
    pub cards_entered_before: Option<u64>,
    /// [`PrinterStatus::cards_entered`] after the card.
    pub cards_entered_after: Option<u64>,
    /// Ribbon left after the card.
    pub ribbon: Option<Ribbon>,
}

/// Something that keeps a machine from printing (or soon will), in the words of IPP `printer-state-reasons`
/// (RFC 8011 section 5.4.12, PWG 5100.9 and the IANA registry). It is the printer's state, never a job's.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Trouble {
    /// IPP keyword without suffix, such as `media-empty`, `cover-open`, `marker-supply-empty`.
    pub keyword: &'static str,
    /// Does it stop printing?
    pub level: Level,
    /// What is wrong and what to do.
    pub words: Words,
    /// The machine's own name for it, for the maker's hotline.
    pub vendor_code: &'static str,
}

/// IPP's suffixes of `printer-state-reasons`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// `-report`: good to know.
    Report,
    /// `-warning`: prints still.
    Warning,
    /// `-error`: does not print until somebody helps.
    Error,
}

/// Why a device call failed. The station acts on `card`; the person reads `cause`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause} (card: {card})")]
pub struct DeviceError {
    /// Where the blank of this call is now.
    pub card: Whereabouts,
    /// What happened.
    #[source]
    pub cause: Cause,
}

/// Where the blank is after a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// No blank left the feeder: the call may be made again.
    Untouched,
    /// A blank is inside the machine.
    InMachine,
    /// The blank lies in the reject box: spoiled, and counted.
    Rejected,
    /// The machine did not say: perhaps a card came out, perhaps not.
    Unknown,
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untouched => "untouched",
            Self::InMachine => "in the machine",
            Self::Rejected => "in the reject box",
            Self::Unknown => "unknown",
        })
    }
}

/// What went wrong with a device call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The machine says that something is wrong with it.
    #[error("the printer reports {}", .0.iter().map(|t| t.keyword).collect::<Vec<_>>().join(", "))]
    Trouble(Vec<Trouble>),
    /// The wire failed; the machine may be well.
    #[error(transparent)]
    Wire(#[from] crate::transport::TransportError),
    /// The machine answered something that its protocol does not allow here.
    #[error("the printer's answer to {command} is not understood: {why}")]
    Garbled {
        /// The command that was asked.
        command: &'static str,
        /// What is wrong with the answer; never its content.
        why: &'static str,
    },
    /// The machine refused a command.
    #[error("the printer refused {command}: {answer}")]
    Refused {
        /// The command that was asked.
        command: &'static str,
        /// The machine's word for it, such as `ERROR FEEDER`.
        answer: String,
    },
    /// The machine took longer than it may.
    #[error("the printer did not finish {what} within {} s", .limit.as_secs())]
    TooSlow {
        /// What was waited for.
        what: &'static str,
        /// The named limit.
        limit: Duration,
    },
    /// Somebody else has reserved the machine.
    #[error("the printer is reserved by another program (session {session})")]
    Reserved {
        /// The other's session number.
        session: u16,
    },
    /// The model cannot do that, or is not one that we know.
    #[error("the printer cannot do this: {0}")]
    Unsupported(String),
}
