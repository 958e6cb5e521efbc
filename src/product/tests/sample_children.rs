//! The sample children: seven that are printed, and twelve faulty cases.

use jiff::civil::{Date, date};

use super::{check, child, codes_of, issue_day, job, kia, office, office_offset, paper, set};
use crate::codes::Severity;
use crate::product::age::{print_date, read_date};
use crate::product::{Backdrop, LastDayWording, Settings, SignatureMode};

const ALL: [&str; 7] = ["S1", "S2", "S3", "S4", "S5", "S6", "S7"];

#[test]
fn seven_children_are_clean_with_their_kind_and_last_day() {
    let product = kia();
    for id in ALL {
        let record = child(id);
        let checked = check(&product, &job(id), id != "S1");
        assert_eq!(codes_of(&checked), [""; 0], "{id}");
        let card = checked.card.expect(id);
        assert_eq!(card.kind.as_deref(), record["jenis_kia"].as_str(), "{id}");
        let last_day = read_date(record["berlaku_hingga"].as_str().expect(id)).expect(id);
        assert_eq!(card.values["berlaku_hingga"], print_date(last_day), "{id}");
        let backdrop = match record["latar"].as_str() {
            Some("merah") => Some(Backdrop::Red),
            Some("biru") => Some(Backdrop::Blue),
            _ => None,
        };
        assert_eq!((card.expected_backdrop, card.photo), (backdrop, backdrop.is_some()), "{id}");
        let front = if id == "S1" { "kia2-front-a.svg" } else { "kia2-front-b.svg" };
        assert_eq!(
            (card.front.as_str(), card.back.as_deref()),
            (front, Some("kia2-back.svg")),
            "{id}"
        );
    }
}

#[test]
fn derived_data_may_be_sent_along_if_right() {
    for id in ALL {
        let (record, mut job) = (child(id), job(id));
        set(&mut job, "jenis_kia", record["jenis_kia"].clone());
        set(&mut job, "berlaku_hingga", record["berlaku_hingga"].clone());
        assert_eq!(codes_of(&check(&kia(), &job, id != "S1")), [""; 0], "{id}");
    }
}

#[test]
fn bad_cases_give_exactly_the_code_that_the_samples_name() {
    let product = kia();
    let samples = super::samples();
    let cases = samples["bad"].as_array().expect("bad cases");
    assert_eq!(cases.len(), 12);
    for case in cases {
        let (id, value) =
            (case["id"].as_str().expect("id"), case["value"].as_str().expect("value"));
        let (mut job, mut photo) = (job("S2"), true);
        match case["field"].as_str().expect("field") {
            "nik+jenis_kelamin" => set(&mut job, "jenis_kelamin", "PEREMPUAN"),
            "nik+tgl_lahir" => set(&mut job, "tgl_lahir", "2015-04-08"),
            "photo" if value.starts_with("missing") => photo = false,
            "photo" => job = super::job("S1"),
            field => set(&mut job, field, value),
        }
        let checked = check(&product, &job, photo);
        assert_eq!(codes_of(&checked), [case["expect"].as_str().expect("code")], "{id}");
        assert_eq!(checked.card.is_none(), checked.has(Severity::Refuse), "{id}");
    }
}

#[test]
fn the_child_of_seventeen_gets_one_finding_whoever_it_is() {
    for id in ALL {
        let mut job = job(id);
        set(&mut job, "tgl_lahir", "2009-03-02");
        assert_eq!(codes_of(&check(&kia(), &job, true)), ["E_AGE_17"], "{id}");
    }
}

#[test]
fn a_photo_among_the_papers_does_not_replace_the_photo() {
    let mut job = job("S2");
    job.attachments.push(paper("FOTO"));
    assert_eq!(codes_of(&check(&kia(), &job, false)), ["E_PHOTO_REQUIRED"]);
    assert_eq!(codes_of(&check(&kia(), &job, true)), [""; 0]);
}

#[test]
fn several_faults_are_reported_together() {
    let mut job = job("S2");
    job.reference = "nomor satu".to_owned();
    job.reason = "ISENG".to_owned();
    job.attachments.clear();
    set(&mut job, "nik", "123");
    set(&mut job, "gol_darah", "C");
    set(&mut job, "rt", "1A");
    set(&mut job, "warna", "merah");
    set(&mut job, "kecamatan", "ENTAH");
    job.fields.remove("nama");
    let checked = check(&kia(), &job, false);
    let expected = [
        "E_REF",
        "E_REASON",
        "E_FIELD_UNKNOWN",
        "E_NIK_LEN",
        "E_REQUIRED",
        "E_ENUM",
        "E_FORMAT",
        "W_DISTRICT_UNKNOWN",
        "E_ATTACHMENT_REQUIRED",
        "E_ATTACHMENT_REQUIRED",
        "E_PHOTO_REQUIRED",
    ];
    assert_eq!(codes_of(&checked), expected);
    assert_eq!(checked.card, None);
}

#[test]
fn a_field_with_an_error_gets_no_second_finding() {
    let mut job = job("S2");
    set(&mut job, "tgl_lahir", "2015-02-30");
    set(&mut job, "jenis_kelamin", "ENTAH");
    let checked = check(&kia(), &job, false);
    assert_eq!(
        codes_of(&checked),
        ["E_FORMAT", "E_ENUM"],
        "no W_NIK_DOB, W_NIK_SEX or E_PHOTO_REQUIRED"
    );
}

#[test]
fn the_office_words_the_last_day_of_kind_a() {
    let mut office = office();
    office.last_day_wording = LastDayWording::DayBefore;
    let check = |id| {
        kia().check(
            &job(id),
            id != "S1",
            &office,
            &Settings::default(),
            issue_day(),
            office_offset(),
        )
    };
    assert_eq!(check("S1").card.expect("S1").values["berlaku_hingga"], "20-08-2028");
    assert_eq!(
        check("S2").card.expect("S2").values["berlaku_hingga"],
        "06-04-2032",
        "kind B is the same everywhere"
    );
}

#[test]
fn on_the_day_of_printing_the_kind_is_looked_at_again() {
    let product = kia();
    let card = |sample| super::check(&product, &super::job(sample), sample != "S1").card;
    let s1 = card("S1").expect("S1");
    let on = |day: Date| product.kind_changed(&s1, Some("A"), day);
    assert_eq!(on(date(2028, 8, 20)), None);
    let changed = on(date(2028, 8, 21)).expect("the fifth birthday");
    assert_eq!((changed.code.as_str(), changed.severity()), ("H_KIND_CHANGED", Severity::Hold));
    let grown = product.kind_changed(&card("S6").expect("S6"), Some("B"), date(2026, 3, 3));
    assert_eq!(grown.expect("17 today").code, "H_KIND_CHANGED");
}

#[test]
fn the_electronic_signature_goes_through_unchanged() {
    let mut office = office();
    office.signature = SignatureMode::TteQr;
    let mut job = job("S2");
    set(&mut job, "tte", "https://contoh.example/v/AbC");
    let card = kia()
        .check(&job, true, &office, &Settings::default(), issue_day(), office_offset())
        .card
        .expect("good");
    assert_eq!(card.values["tte"], "https://contoh.example/v/AbC");
    assert_eq!(card.values["catatan_tte"], "Ditandatangani secara elektronik (contoh)");
}
