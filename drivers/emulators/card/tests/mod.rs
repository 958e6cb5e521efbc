//! The emulated cards, used as a station uses them: through a channel and a reader.
#![allow(clippy::unwrap_used)]

mod access;
mod faults;
mod files;
mod memory;
mod scp03;

use super::direct::Direct;
use super::{CardSettings, Field, SharedChip};
use drivers::encoder::apdu::{Command, Reply};
use drivers::encoder::channel::{Channel, Seen};
use drivers::encoder::{CardEncoder as _, Chip, EncoderError};

use std::time::Duration;

/// A card made from a settings file, and a reader in front of it.
struct Bench {
    card: SharedChip,
    reader: Direct,
    chip: Chip,
}

impl Bench {
    fn new(settings: &str) -> Self {
        let settings: CardSettings = toml::from_str(settings).unwrap();
        Self::of(settings.make().unwrap())
    }

    fn of(card: SharedChip) -> Self {
        let field = Field::default();
        field.put(card.clone());
        let mut reader = Direct::new(field);
        let chip = reader.power_on(Duration::from_secs(1)).unwrap();
        Self { card, reader, chip }
    }

    fn try_send(&mut self, command: &Command) -> Result<Reply, EncoderError> {
        Channel::new(&mut self.reader, &self.chip).send(command)
    }

    fn send(&mut self, command: &Command) -> Reply {
        self.try_send(command).unwrap()
    }

    /// Sends a command; returns the reply and the traffic that it took.
    fn watched(&mut self, command: &Command) -> (Reply, Vec<Seen>) {
        let mut seen = Vec::new();
        let mut channel = Channel::new(&mut self.reader, &self.chip);
        channel.watch(|one| seen.push(one));
        let reply = channel.send(command).unwrap();
        drop(channel);
        (reply, seen)
    }

    fn status(&mut self, command: &Command) -> u16 {
        self.send(command).status.0
    }

    /// Sends bytes unchanged.
    fn raw(&mut self, command: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        self.reader.transmit(command, &mut answer).unwrap();
        answer
    }

    fn again(&mut self) {
        self.chip = self.reader.power_on(Duration::from_secs(1)).unwrap();
    }

    fn change(&self, change: &serde_json::Value) {
        self.card.lock().change(change).unwrap();
    }
}

fn select(name: &[u8]) -> Command {
    Command::new(0, 0xA4, 4, 0).with(name).expecting(256)
}

fn read(offset: u8, le: usize) -> Command {
    Command::new(0, 0xB0, 0, offset).expecting(le)
}

fn update(offset: u8, data: &[u8]) -> Command {
    Command::new(0, 0xD6, 0, offset).with(data)
}
