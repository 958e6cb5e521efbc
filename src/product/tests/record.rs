//! `[record]`: the content of a card's signed record, and what a product may not request.

use super::{check, faces, job, kia_faces, staf, staf_job};
use crate::product::{ConfigFault, Product};

fn with(record: &str) -> Result<Product, Vec<ConfigFault>> {
    Product::parse("kia", &format!("{}\n{record}", super::KIA), kia_faces())
}

/// The fields in the record of a sample child.
fn says(record: &str) -> Vec<(String, String)> {
    let product = with(record).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let card = check(&product, &job("S2"), true).card.expect("a good job");
    card.record.expect("a product with a record").fields.into_iter().collect()
}

fn keys(record: &str) -> Vec<String> {
    with(record).expect_err("a fault").iter().map(|fault| fault.key.clone()).collect()
}

#[test]
fn a_staff_card_says_what_its_product_names() {
    let card = check(&staf(), &staf_job(), true).card.expect("a good job");
    assert_eq!(card.reference(), "STAF-42");
    let record = card.record.expect("it has a record");
    let said: Vec<_> =
        record.fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(said, [("nama", "Dr. CONTOH PEGAWAI, M.Si."), ("no_pegawai", "PSS-00042")]);
    assert_eq!(record.last_day.map(|day| day.to_string()).as_deref(), Some("2031-03-01"));
    assert_eq!(
        (record.key.as_str(), record.issuer.as_str()),
        ("document", "KABUPATEN PESISIR SELATAN")
    );
    assert!(!format!("{record:?}").contains("CONTOH"));
}

#[test]
fn a_childs_card_has_no_record_unless_its_product_says_so() {
    let card = check(&super::kia(), &job("S2"), true).card.expect("a good job");
    assert_eq!(card.record, None);
}

#[test]
fn an_open_carrier_says_little_and_a_closed_one_all_that_is_printed() {
    let small = says("[record]\ncarrier = \"open\"");
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(small, [pair("nama", "RAFI CONTOH PRATAMA"), pair("tgl_lahir", "2015-04-07")]);
    let all = says("[record]\ncarrier = \"closed\"\nvalid_until = \"berlaku_hingga\"");
    for pair in [
        pair("nik", "1301050704159002"),
        pair("berlaku_hingga", "2032-04-06"),
        pair("rt", "000"),
        pair("jenis_kia", "B"),
    ] {
        assert!(all.contains(&pair), "{pair:?} in {all:?}");
    }
    assert!(!all.iter().any(|(name, _)| name == "no_laporan_polisi"), "what no face shows");
}

#[test]
fn a_record_that_cannot_be_made_is_refused_when_the_product_is_read() {
    assert_eq!(keys("[record]"), ["record.carrier", "record.carrier"]);
    assert_eq!(keys("[record]\ncarrier = \"air\""), ["record.carrier"]);
    assert_eq!(
        keys("[record]\ncarrier = \"open\"\nfields = [\"nam\"]"),
        ["record.fields", "record.fields"]
    );
    assert_eq!(keys("[record]\ncarrier = \"open\"\nfields = []"), ["record.fields"]);
    assert_eq!(
        keys("[record]\ncarrier = \"open\"\nvalid_until = \"nama\""),
        ["record.valid_until"]
    );
    assert_eq!(keys("[record]\ncarrier = \"open\"\nfeilds = []"), ["record.feilds"]);
    let mut shown = faces(&["staf-front.svg"]);
    shown.insert("staf-back.svg".to_owned(), "<svg>{record}</svg>".to_owned());
    let parse = |text: &str| Product::parse("staf", text, shown.clone());
    assert!(parse(super::STAF).is_ok());
    let closed = super::STAF.replace("carrier = \"open\"", "carrier = \"closed\"");
    assert_eq!(parse(&closed).expect_err("a QR code is open to everybody")[0].key, "record");
    let without = super::STAF.replace("[record]", "[notes]");
    let faults = parse(&without).expect_err("no record to show");
    assert!(faults.iter().any(|fault| fault.words.en.contains("{record}")), "{faults:?}");
}
