//! A technician at an emulated machine: its state file, and its control interface.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A saved file is read within a fraction of a second; this is a machine under load.
const SOON: Duration = Duration::from_secs(20);

fn kartud(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    command.args(["emulate", "evolis", "--listen", "127.0.0.1:0", "--slowness", "0", "--out"]);
    command.arg(folder.join("cards")).args(options).env("LC_ALL", "C");
    command
}

/// An emulated machine that is ended with the test.
struct Machine {
    process: Child,
    control: String,
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Machine {
    fn start(folder: &Path, options: &[&str]) -> Self {
        let control = ["--control", "127.0.0.1:0"];
        let mut command = kartud(folder, &[&control[..], options].concat());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let control = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("control on http://").map(str::to_owned))
            .unwrap();
        Self { process, control }
    }

    /// One request as it stands; status and body.
    fn say(&self, request: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.control).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        self.say(&format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    fn until(&self, key: &str, wanted: &Value) {
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
    assert_eq!(machine.say("no HTTP\r\n\r\n").0, 404);
    let long = format!("PATCH /state HTTP/1.1\r\nContent-Length: {}\r\n\r\n", 1 << 30);
    assert_eq!(machine.say(&long).0, 413);
    let state = machine.ask("GET", "/state", "").1;
    assert_eq!((&state["feeder_cards"], &state["powered"]), (&json!(4), &json!(true)));
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
