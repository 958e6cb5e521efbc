//! The hand on the printer: takes one order at a time, answers each. Decides nothing.
//! A card machine may block for minutes, so the daemon gives it a thread of its own; nobody else waits for it.

use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use drivers::contract::{
    CardOut, CardPrinter, Cause, DeviceError, PreparedCard, Prepress, PrinterStatus, Tray,
};
use drivers::ticket::{Outcome, Ticket, Unlogged};

use super::Message;
use super::encode::{self, Encoded, Encoding, Reader, Unencoded};
use super::scheduler::LoggedJob;
use crate::heartbeat::HeartbeatGuard;
use crate::job::JobId;
use drivers::encoder::EncoderError;

/// A driver that neither finishes its call nor exchanges a byte for longer than this stands still. While it waits for an
/// answer, its own limit for that answer is added.
pub(super) const BETWEEN_EXCHANGES: Duration = Duration::from_secs(60);

/// Makes contact with the configured printer; called anew after every lost contact.
pub type Connect = Box<dyn FnMut() -> Result<Box<dyn CardPrinter>, DeviceError> + Send>;

/// What the station wants.
pub enum Order {
    /// How is the machine, and what does its log say of these jobs, as far as they are its own?
    Poll(Vec<LoggedJob>),
    /// Open a job for one card, if the machine keeps a log of them. Nothing moves.
    OpenJob,
    /// Write this card's chip and stripe. The intent is in the ledger.
    Encode(JobId, Encoding),
    /// Print this card: the one that was encoded, else a blank; under the ticket, where there is one. The intent is in the
    /// ledger, and the ticket with it.
    Print(JobId, Option<Ticket>, PreparedCard),
    /// End what a lost computer left in the machine. The intent is in the ledger. Without a job nobody's
    /// card is at stake, or the machine is only used, so that it stops saying that it was just switched on.
    AbortOrphanedJob(Option<JobId>),
    /// Put the card that is inside into the reject box. The intent is in the ledger.
    Reject(JobId),
}

/// What came of it.
pub enum Report {
    /// The machine's answer, and how cards must be made ready for it.
    Polled(Result<DeviceStatus, DeviceError>),
    /// The job that was opened; `None`: the machine keeps no log.
    JobOpened(Result<Option<Ticket>, DeviceError>),
    /// The card is encoded and waits inside, or why not.
    Encoded(JobId, Result<Encoded, Unencoded>),
    /// The card is out, or why not; the buffer comes back to be used again.
    Printed(JobId, Result<CardOut, DeviceError>, PreparedCard),
    /// No job owns the machine any more, or why one does.
    Aborted(Option<JobId>, Result<(), DeviceError>),
    /// The card is in the reject box, or why not.
    Rejected(JobId, Result<(), DeviceError>),
}

/// What one poll tells.
pub struct DeviceStatus {
    /// The machine's answer.
    pub status: PrinterStatus,
    /// How cards must be made ready for it.
    pub prepress: Box<dyn Prepress>,
    /// The reader of chips, or what is wrong with it; `None`: there is none.
    pub reader: Option<Result<(), EncoderError>>,
    /// It keeps a log of its jobs.
    pub keeps_log: bool,
    /// What its log says of each job that was asked for and is its own.
    pub logged: Vec<(Ticket, Outcome)>,
}

/// One printer, in contact or not, and its reader of chips.
pub struct Device {
    connect: Connect,
    printer: Option<Box<dyn CardPrinter>>,
    reader: Option<Reader>,
    /// The last status that the station received said that the machine had restarted.
    told_restarted: bool,
}

impl Device {
    /// A printer that nobody has asked yet.
    pub fn new(connect: Connect, reader: Option<Reader>) -> Device {
        Device { connect, printer: None, reader, told_restarted: false }
    }

    /// Carries out one order.
    pub fn perform(&mut self, order: Order) -> Report {
        let report = match order {
            Order::Poll(jobs) => Report::Polled(self.poll(&jobs)),
            Order::OpenJob => Report::JobOpened(self.open_job()),
            Order::Encode(job, work) => Report::Encoded(job, self.encode(&work)),
            Order::Print(job, ticket, card) => {
                Report::Printed(job, self.print(ticket.as_ref(), &card), card)
            }
            Order::AbortOrphanedJob(job) => {
                Report::Aborted(job, self.unless_restarted().and_then(|p| p.abort_orphaned_job()))
            }
            Order::Reject(job) => {
                Report::Rejected(job, self.unless_restarted().and_then(|p| reject(p.as_mut())))
            }
        };
        if report.is_failure() {
            // The next order asks the machine anew who it is.
            self.printer = None;
        }
        report
    }

