//! An emulated machine behind a TCP port: one connection an exchange, one after the other, as real ones do.
//! Knows no family.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::emulation::SharedMachine;

/// More than any job (4.3 MB for two sides, Evolis wire notes, section 8), and little enough to hold.
const REQUEST_MAX_BYTES: usize = 16 * 1024 * 1024;

/// A client that says nothing for this long has gone; the next one waits.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// How often a quiet server looks whether it should stop; short enough that no exchange notices it.
const STOP_LOOK: Duration = Duration::from_millis(2);

/// Serves `machine` on `listener` until `stop` is set. Its clock follows the one on the wall.
///
/// A client that misbehaves (too long, too slow, gone) loses its connection and nothing else happens.
///
/// # Errors
/// Only when the listener itself fails.
pub fn serve_tcp(
    listener: &TcpListener,
    machine: &SharedMachine,
    stop: &AtomicBool,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut request = Vec::new();
    let mut answer = Vec::new();
    let mut clock = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(STOP_LOOK);
                continue;
            }
            // The client went before we looked, or the system is short of something for a moment.
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {
                continue;
            }
            Err(e) => return Err(e),
        };
        let heard = hear(&stream, &mut request, stop);
        machine.lock().elapse(clock.elapsed());
        clock = Instant::now();
        if heard.is_ok() {
            machine.lock().exchange(&request, &mut answer);
            // A client that left without reading is its own affair.
            let _ = say(stream, &answer);
        }
        request.clear();
    }
    Ok(())
}

/// Reads one request to its end (the client half-closes).
fn hear(mut stream: &TcpStream, request: &mut Vec<u8>, stop: &AtomicBool) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut quiet_since = Instant::now();
    let mut piece = [0; 64 * 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(got) if request.len() + got > REQUEST_MAX_BYTES => {
                return Err(ErrorKind::FileTooLarge.into());
            }
            Ok(got) => {
                request.extend_from_slice(&piece[..got]);
                quiet_since = Instant::now();
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if stop.load(Ordering::Relaxed) || quiet_since.elapsed() > READ_LIMIT {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn say(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.set_write_timeout(Some(READ_LIMIT))?;
    stream.write_all(answer)
}
