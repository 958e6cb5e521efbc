//! A clerk and a technician at the command line.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::test_station::{TestStation, child};

fn kartud(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kartud")).args(args).env("LC_ALL", "C").output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_demo_prints_and_says_where_the_cards_are() {
    let dir = tempfile::TempDir::new().unwrap();
    let dir = dir.path().to_str().unwrap();
    let demo =
        || kartud(&["demo", "--once", "--cards", "2", "--dir", dir, "--listen", "127.0.0.1:0"]);
    let first = demo();
    assert!(first.status.success(), "{}{}", out(&first), err(&first));
    for file in ["S1-front", "S1-back", "S2-front", "S2-back"] {
        let path = Path::new(dir).join("cards").join(format!("1301-2026-{file}.png"));
        assert!(out(&first).contains(path.to_str().unwrap()));
        assert!(std::fs::read(path).unwrap().starts_with(b"\x89PNG"));
    }
    let checked = "1301-STAF-2026-1  chip (UID 044b";
    assert!(out(&first).contains(checked), "{}", out(&first));
    let chip = Path::new(dir).join("cards/1301-STAF-2026-1-chip.bin");
    let mode = std::fs::metadata(&chip).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "what stands on a chip is its holder's: {mode:o}");
    let keys = Path::new(dir).join("keys.toml");
    let args =
        ["verify", "--chip", chip.to_str().unwrap(), "--keys", keys.to_str().unwrap(), "--json"];
    assert!(kartud(&args).status.success());
    let again = demo();
    assert!(again.status.success(), "{}{}", out(&again), err(&again));
    let cards = std::fs::read_dir(Path::new(dir).join("cards")).unwrap();
    let pictures = cards
        .filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "png"))
        .count();
    assert!(out(&again).contains(checked), "{}", out(&again));
    assert_eq!(pictures, 6, "a second demo in the same folder prints no second card");
}

#[test]
fn a_clerk_at_the_command_line() {
    let bench = TestStation::new();
    let (url, dir) = (bench.http.url.as_str(), tempfile::TempDir::new().unwrap());
    let job = dir.path().join("job.json");
    std::fs::write(&job, child("S2").to_string()).unwrap();
    let job = job.to_str().unwrap();
    let posted = kartud(&["submit", job, "--json", "--url", url]);
    assert!(posted.status.success(), "{}", err(&posted));
    let posted: Value = serde_json::from_str(&out(&posted)).unwrap();
    let id = posted["id"].as_str().unwrap();
    bench.until(id, "printed");
    let again: Value =
        serde_json::from_str(&out(&kartud(&["submit", job, "--json", "--url", url]))).unwrap();
    assert_eq!(again["id"], posted["id"], "submitting the same file again makes no second job");
    let list: Value = serde_json::from_str(&out(&kartud(&[
        "jobs", "--json", "--state", "printed", "--url", url,
    ])))
    .unwrap();
    assert_eq!(list[0]["id"], posted["id"]);
    let shown: Value =
        serde_json::from_str(&out(&kartud(&["job", id, "--json", "--url", url]))).unwrap();
    assert_eq!(shown["events"][0]["event"], "received");
    assert!(out(&kartud(&["job", id, "--url", url])).contains("card_out"));
    let status: Value =
        serde_json::from_str(&out(&kartud(&["status", "--json", "--url", url]))).unwrap();
    assert_eq!(status["jobs"]["printed"], 1);
    assert!(out(&kartud(&["status", "--url", url])).contains("Primacy 2"));
}

