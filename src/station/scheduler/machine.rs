//! What the scheduler knows of its printer: what it said last, whether that still counts, and what it was told to do.

use std::time::Duration;

use drivers::contract::{CardOut, DeviceError, Level, PrinterStatus};
use drivers::encoder::EncoderError;
use drivers::ticket::{Outcome, Ticket};

use super::{Fault, OrderNo, Scheduler};
use crate::event::RecoveryStep;
use crate::evidence::{Facts, Intent};
use crate::job::JobId;
use crate::station::encode::{Encoded, Unencoded};

/// Hands change nothing about a machine within this that a card's figures would show.
const STATUS_AGE_MAX: Duration = Duration::from_secs(1);
/// How often an idle machine is polled: a technician who opens the cover sees it on the page soon.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How often a machine in trouble is polled: the queue goes on soon after somebody has helped.
const POLL_INTERVAL_IN_TROUBLE: Duration = Duration::from_secs(2);
/// The longest pause after cards that could not be begun.
const BACKOFF_LIMIT: Duration = Duration::from_secs(60);

/// What the printer's thread is ordered to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceCommand {
    /// Ask the machine how it is, and what its log says of these jobs.
    Poll(Vec<LoggedJob>),
    /// Have it open a job for one card, if it keeps a log of them. Nothing moves.
    OpenJob,
    /// Write this card's chip and stripe. The intent is in the ledger.
    Encode(JobId),
    /// Print this card: the one that was encoded, else a blank; under its ticket, where there is one. The intent is in the
    /// ledger, and the ticket with it.
    Print(JobId, Option<Ticket>),
    /// End what a lost computer left in the machine. The intent is in the ledger. Without a job nobody's card is at
    /// stake, or the machine is only used, so that it stops saying that it was just switched on.
    AbortOrphanedJob(Option<JobId>),
    /// Put the card that is inside into the reject box. The intent is in the ledger.
    Reject(JobId),
}

/// What came of it.
#[derive(Debug)]
pub enum DeviceReport {
    /// The machine's answer.
    Polled(Result<Polled, DeviceError>),
    /// The job that was opened; `None`: the machine keeps no log.
    JobOpened(Result<Option<Ticket>, DeviceError>),
    /// The card is encoded and waits inside, or why not.
    Encoded(JobId, Result<Encoded, Unencoded>),
    /// The card is out, or why not.
    Printed(JobId, Result<CardOut, DeviceError>),
    /// No job owns the machine any more, or why one does.
    Aborted(Option<JobId>, Result<(), DeviceError>),
    /// The card is in the reject box, or why not.
    Rejected(JobId, Result<(), DeviceError>),
}

/// What a poll tells.
#[derive(Debug, Clone)]
pub struct Polled {
    /// The machine's answer.
    pub status: PrinterStatus,
    /// The reader of chips, or what is wrong with it; `None`: there is none.
    pub reader: Option<Result<(), EncoderError>>,
    /// It keeps a log of its jobs.
    pub keeps_log: bool,
    /// What its log says of each job that was asked for and is its own.
    pub logged: Vec<(Ticket, Outcome)>,
}

/// A job that a machine opened: another machine may have one of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedJob {
    /// Serial number of the machine.
    pub serial: String,
    /// Its name for the job.
    pub ticket: Ticket,
}

impl DeviceReport {
    /// Is it what came of this command?
    fn answers(&self, command: &DeviceCommand) -> bool {
        match (self, command) {
            (Self::Polled(_), DeviceCommand::Poll(_))
            | (Self::JobOpened(_), DeviceCommand::OpenJob) => true,
            (Self::Encoded(job, _), DeviceCommand::Encode(of))
            | (Self::Printed(job, _), DeviceCommand::Print(of, _))
            | (Self::Rejected(job, _), DeviceCommand::Reject(of)) => job == of,
            (Self::Aborted(job, _), DeviceCommand::AbortOrphanedJob(of)) => job == of,
            _ => false,
        }
    }
}

