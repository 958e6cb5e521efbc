//! A client's connection over TCP or over a Unix socket, as one type. Knows no HTTP.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// One connection. Every call takes `&self`, so that its reader and its writer may share it.
pub(super) enum Stream {
    /// Over loopback.
    Tcp(TcpStream),
    /// Over a path in the file system.
    Unix(UnixStream),
}

/// Calls the same method of either stream.
macro_rules! either {
    ($stream:expr, $it:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($it) => $call,
            Stream::Unix($it) => $call,
        }
    };
}

impl Stream {
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, it => it.poll_read_ready(cx))
    }

    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, it => it.poll_write_ready(cx))
    }

    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        either!(self, it => it.try_read(into))
    }

    pub fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, it => it.try_write_vectored(pieces))
    }

    pub async fn readable(&self) -> io::Result<()> {
        either!(self, it => it.readable().await)
    }

    /// Closes this side.
    pub fn shutdown(&self) -> io::Result<()> {
        let shut = either!(self, it => shutdown(it.as_fd(), Shutdown::Write));
        // A client that has already gone need not be told.
        if shut == Err(Errno::NOTCONN) { Ok(()) } else { shut.map_err(io::Error::from) }
    }

    /// Waits until there is something to read, the client has closed its side, or the connection is broken; reads nothing.
    /// `true`: there is something.
    pub async fn peek(&self) -> bool {
        let look = |fd: std::os::fd::BorrowedFd<'_>| {
            let (seen, _) = recv(fd, &mut [0_u8][..], RecvFlags::PEEK)?;
            Ok(seen > 0)
        };
        let seen = match self {
            Stream::Tcp(it) => it.async_io(Interest::READABLE, || look(it.as_fd())).await,
            Stream::Unix(it) => it.async_io(Interest::READABLE, || look(it.as_fd())).await,
        };
        seen.unwrap_or(false)
    }
}
