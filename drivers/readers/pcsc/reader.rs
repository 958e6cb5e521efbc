//! One reader through the pcscd library. Its point of no return is `transmit`: a command that was handed over may have
//! been executed, whatever comes back, and is never sent twice.
//!
//! pcscd renumbers readers when they are plugged in again, and drops every context when it restarts. So the reader is
//! looked up by its address before each wait for a card, and an invalid context is replaced then, once.

use std::ffi::{CStr, CString};
use std::path::Path;
use std::time::Duration;

use pcsc::{
    Attribute, Card, Context, Disposition, Error, Protocol, Protocols, ReaderState, Scope,
    ShareMode, State,
};

use super::address::Address;
use super::{models, protocol};
use crate::encoder::{CardEncoder, Chip, EncoderError, Interface};
use crate::transport::Deadline;
use crate::transport::usb::{self, UsbName};

/// The service that owns the readers.
const SERVICE: &str = "pcscd";

/// Control code that reads a reader's list of features (PC/SC part 10, 2.2).
const FEATURES: pcsc::ffi::DWORD = pcsc::ctl_code(3400);

/// pcscd polls for cards every 400 ms.
const NOTICE_LIMIT: Duration = Duration::from_secs(1);

/// More than any list of features or properties has.
const TOLD_MAX_BYTES: usize = 512;

/// A reader, and the card that we are connected to.
pub(super) struct Reader {
    address: Address,
    context: Option<Context>,
    card: Option<Held>,
}

/// A card that we are connected to, and its reader's current name.
struct Held {
    card: Card,
    reader: CString,
}

impl Reader {
    /// Opens the reader, and checks that it is there.
    pub fn open(address: Address) -> Result<Self, EncoderError> {
        let mut reader = Self { address, context: None, card: None };
        reader.find()?;
        Ok(reader)
    }

    /// The single reader with our address, by its current name.
    fn find(&mut self) -> Result<(Context, CString), EncoderError> {
        let known = self.context.take();
        let listed = match known.map(|context| (context.list_readers_owned(), context)) {
            Some((Ok(names), context)) => Ok((context, names)),
            // pcscd may have restarted, which makes this context invalid.
            Some((Err(_), _)) | None => Context::establish(Scope::System)
                .and_then(|context| context.list_readers_owned().map(|names| (context, names))),
        };
        let (context, names) = listed.map_err(|error| self.fact(error, "the list of readers"))?;
        self.context = Some(context.clone());
        let (mut fitting, mut barred) = (Vec::new(), None);
        for name in names {
            match self.fits(&context, &name) {
                Ok(true) => fitting.push(name),
                Ok(false) => {}
                Err(error) => barred = Some(error),
            }
        }
        match (fitting.pop(), fitting.is_empty()) {
            (Some(only), true) => Ok((context, only)),
            // A reader that would not say where it is plugged in may be the wanted one.
            (None, _) => Err(barred.map_or_else(
                || EncoderError::NoReader(self.address.to_string()),
                |error| self.fact(error, "the reader's place on the USB"),
            )),
            (Some(last), false) => {
                fitting.push(last);
                let fitting = fitting
                    .iter()
                    .map(|name| crate::redact::name(&name.to_string_lossy()))
                    .collect();
                Err(EncoderError::SeveralReaders { name: self.address.to_string(), fitting })
            }
        }
    }

    fn fits(&self, context: &Context, name: &CStr) -> Result<bool, Error> {
        let named = self.address.name.as_ref();
        if named.is_some_and(|pattern| !pattern.fits(&name.to_string_lossy())) {
            return Ok(false);
        }
        let Some(wanted) = &self.address.usb else {
            return Ok(true);
        };
        Ok(plugged_as(context, name)?.contains(wanted))
    }

