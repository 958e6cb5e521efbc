//! The office that issues the cards: its names, its districts, its officials and their signatures. These are data of
//! the office, never of a job: a job may name an official, it may not describe one. Must not know products.

use sha2::{Digest as _, Sha256};

use super::age::{LastDayWording, read_date};
use super::definition_field::not_one_of;
use crate::toml_sheet::{ConfigFault, Page, Sheet};

/// The names of the office's and the official's values on a face.
pub const VALUE_NAMES: [&str; 11] = [
    "provinsi",
    "kab_jenis",
    "kabupaten",
    "nama_dinas",
    "tempat_terbit",
    "label_desa",
    "catatan_tte",
    "jabatan_1",
    "jabatan_2",
    "nama_pejabat",
    "nip",
];

/// The kinds of regency.
const REGENCY_KINDS: [&str; 4] =
    ["KABUPATEN", "KOTA", "KABUPATEN ADMINISTRASI", "KOTA ADMINISTRASI"];
/// Values of `config/office.example.toml` that every office must replace.
const TEMPLATE: [&str; 6] = [
    "NAMA PROVINSI",
    "NAMA KABUPATEN",
    "NAMA KOTA",
    "NAMA PEJABAT, GELAR",
    "KECAMATAN SATU",
    "KECAMATAN DUA",
];

/// The profile of an office, `config/office-contoh.toml` until a real one is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Office {
    /// A fictional office: every card is marked CONTOH.
    pub sample: bool,
    /// Name of the province, without the word.
    pub provinsi: String,
    /// `KABUPATEN` or `KOTA`.
    pub kab_jenis: String,
    /// Name of the regency, without the word.
    pub kabupaten: String,
    /// Name of the *dinas*.
    pub nama_dinas: String,
    /// Where cards are issued.
    pub tempat_terbit: String,
    /// The label of the village line: all villages of Pesisir Selatan are *nagari*.
    pub label_desa: String,
    /// The note beside the e-signature's QR.
    pub catatan_tte: String,
    /// The *kecamatan* of the regency.
    pub districts: Vec<String>,
    /// How a card is signed.
    pub signature: SignatureMode,
    /// The definition of the last day of kind A (`masa_a`).
    pub last_day_wording: LastDayWording,
    /// Who may sign; the first one does unless a job names another. Never empty.
    pub officials: Vec<Official>,
    /// SHA-256 of the text from which it was read.
    pub profile_sha256: [u8; 32],
}

/// How a card is signed (DOMAIN 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureMode {
    /// `TTE_QR`: a QR code from upstream. The station signs nothing and invents no content.
    TteQr,
    /// `GAMBAR`: an image from the office's protected configuration.
    Image,
    /// `KOSONG`: space for a handwritten signature.
    Empty,
}

/// Somebody who may sign cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Official {
    /// The value of a job's `pejabat_id`.
    pub id: String,
    /// First line of the title.
    pub jabatan_1: String,
    /// Second line of the title; may be empty.
    pub jabatan_2: String,
    /// Name with titles, as printed.
    pub nama: String,
    /// NIP as printed, blanks allowed.
    pub nip: String,
    /// File of the signature image, as named in the profile.
    pub image: Option<String>,
}

impl Office {
    /// Reads an office profile.
    ///
    /// # Errors
    /// Every fault, with line, key and a sentence.
    pub fn parse(text: &str) -> Result<Office, Vec<ConfigFault>> {
        let office = Page::read(text, read_office)?;
        Ok(Office { profile_sha256: Sha256::digest(text).into(), ..office })
    }

    /// The official of this `id`; without one, the first.
    pub fn official(&self, id: Option<&str>) -> Option<&Official> {
        match id {
            Some(id) => self.officials.iter().find(|official| official.id == id),
            None => self.officials.first(),
        }
    }

    /// Name and text of all `VALUE_NAMES`. The note on the e-signature is empty if none is printed, because a card must
    /// not claim a signature that it does not have.
    pub(super) fn values(&self, official: Option<&str>) -> impl Iterator<Item = (String, String)> {
        let official = self.official(official);
        let of = |take: fn(&Official) -> &String| official.map_or("", |one| take(one).as_str());
        let note =
            if self.signature == SignatureMode::TteQr { self.catatan_tte.as_str() } else { "" };
        let texts = [
            self.provinsi.as_str(),
            &self.kab_jenis,
            &self.kabupaten,
            &self.nama_dinas,
            &self.tempat_terbit,
            &self.label_desa,
            note,
            of(|one| &one.jabatan_1),
            of(|one| &one.jabatan_2),
            of(|one| &one.nama),
            of(|one| &one.nip),
        ];
        VALUE_NAMES
            .into_iter()
            .zip(texts.map(str::to_owned))
            .map(|(name, text)| (name.to_owned(), text))
    }
}

/// Kind and name of a regency, as they are printed together; `None`: it begins with no kind, or has no name.
pub fn regency(text: &str) -> Option<(&'static str, &str)> {
    let of_kind =
        |kind: &'static str| Some((kind, text.strip_prefix(kind)?.strip_prefix(' ')?.trim()));
    let fitting =
        REGENCY_KINDS.into_iter().filter_map(of_kind).filter(|(_, name)| !name.is_empty());
    // KABUPATEN ADMINISTRASI begins with KABUPATEN.
    fitting.max_by_key(|(kind, _)| kind.len())
}

