//! Encodes a card's chip and stripe before it is printed: moves it to the encoding position, writes, reads back,
//! compares. Runs on the printer's thread; the intent is in the ledger. Knows no profile and no key: [`ChipWork`] does.

use std::time::Duration;

use base16ct::lower::encode_string as hex;
use drivers::contract::{
    CardPrinter, Cause, DeviceError, MagneticStripe, PrinterStatus, Stop, Tracks, Whereabouts,
};
use drivers::encoder::{CardEncoder, Chip, EncoderError, Interface};
use drivers::text::Text;

use crate::chip::Blame;
use crate::event::{EncodedCard, EncodedChip, EncodedStripe, EncodingFailure};
use crate::evidence::Facts;

/// The reader detects a card at its position within this time; a contactless reader polls twice a second.
const CARD_LIMIT: Duration = Duration::from_secs(10);

const SAME_CARD: Text = Text::fixed(
    "Pembaca melihat kartu yang sama seperti sebelumnya. Periksa apakah kartu lama tertinggal di pembaca.",
    "The reader sees the same card as before. See whether the old one still lies on the reader.",
);
const GONE: Text = Text::fixed(
    "Kartu diambil dari printer sebelum dicetak. Jangan mengambil kartu saat chip diisi.",
    "The card was taken out of the printer before it was printed. Take none out while its chip is written.",
);
const STRIPE_DIFFERS: Text = Text::fixed(
    "Pita magnet terbaca lain dari yang ditulis. Bersihkan kepala magnet; periksa HiCo/LoCo blangko.",
    "The stripe reads otherwise than it was written. Clean the magnetic head; see whether the blanks are HiCo or LoCo.",
);
const STRIPE_NOT_BLANK: Text = Text::fixed(
    "Pita magnet berisi data yang bukan milik kartu ini: kartu pernah dipakai. Isi pengumpan dengan blangko baru.",
    "The stripe holds data that are not this card's: it was used before. Load the feeder with fresh blanks.",
);
const NO_MAGNETIC_STATION: Text =
    Text::fixed("Printer tidak punya kepala magnet.", "The printer has no magnetic head.");

/// What to encode on a card before it is printed.
pub struct Encoding {
    /// Its chip.
    pub chip: Option<Box<dyn ChipWork>>,
    /// Its magnetic stripe.
    pub stripe: Option<Tracks>,
}

impl Encoding {
    /// The printer's positions that it needs.
    pub fn stops(&self) -> impl Iterator<Item = Stop> {
        let chip = self.chip.as_ref().map(|chip| stop_of(chip.interface()));
        chip.into_iter().chain(self.stripe.as_ref().map(|_| Stop::Magnetic))
    }
}

/// Writes one card's chip.
pub trait ChipWork: Send {
    /// The position at which the card must be.
    fn interface(&self) -> Interface;

    /// Checks everything that the chip needs except the card. Called before a blank is fed.
    ///
    /// # Errors
    /// [`Unwritten`].
    fn preflight(&self) -> Result<(), Unwritten>;

    /// Writes, reads back and compares; returns the part that the ledger stores (nothing personal).
    ///
    /// # Errors
    /// [`Unwritten`].
    fn write(&self, encoder: &mut dyn CardEncoder, chip: &Chip) -> Result<EncodedChip, Unwritten>;
}

/// A chip was not written correctly.
#[derive(Debug, Clone, PartialEq)]
pub struct Unwritten {
    /// What to check first.
    pub blame: Blame,
    /// What is wrong and what to do.
    pub words: Text,
    /// The failure, as stored in the ledger.
    pub failure: Box<EncodingFailure>,
}

/// A card was not encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Unencoded {
    /// Where it is now, or was last.
    pub card: Whereabouts,
    /// What happened.
    pub unwritten: Unwritten,
    /// The printer's error, if any.
    pub printer: Option<Box<DeviceError>>,
    /// The reader's error, if any.
    pub reader: Option<Box<EncoderError>>,
}

/// A card was encoded and waits inside.
#[derive(Debug)]
pub struct Encoded {
    /// Its content, as stored in the ledger.
    pub written: EncodedCard,
    /// The printer's status now, before it prints.
    pub status: PrinterStatus,
}

/// The reader of this station, and the chip that was in it last.
pub struct Reader {
    encoder: Box<dyn CardEncoder>,
    last: Option<Vec<u8>>,
}

