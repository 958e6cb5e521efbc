//! The wire through the kernel's own printer driver (`/dev/usb/lp0`), for offices that must keep `usblp`. Knows no
//! family.
//!
//! A device file offers less than the bus: it has no serial number (with two printers, `lp0` is whichever was plugged
//! in first: name them by `usb:` then), and a stall lasts until the printer is plugged in again.
//!
//! The file is opened once per exchange, so a printer that was plugged in again is found without a restart. `usblp`
//! reads ahead: once the file is open, its buffer may hold one answer that the machine sent before it received our
//! request. Machines that answer whenever they are read (Evolis, Evolis wire notes, section 1) fill that buffer at
//! once. So before a request is written we check whether the buffer holds something, and leave it there until the
//! request is out, because reading it would let `usblp` fetch another. Then it is read and dropped, and what follows is
//! the answer.
//!
//! Writes block, on a thread that can be abandoned. Without blocking, `usblp` *assumes* that a piece was written, and a
//! job with a gap could be printed.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::framing::{Ending, ReadPart, read_answer};
use super::pieces::pieces;
use super::{OsReason, Transport, TransportError, Whole, WireFault};

/// `usblp` returns one transfer per read, and its buffer has this size.
const READ_BYTES: usize = 8192;

/// A machine that sends unasked does so within milliseconds of the opening.
const AHEAD_LIMIT: Duration = Duration::from_millis(100);

/// After plugging in, the file may exist before udev has set its permissions, which takes a second on a slow machine.
const PERMISSION_LIMIT: Duration = Duration::from_secs(2);

/// Time between two attempts.
const PERMISSION_PAUSE: Duration = Duration::from_millis(50);

/// A printer behind a device file.
pub struct Lp {
    path: PathBuf,
    whole: Option<Whole>,
    /// The file of a request whose answer was not read yet.
    open: Option<Arc<File>>,
    /// The thread of a write that timed out; it holds the file until the machine accepts the bytes or is unplugged.
    stuck: Option<JoinHandle<()>>,
    sent_bytes: usize,
}

impl Lp {
    /// A wire to the device file. Nothing is opened yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), whole: None, open: None, stuck: None, sent_bytes: 0 }
    }

    fn failed(&self, kind: WireFault) -> TransportError {
        TransportError { kind, sent_bytes: self.sent_bytes }
    }

    fn opened(&mut self) -> Result<Arc<File>, WireFault> {
        self.sent_bytes = 0;
        if self.stuck.take_if(|thread| thread.is_finished()).is_none() && self.stuck.is_some() {
            return Err(WireFault::Unreachable(ErrorKind::TimedOut.into()));
        }
        let began = Instant::now();
        loop {
            match OpenOptions::new().read(true).write(true).open(&self.path) {
                Ok(file) => return Ok(Arc::new(file)),
                Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                    if began.elapsed() > PERMISSION_LIMIT {
                        return Err(WireFault::Barred);
                    }
                    sleep(PERMISSION_PAUSE);
                }
                Err(e) => return Err(self.not_opened(&e)),
            }
        }
    }

    fn not_opened(&self, fault: &io::Error) -> WireFault {
        match fault.kind() {
            ErrorKind::NotFound => {
                WireFault::NotPlugged { name: format!("lp:{}", self.path.display()) }
            }
            ErrorKind::ResourceBusy => WireFault::Taken,
            _ => WireFault::Unreachable(fault.into()),
        }
    }

    fn deliver(
        &mut self,
        file: &Arc<File>,
        request: &[u8],
        patience: Duration,
    ) -> Result<(), WireFault> {
        let (hand, pieces_in) = channel();
        let (tell, told) = channel();
        let to = Arc::clone(file);
        let writer = Builder::new()
            .name("lp-write".to_owned())
            .spawn(move || write_pieces(&to, &pieces_in, &tell))
            .map_err(|e| WireFault::Unreachable(e.into()))?;
        let delivered = self.hand_over(request, &hand, &told, patience);
        // Without further pieces the thread ends; a thread that is blocked is abandoned.
        drop(hand);
        match delivered {
            Err(WireFault::Silent(_)) => self.stuck = Some(writer),
            _ => drop(writer.join()),
        }
        delivered
    }

    fn hand_over(
        &mut self,
        request: &[u8],
        hand: &Sender<Vec<u8>>,
        told: &Receiver<Result<(), OsReason>>,
        patience: Duration,
    ) -> Result<(), WireFault> {
        for piece in pieces(request) {
            self.sent_bytes += piece.len();
            // If the thread is gone, the next line notices.
            let _ = hand.send(piece.to_vec());
            match told.recv_timeout(patience) {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => return Err(WireFault::Broken(reason)),
                Err(RecvTimeoutError::Timeout) => return Err(WireFault::Silent(patience)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(WireFault::Broken(ErrorKind::Other.into()));
                }
            }
        }
        Ok(())
    }

    /// Opens the file, sends, and drops what the machine sent before.
    fn ask(&mut self, request: &[u8], patience: Duration) -> Result<Arc<File>, WireFault> {
        let file = self.opened()?;
        let ahead = match wait(&file, AHEAD_LIMIT) {
            Ok(()) => true,
            Err(WireFault::Silent(_)) => false,
            Err(fault) => return Err(fault),
        };
        self.deliver(&file, request, patience)?;
        if ahead {
            // One read takes all of one transfer; it was sent before our request.
            read(&file, &mut Vec::new())?;
        }
        Ok(file)
    }
}

