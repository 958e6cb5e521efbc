//! Compares with jobs that are not ours: `golden/*.prn.gz`, written by the maker's SDK 9.4.1.9451 for two pictures of
//! ours (`badge.png`, `marks.png`), model Primacy, `GSmoothing=NOSMOOTH`.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::evolis::EvolisSettings;
use crate::machine::{FinishedCard, Picture};
use crate::transport::emulated::Emulated;
use drivers::contract::{CardImage, FaceImage, PreparedCard, Prepress};
use drivers::panels::{Coverage, Dyes};
use drivers::printers::evolis::find_model;
use drivers::printers::evolis::job::EvolisPrepress;
use drivers::printers::evolis::protocol::RibbonKind;
use drivers::printers::evolis::status::config;
use drivers::printers::evolis::stream::{Item, Panel, Stream};
use drivers::transport::{Transport, TransportError};

const BADGE_JOB: &[u8] = include_bytes!("golden/badge_NOSMOOTH.prn.gz");
const DUAL_JOB: &[u8] = include_bytes!("golden/dual_NOSMOOTH.prn.gz");
const BLACK_JOB: &[u8] = include_bytes!("golden/k.prn.gz");
const BADGE: &[u8] = include_bytes!("golden/badge.png");
const MARKS: &[u8] = include_bytes!("golden/marks.png");

fn unzipped(gz: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(gz).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A picture with the maker's black rule as its resin: R + G + B <= 18 (section 5).
fn picture(png: &[u8]) -> FaceImage {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut face = FaceImage::white(reader.info().width, reader.info().height);
    reader.next_frame(&mut face.rgb).unwrap();
    let stride = FaceImage::resin_stride(face.width_px);
    for (i, rgb) in face.rgb.chunks_exact(3).enumerate() {
        if rgb.iter().map(|&v| u32::from(v)).sum::<u32>() <= 18 {
            let (x, y) = (i % face.width_px as usize, i / face.width_px as usize);
            face.resin[y * stride + x / 8] |= 0x80 >> (x % 8);
        }
    }
    face
}

fn prepared(ribbon: &str, front: FaceImage, back: Option<FaceImage>) -> PreparedCard {
    let prepress = EvolisPrepress {
        model: find_model("Primacy").unwrap(),
        ribbon: RibbonKind::named(ribbon).unwrap(),
        fitted: config::FLIP,
        cube: Arc::default(),
    };
    let mut card = PreparedCard::default();
    prepress.prepare(&CardImage { front, back, stays_inside: false }, &mut card).unwrap();
    card
}

fn items(job: &[u8]) -> Vec<Item<'_>> {
    Stream::new(job, find_model("Primacy").unwrap().head).collect()
}

fn panels<'a>(items: &[Item<'a>]) -> Vec<Panel<'a>> {
    items
        .iter()
        .filter_map(|item| if let Item::Panel(panel) = item { Some(panel.clone()) } else { None })
        .collect()
}

/// A job without its pixels: its commands, and panels by letter and size. Left out are the job's time and the coverage,
/// which the maker computes with its own dye under black.
fn skeleton(job: &[u8]) -> Vec<String> {
    items(job)
        .into_iter()
        .map(|item| match item {
            Item::Command(text) => text.to_owned(),
            Item::Tag(text) => text.to_owned(),
            Item::Panel(panel) => format!("{panel:?}"),
            Item::NotUnderstood | Item::OtherFamily => "not understood".to_owned(),
        })
        .filter(|line| !line.starts_with("Ppws;") && !line.starts_with("Pida;"))
        .collect()
}

/// Prints a whole job of the maker's on an emulated machine.
fn printed(job: &[u8], ribbon: &str) -> FinishedCard {
    let settings = EvolisSettings {
        model: "Primacy".to_owned(),
        ribbon: ribbon.to_owned(),
        ..EvolisSettings::instant()
    };
    let machine = crate::evolis::emulate(settings).unwrap();
    let mut machine = machine.lock();
    machine.exchange(job, &mut Vec::new());
    assert_eq!(machine.not_understood(), 0);
    machine.last_card().unwrap()
}

/// Equal where the source is not black, and black where it is.
fn assert_shows(seen: &Picture, source: &FaceImage) {
    assert_eq!((seen.width_px, seen.height_px), (source.width_px, source.height_px));
    for (i, (seen, sent)) in seen.rgb.chunks_exact(3).zip(source.rgb.chunks_exact(3)).enumerate() {
        let (x, y) = (i as u32 % source.width_px, i as u32 / source.width_px);
        let want: &[u8] = if source.is_resin(x, y) { &[0; 3] } else { sent };
        assert_eq!(seen, want, "pixel {x},{y}");
    }
}

#[test]
fn the_makers_jobs_come_out_as_their_pictures() {
    let (badge, marks) = (picture(BADGE), picture(MARKS));
    let one = printed(&unzipped(BADGE_JOB), "YMCKO");
    assert_shows(&one.front, &badge);
    assert!(one.back.is_none());
    let two = printed(&unzipped(DUAL_JOB), "YMCKO");
    assert_shows(&two.front, &badge);
    assert_shows(two.back.as_ref().unwrap(), &marks);
}

#[test]
fn the_makers_black_job_comes_out_in_black_and_white_only() {
    let card = printed(&unzipped(BLACK_JOB), "KBLACK");
    let (black, white) =
        card.front.rgb.chunks_exact(3).fold((0, 0), |(black, white), rgb| match rgb {
            [0, 0, 0] => (black + 1, white),
            [255, 255, 255] => (black, white + 1),
            _ => panic!("neither black nor white"),
        });
    assert!(black > 50_000 && white > 300_000, "{black} {white}");
}

