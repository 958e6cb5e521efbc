//! The clock on the wall, which people, networks and empty batteries set. A jump is written down and told; nothing is
//! ordered by it, and what it makes look too old is held with a warning, not ended.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{LedgerError, Now, Scheduler, Task, Then};
use crate::event::{ClockReference, Event};

/// What a clock that is kept by the network may be put right by.
const DRIFT_MAX: SignedDuration = SignedDuration::from_secs(60);
/// A station that stood still for longer than this is told of, in case only its clock moved on.
const STILL_MAX: SignedDuration = SignedDuration::from_hours(60 * 24);

/// The clock on the wall, held against the steady one and against the ledger.
pub(super) struct ClockMonitor {
    wall_at_start: Timestamp,
    steady_at_start: Duration,
    /// By so much it had jumped when that was last written down.
    written: SignedDuration,
    /// When the ledger's last line was written, until the clock was compared with it.
    last_line: Option<Timestamp>,
    was_told_of_ledger: bool,
    /// What seems old may not be.
    pub is_doubtful: bool,
    /// Nobody knows whether it was right when the station started: nothing is judged by it.
    pub is_in_doubt: bool,
}

/// A jump that is to be written down.
#[derive(Debug, Clone, Copy)]
pub(super) enum Jump {
    /// Against the ledger's last line.
    Ledger(SignedDuration),
    /// Against the steady clock, since the start.
    Steady(SignedDuration),
}

impl ClockMonitor {
    pub fn new(now: Now) -> ClockMonitor {
        ClockMonitor {
            wall_at_start: now.wall,
            steady_at_start: now.steady,
            written: SignedDuration::ZERO,
            last_line: None,
            was_told_of_ledger: false,
            is_doubtful: false,
            is_in_doubt: false,
        }
    }

    /// The clock is still to be compared with a ledger that ended then. Only what the first read tells was written by an
    /// earlier life.
    pub fn compare_with(&mut self, last_line: Option<Timestamp>) {
        if !self.was_told_of_ledger {
            (self.last_line, self.was_told_of_ledger) = (last_line, true);
        }
    }

    /// By how much the wall moved more than the steady clock since the start.
    fn jumped(&self, now: Now) -> SignedDuration {
        let wall = now.wall.duration_since(self.wall_at_start);
        let steady = now.steady.saturating_sub(self.steady_at_start);
        wall.saturating_sub(SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX))
    }

    fn next_jump(&mut self, now: Now) -> Option<Jump> {
        if let Some(last) = self.last_line {
            let ahead = now.wall.duration_since(last);
            if ahead < -DRIFT_MAX || ahead > STILL_MAX {
                return Some(Jump::Ledger(ahead));
            }
            self.last_line = None;
        }
        let jumped = self.jumped(now);
        ((jumped - self.written).abs() > DRIFT_MAX).then_some(Jump::Steady(jumped))
    }

    fn written(&mut self, jump: Jump) {
        self.is_doubtful = true;
        match jump {
            Jump::Ledger(_) => self.last_line = None,
            Jump::Steady(by) => self.written = by,
        }
    }
}

impl Scheduler {
    pub(super) fn watch_clock(&mut self) {
        let Some(jump) = self.clock.next_jump(self.now) else {
            return self.next_task(Task::Observe);
        };
        let (against, by) = match jump {
            Jump::Ledger(by) => (ClockReference::Ledger, by),
            Jump::Steady(by) => (ClockReference::Steady, by),
        };
        let by_s = by.as_secs();
        tracing::warn!(against = against.name(), seconds = by_s, "the clock on the wall jumped");
        self.note_station(Event::ClockJumped { against, by_s }, Then::ClockNoted(jump));
    }

    pub(super) fn on_clock_noted(&mut self, jump: Jump, done: Result<(), LedgerError>) {
        match done {
            Ok(()) => self.clock.written(jump),
            Err(error) => self.fail(error),
        }
    }
}