fn read_last_day_wording(sheet: &mut Sheet<'_>) -> LastDayWording {
    match sheet.text("masa_a").as_deref() {
        None | Some("ulang_tahun") => LastDayWording::Birthday,
        Some("sehari_sebelum") => LastDayWording::DayBefore,
        Some(other) => {
            not_one_of(sheet, "masa_a", other, &["ulang_tahun", "sehari_sebelum"]);
            LastDayWording::Birthday
        }
    }
}

fn read_office(mut sheet: Sheet<'_>) -> Office {
    let signature = read_signature(&mut sheet);
    let last_day_wording = read_last_day_wording(&mut sheet);
    let sample = sheet.flag("contoh").unwrap_or_default();
    let officials = sheet.list("pejabat").into_iter();
    let officials: Vec<_> = officials.map(|one| read_official(one, signature, sample)).collect();
    if officials.is_empty() {
        sheet.fault(
            "pejabat",
            "sedikitnya satu [[pejabat]] harus ada.",
            "there must be at least one [[pejabat]].",
        );
    }
    let office = Office {
        sample,
        provinsi: sheet.demanded_text("provinsi"),
        kab_jenis: sheet.demanded_text("kab_jenis"),
        kabupaten: sheet.demanded_text("kabupaten"),
        nama_dinas: sheet.demanded_text("nama_dinas"),
        tempat_terbit: sheet.demanded_text("tempat_terbit"),
        label_desa: sheet.text("label_desa").unwrap_or_else(|| "Kel/Desa".to_owned()),
        catatan_tte: sheet.text("catatan_tte").unwrap_or_default(),
        districts: sheet.texts("kecamatan").unwrap_or_default(),
        signature,
        last_day_wording,
        officials,
        profile_sha256: [0; 32],
    };
    if !REGENCY_KINDS.contains(&&*office.kab_jenis) {
        not_one_of(&sheet, "kab_jenis", &office.kab_jenis, &REGENCY_KINDS);
    }
    if !sample {
        let texts = [
            ("provinsi", &office.provinsi),
            ("kabupaten", &office.kabupaten),
            ("nama_dinas", &office.nama_dinas),
            ("tempat_terbit", &office.tempat_terbit),
        ];
        let districts = office.districts.iter().map(|district| ("kecamatan", district));
        texts.into_iter().chain(districts).for_each(|(key, text)| demand_own(&sheet, key, text));
    }
    sheet.close();
    office
}

fn read_signature(sheet: &mut Sheet<'_>) -> SignatureMode {
    match sheet.demanded_text("tanda_tangan").as_str() {
        "TTE_QR" => SignatureMode::TteQr,
        "GAMBAR" => SignatureMode::Image,
        "KOSONG" => SignatureMode::Empty,
        other => {
            not_one_of(sheet, "tanda_tangan", other, &["TTE_QR", "GAMBAR", "KOSONG"]);
            SignatureMode::Empty
        }
    }
}

/// The template's text, or an empty one, would be printed on every card.
fn demand_own(sheet: &Sheet<'_>, key: &str, text: &str) {
    if text.trim().is_empty() || TEMPLATE.contains(&text) {
        sheet.fault(
            key,
            "belum diisi. Tulis nama yang sebenarnya, atau pakai contoh = true.",
            "is not filled in. Write the real name, or say contoh = true.",
        );
    }
}

fn read_official(mut sheet: Sheet<'_>, signature: SignatureMode, sample: bool) -> Official {
    let official = Official {
        id: sheet.demanded_text("id"),
        jabatan_1: sheet.demanded_text("jabatan_1"),
        jabatan_2: sheet.text("jabatan_2").unwrap_or_default(),
        nama: sheet.demanded_text("nama"),
        nip: sheet.demanded_text("nip"),
        image: sheet.text("gambar"),
    };
    if !sample {
        let texts = [("jabatan_1", &official.jabatan_1), ("nama", &official.nama)];
        texts.into_iter().for_each(|(key, text)| demand_own(&sheet, key, text));
    }
    if sheet.has("nip") && !is_nip(&official.nip) {
        sheet.fault(
            "nip",
            "harus 18 angka: tanggal lahir, bulan pengangkatan, jenis kelamin 1 atau 2, nomor urut.",
            "must be 18 digits: date of birth, month of appointment, sex 1 or 2, serial.",
        );
    }
    if signature == SignatureMode::Image && official.image.is_none() {
        sheet.fault(
            "gambar",
            "diperlukan bila tanda_tangan = GAMBAR.",
            "is needed where tanda_tangan = GAMBAR.",
        );
    }
    sheet.close();
    official
}

/// `YYYYMMDD YYYYMM S NNN`, blanks anywhere (DOMAIN 4, `pejabat`).
fn is_nip(text: &str) -> bool {
    let digits: String = text.chars().filter(|character| *character != ' ').collect();
    if digits.len() != 18 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let born = format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..8]);
    let appointed = format!("{}-{}-01", &digits[8..12], &digits[12..14]);
    read_date(&born).is_some()
        && read_date(&appointed).is_some()
        && matches!(digits.as_bytes()[14], b'1' | b'2')
}
