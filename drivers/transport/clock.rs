//! The clock by which a wire measures how long nobody listened. Knows no wire.
//!
//! It is the system's clock since boot, which goes on while the computer is suspended; the usual steady clock stands still
//! then, and a card would seem to have been watched all night. Neither sees that a virtual machine was paused.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since the computer was started, its sleep included. It never goes back.
pub fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}
