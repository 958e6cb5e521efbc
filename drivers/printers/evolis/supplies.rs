//! The machine's counters: ribbon, cards, cleanings; including old firmware's queries. Moves nothing. Source: Evolis
//! wire notes, section 4.1.

use super::driver::Evolis;
use super::protocol::{RibbonKind, RibbonReport, is_error, value};
use crate::contract::{Cause, Cleaning, Ribbon};

impl Evolis {
    /// Reads the ribbon; `None` if the machine does not report it.
    pub(super) fn ask_ribbon(&mut self) -> Result<Option<Ribbon>, Cause> {
        let text = self.ask("Rrt;all")?.text;
        let Some(report) = (!is_error(&text)).then(|| RibbonReport::parse(&text)).flatten() else {
            return Ok(None);
        };
        let panels = match RibbonKind::numbered(report.number) {
            Some(kind) => {
                self.ribbon = kind;
                kind.name.to_owned()
            }
            None => format!("type {}", report.number),
        };
        Ok(Some(Ribbon { panels, remaining: report.remaining, capacity: report.capacity }))
    }

    /// Cards that ever entered the head.
    pub(super) fn ask_counter(&mut self) -> Result<Option<u64>, Cause> {
        let text = self.ask("Rco;card")?.text;
        if let Some(count) = value(&text, "inserted_head").and_then(|v| v.parse().ok()) {
            return Ok(Some(count));
        }
        Ok(number(&self.ask("Rco;c")?.text))
    }

    /// Reads the cleaning counters; `None` if the machine reports none. `entered`: see [`Evolis::ask_counter`].
    pub(super) fn ask_cleaning(&mut self, entered: Option<u64>) -> Result<Option<Cleaning>, Cause> {
        let text = self.ask("Rco;clean")?.text;
        let told = if is_error(&text) {
            self.ask_cleaning_of_old(entered)?
        } else {
            cleaning(&text, entered)
        };
        Ok((told != Cleaning::default()).then_some(told))
    }

    fn ask_cleaning_of_old(&mut self, entered: Option<u64>) -> Result<Cleaning, Cause> {
        let thresholds = self.ask("Rco;s;1")?.text;
        let warns_after = thresholds.split_whitespace().next().and_then(number);
        let due_at = number(&self.ask("Rco;r")?.text);
        // Captured: a remainder of 600 with a threshold of 40 means that 560 was the last cleaning.
        let last = due_at.zip(warns_after).and_then(|(at, after)| at.checked_sub(after));
        Ok(Cleaning {
            cards_since: entered.zip(last).and_then(|(entered, last)| entered.checked_sub(last)),
            cards_until_due: number(&self.ask("Rco;clp")?.text),
            // It is unknown how the SDK computes this from these answers.
            cards_until_warranty_lost: None,
            regular_cleanings: number(&self.ask("Rco;n")?.text),
            advanced_cleanings: number(&self.ask("Rco;cnac")?.text),
        })
    }
}

/// Parses the answer to `Rco;clean`.
fn cleaning(text: &str, entered: Option<u64>) -> Cleaning {
    let told = |key: &str| value(text, key).and_then(number);
    let until_due = told("rem_advised");
    Cleaning {
        cards_since: entered
            .zip(told("last_periodic"))
            .and_then(|(entered, last)| entered.checked_sub(last)),
        cards_until_due: until_due,
        cards_until_warranty_lost: until_due
            .zip(told("mandatory"))
            .and_then(|(due, more)| due.checked_add(more)),
        regular_cleanings: told("periodic_global"),
        advanced_cleanings: told("advanced_global"),
    }
}

/// A number of cards; overdue counts as 0.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix('-') {
        Some(overdue) => overdue.parse::<u64>().ok().map(|_| 0),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_is_worked_out_as_the_maker_does() {
        let text = "rem_advised: 250\r\nmandatory: 500\r\nlast_periodic: 4000\r\nperiodic_global: 4\r\nadvanced_global: 1";
        let want = Cleaning {
            cards_since: Some(750),
            cards_until_due: Some(250),
            cards_until_warranty_lost: Some(750),
            regular_cleanings: Some(4),
            advanced_cleanings: Some(1),
        };
        assert_eq!(cleaning(text, Some(4750)), want);
        assert_eq!(cleaning(text, None), Cleaning { cards_since: None, ..want });
        assert_eq!(cleaning("rem_advised -20\nmandatory 500", None).cards_until_due, Some(0));
        assert_eq!(cleaning("OK", Some(1)), Cleaning::default());
    }
}
