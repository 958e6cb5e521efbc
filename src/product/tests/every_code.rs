//! For every code of the list, a job that differs from a good one in one thing gives this code and no other.

use std::collections::BTreeSet;

use super::{
    codes_of, issue_day, job, kia, office, office_offset, paper, parse, set, staf, staf_job,
};
use crate::job::JobRequest;
use crate::product::{Office, Settings, SignatureMode, codes};

type Change = fn(&mut JobRequest, &mut Office);

/// A good child's job, the change, and the only code that results.
const CASES: &[(&str, &str, Change)] = &[
    ("S2", "E_PRODUCT", |job, _| job.product = "kai".to_owned()),
    ("S2", "E_REF", |job, _| job.reference = "A".repeat(41)),
    ("S2", "E_REF", |job, _| job.reference = String::new()),
    ("S2", "E_REASON", |job, _| job.reason = "baru".to_owned()),
    ("S2", "E_FIELD_UNKNOWN", |job, _| set(job, "tgl_lahr", "2015-04-07")),
    ("S2", "E_ATTACHMENT_REQUIRED", |job, _| drop(job.attachments.pop())),
    ("S2", "E_ATTACHMENT_UNKNOWN", |job, _| job.attachments.push(paper("RAPOR"))),
    ("S2", "E_ATTACHMENT_HASH", |job, _| job.attachments[0].sha256.push('0')),
    ("S2", "E_LENGTH", |job, _| job.attachments = vec![paper("KK"); 33]),
    ("S2", "E_REQUIRED", |job, _| drop(job.fields.remove("nama"))),
    ("S2", "E_REQUIRED", |job, _| set(job, "tempat_lahir", "")),
    ("S2", "E_FORMAT", |job, _| set(job, "nik", 1_301_050_704_159_002_u64)),
    ("S2", "E_FORMAT", |job, _| set(job, "nama", serde_json::Value::Null)),
    ("S2", "E_FORMAT", |job, _| set(job, "nama", " RAFI CONTOH")),
    ("S2", "E_FORMAT", |job, _| set(job, "alamat", "JL. CONTOH\u{a0}")),
    ("S2", "E_FORMAT", |job, _| set(job, "nama", "RAFI\nCONTOH")),
    ("S2", "E_FORMAT", |job, _| set(job, "nama", "RAFI \u{202E}CONTOH")),
    ("S2", "E_FORMAT", |job, _| set(job, "tgl_lahir", "07-04-2015")),
    ("S2", "E_FORMAT", |job, _| set(job, "kartu_lama_kembali", "ya")),
    ("S2", "E_FORMAT", |job, _| set(job, "no_akta_kelahiran", "1301_LU")),
    ("S2", "E_LENGTH", |job, _| set(job, "rw", "0001")),
    ("S2", "E_LENGTH", |job, _| set(job, "desa", "D".repeat(41))),
    ("S2", "E_LENGTH", |job, _| set(job, "nama", "RAFI CONTOH ".repeat(10) + "X")),
    ("S2", "E_ENUM", |job, _| set(job, "jenis_kelamin", "laki-laki")),
    ("S2", "H_TEXT_LONG", |job, _| set(job, "alamat", "J".repeat(81))),
    ("S2", "H_FOREIGN_LETTER", |job, _| set(job, "desa", "DUK\u{423}")),
    ("S2", "E_NIK_LEN", |job, _| set(job, "nik", "13010507041590021")),
    ("S2", "E_NIK_LEN", |job, _| set(job, "nik", "130105070415900X")),
    ("S2", "E_NIK_DATE", |job, _| set(job, "nik", "1301054004159002")),
    ("S2", "E_NIK_SERIAL", |job, _| set(job, "nik", "1301050704150000")),
    ("S2", "W_NIK_AREA", |job, _| set(job, "nik", "1300050704159002")),
    ("S2", "W_NIK_AREA", |job, _| set(job, "nik", "1370050704159002")),
    ("S2", "W_NIK_SEX", |job, _| set(job, "nik", "1301054704159002")),
    ("S2", "W_NIK_DOB", |job, _| set(job, "nik", "1301050804159002")),
    ("S2", "E_KK_LEN", |job, _| set(job, "no_kk", "130105090320900")),
    ("S2", "W_KK_DATE", |job, _| set(job, "no_kk", "1301054903209001")),
    ("S2", "W_AKTA_DATE", |job, _| set(job, "no_akta_kelahiran", "1301-LU-31042015-9002")),
    ("S2", "W_AKTA_DATE", |job, _| set(job, "no_akta_kelahiran", "1301-LT-06042015-9002")),
    ("S2", "W_NAME_ONE_WORD", |job, _| set(job, "nama", "RAFI")),
    ("S2", "W_NAME_PUNCTUATION", |job, _| set(job, "nama_kepala_keluarga", "M. BUDI CONTOH")),
    ("S2", "H_NAME_DIGITS", |job, _| set(job, "nama", "RAFI CONTOH 2")),
    ("S2", "H_NAME_CHARACTER", |job, _| set(job, "nama", "RAFI @CONTOH")),
    ("S2", "H_NAME_CHARACTER", |job, _| set(job, "nama", "РАФИ CONTOH")),
    ("S2", "H_NAME_LONG", |job, _| set(job, "nama", "RAFI ".repeat(11) + "CONTOH")),
    ("S2", "E_BIRTH_AFTER_ISSUE", |job, _| set(job, "tgl_lahir", "2026-03-03")),
    ("S6", "E_AGE_17", |job, _| set(job, "tgl_lahir", "2009-03-02")),
    ("S2", "E_KIND_MISMATCH", |job, _| set(job, "jenis_kia", "A")),
    ("S2", "W_VALIDITY_ONE_DAY", |job, _| set(job, "berlaku_hingga", "2032-04-07")),
    ("S2", "W_VALIDITY_ONE_DAY", |job, _| set(job, "berlaku_hingga", "2032-04-05")),
    ("S2", "H_VALIDITY", |job, _| set(job, "berlaku_hingga", "2032-04-08")),
    ("S2", "H_VALIDITY_PAST", |job, _| {
        set(job, "kewarganegaraan", "OA");
        set(job, "itap_sampai", "2026-03-01");
    }),
    ("S2", "H_ISSUE_FUTURE", |job, _| set(job, "tgl_terbit", "2026-03-03")),
    ("S2", "H_ISSUE_OLD", |job, _| set(job, "tgl_terbit", "2026-01-30")),
    ("S2", "E_ITAP_REQUIRED", |job, _| set(job, "kewarganegaraan", "OA")),
    ("S2", "E_POLICE_REPORT", |job, _| job.reason = "HILANG".to_owned()),
    ("S2", "H_OLD_CARD", |job, _| job.reason = "RUSAK".to_owned()),
    ("S2", "H_OLD_CARD", |job, _| {
        job.reason = "RUSAK".to_owned();
        set(job, "kartu_lama_kembali", false);
    }),
    ("S1", "W_PHOTO_IGNORED", |_, _| {}),
    ("S2", "W_DISTRICT_UNKNOWN", |job, _| set(job, "kecamatan", "IV JURAY")),
    ("S2", "E_OFFICIAL_UNKNOWN", |job, _| set(job, "pejabat_id", "bupati")),
    ("S2", "E_TTE_REQUIRED", |_, office| office.signature = SignatureMode::TteQr),
    ("S2", "H_TTE_TOO_LONG", |job, office| {
        office.signature = SignatureMode::TteQr;
        set(job, "tte", "t".repeat(123));
    }),
    ("S2", "W_TTE_IGNORED", |job, _| set(job, "tte", "t")),
];

