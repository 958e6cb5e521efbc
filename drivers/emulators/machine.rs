//! The interface of every emulated machine: levers, and the card that came out. Knows no family. An emulator receives
//! bytes and answers bytes; it never sees a driver.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::transport::usbip::UsbIdentity;

pub use crate::blanks::BlankChips;
pub use crate::levers::{AnswerFault, JamAt, Lever, MagneticFault, SpoiltAnswers, Word};

/// An emulated machine: its side of the wire, and its levers.
pub trait EmulatedMachine: Send {
    /// Receives bytes as they come. Complete commands are executed at once and in order; an incomplete rest is buffered
    /// (at most one command or one panel).
    fn on_bytes(&mut self, bytes: &[u8]);

    /// The host has sent everything (TCP: it half-closed). An incomplete command counts as not understood.
    fn end_of_input(&mut self);

    /// The host closed the connection or was unplugged: buffered bytes and the pending answer are dropped.
    fn hang_up(&mut self);

    /// Writes into `answer` (emptied first) the answer to what it received since it last spoke, else its status.
    fn respond(&mut self, answer: &mut Vec<u8>) -> Response;

    /// Receives one whole transmission and gives its answer, letting as much emulated time pass as that takes. An empty
    /// answer: it closed the connection without a word, or never answers.
    fn exchange(&mut self, transmission: &[u8], answer: &mut Vec<u8>) {
        if !transmission.is_empty() {
            self.on_bytes(transmission);
            self.end_of_input();
        }
        loop {
            match self.respond(answer) {
                Response::Later(NEVER) => {
                    self.hang_up();
                    return answer.clear();
                }
                Response::Later(span) => self.elapse(span),
                Response::Said | Response::HangsUp => return,
            }
        }
    }

    /// Advances its clock.
    fn elapse(&mut self, span: Duration);

    /// Does its clock follow real time? If not, nobody needs to wait for it.
    fn in_real_time(&self) -> bool;

    /// The USB identity that it reports when it is plugged in.
    fn usb_identity(&self) -> UsbIdentity;

    /// Carries out an action on the machine.
    fn pull(&mut self, lever: Lever);

    /// Why a lever would have no effect in the machine's current state; `None`: it has an effect, or its result already
    /// holds.
    fn refuses(&self, lever: Lever) -> Option<String>;

    /// Cards that ever entered its print head.
    fn cards_entered(&self) -> u64;

    /// Prints left on its ribbon.
    fn ribbon_left(&self) -> u32;

    /// Commands that it did not understand since it was switched on. A correct driver causes none.
    fn not_understood(&self) -> u64;

    /// The last card that came out good; drawn on request, which takes milliseconds.
    fn last_card(&self) -> Option<FinishedCard>;

    /// The last card that went into the reject box; drawn on request.
    fn last_rejected(&self) -> Option<FinishedCard>;

    /// All cards that left it since the last call, oldest first; beyond 1024 the oldest are dropped. A restart of the
    /// emulated machine's process drops them all.
    fn take_departed(&mut self) -> Vec<Departed>;

    /// Everything that can be set, by key, and under `machine` what the machine reports.
    fn state(&self) -> serde_json::Value;

    /// Applies `change`, an object with some of the keys of [`EmulatedMachine::state`].
    ///
    /// # Errors
    /// A sentence that names the key. Nothing is changed then.
    fn change(&mut self, change: &serde_json::Value) -> Result<(), String>;
}

/// The result of asking a machine to respond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// The answer was given.
    Said,
    /// Not before so much of its own time has passed: a card is moving. [`NEVER`]: it never answers this request.
    Later(Duration),
    /// It closes the connection; whatever `answer` holds is the last it sends.
    HangsUp,
}

/// The delay of a machine that never answers.
pub const NEVER: Duration = Duration::MAX;

/// The part of a station's configuration that describes an emulated machine of any family. The machine is tended;
/// everything else has the family's defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Installation {
    /// Trade name of the model.
    pub model: String,
    /// Trade name of the ribbon in it.
    pub ribbon: String,
    /// Directory for pictures of finished cards and for its counters.
    pub folder: PathBuf,
    /// Factor on all durations: 1 = as on a real machine, 0 = at once.
    pub slowness: f64,
    /// The chips of its blanks, which also fit a contactless position. `None`: no chips.
    pub chips: Option<BlankChips>,
}

