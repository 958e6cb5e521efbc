//! From the configured addresses to contact with a machine and its reader of chips.

use std::path::PathBuf;
use std::time::Duration;

use drivers::encoder::bounded::Bounded;
use drivers::transport::Transport;
use drivers::transport::lp::Lp;
use drivers::transport::tcp::Tcp;
use drivers::transport::usb::{Usb, UsbName};

use super::encode::Reader;
use super::traced::Traced;
use super::{Connect, Device};
use crate::config::{Address, Encoder, Printer};
use crate::daemon::StartError;

/// A configured way to a printer, not yet used.
pub struct Connection {
    pub(super) family: String,
    pub(super) model: Option<String>,
    pub(super) way: Way,
    pub(super) reader: Option<Bounded>,
}

pub(super) enum Way {
    None,
    Tcp(String),
    Usb(UsbName),
    Lp(PathBuf),
    #[cfg(feature = "emulators")]
    Emulated(emulators::machine::SharedMachine),
}

impl Connection {
    /// Makes the emulated machine and reader if that is what is configured; asks no real one.
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

    /// With the reader that is configured.
    pub(super) fn with_configured(self, encoder: &Encoder) -> Connection {
        let (family, address) = (encoder.family.clone(), encoder.address.clone());
        let open = move || drivers::encoder::open(&family, &address);
        self.with_encoder(open, encoder.deadline)
    }

    /// With a reader that somebody else opens, and its deadline.
    #[must_use]
    pub fn with_encoder(
        self,
        open: impl FnMut() -> drivers::encoder::Opened + Send + 'static,
        deadline: Duration,
    ) -> Connection {
        Connection { reader: Some(Bounded::new(open, deadline)), ..self }
    }

    /// The printer with its reader, for the thread that has its hand on them; `None`: no printer is configured.
    pub fn into_device(mut self) -> Option<Device> {
        let reader = self.reader.take().map(|reader| Reader::new(Box::new(reader)));
        Some(Device::new(self.into_connect()?, reader))
    }

    /// How contact is made, again and again; `None`: no printer is configured.
    pub fn into_connect(self) -> Option<Connect> {
        let Connection { family, model, way, .. } = self;
        let mut transport: Box<dyn FnMut() -> Box<dyn Transport> + Send> = match way {
            Way::None => return None,
            Way::Tcp(address) => Box::new(move || Box::new(Tcp::new(address.clone()))),
            Way::Usb(name) => Box::new(move || Box::new(Usb::new(name.clone()))),
            Way::Lp(file) => Box::new(move || Box::new(Lp::new(file.clone()))),
            #[cfg(feature = "emulators")]
            Way::Emulated(machine) => super::emulated::wires(machine),
        };
        Some(Box::new(move || {
            let wire = Box::new(Traced(recorded(&family, transport())));
            drivers::open(&family, model.as_deref(), wire)
        }))
    }
}

#[cfg(not(feature = "record"))]
fn recorded(_family: &str, wire: Box<dyn Transport>) -> Box<dyn Transport> {
    wire
}

/// With `KARTU_RECORD=FILE` what passes over the wire is added to the file.
#[cfg(feature = "record")]
fn recorded(family: &str, wire: Box<dyn Transport>) -> Box<dyn Transport> {
    let Some(file) = std::env::var_os("KARTU_RECORD") else { return wire };
    // What is personal in a language that nobody knows cannot be told: nothing of it is recorded.
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
