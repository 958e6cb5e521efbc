//! Job bytes that were worked out by hand, for what no golden job shows.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::{black_face, colour_face};
use drivers::contract::*;
use drivers::printers::evolis::find_model;
use drivers::printers::evolis::job::EvolisPrepress;
use drivers::printers::evolis::protocol::{RIBBONS, RibbonKind};
use drivers::printers::evolis::status::config;
use drivers::printers::evolis::stream::{Item, Panel, Stream};

fn prepress(model: &str, ribbon: &str) -> EvolisPrepress {
    EvolisPrepress {
        model: find_model(model).unwrap(),
        ribbon: RibbonKind::named(ribbon).unwrap(),
        fitted: config::FLIP,
        cube: Arc::default(),
    }
}

fn prepare(model: &str, ribbon: &str, card: &CardImage) -> Result<PreparedCard, PrepressError> {
    let mut prepared = PreparedCard::default();
    prepress(model, ribbon).prepare(card, &mut prepared).map(|()| prepared)
}

fn one_sided(front: FaceImage) -> CardImage {
    CardImage { front, back: None, stays_inside: false }
}

fn panels<'a>(model: &str, job: &'a [u8]) -> Vec<Panel<'a>> {
    Stream::new(job, find_model(model).unwrap().head)
        .filter_map(|item| if let Item::Panel(panel) = item { Some(panel) } else { None })
        .collect()
}

/// Letters of the panels; a bar separates the sides.
fn letters(model: &str, job: &[u8]) -> String {
    Stream::new(job, find_model(model).unwrap().head)
        .filter_map(|item| match item {
            Item::Panel(panel) => Some(panel.letter),
            Item::Command("Sv") => Some('|'),
            _ => None,
        })
        .collect()
}

/// The text of a job up to its first face.
fn opening(job: &[u8]) -> String {
    let end = job.windows(6).position(|window| window == b"<FACE>").unwrap();
    String::from_utf8(job[..end].to_vec()).unwrap().replace('\x1b', "^").replace('\r', "~")
}

/// A white face except for these pixels, whose red is given, so that only the cyan panel has dots.
fn cyan_at(head: HeadSize, pixels: &[(u32, u32, u8)]) -> FaceImage {
    let mut face = FaceImage::white(head.width_px, head.height_px);
    for &(x, y, red) in pixels {
        face.rgb[(y * head.width_px + x) as usize * 3] = red;
    }
    face
}

/// The bytes that are not zero, with their index.
fn set(data: &[u8]) -> Vec<(usize, u8)> {
    data.iter().copied().enumerate().filter(|(_, byte)| *byte != 0).collect()
}

#[test]
fn seven_bits_a_dot_run_on_from_line_to_line() {
    let head = prepress("Zenius", "YMCKO").head();
    // Bottom left, the one above it, and the bottom of the next column; C 255, 2 and 255: levels 127, 1, 127.
    let face = cyan_at(head, &[(0, 647, 0), (0, 646, 253), (1, 647, 0)]);
    let card = prepare("Zenius", "YMCKO", &one_sided(face)).unwrap();
    let panels = panels("Zenius", &card.job);
    assert_eq!(letters("Zenius", &card.job), "co");
    assert_eq!((panels[0].bits, panels[0].data.len()), (7, 576_072));
    // 1111111 0000001 ...: fe 04; column 1 begins at bit 648 x 7 = 567 x 8.
    assert_eq!(set(panels[0].data), [(0, 0xfe), (1, 0x04), (567, 0xfe)]);
    let text = String::from_utf8_lossy(&card.job);
    assert!(text.contains("<BINARY Size=576083>\x1bDb;c;128;"), "head, panel and CR are counted");
}

