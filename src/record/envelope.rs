//! The signed envelope: COSE_Sign1 (RFC 9052) with ES256. Knows bytes and keys, not what is inside.

use coset::iana::Algorithm;
use coset::{
    CoseSign1, CoseSign1Builder, Header, HeaderBuilder, RegisteredLabelWithPrivate,
    TaggedCborSerializable as _,
};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::EncodePublicKey as _;
use sha2::{Digest as _, Sha256};

use super::form::is_deterministic;
use super::verify::Fault;

/// Largest record, bytes: a QR code holds less, and no chip profile of ours gives it more space.
pub(super) const BYTES_MAX: usize = 4096;
/// Length of a key's id.
pub const KID_BYTES: usize = 8;

/// The id of a key: the first 8 bytes of the SHA-256 of its SubjectPublicKeyInfo (DER), so that `openssl pkey -pubout
/// -outform DER | sha256sum` computes it too, and other kinds of keys can have such ids.
pub fn kid(key: &VerifyingKey) -> [u8; KID_BYTES] {
    let der = key.to_public_key_der().expect("a point of P-256 has a DER form");
    let hash = Sha256::digest(der.as_bytes());
    std::array::from_fn(|n| hash[n])
}

/// Signs. The nonce is derived from key and content (RFC 6979), so the same content gives the same bytes; of the two
/// valid signatures it is the one with the smaller s.
pub(super) fn seal(payload: Vec<u8>, key: &SigningKey) -> Vec<u8> {
    let header = HeaderBuilder::new()
        .algorithm(Algorithm::ES256)
        .key_id(kid(key.verifying_key()).to_vec())
        .build();
    let sign = |content: &[u8]| {
        let signature: Signature = key.sign(content);
        signature.normalize_s().to_bytes().to_vec()
    };
    let signed = CoseSign1Builder::new().protected(header).payload(payload);
    let signed = signed.create_signature(b"", sign).build();
    signed.to_tagged_vec().expect("bytes and small numbers become CBOR")
}

/// The content, if the key with its id signed it and it is in canonical form. `find` looks keys up by id.
pub(super) fn open<'k>(
    bytes: &[u8],
    find: impl FnOnce(&[u8]) -> Option<&'k VerifyingKey>,
) -> Result<Vec<u8>, Fault> {
    if bytes.len() > BYTES_MAX {
        return Err(Fault::NotARecord);
    }
    let signed = CoseSign1::from_tagged_slice(bytes).map_err(|_| Fault::NotARecord)?;
    if !stands_in_its_form(&signed, bytes) {
        return Err(Fault::NotARecord);
    }
    let (inside, outside) = (&signed.protected.header, &signed.unprotected);
    // The algorithm counts only if the signature covers it; critical headers are unknown to us.
    if inside.alg != Some(RegisteredLabelWithPrivate::Assigned(Algorithm::ES256))
        || !inside.crit.is_empty()
    {
        return Err(Fault::NotARecord);
    }
    let name = if inside.key_id.is_empty() { &outside.key_id } else { &inside.key_id };
    let key = find(name).ok_or(Fault::UnknownKey)?;
    let payload = signed.payload.clone().ok_or(Fault::NotARecord)?;
    let check = |signature: &[u8], content: &[u8]| {
        let signature = Signature::from_slice(signature)?;
        if signature.normalize_s() != signature {
            return Err(p256::ecdsa::Error::new());
        }
        key.verify(content, &signature)
    };
    signed.verify_signature(b"", check).map_err(|_| Fault::Changed)?;
    Ok(payload)
}

/// Is this the only encoding of the content with this signature? Nobody without the key can change the signed parts;
/// the only unsigned part may be the key's id, and only if it is not signed.
fn stands_in_its_form(signed: &CoseSign1, bytes: &[u8]) -> bool {
    let (inside, outside) = (&signed.protected.header, &signed.unprotected);
    let name = Header { key_id: outside.key_id.clone(), ..Header::default() };
    let name_stands_once = inside.key_id.is_empty() || outside.key_id.is_empty();
    *outside == name
        && name_stands_once
        && is_deterministic(bytes)
        && signed.protected.original_data.as_deref().is_some_and(is_deterministic)
}

/// The record at the beginning of a chip's file; the bytes after it must never have been written (00 or FF).
pub(super) fn without_padding(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    coset::cbor::de::from_reader::<coset::cbor::value::Value, _>(&mut rest).ok()?;
    let blank = |byte: u8| rest.iter().all(|one| *one == byte);
    (blank(0) || blank(0xff)).then(|| &bytes[..bytes.len() - rest.len()])
}

/// A publicly known key, for pictures of cards that are not printed. No list contains it.
pub(super) fn nobodys_key() -> SigningKey {
    let scalar = Sha256::digest(b"kartu: the key of a picture without a document key");
    SigningKey::from_slice(&scalar).expect("this scalar lies below the order of P-256")
}
