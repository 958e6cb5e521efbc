//! The other side of systemd: sockets that it hands over (sd_listen_fds(3)), and what it is told of the service
//! (sd_notify(3)). Without systemd there are no sockets, and nobody is told.

use std::io;
use std::time::{Duration, Instant};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::sync::watch;

use crate::http::Listener;
use crate::ledger::Ledger;
use crate::lifecycle::State;
use crate::report::{PrinterState, Snapshot};

/// Sockets that systemd listens on for this process, and hands over. Their order is that of the socket unit.
///
/// # Errors
/// One of them is neither a TCP nor a Unix stream socket, or listens beyond this computer.
pub fn sockets() -> io::Result<Vec<Listener>> {
    let mut inherited = ListenFd::from_env();
    let mut sockets = Vec::new();
    for number in 0..inherited.len() {
        // A descriptor of another kind is refused by the first, and may be the second.
        let socket = match inherited.take_tcp_listener(number) {
            Ok(tcp) => tcp.map(Listener::Tcp),
            Err(_) => inherited.take_unix_listener(number)?.map(Listener::Unix),
        };
        sockets.extend(socket);
    }
    Ok(sockets)
}

/// Tells systemd how the service is.
#[derive(Debug, Default)]
pub struct Notifier {
    is_heard: bool,
    /// The watchdog ends the process unless it hears something this often.
    watchdog: Option<Duration>,
    fed_at: Option<Instant>,
    status: String,
}

impl Notifier {
    /// Of this process, by its environment. The default one tells nobody.
    pub fn from_env() -> Notifier {
        let watchdog = sd_notify::watchdog_enabled();
        Notifier { is_heard: true, watchdog, ..Notifier::default() }
    }

    /// Jobs are taken in.
    pub fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// The service ends, once the card that moves is out.
    pub fn stopping(&self, is_card_moving: bool) {
        let status = if is_card_moving {
            "stopping; the card that moves is finished first"
        } else {
            "stopping"
        };
        self.tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    /// Every thread makes progress. Called about every second; the watchdog is told four times in its limit.
    pub fn alive(&mut self) {
        let Some(limit) = self.watchdog else { return };
        if self.fed_at.is_none_or(|at| at.elapsed() >= limit / 4) {
            self.fed_at = Some(Instant::now());
            self.tell(&[NotifyState::Watchdog]);
        }
    }

    /// What `systemctl status` shows; told when it changes.
    pub fn status(&mut self, line: String) {
        if self.is_heard && self.status != line {
            self.tell(&[NotifyState::Status(&line)]);
            self.status = line;
        }
    }

    /// A supervisor that does not listen changes nothing about cards.
    fn tell(&self, states: &[NotifyState<'_>]) {
        let told = if self.is_heard { sd_notify::notify(states) } else { Ok(()) };
        if let Err(error) = told {
            tracing::debug!(%error, "systemd cannot be told");
        }
    }
}

/// How the station is, in one line and without a person's data.
pub fn status_line(station: &watch::Receiver<Snapshot>, ledger: &Ledger) -> String {
    let snapshot = station.borrow().clone();
    let count = |states: &[State]| {
        let counts = ledger.counts().unwrap_or_default();
        states.iter().filter_map(|state| counts.get(state)).sum()
    };
    let jobs = Jobs {
        waiting: count(&[State::Received, State::Queued, State::Claimed, State::Composed]),
        held: count(&[State::Held]),
        unsure: count(&[State::Unsure]),
    };
    line_of(&snapshot, &jobs)
}

/// Jobs that are not done.
struct Jobs {
    waiting: u64,
    held: u64,
    unsure: u64,
}

fn line_of(station: &Snapshot, jobs: &Jobs) -> String {
    let doing = match (&station.state, station.state_reasons.first()) {
        (PrinterState::Processing, _) => "printing".to_owned(),
        (PrinterState::Stopped, Some(reason)) => format!("waits: {}", reason.keyword),
        (PrinterState::Stopped, None) => "waits: the printer has not answered yet".to_owned(),
        (PrinterState::Idle, _) => "idle".to_owned(),
    };
    let told = [(jobs.waiting, "waiting"), (jobs.held, "held"), (jobs.unsure, "unsure")];
    let told = told.iter().filter(|(jobs, _)| *jobs > 0);
    let jobs: Vec<String> = told.map(|(jobs, how)| format!("{jobs} {how}")).collect();
    match jobs.is_empty() {
        true => format!("{doing}; {} cards printed since the start", station.cards_out),
        false => format!(
            "{doing}; jobs: {}; {} cards printed since the start",
            jobs.join(", "),
            station.cards_out
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::StateReason;

    fn station(state: PrinterState, reason: Option<&str>) -> Snapshot {
        let words = drivers::text::Text::fixed("", "");
        Snapshot {
            station: "loket-1".into(),
            version: "0",
            state,
            state_reasons: reason
                .map(|keyword| StateReason::new(keyword, &words))
                .into_iter()
                .collect(),
            printer: None,
            encoder: None,
            printing: None,
            specimen: false,
            cards_out: 3,
        }
    }

    #[test]
    fn the_status_says_what_the_station_does_and_what_waits() {
        let none = Jobs { waiting: 0, held: 0, unsure: 0 };
        let some = Jobs { waiting: 9, held: 0, unsure: 1 };
        let line = |state, reason, jobs: &Jobs| line_of(&station(state, reason), jobs);
        assert_eq!(line(PrinterState::Idle, None, &none), "idle; 3 cards printed since the start");
        assert_eq!(
            line(PrinterState::Processing, None, &some),
            "printing; jobs: 9 waiting, 1 unsure; 3 cards printed since the start"
        );
        let empty = line(PrinterState::Stopped, Some("media-empty-error"), &none);
        assert!(empty.starts_with("waits: media-empty-error; "), "{empty}");
        let unheard = line(PrinterState::Stopped, None, &none);
        assert!(unheard.starts_with("waits: the printer has not answered"), "{unheard}");
    }
}
