//! A printer, a reader and a program that is neither answer with personal data: none of it may be stored.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use drivers::encoder::{CardEncoder, Chip, EncoderError};
use emulators::card::CardSettings;
use emulators::machine::BlankChips;
use serde_json::Value;

use crate::printing::staff;
use crate::test_station::{Http, TestStation, child, config};

/// A child that no job names.
const CANARY: &str = "KENARI QUAGGA NIK 1301059999888877";
const PARTS: [&str; 4] = ["KENARI", "QUAGGA", "1301059999888877", "9999888877"];

/// An emulated option of the machine, and who owns it: see the status words of the family.
const TWO_SIDED: [u8; 4] = [0x80, 0x10, 0, 0];
const CLAIMED: [u8; 4] = [0x80, 0, 0, 0];

/// The scripted answer to a command (`JOB` and `END` for the parts of a job, empty for a poll); `None`: the proper
/// answer.
type Says = fn(&str) -> Option<String>;

/// A network printer that executes commands and answers what the test wants.
struct Puppet {
    says: Says,
    claimed: bool,
    session: u8,
}

impl Puppet {
    /// Its address. The thread ends with the test process.
    fn start(says: Says) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let mut puppet = Puppet { says, claimed: false, session: 0 };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that disconnects is no fault of a printer.
                let _ = puppet.serve(stream);
            }
        });
        address
    }

    fn serve(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut request = Vec::new();
        stream.read_to_end(&mut request)?;
        let text = String::from_utf8_lossy(&request).into_owned();
        let told = match &text {
            job if job.starts_with("\u{1b}Psync;1;0\r") => "JOB",
            end if end.starts_with("\u{1b}Pcla;0\r") => "END",
            one => one.trim_start_matches('\u{1b}').trim_end_matches(['\r', '\0']),
        };
        let instead = (self.says)(told);
        let mut answer = match (&instead, told) {
            (Some(text), _) => text.replace("{sent}", told),
            (None, "Rtp") => "Primacy".into(),
            (None, "Rsn") => "10001234".into(),
            (None, "Rfv") => "1.0".into(),
            (None, "Rrt;all") => "label: YMCKO\ntype: 0\nqty: 300\ncount: 200".into(),
            (None, "Rco;card") => "inserted_head: 100".into(),
            (None, _) => "OK".into(),
        }
        .into_bytes();
        match told {
            "Psid;2;45" => self.session = 2,
            "Psid;0;45" => self.session = 0,
            "JOB" => self.claimed = true,
            "END" => self.claimed = false,
            _ => {}
        }
        answer.extend([0, 0, 0x14, 16]);
        answer.extend(TWO_SIDED);
        answer.extend(if self.claimed { CLAIMED } else { [0; 4] });
        answer.extend([0; 8]);
        answer.extend([2, 0, self.session]);
        stream.write_all(&answer)?;
        stream.shutdown(Shutdown::Both)
    }
}

fn assert_silent(what: &str, bytes: &[u8]) {
    let hex: String = CANARY.bytes().take(12).map(|byte| format!("{byte:02x}")).collect();
    let text = String::from_utf8_lossy(bytes);
    let folded = text.to_lowercase();
    for part in PARTS.iter().map(|part| part.to_lowercase()).chain([hex]) {
        assert!(!folded.contains(&part), "{part} stands in {what}: {text}");
    }
}

/// Every file below a folder: its name and its bytes.
fn assert_folder_silent(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_silent("a file's name", name.as_bytes());
        match path.is_dir() {
            true => assert_folder_silent(&path),
            false => assert_silent(&name, &std::fs::read(&path).unwrap()),
        }
    }
}

fn assert_api_silent(http: &Http, id: &str) {
    let (job, events) = (format!("/v1/jobs/{id}"), format!("/v1/jobs/{id}/events"));
    for path in ["/v1/station", "/v1/jobs", "/metrics", "/readyz", &job, &events] {
        assert_silent(path, http.get(path).body.to_string().as_bytes());
    }
}

