//! The printer: a few counters, one place for a card, and whatever can go wrong between it and the computer.

use drivers::contract::{
    CardOut, Cause, DeviceError, Evidence, Identity, Level, PrinterStatus, Ribbon, Trouble, Watch,
    Whereabouts,
};
use drivers::text::Text;
use drivers::ticket::{Outcome, Ticket, Unlogged};
use drivers::transport::{TransportError, WireFault};

use super::log::Log;
use super::{Kind, SERIAL, Sabotage, World};
use crate::chip::Blame;
use crate::event::{EncodedCard, EncodingFailure};
use crate::job::JobId;
use crate::station::encode::{Encoded, Unencoded, Unwritten};
use crate::station::scheduler::*;

/// A full ribbon.
const RIBBON: u32 = 1000;

/// What the machine is.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    entered: u64,
    /// What the counter says after the power was gone: it is kept only now and then.
    kept: u64,
    ribbon: u32,
    pub inside: Option<Inside>,
    pub cover_open: bool,
    restarted: bool,
    /// The station was told so.
    pub told_restarted: bool,
    owned: bool,
    pub unplugged: bool,
    /// One that keeps a log counts nothing.
    pub log: Option<Log>,
}

/// The card that is inside.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inside {
    pub job: JobId,
    is_encoded: bool,
}

impl Machine {
    pub fn new(kind: Kind) -> Machine {
        Machine {
            entered: 7,
            kept: 7,
            ribbon: RIBBON,
            inside: None,
            cover_open: false,
            restarted: false,
            told_restarted: false,
            owned: false,
            unplugged: false,
            log: (kind == Kind::KeepsLog).then(Log::default),
        }
    }

    pub fn status(&self) -> PrinterStatus {
        let words = Text::fixed("tutup", "close it");
        let (keyword, level) = ("cover-open", Level::Error);
        let cover = Trouble { keyword, level, words, vendor_code: "" };
        PrinterStatus {
            identity: identity(),
            troubles: self.cover_open.then_some(cover).into_iter().collect(),
            card_inside: self.inside.is_some(),
            busy: false,
            owned: self.owned || self.log.as_ref().is_some_and(Log::owns),
            restarted: self.restarted,
            ribbon: self.ribbon(),
            cards_entered: self.counted(),
            cleaning: None,
        }
    }

    fn counted(&self) -> Option<u64> {
        self.log.is_none().then_some(self.entered)
    }

    fn ribbon(&self) -> Option<Ribbon> {
        let ribbon =
            Ribbon { panels: "YMCKO".to_owned(), remaining: self.ribbon, capacity: RIBBON };
        self.log.is_none().then_some(ribbon)
    }

    fn loses_its_power(&mut self) {
        (self.restarted, self.owned, self.entered) = (true, false, self.kept);
        self.end_jobs();
    }

    fn end_jobs(&mut self) {
        self.log.iter_mut().for_each(Log::end_jobs);
    }

    fn logs(&mut self, ticket: Option<&Ticket>, job: &JobId, outcome: Outcome) {
        if let (Some(log), Some(ticket)) = (&mut self.log, ticket) {
            log.write(ticket, job, outcome);
        }
    }

    fn error(&self, card: Whereabouts, cause: Cause, is_asked: bool) -> DeviceError {
        let evidence = is_asked.then(|| Evidence {
            cards_entered_before: None,
            cards_entered_after: self.counted(),
            owned: Some(self.owned),
            card_inside: Some(self.inside.is_some()),
            ribbon_left: self.log.is_none().then_some(self.ribbon),
            watch: Watch::default(),
        });
        DeviceError { card, cause, evidence }
    }
}

fn identity() -> Identity {
    let serial = SERIAL.to_owned().into();
    Identity { model: "M".to_owned(), serial, firmware: "1".to_owned().into() }
}

fn wire() -> Cause {
    Cause::Wire(TransportError { kind: WireFault::Stalled, sent_bytes: 0 })
}

pub(super) fn card_out(machine: &Machine) -> CardOut {
    CardOut {
        identity: identity(),
        cards_entered_before: None,
        cards_entered_after: machine.counted(),
        ribbon: machine.ribbon(),
        watch: Watch::default(),
    }
}

