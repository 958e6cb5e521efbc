//! The simplest reader, for tests: it passes commands straight to the emulated card in its field. Its clock is emulated
//! too, so that a mute card costs no time. No address opens it: a station uses real readers, or emulated ones over
//! their wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{EmulatedChip, Field, Response};
use drivers::encoder::storage::{FrameFault, PSEUDO_CLASS, Storage, Tag, TagKind};
use drivers::encoder::{CardEncoder, Chip, EncoderError, Interface, Limits};

/// How long it waits for a card's answer, unless set otherwise.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest command and answer in extended form.
const EXTENDED_MAX_BYTES: usize = 65_544;
/// Longest command in short form.
const SHORT_MAX_BYTES: usize = 261;

/// The simplest reader.
pub struct Direct {
    field: Field,
    short_only: bool,
    patience: Duration,
    clock: EmulatedClock,
    storage: Storage,
}

/// Time that a [`Direct`] reader has let pass.
#[derive(Debug, Clone, Default)]
pub struct EmulatedClock(Arc<AtomicU64>);

impl EmulatedClock {
    /// Time that has passed since the reader was made.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn pass(&self, span: Duration) {
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Direct {
    /// A reader of whatever card is in this field.
    pub fn new(field: Field) -> Self {
        let (clock, storage) = (EmulatedClock::default(), Storage::new());
        Self { field, short_only: false, patience: PATIENCE, clock, storage }
    }

    /// A reader without extended lengths.
    #[must_use]
    pub fn short_only(self) -> Self {
        Self { short_only: true, ..self }
    }

    /// Sets how long it waits for an answer.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Its clock, for tests to read.
    pub fn clock(&self) -> EmulatedClock {
        self.clock.clone()
    }

    fn limits(&self, atr: &[u8], interface: Interface) -> Limits {
        // TD1 is absent, or offers T=0 first.
        let t0 = match atr {
            [_, t0, rest @ ..] if t0 & 0x80 != 0 => {
                let before = (t0 >> 4 & 0x07).count_ones() as usize;
                rest.get(before).is_none_or(|td1| td1 & 0x0F == 0)
            }
            _ => true,
        };
        let t0 = t0 && interface == Interface::Contact;
        let extended = !t0 && !self.short_only && says_extended(atr);
        let apdu_max_bytes = if extended { EXTENDED_MAX_BYTES } else { SHORT_MAX_BYTES };
        Limits { t0, extended, apdu_max_bytes }
    }
}

impl CardEncoder for Direct {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        let card = self.field.card();
        let found = card.as_ref().map(|card| card.lock()).filter(|card| !card.atr().is_empty());
        let Some(mut card) = found else {
            self.clock.pass(patience);
            return Err(EncoderError::NoCard { waited: patience });
        };
        card.power_on();
        let (atr, uid) = (card.atr(), card.in_field().map(|activation| activation.uid));
        let interface = if uid.is_some() { Interface::Contactless } else { Interface::Contact };
        let limits = self.limits(&atr, interface);
        Ok(Chip { interface, atr, uid, limits })
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        answer.clear();
        let card = self.field.card().ok_or(EncoderError::CardLost)?;
        let mut card = card.lock();
        let (clock, patience) = (self.clock.clone(), self.patience);
        let heard = |response| match response {
            Response::Said { bytes, after_ms } if duration(after_ms) <= patience => {
                clock.pass(duration(after_ms));
                Ok(bytes)
            }
            Response::Said { .. } | Response::Mute => {
                clock.pass(patience);
                Err(EncoderError::CardLost)
            }
            Response::Gone => Err(EncoderError::CardLost),
        };
        let activation = card.in_field();
        let readers_own = command.first() == Some(&PSEUDO_CLASS);
        match activation.filter(|here| readers_own || here.ats.is_none()) {
            Some(here) => {
                let tag = Tag { uid: &here.uid, kind: TagKind::of(here.sak) };
                let mut exchange = |frame: &[u8]| frame_to(&mut **card, frame, &heard);
                *answer = self.storage.carry(command, tag, &mut exchange)?.into_bytes();
            }
            None => *answer = heard(card.apdu(command))?,
        }
        // A card that is removed in the middle of its answer leaves only a part of it.
        if answer.len() < 2 { Err(EncoderError::CardLost) } else { Ok(()) }
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        if let Some(card) = self.field.card() {
            card.lock().power_off();
        }
        Ok(())
    }
}

/// Capabilities in the historical bytes (ISO/IEC 7816-4, table 119): does the card understand extended lengths?
fn says_extended(atr: &[u8]) -> bool {
    atr.windows(5).any(|bytes| matches!(bytes, [0x80, 0x73, _, _, last] if last & 0x40 != 0))
}

fn duration(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}

/// Sends one frame to a memory card. A card that stays silent after a wrong key is selected again, as real readers do.
fn frame_to(
    card: &mut dyn EmulatedChip,
    frame: &[u8],
    heard: &dyn Fn(Response) -> Result<Vec<u8>, EncoderError>,
) -> Result<Vec<u8>, FrameFault> {
    let response = card.frame(frame);
    if response == Response::Mute && matches!(frame, [0x60 | 0x61, ..]) {
        card.power_on();
        return Err(FrameFault::Refused);
    }
    let refused = matches!(&response, Response::Said { bytes, .. } if *bytes == [super::NAK]);
    if refused {
        card.power_on();
        return Err(FrameFault::Refused);
    }
    heard(response).map_err(FrameFault::Lost)
}