impl Reader {
    /// A reader whose calls return in time ([`drivers::encoder::bounded`]).
    pub fn new(encoder: Box<dyn CardEncoder>) -> Reader {
        Reader { encoder, last: None }
    }

    /// Checks that the reader works and its position is empty. A chip that answers now was there before the next card
    /// arrives: a forgotten card, or a reader that always reports "present". It could not be distinguished from the
    /// next card's chip.
    ///
    /// # Errors
    /// [`EncoderError`] of the reader itself; [`EncoderError::Occupied`].
    pub fn check_empty(&mut self) -> Result<(), EncoderError> {
        match self.encoder.power_on(Duration::ZERO) {
            Ok(_) => {
                self.encoder.power_off()?;
                Err(EncoderError::Occupied)
            }
            Err(EncoderError::NoCard { .. } | EncoderError::CardLost) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The chip of the card that has just arrived. It must differ from that of the card before.
    fn identify(&mut self) -> Result<Chip, Unencoded> {
        let chip = self.encoder.power_on(CARD_LIMIT).map_err(of_the_reader)?;
        // Cards of one batch may share an ATR, but a UID is unique.
        if chip.uid.is_some() && self.last.as_deref() == chip.uid.as_deref() {
            let _ = self.encoder.power_off();
            return Err(card_at_fault(EncodingFailure::of("same_card_again"), SAME_CARD));
        }
        Ok(chip)
    }
}

/// A printer whose figures differ in so many answers in a row is not believed.
const CONFIRMATIONS_MAX: u32 = 3;

/// Encodes one card. After a failure the card is where [`Unencoded::card`] says; the caller decides what to do with it.
///
/// # Errors
/// [`Unencoded`].
pub(super) fn encode(
    printer: &mut dyn CardPrinter,
    reader: Option<&mut Reader>,
    work: &Encoding,
) -> Result<Encoded, Unencoded> {
    let mut card = EncodedCard::default();
    if let Some(chip) = &work.chip {
        let Some(reader) = reader else { return Err(no_reader()) };
        card.chip = Some(write_chip(printer, reader, chip.as_ref())?);
    }
    if let Some(tracks) = &work.stripe {
        let fed = work.chip.is_some();
        write_stripe(printer, tracks, fed)?;
        card.stripe = Some(EncodedStripe { read_back: true });
    }
    let status = told_twice(|| printer.status()).map_err(|error| with_card_inside(&error))?;
    // It was removed after the last command: it must not be printed, nor may a blank replace it.
    if !status.card_inside {
        return Err(card_at_fault(EncodingFailure::of("card_gone"), GONE));
    }
    Ok(Encoded { written: card, status })
}

/// What the printer has reported twice in a row: the intent to print is held against it, and one answer may be damaged.
fn told_twice(
    mut ask: impl FnMut() -> Result<PrinterStatus, DeviceError>,
) -> Result<PrinterStatus, DeviceError> {
    let mut before = ask()?;
    for _ in 0..CONFIRMATIONS_MAX {
        let now = ask()?;
        let same = Facts::of(&before).counts_as(&Facts::of(&now));
        if same && before.card_inside == now.card_inside {
            return Ok(now);
        }
        before = now;
    }
    let why = "every answer has other figures";
    Err(DeviceError::untouched(Cause::Garbled { command: "status", why }))
}

fn write_chip(
    printer: &mut dyn CardPrinter,
    reader: &mut Reader,
    work: &dyn ChipWork,
) -> Result<EncodedChip, Unencoded> {
    let nothing_moved = |failed: Unencoded| Unencoded { card: Whereabouts::Untouched, ..failed };
    work.preflight().map_err(|unwritten| nothing_moved(of_the_work(unwritten)))?;
    reader.check_empty().map_err(|error| nothing_moved(of_the_reader(error)))?;
    printer.feed(stop_of(work.interface())).map_err(|error| of_the_printer(&error))?;
    let chip = reader.identify()?;
    let written = work.write(reader.encoder.as_mut(), &chip);
    // If the card cannot be switched off, it or the reader is gone; the next step notices both.
    let off = reader.encoder.power_off();
    reader.last = Some(chip.identity().to_vec());
    let (atr, uid) = (hex(&chip.atr), chip.uid.as_deref().map(hex));
    match written {
        Ok(written) => {
            off.map_err(of_the_reader)?;
            Ok(EncodedChip { atr, uid, ..written })
        }
        Err(failed) => {
            // These identify the card in the reject box.
            let failure = EncodingFailure { atr: Some(atr), uid, ..*failed.failure };
            Err(of_the_work(Unwritten { failure: Box::new(failure), ..failed }))
        }
    }
}

fn stop_of(interface: Interface) -> Stop {
    match interface {
        Interface::Contact => Stop::Contact,
        Interface::Contactless => Stop::Contactless,
    }
}

/// `fed`: a card already waits inside.
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
    let (differing, foreign) = (tracks.differing(&read), tracks.foreign(&read));
    if !differing.is_empty() {
        return Err(stripe_at_fault("read_back_differs", differing, STRIPE_DIFFERS));
    }
    if !foreign.is_empty() {
        return Err(stripe_at_fault("stripe_not_blank", foreign, STRIPE_NOT_BLANK));
    }
    Ok(())
}

fn stripe_of(printer: &mut dyn CardPrinter) -> Result<&mut dyn MagneticStripe, Unencoded> {
    let none = || card_at_fault(EncodingFailure::of("no_magnetic_station"), NO_MAGNETIC_STATION);
    printer.magnetic().ok_or_else(none)
}

fn stripe_at_fault(kind: &str, tracks: Vec<usize>, words: Text) -> Unencoded {
    card_at_fault(EncodingFailure { tracks, ..EncodingFailure::of(kind) }, words)
}

fn card_at_fault(failure: EncodingFailure, words: Text) -> Unencoded {
    of_the_work(Unwritten { blame: Blame::Card, words, failure: Box::new(failure) })
}

fn of_the_work(unwritten: Unwritten) -> Unencoded {
    Unencoded { card: Whereabouts::InMachine, unwritten, printer: None, reader: None }
}

fn of_the_reader(error: EncoderError) -> Unencoded {
    let lost = matches!(error, EncoderError::NoCard { .. } | EncoderError::CardLost);
    let blame = if lost { Blame::Card } else { Blame::Reader };
    let cause = Some(error.to_string());
    let failure = Box::new(EncodingFailure { cause, ..EncodingFailure::of("reader") });
    let words = error.words();
    let reader = (!lost).then(|| Box::new(error));
    Unencoded { reader, ..of_the_work(Unwritten { blame, words, failure }) }
}

fn no_reader() -> Unencoded {
    let error = EncoderError::Unsupported("no reader is configured, see [encoder]".to_owned());
    Unencoded { card: Whereabouts::Untouched, ..of_the_reader(error) }
}

pub(super) fn of_the_printer(error: &DeviceError) -> Unencoded {
    let cause = Some(error.cause.to_string());
    let failure = Box::new(EncodingFailure { cause, ..EncodingFailure::of("printer") });
    let unwritten = Unwritten { blame: Blame::Card, words: error.cause.words(), failure };
    Unencoded { card: error.card, printer: Some(Box::new(error.clone())), ..of_the_work(unwritten) }
}

/// If the call left the card untouched, it still waits inside.
fn with_card_inside(error: &DeviceError) -> Unencoded {
    let failed = of_the_printer(error);
    let waits = error.card == Whereabouts::Untouched;
    Unencoded { card: if waits { Whereabouts::InMachine } else { failed.card }, ..failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A printer with a card inside whose counter reads as these, one after the other.
    fn asked(counters: &[u64]) -> Result<Option<u64>, DeviceError> {
        let mut left = counters.iter();
        let status = told_twice(|| {
            let counter = left.next().expect("it is not asked again");
            let mut status = crate::station::scheduler::tests::begin::status(Some(*counter));
            status.card_inside = true;
            Ok(status)
        });
        status.map(|status| status.cards_entered)
    }

    #[test]
    fn one_damaged_answer_is_not_what_a_card_is_held_against() {
        assert_eq!(asked(&[7, 7]), Ok(Some(7)));
        assert_eq!(asked(&[135, 7, 7]), Ok(Some(7)), "the first was damaged");
        assert_eq!(asked(&[7, 135, 7, 7]), Ok(Some(7)));
        assert!(asked(&[1, 2, 3, 4]).is_err(), "such a printer is not believed");
    }
}