/// What is known of the printer.
#[derive(Default)]
pub(in crate::station) struct Machine {
    /// A printer is configured.
    pub is_configured: bool,
    pub status: Option<PrinterStatus>,
    pub error: Option<DeviceError>,
    /// It keeps a log of its jobs: one is opened for each card.
    pub(super) keeps_log: bool,
    /// What its log says of jobs whose card is in doubt, told with the status.
    logged: Vec<(Ticket, Outcome)>,
    /// The reader of chips, or what is wrong with it; `None`: there is none, or it was not asked yet.
    pub reader: Option<Result<(), EncoderError>>,
    /// The last poll was after the last card.
    pub(super) is_fresh: bool,
    /// The counter and the ribbon that it reported last.
    figures: Option<Facts>,
    /// It reported the same figures twice in a row.
    pub(super) is_said_twice: bool,
    /// It was used since contact was made, so that it no longer says that it was just switched on.
    pub(super) is_used: bool,
    /// What its thread carries out.
    pub(super) outstanding: Option<(OrderNo, DeviceCommand)>,
    /// When its status was told, by the steady clock.
    told_at: Duration,
    /// When it was last asked how it is, or has answered. What is due is due by this, however many messages come.
    polled_at: Duration,
}

impl Machine {
    pub(super) fn new(is_configured: bool, now: Duration) -> Machine {
        Machine { is_configured, polled_at: now, ..Machine::default() }
    }

    /// The printer has reported its figures, in a status or with a finished card.
    pub(super) fn note_figures(&mut self, now: &Facts) {
        self.is_said_twice = self.figures.as_ref().is_some_and(|before| before.counts_as(now));
        self.figures = Some(now.clone());
    }

    /// Its status is of after the last order, and no poll is under way: the answer to one that was asked for before an
    /// order must never be taken for what the machine says after it.
    pub(super) fn is_known(&self) -> bool {
        self.is_fresh && self.outstanding.is_none()
    }

    /// Its status is what the next card may be held against: of this very moment. Between two polls of an idle machine
    /// somebody may have changed its ribbon, or printed from another computer.
    pub(super) fn is_of_now(&self, now: Duration) -> bool {
        now.saturating_sub(self.told_at) <= STATUS_AGE_MAX
    }

    /// Chips can be written, as far as is known.
    pub(super) fn can_encode(&self) -> bool {
        !matches!(self.reader, Some(Err(_)))
    }

    /// What it said when it was last polled, of the card of this intent.
    pub(super) fn facts_about(&self, intent: &Intent, now: Facts) -> Facts {
        let ticket = intent.ticket_at(&now.serial);
        let said = self.logged.iter().find(|(of, _)| Some(of) == ticket);
        Facts { logged: said.map(|(_, outcome)| *outcome), ..now }
    }

    /// What cards are prepared for: model and ribbon.
    pub(super) fn kind(&self) -> String {
        let Some(status) = &self.status else { return String::new() };
        let ribbon = status.ribbon.as_ref().map_or("", |ribbon| ribbon.panels.as_str());
        format!("{} {} {ribbon}", status.identity.model, status.identity.serial)
    }
}

/// A pause before the next try, longer each time: a machine that refuses every card must not fill the ledger.
#[derive(Clone, Copy)]
pub(super) struct Backoff {
    span: Duration,
    pub until: Duration,
}

impl Backoff {
    pub fn longer(before: Option<Backoff>, now: Duration) -> Backoff {
        let span = before
            .map_or(POLL_INTERVAL_IN_TROUBLE, |backoff| (backoff.span * 2).min(BACKOFF_LIMIT));
        Backoff { span, until: now + span }
    }
}

/// Would a card come out well now?
pub(super) fn is_well(status: &PrinterStatus) -> bool {
    !status.busy
        && !status.owned
        && !status.card_inside
        && status.troubles.iter().all(|trouble| trouble.level != Level::Error)
}

