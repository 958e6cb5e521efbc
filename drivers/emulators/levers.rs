//! What somebody in the office, or something in the building, can do to an emulated machine.
//! Knows no family. Each lever has the same name here, in a state file and in the control interface.

use serde::{Deserialize, Serialize};

/// What somebody can do to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lever {
    /// Opens the cover.
    OpenCover,
    /// Closes the cover.
    CloseCover,
    /// Opens the feeder.
    OpenFeeder,
    /// Closes the feeder.
    CloseFeeder,
    /// Takes all blanks out of the feeder.
    EmptyFeeder,
    /// Puts blanks into the feeder, as many of these as it holds.
    LoadFeeder(u32),
    /// Takes the finished cards out of the hopper.
    EmptyHopper,
    /// Takes the spoiled cards out of the reject box.
    EmptyRejectBox,
    /// The ribbon runs out now.
    EndRibbon,
    /// A new ribbon of the same kind.
    NewRibbon,
    /// Takes the ribbon out.
    RemoveRibbon,
    /// Puts in a new ribbon of the kind with this number of the maker's.
    PutRibbon(u16),
    /// The next card will stick under the head.
    JamNextCard,
    /// The next card will stick at this place.
    Jam(JamAt),
    /// Takes a card out of the machine by hand: a stuck one, or any other.
    TakeCardOut,
    /// Holds a card into the slot of a machine that is fed by hand.
    InsertCard,
    /// Takes the card that lies in the exit slot.
    TakeFromExit,
    /// Locks the machine.
    Lock,
    /// Unlocks it.
    Unlock,
    /// The head gets too hot now.
    Overheat,
    /// It falls asleep.
    Sleep,
    /// The cover is opened when so many more panels are printed.
    OpenCoverAfterPanels(u32),
    /// The ribbon tears when so many more panels are printed.
    EndRibbonAfterPanels(u32),
    /// The magnetic station fails with the next card.
    FailMagnetic(MagneticFault),
    /// The power goes.
    CutPower,
    /// The power goes when so many more bytes are heard.
    CutPowerAfterBytes(u64),
    /// The power comes back.
    PowerOn,
    /// What becomes of coming answers.
    SpoilAnswers(SpoiltAnswers),
    /// Bits of a status word that are shown whatever is true; 0 shows the truth again.
    Force {
        /// Which word.
        word: Word,
        /// Its bits.
        bits: u32,
    },
}

/// Where a card can stick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JamAt {
    /// Between feeder and head, where nothing counts it and no sensor sees it.
    Feeder,
    /// Under the head.
    Head,
    /// In the flipper.
    Flip,
    /// On its way out.
    Eject,
}

/// How the magnetic station fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MagneticFault {
    /// The stripe cannot be written.
    Write,
    /// The stripe cannot be read.
    Read,
    /// What was read back is not what was written.
    Checksum,
    /// The data are refused.
    Data,
    /// The stripe reads as if nothing were on it.
    Blank,
}

/// What becomes of coming answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpoiltAnswers {
    /// What happens.
    pub how: AnswerFault,
    /// So many exchanges go well before it.
    #[serde(default)]
    pub after: u32,
    /// It happens so many times.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFault {
    /// The machine hangs up before it hears anything.
    HangUpUnheard,
    /// It does what was asked and hangs up without a word.
    HangUpUnanswered,
    /// It does what was asked and says nothing, ever.
    Never,
    /// It says something that is no answer; the number is the seed of the noise.
    Garble(u64),
    /// It answers so many milliseconds late.
    DelayMs(u32),
}

/// A status word of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Options.
    Config,
    /// Where cards are and what goes on.
    Information,
    /// Needs somebody.
    Warning,
    /// Does not work.
    Error,
    /// The first extension word.
    Extension1,
    /// The second extension word.
    Extension2,
    /// The third extension word.
    Extension3,
    /// The fourth extension word.
    Extension4,
}
