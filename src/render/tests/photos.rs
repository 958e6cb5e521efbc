//! Photos as they arrive: good ones, bad ones, hostile ones.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::codes::Severity;
use crate::finding::Finding;

fn rules() -> PhotoRules {
    PhotoRules::default()
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn drawn(backdrop: Backdrop) -> RgbImage {
    image::load_from_memory(&portrait::draw_portrait(backdrop, 0)).unwrap().into_rgb8()
}

/// What is said of a picture with no backdrop demanded.
fn said(picture: impl Into<DynamicImage>) -> Vec<Finding> {
    match photo::decode(&png(picture), &rules()) {
        Ok(decoded) => photo::inspect(&decoded, &rules(), None),
        Err(finding) => vec![finding],
    }
}

#[test]
fn every_drawn_child_passes_without_a_warning() {
    // All five haircuts in both shapes.
    for seed in 0..10 {
        for backdrop in [Backdrop::Red, Backdrop::Blue] {
            let jpeg = portrait::draw_portrait(backdrop, seed);
            assert_eq!(jpeg, portrait::draw_portrait(backdrop, seed));
            let decoded = photo::decode(&jpeg, &rules()).unwrap();
            assert_eq!(
                photo::inspect(&decoded, &rules(), Some(backdrop)),
                [],
                "{backdrop:?} {seed}"
            );
        }
    }
}

#[test]
fn a_photo_that_whatsapp_made_smaller_and_coarser_passes() {
    let small =
        DynamicImage::from(drawn(Backdrop::Red)).resize_exact(360, 480, image::imageops::Triangle);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 45).encode_image(&small).unwrap();
    let decoded = photo::decode(&jpeg, &rules()).unwrap();
    assert_eq!(photo::inspect(&decoded, &rules(), Some(Backdrop::Red)), []);
}

#[test]
fn the_wrong_backdrop_is_a_warning_and_never_more() {
    for (is, want) in [(Backdrop::Red, Backdrop::Blue), (Backdrop::Blue, Backdrop::Red)] {
        let decoded = photo::decode(&portrait::draw_portrait(is, 0), &rules()).unwrap();
        let found = photo::inspect(&decoded, &rules(), Some(want));
        assert_eq!(codes(&found), ["W_PHOTO_BACKGROUND"]);
        assert_eq!(found[0].severity(), Severity::Warn);
        assert_eq!(
            photo::inspect(&decoded, &rules(), None),
            [],
            "another product asks for no wall"
        );
    }
}

#[test]
fn each_bad_picture_gets_its_code() {
    let child = drawn(Backdrop::Blue);
    let scaled = |by: f32| {
        RgbImage::from_fn(child.width(), child.height(), |x, y| {
            Rgb(child.get_pixel(x, y).0.map(|c| (f32::from(c) * by) as u8))
        })
    };
    let bright =
        RgbImage::from_fn(600, 800, |x, y| Rgb(child.get_pixel(x, y).0.map(|c| 235 + c / 16)));
    let flat =
        RgbImage::from_fn(600, 800, |x, y| Rgb(child.get_pixel(x, y).0.map(|c| 110 + c / 16)));
    let blurred = DynamicImage::from(child.clone()).blur(20.0);
    let grey = DynamicImage::from(DynamicImage::from(child.clone()).into_luma8());
    let wide = DynamicImage::from(child.clone()).resize_exact(800, 600, image::imageops::Triangle);
    let small = DynamicImage::from(child.clone()).resize_exact(240, 330, image::imageops::Triangle);
    let tiny = DynamicImage::from(child.clone()).resize_exact(212, 319, image::imageops::Triangle);
    assert!(codes(&said(scaled(0.2))).contains(&"H_PHOTO_DARK"));
    assert!(codes(&said(bright)).contains(&"H_PHOTO_BRIGHT"));
    assert!(codes(&said(flat)).contains(&"H_PHOTO_FLAT"));
    assert_eq!(codes(&said(blurred)), ["W_PHOTO_SOFT"]);
    assert_eq!(codes(&said(grey)), ["H_PHOTO_GREY"]);
    assert_eq!(codes(&said(wide)), ["H_PHOTO_RATIO"]);
    assert_eq!(codes(&said(small)), ["W_PHOTO_SMALL"]);
    assert_eq!(codes(&said(tiny)), ["E_PHOTO_TOO_SMALL"]);
    assert_eq!(said(child), []);
}

