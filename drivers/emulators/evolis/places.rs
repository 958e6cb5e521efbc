//! A card inside the emulated machine, its possible positions, and the exits. Knows nothing of the mechanics.

use super::chip::Chip;
use super::picture::Side;

/// Where a card stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Between feeder and head, where no sensor sees it.
    FeederPath,
    /// Under the head.
    Head,
    /// At the chip's contacts.
    Contact,
    /// At the contactless position.
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
    /// Its position; `None` only before it has any.
    pub place: Option<Place>,
    /// It can only be moved by hand.
    pub stuck: bool,
    /// Number of panels that its job has for both sides, once one of them is printed.
    pub wanted_panels: usize,
    /// What has been printed on its front.
    pub front: Side,
    /// What has been printed on its back.
    pub back: Side,
    /// The magnetic stripe.
    pub tracks: [Option<String>; 3],
    /// The chip. It is lost when the emulated machine's process restarts.
    pub chip: Option<Chip>,
}

/// Where a card is ejected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Hopper,
    RejectBox,
    /// It stays in the exit slot until somebody takes it.
    Slot,
    /// The exit is locked: the card stays inside.
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
    /// Where a good card, or a rejected one, goes. D is the hopper and R the reject box in both settings.
    pub fn exit(&self, rejected: bool) -> Exit {
        match if rejected { self.reject } else { self.out } {
            'R' | 'K' => Exit::RejectBox,
            'M' | 'I' => Exit::Slot,
            'L' => Exit::Nowhere,
            _ => Exit::Hopper,
        }
    }
}
