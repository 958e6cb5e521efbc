//! The control interface of an emulated machine: plain HTTP/1.1 with JSON, on loopback, one request a connection.
//! Knows no key and no lever by name. For tests and for people at the same computer; the station has its own.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use emulators::machine::{Lever, SharedMachine};
use serde_json::{Value, json};

/// Request line and headers of any client are shorter.
const HEAD_MAX_BYTES: usize = 8 * 1024;
/// All keys together are shorter.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// A client on the same computer has said all by then; the next one waits.
const CLIENT_LIMIT: Duration = Duration::from_secs(5);
/// How often a quiet server looks whether it should stop.
const STOP_LOOK: Duration = Duration::from_millis(5);

/// Serves until `stop` is set.
pub(super) fn serve(listener: &TcpListener, machine: &SharedMachine, stop: &AtomicBool) {
    if let Err(fault) = listener.set_nonblocking(true) {
        eprintln!("kartud: the control interface cannot be served: {fault}");
        return;
    }
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            // A client that misbehaves loses its connection and nothing else happens.
            Ok((stream, _)) => drop(converse(stream, machine)),
            Err(_) => std::thread::sleep(STOP_LOOK),
        }
    }
}

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

/// What a client did wrong, with the status that says so.
struct Refusal(u16, String);

fn converse(mut stream: TcpStream, machine: &SharedMachine) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(CLIENT_LIMIT))?;
    let answer = match receive(&mut stream)? {
        Ok(request) => answer(&request, machine),
        Err(refusal) => Err(refusal),
    };
    let (status, body) = match answer {
        Ok(state) => (200, state),
        Err(Refusal(status, why)) => (status, json!({ "error": why })),
    };
    let reason = match status {
        200 => "OK",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        _ => "Bad Request",
    };
    let body = format!("{body:#}\n");
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn answer(request: &Request, machine: &SharedMachine) -> Result<Value, Refusal> {
    let body = || match request.body.as_slice() {
        [] => Ok(None),
        text => serde_json::from_slice::<Value>(text)
            .map(Some)
            .map_err(|fault| Refusal(422, format!("the body is no JSON: {fault}"))),
    };
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/state") => {}
        ("PATCH", "/state") => {
            let change = body()?.unwrap_or(Value::Null);
            machine.lock().change(&change).map_err(|fault| Refusal(422, fault))?;
        }
        ("POST", path) if path.starts_with("/levers/") => {
            let name = &path["/levers/".len()..];
            let said = match body()? {
                Some(value) => json!({ name: value }),
                None => json!(name),
            };
            let lever: Lever =
                serde_json::from_value(said).map_err(|fault| Refusal(422, fault.to_string()))?;
            if let Some(why) = machine.lock().refuses(lever) {
                return Err(Refusal(422, why));
            }
            machine.pull(lever);
        }
        _ => {
            let known = "known: GET /state, PATCH /state, POST /levers/NAME";
            return Err(Refusal(404, known.to_owned()));
        }
    }
    Ok(machine.lock().state())
}

/// Reads one request. The outer error is a client that is gone.
fn receive(stream: &mut TcpStream) -> io::Result<Result<Request, Refusal>> {
    let until = Instant::now() + CLIENT_LIMIT;
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > HEAD_MAX_BYTES {
            return Ok(Err(Refusal(400, "the headers are too long".to_owned())));
        }
        read_more(stream, &mut bytes, until)?;
    };
    let (mut request, body_bytes) = match read_head(&bytes[..end]) {
        Ok(read) => read,
        Err(refusal) => return Ok(Err(refusal)),
    };
    while bytes.len() < end + 4 + body_bytes {
        read_more(stream, &mut bytes, until)?;
    }
    request.body = bytes[end + 4..end + 4 + body_bytes].to_vec();
    Ok(Ok(request))
}

fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>, until: Instant) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    let mut piece = [0; 4096];
    match stream.read(&mut piece)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        got => {
            bytes.extend_from_slice(&piece[..got]);
            Ok(())
        }
    }
}

/// Request line and headers; the length of the body.
fn read_head(head: &[u8]) -> Result<(Request, usize), Refusal> {
    let head = std::str::from_utf8(head).map_err(|_| Refusal(400, "no HTTP".to_owned()))?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (first.next(), first.next()) else {
        return Err(Refusal(400, "no HTTP".to_owned()));
    };
    let mut body_bytes = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            // A page in a browser on this computer must not lay hands on the machine.
            "origin" => return Err(Refusal(403, "not from a browser's page".to_owned())),
            "content-length" => {
                body_bytes = value
                    .trim()
                    .parse()
                    .map_err(|_| Refusal(400, "Content-Length is no number".to_owned()))?;
            }
            "transfer-encoding" => {
                return Err(Refusal(400, "send the body with a Content-Length".to_owned()));
            }
            _ => {}
        }
    }
    if body_bytes > BODY_MAX_BYTES {
        return Err(Refusal(413, format!("the body is longer than {BODY_MAX_BYTES} bytes")));
    }
    let (method, path) = (method.to_owned(), path.to_owned());
    Ok((Request { method, path, body: Vec::new() }, body_bytes))
}