    /// Waits for a card and connects to it exclusively.
    fn connect(
        &self,
        context: &Context,
        name: &CStr,
        patience: Duration,
    ) -> Result<Card, EncoderError> {
        let patience = Deadline::begin(patience);
        let mut states = [ReaderState::new(name, State::UNAWARE)];
        loop {
            // The wait may end for another reason (a counter, a flag), so the state is checked each time.
            match context.get_status_change(patience.left(), &mut states) {
                Ok(()) | Err(Error::Timeout) => {}
                Err(error) => return Err(self.fact(error, "the wait for a card")),
            }
            let seen = states[0].event_state();
            if seen.intersects(State::UNKNOWN | State::UNAVAILABLE | State::IGNORE) {
                return Err(EncoderError::NoReader(self.address.to_string()));
            }
            if seen.contains(State::PRESENT) {
                match context.connect(name, ShareMode::Exclusive, Protocols::ANY) {
                    Ok(card) => return Ok(card),
                    // The card was removed before we connected; keep waiting.
                    Err(Error::NoSmartcard | Error::RemovedCard) => {}
                    Err(error) => return Err(self.fact(error, "the connection to the card")),
                }
            }
            if patience.left().is_zero() {
                return Err(EncoderError::NoCard { waited: patience.whole() });
            }
            states[0].sync_current_state();
        }
    }

    /// Does pcscd report a card?
    fn is_there(&self, name: &CStr) -> Option<(bool, ReaderState)> {
        let mut states = [ReaderState::new(name, State::UNAWARE)];
        self.context.as_ref()?.get_status_change(Duration::ZERO, &mut states).ok()?;
        let [mut state] = states;
        let there = state.event_state().contains(State::PRESENT);
        state.sync_current_state();
        Some((there, state))
    }

    /// Disconnects. If pcscd learns from the disconnection, and not from its own poll, that the card is gone, it misses
    /// a card that arrives before its next poll and then waits for it for ever. So we wait for the poll (pcsc-lite
    /// 1.9.9).
    fn let_go(&self, held: Held) -> Result<(), Error> {
        let was_there = self.is_there(&held.reader).is_some_and(|(there, _)| there);
        let ended = held.card.disconnect(Disposition::UnpowerCard).map_err(|(_, error)| error);
        if let Some((false, state)) = self.is_there(&held.reader).filter(|_| was_there)
            && let Some(context) = &self.context
        {
            // A timeout is fine: the card was already seen to be gone.
            let _ = context.get_status_change(NOTICE_LIMIT, &mut [state]);
        }
        ended
    }

    /// The properties of the connected card.
    fn chip(&self, card: &Card, name: &CStr) -> Result<Chip, EncoderError> {
        let status = card.status2_owned().map_err(|error| self.fact(error, "the card's state"))?;
        let atr = status.atr().to_vec();
        let facts = protocol::AtrFacts::of(&atr);
        let model = models::find(&name.to_string_lossy());
        let known = model.as_ref().and_then(|model| model.interface);
        let mut uid = None;
        if facts.contactless_form && known != Some(Interface::Contact) {
            let mut answer = Vec::new();
            carry(card, &protocol::GET_UID, &mut answer)
                .map_err(|error| self.fact(error, "the card's identifier"))?;
            if answer.len() < 2 {
                return Err(EncoderError::CardLost);
            }
            uid = protocol::uid(&answer);
        }
        // A contact card may have an answer of the same form, but no reader returns an identifier for it.
        let seen = if uid.is_some() { Interface::Contactless } else { Interface::Contact };
        let t0 = status.protocol2() == Some(Protocol::T0);
        let data = data_max_bytes(card).or(model.and_then(|model| model.data_max_bytes));
        let limits = protocol::limits(t0, data, input_max_bytes(card), facts);
        Ok(Chip { interface: known.unwrap_or(seen), atr, uid, limits })
    }

