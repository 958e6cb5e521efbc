//! Drivers of card machines: their contract with the station, and the families.
//! Knows nothing of the daemon, of jobs or of persons.
//!
//! # How to add a family
//!
//! 1. Make a folder in `printers/` with the same files as `evolis/`: `driver.rs` (a [`CardPrinter`]
//!    over a [`transport::Transport`], with its point of no return named), `protocol.rs` (bytes to
//!    meaning and back, side by side, each with a byte-for-byte test) and `models.toml` (what differs
//!    between the models: head, levels, colour rule, quirks with their story).
//! 2. Make the machine's side of the wire, in a folder of the same name in the crate of the emulators (`emulators/`),
//!    and try the driver on it there.
//! 3. Put recordings that are not ours (a maker's program, a real machine) beside the tests of the driver on its
//!    emulated machine (`emulators/evolis/driver_tests/golden/`), with their source named; driver and emulator share
//!    `protocol.rs`, so the same misreading would go unnoticed in both.
//! 4. Add one line to [`CATALOGUE`]. Nothing else in this crate names a family.
//!    It also says which requests carry personal data ([`Family::personal`]), and which part of an answer may be
//!    recorded ([`Family::masked`]).
//! 5. In `open`, tell the wire how an answer of the family ends ([`transport::Transport::frame_by`]), because a USB
//!    transfer does not show it.
//!
//! Another model of a known family is an entry in its `models.toml`, and one in the table of what the emulated machine
//! has (`OWN` in `emulators/evolis/indicators.rs`).
//!
//! # How to record a session from a real printer
//!
//! `cargo build --release --features record`, then run the station (or a probe) with `KARTU_RECORD=session.jsonl`: each
//! half of every exchange becomes a line, bulk image data as length and SHA-256 only ([`transport`], file
//! `recorded.rs`), and of what [`Family::personal`] names (a magnetic track) the length. The session goes into the
//! family's `golden/` (step 3), with machine and firmware named; `recorded::Replay` is a wire that replays it, so that
//! a test can run the driver without the machine.
//!
//! # The layers, from the station down to the wire
//!
//! [`contract`] (of every machine) · a family's driver · its protocol · [`transport`] (bytes in both directions) · a
//! real machine, or an emulated one of the crate `emulators/`. Beside them [`panels`] (sRGB to dye) and [`models`],
//! which know no family.
//!
//! For chips: [`scp03`] (a secure channel) · [`encoder::channel`] (differences between chips) · [`encoder`] (the
//! contract of every reader; [`encoder::bounded`] keeps its deadline) · a reader family · a real card, or an emulated
//! one.
//!
//! Nothing here knows the emulators: a station with a real printer does not need them.

pub mod contract;
pub mod encoder;
pub mod facts;
pub mod image;
pub mod magnetic;
pub mod models;
pub mod panels;
pub mod printers;
pub mod private_file;
pub mod readers;
pub mod redact;
pub mod scp03;
pub mod text;
pub mod ticket;
pub mod transport;

mod advice;

use contract::{CardPrinter, Cause, DeviceError};
use encoder::{EncoderFamily, Interface};
use printers::evolis;
use readers::{pcsc, pn532};
use transport::Transport;

/// Every family of card machines, one line each.
pub const CATALOGUE: &[Family] = &[Family {
    name: "evolis",
    open: evolis::open,
    personal: evolis::is_personal,
    masked: evolis::masked,
    any_bytes: evolis::any_bytes,
    usb_vendors: evolis::usb_vendors,
    models: evolis::model_names,
    knows: evolis::knows,
}];

/// Every family of card encoders, one line each.
pub const ENCODERS: &[EncoderFamily] = &[
    EncoderFamily {
        name: "pn532",
        accepts: pn532::accepts,
        stations: &[Interface::Contactless],
        open: pn532::open,
        over: Some(pn532::over),
        any_bytes: pn532::any_bytes,
    },
    EncoderFamily {
        name: "pcsc",
        accepts: pcsc::accepts,
        stations: &[Interface::Contact, Interface::Contactless],
        open: pcsc::open,
        over: None,
        any_bytes: pcsc::any_bytes,
    },
];

/// A driver, or why there is none; the card is always [`contract::Whereabouts::Untouched`].
pub type Opened = Result<Box<dyn CardPrinter>, DeviceError>;

/// A family: machines with the same protocol.
pub struct Family {
    /// The name in the configuration and on the command line.
    pub name: &'static str,
    /// Opens a driver; reads the machine's model unless one is given.
    pub open: fn(Option<&str>, Box<dyn Transport>) -> Opened,
    /// Does a request carry personal data, or ask for them? Such a request is never recorded in clear.
    pub personal: fn(&[u8]) -> bool,
    /// An answer as it may be recorded: in the same length, with everything crossed out that is not the family's own.
    pub masked: fn(&[u8]) -> Vec<u8>,
    /// Parses any bytes as input from the family's wire, in both directions; for fuzzing.
    pub any_bytes: fn(&[u8]),
    /// USB vendor numbers of its machines; `systemd/70-kartu.rules` lets the station's user open them.
    pub usb_vendors: fn() -> &'static [u16],
    /// Trade names of the models, in the order of `models.toml`.
    pub models: fn() -> Vec<String>,
    /// Is this the name of a model, in the spelling of a machine or a person?
    pub knows: fn(&str) -> bool,
}

/// Opens a driver of the named family over `transport`.
///
/// The machine's model is read; `model_override` is for a machine that does not report it.
///
/// # Errors
/// [`Cause::Unsupported`] for a family or model that is not in the catalogue; else the family
/// driver's error.
pub fn open(family: &str, model_override: Option<&str>, transport: Box<dyn Transport>) -> Opened {
    let family = find(family).ok_or_else(|| {
        DeviceError::untouched(Cause::Unsupported(format!(
            "no driver family {family:?}; {}",
            known_families()
        )))
    })?;
    (family.open)(model_override, transport)
}

/// The family of this name.
pub fn find(name: &str) -> Option<&'static Family> {
    CATALOGUE.iter().find(|family| family.name == name)
}

/// `known: ` and every family's name.
pub fn known_families() -> String {
    let names: Vec<_> = CATALOGUE.iter().map(|family| family.name).collect();
    format!("known: {}", names.join(", "))
}
