//! The workbench: makes the next card ready while the printer is busy, and looks at jobs whose
//! inspection was put off. Moves no card.

use std::collections::BTreeMap;
use std::sync::Arc;

use drivers::contract::{CardImage, FaceImage, PreparedCard, Prepress, PrepressError};
use drivers::words::Words;

use super::encode::Encoding;
use super::maker::{CardMaker, Made, Unmade};
use crate::clock::Clock;
use crate::event::{Attempt, Event};
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::{JobRecord, Ledger, LedgerError};
use crate::lifecycle::State;
use crate::panics;
use crate::queue::{self, Claimed, Moment, Next};
use crate::report::Metrics;

/// Buffers that are kept: one is printed while the next is filled.
const SPARE_LIMIT: usize = 2;

/// A card that only waits for the machine.
pub(super) struct Ready {
    pub record: JobRecord,
    pub card: PreparedCard,
    /// What must be written on it before it is printed.
    pub encoding: Option<Encoding>,
}

pub(super) struct Workbench {
    maker: Arc<dyn CardMaker>,
    ledger: Ledger,
    clock: Clock,
    metrics: Metrics,
    image: CardImage,
    spare: Vec<PreparedCard>,
    /// Products whose cards cannot be made ready for the machine: a matter of ribbon or configuration, not of a job.
    pub misfits: BTreeMap<String, Words>,
    /// The machine that they do not fit: they are not tried again before it changes.
    misfits_of: String,
    /// Jobs still wait for their inspection.
    pub more_to_inspect: bool,
    /// The products of which every card would be spoiled ([`queue::barred`]); `None`: to be read from the ledger.
    pub barred: Option<Vec<String>>,
    /// Claimed, and what became of it could not be written down: it goes back to the queue first. A start that finds it
    /// claimed would take it for what the program died of.
    unfinished: Option<JobId>,
}

impl Workbench {
    pub fn new(maker: Arc<dyn CardMaker>, ledger: Ledger, clock: Clock, metrics: Metrics) -> Self {
        // Received jobs of an earlier life are looked at first thing.
        Self {
            maker,
            ledger,
            clock,
            metrics,
            image: empty_image(),
            spare: Vec::new(),
            misfits: BTreeMap::new(),
            misfits_of: String::new(),
            more_to_inspect: true,
            barred: None,
            unfinished: None,
        }
    }

    /// A buffer that was printed.
    pub fn take_back(&mut self, card: PreparedCard) {
        if self.spare.len() < SPARE_LIMIT {
            self.spare.push(card);
        }
    }

    /// The products whose jobs keep their places while others are printed past them: without a reader those that need one,
    /// those of which every card would be spoiled, and those that do not fit the machine.
    pub fn passed_over(&mut self, reader: bool, machine: &str) -> Result<Vec<String>, LedgerError> {
        let barred = match &mut self.barred {
            Some(known) => known,
            none => none.insert(queue::barred(&self.ledger, &self.maker.with_chip())?),
        };
        let mut products = barred.clone();
        if !reader {
            products.extend(self.maker.with_chip());
        }
        if self.misfits_of != machine {
            self.misfits.clear();
            machine.clone_into(&mut self.misfits_of);
        }
        products.extend(self.misfits.keys().cloned());
        Ok(products)
    }

    /// Claims the next job, composes and separates it. Jobs that cannot be composed are held, and the
    /// one after is tried. `None`: nothing waits but for products that are passed over.
    pub fn make_ready(
        &mut self,
        prepress: &dyn Prepress,
        machine: &str,
        moment: Moment,
        reader: bool,
    ) -> Result<Option<Ready>, LedgerError> {
        self.put_unfinished_back()?;
        loop {
            let but = self.passed_over(reader, machine)?;
            let mut claimed = match queue::claim(&self.ledger, &but)? {
                Next::Claimed(claimed) => claimed,
                Next::Held => {
                    self.barred = None;
                    continue;
                }
                Next::Nothing => return Ok(None),
            };
            let since = self.clock.steady();
            let id = claimed.record.id.clone();
            self.unfinished = Some(id.clone());
            let composed = if self.is_inspected(&mut claimed)? {
                self.compose(&claimed, prepress, moment)?
            } else {
                Composed::Held
            };
            match composed {
                Composed::Ready(card, made) => {
                    let withdrawn = match queue::composed(&self.ledger, &id, &made.faces) {
                        Ok(_) => false,
                        Err(LedgerError::Refused(_)) => true,
                        Err(error) => return Err(error),
                    };
                    self.unfinished = None;
                    if withdrawn {
                        continue;
                    }
                    let took = self.clock.steady().saturating_sub(since);
                    self.metrics.compose_seconds.observe(took.as_secs_f64());
                    let (record, encoding) = (claimed.record, made.encoding);
                    return Ok(Some(Ready { record, card, encoding }));
                }
                // Passed over from now on, it or its product.
                Composed::Held => self.barred = None,
                Composed::NotOnThisMachine => {}
            }
            self.unfinished = None;
        }
    }