    fn contact(&mut self) -> Result<&mut Box<dyn CardPrinter>, DeviceError> {
        match &mut self.printer {
            Some(known) => Ok(known),
            none => Ok(none.insert((self.connect)()?)),
        }
    }

    /// Returns the printer, or fails if it restarted since the station received its last status. Using the printer clears its
    /// restart flag. Without the flag nobody could tell a counter that the machine has lost from one that did not change,
    /// so the station must record the restart first.
    fn unless_restarted(&mut self) -> Result<&mut Box<dyn CardPrinter>, DeviceError> {
        let told_restarted = self.told_restarted;
        let printer = self.contact()?;
        if printer.status()?.restarted && !told_restarted {
            return Err(DeviceError::untouched(Cause::Restarted));
        }
        Ok(printer)
    }

    fn poll(&mut self, jobs: &[LoggedJob]) -> Result<DeviceStatus, DeviceError> {
        let printer = self.contact()?;
        let status = printer.status()?;
        let serial = status.identity.serial.as_str();
        // Another machine's log is not asked: the question could end a job of somebody else's.
        let own = jobs.iter().filter(|job| job.serial == serial && !serial.is_empty());
        let logged =
            own.map(|job| outcome(printer.as_mut(), &job.ticket)).collect::<Result<_, _>>()?;
        let keeps_log = printer.job_log().is_some();
        let prepress = printer.prepress();
        let reader = self.reader.as_mut().map(|reader| match reader.check_empty() {
            // A card that waits inside is seen by its reader, as it should be.
            Err(EncoderError::Occupied) if status.card_inside => Ok(()),
            seen => seen,
        });
        self.told_restarted = status.restarted;
        Ok(DeviceStatus { status, prepress, reader, keeps_log, logged })
    }

    /// On the contact on which the machine said who it is: another machine's ticket could name another card of this one.
    fn open_job(&mut self) -> Result<Option<Ticket>, DeviceError> {
        if self.printer.is_none() {
            return Err(DeviceError::untouched(Cause::Restarted));
        }
        self.unless_restarted()?.job_log().map(|log| log.open_job()).transpose()
    }

    fn print(
        &mut self,
        ticket: Option<&Ticket>,
        card: &PreparedCard,
    ) -> Result<CardOut, DeviceError> {
        let printer = self.unless_restarted()?;
        let Some(ticket) = ticket else { return printer.print(card) };
        match printer.job_log() {
            Some(log) => log.print_as(ticket, card),
            // A card without its ticket is one that the log could deny.
            None => {
                let what = "it keeps no log of its jobs any more".to_owned();
                Err(DeviceError::untouched(Cause::Unsupported(what)))
            }
        }
    }

    fn encode(&mut self, work: &Encoding) -> Result<Encoded, Unencoded> {
        let Device { connect, printer, reader, told_restarted } = self;
        let printer = match printer {
            Some(known) => known,
            none => none.insert(connect().map_err(|error| encode::of_the_printer(&error))?),
        };
        let encoded = encode::encode(printer.as_mut(), reader.as_mut(), work)?;
        *told_restarted = encoded.status.restarted;
        Ok(encoded)
    }
}

/// A machine that keeps no log any more does not tell.
fn outcome(
    printer: &mut dyn CardPrinter,
    ticket: &Ticket,
) -> Result<(Ticket, Outcome), DeviceError> {
    let outcome = match printer.job_log() {
        Some(log) => log.outcome(ticket)?,
        None => Outcome::Unknown(Unlogged::OtherLog),
    };
    Ok((ticket.clone(), outcome))
}

/// The lost job's errors bar the way out, and nobody but us can take them back.
fn reject(printer: &mut dyn CardPrinter) -> Result<(), DeviceError> {
    printer.clear_errors()?;
    printer.eject(Tray::Reject)
}

