//! The wire over TCP for machines that accept one connection per exchange. Knows no family.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::{ANSWER_MAX_BYTES, OsReason, Transport, TransportError, WireFault};

/// A machine in the same building answers a connection in milliseconds; the maker's own library waits
/// this long (Evolis wire notes, section 1).
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Bytes per write, so that the accepted amount is known to within one piece.
const PIECE_BYTES: usize = 256 * 1024;

/// One connection per exchange: connect, send, half-close, read to the end.
pub struct Tcp {
    address: String,
    open: Option<TcpStream>,
    sent_bytes: usize,
}

impl Tcp {
    /// A wire to `address` (`host:port`). Nothing is connected yet.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), open: None, sent_bytes: 0 }
    }

    fn fault(&self, kind: WireFault) -> TransportError {
        TransportError { kind, sent_bytes: self.sent_bytes }
    }

    fn connect(&mut self) -> Result<TcpStream, TransportError> {
        self.sent_bytes = 0;
        let addresses: Vec<SocketAddr> = self
            .address
            .to_socket_addrs()
            .map_err(|e| self.fault(WireFault::Unreachable(unresolved(&e))))?
            .collect();
        let mut last = ErrorKind::AddrNotAvailable.into();
        for address in addresses {
            match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
                Ok(stream) => return Ok(stream),
                Err(e) => last = e.into(),
            }
        }
        Err(self.fault(WireFault::Unreachable(last)))
    }

    fn deliver(
        &mut self,
        stream: &mut TcpStream,
        request: &[u8],
        patience: Duration,
    ) -> Result<(), TransportError> {
        stream
            .set_write_timeout(Some(patience))
            .map_err(|e| self.fault(WireFault::Broken(e.into())))?;
        // A small command must not wait for the acknowledgement of the one before.
        stream.set_nodelay(true).map_err(|e| self.fault(WireFault::Broken(e.into())))?;
        let mut left = request;
        while !left.is_empty() {
            let piece = &left[..left.len().min(PIECE_BYTES)];
            // An upper bound, because a failed write may have transmitted any part of its piece.
            self.sent_bytes += piece.len();
            match stream.write(piece) {
                Ok(0) => return Err(self.fault(WireFault::Broken(ErrorKind::WriteZero.into()))),
                Ok(taken) => {
                    self.sent_bytes -= piece.len() - taken;
                    left = &left[taken..];
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => self.sent_bytes -= piece.len(),
                Err(e) => return Err(self.fault(broken_or_silent(&e, patience))),
            }
        }
        stream.shutdown(Shutdown::Write).map_err(|e| self.fault(WireFault::Broken(e.into())))
    }
}

impl Transport for Tcp {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.open = None;
        let mut stream = self.connect()?;
        self.deliver(&mut stream, request, patience)?;
        self.open = Some(stream);
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        answer.clear();
        if self.open.is_none() {
            self.send(&[], patience)?;
        }
        // The connection is closed with this exchange, whatever its result.
        let Some(stream) = self.open.take() else {
            return Err(self.fault(WireFault::Silent(patience)));
        };
        read_to_end(stream, answer, patience).map_err(|kind| self.fault(kind))
    }

    fn pause(&mut self, span: Duration) {
        std::thread::sleep(span);
    }
}

/// Reads until the other end closes; `patience` limits the whole read, so that a trickle cannot block us.
fn read_to_end(
    mut stream: TcpStream,
    answer: &mut Vec<u8>,
    patience: Duration,
) -> Result<(), WireFault> {
    let until = Instant::now() + patience;
    let mut piece = [0; 2048];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(WireFault::Silent(patience));
        }
        stream.set_read_timeout(Some(left)).map_err(|e| WireFault::Broken(e.into()))?;
        match stream.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(got) if answer.len() + got > ANSWER_MAX_BYTES => {
                return Err(WireFault::TooLong(ANSWER_MAX_BYTES));
            }
            Ok(got) => answer.extend_from_slice(&piece[..got]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(broken_or_silent(&e, patience)),
        }
    }
}

fn broken_or_silent(fault: &io::Error, patience: Duration) -> WireFault {
    match fault.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => WireFault::Silent(patience),
        _ => WireFault::Broken(fault.into()),
    }
}

/// A resolver error has no error number.
fn unresolved(fault: &io::Error) -> OsReason {
    fault.raw_os_error().map_or(OsReason::UnknownHost, OsReason::Number)
}
