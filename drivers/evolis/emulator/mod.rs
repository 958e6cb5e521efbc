//! An emulated Evolis printer, at the bytes. Knows its wire and its own mechanics; never sees a driver.
//!
//! One transmission in, one frame out. Time passes only through `elapse`. What a command answers stands
//! in `answers.rs`, what a card goes through in `mechanics.rs`, what it looks like in `picture.rs`, what
//! survives a power cut in `memory.rs`.
//!
//! Not yet here (the next step of this family): fault scripts, a state file, heat, cleaning, USB.

mod answers;
mod mechanics;
mod memory;
mod picture;

use std::time::Duration;

use super::protocol::{Answer, ERROR_COMMAND, ERROR_PARAMETERS, OK, RibbonKind};
use super::status::{StatusWords, config, error, information, warning};
use super::stream::{Ear, Item};
use super::{Wire, find_model, model_names};
use crate::emulation::{
    EmulatedMachine, EmulationError, EmulatorSettings, FinishedCard, Lever, Speech,
};
use crate::models::Model;
use mechanics::Mechanics;

/// Starts an emulated machine.
///
/// # Errors
/// [`EmulationError`] for an unknown model or ribbon, or a directory that cannot be used.
pub fn emulate(settings: EmulatorSettings) -> Result<Box<dyn EmulatedMachine>, EmulationError> {
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
    if !settings.slowness.is_finite() || settings.slowness < 0.0 {
        return Err(EmulationError::Setting("slowness must be 0 or more"));
    }
    let real_time = settings.real_time;
    Ok(Box::new(Machine {
        model,
        real_time,
        serial: settings.serial.clone(),
        mechanics: Mechanics::new(settings, model, ribbon)?,
        session: Session::default(),
        host_handles_errors: false,
        trays: Trays::default(),
        magnetic: Magnetic::default(),
        not_understood: 0,
        ear: Ear::new(model.head),
        reply: Reply::default(),
    }))
}

/// The machine's electronics; what moves is in [`Mechanics`].
struct Machine {
    model: &'static Model<Wire>,
    real_time: bool,
    serial: String,
    mechanics: Mechanics,
    session: Session,
    /// `Pem;2`: the host handles errors; else (`Pem;0`) the machine.
    host_handles_errors: bool,
    trays: Trays,
    magnetic: Magnetic,
    not_understood: u64,
    ear: Ear,
    reply: Reply,
}

/// What it will say next.
struct Reply {
    text: String,
    refused: bool,
    hangs_up: bool,
}

impl Default for Reply {
    fn default() -> Self {
        Self { text: OK.to_owned(), refused: false, hangs_up: false }
    }
}

/// Who has reserved the machine (section 3).
#[derive(Default)]
struct Session {
    number: u16,
    ends_at: Duration,
}

/// Letters of feeder, hopper and reject tray, and the feeder's number (section 4.3).
struct Trays {
    feed: char,
    out: char,
    reject: char,
    feeder: char,
}

impl Default for Trays {
    fn default() -> Self {
        Self { feed: 'F', out: 'D', reject: 'R', feeder: '1' }
    }
}

/// What the magnetic station was told to write, and what it last read.
#[derive(Default)]
struct Magnetic {
    to_write: [Option<String>; 3],
    read: [Option<String>; 3],
}

impl EmulatedMachine for Machine {
    fn hear(&mut self, bytes: &[u8]) {
        self.settle();
        // The ear is taken off while it is used: what it hears moves the rest of the machine.
        let mut ear = std::mem::replace(&mut self.ear, Ear::new(self.model.head));
        ear.hear(bytes, &mut |item| self.take(&item));
        self.ear = ear;
        self.settle();
    }

    fn end_of_input(&mut self) {
        if self.ear.end() {
            self.take(&Item::NotUnderstood);
        }
    }

    fn hang_up(&mut self) {
        self.ear.forget();
        self.reply = Reply::default();
    }

    fn speak(&mut self, answer: &mut Vec<u8>) -> Speech {
        answer.clear();
        self.settle();
        let reply = std::mem::take(&mut self.reply);
        self.ear.answered();
        if reply.hangs_up {
            return Speech::HangsUp;
        }
        Answer {
            text: reply.text,
            status: self.status(),
            session: self.session.number,
            extensions: Vec::new(),
        }
        .emit(answer);
        Speech::Said
    }

    fn elapse(&mut self, span: Duration) {
        self.mechanics.clock = self.mechanics.clock.saturating_add(span);
        self.settle();
    }

    fn in_real_time(&self) -> bool {
        self.real_time
    }

