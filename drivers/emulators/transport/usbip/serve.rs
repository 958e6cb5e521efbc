//! Serves one connection of a machine, from plugging in to unplugging: answers the controller's transfers. Knows no
//! family.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::cable::{Cable, CableFault};
use super::device::{Control, ENDPOINT_IN, ENDPOINT_OUT, UsbIdentity, control};
use super::protocol::{Request, Status, Transfer, transferred, unlinked};
use crate::machine::{NEVER, Response, SharedMachine};

/// The longest wait for the controller before the machine is polled again.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Poll interval for a machine that will answer soon; polling costs little, but not nothing.
const POLL_SOON: Duration = Duration::from_millis(1);

/// Serves until either side unplugs.
pub(super) fn serve(
    socket: &UnixStream,
    machine: &SharedMachine,
    identity: &UsbIdentity,
    cable: &Cable,
) -> io::Result<()> {
    let mut life = Life {
        socket,
        machine,
        identity,
        cable,
        waiting: VecDeque::new(),
        unsaid: Vec::new(),
        stalled_out: false,
        stalled_in: false,
        silent_out: false,
        late_until: None,
    };
    let mut inbox = Vec::new();
    let mut piece = [0; 64 * 1024];
    loop {
        let look = life.respond()?;
        socket.set_read_timeout(Some(look.clamp(POLL_SOON, POLL_INTERVAL)))?;
        match { socket }.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(got) => inbox.extend_from_slice(&piece[..got]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        while let Some(wish) = Request::take(&mut inbox).map_err(|_| ErrorKind::InvalidData)? {
            life.take(wish)?;
        }
    }
}

struct Life<'a> {
    socket: &'a UnixStream,
    machine: &'a SharedMachine,
    identity: &'a UsbIdentity,
    cable: &'a Cable,
    /// Transfers that wait for the machine: it has no answer yet, or accepts nothing.
    waiting: VecDeque<Transfer>,
    /// The part of an answer that was not sent yet.
    unsaid: Vec<u8>,
    stalled_out: bool,
    stalled_in: bool,
    silent_out: bool,
    late_until: Option<Instant>,
}

