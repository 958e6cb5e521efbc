//! The messages that a technician reads when a command fails: what is wrong, and what to do.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::test_station::{TestStation, child, config};

fn kartud(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kartud")).args(args).env("LC_ALL", "C").output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, String) {
    let both = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&both).into_owned())
}

/// A server that is not a station, and answers everything alike.
fn another_server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // One read gets the head of any request of ours; a client that disconnects is no fault.
            let _ = stream.read(&mut [0; 16 * 1024]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

/// Every command that sends a request to a station.
fn client_commands(job: &Path) -> Vec<Vec<String>> {
    let job = job.display();
    [
        "status".to_owned(),
        "status --watch".into(),
        "status --json".into(),
        "jobs".into(),
        "job 0199f3c0".into(),
        format!("submit {job}"),
        "resolve 0199f3c0 --seen printed --by op-2".into(),
        "release 0199f3c0 --by op-2".into(),
        "cancel 0199f3c0 --by op-2".into(),
        "blanks".into(),
        "blanks load 5 --by op-2".into(),
        "blanks spoiled".into(),
    ]
    .iter()
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .collect()
}

#[test]
fn what_answers_and_is_no_station_is_called_so_by_every_command() {
    let dir = tempfile::TempDir::new().unwrap();
    let job = dir.path().join("job.json");
    std::fs::write(&job, child("S2").to_string()).unwrap();
    for answer in [
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\nconnection: close\r\n\r\n<p>\n",
        "HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    ] {
        let url = another_server(answer);
        for command in client_commands(&job) {
            let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
            args.extend(["--url", &url]);
            let (code, said) = told(&kartud(&args));
            let sentence = format!("what answers at {url} is no kartud station");
            assert!(code == Some(4) && said.contains(&sentence), "{args:?}: {code:?} {said}");
        }
    }
}

#[test]
fn nobody_at_the_address_and_no_address_are_told_apart() {
    let dir = tempfile::TempDir::new().unwrap();
    let job = dir.path().join("job.json");
    std::fs::write(&job, child("S2").to_string()).unwrap();
    for command in client_commands(&job) {
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        args.extend(["--url", "http://127.0.0.1:1"]);
        let (code, said) = told(&kartud(&args));
        let sentence = "no station answers at http://127.0.0.1:1; is kartud running?";
        assert!(code == Some(4) && said.contains(sentence), "{args:?}: {code:?} {said}");
    }
    for url in ["127.0.0.1:8631", "ftp://127.0.0.1", "http://", "https://127.0.0.1:8631", "x y"] {
        let (code, said) = told(&kartud(&["status", "--url", url]));
        assert!(code == Some(2) && said.contains("such as http://127.0.0.1:8631"), "{url}: {said}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_wrong_configuration() {
    let dir = tempfile::TempDir::new().unwrap();
    let (missing, folder) = (dir.path().join("kartu.toml"), dir.path());
    let latin = dir.path().join("latin.toml");
    std::fs::write(&latin, b"# caf\xe9\n").unwrap();
    for (path, sentence) in [
        (missing.as_path(), "there is no such file"),
        (folder, "this is a folder"),
        (&latin, "this is no text in UTF-8"),
    ] {
        let path = path.to_str().unwrap();
        for args in [
            vec!["check-config", path],
            vec!["check-config", path, "--json"],
            vec!["run", "--config", path],
            vec!["printer", "probe", "--config", path],
            vec!["keys", "show", "document", "--config", path],
        ] {
            let (code, said) = told(&kartud(&args));
            assert!(code == Some(5) && said.contains(sentence), "{args:?}: {code:?} {said}");
            assert!(said.contains(path), "{args:?}: {said}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_what_to_do() {
    let dir = tempfile::TempDir::new().unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (folder, missing) = (text(dir.path()), text(&dir.path().join("missing")));
    let job = text(&dir.path().join("job.json"));
    std::fs::write(&job, child("S2").to_string()).unwrap();
    for (file, sentence) in [
        (&folder, "this is a folder. Name the file in it."),
        (&missing, "there is no such file. Check its name."),
    ] {
        for args in [
            vec!["submit", file],
            vec!["submit", &job, "--photo", file],
            vec!["preview", file, "--out", &folder],
            vec!["preview", &job, "--photo", file, "--out", &folder],
            vec!["verify", "--file", file, "--keys", file],
            vec!["verify", "--qr", "AB", "--keys", file],
            vec!["emulate", "card", "--card", file],
        ] {
            let (code, said) = told(&kartud(&args));
            let whole = format!("kartud: {file}: {sentence}");
            assert!(code == Some(1) && said.contains(&whole), "{args:?}: {code:?} {said}");
        }
    }
    let (code, said) = told(&kartud(&[
        "emulate",
        "evolis",
        "--out",
        &folder,
        "--state",
        &folder,
        "--listen",
        "127.0.0.1:0",
    ]));
    assert!(code == Some(1) && said.contains("this is a folder"), "{said}");
}

#[test]
fn what_a_configuration_needs_of_the_computer_is_checked() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("kartud.toml");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    std::fs::write(dir.path().join("file"), "").unwrap();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        told(&kartud(&["check-config", path.to_str().unwrap()]))
    };
    let free = "[http]\nlisten = \"127.0.0.1:0\"\n";
    for (text, sentence) in [
        ("[station]\nledger = \"file/deeper/ledger.db\"", "station.ledger: the folder "),
        ("[station]\nledger = \"\"", "names no file"),
        ("[station]\nledger = \"folder/\"", "names no file"),
        ("[station]\nledger = \"ledger.db-wal\"", "is used for what lies beside a ledger"),
        ("[station]\nledger = \"ledger.head\"", "is used for what lies beside a ledger"),
        ("[station]\nledger = \"file/ledger.db\"", "station.ledger: "),
        ("[station]\nledger = \"folder\"", "is no file. Name the ledger's file."),
        (
            "[printer]\nfamily = \"zebra\"\naddress = \"tcp://127.0.0.1:9100\"",
            "line 4: printer.family: is no family of printers; known: evolis",
        ),
        (
            "[printer]\nmodel = \"Zebra\"",
            "line 4: printer.model: is no model of the family; known: Primacy",
        ),
        (
            "[printer.emulator]\nmodel = \"Zebra\"",
            "printer.emulator.model: is no model of the family",
        ),
    ] {
        let (code, said) = check(&format!("{free}{text}\n"));
        assert!(code == Some(5) && said.contains(sentence), "{text}: {code:?} {said}");
    }
    let (code, said) = check(&format!("{free}[station]\nledger = \"nowhere/ledger.db\"\n"));
    assert!(code == Some(0) && said.contains("`kartud init` makes it"), "{said}");
    let here = "[station]\nledger = \"ledger.db\"\n";
    let (code, said) = check(&format!("{here}[http]\nlisten = \"127.0.0.1:{port}\"\n"));
    assert!(code == Some(5) && said.contains("another program uses 127.0.0.1"), "{said}");
    let (code, said) = check(&format!(
        "{here}[http]\nlisten = \"[::1]:0\"\n[printer]\nmodel = \"evolis primacy 2\"\n"
    ));
    assert!(code == Some(0) || said.contains("::1"), "{said}");
    let bench = TestStation::without_printer();
    let address = bench.http.url.trim_start_matches("http://");
    let (code, said) = check(&format!("{here}[http]\nlisten = \"{address}\"\n"));
    assert!(code == Some(0) && said.contains("A kartud station runs at"), "{said}");
    assert!(!dir.path().join("ledger.db").exists(), "nothing is made by looking");
}

#[test]
fn times_are_the_offices_and_insisting_is_an_option() {
    let bench = TestStation::new();
    let id = bench.accepted(&child("S2"));
    bench.until(&id, "printed");
    let url = bench.http.url.as_str();
    for args in [vec!["jobs"], vec!["job", &id], vec!["blanks", "load", "3", "--by", "op-2"]] {
        let (code, said) = told(&kartud(&[&args[..], &["--url", url]].concat()));
        assert!(code == Some(0) && said.contains(" +07:00"), "{args:?}: {said}");
        assert!(!said.contains("Z  "), "no time of Greenwich: {said}");
    }
    let json = told(&kartud(&["jobs", "--json", "--url", url])).1;
    assert!(json.contains("Z\""), "programs get it as the station sends it: {json}");
}

#[test]
fn a_job_that_waits_is_not_said_to_be_over() {
    let bench = TestStation::new();
    let mut old = child("S2");
    old["reason"] = json!("RUSAK");
    let answer = bench.http.post("/v1/jobs", &old);
    assert_eq!(answer.body["state"], "held", "{}", answer.body);
    let id = answer.body["id"].as_str().unwrap();
    let url = bench.http.url.as_str();
    let (code, said) =
        told(&kartud(&["resolve", id, "--seen", "printed", "--by", "op-2", "--url", url]));
    assert!(code == Some(3) && said.contains("The job is held. Release it or cancel it"), "{said}");
    let (_, shown) = told(&kartud(&["job", id, "--url", url]));
    assert!(
        shown.contains("H_OLD_CARD  fields.kartu_lama_kembali: "),
        "the field is said: {shown}"
    );
    assert!(shown.contains("(field \"Old card returned\")"), "{shown}");
}

/// Runs the real program; returns its log until it ends.
fn log_of_a_run(level: &str) -> String {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("kartud.toml");
    std::fs::write(&path, config(dir.path(), "")).unwrap();
    let mut station = Command::new(env!("CARGO_BIN_EXE_kartud"))
        .args(["run", "--new-ledger", "--config"])
        .arg(&path)
        .env("RUST_LOG", level)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = station.stderr.take().unwrap();
    let (mut log, mut piece) = (Vec::new(), [0; 4096]);
    let begun = Instant::now();
    while !String::from_utf8_lossy(&log).contains("ready") {
        let got = stderr.read(&mut piece).unwrap();
        assert!(got > 0 && begun.elapsed() < Duration::from_secs(60), "it gets ready");
        log.extend_from_slice(&piece[..got]);
    }
    let text = String::from_utf8_lossy(&log).into_owned();
    let address = text.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
    let http = crate::test_station::Http::new(&format!("http://{address}"));
    let id = http.post("/v1/jobs", &child("S2")).body["id"].clone();
    http.listen(0, |kind, _, data| {
        kind == "job" && data["job"] == id && data["state"] == "printed"
    });
    let pid = station.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    stderr.read_to_end(&mut log).unwrap();
    assert!(station.wait().unwrap().success());
    String::from_utf8_lossy(&log).into_owned()
}

#[test]
fn the_end_of_a_station_stands_in_its_log() {
    let log = log_of_a_run("info");
    assert!(log.contains("told to stop") && log.contains("SIGTERM"), "{log}");
    assert!(log.contains("stopped after ") && log.contains("waited_for_a_card"), "{log}");
    assert!(!log.contains("answered"), "a request is no news: {log}");
}

#[test]
fn a_technician_can_follow_a_card_in_the_log() {
    let log = log_of_a_run("trace");
    for told in [
        "/v1/jobs",
        "status=201",
        "written",
        "the card is out",
        "the printer was asked",
        "sent to the printer",
    ] {
        assert!(log.contains(told), "{told} is missing: {log}");
    }
}

/// As in docs/operating.md: the state file is written after the start.
#[test]
fn a_state_file_that_is_not_there_yet_is_waited_for() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut printer = Command::new(env!("CARGO_BIN_EXE_kartud"))
        .args(["emulate", "evolis", "--out", "cards", "--reader-port", "reader.tty", "--state"])
        .args(["state.json", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = std::io::BufReader::new(printer.stdout.take().unwrap());
    let mut control = String::new();
    while !control.contains("/state") && !control.starts_with("control") {
        control.clear();
        assert!(std::io::BufRead::read_line(&mut stdout, &mut control).unwrap() > 0, "it starts");
    }
    let url = control.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned();
    std::fs::write(
        dir.path().join("state.json"),
        r#"{"next_chip": {"faults": {"mute_after": 3}}}"#,
    )
    .unwrap();
    let url = url.trim_end_matches("/state").to_owned();
    let http = crate::test_station::Http::new(&url);
    let begun = Instant::now();
    while http.get("/state").body["next_chip"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the state file is not read");
        std::thread::sleep(Duration::from_millis(20));
    }
    printer.kill().unwrap();
    let mut said = String::new();
    printer.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    printer.wait().unwrap();
    assert!(said.contains("state.json is not there yet"), "{said}");
}
