//! The truth: the cards in the trays and in people's hands, compared with the ledger after every step.

use std::collections::{BTreeMap, HashMap};

use emulators::machine::{Departed, Finish, Way};
use kartu::job::JobId;
use kartu::ledger::{Entry, Ledger};
use kartu::lifecycle::State;
use serde_json::Value;

use crate::cards::{MARKS, mark_in};
use crate::story::Story;

/// What exists, and what the ledger states about it.
#[derive(Default)]
pub struct Truth {
    /// By mark, from the ledger's lines.
    pub states: BTreeMap<usize, State>,
    /// Blanks that came out of the machine, in whatever way and shape.
    pub left_the_machine: u32,
    /// Blanks that left the machine, in any way and condition.
    pub good: BTreeMap<usize, u32>,
    /// Cards that are in nobody's good pile: rejected, or destroyed by hand.
    pub spoiled: u32,
    /// Cards that are not on the pile of good ones: rejected, or destroyed by hand.
    pub in_hand: Vec<(Option<usize>, bool)>,
    /// The job that the station printed last.
    pub printing: Option<usize>,
    /// Jobs whose card was removed from the machine by hand: if the station did not notice, only that person knows.
    pub taken: Vec<usize>,
    /// A person reported something false, and nothing could contradict it.
    pub lied_about: Vec<usize>,
    /// Blanks that the ledger counts as spoiled.
    pub written_spoiled: u32,
    /// Cards that the ledger counts as good.
    pub written_good: u32,
    /// Marks in the order in which their cards came out, by the ledger.
    pub came_out: Vec<usize>,
    /// Those of them whose chip was not written.
    pub written_unencoded: u32,
    /// Complete cards whose chip has another card's content, none, or a part.
    pub wrong_chips: Vec<String>,
    /// Settled by the machine's report alone, and left to a person.
    pub by_machine: u32,
    pub by_person: u32,
    /// Was the computer suspended, by its own clock, since the moving card was begun?
    pub stood_still: bool,
    /// Was the computer lost since the moving card was begun?
    crashed: bool,
    /// Jobs whose card was removed spoiled since it was begun, and whether the computer was suspended meanwhile.
    in_vain: BTreeMap<usize, bool>,
    /// The machine's state before the last card of a job.
    intents: HashMap<JobId, Value>,
    /// Counted as printed although the card was removed spoiled, and the counters or the clocks show it.
    not_seen_through: Vec<String>,
    /// The purpose for which a job's last card was moved.
    moved_for: HashMap<JobId, String>,
    /// The content of the last line about a job.
    last_lines: HashMap<JobId, (usize, String)>,
    seq: u64,
}

impl Truth {
    pub fn departed(&mut self, cards: impl Iterator<Item = (Option<usize>, Departed)>) {
        for (mark, card) in cards {
            self.left_the_machine += 1;
            let whole = card.finish == Finish::Whole;
            let mark = mark.filter(|_| whole);
            match (card.way, mark) {
                (Way::Hopper, Some(mark)) => *self.good.entry(mark).or_default() += 1,
                (Way::Hopper | Way::RejectBox | Way::Slot, _) => self.spoiled += 1,
                (Way::Hand, mark) => {
                    self.taken.extend(self.printing);
                    if let Some(printing) = self.printing.filter(|_| !whole) {
                        self.in_vain.insert(printing, self.stood_still && !self.crashed);
                    }
                    self.in_hand.push((mark, whole));
                }
            }
        }
    }

    /// Reads everything that was written since the last call.
    pub fn read(&mut self, ledger: &Ledger, story: &mut Story) {
        while ledger.watch().borrow().seq > self.seq {
            let lines = ledger.events_after(self.seq, 200).expect("the ledger is read");
            assert!(!lines.is_empty(), "it told of lines that are not there");
            for line in lines {
                let Entry { seq, event, detail, .. } = &line;
                let of = line.reference.as_deref().unwrap_or("-");
                story.tell(format_args!("ledger {seq}: {of} {event} {detail}"));
                self.seq = line.seq;
                self.heed(line);
            }
        }
    }

