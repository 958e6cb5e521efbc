//! The last time that the station stopped without being told to, as far as this start knows: when, and what became of the
//! cards that were moving. Decides nothing.

use std::fmt::Write as _;

use drivers::text::Text;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Sentence;
use crate::event::CardEvidence;
use crate::job::JobId;
use crate::ledger::{JobRecord, Ledger, LedgerError, Order};
use crate::lifecycle::State;

/// It is told for a day, and for as long as a card of it waits for a person.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(24);
/// More cards than this are never on their way in one printer.
const CARDS: u32 = 50;

/// What was found at the start.
#[derive(Debug, Clone)]
pub struct PowerCut {
    from: Timestamp,
    until: Timestamp,
    jobs: Vec<JobId>,
}

/// What is told of it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PowerCutView {
    /// The ledger's last line before.
    pub from: Timestamp,
    /// The start after it.
    pub until: Timestamp,
    /// Cards that were moving, and of which the printer said what became of them.
    pub settled_by_printer: u64,
    /// Those of which a person said it.
    pub settled_by_person: u64,
    /// Those that still wait: for the printer's answer, then for a person.
    pub waiting: u64,
    /// The same as a sentence.
    pub message: Sentence,
}

impl PowerCut {
    /// Call it before the station moves anything. `None`: the station was told to stop, or was never started.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn at_start(ledger: &Ledger) -> Result<Option<PowerCut>, LedgerError> {
        let Some(from) = ledger.last_at()?.filter(|_| ledger.was_left_open()) else {
            return Ok(None);
        };
        let mut jobs = Vec::new();
        for state in [State::Encoding, State::Encoded, State::Printing] {
            let page = ledger.jobs(Some(state), Order::OldestFirst, None, CARDS)?;
            jobs.extend(page.jobs.into_iter().map(|job| job.id));
        }
        Ok(Some(PowerCut { from, until: ledger.now(), jobs }))
    }

    /// How it stands now; `None`: it is long ago, and nothing of it waits.
    ///
    /// # Errors
    /// [`LedgerError::Read`].
    pub fn view(
        &self,
        ledger: &Ledger,
        offset: Offset,
    ) -> Result<Option<PowerCutView>, LedgerError> {
        let jobs: Result<Vec<JobRecord>, LedgerError> =
            self.jobs.iter().map(|job| ledger.job(job)).collect();
        let view = self.judge(&jobs?, offset);
        let is_old = ledger.now().duration_since(self.until) > TOLD_FOR;
        Ok((view.waiting > 0 || !is_old).then_some(view))
    }

    fn judge(&self, jobs: &[JobRecord], offset: Offset) -> PowerCutView {
        let waits = |job: &&JobRecord| job.state == State::Unsure || job.state.has_card_moving();
        let is_of_person = |job: &&JobRecord| {
            matches!(
                job.evidence,
                Some(CardEvidence::Person { .. } | CardEvidence::Replaced { .. })
            )
        };
        let count = |of: &dyn Fn(&&JobRecord) -> bool| jobs.iter().filter(of).count() as u64;
        let waiting = count(&waits);
        let settled_by_person = count(&|job| !waits(job) && is_of_person(job));
        let settled_by_printer = jobs.len() as u64 - waiting - settled_by_person;
        let figures = [settled_by_printer, settled_by_person, waiting];
        PowerCutView {
            from: self.from,
            until: self.until,
            settled_by_printer,
            settled_by_person,
            waiting,
            message: Sentence::from(&words(self.from, self.until, figures, offset)),
        }
    }
}

fn words(from: Timestamp, until: Timestamp, figures: [u64; 3], offset: Offset) -> Text {
    let (from, until) = (offset.to_datetime(from), offset.to_datetime(until));
    let ended = if from.date() == until.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    let span = format!("{} - {}", from.strftime("%Y-%m-%d %H:%M"), until.strftime(ended));
    let mut id = format!("Listrik padam, atau program terhenti, {span};");
    let mut en = format!("The power failed, or the program was killed, {span};");
    if figures == [0; 3] {
        id.push_str(" tidak ada kartu yang sedang bergerak.");
        en.push_str(" no card was moving.");
        return Text::new(id, en);
    }
    let parts = [
        (" diselesaikan oleh printer", " settled by the printer"),
        (" diselesaikan oleh petugas", " settled by a person"),
        (" masih menunggu jawaban", " still waiting for an answer"),
    ];
    let told = figures.into_iter().zip(parts).filter(|(cards, _)| *cards > 0);
    for (place, (cards, (part_id, part_en))) in told.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let noun = if cards == 1 { "card" } else { "cards" };
        // Writing to memory does not fail.
        let _ = write!(id, "{comma} {cards} kartu{part_id}");
        let _ = write!(en, "{comma} {cards} {noun}{part_en}");
    }
    id.push('.');
    en.push('.');
    Text::new(id, en)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        // 2026-03-02 14:02 in the west of Indonesia.
        Timestamp::from_second(1_772_434_920 + 60 * minute).unwrap()
    }

    #[test]
    fn the_sentence_says_when_and_what_became_of_the_cards() {
        let offset = Offset::constant(7);
        let en = |minutes, figures| words(at(0), at(minutes), figures, offset).en.into_owned();
        assert_eq!(
            en(3, [1, 0, 1]),
            "The power failed, or the program was killed, 2026-03-02 14:02 - 14:05; 1 card settled by the printer, 1 card still waiting for an answer."
        );
        assert!(en(3, [0, 2, 0]).ends_with("14:05; 2 cards settled by a person."));
        assert!(en(24 * 60, [0; 3]).ends_with("14:02 - 2026-03-03 14:02; no card was moving."));
        let id = words(at(0), at(3), [1, 1, 1], offset).id.into_owned();
        assert!(id.ends_with("1 kartu diselesaikan oleh printer, 1 kartu diselesaikan oleh petugas, 1 kartu masih menunggu jawaban."), "{id}");
    }
}
