//! The two clocks, passed in so that tests can turn them: the one on the wall, which people and power cuts set, and a
//! steady one, which only counts on, also while the computer is suspended. Every duration is of the steady one. Knows nobody who asks.

use std::sync::Arc;
use std::time::Duration;

use drivers::transport::clock::since_boot;
use jiff::Timestamp;

/// Both clocks. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    steady: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Clock {
    /// The system's clocks.
    pub fn system() -> Clock {
        Self::with_wall(Timestamp::now)
    }

    /// Another clock on the wall, beside the system's steady one.
    pub fn with_wall(wall: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        let start = since_boot();
        Self::of(wall, move || since_boot().saturating_sub(start))
    }

    /// Any two clocks. The steady one never goes back.
    pub fn of(
        wall: impl Fn() -> Timestamp + Send + Sync + 'static,
        steady: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Clock {
        Clock { wall: Arc::new(wall), steady: Arc::new(steady) }
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        (self.wall)()
    }

    /// Time since some moment that stays the same as long as the program runs.
    pub fn steady(&self) -> Duration {
        (self.steady)()
    }
}
