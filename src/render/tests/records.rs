//! The signed record as a QR code: read back from the picture by another program, and never left out.

use super::*;
use crate::record::base45;

/// The record whose bytes never change, as its QR code says it.
pub(super) fn golden() -> String {
    let hex = include_str!("../../record/golden.hex").trim();
    base45::encode(&base16ct::mixed::decode_vec(hex).unwrap())
}

/// What a reader that is not ours sees on a face, with the size of the code in modules.
fn scanned(face: &FaceImage) -> Vec<(String, usize)> {
    let (width, height) = (face.width_px as usize, face.height_px as usize);
    let grey = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        let channels = face.rgb[at..at + 3].iter().map(|channel| u32::from(*channel));
        if face.is_resin(x as u32, y as u32) { 0 } else { (channels.sum::<u32>() / 3) as u8 }
    };
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let codes = picture.detect_grids().into_iter();
    codes
        .map(|code| code.decode().map(|(meta, text)| (text, meta.version.to_size())).unwrap())
        .collect()
}

#[test]
fn the_record_is_read_back_from_the_picture_by_another_program() {
    let (front, back, values) = (design("staf-front"), design("staf-back"), staff());
    let photo = photo(Backdrop::Blue, 4);
    let record = golden();
    for (dpi, specimen) in [(300, false), (300, true), (600, true)] {
        let head = HeadSize {
            width_px: 1016 * dpi / 300,
            height_px: 648 * dpi / 300,
            dpi_x: dpi,
            dpi_y: dpi,
        };
        let sheet = Sheet {
            back: Some(&back),
            record: Some(&record),
            specimen,
            ..sheet(&front, &values, Some(&photo))
        };
        let card = composed(&sheet, head);
        let seen = scanned(card.back.as_ref().unwrap());
        assert_eq!(seen.len(), 1, "{dpi} dpi, specimen: {specimen}");
        assert_eq!(seen[0].0, record);
        assert!(seen[0].1 <= 73, "version 14 at most: {}", seen[0].1);
        assert!(scanned(&card.front).is_empty(), "the front has none");
    }
}

#[test]
fn every_letter_of_base45_goes_through_a_qr_code() {
    let (back, values) = (design("staf-back"), staff());
    let record = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:  :/.-+*%$ ";
    let card = composed(&Sheet { record: Some(record), ..sheet(&back, &values, None) }, HEAD);
    assert_eq!(scanned(&card.front)[0].0, record, "blanks stay as they are");
}

#[test]
fn a_card_is_never_composed_without_its_record_or_with_one_that_does_not_fit() {
    let (back, values) = (design("staf-back"), staff());
    let without = sheet(&back, &values, None);
    assert_eq!(codes(&Composer::new().inspect(&without)), ["H_RECORD_MISSING"]);
    assert!(Composer::new().compose(&without, HEAD, &mut blank()).is_err());
    let (most, more) = ("A".repeat(528), "A".repeat(529));
    assert_eq!(Composer::new().inspect(&Sheet { record: Some(&most), ..without }), []);
    let found = Composer::new().inspect(&Sheet { record: Some(&more), ..without });
    assert_eq!(codes(&found), ["H_RECORD_TOO_LONG"]);
}

#[test]
fn a_face_says_how_its_codes_are_made_and_where_the_record_goes() {
    let parsed = |from: &str, to: &str| -> Parsed {
        let svg = svg("staf-back");
        assert!(svg.contains(from), "{from}");
        Design::parse("staf-back.svg", &svg.replacen(from, to, 1), &known())
    };
    let (values, record) = (staff(), "A".repeat(400));
    for (level, version, fits) in
        [("L", 10, false), ("L", 11, true), ("Q", 14, false), ("M", 12, true)]
    {
        let design = parse_with(&parsed, level, version);
        let found = Composer::new()
            .inspect(&Sheet { record: Some(&record), ..sheet(&design, &values, None) });
        assert_eq!(found.is_empty(), fits, "{level} {version}");
    }
    for (from, to) in [
        ("kartu:level=\"M\"", "kartu:level=\"X\""),
        ("kartu:version-max=\"14\"", "kartu:version-max=\"41\""),
        ("kartu:version-max=\"14\"", "kartu:version-max=\"2.5\""),
        ("kartu:value=\"{record}\"", "kartu:value=\"ID {record}\""),
        ("kartu:slot=\"qr\"", "kartu:slot=\"code128\""),
        (">Kartu {ref_cetak}<", ">{record}<"),
    ] {
        let faults = parsed(from, to).unwrap_err();
        assert!(!faults.is_empty() && faults[0].line > 1, "{to}");
    }
}

type Parsed = Result<Design, Vec<DesignFault>>;

fn parse_with(parsed: &dyn Fn(&str, &str) -> Parsed, level: &str, version: usize) -> Design {
    let from = "kartu:level=\"M\" kartu:version-max=\"14\"";
    parsed(from, &format!("kartu:level=\"{level}\" kartu:version-max=\"{version}\"")).unwrap()
}

#[test]
fn a_code_is_seen_on_a_picture_by_every_module_of_it() {
    let (back, values) = (design("staf-back"), staff());
    let record = golden();
    let card = composed(&Sheet { record: Some(&record), ..sheet(&back, &values, None) }, HEAD);
    let face = card.front;
    let seen = |face: &FaceImage, text: &str| shows_record(&to_png(face), text);
    assert!(seen(&face, &record));
    let mut other = record.clone();
    other.replace_range(100..101, if &record[100..101] == "A" { "B" } else { "A" });
    assert!(!seen(&face, &other), "another record");
    assert!(!seen(&face, "") && !shows_record(b"no picture", &record));
}
