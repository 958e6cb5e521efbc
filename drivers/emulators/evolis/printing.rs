//! A print on the emulated machine: panel by panel, timed by its own clock. Knows no command text and no frame.
//!
//! `faults.rs` handles a job that meets a fault.

use std::collections::VecDeque;
use std::time::Duration;

use super::faults::Held;
use super::mechanics::{EJECT_TIME, FEED_TIME, FLIP_TIME, Mechanics, Refusal, Work};
use super::picture::Side;
use super::places::Place;
use super::supplies::Wound;
use crate::machine::JamAt;
use drivers::printers::evolis::bitmap::Bitmap;
use drivers::printers::evolis::protocol::{
    ERROR_CARD, ERROR_MECA, ERROR_PARAMETERS, OK, OPTION_NOT_AVAILABLE,
};
use drivers::printers::evolis::status::error;
use drivers::printers::evolis::stream::{Form, Panel};

/// Estimated from data sheets, as the times in `mechanics.rs`.
const DYE_PANEL_TIME: Duration = Duration::from_millis(3600);
const RESIN_PANEL_TIME: Duration = Duration::from_millis(1900);
const VARNISH_PANEL_TIME: Duration = Duration::from_millis(1800);

/// A job, from its first command until its card is out.
#[derive(Default)]
pub struct Job {
    /// CLAIM: the job owns the machine.
    pub claim: bool,
    /// The job asked to keep its card inside at the end.
    pub stays_inside: bool,
    /// The ribbon that the job was made for.
    pub ribbon: Option<u16>,
    /// Panels may arrive (`Ss` was received, `Se` not yet).
    pub(super) open: bool,
    on_back: bool,
    front: Side,
    back: Side,
    /// Part 2 of the job was received.
    released: bool,
    /// The job met a fault that the host handles; the rest of its commands are ignored.
    pub(super) given_up: Option<&'static str>,
    /// The job met a fault that the machine handles.
    pub(super) held: Option<Held>,
    /// `Se` was received while the job was held.
    pub(super) complete: bool,
    pub(super) run: Option<Run>,
}

impl Job {
    /// The job after a fault that the host must handle: the rest of its commands are ignored.
    pub fn lost(&self, text: &'static str) -> Self {
        Self { given_up: Some(text), open: self.open, ..Self::default() }
    }
}

pub struct Run {
    steps: VecDeque<Step>,
    /// When the first step ends; `None`: it has not begun.
    ends_at: Option<Duration>,
    /// When the previous step ended.
    last_end: Duration,
    stays_inside: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The head is too hot and pauses.
    Rest(Duration),
    /// Moves a spoiled card to the reject box.
    PutAside,
    /// Takes a blank.
    Blank,
    /// Moves the blank that is inside to the head.
    Settle,
    Panel {
        back: bool,
        letter: char,
    },
    Flip,
    LetOut,
}

impl Step {
    fn lasts(self) -> Duration {
        match self {
            Step::Rest(_) => Duration::ZERO,
            Step::Blank | Step::Settle => FEED_TIME,
            Step::Panel { letter: 'k', .. } => RESIN_PANEL_TIME,
            Step::Panel { letter: 'o', .. } => VARNISH_PANEL_TIME,
            Step::Panel { .. } => DYE_PANEL_TIME,
            Step::Flip => FLIP_TIME,
            Step::PutAside | Step::LetOut => EJECT_TIME,
        }
    }
}

impl Mechanics {
    /// Is a print running?
    pub fn printing(&self) -> bool {
        self.job.run.is_some()
    }

    /// Is the job held until a person clears a fault?
    pub fn held(&self) -> bool {
        self.job.held.is_some()
    }

