//! What any card machine must do, and the things that pass between it and the station.
//! Knows no family, no wire and no daemon.
//!
//! The station acts on [`DeviceError::card`] (where is the card?) and shows a person
//! [`DeviceError::cause`] (what is wrong, what to do). A call never retries: only the station,
//! which has the ledger, may decide to do something twice.

use std::fmt;
use std::time::Duration;

pub use crate::facts::{Fact, Facts};
pub use crate::image::{
    Area, CardImage, FaceImage, HeadSize, PreparedCard, Prepress, PrepressError,
};
pub use crate::magnetic::{Coercivity, MagneticFault, MagneticStripe, TrackError, Tracks};
pub use crate::redact::{Designation, Redacted};
use crate::text::Text;
pub use crate::ticket::{JobLog, NoTicket, Outcome, Ticket, Unlogged};

/// A machine that takes a blank, prints it and lets it out. Blocking; one thread owns it.
pub trait CardPrinter: Send {
    /// Asks the machine how it is. Never moves a card.
    fn status(&mut self) -> Result<PrinterStatus, DeviceError>;

    /// How a card must be made ready for this machine. Pure: needs no wire, may be used on
    /// another thread while this one prints.
    fn prepress(&self) -> Box<dyn Prepress>;

    /// Prints the card that [`CardPrinter::feed`] brought, else a blank, but never a blank in the place of a card that was
    /// brought and is gone ([`Cause::CardGone`], once); returns once the machine says
    /// that the card is out (or waits inside, if it was asked to stay).
    fn print(&mut self, card: &PreparedCard) -> Result<CardOut, DeviceError>;

    /// Takes a blank from the feeder, or the card that was fed, to a stop inside the machine.
    fn feed(&mut self, to: Stop) -> Result<(), DeviceError>;

    /// Lets a card that is inside the machine out.
    fn eject(&mut self, to: Tray) -> Result<(), DeviceError>;

    /// Ends what a lost computer left in the machine: a job that nobody holds any more. Feeds and prints nothing by
    /// itself; a card that such a job has finished may come out. Fails with [`Cause::Busy`] while the machine is at
    /// work. `Ok`: no job owns it, and none goes on by itself when somebody puts an error right.
    ///
    /// On failure [`DeviceError::card`] speaks of the left job's card: `Untouched` until the job was told that it is
    /// over; from then on what the machine said afterwards. A card inside is left where it is, and counts as nobody's:
    /// [`CardPrinter::print`] refuses it, [`CardPrinter::eject`] brings it out. The left job's errors still stand and
    /// bar the way out: [`CardPrinter::clear_errors`] comes between the two.
    fn come_to_rest(&mut self) -> Result<(), DeviceError>;

    /// Tells the machine that somebody has dealt with its errors; fails with those that still stand.
    fn clear_errors(&mut self) -> Result<(), DeviceError>;

    /// The magnetic station; `None` when none is fitted.
    fn magnetic(&mut self) -> Option<&mut dyn MagneticStripe>;

    /// The machine's log of jobs; `None` when it keeps none that can be asked for one card, or one that may lose a line when
    /// the power goes ([`JobLog`]).
    fn job_log(&mut self) -> Option<&mut dyn JobLog>;

    /// Asks everything that the machine tells of itself, for a technician. Never moves a card.
    fn facts(&mut self) -> Result<Facts, DeviceError>;
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
    /// It is printing, encoding or cleaning, or another program has reserved it.
    pub busy: bool,
    /// A job owns it. Not busy and owned: the job lost its computer; [`CardPrinter::come_to_rest`] ends it, and so
    /// does the next move or print, before anything else.
    pub owned: bool,
    /// The machine says that it was switched on, or started anew, and nobody has used it since. `false` proves
    /// nothing: whoever uses it takes the sign away, and a family may have none.
    pub restarted: bool,
    /// What it says of its ribbon; `None` when it does not say.
    pub ribbon: Option<Ribbon>,
    /// Cards that ever entered the print head; `None` when it does not say. Not the number of good cards.
    pub cards_entered: Option<u64>,
    /// When it was cleaned and must be again; `None` when it does not say.
    pub cleaning: Option<Cleaning>,
}

/// What a machine says of its cleaning, in cards; `None`: it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cleaning {
    /// Cards since the last cleaning.
    pub cards_since: Option<u64>,
    /// Cards until it will ask for the next one.
    pub cards_until_due: Option<u64>,
    /// Cards until the print head's warranty is lost for want of cleaning.
    pub cards_until_warranty_lost: Option<u64>,
    /// Cleanings so far.
    pub regular_cleanings: Option<u64>,
    /// Thorough cleanings so far.
    pub advanced_cleanings: Option<u64>,
}

