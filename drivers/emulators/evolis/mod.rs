//! An emulated Evolis printer, at the bytes. Knows its wire and its own mechanics; never sees a driver.
//!
//! One transmission in, one frame out. Time passes only through `elapse`. `exchange.rs` receives and sends; `answers.rs`
//! has the queries and `orders.rs`, `stations.rs` the commands; `indicators.rs` the status words; `mechanics.rs`,
//! `printing.rs` and `faults.rs` what happens to a card; `picture.rs` and `outside.rs` what comes out; `supplies.rs`
//! what is loaded; `heat.rs` the head's heat; `operator.rs` what people do to the machine; `planned.rs` planned faults;
//! `state.rs` what can be set and seen from outside; `chip.rs` a card's chip in front of the readers; `memory.rs` what
//! survives a power cut.

mod answers;
mod chip;
#[cfg(test)]
mod driver_tests;
mod exchange;
mod faults;
mod heat;
mod indicators;
mod mechanics;
mod memory;
mod operator;
mod orders;
mod outside;
mod picture;
mod places;
mod planned;
mod printing;
mod settings;
mod state;
mod stations;
mod supplies;
#[cfg(test)]
mod tests;
mod transmission;

use std::time::Duration;

use drivers::models::Model;
use drivers::printers::evolis::protocol::RibbonKind;
use drivers::printers::evolis::{Wire, find_model, model_names};

use crate::machine::{Departed, EmulatedMachine, EmulationError, FinishedCard, Installation};
use crate::machine::{Lever, Response, SharedMachine};
use crate::transport::usbip::UsbIdentity;
use exchange::{NotUnderstood, Reply};
use indicators::Options;
use mechanics::Mechanics;
use places::Card;
pub use settings::EvolisSettings;
use stations::Magnetic;
use transmission::Transmission;

/// The family's name.
pub const FAMILY: &str = "evolis";

/// Waking up takes a few seconds; an estimate.
const WAKE_TIME: Duration = Duration::from_secs(4);

/// The slowest machine allowed: a card then takes most of an hour.
const SLOWNESS_MAX: f64 = 100.0;

/// Starts an emulated machine, shared between a wire and whatever pulls its levers.
///
/// # Errors
/// [`EmulationError`] for an unknown model, ribbon or option, or a directory that cannot be used.
pub fn emulate(settings: EvolisSettings) -> Result<SharedMachine, EmulationError> {
    Ok(SharedMachine::new(Box::new(machine(settings)?)))
}

/// The machine that a station's configuration describes.
///
/// # Errors
/// As [`emulate`].
pub fn install(installation: Installation) -> Result<SharedMachine, EmulationError> {
    emulate(EvolisSettings::of(installation))
}

fn machine(settings: EvolisSettings) -> Result<Machine, EmulationError> {
    let model = find_model(&settings.model).ok_or_else(|| EmulationError::Unknown {
        what: "Evolis model",
        name: settings.model.clone(),
        known: format!("known: {}", model_names().join(", ")),
    })?;
    let ribbon = RibbonKind::named(&settings.ribbon).ok_or_else(|| EmulationError::Unknown {
        what: "Evolis ribbon",
        name: settings.ribbon.clone(),
        known: "known: YMCKO, YMCKOK, KO, KBLACK and the maker's other names".to_owned(),
    })?;
    if !(0.0..=SLOWNESS_MAX).contains(&settings.slowness) {
        return Err(EmulationError::Setting("slowness must lie between 0 and 100"));
    }
    if settings.cleaning_advised_after_cards == 0 {
        return Err(EmulationError::Setting("a cleaning cannot be advised after 0 cards"));
    }
    let options = Options::of(model, &settings)?;
    let mechanics = Mechanics::new(&settings, model, ribbon, options.flips())?;
    Ok(Machine {
        model,
        options,
        transmission: Transmission::new(model.head),
        electronics: Electronics::fresh(settings.status_block),
        powered: true,
        session: Session::default(),
        magnetic: Magnetic::default(),
        not_understood: NotUnderstood::default(),
        bytes_heard: 0,
        mechanics,
        settings,
    })
}

/// The machine's electronics; [`Mechanics`] has the moving parts.
struct Machine {
    model: &'static Model<Wire>,
    settings: EvolisSettings,
    options: Options,
    mechanics: Mechanics,
    transmission: Transmission,
    electronics: Electronics,
    powered: bool,
    session: Session,
    magnetic: Magnetic,
    not_understood: NotUnderstood,
    /// Bytes received since it was made, on any wire.
    bytes_heard: u64,
}

/// State that a power cut clears.
struct Electronics {
    /// Its next answer; `None`: no command was sent.
    reply: Option<Reply>,
    /// What happens to this exchange's answer, once it is known.
    spoilt: Option<exchange::AnswerFate>,
    /// It has just booted, and received no command since.
    reset: bool,
    asleep: bool,
    /// It was told to switch off, and does so after the answer.
    goes_off: bool,
    heard_at: Duration,
    status_block: bool,
    last_text: String,
}

