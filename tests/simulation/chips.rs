//! Chips: the content that each card's chip must have, the reader that writes it, and the faults of both. They use
//! their own random numbers, so that worlds without chips stay the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use drivers::encoder::{CardEncoder, Chip, EncoderError, Interface};
use emulators::card::direct::{Direct, EmulatedClock};
use emulators::card::{BitFlip, CardSettings, Faults, SharedChip, WrongStatus};
use emulators::evolis::EvolisSettings;
use emulators::machine::{BlankChips, Departed, Finish, Lever, SharedMachine};
use fastrand::Rng;
use kartu::chip::{KeyFault, KeySource, Profile, Values};
use kartu::render::ChipContent;
use kartu::station::chip::ChipJob;
use kartu::station::encode::{Encoding, Reader};
use zeroize::Zeroizing;

use crate::power::{Building, Cut, Effect, Fate, SimClock};
use crate::world::World;

/// More than one block of the profile.
const RECORD_BYTES: usize = 300;
/// Seed offset of the chips' random numbers.
const CHANCE: u64 = 0x4348_4950;

/// In a world with chips, does the job with this mark have one?
pub fn has_chip(mark: usize) -> bool {
    mark % 3 == 1
}

/// The chip content of this mark; no other mark has it.
fn record(mark: usize) -> Vec<u8> {
    vec![mark as u8 + 1; RECORD_BYTES]
}

/// The PIN that a blank requires before it is written.
const PIN: &str = "31323334";

/// The staff card's own profile behind a PIN, with this mark's record.
pub fn encoding(mark: usize) -> Encoding {
    static PROFILE: OnceLock<Profile> = OnceLock::new();
    let profile = PROFILE.get_or_init(|| {
        let text = include_str!("../../config/products/staf/chip.toml");
        let verify = "[[step]]\nverify = { key = \"vault:pin\", reference = 1 }\n\n[[step]]";
        Profile::parse(&text.replacen("[[step]]", verify, 1)).expect("it is a profile")
    });
    let values = Values::new().with("record", record(mark));
    let content = ChipContent { station: Interface::Contactless, profile: profile.clone(), values };
    let job = ChipJob { content, record_sha256: None, keys: Arc::new(OneKey) };
    Encoding { chip: Some(Box::new(job)), stripe: None }
}

struct OneKey;

impl KeySource for OneKey {
    fn key(&self, _: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
        Ok(Zeroizing::new(b"1234".to_vec()))
    }
}

/// Does the world of this seed have chips?
pub fn are_in(seed: u64) -> bool {
    Rng::with_seed(seed ^ CHANCE).bool()
}

/// The chips of one world.
pub struct Chips {
    pub rng: Rng,
    one_in: u32,
    blanks: BlankChips,
    tricks: Tricks,
}

/// Planned faults of the blanks and the reader.
#[derive(Clone, Default)]
struct Tricks(Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    made: BTreeMap<u64, SharedChip>,
    /// Faults of the next blanks.
    coming: VecDeque<Faults>,
    /// For this many further calls there is no reader.
    away: u32,
    /// A lever that is pulled at the first command from this effect on, before or after the command is executed.
    hands: Option<(u64, Cut, Lever)>,
}

impl Tricks {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().expect("nobody panics with the store in his hands")
    }
}

impl Chips {
    pub fn new(seed: u64) -> Chips {
        let mut rng = Rng::with_seed(seed ^ CHANCE);
        rng.bool();
        let one_in = [0, 6, 20][rng.usize(..3)];
        let tricks = Tricks::default();
        let kept = tricks.clone();
        let blanks = BlankChips::new(move |number| {
            let mut store = kept.store();
            let faults = store.coming.pop_front().unwrap_or_default();
            let card = serde_json::json!({ "kind": "file", "pin": PIN, "faults": faults });
            let card: CardSettings = serde_json::from_value(card).expect("its own settings");
            let card = card.blank(number as u32);
            let card = card.expect("the card model's own settings make a card");
            store.made.insert(number, card.clone());
            card
        });
        Chips { rng, one_in, blanks, tricks }
    }

    /// A machine whose blanks have chips, with the position to encode them.
    pub fn in_machine(&self, settings: EvolisSettings) -> EvolisSettings {
        let chip = Some(self.blanks.clone());
        EvolisSettings { fitted: vec!["CONTACTLESS".to_owned()], chip, ..settings }
    }

    /// The reader of a computer that has just started.
    pub fn reader(&self, machine: &SharedMachine, building: &Building, clock: &SimClock) -> Reader {
        let direct = Direct::new(self.blanks.contactless());
        Reader::new(Box::new(SimReader {
            time: direct.clock(),
            direct,
            machine: machine.clone(),
            building: building.clone(),
            clock: clock.clone(),
            tricks: self.tricks.clone(),
        }))
    }

    /// Pulls a lever at the first command from this effect on.
    pub fn hands_at(&self, effect: u64, how: Cut, lever: Lever) {
        self.tricks.store().hands = Some((effect, how, lever));
    }

    /// The next blank has this fault.
    pub fn next_blank(&self, faults: Faults) {
        self.tricks.store().coming.push_back(faults);
    }

