//! The log of a running station. Where stderr is the systemd journal, every event becomes a record with fields of its own
//! (`journal`); elsewhere it is a line on stderr for a person. The level can change while the program runs. Knows nothing of
//! what is logged.
//!
//! Levels, and the journal's priorities: `error` (3), the station cannot work and a technician is needed; `warn` (4), a
//! person should look, for a card, a job or the printer; `info` (6), what a technician wants to find later; `debug` (7) and
//! `trace` (7), for developers. No level shows personal data.

mod journal;

use std::os::fd::AsFd;
use std::path::Path;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, reload};

use journal::Journal;

/// Where systemd-journald takes records (systemd.io/JOURNAL_NATIVE_PROTOCOL). systemd itself holds this socket, so records
/// wait in it while the journal restarts.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// The running log. The default one is nobody's, and its level cannot change.
#[derive(Default)]
pub struct Log {
    filter: Option<reload::Handle<Targets, Registry>>,
}

impl Log {
    /// Starts the log of this process. `RUST_LOG` overrides the level, now and later.
    pub fn start(level: &str) -> Log {
        let journal = is_the_journal(std::io::stderr()).then_some(Path::new(JOURNAL));
        Self::start_to(level, journal)
    }

    /// Starts it with a journal that takes records at this socket; `None`, or a socket that is not there: lines on stderr.
    pub fn start_to(level: &str, journal: Option<&Path>) -> Log {
        let wanted = std::env::var("RUST_LOG").ok().and_then(|wanted| wanted.parse().ok());
        let is_fixed = wanted.is_some();
        let (filter, handle) = reload::Layer::new(wanted.unwrap_or_else(|| filter_of(level)));
        let journal = journal.and_then(|path| Journal::open(path).ok());
        let layer: Box<dyn Layer<Registry> + Send + Sync> = match journal {
            Some(journal) => journal.with_filter(filter).boxed(),
            None => lines().with_filter(filter).boxed(),
        };
        // A second log in one process (tests) is not an error.
        let started = tracing_subscriber::registry().with(layer).try_init();
        Log { filter: (started.is_ok() && !is_fixed).then_some(handle) }
    }

    /// From now on this level is logged, unless `RUST_LOG` says otherwise.
    pub fn set_level(&self, level: &str) {
        if let Some(filter) = &self.filter
            && let Err(error) = filter.reload(filter_of(level))
        {
            tracing::warn!(%error, "the log's level cannot change");
        }
    }
}

fn filter_of(level: &str) -> Targets {
    level.parse().unwrap_or_default()
}

fn lines() -> impl Layer<Registry> + Send + Sync {
    let to_a_person = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(to_a_person)
        .with_target(false)
}

/// What is printed on stderr before or beside the log, at the priority of an error where the journal reads it
/// (sd-daemon(3)).
pub fn error_mark() -> &'static str {
    if is_the_journal(std::io::stderr()) { "<3>" } else { "" }
}

/// Is this stream connected to the journal (`$JOURNAL_STREAM`, systemd.exec(5))? The variable alone does not tell: a shell
/// that the station was started from may have inherited it.
fn is_the_journal(stream: impl AsFd) -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(found) = rustix::fs::fstat(stream) else { return false };
    named == format!("{}:{}", found.st_dev, found.st_ino)
}