#[test]
fn one_thing_wrong_gives_its_code_alone() {
    let product = kia();
    for (number, (child, code, change)) in CASES.iter().enumerate() {
        let (mut job, mut office) = (job(child), office());
        change(&mut job, &mut office);
        let checked =
            product.check(&job, true, &office, &Settings::default(), issue_day(), office_offset());
        assert_eq!(codes_of(&checked), [*code], "case {number}");
        let place = checked.findings[0].field.as_deref().unwrap_or_default();
        assert!(points_at(code, place), "{code} points at {place}");
        for words in
            checked.findings.iter().flat_map(|finding| [&finding.words.id, &finding.words.en])
        {
            assert!(!words.contains(['{', '}']) && words.ends_with('.'), "{words}");
        }
    }
}

/// Is it one of the code's places in the registry?
fn points_at(code: &str, place: &str) -> bool {
    let field = codes::find(code).expect("a code of the list").field;
    field.split(", ").any(|field| match field.strip_suffix('*') {
        Some(start) => place.starts_with(start),
        None => place == field || place.starts_with(&format!("{field}[")),
    })
}

#[test]
fn just_inside_the_limits_nothing_is_found() {
    const FINE: &[Change] = &[
        |job, _| job.reference = "A".repeat(40),
        |job, _| set(job, "alamat", "J".repeat(80)),
        |job, _| set(job, "nama", "R".repeat(30) + &" C".repeat(15)),
        |job, _| set(job, "no_akta_kelahiran", "1301-LU-07042015-9002"),
        |job, _| set(job, "no_akta_kelahiran", "1301-LU-31042015-90021"),
        |job, _| set(job, "tgl_terbit", "2026-01-31"),
        |job, office| {
            office.signature = SignatureMode::TteQr;
            set(job, "tte", "t".repeat(122));
        },
        |job, _| {
            job.reason = "RUSAK".to_owned();
            set(job, "kartu_lama_kembali", true);
        },
    ];
    for (number, change) in FINE.iter().enumerate() {
        let (mut job, mut office) = (job("S2"), office());
        change(&mut job, &mut office);
        let checked =
            kia().check(&job, true, &office, &Settings::default(), issue_day(), office_offset());
        assert_eq!(codes_of(&checked), [""; 0], "case {number}");
    }
}

