//! Golden pictures: a card may change only when somebody looked at it.
//!
//! `KARTU_GOLDEN=write cargo test --lib render::tests::golden` writes `src/render/golden/*.png` and
//! `SHA256SUMS` anew; look at the pictures before committing them.

use std::path::PathBuf;

use base16ct::lower::encode_string as hex;

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/render/golden")
}

/// The pictures: name and face.
fn pictures() -> Vec<(&'static str, FaceImage)> {
    let mut composer = Composer::new();
    let mut pictures = Vec::new();
    let mut add = |composer: &mut Composer, names: [&'static str; 2], sheet: &Sheet| {
        let mut card = blank();
        composer.compose(sheet, HEAD, &mut card).unwrap();
        pictures.push((names[0], card.front));
        pictures.extend(card.back.map(|back| (names[1], back)));
    };
    let (front_a, front_b, back) =
        (design("kia2-front-a"), design("kia2-front-b"), design("kia2-back"));
    let (s1, s2, s4) = (child("S1"), child("S2"), child("S4"));
    let (red, blue) = (photo(Backdrop::Red, 2), photo(Backdrop::Blue, 1));
    let first = Sheet { back: Some(&back), specimen: true, ..sheet(&front_b, &s2, Some(&red)) };
    add(&mut composer, ["kia2-front-b-S2-contoh", "kia2-back-S2-contoh"], &first);
    add(&mut composer, ["kia2-front-b-S4", ""], &sheet(&front_b, &s4, Some(&blue)));
    add(&mut composer, ["kia2-front-a-S1", ""], &sheet(&front_a, &s1, None));
    let one = design("kia1-front-b");
    add(&mut composer, ["kia1-front-b-S4", ""], &sheet(&one, &s4, Some(&blue)));
    let (staf, ratna) = (design("staf-front"), staff());
    let (veiled, staf_back) = (photo(Backdrop::Blue, 4), design("staf-back"));
    let signed = records::golden();
    let both = Sheet {
        back: Some(&staf_back),
        record: Some(&signed),
        ..sheet(&staf, &ratna, Some(&veiled))
    };
    add(&mut composer, ["staf-front", "staf-back"], &both);
    let overlay = Sheet { background: false, specimen: true, ..sheet(&front_b, &s4, Some(&blue)) };
    add(&mut composer, ["kia2-front-b-S4-contoh-overlay", ""], &overlay);
    pictures
}

#[test]
fn the_cards_look_as_they_did_when_somebody_last_looked() {
    let pictures = pictures();
    let sums: String = pictures
        .iter()
        .map(|(name, face)| format!("{}  {name}\n", hex(&face_sha256(face))))
        .collect();
    if std::env::var("KARTU_GOLDEN").as_deref() == Ok("write") {
        for (name, face) in &pictures {
            std::fs::write(folder().join(format!("{name}.png")), to_png(face)).unwrap();
        }
        std::fs::write(folder().join("SHA256SUMS"), &sums).unwrap();
    }
    let golden = std::fs::read_to_string(folder().join("SHA256SUMS")).unwrap_or_default();
    assert!(
        golden == sums,
        "the cards look different. If that is meant: KARTU_GOLDEN=write cargo test --lib render::tests::golden, \
         look at src/render/golden/*.png, commit.\nwas:\n{golden}\nis:\n{sums}"
    );
}
