//! What moves in the emulated machine: feeder, head, ribbon, hopper, and the job that owns them.
//! Knows no command text and no frame.
//!
//! A fault drops CLAIM and gives up the job, as real machines do in `Pem;2` (Evolis wire notes, section
//! 6.3). That in `Pem;0` real ones print again by themselves belongs to the next step.

use std::path::PathBuf;
use std::time::Duration;

use super::memory::Memory;
use super::picture::{Side, lay_down};
use crate::emulation::{EmulationError, EmulatorSettings, FinishedCard, Lever};
use crate::evolis::Wire;
use crate::evolis::protocol::{
    ERROR_CARD, ERROR_FEEDER, ERROR_MECHANICAL, ERROR_PARAMETERS, OK, RibbonKind,
};
use crate::evolis::status::error;
use crate::evolis::stream::Panel;
use crate::models::Model;
use crate::panels::DyedCard;

/// Cards that the hopper holds: the usual size on a desk printer.
pub const HOPPER_MAX_CARDS: u32 = 100;

/// What somebody who tends the machine puts into the feeder at a time.
const FEEDER_REFILL_CARDS: u32 = 100;

/// Guessed from data sheets (a colour side in about 16 s, two in about 35 s); no machine was timed.
const FEED_TIME: Duration = Duration::from_millis(1500);
const DYE_PANEL_TIME: Duration = Duration::from_millis(3600);
const RESIN_PANEL_TIME: Duration = Duration::from_millis(1900);
const VARNISH_PANEL_TIME: Duration = Duration::from_millis(1800);
const FLIP_TIME: Duration = Duration::from_millis(2500);
const EJECT_TIME: Duration = Duration::from_millis(1200);

/// Where a card waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Under the head.
    Head,
    /// At the chip's contacts.
    Contact,
    /// At the contactless station.
    Contactless,
}

/// A card inside the machine.
struct Card {
    number: u64,
    place: Place,
    front: Side,
    back: Side,
    tracks: [Option<String>; 3],
}

/// Mechanics, and the job that owns them.
pub struct Mechanics {
    /// Time since it was switched on.
    pub clock: Duration,
    /// What survives a power cut.
    pub memory: Memory,
    /// The ribbon inside.
    pub ribbon: RibbonKind,
    /// Prints on a new one.
    pub ribbon_capacity: u32,
    /// ERROR bits that stand.
    pub errors: u32,
    /// CLAIM: a job owns the machine.
    pub claim: bool,
    /// The cover.
    pub cover_open: bool,
    /// The job asked that the card is not let out at its end.
    pub stays_inside: bool,
    /// The last card that came out good.
    pub last_card: Option<FinishedCard>,
    model: &'static Model<Wire>,
    slowness: f64,
    tended: bool,
    out_dir: Option<PathBuf>,
    dyed: DyedCard,
    card: Option<Card>,
    /// Do panels go to the back now?
    on_back: bool,
    /// When the print that runs will be finished.
    print_ends_at: Option<Duration>,
    /// The job's part 2 was heard.
    released: bool,
    /// The job met a fault; the rest of it is swallowed.
    given_up: Option<&'static str>,
    jam_next: bool,
}

impl Mechanics {
    /// Switches it on.
    ///
    /// # Errors
    /// [`EmulationError::Directory`].
    pub fn new(
        settings: EmulatorSettings,
        model: &'static Model<Wire>,
        ribbon: RibbonKind,
    ) -> Result<Self, EmulationError> {
        Ok(Self {
            clock: Duration::ZERO,
            memory: Memory::wake(&settings)?,
            ribbon,
            ribbon_capacity: settings.ribbon_capacity,
            errors: 0,
            claim: false,
            cover_open: false,
            stays_inside: false,
            last_card: None,
            model,
            slowness: settings.slowness,
            tended: settings.tended,
            out_dir: settings.out_dir,
            dyed: DyedCard::new(),
            card: None,
            on_back: false,
            print_ends_at: None,
            released: false,
            given_up: None,
            jam_next: false,
        })
    }

    /// Lets happen what is due.
    pub fn settle(&mut self) {
        if self.print_ends_at.is_some_and(|at| self.clock >= at) {
            self.print_ends_at = None;
            if std::mem::take(&mut self.jam_next) {
                self.fault(error::MECHANICAL, ERROR_MECHANICAL);
            } else if !std::mem::take(&mut self.stays_inside) {
                self.let_out(false);
            }
        }
        if self.released && self.print_ends_at.is_none() {
            self.released = false;
            self.claim = false;
        }
        if self.tended {
            self.tend();
        }
    }

