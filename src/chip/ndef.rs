//! An NDEF message as bytes, and the block in which a Type 2 tag stores it. Knows no card and no record. Source: NFC
//! Forum NDEF 1.0 (3.2) and Type 2 Tag 1.2 (2.3).

use zeroize::Zeroizing;

/// Header flags of a record that is the first and the last of its message.
const ONLY_RECORD: u8 = 0x80 | 0x40;
/// Header flag: the payload's length is one byte.
const SHORT_RECORD: u8 = 0x10;
/// Header type: a name under a domain.
const EXTERNAL: u8 = 0x04;
/// TLV that precedes an NDEF message.
const NDEF_TLV: u8 = 0x03;
/// TLV that ends the data.
const TERMINATOR: u8 = 0xFE;

/// A message of one record of an external type; `kind` is shorter than 256 bytes.
pub fn external(kind: &str, payload: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut message = Zeroizing::new(Vec::with_capacity(payload.len() + kind.len() + 6));
    let kind_length = u8::try_from(kind.len()).unwrap_or(u8::MAX);
    match u8::try_from(payload.len()) {
        Ok(length) => {
            message.extend([ONLY_RECORD | SHORT_RECORD | EXTERNAL, kind_length, length]);
        }
        Err(_) => {
            message.extend([ONLY_RECORD | EXTERNAL, kind_length]);
            let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            message.extend(length.to_be_bytes());
        }
    }
    message.extend(&kind.as_bytes()[..usize::from(kind_length)]);
    message.extend(payload);
    message
}

/// The message as stored from page 4 on; `None`: it is too long for any tag.
pub fn block(message: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut block = Zeroizing::new(Vec::with_capacity(message.len() + 5));
    block.push(NDEF_TLV);
    match u8::try_from(message.len()) {
        Ok(length) if length < 0xFF => block.push(length),
        _ => {
            let [high, low] = u16::try_from(message.len()).ok()?.to_be_bytes();
            block.extend([0xFF, high, low]);
        }
    }
    block.extend(message);
    block.push(TERMINATOR);
    Some(block)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{block, external};

    #[test]
    fn a_record_is_wrapped_byte_for_byte() {
        let message = external("a.b:c", &[1, 2]);
        assert_eq!(*message, [0xD4, 5, 2, b'a', b'.', b'b', b':', b'c', 1, 2]);
        assert_eq!(*block(&message).unwrap(), [&[3, 10], message.as_slice(), &[0xFE]].concat());
        let long = external("a:b", &[7; 429]);
        assert_eq!(long[..9], [0xC4, 3, 0, 0, 1, 173, b'a', b':', b'b']);
        assert_eq!(block(&long).unwrap()[..4], [3, 0xFF, 1, 182]);
        assert_eq!(block(&[0; 255]).unwrap()[..4], [3, 0xFF, 0, 255]);
        assert_eq!(block(&[0; 70_000]), None);
    }
}