    /// Maps an error of the library.
    fn fact(&self, error: Error, command: &'static str) -> EncoderError {
        let garbled = |why| EncoderError::Garbled { command, why };
        match error {
            Error::NoService
            | Error::ServiceStopped
            | Error::Shutdown
            | Error::InvalidHandle
            | Error::CommError
            | Error::ServerTooBusy
            | Error::Cancelled
            | Error::SystemCancelled => EncoderError::NoService(SERVICE),
            Error::NoReadersAvailable
            | Error::UnknownReader
            | Error::ReaderUnavailable
            | Error::ReaderUnsupported
            | Error::NotReady => EncoderError::NoReader(self.address.to_string()),
            Error::SharingViolation => EncoderError::InUse,
            Error::NoAccess | Error::SecurityViolation => EncoderError::Barred,
            Error::NoSmartcard
            | Error::RemovedCard
            | Error::ResetCard
            | Error::UnpoweredCard
            | Error::UnresponsiveCard
            | Error::NotTransacted
            | Error::CommDataLost
            | Error::Timeout
            | Error::WaitedTooLong => EncoderError::CardLost,
            Error::ProtoMismatch | Error::UnsupportedCard | Error::CardUnsupported => {
                garbled("reader and card have no protocol in common")
            }
            Error::InvalidAtr | Error::UnknownCard => garbled("the answer to reset is none"),
            Error::InsufficientBuffer => garbled("it is longer than any answer"),
            Error::UnsupportedFeature => EncoderError::Unsupported(command.to_owned()),
            _ => garbled("pcscd refused it"),
        }
    }
}

impl CardEncoder for Reader {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        self.power_off()?;
        let (context, name) = self.find()?;
        let card = self.connect(&context, &name, patience)?;
        let chip = self.chip(&card, &name);
        self.card = Some(Held { card, reader: name });
        if chip.is_err() {
            // The first error is the one to report, so this one is ignored.
            let _ = self.power_off();
        }
        chip
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        answer.clear();
        let held = self.card.as_ref().ok_or(EncoderError::CardLost)?;
        carry(&held.card, command, answer).map_err(|error| self.fact(error, "a command"))?;
        // A card that is removed during a command is reported as a success of no bytes (vpcd, ACR122).
        if answer.len() < 2 {
            answer.clear();
            return Err(EncoderError::CardLost);
        }
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        let Some(held) = self.card.take() else {
            return Ok(());
        };
        let Err(error) = self.let_go(held) else {
            return Ok(());
        };
        match self.fact(error, "the end of the connection") {
            // A card that is gone with its reader, or with pcscd, is off.
            EncoderError::CardLost | EncoderError::NoReader(_) | EncoderError::NoService(_) => {
                Ok(())
            }
            fault => Err(fault),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Nobody can receive the error any more.
        let _ = self.power_off();
    }
}

/// Sends one command and receives one response.
fn carry(card: &Card, command: &[u8], answer: &mut Vec<u8>) -> Result<(), Error> {
    answer.resize(pcsc::MAX_BUFFER_SIZE_EXTENDED, 0);
    let came = card.transmit(command, answer).map(<[u8]>::len);
    answer.truncate(*came.as_ref().unwrap_or(&0));
    came.map(drop)
}

/// Most data bytes of one APDU for reader and driver; `None`: not reported.
fn data_max_bytes(card: &Card) -> Option<u32> {
    let (mut features, mut properties) = ([0; TOLD_MAX_BYTES], [0; TOLD_MAX_BYTES]);
    let features = card.control(FEATURES, &[], &mut features).ok()?;
    let code = protocol::properties_code(features)?;
    protocol::max_apdu_data_bytes(card.control(code.into(), &[], &mut properties).ok()?)
}

/// Most bytes of one message to the reader; `None`: not reported.
fn input_max_bytes(card: &Card) -> Option<u32> {
    let told = card.get_attribute_owned(Attribute::Maxinput).ok()?;
    told.first_chunk().copied().map(u32::from_ne_bytes)
}

/// The names of this reader's USB device; none for any other kind of reader.
///
/// # Errors
/// [`Error::SharingViolation`] while another program holds it.
fn plugged_as(context: &Context, name: &CStr) -> Result<Vec<UsbName>, Error> {
    let card = context.connect(name, ShareMode::Direct, Protocols::UNDEFINED)?;
    let told = card.get_attribute_owned(Attribute::ChannelId);
    // A reset would disturb another program's card, or power the card on for nothing.
    card.disconnect(Disposition::LeaveCard).map_err(|(_, error)| error)?;
    // A driver without this attribute is not one of libccid's USB drivers.
    let device = told.ok().and_then(|told| protocol::usb_device(&told));
    Ok(device
        .map_or_else(Vec::new, |(bus, device)| usb::names_of(Path::new(usb::SYSFS), bus, device)))
}
