//! `kartud emulate reader`: a contactless card reader with a card on it, on a pseudo-terminal that any program opens
//! like a serial port. Knows no family's wire and no command of a card.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use emulators::card::Field;
use emulators::reader::{self, EmulatedReader, READERS};
use emulators::transport::terminal::Terminal;
use serde_json::Value;

use super::{Exit, StateFile, card, card_file, stop_on_signal};

const AFTER: &str = "\
Any program opens it like a serial port; kartud by the address serial:PORT, libnfc by
  LIBNFC_DEFAULT_DEVICE=pn532_uart:PORT nfc-list

The state file is a JSON object; it is read again whenever it changes, whole or not at all:
  {\"card_present\": false}                  somebody takes the card away; true brings it back
  {\"faults\": {\"mute\": true}}               the reader says nothing any more
  {\"faults\": {\"bad_checksums\": 3}}         the next three answers have a wrong bit in their checksum
  {\"card\": {\"faults\": {\"mute\": true}}}     to the card: see kartud emulate card --help
A key that is not named stays as it was.";

/// Default family of the reader.
pub(super) const FAMILY: &str = emulators::pn532::FAMILY;

#[derive(clap::Args)]
#[command(after_long_help = card_file::help(AFTER))]
pub(super) struct Args {
    /// Name of the port: a symbolic link is made there, and taken away at the end
    #[arg(long, value_name = "PATH")]
    port: PathBuf,
    /// Family of the reader
    #[arg(long, default_value = FAMILY, value_parser = families())]
    family: String,
    /// What kind of card lies on it, as TOML; without it an empty contactless file card
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Card and faults, as a JSON object; read again whenever it changes
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

fn families() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(READERS.iter().map(|family| family.name))
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(stop.clone())?;
    let field = Field::default();
    let settings = card::settings(args.card.as_deref())?;
    field.put(settings.make().map_err(|why| anyhow!("no such card: {why}"))?);
    let mut port = Port::open(&args.port, &args.family, field)?;
    let hands = port.reader.clone();
    let take = |change: &Value| hands.lock().unwrap_or_else(PoisonError::into_inner).change(change);
    let mut state_file = args.state.clone().map(StateFile::new);
    if let Some(file) = &mut state_file {
        file.read_if_there(&take)?;
    }
    say!("{port}")?;
    std::thread::scope(|scope| {
        if let Some(file) = &mut state_file {
            scope.spawn(|| file.watch(&take, &stop));
        }
        port.serve(&stop)
    })?;
    Ok(Exit::Done)
}

/// An emulated reader on a serial port. It is displayed as its family and the address for the configuration.
pub(super) struct Port {
    name: String,
    terminal: Terminal,
    reader: Arc<Mutex<Box<dyn EmulatedReader>>>,
}

impl Port {
    /// A reader of this family on a port at `path`, with `field` in front of it.
    pub(super) fn open(path: &Path, family: &str, field: Field) -> anyhow::Result<Self> {
        let family_of_readers = reader::find(family)?;
        let terminal = Terminal::open(path)
            .with_context(|| format!("cannot make the port {}", path.display()))?;
        // Absolute, so that it works from any folder.
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let name = format!("{family} on serial:{}", whole.display());
        Ok(Self { name, terminal, reader: Arc::new(Mutex::new((family_of_readers.make)(field))) })
    }

    /// Serves the reader until `stop` is set. If the port fails, it sets `stop` itself.
    pub(super) fn serve(&mut self, stop: &AtomicBool) -> std::io::Result<()> {
        let served = self.terminal.serve(&mut self.reader, stop);
        stop.store(true, Ordering::Relaxed);
        served
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_state_that_the_help_shows_can_be_set() {
        let field = Field::default();
        field.put(card::settings(None).unwrap().make().unwrap());
        let mut reader = (reader::find(FAMILY).unwrap().make)(field);
        let examples = card_file::objects(AFTER);
        assert_eq!(examples.len(), 4);
        for change in examples {
            reader.change(&change).unwrap_or_else(|why| panic!("{change}: {why}"));
        }
    }
}
