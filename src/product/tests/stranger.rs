//! Malicious or broken jobs: no panic, no repeated value, no unbounded work.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::{check, job, kia, set};
use crate::job::{Attachment, JobRequest};

/// A text that occurs in no sentence.
const CANARY: &str = "KENARI77";

#[test]
fn no_sentence_repeats_what_somebody_typed() {
    let product = kia();
    for field in &product.fields {
        let lengths = [
            CANARY.to_owned(),
            CANARY.repeat(30),
            format!(" {CANARY}"),
            format!("{CANARY}\n{CANARY}"),
        ];
        for value in lengths
            .into_iter()
            .map(Value::from)
            .chain([serde_json::json!([CANARY]), serde_json::json!({CANARY: CANARY})])
        {
            let mut job = job("S2");
            set(&mut job, &field.name, value);
            assert_silent(&check(&product, &job, true).findings, &field.name);
        }
    }
    let mut job = job("S2");
    job.product = CANARY.to_owned();
    assert_silent(&check(&product, &job, true).findings, "product");
    job.product = "kia".to_owned();
    job.reference = format!("{CANARY} ");
    job.reason = CANARY.to_owned();
    job.attachments.push(Attachment { kind: CANARY.to_owned(), sha256: CANARY.to_owned() });
    set(&mut job, CANARY, CANARY);
    set(&mut job, "1301050704159002", CANARY);
    set(&mut job, "a1301050704159002", CANARY);
    let findings = check(&product, &job, true).findings;
    assert_eq!(findings.len(), 7, "{findings:#?}");
    assert_silent(&findings, "envelope");
}

fn assert_silent(findings: &[crate::finding::Finding], where_: &str) {
    let told = serde_json::to_string(findings).expect("findings are plain").to_uppercase();
    assert!(!told.contains(CANARY) && !told.contains("1301050704159002"), "{where_}: {told}");
    assert!(!format!("{findings:?}").to_uppercase().contains(CANARY), "{where_}");
}

#[test]
fn a_thousand_unknown_fields_are_not_all_named() {
    let mut job = job("S2");
    for number in 0..1000 {
        set(&mut job, &format!("kolom_{number}_{}", "x".repeat(number)), "");
    }
    assert_eq!(check(&kia(), &job, true).findings.len(), 10);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9]{14,18}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}".prop_map(Value::from),
        "(19|20|21)[0-9]{2}-(02|12)-(28|29|30|31)".prop_map(Value::from),
        "[0-9]{4}-L[UT]-[0-9]{8}-[0-9]{4}".prop_map(Value::from),
        "[A-Z '.-]{0,140}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
}

fn any_fields() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let names: Vec<String> = kia().fields.into_iter().map(|field| field.name).collect();
    let name = prop_oneof![9 => prop::sample::select(names), 1 => any::<String>()];
    prop::collection::btree_map(name, any_json(), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn check_never_panics_and_gives_a_card_exactly_without_errors(
        changed in any_fields(),
        reason in prop_oneof![Just("RUSAK".to_owned()), Just("HILANG".to_owned()), any::<String>()],
        photo in any::<bool>(),
        seconds in -60_000_000_000i64..250_000_000_000,
    ) {
        let product = kia();
        let mut job: JobRequest = job("S3");
        job.fields.extend(changed);
        job.reason = reason;
        let now = jiff::Timestamp::from_second(seconds).expect("in the calendar");
        let checked = product.check(&job, photo, &super::office(), &Default::default(), now, super::office_offset());
        let refused = checked.findings.iter().any(|finding| finding.code.starts_with("E_"));
        prop_assert_eq!(checked.card.is_none(), refused);
        if let Some(card) = checked.card {
            product.kind_changed(&card, Some("B"), super::office_offset().to_datetime(now).date());
        }
    }

    #[test]
    fn a_product_file_never_panics(text in "[a-z_\\[\\]{}=\"\\n0-9. ]{0,200}") {
        prop_assert!(crate::product::Product::parse("x", &text, BTreeMap::new()).is_err());
    }
}
