//! The preparer: claims the next job, and composes and separates its card while the printer is busy; also performs
//! postponed inspections. Moves no card, and decides neither when nor which product.

use std::sync::Arc;

use drivers::contract::{CardImage, FaceImage, PreparedCard, Prepress, PrepressError};
use drivers::text::Text;

use super::encode::Encoding;
use super::renderer::{Made, Renderer, Unmade};
use super::scheduler::{Card, Preparation};
use crate::clock::Clock;
use crate::event::{Attempt, Event};
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::{Ledger, LedgerError};
use crate::lifecycle::State;
use crate::panics;
use crate::queue::{self, Claimed, Moment, Next};
use crate::report::Metrics;

/// Buffers that are kept: one is printed while the next is filled.
const SPARE_LIMIT: usize = 2;

/// What the printer needs for a job.
struct PreparedJob {
    job: JobId,
    card: PreparedCard,
    /// What to encode on the card before it is printed.
    encoding: Option<Encoding>,
}

pub(super) struct Preparer {
    renderer: Arc<dyn Renderer>,
    ledger: Ledger,
    clock: Clock,
    metrics: Metrics,
    image: CardImage,
    spare: Vec<PreparedCard>,
    /// The next card, and the one whose chip is being written.
    prepared: Vec<PreparedJob>,
    /// A job that is claimed, or may be, and whose result could not be recorded: it is put back into the queue first.
    /// If a start found it claimed, it would count as the job during which the program crashed.
    unfinished: Option<JobId>,
}

impl Preparer {
    pub fn new(
        renderer: Arc<dyn Renderer>,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self {
            renderer,
            ledger,
            clock,
            metrics,
            image: empty_image(),
            spare: Vec::new(),
            prepared: Vec::new(),
            unfinished: None,
        }
    }

    /// The products whose cards have a chip.
    pub fn with_chip(&self) -> Vec<String> {
        self.renderer.with_chip()
    }

    /// From now on cards are made with another renderer; those that are prepared stay as they are.
    pub fn redefine(&mut self, renderer: Arc<dyn Renderer>) {
        self.renderer = renderer;
    }

    /// Takes back the buffer of a printed card.
    pub fn take_back(&mut self, card: PreparedCard) {
        if self.spare.len() < SPARE_LIMIT {
            self.spare.push(card);
        }
    }

    /// Drops the prepared card of this job.
    pub fn discard(&mut self, job: &JobId) {
        if let Some(card) = self.take_card(job) {
            self.take_back(card);
        }
    }

    /// Takes what to encode on this job's card; its faces stay here.
    pub fn take_encoding(&mut self, job: &JobId) -> Option<Encoding> {
        self.prepared.iter_mut().find(|prepared| prepared.job == *job)?.encoding.take()
    }

    /// Takes this job's card for printing.
    pub fn take_card(&mut self, job: &JobId) -> Option<PreparedCard> {
        let at = self.prepared.iter().position(|prepared| prepared.job == *job)?;
        Some(self.prepared.swap_remove(at).card)
    }

    /// Claims the next job, excluding these products, and composes and separates it.
    pub fn prepare_next(
        &mut self,
        prepress: &dyn Prepress,
        excluding: &[String],
        moment: Moment,
    ) -> Result<Preparation, LedgerError> {
        self.put_unfinished_back()?;
        let mut claimed = match queue::claim(&self.ledger, excluding, &mut self.unfinished)? {
            Next::Claimed(claimed) => claimed,
            Next::Held => return Ok(Preparation::Held),
            Next::Nothing => return Ok(Preparation::Nothing),
        };
        let prepared = if self.is_inspected(&mut claimed)? {
            self.prepare(*claimed, prepress, moment)?
        } else {
            Preparation::Held
        };
        self.unfinished = None;
        Ok(prepared)
    }

