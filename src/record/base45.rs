//! Base45 (RFC 9285): bytes as the 45 letters that a QR code holds most densely. Does not know what the bytes mean.
//!
//! We do not use the crate `base45` 3.2.0, because it accepts a last pair above 255 as a byte, which gives several
//! texts for one record.

const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// Encodes with the 45 characters, three for every two bytes.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(2) * 3);
    let mut put = |digit: u32| text.push(char::from(ALPHABET[(digit % 45) as usize]));
    for pair in bytes.chunks(2) {
        let number = pair.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        put(number);
        put(number / 45);
        if pair.len() == 2 {
            put(number / 45 / 45);
        }
    }
    text
}

/// Decodes a text; `None` if it is not Base45.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 3 * 2 + 1);
    for group in text.as_bytes().chunks(3) {
        let digits = group.iter().rev().try_fold(0, |sum, letter| {
            let digit = ALPHABET.iter().position(|known| known == letter)?;
            Some(sum * 45 + digit)
        })?;
        match group.len() {
            3 => bytes.extend(u16::try_from(digits).ok()?.to_be_bytes()),
            2 => bytes.push(u8::try_from(digits).ok()?),
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 9285, sections 4.3 and 4.4.
        for (bytes, text) in [
            ("AB", "BB8"),
            ("Hello!!", "%69 VD92EX0"),
            ("base-45", "UJCLQE7W581"),
            ("ietf!", "QED8WEX0"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(decode("GGW"), None, "65536 is no pair of bytes, the RFC's own example");
    }

    #[test]
    fn one_text_for_one_content() {
        for wrong in ["A", "BB8A", ":::", "V5", "::", "bb8", "BB8\n", "é"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
        assert_eq!(decode("").unwrap(), b"");
    }

    proptest::proptest! {
        #[test]
        fn everything_comes_back(bytes: Vec<u8>) {
            assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn what_can_be_read_is_what_would_be_written(text: String) {
            if let Some(bytes) = decode(&text) {
                assert_eq!(encode(&bytes), text);
            }
        }
    }
}
