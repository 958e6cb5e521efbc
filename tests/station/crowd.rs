//! Many clients, and clients that stop in the middle of a request: they lose their own connection and affect nobody
//! else.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::raw::{Raw, ask};
use crate::test_station::{TestStation, child};

/// An immediate answer of a station on the same computer, however loaded.
const AT_ONCE: Duration = Duration::from_secs(5);

fn address(bench: &TestStation) -> SocketAddr {
    bench.daemon.as_ref().unwrap().address()
}

fn head(address: SocketAddr, path: &str, body_bytes: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {body_bytes}\r\n\r\n"
    )
}

/// Clients that have begun a request to each path that takes a body, and do not continue.
fn slow_senders(address: SocketAddr, job: &str) -> Vec<Raw> {
    let actions = ["cancel", "resolve", "release"].map(|what| format!("/v1/jobs/{job}/{what}"));
    let paths = ["/v1/jobs", "/v1/blanks"].into_iter().map(str::to_owned).chain(actions);
    let mut crowd = Vec::new();
    for path in paths {
        for number in 0..130 {
            let mut client = Raw::connect(address);
            client.send(head(address, &path, 4_000_000).as_bytes());
            // Some have sent more than is read without a memory reservation.
            client.send(&vec![b' '; if number % 2 == 0 { 1 } else { 40_000 }]);
            crowd.push(client);
        }
    }
    crowd
}

#[test]
fn a_crowd_of_slow_and_idle_clients_denies_nobody() {
    let bench = TestStation::new();
    let address = address(&bench);
    let first = bench.accepted(&child("S1"));
    let (over, mut crowd) = (AtomicBool::new(false), slow_senders(address, &first));
    let _idle: Vec<Raw> = (0..300).map(|_| Raw::connect(address)).collect();
    let latecomers = std::sync::Mutex::new(std::collections::VecDeque::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for client in &mut crowd {
                    client.send(b" ");
                }
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        let answers = || {
            for path in ["/healthz", "/readyz?for=intake", "/metrics"] {
                let asked = Instant::now();
                assert_eq!(bench.http.get(path).status, 200, "{path}");
                assert!(asked.elapsed() < AT_ONCE, "{path}: {:?}", asked.elapsed());
            }
        };
        scope.spawn(|| {
            // More of them keep coming, each as slow as the first.
            while !over.load(Ordering::Relaxed) {
                let mut client = Raw::connect(address);
                client.send(head(address, "/v1/jobs", 4_000_000).as_bytes());
                client.send(&vec![b' '; 40_000]);
                std::thread::park_timeout(Duration::from_millis(5));
                let mut latecomers = latecomers.lock().unwrap();
                latecomers.push_back(client);
                if latecomers.len() > 300 {
                    latecomers.pop_front();
                }
            }
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            answers();
            let id = bench.accepted(&child("S2"));
            bench.until(&id, "printed");
            answers();
            let count = r#"{"kind":"loaded","cards":100,"by":"petugas-2"}"#;
            let json = [("content-type", "application/json")];
            let entered = bench.http.post_with("/v1/blanks", count.as_bytes(), &json);
            assert!(matches!(entered.status, 201 | 400 | 422), "{}", entered.body);
        }));
        over.store(true, Ordering::Relaxed);
        done.unwrap();
    });
}