#[test]
fn badgy_prints_562_dots_a_line_at_260_dpi_and_names_its_trays() {
    let head = prepress("Badgy200", "YMCKO").head();
    assert_eq!((head.width_px, head.height_px, head.dpi_x, head.dpi_y), (1016, 562, 300, 260));
    let mut face = cyan_at(head, &[(1, 561, 0), (1015, 0, 0)]);
    // Resin at the bottom of column 1.
    face.resin[561 * 127] = 0x40;
    for model in ["Badgy100", "Badgy200"] {
        let card = prepare(model, "YMCKO", &one_sided(face.clone())).unwrap();
        let panels = panels(model, &card.job);
        assert_eq!(letters(model, &card.job), "cko");
        let sizes: Vec<_> = panels.iter().map(|panel| panel.data.len()).collect();
        assert_eq!(sizes, [499_618, 71_374, 71_374]);
        // Column 1 begins at bit 562 x 7 = 491 x 8 + 6; the last dot ends with the panel.
        assert_eq!(set(panels[0].data), [(491, 0x03), (492, 0xf8), (499_617, 0x7f)]);
        // Of two levels each line has 562 / 8 = 70 whole bytes, and the panel is filled up behind them.
        assert_eq!(set(panels[1].data), [(70, 0x80)]);
        assert!(panels[2].data.iter().all(|&eight| eight == 0xff), "the filling, too: captured");
        let want = "^Psync;1;0~<HEADER>^Psmgr;1~^Pcla;1~^Ppmode;0~^Pr;0;t~^Pwres;300;260;0~^Psk;10~\
                    ^Piqla;a;d~^Peoic;k;D~^Pcim;F~^Pcem;D~^Psync;2~</HEADER>^Psync;12;1~\
                    <OPTION Dpi=300x260>^Psync;13;0~</OPTION>^Psync;3;1~<DOC Duplex=0>^Psync;3;0~\
                    ^Psync;5;1~<CARD>^Psync;5;0~^Ss~^Mr;s~^Psync;9;1~";
        assert_eq!(opening(&card.job), want);
        let job = String::from_utf8_lossy(&card.job);
        assert!(job.contains("<BINARY Size=499638>\x1bDbx;c;128;300;260;"));
        assert!(job.contains("<BINARY Size=71392>\x1bDbx;k;2;300;260;"));
    }
}

#[test]
fn the_header_differs_where_the_models_do() {
    for (model, line) in [
        ("Primacy", "^Piqla;a;d~^Pmc;h~^Peoic;k;D~^Psync;2~"),
        ("Zenius", "^Piqla;a;d~^Pmc;h~^Peoic;k;D~^Psync;2~"),
        ("Zenius 2 Classic", "^Piqla;a;d~^Pct;0~^Peoic;k;D~^Psync;2~"),
        ("Elypso", "^Piqla;a;d~^Pmc;h~^Peoic;k;D~^Psync;2~"),
        ("KC200", "^Piqla;a;d~^Pmc;h~^Peoic;k;D~^Psync;2~"),
    ] {
        let head = prepress(model, "KBLACK").head();
        let card = prepare(model, "KBLACK", &one_sided(black_face(head))).unwrap();
        let opening = opening(&card.job);
        assert!(opening.contains(line), "{model}: {opening}");
        assert!(opening.contains("^Pr;100;t~^Pwres;300;300;100~^Psk;10~"), "{model}: {opening}");
    }
}

#[test]
fn every_ribbon_is_filled_as_its_name_says_or_refused() {
    let head = prepress("Primacy", "YMCKO").head();
    let colour = || colour_face(head);
    let black = || black_face(head);
    for kind in RIBBONS {
        let two = |front, back| CardImage { front, back: Some(back), stays_inside: false };
        let letters_of = |card: &CardImage| {
            prepare("Primacy", kind.name, card).map(|card| letters("Primacy", &card.job))
        };
        let ribbon = || kind.name.to_owned();
        let on_colour = letters_of(&two(colour(), black()));
        let want = match kind.name {
            "YMCKO" => Ok("ymcko|ko"),
            "YMCKOK" => Ok("ymcko|k"),
            "YMCK" | "YMCKK" => Ok("ymck|k"),
            "YMCKOS" => {
                Err(PrepressError::HalfPanel { ribbon: ribbon(), got_px: 1016, most_px: 338 })
            }
            "KO" => Err(PrepressError::NoColour { ribbon: ribbon() }),
            _ if (100..=108).contains(&kind.number) => {
                Err(PrepressError::NoColour { ribbon: ribbon() })
            }
            _ => Err(PrepressError::UnsupportedRibbon { ribbon: ribbon() }),
        };
        assert_eq!(on_colour, want.map(str::to_owned), "{}", kind.name);
        let want = match kind.name {
            "YMCKO" | "KO" | "YMCKOS" => "ko|ko",
            "YMCKOK" => "ko|k",
            _ => "k|k",
        };
        match letters_of(&two(black(), black())) {
            Ok(letters) => assert_eq!(letters, want, "{}", kind.name),
            Err(error) => {
                assert_eq!(error, PrepressError::UnsupportedRibbon { ribbon: ribbon() });
            }
        }
    }
    let card = CardImage { front: colour(), back: Some(colour()), stays_inside: false };
    for ribbon in ["YMCKOK", "YMCKK"] {
        let refused = prepare("Primacy", ribbon, &card);
        assert_eq!(refused, Err(PrepressError::NoColour { ribbon: ribbon.to_owned() }));
    }
}

