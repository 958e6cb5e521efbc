//! The card that is in the printer's hands: encoded first where it has a chip or a stripe, then printed. Every step has its
//! intent in the ledger before it is ordered.

use std::time::Duration;

use drivers::contract::{CardOut, DeviceError, PreparedCard, PrinterStatus, Whereabouts};

use super::Station;
use super::device::Order;
use super::encode::{Encoded, Encoding, Unencoded, Unwritten};
use super::ready::Ready;
use crate::chip::Blame;
use crate::event::{CardEvidence, Event, FailedEncoding, Lost};
use crate::evidence::Intent;
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::{JobRecord, LedgerError};
use crate::lifecycle::Move;
use crate::queue;

/// One card on its way.
pub(super) struct Moving {
    pub record: JobRecord,
    pub since: Duration,
    pub stage: Stage,
}

/// How far it is.
pub(super) enum Stage {
    /// Its chip or stripe is being written; the faces wait.
    Encoding(PreparedCard),
    /// It waits inside, written and read back.
    Encoded(Box<Waiting>),
    /// It is being printed.
    Printing(Box<Intent>),
}

/// An encoded card.
pub(super) struct Waiting {
    card: PreparedCard,
    encoded: Encoded,
    /// That it is encoded is in the ledger.
    noted: bool,
}

/// What came of beginning a card.
pub(super) enum Begun {
    /// It moves.
    Moves,
    /// Nobody wants it any more.
    Withdrawn,
}

impl Moving {
    pub fn printing(record: JobRecord, since: Duration, intent: Intent) -> Moving {
        Moving { record, since, stage: Stage::Printing(Box::new(intent)) }
    }

    /// Nothing moves, and nothing will before the ledger is written.
    pub fn waits_for_the_ledger(&self) -> bool {
        matches!(self.stage, Stage::Encoded(_))
    }
}

impl Station {
    /// Intent, then a blank goes to the head.
    pub(super) fn begin_to_print(
        &mut self,
        ready: Ready,
        status: &PrinterStatus,
    ) -> Result<Begun, LedgerError> {
        let intent = Intent::to_print(status, ready.card.ribbon_prints);
        match queue::intend_to_print(&self.ledger, &ready.record.id, &intent, status) {
            Ok(_) => {}
            Err(error) => return self.not_begun(ready, error),
        }
        let order = Order::Print(ready.record.id.clone(), ready.card);
        self.order(Moving::printing(ready.record, self.clock.steady(), intent), order);
        Ok(Begun::Moves)
    }

    /// The intent could not be written, so nothing moves.
    fn not_begun(&mut self, ready: Ready, error: LedgerError) -> Result<Begun, LedgerError> {
        if let LedgerError::Refused(_) = error {
            self.bench.take_back(ready.card);
            return Ok(Begun::Withdrawn);
        }
        self.next = Some(ready);
        Err(error)
    }

    /// The intent is in the ledger: the card moves.
    fn order(&mut self, moving: Moving, order: Order) {
        self.machine.fresh = false;
        // The counter is about this card from now on.
        (self.doubts, self.lost) = (None, None);
        self.moving = Some(moving);
        if self.device.as_ref().is_none_or(|device| device.send(order).is_err()) {
            self.device = None;
        }
    }

    /// Intent, then a blank goes to the chip station.
    pub(super) fn begin_to_encode(
        &mut self,
        mut ready: Ready,
        work: Encoding,
        status: &PrinterStatus,
    ) -> Result<Begun, LedgerError> {
        if let Err(error) = queue::intend_to_encode(&self.ledger, &ready.record.id, status) {
            ready.encoding = Some(work);
            return self.not_begun(ready, error);
        }
        let order = Order::Encode(ready.record.id.clone(), work);
        let stage = Stage::Encoding(ready.card);
        self.order(Moving { record: ready.record, since: self.clock.steady(), stage }, order);
        Ok(Begun::Moves)
    }

