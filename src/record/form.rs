//! The canonical form of CBOR: deterministic encoding (RFC 8949, 4.2.1). Does not know what the bytes mean.
//!
//! If a record could be encoded in several ways, programs that compare or list records by their bytes would treat them
//! as several records, and two programs could read two contents from one signature.

use coset::cbor::value::Value;
use coset::cbor::{de, ser};

/// Are these the bytes of deterministic encoding: shortest heads, definite lengths, sorted keys, no duplicate key,
/// nothing after the value?
pub(super) fn is_deterministic(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let Ok(value) = de::from_reader::<Value, _>(&mut rest) else { return false };
    let mut again = Vec::with_capacity(bytes.len());
    rest.is_empty()
        && in_order(&value)
        && ser::into_writer(&value, &mut again).is_ok()
        && again == bytes
}

/// Are the keys of every map sorted by their bytes, without duplicates?
fn in_order(value: &Value) -> bool {
    match value {
        Value::Map(entries) => {
            let keys: Option<Vec<_>> = entries.iter().map(|(key, _)| encoded(key)).collect();
            keys.is_some_and(|keys| keys.is_sorted_by(|one, next| one < next))
                && entries.iter().all(|(key, value)| in_order(key) && in_order(value))
        }
        Value::Array(values) => values.iter().all(in_order),
        Value::Tag(_, inside) => in_order(inside),
        _ => true,
    }
}

fn encoded(value: &Value) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    ser::into_writer(value, &mut bytes).ok().map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_content_has_one_form() {
        for good in [
            &b"\x00"[..],
            b"\x18\x18",
            b"\x20",
            b"\x42ab",
            b"\x62ab",
            b"\xa2\x01\x00\x20\x00",
            b"\xa2\x0a\x00\x61a\x00",
            b"\xd2\x84\x01\x02\x03\x04",
            b"\xf9\x3c\x00",
        ] {
            assert!(is_deterministic(good), "{good:02x?}");
        }
        for other in [
            &b""[..],
            b"\x18\x17",
            b"\x19\x00\xff",
            b"\x38\x00",
            b"\xc2\x41\x01",
            b"\x58\x02ab",
            b"\x5f\x41a\x41b\xff",
            b"\x78\x01a",
            b"\x7f\x61a\xff",
            b"\xb8\x01\x01\x02",
            b"\xbf\x01\x02\xff",
            b"\xa2\x20\x00\x01\x00",
            b"\xa2\x01\x00\x01\x00",
            b"\x81\xa2\x02\x00\x01\x00",
            b"\x9f\x01\xff",
            b"\xd8\x12\x00",
            b"\xfa\x3f\x80\x00\x00",
            b"\x00\x00",
        ] {
            assert!(!is_deterministic(other), "{other:02x?}");
        }
    }
}