    /// Puts a job back that was claimed and of which nothing more could be written.
    pub fn put_unfinished_back(&mut self) -> Result<(), LedgerError> {
        let Some(job) = &self.unfinished else { return Ok(()) };
        match queue::put_back(&self.ledger, job) {
            Ok(_) | Err(LedgerError::Refused(_)) => self.unfinished = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A job that was released though its inspection never came to an end is inspected now. False: it is held for what was
    /// found.
    fn is_inspected(&mut self, claimed: &mut Claimed) -> Result<bool, LedgerError> {
        let Claimed { record, request, photo } = claimed;
        if !queue::is_uninspected(&self.ledger, &record.id)? {
            return Ok(true);
        }
        let inspect = || self.maker.inspect(request, photo.as_deref(), self.ledger.now());
        let Some(findings) = panics::caught(inspect) else {
            queue::hold_crashed(&self.ledger, record, Attempt::Inspect)?;
            return Ok(false);
        };
        record.findings.extend(findings);
        queue::inspected(&self.ledger, &record.id, &record.findings)?;
        if record.findings.iter().any(Finding::holds) {
            queue::hold(&self.ledger, &record.id, &record.findings)?;
            return Ok(false);
        }
        Ok(true)
    }

    fn compose(
        &mut self,
        claimed: &Claimed,
        prepress: &dyn Prepress,
        moment: Moment,
    ) -> Result<Composed, LedgerError> {
        let job = &claimed.record.id;
        let mut card = self.spare.pop().unwrap_or_default();
        let (maker, image) = (&self.maker, &mut self.image);
        let made = panics::caught(|| {
            let made = maker.make(claimed, prepress, moment, image, &mut card);
            // What the chip lacks is told when the card moves; what kills the program must be met before.
            if let Ok(Made { encoding: Some(Encoding { chip: Some(chip), .. }), .. }) = &made {
                let _ = chip.preflight();
            }
            made
        });
        let Some(made) = made else {
            // What was left in the middle of it is not used again.
            self.image = empty_image();
            queue::hold_crashed(&self.ledger, &claimed.record, Attempt::Make)?;
            return Ok(Composed::Held);
        };
        match made {
            Ok(made) => Ok(Composed::Ready(card, Box::new(made))),
            Err(Unmade::Held(findings)) => {
                self.take_back(card);
                let known: Vec<_> =
                    claimed.record.findings.iter().cloned().chain(findings).collect();
                queue::hold(&self.ledger, job, &known)?;
                Ok(Composed::Held)
            }
            Err(Unmade::NotOnThisMachine(error)) => {
                self.take_back(card);
                queue::put_back(&self.ledger, job)?;
                let product = &claimed.record.product;
                self.misfits.insert(product.clone(), not_on_this_machine(product, &error));
                Ok(Composed::NotOnThisMachine)
            }
        }
    }

    /// A card of a product that is passed over gives way to the others.
    pub fn give_way(
        &mut self,
        next: &mut Option<Ready>,
        but: &[String],
    ) -> Result<(), LedgerError> {
        let waits = |ready: &Ready| but.contains(&ready.record.product);
        if next.as_ref().is_none_or(|ready| !waits(ready)) {
            return Ok(());
        }
        let Some(ready) = next.take() else { return Ok(()) };
        match queue::put_back(&self.ledger, &ready.record.id) {
            // Withdrawn meanwhile.
            Ok(_) | Err(LedgerError::Refused(_)) => self.take_back(ready.card),
            Err(error) => {
                *next = Some(ready);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Looks at the oldest job whose inspection was put off; true if there was one.
    pub fn inspect_oldest(&mut self) -> Result<bool, LedgerError> {
        let Some(record) = self.ledger.oldest(State::Received, &[])? else {
            self.more_to_inspect = false;
            return Ok(false);
        };
        let Some((request, photo)) = queue::data_of(&self.ledger, &record)? else {
            return Ok(true);
        };
        queue::begin_to_inspect(&self.ledger, &record.id)?;
        let inspect = || self.maker.inspect(&request, photo.as_deref(), self.ledger.now());
        let Some(findings) = panics::caught(inspect) else {
            queue::hold_crashed(&self.ledger, &record, Attempt::Inspect)?;
            return Ok(true);
        };
        let known: Vec<_> = record.findings.into_iter().chain(findings).collect();
        let event = if known.iter().any(Finding::holds) {
            Event::Hold { findings: known, attempt: None }
        } else {
            Event::Queue { findings: known }
        };
        match self.ledger.append(&record.id, event).wait() {
            Ok(_) | Err(LedgerError::Refused(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn empty_image() -> CardImage {
    CardImage { front: FaceImage::white(0, 0), back: None, stays_inside: false }
}

enum Composed {
    Ready(PreparedCard, Box<Made>),
    Held,
    NotOnThisMachine,
}

fn not_on_this_machine(product: &str, error: &PrepressError) -> Words {
    let Words { id, en } = error.words();
    Words::new(
        format!(
            "Kartu {product} tidak dapat dicetak di printer ini: {id} Ganti pita, printer atau tata letak (product.*.layout)."
        ),
        format!(
            "Cards of {product} cannot be printed on this printer: {en} Change ribbon, printer or layout (product.*.layout)."
        ),
    )
}
