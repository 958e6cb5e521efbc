//! Writing a card's chip and stripe before it is printed: bring it to its station, write, read back, compare. Runs on the
//! printer's thread; the intent is in the ledger. Knows no profile and no key: [`ChipWork`] does.

use std::time::Duration;

use drivers::contract::{
    CardPrinter, DeviceError, MagneticStripe, PrinterStatus, Stop, Tracks, Whereabouts,
};
use drivers::encoder::{CardEncoder, Chip, EncoderError, Interface};
use serde_json::{Value, json};

use crate::chip::Blame;

/// A card that was brought to its station is seen by the reader within this; a contactless reader polls twice a second.
const CARD_LIMIT: Duration = Duration::from_secs(10);

/// What a card must carry before it is printed.
pub struct Encoding {
    /// Its chip.
    pub chip: Option<Box<dyn ChipWork>>,
    /// Its magnetic stripe.
    pub stripe: Option<Tracks>,
}

/// Writes one card's chip.
pub trait ChipWork: Send {
    /// At which station the card must stand.
    fn interface(&self) -> Interface;

    /// Is all there that the chip needs, but for the card? Asked before a blank is fed.
    ///
    /// # Errors
    /// [`Unwritten`].
    fn preflight(&self) -> Result<(), Unwritten>;

    /// Writes, reads back and compares; what may stand in the ledger of it (nothing personal).
    ///
    /// # Errors
    /// [`Unwritten`].
    fn write(&self, encoder: &mut dyn CardEncoder, chip: &Chip) -> Result<Value, Unwritten>;
}

/// A chip was not written as it must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Unwritten {
    /// Where to look first.
    pub blame: Blame,
    /// What happened, as it may stand in the ledger: step, kind, words. Nothing personal, no key.
    pub detail: Value,
}

/// A card was not encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Unencoded {
    /// Where it is now, or was last seen to be.
    pub card: Whereabouts,
    /// What happened.
    pub unwritten: Unwritten,
    /// What the printer met, if it was the printer.
    pub printer: Option<Box<DeviceError>>,
    /// What the reader met, if it was the reader.
    pub reader: Option<Box<EncoderError>>,
}

/// A card was encoded and waits inside.
pub struct Encoded {
    /// What stands in the ledger: the chip's identity, what was written, the time that it took.
    pub detail: Value,
    /// What the printer says now, before it prints.
    pub status: PrinterStatus,
}

/// The reader of this station, and the last chip that was in it.
pub struct Reader {
    encoder: Box<dyn CardEncoder>,
    last: Option<Vec<u8>>,
}

impl Reader {
    /// A reader whose calls come back in time ([`drivers::encoder::bounded`]).
    pub fn new(encoder: Box<dyn CardEncoder>) -> Reader {
        Reader { encoder, last: None }
    }

