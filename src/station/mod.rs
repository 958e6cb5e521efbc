//! The station: carries one job at a time from the queue to a card in the output hopper, and has the
//! next one composed meanwhile. The only place that moves jobs along; HTTP sends it messages and
//! reads its snapshots. Knows no SQL, no HTTP and no bytes of any machine.
//!
//! One loop ([`Station::turn`], in `work.rs`): hear what is told, settle what is unsettled, find out about cards that nobody
//! saw (`recovery.rs`), make the next card ready, print when the machine is known to be well. Every step that moves a card
//! is in the ledger before. The loop and the printer have a thread each; whoever wants can turn both by hand.

pub mod chip;
mod connect;
mod device;
#[cfg(feature = "emulators")]
mod emulated;
pub mod encode;
mod handle;
mod hours;
mod machine;
mod maker;
mod moving;
#[allow(dead_code)] // Wired with the scheduler.
mod observations;
mod people;
mod ready;
mod recovery;
mod tell;
mod traced;
mod work;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;

pub use connect::Connection;
pub use device::{Connect, Device, Order, Report, Sight};
pub use handle::{Asked, AtTheDoor, Handle, Message};
pub use maker::{CardMaker, Made, Unmade};
pub use people::{Look, Unsettled};
pub use work::Station;

use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::report::Metrics;

/// What a station is put together from.
pub struct Parts {
    /// As in the configuration.
    pub name: String,
    /// Where everything is written down.
    pub ledger: Ledger,
    /// Makes jobs into cards.
    pub maker: Arc<dyn CardMaker>,
    /// Passed in, so that tests can turn it.
    pub clock: Clock,
    /// Counted for outsiders.
    pub metrics: Metrics,
}

/// Starts the station on its own thread, and its printer with its reader on another; `None`: no printer is configured.
///
/// # Errors
/// When no thread can be started.
pub fn start(parts: Parts, device: Option<Device>) -> std::io::Result<(Handle, JoinHandle<()>)> {
    let (orders, inbox) = mpsc::channel();
    let (station, handle) = Station::new(parts, device.is_some().then_some(orders));
    if let Some(device) = device {
        start_device(device, inbox, &handle)?;
    }
    let thread = std::thread::Builder::new().name("station".into()).spawn(move || station.run())?;
    Ok((handle, thread))
}

fn start_device(device: Device, inbox: Receiver<Order>, handle: &Handle) -> std::io::Result<()> {
    let station = handle.inbox.clone();
    std::thread::Builder::new()
        .name("printer".into())
        .spawn(move || device::run(device, &inbox, &station))?;
    Ok(())
}
