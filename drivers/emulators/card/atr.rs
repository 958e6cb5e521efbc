//! A card's first answers: answer to reset (ISO/IEC 7816-3) and answer to select (ISO/IEC 14443-4), with historical
//! bytes (ISO/IEC 7816-4, 12.1.1). Knows no reader.

/// Card capabilities: selection by full and partial name, path and file identifier; short file identifiers; data units
/// of one byte; command chaining; extended lengths if `extended`.
fn capabilities(extended: bool) -> [u8; 4] {
    [0x73, 0xF4, 0x21, if extended { 0xC0 } else { 0x80 }]
}

/// Historical bytes of a file card: capabilities, and five bytes that its maker may choose.
pub(super) fn historical(extended: bool, makers: [u8; 5]) -> Vec<u8> {
    let mut bytes = vec![0x80];
    bytes.extend_from_slice(&capabilities(extended));
    bytes.push(0x65);
    bytes.extend_from_slice(&makers);
    bytes
}

/// Answer to reset over the contacts, with T=0 only.
pub(super) fn contact_t0(historical: &[u8]) -> Vec<u8> {
    // Without interface bytes the standard's defaults apply, and T=0 alone needs no check byte.
    let mut atr = vec![0x3B, length_nibble(historical)];
    atr.extend_from_slice(historical);
    atr
}

/// Answer to reset over the contacts, with T=1 only: blocks of 254 bytes, waiting times BWI 4 and CWI 5.
pub(super) fn contact_t1(historical: &[u8]) -> Vec<u8> {
    let mut atr = vec![0x3B, 0x80 | length_nibble(historical), 0x81, 0x31, 0xFE, 0x45];
    atr.extend_from_slice(historical);
    checked(atr)
}

/// The answer to reset that PC/SC part 3 (3.1.3.2.3.1) composes for a contactless card with files.
pub(super) fn contactless_files(historical: &[u8]) -> Vec<u8> {
    let mut atr = vec![0x3B, 0x80 | length_nibble(historical), 0x80, 0x01];
    atr.extend_from_slice(historical);
    checked(atr)
}

/// The answer to reset that PC/SC part 3 (3.1.3.2.3.2) composes for a memory card of ISO 14443-3 A; `name` is from its
/// list of cards.
pub(super) fn contactless_memory(name: u16) -> Vec<u8> {
    let [high, low] = name.to_be_bytes();
    let mut atr = vec![0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06];
    atr.extend_from_slice(&[0x03, high, low, 0, 0, 0, 0]);
    checked(atr)
}

/// Answer to select with its length byte: frames of 256 bytes, 106 kbit/s only, 77 ms for an answer, a card number.
pub(super) fn select(historical: &[u8]) -> Vec<u8> {
    let mut ats = vec![0, 0x78, 0x00, 0x81, 0x02];
    ats.extend_from_slice(historical);
    ats[0] = u8::try_from(ats.len()).expect("historical bytes are 15 at most");
    ats
}

fn length_nibble(historical: &[u8]) -> u8 {
    u8::try_from(historical.len().min(15)).expect("15 at most")
}

/// Appends TCK: the exclusive or of everything after the first byte becomes zero.
fn checked(mut atr: Vec<u8>) -> Vec<u8> {
    atr.push(atr.iter().skip(1).fold(0, |sum, byte| sum ^ byte));
    atr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_card_has_the_answer_of_its_kind() {
        // What readers on the market give for MIFARE Classic 1K and Ultralight (pcsc-tools' list of smart cards).
        let classic =
            [0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0, 0, 3, 6, 3, 0, 1, 0, 0, 0, 0, 0x6A];
        assert_eq!(contactless_memory(1), classic);
        assert_eq!(contactless_memory(3).last(), Some(&0x68));
    }

    #[test]
    fn a_file_card_says_what_it_can() {
        let history = historical(true, *b"KARTU");
        assert_eq!(history, *b"\x80\x73\xF4\x21\xC0\x65KARTU");
        assert_eq!(contact_t0(&history)[..2], [0x3B, 0x0B]);
        let t1 = contact_t1(&history);
        assert_eq!(t1[..6], [0x3B, 0x8B, 0x81, 0x31, 0xFE, 0x45]);
        assert_eq!(t1[1..].iter().fold(0, |sum, byte| sum ^ byte), 0);
        assert_eq!(contactless_files(&history)[..4], [0x3B, 0x8B, 0x80, 0x01]);
        assert_eq!(select(&history)[..5], [16, 0x78, 0x00, 0x81, 0x02]);
    }
}