/// Runs until the station drops its end.
pub(super) fn run(
    mut device: Device,
    orders: &Receiver<Order>,
    station: &Sender<Message>,
    pulse: HeartbeatGuard,
) {
    while let Ok(order) = orders.recv() {
        pulse.works(BETWEEN_EXCHANGES);
        let report = device.perform(order);
        pulse.waits();
        if station.send(Message::Device(Box::new(report))).is_err() {
            break;
        }
    }
    pulse.finish();
}

/// What the machine says of itself, for whoever looks for a fault; figures and keywords only.
pub(super) fn trace_status(status: &PrinterStatus) {
    let troubles: Vec<&str> = status.troubles.iter().map(|trouble| trouble.keyword).collect();
    tracing::trace!(
        card_inside = status.card_inside,
        busy = status.busy,
        owned = status.owned,
        restarted = status.restarted,
        cards_entered = status.cards_entered,
        ribbon = status.ribbon.as_ref().map(|ribbon| ribbon.remaining),
        troubles = ?troubles,
        "the printer was asked"
    );
}

impl Report {
    fn is_failure(&self) -> bool {
        match self {
            Report::Polled(result) => result.is_err(),
            Report::JobOpened(result) => result.is_err(),
            Report::Printed(_, result, _) => result.is_err(),
            // A bad chip is no reason to ask the printer who it is.
            Report::Encoded(_, result) => {
                result.as_ref().is_err_and(|failed| failed.printer.is_some())
            }
            Report::Aborted(_, result) | Report::Rejected(_, result) => result.is_err(),
        }
    }
}

#[cfg(all(test, feature = "emulators"))]
mod tests {
    use drivers::contract::{CardImage, FaceImage, Whereabouts};
    use emulators::logbook::{self, LogbookSettings};
    use emulators::machine::{Lever, SharedMachine};
    use emulators::transport::emulated::Emulated;

    use super::*;

    fn a_device() -> (Device, SharedMachine) {
        let machine = logbook::emulate(LogbookSettings::instant()).expect("it is made");
        let wire = machine.clone();
        let connect = move || (logbook::FAMILY.open)(None, Box::new(Emulated::new(wire.clone())));
        (Device::new(Box::new(connect), None), machine)
    }

    fn is_restarted(device: &mut Device) -> bool {
        match device.perform(Order::Poll(Vec::new())) {
            Report::Polled(Ok(polled)) => polled.status.restarted,
            _ => panic!("it answers"),
        }
    }

    fn a_card(device: &mut Device) -> PreparedCard {
        let prepress = device.contact().expect("it answers").prepress();
        let (head, mut card) = (prepress.head(), PreparedCard::default());
        let front = FaceImage::white(head.width_px, head.height_px);
        let image = CardImage { front, back: None, stays_inside: false };
        prepress.prepare(&image, &mut card).expect("it fits");
        card
    }

    /// The order would clear the restart flag, and nobody would ever know of the restart.
    #[test]
    fn a_machine_that_lost_its_power_since_it_was_polled_is_not_used() {
        let orders: [fn(PreparedCard) -> Order; 4] = [
            |card| Order::Print(JobId::new(), None, card),
            |_| Order::AbortOrphanedJob(None),
            |_| Order::Reject(JobId::new()),
            |_| Order::OpenJob,
        ];
        for order in orders {
            let (mut device, machine) = a_device();
            assert!(is_restarted(&mut device), "it was just switched on");
            // After use and a poll, the station knows of no restart.
            assert!(matches!(device.perform(Order::OpenJob), Report::JobOpened(Ok(Some(_)))));
            assert!(!is_restarted(&mut device));
            let card = a_card(&mut device);
            machine.pull(Lever::CutPower);
            machine.pull(Lever::PowerOn);
            let refused = match device.perform(order(card)) {
                Report::Printed(_, result, _) => result.map(drop),
                Report::Aborted(_, result) | Report::Rejected(_, result) => result,
                Report::JobOpened(result) => result.map(drop),
                _ => panic!("it was another order"),
            };
            let refused = refused.expect_err("it is not used");
            assert_eq!((refused.cause, refused.card), (Cause::Restarted, Whereabouts::Untouched));
            assert!(is_restarted(&mut device), "the sign still stands");
            // The station knows of the restart now, so the machine is used again.
            let order = device.perform(Order::AbortOrphanedJob(None));
            assert!(matches!(order, Report::Aborted(None, Ok(()))));
        }
    }
}
