//! The two clocks, passed in so that tests can set them: the wall clock, which people and power cuts may change, and a
//! monotonic one, which only advances, even while the computer is suspended. All durations use the monotonic clock.
//! Knows none of its users.

mod trust;

use std::sync::Arc;
use std::time::Duration;

use drivers::transport::clock::since_boot;
use jiff::Timestamp;

pub use trust::{ClockDoubt, ClockTrust, Keepers};

/// 2026-01-01: no program of this kind was built before. An earlier clock on the wall was never set.
pub const BUILT_AFTER: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Both clocks. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    steady: Arc<dyn Fn() -> Duration + Send + Sync>,
    keepers: Arc<dyn Fn() -> Keepers + Send + Sync>,
}

impl Clock {
    /// The system's clocks.
    pub fn system() -> Clock {
        Self::with_wall(Timestamp::now)
    }

    /// The system's clocks, and what keeps them right on this computer.
    pub fn of_this_computer() -> Clock {
        Self::system().kept_by(Keepers::of_this_computer)
    }

    /// With these keepers.
    #[must_use]
    pub fn kept_by(self, keepers: impl Fn() -> Keepers + Send + Sync + 'static) -> Clock {
        Clock { keepers: Arc::new(keepers), ..self }
    }

    /// Another wall clock, with the system's monotonic one.
    pub fn with_wall(wall: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        let start = since_boot();
        Self::of(wall, move || since_boot().saturating_sub(start))
    }

    /// Any two clocks. The monotonic one never goes back.
    pub fn of(
        wall: impl Fn() -> Timestamp + Send + Sync + 'static,
        steady: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Clock {
        let keepers = Arc::new(Keepers::default);
        Clock { wall: Arc::new(wall), steady: Arc::new(steady), keepers }
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        (self.wall)()
    }

    /// What keeps it right.
    pub fn keepers(&self) -> Keepers {
        (self.keepers)()
    }

    /// Time since some moment that is fixed while the program runs.
    pub fn steady(&self) -> Duration {
        (self.steady)()
    }
}