/// Which machine it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// Trade name, as in `models.toml`.
    pub model: String,
    /// Serial number; empty when the machine does not say.
    pub serial: Designation,
    /// Firmware version; empty when the machine does not say.
    pub firmware: Designation,
}

/// A ribbon as the machine reads it from the spool.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

/// The machine said that a card came out (or waits inside, if it was asked to stay). That is its word, not yet the truth:
/// whoever settles the job holds it against the figures. Kept as the job's evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CardOut {
    /// Who printed it.
    pub identity: Identity,
    /// [`PrinterStatus::cards_entered`] before the card.
    pub cards_entered_before: Option<u64>,
    /// [`PrinterStatus::cards_entered`] after the card.
    pub cards_entered_after: Option<u64>,
    /// Ribbon left after the card.
    pub ribbon: Option<Ribbon>,
    /// What was seen of the card on its way.
    #[serde(default)]
    pub watch: Watch,
}

/// What a driver saw of a card from the command that moves it to the end of the call. All false: it polled all the time,
/// and nothing was wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Watch {
    /// A poll showed trouble that hands deal with, and may take the card away by.
    pub disturbed: bool,
    /// It was switched off, or started anew.
    pub restarted: bool,
    /// A poll showed a card inside though the job was over.
    pub stood_inside: bool,
    /// Between two polls lay more time than hands need: this computer stood still, or the wire did.
    pub unseen: bool,
}

impl Watch {
    /// The longest time between two polls in which nobody can have opened the machine, taken a card out of it and closed
    /// it again. Eight polls of a machine that prints.
    pub const BLINK: Duration = Duration::from_secs(2);
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
    pub words: Text,
    /// The machine's own name for it, for the maker's hotline.
    pub vendor_code: &'static str,
}

impl Trouble {
    /// As IPP's `printer-state-reasons` has it: the keyword with its suffix, such as `media-empty-error`.
    pub fn reason(&self) -> String {
        format!("{}-{}", self.keyword, self.level.suffix())
    }
}

impl Level {
    /// IPP's suffix of a keyword.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// IPP's suffixes of `printer-state-reasons`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
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
    /// Where the card of this call is now.
    pub card: Whereabouts,
    /// What happened.
    #[source]
    pub cause: Cause,
    /// What the machine said when it was asked afterwards; `None`: it was not asked, for it had not
    /// heard the command that moves the card.
    pub evidence: Option<Evidence>,
}

impl DeviceError {
    /// Of a call that moved no card.
    pub fn untouched(cause: Cause) -> Self {
        Self { card: Whereabouts::Untouched, cause, evidence: None }
    }
}

/// What a machine says of a card after a call failed; for whoever settles the job. `None`: no answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Evidence {
    /// [`PrinterStatus::cards_entered`] before the call.
    pub cards_entered_before: Option<u64>,
    /// [`PrinterStatus::cards_entered`] now.
    pub cards_entered_after: Option<u64>,
    /// Does the job still own the machine? `false`: it has let go of it, and no more comes of it.
    pub owned: Option<bool>,
    /// Does a sensor see a card inside?
    pub card_inside: Option<bool>,
    /// Prints left on the ribbon now.
    pub ribbon_left: Option<u32>,
    /// What was seen of the card before the call failed.
    #[serde(default)]
    pub watch: Watch,
}

/// Where the blank is after a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// The call moved no card and may be made again. (One that waited inside still waits there.)
    Untouched,
    /// A card is inside the machine.
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

impl Cause {
    /// What it is among IPP's `printer-state-reasons`, with its suffix.
    pub fn reason(&self) -> String {
        match self {
            Self::Trouble(troubles) => {
                troubles.first().map_or_else(|| "other-error".to_owned(), Trouble::reason)
            }
            Self::Wire(_) => "connecting-to-device-error".to_owned(),
            Self::Reserved { .. } => "moving-to-paused-error".to_owned(),
            _ => "other-error".to_owned(),
        }
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
        /// The machine's word for it, such as `ERROR FEEDER`; anything else only by its length.
        answer: Redacted,
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
    /// An earlier job is still at work in it.
    #[error("the printer is still at work on an earlier job")]
    Busy,
    /// It was switched off and on, or restarted by itself, in the middle of a job.
    #[error("the printer restarted during the job")]
    Restarted,
    /// A card is inside that must not be there: nobody fed it for this call, or it did not come out.
    #[error("a card is inside the printer")]
    CardInside,
    /// The card that was fed is not inside any more; a blank in its stead would lack what was done to it.
    #[error("the card that waited inside the printer is gone")]
    CardGone,
    /// The magnetic stripe could not be written or read.
    #[error("the magnetic stripe: {0}")]
    Magnetic(MagneticFault),
    /// The model cannot do that, or is not one that we know.
    #[error("the printer cannot do this: {0}")]
    Unsupported(String),
}
