//! The open connections: how many there may be, and which one is closed when there are too many. Knows no request and
//! no socket.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// No request has arrived, or its headers are incomplete.
    Waiting = 0,
    /// The body of a request is being read.
    Reading = 1,
    /// The request is being handled, or its response is being sent.
    Working = 2,
}

/// All open connections of one listener.
#[derive(Clone)]
pub(super) struct Connections(Arc<Mutex<Open>>);

struct Open {
    limit: usize,
    last_number: u64,
    /// Numbers increase, so the first connection is the oldest.
    by_number: BTreeMap<u64, Arc<Shared>>,
}

struct Shared {
    stage: AtomicU8,
    since: Mutex<Instant>,
    give_up: Notify,
}

/// One connection's place among the open ones; dropping it frees the place.
pub(super) struct Place {
    number: u64,
    connections: Connections,
    shared: Arc<Shared>,
}

/// Reports what this connection is doing.
#[derive(Clone)]
pub(super) struct Progress(Arc<Shared>);

impl Connections {
    /// At most `limit` at once.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Open { limit, last_number: 0, by_number: BTreeMap::new() })))
    }

    /// Takes a place for a new connection. If there is none, the connection that has waited longest for its client is
    /// closed; `None`: all are busy.
    pub fn enter(&self) -> Option<Place> {
        if self.lock().is_full() && !self.give_up_one() {
            return None;
        }
        let shared = Arc::new(Shared {
            stage: AtomicU8::new(Stage::Waiting as u8),
            since: Mutex::new(Instant::now()),
            give_up: Notify::new(),
        });
        let mut open = self.lock();
        open.last_number += 1;
        let number = open.last_number;
        open.by_number.insert(number, shared.clone());
        Some(Place { number, connections: self.clone(), shared })
    }

    /// Closes the connection that has waited longest for its client. `false`: none waits.
    pub fn give_up_one(&self) -> bool {
        let mut open = self.lock();
        let waiting = open.by_number.iter().filter(|(_, it)| it.stage() != Stage::Working as u8);
        // Only age counts: a new client has had no time to send anything, and a slow one has sent something.
        let victim = waiting.min_by_key(|(_, it)| it.since()).map(|(number, _)| *number);
        let victim = victim.and_then(|number| open.by_number.remove(&number));
        if let Some(victim) = &victim {
            victim.give_up.notify_one();
        }
        victim.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A panic cannot leave the data inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn is_full(&self) -> bool {
        self.by_number.len() >= self.limit
    }
}

impl Shared {
    fn stage(&self) -> u8 {
        self.stage.load(Ordering::Relaxed)
    }

    fn since(&self) -> Instant {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Returns when this connection must close to make room for another.
    pub async fn given_up(&self) {
        self.shared.give_up.notified().await;
    }

    pub fn is_working(&self) -> bool {
        self.shared.stage() == Stage::Working as u8
    }

    pub fn progress(&self) -> Progress {
        Progress(self.shared.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().by_number.remove(&self.number);
    }
}

impl Progress {
    /// Sets the stage from now on.
    pub fn enter(&self, stage: Stage) {
        self.0.stage.store(stage as u8, Ordering::Relaxed);
        *self.0.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_given_up(place: &Place) -> bool {
        !place.connections.lock().by_number.contains_key(&place.number)
    }

    #[test]
    fn the_connection_that_waited_longest_makes_room() {
        let connections = Connections::new(3);
        let [first, second, third] = [(); 3].map(|()| connections.enter().unwrap());
        first.progress().enter(Stage::Working);
        second.progress().enter(Stage::Reading);
        let fourth = connections.enter().unwrap();
        assert!(is_given_up(&third), "nothing had come on it");
        fourth.progress().enter(Stage::Working);
        let fifth = connections.enter().unwrap();
        assert!(is_given_up(&second), "its body was still being read");
        fifth.progress().enter(Stage::Working);
        assert!(connections.enter().is_none(), "nobody at work is interrupted");
        drop(first);
        assert!(connections.enter().is_some());
    }

    #[test]
    fn a_client_that_has_just_come_is_not_given_up_for_a_slow_one() {
        let connections = Connections::new(2);
        let slow = connections.enter().unwrap();
        slow.progress().enter(Stage::Reading);
        let just_come = connections.enter().unwrap();
        let _next = connections.enter().unwrap();
        assert!(is_given_up(&slow) && !is_given_up(&just_come));
    }
}
