//! The thread that owns the printer: takes one order at a time, answers each. Decides nothing.
//! A card machine may block for minutes; nobody else waits for it.

use std::sync::mpsc::{Receiver, Sender};

use drivers::contract::{CardOut, CardPrinter, DeviceError, PreparedCard, Prepress, PrinterStatus};

use super::Message;
use crate::ledger::JobId;

/// Makes contact with the configured printer; called anew after every lost contact.
pub type Connect = Box<dyn FnMut() -> Result<Box<dyn CardPrinter>, DeviceError> + Send>;

/// What the station wants.
pub(super) enum Order {
    /// How is the machine?
    Look,
    /// Print this card. The intent is in the ledger.
    Print(JobId, PreparedCard),
}

/// What came of it.
pub(super) enum Report {
    /// The machine's answer, and how cards must be made ready for it.
    Looked(Result<(PrinterStatus, Box<dyn Prepress>), DeviceError>),
    /// The card is out, or why not; the buffer comes back to be used again.
    Printed(JobId, Result<CardOut, DeviceError>, PreparedCard),
}

/// Runs until the station drops its end.
pub(super) fn run(mut connect: Connect, orders: &Receiver<Order>, station: &Sender<Message>) {
    let mut printer: Option<Box<dyn CardPrinter>> = None;
    while let Ok(order) = orders.recv() {
        let report = match order {
            Order::Look => Report::Looked(look(&mut printer, &mut connect)),
            Order::Print(job, card) => {
                let result = contact(&mut printer, &mut connect).and_then(|p| p.print(&card));
                Report::Printed(job, result, card)
            }
        };
        if report.lost_contact() {
            printer = None;
        }
        if station.send(Message::Device(report)).is_err() {
            return;
        }
    }
}

fn contact<'p>(
    printer: &'p mut Option<Box<dyn CardPrinter>>,
    connect: &mut Connect,
) -> Result<&'p mut Box<dyn CardPrinter>, DeviceError> {
    match printer {
        Some(known) => Ok(known),
        None => Ok(printer.insert(connect()?)),
    }
}

fn look(
    printer: &mut Option<Box<dyn CardPrinter>>,
    connect: &mut Connect,
) -> Result<(PrinterStatus, Box<dyn Prepress>), DeviceError> {
    let printer = contact(printer, connect)?;
    let status = printer.status()?;
    Ok((status, printer.prepress()))
}

impl Report {
    /// Any failure: the next call asks the machine anew who it is.
    fn lost_contact(&self) -> bool {
        match self {
            Report::Looked(result) => result.is_err(),
            Report::Printed(_, result, _) => result.is_err(),
        }
    }
}
