//! Listening sockets: a port of this computer, or a path in its file system. Knows no HTTP.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::task::{Context, Poll, ready};

use super::stream::Stream;

/// A socket that is bound and listens.
#[derive(Debug)]
pub enum Listener {
    /// A port.
    Tcp(TcpListener),
    /// A path.
    Unix(UnixListener),
}

impl Listener {
    /// Its address, if it is a port.
    ///
    /// # Errors
    /// The system does not say.
    pub fn port(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().map(Some),
            Listener::Unix(_) => Ok(None),
        }
    }

    /// The same socket for the runtime in which this is called.
    pub(super) fn into_async(self) -> io::Result<Accepting> {
        match self {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                tokio::net::TcpListener::from_std(listener).map(Accepting::Tcp)
            }
            Listener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                tokio::net::UnixListener::from_std(listener).map(Accepting::Unix)
            }
        }
    }
}

/// A socket in the runtime.
pub(super) enum Accepting {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Accepting {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        match self {
            Accepting::Tcp(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok(Stream::Tcp(stream)))
            }
            Accepting::Unix(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok(Stream::Unix(stream)))
            }
        }
    }
}

/// The next client at any of the sockets.
pub(super) async fn accept(from: &[Accepting]) -> io::Result<Stream> {
    std::future::poll_fn(|cx| {
        let mut came = from.iter().map(|listener| listener.poll_accept(cx));
        came.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}
