//! Small files that libjpeg wrote (tests/jpeg/small), compared with libjpeg's decoding; and the same files cut, with
//! holes, and filled with zeros.

use std::fs;
use std::path::Path;

use super::*;

const ROOMY: u64 = 1 << 24;

struct Sample {
    name: String,
    jpeg: Vec<u8>,
    /// djpeg's output for it.
    pnm: Vec<u8>,
}

fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/jpeg/small");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jpg") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let pnm = fs::read(path.with_extension("pnm")).unwrap();
            found.push(Sample { name, jpeg: fs::read(path).unwrap(), pnm });
        }
    }
    assert!(found.len() >= 15, "the samples are there");
    found
}

fn read(bytes: &[u8]) -> Result<Picture, Fault> {
    decode(bytes, Reduction::None, ROOMY)
}

/// Seeded random numbers, the same on every machine.
struct Chance(u32);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % limit
    }
}

#[test]
fn every_kind_of_file_is_decoded_as_libjpeg_decodes_it() {
    for Sample { name, jpeg, pnm } in samples() {
        let picture = read(&jpeg).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let theirs = &pnm[pnm.len() - picture.pixels.len()..];
        let kind = if picture.channels == 1 { "P5" } else { "P6" };
        let head = format!("{kind}\n{} {}\n255\n", picture.width, picture.height);
        assert_eq!(&pnm[..pnm.len() - theirs.len()], head.as_bytes(), "{name}");
        let worst = picture.pixels.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= 4, "{name} differs by {worst}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_though_an_end_marker_was_appended() {
    for Sample { name, jpeg, .. } in samples() {
        for cut in 2..jpeg.len() - 2 {
            let ended = [&jpeg[..cut], &[0xFF, 0xD9]].concat();
            assert!(read(&ended).is_err(), "{name} cut at {cut} of {}", jpeg.len());
            assert!(read(&jpeg[..cut]).is_err(), "{name} cut bare at {cut}");
        }
    }
}

#[test]
fn a_cut_file_before_a_whole_thumbnail_is_refused() {
    let samples = samples();
    for Sample { name, jpeg, .. } in &samples {
        for cut in [jpeg.len() / 2, jpeg.len() * 4 / 5, jpeg.len() - 3] {
            let both = [&jpeg[..cut], &samples[0].jpeg].concat();
            assert!(read(&both).is_err(), "{name} cut at {cut}");
        }
    }
}

/// Zeros are valid codes in most tables: at a few hundred lengths they happen to fill the picture to its last bit. The
/// result has blocks that are all alike, which only a check of the pixels can find.
#[test]
fn a_tail_of_zeros_is_refused() {
    let (mut tails, mut filled_by_chance) = (0, 0);
    for Sample { name, jpeg, .. } in samples() {
        let whole = read(&jpeg).unwrap();
        for from in 2..jpeg.len() - 2 {
            let mut filled = jpeg.clone();
            filled[from..].fill(0);
            assert!(read(&filled).is_err(), "{name} zeros from {from}");
            filled[jpeg.len() - 2..].copy_from_slice(&[0xFF, 0xD9]);
            tails += 1;
            // The last bits of a block's coefficients or of all DC coefficients make no visible difference.
            let differs = |seen: Picture| mean_difference(&whole, &seen, 1) > 2.0;
            filled_by_chance += u32::from(read(&filled).is_ok_and(differs));
        }
    }
    assert!(filled_by_chance * 500 < tails, "{filled_by_chance} of {tails}");
}

/// After the loss of one or two blocks' data the rest may still be valid code, which no decoder can detect.
#[test]
fn a_lost_piece_of_more_than_a_few_blocks_is_refused() {
    let mut chance = Chance(7);
    for Sample { name, jpeg, .. } in samples() {
        let scan = jpeg.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap() + 16;
        for _ in 0..400 {
            let from = scan + chance.below(jpeg.len() - 34 - scan);
            let to = (from + 32 + chance.below(60)).min(jpeg.len() - 2);
            let holed = [&jpeg[..from], &jpeg[to..]].concat();
            assert!(read(&holed).is_err(), "{name} without {from} to {to}");
        }
    }
}

#[test]
fn bytes_after_the_end_are_nobodys_business() {
    for Sample { name, jpeg, .. } in samples() {
        let trailed = [&jpeg[..], b"what a telephone appends\xFF\xD8\xFF\xD9"].concat();
        assert_eq!(read(&trailed).unwrap(), read(&jpeg).unwrap(), "{name}");
    }
}

#[test]
fn a_reduced_picture_is_the_whole_one_made_smaller() {
    for Sample { name, jpeg, .. } in samples().into_iter().filter(|s| s.name != "extended") {
        let whole = read(&jpeg).unwrap();
        for (reduction, by) in
            [(Reduction::Half, 2), (Reduction::Quarter, 4), (Reduction::Eighth, 8)]
        {
            let small = decode(&jpeg, reduction, ROOMY).unwrap();
            assert_eq!(small.width, whole.width.div_ceil(by), "{name}");
            assert_eq!(small.height, whole.height.div_ceil(by), "{name}");
            let difference = mean_difference(&whole, &small, by as usize);
            assert!(difference < 10.0, "{name} by {by}: {difference}");
        }
    }
}

/// Compares with the average of each square of pixels that lies completely inside.
fn mean_difference(whole: &Picture, small: &Picture, by: usize) -> f64 {
    let (wide, channels) = (whole.width as usize, whole.channels);
    let (mut sum, mut count) = (0.0, 0.0);
    for y in 0..whole.height as usize / by {
        for x in 0..wide / by {
            for c in 0..channels {
                let at = |n: usize| ((y * by + n / by) * wide + x * by + n % by) * channels + c;
                let square: u32 = (0..by * by).map(|n| u32::from(whole.pixels[at(n)])).sum();
                let is = small.pixels[(y * small.width as usize + x) * channels + c];
                sum += (f64::from(square) / (by * by) as f64 - f64::from(is)).abs();
                count += 1.0;
            }
        }
    }
    sum / count
}

#[test]
fn changed_bytes_never_panic_and_never_take_more_memory_than_allowed() {
    let mut chance = Chance(11);
    for Sample { jpeg, .. } in samples() {
        for _ in 0..1500 {
            let mut changed = jpeg.clone();
            for _ in 0..1 + chance.below(8) {
                let at = chance.below(changed.len());
                changed[at] = chance.below(256) as u8;
            }
            for reduction in [Reduction::None, Reduction::Quarter] {
                if let Ok(picture) = decode(&changed, reduction, ROOMY) {
                    assert!((picture.pixels.len() as u64) < ROOMY);
                }
            }
        }
    }
}

#[test]
fn more_memory_than_allowed_is_refused_before_it_is_taken() {
    let Sample { mut jpeg, .. } =
        samples().into_iter().find(|s| s.name == "progressive-420").unwrap();
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC2]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFD, 0xE8, 0xFD, 0xE8]);
    assert!(matches!(read(&jpeg), Err(Fault::TooLarge { bytes }) if bytes > 1 << 33));
}

#[test]
fn an_illegal_table_is_refused() {
    let oversubscribed = [[3, 0].as_slice(), &[0; 14], &[1, 2, 3]].concat();
    let file = [&[0xFF, 0xD8, 0xFF, 0xC4, 0, 22, 0][..], &oversubscribed].concat();
    assert!(decode(&file, Reduction::None, ROOMY).is_err());
}
