//! The composer, tried out on the sample children. What each file tries stands in its name.
#![allow(clippy::unwrap_used)]

mod cards;
mod designs;
mod golden;
mod photos;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::*;
use crate::product::{Backdrop, PhotoRules};

pub(super) const HEAD: HeadSize =
    HeadSize { width_px: 1016, height_px: 648, dpi_x: 300, dpi_y: 300 };

const FACES: [(&str, &str); 7] = [
    ("kia2-front-a", include_str!("../../../config/products/kia/kia2-front-a.svg")),
    ("kia2-front-b", include_str!("../../../config/products/kia/kia2-front-b.svg")),
    ("kia2-back", include_str!("../../../config/products/kia/kia2-back.svg")),
    ("kia1-front-a", include_str!("../../../config/products/kia/kia1-front-a.svg")),
    ("kia1-front-b", include_str!("../../../config/products/kia/kia1-front-b.svg")),
    ("staf-front", include_str!("../../../config/products/staf/staf-front.svg")),
    ("staf-back", include_str!("../../../config/products/staf/staf-back.svg")),
];

/// The text of a face that we ship.
pub(super) fn svg(name: &str) -> &'static str {
    FACES.iter().find(|(face, _)| *face == name).map(|(_, svg)| *svg).unwrap()
}

/// The values that the products can fill in.
pub(super) fn known() -> BTreeSet<String> {
    const NAMES: &str = "provinsi kab_jenis kabupaten nik nama tempat_lahir tgl_lahir jenis_kelamin gol_darah \
        agama kewarganegaraan alamat rt rw label_desa desa kecamatan berlaku_hingga nama_dinas no_kk \
        nama_kepala_keluarga no_akta_kelahiran catatan_tte tte tempat_terbit tgl_terbit jabatan_1 jabatan_2 \
        nama_pejabat nip ref_cetak jabatan unit no_pegawai record";
    NAMES.split_whitespace().map(str::to_owned).collect()
}

pub(super) fn design(name: &str) -> Design {
    Design::parse(&format!("{name}.svg"), svg(name), &known()).unwrap()
}

/// A sample child with the office's texts, as the product would hand them over.
pub(super) fn child(id: &str) -> BTreeMap<String, String> {
    static SAMPLES: OnceLock<serde_json::Value> = OnceLock::new();
    let samples = SAMPLES.get_or_init(|| {
        serde_json::from_str(include_str!("../../../config/kia-samples.json")).unwrap()
    });
    let children = samples["children"].as_array().unwrap();
    let child = children.iter().find(|child| child["id"] == id).unwrap();
    let both = samples["kantor"].as_object().unwrap().iter().chain(child.as_object().unwrap());
    let mut values: BTreeMap<String, String> = both
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().into()))
        .collect();
    for date in ["tgl_lahir", "tgl_terbit", "berlaku_hingga"] {
        let iso: Vec<&str> = values[date].split('-').collect();
        let printed = format!("{}-{}-{}", iso[2], iso[1], iso[0]);
        values.insert(date.into(), printed);
    }
    values.insert("ref_cetak".into(), format!("1301-2026-{id}"));
    values
        .insert("tte".into(), format!("https://tte.example.id/kia/1301-2026-{id}?periksa=CONTOH"));
    values
}

/// The staff card's sample.
pub(super) fn staff() -> BTreeMap<String, String> {
    let pairs = [
        ("nama", "RATNA CONTOHWATI, S.Kom."),
        ("jabatan", "Operator Pencetakan Kartu"),
        ("unit", "Bidang Pendaftaran Penduduk"),
        ("no_pegawai", "PEG-2026-0042"),
        ("berlaku_hingga", "31-12-2028"),
        ("nama_dinas", "DINAS KEPENDUDUKAN DAN PENCATATAN SIPIL"),
        ("kab_jenis", "KABUPATEN"),
        ("kabupaten", "PESISIR SELATAN"),
        ("ref_cetak", "STAF-2026-0042"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

pub(super) fn photo(backdrop: Backdrop, seed: u32) -> DecodedPhoto {
    photo::decode(&portrait::draw_portrait(backdrop, seed), &PhotoRules::default()).unwrap()
}

pub(super) fn blank() -> CardImage {
    CardImage { front: FaceImage::white(0, 0), back: None, stays_inside: false }
}

pub(super) fn sheet<'a>(
    front: &'a Design,
    values: &'a BTreeMap<String, String>,
    photo: Option<&'a DecodedPhoto>,
) -> Sheet<'a> {
    Sheet {
        front,
        back: None,
        values,
        photo,
        record: None,
        signature: None,
        specimen: false,
        background: true,
        offset_mm: (0.0, 0.0),
    }
}

pub(super) fn composed(sheet: &Sheet, head: HeadSize) -> CardImage {
    let mut card = blank();
    Composer::new().compose(sheet, head, &mut card).unwrap();
    card
}

pub(super) fn codes(findings: &[crate::finding::Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code.as_str()).collect()
}
