//! A technician with an emulated machine: its state file, its control interface, and its reader.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use kartu::vault::Vault;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::printing::staff;
use crate::test_station::{DOCUMENT_KEY, Http, KEYS};

/// A saved file is read within a fraction of a second; this allows for a machine under load.
const SOON: Duration = Duration::from_secs(20);

fn kartud(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    command.args(["emulate", "evolis", "--listen", "127.0.0.1:0", "--out"]);
    command.arg(folder.join("cards")).args(options).env("LC_ALL", "C");
    if !options.contains(&"--slowness") {
        command.args(["--slowness", "0"]);
    }
    command
}

/// An emulated machine that is ended with the test.
pub struct Machine {
    _process: Process,
    pub address: String,
    control: String,
}

pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Machine {
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        let control = ["--control", "127.0.0.1:0"];
        let mut command = kartud(folder, &[&control[..], options].concat());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut next = |says: &str| {
            let line = lines.by_ref().map_while(Result::ok).find(|line| line.contains(says));
            line.unwrap().rsplit(' ').next().unwrap().to_owned()
        };
        let (address, control) = (next("tcp://"), next("control on "));
        let control = control.strip_prefix("http://").unwrap().to_owned();
        Self { _process: Process(process), address, control }
    }

    /// Sends one raw request; returns the whole response.
    fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.control).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Status and body of the response.
    fn say(&self, request: &str) -> (u16, Value) {
        let answer = self.raw(request);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        self.say(&format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    pub fn until(&self, key: &str, wanted: &Value) {
        let begun = Instant::now();
        while self.ask("GET", "/state", "").1[key] != *wanted {
            assert!(begun.elapsed() < SOON, "{key} does not become {wanted}");
        }
    }
}

#[test]
fn supplies_and_faults_are_set_over_http() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::start(dir.path(), &["--blanks", "9", "--fit", "LCD"]);
    let (status, state) = machine.ask("GET", "/state", "");
    assert_eq!((status, &state["feeder_cards"]), (200, &json!(9)));
    assert!(state["machine"]["status"]["config"].to_string().contains("LCD"));
    let (status, state) = machine.ask("PATCH", "/state", r#"{"feeder_cards": 4}"#);
    assert_eq!((status, &state["feeder_cards"]), (200, &json!(4)));
    let (status, state) = machine.ask("POST", "/levers/open_cover", "");
    assert_eq!((status, &state["cover_open"]), (200, &json!(true)));
    let (status, state) = machine.ask("POST", "/levers/jam", "\"flip\"");
    assert_eq!((status, &state["jam"]), (200, &json!("flip")));
    for (method, path, body, wanted, named) in [
        ("PATCH", "/state", r#"{"feeder_cards": 1, "fedder": 2}"#, 422, "fedder"),
        ("PATCH", "/state", "{", 422, "JSON"),
        ("PATCH", "/state", "", 422, "object"),
        ("POST", "/levers/open_window", "", 422, "open_window"),
        ("POST", "/levers/jam", "\"roof\"", 422, "roof"),
        ("GET", "/nothing", "", 404, "GET /state"),
    ] {
        let (status, answer) = machine.ask(method, path, body);
        assert_eq!(status, wanted, "{method} {path} {body}");
        assert!(answer["error"].as_str().unwrap().contains(named), "{answer}");
    }
    let page = "POST /levers/cut_power HTTP/1.1\r\nOrigin: http://example.org\r\n\r\n";
    assert_eq!(machine.say(page).0, 403, "a page in a browser lays no hands on it");
    assert!(machine.raw("no HTTP\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert_eq!(machine.ask("PUT", "/state", "{}").0, 404);
    let long = format!("PATCH /state HTTP/1.1\r\nContent-Length: {}\r\n\r\n", 1 << 30);
    assert_eq!(machine.say(&long).0, 413);
    let state = machine.ask("GET", "/state", "").1;
    assert_eq!((&state["feeder_cards"], &state["powered"]), (&json!(4), &json!(true)));
}

/// A key's new value, and the value that the machine then shows; `None`: it is refused, and the key named.
fn changes() -> Vec<(&'static str, Value, Option<Value>)> {
    let same = |key, value: Value| (key, value.clone(), Some(value));
    vec![
        same("powered", json!(false)),
        ("asleep", json!(true), None),
        same("powered", json!(true)),
        same("asleep", json!(true)),
        same("locked", json!(true)),
        same("cover_open", json!(true)),
        same("feeder_open", json!(true)),
        same("feeder_cards", json!(7)),
        ("feeder_cards", json!(101), None),
        same("hopper_cards", json!(3)),
        same("reject_box_cards", json!(4)),
        same("card_in_slot", json!(true)),
        same("card_in_hand", json!(true)),
        same("ribbon_left", json!(17)),
        same("ribbon", Value::Null),
        ("ribbon_left", json!(17), None),
        same("ribbon", json!("KBLACK")),
        ("ribbon", json!("KPINK"), None),
        same("tended", json!(true)),
        ("feeder_cards", json!(0), None),
        ("hopper_cards", json!(100), None),
        ("reject_box_cards", json!(30), None),
        ("ribbon_left", json!(1), None),
        same("tended", json!(false)),
        same("slowness", json!(0.5)),
        ("slowness", json!(101.0), None),
        same("cards_since_cleaning", json!(0)),
        ("cards_since_cleaning", json!(250), None),
        same("old_firmware", json!(true)),
        same("no_counters", json!(true)),
        same("no_ribbon_chip", json!(true)),
        same("status_block", json!(false)),
        same("jam", json!("eject")),
        ("jam", json!("flip"), None),
        same("open_cover_after_panels", json!(3)),
        same("end_ribbon_after_panels", json!(4)),
        ("fail_magnetic", json!("write"), None),
        ("next_chip", json!({ "faults": { "mute": true } }), None),
        same("cut_power_after_bytes", json!(123_456)),
        same("spoil_answers", json!({ "how": "never", "after": 99, "times": 2 })),
        (
            "forced",
            json!({ "error": ["HEAD_TEMP"], "extension2": 5 }),
            Some(json!({
                "config": [], "information": [], "warning": [], "error": ["HEAD_TEMP"],
                "extension1": 0, "extension2": 5, "extension3": 0, "extension4": 0,
            })),
        ),
    ]
}

#[test]
fn every_key_has_its_effect_or_is_refused_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--blanks", "9", "--model", "Zenius", "--without", "MAGNETIC"];
    let machine = Machine::start(dir.path(), &options);
    let mut left: Vec<String> =
        machine.ask("GET", "/state", "").1.as_object().unwrap().keys().cloned().collect();
    left.retain(|key| key != "machine");
    for (key, value, shown) in changes() {
        left.retain(|known| known != key);
        let before = machine.ask("GET", "/state", "").1[key].clone();
        let (status, told) = machine.ask("PATCH", "/state", &json!({ key: value }).to_string());
        match shown {
            Some(shown) => assert_eq!((status, &told[key]), (200, &shown), "{key} {value}: {told}"),
            None => {
                assert_eq!(status, 422, "{key} {value}: {told}");
                assert!(told["error"].as_str().unwrap().contains(key), "{told}");
                assert_eq!(machine.ask("GET", "/state", "").1[key], before, "{key}");
            }
        }
    }
    assert_eq!(left, [""; 0], "keys that nobody tried");
}

/// A lever with its argument, and the key that shows its effect; `None`: it is refused, and the lever named.
const LEVERS: [(&str, &str, Option<(&str, &str)>); 42] = [
    ("open_cover", "", Some(("cover_open", "true"))),
    ("close_cover", "", Some(("cover_open", "false"))),
    ("open_feeder", "", Some(("feeder_open", "true"))),
    ("close_feeder", "", Some(("feeder_open", "false"))),
    ("empty_feeder", "", Some(("feeder_cards", "0"))),
    ("load_feeder", "100", Some(("feeder_cards", "100"))),
    ("load_feeder", "1", None),
    ("empty_hopper", "", Some(("hopper_cards", "0"))),
    ("empty_reject_box", "", Some(("reject_box_cards", "0"))),
    ("end_ribbon", "", Some(("ribbon_left", "0"))),
    ("new_ribbon", "", Some(("ribbon_left", "300"))),
    ("remove_ribbon", "", Some(("ribbon", "null"))),
    ("new_ribbon", "", None),
    ("end_ribbon", "", None),
    ("put_ribbon", "300", None),
    ("put_ribbon", "100", Some(("ribbon", "\"KBLACK\""))),
    ("jam_next_card", "", Some(("jam", "\"head\""))),
    ("jam", "\"eject\"", Some(("jam", "\"eject\""))),
    ("jam", "\"flip\"", None),
    ("take_card_out", "", None),
    ("insert_card", "", Some(("card_in_hand", "true"))),
    ("take_from_exit", "", Some(("card_in_slot", "false"))),
    ("lock", "", Some(("locked", "true"))),
    ("unlock", "", Some(("locked", "false"))),
    ("overheat", "", None),
    ("sleep", "", Some(("asleep", "true"))),
    ("open_cover_after_panels", "3", Some(("open_cover_after_panels", "3"))),
    ("end_ribbon_after_panels", "4", Some(("end_ribbon_after_panels", "4"))),
    ("fail_magnetic", "\"write\"", None),
    ("cut_power_after_bytes", "99999", Some(("cut_power_after_bytes", "99999"))),
    (
        "spoil_answers",
        "{\"how\":\"never\",\"after\":99}",
        Some(("spoil_answers", "{\"how\":\"never\",\"after\":99,\"times\":1}")),
    ),
    ("force", "{\"word\":\"extension2\",\"bits\":5}", None),
    ("cut_power", "", Some(("powered", "false"))),
    ("sleep", "", None),
    ("power_on", "", Some(("powered", "true"))),
    ("open_window", "", None),
    ("load_feeder", "\"many\"", None),
    ("jam", "", None),
    ("force", "{\"word\":\"extension9\",\"bits\":5}", None),
    ("open_cover", "1", None),
    ("put_ribbon", "-1", None),
    ("empty_feeder", "", Some(("feeder_cards", "0"))),
];

#[test]
fn every_lever_has_its_effect_or_is_refused_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--blanks", "9", "--model", "Zenius", "--without", "MAGNETIC"];
    let machine = Machine::start(dir.path(), &options);
    let unknown = machine.ask("POST", "/levers/nothing", "").1["error"].to_string();
    let mut left: Vec<&str> = unknown.split('`').skip(3).step_by(2).collect();
    assert!(left.len() > 25, "{unknown}");
    for (lever, body, shown) in LEVERS {
        left.retain(|known| *known != lever);
        let (status, told) = machine.ask("POST", &format!("/levers/{lever}"), body);
        match shown {
            Some((key, value)) => {
                let value: Value = serde_json::from_str(value).unwrap();
                assert_eq!((status, &told[key]), (200, &value), "{lever} {body}: {told}");
            }
            None if lever == "force" && status == 200 => {
                assert_eq!(told["forced"]["extension2"], 5, "{told}");
            }
            None => assert_eq!(status, 422, "{lever} {body}: {told}"),
        }
    }
    assert_eq!(left, [""; 0], "levers that nobody tried");
}

#[test]
fn the_state_file_is_read_again_and_never_half_believed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state.json");
    let options = ["--blanks", "9", "--state", file.to_str().unwrap()];
    std::fs::write(&file, r#"{"feeder_cards": 1, "feeder_crads": 2}"#).unwrap();
    let refused = kartud(dir.path(), &options).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("feeder_crads"));
    std::fs::write(&file, r#"{"feeder_cards": 3}"#).unwrap();
    let machine = Machine::start(dir.path(), &options);
    machine.until("feeder_cards", &json!(3));
    std::fs::write(&file, r#"{"hopper_cards": 5, "hoper_cards": 6}"#).unwrap();
    std::fs::write(dir.path().join("next"), r#"{"reject_box_cards": 7, "jam": "head"}"#).unwrap();
    std::fs::rename(dir.path().join("next"), &file).unwrap();
    machine.until("reject_box_cards", &json!(7));
    let state = machine.ask("GET", "/state", "").1;
    assert_eq!((&state["jam"], &state["hopper_cards"]), (&json!("head"), &json!(0)));
    assert_eq!(state["feeder_cards"], 3, "keys that are not named stay as they were");
}

#[test]
fn control_is_for_this_computer_only() {
    let dir = tempfile::tempdir().unwrap();
    let refused = kartud(dir.path(), &["--control", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("loopback"));
    let help = kartud(dir.path(), &["--help"]).output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for word in ["--state", "--control", "--rests-after", "--without", "spoil_answers"] {
        assert!(help.contains(word), "{word}");
    }
}

/// A station with this configuration, as a separate process.
pub struct Station {
    pub http: Http,
    process: Process,
    /// Its log must be read, or the process blocks.
    _log: BufReader<ChildStderr>,
}

impl Station {
    pub fn start(folder: &Path, config: &str) -> Self {
        Vault::make_signing_key(&folder.join(KEYS), DOCUMENT_KEY).unwrap();
        let file = folder.join("kartud.toml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
        command.args(["run", "--new-ledger", "--config"]).arg(file).env_remove("RUST_LOG");
        let mut process = Process(command.stderr(Stdio::piped()).spawn().unwrap());
        let mut log = BufReader::new(process.0.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("address=") {
            assert_ne!(log.read_line(&mut said).unwrap(), 0, "{said}");
        }
        let address = said.split("address=").nth(1).unwrap().split(' ').next().unwrap();
        Self { http: Http::new(&format!("http://{address}")), process, _log: log }
    }

    /// Suspends or continues its process.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process.0), signal).unwrap();
    }

    /// A staff card of this number, once it is printed.
    fn printed(&self, reference: &str) -> Value {
        let mut job = staff();
        job["ref"] = json!(reference);
        let posted = self.http.post("/v1/jobs", &job);
        assert_eq!(posted.status, 201, "{}", posted.body);
        let id = posted.body["id"].clone();
        self.http.listen(0, |kind, _, data| {
            let this = kind == "job" && data["job"] == id;
            assert!(!this || data["state"] != "held", "{data}");
            this && data["state"] == "printed"
        });
        self.http.get(&format!("/v1/jobs/{}", id.as_str().unwrap())).body
    }
}

#[test]
fn a_machine_with_chips_and_its_reader_serve_a_station_of_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let (card, state) = (dir.path().join("card.toml"), dir.path().join("state.json"));
    std::fs::write(&card, "kind = \"file\"\nuid = \"04A1A2A3000010\"\n").unwrap();
    std::fs::write(&state, "{}").unwrap();
    let port = dir.path().join("reader.tty");
    let [card, state_file] = [&card, &state].map(|path| path.to_str().unwrap());
    let options = ["--reader-port", port.to_str().unwrap(), "--chips", card, "--state", state_file];
    let machine = Machine::start(dir.path(), &options);
    let config = format!(
        "[station]\nledger = \"ledger.db\"\n[http]\nlisten = \"127.0.0.1:0\"\n[vault]\nfolder = \"{KEYS}\"\n[product.staf]\nsame_holder_days = 0\n\
         [printer]\naddress = \"{}\"\n[encoder]\nfamily = \"pn532\"\naddress = \"serial:{}\"\n",
        machine.address,
        port.display()
    );
    let station = Station::start(dir.path(), &config);
    let chip = |job: &Value| {
        let encoding = &job["encoding"];
        (encoding["blanks_used"].clone(), encoding["chip"]["uid"].clone())
    };
    assert_eq!(chip(&station.printed("STAF-1")), (json!(1), json!("04a1a2a3000010")));
    let laid = std::fs::read_to_string(dir.path().join("cards/card-000001-chip.json")).unwrap();
    assert!(laid.contains("F04B494101"), "the application that the profile makes: {laid}");
    // Every fault spoils its blank, and the next blank becomes the card.
    for (number, fault) in [
        json!({ "torn_out_after": 3 }),
        json!({ "wrong_status": { "command": 3, "status": "6581" } }),
        json!({ "bit_flip": { "answer": 6, "bit": 77 } }),
    ]
    .into_iter()
    .enumerate()
    {
        let next = dir.path().join("next");
        std::fs::write(&next, json!({ "next_chip": { "faults": fault } }).to_string()).unwrap();
        std::fs::rename(&next, &state).unwrap();
        let begun = Instant::now();
        while machine.ask("GET", "/state", "").1["next_chip"].is_null() {
            assert!(begun.elapsed() < SOON, "the state file is not read");
        }
        let job = station.printed(&format!("STAF-{}", number + 2));
        assert_eq!(chip(&job).0, 2, "{fault}: {job}");
        let state = machine.ask("GET", "/state", "").1;
        let (good, bad) = (&state["hopper_cards"], &state["reject_box_cards"]);
        assert_eq!((good, bad), (&json!(number + 2), &json!(number + 1)), "{fault}");
    }
    let plain = Machine::start(&dir.path().join("plain"), &[]);
    let (status, told) =
        plain.ask("PATCH", "/state", r#"{"next_chip": {"faults": {"mute": true}}}"#);
    assert_eq!(status, 422, "{told}");
}

#[test]
fn chips_that_nobody_can_read_or_make_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let card = dir.path().join("card.toml");
    std::fs::write(&card, "kind = \"file\"\nuid = \"04\"\n").unwrap();
    let port = dir.path().join("reader.tty");
    let [card, port] = [&card, &port].map(|path| path.to_str().unwrap());
    let alone = kartud(dir.path(), &["--chips", card]).output().unwrap();
    assert_eq!(alone.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("--reader-port"));
    let wrong = kartud(dir.path(), &["--reader-port", port, "--chips", card]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("no such card"));
    assert!(!Path::new(port).exists());
}