    fn heed(&mut self, line: Entry) {
        let (Some(reference), Some(state), Some(job)) = (&line.reference, line.state, line.job)
        else {
            return;
        };
        let mark = mark_in(reference);
        assert!(mark < MARKS);
        self.states.insert(mark, state);
        match &*line.event {
            "encode" | "print" => {
                self.moved_for.insert(job.clone(), line.event.clone());
                self.intents.insert(job.clone(), line.detail.clone());
                self.in_vain.remove(&mark);
                (self.stood_still, self.crashed) = (false, false);
            }
            "card_out" => {
                self.see_through(mark, &job, &line.detail);
                self.written_good += 1;
                self.came_out.push(mark);
            }
            "spoil" => {
                self.written_spoiled += 1;
                self.heed_cause(&job, &line.detail);
                // A card that was counted as good was found bad.
                self.written_good -= u32::from(state == State::Spoiled);
            }
            _ => {}
        }
        if matches!(&*line.event, "card_out" | "spoil" | "no_card") {
            let person = line.detail["evidence"]["person"].is_object();
            *(if person { &mut self.by_person } else { &mut self.by_machine }) += 1;
        }
        self.last_lines.insert(job, (mark, line.event));
    }

    /// After a crash the length of the gap is unknown, so counters of a complete card are trusted.
    pub fn nobody_knows_for_how_long(&mut self) {
        self.crashed = true;
        self.in_vain.values_mut().for_each(|stood_still| *stood_still = false);
    }

    /// The machine's report settles a card as printed. If the card was removed spoiled, its counters must have been
    /// those of a complete card, and the computer must not have been suspended by its own clock: then nothing could
    /// show the removal.
    fn see_through(&mut self, mark: usize, job: &JobId, detail: &Value) {
        let person = detail["evidence"]["person"].is_object();
        let Some(stood_still) = self.in_vain.get(&mark).copied().filter(|_| !person) else {
            return;
        };
        let (before, told) = (&self.intents[job]["before"], &detail["evidence"]["machine"]);
        let after = [&told["cards_entered_after"], &told["cards_entered"]];
        let after = after.iter().find_map(|count| count.as_u64());
        let left = [&told["ribbon"]["remaining"], &told["ribbon"][1]];
        let left = left.iter().find_map(|left| left.as_i64());
        let used = before["ribbon"][1].as_i64().zip(left).map(|(before, left)| before - left);
        let entered = before["cards_entered"].as_u64().zip(after).map(|(b, a)| a.wrapping_sub(b));
        let whole = used == self.intents[job]["ribbon_prints"].as_i64()
            && entered.is_none_or(|entered| entered == 1 || before["card_inside"] == true);
        if stood_still || !whole {
            let how = format!("stood still: {stood_still}, {before} {told}");
            self.not_seen_through
                .push(format!("SIM-{mark} is printed and hands hold it SPOILED: {how}"));
        }
    }

    /// The person who counts blanks must know the cause of spoiling.
    fn heed_cause(&mut self, job: &JobId, detail: &Value) {
        let unencoded = detail["cause"] == "GAGAL_ENCODE";
        self.written_unencoded += u32::from(unencoded);
        if !detail["evidence"]["person"].is_object() {
            let moved_for = self.moved_for.get(job).map(String::as_str);
            assert_eq!(unencoded, moved_for == Some("encode"), "the cause of {detail}");
        }
    }

    /// The mark of a job.
    pub fn mark_of(&self, job: &JobId) -> Option<usize> {
        self.last_lines.get(job).map(|(mark, _)| *mark)
    }

    /// Checks that the intent was written before the action.
    pub fn intent_stands(&self, job: &JobId, intent: &str) {
        let last = self.last_lines.get(job).map(|(_, event)| &**event);
        assert_eq!(last, Some(intent), "an order without its intent");
    }

    /// Checks the promise.
    ///
    /// # Errors
    /// The violation.
    pub fn holds(&self) -> Result<(), String> {
        if let Some(wrong) = self.wrong_chips.first().or(self.not_seen_through.first()) {
            return Err(wrong.clone());
        }
        for mark in 0..MARKS {
            let good = self.good.get(&mark).copied().unwrap_or(0);
            if self.lied_about.contains(&mark) {
                continue;
            }
            if good > 1 {
                return Err(format!("TWO good cards for SIM-{mark}"));
            }
            let Some(state) = self.states.get(&mark) else { continue };
            let held = self.in_hand.iter().any(|(whose, whole)| *whose == Some(mark) && *whole);
            match state {
                State::Printed if good == 0 && !held && !self.taken.contains(&mark) => {
                    return Err(format!("SIM-{mark} is printed and there is NO card"));
                }
                State::Printed | State::HandedOver | State::Printing | State::Unsure => {}
                _ if good > 0 => {
                    return Err(format!("SIM-{mark} is {} and its card EXISTS", state.name()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// How many good cards of it exist.
    pub fn good(&self, mark: usize) -> u32 {
        self.good.get(&mark).copied().unwrap_or(0)
    }
}
