//! The daemon under a supervisor that speaks systemd's protocols: it is told of readiness, progress and the end, and it
//! listens on sockets for the daemon (sd_notify(3), sd_listen_fds(3)).

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::restart::Process;
use crate::test_station::child;

/// Whatever is not told by then is never told.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the command behind it with its standard input and output as the third and the fourth descriptor.
const HANDS_OVER: &str =
    r#"exec 3<&0 4>&1 0</dev/null 1>&2; LISTEN_PID=$$ LISTEN_FDS=$SOCKETS exec "$@""#;

fn handed(sockets: Vec<OwnedFd>) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", HANDS_OVER, "sh", env!("CARGO_BIN_EXE_kartud")]);
    command.env("SOCKETS", sockets.len().to_string());
    let mut sockets = sockets.into_iter();
    command.stdin(sockets.next().map_or_else(Stdio::null, Stdio::from));
    command.stdout(sockets.next().map_or_else(Stdio::null, Stdio::from));
    command
}

/// Everything that is told, up to what begins like this.
pub fn told_until(supervisor: &UnixDatagram, start: &str) -> Vec<String> {
    let (mut told, began) = (Vec::new(), Instant::now());
    let mut message = [0; 4096];
    loop {
        assert!(began.elapsed() < PATIENCE, "{start}: {told:?}");
        let bytes = supervisor.recv(&mut message).unwrap_or_else(|_| panic!("{start}: {told:?}"));
        let text = String::from_utf8(message[..bytes].to_vec()).unwrap();
        told.extend(text.lines().map(str::to_owned));
        if told.last().is_some_and(|_| text.lines().any(|line| line.starts_with(start))) {
            return told;
        }
    }
}

#[test]
fn readiness_progress_status_and_the_end_are_told() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kartud"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "4000000");
    let mut process = Process::start_by(command, dir.path());
    let told = told_until(&supervisor, "WATCHDOG=1");
    let at = |line: &str| told.iter().position(|one| one == line);
    assert!(at("READY=1") < at("WATCHDOG=1") && at("READY=1").is_some(), "{told:?}");
    told_until(&supervisor, "WATCHDOG=1");
    assert_eq!(process.http.post("/v1/jobs", &child("S2")).status, 201);
    told_until(&supervisor, "STATUS=waits: the printer does not answer; jobs: 1 waiting");
    let pid = process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    told_until(&supervisor, "STOPPING=1");
    assert!(process.child.wait().unwrap().success());
}

fn asked(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn jobs_come_in_by_the_sockets_that_are_handed_over() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("kartud.sock");
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    let command = handed(vec![port.into(), UnixListener::bind(&path).unwrap().into()]);
    let process = Process::start_by(command, dir.path());
    assert!(process.http.url.contains(&address), "it listens where the supervisor does");
    assert_eq!(process.http.get("/readyz?for=intake").status, 200);
    let body = child("S2").to_string();
    let post = format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: station\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = asked(&path, &post);
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let job: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let same = process.http.get(&format!("/v1/jobs/{}", job["id"].as_str().unwrap()));
    assert_eq!(same.status, 200, "it is the same station");
    process.kill();
}

/// A supervisor keeps its sockets while the daemon is away: whoever asks meanwhile is answered by the next one.
#[test]
fn who_asks_between_two_lives_is_answered_by_the_next() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("kartud.sock");
    let kept = UnixListener::bind(&path).unwrap();
    let hand = || handed(vec![kept.try_clone().unwrap().into()]);
    Process::start_by(hand(), dir.path()).kill();
    let asks = std::thread::spawn({
        let path = path.clone();
        move || asked(&path, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    });
    let process = Process::start_by(hand(), dir.path());
    assert!(asks.join().unwrap().starts_with("HTTP/1.1 200 "));
    process.kill();
}

#[test]
fn a_socket_that_other_computers_reach_is_refused() {
    let dir = tempfile::TempDir::new().unwrap();
    let config = dir.path().join("kartud.toml");
    std::fs::write(&config, crate::test_station::config(dir.path(), "")).unwrap();
    let mut command = handed(vec![TcpListener::bind("0.0.0.0:0").unwrap().into()]);
    let ended = command.args(["run", "--new-ledger", "--config"]).arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        !ended.status.success() && said.contains("can be reached from other computers"),
        "{said}"
    );
    assert!(
        !dir.path().join("ledger.db").exists(),
        "a start that is refused leaves nothing behind"
    );
}
