//! A card inside the emulated machine, the places where it can be, and the ways out. Knows nothing of what moves it.

use super::chip::Chip;
use super::picture::Side;

/// Where a card waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Between feeder and head, where no sensor sees it.
    FeederPath,
    /// Under the head.
    Head,
    /// At the chip's contacts.
    Contact,
    /// At the contactless station.
    Contactless,
    /// Under the scanner.
    Scanner,
    /// In the flipper.
    Flip,
    /// Before the exit.
    Exit,
}

/// A card inside the machine.
#[derive(Default)]
pub struct Card {
    /// Its number, once it has entered the head.
    pub number: Option<u64>,
    /// Where it is; `None` only before it was put anywhere.
    pub place: Option<Place>,
    /// Only a hand can move it.
    pub stuck: bool,
    /// Panels that its job wanted on both sides, once one of them is printed.
    pub wanted_panels: usize,
    /// What is printed on its front by now.
    pub front: Side,
    /// And on its back.
    pub back: Side,
    /// The magnetic stripe.
    pub tracks: [Option<String>; 3],
    /// The chip. A restart of the emulated machine's process forgets it.
    pub chip: Option<Chip>,
}

/// Where a card is let out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Hopper,
    RejectBox,
    /// It lies in the exit slot until somebody takes it.
    Slot,
    /// The exit is locked: it stays inside.
    Nowhere,
}

/// Letters of feeder, hopper and reject tray, and the feeder's number (section 4.3).
pub struct Trays {
    pub feed: char,
    pub out: char,
    pub reject: char,
    pub feeder: char,
}

impl Default for Trays {
    fn default() -> Self {
        Self { feed: 'F', out: 'D', reject: 'R', feeder: '1' }
    }
}

impl Trays {
    /// Where a good card, or one to be rejected, goes. D is the hopper and R the reject box in both.
    pub fn exit(&self, rejected: bool) -> Exit {
        match if rejected { self.reject } else { self.out } {
            'R' | 'K' => Exit::RejectBox,
            'M' | 'I' => Exit::Slot,
            'L' => Exit::Nowhere,
            _ => Exit::Hopper,
        }
    }
}
