//! Where the card is after a call that failed: compares the machine's state afterwards with its state before. Pure;
//! does no I/O and knows no wire.
//!
//! **When in doubt: unknown.** A wrong "untouched" prints a second card. It is returned only if the machine received
//! nothing of the command that moves the card, or if the machine reports after receiving it that no blank came from the
//! feeder, and nothing contradicts that.

use super::status::{StatusWords, error, information, warning};
use crate::contract::{Evidence, Watch, Whereabouts};

/// How much of the command that moves the card the machine has received. The point of no return lies between the first
/// two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Not one byte.
    Nothing,
    /// Bytes of it were sent; the rest, or the answer, was lost.
    Perhaps,
    /// It answered that its feeder gave no card (`ERROR FEEDER`).
    FeederRefused,
    /// It gave any other answer.
    Answered,
}

/// The machine's state just before the command.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before {
    /// Cards that ever entered its head.
    pub counter: Option<u64>,
    /// Its status words.
    pub words: StatusWords,
}

/// The machine's state after the call failed.
#[derive(Debug, Clone, Copy, Default)]
pub struct After {
    /// Does it report the serial number of the machine before the call?
    pub same_machine: bool,
    /// Cards that ever entered its head.
    pub counter: Option<u64>,
    /// Prints left on its ribbon.
    pub ribbon_left: Option<u32>,
    /// Its status words.
    pub words: StatusWords,
}

/// Where the card is. `after`: `None` when the machine does not answer.
///
/// The counter rises when a card enters the head, not when it comes out good: it can show that a card may exist, never
/// that one is good. Between feeder and head no counter and no sensor notices a card.
pub fn whereabouts(heard: Received, before: &Before, after: Option<&After>) -> Whereabouts {
    if heard == Received::Nothing {
        return Whereabouts::Untouched;
    }
    let Some(after) = after else { return Whereabouts::Unknown };
    // Another machine's state proves nothing, and an unfinished job may still end in any way.
    if !after.same_machine || after.words.claimed() || after.words.at_work() {
        return Whereabouts::Unknown;
    }
    let entered = match (before.counter, after.counter) {
        (Some(before), Some(after)) => after.checked_sub(before),
        _ => None,
    };
    match (entered, after.words.card_inside()) {
        (Some(0 | 1), true) => Whereabouts::InMachine,
        (Some(0), false) if no_blank_came(heard, &before.words, &after.words) => {
            Whereabouts::Untouched
        }
        _ => Whereabouts::Unknown,
    }
}

/// Did the machine receive the command and find no blank, and will it not retry by itself?
fn no_blank_came(heard: Received, before: &StatusWords, after: &StatusWords) -> bool {
    let new_errors = after.error & !before.error;
    let new_warnings = after.warning & !before.warning;
    // A bit that was set before may concern an earlier card.
    let refused = heard == Received::FeederRefused || new_errors & error::FEEDER_ERROR != 0;
    // If the printer handles errors (`Pem;0`), it feeds again once the feeder is filled.
    let will_not_retry = after.information & information::PRINTER_MASTER == 0;
    // After a restart the counter may be out of date, and a card that waited inside may have been taken.
    let undisturbed = !before.card_inside() && !after.restarted_since(before);
    refused
        && will_not_retry
        && undisturbed
        && new_errors & !error::FEEDER_ERROR == 0
        && new_warnings & !warning::FEEDER_EMPTY == 0
}

