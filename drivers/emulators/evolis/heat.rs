//! The heat of the print head: each card warms it, time between cards cools it, and a head that is too hot pauses
//! before the next card (`COOLING`). Knows no card and no command.
//!
//! The heat of a real head was not measured; the model has what an office meets: after so many cards in a row the
//! machine pauses for a while and then continues by itself.

use std::time::Duration;

/// Heat in cards: one card adds one.
pub struct Heat {
    cards: f64,
    /// Heat at which it must pause; 0: never.
    limit: u32,
    /// Time in which it loses one card's heat.
    cools_a_card_in: Duration,
    resting: bool,
    seen_at: Duration,
}

impl Heat {
    /// A cold head.
    pub fn new(limit: u32, cools_a_card_in: Duration) -> Self {
        Self { cards: 0.0, limit, cools_a_card_in, resting: false, seen_at: Duration::ZERO }
    }

    /// Does it cool down instantly?
    pub fn cools_at_once(&self) -> bool {
        self.cools_a_card_in.is_zero()
    }

    /// A card was printed.
    pub fn add_card(&mut self) {
        self.cards += 1.0;
    }

    /// Overheats the head at once.
    pub fn overheat(&mut self) {
        self.cards = f64::from(self.limit.max(2));
        self.resting = true;
    }

    /// Lets time pass until `now`; the head either `printed` meanwhile or cooled.
    pub fn settle(&mut self, now: Duration, printed: bool) {
        let passed = now.saturating_sub(self.seen_at);
        self.seen_at = now;
        if printed && !self.resting {
            return;
        }
        if self.cools_a_card_in.is_zero() {
            self.cards = 0.0;
        } else {
            let lost = passed.as_secs_f64() / self.cools_a_card_in.as_secs_f64();
            self.cards = (self.cards - lost).max(0.0);
        }
        // It cools to half of the limit, so that it does not pause again after the next card.
        if self.resting && self.cards <= f64::from(self.limit.max(2)) / 2.0 {
            self.resting = false;
        }
    }

    /// Before a card: how long the head must pause first.
    pub fn rest(&mut self) -> Option<Duration> {
        // Half a card's heat may be lost between two consecutive cards.
        if self.limit > 0 && self.cards + 0.5 >= f64::from(self.limit) {
            self.resting = true;
        }
        let surplus = self.cards - f64::from(self.limit.max(2)) / 2.0;
        self.resting.then(|| self.cools_a_card_in.mul_f64(surplus.max(0.0)))
    }

    /// Is it pausing now?
    pub fn resting(&self) -> bool {
        self.resting
    }

    /// Heat in cards.
    pub fn cards(&self) -> f64 {
        self.cards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_after_enough_cards_in_a_row_and_only_then() {
        let mut heat = Heat::new(4, Duration::from_secs(10));
        for _ in 0..4 {
            assert_eq!(heat.rest(), None);
            heat.add_card();
        }
        assert_eq!(heat.rest(), Some(Duration::from_secs(20)));
        heat.settle(Duration::from_secs(19), true);
        assert!(heat.resting());
        heat.settle(Duration::from_secs(20), true);
        assert!(!heat.resting() && heat.rest().is_none());
    }

    #[test]
    fn cards_with_pauses_between_them_never_make_it_rest() {
        let mut heat = Heat::new(4, Duration::from_secs(10));
        for card in 0..100 {
            heat.settle(Duration::from_secs(10 * card), false);
            assert_eq!(heat.rest(), None, "card {card}");
            heat.add_card();
        }
    }
}
