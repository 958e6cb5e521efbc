//! Is the clock on the wall right when the station starts? A computer without a clock battery wakes up in the past; what is
//! judged by such a clock (has this approval expired, how old is this child) is judged wrongly, and nobody notices. While
//! it is in doubt nothing is taken in and no card is begun; the doubt ends when the clock is set, or a person says that it
//! is right. What the clock does later is watched by the scheduler.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use drivers::text::Text;
use drivers::transport::clock::since_boot;
use jiff::{SignedDuration, Timestamp};

use super::{BUILT_AFTER, Clock};

/// What a clock that the network keeps may be behind the ledger's last line.
const DRIFT_MAX: SignedDuration = SignedDuration::from_secs(60);

/// Why the clock cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockDoubt {
    /// It is before the program was made.
    NeverSet,
    /// It is before the ledger's last line.
    BehindLedger,
    /// This computer has no clock with a battery, and the network has not set it yet.
    Unsynchronised,
}

impl ClockDoubt {
    /// Stable name, in the ledger and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::NeverSet => "never_set",
            Self::BehindLedger => "behind_ledger",
            Self::Unsynchronised => "unsynchronised",
        }
    }

    /// What is wrong and what to do.
    pub fn words(self) -> Text {
        let (id, en) = match self {
            Self::NeverSet => {
                ("Jam komputer belum disetel.", "The computer's clock was not set yet.")
            }
            Self::BehindLedger => (
                "Jam komputer lebih awal daripada baris terakhir buku besar.",
                "The computer's clock is before the ledger's last line.",
            ),
            Self::Unsynchronised => (
                "Komputer ini tidak punya jam berbaterai, dan jaringan belum menyetel jamnya.",
                "This computer has no clock with a battery, and the network has not set its clock yet.",
            ),
        };
        Text::fixed(id, en).and(&Text::fixed(
            "Sampai jamnya benar tidak ada yang diterima dan dicetak. Setel jamnya; bila sudah benar, katakan: kartud clock trust.",
            "Until it is right nothing is taken in or printed. Set it; if it is right, say so: kartud clock trust.",
        ))
    }
}

/// What is known of the clock's keepers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keepers {
    /// There is a clock with a battery.
    pub has_battery: bool,
    /// A service that sets the clock by the network runs, and has not done so yet.
    pub waits_for_network: bool,
    /// The network has set it since the computer was started.
    pub is_set_by_network: bool,
}

impl Keepers {
    /// Those of this computer: systemd's timesyncd leaves a file when it has set the clock (systemd-timesyncd.service(8)).
    /// What another service does cannot be seen here, and is not waited for.
    pub fn of_this_computer() -> Keepers {
        let is_there = |path: &str| Path::new(path).exists();
        let is_set_by_network = is_there("/run/systemd/timesync/synchronized");
        Keepers {
            has_battery: is_there("/sys/class/rtc/rtc0"),
            waits_for_network: is_there("/run/systemd/timesync") && !is_set_by_network,
            is_set_by_network,
        }
    }
}

/// Can the time be believed, after a ledger that ended at `last_line`?
pub fn doubt(now: Timestamp, last_line: Option<Timestamp>, keepers: Keepers) -> Option<ClockDoubt> {
    if now < BUILT_AFTER {
        Some(ClockDoubt::NeverSet)
    } else if keepers.is_set_by_network {
        // A line from the future was written by a clock that was wrong.
        None
    } else if last_line.is_some_and(|last| now.duration_since(last) < -DRIFT_MAX) {
        Some(ClockDoubt::BehindLedger)
    } else if !keepers.has_battery && keepers.waits_for_network {
        Some(ClockDoubt::Unsynchronised)
    } else {
        None
    }
}

/// The doubt of one start. Cheap to clone: all clones share it.
#[derive(Clone)]
pub struct ClockTrust(Arc<Start>);

struct Start {
    clock: Clock,
    last_line: Option<Timestamp>,
    is_settled: AtomicBool,
}

impl ClockTrust {
    /// At the start of a station whose ledger ended at `last_line`.
    pub fn at_start(clock: Clock, last_line: Option<Timestamp>) -> ClockTrust {
        ClockTrust(Arc::new(Start { clock, last_line, is_settled: AtomicBool::new(false) }))
    }

    /// Why the clock is not believed; `None`: it is, and from then on for the life of this process.
    pub fn doubt(&self) -> Option<ClockDoubt> {
        let start = &self.0;
        if start.is_settled.load(Ordering::Relaxed) {
            return None;
        }
        let doubt = doubt(start.clock.now(), start.last_line, start.clock.keepers());
        if doubt.is_none() {
            self.trust();
        }
        doubt
    }

    /// When the computer was started, by the clock as it is now.
    pub fn booted_at(&self) -> Timestamp {
        let up = SignedDuration::try_from(since_boot()).unwrap_or(SignedDuration::MAX);
        self.0.clock.now().saturating_sub(up).unwrap_or(Timestamp::MIN)
    }

    /// A person said that the clock is right when the computer had been started at this moment: was that the start from
    /// which it still runs, and has nobody set the clock since?
    pub fn was_said_of_this_boot(&self, booted_at: Timestamp) -> bool {
        self.booted_at().duration_since(booted_at).abs() <= DRIFT_MAX
    }

    /// It is believed from now on: a person says that it is right.
    pub fn trust(&self) {
        self.0.is_settled.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        BUILT_AFTER.saturating_add(SignedDuration::from_secs(second)).unwrap()
    }

    #[test]
    fn a_clock_is_believed_unless_something_speaks_against_it() {
        let kept = Keepers { has_battery: true, waits_for_network: true, ..Keepers::default() };
        let bare = Keepers { waits_for_network: true, ..Keepers::default() };
        let set = Keepers { is_set_by_network: true, ..Keepers::default() };
        let other = Keepers::default();
        for (now, last, keepers, wanted) in [
            (at(100), None, kept, None),
            (at(100), Some(at(90)), kept, None),
            (at(100), Some(at(160)), kept, None),
            (at(100), Some(at(161)), kept, Some(ClockDoubt::BehindLedger)),
            (at(-1), None, kept, Some(ClockDoubt::NeverSet)),
            (at(-1), Some(at(161)), bare, Some(ClockDoubt::NeverSet)),
            (at(100), Some(at(90)), bare, Some(ClockDoubt::Unsynchronised)),
            (at(100), Some(at(90)), other, None),
            (at(100), Some(at(161)), set, None),
            (at(-1), None, set, Some(ClockDoubt::NeverSet)),
        ] {
            assert_eq!(doubt(now, last, keepers), wanted, "{now} {last:?} {keepers:?}");
        }
    }

    #[test]
    fn what_was_believed_once_is_not_doubted_again() {
        use std::sync::atomic::AtomicI64;
        let second = Arc::new(AtomicI64::new(0));
        let wall = second.clone();
        let clock = Clock::with_wall(move || at(wall.load(Ordering::Relaxed)));
        let start = ClockTrust::at_start(clock, Some(at(1000)));
        let shared = start.clone();
        assert_eq!(start.doubt(), Some(ClockDoubt::BehindLedger));
        second.store(1000, Ordering::Relaxed);
        assert_eq!(shared.doubt(), None);
        second.store(0, Ordering::Relaxed);
        assert_eq!(start.doubt(), None, "what it does later is another matter");
    }
}