/// A wire that records the transmissions of a job.
struct Kept {
    wire: Emulated,
    job: Arc<Mutex<Vec<u8>>>,
}

impl Transport for Kept {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        if request.starts_with(b"\x1bPsync;1;0") || request.starts_with(b"\x1bPcla;0") {
            self.job.lock().unwrap().extend_from_slice(request);
        }
        self.wire.send(request, patience)
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        self.wire.receive(answer, patience)
    }

    fn pause(&mut self, span: Duration) {
        self.wire.pause(span);
    }
}

/// Both parts of the job as our driver sends them to a Primacy.
fn driven(ribbon: &str, front: FaceImage, back: Option<FaceImage>) -> Vec<u8> {
    let settings = EvolisSettings {
        model: "Primacy".to_owned(),
        ribbon: ribbon.to_owned(),
        ..EvolisSettings::instant()
    };
    let machine = crate::evolis::emulate(settings).unwrap();
    let job = Arc::default();
    let wire = Kept { wire: Emulated::new(machine), job: Arc::clone(&job) };
    let mut printer = drivers::open("evolis", None, Box::new(wire)).unwrap();
    let mut card = PreparedCard::default();
    let image = CardImage { front, back, stays_inside: false };
    printer.prepress().prepare(&image, &mut card).unwrap();
    printer.print(&card).unwrap();
    let job = job.lock().unwrap();
    job.clone()
}

#[test]
fn our_job_has_the_makers_order() {
    // The maker dithers a photo for a black ribbon; of the order, black on white shows as much.
    let mut black = picture(BADGE);
    black.rgb.fill(255);
    for (golden, ribbon, front, back) in [
        (BADGE_JOB, "YMCKO", picture(BADGE), None),
        (DUAL_JOB, "YMCKO", picture(BADGE), Some(picture(MARKS))),
        (BLACK_JOB, "KBLACK", black, None),
    ] {
        let golden = unzipped(golden);
        assert_eq!(skeleton(&driven(ribbon, front, back)), skeleton(&golden));
        // We leave out one of the maker's lines; this is its place, if it must come back.
        let commands: Vec<_> = items(&golden)
            .iter()
            .filter_map(|item| if let Item::Command(text) = item { Some(*text) } else { None })
            .collect();
        assert_eq!((commands[1], commands[3]), ("Psmgr;1", "Pcla;1"));
        assert!(commands[2].strip_prefix("Ppws;").unwrap().parse::<u32>().is_ok());
        assert_eq!(commands.iter().filter(|text| text.starts_with("Ppws")).count(), 1);
        assert_eq!(commands[7..10], ["Psk;10", "Piqla;a;d", "Pmc;h"]);
    }
}

#[test]
fn coverage_of_the_makers_panels_is_what_the_maker_says() {
    let golden = unzipped(DUAL_JOB);
    let items = items(&golden);
    let said = items.iter().filter_map(|item| match item {
        Item::Command(text) => text.strip_prefix("Pida;"),
        _ => None,
    });
    let sides = panels(&items);
    let measured = sides.chunks(5).map(|side| {
        let [mut yellow, mut magenta, mut cyan] = [0, 1, 2].map(|i: usize| side[i].data.to_vec());
        let dyes = Dyes { yellow: &mut yellow, magenta: &mut magenta, cyan: &mut cyan };
        let c = Coverage::of(&dyes);
        format!("{};{};{};{}", c.white_percent, c.yellow_mean, c.magenta_mean, c.cyan_mean)
    });
    let measured: Vec<_> = measured.collect();
    assert_eq!(measured, said.collect::<Vec<_>>());
    assert_eq!(measured, ["63;42;64;65", "95;10;12;6"]);
}

#[test]
fn our_panels_are_the_makers_byte_for_byte_outside_black() {
    for (golden, back, count) in [(BADGE_JOB, None, 5), (DUAL_JOB, Some(picture(MARKS)), 10)] {
        let (golden, ours) = (unzipped(golden), driven("YMCKO", picture(BADGE), back));
        let (golden, ours) = (panels(&items(&golden)), panels(&items(&ours)));
        assert_eq!((golden.len(), ours.len()), (count, count));
        assert_same_outside_black(&golden, &ours);
    }
}

fn assert_same_outside_black(golden: &[Panel<'_>], ours: &[Panel<'_>]) {
    for (side, (theirs, ours)) in golden.chunks(5).zip(ours.chunks(5)).enumerate() {
        let letters = |panels: &[Panel<'_>]| panels.iter().map(|p| p.letter).collect::<String>();
        assert_eq!((letters(theirs), letters(ours)), ("ymcko".to_owned(), "ymcko".to_owned()));
        assert!(theirs[3] == ours[3], "resin, side {side}");
        assert!(theirs[4] == ours[4], "varnish, side {side}");
        let black = theirs[3].data;
        for (their_dye, our_dye) in theirs[..3].iter().zip(&ours[..3]) {
            let differs = (0..our_dye.data.len())
                .filter(|dot| black[dot / 8] & (0x80 >> (dot % 8)) == 0)
                .find(|&dot| our_dye.data[dot] != their_dye.data[dot]);
            assert_eq!(differs, None, "{}, side {side}", our_dye.letter);
        }
    }
}

#[test]
fn a_white_card_is_varnish_only_and_a_black_ribbon_gets_resin_only() {
    let white = FaceImage::white(1016, 648);
    let job = prepared("YMCKO", white.clone(), None).job;
    assert_eq!(panels(&items(&job)).iter().map(|p| p.letter).collect::<String>(), "o");
    let mut text = white;
    text.resin[1000] = 0xff;
    let job = prepared("KBLACK", text, None).job;
    assert_eq!(panels(&items(&job)).iter().map(|p| p.letter).collect::<String>(), "k");
}
