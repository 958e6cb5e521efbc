//! From the configured addresses to an open machine and its chip reader.

use std::path::PathBuf;
use std::time::Duration;

use drivers::encoder::bounded::Bounded;
use drivers::transport::Transport;
use drivers::transport::lp::Lp;
use drivers::transport::tcp::Tcp;
use drivers::transport::usb::{Usb, UsbName};

use super::encode::Reader;
use super::traced::Traced;
use super::watched::{AwaitedReader, WatchedReader, WatchedWire};
use super::{Connect, Device};
use crate::config::{Address, Encoder, Printer};
use crate::daemon::StartError;
use crate::heartbeat::{Heartbeat, HeartbeatGuard, Heartbeats, Part};

/// Cards that need the reader wait after its deadline, because some calls return later (a mute card held one for 232
/// s). A call that blocks its thread for longer than this can only be freed by restarting the process.
const STUCK_LIMIT: Duration = Duration::from_secs(600);

/// The configured connection to a printer, not yet used.
pub struct Connection {
    pub(super) family: String,
    pub(super) model: Option<String>,
    pub(super) way: Way,
    pub(super) reader: Option<ReaderWay>,
}

/// How to open a reader, and the deadline of its calls.
pub(super) struct ReaderWay {
    open: Box<dyn FnMut() -> drivers::encoder::Opened + Send>,
    deadline: Duration,
}

pub(super) enum Way {
    None,
    Tcp(String),
    Usb(UsbName),
    Lp(PathBuf),
    #[cfg(feature = "emulators")]
    Emulated(emulators::machine::SharedMachine),
    /// The caller's own way of connecting.
    Other(Connect),
}

impl Connection {
    /// Creates the emulated machine and reader if configured; contacts no real one.
    ///
    /// # Errors
    /// [`StartError::Emulator`].
    pub fn of(printer: &Printer, encoder: Option<&Encoder>) -> Result<Connection, StartError> {
        let way = match &printer.address {
            Address::None => Way::None,
            Address::Tcp(address) => Way::Tcp(address.clone()),
            Address::Usb(name) => Way::Usb(name.clone()),
            Address::Lp(file) => Way::Lp(file.clone()),
            #[cfg(feature = "emulators")]
            Address::Emulated => return Self::emulated(printer, encoder),
        };
        let (family, model) = (printer.family.clone(), printer.model.clone());
        let connection = Connection { family, model, way, reader: None };
        Ok(match encoder {
            Some(encoder) => connection.with_configured(encoder),
            None => connection,
        })
    }

    /// A printer to which the caller connects.
    pub fn through(connect: Connect) -> Connection {
        Connection { family: String::new(), model: None, way: Way::Other(connect), reader: None }
    }

    /// Adds the configured reader.
    pub(super) fn with_configured(self, encoder: &Encoder) -> Connection {
        let (family, address) = (encoder.family.clone(), encoder.address.clone());
        let open = move || drivers::encoder::open(&family, &address);
        self.with_encoder(open, encoder.deadline)
    }

    /// Adds a reader that the caller opens, and its deadline.
    #[must_use]
    pub fn with_encoder(
        self,
        open: impl FnMut() -> drivers::encoder::Opened + Send + 'static,
        deadline: Duration,
    ) -> Connection {
        Connection { reader: Some(ReaderWay { open: Box::new(open), deadline }), ..self }
    }

    /// The printer with its reader, for the thread that drives them, and that thread's heartbeat; `None`: no printer is
    /// configured.
    pub(super) fn into_device(
        mut self,
        heartbeats: &Heartbeats,
    ) -> Option<(Device, HeartbeatGuard)> {
        let way = self.reader.take();
        let beat = Heartbeat::new(Part::Printer);
        let connect = self.into_watched(beat.clone())?;
        heartbeats.watch(beat.clone());
        let reader = way.map(|way| way.into_reader(heartbeats.add(Part::Reader), beat.clone()));
        Some((Device::new(connect, reader), HeartbeatGuard::of(beat)))
    }

    /// The function that connects, which can be called repeatedly; `None`: no printer is configured.
    pub fn into_connect(self) -> Option<Connect> {
        self.into_watched(Heartbeat::new(Part::Printer))
    }

    fn into_watched(self, beat: Heartbeat) -> Option<Connect> {
        let Connection { family, model, way, .. } = self;
        let mut transport: Box<dyn FnMut() -> Box<dyn Transport> + Send> = match way {
            Way::None => return None,
            Way::Other(connect) => return Some(connect),
            Way::Tcp(address) => Box::new(move || Box::new(Tcp::new(address.clone()))),
            Way::Usb(name) => Box::new(move || Box::new(Usb::new(name.clone()))),
            Way::Lp(file) => Box::new(move || Box::new(Lp::new(file.clone()))),
            #[cfg(feature = "emulators")]
            Way::Emulated(machine) => super::emulated::wires(machine),
        };
        Some(Box::new(move || {
            let wire = Box::new(Traced(recorded(&family, transport())));
            let wire = Box::new(WatchedWire { wire, beat: beat.clone() });
            drivers::open(&family, model.as_deref(), wire)
        }))
    }
}

impl ReaderWay {
    /// `own`: the heartbeat of the reader's thread; `printer`: that of the thread that waits for it.
    fn into_reader(self, own: Heartbeat, printer: Heartbeat) -> Reader {
        let ReaderWay { mut open, deadline } = self;
        let limit = deadline.saturating_add(STUCK_LIMIT);
        let watched = move || {
            let reader = own.during(limit, &mut open)?;
            Ok(Box::new(WatchedReader { reader, beat: own.clone(), limit }) as _)
        };
        let reader = Box::new(Bounded::new(watched, deadline));
        Reader::new(Box::new(AwaitedReader { reader, beat: printer, limit: deadline }))
    }
}

#[cfg(not(feature = "record"))]
fn recorded(_family: &str, wire: Box<dyn Transport>) -> Box<dyn Transport> {
    wire
}

/// With `KARTU_RECORD=FILE`, traffic on the wire is appended to the file.
#[cfg(feature = "record")]
fn recorded(family: &str, wire: Box<dyn Transport>) -> Box<dyn Transport> {
    let Some(file) = std::env::var_os("KARTU_RECORD") else { return wire };
    // For an unknown family it is unknown which traffic is personal, so nothing is recorded.
    let Some(family) = drivers::find(family) else { return wire };
    match drivers::private_file::append(file.as_ref()) {
        Ok(into) => {
            Box::new(drivers::transport::recorded::Recorder::new(wire, Box::new(into), family))
        }
        Err(error) => {
            tracing::error!(%error, "KARTU_RECORD cannot be written; nothing is recorded");
            wire
        }
    }
}
