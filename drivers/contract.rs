//! The contract of every card printer driver: the calls that the station may make, and the types that pass between the
//! two. Knows no family, no wire and no daemon.
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

/// A printer that takes a blank, prints it and ejects it. Calls block; one thread owns it.
pub trait CardPrinter: Send {
    /// Asks the machine for its state. Never moves a card.
    fn status(&mut self) -> Result<PrinterStatus, DeviceError>;

    /// How card images are prepared for this machine. It does no I/O, so another thread may use it while this one
    /// prints.
    fn prepress(&self) -> Box<dyn Prepress>;

    /// Prints the card that [`CardPrinter::feed`] brought in, or a blank if none was fed. A blank never replaces a card
    /// that was fed and has disappeared: the call then fails once with [`Cause::CardGone`]. Returns once the machine
    /// reports that the card is out (or waits inside, if it was asked to keep it).
    fn print(&mut self, card: &PreparedCard) -> Result<CardOut, DeviceError>;

    /// Moves a blank from the feeder, or the card already fed, to a stop inside the machine.
    fn feed(&mut self, to: Stop) -> Result<(), DeviceError>;

    /// Ejects a card that is inside the machine.
    fn eject(&mut self, to: Tray) -> Result<(), DeviceError>;

    /// Ends a job that an earlier process left unfinished in the machine. Feeds and prints nothing by itself; a card
    /// that the job has already finished may come out. Fails with [`Cause::Busy`] while the machine is working. After
    /// `Ok` no job owns the machine, and none resumes when somebody clears an error.
    ///
    /// On failure [`DeviceError::card`] describes the abandoned job's card: `Untouched` until the machine was told to
    /// end the job; after that, whatever the machine reported last. A card inside stays where it is and belongs to no
    /// job: [`CardPrinter::print`] refuses it, [`CardPrinter::eject`] ejects it. The abandoned job's errors remain and
    /// block the exit, so call [`CardPrinter::clear_errors`] before `eject`.
    fn abort_orphaned_job(&mut self) -> Result<(), DeviceError>;

    /// Acknowledges the machine's errors after somebody has dealt with them; fails with those that remain.
    fn clear_errors(&mut self) -> Result<(), DeviceError>;

    /// The magnetic head; `None` when none is fitted.
    fn magnetic(&mut self) -> Option<&mut dyn MagneticStripe>;

    /// The machine's log of jobs; `None` when it keeps none that can be searched for one card, or one that may lose a line
    /// at a loss of power ([`JobLog`]).
    fn job_log(&mut self) -> Option<&mut dyn JobLog>;

    /// Reads everything that the machine reports about itself, for a technician. Never moves a card.
    fn facts(&mut self) -> Result<Facts, DeviceError>;
}

/// The machine's state, as it reports it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PrinterStatus {
    /// Which machine it is: after a crash, only counters of the same machine are evidence.
    pub identity: Identity,
    /// What keeps it from printing, or soon will. An empty list means ready.
    pub troubles: Vec<Trouble>,
    /// Do the machine's sensors detect a card inside?
    pub card_inside: bool,
    /// It is printing, encoding or cleaning, or another program has reserved it.
    pub busy: bool,
    /// A job owns the machine. If it is owned but not busy, the job's computer is gone: [`CardPrinter::abort_orphaned_job`]
    /// ends the job, and so does the next move or print, before anything else.
    pub owned: bool,
    /// The machine reports that it was switched on or restarted and has not been used since. `false` proves nothing:
    /// any program that uses the machine clears the flag, and some families have none.
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

/// The machine reported that a card came out (or waits inside, if it was asked to keep it). A report is not proof: the
/// station checks it against the counters before it settles the job. Kept as the job's evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CardOut {
    /// The machine that printed it.
    pub identity: Identity,
    /// [`PrinterStatus::cards_entered`] before the card.
    pub cards_entered_before: Option<u64>,
    /// [`PrinterStatus::cards_entered`] after the card.
    pub cards_entered_after: Option<u64>,
    /// Ribbon left after the card.
    pub ribbon: Option<Ribbon>,
    /// What the driver observed while the card was printed.
    #[serde(default)]
    pub watch: Watch,
}

/// What a driver observed from the command that moves a card to the end of the call. All fields `false`: it polled
/// without a gap and nothing was wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Watch {
    /// A poll showed trouble that a person fixes by hand; that person may have removed the card.
    pub disturbed: bool,
    /// The machine was switched off or restarted.
    pub restarted: bool,
    /// A poll showed a card inside although the job was over.
    pub stood_inside: bool,
    /// Two polls were so far apart ([`Watch::BLINK`]) that a person may have removed the card: this computer or the
    /// wire stalled.
    pub unseen: bool,
}

impl Watch {
    /// The longest gap between two polls in which nobody can have opened the machine, removed a card and closed it
    /// again. Eight poll intervals of a printing machine.
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
    /// What the machine reported when it was asked afterwards; `None`: it was not asked, because the command that moves
    /// the card never reached it.
    pub evidence: Option<Evidence>,
}

impl DeviceError {
    /// The error of a call that moved no card.
    pub fn untouched(cause: Cause) -> Self {
        Self { card: Whereabouts::Untouched, cause, evidence: None }
    }
}

/// What a machine reports about a card after a call failed; used to settle the job. A field is `None` if there was no
/// answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Evidence {
    /// [`PrinterStatus::cards_entered`] before the call.
    pub cards_entered_before: Option<u64>,
    /// [`PrinterStatus::cards_entered`] now.
    pub cards_entered_after: Option<u64>,
    /// Does the job still own the machine? `false`: the machine has dropped the job and prints no more of it.
    pub owned: Option<bool>,
    /// Does a sensor detect a card inside?
    pub card_inside: Option<bool>,
    /// Prints left on the ribbon now.
    pub ribbon_left: Option<u32>,
    /// What the driver observed before the call failed.
    #[serde(default)]
    pub watch: Watch,
}

/// Where the blank is after a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// The call moved no card and may be repeated. (A card that waited inside still waits there.)
    Untouched,
    /// A card is inside the machine.
    InMachine,
    /// The blank lies in the reject box: spoiled, and counted.
    Rejected,
    /// The machine did not report it: a card may or may not have come out.
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
    /// The IPP `printer-state-reasons` value for this cause, with its suffix.
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
        /// The command that was sent.
        command: &'static str,
        /// What is wrong with the answer; never its content.
        why: &'static str,
    },
    /// The machine refused a command.
    #[error("the printer refused {command}: {answer}")]
    Refused {
        /// The command that was sent.
        command: &'static str,
        /// The machine's refusal, such as `ERROR FEEDER`; any other text is shown only by its length.
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
    /// Another program has reserved the machine.
    #[error("the printer is reserved by another program (session {session})")]
    Reserved {
        /// The other program's session number.
        session: u16,
    },
    /// An earlier job is still running in it.
    #[error("the printer is still at work on an earlier job")]
    Busy,
    /// It was switched off and on, or restarted by itself, in the middle of a job.
    #[error("the printer restarted during the job")]
    Restarted,
    /// A card is inside that must not be there: nobody fed it for this call, or it did not come out.
    #[error("a card is inside the printer")]
    CardInside,
    /// The card that was fed is no longer inside; a blank in its place would lack what was already encoded on it.
    #[error("the card that waited inside the printer is gone")]
    CardGone,
    /// The magnetic stripe could not be written or read.
    #[error("the magnetic stripe: {0}")]
    Magnetic(MagneticFault),
    /// The model cannot do that, or is not one that we know.
    #[error("the printer cannot do this: {0}")]
    Unsupported(String),
}
