//! Cards of the sample children: what fits, what holds, and that the same job gives the same bytes.

use super::*;

const CHILDREN: [(&str, &str); 7] =
    [("S1", "a"), ("S2", "b"), ("S3", "b"), ("S4", "b"), ("S5", "b"), ("S6", "b"), ("S7", "b")];

fn resin_in(face: &FaceImage, x_mm: [f32; 2], y_mm: [f32; 2]) -> usize {
    let raster = Raster::new(HEAD, (0.0, 0.0));
    let area = raster.area(x_mm[0], y_mm[0], x_mm[1] - x_mm[0], y_mm[1] - y_mm[0]);
    let columns = area.left_px as u32..area.left_px as u32 + area.width_px;
    let rows = area.top_px as u32..area.top_px as u32 + area.height_px;
    rows.flat_map(|y| columns.clone().map(move |x| (x, y)))
        .filter(|(x, y)| face.is_resin(*x, *y))
        .count()
}

#[test]
fn all_samples_fit_all_layouts_at_the_drawn_size() {
    let composer = Composer::new();
    let back = design("kia2-back");
    for (id, kind) in CHILDREN {
        let values = child(id);
        for layout in ["kia2-front", "kia1-front"] {
            let front = design(&format!("{layout}-{kind}"));
            let sheet = Sheet { back: Some(&back), ..sheet(&front, &values, None) };
            assert_eq!(composer.inspect(&sheet), [], "{id} {layout}");
            for face in [&front, &back] {
                for (place, fitted) in composer.set(face, &sheet, &mut Vec::new()).texts {
                    assert_eq!(fitted.size_mm, place.size_mm, "{id} {layout}: {}", place.y_mm);
                }
            }
        }
    }
}

#[test]
fn a_name_too_long_for_the_card_is_held_and_says_which_field() {
    let front = design("kia2-front-b");
    let mut values = child("S2");
    values.insert("nama".into(), "CONTOHNINGRAT ".repeat(9));
    let photo = photo(Backdrop::Red, 0);
    let sheet = sheet(&front, &values, Some(&photo));
    let found = Composer::new().inspect(&sheet);
    assert_eq!(codes(&found), ["H_TEXT_OVERFLOW"]);
    assert_eq!(found[0].field.as_deref(), Some("fields.nama"));
    assert!(!format!("{found:?}").contains("CONTOHNINGRAT"));
    let refused = Composer::new().compose(&sheet, HEAD, &mut blank()).unwrap_err();
    assert_eq!(refused, found);
}

#[test]
fn a_letter_that_the_font_lacks_holds_the_card_and_names_the_right_value() {
    let front = design("kia2-front-b");
    let mut values = child("S2");
    values.insert("tgl_lahir".into(), "07-04-漢".into());
    let found = Composer::new().inspect(&sheet(&front, &values, None));
    assert_eq!(codes(&found), ["H_GLYPH_MISSING"]);
    assert_eq!(found[0].field.as_deref(), Some("fields.tgl_lahir"));
}

#[test]
fn names_with_apostrophes_and_accents_are_printed() {
    let front = design("kia2-front-b");
    for name in ["NUR'AINI MA'RUF", "NUR\u{2019}AINI", "JOSÉ D'ÁVILA-CONTOH", "SITI <B> & CO"] {
        let mut values = child("S2");
        values.insert("nama".into(), name.into());
        assert_eq!(Composer::new().inspect(&sheet(&front, &values, None)), [], "{name}");
    }
}

