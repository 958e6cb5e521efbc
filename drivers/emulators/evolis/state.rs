//! The state of the emulated machine as a JSON document: what can be set from outside, and what the machine reports.
//! Knows neither file nor network; the command line transports it.
//!
//! A change is checked completely before any of it is applied: an unknown key, an unknown name or a number out of range
//! changes nothing, and the error sentence names the key.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::planned::NextChip;
use super::{Machine, SLOWNESS_MAX};
use crate::machine::{JamAt, Lever, MagneticFault, SpoiltAnswers, Word};
use drivers::printers::evolis::protocol::{RIBBONS, RibbonKind};
use drivers::printers::evolis::status::{config, error, information, warning};

/// Keys of a change. An absent key leaves its value as it is; `null` removes a planned fault.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Is the power on?
    powered: Option<bool>,
    /// Is it in standby?
    asleep: Option<bool>,
    /// Is it locked?
    locked: Option<bool>,
    cover_open: Option<bool>,
    feeder_open: Option<bool>,
    /// Blanks in the feeder.
    feeder_cards: Option<u32>,
    /// Finished cards in the hopper.
    hopper_cards: Option<u32>,
    /// Cards in the reject box.
    reject_box_cards: Option<u32>,
    /// Does a card lie in the exit slot?
    card_in_slot: Option<bool>,
    /// Is a card held into the manual feed slot?
    card_in_hand: Option<bool>,
    /// Trade name of the ribbon; `null`: there is none. Another name is a new ribbon.
    #[serde(default, deserialize_with = "given")]
    ribbon: Option<Option<String>>,
    /// Prints left on the ribbon.
    ribbon_left: Option<u32>,
    /// Is it tended (feeder, hopper and ribbon)?
    tended: Option<bool>,
    /// Factor on all durations: 1 = as on a real machine, 0 = at once.
    slowness: Option<f64>,
    /// Cards that entered the head since the last cleaning.
    cards_since_cleaning: Option<u64>,
    /// Firmware that does not know the newer queries.
    old_firmware: Option<bool>,
    /// Firmware that does not report how many cards entered the head.
    no_counters: Option<bool>,
    /// The ribbon has no chip that can be read.
    no_ribbon_chip: Option<bool>,
    /// Does every answer carry the status?
    status_block: Option<bool>,
    /// Where the next card jams.
    #[serde(default, deserialize_with = "given")]
    jam: Option<Option<JamAt>>,
    #[serde(default, deserialize_with = "given")]
    open_cover_after_panels: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    end_ribbon_after_panels: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    fail_magnetic: Option<Option<MagneticFault>>,
    /// The next chip that comes before a reader.
    #[serde(default, deserialize_with = "given")]
    next_chip: Option<Option<NextChip>>,
    #[serde(default, deserialize_with = "given")]
    cut_power_after_bytes: Option<Option<u64>>,
    #[serde(default, deserialize_with = "given")]
    spoil_answers: Option<Option<SpoiltAnswers>>,
    /// Status bits, by word, that are shown regardless of the real state.
    forced: Option<Forced>,
}

/// Bits by word; a word that is not named shows the real state again.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Forced {
    config: Bits,
    information: Bits,
    warning: Bits,
    error: Bits,
    extension1: Bits,
    extension2: Bits,
    extension3: Bits,
    extension4: Bits,
}

/// Bits as a number, or as a list of names and of numbers in hexadecimal.
#[derive(Deserialize)]
#[serde(untagged)]
enum Bits {
    Mask(u32),
    Names(Vec<String>),
}

impl Default for Bits {
    fn default() -> Self {
        Self::Mask(0)
    }
}

impl Bits {
    fn mask(&self, word: &str, table: &[(u32, &str)]) -> Result<u32, String> {
        let names = match self {
            Self::Mask(mask) => return Ok(*mask),
            Self::Names(names) => names,
        };
        names.iter().try_fold(0, |mask, name| {
            let named = table.iter().find(|(_, known)| known == name).map(|(bit, _)| *bit);
            let hex = || u32::from_str_radix(name.strip_prefix("0x")?, 16).ok();
            let bit = named.or_else(hex);
            bit.map(|bit| mask | bit)
                .ok_or_else(|| format!("forced.{word}: {name:?} is neither a bit's name nor 0x…"))
        })
    }
}

/// Distinguishes `null` from an absent key.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A change that has been checked completely and can be applied.
struct Checked {
    change: Change,
    ribbon: Option<Option<RibbonKind>>,
    forced: Option<[(Word, u32); 8]>,
}