/// A card that came out of an emulated machine, with pictures of it.
#[derive(Clone, PartialEq, Eq)]
pub struct FinishedCard {
    /// Its number: the machine's lifetime counter when it entered the head.
    pub number: u64,
    /// The front.
    pub front: Picture,
    /// The back, if something was printed on it.
    pub back: Option<Picture>,
    /// The content of its chip, if it has one; no keys.
    pub chip: Option<serde_json::Value>,
}

impl fmt::Debug for FinishedCard {
    /// Shows the number only: the pictures show a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FinishedCard({}, {} sides)", self.number, 1 + u8::from(self.back.is_some()))
    }
}

/// A card that left an emulated machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departed {
    /// Its number; `None`: it never entered the head.
    pub number: Option<u64>,
    /// Number of its chip ([`BlankChips::new`]).
    pub chip: Option<u64>,
    /// How it left.
    pub way: Way,
    /// How far its print had progressed.
    pub finish: Finish,
    /// Checksum of the panels on its front, over the bytes received (FNV-1a by words of eight bytes): equal for the
    /// same prepared card, and almost surely different for another. 0 for a blank side.
    pub front_sum: u64,
    /// The same for its back.
    pub back_sum: u64,
}

/// How a card left an emulated machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into the output hopper.
    Hopper,
    /// Into the reject box.
    RejectBox,
    /// Into the exit slot.
    Slot,
    /// A person took it out of the machine.
    Hand,
}

/// How far the print of a card had progressed when it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Nothing is printed on it.
    Blank,
    /// Some panels of its job are missing.
    Partly,
    /// All panels of its job are printed.
    Whole,
}

/// One side of a finished card, in landscape.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels per row.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
    /// sRGB, 3 bytes per pixel, row by row from the top left.
    pub rgb: Vec<u8>,
}

/// Why an emulated machine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EmulationError {
    /// An unknown name.
    #[error("no {what} {name:?} can be emulated; {known}")]
    Unknown {
        /// Family, model or ribbon.
        what: &'static str,
        /// The requested name.
        name: String,
        /// The known names.
        known: String,
    },
    /// A setting that makes no sense.
    #[error("{0}")]
    Setting(&'static str),
    /// Its directory cannot be used, or contains a file that it did not write.
    #[error("the emulated machine cannot use {}", .path.display())]
    Directory {
        /// Which file or directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// One emulated machine, shared between a wire and whatever pulls its levers.
#[derive(Clone)]
pub struct SharedMachine(Arc<Mutex<Held>>);

struct Held {
    machine: Box<dyn EmulatedMachine>,
    /// When its clock was last set from real time; `None`: the clock is emulated.
    wall: Option<Instant>,
}

/// A locked machine.
pub struct LockedMachine<'a>(MutexGuard<'a, Held>);

impl Deref for LockedMachine<'_> {
    type Target = dyn EmulatedMachine;

    fn deref(&self) -> &Self::Target {
        &*self.0.machine
    }
}

impl DerefMut for LockedMachine<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.0.machine
    }
}

impl SharedMachine {
    /// Shares a machine.
    pub fn new(machine: Box<dyn EmulatedMachine>) -> Self {
        let wall = machine.in_real_time().then(Instant::now);
        Self(Arc::new(Mutex::new(Held { machine, wall })))
    }

    /// Locks it and sets its clock. A thread that panicked while holding it does not block the others: the machine is
    /// as the last complete command left it.
    pub fn lock(&self) -> LockedMachine<'_> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = held.wall {
            let now = Instant::now();
            held.wall = Some(now);
            held.machine.elapse(now - since);
        }
        LockedMachine(held)
    }

    /// From now on its clock follows real time, because its wire reaches beyond this process.
    pub fn follow_real_time(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.wall.get_or_insert_with(Instant::now);
    }

    /// Does its clock follow real time? If not, time passes only while somebody waits.
    pub fn follows_the_wall(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wall.is_some()
    }

    /// Lets time pass: really waits if its clock follows real time. The machine is not locked meanwhile.
    pub fn pass(&self, span: Duration) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.wall.is_none() {
            return held.machine.elapse(span);
        }
        drop(held);
        std::thread::sleep(span);
    }

    /// Pulls one lever.
    pub fn pull(&self, lever: Lever) {
        self.lock().pull(lever);
    }
}

impl fmt::Debug for SharedMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedMachine")
    }
}