impl Electronics {
    fn fresh(status_block: bool) -> Self {
        Self {
            reply: None,
            spoilt: None,
            reset: true,
            asleep: false,
            goes_off: false,
            heard_at: Duration::ZERO,
            status_block,
            last_text: String::new(),
        }
    }
}

/// Who has reserved the machine (section 3).
#[derive(Default)]
struct Session {
    number: u16,
    ends_at: Duration,
}

impl EmulatedMachine for Machine {
    fn on_bytes(&mut self, bytes: &[u8]) {
        self.settle();
        if self.powered && !bytes.is_empty() {
            self.bytes_heard += bytes.len() as u64;
            self.listen(bytes);
        }
        self.settle();
    }

    fn end_of_input(&mut self) {
        self.end_transmission();
        self.settle();
    }

    fn hang_up(&mut self) {
        self.transmission.forget();
        (self.electronics.reply, self.electronics.spoilt) = (None, None);
    }

    fn respond(&mut self, answer: &mut Vec<u8>) -> Response {
        self.settle();
        self.say(answer)
    }

    fn elapse(&mut self, span: Duration) {
        self.mechanics.clock = self.mechanics.clock.saturating_add(span);
        self.settle();
    }

    fn in_real_time(&self) -> bool {
        self.settings.real_time
    }

    fn usb_identity(&self) -> UsbIdentity {
        UsbIdentity {
            // The maker's number, from public lists of USB ids (wire notes, section 1: a guess; the maker's SDK does
            // not check it).
            vendor_id: 0x0f49,
            // A guess: no real machine's was captured.
            product_id: 0x0a11,
            manufacturer: "Evolis".to_owned(),
            product: self.settings.model.clone(),
            serial: self.settings.serial.clone(),
        }
    }

    fn pull(&mut self, lever: Lever) {
        self.settle();
        match lever {
            Lever::CutPower => self.cut_power(),
            Lever::PowerOn if !self.powered => self.power_on(),
            Lever::PowerOn => {}
            Lever::Sleep => self.electronics.asleep = true,
            other => self.mechanics.pull(other),
        }
        self.settle();
    }

    fn refuses(&self, lever: Lever) -> Option<String> {
        self.without_effect(lever)
    }

    fn cards_entered(&self) -> u64 {
        self.mechanics.memory.cards_entered
    }

    fn ribbon_left(&self) -> u32 {
        self.mechanics.memory.ribbon_left
    }

    fn not_understood(&self) -> u64 {
        self.not_understood.all()
    }

    fn last_card(&self) -> Option<FinishedCard> {
        self.mechanics.outside.last_good.as_ref().map(|card| self.mechanics.draw(card))
    }

    fn last_rejected(&self) -> Option<FinishedCard> {
        self.mechanics.outside.last_rejected.as_ref().map(|card| self.mechanics.draw(card))
    }

    fn take_departed(&mut self) -> Vec<Departed> {
        self.mechanics.outside.take_log()
    }

    fn state(&self) -> serde_json::Value {
        self.show()
    }

    fn change(&mut self, change: &serde_json::Value) -> Result<(), String> {
        self.settle();
        self.set(change)?;
        self.settle();
        Ok(())
    }
}

impl Machine {
    /// Carries out everything that is due by the clock.
    fn settle(&mut self) {
        if !self.powered {
            return self.mechanics.hold_to_the_reader(false);
        }
        let clock = self.mechanics.clock;
        if self.session.number != 0 && clock >= self.session.ends_at {
            self.session.number = 0;
        }
        self.mechanics.settle();
        self.mechanics.hold_to_the_reader(true);
        let idle = clock.saturating_sub(self.electronics.heard_at);
        let at_rest = !self.mechanics.printing() && self.mechanics.work().is_none();
        if at_rest && self.settings.sleeps_after.is_some_and(|after| idle >= after) {
            self.electronics.asleep = true;
        }
    }

    /// Everything stops; cards stay where they are.
    fn cut_power(&mut self) {
        self.powered = false;
        self.forget();
    }

    /// Boots.
    fn power_on(&mut self) {
        self.powered = true;
        self.forget();
        self.electronics = Electronics::fresh(self.settings.status_block);
        self.electronics.heard_at = self.mechanics.clock;
    }

    /// Clears the volatile state: the job, the reservation, half-received bytes, the reported errors. A mechanical
    /// fault is detected again at the next move.
    fn forget(&mut self) {
        self.transmission.forget();
        (self.electronics.reply, self.electronics.spoilt) = (None, None);
        self.session = Session::default();
        self.magnetic = Magnetic::default();
        self.mechanics.forget();
    }

    /// `Scs`: clears the errors whose cause is gone (section 4.2).
    fn clear_errors(&mut self) {
        use drivers::printers::evolis::status::error;
        let cover = if self.mechanics.cover_open { error::COVER_OPEN } else { 0 };
        self.mechanics.errors &= cover;
    }

    /// The card inside.
    fn card(&self) -> Option<&Card> {
        self.mechanics.card.as_ref()
    }
}
