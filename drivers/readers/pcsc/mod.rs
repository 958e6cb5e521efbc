//! Readers behind pcscd: every USB reader that libccid supports, and serial ones through its serial driver. Opens them
//! by name; does not know what a card is for.
//!
//! The pcscd library belongs to the system and works only with the matching pcscd, so this driver is built only with
//! the feature `pcsc`.
//!
//! No call here can be cancelled: a mute card held `SCardTransmit` for 232 s (libccid's serial driver). A caller that
//! cannot wait that long wraps the reader in `encoder::bounded`.

#[cfg(any(test, feature = "pcsc"))]
mod address;
#[cfg(any(test, feature = "pcsc"))]
mod models;
mod protocol;
#[cfg(feature = "pcsc")]
mod reader;

use crate::encoder::{CardEncoder, EncoderError};

/// Connects to the reader at this address (`address.rs`); needs no card.
#[cfg(feature = "pcsc")]
pub(crate) fn open(address: &str) -> Result<Box<dyn CardEncoder>, EncoderError> {
    let named = address
        .parse()
        .map_err(|wrong: address::NoReaderName| EncoderError::Unsupported(wrong.to_string()))?;
    Ok(Box::new(reader::Reader::open(named)?))
}

/// A build without PC/SC has no such readers.
#[cfg(not(feature = "pcsc"))]
pub(crate) fn open(address: &str) -> Result<Box<dyn CardEncoder>, EncoderError> {
    Err(EncoderError::Unsupported(not_built(address)))
}

/// Does the address name a single reader?
#[cfg(feature = "pcsc")]
pub(crate) fn accepts(address: &str) -> Result<(), String> {
    address.parse::<address::Address>().map(drop).map_err(|wrong| wrong.to_string())
}

/// A build without PC/SC has no such readers.
#[cfg(not(feature = "pcsc"))]
pub(crate) fn accepts(address: &str) -> Result<(), String> {
    Err(not_built(address))
}

#[cfg(not(feature = "pcsc"))]
fn not_built(address: &str) -> String {
    format!(
        "the program was built without PC/SC, so it cannot reach {address}. Install libpcsclite-dev and pkg-config, \
         build it with `cargo build --release --features pcsc`, and install pcscd and libccid where it runs"
    )
}

/// See [`crate::encoder::EncoderFamily::any_bytes`].
pub(crate) fn any_bytes(bytes: &[u8]) {
    let _ = protocol::properties_code(bytes);
    let _ = protocol::usb_device(bytes);
    let _ = protocol::uid(bytes);
    let data = protocol::max_apdu_data_bytes(bytes);
    for t0 in [false, true] {
        let _ = protocol::limits(t0, data, data, protocol::AtrFacts::of(bytes));
    }
}

#[cfg(all(test, not(feature = "pcsc")))]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_pcsc_says_how_to_build_one_with_it() {
        let refused = crate::encoder::open("pcsc", "reader:Virtual PCD 00 00").err().unwrap();
        assert!(matches!(refused, EncoderError::Unsupported(_)));
        let told = refused.to_string();
        for word in ["--features pcsc", "libpcsclite-dev", "pcscd", "Virtual PCD 00 00"] {
            assert!(told.contains(word), "{told}");
        }
    }
}