    /// Somebody looks after the machine before it has to ask.
    fn tend(&mut self) {
        if self.memory.feeder_cards == 0 {
            self.memory.feeder_cards = FEEDER_REFILL_CARDS;
        }
        if self.memory.hopper_cards >= HOPPER_MAX_CARDS {
            self.memory.hopper_cards = 0;
        }
        // Two sides must fit: nobody leaves a ribbon in for half a card.
        if self.memory.ribbon_left < 2 {
            self.memory.ribbon_left = self.ribbon_capacity;
        }
    }

    /// Is a print running?
    pub fn printing(&self) -> bool {
        self.print_ends_at.is_some()
    }

    /// Is a card under the head?
    pub fn card_at_head(&self) -> bool {
        self.card_at(Place::Head)
    }

    /// Is a card at this place?
    pub fn card_at(&self, place: Place) -> bool {
        self.card.as_ref().is_some_and(|card| card.place == place)
    }

    /// Is the ribbon nearly used up? A tenth is what the maker's own tools warn at.
    pub fn ribbon_low(&self) -> bool {
        self.memory.ribbon_left > 0
            && u64::from(self.memory.ribbon_left) * 10 <= u64::from(self.ribbon_capacity)
    }

    /// The magnetic tracks of the card inside.
    pub fn tracks(&mut self) -> Option<&mut [Option<String>; 3]> {
        self.card.as_mut().map(|card| &mut card.tracks)
    }