impl Scheduler {
    /// Asks the machine how it is, unless it is asked already or at work.
    pub(super) fn poll(&mut self) {
        if !self.machine.is_configured || self.machine.outstanding.is_some() || self.at_work() {
            return;
        }
        self.machine.polled_at = self.now.steady;
        let in_doubt = self.in_doubt.iter().flatten();
        let jobs = in_doubt.filter_map(|one| one.logged_job()).collect();
        self.order(DeviceCommand::Poll(jobs));
    }

    /// A machine that did not answer is asked again when the next poll is due, not at once and for ever.
    pub(super) fn poll_if_it_answers(&mut self) {
        if self.machine.error.is_none() {
            self.poll();
        }
    }

    /// The machine is polled when it is due, not when it happens to be quiet.
    pub(super) fn poll_when_due(&mut self) {
        if self.until_next_poll(self.now.steady).is_zero() {
            self.poll();
        }
    }

    pub(super) fn until_next_poll(&self, now: Duration) -> Duration {
        let every = self.poll_interval();
        if !self.machine.is_configured || self.machine.outstanding.is_some() || self.at_work() {
            return every;
        }
        (self.machine.polled_at + every).saturating_sub(now)
    }

    fn poll_interval(&self) -> Duration {
        let is_in_trouble = self.own_trouble.is_some()
            || self.machine.error.is_some()
            || self.in_doubt.as_ref().is_none_or(|in_doubt| !in_doubt.is_empty())
            || self.machine.status.as_ref().is_some_and(|status| !is_well(status));
        if is_in_trouble { POLL_INTERVAL_IN_TROUBLE } else { POLL_INTERVAL }
    }

    /// A report counts once, for the order that is being carried out.
    pub(super) fn on_report(&mut self, number: OrderNo, report: DeviceReport) {
        let Some((_, command)) =
            self.machine.outstanding.take_if(|(outstanding, _)| *outstanding == number)
        else {
            tracing::debug!("a report about an order that is over");
            return;
        };
        if !report.answers(&command) {
            return self.halt(Fault::OtherReport);
        }
        match report {
            DeviceReport::Polled(polled) => self.on_polled(polled),
            DeviceReport::JobOpened(opened) => self.on_job_opened(opened),
            DeviceReport::Encoded(job, result) => self.on_encoded(&job, result),
            DeviceReport::Printed(job, result) => self.on_printed(&job, result),
            DeviceReport::Aborted(job, result) => {
                self.on_recovered(job.as_ref(), RecoveryStep::AbortOrphanedJob, result);
            }
            DeviceReport::Rejected(job, result) => {
                self.on_recovered(Some(&job), RecoveryStep::Reject, result);
            }
        }
    }

    fn on_polled(&mut self, polled: Result<Polled, DeviceError>) {
        let machine = &mut self.machine;
        (machine.polled_at, machine.told_at) = (self.now.steady, self.now.steady);
        match polled {
            Ok(polled) => {
                self.observations.seen(&polled.status);
                self.observations.reader(polled.reader.as_ref());
                let now = Facts::of(&polled.status);
                machine.note_figures(&now);
                machine.status = Some(polled.status);
                machine.reader = polled.reader;
                machine.keeps_log = polled.keeps_log;
                machine.logged = polled.logged;
                machine.error = None;
                machine.is_fresh = true;
                self.note_for_those_in_doubt(&now);
            }
            Err(error) => {
                if machine.error.as_ref() != Some(&error) {
                    tracing::warn!(%error, "the printer cannot be asked");
                }
                self.observations.lost(&error);
                machine.error = Some(error);
                (machine.is_fresh, machine.is_used) = (false, false);
                // It was not asked.
                machine.reader = None;
            }
        }
    }

    /// Not every poll is judged: the next may be due before, and recovery waits until the printer's cards are accounted for.
    fn note_for_those_in_doubt(&mut self, now: &Facts) {
        let is_unaccounted = self.unaccounted().is_some();
        for in_doubt in self.in_doubt.iter_mut().flatten() {
            let now = self.machine.facts_about(&in_doubt.intent, now.clone());
            in_doubt.hear(&now);
            if is_unaccounted {
                in_doubt.note_hands(&now);
            }
        }
    }
}
