//! How much the printed card's colours differ from the image, and whether panels have the right orientation.
#![allow(clippy::unwrap_used)]

use super::*;

/// Lab under D65 of an sRGB colour (IEC 61966-2-1, CIE 15).
fn lab(rgb: [u8; 3]) -> [f64; 3] {
    let [r, g, b] = rgb.map(|v| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    });
    let xyz = [
        (0.412_456 * r + 0.357_576 * g + 0.180_438 * b) / 0.950_47,
        0.212_673 * r + 0.715_152 * g + 0.072_175 * b,
        (0.019_334 * r + 0.119_192 * g + 0.950_304 * b) / 1.088_83,
    ];
    let [x, y, z] = xyz.map(|t| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// CIEDE2000 (Sharma, Wu, Dalal 2005).
fn delta_e_2000(one: [u8; 3], two: [u8; 3]) -> f64 {
    let ([l1, a1, b1], [l2, a2, b2]) = (lab(one), lab(two));
    let chroma_mean = (a1.hypot(b1) + a2.hypot(b2)) / 2.0;
    let seventh = |c: f64| (c.powi(7) / (c.powi(7) + 25_f64.powi(7))).sqrt();
    let g = 0.5 * (1.0 - seventh(chroma_mean));
    let (a1, a2) = (a1 * (1.0 + g), a2 * (1.0 + g));
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| {
        if a == 0.0 && b == 0.0 { 0.0 } else { b.atan2(a).to_degrees().rem_euclid(360.0) }
    };
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let both = c1 * c2 != 0.0;
    let dh = if both { (h2 - h1 + 180.0).rem_euclid(360.0) - 180.0 } else { 0.0 };
    let dh_big = 2.0 * (c1 * c2).sqrt() * (dh / 2.0).to_radians().sin();
    let (lm, cm) = ((l1 + l2) / 2.0, (c1 + c2) / 2.0);
    let hm = if !both {
        h1 + h2
    } else if (h1 - h2).abs() <= 180.0 {
        (h1 + h2) / 2.0
    } else {
        (h1 + h2 + 360.0) / 2.0 % 360.0
    };
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(hm - 30.0) + 0.24 * cos(2.0 * hm) + 0.32 * cos(3.0 * hm + 6.0)
        - 0.20 * cos(4.0 * hm - 63.0);
    let sl = 1.0 + 0.015 * (lm - 50.0).powi(2) / (20.0 + (lm - 50.0).powi(2)).sqrt();
    let (sc, sh) = (1.0 + 0.045 * cm, 1.0 + 0.015 * cm * t);
    let turn = 60.0 * (-((hm - 275.0) / 25.0).powi(2)).exp();
    let rt = -turn.to_radians().sin() * 2.0 * seventh(cm);
    let (l, c, h) = ((l2 - l1) / sl, (c2 - c1) / sc, dh_big / sh);
    (l * l + c * c + h * h + rt * c * h).sqrt()
}

#[test]
fn delta_e_agrees_with_the_published_order_of_things() {
    assert!(delta_e_2000([10, 20, 30], [10, 20, 30]).abs() < 1e-9);
    assert!((delta_e_2000([0; 3], [255; 3]) - 100.0).abs() < 0.01);
    assert!(delta_e_2000([128; 3], [129; 3]) < 0.5);
}

/// Mean and greatest Delta E of colours after separation, and of those among them that dye can give.
fn measure(name: &str, colours: impl Iterator<Item = [u8; 3]>) -> (f64, f64) {
    let (cube, card) = (DyeCube::build(), DyedCard::new());
    let (mut all, mut inside) = (Vec::new(), Vec::new());
    for rgb in colours {
        let dye = cube.separate(rgb);
        let far = delta_e_2000(rgb, card.colour(dye));
        all.push(far);
        // A level at the ribbon's bound means that the colour is likely clipped; plain white has no dye to measure.
        if rgb == [255; 3] || dye.iter().all(|&level| level > 0 && level < 229) {
            inside.push(far);
        }
    }
    let mean = |far: &[f64]| far.iter().sum::<f64>() / far.len() as f64;
    let most = |far: &[f64]| far.iter().copied().fold(0.0, f64::max);
    println!(
        "{name}: CIEDE2000 all n={} mean {:.2} max {:.2}; in gamut n={} mean {:.2} max {:.2}",
        all.len(),
        mean(&all),
        most(&all),
        inside.len(),
        mean(&inside),
        most(&inside)
    );
    assert!(mean(&inside) < 2.0 && !inside.is_empty());
    (mean(&all), most(&inside))
}

#[test]
fn colours_of_the_whole_cube_come_back() {
    let grid = (0..18_u32.pow(3)).map(|i| [i / 324, i / 18 % 18, i % 18].map(|v| (v * 15) as u8));
    let (mean, most) = measure("sRGB grid of 18^3", grid);
    // Over the whole cube the mean includes colours that dye cannot reach: pure red, green, violet.
    assert!(mean < 2.5 && most < 3.0);
}

#[test]
fn skin_hair_and_backgrounds_come_back() {
    // From fair to dark skin in light and shade, hair, and the red and blue of the office's backdrops.
    let ends = [
        ([246, 219, 192], [96, 60, 44]),
        ([198, 134, 98], [62, 36, 26]),
        ([120, 76, 54], [40, 24, 20]),
        ([70, 52, 46], [18, 14, 14]),
        ([200, 24, 30], [150, 14, 20]),
        ([40, 90, 190], [24, 60, 140]),
        ([250, 250, 250], [180, 184, 190]),
    ];
    let ramp = ends.into_iter().flat_map(|(from, to): ([u8; 3], [u8; 3])| {
        (0..64_i32).map(move |i| {
            std::array::from_fn(|c| {
                let (from, to) = (i32::from(from[c]), i32::from(to[c]));
                (from + (to - from) * i / 63) as u8
            })
        })
    });
    let (mean, _) = measure("portrait colours", ramp);
    assert!(mean < 2.0);
}

/// A small face whose pixels are all different, with resin in two corners.
fn face() -> FaceImage {
    let mut face = FaceImage::white(37, 70);
    for (i, v) in face.rgb.iter_mut().enumerate() {
        *v = (i * 7 % 251) as u8 + 4;
    }
    face.resin[0] = 0x80;
    let last = face.resin.len() - 1;
    face.resin[last] = 0x08;
    face
}

#[test]
fn the_first_line_is_the_left_edge_and_starts_at_the_bottom() {
    let face = face();
    let mut panels = [vec![0; 37 * 70], vec![0; 37 * 70], vec![0; 37 * 70]];
    let [y, m, c] = &mut panels;
    separate(&face, Colour::Complement, &mut Dyes { yellow: y, magenta: m, cyan: c });
    for x in 0..37 {
        for row in 0..70 {
            let (pixel, dot) = ((row * 37 + x) * 3, x * 70 + 69 - row);
            let want =
                [255 - face.rgb[pixel], 255 - face.rgb[pixel + 1], 255 - face.rgb[pixel + 2]];
            assert_eq!([panels[2][dot], panels[1][dot], panels[0][dot]], want, "{x},{row}");
        }
    }
}

#[test]
fn resin_turns_the_same_way_and_lines_follow_without_padding() {
    let mut plane = vec![0xff; (37_usize * 70).div_ceil(8)];
    resin(&face(), &mut plane);
    let set: Vec<_> =
        (0..37 * 70).filter(|dot| plane[dot / 8] & (0x80 >> (dot % 8)) != 0).collect();
    assert_eq!(set, [69, 36 * 70]);
}

#[test]
fn varnish_leaves_areas_bare_and_every_dot_that_they_touch() {
    let head = HeadSize { width_px: 20, height_px: 16, dpi_x: 254, dpi_y: 127 };
    let area = |left_mm, top_mm, width_mm, height_mm| Area { left_mm, top_mm, width_mm, height_mm };
    // 0.1 mm per dot along, 0.2 mm across: columns 3 to 5, rows 2 and 3; the last two areas lie outside or are not a
    // number.
    let bare = [
        area(0.35, 0.45, 0.2, 0.3),
        area(1.95, 3.1, 9.0, 9.0),
        area(-3.0, -3.0, 1.0, 1.0),
        area(f32::NAN, 0.0, 1.0, 1.0),
        area(7.0, 0.0, f32::INFINITY, 1.0),
    ];
    let mut plane = vec![0; 40];
    varnish(head, &bare, &mut plane);
    let dots: Vec<_> = (0..320).filter(|dot| plane[dot / 8] & (0x80 >> (dot % 8)) == 0).collect();
    let want = [(3, 3), (3, 2), (4, 3), (4, 2), (5, 3), (5, 2), (19, 15)];
    assert_eq!(dots, want.map(|(x, y): (usize, usize)| x * 16 + 15 - y));
    varnish(head, &[], &mut plane);
    assert!(plane.iter().all(|&eight| eight == 0xff));
}

#[test]
fn dye_is_left_out_under_resin_only_where_it_is_black_anyway() {
    let mut face = FaceImage::white(8, 1);
    face.rgb.fill(0);
    face.rgb[0..3].copy_from_slice(&[60, 0, 0]);
    face.resin[0] = 0xc0;
    let (mut y, mut m, mut c) = ([1; 8], [1; 8], [1; 8]);
    separate(
        &face,
        Colour::Complement,
        &mut Dyes { yellow: &mut y, magenta: &mut m, cyan: &mut c },
    );
    assert_eq!(c, [195, 0, 255, 255, 255, 255, 255, 255]);
}

#[test]
fn colour_under_resin_needs_no_dye() {
    let mut face = FaceImage::white(8, 2);
    assert!(!has_colour(&face));
    face.rgb[0] = 254;
    assert!(has_colour(&face));
    face.resin[0] = 0x80;
    assert!(!has_colour(&face));
}

#[test]
fn coverage_is_rounded() {
    let (mut y, mut m, mut c) = ([0, 0, 3], [0, 1, 1], [0, 0, 255]);
    let coverage = Coverage::of(&Dyes { yellow: &mut y, magenta: &mut m, cyan: &mut c });
    assert_eq!(
        coverage,
        Coverage { white_percent: 33, yellow_mean: 1, magenta_mean: 1, cyan_mean: 85 }
    );
}
