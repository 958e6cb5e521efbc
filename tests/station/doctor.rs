//! A technician asks the doctor, and sends a bundle to whoever helps.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::{Value, json};

use crate::ledger::kartud;
use crate::test_station::{KEYS, TestStation, child, config};

/// The configuration of a running station, with the port at which it listens.
fn config_of(bench: &TestStation, more: &str) -> String {
    let path = bench.dir.path().join("kartud.toml");
    let address = bench.http.url.trim_start_matches("http://");
    let keys = bench.dir.path().join(KEYS);
    let vault = format!("[vault]\nfolder = {:?}\n{more}", keys.display().to_string());
    let text = config(bench.dir.path(), &vault).replace("127.0.0.1:0", address);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn doctor(config: &str) -> (Value, Option<i32>) {
    let (said, code) = kartud(&["doctor", "--config", config, "--json"]);
    (serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}")), code)
}

fn codes(told: &Value) -> Vec<&str> {
    let findings = told["findings"].as_array().unwrap();
    findings.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

#[test]
fn the_doctor_says_what_is_wrong_why_it_matters_and_what_to_do() {
    let mut bench = TestStation::new();
    bench.until(&bench.accepted(&child("S1")), "printed");
    let file = config_of(&bench, "");
    let (told, code) = doctor(&file);
    let worst = told["worst"].as_str().unwrap();
    let wanted = ["good", "note", "warning", "fault"].iter().position(|level| *level == worst);
    assert_eq!(code, Some([0, 0, 1, 2][wanted.unwrap()]), "{told}");
    let found = codes(&told);
    for one in ["ledger", "keys", "printer", "backup.none", "config.specimen"] {
        assert!(found.contains(&one), "{one}: {told:#}");
    }
    for one in told["findings"].as_array().unwrap() {
        let is_good = one["level"] == "good";
        for part in ["what", "why", "to_do"] {
            let said = one[part]["id"].as_str().unwrap();
            assert_eq!(said.is_empty(), is_good && part != "what", "{one}");
        }
    }
    let (said, _) = kartud(&["doctor", "--config", &file]);
    assert!(said.contains("The ledger is never copied.") && said.contains("Set [backup] folder"));
    let left = fs::read_dir(bench.dir.path()).unwrap();
    let names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("doctor")), "{names:?}");
    bench.stop();
    let (told, _) = doctor(&file);
    assert!(codes(&told).contains(&"printer.unasked"), "{told:#}");
    let ledger = bench.dir.path().join("ledger.db");
    fs::set_permissions(&ledger, fs::Permissions::from_mode(0o644)).unwrap();
    let (told, code) = doctor(&file);
    assert_eq!((code, codes(&told).contains(&"ledger.open")), (Some(2), true), "{told:#}");
    let document = bench.dir.path().join(KEYS).join("document");
    fs::set_permissions(&document, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(codes(&doctor(&file).0).contains(&"keys.unusable"));
    fs::remove_file(&ledger).unwrap();
    assert!(codes(&doctor(&file).0).contains(&"ledger.lost"));
    fs::write(&file, "[printer]\naddress = 7\n").unwrap();
    let (told, code) = doctor(&file);
    assert_eq!((code, codes(&told)), (Some(2), vec!["config.wrong"]), "{told:#}");
}

/// The bytes of a file, or nothing.
fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

#[test]
fn nothing_of_anybody_and_no_key_is_in_a_support_bundle() {
    let bench = TestStation::new();
    let mut job = child("S1");
    job["ref"] = json!("KENARI-REF-1");
    job["recommendation"]["nomor"] = json!("KENARI-NOMOR-1");
    for (field, canary) in [
        ("nama", "KENARI XYLOPHONA QUETZAL"),
        ("alamat", "JALAN KENARI ZZYZX NO. 77"),
        ("tempat_lahir", "KENARIWATI"),
    ] {
        job["fields"][field] = json!(canary);
    }
    bench.until(&bench.accepted(&job), "printed");
    let mut held = child("S2");
    held["ref"] = json!("KENARI-REF-2");
    held["fields"]["jenis_kelamin"] = json!("PEREMPUAN");
    let held_job = bench.accepted(&held);
    bench.http.post(&format!("/v1/jobs/{held_job}/cancel"), &json!({ "by": "kenari-9" }));
    let file = config_of(&bench, "[backup]\nfolder = \"/media/kenari satu/salinan\"\n");
    let failed = kartud(&["backup", "--config", &file]);
    assert_eq!((failed.1, failed.0.contains("kenari satu")), (Some(1), true), "{}", failed.0);
    let text = fs::read_to_string(&file).unwrap().replace("name = \"", "name = \"kenari ");
    fs::write(&file, text).unwrap();
    let bundle = bench.dir.path().join("bundle.tar");
    let send = || kartud(&["support-bundle", "--config", &file, "--to", bundle.to_str().unwrap()]);
    let (said, code) = send();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(send().1, Some(1), "nothing is written over");
    let sent = bytes(&bundle);
    for part in [
        "doctor.json",
        "versions.json",
        "kartud.toml",
        "ledger.jsonl",
        "station.json",
        "metrics.txt",
    ] {
        assert!(contains(&sent, format!("kartu-support/{part}").as_bytes()), "{part}");
    }
    for kept in [&b"\"card_out\""[..], b"W_NIK_SEX", b"kartu_jobs_accepted", b"[printer"] {
        assert!(contains(&sent, kept), "{}", String::from_utf8_lossy(kept));
    }
    let upper = sent.to_ascii_uppercase();
    for canary in ["KENARI", "XYLOPHONA", "ZZYZX"] {
        assert!(!contains(&upper, canary.as_bytes()), "{canary}");
    }
    for number in ["nik", "no_kk", "nomor_kk", "nik_ayah", "nik_ibu"] {
        for job in [&job, &held] {
            if let Some(number) = job["fields"][number].as_str() {
                assert!(!contains(&sent, number.as_bytes()), "{number}");
            }
        }
    }
    let photos: Vec<&str> = [&job, &held].iter().filter_map(|job| job["photo"].as_str()).collect();
    assert!(!photos.is_empty());
    for photo in photos {
        assert!(!contains(&sent, &photo.as_bytes()[..64]), "the photo as it was sent");
        let photo = BASE64.decode(photo).unwrap();
        assert!(!contains(&sent, &photo[photo.len() / 2..][..64]), "the photo");
    }
    let folder = bench.dir.path();
    for key in [
        folder.join(KEYS).join("document"),
        folder.join(KEYS).join("holder"),
        folder.join("holder.key"),
    ] {
        let key = String::from_utf8(bytes(&key)).unwrap();
        for line in key.lines().filter(|line| line.len() > 20 && !line.starts_with("-----")) {
            assert!(!contains(&sent, line.as_bytes()), "a key");
        }
    }
}
