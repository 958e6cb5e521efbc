//! The signed record of a card: printed as a QR code, checked at another counter, never left out.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use drivers::emulation::Picture;
use serde_json::{Value, json};

use crate::bench::{Bench, DOCUMENT_KEY, KEYS};
use crate::printing::staff;

pub fn kartud(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kartud")).args(args).env("LC_ALL", "C").output().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a scanner sees on a printed side.
pub fn scanned(side: &Picture) -> String {
    let (width, height) = (side.width_px as usize, side.height_px as usize);
    let grey = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        (side.rgb[at..at + 3].iter().map(|channel| u32::from(*channel)).sum::<u32>() / 3) as u8
    };
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let codes = picture.detect_grids();
    assert_eq!(codes.len(), 1, "one code on this side");
    codes[0].decode().unwrap().1
}

/// The key list that the office hands out.
pub fn list(bench: &Bench, more: &str) -> PathBuf {
    let folder = bench.dir.path().join(KEYS);
    let entry = kartud(&[
        "keys",
        "show",
        DOCUMENT_KEY,
        "--folder",
        folder.to_str().unwrap(),
        "--label",
        "Kantor",
    ]);
    assert!(entry.status.success(), "{}", err(&entry));
    let path = bench.dir.path().join("list.toml");
    std::fs::write(&path, format!("format = \"kartu-keys/1\"\n{}{more}", out(&entry))).unwrap();
    path
}

fn verify(qr: &str, keys: &Path, more: &[&str]) -> Output {
    let args = [&["verify", "--qr", qr, "--keys", keys.to_str().unwrap()], more].concat();
    kartud(&args)
}

#[test]
fn a_printed_card_is_checked_at_another_counter() {
    let bench = Bench::for_staff();
    let job = staff();
    let id = bench.accepted(&job);
    bench.until(&id, "printed");
    let qr = scanned(&bench.machine.lock().last_card().unwrap().back.unwrap());
    let keys = list(&bench, "");
    let photo = bench.dir.path().join("photo.jpg");
    let sent = job["photo"].as_str().unwrap();
    std::fs::write(&photo, base64::engine::general_purpose::STANDARD.decode(sent).unwrap())
        .unwrap();
    let good = verify(&qr, &keys, &["--json", "--photo", photo.to_str().unwrap()]);
    assert_eq!(good.status.code(), Some(0), "{}{}", out(&good), err(&good));
    let good: Value = serde_json::from_str(&out(&good)).unwrap();
    assert_eq!((&good["good"], &good["key"]), (&json!(true), &json!("Kantor")));
    assert_eq!(good["record"]["card"], "STAF-1");
    assert_eq!(
        good["record"]["fields"],
        json!({ "nama": "RINA CONTOH", "no_pegawai": "PS-000417" })
    );
    assert_eq!(good["record"]["expires_at"], "2099-12-31T17:00:00Z", "midnight in Padang");
    let told = out(&verify(&qr, &keys, &[]));
    assert!(told.starts_with("The record is good.") && told.contains("not compared"), "{told}");
    std::fs::write(&photo, b"another photo").unwrap();
    let other = verify(&qr, &keys, &["--photo", photo.to_str().unwrap()]);
    assert!(
        other.status.code() == Some(3) && out(&other).starts_with("photo_differs: "),
        "{}",
        out(&other)
    );
    let revoked = verify(&qr, &list(&bench, "revoked = [\"STAF-1\"]\n"), &[]);
    assert!(
        revoked.status.code() == Some(3) && out(&revoked).contains("revoked: "),
        "{}",
        out(&revoked)
    );
    let mut letters: Vec<char> = qr.chars().collect();
    letters[200] = if letters[200] == '0' { '1' } else { '0' };
    let changed = verify(&letters.iter().collect::<String>(), &keys, &[]);
    assert_eq!(changed.status.code(), Some(3), "{}", out(&changed));
    assert!(!out(&changed).contains("RINA"), "nobody vouches for what it says");
    let wrong = verify(&qr, &list(&bench, "kind = 1\n"), &[]);
    assert!(
        wrong.status.code() == Some(5) && err(&wrong).contains("line 11: key[1].kind"),
        "{}",
        err(&wrong)
    );
}

