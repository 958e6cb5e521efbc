//! The results of a check: texts in print form, the office's data, and nothing that a face must not show.

use super::{check, codes_of, issue_day, job, kia, office, office_offset, set, staf, staf_job};
use crate::product::{Office, ReadyCard, Settings, SignatureMode};

#[test]
fn the_values_of_a_card() {
    let mut job = job("S5");
    set(&mut job, "rt", "4");
    let card = check(&kia(), &job, true).card.expect("a good job");
    let expected = [
        ("nik", "1371021011109005"),
        ("nama", "DIMAS CONTOH"),
        ("tgl_lahir", "10-11-2010"),
        ("tgl_terbit", "02-03-2026"),
        ("berlaku_hingga", "09-11-2027"),
        ("jenis_kia", "B"),
        ("rt", "004"),
        ("rw", "000"),
        ("gol_darah", "A"),
        ("agama", "KATHOLIK"),
        ("provinsi", "SUMATERA BARAT"),
        ("kab_jenis", "KABUPATEN"),
        ("kabupaten", "PESISIR SELATAN"),
        ("nama_dinas", "DINAS KEPENDUDUKAN DAN PENCATATAN SIPIL"),
        ("tempat_terbit", "PAINAN"),
        ("label_desa", "Kel/Desa/Nagari"),
        ("catatan_tte", ""),
        ("jabatan_1", "KEPALA DINAS KEPENDUDUKAN"),
        ("jabatan_2", "DAN PENCATATAN SIPIL"),
        ("nama_pejabat", "CONTOH PEJABAT, S.Sos., M.Si."),
        ("nip", "19700101 199501 1 999"),
        ("ref_cetak", "1301-2026-S5"),
    ];
    for (name, text) in expected {
        assert_eq!(card.values[name], text, "{name}");
    }
}

#[test]
fn the_values_are_exactly_those_that_faces_may_name() {
    for (product, job, photo) in [(kia(), job("S1"), false), (staf(), staf_job(), true)] {
        let card = check(&product, &job, photo).card.expect("a good job");
        let mut names = product.value_names();
        names.sort_unstable();
        assert_eq!(card.values.keys().collect::<Vec<_>>(), names);
    }
}

#[test]
fn what_only_the_desk_needs_is_not_printed() {
    let mut job = job("S2");
    job.reason = "HILANG".to_owned();
    set(&mut job, "no_laporan_polisi", "LP/1/II/2026");
    let card = check(&kia(), &job, true).card.expect("a good job");
    for name in ["no_laporan_polisi", "kartu_lama_kembali", "itap_sampai", "pejabat_id"] {
        assert!(!card.values.contains_key(name), "{name}");
    }
}

#[test]
fn absent_values_take_their_defaults_and_variants_are_printed_as_sent() {
    let mut job = job("S2");
    job.fields.remove("gol_darah");
    set(&mut job, "agama", "KATOLIK");
    set(&mut job, "tempat_terbit", "TARUSAN");
    let card = check(&kia(), &job, true).card.expect("a good job");
    assert_eq!(
        (card.values["gol_darah"].as_str(), card.values["agama"].as_str()),
        ("-", "KATOLIK")
    );
    assert_eq!(card.values["tempat_terbit"], "TARUSAN");
    set(&mut job, "agama", "");
    let card = check(&kia(), &job, true).card.expect("a blank religion is allowed");
    assert_eq!(card.values["agama"], "");
}

#[test]
fn a_foreign_childs_card_ends_with_the_stay_permit() {
    let mut job = job("S2");
    set(&mut job, "kewarganegaraan", "OA");
    set(&mut job, "itap_sampai", "2028-01-31");
    let checked = check(&kia(), &job, true);
    assert_eq!(codes_of(&checked), [""; 0]);
    assert_eq!(checked.card.expect("good").values["berlaku_hingga"], "31-01-2028");
    set(&mut job, "itap_sampai", "2040-01-31");
    assert_eq!(
        check(&kia(), &job, true).card.expect("good").values["berlaku_hingga"],
        "06-04-2032"
    );
}

