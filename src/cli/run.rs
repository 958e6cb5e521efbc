//! `kartud run --config FILE`

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::client::own;
use super::signals::{self, Signal};
use super::{Exit, files};
use crate::clock::Clock;
use crate::config::{Config, Fault};
use crate::daemon::{Daemon, StartError, Supervision, Told};
use crate::log::{self, Log};
use crate::report::Snapshot;
use crate::small_file;
use crate::systemd::{self, Notifier};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    config: PathBuf,
    /// The first start of a new station: make an empty ledger where there never was one. Harmless where one is
    #[arg(long)]
    new_ledger: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut config = match read_config(&args.config) {
        Ok(config) => config,
        Err(faults) => return Ok(refuse(&args.config, &faults)),
    };
    config.station.new_ledger = args.new_ledger;
    let log = Log::start(&config.log.level);
    // Install the handler before the station reports ready, so that no SIGTERM is missed.
    let (tell, told) = mpsc::channel();
    let is_printing = IsPrinting::default();
    watch_signals(tell.clone(), is_printing.clone())?;
    let inherited = systemd::sockets().context("the sockets of the supervisor cannot be used")?;
    let daemon = match Daemon::start_listening(&config, Clock::of_this_computer(), inherited) {
        Err(StartError::Config(faults)) => return Ok(refuse(&args.config, &faults)),
        other => other?,
    };
    is_printing.ask(&daemon);
    let path = args.config.clone();
    let reread = Box::new(move || read_config(&path));
    let supervision = Supervision::new(Notifier::from_env(), log, reread);
    let ended = daemon.run(tell, &told, supervision);
    Ok(if ended { Exit::Done } else { Exit::Failed })
}

/// Asks the daemon, once it runs, whether one of its cards may be moving.
#[derive(Clone, Default)]
struct IsPrinting(Arc<OnceLock<watch::Receiver<Snapshot>>>);

impl IsPrinting {
    fn ask(&self, daemon: &Daemon) {
        // It is set only once.
        let _ = self.0.set(daemon.watch());
    }

    fn now(&self) -> bool {
        self.0.get().is_some_and(|snapshot| snapshot.borrow().printing.is_some())
    }
}

/// The first SIGTERM or SIGINT stops the station in order: a card that moves is finished. The second ends it at once
/// unless a card moves, because the sender may only be impatient, and the card would be left to a person. The third
/// ends it in any case; the next start recovers the card. SIGHUP lets the configuration be read again; from a closed
/// terminal that is harmless, and no card stops.
fn watch_signals(tell: mpsc::Sender<Told>, is_printing: IsPrinting) -> anyhow::Result<()> {
    let mut ends = 0;
    signals::listen(move |told| match told {
        Signal::HangUp => {
            tracing::info!("SIGHUP: the configuration is read again");
            // The receiver is gone only if the station has already ended.
            let _ = tell.send(Told::Reload);
        }
        Signal::End => {
            ends += 1;
            match ends {
                1 => {
                    tracing::info!("SIGTERM or SIGINT: told to stop, nothing more is taken in");
                    // The receiver is gone only if the station has already ended.
                    let _ = tell.send(Told::Stop);
                }
                2 if is_printing.now() => tracing::warn!(
                    "a card is moving and is finished first; another signal ends the station at once and leaves the card to a person"
                ),
                _ => {
                    tracing::warn!("told to stop again: ended at once");
                    signals::end_at_once();
                }
            }
        }
    })
}

/// Largest configuration, bytes; a real one is some pages of text.
const CONFIG_LIMIT: u64 = 1024 * 1024;

/// Reads a configuration file; the errors include that it cannot be read.
pub(super) fn read_config(path: &Path) -> Result<Config, Vec<Fault>> {
    let text = small_file::read_text(path, CONFIG_LIMIT)
        .map_err(|error| vec![Fault::at(0, files::unreadable(&error))])?;
    Config::parse(&text, path.parent().unwrap_or(Path::new(".")))
}

/// Reports every fault.
pub(super) fn refuse(path: &Path, faults: &[Fault]) -> Exit {
    for fault in faults {
        eprintln!("{}{}: {}", log::error_mark(), path.display(), fault.told(own));
    }
    Exit::Config
}

/// Every fault as JSON.
pub(super) fn faults_json(path: &Path, faults: &[Fault]) -> Vec<Value> {
    let one = |fault: &Fault| {
        let file = fault.file.as_deref().map_or(path, Path::new);
        let line = (fault.line > 0).then_some(fault.line);
        json!({ "file": file, "line": line, "message": fault.words })
    };
    faults.iter().map(one).collect()
}
