//! A wire to an emulated machine that fails when a test says so.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use drivers::printers::evolis::protocol::Answer;
use drivers::transport::{Transport, TransportError, WireFault};

use crate::machine::SharedMachine;
use crate::transport::emulated::Emulated;

/// The queries that a driver sends when it is opened.
pub const OPENING: [&str; 5] = ["Rtp", "Rsn", "Rsn", "Rfv", "Rrt;all"];

/// What happens to one exchange on the way to an emulated machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It works.
    Fine,
    /// Only so many bytes are sent, then the wire breaks.
    Cut(usize),
    /// The machine receives everything, and the wire breaks before the answer.
    Lost,
    /// The machine receives everything, and the answer comes after the time limit.
    Late,
}

/// A wire to an emulated machine, one stream in each direction as USB is, that fails where a test tells it to.
pub struct FaultyWire<F> {
    wire: Emulated,
    /// Receives the number of the exchange (polls count) and its bytes.
    fate: F,
    exchanges: usize,
    /// Answers that nobody has read.
    unread: std::collections::VecDeque<Vec<u8>>,
    /// The fault that this exchange's receiver gets in place of an answer.
    withheld: Option<WireFault>,
    sent: bool,
}

impl<F: FnMut(usize, &[u8]) -> Fate + Send> FaultyWire<F> {
    pub fn new(machine: &SharedMachine, fate: F) -> Self {
        let wire = Emulated::new(machine.clone());
        Self { wire, fate, exchanges: 0, unread: Default::default(), withheld: None, sent: false }
    }

    /// Answers to an earlier program's commands that still lie on the wire.
    pub fn with_unread(mut self, texts: &[&str]) -> Self {
        for text in texts {
            let mut bytes = Vec::new();
            Answer { text: (*text).to_owned(), ..Answer::default() }.emit(&mut bytes);
            self.unread.push_back(bytes);
        }
        self
    }

    fn carry(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        let fate = (self.fate)(self.exchanges, request);
        self.exchanges += 1;
        if let Fate::Cut(bytes) = fate {
            self.unread.clear();
            return Err(self.wire.break_after(request, bytes));
        }
        if !request.is_empty() || fate == Fate::Fine {
            let mut answer = Vec::new();
            self.wire.send(request, patience)?;
            self.wire.receive(&mut answer, patience)?;
            self.unread.push_back(answer);
        }
        let broken = WireFault::Broken(std::io::ErrorKind::BrokenPipe.into());
        self.withheld = None;
        match fate {
            Fate::Fine | Fate::Cut(_) => {}
            Fate::Late => self.withheld = Some(WireFault::Silent(patience)),
            // A wire that breaks loses what it holds.
            Fate::Lost => {
                self.unread.clear();
                self.withheld = Some(broken);
            }
        }
        Ok(())
    }
}

impl<F: FnMut(usize, &[u8]) -> Fate + Send> Transport for FaultyWire<F> {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.sent = false;
        self.carry(request, patience)?;
        self.sent = true;
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        if !std::mem::take(&mut self.sent) && self.unread.is_empty() {
            self.carry(&[], patience)?;
        }
        if let Some(kind) = self.withheld.take() {
            // The receiving side does not know how much was sent.
            return Err(TransportError { kind, sent_bytes: 0 });
        }
        answer.clear();
        answer.append(&mut self.unread.pop_front().unwrap());
        Ok(())
    }

    fn pause(&mut self, span: Duration) {
        self.wire.pause(span);
    }
}
