//! Data objects with a tag of one byte and up to 255 bytes of value (ISO 7816-4, 5.2.2), as cards use them to describe
//! themselves.

/// Encodes one object.
///
/// # Panics
/// If the value is longer than 255 bytes: callers know their values' lengths.
pub fn object(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).expect("objects made here are short");
    let head: &[u8] = if length < 0x80 { &[tag, length] } else { &[tag, 0x81, length] };
    [head, value].concat()
}

/// Tag, value, and the rest; `None`: there is no complete object.
pub fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (first, rest),
        0x81 => rest.split_first().map(|(&length, rest)| (length, rest))?,
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(usize::from(length))?;
    Some((tag, value, rest))
}
