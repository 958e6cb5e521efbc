//! The rest of a time limit. Knows no wire: it is for wires whose calls return before the awaited event.

use std::time::{Duration, Instant};

/// A time limit that has started running.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    began: Instant,
    whole: Duration,
}

impl Deadline {
    /// Starts the time limit.
    pub fn begin(whole: Duration) -> Self {
        Self { began: Instant::now(), whole }
    }

    /// The time left; zero when it is over.
    pub fn left(&self) -> Duration {
        self.whole.saturating_sub(self.began.elapsed())
    }

    /// The whole time limit.
    pub fn whole(&self) -> Duration {
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_only_shrinks_and_ends_at_nothing() {
        let none = Deadline::begin(Duration::ZERO);
        assert_eq!((none.left(), none.whole()), (Duration::ZERO, Duration::ZERO));
        let long = Deadline::begin(Duration::MAX);
        let before = long.left();
        assert!(long.left() <= before && before > Duration::from_secs(1));
    }
}
