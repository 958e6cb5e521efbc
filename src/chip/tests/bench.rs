//! The fixture of the engine's tests: emulated cards and a reader.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use drivers::encoder::CardEncoder;
use emulators::card::direct::Direct;
use emulators::card::{CardSettings, Field, SharedChip};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::chip::{self, ChipFault, KeyFault, KeySource, Profile, StepSeen, Values, With, Written};

/// Secrets that must never be shown: a record, and keys.
pub const CANARY: &[u8] = b"KANARI-RAHASIA-1301050704159002";

/// A vault for tests.
#[derive(Default)]
pub struct Keys(BTreeMap<&'static str, Vec<u8>>);

impl Keys {
    pub fn with(mut self, name: &'static str, bytes: &[u8]) -> Self {
        self.0.insert(name, bytes.to_vec());
        self
    }
}

impl KeySource for Keys {
    fn key(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
        self.0.get(name).map(|key| Zeroizing::new(key.clone())).ok_or(KeyFault::Missing)
    }
}

/// A card, and a reader with it.
pub struct Table {
    pub card: SharedChip,
    pub reader: Direct,
    pub keys: Keys,
    /// All output of the last run.
    pub shown: String,
}

impl Table {
    /// A card with these settings, `{"kind":"file", …}`.
    pub fn new(settings: Value) -> Self {
        let settings: CardSettings = serde_json::from_value(settings).unwrap();
        let (card, field) = (settings.make().unwrap(), Field::default());
        field.put(card.clone());
        let keys = Keys::default();
        Self { card, reader: Direct::new(field), keys, shown: String::new() }
    }

    pub fn change(&self, change: Value) {
        self.card.lock().change(&change).unwrap();
    }

    pub fn state(&self) -> Value {
        self.card.lock().state()
    }

    /// Runs a profile on the card; every step takes a second of the given clock.
    pub fn run(&mut self, profile: &Profile, values: &Values) -> Result<Written, ChipFault> {
        let chip = self.reader.power_on(Duration::from_secs(1)).unwrap();
        let ticks = Cell::new(0);
        let clock = || {
            ticks.set(ticks.get() + 1);
            Duration::from_secs(ticks.get())
        };
        let with = With {
            values,
            keys: &self.keys,
            clock: &clock,
            challenge: &|| *b"\x01\x02\x03\x04\x05\x06\x07\x08",
        };
        let mut shown = String::new();
        let mut see = |seen: StepSeen<'_>| shown += &format!("{seen:?}\n");
        let done = chip::run(profile, &mut self.reader, &chip, &with, &mut see);
        self.shown = format!("{shown}{done:?}\n{values:?}\n");
        if let Err(fault) = &done {
            let words = fault.words();
            self.shown += &format!("{fault}\n{}\n{}\n", words.id, words.en);
        }
        assert_silent(&self.shown);
        done
    }

    /// Runs a profile that must succeed.
    pub fn written(&mut self, profile: &Profile, values: &Values) -> Written {
        self.run(profile, values).unwrap_or_else(|fault| panic!("{fault}"))
    }
}

/// Neither the record nor a key may appear in public output, in any encoding.
pub fn assert_silent(shown: &str) {
    let digits = |separator: &str| {
        let pairs: Vec<String> = CANARY[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        pairs.join(separator)
    };
    let decimal: Vec<String> = CANARY[..8].iter().map(ToString::to_string).collect();
    let low = shown.to_lowercase();
    for spelling in ["kanari", "13010507", &digits(""), &digits(" "), &decimal.join(", ")] {
        assert!(!low.contains(spelling), "{spelling} in {shown}");
    }
}

/// A record of this length, made of the repeated canary.
pub fn record(bytes: usize) -> Vec<u8> {
    CANARY.iter().copied().cycle().take(bytes).collect()
}

pub fn values(bytes: usize) -> Values {
    Values::new().with("record", record(bytes))
}