    /// `Pcla;1`: a job takes the machine.
    pub fn claim(&mut self) -> &'static str {
        self.claim = true;
        self.released = false;
        self.given_up = None;
        OK
    }

    /// `Pcla;0`: the job lets go of it as soon as the card is out.
    pub fn release(&mut self) -> &'static str {
        self.released = self.claim;
        OK
    }

    /// `Ss`: the card of the job, from the feeder unless one is already inside.
    pub fn start_card(&mut self) -> &'static str {
        self.stays_inside = false;
        self.on_back = false;
        match self.feed(Place::Head) {
            OK => {
                self.given_up = None;
                OK
            }
            refusal => {
                self.give_up(refusal);
                refusal
            }
        }
    }

    /// Brings a card to `place`: the one inside, or a blank. It counts when it enters the head.
    pub fn feed(&mut self, place: Place) -> &'static str {
        if let Some(text) = self.given_up.filter(|_| self.claim) {
            return text;
        }
        if self.cover_open {
            self.errors |= error::COVER_OPEN;
            return ERROR_MECHANICAL;
        }
        if self.errors & error::MECHANICAL != 0 || self.print_ends_at.is_some() {
            return ERROR_MECHANICAL;
        }
        if let Some(card) = &mut self.card {
            card.place = place;
            return OK;
        }
        if self.memory.feeder_cards == 0 {
            self.errors |= error::FEEDER_ERROR;
            return ERROR_FEEDER;
        }
        self.errors &= !error::FEEDER_ERROR;
        self.memory.feeder_cards -= 1;
        self.memory.cards_entered += 1;
        let number = self.memory.cards_entered;
        self.card = Some(Card {
            number,
            place,
            front: Side::default(),
            back: Side::default(),
            tracks: Default::default(),
        });
        self.remember();
        OK
    }

    /// `Sr`, `Sv`: which side comes next.
    pub fn turn(&mut self, to_back: bool) -> &'static str {
        self.on_back = to_back;
        self.given_up.unwrap_or(OK)
    }

    /// A panel for the side that lies under the head.
    pub fn take_panel(&mut self, panel: &Panel<'_>) -> &'static str {
        if let Some(text) = self.given_up {
            return text;
        }
        let Some(card) = &mut self.card else { return ERROR_CARD };
        let side = if self.on_back { &mut card.back } else { &mut card.front };
        side.take(panel, &self.model.head).map_or(ERROR_PARAMETERS, |()| OK)
    }

    /// `Se`: all panels are there; the print runs.
    pub fn end_card(&mut self) -> &'static str {
        if let Some(text) = self.given_up {
            return text;
        }
        let Some(card) = &self.card else { return ERROR_CARD };
        let sides = [card.front.panels(), card.back.panels()];
        let printed = sides.iter().filter(|panels| panels.contains(&true)).count() as u32;
        if self.memory.ribbon_left < printed {
            self.memory.ribbon_left = 0;
            return self.fault(error::RIBBON_ENDED, ERROR_MECHANICAL);
        }
        self.memory.ribbon_left -= printed;
        let mut lasts = FEED_TIME + EJECT_TIME + FLIP_TIME * printed.saturating_sub(1);
        for [y, m, c, k, o] in sides {
            lasts += DYE_PANEL_TIME * (u32::from(y) + u32::from(m) + u32::from(c));
            lasts += RESIN_PANEL_TIME * u32::from(k) + VARNISH_PANEL_TIME * u32::from(o);
        }
        self.print_ends_at = Some(self.clock + lasts.mul_f64(self.slowness));
        self.remember();
        OK
    }

    /// `Sce`, `Ser`: lets the card out.
    pub fn eject(&mut self, to_reject_box: bool) -> &'static str {
        if self.cover_open || self.errors & error::MECHANICAL != 0 || self.print_ends_at.is_some() {
            return ERROR_MECHANICAL;
        }
        if self.card.is_none() {
            return ERROR_CARD;
        }
        self.let_out(to_reject_box);
        OK
    }

    fn let_out(&mut self, to_reject_box: bool) {
        let Some(card) = self.card.take() else { return };
        if to_reject_box {
            self.memory.rejected_cards += 1;
            self.remember();
            return;
        }
        self.memory.hopper_cards += 1;
        self.remember();
        let draw = |side: &Side| {
            side.draw(&self.model.head, self.model.colour, self.resin_rgb(), &self.dyed)
        };
        let printed = |side: &Side| side.panels().contains(&true);
        if !printed(&card.front) && !printed(&card.back) {
            return;
        }
        let back = printed(&card.back).then(|| draw(&card.back));
        let finished = FinishedCard { number: card.number, front: draw(&card.front), back };
        if let Some(dir) = &self.out_dir
            && lay_down(&finished, dir).is_err()
        {
            self.fault(error::MECHANICAL, ERROR_MECHANICAL);
        }
        self.last_card = Some(finished);
    }

    /// The colour of the ribbon's resin.
    fn resin_rgb(&self) -> [u8; 3] {
        match self.ribbon.name {
            "KBLUE" => [0, 51, 160],
            "KGREEN" => [0, 122, 51],
            "KRED" => [200, 16, 46],
            "KWHITE" => [255; 3],
            "KGOLD" => [172, 141, 74],
            "KSILVER" => [168, 169, 173],
            _ => [0; 3],
        }
    }

    fn fault(&mut self, bits: u32, text: &'static str) -> &'static str {
        self.errors |= bits;
        self.print_ends_at = None;
        self.give_up(text);
        text
    }

    fn give_up(&mut self, text: &'static str) {
        self.given_up = Some(text);
        self.claim = false;
        self.released = false;
    }

    /// A machine that cannot keep its counter must not print on: two cards would get one number.
    fn remember(&mut self) {
        if let Some(dir) = &self.out_dir
            && self.memory.keep(dir).is_err()
        {
            self.fault(error::MECHANICAL, ERROR_MECHANICAL);
        }
    }

    /// Somebody does something to it.
    pub fn pull(&mut self, lever: Lever) {
        match lever {
            Lever::OpenCover => {
                self.cover_open = true;
                if self.print_ends_at.is_some() {
                    self.fault(error::COVER_OPEN | error::MECHANICAL, ERROR_MECHANICAL);
                }
            }
            Lever::CloseCover => {
                self.cover_open = false;
                self.errors &= !error::COVER_OPEN;
            }
            Lever::EmptyFeeder => self.memory.feeder_cards = 0,
            Lever::LoadFeeder(cards) => {
                self.memory.feeder_cards = self.memory.feeder_cards.saturating_add(cards);
                self.errors &= !error::FEEDER_ERROR;
            }
            Lever::EmptyHopper => self.memory.hopper_cards = 0,
            Lever::EndRibbon => self.memory.ribbon_left = 0,
            Lever::NewRibbon => {
                self.memory.ribbon_left = self.ribbon_capacity;
                self.errors &= !error::RIBBON_ENDED;
            }
            Lever::JamNextCard => self.jam_next = true,
            Lever::TakeCardOut => {
                self.card = None;
                self.print_ends_at = None;
                self.give_up(ERROR_CARD);
                self.errors &= !(error::MECHANICAL | error::RIBBON_ENDED);
            }
        }
        self.remember();
    }
}
