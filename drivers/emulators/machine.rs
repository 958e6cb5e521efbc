//! What any emulated machine offers to those who run one: levers, and the card that came out.
//! Knows no family. An emulator hears bytes and answers bytes; it never sees a driver.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::transport::usbip::UsbIdentity;

pub use crate::blanks::BlankChips;
pub use crate::levers::{AnswerFault, JamAt, Lever, MagneticFault, SpoiltAnswers, Word};

/// A machine's end of the wire, and the hands that can be laid on it.
pub trait EmulatedMachine: Send {
    /// Hears bytes as they come: whole commands are obeyed at once and in order, the rest is kept (no more
    /// than one command or one panel of it).
    fn on_bytes(&mut self, bytes: &[u8]);

    /// The host has said all (TCP: it half-closed). What is half heard counts as not understood.
    fn end_of_input(&mut self);

    /// The host closed, or was unplugged: half-heard bytes and the unsaid answer are forgotten.
    fn hang_up(&mut self);

    /// Says the answer to what it heard since it last spoke, else what it says by itself; writes it into
    /// `answer` (emptied first).
    fn speak(&mut self, answer: &mut Vec<u8>) -> Speech;

    /// Hears one whole transmission and says its answer, letting as much of its time pass as that takes.
    /// An empty answer: it hangs up without a word, or never speaks.
    fn exchange(&mut self, transmission: &[u8], answer: &mut Vec<u8>) {
        if !transmission.is_empty() {
            self.on_bytes(transmission);
            self.end_of_input();
        }
        loop {
            match self.speak(answer) {
                Speech::Later(NEVER) => {
                    self.hang_up();
                    return answer.clear();
                }
                Speech::Later(span) => self.elapse(span),
                Speech::Said | Speech::HangsUp => return,
            }
        }
    }

    /// Lets its clock run.
    fn elapse(&mut self, span: Duration);

    /// Does its clock follow the one on the wall? Else nobody needs to wait for it.
    fn in_real_time(&self) -> bool;

    /// Who it says it is, when it is plugged into a USB port.
    fn usb_identity(&self) -> UsbIdentity;

    /// Somebody does something to the machine.
    fn pull(&mut self, lever: Lever);

    /// Why a lever would do nothing as the machine is now; `None`: it does something, or things are as it would make them.
    fn refuses(&self, lever: Lever) -> Option<String>;

    /// Cards that ever entered its print head.
    fn cards_entered(&self) -> u64;

    /// Prints left on its ribbon.
    fn ribbon_left(&self) -> u32;

    /// Commands that it did not understand since it was switched on. A correct driver causes none.
    fn not_understood(&self) -> u64;

    /// The last card that came out good; drawn now, which takes milliseconds.
    fn last_card(&self) -> Option<FinishedCard>;

    /// The last card that went into the reject box; drawn now.
    fn last_rejected(&self) -> Option<FinishedCard>;

    /// All cards that left it since this was last asked, the oldest first; of more than 1024 the oldest are forgotten.
    /// A restart of the emulated machine's process forgets them all.
    fn take_departed(&mut self) -> Vec<Departed>;

    /// Everything that can be set, by its key, and what the machine says of itself under `machine`.
    fn state(&self) -> serde_json::Value;

    /// Sets what stands in `change`, an object with some of the keys of [`EmulatedMachine::state`].
    ///
    /// # Errors
    /// A sentence that names the key. Nothing is changed then.
    fn change(&mut self, change: &serde_json::Value) -> Result<(), String>;
}

/// What became of the wish that a machine speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// The answer is said.
    Said,
    /// Not before so much of its own time has passed: a card is on its way. [`NEVER`]: not to this question.
    Later(Duration),
    /// It ends the conversation; what stands in the answer is the last that comes.
    HangsUp,
}

/// How long one waits for a machine that does not answer any more.
pub const NEVER: Duration = Duration::MAX;

/// What a station's configuration says of an emulated machine of any family. Somebody tends it; everything else is as the
/// family's machine comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Installation {
    /// Trade name of the model.
    pub model: String,
    /// Trade name of the ribbon in it.
    pub ribbon: String,
    /// Where it lays finished cards as pictures and keeps its counters.
    pub folder: PathBuf,
    /// How long things take: 1 = as on a real machine, 0 = at once.
    pub slowness: f64,
    /// What its blanks carry; its contactless station is fitted then. `None`: no chip.
    pub chips: Option<BlankChips>,
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
    /// What stands on its chip, if it has one; no keys.
    pub chip: Option<serde_json::Value>,
}

impl fmt::Debug for FinishedCard {
    /// The number only: the pictures are a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FinishedCard({}, {} sides)", self.number, 1 + u8::from(self.back.is_some()))
    }
}

/// A card that left an emulated machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departed {
    /// Its number; `None`: it never entered the head.
    pub number: Option<u64>,
    /// Which of the chips that were made for its blanks it carries ([`BlankChips::new`]).
    pub chip: Option<u64>,
    /// How it left.
    pub way: Way,
    /// How far its print had got.
    pub finish: Finish,
    /// One number for the panels on its front, as their bytes came (FNV-1a by words of eight bytes): the same
    /// prepared card gives the same, another almost surely not. 0 for a blank side.
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
    /// Somebody took it out of the machine.
    Hand,
}

/// How far the print of a card had got when it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Nothing is printed on it.
    Blank,
    /// Some panels that its job wanted are missing.
    Partly,
    /// All that its job wanted is printed.
    Whole,
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
pub struct SharedMachine(Arc<Mutex<Held>>);

struct Held {
    machine: Box<dyn EmulatedMachine>,
    /// When its clock was last set by the one on the wall; `None`: it follows its own.
    wall: Option<Instant>,
}

/// A machine that somebody has his hands on.
pub struct Hands<'a>(MutexGuard<'a, Held>);

impl Deref for Hands<'_> {
    type Target = dyn EmulatedMachine;

    fn deref(&self) -> &Self::Target {
        &*self.0.machine
    }
}

impl DerefMut for Hands<'_> {
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

    /// Lays hands on it, with its clock set. A thread that died while holding it does not take it away
    /// from the others: the machine is as whole as the last command left it.
    pub fn lock(&self) -> Hands<'_> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = held.wall {
            let now = Instant::now();
            held.wall = Some(now);
            held.machine.elapse(now - since);
        }
        Hands(held)
    }

    /// From now on its clock follows the one on the wall: its wire reaches beyond this process.
    pub fn follow_the_wall(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.wall.get_or_insert_with(Instant::now);
    }

    /// Does its clock follow the one on the wall? Else time passes in it only while somebody waits.
    pub fn follows_the_wall(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wall.is_some()
    }

    /// Lets time pass: waits for it where its clock follows the one on the wall. Nobody holds it meanwhile.
    pub fn pass(&self, span: Duration) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.wall.is_none() {
            return held.machine.elapse(span);
        }
        drop(held);
        std::thread::sleep(span);
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
