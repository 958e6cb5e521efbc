//! What waits for the printer: the prepared card, products that are passed over, and jobs whose inspection was put off.
//! Moves no card.

use std::collections::BTreeMap;
use std::time::Duration;

use drivers::text::Text;

use super::cards::Card;
use super::{Action, LedgerError, Question, Scheduler, Task, Then};
use crate::event::Event;

/// Jobs whose inspection was put off are inspected one by one, and rarely while requests with jobs are under way.
pub(super) const INSPECT_INTERVAL: Duration = Duration::from_millis(500);

/// What came of preparing the next card.
#[derive(Debug)]
pub enum Preparation {
    /// Nothing waits but for products that are passed over.
    Nothing,
    /// It only waits for the printer.
    Prepared(Card),
    /// A person must look at the job first.
    Held,
    /// It was withdrawn in the meantime.
    Withdrawn,
    /// Cards of its product cannot be prepared for this machine: a matter of ribbon or configuration, not of the job.
    Incompatible {
        /// Which product.
        product: String,
        /// Why, for a person.
        words: Text,
    },
}

/// What waits for the printer.
pub(in crate::station) struct Queue {
    /// Composed and separated, waiting for the machine.
    pub next: Option<Card>,
    /// Products whose cards cannot be prepared for the machine.
    pub incompatible: BTreeMap<String, Text>,
    /// The machine that they do not fit: they are not tried again before it changes.
    incompatible_with: String,
    /// The products of which every card would be spoiled ([`crate::queue::suspended`]); `None`: to be read from the ledger.
    pub suspended: Option<Vec<String>>,
    /// Jobs still wait for their inspection.
    pub(super) more_to_inspect: bool,
    inspected_at: Duration,
    /// The products whose cards need the reader.
    with_chip: Vec<String>,
    /// Products or office were defined anew after [`Queue::next`] was prepared.
    pub(super) is_outdated: bool,
}

impl Queue {
    pub(super) fn new(with_chip: Vec<String>, now: Duration) -> Queue {
        Queue {
            next: None,
            incompatible: BTreeMap::new(),
            incompatible_with: String::new(),
            suspended: None,
            // Received jobs of an earlier life are inspected first thing.
            more_to_inspect: true,
            inspected_at: now,
            with_chip,
            is_outdated: false,
        }
    }

    /// The products whose jobs keep their places while others are printed past them: without a reader those that need
    /// one, those of which every card would be spoiled, and those that do not fit the machine.
    fn blocked_products(&mut self, suspended: &[String], reader: bool, kind: &str) -> Vec<String> {
        let mut products = suspended.to_vec();
        if !reader {
            products.extend(self.with_chip.iter().cloned());
        }
        if self.incompatible_with != kind {
            self.incompatible.clear();
            kind.clone_into(&mut self.incompatible_with);
        }
        products.extend(self.incompatible.keys().cloned());
        products
    }
}

impl Scheduler {
    /// Has the next card prepared, unless it is.
    pub(super) fn prepare(&mut self, after: Task) {
        let Some(suspended) = self.queue.suspended.clone() else {
            return self.ask(Question::Suspended, Then::Suspended);
        };
        let (reader, kind) = (self.machine.can_encode(), self.machine.kind());
        let excluding = self.queue.blocked_products(&suspended, reader, &kind);
        match &self.queue.next {
            Some(card) if self.queue.is_outdated || excluding.contains(&card.product) => {
                self.requeue_next();
            }
            None if self.may_prepare() => {
                let moment = self.moment();
                self.ask(Question::Prepare { excluding, moment }, Then::Prepared);
            }
            _ => {
                if let Some(turn) = &mut self.turn {
                    (turn.task, turn.nothing_waits) = (after, false);
                }
            }
        }
    }

    /// Approvals are judged when a card is prepared, so none is while the clock is in doubt.
    fn may_prepare(&self) -> bool {
        let has_tried = self.turn.as_ref().is_some_and(|turn| turn.nothing_waits);
        self.machine.status.is_some() && !has_tried && !self.clock.is_in_doubt
    }