#[test]
fn the_same_job_gives_the_same_bytes_whatever_was_composed_before() {
    let (front, back, one) = (design("kia2-front-b"), design("kia2-back"), design("kia1-front-b"));
    let (s2, s4) = (child("S2"), child("S4"));
    let (red, blue) = (photo(Backdrop::Red, 0), photo(Backdrop::Blue, 1));
    let second = Sheet { back: Some(&back), specimen: true, ..sheet(&front, &s2, Some(&red)) };
    let fresh = composed(&second, HEAD);
    let mut composer = Composer::new();
    let mut card = blank();
    let other = HeadSize { dpi_x: 600, width_px: 2032, ..HEAD };
    composer.compose(&sheet(&one, &s4, Some(&blue)), other, &mut card).unwrap();
    assert!(card.back.is_none());
    composer.compose(&second, HEAD, &mut card).unwrap();
    assert!(card == fresh);
    composer.compose(&second, HEAD, &mut card).unwrap();
    assert!(card == fresh);
    assert_eq!(face_sha256(&card.front), face_sha256(&fresh.front));
    assert_ne!(face_sha256(&card.front), face_sha256(fresh.back.as_ref().unwrap()));
}

#[test]
fn an_office_that_signs_with_a_pen_gets_no_code_and_no_note() {
    let back = design("kia2-back");
    let mut values = child("S2");
    let with = composed(&sheet(&back, &values, None), HEAD).front;
    values.insert("tte".into(), String::new());
    let without = composed(&sheet(&back, &values, None), HEAD).front;
    let (left, lower) = ([3.0, 40.0], [24.0, 47.0]);
    assert!(resin_in(&with, left, lower) > 5_000);
    assert_eq!(resin_in(&without, left, lower), 0);
    assert!(resin_in(&without, [41.0, 82.0], [24.0, 48.0]) > 1_000, "the office's name stays");
}

#[test]
fn a_code_that_does_not_fit_is_held() {
    let back = design("kia2-back");
    let mut values = child("S2");
    values.insert("tte".into(), "x".repeat(122));
    assert_eq!(Composer::new().inspect(&sheet(&back, &values, None)), []);
    values.insert("tte".into(), "x".repeat(123));
    assert_eq!(codes(&Composer::new().inspect(&sheet(&back, &values, None))), ["H_CODE_TOO_LONG"]);
    let staf = design("staf-front");
    for (number, code) in
        [("PEG\u{e9}1", "H_CODE_CHARACTER"), (&*"9A".repeat(40), "H_CODE_TOO_LONG")]
    {
        let mut values = staff();
        values.insert("no_pegawai".into(), number.into());
        let found = Composer::new().inspect(&sheet(&staf, &values, None));
        assert!(codes(&found).contains(&code), "{found:?}");
    }
}

#[test]
fn a_version_7_code_has_whole_pixels_and_its_quiet_zone() {
    let back = design("kia2-back");
    let mut values = child("S2");
    values.insert("tte".into(), "x".repeat(122));
    let face = composed(&sheet(&back, &values, None), HEAD).front;
    let area = Raster::new(HEAD, (0.0, 0.0)).area(4.0, 25.0, 18.0, 18.0);
    let (left, top) = (area.left_px as u32, area.top_px as u32);
    let spare = (area.width_px - 53 * 4) / 2;
    let first = (left + spare + 16, top + spare + 16);
    let module = |x: u32, y: u32| face.is_resin(first.0 + x * 4, first.1 + y * 4);
    let finder: String = (0..7).map(|x| if module(x, 2) { '#' } else { '.' }).collect();
    assert_eq!(finder, "#.###.#");
    for y in 0..45 * 4 {
        for x in 0..45 * 4 {
            assert_eq!(
                face.is_resin(first.0 + x, first.1 + y),
                module(x / 4, y / 4),
                "module {x} {y}"
            );
        }
    }
    assert_eq!(resin_in(&face, [4.0, 5.3], [25.0, 43.0]), 0, "quiet zone");
}

#[test]
fn contoh_is_on_both_sides_even_without_a_background_and_only_in_colour() {
    let (front, back, values) = (design("kia2-front-a"), design("kia2-back"), child("S1"));
    let bare = Sheet { back: Some(&back), background: false, ..sheet(&front, &values, None) };
    let plain = composed(&bare, HEAD);
    let marked = composed(&Sheet { specimen: true, ..bare }, HEAD);
    let sides = |card: CardImage| [card.front, card.back.unwrap()];
    for (plain, marked) in sides(plain).into_iter().zip(sides(marked)) {
        assert!(plain.resin == marked.resin);
        let pairs = plain.rgb.chunks_exact(3).zip(marked.rgb.chunks_exact(3));
        let changed = pairs.filter(|(a, b)| a != b).count();
        assert!(changed > HEAD.width_px as usize * HEAD.height_px as usize / 12, "{changed}");
        assert!(marked.rgb.iter().all(|channel| *channel > 120), "text must stay readable over it");
    }
}