pub(super) fn encoded(machine: &Machine) -> Encoded {
    Encoded { written: EncodedCard::default(), status: machine.status() }
}

pub(super) fn polled(status: PrinterStatus, logged: Vec<(Ticket, Outcome)>) -> Polled {
    // Whoever counts keeps no log here.
    let keeps_log = status.cards_entered.is_none();
    Polled { status, reader: Some(Ok(())), keeps_log, logged }
}

impl World {
    pub(super) fn perform(&mut self, command: &DeviceCommand, how: u8) -> DeviceReport {
        if let Some(refused) = self.restarted_unseen(command) {
            return refused;
        }
        match command {
            DeviceCommand::Poll(jobs) => DeviceReport::Polled(self.poll(jobs)),
            DeviceCommand::OpenJob => DeviceReport::JobOpened(self.open_job(how)),
            DeviceCommand::Encode(job) => DeviceReport::Encoded(job.clone(), self.encode(job, how)),
            DeviceCommand::Print(job, ticket) => {
                let printed = self.print(job, ticket.as_ref(), how);
                DeviceReport::Printed(job.clone(), printed)
            }
            DeviceCommand::AbortOrphanedJob(job) => {
                DeviceReport::Aborted(job.clone(), self.abort(how))
            }
            DeviceCommand::Reject(job) => DeviceReport::Rejected(job.clone(), self.reject(how)),
        }
    }

    /// The printer's hand uses no machine that lost its power since it was polled.
    fn restarted_unseen(&self, command: &DeviceCommand) -> Option<DeviceReport> {
        let machine = &self.machine;
        let forgets = matches!(self.sabotage, Sabotage::ForgetsRestart | Sabotage::StalePoll);
        if machine.unplugged || !machine.restarted || machine.told_restarted || forgets {
            return None;
        }
        let error = DeviceError::untouched(Cause::Restarted);
        Some(match command {
            DeviceCommand::Poll(_) | DeviceCommand::Encode(_) => return None,
            DeviceCommand::OpenJob => DeviceReport::JobOpened(Err(error)),
            DeviceCommand::Print(job, _) => DeviceReport::Printed(job.clone(), Err(error)),
            DeviceCommand::AbortOrphanedJob(job) => DeviceReport::Aborted(job.clone(), Err(error)),
            DeviceCommand::Reject(job) => DeviceReport::Rejected(job.clone(), Err(error)),
        })
    }

    fn poll(&mut self, jobs: &[LoggedJob]) -> Result<Polled, DeviceError> {
        if self.machine.unplugged {
            return Err(DeviceError::untouched(wire()));
        }
        let mut status = self.machine.status();
        if self.sabotage == Sabotage::ForgetsRestart {
            status.restarted = false;
        }
        if self.sabotage == Sabotage::StalePoll && !self.is_calm {
            status = self.before_order.clone();
        }
        self.machine.told_restarted = status.restarted;
        let is_asked_about = self.scheduler.in_doubt.iter().flatten().any(|one| one.told.is_none());
        let may_garble = self.garbles && !self.has_garbled;
        self.has_garbled = may_garble;
        self.garbles &= !may_garble || self.sabotage == Sabotage::HeardOnce;
        let is_garbled =
            may_garble || (self.garbles && self.sabotage == Sabotage::HeardOnce && is_asked_about);
        if is_garbled {
            (status.cards_entered, status.card_inside) = (self.before_order.cards_entered, false);
            status.ribbon = self.before_order.ribbon.clone();
        }
        let mut logged = self.logged(jobs);
        if status.cards_entered.is_none() && is_garbled {
            logged.iter_mut().for_each(|(_, outcome)| *outcome = Outcome::NotPrinted);
        }
        Ok(polled(status, logged))
    }

    fn logged(&mut self, jobs: &[LoggedJob]) -> Vec<(Ticket, Outcome)> {
        let Some(log) = &mut self.machine.log else { return Vec::new() };
        jobs.iter().map(|job| (job.ticket.clone(), log.outcome(&job.ticket))).collect()
    }

