//! One client's connection as bytes: a client that does not read its response is disconnected after a while, and a
//! streaming handler learns that the client has closed. Knows no HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::stream::Stream;

/// Time that a client may leave its response unread, in total.
const TAKE_GRACE: Duration = Duration::from_secs(20);
/// Additional time for the bytes that it has read, at this rate: far below the slowest client on this computer.
const TAKE_BYTES_PER_SECOND: u32 = 64 * 1024;
/// How long the client's remaining bytes are read after the last response: a connection that is closed while the client
/// still sends is reset, and the response may be lost.
const LINGER_LIMIT: Duration = Duration::from_secs(2);
/// Most bytes read so.
const LINGER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Reads and writes for hyper.
pub(super) struct Wire {
    stream: Arc<Stream>,
    taking: Taking,
}

/// How a client reads its response.
struct Taking {
    taken_bytes: u64,
    waited: Duration,
    /// Since when the client has read nothing.
    since: Option<Instant>,
    limit: Pin<Box<Sleep>>,
}

/// The other end, for code that does not read from it.
#[derive(Clone)]
pub(super) struct Peer(Arc<Stream>);

/// Both ends of one connection.
pub(super) fn open(stream: Stream) -> (Wire, Peer) {
    if let Stream::Tcp(stream) = &stream {
        // A small response must not wait for the acknowledgement of the previous one. If this fails, it is only slower.
        let _ = stream.set_nodelay(true);
    }
    let stream = Arc::new(stream);
    (Wire { stream: stream.clone(), taking: Taking::new() }, Peer(stream))
}

impl Peer {
    /// Did it connect at a path of the file system, whose rights allowed that?
    pub fn is_local_path(&self) -> bool {
        matches!(*self.0, Stream::Unix(_))
    }

    /// Returns when the client has closed its side.
    pub async fn hung_up(&self) {
        // Other bytes that it sends belong to the next request.
        if self.0.peek().await {
            std::future::pending::<()>().await;
        }
    }

    /// Reads the client's remaining bytes, within limits.
    pub async fn linger(&self) {
        let rest = async {
            let (mut piece, mut heard) = (vec![0; 16 * 1024], 0);
            while heard < LINGER_MAX_BYTES && self.0.readable().await.is_ok() {
                match self.0.try_read(&mut piece) {
                    Ok(0) => return,
                    Ok(got) => heard += got,
                    Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        };
        // A client that is too slow counts as gone.
        let _ = tokio::time::timeout(LINGER_LIMIT, rest).await;
    }
}

impl Taking {
    fn new() -> Self {
        let limit = Box::pin(sleep_until(Instant::now()));
        Self { taken_bytes: 0, waited: Duration::ZERO, since: None, limit }
    }

    /// Another request has arrived: its response is timed separately.
    fn begin(&mut self) {
        (self.taken_bytes, self.waited, self.since) = (0, Duration::ZERO, None);
    }

    fn took(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        self.taken_bytes += bytes as u64;
    }

    /// Nothing can be written now. Wakes the task when the client's time is over.
    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            let earned = Duration::from_secs(self.taken_bytes / u64::from(TAKE_BYTES_PER_SECOND));
            let left = (TAKE_GRACE + earned).saturating_sub(self.waited).min(TAKE_GRACE);
            self.limit.as_mut().reset(now + left);
        }
        ready!(self.limit.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        loop {
            ready!(wire.stream.poll_read_ready(cx))?;
            match wire.stream.try_read(into.initialize_unfilled()) {
                Ok(got) => {
                    into.advance(got);
                    wire.taking.begin();
                    return Poll::Ready(Ok(()));
                }
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Err(fault) => return Poll::Ready(Err(fault)),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = &mut *self;
        loop {
            match wire.stream.poll_write_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return wire.taking.poll_limit(cx).map_ok(|()| 0),
            }
            match wire.stream.try_write_vectored(pieces) {
                Ok(bytes) => {
                    wire.taking.took(bytes);
                    return Poll::Ready(Ok(bytes));
                }
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Err(fault) => return Poll::Ready(Err(fault)),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown())
    }
}
