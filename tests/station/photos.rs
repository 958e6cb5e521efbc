//! Photos as received: intact, damaged, of unusual kinds, with profiles, rotated, large; one and many at once. The
//! pictures are of a drawn child (tests/jpeg/portraits.py).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use serde_json::{Value, json};

use crate::test_station::{Answer, Http, TestStation, base64, child};

/// The photo's place on the preview of the child's second card, pixels: left, top, right, bottom.
const SLOT: [u32; 4] = [752, 172, 967, 489];
/// Most difference of a photo, of 255, if another encoder or another conversion made the same picture.
const SAME_PICTURE: f64 = 2.0;

fn portrait(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jpeg/portraits");
    fs::read(folder.join(name)).unwrap()
}

fn post(http: &Http, reference: &str, photo: &[u8]) -> Answer {
    // Drawing the child's own portrait takes longer than the rest of a test.
    static JOB: OnceLock<Value> = OnceLock::new();
    let mut job = JOB.get_or_init(|| child("S4")).clone();
    job["ref"] = json!(reference.to_uppercase().replace('.', "-"));
    job["photo"] = json!(base64(photo));
    http.post("/v1/jobs", &job)
}

/// The photo as the card shows it.
fn seen(bench: &TestStation, reference: &str, photo: &[u8]) -> Vec<u8> {
    let answer = post(&bench.http, reference, photo);
    assert_eq!(answer.status, 201, "{reference}: {}", answer.body);
    let id = answer.body["id"].as_str().unwrap();
    let png = bench.http.bytes(&format!("/v1/jobs/{id}/preview/front.png"));
    let face = image::load_from_memory(&png).unwrap();
    let [left, top, right, bottom] = SLOT;
    face.crop_imm(left, top, right - left, bottom - top).into_rgb8().into_raw()
}

fn mean_difference(one: &[u8], other: &[u8]) -> f64 {
    let sum: u64 = one.iter().zip(other).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.len() as f64
}

fn held_for(answer: &Answer, code: &str) -> bool {
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["state"] == "held" && answer.codes("reasons").iter().any(|is| is == code)
}

#[test]
fn one_picture_looks_the_same_in_every_kind_of_file() {
    let bench = TestStation::without_printer();
    let ordinary = seen(&bench, "ORDINARY", &portrait("ordinary.jpg"));
    for name in
        ["scan-each.jpg", "chroma-finer.jpg", "progressive.jpg", "turned.png", "swapped.jpg"]
    {
        let difference = mean_difference(&ordinary, &seen(&bench, name, &portrait(name)));
        assert!(difference < SAME_PICTURE, "{name} differs by {difference}");
    }
}

#[test]
fn a_telephones_colours_are_converted_as_littlecms_converts_them() {
    let bench = TestStation::without_printer();
    let ours = seen(&bench, "P3", &portrait("display-p3.jpg"));
    let theirs = seen(&bench, "SRGB", &portrait("as-srgb.png"));
    let difference = mean_difference(&ours, &theirs);
    assert!(difference < 1.0, "{difference}");
}

#[test]
fn a_kind_of_file_that_is_not_read_is_refused_with_what_to_do() {
    let bench = TestStation::without_printer();
    for name in ["arithmetic.jpg", "cmyk.jpg"] {
        let answer = post(&bench.http, name, &portrait(name));
        assert_eq!((answer.status, answer.codes("errors")), (422, vec!["E_PHOTO_FORMAT".into()]));
        let words = answer.body["errors"][0].to_string();
        assert!(words.contains("JPEG biasa") || words.contains("ordinary JPEG"), "{words}");
    }
}

#[test]
fn a_photo_cut_anywhere_is_refused_whatever_was_put_behind_the_cut() {
    let bench = TestStation::without_printer();
    for name in ["ordinary.jpg", "progressive.jpg", "scan-each.jpg"] {
        let whole = portrait(name);
        for tenths in 1..10 {
            let cut = &whole[..whole.len() * tenths / 10];
            let zeros = vec![0; whole.len() - cut.len() - 2];
            for (what, tail) in [
                ("nothing", &[][..]),
                ("an end marker", &[0xFF, 0xD9]),
                ("zeros and an end marker", &[&zeros[..], &[0xFF, 0xD9]].concat()),
                ("a whole thumbnail", &whole),
            ] {
                let answer = post(&bench.http, "CUT", &[cut, tail].concat());
                let codes = answer.codes("errors");
                let refused = answer.status == 422 && codes[0].starts_with("E_PHOTO_");
                assert!(refused, "{name} cut at {tenths}/10, then {what}: {}", answer.body);
            }
        }
        let mut holed = whole.clone();
        holed.drain(whole.len() / 2..whole.len() / 2 + 512);
        assert_eq!(
            post(&bench.http, "HOLE", &holed).codes("errors"),
            ["E_PHOTO_TRUNCATED"],
            "{name}"
        );
    }
}

#[test]
fn a_damaged_png_is_refused() {
    let bench = TestStation::without_printer();
    let png = portrait("turned.png");
    let find = |name: &[u8]| png.windows(4).position(|four| four == name).unwrap();
    let (data, exif) = (find(b"IDAT"), find(b"eXIf"));
    for (what, at) in [
        ("a byte of the picture", data + 4000),
        ("the picture's sum (Adler)", exif - 9),
        ("a chunk's sum (CRC)", exif - 8 + 3),
        ("the orientation", exif + 4 + 19),
    ] {
        let mut damaged = png.clone();
        damaged[at] ^= 2;
        let answer = post(&bench.http, "PNG", &damaged);
        assert_eq!(answer.codes("errors"), ["E_PHOTO_TRUNCATED"], "{what}: {}", answer.body);
    }
}

