//! The outbound heartbeat: a watcher outside of this machine (healthchecks, or whatever speaks like it) hears at regular times
//! that the station lives, and raises the alarm when it hears nothing, since a dark station cannot. `/start` once, then the
//! address itself, or `/fail` while the station cannot work. It has a thread of its own, and nothing waits for it. Knows no
//! station; what is sent has no personal data.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::watch;

use crate::config::Heartbeat;
use crate::outbound;

/// How long a process that ends because of a fault waits for its last heartbeat.
const LAST_LIMIT: Duration = Duration::from_secs(3);

/// How the station is, for the watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// It can work, or waits for something that a person at the printer does.
    pub is_well: bool,
    /// In one line, without personal data.
    pub line: String,
    /// The head of the ledger, as `kartud ledger verify --head` takes it. Whoever has heard it can tell later that the
    /// ledger's end was cut off. `None` before the first one is known.
    pub head: Option<String>,
}

impl Condition {
    /// What the watcher reads.
    fn text(&self) -> String {
        match &self.head {
            Some(head) => format!("{}\nledger {head}", self.line),
            None => self.line.clone(),
        }
    }
}

/// Sends heartbeats until it is dropped. The default one sends none.
#[derive(Default)]
pub struct Ping(Option<Sending>);

struct Sending {
    condition: watch::Sender<Condition>,
    /// The last line; dropped without one, the thread ends silently.
    last: mpsc::Sender<String>,
    /// Closed when the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Ping {
    /// Begins to send, on a thread of its own.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(to: &Heartbeat) -> std::io::Result<Ping> {
        let begins = Condition { is_well: true, line: "started".to_owned(), head: None };
        let (condition, is) = watch::channel(begins);
        let (last, told) = mpsc::channel();
        let (ends, ended) = mpsc::channel();
        let to = to.clone();
        std::thread::Builder::new().name("heartbeat".into()).spawn(move || {
            send(&to, &is, &told);
            drop(ends);
        })?;
        Ok(Ping(Some(Sending { condition, last, ended })))
    }

    /// Does it send at all?
    pub fn is_sent(&self) -> bool {
        self.0.is_some()
    }

    /// What the next heartbeat says.
    pub fn tell(&self, condition: Condition) {
        if let Some(sending) = &self.0 {
            sending.condition.send_replace(condition);
        }
    }

    /// The process ends because of a fault: the watcher is told, if that takes no longer than a moment.
    pub fn fail(self, line: &str) {
        if let Some(Sending { last, ended, .. }) = self.0
            && last.send(line.to_owned()).is_ok()
        {
            // Too slow, or done: the process ends either way.
            let _ = ended.recv_timeout(LAST_LIMIT);
        }
    }
}

/// The thread.
fn send(to: &Heartbeat, is: &watch::Receiver<Condition>, told: &mpsc::Receiver<String>) {
    let mut is_heard = true;
    post(to, "/start", "started", &mut is_heard);
    loop {
        let now = is.borrow().clone();
        post(to, if now.is_well { "" } else { "/fail" }, &now.text(), &mut is_heard);
        match told.recv_timeout(to.interval) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(line) => {
                let last = Condition { line, ..is.borrow().clone() };
                return post(to, "/fail", &last.text(), &mut is_heard);
            }
        }
    }
}

/// Once for a watcher that does not hear, and once when it hears again. The address is a secret, so only the kind of the
/// fault is logged.
fn post(to: &Heartbeat, step: &str, text: &str, is_heard: &mut bool) {
    let was_heard = match outbound::post_text(&to.url.with(step), text) {
        Ok(()) => std::mem::replace(is_heard, true),
        Err(why) => {
            if std::mem::replace(is_heard, false) {
                tracing::warn!(%why, "the heartbeat does not reach its watcher ([heartbeat] url)");
            }
            return;
        }
    };
    if !was_heard {
        tracing::info!("the heartbeat reaches its watcher again");
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::config::SecretUrl;

    /// What the watcher is asked for, in order.
    fn watcher() -> (SecretUrl, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (tell, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.expect("a client"));
                let mut line = String::new();
                stream.read_line(&mut line).expect("a request");
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                stream.get_mut().write_all(answer).expect("it listens");
                tell.send(line.split(' ').nth(1).expect("a path").to_owned()).expect("the test");
            }
        });
        (SecretUrl::read(&format!("http://{address}/u")).expect("an address"), heard)
    }

    #[test]
    fn a_station_that_ends_because_of_a_fault_says_so_before() {
        let (url, heard) = watcher();
        let hour = Duration::from_secs(3600);
        let ping = Ping::start(&Heartbeat { url, interval: hour }).expect("a thread");
        let next = || heard.recv_timeout(Duration::from_secs(30)).expect("a heartbeat");
        assert_eq!((next(), next()), ("/u/start".to_owned(), "/u".to_owned()));
        ping.fail("a part of it has failed");
        assert_eq!(heard.try_recv().as_deref(), Ok("/u/fail"), "it was waited for");
    }

    #[test]
    fn the_head_of_the_ledger_leaves_with_every_heartbeat() {
        let started = Condition { is_well: true, line: "ready".to_owned(), head: None };
        assert_eq!(started.text(), "ready");
        let later = Condition { head: Some("7:00ff".to_owned()), ..started };
        assert_eq!(later.text(), "ready\nledger 7:00ff");
    }
}
