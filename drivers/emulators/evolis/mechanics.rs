//! The moving parts of the emulated machine: one card from feeder to hopper, and what stops it. Knows no command text
//! and no frame. `printing.rs` has the print, `operator.rs` what people do to the machine.

use std::path::PathBuf;
use std::time::Duration;

use super::chip::Stations;
use super::heat::Heat;
use super::memory::{KeptCard, Memory};
use super::outside::Outside;
use super::places::{Card, Exit, Place, Trays};
use super::planned::Planned;
use super::printing::Job;
use super::stations::MAGNETIC_ERRORS;
use super::supplies::Supplies;
use crate::evolis::EvolisSettings;
use crate::machine::{EmulationError, JamAt, Way};
use drivers::models::Model;
use drivers::panels::DyedCard;
use drivers::printers::evolis::Wire;
use drivers::printers::evolis::protocol::{
    ERROR_CARD, ERROR_FEEDER, ERROR_MECA, ERROR_TIME_OUT, OK, RibbonKind,
};
use drivers::printers::evolis::status::error;

/// Estimated from data sheets (a colour side in about 16 s, two in about 35 s); no real machine was timed.
pub const FEED_TIME: Duration = Duration::from_millis(1500);
pub const FLIP_TIME: Duration = Duration::from_millis(2500);
pub const EJECT_TIME: Duration = Duration::from_millis(1200);
pub const MAGNETIC_TIME: Duration = Duration::from_millis(3000);
pub const CLEANING_TIME: Duration = Duration::from_secs(30);
/// How long a machine that is fed by hand waits for a card; less than the maker's 30 s for a move.
const HAND_TIME: Duration = Duration::from_secs(20);

/// Work that delays the answer to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Moving,
    Encoding,
    Cleaning,
}

