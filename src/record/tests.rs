//! Records tested with foreign test vectors, with every change of a byte, and with time.
#![allow(clippy::unwrap_used)]

use jiff::ToSpan as _;
use p256::ecdsa::VerifyingKey;
use proptest::prelude::*;

use super::envelope::{nobodys_key, open};
use super::*;

const PHOTO_FILE: &[u8] = b"not a picture, but some bytes";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    base16ct::mixed::decode_vec(digits).unwrap()
}

fn public(x: &str, y: &str) -> VerifyingKey {
    VerifyingKey::from_sec1_bytes(&bytes(&format!("04{x}{y}"))).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn record() -> Record {
    let fields =
        [("nama", "RATNA CONTOHWATI"), ("no_pegawai", "PEG-2026-0042"), ("golongan", "III/a")];
    Record {
        issuer: "KABUPATEN PESISIR SELATAN".into(),
        card: "STAF-2026-1".into(),
        product: "staf".into(),
        issued_at: at("2026-03-02T02:00:00Z"),
        expires_at: Some(at("2028-12-31T17:00:00Z")),
        photo_sha256: Some(<sha2::Sha256 as sha2::Digest>::digest(PHOTO_FILE).into()),
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

fn key() -> SigningKey {
    // RFC 6979, A.2.5.
    SigningKey::from_slice(&bytes(
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
    ))
    .unwrap()
}

fn list() -> KeyList {
    [PublicKey::new("Dinas Contoh", *key().verifying_key())].into_iter().collect()
}

fn verdict(bytes: &[u8], keys: &KeyList, now: &str) -> Vec<Fault> {
    verify(bytes, keys, at(now), None).faults
}

#[test]
fn a_signature_of_the_cose_working_group_is_believed() {
    // github.com/cose-wg/Examples, ecdsa-examples/ecdsa-sig-01.json, and sign1-tests/sign-pass-03.json without its tag.
    let key = public(
        "bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff",
        "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e",
    );
    let signed = bytes(
        "D28445A201260300A10442313154546869732069732074686520636F6E74656E742E5840EAE868ECC176883766C5DC5BA5B8DCA2
         5DAB3C2E56A551CE5705B793914348E172727F48461FABBBA2E343492DDECAC3983686250BC68E9F1A7A07D41225B59F",
    );
    let find = |name: &[u8]| (name == b"11").then_some(&key);
    assert_eq!(open(&signed, find).unwrap(), b"This is the content.");
    assert_eq!(open(&signed, |_| None), Err(Fault::UnknownKey));
    let untagged = bytes(
        "8443A10126A10442313154546869732069732074686520636F6E74656E742E5840EAE868ECC176883766C5DC5BA5B8DCA25DAB3C
         2E56A551CE5705B793914348E19F43D6C6BA654472DA301B645B293C9BA939295B97C4BDB847782BFF384C5794",
    );
    assert_eq!(open(&untagged, find), Err(Fault::NotARecord), "a record has its tag");
    let tagged: Vec<u8> = [&[0xd2][..], &untagged].concat();
    assert_eq!(open(&tagged, find), Err(Fault::Changed), "it has the larger s");
    let tagged = with_the_smaller_s(&tagged);
    assert_eq!(open(&tagged, find).unwrap(), b"This is the content.");
}

/// The same signed content with the other valid signature, if that is the one with the smaller s.
fn with_the_smaller_s(signed: &[u8]) -> Vec<u8> {
    let (content, signature) = signed.split_at(signed.len() - 64);
    let signature = p256::ecdsa::Signature::from_slice(signature).unwrap();
    [content, &signature.normalize_s().to_bytes()].concat()
}

#[test]
fn claims_in_another_form_are_no_record_though_the_key_signed_them() {
    let good = Record { fields: BTreeMap::new(), expires_at: None, photo_sha256: None, ..record() };
    let claims = good.claims();
    let read = |claims: &[u8]| {
        let signed = super::envelope::seal(claims.to_vec(), &key());
        verify(&signed, &list(), at("2026-04-01T00:00:00Z"), None).record
    };
    assert_eq!(read(&claims), Some(good));
    // A map of three: 1 (issuer), 6 (time), -65537 (the card, a map of two).
    assert_eq!((claims[0], claims[1]), (0xa3, 0x01));
    let card = claims.windows(5).position(|at| at == [0x3a, 0, 1, 0, 0]).unwrap();
    let rest = &claims[1..];
    let (before, card) = (&claims[1..card], &claims[card..]);
    for (what, other) in [
        ("the length in a byte of its own", [&[0xb8, 3], rest].concat()),
        ("without a length", [&[0xbf], rest, &[0xff]].concat()),
        ("a number in more bytes", [&[0xa3, 0x18, 1], &claims[2..]].concat()),
        ("another order", [&[0xa3], card, before].concat()),
        ("a key twice", [&[0xa4], before, card, card].concat()),
        ("a key twice, side by side", [&[0xa4, 0x01, 0x61, b'X'], rest].concat()),
        ("something behind", [&claims[..], &[0]].concat()),
    ] {
        assert_eq!(read(&other), None, "{what}");
    }
}

#[test]
fn the_signed_token_of_rfc_8392_is_opened_and_is_no_record_of_ours() {
    // RFC 8392, appendices A.2.3 (key) and A.3 (token).
    let key = public(
        "143329cce7868e416927599cf65a34f3ce2ffda55a7eca69ed8919a394d42f0f",
        "60f7f1a780d8a783bfb7a2dd6b2796e8128dbbcef9d3d168db9529971a36e7b9",
    );
    let token = bytes(
        "d28443a10126a104524173796d6d657472696345434453413235365850a70175636f61703a2f2f61732e6578616d706c652e636f
         6d02656572696b77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9
         f007420b7158405427c1ff28d23fbad1f29c4c7c6a555e601d6fa29f9179bc3d7438bacaca5acd08c8d4d4f96131680c429a01f8
         5951ecee743a52b9b63632c57209120e1c9e30",
    );
    let payload = open(&token, |name| (name == b"AsymmetricECDSA256").then_some(&key)).unwrap();
    let claims = ClaimsSet::from_slice(&payload).unwrap();
    assert_eq!(claims.issuer.as_deref(), Some("coap://as.example.com"));
    assert_eq!(claims.issued_at, Some(Seconds::WholeSeconds(1443944944)));
    assert_eq!(Record::of_claims(&payload), None);
    let in_its_own_tag: Vec<u8> = [&[0xd8, 61][..], &token].concat();
    assert_eq!(open(&in_its_own_tag, |_| Some(&key)), Err(Fault::NotARecord), "one tag, one form");
}

#[test]
fn claims_that_begin_later_are_no_record() {
    let mut claims = ClaimsSet::from_slice(&record().claims()).unwrap();
    assert_eq!(Record::of_claims(&claims.clone().to_vec().unwrap()), Some(record()));
    for (after, good) in [(-1, true), (0, true), (1, false)] {
        let begin = record().issued_at.as_second() + after;
        claims.not_before = Some(Seconds::WholeSeconds(begin));
        let read = Record::of_claims(&claims.clone().to_vec().unwrap());
        assert_eq!(read, good.then(record), "{after} s after it was made");
    }
}

#[test]
fn signatures_are_those_of_rfc_6979() {
    use p256::ecdsa::{Signature, signature::Signer as _};
    // RFC 6979, A.2.5, "sample" with SHA-256.
    let signature: Signature = key().sign(b"sample");
    assert_eq!(
        signature.to_bytes()[..],
        bytes(
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
             F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
        )
    );
}

#[test]
fn the_bytes_of_version_1_never_change() {
    let signed = record().sign(&key());
    let frozen = include_str!("golden.hex");
    assert_eq!(base16ct::lower::encode_string(&signed), frozen.trim());
    let found = verify(&bytes(frozen), &list(), at("2026-04-01T00:00:00Z"), Some(PHOTO_FILE));
    assert_eq!((found.faults.clone(), found.record.clone()), (vec![], Some(record())));
    assert!(found.is_good());
    assert!(!format!("{found:?}").contains("RATNA"), "Debug shows nobody");
}

#[test]
fn a_record_without_end_and_photo_and_one_for_a_picture() {
    let bare = Record { expires_at: None, photo_sha256: None, ..record() };
    let found = verify(&bare.sign(&key()), &list(), at("2199-01-01T00:00:00Z"), None);
    assert_eq!((found.is_good(), found.record.as_ref()), (true, Some(&bare)));
    let shown = verify(&bare.sign(&key()), &list(), at("2026-04-01T00:00:00Z"), Some(PHOTO_FILE));
    assert_eq!(shown.faults, [Fault::NoPhoto]);
    let picture = bare.sign_as_nobody();
    assert_eq!(verdict(&picture, &list(), "2026-04-01T00:00:00Z"), [Fault::UnknownKey]);
    let all: KeyList =
        [PublicKey::new("nobody", *nobodys_key().verifying_key())].into_iter().collect();
    assert!(verify(&picture, &all, at("2026-04-01T00:00:00Z"), None).is_good());
}

#[test]
fn every_single_changed_bit_is_found() {
    let (signed, keys) = (record().sign(&key()), list());
    for bit in 0..signed.len() * 8 {
        let mut changed = signed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let found = verify(&changed, &keys, at("2026-04-01T00:00:00Z"), None);
        assert!(!found.is_good() && found.record.is_none(), "bit {bit}: {found:?}");
    }
    for length in 0..signed.len() {
        assert!(
            verify(&signed[..length], &keys, at("2026-04-01T00:00:00Z"), None).record.is_none()
        );
    }
}

#[test]
fn what_is_wrong_is_said() {
    let (signed, good) = (record().sign(&key()), "2026-04-01T00:00:00Z");
    let with = |change: &dyn Fn(&mut PublicKey)| -> KeyList {
        let mut one = PublicKey::new("Dinas Contoh", *key().verifying_key());
        change(&mut one);
        [one].into_iter().collect()
    };
    let day = |text: &str| Some(text.parse().unwrap());
    assert_eq!(verdict(&signed, &list(), good), []);
    assert_eq!(verdict(&signed, &KeyList::default(), good), [Fault::UnknownKey]);
    assert_eq!(verdict(&signed, &list(), "2028-12-31T17:00:00Z"), [Fault::Expired]);
    assert_eq!(verdict(&signed, &list(), "2028-12-31T16:59:59Z"), []);
    assert_eq!(verdict(&signed, &list(), "2026-02-28T00:00:00Z"), [Fault::FromTheFuture]);
    let revoked = with(&|one| one.revoked.extend(["STAF-2026-1".to_owned()]));
    assert_eq!(verdict(&signed, &revoked, good), [Fault::Revoked]);
    assert_eq!(verdict(&signed, &with(&|one| one.withdrawn = true), good), [Fault::KeyWithdrawn]);
    assert_eq!(verdict(&signed, &with(&|one| one.from = day("2026-03-02")), good), []);
    let late = with(&|one| one.from = day("2026-03-03"));
    assert_eq!(verdict(&signed, &late, good), [Fault::OutsideKeyDays]);
    let over = with(&|one| one.until = day("2026-03-01"));
    assert_eq!(verdict(&signed, &over, good), [Fault::OutsideKeyDays]);
    let other = verify(&signed, &list(), at(good), Some(b"another photo"));
    assert_eq!(other.faults, [Fault::PhotoDiffers]);
    assert!(other.faults[0].words().en.contains("photo"));
}

#[test]
fn a_key_list_is_read_as_it_was_written() {
    let mut one = PublicKey::new("Dinas \"Contoh\"", *key().verifying_key());
    one.from = Some("2026-01-01".parse().unwrap());
    one.until = one.from.map(|day| day + 2.years());
    one.revoked.extend(["A-1".to_owned(), "A-2".to_owned()]);
    let keys: KeyList = [one].into_iter().collect();
    let text = keys.to_toml();
    assert_eq!(KeyList::parse(&text).unwrap(), keys);
    let faults = |text: &str| -> Vec<String> {
        KeyList::parse(text).unwrap_err().iter().map(|fault| fault.key.clone()).collect()
    };
    assert_eq!(faults(&text.replace("kid = \"", "kid = \"00")), ["key[1].kid"]);
    assert_eq!(faults(&text.replace("MFkw", "MFkx")), ["key[1].public"]);
    assert_eq!(faults(&text.replace("2026-01-01", "2026-13-01")), ["key[1].from"]);
    assert_eq!(faults(&text.replace("kartu-keys/1", "kartu-keys/2")), ["format"]);
    assert_eq!(faults(&text.replace("until", "untill")), ["key[1].untill"]);
    let twice = format!("{text}\n{}", keys.find(&kid(key().verifying_key())).unwrap().to_toml());
    assert_eq!(faults(&twice), ["key"]);
}

#[test]
fn a_file_of_the_chip_may_be_longer_than_the_record() {
    let signed = record().sign(&key());
    for filling in [0, 0xff] {
        let mut file = signed.clone();
        file.resize(600, filling);
        assert_eq!(read_chip(&file).unwrap(), signed);
        file[599] = 0x20;
        assert_eq!(read_chip(&file), None);
    }
    assert_eq!(read_chip(&signed).unwrap(), signed);
    assert_eq!(read_chip(&[]), None);
    assert_eq!(read_chip(&[0; 600]), Some(&[0][..]), "an empty file is no record, said by verify");
    assert_eq!(verdict(&[0], &list(), "2026-04-01T00:00:00Z"), [Fault::NotARecord]);
    assert_eq!(read_text(&format!("{}\r\n", base45::encode(&signed))).unwrap(), signed);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, at_: usize, cut: usize) {
        let (now, keys) = (at("2026-04-01T00:00:00Z"), list());
        prop_assert!(!verify(&bytes, &keys, now, None).is_good());
        let _ = read_chip(&bytes);
        let signed = record().sign(&key());
        let (at_, cut) = (at_ % signed.len(), cut % signed.len());
        let mixed = [&signed[..at_], &bytes[..], &signed[cut..]].concat();
        prop_assert!(mixed == signed || !verify(&mixed, &keys, now, None).is_good());
    }

    #[test]
    fn no_claims_make_it_panic(bytes: Vec<u8>) {
        // Signed with the right key, so that everything after the signature check is reached.
        let signed = super::envelope::seal(bytes, &key());
        let _ = verify(&signed, &list(), at("2026-04-01T00:00:00Z"), Some(PHOTO_FILE));
    }

    #[test]
    fn no_text_makes_it_panic(text: String) {
        let _ = read_text(&text);
        let _ = KeyList::parse(&text);
    }

    #[test]
    fn any_fields_come_back(fields: BTreeMap<String, String>) {
        let fields: BTreeMap<_, _> = fields.into_iter().take(20).collect();
        let written = Record { fields, ..record() };
        let signed = written.sign(&key());
        prop_assume!(signed.len() <= super::envelope::BYTES_MAX);
        let found = verify(&signed, &list(), at("2026-04-01T00:00:00Z"), None);
        prop_assert_eq!(found.record, Some(written));
    }
}
