//! The codes on a card contain what was approved, byte for byte: read back from the printed card, with foreign readers
//! (rqrr for QR codes) or one that shares nothing with the printing code (Code 128).

use emulators::machine::Picture;
use serde_json::json;
use tempfile::TempDir;

use crate::printing::staff;
use crate::record::scanned;
use crate::test_station::{TestStation, child, products};

/// Widths of bars and gaps of the 107 symbols (ISO/IEC 15417, table 1), the stop without its last bar.
const SYMBOLS: &str = "\
    212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 \
    123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 \
    232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 \
    313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 \
    111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 \
    111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 \
    114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 233111";
const START_B: usize = 104;
const START_C: usize = 105;
const STOP: usize = 106;

/// Lengths of runs of equal pixels along a row, beginning with light ones.
fn runs(side: &Picture, y: u32) -> Vec<u32> {
    let (mut runs, mut dark) = (vec![0], false);
    for x in 0..side.width_px {
        let at = ((y * side.width_px + x) * 3) as usize;
        let is_dark = side.rgb[at..at + 3].iter().map(|c| u32::from(*c)).sum::<u32>() < 3 * 96;
        if is_dark != dark {
            runs.push(0);
            dark = is_dark;
        }
        *runs.last_mut().unwrap() += 1;
    }
    runs
}

/// The symbol of six runs, if they are whole modules of one width.
fn symbol(runs: &[u32]) -> Option<usize> {
    let total: u32 = runs.iter().sum();
    let module = total.is_multiple_of(11).then_some(total / 11).filter(|module| *module > 0)?;
    let widths: String =
        runs.iter().map(|run| char::from(b'0' + (run / module).min(9) as u8)).collect();
    let whole = runs.iter().all(|run| run % module == 0);
    SYMBOLS.split_whitespace().position(|known| known == widths).filter(|_| whole)
}

/// The content of the Code 128 that begins at the front of `runs`.
fn code_128(runs: &[u32]) -> Option<String> {
    let mut symbols = Vec::new();
    for six in runs.chunks_exact(6) {
        match symbol(six)? {
            STOP => break,
            other => symbols.push(other),
        }
    }
    let check = symbols.pop()?;
    let (start, data) = symbols.split_first()?;
    let sum: usize = data.iter().zip(1..).map(|(symbol, weight)| symbol * weight).sum();
    assert_eq!((start + sum) % 103, check, "the check character");
    match *start {
        START_B => data.iter().map(|symbol| char::from_u32(*symbol as u32 + 32)).collect(),
        START_C => Some(data.iter().map(|pair| format!("{pair:02}")).collect()),
        _ => None,
    }
}

/// The bar code on a side, as a scanner's line reads it.
fn bar_code(side: &Picture) -> String {
    let lines = (0..side.height_px).map(|y| runs(side, y));
    let found = lines.flat_map(|runs| {
        let starts = (1..runs.len()).step_by(2);
        starts
            .filter(|at| {
                runs.get(*at..at + 6)
                    .and_then(symbol)
                    .is_some_and(|one| one == START_B || one == START_C)
            })
            .filter_map(|at| code_128(&runs[at..]))
            .collect::<Vec<_>>()
    });
    found.into_iter().next().expect("a bar code on this side")
}

#[test]
fn a_qr_code_says_what_was_approved_byte_for_byte() {
    let office = TempDir::new().unwrap();
    let profile = office.path().join("office.toml");
    let signs = include_str!("../../config/office-contoh.toml")
        .replace("tanda_tangan = \"KOSONG\"", "tanda_tangan = \"TTE_QR\"");
    std::fs::write(&profile, signs).unwrap();
    let bench =
        TestStation::with(&format!("[office]\nprofile = {:?}\n", profile.to_str().unwrap()));
    for (number, tte) in [
        "https://tte.contoh.go.id/?q=a  b",
        "a\u{a0}b",
        " in front",
        "behind  ",
        "three   blanks and a thin\u{2009}one",
        "\u{e9} is not e\u{301}",
        "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442} \u{4e2d}\u{6587}",
        "0123456789",
        "ABC $%*+-./:",
        "{nama} &amp; <b>",
    ]
    .into_iter()
    .enumerate()
    {
        let mut job = child("S1");
        job["ref"] = json!(format!("TTE-{number}"));
        job["fields"]["tte"] = json!(tte);
        let id = bench.accepted(&job);
        bench.until(&id, "printed");
        let card = bench.machine.lock().last_card().unwrap();
        assert_eq!(scanned(&card.back.unwrap()), tte);
    }
    for refused in [" ", "\u{a0}\u{a0}", "a\nb", "a\u{200b}b"] {
        let mut job = child("S1");
        job["ref"] = json!("TTE-NO");
        job["fields"]["tte"] = json!(refused);
        assert_eq!(bench.http.post("/v1/jobs", &job).codes("errors"), ["E_FORMAT"], "{refused:?}");
    }
}

#[test]
fn a_bar_code_says_what_was_approved_byte_for_byte() {
    let folder = products(&|staf| {
        let path = staf.join("product.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("chars = \"A-Z0-9-\"", "chars = \"A-Z0-9 .-\"");
        let chipless =
            text.replace("required = true     # a station", "required = false    # a station");
        std::fs::write(&path, chipless).unwrap();
    });
    let more = format!("[products]\nfolder = {:?}\n", folder.path().to_str().unwrap());
    let bench = TestStation::with(&more);
    for (number, staff_number) in
        ["PS-000417", "PS  0417", "A   B.", "004170"].into_iter().enumerate()
    {
        let mut job = staff();
        job["ref"] = json!(format!("BAR-{number}"));
        job["recommendation"]["nomor"] = json!(format!("BAR-{number}"));
        job["fields"]["no_pegawai"] = json!(staff_number);
        let id = bench.accepted(&job);
        bench.until(&id, "printed");
        let card = bench.machine.lock().last_card().unwrap();
        assert_eq!(bar_code(&card.front), staff_number);
    }
}
