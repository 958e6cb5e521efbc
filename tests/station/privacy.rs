//! Canaries: unique data are posted, and then searched for wherever they must not be.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use serde_json::json;

use kartu::vault::Vault;

use crate::printing::staff;
use crate::restart::Process;
use crate::test_station::{DOCUMENT_KEY, ENCODER, KEYS, TestStation, child, config};

const NAME: &str = "KENARI XYLOPHONA QUETZAL";
const ADDRESS: &str = "JALAN KENARI ZZYZX NO. 77";
const NIK: &str = "1301050704159876";

pub fn canary(reference: &str) -> serde_json::Value {
    let mut job = child("S2");
    job["ref"] = json!(reference);
    job["fields"]["nama"] = json!(NAME);
    job["fields"]["alamat"] = json!(ADDRESS);
    job["fields"]["nik"] = json!(NIK);
    job
}

/// The same on a card with a chip, whose record contains the name.
fn staff_canary(reference: &str) -> serde_json::Value {
    let mut job = staff();
    job["ref"] = json!(reference);
    job["fields"]["nama"] = json!(NAME);
    job["fields"]["no_pegawai"] = json!("PS-009876");
    job
}

pub fn assert_no_canary(what: &str, text: &str) {
    let hex: String = NAME.bytes().take(12).map(|byte| format!("{byte:02X}")).collect();
    let text = format!("{text}{}", text.to_uppercase());
    for canary in [NAME, ADDRESS, NIK, "XYLOPHONA", "ZZYZX", "9876", &hex] {
        assert!(!text.contains(canary), "{canary} stands in {what}");
    }
}

#[test]
fn nothing_personal_leaves_the_station() {
    let bench = TestStation::new();
    let id = bench.accepted(&canary("KENARI-1"));
    bench.until(&id, "printed");
    let mut wrong = canary("KENARI-2");
    wrong["fields"]["gol_darah"] = json!("XYLOPHONA");
    wrong["fields"]["kewarganegaraan"] = json!(ADDRESS);
    let refused = bench.http.post("/v1/jobs", &wrong);
    assert_eq!(refused.status, 422);
    assert_no_canary("a refusal", &refused.body.to_string());
    let broken =
        format!("{{\"product\": \"kia\", \"ref\": 7, \"fields\": {{\"nama\": \"{NAME}\"}}}}");
    let broken = bench.http.post_with(
        "/v1/jobs",
        broken.as_bytes(),
        &[("content-type", "application/json")],
    );
    assert_no_canary("a refusal of bad JSON", &broken.body.to_string());
    for path in [
        "/v1/jobs",
        "/v1/station",
        "/metrics",
        &format!("/v1/jobs/{id}"),
        &format!("/v1/jobs/{id}/events"),
    ] {
        assert_no_canary(path, &bench.http.get(path).body.to_string());
    }
    let heard = bench.http.listen(0, |_, _, data| data["event"] == "card_out");
    assert_no_canary("the events", &format!("{heard:?}"));
}

#[test]
fn nothing_personal_is_logged_at_any_level() {
    let dir = tempfile::TempDir::new().unwrap();
    let toml = dir.path().join("kartud.toml");
    let keys = dir.path().join(KEYS);
    Vault::make_signing_key(&keys, DOCUMENT_KEY).unwrap();
    let vault = format!("[vault]\nfolder = {keys:?}\n");
    std::fs::write(&toml, config(dir.path(), &(ENCODER.to_owned() + &vault))).unwrap();
    let mut daemon = std::process::Command::new(env!("CARGO_BIN_EXE_kartud"))
        .args(["run", "--new-ledger", "--config"])
        .arg(&toml)
        .env("RUST_LOG", "trace")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = String::new();
    let mut stderr = std::io::BufReader::new(daemon.stderr.take().unwrap());
    while !log.contains("address=") {
        assert!(
            std::io::BufRead::read_line(&mut stderr, &mut log).unwrap() > 0,
            "it gets ready: {log}"
        );
    }
    let address =
        log.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut stderr, &mut rest).unwrap();
        rest
    });
    let url = format!("http://{address}");
    for job in [canary("KENARI-3"), staff_canary("KENARI-4")] {
        let file = dir.path().join("job.json");
        std::fs::write(&file, job.to_string()).unwrap();
        let submit = std::process::Command::new(env!("CARGO_BIN_EXE_kartud"))
            .arg("submit")
            .arg(&file)
            .args(["--url", &url])
            .output()
            .unwrap();
        assert!(submit.status.success(), "{}", String::from_utf8_lossy(&submit.stderr));
        assert_no_canary("what submit says", &String::from_utf8_lossy(&submit.stdout));
    }
    let mut out = 0;
    crate::test_station::Http::new(&url).listen(0, |_, _, data| {
        out += u32::from(data["event"] == "card_out");
        out == 2
    });
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    log += &rest.join().unwrap();
    assert_no_canary("the log", &log);
    let key = std::fs::read_to_string(keys.join(DOCUMENT_KEY)).unwrap();
    let key = key.lines().nth(1).expect("the key itself stands on the second line of its PEM");
    assert!(!log.contains(&key[..24]), "a key stands in the log");
    for entry in std::fs::read_dir(dir.path().join("cards")).unwrap() {
        assert_no_canary("a file name", &entry.unwrap().file_name().to_string_lossy());
    }
}

/// Whatever the folder's mode: the ledger, its log and the log's index contain children's data.
#[test]
fn the_ledger_is_for_its_owner_alone() {
    let bench = TestStation::new();
    bench.until(&bench.accepted(&canary("KENARI-3")), "printed");
    let names = ["ledger.db", "ledger.db-wal", "ledger.db-shm"];
    for name in names {
        let mode = std::fs::metadata(bench.dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A crash leaves no core dump, even if the system would allow it, because it would contain keys and children's data.
/// On a system without core dumps this test shows nothing.
#[test]
fn a_crash_leaves_no_core_dump() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_kartud")).current_dir(dir.path());
    let mut process = Process::start_by(command, dir.path());
    let pid = process.child.id().to_string();
    assert!(Command::new("kill").args(["-ABRT", &pid]).status().unwrap().success());
    let ended = process.child.wait().unwrap();
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
}