#[test]
fn a_client_that_sends_too_slowly_is_told_so_and_let_go() {
    let bench = TestStation::without_printer();
    let address = address(&bench);
    for path in ["/v1/jobs", "/v1/blanks", "/v1/jobs/x/cancel", "/nowhere"] {
        let mut client = Raw::connect(address);
        client.send(head(address, path, 100).as_bytes());
        client.send(b"{");
        let answer = client.answer().expect("it is told");
        assert_eq!(answer.status, 408, "{path}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(answer.body.contains("E_TIMEOUT"), "{answer:?}");
        assert_eq!(client.until_hung_up(), 0);
    }
}

#[test]
fn a_client_that_asks_for_nothing_is_let_go() {
    let bench = TestStation::without_printer();
    let mut silent = Raw::connect(address(&bench));
    let mut half = Raw::connect(address(&bench));
    half.send(b"GET /healthz HTTP/1.1\r\nHost: loc");
    let mut again = Raw::connect(address(&bench));
    again.send(format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", address(&bench)).as_bytes());
    assert_eq!(again.answer().unwrap().status, 200);
    for client in [&mut silent, &mut half, &mut again] {
        client.until_hung_up();
    }
}

#[test]
fn a_client_that_takes_no_answer_is_let_go() {
    let bench = TestStation::without_printer();
    let mut client = Raw::connect(address(&bench));
    let request = format!("GET /openapi.json HTTP/1.1\r\nHost: {}\r\n\r\n", address(&bench));
    let many = request.repeat(400);
    client.send(many.as_bytes());
    let whole = bench.http.bytes("/openapi.json").len() * 400;
    // This client reads nothing until the station has waited for it longer than it may.
    let (_stay, wait) = std::sync::mpsc::channel::<()>();
    let _ = wait.recv_timeout(Duration::from_secs(30));
    assert!(client.until_hung_up() < whole, "it was let go before the end");
    assert_eq!(bench.http.get("/healthz").status, 200);
}

#[test]
fn a_client_that_half_closes_gets_its_answer() {
    let bench = TestStation::new();
    let address = address(&bench);
    let job = child("S2").to_string();
    let post = format!("{}{job}", head(address, "/v1/jobs", job.len()));
    let get = format!("GET /v1/station HTTP/1.1\r\nHost: {address}\r\n\r\n");
    for (request, status) in [(post, 201), (get, 200)] {
        let mut client = Raw::connect(address);
        client.send(request.as_bytes());
        client.half_close();
        assert_eq!(client.answer().expect("it is answered").status, status);
        assert_eq!(client.until_hung_up(), 0);
    }
}

#[test]
fn listeners_that_hang_up_make_room_for_others() {
    let bench = TestStation::without_printer();
    let address = address(&bench);
    let request = format!("GET /v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n");
    for number in 0..200 {
        let asked = Instant::now();
        loop {
            let mut listener = Raw::connect(address);
            listener.send(request.as_bytes());
            match listener.head().unwrap().status {
                200 => break,
                // The previous client has just disconnected.
                503 => assert!(asked.elapsed() < AT_ONCE, "{number}: all places stay taken"),
                status => panic!("{status}"),
            }
        }
    }
}

#[test]
fn a_station_with_few_descriptors_prints_under_a_crowd() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 160; exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_kartud"));
    let machine = crate::emulate::Machine::start(&dir.path().join("machine"), &[]);
    let process = crate::restart::Process::start_at(command, dir.path(), &machine.address);
    let address: SocketAddr = process.http.url.strip_prefix("http://").unwrap().parse().unwrap();
    let _idle: Vec<Raw> = (0..400).map(|_| Raw::connect(address)).collect();
    let answer = process.http.post("/v1/jobs", &child("S2"));
    assert_eq!(answer.status, 201, "{}", answer.body);
    process.http.listen(0, |_, _, data| data["event"] == "card_out");
    assert_eq!(process.http.get("/healthz").status, 200);
    let _more: Vec<Raw> = (0..400).map(|_| Raw::connect(address)).collect();
    assert_eq!(process.http.get("/healthz").status, 200);
    process.kill();
}

#[test]
fn a_station_raises_its_limit_of_descriptors() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -n 64; exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_kartud"));
    let process = crate::restart::Process::start_by(command, dir.path());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let figures: Vec<&str> =
        line.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    assert_eq!(figures[0], figures[1], "soft and hard: {line}");
    process.kill();
}

#[test]
fn a_request_that_is_too_long_is_told_so() {
    let bench = TestStation::without_printer();
    let address = address(&bench);
    let declared = ask(address, head(address, "/v1/blanks", 500_000_000).as_bytes());
    assert_eq!(declared.status, 413);
    let mut client = Raw::connect(address);
    let chunked =
        head(address, "/v1/jobs", 0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    client.send(chunked.as_bytes());
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 0x10_0000], b"\r\n"].concat();
    for _ in 0..5 {
        client.send(&chunk);
    }
    assert_eq!(client.answer().unwrap().status, 413);
}

/// Sets how many files a child process may have open; `None`: as many as at its start.
fn allow_files(process: u32, files: Option<u64>) {
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit { current: files.or(most), maximum: most };
    prlimit(Pid::from_raw(process.cast_signed()), Resource::Nofile, limit).unwrap();
}

#[test]
fn descriptors_that_run_out_are_told_by_their_name_and_come_back() {
    let dir = tempfile::TempDir::new().unwrap();
    let machine = crate::emulate::Machine::start(&dir.path().join("machine"), &[]);
    let command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    let process = crate::restart::Process::start_at(command, dir.path(), &machine.address);
    let mut taken = false;
    process.http.listen(0, |kind, _, data| {
        if !taken && kind == "station" && data["state"] == "idle" {
            allow_files(process.child.id(), Some(3));
            taken = true;
        }
        taken && data["state_reasons"].to_string().contains("too many open files")
    });
    allow_files(process.child.id(), None);
    assert_eq!(process.http.post("/v1/jobs", &child("S2")).status, 201);
    process.http.listen(0, |_, _, data| data["event"] == "card_out");
    process.kill();
}
