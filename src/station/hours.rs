//! What the station makes of the clock on the wall, which people, networks and empty batteries set. A jump is written
//! down and told; nothing is ordered by it, and what it makes look too old is held with a warning, not ended.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Station;
use crate::clock::Clock;
use crate::event::{ClockReference, Event};
use crate::ledger::LedgerError;
use crate::queue::Moment;

/// What a clock that is kept by the network may be put right by.
const DRIFT_MAX: SignedDuration = SignedDuration::from_secs(60);
/// A station that stood still for longer than this is told of, in case only its clock moved on.
const STILL_MAX: SignedDuration = SignedDuration::from_hours(60 * 24);

/// The clock on the wall, held against the steady one and against the ledger.
pub(super) struct Hours {
    wall_at_start: Timestamp,
    steady_at_start: Duration,
    /// By so much it had jumped when that was last written down.
    written: SignedDuration,
    /// Compared with the ledger's last line?
    compared: bool,
    /// What seems old may not be.
    pub doubtful: bool,
}

impl Hours {
    pub fn new(clock: &Clock) -> Hours {
        Hours {
            wall_at_start: clock.now(),
            steady_at_start: clock.steady(),
            written: SignedDuration::ZERO,
            compared: false,
            doubtful: false,
        }
    }

    /// By how much the wall moved more than the steady clock since the start.
    fn jumped(&self, clock: &Clock) -> SignedDuration {
        let wall = clock.now().duration_since(self.wall_at_start);
        let steady = clock.steady().saturating_sub(self.steady_at_start);
        wall.saturating_sub(SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX))
    }
}

impl Station {
    /// When it is, for whatever has a limit in days.
    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), doubtful: self.hours.doubtful }
    }

    pub(super) fn watch_the_clock(&mut self) -> Result<(), LedgerError> {
        if !self.hours.compared {
            if let Some(last) = self.ledger.last_at()? {
                let ahead = self.clock.now().duration_since(last);
                if ahead < -DRIFT_MAX || ahead > STILL_MAX {
                    self.write_jump(ClockReference::Ledger, ahead)?;
                    self.hours.doubtful = true;
                }
            }
            self.hours.compared = true;
        }
        let jumped = self.hours.jumped(&self.clock);
        if (jumped - self.hours.written).abs() > DRIFT_MAX {
            self.write_jump(ClockReference::Steady, jumped)?;
            (self.hours.written, self.hours.doubtful) = (jumped, true);
        }
        Ok(())
    }

    fn write_jump(&self, against: ClockReference, by: SignedDuration) -> Result<(), LedgerError> {
        tracing::warn!(
            against = against.name(),
            seconds = by.as_secs(),
            "the clock on the wall jumped"
        );
        let jumped = Event::ClockJumped { against, by_s: by.as_secs() };
        self.ledger.append_of_station(jumped).wait().map(drop)
    }
}