impl Change {
    fn check(self) -> Result<Checked, String> {
        let ribbon = match &self.ribbon {
            None => None,
            Some(None) => Some(None),
            Some(Some(name)) => Some(Some(RibbonKind::named(name).ok_or_else(|| {
                format!("ribbon: {name:?} is no ribbon of the maker's, such as YMCKO or KBLACK")
            })?)),
        };
        if self.slowness.is_some_and(|slowness| !(0.0..=SLOWNESS_MAX).contains(&slowness)) {
            return Err("slowness: must lie between 0 and 100".to_owned());
        }
        let forced = self.forced.as_ref().map(Forced::words).transpose()?;
        Ok(Checked { change: self, ribbon, forced })
    }
}

impl Forced {
    fn words(&self) -> Result<[(Word, u32); 8], String> {
        Ok([
            (Word::Config, self.config.mask("config", &config::TABLE)?),
            (Word::Information, self.information.mask("information", &information::TABLE)?),
            (Word::Warning, self.warning.mask("warning", &warning::TABLE)?),
            (Word::Error, self.error.mask("error", &error::TABLE)?),
            (Word::Extension1, self.extension1.mask("extension1", &[])?),
            (Word::Extension2, self.extension2.mask("extension2", &[])?),
            (Word::Extension3, self.extension3.mask("extension3", &[])?),
            (Word::Extension4, self.extension4.mask("extension4", &[])?),
        ])
    }
}

impl Machine {
    /// See [`crate::machine::EmulatedMachine::change`].
    pub(super) fn set(&mut self, change: &Value) -> Result<(), String> {
        if !change.is_object() {
            return Err("a change is an object with keys".to_owned());
        }
        let read = Change::deserialize(change).map_err(|fault| fault.to_string())?;
        let Checked { change, ribbon, forced } = read.check()?;
        self.check_effect(&change, ribbon)?;
        self.set_supplies(&change, ribbon);
        self.set_faults(&change);
        for (word, bits) in forced.into_iter().flatten() {
            self.mechanics.planned.force(word, bits);
        }
        let settings = &mut self.settings;
        settings.old_firmware = change.old_firmware.unwrap_or(settings.old_firmware);
        settings.no_counters = change.no_counters.unwrap_or(settings.no_counters);
        settings.no_ribbon_chip = change.no_ribbon_chip.unwrap_or(settings.no_ribbon_chip);
        if let Some(on) = change.status_block {
            (self.settings.status_block, self.electronics.status_block) = (on, on);
        }
        self.mechanics.slowness = change.slowness.unwrap_or(self.mechanics.slowness);
        self.electronics.asleep = change.asleep.unwrap_or(self.electronics.asleep);
        match change.powered {
            Some(true) if !self.powered => self.power_on(),
            Some(false) if self.powered => self.cut_power(),
            _ => {}
        }
        Ok(())
    }

    /// A change is refused as a whole if one of its keys would have no effect.
    fn check_effect(
        &self,
        change: &Change,
        ribbon: Option<Option<RibbonKind>>,
    ) -> Result<(), String> {
        let jam = change.jam.flatten().map(Lever::Jam);
        let magnetic = change.fail_magnetic.flatten().map(Lever::FailMagnetic);
        let why = self.contradiction(change, ribbon).or_else(|| self.tended_away(change));
        let why = why.or_else(|| {
            jam.into_iter().chain(magnetic).find_map(|lever| self.without_effect(lever))
        });
        why.map_or(Ok(()), Err)
    }

    /// A setting that this machine cannot have.
    fn contradiction(&self, change: &Change, ribbon: Option<Option<RibbonKind>>) -> Option<String> {
        let supplies = &self.mechanics.supplies;
        let has_ribbon = ribbon.unwrap_or(supplies.ribbon).is_some();
        let powered = change.powered.unwrap_or(self.powered);
        let (limit, entered) = (supplies.feeder_limit, self.mechanics.memory.cards_entered);
        let refused = [
            (
                matches!(change.next_chip, Some(Some(_))) && !self.mechanics.stations.have_chips(),
                "next_chip: the blanks of this machine carry no chips".to_owned(),
            ),
            (
                change.cards_since_cleaning.is_some_and(|cards| cards > entered),
                format!("cards_since_cleaning: only {entered} cards ever entered its head"),
            ),
            (
                change.feeder_cards.is_some_and(|cards| cards > limit),
                format!("feeder_cards: the feeder holds {limit}"),
            ),
            (
                change.ribbon_left.is_some() && !has_ribbon,
                "ribbon_left: there is no ribbon; say which by ribbon".to_owned(),
            ),
            (change.asleep == Some(true) && !powered, "asleep: it is switched off".to_owned()),
        ];
        refused.into_iter().find_map(|(refused, why)| refused.then_some(why))
    }