#[test]
fn exit_codes_mean_something() {
    let bench = TestStation::without_printer();
    let (url, dir) = (bench.http.url.as_str(), tempfile::TempDir::new().unwrap());
    let job = dir.path().join("job.json");
    let mut bad = child("S2");
    bad["fields"]["nik"] = "1".into();
    bad["fields"]["rt"] = "x".into();
    std::fs::write(&job, bad.to_string()).unwrap();
    let refused = kartud(&["submit", job.to_str().unwrap(), "--url", url]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        err(&refused).contains("E_NIK_LEN") && err(&refused).contains("E_FORMAT"),
        "{}",
        err(&refused)
    );
    assert_eq!(kartud(&["job", "nothing", "--url", url]).status.code(), Some(3));
    assert_eq!(kartud(&["status", "--url", "http://127.0.0.1:1"]).status.code(), Some(4));
    assert_eq!(kartud(&["fly"]).status.code(), Some(2));
    assert_eq!(kartud(&["submit", "/nowhere.json", "--url", url]).status.code(), Some(1));
    let config = dir.path().join("bad.toml");
    std::fs::write(&config, "[http]\nlisten = \"0.0.0.0:80\"\nlissten = 1\n[product.kya]\n")
        .unwrap();
    let checked = kartud(&["check-config", config.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(5));
    assert!(
        err(&checked).contains("line 2: http.listen: must be a loopback address"),
        "{}",
        err(&checked)
    );
    assert!(
        err(&checked).contains("http.lissten: unknown key; the nearest is listen"),
        "{}",
        err(&checked)
    );
    assert_eq!(kartud(&["run", "--config", config.to_str().unwrap()]).status.code(), Some(5));
}

#[test]
fn the_configurations_that_we_ship_are_good() {
    for file in ["kartud.toml", "demo.toml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file);
        let checked = kartud(&["check-config", path.to_str().unwrap()]);
        assert_eq!(checked.status.code(), Some(0), "{file}: {}", err(&checked));
    }
    let own = tempfile::TempDir::new().unwrap();
    let products = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/products");
    let path = own.path().join("kartud.toml");
    std::fs::write(&path, format!("[products]\nfolder = {:?}\n", products.to_str().unwrap()))
        .unwrap();
    let checked = kartud(&["check-config", path.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", err(&checked));
}

#[test]
fn a_technician_checks_a_chips_profile() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/products/staf/chip.toml");
    let good = kartud(&["chip", "check", shipped.to_str().unwrap(), "--json"]);
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));
    let told: Value = serde_json::from_str(&out(&good)).unwrap();
    assert_eq!((&told["name"], &told["values"][0]), (&"staf".into(), &"record".into()));
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("chip.toml");
    let text = std::fs::read_to_string(&shipped).unwrap();
    std::fs::write(&path, text.replace("data = \"record\"", "data = \"rekord\"")).unwrap();
    let bad = kartud(&["chip", "check", path.to_str().unwrap()]);
    assert_eq!(bad.status.code(), Some(5));
    assert!(err(&bad).contains("update_binary.data: there is no such data; the nearest is record"));
    let try_on = |encoder: &str| {
        let profile = shipped.to_str().unwrap();
        kartud(&["chip", "try", profile, "--encoder", encoder, "--value", "record=0011"])
    };
    let unplugged = try_on("pn532:serial:/nowhere");
    assert_eq!(unplugged.status.code(), Some(4), "{}", err(&unplugged));
    let nowhere = try_on("radio:1");
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(err(&nowhere).contains("no family \"radio\""), "{}", err(&nowhere));
}

#[test]
fn a_chip_that_cannot_be_written_here_is_said_and_a_faulty_profile_refused() {
    let dir = tempfile::TempDir::new().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/products/staf");
    let folder = dir.path().join("products/staf");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["product.toml", "staf-front.svg", "staf-back.svg", "chip.toml"] {
        std::fs::copy(shipped.join(file), folder.join(file)).unwrap();
    }
    let put = |file: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(shipped.join(file)).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(folder.join(file), text.replacen(from, to, 1)).unwrap();
    };
    let config = dir.path().join("kartud.toml");
    let check = |encoder: &str| {
        std::fs::write(&config, format!("[products]\nfolder = \"products\"\n{encoder}")).unwrap();
        kartud(&["check-config", config.to_str().unwrap()])
    };
    put("product.toml", "required = true", "required = false");
    assert!(out(&check("")).contains("staf: no encoder sits at that station"));
    std::fs::copy(shipped.join("product.toml"), folder.join("product.toml")).unwrap();
    assert!(out(&check("")).contains("its jobs will be held (H_NO_ENCODER)"));
    let encoder = "[printer]\naddress = \"emulated\"\n[encoder]\nfamily = \"emulated\"\n";
    let fine = check(encoder);
    assert!(
        !out(&fine).contains("encoder") && fine.status.success(),
        "{}{}",
        out(&fine),
        err(&fine)
    );
    let verify = "[[step]]\nverify = { key = \"vault:pin-kartu\" }\n\n[[step]]\nlabel = \"write\"";
    put("chip.toml", "[[step]]\nlabel = \"write\"", verify);
    let keyless = check(encoder);
    assert_eq!(keyless.status.code(), Some(5));
    assert!(err(&keyless).contains("staf/chip.toml needs the key pin-kartu"), "{}", err(&keyless));
    put("chip.toml", "block = 240", "blok = 240");
    let faulty = check(encoder);
    assert_eq!(faulty.status.code(), Some(5));
    assert!(err(&faulty).contains("chip.toml: line ") && err(&faulty).contains("nearest is block"));
}

