//! Decodes what a reader's driver reports (PC/SC part 10) and a card's answer to reset (ISO 7816-3, PC/SC part 3).
//! Knows no library.

use crate::encoder::Limits;

/// Header, one length byte, 255 bytes of data, one byte of expected length (ISO 7816-3, 12.1.3).
const SHORT_APDU_MAX_BYTES: usize = 261;

/// A larger APDU does not fit into one message of vpcd (16 bits of length, two bytes of status), and no card accepts
/// one.
const EXTENDED_APDU_MAX_BYTES: usize = 65_533;

/// A reader that reports less than a header, a length and one byte has misunderstood the query.
const INPUT_MIN_BYTES: usize = 6;

/// The feature that reads the properties, and the property of the longest data field.
const GET_TLV_PROPERTIES: u8 = 0x12;
const MAX_APDU_DATA_SIZE: u8 = 0x0A;

/// The control code for reading the properties, from a list of features. Its numbers are big-endian.
pub(super) fn properties_code(features: &[u8]) -> Option<u32> {
    tlv(features, GET_TLV_PROPERTIES)?.try_into().ok().map(u32::from_be_bytes)
}

/// Most data bytes of one APDU for reader and driver, from their properties; 0: short APDUs only. The numbers are
/// little-endian.
pub(super) fn max_apdu_data_bytes(properties: &[u8]) -> Option<u32> {
    tlv(properties, MAX_APDU_DATA_SIZE)?.try_into().ok().map(u32::from_le_bytes)
}

/// Tag, one byte of length, value.
fn tlv(mut list: &[u8], wanted: u8) -> Option<&[u8]> {
    while let [tag, length, rest @ ..] = list {
        let value = rest.get(..usize::from(*length))?;
        if *tag == wanted {
            return Some(value);
        }
        list = &rest[value.len()..];
    }
    None
}

/// Bus and address of a reader's USB device, from the attribute CHANNEL_ID (`0020 BB DD`, in this computer's byte
/// order).
pub(super) fn usb_device(channel_id: &[u8]) -> Option<(u8, u8)> {
    // libccid writes a DWORD of its own size: only the first four bytes count.
    let number = u32::from_ne_bytes(*channel_id.first_chunk()?);
    let [kind_high, kind_low, bus, device] = number.to_be_bytes();
    ([kind_high, kind_low] == [0x00, 0x20]).then_some((bus, device))
}

/// Facts from a card's answer to reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AtrFacts {
    /// It has the form that PC/SC part 3 (3.1.3.2.3) defines for contactless cards; a contact card may have it too.
    pub contactless_form: bool,
    /// The card supports extended lengths (ISO 7816-4, 12.1.1.9: third byte of the capabilities).
    pub extended: bool,
}

impl AtrFacts {
    /// Parses it; unreadable parts yield no facts.
    pub fn of(atr: &[u8]) -> Self {
        let contactless_form = matches!(atr, [0x3B, t0, 0x80, 0x01, ..] if t0 & 0xF0 == 0x80);
        let extended =
            historical_bytes(atr).and_then(capabilities).is_some_and(|third| third & 0x40 != 0);
        Self { contactless_form, extended }
    }
}

/// The bytes between the interface bytes and the check byte.
fn historical_bytes(atr: &[u8]) -> Option<&[u8]> {
    let mut announced = *atr.get(1)?;
    let count = usize::from(announced & 0x0F);
    let mut at = 2;
    loop {
        let interface_bytes = (announced >> 4).count_ones() as usize;
        let more = announced & 0x80 != 0;
        at += interface_bytes;
        if !more {
            return atr.get(at..at + count);
        }
        // The last interface byte, TD, announces the next ones. The loop ends because an answer has at most 33 bytes.
        announced = *atr.get(at - 1)?;
    }
}

/// The third byte of the card's capabilities, a compact data object `73 xx xx xx`.
fn capabilities(historical: &[u8]) -> Option<u8> {
    let mut objects = match historical {
        // Category 00: three bytes of status follow the objects.
        [0x00, rest @ ..] => rest.get(..rest.len().checked_sub(3)?)?,
        [0x80, rest @ ..] => rest,
        _ => return None,
    };
    while let [head, rest @ ..] = objects {
        let value = rest.get(..usize::from(head & 0x0F))?;
        if *head == 0x73 {
            return Some(value[2]);
        }
        objects = &rest[value.len()..];
    }
    None
}

/// Size limits of commands: what protocol, reader and card all support.
///
/// `reader_data_bytes` is [`max_apdu_data_bytes`], `reader_input_bytes` the attribute MAXINPUT; some readers that
/// handle T=1 themselves take less than a whole short APDU (libccid's SCARDGETATTRIB.md).
pub(super) fn limits(
    t0: bool,
    reader_data_bytes: Option<u32>,
    reader_input_bytes: Option<u32>,
    card: AtrFacts,
) -> Limits {
    let bytes = |told: Option<u32>| told.and_then(|told| usize::try_from(told).ok());
    let data = bytes(reader_data_bytes).unwrap_or(0);
    let extended = !t0 && card.extended && data > SHORT_APDU_MAX_BYTES;
    let apdu_max_bytes = if extended {
        data.min(EXTENDED_APDU_MAX_BYTES)
    } else {
        let input = bytes(reader_input_bytes).filter(|&input| input >= INPUT_MIN_BYTES);
        input.map_or(SHORT_APDU_MAX_BYTES, |input| input.min(SHORT_APDU_MAX_BYTES))
    };
    Limits { t0, extended, apdu_max_bytes }
}

