//! One client's connection as bytes: a client that does not take its answer is cut off after a while, and whoever streams
//! an answer learns that the client has hung up. Knows no HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::stream::Stream;

/// A client may leave its answer untaken for this long altogether.
const TAKE_GRACE: Duration = Duration::from_secs(20);
/// And longer by what it has taken at this rate: far below the slowest client on this computer.
const TAKE_BYTES_PER_SECOND: u32 = 64 * 1024;
/// After the last answer the client's own rest is heard for so long: a connection that is closed while the client still
/// sends is reset, and the answer may be lost with it.
const LINGER_LIMIT: Duration = Duration::from_secs(2);
/// And so much of it.
const LINGER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Reads and writes for hyper.
pub(super) struct Wire {
    stream: Arc<Stream>,
    taking: Taking,
}

/// How a client takes its answer.
struct Taking {
    taken_bytes: u64,
    waited: Duration,
    /// The client takes nothing at the moment.
    since: Option<Instant>,
    limit: Pin<Box<Sleep>>,
}

/// The other end, for whoever does not read from it.
#[derive(Clone)]
pub(super) struct Peer(Arc<Stream>);

/// Both for one connection.
pub(super) fn open(stream: Stream) -> (Wire, Peer) {
    if let Stream::Tcp(stream) = &stream {
        // A small answer must not wait for the acknowledgement of the one before; without this it is only slower.
        let _ = stream.set_nodelay(true);
    }
    let stream = Arc::new(stream);
    (Wire { stream: stream.clone(), taking: Taking::new() }, Peer(stream))
}

impl Peer {
    /// It came in by a path of the file system, whose rights let it in.
    pub fn is_local_path(&self) -> bool {
        matches!(*self.0, Stream::Unix(_))
    }

    /// Returns when the client says that nothing more comes from it.
    pub async fn hung_up(&self) {
        // What it sends beside that is for the next request.
        if self.0.peek().await {
            std::future::pending::<()>().await;
        }
    }

    /// Hears the rest of what the client sends, within limits.
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
        // Too slow is as good as gone.
        let _ = tokio::time::timeout(LINGER_LIMIT, rest).await;
    }
}

impl Taking {
    fn new() -> Self {
        let limit = Box::pin(sleep_until(Instant::now()));
        Self { taken_bytes: 0, waited: Duration::ZERO, since: None, limit }
    }

    /// Another request has come: its answer is judged by itself.
    fn begin(&mut self) {
        (self.taken_bytes, self.waited, self.since) = (0, Duration::ZERO, None);
    }

    fn took(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        self.taken_bytes += bytes as u64;
    }

    /// Nothing can be written now. Wakes the task when the client has had its time.
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