#[test]
fn a_reader_that_cannot_work_is_refused_before_the_station_spends_its_blanks_on_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let config = dir.path().join("kartud.toml");
    let mut refused = vec![
        ("family = \"emulated\"", "line 4: encoder.family: needs printer.address = \"emulated\""),
        (
            "family = \"pn532\"\naddress = \"foo\"",
            "line 5: encoder.address: cannot be reached: \"foo\" is no address like serial:/dev/ttyUSB0",
        ),
        ("family = \"pcsc\"\naddress = \"foo\"", "line 5: encoder.address: cannot be reached: "),
    ];
    if !cfg!(feature = "pcsc") {
        refused.push(("family = \"pcsc\"\naddress = \"reader:ACS*\"", "--features pcsc"));
    }
    for (encoder, sentence) in refused {
        let text = format!("[printer]\naddress = \"tcp://127.0.0.1:9100\"\n[encoder]\n{encoder}\n");
        std::fs::write(&config, text).unwrap();
        let told = kartud(&["check-config", config.to_str().unwrap()]);
        assert_eq!(told.status.code(), Some(5), "{encoder}: {}", out(&told));
        assert!(err(&told).contains(sentence), "{}", err(&told));
    }
}

#[test]
fn the_demos_next_chip_is_what_its_state_file_says() {
    let dir = tempfile::TempDir::new().unwrap();
    let state = dir.path().join("state.json");
    let demo = |says: &str| {
        std::fs::write(&state, says).unwrap();
        let options = ["--dir", dir.path().to_str().unwrap(), "--state", state.to_str().unwrap()];
        let once = ["demo", "--once", "--cards", "0", "--listen", "127.0.0.1:0"];
        kartud(&[&once[..], &options].concat())
    };
    let wrong = demo(r#"{"next_chip": {"faults": {"deaf": true}}}"#);
    assert!(wrong.status.code() == Some(1) && err(&wrong).contains("deaf"), "{}", err(&wrong));
    let torn = demo(r#"{"next_chip": {"faults": {"torn_out_after": 3}}}"#);
    assert_eq!(torn.status.code(), Some(0), "{}{}", out(&torn), err(&torn));
    // The UID of the batch's first card ends with 80; it is in the reject box.
    assert!(out(&torn).contains("chip (UID 044b4152545581)"), "{}", out(&torn));
}

#[test]
fn a_preview_needs_no_station_and_is_marked() {
    let dir = tempfile::TempDir::new().unwrap();
    let (job, pictures, config) =
        (dir.path().join("job.json"), dir.path().join("out"), dir.path().join("k.toml"));
    std::fs::write(&job, child("S2").to_string()).unwrap();
    std::fs::write(&config, "[product.kia]\nissue_age_max_days = 36500\n").unwrap();
    let made = kartud(&[
        "preview",
        job.to_str().unwrap(),
        "--out",
        pictures.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ]);
    assert!(made.status.success(), "{}", err(&made));
    for side in ["front.png", "back.png"] {
        assert!(std::fs::read(pictures.join(side)).unwrap().starts_with(b"\x89PNG"));
    }
}

/// A child process that is ended with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An emulated printer as a separate process, and its address.
fn emulated_printer(dir: &Path) -> (Running, String) {
    use std::io::BufRead as _;
    let mut machine = Running(
        Command::new(env!("CARGO_BIN_EXE_kartud"))
            .args(["emulate", "evolis", "--listen", "127.0.0.1:0", "--slowness", "0", "--out"])
            .arg(dir.join("cards"))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    std::io::BufReader::new(machine.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();
    (machine, address)
}

#[test]
fn a_technician_asks_the_printer_about_itself() {
    let dir = tempfile::TempDir::new().unwrap();
    let (_machine, address) = emulated_printer(dir.path());
    let probe = kartud(&["printer", "probe", "--address", &address, "--json"]);
    assert!(probe.status.success(), "{}", err(&probe));
    let facts: Value = serde_json::from_str(&out(&probe)).unwrap();
    assert_eq!(facts["identity"]["model"]["value"], "Primacy 2");
    assert_eq!(facts["state"]["major"]["value"], "READY");
    assert_eq!(facts["ribbon"]["label"]["value"], "YMCKO");
    assert_eq!(facts["counters"]["cards entered"]["value"], "0");
    let flip = &facts["status"]["CONFIG.FLIP"];
    assert_eq!(flip["value"], "option");
    assert_eq!(flip["message"]["en"], "It can turn a card over.");
    // The same for a person, and by the configuration.
    let config = dir.path().join("k.toml");
    std::fs::write(&config, format!("[printer]\naddress = {address:?}\n")).unwrap();
    let probe = kartud(&["printer", "probe", "--config", config.to_str().unwrap()]);
    let text = out(&probe);
    assert!(text.contains("CONFIG.FLIP") && text.contains("It can turn a card over."), "{text}");
    assert_eq!(
        std::fs::read_dir(dir.path().join("cards"))
            .unwrap()
            .filter(|file| {
                file.as_ref().unwrap().path().extension().is_some_and(|end| end == "png")
            })
            .count(),
        0,
        "no card has moved"
    );
}

#[test]
fn a_printer_that_cannot_be_asked_is_told_by_the_exit_code() {
    let dir = tempfile::TempDir::new().unwrap();
    let code = |args: &[&str]| kartud(&[&["printer", "probe"], args].concat()).status.code();
    assert_eq!(code(&["--address", "tcp://127.0.0.1:1"]), Some(4));
    assert_eq!(code(&["--address", "tcp://127.0.0.1"]), Some(5));
    assert_eq!(code(&["--address", "tcp://127.0.0.1:1", "--family", "nobody"]), Some(2));
    let config = dir.path().join("k.toml");
    std::fs::write(&config, "").unwrap();
    assert_eq!(code(&["--config", config.to_str().unwrap()]), Some(5), "no printer is configured");
    std::fs::write(&config, "[printer]\nadress = \"x\"\n").unwrap();
    assert_eq!(code(&["--config", config.to_str().unwrap()]), Some(5));
    assert_eq!(code(&["--config", "/nowhere.toml"]), Some(5));
    let told = kartud(&["printer", "probe", "--address", "tcp://127.0.0.1:1"]);
    assert!(err(&told).contains("Check its cable and its power."), "{}", err(&told));
}

#[test]
fn the_emulated_printer_is_a_process_of_its_own() {
    let dir = tempfile::TempDir::new().unwrap();
    let (_machine, address) = emulated_printer(dir.path());
    let text = crate::test_station::config(dir.path(), "")
        .replace("\"emulated\"", &format!("{address:?}"));
    let mut config = kartu::config::Config::parse(&text, dir.path()).unwrap();
    config.station.new_ledger = true;
    let daemon = kartu::daemon::Daemon::start(&config, kartu::clock::Clock::system()).unwrap();
    let http = crate::test_station::Http::new(&format!("http://{}", daemon.address()));
    let id = http.post("/v1/jobs", &child("S2")).body["id"].clone();
    http.listen(0, |kind, _, data| {
        kind == "job" && data["job"] == id && data["state"] == "printed"
    });
    assert!(dir.path().join("cards/card-000001-front.png").exists());
    daemon.stop();
}

#[test]
fn a_code_is_explained_without_a_station_in_either_language() {
    let told = kartud(&["codes", "h_stale"]);
    assert!(told.status.success(), "{}", err(&told));
    let told = out(&told);
    for part in ["H_STALE\nThis job has waited too long.", "release the job", "a person"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    let own = command.args(["codes", "H_STALE"]).env("LC_ALL", "id_ID.UTF-8").output().unwrap();
    assert!(out(&own).contains("H_STALE\nPekerjaan ini menunggu terlalu lama."), "{}", out(&own));
    let told: Value =
        serde_json::from_str(&out(&kartud(&["codes", "W_NIK_SEX", "--json"]))).unwrap();
    assert_eq!((&told["severity"], &told["remedy"]), (&"warn".into(), &"acknowledge".into()));
    assert_eq!((&told["field"], &told["may_release"]), (&"fields.*".into(), &false.into()));
    for language in ["id", "en"] {
        for part in ["message", "what_to_do", "who"] {
            assert!(told[part][language].as_str().is_some_and(|text| !text.is_empty()), "{part}");
        }
    }
}

#[test]
fn all_codes_are_listed_and_a_mistyped_one_is_answered_with_the_nearest() {
    let list: Value = serde_json::from_str(&out(&kartud(&["codes", "--json"]))).unwrap();
    let lines = out(&kartud(&["codes"]));
    assert_eq!(lines.lines().count(), list.as_array().unwrap().len());
    assert_eq!(lines.lines().count(), kartu::codes::all().len());
    assert!(lines.lines().all(|line| line.split_whitespace().count() > 4), "{lines}");
    let page = out(&kartud(&["codes", "--markdown"]));
    assert_eq!(page, include_str!("../../docs/codes.md"));
    for typed in [&["codes", "H_STAEL"][..], &["codes", "H_STAEL", "--json"]] {
        let unknown = kartud(typed);
        assert_eq!((unknown.status.code(), out(&unknown).as_str()), (Some(2), ""));
        assert!(err(&unknown).contains("did you mean H_STALE?"), "{}", err(&unknown));
    }
    assert_eq!(kartud(&["codes", "H_STALE", "--markdown"]).status.code(), Some(2));
}