    /// A setting that tending would undo at once.
    fn tended_away(&self, change: &Change) -> Option<String> {
        let supplies = &self.mechanics.supplies;
        if !change.tended.unwrap_or(supplies.tended) {
            return None;
        }
        let under = |value: Option<u32>, least: u32| value.is_some_and(|value| value < least);
        let full = |value: Option<u32>, limit: u32| value.is_some_and(|value| value >= limit);
        let undone = [
            (under(change.feeder_cards, 1), "feeder_cards", "fills the feeder"),
            (
                full(change.hopper_cards, supplies.hopper_limit),
                "hopper_cards",
                "empties the hopper",
            ),
            (
                full(change.reject_box_cards, supplies.reject_limit),
                "reject_box_cards",
                "empties the reject box",
            ),
            (under(change.ribbon_left, 2), "ribbon_left", "changes the ribbon"),
        ];
        undone.into_iter().find_map(|(undone, key, does)| undone.then(|| tends(key, does)))
    }

    /// See [`crate::machine::EmulatedMachine::refuses`].
    pub(super) fn without_effect(&self, lever: Lever) -> Option<String> {
        let mechanics = &self.mechanics;
        let (supplies, memory) = (&mechanics.supplies, &mechanics.memory);
        let no_ribbon = supplies.ribbon.is_none();
        let stuck = mechanics.card.is_some() || mechanics.errors & error::MECHANICAL != 0;
        let why = match lever {
            Lever::PutRibbon(number) if RibbonKind::numbered(number).is_none() => {
                let known: Vec<_> = RIBBONS.iter().map(|kind| kind.number.to_string()).collect();
                format!("put_ribbon: the maker has no ribbon {number}; known: {}", known.join(", "))
            }
            Lever::NewRibbon if no_ribbon => {
                "new_ribbon: there is no ribbon of whose kind it could be; say which by put_ribbon"
                    .to_owned()
            }
            Lever::EndRibbon if no_ribbon => "end_ribbon: there is no ribbon".to_owned(),
            Lever::EndRibbon if supplies.tended && mechanics.card.is_none() => {
                tends("end_ribbon", "changes the ribbon")
            }
            Lever::EmptyFeeder if supplies.tended => tends("empty_feeder", "fills the feeder"),
            Lever::LoadFeeder(_) if memory.feeder_cards >= supplies.feeder_limit => {
                format!("load_feeder: the feeder holds {}", supplies.feeder_limit)
            }
            Lever::TakeCardOut if !stuck => "take_card_out: no card is inside".to_owned(),
            Lever::Jam(JamAt::Flip) if !self.options.flips() => {
                "jam: this machine has no flipper".to_owned()
            }
            Lever::FailMagnetic(_) if !self.options.has(config::MAGNETIC) => {
                "fail_magnetic: this machine has no magnetic station".to_owned()
            }
            Lever::Overheat if mechanics.heat.cools_at_once() => {
                "overheat: this machine was started with slowness 0, and cools at once".to_owned()
            }
            Lever::Sleep if !self.powered => "sleep: it is switched off".to_owned(),
            _ => return None,
        };
        Some(why)
    }

    fn set_supplies(&mut self, change: &Change, ribbon: Option<Option<RibbonKind>>) {
        let mechanics = &mut self.mechanics;
        let inside = mechanics.supplies.ribbon;
        match ribbon {
            Some(None) => mechanics.supplies.ribbon = None,
            Some(Some(kind)) if inside != Some(kind) => mechanics.put_ribbon(kind),
            _ => {}
        }
        let set = |value: Option<u32>, put: &mut dyn FnMut(u32)| {
            if let Some(value) = value {
                put(value);
            }
        };
        set(change.ribbon_left, &mut |left| mechanics.set_ribbon_left(left));
        set(change.feeder_cards, &mut |cards| mechanics.set_feeder(cards));
        set(change.hopper_cards, &mut |cards| mechanics.set_hopper(cards));
        set(change.reject_box_cards, &mut |cards| mechanics.set_reject_box(cards));
        mechanics.supplies.tended = change.tended.unwrap_or(mechanics.supplies.tended);
        if let Some(cards) = change.cards_since_cleaning {
            // The counter never decreases, so no more cards can have been printed since the cleaning than ever entered.
            mechanics.memory.cleaned_at = mechanics.memory.cards_entered.saturating_sub(cards);
        }
        mechanics.remember();
    }

    fn set_faults(&mut self, change: &Change) {
        let mechanics = &mut self.mechanics;
        let toggles = [
            (change.cover_open, Lever::OpenCover, Lever::CloseCover),
            (change.feeder_open, Lever::OpenFeeder, Lever::CloseFeeder),
            (change.locked, Lever::Lock, Lever::Unlock),
        ];
        for (wanted, on, off) in toggles {
            if let Some(wanted) = wanted {
                mechanics.pull(if wanted { on } else { off });
            }
        }
        match change.card_in_slot {
            Some(true) => mechanics.card_in_slot = true,
            Some(false) => mechanics.pull(Lever::TakeFromExit),
            None => {}
        }
        match change.card_in_hand {
            Some(true) => mechanics.pull(Lever::InsertCard),
            Some(false) => mechanics.card_in_hand = false,
            None => {}
        }
        let planned = &mut mechanics.planned;
        plan(&mut planned.jam, change.jam);
        plan(&mut planned.cover_after_panels, change.open_cover_after_panels);
        plan(&mut planned.ribbon_after_panels, change.end_ribbon_after_panels);
        plan(&mut planned.magnetic, change.fail_magnetic);
        plan(&mut planned.next_chip, change.next_chip.clone());
        plan(&mut planned.power_after_bytes, change.cut_power_after_bytes);
        plan(&mut planned.answers, change.spoil_answers);
    }

