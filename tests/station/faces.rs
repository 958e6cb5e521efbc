//! Faces and other configured files that would keep a station busy or blocked for ever: the check refuses them and
//! names the file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::record::kartud;
use crate::test_station::products;

/// The check of a whole station takes a second; this allows for a loaded machine.
const SOON: Duration = Duration::from_secs(60);

/// The output of `kartud check-config` for a station with these products, and its exit code.
fn checked(products: &Path, more: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("kartud.toml");
    let text = format!(
        "[station]\nledger = \"ledger.db\"\n[products]\nfolder = {products:?}\n[printer]\naddress = \"\"\n{more}"
    );
    std::fs::write(&config, text).unwrap();
    said(&config)
}

fn said(config: &Path) -> (Option<i32>, String) {
    let begun = Instant::now();
    let output = kartud(&["check-config", &config.display().to_string()]);
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn pipe(path: PathBuf) {
    if path.exists() {
        std::fs::remove_file(&path).unwrap();
    }
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn the_shipped_faces_are_good_from_the_disk_too() {
    let folder = products(&|_| {});
    let (code, text) = checked(folder.path(), "");
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_face_that_would_take_minutes_or_gigabytes_is_refused() {
    let copies: String = (1..25)
        .map(|n| {
            let below = format!("<use href=\"#c{}\"/>", n - 1).repeat(8);
            format!("<g id=\"c{n}\">{below}</g>")
        })
        .collect();
    let bomb = format!(
        "<defs><g id=\"c0\"><path d=\"M0 0h1v1z\"/></g>{copies}</defs><use href=\"#c24\"/>"
    );
    for (what, art) in [
        (
            "letters",
            "<text x=\"1\" y=\"9\" style=\"font-family:Roboto Condensed;font-size:1e9px\">A</text>",
        ),
        ("a path", "<path d=\"M0 0L1e12 3\" style=\"stroke:#000000;stroke-dasharray:0.1\"/>"),
        ("a transform", "<g transform=\"scale(1e8)\"><path d=\"M0 0h1v1z\"/></g>"),
        (
            "a filter",
            "<defs><filter id=\"f\"><feGaussianBlur stdDeviation=\"90\"/></filter></defs>",
        ),
        ("a filter function", "<path style=\"filter:blur(50px)\" d=\"M0 0h1v1z\"/>"),
        ("a pattern", "<defs><pattern id=\"p\" width=\"0.001\" height=\"0.001\"/></defs>"),
        ("copies of copies", &bomb),
    ] {
        let folder = products(&|staf| {
            let path = staf.join("staf-front.svg");
            let svg = std::fs::read_to_string(&path).unwrap();
            let layer = format!("<g kartu:layer=\"colour\">{art}</g></svg>");
            std::fs::write(&path, svg.replace("</svg>", &layer)).unwrap();
        });
        let (code, text) = checked(folder.path(), "");
        assert_eq!(code, Some(5), "{what}: {text}");
        assert!(text.contains("staf-front.svg"), "{what}: {text}");
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    for name in ["staf-front.svg", "product.toml", "chip.toml"] {
        let folder = products(&|staf| pipe(staf.join(name)));
        let (code, text) = checked(folder.path(), "");
        assert_eq!(code, Some(5), "{name}: {text}");
        assert!(text.contains(name) && text.contains("regular"), "{name}: {text}");
    }
    let folder = products(&|staf| pipe(staf.join("../office.toml")));
    let more = format!("[office]\nprofile = {:?}\n", folder.path().join("office.toml"));
    let (code, text) = checked(folder.path(), &more);
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("office.toml") && text.contains("regular"), "{text}");
    let config = folder.path().join("kartud.toml");
    pipe(config.clone());
    let (code, text) = said(&config);
    assert!(code != Some(0) && text.contains("kartud.toml"), "{text}");
}
