//! The signed record of a card: printed as a QR code, verified at another office, never left out.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use emulators::machine::Picture;
use serde_json::{Value, json};

use crate::printing::staff;
use crate::test_station::{DOCUMENT_KEY, KEYS, TestStation};

pub fn kartud(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kartud")).args(args).env("LC_ALL", "C").output().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The text that a scanner reads on a printed side.
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

/// The key list that the office publishes.
pub fn list(bench: &TestStation, more: &str) -> PathBuf {
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
    let bench = TestStation::for_staff();
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

/// The order of P-256: of the two valid signatures, with s and n - s, a record has the smaller.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// n - s.
fn other_s(s: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = ORDER
        .iter()
        .zip(s)
        .rev()
        .map(|(n, s)| {
            let left = i16::from(*n) - i16::from(*s) - borrow;
            borrow = i16::from(left < 0);
            left.rem_euclid(256) as u8
        })
        .collect();
    digits.reverse();
    digits
}

/// `[tag] [array of 4] [protected] [unprotected] [payload] [signature]`, as the station writes it.
struct Parts<'r> {
    protected: &'r [u8],
    payload: &'r [u8],
    signature: &'r [u8],
}

impl<'r> Parts<'r> {
    fn of(record: &'r [u8]) -> Parts<'r> {
        let [0xd2, 0x84, head, rest @ ..] = record else { panic!("{record:02x?}") };
        let (protected, rest) = rest.split_at(usize::from(head & 0x1f));
        let (length, rest) = match rest {
            [0xa0, 0x58, length, rest @ ..] => (usize::from(*length), rest),
            [0xa0, 0x59, high, low, rest @ ..] => {
                (usize::from(*high) << 8 | usize::from(*low), rest)
            }
            _ => panic!("{rest:02x?}"),
        };
        let (payload, rest) = rest.split_at(length);
        let [0x58, 64, signature @ ..] = rest else { panic!("{rest:02x?}") };
        Parts { protected, payload, signature }
    }

    fn head(bytes: &[u8]) -> Vec<u8> {
        [&[0x5a, 0, 0][..], &(bytes.len() as u16).to_be_bytes()].concat()
    }
}

#[test]
fn a_record_written_down_in_any_other_form_is_refused() {
    let bench = TestStation::for_staff();
    bench.until(&bench.accepted(&staff()), "printed");
    let qr = scanned(&bench.machine.lock().last_card().unwrap().back.unwrap());
    let keys = list(&bench, "");
    let good = kartu::record::base45::decode(&qr).unwrap();
    let Parts { protected, payload, signature } = Parts::of(&good);
    let kid = &protected[protected.len() - 8..];
    let file = bench.dir.path().join("record");
    let judged = |kind: &str, bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let told =
            kartud(&["verify", kind, file.to_str().unwrap(), "--keys", keys.to_str().unwrap()]);
        (told.status.code(), out(&told))
    };
    assert_eq!(judged("--file", &good).0, Some(0));
    let body = &good[2..];
    let behind_protected = &body[1 + protected.len()..];
    let with_outside =
        |outside: &[u8]| [&good[..3], protected, outside, &behind_protected[1..]].concat();
    let with_payload =
        |payload: &[u8]| [&good[..3], protected, &[0xa0], payload, &[0x58, 64], signature].concat();
    let before_signature = &good[..good.len() - 64];
    let (left, right) = payload.split_at(9);
    for (what, other) in [
        ("the token's tag around it", [&[0xd8, 61][..], &good].concat()),
        ("the tag in two bytes", [&[0xd8, 18][..], &good[1..]].concat()),
        ("the tag in three bytes", [&[0xd9, 0, 18][..], &good[1..]].concat()),
        ("the tag twice", [&[0xd2][..], &good].concat()),
        ("no tag", good[1..].to_vec()),
        ("an array with a long length", [&[0xd2, 0x98, 4][..], body].concat()),
        ("an array without a length", [&[0xd2, 0x9f][..], body, &[0xff]].concat()),
        (
            "a header with a long length",
            [&[0xd2, 0x84, 0x58, protected.len() as u8][..], &body[1..]].concat(),
        ),
        ("an empty map with a long length", with_outside(&[0xb8, 0])),
        ("an empty map without a length", with_outside(&[0xbf, 0xff])),
        ("the key's name once more", with_outside(&[&[0xa1, 0x04, 0x48], kid].concat())),
        ("something unsigned beside it", with_outside(&[0xa1, 0x18, 99, 0])),
        ("the algorithm once more", with_outside(&[0xa1, 0x01, 0x26])),
        (
            "a content with a long length",
            with_payload(&[Parts::head(payload), payload.to_vec()].concat()),
        ),
        (
            "a content in two pieces",
            with_payload(&[&[0x5f, 0x49], left, &Parts::head(right), right, &[0xff]].concat()),
        ),
        (
            "a signature with a long length",
            [&before_signature[..before_signature.len() - 2], &[0x59, 0, 64], signature].concat(),
        ),
        (
            "the other signature that is as good",
            [before_signature, &signature[..32], &other_s(&signature[32..])].concat(),
        ),
        ("a byte behind it", [&good[..], &[0]].concat()),
    ] {
        let (code, told) = judged("--file", &other);
        assert_eq!(code, Some(3), "{what}: {told}");
        assert!(!told.contains("RINA"), "nobody vouches for what it says: {what}");
        let text = kartu::record::base45::encode(&other);
        assert_eq!(verify(&text, &keys, &[]).status.code(), Some(3), "{what}, as a text");
    }
    for (what, text) in [
        ("small letters", qr.to_lowercase()),
        ("a prefix", format!("KK1:{qr}")),
        ("a blank before it", format!(" {qr}")),
        ("a line before it", format!("\n{qr}")),
        ("two lines behind it", format!("{qr}\n\n")),
    ] {
        assert_eq!(verify(&text, &keys, &[]).status.code(), Some(3), "{what}");
    }
    assert_eq!(verify(&format!("{qr}\r\n"), &keys, &[]).status.code(), Some(0), "a scanner's");
    // On a chip, only unwritten bytes may follow.
    assert_eq!(judged("--chip", &[&good[..], &[0; 40]].concat()).0, Some(0));
    assert_eq!(judged("--chip", &[&good[..], &[0, 1]].concat()).0, Some(3));
}

#[test]
fn without_the_document_key_the_card_waits_and_none_comes_out() {
    let mut bench = TestStation::for_staff();
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
    let mut bench = TestStation::for_staff();
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
    let settings = "[station]\nledger = \"ledger.db\"\n[printer]\naddress = \"emulated\"\n[vault]\nfolder = \"keys\"\n[encoder]\nfamily = \"emulated\"\n";
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