#[test]
fn what_is_no_photo_or_only_half_of_one_is_refused_at_the_door() {
    let jpeg = portrait::draw_portrait(Backdrop::Red, 1);
    let png = png(drawn(Backdrop::Red));
    let code = |bytes: &[u8]| photo::header(bytes, &rules()).unwrap_err().code;
    for bytes in [&b""[..], b"GIF89a", b"%PDF-1.7", &[0xFF, 0xD8]] {
        assert_eq!(code(bytes), "E_PHOTO_FORMAT");
    }
    for cut in [3, 20, 200, jpeg.len() / 2, jpeg.len() - 2] {
        assert_eq!(code(&jpeg[..cut]), "E_PHOTO_TRUNCATED", "jpeg cut at {cut}");
    }
    for cut in [8, 30, png.len() / 2, png.len() - 6] {
        assert_eq!(code(&png[..cut]), "E_PHOTO_TRUNCATED", "png cut at {cut}");
    }
    let trailed = [&jpeg[..], b"what a telephone appends"].concat();
    assert!(photo::header(&trailed, &rules()).is_ok());
    let mut damaged = png.clone();
    damaged[png.len() / 2..png.len() - 100].fill(0);
    assert!(photo::header(&damaged, &rules()).is_ok());
    assert_eq!(photo::decode(&damaged, &rules()).unwrap_err().code, "E_PHOTO_TRUNCATED");
    assert_eq!(code(&vec![0; rules().max_bytes + 1]), "E_PHOTO_TOO_LARGE");
}

#[test]
fn a_decompression_bomb_is_refused_before_it_takes_memory() {
    let mut png = png(RgbImage::new(300, 450));
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let sum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    let mut jpeg = portrait::draw_portrait(Backdrop::Red, 0);
    let frame = jpeg.windows(2).position(|m| m == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFD, 0xE8, 0xFD, 0xE8]);
    for bomb in [png, jpeg] {
        let finding = photo::decode(&bomb, &rules()).unwrap_err();
        assert_eq!(finding.code, "E_PHOTO_TOO_LARGE");
    }
}

/// PNG specification, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ (0xEDB8_8320 * (c & 1)))
    };
    !bytes.iter().fold(!0, step)
}

/// A JPEG with an EXIF orientation, red at the top as it shall be seen.
fn turned(orientation: u8, stored: &RgbImage) -> Vec<u8> {
    let exif = [
        &b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..],
        &[orientation],
        &b"\0\0\0\0\0\0"[..],
    ]
    .concat();
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 95);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.encode_image(stored).unwrap();
    jpeg
}

#[test]
fn a_photo_stored_on_its_side_is_turned_upright() {
    let upright =
        RgbImage::from_fn(
            320,
            480,
            |_, y| if y < 240 { Rgb([220, 0, 0]) } else { Rgb([0, 0, 220]) },
        );
    for (orientation, stored) in [
        (1, upright.clone()),
        (3, image::imageops::rotate180(&upright)),
        (6, image::imageops::rotate270(&upright)),
        (8, image::imageops::rotate90(&upright)),
    ] {
        let jpeg = turned(orientation, &stored);
        let header = photo::header(&jpeg, &rules()).unwrap();
        assert_eq!((header.width, header.height), (320, 480), "orientation {orientation}");
        let decoded = photo::decode(&jpeg, &rules()).unwrap();
        let design = Design::parse(
            "a.svg",
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:kartu="urn:kartu:face:1" width="85.6mm" height="53.98mm"
            viewBox="0 0 85.6 53.98"><g kartu:layer="colour"><rect x="10" y="10" width="18" height="27" kartu:slot="photo"/></g></svg>"#,
            &known(),
        )
        .unwrap();
        let values = BTreeMap::new();
        let face = composed(&sheet(&design, &values, Some(&decoded)), HEAD).front;
        let at = |x: u32, y: u32| &face.rgb[((y * HEAD.width_px + x) * 3) as usize..][..3];
        assert!(at(230, 180)[0] > 180 && at(230, 180)[2] < 60, "orientation {orientation}");
        assert!(at(230, 400)[2] > 180 && at(230, 400)[0] < 60, "orientation {orientation}");
    }
    let lying = turned(6, &RgbImage::new(480, 213));
    assert_eq!(photo::header(&lying, &rules()).unwrap().width, 213, "its upright sides count");
}

#[test]
fn a_transparent_photo_stands_on_white() {
    let glass = RgbaImage::from_pixel(300, 450, Rgba([0, 0, 0, 0]));
    let decoded = photo::decode(&png(glass), &rules()).unwrap();
    assert_eq!(codes(&photo::inspect(&decoded, &rules(), None))[0], "H_PHOTO_BRIGHT");
}

#[test]
fn nothing_of_a_photo_is_in_its_debug_text() {
    let decoded = photo(Backdrop::Red, 0);
    assert_eq!(format!("{decoded:?}"), "DecodedPhoto(600x800 px)");
}

#[test]
fn noise_after_the_magic_bytes_never_panics() {
    let jpeg = portrait::draw_portrait(Backdrop::Red, 0);
    let mut state = 1_u32;
    for round in 0..100 {
        let mut bytes = jpeg[..4000].to_vec();
        bytes.extend_from_slice(&[0xFF, 0xD9]);
        for _ in 0..20 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % bytes.len();
            bytes[at] = (state >> 3) as u8;
        }
        if let Ok(decoded) = photo::decode(&bytes, &rules()) {
            assert!(decoded.width() >= rules().min_width_px, "round {round}");
        }
    }
}
