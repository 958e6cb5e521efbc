//! The printer: a few counters, one place for a card, and whatever can go wrong between it and the computer.

use drivers::contract::{
    CardOut, Cause, DeviceError, Evidence, Identity, Level, PrinterStatus, Ribbon, Trouble, Watch,
    Whereabouts,
};
use drivers::text::Text;
use drivers::transport::{TransportError, WireFault};

use super::{SERIAL, Sabotage, World};
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
    owned: bool,
    pub unplugged: bool,
}

/// The card that is inside.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inside {
    pub job: JobId,
    is_encoded: bool,
}

impl Machine {
    pub fn new() -> Machine {
        Machine {
            entered: 7,
            kept: 7,
            ribbon: RIBBON,
            inside: None,
            cover_open: false,
            restarted: false,
            owned: false,
            unplugged: false,
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
            owned: self.owned,
            restarted: self.restarted,
            ribbon: Some(self.ribbon()),
            cards_entered: Some(self.entered),
            cleaning: None,
        }
    }

    fn ribbon(&self) -> Ribbon {
        Ribbon { panels: "YMCKO".to_owned(), remaining: self.ribbon, capacity: RIBBON }
    }

    fn loses_its_power(&mut self) {
        (self.restarted, self.owned, self.entered) = (true, false, self.kept);
    }

    fn error(&self, card: Whereabouts, cause: Cause, is_asked: bool) -> DeviceError {
        let evidence = is_asked.then(|| Evidence {
            cards_entered_before: None,
            cards_entered_after: Some(self.entered),
            owned: Some(self.owned),
            card_inside: Some(self.inside.is_some()),
            ribbon_left: Some(self.ribbon),
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
        cards_entered_after: Some(machine.entered),
        ribbon: Some(machine.ribbon()),
        watch: Watch::default(),
    }
}

pub(super) fn encoded(machine: &Machine) -> Encoded {
    Encoded { written: EncodedCard::default(), status: machine.status() }
}

pub(super) fn polled(status: PrinterStatus) -> Polled {
    Polled { status, reader: Some(Ok(())) }
}

impl World {
    pub(super) fn perform(&mut self, command: &DeviceCommand, how: u8) -> DeviceReport {
        match command {
            DeviceCommand::Poll => DeviceReport::Polled(self.poll()),
            DeviceCommand::Encode(job) => DeviceReport::Encoded(job.clone(), self.encode(job, how)),
            DeviceCommand::Print(job) => DeviceReport::Printed(job.clone(), self.print(job, how)),
            DeviceCommand::AbortOrphanedJob(job) => {
                DeviceReport::Aborted(job.clone(), self.abort(how))
            }
            DeviceCommand::Reject(job) => DeviceReport::Rejected(job.clone(), self.reject(how)),
        }
    }

    fn poll(&mut self) -> Result<Polled, DeviceError> {
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
        // A garbled answer about a card that is being found out about; what a card is begun by is another matter, and is
        // held against the machine by its driver.
        let is_asked_about = self.scheduler.in_doubt.iter().flatten().any(|one| one.told.is_none());
        let may_garble = self.garbles && is_asked_about && !self.has_garbled;
        self.has_garbled = may_garble;
        self.garbles &= !may_garble || self.sabotage == Sabotage::HeardOnce;
        if may_garble || (self.garbles && self.sabotage == Sabotage::HeardOnce && is_asked_about) {
            (status.cards_entered, status.card_inside) = (self.before_order.cards_entered, false);
            status.ribbon = self.before_order.ribbon.clone();
        }
        Ok(polled(status))
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

    fn print(&mut self, job: &JobId, how: u8) -> Result<CardOut, DeviceError> {
        let machine = &mut self.machine;
        if machine.unplugged || machine.cover_open {
            return Err(DeviceError::untouched(wire()));
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
            return Err(machine.error(Whereabouts::Unknown, wire(), false));
        }
        machine.entered += 1;
        machine.ribbon -= 1;
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
            self.truth.get_mut(&card.job).expect("its job").spoiled += 1;
        }
        if how % 6 == 1 {
            return Err(self.machine.error(Whereabouts::Unknown, wire(), false));
        }
        Ok(())
    }

    /// Hands, plugs and switches.
    pub(super) fn hands(&mut self, how: u8) -> Result<(), String> {
        match how % 8 {
            0 => self.machine.cover_open = true,
            1 => self.machine.cover_open = false,
            2 => self.take_out(),
            3 => self.machine.loses_its_power(),
            4 => self.machine.unplugged = true,
            5 => self.machine.unplugged = false,
            6 => self.garbles = true,
            _ => self.machine.ribbon = RIBBON,
        }
        Ok(())
    }

    /// Somebody takes out what is inside; for that the cover is open.
    pub(super) fn take_out(&mut self) {
        let Some(card) = self.machine.inside.take() else { return };
        self.machine.cover_open = true;
        let truth = self.truth.get_mut(&card.job).expect("its job");
        (truth.spoiled, truth.taken) = (truth.spoiled + 1, true);
    }
}

fn unencoded(card: Whereabouts, blame: Blame, printer: Option<DeviceError>) -> Unencoded {
    let failure = Box::new(EncodingFailure::of("lost"));
    let unwritten = Unwritten { blame, words: Text::fixed("gagal", "failed"), failure };
    Unencoded { card, unwritten, printer: printer.map(Box::new), reader: None }
}
