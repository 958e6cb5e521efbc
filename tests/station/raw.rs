//! A client at the byte level: sends what no well-behaved client sends, and stops at any point.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer of a station on the same computer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection.
pub struct Raw {
    stream: TcpStream,
    from: BufReader<TcpStream>,
}

/// An answer as received.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let from = BufReader::new(stream.try_clone().unwrap());
        Raw { stream, from }
    }

    /// Sends bytes; `false`: the station has closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Closes the sending side.
    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The head of an answer; `None`: the station has closed the connection.
    pub fn head(&mut self) -> Option<RawAnswer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(self.from.read_line(&mut head), Ok(1..)) {
                return None;
            }
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(RawAnswer { status, head: head.to_lowercase(), body: String::new() })
    }

    /// One whole answer.
    pub fn answer(&mut self) -> Option<RawAnswer> {
        let mut answer = self.head()?;
        let bytes = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; bytes];
        self.from.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Some(answer)
    }

    /// Reads until the station closes the connection, in whatever way; returns how many bytes arrived.
    pub fn until_hung_up(&mut self) -> usize {
        let (mut piece, mut bytes) = (vec![0; 64 * 1024], 0);
        loop {
            match self.from.read(&mut piece) {
                Ok(0) => return bytes,
                Ok(got) => bytes += got,
                Err(fault) => {
                    let late = matches!(
                        fault.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    );
                    assert!(!late, "the station has not hung up");
                    return bytes;
                }
            }
        }
    }
}

impl RawAnswer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// Sends one request on a separate connection, with the given lines; `HOST` stands for the station's address.
pub fn ask(address: SocketAddr, request: &[u8]) -> RawAnswer {
    let mut client = Raw::connect(address);
    client.send(request);
    client.answer().expect("the station answers")
}