/// The evidence that is stored with the job, including what was observed of the card.
pub fn kept(before: &Before, after: Option<&After>, watch: Watch) -> Evidence {
    // Another machine's counters must not be taken for this one's.
    let after = after.filter(|after| after.same_machine);
    Evidence {
        cards_entered_before: before.counter,
        cards_entered_after: after.and_then(|after| after.counter),
        owned: after.map(|after| after.words.claimed()),
        card_inside: after.map(|after| after.words.card_inside()),
        ribbon_left: after.and_then(|after| after.ribbon_left),
        watch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Received::{Answered, FeederRefused, Nothing, Perhaps};
    use Whereabouts::{InMachine, Unknown, Untouched};
    use information::{BUSY, CARD_PRINT, CLAIM, PRINTER_MASTER, PRINTING_RUNNING, RESET};

    const FEEDER: u32 = error::FEEDER_ERROR;

    /// A machine whose counter was 7 and has risen by `more`, with these status words.
    fn after(more: u64, information: u32, warning: u32, error: u32) -> After {
        let words = StatusWords { config: 0, information, warning, error };
        After { same_machine: true, counter: Some(7 + more), ribbon_left: Some(50), words }
    }

    fn before(information: u32, warning: u32, error: u32) -> Before {
        let words = StatusWords { config: 0, information, warning, error };
        Before { counter: Some(7), words }
    }

    #[test]
    fn before_the_point_of_no_return_the_card_is_untouched_whatever_the_machine_says() {
        for after in [None, Some(after(0, 0, 0, 0)), Some(after(1, CARD_PRINT | CLAIM, 0, 0))] {
            assert_eq!(whereabouts(Nothing, &before(0, 0, 0), after.as_ref()), Untouched);
        }
    }

    #[test]
    fn behind_it_a_silent_machine_or_another_one_leaves_the_card_unknown() {
        let other = After { same_machine: false, ..after(0, 0, 0, FEEDER) };
        for heard in [Perhaps, FeederRefused, Answered] {
            assert_eq!(whereabouts(heard, &before(0, 0, 0), None), Unknown);
            assert_eq!(whereabouts(heard, &before(0, 0, 0), Some(&other)), Unknown);
        }
    }

    #[test]
    fn every_row_of_the_table() {
        let calm = before(0, 0, 0);
        #[rustfmt::skip]
        let rows: &[(&str, Received, Before, After, Whereabouts)] = &[
            ("the feeder refused, by its bit",       Perhaps,       calm, after(0, 0, 0, FEEDER), Untouched),
            ("and it is empty now",                  Answered,      calm, after(0, 0, warning::FEEDER_EMPTY, FEEDER), Untouched),
            ("the feeder refused, by its answer",    FeederRefused, calm, after(0, 0, 0, 0), Untouched),
            ("a warning stood before already",       FeederRefused, before(0, warning::POWER_SUPPLY, 0), after(0, 0, warning::POWER_SUPPLY, FEEDER), Untouched),
            ("the bit is older than the call",       Perhaps,       before(0, 0, FEEDER), after(0, 0, 0, FEEDER), Unknown),
            ("but the answer is new",                FeederRefused, before(0, 0, FEEDER), after(0, 0, 0, FEEDER), Untouched),
            ("nothing happened yet, it seems",       Perhaps,       calm, after(0, 0, 0, 0), Unknown),
            ("done, it says, but nothing happened",  Answered,      calm, after(0, 0, 0, 0), Unknown),
            ("the feeder is empty: the last blank?", Perhaps,       calm, after(0, 0, warning::FEEDER_EMPTY, 0), Unknown),
            ("the job still owns the machine",       Perhaps,       calm, after(0, CLAIM, 0, FEEDER), Unknown),
            ("it owns it with a card inside",        Answered,      calm, after(1, CLAIM | CARD_PRINT, 0, error::MECHANICAL), Unknown),
            ("it prints",                            Perhaps,       calm, after(1, PRINTING_RUNNING | CARD_PRINT, 0, 0), Unknown),
            ("it is busy",                           FeederRefused, calm, after(0, BUSY, 0, FEEDER), Unknown),
            ("it will try again by itself",          FeederRefused, calm, after(0, PRINTER_MASTER, 0, FEEDER), Unknown),
            ("it restarted",                         FeederRefused, calm, after(0, RESET, 0, FEEDER), Unknown),
            ("it had restarted before the call",     FeederRefused, before(RESET, 0, 0), after(0, RESET, 0, FEEDER), Untouched),
            ("a jam between feeder and head",        Perhaps,       calm, after(0, 0, 0, FEEDER | error::MECHANICAL), Unknown),
            ("the cover was opened",                 FeederRefused, calm, after(0, 0, warning::COVER_OPEN, FEEDER), Unknown),
            ("a card that had been fed has gone",    FeederRefused, before(CARD_PRINT, 0, 0), after(0, 0, 0, FEEDER), Unknown),
            ("a jam in the head",                    Answered,      calm, after(1, CARD_PRINT, 0, error::MECHANICAL), InMachine),
            ("a jam before anything counts",         Answered,      calm, after(0, CARD_PRINT, 0, error::MECHANICAL), InMachine),
            ("a fed card that did not move",         Perhaps,       before(CARD_PRINT, 0, 0), after(0, CARD_PRINT, 0, 0), InMachine),
            ("a card inside after a restart",        Perhaps,       calm, after(1, CARD_PRINT | RESET, 0, 0), InMachine),
            ("a second card entered: one is out",    Perhaps,       calm, after(2, CARD_PRINT, 0, 0), Unknown),
            ("a card entered and is not inside",     Perhaps,       calm, after(1, 0, 0, 0), Unknown),
            ("so it may be out, though it complains", Answered,     calm, after(1, 0, 0, error::RIBBON_ENDED), Unknown),
        ];
        for (story, heard, before, after, want) in rows {
            assert_eq!(whereabouts(*heard, before, Some(after)), *want, "{story}");
        }
    }

    #[test]
    fn a_counter_that_is_not_told_or_runs_backwards_proves_nothing() {
        for (was, is) in [(None, Some(7)), (Some(7), None), (None, None), (Some(7), Some(6))] {
            for information in [0, CARD_PRINT] {
                let before = Before { counter: was, ..before(0, 0, 0) };
                let after = After { counter: is, ..after(0, information, 0, FEEDER) };
                assert_eq!(whereabouts(FeederRefused, &before, Some(&after)), Unknown);
            }
        }
    }

    #[test]
    fn no_single_bit_more_makes_an_untouched_of_an_unknown() {
        for bit in (0..32).map(|place| 1_u32 << place).filter(|&bit| bit != FEEDER) {
            for after in [after(0, bit, 0, 0), after(0, 0, bit, 0), after(0, 0, 0, bit)] {
                let card = whereabouts(Perhaps, &before(0, 0, 0), Some(&after));
                assert_ne!(card, Untouched, "{:?}", after.words);
            }
        }
    }

    #[test]
    fn what_is_kept_of_another_machine_is_nothing() {
        let mut seen = after(1, CARD_PRINT, 0, 0);
        let kept_of = |seen: &After| kept(&before(0, 0, 0), Some(seen), Watch::default());
        assert_eq!(kept_of(&seen).cards_entered_after, Some(8));
        assert_eq!((kept_of(&seen).owned, kept_of(&seen).card_inside), (Some(false), Some(true)));
        seen.same_machine = false;
        let want = Evidence { cards_entered_before: Some(7), ..Evidence::default() };
        assert_eq!(kept_of(&seen), want);
    }
}
