//! A card comes out.

use kartu::render::mean_difference;
use serde_json::{Value, json};

use crate::test_station::{TestStation, base64, child};

/// The difference between the printed side, as a PNG, and the station's own preview of the same face.
fn looks_like_preview(bench: &TestStation, id: &str, side: &str) -> f64 {
    let card = bench.machine.lock().last_card().unwrap();
    let picture = if side == "front" { card.front } else { card.back.unwrap() };
    let mut png = Vec::new();
    let image =
        image::RgbImage::from_raw(picture.width_px, picture.height_px, picture.rgb).unwrap();
    image.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    let wanted = bench.http.bytes(&format!("/v1/jobs/{id}/preview/{side}.png"));
    mean_difference(&png, &wanted).unwrap()
}

#[test]
fn prints_a_card() {
    let bench = TestStation::new();
    let id = bench.accepted(&child("S2"));
    let job = bench.until(&id, "printed");
    assert_eq!(job["evidence"]["machine"]["cards_entered_after"], 1);
    assert_eq!(job["faces"].as_array().unwrap().len(), 2);
    assert_eq!(job["kind"], "B");
    for side in ["front", "back"] {
        let difference = looks_like_preview(&bench, &id, side);
        assert!(difference < 4.0, "{side}: {difference}");
    }
    let events = bench.http.get(&format!("/v1/jobs/{id}/events")).body;
    let names: Vec<&str> =
        events.as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["received", "claim", "compose", "print", "card_out", "previewed", "previewed"]
    );
    assert_eq!(
        events[3]["detail"]["before"]["cards_entered"], 0,
        "what the machine said before stands in the intent"
    );
    assert_eq!(bench.machine.lock().not_understood(), 0);
}

#[test]
fn every_sample_child_gets_its_card() {
    let bench = TestStation::new();
    let ids: Vec<String> = ["S1", "S2", "S3", "S4", "S5", "S6", "S7"]
        .iter()
        .map(|s| bench.accepted(&child(s)))
        .collect();
    for (id, kind) in ids.iter().zip(["A", "B", "B", "B", "B", "B", "B"]) {
        let job = bench.until(id, "printed");
        assert_eq!(job["kind"], kind);
        assert_eq!(job["reasons"], json!([]));
    }
    assert_eq!(bench.cards_out(), 7);
}

#[test]
fn the_same_job_makes_the_same_faces() {
    let hashes = |bench: &TestStation| {
        let id = bench.accepted(&child("S4"));
        bench.until(&id, "printed")["faces"].clone()
    };
    assert_eq!(hashes(&TestStation::new()), hashes(&TestStation::new()));
}

#[test]
fn another_product_needs_no_rust() {
    let bench = TestStation::for_staff();
    let id = bench.accepted(&staff());
    let printed = bench.until(&id, "printed");
    assert_eq!(printed["faces"].as_array().unwrap().len(), 2);
    for side in ["front", "back"] {
        assert!(looks_like_preview(&bench, &id, side) < 4.0, "{side}");
    }
}

/// The job of a member of staff.
pub fn staff() -> Value {
    json!({
        "product": "staf", "ref": "STAF-1", "reason": "BARU",
        "fields": { "nama": "RINA CONTOH", "jabatan": "OPERATOR", "unit": "PENDAFTARAN PENDUDUK",
                    "no_pegawai": "PS-000417", "berlaku_hingga": "2099-12-31" },
        "recommendation": {
            "keputusan": "SETUJU", "nomor": "470/1301-2026-STAF", "oleh": { "nama": "CONTOH SEKRETARIS" },
            "peringatan_disetujui": ["W_PHOTO_SOFT"],
        },
        "photo": three_by_four(&child("S2")["photo"]),
    })
}

/// A 3:4 crop of a portrait, as JPEG in base64.
fn three_by_four(portrait: &Value) -> String {
    use ::base64::Engine as _;
    let bytes =
        ::base64::engine::general_purpose::STANDARD.decode(portrait.as_str().unwrap()).unwrap();
    let picture = image::load_from_memory(&bytes).unwrap();
    let (width, height) = (picture.width(), picture.width() * 4 / 3);
    let mut jpeg = std::io::Cursor::new(Vec::new());
    picture
        .crop_imm(0, 0, width, height.min(picture.height()))
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    base64(&jpeg.into_inner())
}

#[test]
fn one_sided_layout_prints_one_side() {
    let bench = with_kia("layout = \"kia1\"");
    let id = bench.accepted(&child("S2"));
    let job = bench.until(&id, "printed");
    assert_eq!(job["faces"].as_array().unwrap().len(), 1);
    assert!(bench.machine.lock().last_card().unwrap().back.is_none());
    assert_eq!(bench.http.get(&format!("/v1/jobs/{id}/preview/back.png")).status, 404);
}

#[test]
fn blanks_with_their_own_artwork_get_no_background() {
    let bench = with_kia("background = false");
    let id = bench.accepted(&child("S1"));
    bench.until(&id, "printed");
    let front = bench.machine.lock().last_card().unwrap().front;
    assert_eq!(&front.rgb[..3], &[255, 255, 255], "the band is not printed");
}

fn with_kia(line: &'static str) -> TestStation {
    let mut bench = TestStation::new();
    bench.stop();
    bench.kia = line;
    bench.start("");
    bench
}