    /// The chip of a whole card must be its own, and that of a card without one empty.
    ///
    /// # Errors
    /// The content of the chip.
    pub fn fits(&self, mark: Option<usize>, card: &Departed) -> Result<(), String> {
        let (Some(mark), Finish::Whole) = (mark, card.finish) else { return Ok(()) };
        let on_it = self.content(card.chip.ok_or("a card WITHOUT a chip")?);
        let wanted = has_chip(mark).then(|| {
            let hex: String = record(mark).iter().map(|byte| format!("{byte:02X}")).collect();
            hex
        });
        if on_it == wanted {
            return Ok(());
        }
        let on_it = on_it.map_or("nothing".to_owned(), |hex| {
            format!("{} bytes {}…", hex.len() / 2, hex.get(..2).unwrap_or(""))
        });
        Err(format!("the chip of SIM-{mark} is not ITS OWN: {on_it}"))
    }

    /// The content of this chip's file, if there is one. Whether the file is closed cannot be read back, so the card's
    /// own statement is trusted.
    fn content(&self, number: u64) -> Option<String> {
        let chip = self.tricks.store().made.get(&number).cloned();
        let state = chip.expect("it was made").lock().state();
        let folders = state["content"].as_array().into_iter().flatten();
        let mut files = folders.flat_map(|folder| folder["files"].as_array().into_iter().flatten());
        let file = files.next()?;
        Some(file["content"].as_str().unwrap_or_default().to_owned())
    }

    /// Draws this step's faults of chips and reader; returns a description.
    fn suffer(&mut self, effects: u64) -> Option<String> {
        if self.one_in == 0 || self.rng.u32(..self.one_in) != 0 {
            return None;
        }
        let at = self.rng.u32(..12);
        let status = [0x6581, 0x6A82, 0x6982, 0x6F00, 0x9000][self.rng.usize(..5)];
        let (bit, done, away) = (self.rng.usize(..4000), self.rng.bool(), self.rng.u32(1..6));
        let how = if done { Cut::After } else { Cut::Before };
        let lever = match self.rng.u8(..9) {
            // The reader never sees a blank without a chip.
            0 if at == 0 => return self.coming(Faults { mute: true, ..Faults::default() }),
            0 => return self.coming(Faults { mute_after: Some(at), ..Faults::default() }),
            1 => {
                let torn_out_after = Some(at);
                let faults = Faults { torn_out_after, torn_out_done: done, ..Faults::default() };
                return self.coming(faults);
            }
            2 => {
                let wrong_status = Some(WrongStatus { command: at + 1, status });
                return self.coming(Faults { wrong_status, ..Faults::default() });
            }
            3 => {
                let bit_flip = Some(BitFlip { answer: at + 1, bit });
                return self.coming(Faults { bit_flip, ..Faults::default() });
            }
            4 => {
                self.next_blank(Faults { same_uid: true, ..Faults::default() });
                return self.coming(Faults { same_uid: true, ..Faults::default() });
            }
            5 => {
                self.tricks.store().away = away;
                return Some(format!("the reader is away for {away} calls"));
            }
            6 => Lever::OpenCover,
            _ => Lever::TakeCardOut,
        };
        self.hands_at(effects + u64::from(at), how, lever);
        Some(format!("hands at a chip from the {at}th effect on: {how:?} {lever:?}"))
    }

    fn coming(&self, faults: Faults) -> Option<String> {
        let told = format!("a blank comes with {faults:?}");
        self.next_blank(faults);
        Some(told)
    }

    /// Ends all faults.
    pub fn calm(&self) {
        let mut store = self.tricks.store();
        (store.away, store.hands) = (0, None);
        store.coming.clear();
    }
}

impl World {
    /// Draws this step's faults of chips.
    pub fn suffer_of_chips(&mut self) {
        let effects = self.building.effects();
        let told = self.chips.as_mut().and_then(|chips| chips.suffer(effects));
        if let Some(told) = told {
            self.story.tell(format_args!("chips: {told}"));
        }
    }
}

/// The reader of the simulated environment.
struct SimReader {
    direct: Direct,
    time: EmulatedClock,
    machine: SharedMachine,
    building: Building,
    clock: SimClock,
    tricks: Tricks,
}

impl SimReader {
    /// Are power and reader there?
    fn there(&self) -> Result<(), EncoderError> {
        let mut store = self.tricks.store();
        if self.building.is_off() || store.away > 0 {
            store.away = store.away.saturating_sub(1);
            return Err(no_reader());
        }
        Ok(())
    }

    /// The time that the reader waits passes everywhere.
    fn timed<T>(&mut self, call: impl FnOnce(&mut Direct) -> T) -> T {
        let before = self.time.elapsed();
        let came = call(&mut self.direct);
        let waited = self.time.elapsed() - before;
        if waited > Duration::ZERO {
            self.clock.pass(waited);
            self.machine.lock().elapse(waited);
        }
        came
    }

    /// Pulls the lever whose moment has come.
    fn hands(&self, effect: u64, moment: Cut) {
        let due = {
            let mut store = self.tricks.store();
            store.hands.take_if(|(at, how, _)| *at <= effect && *how == moment)
        };
        if let Some((_, _, lever)) = due {
            self.machine.pull(lever);
        }
    }
}

impl CardEncoder for SimReader {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        self.there()?;
        self.timed(|direct| direct.power_on(patience))
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        self.there()?;
        let effect = self.building.effects();
        let fate = self.building.effect(Effect::Apdu);
        if let Fate::Never | Fate::Struck(Cut::Before | Cut::Within(_)) = fate {
            return Err(no_reader());
        }
        self.hands(effect, Cut::Before);
        let came = self.timed(|direct| direct.transmit(command, answer));
        self.hands(effect, Cut::After);
        if let Fate::Struck(_) = fate { Err(no_reader()) } else { came }
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        self.there()?;
        self.direct.power_off()
    }
}

fn no_reader() -> EncoderError {
    EncoderError::NoReader("of the simulation".to_owned())
}