/// Reads the unique identifier of a contactless card (PC/SC part 3, 3.2.2.1.3); the reader answers it.
#[cfg(feature = "pcsc")]
pub(super) const GET_UID: [u8; 5] = [0xFF, 0xCA, 0x00, 0x00, 0x00];

/// The identifier from the answer to `GET_UID`; `None` if it was refused.
pub(super) fn uid(answer: &[u8]) -> Option<Vec<u8>> {
    let (data, status) = answer.split_last_chunk::<2>()?;
    // 4, 7 or 10 bytes of type A, 4 of type B, 8 of FeliCa and of ISO 15693.
    (*status == [0x90, 0x00] && (4..=10).contains(&data.len())).then(|| data.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libccid 1.5.2 fills it in: code 0x42330012 in network order, then vendor 08E6, product 3437, 0x10000.
    #[test]
    fn a_reader_tells_how_much_it_carries() {
        let features = [0x06, 4, 0x42, 0x33, 0x00, 0x06, 0x12, 4, 0x42, 0x33, 0x00, 0x12];
        assert_eq!(properties_code(&features), Some(0x4233_0012));
        let properties = [0x0B, 2, 0xE6, 0x08, 0x0C, 2, 0x37, 0x34, 0x0A, 4, 0, 0, 1, 0];
        assert_eq!(max_apdu_data_bytes(&properties), Some(0x1_0000));
        assert_eq!(max_apdu_data_bytes(&[0x0A, 4, 0, 0, 0, 0]), Some(0));
        for broken in [&[][..], &[0x0A], &[0x0A, 4, 0], &[0x0B, 9, 0], &[0x0A, 2, 0, 0]] {
            assert_eq!(max_apdu_data_bytes(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_usb_reader_tells_where_it_is_plugged_in() {
        // libccid's SCARDGETATTRIB.md: 0x0020 for USB, bus in the high byte, device in the low one.
        assert_eq!(usb_device(&0x0020_0103_u32.to_ne_bytes()), Some((1, 3)));
        assert_eq!(usb_device(&0x0001_0001_u32.to_ne_bytes()), None, "a serial one");
        assert_eq!(usb_device(&[0x20]), None);
    }

    #[test]
    fn an_answer_to_reset_tells_form_and_lengths() {
        // PC/SC part 3 supplemental document: MIFARE Standard 1K.
        let classic = [
            0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, 0x03, 0x00,
            0x01, 0, 0, 0, 0, 0x6A,
        ];
        assert_eq!(AtrFacts::of(&classic), AtrFacts { contactless_form: true, extended: false });
        // OpenPGP card 2.1 (GnuPG's card documentation): capabilities 73 C0 01 C0, extended lengths, then status.
        let openpgp = [
            0x3B, 0xDA, 0x18, 0xFF, 0x81, 0xB1, 0xFE, 0x75, 0x1F, 0x03, 0x00, 0x31, 0xC5, 0x73,
            0xC0, 0x01, 0x40, 0x00, 0x90, 0x00, 0x0C,
        ];
        assert_eq!(AtrFacts::of(&openpgp), AtrFacts { contactless_form: false, extended: true });
        for length in 0..openpgp.len() - 1 {
            let cut = AtrFacts::of(&openpgp[..length]);
            assert!(!cut.extended, "cut to {length}");
        }
        assert_eq!(
            AtrFacts::of(&[0xFF; 33]),
            AtrFacts { contactless_form: false, extended: false }
        );
    }

    #[test]
    fn commands_are_cut_for_protocol_reader_and_card_together() {
        let (able, plain) = (
            AtrFacts { contactless_form: false, extended: true },
            AtrFacts { contactless_form: false, extended: false },
        );
        let short = |t0| Limits { t0, extended: false, apdu_max_bytes: 261 };
        let long = Limits { t0: false, extended: true, apdu_max_bytes: 65_533 };
        assert_eq!(limits(false, Some(0x1_0000), Some(261), able), long);
        assert_eq!(limits(true, Some(0x1_0000), None, able), short(true));
        assert_eq!(limits(false, Some(0x1_0000), None, plain), short(false));
        assert_eq!(limits(false, Some(0), None, able), short(false));
        assert_eq!(limits(false, None, None, able), short(false));
        assert_eq!(limits(false, Some(0), Some(253), able).apdu_max_bytes, 253);
        assert_eq!(limits(false, Some(0), Some(1), able).apdu_max_bytes, 261);
    }

    #[test]
    fn an_identifier_is_believed_with_its_status_only() {
        assert_eq!(uid(&[4, 1, 2, 3, 0x90, 0x00]), Some(vec![4, 1, 2, 3]));
        for refused in [&[0x6A, 0x81][..], &[0x90, 0x00], &[4, 1, 2, 3, 0x63, 0x00], &[], &[0x90]] {
            assert_eq!(uid(refused), None, "{refused:?}");
        }
    }
}
