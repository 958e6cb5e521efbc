//! The station at one moment, in the terms of IPP (RFC 8011: `printer-state`, `printer-state-reasons`).

use drivers::contract::{Cause, DeviceError, PrinterStatus, Trouble};
use drivers::text::Text;
use serde::{Deserialize, Serialize};

/// The station's activity, and why it is not printing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// The station's name from the configuration.
    pub station: String,
    /// Version of kartud.
    pub version: &'static str,
    /// IPP `printer-state`.
    pub state: PrinterState,
    /// IPP `printer-state-reasons`; empty if there are none.
    pub state_reasons: Vec<StateReason>,
    /// The printer, if it has answered since the start.
    pub printer: Option<PrinterView>,
    /// The chip reader; `null`: there is none, or it was not used since the start.
    pub encoder: Option<EncoderView>,
    /// The job whose card may be moving.
    pub printing: Option<String>,
    /// No office profile is configured: every card is marked CONTOH.
    pub specimen: bool,
    /// Cards that came out since the start.
    pub cards_out: u64,
}

/// IPP `printer-state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PrinterState {
    /// Ready, nothing to do.
    Idle,
    /// A card is being made.
    Processing,
    /// A person must help.
    Stopped,
}

/// One of IPP's `printer-state-reasons`, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateReason {
    /// Keyword with its suffix, such as `media-empty-error`.
    pub keyword: String,
    /// What is wrong and what to do.
    pub message: Sentence,
    /// The machine's own name for it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub vendor_code: &'static str,
}

/// A sentence in both languages of the office.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// Indonesian.
    pub id: String,
    /// English.
    pub en: String,
}

/// The chip reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EncoderView {
    /// As IPP's state of printers. `stopped`: the reason is among `state_reasons`, and cards with a chip wait.
    pub state: PrinterState,
}

/// The printer's report about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrinterView {
    /// Trade name.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Firmware version.
    pub firmware: String,
    /// A card is inside.
    pub card_inside: bool,
    /// Cards that ever entered its print head.
    pub cards_entered: Option<u64>,
    /// The ribbon in it.
    pub ribbon: Option<RibbonView>,
}

/// A ribbon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RibbonView {
    /// Panels in order, such as `YMCKO`.
    pub panels: String,
    /// Prints left.
    pub remaining: u32,
    /// Prints on a new one.
    pub capacity: u32,
}

impl From<&Text> for Sentence {
    fn from(words: &Text) -> Self {
        Self { id: words.id.to_string(), en: words.en.to_string() }
    }
}

impl From<&Trouble> for StateReason {
    fn from(trouble: &Trouble) -> Self {
        Self {
            keyword: trouble.reason(),
            message: Sentence::from(&trouble.words),
            vendor_code: trouble.vendor_code,
        }
    }
}

impl From<&PrinterStatus> for PrinterView {
    fn from(status: &PrinterStatus) -> Self {
        Self {
            model: status.identity.model.clone(),
            serial: status.identity.serial.to_string(),
            firmware: status.identity.firmware.to_string(),
            card_inside: status.card_inside,
            cards_entered: status.cards_entered,
            ribbon: status.ribbon.as_ref().map(|ribbon| RibbonView {
                panels: ribbon.panels.clone(),
                remaining: ribbon.remaining,
                capacity: ribbon.capacity,
            }),
        }
    }
}

impl StateReason {
    /// A reason of the station itself.
    pub fn new(keyword: impl Into<String>, words: &Text) -> Self {
        Self { keyword: keyword.into(), message: Sentence::from(words), vendor_code: "" }
    }

    /// The reasons for a failed poll of the printer, for people.
    pub fn of_error(error: &DeviceError) -> Vec<Self> {
        if let Cause::Trouble(troubles) = &error.cause {
            return troubles.iter().map(Self::from).collect();
        }
        vec![Self::new(error.cause.reason(), &error.cause.words())]
    }
}
