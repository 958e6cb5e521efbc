//! The clock that measures gaps between polls. Knows no wire.
//!
//! It is the system's clock since boot, which continues while the computer is suspended. The usual monotonic clock
//! stops then, and a card would seem to have been observed all night. Neither notices that a virtual machine was
//! paused.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since the computer started, including suspension. It never goes back.
pub fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}
