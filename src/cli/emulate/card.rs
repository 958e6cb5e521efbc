//! `kartud emulate card`: a chip card that is put into the virtual reader of pcscd (vpcd of vsmartcard) and removed
//! again, with its content kept over a restart. Knows no command of a card.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use emulators::card::{CardSettings, SharedChip};
use emulators::pcsc::SlotCard;
use emulators::transport::vpcd::{Left, Plug, VPCD};
use serde_json::{Value, json};

use super::{Exit, StateFile, card_file, stop_on_signal};
use crate::cli::files;

const AFTER: &str = "\
vpcd is a driver of pcscd (Debian: pcscd, vsmartcard-vpcd). It listens on ALL addresses of the computer: run it
where nobody else can reach it, such as in a network namespace of its own.

The state file is a JSON object; it is read again whenever it changes, whole or not at all:
  {\"inserted\": false}                          somebody pulls the card; true puts it in (again)
  {\"faults\": {\"mute\": true}}                   it says nothing any more
  {\"faults\": {\"mute_after\": 3, \"slow_ms\": 200}}
  {\"faults\": {\"torn_out_after\": 5}}            pulled within the sixth command
  {\"faults\": {\"torn_out_done\": true}}          which it still obeyed
  {\"faults\": {\"wrong_status\": {\"command\": 2, \"status\": \"6581\"}}}
  {\"faults\": {\"bit_flip\": {\"answer\": 4, \"bit\": 17}}}
  {\"faults\": {\"same_uid\": true}}               it has the identifier of the first of its batch
  {\"flip_stored\": {\"directory\": \"3F00\", \"file\": \"0101\", \"bit\": 3}}
                                               a stored bit turns over; memory cards: {\"bit\": 3}
`mute_after` and `torn_out_after` count the commands that are still answered, `command` and
`answer` from 1, all from the moment at which a fault is set; null takes one back. `content`
puts other content on the card.
A key that is not named stays as it was. A virtual reader waits for a mute card for ever: pull it.";

/// How often the program looks for a missing reader, and at a removed card's state: a person does not notice this
/// delay.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
#[command(after_long_help = card_file::help(AFTER))]
pub(super) struct Args {
    /// Where vpcd listens; its second slot is one port higher
    #[arg(long, value_name = "ADDR", default_value = VPCD)]
    vpcd: String,
    /// What kind of card it is, as TOML; without it an empty contactless file card
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Where its content is kept over a restart (personal data: for its owner only). Keys are not kept
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// In or out, and faults, as a JSON object; read again whenever it changes
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let card = make(args)?;
    let hands = CardState { card: card.clone(), inserted: AtomicBool::new(true) };
    let take = |change: &Value| hands.take(change);
    let mut state_file = args.state.clone().map(StateFile::new);
    if let Some(file) = &mut state_file {
        file.read_if_there(&take)?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(stop.clone())?;
    let kept = std::thread::scope(|scope| {
        if let Some(file) = &mut state_file {
            scope.spawn(|| file.watch(&take, &stop));
        }
        let keeper =
            args.keep.as_ref().map(|keep| scope.spawn(|| keep_content(keep, &card, &stop)));
        go_in_and_out(&args.vpcd, &hands, &stop);
        keeper.map_or(Ok(()), |keeper| keeper.join().map_err(|_| anyhow!("the keeper died"))?)
    });
    kept.map(|()| Exit::Done)
}

/// The kind of card in the file; without one an empty contactless file card.
pub(super) fn settings(file: Option<&Path>) -> anyhow::Result<CardSettings> {
    let Some(file) = file else { return Ok(CardSettings::File(Box::default())) };
    let shown = file.display();
    let text = files::read_text(file)?;
    toml::from_str(&text).with_context(|| shown.to_string())
}

/// The card, with the content of its last emulation.
fn make(args: &Args) -> anyhow::Result<SharedChip> {
    let card =
        settings(args.card.as_deref())?.make().map_err(|why| anyhow!("no such card: {why}"))?;
    let Some(keep) = args.keep.as_ref().filter(|keep| keep.exists()) else {
        return Ok(card);
    };
    let shown = keep.display();
    let text = files::read(keep)?;
    let content = serde_json::from_slice(&text).with_context(|| format!("{shown} is no JSON"))?;
    card.lock().change(&content).map_err(|why| anyhow!("{shown}: {why}"))?;
    Ok(card)
}

/// The state that puts the card in, removes it or sets its faults.
struct CardState {
    card: SharedChip,
    inserted: AtomicBool,
}

impl CardState {
    fn take(&self, change: &Value) -> Result<(), String> {
        let mut of_the_card = change.as_object().ok_or("the state is no object")?.clone();
        let inserted = match of_the_card.remove("inserted") {
            None => None,
            Some(said) => Some(said.as_bool().ok_or("inserted: must be true or false")?),
        };
        if !of_the_card.is_empty() {
            self.card.lock().change(&of_the_card.into())?;
        }
        if let Some(inserted) = inserted {
            self.inserted.store(inserted, Ordering::Relaxed);
        }
        Ok(())
    }

    fn inserted(&self) -> bool {
        self.inserted.load(Ordering::Relaxed)
    }
}

/// Puts the card into the reader whenever it should be in and a reader is there.
fn go_in_and_out(address: &str, hands: &CardState, stop: &AtomicBool) {
    let stopped = || stop.load(Ordering::Relaxed);
    let mut slot = SlotCard::new(hands.card.clone());
    let mut told = String::new();
    // The same trouble is reported once, not ten times a second.
    let mut tell = |what: String| {
        if told != what {
            let _ = say!("{what}");
            told = what;
        }
    };
    while !stopped() {
        if !hands.inserted() {
            tell("the card is out".to_owned());
            std::thread::sleep(POLL_INTERVAL);
            continue;
        }
        let stayed = Plug::put_in(address).and_then(|plug| {
            tell(format!("the card is in the reader at {address}"));
            plug.stay(&mut slot, &|| stopped() || !hands.inserted())
        });
        match stayed {
            Ok(Left::Pulled) => continue,
            Ok(Left::TornOut) => {
                hands.inserted.store(false, Ordering::Relaxed);
                continue;
            }
            Ok(Left::ReaderGone) => {
                tell(format!("the reader at {address} is gone; waiting for it"))
            }
            Err(why) => tell(format!("no reader at {address} yet: {why}")),
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Saves the card's content whenever it has changed, and once more at the end.
fn keep_content(keep: &Path, card: &SharedChip, stop: &AtomicBool) -> anyhow::Result<()> {
    let mut kept = Value::Null;
    loop {
        let last = stop.load(Ordering::Relaxed);
        let content = json!({ "content": card.lock().state()["content"] });
        if content != kept {
            let written =
                drivers::private_file::replace_synced(keep, content.to_string().as_bytes());
            // A card whose content cannot be saved is useless, so the program ends.
            stop.fetch_or(written.is_err(), Ordering::Relaxed);
            written.with_context(|| format!("cannot write {}", keep.display()))?;
            kept = content;
        }
        if last {
            return Ok(());
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use emulators::card::Faults;

    use super::*;

    #[test]
    fn every_state_that_the_help_shows_can_be_set() {
        let content = json!([{"fid": "3F00", "files": [{"fid": "0101", "size_bytes": 4}]}]);
        let settings = json!({"kind": "file", "content": content});
        let card = serde_json::from_value::<CardSettings>(settings).unwrap().make().unwrap();
        let hands = CardState { card, inserted: AtomicBool::new(true) };
        let examples = card_file::objects(AFTER);
        assert_eq!(examples.len(), 9);
        for change in examples {
            hands.take(&change).unwrap_or_else(|why| panic!("{change}: {why}"));
        }
        assert!(!hands.inserted());
        let faults = serde_json::to_value(Faults::default()).unwrap();
        for fault in faults.as_object().unwrap().keys() {
            assert!(AFTER.contains(&format!("{fault}\"")), "{fault}");
        }
    }
}
