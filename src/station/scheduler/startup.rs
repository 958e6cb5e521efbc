//! After a stop that nobody planned: what was composed goes back to the queue; what was just being inspected or made is held,
//! since it may be what the program died of, and would be again; where a card may have moved, nobody knows, and nobody
//! prints it again before it is found out.

use jiff::Timestamp;

use super::lines::outcome_unknown;
use super::{LedgerError, Question, Scheduler, Task, Then};
use crate::event::{Attempt, Event, Lost};
use crate::finding::Finding;
use crate::job::JobId;
use crate::queue;

/// What an earlier life left.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// Jobs that were being worked on, in the order in which they are to be written down.
    pub jobs: Vec<Leftover>,
    /// When the ledger's last line was written, by the clock of then.
    pub last_line: Option<Timestamp>,
}

/// A job that an earlier life was working on.
#[derive(Debug)]
pub enum Leftover {
    /// It only computed, and may have died of it.
    Computing {
        /// Which job.
        job: JobId,
        /// What stands with it.
        findings: Vec<Finding>,
        /// What was being done.
        attempt: Attempt,
    },
    /// Its card was composed, and no card has moved.
    Composed(JobId),
    /// A card of it may have moved.
    Moving(JobId),
}

impl Scheduler {
    pub(super) fn write_leftovers(&mut self) {
        let Some(leftovers) = &mut self.leftovers else {
            return self.ask(Question::Leftovers, Then::Leftovers);
        };
        let Some(leftover) = leftovers.pop_front() else { return self.next_task(Task::Account) };
        match leftover {
            Leftover::Computing { job, findings, attempt } => {
                tracing::warn!(%job, ?attempt, "the program stopped at this job; it is held");
                let crashed = queue::crashed(findings, attempt);
                self.append(&job, crashed, Then::LeftoverWritten { is_hold: true });
            }
            Leftover::Composed(job) => {
                self.append(&job, Event::PutBack {}, Then::LeftoverWritten { is_hold: false });
            }
            Leftover::Moving(job) => {
                tracing::warn!(%job, "a card may have come out while the station stopped; look at the printer");
                let lost = Lost::somewhere("the station stopped while the card was moving");
                self.append(&job, outcome_unknown(lost), Then::LeftoverWritten { is_hold: false });
            }
        }
    }

    /// Compares the counter of each printer with the ledger, once in the life of this process. This comes before any line about
    /// the printer is written and before it moves a card, because the ledger takes the counter from those lines. A single
    /// wrong bit would hold every job and later hide an old ledger, so the printer must report the same counter twice.
    pub(super) fn account_for_cards(&mut self) {
        match self.unaccounted() {
            Some((serial, Some(counted))) if self.machine.is_said_twice => {
                let then = Then::Accounted(serial.clone());
                return self.ask(Question::Account { serial, counted }, then);
            }
            Some(_) => self.poll_if_it_answers(),
            None => {}
        }
        self.next_task(Task::Settle);
    }

    /// The connected printer and its counter, as long as the counter was not compared with the ledger.
    pub(super) fn unaccounted(&self) -> Option<(String, Option<u64>)> {
        let machine = &self.machine;
        let status = machine.status.as_ref().filter(|_| machine.error.is_none())?;
        let serial = status.identity.serial.to_string();
        let tells_none = status.cards_entered.is_none() && machine.is_said_twice;
        let is_new = !serial.is_empty() && !self.accounted.contains(&serial) && !tells_none;
        is_new.then_some((serial, status.cards_entered))
    }

    pub(super) fn on_accounted(&mut self, serial: String, done: Result<u64, LedgerError>) {
        match done {
            Ok(cards) => {
                self.accounted.insert(serial);
                if cards > 0 {
                    tracing::warn!(
                        cards,
                        "the printer moved cards while the station was off; whatever could print is held"
                    );
                    self.reload_in_doubt();
                }
            }
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn on_leftovers(&mut self, read: Result<super::Leftovers, LedgerError>) {
        match read {
            Ok(Leftovers { jobs, last_line }) => {
                self.clock.compare_with(last_line);
                self.leftovers = Some(jobs.into());
            }
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn on_leftover_written(&mut self, is_hold: bool, done: Result<(), LedgerError>) {
        match done {
            Ok(()) => {}
            // Withdrawn meanwhile: it stays so.
            Err(LedgerError::Refused(_)) if is_hold => {}
            Err(error) => {
                // What is still to be written is read anew.
                self.leftovers = None;
                self.fail(error);
            }
        }
    }
}
