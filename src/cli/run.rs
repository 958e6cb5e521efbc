//! `kartud run --config FILE`

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tokio::sync::watch;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::client::own;
use super::signals::{self, Signal};
use super::{Exit, files};
use crate::clock::Clock;
use crate::config::{Config, Fault};
use crate::daemon::{Daemon, StartError};
use crate::report::Snapshot;
use crate::small_file;

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
    start_log(&config.log.level);
    // Install the handler before the station reports ready, so that no SIGTERM is missed.
    let (stop, stops) = mpsc::channel();
    let is_printing = IsPrinting::default();
    watch_signals(stop.clone(), is_printing.clone())?;
    let daemon = match Daemon::start(&config, Clock::of_this_computer()) {
        Err(StartError::Config(faults)) => return Ok(refuse(&args.config, &faults)),
        other => other?,
    };
    is_printing.ask(&daemon);
    Ok(if daemon.run(stop, &stops) { Exit::Done } else { Exit::Failed })
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
/// ends it in any case; the next start recovers the card. SIGHUP changes nothing: the configuration is read at the
/// start only, and a closed terminal must not stop a card.
fn watch_signals(stop: mpsc::Sender<()>, is_printing: IsPrinting) -> anyhow::Result<()> {
    let mut ends = 0;
    signals::listen(move |told| match told {
        Signal::HangUp => {
            tracing::info!("SIGHUP: the configuration is read at the start only; going on")
        }
        Signal::End => {
            ends += 1;
            match ends {
                1 => {
                    tracing::info!("SIGTERM or SIGINT: told to stop, nothing more is taken in");
                    // The receiver is gone only if the station has already ended.
                    let _ = stop.send(());
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
        eprintln!("{}: {}", path.display(), fault.told(own));
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

/// Logs go to stderr, which systemd sends to the journal. `RUST_LOG` overrides the configured level.
pub(super) fn start_log(level: &str) {
    let wanted = std::env::var("RUST_LOG").ok().and_then(|wanted| wanted.parse().ok());
    let filter: Targets = wanted.unwrap_or_else(|| level.parse().unwrap_or_default());
    let to_a_person = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(to_a_person)
        .with_target(false);
    // A second logger in one process (tests) is not an error.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}