    /// `Pcla;1`: a job claims the machine.
    pub fn claim(&mut self) -> &'static str {
        if self.printing() || self.job.complete {
            return ERROR_MECA;
        }
        self.job = Job { claim: true, ..Job::default() };
        OK
    }

    /// `Pcla;0`: the job releases the machine as soon as the card is out.
    pub fn release(&mut self) -> &'static str {
        self.job.released = self.job.claim;
        OK
    }

    /// `Ss`: takes the card of the job, from the feeder unless one is already inside.
    pub fn start_card(&mut self) -> &'static str {
        if self.held() {
            return OK;
        }
        let wrong_ribbon = self.job.ribbon.is_some_and(|made_for| {
            self.supplies.ribbon.is_none_or(|ribbon| ribbon.number != made_for)
        });
        self.job.stays_inside = false;
        self.begin_work(Work::Moving, FEED_TIME);
        let fed = if wrong_ribbon {
            Err((error::BAD_RIBBON, ERROR_MECA))
        } else {
            self.feed(Place::Head)
        };
        let job = &mut self.job;
        (job.front, job.back, job.on_back) = (Side::default(), Side::default(), false);
        job.open = true;
        match fed {
            Ok(()) => {
                self.job.given_up = None;
                OK
            }
            Err(refusal) => self.fault(refusal),
        }
    }

    /// `Sr`, `Sv`: selects the next side; outside a job the card is turned over.
    pub fn turn(&mut self, to_back: bool) -> &'static str {
        if let Some(text) = self.job.given_up {
            return text;
        }
        if to_back && !self.flips {
            return OPTION_NOT_AVAILABLE;
        }
        self.job.on_back = to_back;
        if to_back && !self.job.claim {
            self.begin_work(Work::Moving, FLIP_TIME);
            return self.turn_over().map_or_else(|refusal| self.complain(refusal), |()| OK);
        }
        OK
    }

    /// A panel for the side under the head.
    pub fn take_panel(&mut self, panel: &Panel<'_>) -> &'static str {
        if let Some(text) = self.job.given_up {
            return text;
        }
        let carried = match panel.form {
            Form::Plain => self.model.wire.bitmap == Bitmap::Db,
            Form::WithDpi => self.model.wire.bitmap == Bitmap::Dbx,
            Form::Compressed => true,
        };
        let two_levels = panel.bits == 1;
        if !carried || (matches!(panel.letter, 'k' | 'o') && !two_levels) {
            return ERROR_PARAMETERS;
        }
        if !self.job.open {
            return ERROR_CARD;
        }
        let side = if self.job.on_back { &mut self.job.back } else { &mut self.job.front };
        side.take(panel, &self.model.head).map_or(ERROR_PARAMETERS, |()| OK)
    }

    /// `Se`: all panels have arrived; the print runs.
    pub fn end_card(&mut self) -> &'static str {
        if let Some(text) = self.job.given_up {
            return text;
        }
        if !std::mem::take(&mut self.job.open) {
            return ERROR_CARD;
        }
        if self.held() {
            self.job.complete = true;
            return OK;
        }
        self.stop_work();
        self.run();
        OK
    }

    /// `St`, `Stt`: prints the machine's own test card.
    pub fn print_test_card(&mut self, upside_down: bool) -> &'static str {
        let started = self.start_card();
        if started != OK {
            return started;
        }
        self.job.front = Side::test_card(&self.supplies.set(), &self.model.head, upside_down);
        self.end_card()
    }

    /// Starts printing the panels that have arrived.
    pub(super) fn run(&mut self) {
        let mut steps = VecDeque::new();
        steps.extend(self.heat.rest().map(Step::Rest));
        match &self.card {
            Some(card) if !card.front.is_blank() || !card.back.is_blank() => {
                steps.extend([Step::PutAside, Step::Blank]);
            }
            Some(_) => steps.push_back(Step::Settle),
            None => steps.push_back(Step::Blank),
        }
        let panel = |back| move |letter| Step::Panel { back, letter };
        steps.extend(self.job.front.letters().map(panel(false)));
        if !self.job.back.is_blank() {
            steps.push_back(Step::Flip);
            steps.extend(self.job.back.letters().map(panel(true)));
        }
        steps.push_back(Step::LetOut);
        let stays_inside = self.job.stays_inside;
        self.job.run = Some(Run { steps, ends_at: None, last_end: self.clock, stays_inside });
        self.supplies.begin_card();
        self.advance();
    }

    /// Carries out every step that is due.
    pub(super) fn advance(&mut self) {
        self.resume();
        while let Some(run) = &self.job.run {
            let Some(&step) = run.steps.front() else {
                self.job.run = None;
                break;
            };
            if run.ends_at.is_none()
                && let Err(refusal) = self.begin(step)
            {
                self.fault(refusal);
                break;
            }
            let slowness = self.slowness;
            let Some(run) = &mut self.job.run else { break };
            let span = match step {
                // The span is already scaled.
                Step::Rest(span) => span,
                step => step.lasts().mul_f64(slowness),
            };
            let ends_at = *run.ends_at.get_or_insert(run.last_end.saturating_add(span));
            if self.clock < ends_at {
                break;
            }
            let stays_inside = run.stays_inside;
            self.printed += span;
            (run.ends_at, run.last_end) = (None, ends_at);
            run.steps.pop_front();
            self.heat.settle(ends_at, true);
            self.finish(step, stays_inside);
        }
        if self.job.released && !self.printing() && !self.held() {
            // Also drop panels whose `Se` never came.
            self.job = Job::default();
        }
    }

    /// Starts a step; it may fail.
    fn begin(&mut self, step: Step) -> Result<(), Refusal> {
        let gone = (error::MECHANICAL, ERROR_MECA);
        match step {
            Step::Panel { letter, .. } => {
                if self.card.is_none() {
                    return Err(gone);
                }
                self.jam(JamAt::Head, Place::Head)?;
                match self.supplies.wind_to(letter, &mut self.memory) {
                    Wound::There => Ok(()),
                    Wound::Ended => Err((error::RIBBON_ENDED, ERROR_MECA)),
                    Wound::NotOnIt => Err((error::BAD_RIBBON, ERROR_MECA)),
                    Wound::Missing => Err((error::RIBBON_ERROR, ERROR_MECA)),
                }
            }
            Step::Flip => {
                self.jam(JamAt::Flip, Place::Flip)?;
                self.put_at(Place::Flip);
                Ok(())
            }
            Step::LetOut if self.card.is_none() => Err(gone),
            Step::LetOut if !self.job.run.as_ref().is_some_and(|run| run.stays_inside) => {
                self.put_at(Place::Exit);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn put_at(&mut self, place: Place) {
        if let Some(card) = &mut self.card {
            card.place = Some(place);
        }
        self.remember();
    }

    /// Applies the effect of a finished step.
    fn finish(&mut self, step: Step, stays_inside: bool) {
        // Steps that move a card check whether anything may move, and the run in progress must not block its own steps.
        let run = self.job.run.take();
        let outcome = match step {
            Step::Rest(_) | Step::Settle => Ok(()),
            Step::Flip => {
                self.put_at(Place::Head);
                Ok(())
            }
            Step::PutAside => self.let_out(true),
            Step::Blank => self.feed(Place::Head),
            Step::Panel { back, letter } => {
                if let Some(card) = &mut self.card {
                    let (side, wanted) = if back {
                        (&mut card.back, &self.job.back)
                    } else {
                        (&mut card.front, &self.job.front)
                    };
                    side.print(wanted, letter);
                    card.wanted_panels =
                        self.job.front.letters().count() + self.job.back.letters().count();
                }
                Ok(())
            }
            Step::LetOut => {
                self.heat.add_card();
                if stays_inside { Ok(()) } else { self.let_out(false) }
            }
        };
        self.job.run = run;
        if let Err(refusal) = outcome {
            self.fault(refusal);
        } else if matches!(step, Step::Panel { .. }) {
            self.remember();
            let (cover, ribbon) = self.planned.panel_printed();
            if ribbon {
                self.supplies.end_ribbon(&mut self.memory);
            }
            if cover {
                self.open_cover();
            }
        }
    }
}