/// Runs the real program with full logging, on a scripted printer, with a job, until `told` is true of an event.
fn station_on(says: Says, told: fn(&Value) -> bool) {
    let dir = tempfile::TempDir::new().unwrap();
    let toml = dir.path().join("kartud.toml");
    let printer = format!("address = \"{}\"", Puppet::start(says));
    std::fs::write(&toml, config(dir.path(), "").replace("address = \"emulated\"", &printer))
        .unwrap();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_kartud"))
        .args(["run", "--new-ledger", "--config"])
        .arg(&toml)
        .env("RUST_LOG", "trace")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut log, mut stderr) = (String::new(), BufReader::new(daemon.stderr.take().unwrap()));
    while !log.contains("address=") {
        assert!(stderr.read_line(&mut log).unwrap() > 0, "it gets ready: {log}");
    }
    let address = log.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
    let http = Http::new(&format!("http://{address}"));
    let rest = std::thread::spawn(move || {
        let mut rest = Vec::new();
        stderr.read_to_end(&mut rest).unwrap();
        rest
    });
    let answer = http.post("/v1/jobs", &child("S2"));
    assert_eq!(answer.status, 201, "{}", answer.body);
    let heard = http.listen(0, |_, _, data| told(data));
    assert_silent("the events", format!("{heard:?}").as_bytes());
    assert_api_silent(&http, answer.body["id"].as_str().unwrap());
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_silent("the log", &[log.into_bytes(), rest.join().unwrap()].concat());
    assert_folder_silent(dir.path());
}

#[test]
fn a_printer_that_answers_everything_with_a_childs_name_leaves_nothing_of_it() {
    station_on(
        |_| Some(format!("{CANARY} {{sent}}")),
        |data| data["state_reasons"].to_string().contains("no known answer"),
    );
}

#[test]
fn a_network_service_that_greets_with_a_childs_name_leaves_nothing_of_it() {
    station_on(
        |_| Some(format!("220 {CANARY}\r\n\0\0\0\0\0")),
        |data| data["state_reasons"].to_string().contains("not understood"),
    );
}

#[test]
fn a_printer_that_refuses_commands_with_a_childs_name_leaves_nothing_of_it() {
    station_on(
        |told| match told {
            "Rtp" | "Rrt;all" | "Rco;card" | "" => None,
            _ => Some(CANARY.to_owned()),
        },
        |data| data["event"] == "no_card" && data["detail"].to_string().contains("34 bytes"),
    );
}

#[test]
fn a_printer_that_answers_a_whole_job_with_a_childs_name_leaves_nothing_of_it() {
    station_on(
        |told| (told == "JOB").then(|| CANARY.to_owned()),
        |data| data["event"] == "lose_sight" && data["detail"].to_string().contains("34 bytes"),
    );
}

/// An emulated reader whose card answers every command with the command and personal data.
struct Echo(Box<dyn CardEncoder>);

impl CardEncoder for Echo {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        self.0.power_on(patience)
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        answer.clear();
        answer.extend_from_slice(command);
        answer.extend_from_slice(CANARY.as_bytes());
        answer.extend([0x90, 0x00]);
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        self.0.power_off()
    }
}

#[test]
fn a_card_that_answers_everything_with_a_childs_name_leaves_nothing_of_it() {
    let card = CardSettings::File(Box::default());
    let chips = BlankChips::new(move |number| card.blank(number as u32).unwrap());
    let field = chips.contactless();
    let reader = move || -> drivers::encoder::Opened {
        Ok(Box::new(Echo(emulators::reader::open("pn532", field.clone())?)))
    };
    let mut bench = TestStation::with_chips_and_reader(chips, Arc::new(reader), "");
    let id = bench.accepted(&staff());
    bench.until(&id, "held");
    assert_api_silent(&bench.http, &id);
    bench.stop();
    assert_folder_silent(bench.dir.path());
}
