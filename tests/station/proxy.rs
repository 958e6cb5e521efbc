//! The command line talks only to the named station, whatever the environment says.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::test_station::{TestStation, child};

/// A server that counts its clients, and gives the answers in turn, the last one for ever.
struct Stranger {
    address: SocketAddr,
    contacts: Arc<AtomicUsize>,
}

impl Stranger {
    fn new(answers: &[&str]) -> Stranger {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let contacts = Arc::new(AtomicUsize::new(0));
        let count = contacts.clone();
        let answers: Vec<String> = answers.iter().map(|a| (*a).to_owned()).collect();
        std::thread::spawn(move || serve(&listener, &count, &answers));
        Stranger { address, contacts }
    }

    fn contacts(&self) -> usize {
        self.contacts.load(Ordering::Relaxed)
    }
}

fn serve(listener: &TcpListener, count: &AtomicUsize, answers: &[String]) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let number = count.fetch_add(1, Ordering::Relaxed);
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut bytes) = (String::new(), 0);
        while matches!(lines.read_line(&mut line), Ok(1..)) && line != "\r\n" {
            if let Some(length) = line.to_lowercase().strip_prefix("content-length: ") {
                bytes = length.trim().parse().unwrap();
            }
            line.clear();
        }
        let _ = lines.read_exact(&mut vec![0; bytes]);
        let answer = &answers[number.min(answers.len() - 1)];
        let _ = stream.write_all(answer.as_bytes());
    }
}

fn answer(status: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// `kartud`, with a proxy set in every possible way.
fn kartud(proxy: SocketAddr, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    for name in ["http_proxy", "https_proxy", "all_proxy", "ftp_proxy"] {
        for name in [name.to_owned(), name.to_uppercase()] {
            command.env(name, format!("http://{proxy}"));
        }
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY").env("LC_ALL", "C").args(args);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Every command (such as `blanks load`) that has `--url` in its help.
fn commands_with_a_url(words: &[String]) -> BTreeSet<String> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_kartud")).args(words).arg("--help").output().unwrap();
    let help = said(&output);
    let mut found = BTreeSet::new();
    if help.contains("--url") {
        found.insert(words.join(" "));
    }
    let list = help.split("\nCommands:\n").nth(1).unwrap_or("").split("\n\n").next().unwrap();
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|n| *n != "help") {
        found.extend(commands_with_a_url(&[words, &[name.to_owned()]].concat()));
    }
    found
}

#[test]
fn no_command_goes_through_a_proxy() {
    let (bench, dir) = (TestStation::without_printer(), tempfile::TempDir::new().unwrap());
    let proxy = Stranger::new(&[&answer("200 OK", "", "{}")]);
    let id = bench.accepted(&child("S1"));
    let file = dir.path().join("job.json");
    std::fs::write(&file, child("S2").to_string()).unwrap();
    let (file, by) = (file.to_str().unwrap(), ["--by", "petugas-2"]);
    let mut walked = BTreeSet::new();
    for (command, more) in [
        ("submit", &[file][..]),
        ("jobs", &[]),
        ("job", &[&id]),
        ("status", &[]),
        ("resolve", &[&id, "--seen", "printed", by[0], by[1]]),
        ("release", &[&id, by[0], by[1]]),
        ("cancel", &[&id, by[0], by[1]]),
        ("hand-over", &[&id, by[0], by[1]]),
        ("expire", &[&id, by[0], by[1]]),
        ("blanks", &[]),
        ("blanks load", &["10", by[0], by[1]]),
        ("blanks return", &["1", by[0], by[1]]),
        ("blanks lost", &["1", by[0], by[1]]),
        ("blanks test", &["1", by[0], by[1]]),
        ("blanks spoil", &["1", "--cause", "RUSAK_FISIK", by[0], by[1]]),
        ("blanks count", &["7", by[0], by[1]]),
        ("blanks spoiled", &[]),
        ("clock trust", &by),
    ] {
        let words: Vec<&str> = command.split(' ').chain(more.iter().copied()).collect();
        let output =
            kartud(proxy.address, &words).args(["--url", &bench.http.url]).output().unwrap();
        // 3: the station itself has refused.
        assert!(matches!(output.status.code(), Some(0 | 3)), "{command}: {}", said(&output));
        assert_eq!(proxy.contacts(), 0, "{command} went to the proxy");
        walked.insert(command.to_owned());
    }
    assert_eq!(commands_with_a_url(&[]), walked, "every command that talks to a station is here");
    let mut watch =
        kartud(proxy.address, &["status", "--watch", "--json", "--url", &bench.http.url])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
    let mut line = String::new();
    BufReader::new(watch.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(line.contains("station"), "{line}");
    let place = dir.path().to_str().unwrap();
    let demo = ["demo", "--once", "--cards", "1", "--dir", place, "--listen", "127.0.0.1:0"];
    let demo = kartud(proxy.address, &demo).output().unwrap();
    assert!(demo.status.success(), "{}", said(&demo));
    assert_eq!(proxy.contacts(), 0);
}

#[test]
fn a_job_goes_nowhere_else_when_the_answer_says_so() {
    let (elsewhere, dir) =
        (Stranger::new(&[&answer("200 OK", "", "{}")]), tempfile::tempdir().unwrap());
    let file = dir.path().join("job.json");
    std::fs::write(&file, child("S2").to_string()).unwrap();
    for status in
        ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let to = format!("Location: http://{}/v1/jobs\r\n", elsewhere.address);
        let station = Stranger::new(&[&answer(status, &to, "")]);
        let url = format!("http://{}", station.address);
        for words in [&["submit", file.to_str().unwrap()][..], &["jobs"]] {
            let output = kartud(elsewhere.address, words).args(["--url", &url]).output().unwrap();
            assert_ne!(output.status.code(), Some(0), "{status}: {}", said(&output));
        }
        assert_eq!(elsewhere.contacts(), 0, "{status}");
    }
}

#[test]
fn a_station_that_is_busy_is_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("job.json");
    std::fs::write(&file, child("S2").to_string()).unwrap();
    let busy = answer(
        "503 Service Unavailable",
        "Retry-After: 1\r\nContent-Type: application/problem+json\r\n",
        r#"{"type": "urn:kartu:problem:E_BUSY", "code": "E_BUSY", "detail": "busy", "errors": []}"#,
    );
    let stored = answer("201 Created", "", r#"{"id": "1", "ref": "R", "state": "queued"}"#);
    let station = Stranger::new(&[&busy, &busy, &stored]);
    let url = format!("http://{}", station.address);
    let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let words = ["submit", file.to_str().unwrap(), "--url", &url];
    let output = kartud(nobody, &words).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output).matches("busy").count(), 1, "it is said once: {}", said(&output));
    assert_eq!(station.contacts(), 3);
}