    /// See [`crate::machine::EmulatedMachine::state`].
    pub(super) fn show(&self) -> Value {
        let (mechanics, memory) = (&self.mechanics, &self.mechanics.memory);
        let planned = &mechanics.planned;
        json!({
            "powered": self.powered,
            "asleep": self.electronics.asleep,
            "locked": mechanics.locked,
            "cover_open": mechanics.cover_open,
            "feeder_open": mechanics.feeder_open,
            "feeder_cards": memory.feeder_cards,
            "hopper_cards": memory.hopper_cards,
            "reject_box_cards": memory.rejected_cards,
            "card_in_slot": mechanics.card_in_slot,
            "card_in_hand": mechanics.card_in_hand,
            "ribbon": mechanics.supplies.ribbon.map(|ribbon| ribbon.name),
            "ribbon_left": memory.ribbon_left,
            "tended": mechanics.supplies.tended,
            "slowness": mechanics.slowness,
            "cards_since_cleaning": self.cards_since_cleaning(),
            "old_firmware": self.settings.old_firmware,
            "no_counters": self.settings.no_counters,
            "no_ribbon_chip": self.settings.no_ribbon_chip,
            "status_block": self.electronics.status_block,
            "jam": planned.jam,
            "open_cover_after_panels": planned.cover_after_panels,
            "end_ribbon_after_panels": planned.ribbon_after_panels,
            "fail_magnetic": planned.magnetic,
            "next_chip": planned.next_chip,
            "cut_power_after_bytes": planned.power_after_bytes,
            "spoil_answers": planned.answers,
            "forced": self.show_forced(),
            "machine": self.show_machine(),
        })
    }

    fn show_forced(&self) -> Value {
        let planned = &self.mechanics.planned;
        let mut words = Map::new();
        for (name, bits, table) in [
            ("config", planned.forced.config, &config::TABLE),
            ("information", planned.forced.information, &information::TABLE),
            ("warning", planned.forced.warning, &warning::TABLE),
            ("error", planned.forced.error, &error::TABLE),
        ] {
            words.insert(name.to_owned(), json!(names(bits, table)));
        }
        for (at, bits) in planned.forced_extensions.iter().enumerate() {
            words.insert(format!("extension{}", at + 1), json!(bits));
        }
        Value::Object(words)
    }

    /// The values that can only be read.
    fn show_machine(&self) -> Value {
        let (mechanics, memory) = (&self.mechanics, &self.mechanics.memory);
        let (words, extensions) = self.status();
        let card = self
            .card()
            .map(|card| json!({ "place": card.place, "number": card.number, "stuck": card.stuck }));
        json!({
            "model": self.model.name,
            "serial": self.settings.serial,
            "clock_s": mechanics.clock.as_secs_f64(),
            "printed_s": mechanics.printed.as_secs_f64(),
            "bytes_heard": self.bytes_heard,
            "session": self.session.number,
            "claim": mechanics.job.claim,
            "printing": mechanics.printing(),
            "held": mechanics.held(),
            "error_management": mechanics.error_management,
            "card": card,
            "cards_entered": memory.cards_entered,
            "cards_finished": memory.cards_finished,
            "regular_cleanings": memory.regular_cleanings,
            "advanced_cleanings": memory.advanced_cleanings,
            "heat_cards": mechanics.heat.cards(),
            "not_understood": self.not_understood,
            "status": {
                "config": names(words.config, &config::TABLE),
                "information": names(words.information, &information::TABLE),
                "warning": names(words.warning, &warning::TABLE),
                "error": names(words.error, &error::TABLE),
                "extensions": extensions,
            },
        })
    }
}

fn tends(key: &str, does: &str) -> String {
    format!("{key}: somebody looks after the machine and {does} at once; say tended = false first")
}

fn plan<T>(planned: &mut Option<T>, wanted: Option<Option<T>>) {
    if let Some(wanted) = wanted {
        *planned = wanted;
    }
}

fn names<'a>(bits: u32, table: &[(u32, &'a str)]) -> Vec<&'a str> {
    table.iter().filter(|(mask, _)| bits & mask != 0).map(|(_, name)| *name).collect()
}