    /// Products, office or keys were defined anew: what was prepared by the old definitions and does not move yet is
    /// prepared again, with every check, and what did not fit the machine may fit it now.
    pub(super) fn on_redefined(&mut self, with_chip: Vec<String>) {
        let queue = &mut self.queue;
        (queue.with_chip, queue.suspended) = (with_chip, None);
        queue.incompatible.clear();
        queue.is_outdated = queue.next.is_some();
    }

    /// A card of a product that is passed over gives way to the others; one by old definitions is prepared again.
    fn requeue_next(&mut self) {
        if let Some(card) = &self.queue.next {
            let job = card.job.clone();
            self.append(&job, Event::PutBack {}, Then::Requeued);
        }
    }

    pub(super) fn on_requeued(&mut self, done: Result<(), LedgerError>) {
        match done {
            Ok(()) => self.discard_next(),
            // Withdrawn meanwhile; or the intent to print it failed to be written and stands in the ledger all the same. No
            // card was ordered to move: what the ledger says is found out about as after a start.
            Err(LedgerError::Refused(_)) => {
                if let Some(card) = self.queue.next.take() {
                    self.machine.is_fresh = false;
                    self.read_leftovers_anew(card.job);
                }
            }
            Err(error) => self.fail(error),
        }
    }

    /// The prepared card is not printed.
    pub(super) fn discard_next(&mut self) {
        self.queue.is_outdated = false;
        if let Some(card) = self.queue.next.take() {
            self.act(Action::Discard(card.job));
        }
    }

    pub(super) fn on_suspended(&mut self, read: Result<Vec<String>, LedgerError>) {
        match read {
            Ok(products) => self.queue.suspended = Some(products),
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn on_prepared(&mut self, prepared: Result<Preparation, LedgerError>) {
        match prepared {
            Ok(Preparation::Nothing) => {
                if let Some(turn) = &mut self.turn {
                    turn.nothing_waits = true;
                }
            }
            Ok(Preparation::Prepared(card)) => self.queue.next = Some(card),
            // It may be what suspends its product.
            Ok(Preparation::Held) => self.queue.suspended = None,
            Ok(Preparation::Withdrawn) => {}
            Ok(Preparation::Incompatible { product, words }) => {
                self.queue.incompatible.insert(product, words);
            }
            Err(error) => self.fail(error),
        }
    }

    /// The printer must never wait for an inspection, and requests with jobs go first.
    pub(super) fn inspect(&mut self) {
        let now = self.now.steady;
        let requests = self.turn.as_ref().map_or(0, |turn| turn.inflight_requests);
        let printer_waits = self.queue.next.is_none() && self.machine.status.is_some();
        let lately = now.saturating_sub(self.queue.inspected_at) < INSPECT_INTERVAL;
        self.next_task(Task::Finish);
        if requests > 0 && !printer_waits && lately {
            return;
        }
        self.queue.inspected_at = now;
        self.ask(Question::Inspect, Then::Inspected);
    }

    /// There may be more; one at a time, so that messages are heard in between.
    pub(super) fn on_inspected(&mut self, inspected: Result<bool, LedgerError>) {
        match inspected {
            Ok(more) => self.queue.more_to_inspect = more,
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn on_unfinished_put_back(&mut self, done: Result<(), LedgerError>) {
        if let Err(error) = done {
            tracing::warn!(%error, "a claimed job stays claimed; the next start will hold it");
        }
        self.next_task(Task::PutNextBack);
    }

    pub(super) fn put_next_back(&mut self) {
        match &self.queue.next {
            Some(card) => {
                let job = card.job.clone();
                self.append(&job, Event::PutBack {}, Then::NextPutBack);
            }
            None => {
                self.turn = None;
                self.act(Action::End);
            }
        }
    }

    pub(super) fn on_next_put_back(&mut self, done: Result<(), LedgerError>) {
        if let Err(error) = done {
            // The next start puts it back.
            tracing::warn!(%error, "a composed job stays composed");
        }
        self.discard_next();
    }
}
