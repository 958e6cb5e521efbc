//! Actions on an emulated machine from outside: what a person in the office does to it, and faults such as power loss.
//! Knows no family. Each lever has the same name here, in a state file and in the control interface.

use serde::{Deserialize, Serialize};

/// One action on a machine.
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
    /// Puts blanks into the feeder, up to its capacity.
    LoadFeeder(u32),
    /// Takes the finished cards out of the hopper.
    EmptyHopper,
    /// Takes the spoiled cards out of the reject box.
    EmptyRejectBox,
    /// The ribbon runs out now.
    EndRibbon,
    /// Puts in a new ribbon of the same kind.
    NewRibbon,
    /// Takes the ribbon out.
    RemoveRibbon,
    /// Puts in a new ribbon of the kind with this number (the maker's).
    PutRibbon(u16),
    /// The next card will jam under the head.
    JamNextCard,
    /// The next card will jam here.
    Jam(JamAt),
    /// Takes a card out of the machine by hand: a stuck one, or any other.
    TakeCardOut,
    /// Holds a card into the manual feed slot.
    InsertCard,
    /// Takes the card that lies in the exit slot.
    TakeFromExit,
    /// Locks the machine.
    Lock,
    /// Unlocks it.
    Unlock,
    /// The head gets too hot now.
    Overheat,
    /// It goes to standby.
    Sleep,
    /// The cover opens after so many more panels.
    OpenCoverAfterPanels(u32),
    /// The ribbon tears after so many more panels.
    EndRibbonAfterPanels(u32),
    /// The magnetic head fails with the next card.
    FailMagnetic(MagneticFault),
    /// The power fails.
    CutPower,
    /// The power fails after so many more bytes are received.
    CutPowerAfterBytes(u64),
    /// The power comes back.
    PowerOn,
    /// Spoils coming answers.
    SpoilAnswers(SpoiltAnswers),
    /// Sets bits of a status word regardless of the real state; 0 shows the real state again.
    Force {
        /// Which word.
        word: Word,
        /// Its bits.
        bits: u32,
    },
}

/// Where a card can jam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JamAt {
    /// Between feeder and head, where it is not counted and no sensor sees it.
    Feeder,
    /// Under the head.
    Head,
    /// In the flipper.
    Flip,
    /// At the exit.
    Eject,
}

/// How the magnetic head fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MagneticFault {
    /// The stripe cannot be written.
    Write,
    /// The stripe cannot be read.
    Read,
    /// What was read back is not what was written.
    Checksum,
    /// The machine refuses the data.
    Data,
    /// The stripe reads as empty.
    Blank,
}

/// A planned fault of coming answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpoiltAnswers {
    /// The fault.
    pub how: AnswerFault,
    /// How many exchanges succeed first.
    #[serde(default)]
    pub after: u32,
    /// How often it happens.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// A fault of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFault {
    /// The machine closes the connection before it receives anything.
    HangUpUnheard,
    /// It executes the command and closes the connection without an answer.
    HangUpUnanswered,
    /// It executes the command and never answers.
    Never,
    /// It answers with noise; the number is the seed.
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
    /// Positions of cards and current activity.
    Information,
    /// Something needs attention.
    Warning,
    /// Something has failed.
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
