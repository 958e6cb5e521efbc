//! `kartud demo`: the same daemon as `kartud run`, on an emulated printer, with the sample children as its clients. Its
//! output comes from the station's API, as any client's would.

mod samples;
mod tray;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::Context as _;
use drivers::private_file;
use emulators::machine::SharedMachine;

use super::client::{Client, Listening, Where};
use super::state_file::StateFile;
use super::{Exit, keys, run, signals, verify};
use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::Daemon;
use crate::log::Log;
use crate::record::KeyList;
use crate::station::Connection;
use crate::vault::Vault;
use tray::Tray;

const CONFIG: &str = include_str!("../../config/demo.toml");
/// How often the daemon's threads are checked.
const HEALTH_CHECK: Duration = Duration::from_secs(1);
/// The folder of the demo's keys.
const KEYS: &str = "keys";

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the demo keeps its ledger and its cards
    #[arg(long, value_name = "DIR", default_value = "kartu-demo")]
    dir: PathBuf,
    /// Where API and page are; loopback only, port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8631")]
    listen: SocketAddr,
    /// End when all cards are printed: 0 only if every one came out right
    #[arg(long)]
    once: bool,
    /// Cards of sample children to post; more than there are children go round again. The staff card comes besides
    #[arg(long, value_name = "N", default_value_t = 7)]
    cards: usize,
    /// The printer takes as long as a real one
    #[arg(long)]
    realtime: bool,
    /// Supplies and faults of the printer and of its next chip, as a JSON object; read again whenever it changes. Its
    /// keys are those of `kartud emulate evolis` (see its --help)
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut config = match Config::parse(CONFIG, &args.dir) {
        Ok(config) => config,
        Err(faults) => return Ok(run::refuse(Path::new("demo.toml"), &faults)),
    };
    if !args.listen.ip().is_loopback() {
        anyhow::bail!("--listen must be a loopback address: approvals are not checked yet");
    }
    config.http.listen = args.listen;
    config.station.new_ledger = true;
    if args.realtime {
        config.printer.emulator.slowness = 1.0;
    }
    let list = own_key(&args.dir)?;
    config.vault.folder = Some(args.dir.join(KEYS));
    // RUST_LOG overrides this.
    Log::start("warn");
    let connection = Connection::of(&config.printer, config.encoder.as_ref())?;
    if let Some((file, machine)) = args.state.clone().zip(connection.machine()) {
        obey_the_state_file(file, machine)?;
    }
    let (tell, events) = mpsc::channel();
    let told = tell.clone();
    let mut ends = 0;
    signals::listen(move |_| {
        ends += 1;
        if ends > 1 {
            signals::end_at_once();
        }
        // At the end nobody receives it any more.
        let _ = told.send(Event::Told);
    })?;
    let daemon = Daemon::start_at(&config, Clock::system(), connection)?;
    let url = format!("http://{}", daemon.address());
    say!("page   {url}/")?;
    say!("cards  {}", config.printer.emulator.folder.display())?;
    say!("keys   {}", list.display())?;
    let samples = Samples { cards: args.cards, url, folder: config.printer.emulator.folder, list };
    std::thread::Builder::new().name("samples".into()).spawn(move || {
        let _ = tell.send(Event::Printed(samples.print()));
    })?;
    let exit = wait(args.once, &daemon, &events);
    daemon.stop();
    exit
}

/// Events that end a demo, or only its samples.
enum Event {
    Told,
    Printed(anyhow::Result<Exit>),
}

/// Waits until all samples are printed, if `once`, else until a signal ends the demo. A signal is handled at once, even
/// while a printer is busy.
fn wait(once: bool, daemon: &Daemon, events: &Receiver<Event>) -> anyhow::Result<Exit> {
    let mut printed = false;
    loop {
        match events.recv_timeout(HEALTH_CHECK) {
            Ok(Event::Told) if once && !printed => return Ok(Exit::Failed),
            Ok(Event::Told) => return Ok(Exit::Done),
            Ok(Event::Printed(exit)) if once || exit.is_err() => return exit,
            Ok(Event::Printed(_)) => {
                printed = true;
                say!(
                    "The station goes on; Ctrl-C ends it. / Stasiun tetap jalan; Ctrl-C untuk berhenti."
                )?;
            }
            Err(_) if daemon.is_alive() => {}
            Err(_) => anyhow::bail!("a part of the station has died"),
        }
    }
}

/// Applies the state file now, and whenever it changes.
fn obey_the_state_file(file: PathBuf, machine: SharedMachine) -> anyhow::Result<()> {
    let mut file = StateFile::new(file);
    let take = move |change: &serde_json::Value| machine.lock().change(change);
    file.read_if_there(&take)?;
    let watch = move || file.watch(&take, &AtomicBool::new(false));
    std::thread::Builder::new().name("state file".into()).spawn(watch)?;
    Ok(())
}

/// The demo signs records with its own document key, which is made at the first start; the list for `kartud verify
/// --keys` is beside it.
fn own_key(dir: &Path) -> anyhow::Result<PathBuf> {
    let (folder, name) = (dir.join(KEYS), "document");
    private_file::make_folder(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let key = match Vault::of(None, Some(folder.clone())).signing_key(name) {
        Ok(key) => key,
        Err(_) if !folder.join(name).exists() => Vault::make_signing_key(&folder, name)?,
        Err(wrong) => return Err(wrong.into()),
    };
    let (list, path) =
        (KeyList::from_iter([keys::entry(&key, "kartud demo")]), dir.join("keys.toml"));
    private_file::replace_synced(&path, list.to_toml().as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The clients of the demo's station.
struct Samples {
    cards: usize,
    url: String,
    /// The folder with the machine's cards.
    folder: PathBuf,
    /// The list of trusted keys.
    list: PathBuf,
}

impl Samples {
    fn print(&self) -> anyhow::Result<Exit> {
        let keys = match verify::read_list(&self.list)? {
            Ok(keys) => keys,
            Err(faults) => return Ok(run::refuse(&self.list, &faults)),
        };
        let client = Client::new(&Where { url: self.url.clone() });
        let now = client.station()?;
        let last_event = now["last_event"].as_str().unwrap_or("0");
        let mut tray = Tray::new(&client, &self.folder, &keys);
        for number in 0..self.cards {
            tray.post(&samples::child(number)?)?;
        }
        tray.post(&samples::staff())?;
        if !tray.is_done() {
            client.listen(last_event, |name, data| {
                if name == "job" {
                    tray.on_event(data)?;
                }
                Ok(if tray.is_done() { Listening::Enough } else { Listening::More })
            })?;
        }
        say!("{} good, {} not", tray.good, tray.bad)?;
        Ok(if tray.bad == 0 { Exit::Done } else { Exit::Failed })
    }
}