impl Life<'_> {
    fn take(&mut self, wish: Request) -> io::Result<()> {
        match wish {
            Request::Unlink { number, victim } => {
                let before = self.waiting.len();
                self.waiting.retain(|transfer| transfer.number != victim);
                let found = self.waiting.len() < before;
                let status = if found { Status::TakenBack } else { Status::Done };
                self.reply(&unlinked(number, status))
            }
            Request::Transfer(transfer) => match (transfer.endpoint, transfer.outward) {
                (0, _) => self.control(&transfer),
                (ENDPOINT_OUT, true) => self.on_transfer(transfer),
                (ENDPOINT_IN, false) => {
                    self.waiting.push_back(transfer);
                    Ok(())
                }
                _ => self.end(&transfer, Status::Stalled, 0, &[]),
            },
        }
    }

    fn control(&mut self, transfer: &Transfer) -> io::Result<()> {
        let stalled = |outward| if outward { self.stalled_out } else { self.stalled_in };
        let said = match control(self.identity, transfer.setup) {
            Control::Refuses => return self.end(transfer, Status::Stalled, 0, &[]),
            Control::Says(bytes) => bytes,
            Control::TellsStall { outward } => vec![u8::from(stalled(outward)), 0],
            Control::EndsStall { outward: true } => {
                self.stalled_out = false;
                Vec::new()
            }
            Control::EndsStall { outward: false } => {
                self.stalled_in = false;
                Vec::new()
            }
            Control::Resets => {
                self.machine.lock().hang_up();
                self.unsaid.clear();
                (self.stalled_out, self.stalled_in) = (false, false);
                Vec::new()
            }
        };
        let length = if transfer.outward { transfer.data.len() } else { said.len() };
        self.end(transfer, Status::Done, length, &said)
    }

    /// A transfer to the printer.
    fn on_transfer(&mut self, transfer: Transfer) -> io::Result<()> {
        if self.silent_out {
            self.waiting.push_back(transfer);
            return Ok(());
        }
        if self.stalled_out {
            return self.end(&transfer, Status::Stalled, 0, &[]);
        }
        let fault = self.cable.fault_now();
        if !matches!(fault, Some(CableFault::Babble | CableFault::Late(_))) {
            self.cable.count();
        }
        match fault {
            Some(CableFault::Unplug) => return Err(ErrorKind::ConnectionAborted.into()),
            Some(CableFault::UnplugWithin(bytes)) => {
                self.machine.lock().on_bytes(&transfer.data[..bytes.min(transfer.data.len())]);
                return Err(ErrorKind::ConnectionAborted.into());
            }
            Some(CableFault::Stall) => {
                self.stalled_out = true;
                return self.end(&transfer, Status::Stalled, 0, &[]);
            }
            Some(CableFault::Silence) => {
                self.silent_out = true;
                self.waiting.push_back(transfer);
                return Ok(());
            }
            Some(CableFault::Babble | CableFault::Late(_)) | None => {}
        }
        self.machine.lock().on_bytes(&transfer.data);
        self.end(&transfer, Status::Done, transfer.data.len(), &[])
    }

    /// Completes the transfers that the machine can serve now; returns when to poll again.
    fn respond(&mut self) -> io::Result<Duration> {
        while let Some(at) = self.waiting.iter().position(|transfer| !transfer.outward) {
            if let Some(look) = self.not_yet()? {
                return Ok(look);
            }
            let Some(transfer) = self.waiting.remove(at) else { break };
            if self.stalled_in {
                self.end(&transfer, Status::Stalled, 0, &[])?;
                continue;
            }
            self.say(&transfer)?;
        }
        Ok(POLL_INTERVAL)
    }

    /// How long the machine has nothing to send; `None`: there is something, or a stall.
    fn not_yet(&mut self) -> io::Result<Option<Duration>> {
        if self.stalled_in {
            return Ok(None);
        }
        match self.cable.fault_now() {
            Some(CableFault::Unplug | CableFault::UnplugWithin(_)) => {
                self.cable.count();
                return Err(ErrorKind::ConnectionAborted.into());
            }
            Some(CableFault::Silence) => return Ok(Some(POLL_INTERVAL)),
            Some(CableFault::Stall) => {
                self.cable.count();
                self.stalled_in = true;
                return Ok(None);
            }
            Some(CableFault::Late(span)) => {
                let until = *self.late_until.get_or_insert_with(|| Instant::now() + span);
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Ok(Some(left));
                }
            }
            Some(CableFault::Babble) | None => {}
        }
        if !self.unsaid.is_empty() {
            return Ok(None);
        }
        match self.machine.lock().respond(&mut self.unsaid) {
            Response::Later(NEVER) => Ok(Some(POLL_INTERVAL)),
            Response::Later(span) => Ok(Some(span)),
            // USB has no connection to close, so a machine with nothing to send makes the host wait.
            Response::Said | Response::HangsUp => {
                Ok(self.unsaid.is_empty().then_some(POLL_INTERVAL))
            }
        }
    }

    fn say(&mut self, transfer: &Transfer) -> io::Result<()> {
        let babble = self.cable.fault_now() == Some(CableFault::Babble);
        self.cable.count();
        if babble {
            let noise = vec![0x55; transfer.length];
            return self.end(transfer, Status::Babble, noise.len(), &noise);
        }
        let length = self.cable.packet(transfer.length).min(self.unsaid.len());
        let said: Vec<u8> = self.unsaid.drain(..length).collect();
        self.end(transfer, Status::Done, said.len(), &said)
    }

    fn end(
        &self,
        transfer: &Transfer,
        status: Status,
        length: usize,
        data: &[u8],
    ) -> io::Result<()> {
        let data = if transfer.outward { &[] } else { data };
        self.reply(&transferred(transfer.number, status, length, data))
    }

    fn reply(&self, message: &[u8]) -> io::Result<()> {
        { self.socket }.write_all(message)
    }
}
