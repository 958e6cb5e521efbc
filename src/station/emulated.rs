//! An emulated machine and reader instead of real ones.

use std::time::Duration;

use drivers::transport::Transport;
use emulators::card::{CardSettings, Field};
use emulators::machine::{BlankChips, Installation, SharedMachine};
use emulators::transport::emulated::Emulated;

use super::Connection;
use super::connect::Way;
use crate::config::{Encoder, Printer};
use crate::daemon::StartError;

/// Family of the emulated reader.
const READER: &str = emulators::pn532::FAMILY;

impl Connection {
    /// Creates the configured machine, and its reader.
    pub(super) fn emulated(
        printer: &Printer,
        encoder: Option<&Encoder>,
    ) -> Result<Connection, StartError> {
        let emulator = &printer.emulator;
        let of_its_own = encoder.filter(|encoder| encoder.is_emulated());
        let chips = of_its_own.map(|encoder| (blanks(), encoder.deadline));
        let installation = Installation {
            model: emulator.model.clone(),
            ribbon: emulator.ribbon.clone(),
            folder: emulator.folder.clone(),
            slowness: emulator.slowness,
            chips: chips.as_ref().map(|(chips, _)| chips.clone()),
        };
        let machine = emulators::install(&printer.family, installation).map_err(|error| {
            StartError::Emulator { folder: emulator.folder.clone(), why: error.to_string() }
        })?;
        let connection = Connection {
            model: printer.model.clone(),
            ..Self::to_machine(&printer.family, machine)
        };
        Ok(match (chips, encoder) {
            (Some((chips, deadline)), _) => connection.with_reader(chips.contactless(), deadline),
            (None, Some(encoder)) => connection.with_configured(encoder),
            (None, None) => connection,
        })
    }

    /// The emulated machine of this connection, for its levers.
    pub fn machine(&self) -> Option<SharedMachine> {
        match &self.way {
            Way::Emulated(machine) => Some(machine.clone()),
            Way::None | Way::Tcp(_) | Way::Usb(_) | Way::Lp(_) | Way::Other(_) => None,
        }
    }

    /// A connection to a machine that the caller has created.
    pub fn to_machine(family: &str, machine: SharedMachine) -> Connection {
        let (family, way) = (family.to_owned(), Way::Emulated(machine));
        Connection { family, model: None, way, reader: None }
    }

    /// Adds an emulated reader with this field.
    #[must_use]
    pub fn with_reader(self, field: Field, deadline: Duration) -> Connection {
        let open = move || emulators::reader::open(READER, field.clone());
        self.with_encoder(open, deadline)
    }
}

/// Makes wires to the machine, one for each connection.
pub(super) fn wires(machine: SharedMachine) -> Box<dyn FnMut() -> Box<dyn Transport> + Send> {
    Box::new(move || Box::new(Emulated::new(machine.clone())))
}

/// Blanks of the emulated machine: contactless cards with files.
fn blanks() -> BlankChips {
    BlankChips::of(CardSettings::File(Box::default()))
        .expect("the card model's own settings make a card")
}
