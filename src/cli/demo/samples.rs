//! The jobs that the demo posts: sample children, and one member of staff whose card has a chip. All are fictional.
//! Knows no station.

use anyhow::Context as _;
use base16ct::lower::encode_string as hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::product::Backdrop;
use crate::render::portrait::draw_portrait;

/// Fictional children; see the note in the file.
const CHILDREN: &str = include_str!("../../../config/kia-samples.json");
/// The product whose cards have a chip.
pub(super) const STAFF: &str = "staf";
/// An even number makes a 3:4 portrait, which a staff card needs.
const STAFF_PORTRAIT: u32 = 4;

/// The job of a fictional member of staff. It is the same at every start, so that a second demo in the same folder
/// prints no second card.
pub(super) fn staff() -> Value {
    json!({
        "product": STAFF,
        "ref": "1301-STAF-2026-1",
        "reason": "BARU",
        "fields": {
            "nama": "DEWI CONTOH LESTARI",
            "jabatan": "OPERATOR PENERBITAN",
            "unit": "BIDANG PENDAFTARAN PENDUDUK",
            "no_pegawai": "PS-000417",
            "berlaku_hingga": "2099-12-31",
        },
        "recommendation": {
            "keputusan": "SETUJU", "nomor": "800/1/STAF/2026", "oleh": { "nama": "CONTOH SEKRETARIS" },
        },
        "photo": STANDARD.encode(draw_portrait(Backdrop::Blue, STAFF_PORTRAIT)),
    })
}

/// The job of one sample child, with a drawn portrait if the product has a photo.
pub(super) fn child(number: usize) -> anyhow::Result<Value> {
    let samples: Value = serde_json::from_str(CHILDREN)?;
    let children = samples["children"].as_array().context("no children in the samples")?;
    let child = children[number % children.len()].as_object().context("a sample is no object")?;
    let id = child["id"].as_str().unwrap_or("");
    let reference = match number / children.len() {
        0 => format!("1301-2026-{id}"),
        round => format!("1301-2026-{id}-{}", round + 1),
    };
    let no_field = ["id", "case", "latar"];
    let fields: Map<String, Value> = child
        .iter()
        .filter(|(name, _)| !no_field.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let paper = |kind: &str| {
        let hash = Sha256::digest(format!("{kind} {reference}"));
        json!({ "kind": kind, "sha256": hex(&hash) })
    };
    // What a real approval contains; its number is derived from the card's.
    let mut recommendation = samples["rekomendasi"].clone();
    recommendation["nomor"] = Value::String(format!("470/{}/KIA/2026", number + 1));
    let mut body = json!({
        "product": "kia",
        "ref": reference,
        "reason": "BARU",
        "fields": fields,
        "attachments": [paper("KK"), paper("AKTA")],
        "recommendation": recommendation,
    });
    let backdrop = match child["latar"].as_str() {
        Some("merah") => Some(Backdrop::Red),
        Some("biru") => Some(Backdrop::Blue),
        _ => None,
    };
    if let Some(backdrop) = backdrop {
        let portrait = draw_portrait(backdrop, u32::try_from(number)?);
        body["photo"] = Value::String(STANDARD.encode(portrait));
    }
    Ok(body)
}