/// A few codes need another product, another day or no photo; other tests cover them.
#[test]
fn no_code_of_the_list_is_out_of_reach() {
    let mut reached: BTreeSet<&str> = CASES.iter().map(|(_, code, _)| *code).collect();
    reached.extend([
        no_photo(),
        short_kind_a(),
        past_staff_card(),
        too_old_for_another_card(),
        kind_changed(),
    ]);
    reached.extend(super::stripe::codes());
    // tests/station/approval.rs covers these through the API.
    reached.extend(listed_of_a_recommendation());
    reached.extend(crate::approval::tests::REACHED);
    let listed: BTreeSet<&str> = codes::TABLE.iter().map(|code| code.code).collect();
    assert_eq!(reached, listed);
    assert_eq!(listed.len(), codes::TABLE.len(), "no code twice");
}

fn listed_of_a_recommendation() -> [&'static str; 4] {
    let mut silent = crate::job::Recommendation {
        nomor: None,
        keputusan: "SETUJU".to_owned(),
        oleh: None,
        pada: None,
        kadaluarsa: None,
        daftar_periksa: std::collections::BTreeMap::new(),
        peringatan_disetujui: Vec::new(),
        hash_data: Some("0".repeat(64)),
        tanda: None,
    };
    let codes: BTreeSet<String> =
        kia().unsaid(&silent, true).into_iter().map(|finding| finding.code).collect();
    let expected = [
        "H_RECOMMENDATION_CHECK",
        "H_RECOMMENDATION_HASH",
        "H_RECOMMENDATION_NUMBER",
        "H_RECOMMENDATION_OFFICER",
    ];
    assert!(codes.iter().eq(expected.iter()));
    silent.hash_data = None;
    assert_eq!(kia().unsaid(&silent, true).len(), 7, "an absent hash is no fault of kia");
    expected
}

fn no_photo() -> &'static str {
    assert_eq!(codes_of(&super::check(&kia(), &job("S2"), false)), ["E_PHOTO_REQUIRED"]);
    "E_PHOTO_REQUIRED"
}

fn short_kind_a() -> &'static str {
    let mut job = job("S1");
    set(&mut job, "nik", "1301056803219001");
    set(&mut job, "tgl_lahir", "2021-03-28");
    let codes = |job: &JobRequest| codes_of(&super::check(&kia(), job, false)).join(" ");
    assert_eq!(codes(&job), "W_VALIDITY_SHORT");
    set(&mut job, "nik", "1301057103219001");
    set(&mut job, "tgl_lahir", "2021-03-31");
    assert_eq!(codes(&job), "");
    "W_VALIDITY_SHORT"
}

fn past_staff_card() -> &'static str {
    let mut job = staf_job();
    set(&mut job, "berlaku_hingga", "2026-03-01");
    assert_eq!(codes_of(&super::check(&staf(), &job, true)), ["E_DATE_PAST"]);
    set(&mut job, "berlaku_hingga", "2026-03-02");
    assert_eq!(codes_of(&super::check(&staf(), &job, true)), [""; 0]);
    "E_DATE_PAST"
}

fn too_old_for_another_card() -> &'static str {
    let product = parse(&super::KIA.replace("too_old = \"E_AGE_17\"\n", ""), super::kia_faces());
    let mut job = job("S2");
    set(&mut job, "tgl_lahir", "2009-03-02");
    assert_eq!(codes_of(&super::check(&product, &job, true)), ["E_AGE"]);
    "E_AGE"
}

fn kind_changed() -> &'static str {
    let card = super::check(&kia(), &job("S2"), true).card.unwrap();
    let later = jiff::civil::date(2040, 1, 1);
    let finding = kia().kind_changed(&card, Some("B"), later).expect("grown up");
    assert_eq!(finding.code, "H_KIND_CHANGED");
    "H_KIND_CHANGED"
}
