//! `kartud run --config FILE`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Exit;
use super::client::own;
use crate::clock::Clock;
use crate::config::{Config, Fault};
use crate::daemon::{Daemon, StartError};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = match read_config(&args.config)? {
        Ok(config) => config,
        Err(faults) => return Ok(refuse(&args.config, &faults)),
    };
    start_log(&config.log.level);
    let mut daemon = match Daemon::start(&config, Clock::system()) {
        Err(StartError::Config(faults)) => return Ok(refuse(&args.config, &faults)),
        other => other?,
    };
    let told = daemon.wait_for_signal();
    daemon.stop();
    Ok(if told { Exit::Done } else { Exit::Failed })
}

/// Reads a configuration file; the inner error is what stands wrong in it.
pub(super) fn read_config(path: &Path) -> anyhow::Result<Result<Config, Vec<Fault>>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Config::parse(&text, path.parent().unwrap_or(Path::new("."))))
}

/// Says every fault.
pub(super) fn refuse(path: &Path, faults: &[Fault]) -> Exit {
    for fault in faults {
        eprintln!("{}: {}", path.display(), fault.told(own));
    }
    Exit::Config
}

/// Every fault for a program.
pub(super) fn faults_json(path: &Path, faults: &[Fault]) -> Vec<Value> {
    let one = |fault: &Fault| {
        let file = fault.file.as_deref().map_or(path, Path::new);
        let line = (fault.line > 0).then_some(fault.line);
        json!({ "file": file, "line": line, "message": fault.words })
    };
    faults.iter().map(one).collect()
}

/// Logs go to stderr, which is the journal under systemd. `RUST_LOG` overrides the configured level.
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