    /// Puts a claimed job back whose result could not be recorded.
    pub fn put_unfinished_back(&mut self) -> Result<(), LedgerError> {
        let Some(job) = &self.unfinished else { return Ok(()) };
        match queue::put_back(&self.ledger, job) {
            Ok(_) | Err(LedgerError::Refused(_)) => self.unfinished = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Inspects a job that was released although its inspection was never completed. `false`: it is held because of the
    /// findings.
    fn is_inspected(&mut self, claimed: &mut Claimed) -> Result<bool, LedgerError> {
        let Claimed { record, request, photo } = claimed;
        if !queue::is_uninspected(&self.ledger, &record.id)? {
            return Ok(true);
        }
        let inspect = || self.renderer.inspect(request, photo.as_deref(), self.ledger.now());
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

    fn prepare(
        &mut self,
        claimed: Claimed,
        prepress: &dyn Prepress,
        moment: Moment,
    ) -> Result<Preparation, LedgerError> {
        let since = self.clock.steady();
        let mut card = self.spare.pop().unwrap_or_default();
        let Some(made) = self.render(&claimed, prepress, moment, &mut card) else {
            // The panic left it incomplete, so it is not used again.
            self.image = empty_image();
            queue::hold_crashed(&self.ledger, &claimed.record, Attempt::Make)?;
            return Ok(Preparation::Held);
        };
        match made {
            Ok(made) => self.composed(claimed, card, made, since),
            Err(Unmade::Held(findings)) => {
                self.take_back(card);
                let known = claimed.record.findings.into_iter().chain(findings);
                queue::hold(&self.ledger, &claimed.record.id, &known.collect::<Vec<_>>())?;
                Ok(Preparation::Held)
            }
            Err(Unmade::NotOnThisMachine(error)) => {
                self.take_back(card);
                queue::put_back(&self.ledger, &claimed.record.id)?;
                let product = claimed.record.product;
                let words = not_on_this_machine(&product, &error);
                Ok(Preparation::Incompatible { product, words })
            }
        }
    }

    /// `None`: it panicked.
    fn render(
        &mut self,
        claimed: &Claimed,
        prepress: &dyn Prepress,
        moment: Moment,
        card: &mut PreparedCard,
    ) -> Option<Result<Made, Unmade>> {
        let (renderer, image) = (&self.renderer, &mut self.image);
        panics::caught(|| {
            let made = renderer.make(claimed, prepress, moment, image, card);
            // A fault of the chip's setup is reported when the card moves; here only a panic matters, which must happen
            // before that.
            if let Ok(Made { encoding: Some(Encoding { chip: Some(chip), .. }), .. }) = &made {
                let _ = chip.preflight();
            }
            made
        })
    }

    fn composed(
        &mut self,
        claimed: Claimed,
        card: PreparedCard,
        made: Made,
        since: std::time::Duration,
    ) -> Result<Preparation, LedgerError> {
        let record = claimed.record;
        match queue::composed(&self.ledger, &record.id, &made.faces) {
            Ok(_) => {}
            Err(LedgerError::Refused(_)) => return Ok(Preparation::Withdrawn),
            Err(error) => return Err(error),
        }
        let took = self.clock.steady().saturating_sub(since);
        self.metrics.compose_seconds.observe(took.as_secs_f64());
        let prepared = Card {
            job: record.id.clone(),
            product: record.product,
            findings: record.findings,
            ribbon_prints: card.ribbon_prints,
            is_encoded_first: made.encoding.is_some(),
        };
        self.prepared.push(PreparedJob { job: record.id, card, encoding: made.encoding });
        Ok(Preparation::Prepared(prepared))
    }

    /// Inspects the oldest job whose inspection was postponed; `true` if there was one.
    pub fn inspect_oldest(&mut self) -> Result<bool, LedgerError> {
        let Some(record) = self.ledger.oldest(State::Received, &[])? else { return Ok(false) };
        let Some((request, photo)) = queue::data_of(&self.ledger, &record)? else {
            return Ok(true);
        };
        queue::begin_to_inspect(&self.ledger, &record.id)?;
        let inspect = || self.renderer.inspect(&request, photo.as_deref(), self.ledger.now());
        let Some(findings) = panics::caught(inspect) else {
            queue::hold_crashed(&self.ledger, &record, Attempt::Inspect)?;
            return Ok(true);
        };
        let findings: Vec<_> = record.findings.into_iter().chain(findings).collect();
        let event = if findings.iter().any(Finding::holds) {
            Event::Hold { findings, attempt: None }
        } else {
            Event::Queue { findings }
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

fn not_on_this_machine(product: &str, error: &PrepressError) -> Text {
    let Text { id, en } = error.words();
    Text::new(
        format!(
            "Kartu {product} tidak dapat dicetak di printer ini: {id} Ganti pita, printer atau tata letak (product.*.layout)."
        ),
        format!(
            "Cards of {product} cannot be printed on this printer: {en} Change ribbon, printer or layout (product.*.layout)."
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    use drivers::contract::{HeadSize, Stop};

    use super::*;
    use crate::event::Event;
    use crate::ledger::{Disk, NewJob, StoredRequest, init};
    use crate::lifecycle::State;
    use crate::station::renderer::Made;

    /// A disk that cannot be written while it is broken.
    struct Breakable(Arc<AtomicBool>);

    impl Disk for Breakable {
        fn free_bytes(&mut self) -> io::Result<u64> {
            let broken = self.0.load(Ordering::SeqCst);
            if broken { Err(io::Error::other("it is broken")) } else { Ok(u64::MAX) }
        }
    }

    /// Renders every card white.
    struct White;

    impl Renderer for White {
        fn specimen(&self) -> bool {
            true
        }

        fn with_chip(&self) -> Vec<String> {
            Vec::new()
        }

        fn inspect(&self, _: &StoredRequest, _: Option<&[u8]>, _: jiff::Timestamp) -> Vec<Finding> {
            Vec::new()
        }

        fn make(
            &self,
            _: &Claimed,
            _: &dyn Prepress,
            _: Moment,
            _: &mut CardImage,
            _: &mut PreparedCard,
        ) -> Result<Made, Unmade> {
            Ok(Made { faces: Vec::new(), encoding: None })
        }
    }

    impl Prepress for White {
        fn head(&self) -> HeadSize {
            HeadSize { width_px: 1, height_px: 1, dpi_x: 300, dpi_y: 300 }
        }

        fn reaches(&self, _: Stop) -> bool {
            false
        }

        fn prepare(&self, _: &CardImage, _: &mut PreparedCard) -> Result<(), PrepressError> {
            Ok(())
        }
    }

    /// Otherwise the job would stay `claimed` until the next start, unnoticed.
    #[test]
    fn a_claim_that_failed_and_is_there_all_the_same_is_put_back() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("ledger.db");
        init(&path).expect("an empty ledger");
        let broken = Arc::new(AtomicBool::new(false));
        let disk = Box::new(Breakable(Arc::clone(&broken)));
        let ledger = Ledger::open_on(&path, Clock::system(), disk).expect("it opens");
        let job = NewJob::plain("R-1", State::Queued);
        let id = job.id.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(ledger.accept(job)).expect("it is taken in");
        let renderer = Arc::new(White);
        let mut preparer =
            Preparer::new(renderer, ledger.clone(), Clock::system(), Metrics::default());
        let moment = Moment { now: ledger.now(), doubtful: false };
        broken.store(true, Ordering::SeqCst);
        assert!(preparer.prepare_next(&White, &[], moment).is_err());
        broken.store(false, Ordering::SeqCst);
        ledger.append(&id, Event::Claim {}).wait().expect("it is there all the same");
        let prepared = preparer.prepare_next(&White, &[], moment);
        assert!(matches!(prepared, Ok(Preparation::Prepared(_))));
        assert_eq!(ledger.job(&id).expect("it can be read").state, State::Composed);
    }
}
