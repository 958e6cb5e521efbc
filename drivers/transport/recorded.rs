//! Writes down what passes over a wire, and plays it again. Knows no family.
//!
//! Only built with the feature `record`: a station in an office physically lacks the ability. A session is a file of
//! JSON lines, one for each half of an exchange. Long requests are bulk image data: of these stand only the length and
//! the SHA-256, never a face. Short ones that carry somebody's data, or ask for them (the family knows which: magnetic
//! tracks), and their answers stand as a length only, since a short text can be found again by its hash. Of every other
//! answer the family crosses out what is not its own words and figures: a machine may say anything.
//!
//! ```text
//! {"send":{"text":"\u001bRtp\r\u0000"}}
//! {"receive":{"text":"Primacy\u0000\u0000..."}}
//! {"send":{"bytes":82845,"sha256":"5f0c..."}}
//! {"send":{"hidden_bytes":31}}
//! {"receive":{"fault":"no answer within 30 s","sent_bytes":82845,"silent_ms":30000}}
//! ```

use std::io::{BufRead, ErrorKind, Write};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Transport, TransportError, Whole, WireFault};
use crate::Family;

/// Longer than any command, and shorter than any image of a face.
const CLEAR_MAX_BYTES: usize = 256;

/// One line of a session.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Line {
    Send(Passed),
    Receive(Passed),
}

/// What was transmitted, or the fault.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Passed {
    /// Each character is one byte (Latin-1).
    Clear {
        text: String,
    },
    Bulk {
        bytes: usize,
        sha256: String,
    },
    Hidden {
        hidden_bytes: usize,
    },
    Fault {
        fault: String,
        sent_bytes: usize,
        silent_ms: Option<u64>,
    },
}

impl Passed {
    fn request(bytes: &[u8]) -> Self {
        if bytes.len() <= CLEAR_MAX_BYTES {
            return Self::clear(bytes);
        }
        let sha256 = base16ct::lower::encode_string(&Sha256::digest(bytes));
        Self::Bulk { bytes: bytes.len(), sha256 }
    }

    fn clear(bytes: &[u8]) -> Self {
        Self::Clear { text: bytes.iter().map(|&byte| char::from(byte)).collect() }
    }

    fn fault(error: &TransportError) -> Self {
        let silent_ms = match error.kind {
            WireFault::Silent(span) => u64::try_from(span.as_millis()).ok(),
            _ => None,
        };
        Self::Fault { fault: error.kind.to_string(), sent_bytes: error.sent_bytes, silent_ms }
    }
}

/// A wire that records what passes over it.
pub struct Recorder<T> {
    wire: T,
    into: Box<dyn Write + Send>,
    family: &'static Family,
    /// Answers to personal requests that have not arrived yet: a late one may come after another query.
    owed: usize,
}

impl<T: Transport> Recorder<T> {
    /// Records the session of `wire` with a machine of `family` into `into`, without anything that may be personal.
    pub fn new(wire: T, into: Box<dyn Write + Send>, family: &'static Family) -> Self {
        Self { wire, into, family, owed: 0 }
    }

    fn note(&mut self, line: &Line) {
        // A recording that cannot be written must not stop a card in progress.
        let text = serde_json::to_string(line).unwrap_or_default();
        let _ = writeln!(self.into, "{text}").and_then(|()| self.into.flush());
    }
}

impl<T: Transport> Transport for Recorder<T> {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        let hidden = request.len() <= CLEAR_MAX_BYTES && (self.family.personal)(request);
        self.owed += usize::from(hidden);
        self.note(&Line::Send(match hidden {
            true => Passed::Hidden { hidden_bytes: request.len() },
            false => Passed::request(request),
        }));
        let sent = self.wire.send(request, patience);
        if let Err(error) = &sent {
            self.note(&Line::Send(Passed::fault(error)));
        }
        sent
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        let received = self.wire.receive(answer, patience);
        let hidden = self.owed > 0;
        self.owed -= usize::from(hidden && received.is_ok());
        self.note(&Line::Receive(match &received {
            Ok(()) if hidden => Passed::Hidden { hidden_bytes: answer.len() },
            Ok(()) => Passed::clear(&(self.family.masked)(answer)),
            Err(error) => Passed::fault(error),
        }));
        received
    }

    fn frame_by(&mut self, whole: Whole) {
        self.wire.frame_by(whole);
    }

    fn pause(&mut self, span: Duration) {
        self.wire.pause(span);
    }

    fn clock(&self) -> Duration {
        self.wire.clock()
    }
}

/// Why a text is not a session.
#[derive(Debug, thiserror::Error)]
pub enum NoSession {
    /// It cannot be read.
    #[error("the session cannot be read")]
    Unreadable(#[from] std::io::Error),
    /// A line is not in our format.
    #[error("line {line} is not a session's: {why}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// The parser's message.
        why: String,
    },
}

/// A wire without a machine that replays a session in lockstep: it answers only the recorded requests. Hidden answers
/// cannot be replayed.
#[derive(Debug)]
pub struct Replay {
    lines: std::vec::IntoIter<Line>,
}

impl Replay {
    /// Reads a whole session.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn read(from: impl BufRead) -> Result<Self, NoSession> {
        let mut lines = Vec::new();
        for (at, text) in from.lines().enumerate() {
            let parsed = serde_json::from_str(&text?)
                .map_err(|e| NoSession::Line { line: at + 1, why: e.to_string() })?;
            lines.push(parsed);
        }
        Ok(Self { lines: lines.into_iter() })
    }

    /// Were all recorded requests repeated?
    pub fn is_over(&self) -> bool {
        self.lines.as_slice().is_empty()
    }
}

/// The driver's request differs from the recorded one.
fn out_of_step() -> TransportError {
    TransportError { kind: WireFault::Broken(ErrorKind::InvalidData.into()), sent_bytes: 0 }
}

fn played(fault: (usize, Option<u64>)) -> TransportError {
    let (sent_bytes, silent_ms) = fault;
    let kind = silent_ms.map_or(WireFault::Broken(ErrorKind::Other.into()), |ms| {
        WireFault::Silent(Duration::from_millis(ms))
    });
    TransportError { kind, sent_bytes }
}

impl Transport for Replay {
    fn send(&mut self, request: &[u8], _patience: Duration) -> Result<(), TransportError> {
        let line = self.lines.next();
        let hidden = Line::Send(Passed::Hidden { hidden_bytes: request.len() });
        if line.as_ref() != Some(&Line::Send(Passed::request(request))) && line != Some(hidden) {
            return Err(out_of_step());
        }
        match self.lines.as_slice().first() {
            Some(&Line::Send(Passed::Fault { sent_bytes, silent_ms, .. })) => {
                self.lines.next();
                Err(played((sent_bytes, silent_ms)))
            }
            _ => Ok(()),
        }
    }

    fn receive(&mut self, answer: &mut Vec<u8>, _patience: Duration) -> Result<(), TransportError> {
        answer.clear();
        match self.lines.next() {
            Some(Line::Receive(Passed::Clear { text })) => {
                for character in text.chars() {
                    answer.push(u8::try_from(character).map_err(|_| out_of_step())?);
                }
                Ok(())
            }
            Some(Line::Receive(Passed::Fault { sent_bytes, silent_ms, .. })) => {
                Err(played((sent_bytes, silent_ms)))
            }
            _ => Err(out_of_step()),
        }
    }

    fn pause(&mut self, _span: Duration) {}

    fn clock(&self) -> Duration {
        Duration::ZERO
    }
}