impl Transport for Lp {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        // Only one program may have the file open, and we count as one too.
        self.open = None;
        let file = self.ask(request, patience).map_err(|fault| self.failed(fault))?;
        self.open = Some(file);
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        answer.clear();
        let file = match self.open.take() {
            Some(file) => file,
            None => self.opened().map_err(|fault| self.failed(fault))?,
        };
        let heard = read_answer(answer, patience, self.whole, |into, patience| {
            wait(&file, patience)?;
            read(&file, into)
        });
        // The file is closed with this exchange, whatever its result; later bytes are dropped with it.
        match heard {
            Ok(Ending::Whole | Ending::BrokenOff) => Ok(()),
            Err(fault) => Err(self.failed(fault)),
        }
    }

    fn frame_by(&mut self, whole: Whole) {
        self.whole = Some(whole);
    }

    fn pause(&mut self, span: Duration) {
        sleep(span);
    }
}

/// Writes one piece after the other, until the sender is dropped or a write fails.
fn write_pieces(mut file: &File, pieces: &Receiver<Vec<u8>>, tell: &Sender<Result<(), OsReason>>) {
    while let Ok(piece) = pieces.recv() {
        let written = file.write_all(&piece).map_err(OsReason::from);
        if tell.send(written).is_err() || written.is_err() {
            return;
        }
    }
}

/// Reads one transfer. Call it only after [`wait`], so that it does not block.
fn read(mut file: &File, into: &mut Vec<u8>) -> Result<ReadPart, WireFault> {
    let mut bytes = [0; READ_BYTES];
    match file.read(&mut bytes) {
        Ok(got) => {
            into.extend_from_slice(&bytes[..got]);
            Ok(ReadPart { ended: got < READ_BYTES })
        }
        Err(e) if e.kind() == ErrorKind::Interrupted => Ok(ReadPart { ended: false }),
        Err(e) => Err(WireFault::Broken(e.into())),
    }
}

/// Waits until there is something to read.
fn wait(file: &File, patience: Duration) -> Result<(), WireFault> {
    let limit = Timespec::try_from(patience).ok();
    let mut waiting = [PollFd::new(file, PollFlags::IN)];
    match poll(&mut waiting, limit.as_ref()) {
        Ok(0) => Err(WireFault::Silent(patience)),
        // The printer is gone: the file reports that first.
        Ok(_) if waiting[0].revents().intersects(PollFlags::HUP | PollFlags::NVAL) => {
            Err(WireFault::Broken(ErrorKind::NotConnected.into()))
        }
        Ok(_) => Ok(()),
        Err(e) => Err(WireFault::Broken(io::Error::from(e).into())),
    }
}
