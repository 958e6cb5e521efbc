//! The station: carries one job at a time from the queue to a card in the output hopper, and composes the next one
//! meanwhile. It is the only module that moves jobs along; HTTP sends it messages and reads its snapshots. Knows no
//! SQL, no HTTP and no bytes of any machine.
//!
//! [`Scheduler`] decides, and is pure. [`Station`] (the runner) passes events to it and carries out its actions: it
//! queries the ledger, lets the [`Preparer`](preparer) compose the next card, sends orders to the printer's thread
//! ([`Device`]) and publishes the status. Every step that moves a card is in the ledger before it happens. Runner and
//! printer have a thread each; tests can drive both step by step.

mod answers;
pub mod chip;
mod connect;
mod device;
#[cfg(feature = "emulators")]
mod emulated;
pub mod encode;
mod handle;
mod preparer;
mod renderer;
mod runner;
pub mod scheduler;
mod status;
mod traced;
mod watched;

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

pub use connect::Connection;
pub use device::{Connect, Device, DeviceStatus, Order, Report};
pub use handle::{Asked, Handle, InflightRequest, Message};
pub use renderer::{Made, Renderer, Unmade};
pub use runner::Station;
pub use scheduler::{Look, Scheduler, Unsettled};

use crate::clock::{Clock, ClockTrust};
use crate::heartbeat::{HeartbeatGuard, Heartbeats, Part};
use crate::ledger::Ledger;
use crate::report::Metrics;

/// The parts of a station.
pub struct Parts {
    /// As in the configuration.
    pub name: String,
    /// The ledger.
    pub ledger: Ledger,
    /// Renders jobs into cards.
    pub renderer: Arc<dyn Renderer>,
    /// Passed in, so that tests can set it.
    pub clock: Clock,
    /// Is the clock on the wall believed?
    pub clock_trust: ClockTrust,
    /// Metrics for outsiders.
    pub metrics: Metrics,
}

/// Starts the station on its own thread, and its printer with its reader on another.
///
/// # Errors
/// When no thread can be started.
pub fn start(
    parts: Parts,
    connection: Connection,
    heartbeats: &Heartbeats,
) -> std::io::Result<(Handle, JoinHandle<()>)> {
    let (orders, inbox) = mpsc::channel();
    let pulse = HeartbeatGuard::of(heartbeats.add(Part::Scheduler));
    let device = connection.into_device(heartbeats);
    let (station, handle) = Station::new(parts, device.is_some().then_some(orders), pulse);
    if let Some((device, pulse)) = device {
        let messages = handle.inbox.clone();
        std::thread::Builder::new()
            .name("printer".into())
            .spawn(move || device::run(device, &inbox, &messages, pulse))?;
    }
    let thread = std::thread::Builder::new().name("station".into()).spawn(move || station.run())?;
    Ok((handle, thread))
}