    fn open_job(&mut self, how: u8) -> Result<Option<Ticket>, DeviceError> {
        if self.machine.unplugged {
            return Err(DeviceError::untouched(wire()));
        }
        let Some(log) = &mut self.machine.log else { return Ok(None) };
        self.machine.restarted = false;
        let ticket = log.open();
        // It was heard, and the answer was lost.
        if how.is_multiple_of(9) { Err(DeviceError::untouched(wire())) } else { Ok(Some(ticket)) }
    }

    fn encode(&mut self, job: &JobId, how: u8) -> Result<Encoded, Unencoded> {
        let machine = &mut self.machine;
        machine.restarted = false;
        if machine.unplugged || machine.cover_open || machine.inside.is_some() {
            let error = DeviceError::untouched(wire());
            return Err(unencoded(Whereabouts::Untouched, Blame::Card, Some(error)));
        }
        let fed = Inside { job: job.clone(), is_encoded: false };
        let (card, blame) = match how % 7 {
            0 => return Err(unencoded(Whereabouts::Untouched, Blame::Reader, None)),
            1 => (Whereabouts::InMachine, Blame::Card),
            2 => (Whereabouts::InMachine, Blame::Setup),
            4 => (Whereabouts::Unknown, Blame::Card),
            _ => {
                machine.inside = Some(Inside { is_encoded: true, ..fed });
                return Ok(encoded(machine));
            }
        };
        machine.inside = Some(fed);
        let lost = (card == Whereabouts::Unknown).then(|| machine.error(card, wire(), false));
        Err(unencoded(card, blame, lost))
    }

    fn print(
        &mut self,
        job: &JobId,
        ticket: Option<&Ticket>,
        how: u8,
    ) -> Result<CardOut, DeviceError> {
        let machine = &mut self.machine;
        if machine.unplugged || machine.cover_open {
            return Err(DeviceError::untouched(wire()));
        }
        let other = machine.log.as_mut().filter(|_| self.sabotage == Sabotage::OtherTicket);
        let other = other.map(Log::open);
        let ticket = other.as_ref().or(ticket);
        let is_open = |log: &Log| ticket.is_some_and(|ticket| log.is_open(ticket));
        if !machine.log.as_ref().is_none_or(is_open) {
            return Err(DeviceError::untouched(Cause::Busy));
        }
        let waited_inside = self.lines.iter().rev().find_map(|line| {
            let intent = line.event.intent().filter(|_| line.job.as_ref() == Some(job));
            Some(intent?.intent.waits_inside())
        });
        let is_inside =
            machine.inside.as_ref().is_some_and(|card| card.job == *job && card.is_encoded);
        match (waited_inside == Some(true), is_inside) {
            (true, false) => return Err(DeviceError::untouched(Cause::CardGone)),
            (false, _) if machine.inside.is_some() => {
                return Err(DeviceError::untouched(Cause::CardInside));
            }
            _ => {}
        }
        (machine.restarted, machine.owned) = (false, false);
        if how.is_multiple_of(10) {
            return Err(DeviceError::untouched(wire()));
        }
        machine.kept = if how & 16 == 0 { machine.entered } else { machine.kept };
        if how % 10 == 4 && !is_inside {
            // It was heard, and no card came.
            machine.owned = how & 32 == 0;
            let waits = if machine.owned { Outcome::Waiting } else { Outcome::NotPrinted };
            machine.logs(ticket, job, waits);
            return Err(machine.error(Whereabouts::Unknown, wire(), false));
        }
        machine.entered += 1;
        machine.ribbon -= 1;
        machine.logs(ticket, job, outcome_of(how));
        let truth = self.truth.get_mut(job).expect("its job");
        match how % 10 {
            2 => {
                machine.inside = Some(Inside { job: job.clone(), is_encoded: false });
                return Err(machine.error(
                    Whereabouts::InMachine,
                    Cause::CardInside,
                    how & 32 == 0,
                ));
            }
            3 => {
                // By the figures alone it may be a good one.
                (machine.inside, truth.spoiled, truth.taken) = (None, truth.spoiled + 1, true);
                return Err(machine.error(Whereabouts::Rejected, Cause::CardInside, true));
            }
            6 => {
                machine.inside = Some(Inside { job: job.clone(), is_encoded: false });
                machine.loses_its_power();
                return Err(machine.error(Whereabouts::Unknown, Cause::Restarted, false));
            }
            _ => {}
        }
        (machine.inside, truth.good) = (None, truth.good + 1);
        match how % 10 {
            1 => {
                machine.owned = how & 32 == 0;
                Err(machine.error(Whereabouts::Unknown, wire(), false))
            }
            7 => {
                machine.loses_its_power();
                Err(machine.error(Whereabouts::Unknown, Cause::Restarted, false))
            }
            _ => Ok(card_out(machine)),
        }
    }

