//! Serves an emulated machine at a TCP port: one exchange per connection, one connection at a time, as real ones do.
//! Knows no family.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::OsReason;
use crate::machine::{NEVER, Response, SharedMachine};

/// More than any job (4.3 MB for two sides, Evolis wire notes, section 8); a client that sends more is faulty.
const REQUEST_MAX_BYTES: usize = 16 * 1024 * 1024;

/// A client that sends nothing for this long is dropped, because the next one waits.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// How often an idle server checks whether to stop. A client is noticed at once.
const STOP_POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// How often a machine that will answer later is polled.
const LATE_POLL: Duration = Duration::from_millis(2);

/// Pause while the system has no descriptors or no memory for another client.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Most clients that may wait for an answer that never comes; beyond that the first is dropped.
const UNANSWERED_MAX: usize = 64;

/// Serves `machine` on `listener` until `stop` is set. Its clock follows real time.
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
    machine.follow_real_time();
    let mut unanswered = VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                wait_for_client(listener);
                continue;
            }
            // The client closed before we accepted it, or a signal came.
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {
                continue;
            }
            Err(e) if OsReason::from(&e).is_shortage() => {
                std::thread::sleep(SHORTAGE_PAUSE);
                continue;
            }
            Err(e) => return Err(e),
        };
        // A client's error must not end the server.
        let left_waiting = read_request(&stream, machine, stop)
            .and_then(|()| answer(&stream, machine, stop))
            .unwrap_or(false);
        machine.lock().hang_up();
        if left_waiting {
            unanswered.push_back(stream);
            if unanswered.len() > UNANSWERED_MAX {
                unanswered.pop_front();
            }
        }
    }
    Ok(())
}

/// Returns when a client connects, or when it is time to check whether to stop.
fn wait_for_client(listener: &TcpListener) {
    let mut waiting = [PollFd::new(listener, PollFlags::IN)];
    if poll(&mut waiting, Some(&STOP_POLL)).is_err() {
        // Interrupted, or out of memory: the caller retries, but only after a pause.
        std::thread::sleep(LATE_POLL);
    }
}

/// Passes one request to the machine, until the client half-closes.
fn read_request(
    mut stream: &TcpStream,
    machine: &SharedMachine,
    stop: &AtomicBool,
) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut quiet_since = Instant::now();
    let mut heard_bytes = 0;
    let mut piece = [0; 64 * 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => {
                machine.lock().end_of_input();
                return Ok(());
            }
            Ok(got) if heard_bytes + got > REQUEST_MAX_BYTES => {
                return Err(ErrorKind::FileTooLarge.into());
            }
            Ok(got) => {
                machine.lock().on_bytes(&piece[..got]);
                heard_bytes += got;
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

/// Sends the machine's answer when it is due; `true`: it never will be.
fn answer(mut stream: &TcpStream, machine: &SharedMachine, stop: &AtomicBool) -> io::Result<bool> {
    let mut answer = Vec::new();
    loop {
        let speech = machine.lock().respond(&mut answer);
        match speech {
            Response::Later(NEVER) => return Ok(true),
            // Waits in short spans, so that the server can be stopped meanwhile.
            Response::Later(span) => machine.pass(span.clamp(LATE_POLL, READ_LIMIT / 100)),
            Response::Said | Response::HangsUp => break,
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
    }
    stream.set_write_timeout(Some(READ_LIMIT))?;
    stream.write_all(&answer)?;
    Ok(false)
}
