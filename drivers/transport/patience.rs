//! How long somebody still waits. Knows no wire: it is for those whose wire's calls return before what they wait for.

use std::time::{Duration, Instant};

/// A wait that has begun and ends by itself, however often it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    began: Instant,
    whole: Duration,
}

impl Patience {
    /// Begins to wait.
    pub fn begin(whole: Duration) -> Self {
        Self { began: Instant::now(), whole }
    }

    /// What is left; zero when it is over.
    pub fn left(&self) -> Duration {
        self.whole.saturating_sub(self.began.elapsed())
    }

    /// The whole of it.
    pub fn whole(&self) -> Duration {
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_only_shrinks_and_ends_at_nothing() {
        let none = Patience::begin(Duration::ZERO);
        assert_eq!((none.left(), none.whole()), (Duration::ZERO, Duration::ZERO));
        let long = Patience::begin(Duration::MAX);
        let before = long.left();
        assert!(long.left() <= before && before > Duration::from_secs(1));
    }
}