    fn abort(&mut self, how: u8) -> Result<(), DeviceError> {
        if self.machine.unplugged {
            return Err(DeviceError::untouched(wire()));
        }
        if how.is_multiple_of(6) {
            return Err(DeviceError::untouched(Cause::Busy));
        }
        (self.machine.owned, self.machine.restarted) = (false, false);
        self.machine.end_jobs();
        Ok(())
    }

    fn reject(&mut self, how: u8) -> Result<(), DeviceError> {
        let machine = &mut self.machine;
        if machine.unplugged || machine.cover_open {
            return Err(DeviceError::untouched(wire()));
        }
        machine.restarted = false;
        if how.is_multiple_of(6) {
            return Err(machine.error(Whereabouts::InMachine, Cause::CardInside, false));
        }
        if let Some(card) = machine.inside.take() {
            machine.log.iter_mut().for_each(|log| log.card_goes(&card.job, Outcome::Spoiled));
            self.truth.get_mut(&card.job).expect("its job").spoiled += 1;
        }
        if how % 6 == 1 {
            return Err(self.machine.error(Whereabouts::Unknown, wire(), false));
        }
        Ok(())
    }

    /// Hands, plugs and switches.
    pub(super) fn hands(&mut self, how: u8) -> Result<(), String> {
        let log = self.machine.log.as_mut();
        match (how % 8, log) {
            (7, Some(log)) if how & 32 == 0 => log.begin_anew(),
            (7, Some(log)) => {
                // A job that waits begins when somebody has helped the machine.
                if let Some(job) = log.begin_waiting() {
                    self.truth.get_mut(&job).expect("its job").good += 1;
                }
            }
            (how, _) => self.hands_anywhere(how),
        }
        self.truth_holds()
    }

    fn hands_anywhere(&mut self, how: u8) {
        match how {
            0 => self.machine.cover_open = true,
            1 => self.machine.cover_open = false,
            2 => self.take_out(),
            3 => self.machine.loses_its_power(),
            4 => self.machine.unplugged = true,
            5 => self.machine.unplugged = false,
            6 => self.garbles = true,
            _ => self.machine.ribbon = RIBBON,
        }
    }

    /// Somebody takes out what is inside; for that the cover is open.
    pub(super) fn take_out(&mut self) {
        let Some(card) = self.machine.inside.take() else { return };
        self.machine.cover_open = true;
        let log = &mut self.machine.log;
        log.iter_mut().for_each(|log| log.card_goes(&card.job, Outcome::Spoiled));
        let truth = self.truth.get_mut(&card.job).expect("its job");
        (truth.spoiled, truth.taken) = (truth.spoiled + 1, true);
    }
}

/// What the log says of a card that entered the head.
fn outcome_of(how: u8) -> Outcome {
    match how % 10 {
        2 | 6 => Outcome::CardInside,
        3 => Outcome::Spoiled,
        7 if how & 32 == 0 => Outcome::Unknown(Unlogged::Interrupted),
        _ => Outcome::Printed,
    }
}

fn unencoded(card: Whereabouts, blame: Blame, printer: Option<DeviceError>) -> Unencoded {
    let failure = Box::new(EncodingFailure::of("lost"));
    let unwritten = Unwritten { blame, words: Text::fixed("gagal", "failed"), failure };
    Unencoded { card, unwritten, printer: printer.map(Box::new), reader: None }
}