#[test]
fn what_a_file_says_of_itself_and_cannot_be_honoured_holds_the_job() {
    let bench = TestStation::without_printer();
    let answer = post(&bench.http, "PROFILE", &portrait("broken-profile.jpg"));
    assert!(held_for(&answer, "W_PHOTO_PROFILE"), "{}", answer.body);
    // Upright according to one segment, upside down according to another.
    let exif = |orientation: u8| {
        let tiff =
            [&b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation], &[0; 6]];
        let body = [b"Exif\0\0", &tiff.concat()[..]].concat();
        [&[0xFF, 0xE1, 0, body.len() as u8 + 2][..], &body].concat()
    };
    let ordinary = portrait("ordinary.jpg");
    let twice = [&ordinary[..2], &exif(1), &exif(3), &ordinary[2..]].concat();
    let answer = post(&bench.http, "TWICE", &twice);
    assert!(held_for(&answer, "H_PHOTO_ORIENTATION"), "{}", answer.body);
}

#[test]
fn a_face_that_is_one_plain_colour_holds_the_job() {
    let bench = TestStation::without_printer();
    let picture = image::load_from_memory(&portrait("ordinary.jpg")).unwrap().into_rgb8();
    let (width, height) = picture.dimensions();
    let lost = |_: u32, y: u32| y > height * 3 / 4;
    let boxed = |x: u32, y: u32| {
        (width / 4..width * 3 / 4).contains(&x) && (height / 5..height * 7 / 10).contains(&y)
    };
    for (name, gone) in [("LOST", &lost as &dyn Fn(u32, u32) -> bool), ("BOXED", &boxed)] {
        let mut damaged = picture.clone();
        for (x, y, pixel) in damaged.enumerate_pixels_mut() {
            if gone(x, y) {
                pixel.0 = [128, 128, 128];
            }
        }
        let mut png = std::io::Cursor::new(Vec::new());
        damaged.write_to(&mut png, image::ImageFormat::Png).unwrap();
        let answer = post(&bench.http, name, png.get_ref());
        assert!(held_for(&answer, "H_PHOTO_BLANK"), "{name}: {}", answer.body);
    }
}

/// A separate `kartud run`, so that its memory can be measured.
struct Station {
    process: Child,
    http: Http,
    _folder: tempfile::TempDir,
}

impl Station {
    fn start() -> Station {
        let folder = tempfile::tempdir().unwrap();
        let config = crate::test_station::config(folder.path(), "")
            .replace("address = \"emulated\"", "address = \"\"");
        let path = folder.path().join("kartud.toml");
        fs::write(&path, config).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_kartud"))
            .args(["run".as_ref(), "--new-ledger".as_ref(), "--config".as_ref(), path.as_os_str()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                let line = line.unwrap();
                let after = line.split("address=").nth(1)?;
                Some(after.split_whitespace().next()?.to_owned())
            })
            .expect("the station says where it listens");
        thread::spawn(move || lines.for_each(drop));
        Station { process, http: Http::new(&format!("http://{address}")), _folder: folder }
    }

    /// The most memory that it ever had, MiB.
    fn peak_mib(&self) -> u64 {
        let path = PathBuf::from(format!("/proc/{}/status", self.process.id()));
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // It ends with the test, whatever its state.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_crowd_of_large_photos_and_previews_stays_below_250_mib() {
    let station = Station::start();
    let (http, large, ordinary) = (&station.http, &large_png(), &portrait("ordinary.jpg"));
    let first = post(http, "FIRST", large);
    assert_eq!(first.status, 201, "{}", first.body);
    let preview = &format!("/v1/jobs/{}/preview/front.png", first.body["id"].as_str().unwrap());
    let mut answers: Vec<u16> = Vec::new();
    thread::scope(|scope| {
        let post_one = |n: usize| {
            let photo = if n.is_multiple_of(3) { ordinary } else { large };
            post(http, &format!("CROWD-{n}"), photo).status
        };
        let crowd: Vec<_> = (0..24)
            .map(|n| {
                scope.spawn(move || match n % 2 {
                    0 => post_one(n),
                    _ => http.status(preview),
                })
            })
            .collect();
        answers.extend(crowd.into_iter().map(|one| one.join().unwrap()));
    });
    assert!(answers.iter().all(|status| [200, 201, 503].contains(status)), "{answers:?}");
    let done = answers.iter().filter(|status| **status != 503).count();
    assert!(done >= 18, "{answers:?}");
    let peak = station.peak_mib();
    println!("{peak} MiB at most, {done} of 24 done at once, the others were told to come again");
    assert!(peak <= 250, "{peak} MiB");
    let state: Value = http.get("/v1/jobs?limit=1").body;
    assert!(state["jobs"].is_array(), "it still answers");
}

/// 2000 x 2000 pixels of 64 bits in some tens of kilobytes; decoded naively, two dozen take a gigabyte.
fn large_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2000, 2000);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let row: Vec<u8> = [0x20, 0, 0x4A, 0, 0xBE, 0, 0xFF, 0xFF].repeat(2000);
    (0..2000).for_each(|_| std::io::Write::write_all(&mut rows, &row).unwrap());
    rows.finish().unwrap();
    writer.finish().unwrap();
    bytes
}
