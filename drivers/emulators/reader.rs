//! The interface of every emulated chip card reader, and the families that can be emulated.

use drivers::encoder::{EncoderError, Opened};

use crate::card::Field;
use crate::pn532;
use crate::transport::line::{Line, SerialDevice};

/// An emulated reader: its side of a serial line, and its settings.
pub trait EmulatedReader: SerialDevice {
    /// Everything that can be set, by key.
    fn state(&self) -> serde_json::Value;

    /// Applies `change`.
    ///
    /// # Errors
    /// A sentence that names the key. Nothing is changed then.
    fn change(&mut self, change: &serde_json::Value) -> Result<(), String>;
}

/// A family of readers that can be emulated.
pub struct EmulatedReaders {
    /// Its driver's name, as in [`drivers::ENCODERS`].
    pub name: &'static str,
    /// Makes one with this field.
    pub make: fn(Field) -> Box<dyn EmulatedReader>,
}

/// Every family of readers that can be emulated, one line each.
pub const READERS: &[EmulatedReaders] =
    &[EmulatedReaders { name: pn532::FAMILY, make: pn532::emulate }];

/// Opens an emulated reader of the named family in this process: the driver, connected to a reader with `field`.
///
/// # Errors
/// [`EncoderError::Unsupported`] for a family that is not known, or not emulated here.
pub fn open(family: &str, field: Field) -> Opened {
    let reader = (find(family)?.make)(field);
    let over = drivers::encoder::find(family)?.over.ok_or_else(|| not_emulated(family))?;
    over("emulated", Box::new(Line::new(reader)))
}

/// Finds the emulator of the named family.
///
/// # Errors
/// As [`open`].
pub fn find(family: &str) -> Result<&'static EmulatedReaders, EncoderError> {
    drivers::encoder::find(family)?;
    READERS.iter().find(|known| known.name == family).ok_or_else(|| not_emulated(family))
}

fn not_emulated(family: &str) -> EncoderError {
    EncoderError::Unsupported(format!("a reader of the family {family} is not emulated here"))
}
