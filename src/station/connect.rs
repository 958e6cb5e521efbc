//! From the configured addresses to contact with a machine and its reader of chips.

use std::path::PathBuf;
use std::time::Duration;

use drivers::card::{CardSettings, Field};
use drivers::emulation::{BlankChips, EmulatorSettings, SharedMachine};
use drivers::encoder::bounded::Bounded;
use drivers::transport::Transport;
use drivers::transport::emulated::Emulated;
use drivers::transport::lp::Lp;
use drivers::transport::tcp::Tcp;
use drivers::transport::usb::{Usb, UsbName};

use super::encode::Reader;
use super::traced::Traced;
use super::{Connect, Device};
use crate::config::{Address, Encoder, Printer};
use crate::daemon::StartError;

/// Blanks that the emulated machine's feeder holds.
const FEEDER: u32 = 100;
/// What the emulated machine then has beyond its model.
const CONTACTLESS: &str = "CONTACTLESS";
/// Family of the emulated reader.
const EMULATED_READER: &str = "pn532";
/// Prints on its ribbon.
const RIBBON: u32 = 300;

/// A configured way to a printer, not yet used.
pub struct Connection {
    family: String,
    model: Option<String>,
    way: Way,
    reader: Option<Bounded>,
}

enum Way {
    None,
    Tcp(String),
    Usb(UsbName),
    Lp(PathBuf),
    Emulated(SharedMachine),
}

impl Connection {
    /// Makes the emulated machine and reader if that is what is configured; asks no real one.
    ///
    /// # Errors
    /// [`StartError::Emulator`].
    pub fn of(printer: &Printer, encoder: Option<&Encoder>) -> Result<Connection, StartError> {
        let chips = encoder.filter(|encoder| encoder.is_emulated()).map(|_| blanks());
        let way = match &printer.address {
            Address::None => Way::None,
            Address::Tcp(address) => Way::Tcp(address.clone()),
            Address::Usb(name) => Way::Usb(name.clone()),
            Address::Lp(file) => Way::Lp(file.clone()),
            Address::Emulated => {
                let emulator = &printer.emulator;
                let settings = EmulatorSettings {
                    model: emulator.model.clone(),
                    ribbon: emulator.ribbon.clone(),
                    ribbon_capacity: RIBBON,
                    out_dir: Some(emulator.folder.clone()),
                    slowness: emulator.slowness,
                    real_time: emulator.slowness > 0.0,
                    feeder_cards: FEEDER,
                    tended: true,
                    fitted: chips.iter().map(|_| CONTACTLESS.to_owned()).collect(),
                    chip: chips.clone(),
                    ..EmulatorSettings::bench()
                };
                let machine = drivers::emulate(&printer.family, settings).map_err(|error| {
                    StartError::Emulator { folder: emulator.folder.clone(), why: error.to_string() }
                })?;
                Way::Emulated(machine)
            }
        };
        let (family, model) = (printer.family.clone(), printer.model.clone());
        let connection = Connection { family, model, way, reader: None };
        Ok(match (encoder, chips) {
            (None, _) => connection,
            (Some(Encoder { deadline, .. }), Some(chips)) => {
                connection.with_reader(chips.contactless(), *deadline)
            }
            (Some(Encoder { family, address, deadline, .. }), None) => {
                let (family, address) = (family.clone(), address.clone());
                let open = move || drivers::encoder::open(&family, &address);
                connection.with_encoder(open, *deadline)
            }
        })
    }

    /// The emulated machine that is at its end, for whoever wants to lay hands on it.
    pub fn machine(&self) -> Option<SharedMachine> {
        match &self.way {
            Way::Emulated(machine) => Some(machine.clone()),
            Way::None | Way::Tcp(_) | Way::Usb(_) | Way::Lp(_) => None,
        }
    }

    /// A machine that somebody else has made and holds the levers of.
    pub fn to_machine(family: &str, machine: SharedMachine) -> Connection {
        let (family, way) = (family.to_owned(), Way::Emulated(machine));
        Connection { family, model: None, way, reader: None }
    }

    /// With an emulated reader in front of this field.
    #[must_use]
    pub fn with_reader(self, field: Field, deadline: Duration) -> Connection {
        let open = move || drivers::encoder::emulated(EMULATED_READER, field.clone());
        self.with_encoder(open, deadline)
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
            Way::Emulated(machine) => Box::new(move || Box::new(Emulated::new(machine.clone()))),
        };
        Some(Box::new(move || {
            let wire = Box::new(Traced(recorded(&family, transport())));
            drivers::open(&family, model.as_deref(), wire)
        }))
    }
}

/// Blanks of the emulated machine: contactless cards with files.
fn blanks() -> BlankChips {
    BlankChips::of(CardSettings::File(Box::default()))
        .expect("the card model's own settings make a card")
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
