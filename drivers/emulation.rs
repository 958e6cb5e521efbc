//! What any emulated machine offers to those who run one: settings, levers, and the card that came out.
//! Knows no family. An emulator hears bytes and answers bytes; it never sees a driver.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A machine's end of the wire, and the hands that can be laid on it.
pub trait EmulatedMachine: Send {
    /// Hears one whole request and writes one whole answer (emptied first). An empty request asks for
    /// what the machine says by itself; an empty answer means that it hangs up without a word.
    fn exchange(&mut self, request: &[u8], answer: &mut Vec<u8>);

    /// Lets its clock run.
    fn elapse(&mut self, span: Duration);

    /// Does its clock follow the one on the wall? Else nobody needs to wait for it.
    fn in_real_time(&self) -> bool;

    /// Somebody does something to the machine.
    fn pull(&mut self, lever: Lever);

    /// Cards that ever entered its print head.
    fn cards_entered(&self) -> u64;

    /// Prints left on its ribbon.
    fn ribbon_left(&self) -> u32;

    /// Commands that it did not understand since it was switched on. A correct driver causes none.
    fn not_understood(&self) -> u64;

    /// The last card that came out good.
    fn last_card(&self) -> Option<&FinishedCard>;
}

/// What somebody in the office can do to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lever {
    /// Opens the cover.
    OpenCover,
    /// Closes the cover.
    CloseCover,
    /// Takes all blanks out of the feeder.
    EmptyFeeder,
    /// Puts blanks into the feeder.
    LoadFeeder(u32),
    /// Takes the finished cards out of the hopper.
    EmptyHopper,
    /// The ribbon runs out now.
    EndRibbon,
    /// A new ribbon of the same kind.
    NewRibbon,
    /// The next card will stick.
    JamNextCard,
    /// Takes a stuck card out of the machine by hand.
    TakeCardOut,
}

/// How an emulated machine is made.
#[derive(Debug, Clone, PartialEq)]
pub struct EmulatorSettings {
    /// Trade name of the model.
    pub model: String,
    /// Trade name of the ribbon, such as `YMCKO` or `KBLACK`.
    pub ribbon: String,
    /// Prints on a new ribbon.
    pub ribbon_capacity: u32,
    /// Serial number that it gives.
    pub serial: String,
    /// Where finished cards are laid as pictures, and where the machine keeps its counters over a
    /// restart; `None`: it keeps the last card in memory and nothing else.
    pub out_dir: Option<PathBuf>,
    /// How long things take: 1 = as on a real machine, 0 = at once.
    pub slowness: f64,
    /// Does whoever waits for it really wait?
    pub real_time: bool,
    /// Blanks in the feeder at first.
    pub feeder_cards: u32,
    /// Does somebody fill feeder and ribbon, and empty the hopper, whenever it is needed?
    pub tended: bool,
}

impl EmulatorSettings {
    /// A Primacy 2 with a colour ribbon and 100 blanks that takes no time and keeps nothing.
    pub fn bench() -> Self {
        Self {
            model: "Primacy 2".to_owned(),
            ribbon: "YMCKO".to_owned(),
            ribbon_capacity: 300,
            serial: "EMU0000001".to_owned(),
            out_dir: None,
            slowness: 0.0,
            real_time: false,
            feeder_cards: 100,
            tended: false,
        }
    }
}

/// A card that came out of an emulated machine, as a person would see it.
#[derive(Clone, PartialEq, Eq)]
pub struct FinishedCard {
    /// Its number: the machine's lifetime counter when it entered the head.
    pub number: u64,
    /// The front.
    pub front: Picture,
    /// The back, if something was printed on it.
    pub back: Option<Picture>,
}

impl fmt::Debug for FinishedCard {
    /// The number only: the pictures are a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FinishedCard({}, {} sides)", self.number, 1 + u8::from(self.back.is_some()))
    }
}

/// One side of a finished card, in landscape.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels a row.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
    /// sRGB, 3 bytes a pixel, row by row from the top left.
    pub rgb: Vec<u8>,
}

/// Why an emulated machine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EmulationError {
    /// A name that is not known.
    #[error("no {what} {name:?} can be emulated; {known}")]
    Unknown {
        /// Family, model or ribbon.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A setting that makes no sense.
    #[error("{0}")]
    Setting(&'static str),
    /// Its directory cannot be used, or holds something that it did not write.
    #[error("the emulated machine cannot use {}", .path.display())]
    Directory {
        /// Which file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// One emulated machine in several hands: a wire's, and those of whoever pulls its levers.
#[derive(Clone)]
pub struct SharedMachine(Arc<Mutex<Box<dyn EmulatedMachine>>>);

impl SharedMachine {
    /// Shares a machine.
    pub fn new(machine: Box<dyn EmulatedMachine>) -> Self {
        Self(Arc::new(Mutex::new(machine)))
    }

    /// Lays hands on it. A thread that died while holding it does not take it away from the others:
    /// the machine is as whole as the last command left it.
    pub fn lock(&self) -> MutexGuard<'_, Box<dyn EmulatedMachine>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shorthand for one lever.
    pub fn pull(&self, lever: Lever) {
        self.lock().pull(lever);
    }
}

impl fmt::Debug for SharedMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedMachine")
    }
}