#[test]
fn the_one_sided_layout_is_chosen_by_configuration() {
    let settings = Settings { layout: Some("kia1".to_owned()), ..Settings::default() };
    let check = |id| {
        kia().check(&job(id), id != "S1", &office(), &settings, issue_day(), office_offset()).card
    };
    for (id, front) in [("S1", "kia1-front-a.svg"), ("S2", "kia1-front-b.svg")] {
        let card = check(id).expect(id);
        assert_eq!((card.front.as_str(), card.back), (front, None));
    }
}

#[test]
fn a_configuration_that_asks_too_much_is_told_so() {
    let (product, mut office) = (kia(), office());
    let one_sided = Settings { layout: Some("kia1".to_owned()), ..Settings::default() };
    assert!(product.incompatible(&office, &one_sided).is_empty());
    office.signature = SignatureMode::TteQr;
    assert_eq!(product.incompatible(&office, &one_sided).len(), 1, "no room for the QR");
    assert!(product.incompatible(&office, &Settings::default()).is_empty());
    let typing_error = Settings { layout: Some("kia3".to_owned()), ..Settings::default() };
    assert!(product.incompatible(&office, &typing_error)[0].words.en.contains("kia"));
}

#[test]
fn another_card_needs_no_rust() {
    let (product, job) = (staf(), staf_job());
    let card = check(&product, &job, true).card.expect("a good job");
    assert_eq!(product.kind_changed(&card, None, jiff::civil::date(2040, 1, 1)), None);
    assert_eq!((card.kind, card.photo), (None, true));
    assert_eq!(card.back.as_deref(), Some("staf-back.svg"));
    assert_eq!(card.front, "staf-front.svg");
    assert_eq!(card.values["no_pegawai"], "PSS-00042");
    assert_eq!(card.values["berlaku_hingga"], "01-03-2031");
    assert_eq!(codes_of(&check(&product, &job, false)), ["E_PHOTO_REQUIRED"]);
}

#[test]
fn an_official_is_chosen_by_id() {
    let mut office = office();
    let mut second = office.officials[0].clone();
    second.id = "plt".to_owned();
    second.nama = "CONTOH PELAKSANA TUGAS".to_owned();
    office.officials.push(second);
    let mut job = job("S2");
    set(&mut job, "pejabat_id", "plt");
    let card =
        kia().check(&job, true, &office, &Settings::default(), issue_day(), office_offset()).card;
    assert_eq!(card.expect("good").values["nama_pejabat"], "CONTOH PELAKSANA TUGAS");
}

#[test]
fn a_stored_card_is_the_card_that_was_examined() {
    for sample in ["S1", "S2", "S3", "S4", "S5", "S6", "S7"] {
        let job = job(sample);
        let photo = check(&kia(), &job, true).card.expect("a good job").photo;
        let card = check(&kia(), &job, photo).card.expect("a good job");
        let stored = serde_json::to_string(&card).expect("JSON");
        assert_eq!(serde_json::from_str::<ReadyCard>(&stored).expect("a card"), card);
        assert_eq!(card.basis, kia().basis(&office(), &Settings::default()));
    }
    let card = check(&staf(), &staf_job(), true).card.expect("a good job");
    assert!(card.record.is_some());
    let stored = serde_json::to_string(&card).expect("JSON");
    assert_eq!(serde_json::from_str::<ReadyCard>(&stored).expect("a card"), card);
}

#[test]
fn whatever_a_card_follows_from_is_in_its_basis() {
    let basis = kia().basis(&office(), &Settings::default());
    let layout = Settings { layout: Some("kia1".to_owned()), ..Settings::default() };
    assert_ne!(kia().basis(&office(), &layout), basis);
    let other_office =
        Office::parse(&format!("# One line more.\n{}", super::OFFICE)).expect("good");
    assert_ne!(kia().basis(&other_office, &Settings::default()), basis);
    let other = super::parse(&format!("# One line more.\n{}", super::KIA), super::kia_faces());
    assert_ne!(other.basis(&office(), &Settings::default()), basis);
    let days = Settings { issue_age_max_days: Some(1), ..Settings::default() };
    assert_eq!(kia().basis(&office(), &days), basis, "no card follows from it");
}

#[test]
fn debug_shows_no_person() {
    let card = check(&kia(), &job("S2"), true).card.expect("a good job");
    assert_eq!(
        format!("{card:?}"),
        format!("ReadyCard(kia2-front-b.svg, {} values)", card.values.len())
    );
}
