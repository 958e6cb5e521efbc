//! A signed statement: JSON as compact JWS (RFC 7515) with ES256, which any JOSE library checks. Knows no content.
//!
//! Cards carry COSE because it is short; what an auditor reads is JSON.

use base16ct::lower::encode_string as hex;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey};

use super::{PublicKey, kid};

/// Largest statement that is read, bytes.
pub const STATEMENT_BYTES_MAX: u64 = 64 * 1024;

/// The header of everything that a key signs; nothing else is accepted.
fn header(kid: &str) -> String {
    format!("{{\"alg\":\"ES256\",\"kid\":\"{kid}\"}}")
}

/// Signs JSON. The same content gives the same bytes (RFC 6979).
pub fn sign_statement(json: &str, key: &SigningKey) -> String {
    let header = header(&hex(&kid(key.verifying_key())));
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(json));
    let signature: Signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature.normalize_s().to_bytes()))
}

/// The JSON, if this key signed it; `None`: it did not, or this is no statement.
pub fn read_statement(text: &str, key: &PublicKey) -> Option<String> {
    let (signed, signature) = text.trim_end().rsplit_once('.')?;
    let (head, body) = signed.split_once('.')?;
    let said = header(&key.kid());
    if BASE64.decode(head).ok()? != said.as_bytes() {
        return None;
    }
    let signature = Signature::from_slice(&BASE64.decode(signature).ok()?).ok()?;
    key.key.verify(signed.as_bytes(), &signature).ok()?;
    String::from_utf8(BASE64.decode(body).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use p256::SecretKey;
    use p256::elliptic_curve::Generate as _;

    use super::*;

    #[test]
    fn a_statement_is_read_with_its_own_key_and_unchanged() {
        let key = SigningKey::from(SecretKey::try_generate().unwrap());
        let other = SigningKey::from(SecretKey::try_generate().unwrap());
        let public = |key: &SigningKey| PublicKey::new("", *key.verifying_key());
        let said = sign_statement("{\"last\":7}", &key);
        assert_eq!(said, sign_statement("{\"last\":7}", &key));
        assert_eq!(read_statement(&said, &public(&key)).as_deref(), Some("{\"last\":7}"));
        assert_eq!(read_statement(&said, &public(&other)), None);
        for at in 0..said.len() {
            let mut bytes = said.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(read_statement(&changed, &public(&key)), None, "{at}");
        }
        for wrong in ["", ".", "..", "a.b", "e30.e30.", &said[..40]] {
            assert_eq!(read_statement(wrong, &public(&key)), None, "{wrong}");
        }
    }
}
