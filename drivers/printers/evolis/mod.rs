//! Evolis card printers: the driver. Knows the family's wire and its sequences of commands; knows no socket, no cable
//! and no daemon.
//!
//! **Point of no return**: for a print, the command in part 1 of the job that feeds the blank
//! ([`job::bytes_before_feed`]); for a move, its single command. If the wire breaks before it, the card is untouched;
//! after it, only the machine's own report (CLAIM, its counter, its card sensors) can show more than "unknown":
//! [`evidence`] has the table.
//!
//! [`protocol`], [`status`], [`stream`], [`bitmap`] and [`job`] are public for the emulated machine, which reads the
//! same bytes, and for the tests that compare a job with the maker's.
//!
//! Source: Evolis wire notes (captured from the maker's SDK 9.4.1.9451), cited by section beside each rule.

pub mod bitmap;
mod bits;
mod driver;
mod evidence;
pub mod job;
mod masked;
mod moves;
mod print;
mod probe;
pub mod protocol;
mod ribbon;
mod state;
pub mod status;
pub mod stream;
mod stripe;
mod supplies;
#[cfg(test)]
pub(crate) mod tests;
mod troubles;

use std::sync::LazyLock;

pub use driver::open;
pub use masked::masked;

use crate::models::{self, Model, Models};

/// Data of a model that only this family needs; see the head of `models.toml`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// Which command carries a panel.
    pub bitmap: bitmap::Bitmap,
    /// Levels of a dye dot.
    pub colour_levels: u16,
    /// The magnetic line of the job's header; empty for none.
    pub encoding: String,
    /// Are feeder and hopper named in every job?
    pub trays: bool,
}

/// `models.toml`, parsed once from the built-in text.
fn sheet() -> &'static Models<Wire> {
    static SHEET: LazyLock<Models<Wire>> = LazyLock::new(|| {
        models::read(include_str!("models.toml")).expect("built in, and read by a test")
    });
    &SHEET
}

/// The models.
pub fn models() -> &'static [Model<Wire>] {
    &sheet().models
}

/// USB vendor numbers of the machines.
pub fn usb_vendors() -> &'static [u16] {
    &sheet().usb_vendors
}

/// The model of this name, in the spelling of a machine or a person: any case, with or without "Evolis " (section 4.1).
pub fn find_model(name: &str) -> Option<&'static Model<Wire>> {
    let name = name.trim();
    let short = match name.get(..7) {
        Some(maker) if maker.eq_ignore_ascii_case("evolis ") => name[7..].trim_start(),
        _ => name,
    };
    models().iter().find(|model| model.name.eq_ignore_ascii_case(short))
}

/// Does a request carry or ask for magnetic track data (section 4.4)?
pub fn is_personal(request: &[u8]) -> bool {
    [&b"Dm;"[..], b"Rmb;"].iter().any(|name| request.windows(name.len()).any(|at| at == *name))
}

/// See [`crate::Family::any_bytes`].
pub fn any_bytes(bytes: &[u8]) {
    if let Ok(answer) = protocol::Answer::parse(bytes) {
        let mut again = Vec::new();
        answer.emit(&mut again);
        // An answer that is accepted can be encoded again.
        assert_eq!(protocol::Answer::parse(&again).as_ref(), Ok(&answer), "said again");
        let _ = ribbon::RibbonReport::parse(&answer.text);
        let _ = troubles::troubles(&answer.status, &answer.extensions);
    }
    for model in models() {
        assert!(stream::Stream::new(bytes, model.head).count() <= bytes.len(), "it goes on");
    }
    assert_eq!(masked(bytes).len(), bytes.len(), "crossed out in its place");
    let _ = protocol::is_whole(bytes);
}

/// Trade names of the models.
pub fn model_names() -> Vec<String> {
    models().iter().map(|model| model.name.clone()).collect()
}

/// Is this the name of a model?
pub fn knows(name: &str) -> bool {
    find_model(name).is_some()
}
