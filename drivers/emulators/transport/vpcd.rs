//! The wire from an emulated card to vpcd, the virtual reader of vsmartcard. A card is put into the reader by
//! connecting, and removed by closing the connection. Knows no card and no meaning of a message.
//!
//! Every message is two bytes of length, high byte first, then so many bytes. vpcd always speaks first. It waits for an
//! answer without a limit, and pcscd with it: a card that does not answer blocks the reader until it is removed.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Deadline;

/// vpcd's first slot, on this computer.
pub const VPCD: &str = "127.0.0.1:35963";

/// vpcd listens on the same computer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// vpcd sends length and message at once, and takes answers at once.
const MESSAGE_LIMIT: Duration = Duration::from_secs(5);

/// How often an idle card checks whether it was removed.
const PULL_POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
const PULL_POLL_SPAN: Duration = Duration::from_millis(10);

/// A card's side of the wire.
pub trait Plugged {
    /// Receives one message.
    fn on_bytes(&mut self, message: &[u8]) -> Reaction;
}

/// A card's reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// The message needs no answer.
    Nothing,
    /// It answers with these bytes, after so many milliseconds.
    Says {
        /// The answer.
        bytes: Vec<u8>,
        /// How long the answer takes.
        after_ms: u32,
    },
    /// It never answers again, until it is removed.
    Mute,
    /// It is gone: the connection closes without an answer.
    Gone,
}

/// How a card left the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was removed from outside.
    Pulled,
    /// The card ended the connection itself: [`Reaction::Gone`].
    TornOut,
    /// The reader is gone: pcscd has ended.
    ReaderGone,
}

/// A card's connection to a slot; dropping it removes the card.
pub struct Plug(TcpStream);

impl Plug {
    /// Puts a card into the slot at `address`.
    ///
    /// # Errors
    /// When no vpcd listens there.
    pub fn put_in(address: &str) -> io::Result<Self> {
        let address = address.to_socket_addrs()?.next().ok_or(ErrorKind::AddrNotAvailable)?;
        let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
        // An answer is small, and the reader waits for it.
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(MESSAGE_LIMIT))?;
        stream.set_write_timeout(Some(MESSAGE_LIMIT))?;
        Ok(Self(stream))
    }

    /// Serves `card` until it leaves the slot; `pulled` is polled all the time.
    ///
    /// # Errors
    /// When what comes from the reader is no message, or an answer is longer than one can be.
    pub fn stay(mut self, card: &mut dyn Plugged, pulled: &dyn Fn() -> bool) -> io::Result<Left> {
        match converse(&mut self.0, card, pulled) {
            // An error on the reader's side means that pcscd has ended; it is not an error of the card.
            Err(e) if is_end(e.kind()) => Ok(Left::ReaderGone),
            other => other,
        }
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        // Other code may hold the connection too, so shut it down: the card is out now. An error means that it is
        // already closed.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

fn converse(
    stream: &mut TcpStream,
    card: &mut dyn Plugged,
    pulled: &dyn Fn() -> bool,
) -> io::Result<Left> {
    loop {
        if !wait_for_message(stream, pulled) {
            return Ok(Left::Pulled);
        }
        let message = receive(stream)?;
        let (bytes, after_ms) = match card.on_bytes(&message) {
            Reaction::Nothing => continue,
            Reaction::Says { bytes, after_ms } => (bytes, after_ms),
            Reaction::Gone => return Ok(Left::TornOut),
            Reaction::Mute => {
                while !pulled() {
                    std::thread::sleep(PULL_POLL_SPAN);
                }
                return Ok(Left::Pulled);
            }
        };
        let late = Deadline::begin(Duration::from_millis(after_ms.into()));
        while !late.left().is_zero() {
            if pulled() {
                return Ok(Left::Pulled);
            }
            std::thread::sleep(late.left().min(PULL_POLL_SPAN));
        }
        send(stream, &bytes)?;
    }
}

/// Returns when there is something to read; `false`: the card was removed.
fn wait_for_message(stream: &TcpStream, pulled: &dyn Fn() -> bool) -> bool {
    while !pulled() {
        let mut waiting = [PollFd::new(stream, PollFlags::IN)];
        match poll(&mut waiting, Some(&PULL_POLL)) {
            Ok(0) => {}
            Ok(_) => return true,
            // Interrupted, or out of memory: retry only after a pause.
            Err(_) => std::thread::sleep(PULL_POLL_SPAN),
        }
    }
    false
}

fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let length = u16::try_from(bytes.len()).map_err(|_| ErrorKind::FileTooLarge)?;
    // In one write, so that both travel together.
    stream.write_all(&[&length.to_be_bytes(), bytes].concat())
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    /// A card that echoes, becomes mute at `4D` and disconnects at `47`.
    struct Echo;

    impl Plugged for Echo {
        fn on_bytes(&mut self, message: &[u8]) -> Reaction {
            match message {
                [_] => Reaction::Nothing,
                [0x4D, ..] => Reaction::Mute,
                [0x47, ..] => Reaction::Gone,
                _ => Reaction::Says { bytes: message.to_vec(), after_ms: 1 },
            }
        }
    }

    /// The reader's side sends `said` and reads until the card is out.
    fn reader(said: &'static [u8]) -> (String, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(said).unwrap();
            let mut heard = Vec::new();
            // A reset counts as an end too.
            let _ = stream.read_to_end(&mut heard);
            heard
        });
        (address, heard)
    }

    fn stay(address: &str, pulled: &dyn Fn() -> bool) -> Left {
        Plug::put_in(address).unwrap().stay(&mut Echo, pulled).unwrap()
    }

    #[test]
    fn messages_are_framed_by_two_bytes_of_length() {
        let (address, heard) = reader(&[0, 1, 0x01, 0, 2, 0xA4, 0x00, 0, 2, 0x47, 0x00]);
        assert_eq!(stay(&address, &|| false), Left::TornOut);
        assert_eq!(
            heard.join().unwrap(),
            [0, 2, 0xA4, 0x00],
            "power is not answered, a card that goes says nothing"
        );
    }

    #[test]
    fn a_silent_card_can_be_pulled() {
        let (address, heard) = reader(&[0, 2, 0x4D, 0x00]);
        let looks = Cell::new(0);
        let pulled = || {
            looks.set(looks.get() + 1);
            looks.get() > 3
        };
        assert_eq!(stay(&address, &pulled), Left::Pulled);
        assert!(heard.join().unwrap().is_empty());
    }

    #[test]
    fn an_ended_pcscd_is_told_from_a_pulled_card() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let gone = std::thread::spawn(move || drop(listener.accept().unwrap()));
        assert_eq!(stay(&address, &|| false), Left::ReaderGone);
        gone.join().unwrap();
        assert!(Plug::put_in(&address).is_err(), "nobody listens any more");
    }
}
