//! The interface to systemd: sockets that it passes on (sd_listen_fds(3)), and what it is told about the service
//! (sd_notify(3)). Without systemd there are no sockets, and nobody is told.

mod status;

use std::io;
use std::time::{Duration, Instant};

use listenfd::ListenFd;
use sd_notify::NotifyState;

pub use status::{Jobs, Status};

use crate::http::Listener;

/// Sockets on which systemd listens for this process, in the order of the socket unit.
///
/// # Errors
/// One of them is neither a TCP nor a Unix stream socket.
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
    /// The watchdog ends the process unless it is told something this often.
    watchdog: Option<Duration>,
    fed_at: Option<Instant>,
    status: String,
}

impl Notifier {
    /// For this process, by its environment. The default one tells nobody.
    pub fn from_env() -> Notifier {
        let watchdog = sd_notify::watchdog_enabled();
        let is_heard = std::env::var_os("NOTIFY_SOCKET").is_some();
        Notifier { is_heard, watchdog, ..Notifier::default() }
    }

    /// Is anybody told?
    pub fn is_heard(&self) -> bool {
        self.is_heard
    }

    /// Jobs are accepted; also after a reload.
    pub fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// The configuration is read again, up to the next [`Notifier::ready`]. systemd from 253 on (`Type=notify-reload`) wants
    /// to know when it began.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(_) => self.tell(&[NotifyState::Reloading]),
        }
    }

    /// The service ends as soon as the card that moves is out.
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
        if self.status != line {
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
