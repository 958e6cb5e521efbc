//! A wire that fails on demand: it wraps another wire and breaks, loses or garbles its exchanges, by count or by seed.
//! Knows no family.
//!
//! For tests of drivers and for trials. `usbip` emulates what a broken cable does to a real bus.

use std::io::ErrorKind;
use std::time::Duration;

use super::{Transport, TransportError, Whole, WireFault};

/// A fault of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// This many bytes of the request arrive, then the wire breaks.
    Cut(usize),
    /// The machine receives everything, and the wire breaks before the answer.
    Lost,
    /// One byte of the answer is changed, or the answer ends early, depending on this seed.
    Garbled(u64),
}

/// Decides by the number of the exchange, from 0, and its request, which is empty for a status poll.
pub type Fate = Box<dyn FnMut(u64, &[u8]) -> Option<Mishap> + Send>;

/// A wire that fails on demand.
pub struct Faulty<T> {
    wire: T,
    fate: Fate,
    exchanges: u64,
    /// The request that waits for its answer, and the fault of that answer.
    asked: Option<(usize, Option<Mishap>)>,
}

impl<T: Transport> Faulty<T> {
    /// `fate` is called before each exchange.
    pub fn new(wire: T, fate: impl FnMut(u64, &[u8]) -> Option<Mishap> + Send + 'static) -> Self {
        Self { wire, fate: Box::new(fate), exchanges: 0, asked: None }
    }

    /// One exchange in `one_in` is cut or lost; the same seed repeats the same faults.
    pub fn seeded(wire: T, seed: u64, one_in: u64) -> Self {
        let mut noise = Noise::new(seed);
        Self::new(wire, move |_, request| {
            let (strikes, loses, at) = (noise.below(one_in) == 0, noise.next(), noise.next());
            let length = request.len() as u64 + 1;
            strikes.then_some(if loses.is_multiple_of(2) {
                Mishap::Lost
            } else {
                Mishap::Cut((at % length) as usize)
            })
        })
    }

    fn begin(&mut self, request: &[u8]) -> Option<Mishap> {
        let mishap = (self.fate)(self.exchanges, request);
        self.exchanges += 1;
        mishap
    }

    /// Drops the machine's answer to an incomplete request.
    fn lose_answer(&mut self, patience: Duration) {
        let _ = self.wire.receive(&mut Vec::new(), patience);
    }
}

fn broken(sent_bytes: usize) -> TransportError {
    TransportError { kind: WireFault::Broken(ErrorKind::BrokenPipe.into()), sent_bytes }
}

impl<T: Transport> Transport for Faulty<T> {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.asked = None;
        let mishap = self.begin(request);
        if let Some(Mishap::Cut(bytes)) = mishap {
            let taken = bytes.min(request.len());
            if taken > 0 {
                self.wire.send(&request[..taken], patience)?;
                self.lose_answer(patience);
            }
            return Err(broken(taken));
        }
        self.wire.send(request, patience)?;
        self.asked = Some((request.len(), mishap));
        Ok(())
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        let (sent_bytes, mishap) = match self.asked.take() {
            Some(asked) => asked,
            None => (0, self.begin(&[])),
        };
        match mishap {
            Some(Mishap::Cut(_) | Mishap::Lost) => {
                answer.clear();
                self.lose_answer(patience);
                Err(broken(sent_bytes))
            }
            Some(Mishap::Garbled(seed)) => {
                self.wire.receive(answer, patience)?;
                garble(answer, &mut Noise::new(seed));
                Ok(())
            }
            None => self.wire.receive(answer, patience),
        }
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

fn garble(answer: &mut Vec<u8>, noise: &mut Noise) {
    let at = noise.below(answer.len() as u64) as usize;
    if noise.next().is_multiple_of(2) {
        answer.truncate(at);
    } else if let Some(byte) = answer.get_mut(at) {
        *byte ^= 1 + noise.below(255) as u8;
    }
}

/// A small, seeded source of noise (xorshift64*).
struct Noise(u64);

impl Noise {
    /// Mixes the seed, so that neighbouring seeds do not give similar noise.
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}