    fn pull(&mut self, lever: Lever) {
        self.settle();
        self.mechanics.pull(lever);
    }

    fn cards_entered(&self) -> u64 {
        self.mechanics.memory.cards_entered
    }

    fn ribbon_left(&self) -> u32 {
        self.mechanics.memory.ribbon_left
    }

    fn not_understood(&self) -> u64 {
        self.not_understood
    }

    fn last_card(&self) -> Option<&FinishedCard> {
        self.mechanics.last_card.as_ref()
    }
}

impl Machine {
    /// Lets happen what is due by the clock.
    fn settle(&mut self) {
        if self.session.number != 0 && self.mechanics.clock >= self.session.ends_at {
            self.session.number = 0;
        }
        self.mechanics.settle();
    }

    /// Obeys one thing; one frame answers a whole transmission: the first refusal, else the last text.
    fn take(&mut self, item: &Item<'_>) {
        if matches!(item, Item::OtherFamily) {
            self.reply.hangs_up = true;
            return;
        }
        let said = self.answer_to(item);
        if [ERROR_COMMAND, ERROR_PARAMETERS].contains(&said.as_str()) {
            self.not_understood += 1;
        }
        if !self.reply.refused {
            self.reply.refused = said.starts_with("ERR");
            self.reply.text = said;
        }
    }

    fn answer_to(&mut self, item: &Item<'_>) -> String {
        match item {
            Item::Tag(_) | Item::OtherFamily => OK.to_owned(),
            Item::NotUnderstood => ERROR_COMMAND.to_owned(),
            Item::Panel(panel) => self.mechanics.take_panel(panel).to_owned(),
            Item::Command(text) => {
                let (name, rest) =
                    text.split_once(';').map_or((*text, None), |(name, rest)| (name, Some(rest)));
                let parameters: Vec<&str> =
                    rest.map(|rest| rest.split(';').collect()).unwrap_or_default();
                self.obey(name, &parameters)
            }
        }
    }

    /// The words as they are now.
    fn status(&self) -> StatusWords {
        let Mechanics { memory, .. } = &self.mechanics;
        let mut words = StatusWords {
            config: self.options(),
            error: self.mechanics.errors,
            ..Default::default()
        };
        let set = |word: &mut u32, when: bool, bit: u32| {
            if when {
                *word |= bit;
            }
        };
        let info = &mut words.information;
        set(info, self.mechanics.claim, information::CLAIM);
        set(info, self.mechanics.card_at_head(), information::CARD_PRINT);
        set(info, self.mechanics.card_at(mechanics::Place::Contact), information::CARD_SMART);
        set(
            info,
            self.mechanics.card_at(mechanics::Place::Contactless),
            information::CARD_CONTACTLESS,
        );
        set(info, self.mechanics.printing(), information::PRINTING_RUNNING | information::BUSY);
        set(info, !self.host_handles_errors, information::PRINTER_MASTER);
        set(info, self.mechanics.ribbon_low(), information::RIBBON_LOW);
        let warn = &mut words.warning;
        set(warn, self.mechanics.cover_open, warning::COVER_OPEN);
        set(warn, memory.feeder_cards == 0, warning::FEEDER_EMPTY);
        set(warn, memory.hopper_cards >= mechanics::HOPPER_MAX_CARDS, warning::HOPPER_FULL);
        set(warn, memory.ribbon_left == 0, warning::RIBBON_ENDED);
        words
    }

    /// Generation, attachment and what is fitted. Single-sided models have no flipper; the emulated
    /// ones carry a magnetic head only where the job's header names one.
    fn options(&self) -> u32 {
        let name = self.model.name.as_str();
        let generation = match name {
            "Primacy" => config::X01,
            "Primacy 2" => config::X20,
            "KC200" => config::X01 | config::KC200,
            "Elypso" => config::X04,
            "Zenius" | "Zenius 2 Classic" => config::X02,
            _ => config::S01,
        };
        let mut fitted = generation | config::ETHERNET | config::FEED_BY_FEEDER;
        if ["Primacy", "Primacy 2", "Elypso"].contains(&name) {
            fitted |= config::FLIP;
        }
        if self.model.wire.encoding.starts_with("Pmc") {
            fitted |= config::MAGNETIC | config::SMART | config::CONTACTLESS;
        }
        fitted
    }

    fn has_magnetic(&self) -> bool {
        self.options() & config::MAGNETIC != 0
    }

    /// Errors are gone when what caused them is gone (section 4.2, `Scs`).
    fn clear_errors(&mut self) {
        self.mechanics.errors &= if self.mechanics.cover_open { error::COVER_OPEN } else { 0 };
    }
}