#[test]
fn without_the_document_key_the_card_waits_and_none_comes_out() {
    let mut bench = Bench::for_staff();
    bench.stop();
    let key = bench.dir.path().join(KEYS).join(DOCUMENT_KEY);
    let kept = bench.dir.path().join("kept");
    std::fs::rename(&key, &kept).unwrap();
    bench.start("");
    let answer = bench.http.post("/v1/jobs", &staff());
    assert_eq!(
        (answer.status, answer.body["state"].as_str()),
        (201, Some("held")),
        "{}",
        answer.body
    );
    assert_eq!(answer.codes("reasons"), ["H_RECORD_KEY"]);
    let id = answer.body["id"].as_str().unwrap().to_owned();
    let released = bench.http.post(&format!("/v1/jobs/{id}/release"), &json!({ "by": "op-2" }));
    assert_eq!(released.status, 200, "{}", released.body);
    bench.http.listen(0, |kind, _, data| {
        kind == "job" && data["event"] == "hold" && data["job"] == id.as_str()
    });
    assert_eq!(bench.cards_out(), 0);
    bench.stop();
    std::fs::rename(&kept, &key).unwrap();
    bench.start("");
    let released = bench.http.post(&format!("/v1/jobs/{id}/release"), &json!({ "by": "op-2" }));
    assert_eq!(released.status, 200, "{}", released.body);
    bench.until(&id, "printed");
    assert!(!scanned(&bench.machine.lock().last_card().unwrap().back.unwrap()).is_empty());
}

#[test]
fn the_record_is_the_same_however_often_it_is_made() {
    let mut bench = Bench::for_staff();
    let id = bench.accepted(&staff());
    bench.until(&id, "printed");
    let before = bench.http.bytes(&format!("/v1/jobs/{id}/preview/back.png"));
    let printed = scanned(&bench.machine.lock().last_card().unwrap().back.unwrap());
    bench.stop();
    bench.start("");
    assert!(bench.http.bytes(&format!("/v1/jobs/{id}/preview/back.png")) == before);
    assert!(verify(&printed, &list(&bench, ""), &[]).status.success());
}

#[test]
fn a_technician_makes_a_key_and_the_configuration_says_what_is_too_open() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::TempDir::new().unwrap();
    let (config, folder) = (dir.path().join("kartud.toml"), dir.path().join("keys"));
    let config = config.to_str().unwrap();
    let settings = "[printer]\naddress = \"emulated\"\n[vault]\nfolder = \"keys\"\n[encoder]\nfamily = \"emulated\"\n";
    std::fs::write(config, settings).unwrap();
    let check = || kartud(&["check-config", config]);
    let missing = check();
    assert!(
        missing.status.code() == Some(5) && err(&missing).contains("vault.folder: "),
        "{}",
        err(&missing)
    );
    let made = kartud(&["keys", "new", DOCUMENT_KEY, "--config", config]);
    assert!(made.status.success() && out(&made).contains("BEGIN PUBLIC KEY"), "{}", err(&made));
    assert!(!out(&made).contains("PRIVATE"));
    let again = kartud(&["keys", "new", DOCUMENT_KEY, "--config", config]);
    assert!(
        again.status.code() == Some(1) && err(&again).contains("never overwritten"),
        "{}",
        err(&again)
    );
    let shown = kartud(&["keys", "show", DOCUMENT_KEY, "--config", config]);
    assert_eq!(out(&shown), out(&made));
    assert_eq!(out(&check()), format!("{config}: good / baik\n"));
    let key = folder.join(DOCUMENT_KEY);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = check();
    assert!(open.status.code() == Some(5) && err(&open).contains("mode 0644"), "{}", err(&open));
    std::fs::remove_file(&key).unwrap();
    let noted = check();
    assert!(
        noted.status.success() && out(&noted).contains("jobs for staf will be held"),
        "{}",
        out(&noted)
    );
}