#[test]
fn a_pre_printed_blank_gets_no_background() {
    let (front, values) = (design("kia2-front-a"), child("S1"));
    let with = composed(&sheet(&front, &values, None), HEAD).front;
    let bare = Sheet { background: false, ..sheet(&front, &values, None) };
    let without = composed(&bare, HEAD).front;
    assert_eq!(with.rgb[..3], [0xfb, 0xe3, 0xdf], "the band reaches the head's edge");
    assert!(without.rgb.iter().all(|channel| *channel == 255));
    assert!(with.resin == without.resin);
}

#[test]
fn an_offset_moves_everything_by_the_same_whole_pixels() {
    let (front, values, photo) = (design("kia2-front-b"), child("S2"), photo(Backdrop::Red, 0));
    let at = |offset_mm| {
        composed(&Sheet { offset_mm, ..sheet(&front, &values, Some(&photo)) }, HEAD).front
    };
    let (still, moved) = (at((0.0, 0.0)), at((1.0, -0.5)));
    let (dx, dy) = (12, 6);
    for y in dy..HEAD.height_px {
        for x in 0..HEAD.width_px - dx {
            assert_eq!(still.is_resin(x, y), moved.is_resin(x + dx, y - dy), "{x} {y}");
            let rgb = |face: &FaceImage, x: u32, y: u32| {
                let at = ((y * HEAD.width_px + x) * 3) as usize;
                [face.rgb[at], face.rgb[at + 1], face.rgb[at + 2]]
            };
            assert_eq!(rgb(&still, x, y), rgb(&moved, x + dx, y - dy), "{x} {y}");
        }
    }
}

#[test]
fn a_card_with_a_photo_slot_is_not_composed_without_a_photo() {
    let (front, values) = (design("kia2-front-b"), child("S2"));
    let sheet = sheet(&front, &values, None);
    let refused = Composer::new().compose(&sheet, HEAD, &mut blank()).unwrap_err();
    assert_eq!(codes(&refused), ["H_PHOTO_MISSING"]);
    assert_eq!(Composer::new().inspect(&sheet), [], "at the door the product asks for it");
}