    /// What came of encoding.
    pub(super) fn encoded(&mut self, job: &JobId, result: Result<Encoded, Unencoded>) {
        let Some(Moving { record, since, stage: Stage::Encoding(card) }) = self.moving.take()
        else {
            return;
        };
        debug_assert_eq!(record.id, *job, "one card moves at a time");
        match result {
            Ok(encoded) => {
                let took = self.clock.steady().saturating_sub(since);
                self.metrics.encode_seconds.observe(took.as_secs_f64());
                let waiting = Waiting { card, encoded, noted: false };
                let stage = Stage::Encoded(Box::new(waiting));
                self.moving = Some(Moving { record, since, stage });
            }
            Err(failed) => {
                self.bench.take_back(card);
                self.not_encoded(record, failed);
            }
        }
    }

    /// A card that was not encoded is no card: it goes to the reject box, and the job waits for a fresh blank.
    fn not_encoded(&mut self, record: JobRecord, failed: Unencoded) {
        tracing::warn!(job = %record.id, blame = ?failed.unwritten.blame, "the card was not encoded");
        // Another blank may do where the card is to blame; else somebody must help first.
        let card = failed.unwritten.blame == Blame::Card && failed.printer.is_none();
        if failed.card == Whereabouts::Untouched || !card {
            self.pause_longer();
        }
        self.machine.error = failed.printer.map(|error| *error);
        if let Some(error) = failed.reader {
            self.machine.reader = Some(Err(*error));
        }
        let Unwritten { blame, words, failure } = failed.unwritten;
        let encoding = FailedEncoding { failure: *failure, blame, words: words.clone() };
        let event = match failed.card {
            Whereabouts::Untouched => Event::NoCard {
                evidence: CardEvidence::NotEncoded { card: failed.card, encoding },
                findings: None,
            },
            // Where it is is found out as of any card that nobody saw; its intent says that it cannot be a good one.
            _ if blame == Blame::Setup => {
                let setup = Finding::whole(queue::H_CHIP_SETUP, words);
                let known = record.findings.iter().cloned();
                let findings: Vec<Finding> = known.chain([setup]).collect();
                let lost = Lost { encoding: Some(encoding), ..Lost::at(failed.card) };
                Event::OutcomeUnknown { lost: Box::new(lost), findings: Some(findings) }
            }
            _ => queue::outcome_unknown(Lost { encoding: Some(encoding), ..Lost::at(failed.card) }),
        };
        self.settle_later(record, event);
    }

    /// A card that is encoded is printed, whatever else there is to do: it must not wait inside.
    pub(super) fn print_encoded(&mut self) -> Result<(), LedgerError> {
        let Some(Moving { record, stage: Stage::Encoded(waiting), .. }) = &mut self.moving else {
            return Ok(());
        };
        if !waiting.noted {
            let encoding = waiting.encoded.written.clone();
            self.ledger.append(&record.id, Event::ChipGood { encoding }).wait()?;
            waiting.noted = true;
        }
        let status = &waiting.encoded.status;
        let intent = Intent::to_print(status, waiting.card.ribbon_prints);
        queue::intend_to_print(&self.ledger, &record.id, &intent, status)?;
        let Some(Moving { record, since, stage: Stage::Encoded(waiting) }) = self.moving.take()
        else {
            return Ok(());
        };
        let order = Order::Print(record.id.clone(), waiting.card);
        self.order(Moving::printing(record, since, intent), order);
        Ok(())
    }

    /// What came of printing.
    pub(super) fn printed(&mut self, job: &JobId, result: Result<CardOut, DeviceError>) {
        let Some(Moving { record, since, stage: Stage::Printing(intent) }) = self.moving.take()
        else {
            return;
        };
        debug_assert_eq!(record.id, *job, "one card moves at a time");
        let event = queue::settlement(&result, &intent);
        if event.step() == Some(Move::CardOut) {
            let product = record.product.clone();
            let label = crate::report::ProductLabel { product };
            self.metrics.cards_out.get_or_create(&label).inc();
            let took = self.clock.steady().saturating_sub(since);
            self.metrics.card_seconds.observe(took.as_secs_f64());
            self.snapshot.send_modify(|s| s.cards_out += 1);
        }
        match result {
            Ok(_) => {
                self.machine.error = None;
                self.rest = None;
            }
            Err(error) => {
                self.pause_longer();
                tracing::warn!(job = %record.id, %error, "the card was not finished");
                self.machine.error = Some(error);
            }
        }
        self.settle_later(record, event);
    }
}