#[test]
fn a_half_panel_ribbon_is_named_in_every_face() {
    let head = prepress("Primacy", "YMCKOS").head();
    let card =
        CardImage { front: black_face(head), back: Some(black_face(head)), stays_inside: false };
    let job = prepare("Primacy", "YMCKOS", &card).unwrap().job;
    let text = String::from_utf8_lossy(&job);
    assert_eq!(text.matches("\x1bPl;f;=;10\r\x1bPsp;3\r\x1bPida;").count(), 2);
    let job = prepare("Primacy", "YMCKO", &card).unwrap().job;
    assert!(!String::from_utf8_lossy(&job).contains("Psp"));
}

#[test]
fn a_photo_fits_on_half_panels_and_what_is_wider_is_refused() {
    let head = prepress("Primacy", "YMCKOS").head();
    let with_colour = |columns: std::ops::Range<usize>| {
        let mut face = FaceImage::white(head.width_px, head.height_px);
        for row in face.rgb.chunks_exact_mut(head.width_px as usize * 3).skip(150).take(319) {
            row[columns.start * 3..columns.end * 3].fill(90);
        }
        one_sided(face)
    };
    // The photo of a child's card: 18 mm.
    let card = prepare("Primacy", "YMCKOS", &with_colour(753..966)).unwrap();
    assert_eq!(letters("Primacy", &card.job), "ymco");
    assert!(String::from_utf8_lossy(&card.job).contains("\x1bPsp;3\r\x1bPida;"));
    assert!(prepare("Primacy", "YMCKOS", &with_colour(0..338)).is_ok());
    let refused = prepare("Primacy", "YMCKOS", &with_colour(100..439));
    let want = PrepressError::HalfPanel { ribbon: "YMCKOS".into(), got_px: 339, most_px: 338 };
    assert_eq!(refused, Err(want));
}

#[test]
fn varnish_has_its_holes_and_an_empty_panel_of_it_is_left_out() {
    let head = prepress("Primacy", "YMCKO").head();
    let mut face = FaceImage::white(head.width_px, head.height_px);
    // The chip's contacts as ISO 7816-2 places them.
    face.unvarnished =
        vec![Area { left_mm: 10.25, top_mm: 19.23, width_mm: 9.62, height_mm: 9.32 }];
    let card = prepare("Primacy", "YMCKO", &one_sided(face.clone())).unwrap();
    let panels = panels("Primacy", &card.job);
    let bare = |x: usize, y: usize| {
        let dot = x * 648 + 647 - y;
        panels[0].data[dot / 8] & (0x80 >> (dot % 8)) == 0
    };
    // 300 dpi: columns 121 to 234, rows 227 to 337.
    for (x, y, want) in [
        (121, 227, true),
        (234, 337, true),
        (180, 280, true),
        (120, 280, false),
        (235, 280, false),
        (180, 226, false),
        (180, 338, false),
    ] {
        assert_eq!(bare(x, y), want, "{x},{y}");
    }
    face.unvarnished = vec![Area { left_mm: 0.0, top_mm: 0.0, width_mm: 90.0, height_mm: 60.0 }];
    let card = prepare("Primacy", "YMCKO", &one_sided(face)).unwrap();
    assert_eq!(letters("Primacy", &card.job), "");
}

#[test]
fn a_card_that_stays_inside_switches_the_eject_off_and_on_again() {
    let head = prepress("Primacy", "KBLACK").head();
    let mut card = one_sided(black_face(head));
    let end = |card: &CardImage| {
        let prepared = prepare("Primacy", "KBLACK", card).unwrap();
        let text = String::from_utf8_lossy(&prepared.job).into_owned();
        (prepared.stays_inside, text[text.find("</FACE>").unwrap()..].replace('\x1b', "^"))
    };
    let close = "^Psync;6;1\r</CARD>^Psync;6;0\r^Psync;4;1\r</DOC>^Psync;4;0\r\0";
    let (stays, text) = end(&card);
    assert_eq!((stays, text), (false, format!("</FACE>^Psync;10;0\r^Se\r{close}")));
    card.stays_inside = true;
    let (stays, text) = end(&card);
    let want = format!("</FACE>^Psync;10;0\r^Pneab;A;0\r^Se\r^Pneab;A;1\r{close}");
    assert_eq!((stays, text), (true, want));
}
