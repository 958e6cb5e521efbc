//! The configuration is read again while the station runs (SIGHUP, `systemctl reload`): it is taken over as a whole, as far
//! as keys may change, or refused as a whole, and then the old one holds. Moves no card.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use drivers::text::Text;

use super::{Daemon, StartError, recognise_holders};
use crate::config::{Config, Fault};
use crate::intake::Examiner;
use crate::log::Log;
use crate::systemd::Notifier;

/// Keys that take effect at a reload, or the tables that they stand in. What their files hold (products, faces, office,
/// keys) is read again, too.
pub const LIVE: [&str; 6] = ["heartbeat", "log", "office", "product", "products", "vault"];
/// Keys that take effect at the next start: the ledger, the machines and the port are opened once, and the office's day must
/// not change in the middle of one.
pub const RESTART: [&str; 5] = ["backup", "encoder", "http", "printer", "station"];

/// How long the station may take to hear of new definitions: one card is composed meanwhile at most.
const STATION_LIMIT: Duration = Duration::from_secs(30);

/// An editor that is writing, or a full disk, leaves a file that ends early and is a configuration all the same.
const NO_OFFICE: Text = Text::fixed(
    "office.profile tidak ada lagi, jadi setiap kartu akan bertanda CONTOH. Apakah berkasnya terpotong? Bila memang dimaksud, jalankan ulang stasiun.",
    "office.profile is gone, so every card would say CONTOH. Was the file cut off? If it is meant, start the station anew.",
);

/// What the thread that supervises a daemon is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Finish the card that moves, and end.
    Stop,
    /// Read the configuration again.
    Reload,
}

/// Reads the configuration's file again.
pub type Reread = Box<dyn Fn() -> Result<Config, Vec<Fault>>>;

/// What surrounds a running daemon. The default: nobody is told anything, and nothing can be read again.
#[derive(Default)]
pub struct Supervision {
    /// Hears of readiness, progress and the end.
    pub(super) notifier: Notifier,
    /// Its level may change.
    log: Log,
    reread: Option<Reread>,
    /// What came of the last reload, if that is worth being told.
    note: Option<Note>,
}

/// What a person should know of the last reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Refused,
    RestartNeeded,
}

/// What changed in keys that take effect at the next start only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Later(Vec<&'static str>);

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl Supervision {
    /// `notifier` hears of readiness, progress and the end; the level of `log` may change.
    pub fn new(notifier: Notifier, log: Log, reread: Reread) -> Supervision {
        Supervision { notifier, log, reread: Some(reread), note: None }
    }

    /// What is added to the status.
    pub(super) fn reload_note(&self) -> &'static str {
        match self.note {
            None => "",
            Some(Note::Refused) => {
                "; the new configuration is refused, the old one holds (see the log)"
            }
            Some(Note::RestartNeeded) => {
                "; a part of the new configuration needs a restart (see the log)"
            }
        }
    }

    /// Reads the configuration again, and says what came of it.
    pub(super) fn reload(&mut self, daemon: &mut Daemon) {
        self.notifier.reloading();
        let read = self.reread.as_ref().map(|reread| reread());
        self.note = match read.map(|read| read.and_then(|config| daemon.reload(config))) {
            None => None,
            Some(Ok(later)) => {
                self.log.set_level(&daemon.config.log.level);
                tracing::info!("the configuration was read again and holds from now on");
                if later.0.is_empty() {
                    None
                } else {
                    tracing::warn!(sections = %later, "these sections changed and need a restart");
                    Some(Note::RestartNeeded)
                }
            }
            Some(Err(faults)) => {
                for fault in &faults {
                    tracing::error!("the new configuration is refused: {fault}");
                }
                tracing::error!(faults = faults.len(), "the old configuration still holds");
                Some(Note::Refused)
            }
        };
        self.notifier.ready();
    }
}

impl Daemon {
    /// Takes over a configuration as far as keys may change while the station runs; returns what must wait for a restart.
    /// A card that moves is finished as it was made. One that is only prepared is made again, with every check.
    ///
    /// # Errors
    /// Every fault; then the old configuration still holds, whole.
    pub fn reload(&mut self, new: Config) -> Result<Later, Vec<Fault>> {
        if new.specimen() && !self.config.specimen() {
            return Err(vec![Fault::at(0, NO_OFFICE)]);
        }
        let later = later(&self.config, &new);
        let config = taken_over(&self.config, new);
        let examiner = Examiner::open(&config)?;
        let notices: Vec<String> =
            examiner.notices().iter().map(|notice| notice.en.to_string()).collect();
        let examiner = recognise_holders(&self.ledger, examiner).map_err(|error| match error {
            StartError::Config(faults) => faults,
            other => vec![Fault::english(0, with_causes(&other))],
        })?;
        for notice in notices {
            tracing::info!("{notice}");
        }
        // The station first: a job that comes in by the new rules is never made by the old ones. One that came in by the old
        // ones is rechecked. A station that does not listen is found by its heartbeat.
        let _ = self.station.redefine(examiner.clone() as Arc<_>).recv_timeout(STATION_LIMIT);
        self.intake.redefine(examiner);
        self.config = config;
        Ok(later)
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The new configuration, without what needs a restart.
fn taken_over(old: &Config, new: Config) -> Config {
    let Config { station, http, printer, encoder, backup, .. } = old.clone();
    Config { station, http, printer, encoder, backup, ..new }
}

/// The sections in which something changed that needs a restart.
fn later(old: &Config, new: &Config) -> Later {
    let new_ledger = old.station.new_ledger;
    let station = crate::config::Station { new_ledger, ..new.station.clone() };
    let changed = [
        ("backup", old.backup != new.backup),
        ("encoder", old.encoder != new.encoder),
        ("http", old.http != new.http),
        ("printer", old.printer != new.printer),
        ("station", old.station != station),
    ];
    Later(changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("")).expect("a configuration")
    }

    #[test]
    fn every_section_takes_effect_at_a_reload_or_at_a_restart() {
        for key in crate::config::known_keys() {
            let section = key.split('.').next().expect("a section");
            let places = [LIVE.contains(&section), RESTART.contains(&section)];
            assert_eq!(places.iter().filter(|is| **is).count(), 1, "{key}");
        }
    }

    #[test]
    fn what_needs_a_restart_stays_and_is_named() {
        let old = config("[log]\nlevel = \"warn\"\n");
        let new = config(
            "[station]\nname = \"other\"\n[http]\nmax_requests = 1\n[printer]\naddress = \"tcp://x:1\"\n[log]\nlevel = \"info\"\n[product.kia]\nbackground = false\n",
        );
        assert_eq!(later(&old, &new).to_string(), "http, printer, station");
        let holds = taken_over(&old, new.clone());
        assert_eq!((&holds.station, &holds.http), (&old.station, &old.http));
        assert_eq!((&holds.log, &holds.product), (&new.log, &new.product));
        assert_eq!(later(&old, &old), Later::default());
    }
}