    /// Is it there, and can it be asked? What it says of a card now was there before the card that comes: a reader that
    /// says "present" for ever must not be believed.
    ///
    /// # Errors
    /// [`EncoderError`] of the reader itself.
    pub fn glance(&mut self) -> Result<Option<Vec<u8>>, EncoderError> {
        match self.encoder.power_on(Duration::ZERO) {
            Ok(chip) => {
                self.encoder.power_off()?;
                Ok(Some(chip.identity().to_vec()))
            }
            Err(EncoderError::NoCard { .. } | EncoderError::CardLost) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The chip of the card that was just brought: another one than whatever was seen before.
    fn meet(&mut self, stale: Option<&[u8]>) -> Result<Chip, Unencoded> {
        let chip = self.encoder.power_on(CARD_LIMIT).map_err(of_the_reader)?;
        let met = chip.identity();
        // Cards of one batch may share an ATR; a UID is one card's.
        let same = stale == Some(met) || (chip.uid.is_some() && self.last.as_deref() == Some(met));
        if same {
            let _ = self.encoder.power_off();
            return Err(card_at_fault(json!({ "kind": "same_card_again" })));
        }
        Ok(chip)
    }
}

/// Encodes one card. Whatever fails, the card is where [`Unencoded::card`] says, and nothing is done about it here.
///
/// # Errors
/// [`Unencoded`].
pub(super) fn encode(
    printer: &mut dyn CardPrinter,
    reader: Option<&mut Reader>,
    work: &Encoding,
) -> Result<Encoded, Unencoded> {
    let mut detail = json!({});
    if let Some(chip) = &work.chip {
        let Some(reader) = reader else { return Err(no_reader()) };
        detail["chip"] = write_chip(printer, reader, chip.as_ref())?;
    }
    if let Some(tracks) = &work.stripe {
        let fed = work.chip.is_some();
        write_stripe(printer, tracks, fed)?;
        detail["stripe"] = json!({ "read_back": true });
    }
    let status = printer.status().map_err(|error| with_card_inside(&error))?;
    // Pulled out after the last command: it must not be printed, nor a blank in its place.
    if !status.card_inside {
        return Err(card_at_fault(json!({ "kind": "card_gone" })));
    }
    Ok(Encoded { detail, status })
}

fn write_chip(
    printer: &mut dyn CardPrinter,
    reader: &mut Reader,
    work: &dyn ChipWork,
) -> Result<Value, Unencoded> {
    let nothing_moved = |failed: Unencoded| Unencoded { card: Whereabouts::Untouched, ..failed };
    work.preflight().map_err(|unwritten| nothing_moved(of_the_work(unwritten)))?;
    let stale = reader.glance().map_err(|error| nothing_moved(of_the_reader(error)))?;
    printer.feed(stop_of(work.interface())).map_err(|error| of_the_printer(&error))?;
    let chip = reader.meet(stale.as_deref())?;
    let written = work.write(reader.encoder.as_mut(), &chip).map_err(of_the_work);
    // A card that does not let itself be switched off is gone, or the reader is: both are met by the next step.
    let off = reader.encoder.power_off();
    reader.last = Some(chip.identity().to_vec());
    let mut written = written?;
    off.map_err(of_the_reader)?;
    written["atr"] = json!(hex(&chip.atr));
    written["uid"] = json!(chip.uid.as_deref().map(hex));
    Ok(written)
}

fn stop_of(interface: Interface) -> Stop {
    match interface {
        Interface::Contact => Stop::Contact,
        Interface::Contactless => Stop::Contactless,
    }
}

/// `fed`: a card waits inside already.
fn write_stripe(
    printer: &mut dyn CardPrinter,
    tracks: &Tracks,
    fed: bool,
) -> Result<(), Unencoded> {
    let at =
        |error: DeviceError| if fed { with_card_inside(&error) } else { of_the_printer(&error) };
    printer.feed(Stop::Magnetic).map_err(at)?;
    let read = stripe_of(printer)?.write(tracks).and_then(|()| match printer.magnetic() {
        Some(stripe) => stripe.read(),
        None => Ok(Tracks::default()),
    });
    let read = read.map_err(|error| with_card_inside(&error))?;
    if tracks.differing(&read).is_empty() {
        return Ok(());
    }
    let tracks: Vec<usize> = tracks.differing(&read);
    Err(card_at_fault(json!({ "kind": "read_back_differs", "tracks": tracks })))
}

fn stripe_of(printer: &mut dyn CardPrinter) -> Result<&mut dyn MagneticStripe, Unencoded> {
    printer.magnetic().ok_or_else(|| card_at_fault(json!({ "kind": "no_magnetic_station" })))
}

fn card_at_fault(detail: Value) -> Unencoded {
    of_the_work(Unwritten { blame: Blame::Card, detail })
}

fn of_the_work(unwritten: Unwritten) -> Unencoded {
    Unencoded { card: Whereabouts::InMachine, unwritten, printer: None, reader: None }
}

fn of_the_reader(error: EncoderError) -> Unencoded {
    let lost = matches!(error, EncoderError::NoCard { .. } | EncoderError::CardLost);
    let blame = if lost { Blame::Card } else { Blame::Reader };
    let detail = json!({ "kind": "reader", "cause": error.to_string() });
    let reader = (!lost).then(|| Box::new(error));
    Unencoded { reader, ..of_the_work(Unwritten { blame, detail }) }
}

fn no_reader() -> Unencoded {
    let error = EncoderError::Unsupported("no reader is configured, see [encoder]".to_owned());
    Unencoded { card: Whereabouts::Untouched, ..of_the_reader(error) }
}

pub(super) fn of_the_printer(error: &DeviceError) -> Unencoded {
    let detail = json!({ "kind": "printer", "cause": error.cause.to_string() });
    let unwritten = Unwritten { blame: Blame::Card, detail };
    Unencoded { card: error.card, printer: Some(Box::new(error.clone())), ..of_the_work(unwritten) }
}

/// A call that left the card untouched left it where it waits.
fn with_card_inside(error: &DeviceError) -> Unencoded {
    let failed = of_the_printer(error);
    let waits = error.card == Whereabouts::Untouched;
    Unencoded { card: if waits { Whereabouts::InMachine } else { failed.card }, ..failed }
}

fn hex(bytes: &[u8]) -> String {
    crate::ledger::chain::hex(bytes)
}
