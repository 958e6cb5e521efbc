//! The outbound heartbeat, to a watcher that writes down what it hears.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{self, Receiver};

use crate::restart::Process;
use crate::supervisor::PATIENCE;
use crate::test_station::{child, config};

const SECRET: &str = "6f1f7a9e-kenari";

/// A watcher: its address, and the path and the line of each heartbeat. It answers with this status; empty: it hangs up.
fn watcher(status: &'static str) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ping/{SECRET}", listener.local_addr().unwrap());
    let (tell, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut path, mut bytes) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(rest) = line.strip_prefix("POST ") {
                    path = rest.split(' ').next().unwrap().to_owned();
                }
                let header = line.to_ascii_lowercase();
                if let Some(length) = header.strip_prefix("content-length:") {
                    bytes = length.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; bytes];
            stream.read_exact(&mut body).unwrap();
            if !status.is_empty() {
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
            drop(stream);
            if tell.send((path, String::from_utf8(body).unwrap())).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

fn heartbeat(url: &str) -> String {
    format!("[heartbeat]\nurl = \"{url}\"\ninterval_seconds = 10\n")
}

#[test]
fn a_watcher_hears_that_the_station_lives() {
    let dir = tempfile::TempDir::new().unwrap();
    let (url, heard) = watcher("200 OK");
    let command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    let (process, log) = Process::start_with(command, dir.path(), &heartbeat(&url));
    let id = process.http.post("/v1/jobs", &child("S2")).body["id"].as_str().unwrap().to_owned();
    let path = format!("/ping/{SECRET}");
    let next = || heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(next().0, format!("{path}/start"));
    assert_eq!(next().0, path);
    // The next one, ten seconds later, says how it is.
    let (again, line) = next();
    assert_eq!(again, path);
    assert!(line.starts_with("waits: ") && line.contains("jobs: 1 waiting"), "{line}");
    assert!(!line.contains(&id), "{line}");
    process.kill();
    let log = log.join().unwrap().join("\n");
    assert!(!log.contains(SECRET), "the address is a secret: {log}");
}

#[test]
fn a_station_that_takes_no_jobs_says_so() {
    let dir = tempfile::TempDir::new().unwrap();
    let (url, heard) = watcher("200 OK");
    let command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    let (process, _log) = Process::start_with(command, dir.path(), &heartbeat(&url));
    std::fs::rename(dir.path().join("ledger.db"), dir.path().join("away")).unwrap();
    let fails = || heard.recv_timeout(PATIENCE).unwrap().0 == format!("/ping/{SECRET}/fail");
    assert!((0..4).any(|_| fails()), "the ledger is gone");
    process.kill();
}

#[test]
fn a_watcher_that_is_gone_or_refuses_keeps_nobody_and_is_told_of_once() {
    for (status, says) in [("404 Not Found", "the answer is 404"), ("", "why=")] {
        let (url, heard) = watcher(status);
        let dir = tempfile::TempDir::new().unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_kartud"));
        let (process, log) = Process::start_with(command, dir.path(), &heartbeat(&url));
        assert_eq!(process.http.post("/v1/jobs", &child("S2")).status, 201);
        for _ in 0..3 {
            heard.recv_timeout(PATIENCE).unwrap();
        }
        process.kill();
        let log = log.join().unwrap();
        let told: Vec<_> = log.iter().filter(|line| line.contains("heartbeat")).collect();
        assert_eq!(told.len(), 1, "{log:#?}");
        assert!(told[0].contains(says) && !told[0].contains(SECRET), "{told:?}");
    }
}

#[test]
fn a_wrong_address_is_said_and_not_repeated() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("kartud.toml");
    std::fs::write(&file, config(dir.path(), &heartbeat(&format!("ping.example/{SECRET}"))))
        .unwrap();
    let checked = Command::new(env!("CARGO_BIN_EXE_kartud"))
        .arg("check-config")
        .arg(&file)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(5), "{said}");
    assert!(said.contains("heartbeat.url: must be a whole address"), "{said}");
    assert!(!said.contains(SECRET), "{said}");
}