#[test]
fn the_office_signature_is_stamped_in_resin_and_a_broken_one_holds() {
    let (back, values) = (design("kia2-back"), child("S2"));
    let ink = image::RgbaImage::from_fn(520, 200, |x, y| {
        image::Rgba([20, 20, 90, if x.abs_diff(y * 2) < 12 { 255 } else { 0 }])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    ink.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    let (across, down) = ([48.3, 74.3], [32.5, 41.8]);
    let unsigned = sheet(&back, &values, None);
    assert_eq!(resin_in(&composed(&unsigned, HEAD).front, across, down), 0);
    let signed = Sheet { signature: Some(&png), ..unsigned };
    assert!(resin_in(&composed(&signed, HEAD).front, across, down) > 500);
    let broken = Sheet { signature: Some(b"not a picture"), ..unsigned };
    assert_eq!(codes(&Composer::new().inspect(&broken)), ["H_SIGNATURE_BROKEN"]);
    let cut = Sheet { signature: Some(&png[..png.len() / 2]), ..unsigned };
    assert!(Composer::new().compose(&cut, HEAD, &mut blank()).is_err());
}

#[test]
fn static_layers_are_kept_small_and_few() {
    let mut composer = Composer::new();
    assert_eq!(composer.layers.bytes_kept(), 0, "nothing is rendered before the first card");
    let (front, values) = (design("kia2-front-a"), child("S1"));
    let mut card = blank();
    for step in 0..20 {
        let offset_mm = (step as f32 * 0.2, 0.0);
        let sheet = Sheet { offset_mm, ..sheet(&front, &values, None) };
        composer.compose(&sheet, HEAD, &mut card).unwrap();
    }
    assert!(composer.layers.bytes_kept() < 900 * 1024, "{}", composer.layers.bytes_kept());
}

#[test]
fn the_preview_shows_resin_black_and_a_composer_may_be_handed_to_a_thread() {
    fn crosses_threads<T: Send + Sync>(_: &T) {}
    crosses_threads(&Composer::new());
    let mut face = FaceImage::white(16, 2);
    face.resin[0] = 0b0100_0000;
    let png = image::load_from_memory(&to_png(&face)).unwrap().into_rgb8();
    assert_eq!(png.get_pixel(1, 0).0, [0, 0, 0]);
    assert_eq!(png.get_pixel(0, 0).0, [255, 255, 255]);
}

/// The best of a few rounds, milliseconds: what the machine can do when nobody else uses it.
fn best_ms(mut work: impl FnMut()) -> f64 {
    let lap = |_| {
        let start = std::time::Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1000.0
    };
    // A debug build tells no figure that is worth waiting for.
    let laps = if cfg!(debug_assertions) { 3 } else { 40 };
    (0..laps).map(lap).fold(f64::MAX, f64::min)
}

/// `cargo test --release --lib what_one_card_costs -- --nocapture` is worth reading; in a debug build it is
/// only a test that a second card renders no static layer again.
#[test]
fn what_one_card_costs_is_printed() {
    let (front, back, values) = (design("kia2-front-b"), design("kia2-back"), child("S4"));
    let jpeg = portrait::draw_portrait(Backdrop::Blue, 2);
    let rules = PhotoRules::default();
    let decoded = photo::decode(&jpeg, &rules).unwrap();
    let marked =
        Sheet { back: Some(&back), specimen: true, ..sheet(&front, &values, Some(&decoded)) };
    let plain = Sheet { specimen: false, ..marked };
    let (mut composer, mut card) = (Composer::new(), blank());
    let start = std::time::Instant::now();
    composer.compose(&marked, HEAD, &mut card).unwrap();
    let first = start.elapsed().as_secs_f64() * 1000.0;
    let mut compose = |sheet: &Sheet| best_ms(|| composer.compose(sheet, HEAD, &mut card).unwrap());
    let (both, bare) = (compose(&marked), compose(&plain));
    let small = Sheet { back: None, ..plain };
    let one = compose(&small);
    let a_face = photo(Backdrop::Blue, 2);
    println!("photo header   {:7.3} ms", best_ms(|| assert!(photo::header(&jpeg, &rules).is_ok())));
    println!("photo decode   {:7.3} ms", best_ms(|| assert!(photo::decode(&jpeg, &rules).is_ok())));
    println!(
        "photo inspect  {:7.3} ms",
        best_ms(|| assert!(photo::inspect(&a_face, &rules, None).is_empty()))
    );
    let look = Composer::new();
    println!("inspect        {:7.3} ms", best_ms(|| assert!(look.inspect(&plain).is_empty())));
    println!("first card     {first:7.3} ms");
    println!("CONTOH, 2 sides{both:7.3} ms");
    println!("2 sides        {bare:7.3} ms");
    println!("front only     {one:7.3} ms");
    let mut placer = Placer::default();
    let place = || assert!(placer.place(&decoded, 2.0 / 3.0, 213, 319).is_some());
    println!("  photo scaled {:7.3} ms", best_ms(place));
    let mut face = FaceImage::white(HEAD.width_px, HEAD.height_px);
    let raster = Raster::new(HEAD, (0.0, 0.0));
    let mut lay = || {
        let letters = (&composer.fonts, &mut composer.glyphs);
        composer.layers.lay(letters, &front, (&raster, true, 0), &mut face);
    };
    lay();
    println!("  static layer {:7.3} ms", best_ms(&mut lay));
    println!("sha256 a face  {:7.3} ms", best_ms(|| assert_ne!(face_sha256(&face), [0; 32])));
    assert!(both < first, "the second card must be cheaper than the first: {both} {first}");
}