/// ERROR bits and the answer text that goes with them.
pub type Refusal = (u32, &'static str);

/// Mechanics, and the job that owns them.
pub struct Mechanics {
    /// Time since it was switched on.
    pub clock: Duration,
    /// Time that it spent on printing cards, from a blank's first move to the card's last.
    pub printed: Duration,
    /// State that survives a power cut.
    pub memory: Memory,
    /// Feeder, hopper, reject box, ribbon.
    pub supplies: Supplies,
    /// The print head's heat.
    pub heat: Heat,
    /// Faults that are planned.
    pub planned: Planned,
    /// ERROR bits that are set.
    pub errors: u32,
    /// The cover.
    pub cover_open: bool,
    /// The feeder's cover.
    pub feeder_open: bool,
    /// It is locked.
    pub locked: bool,
    /// `Pem`: 0 the machine handles errors, else the host.
    pub error_management: u8,
    /// Can it turn a card over?
    pub flips: bool,
    /// Letters of the trays.
    pub trays: Trays,
    /// A card lies in the exit slot.
    pub card_in_slot: bool,
    /// A card is held into the machine by hand.
    pub card_in_hand: bool,
    /// The cards that left it.
    pub outside: Outside,
    /// The job that owns it.
    pub job: Job,
    /// The card inside.
    pub card: Option<Card>,
    /// The readers' positions.
    pub(super) stations: Stations,
    /// Factor on all durations.
    pub slowness: f64,
    pub(super) model: &'static Model<Wire>,
    pub(super) out_dir: Option<PathBuf>,
    pub(super) dyed: DyedCard,
    work: Option<(Work, Duration)>,
}

impl Mechanics {
    /// Switches it on for the first time.
    ///
    /// # Errors
    /// [`EmulationError::Directory`].
    pub fn new(
        settings: &EvolisSettings,
        model: &'static Model<Wire>,
        ribbon: RibbonKind,
        flips: bool,
    ) -> Result<Self, EmulationError> {
        let cools = settings.cools_a_card_in.mul_f64(settings.slowness);
        let memory = Memory::wake(settings)?;
        Ok(Self {
            clock: Duration::ZERO,
            printed: Duration::ZERO,
            supplies: Supplies::new(settings, ribbon),
            heat: Heat::new(settings.rests_after_cards, cools),
            planned: Planned::default(),
            errors: 0,
            cover_open: false,
            feeder_open: false,
            locked: false,
            error_management: 0,
            flips,
            trays: Trays::default(),
            card_in_slot: memory.card_in_slot,
            card_in_hand: false,
            outside: Outside::default(),
            job: Job::default(),
            card: memory.card.as_ref().map(KeptCard::back),
            stations: Stations::new(settings.chip.clone()),
            memory,
            slowness: settings.slowness,
            model,
            out_dir: settings.out_dir.clone(),
            dyed: DyedCard::new(),
            work: None,
        })
    }

    /// Carries out everything that is due.
    pub fn settle(&mut self) {
        if self.work.is_some_and(|(_, until)| self.clock >= until) {
            self.work = None;
        }
        self.advance();
        self.heat.settle(self.clock, self.printing());
        if self.supplies.tended {
            self.supplies.tend(&mut self.memory, self.card.is_none());
        }
    }

    /// The work that delays the answer, and until when.
    pub fn work(&self) -> Option<(Work, Duration)> {
        self.work
    }

    /// Starts `work` for this long, after any current work.
    pub fn begin_work(&mut self, work: Work, lasts: Duration) {
        let begins = self.work.map_or(self.clock, |(_, until)| until.max(self.clock));
        let until = begins.saturating_add(lasts.mul_f64(self.slowness));
        self.work = (until > self.clock).then_some((work, until));
    }

    /// Ends the current work.
    pub fn stop_work(&mut self) {
        self.work = None;
    }

    /// Is a card at this place?
    pub fn card_at(&self, place: Place) -> bool {
        self.card.as_ref().is_some_and(|card| card.place == Some(place))
    }

    /// Does the machine handle errors itself?
    pub fn handles_errors(&self) -> bool {
        self.error_management == 0
    }

    /// A move outside a job: a failure sets its ERROR bits and is answered.
    pub fn carry(&mut self, place: Place) -> &'static str {
        self.begin_work(Work::Moving, FEED_TIME);
        self.feed(place).map_or_else(|refusal| self.complain(refusal), |()| OK)
    }

    /// `Sce`, `Ser`: ejects the card.
    pub fn eject(&mut self, rejected: bool) -> &'static str {
        self.begin_work(Work::Moving, EJECT_TIME);
        self.let_out(rejected).map_or_else(|refusal| self.complain(refusal), |()| OK)
    }

    /// Sets the ERROR bits of a failure outside a job.
    pub fn complain(&mut self, (bits, text): Refusal) -> &'static str {
        self.errors |= bits;
        text
    }

    /// Is any move possible?
    fn may_move(&self) -> Result<(), Refusal> {
        if self.cover_open {
            return Err((error::COVER_OPEN, ERROR_MECA));
        }
        let stuck = self.card.as_ref().is_some_and(|card| card.stuck);
        if stuck || self.errors & error::MECHANICAL != 0 {
            return Err((error::MECHANICAL, ERROR_MECA));
        }
        if self.locked || self.printing() {
            return Err((0, ERROR_MECA));
        }
        Ok(())
    }

    /// Moves a card to `place`: the one inside, or a blank. It is counted when it enters the head.
    pub fn feed(&mut self, place: Place) -> Result<(), Refusal> {
        self.may_move()?;
        if self.card.is_none() {
            let taken = self.take_blank();
            self.remember();
            taken?;
            self.errors &= !(error::FEEDER_ERROR | error::NO_CARD_INSERTED | MAGNETIC_ERRORS);
        }
        if let Some(card) = &mut self.card {
            card.place = Some(place);
            if place == Place::Head && card.number.is_none() {
                self.memory.cards_entered += 1;
                card.number = Some(self.memory.cards_entered);
            }
        }
        self.remember();
        Ok(())
    }

    /// Takes a blank from the feeder, or one that is fed by hand.
    fn take_blank(&mut self) -> Result<(), Refusal> {
        match self.trays.feed {
            'F' | 'B' if self.feeder_open => return Err((error::FEEDER_OPEN, ERROR_FEEDER)),
            'F' | 'B' if self.memory.feeder_cards > 0 => self.memory.feeder_cards -= 1,
            'F' => return Err((error::FEEDER_ERROR, ERROR_FEEDER)),
            'N' => return Err((error::NO_CARD_INSERTED, ERROR_CARD)),
            _ if self.card_in_hand => self.card_in_hand = false,
            _ => {
                self.begin_work(Work::Moving, HAND_TIME);
                return Err((error::NO_CARD_INSERTED, ERROR_TIME_OUT));
            }
        }
        let chip = self.chip_of_a_blank();
        self.card = Some(Card { place: Some(Place::FeederPath), chip, ..Card::default() });
        self.jam(JamAt::Feeder, Place::FeederPath)
    }

    /// Does a planned jam stop the card here?
    pub fn jam(&mut self, at: JamAt, place: Place) -> Result<(), Refusal> {
        if !self.planned.jams_at(at) {
            return Ok(());
        }
        if let Some(card) = &mut self.card {
            (card.place, card.stuck) = (Some(place), true);
        }
        self.remember();
        Err((error::MECHANICAL, ERROR_MECA))
    }

    /// Turns the card over (`Sv` outside a job).
    pub fn turn_over(&mut self) -> Result<(), Refusal> {
        self.may_move()?;
        if self.card.is_none() {
            return Err((0, ERROR_CARD));
        }
        self.jam(JamAt::Flip, Place::Flip)
    }

    /// Ejects the card to where the trays are set.
    pub fn let_out(&mut self, rejected: bool) -> Result<(), Refusal> {
        self.may_move()?;
        if self.card.is_none() {
            return Err((0, ERROR_CARD));
        }
        self.jam(JamAt::Eject, Place::Exit)?;
        let full = match self.trays.exit(rejected) {
            Exit::Hopper if self.memory.hopper_cards >= self.supplies.hopper_limit => {
                error::HOPPER_FULL
            }
            Exit::RejectBox if self.memory.rejected_cards >= self.supplies.reject_limit => {
                error::REJECT_BOX_FULL
            }
            Exit::Slot if self.card_in_slot => error::CARD_ON_EJECT,
            Exit::Nowhere => return Ok(()),
            _ => 0,
        };
        if full != 0 {
            if let Some(card) = &mut self.card {
                card.place = Some(Place::Exit);
            }
            self.remember();
            return Err((full, ERROR_MECA));
        }
        let Some(card) = self.card.take() else { return Ok(()) };
        let way = match self.trays.exit(rejected) {
            Exit::Hopper => {
                self.memory.hopper_cards += 1;
                Way::Hopper
            }
            Exit::RejectBox => {
                self.memory.rejected_cards += 1;
                Way::RejectBox
            }
            Exit::Slot | Exit::Nowhere => {
                self.card_in_slot = true;
                Way::Slot
            }
        };
        self.lay_out(card, way)
    }

    /// Power loss or a reset: volatile state is lost.
    pub fn forget(&mut self) {
        self.job = Job::default();
        self.errors = 0;
        self.error_management = 0;
        self.trays = Trays::default();
        self.work = None;
    }

    /// A machine that cannot keep its counter must not print on: two cards would get one number.
    pub fn remember(&mut self) {
        let Some(dir) = &self.out_dir else { return };
        self.memory.card = self.card.as_ref().map(KeptCard::of);
        self.memory.card_in_slot = self.card_in_slot;
        if self.memory.keep(dir).is_err() {
            self.fault((error::MECHANICAL, ERROR_MECA));
        }
    }
}
