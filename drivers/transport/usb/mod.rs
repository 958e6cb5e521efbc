//! The wire over USB, for machines of the printer class: bulk bytes there, bulk bytes back. Knows no family.
//!
//! The device stays open from the first exchange until a fault or the end; meanwhile the kernel's `usblp` is put
//! aside, and gets its interface back. **After any fault the device is closed, and the next exchange opens it anew**,
//! looking for it by its name: so a printer that was unplugged and plugged in again is found at its new address, a
//! stall is cleared, and nothing needs a restart. No exchange is ever repeated here.
//!
//! # A stale answer must not be taken for this exchange's
//!
//! An answer that nobody fetched (its exchange failed, or another program died) would shift every later one by one:
//! "OK" of one command would be read as "OK" of the next. So before the first exchange after every opening, what the
//! machine still has to say is read and dropped: until it is quiet, or [`STALE_MAX`] answers have been dropped. The
//! limit is needed because some machines speak whenever they are read (Evolis tells its status, Evolis wire notes,
//! section 1) and so are never quiet; it suffices because a program that asks one thing at a time leaves at most one
//! answer behind. An answer that did not come in time may come late, so the first read waits for it a little longer.
//!
//! The printer class has a request for this, SOFT_RESET ("flush all buffers"). It is not used here: whoever has just
//! lost the answer of a poll may have a card under the print head, and no maker says what a flush does to its panels.
//!
//! It is used in one case: when a request broke off after its first pieces had been taken. A bus has no half-close, so
//! the machine would take our next commands for the missing rest of a panel; and that job can never be finished.
//! A command fits into one piece and so never causes it.
//!
//! Bytes are sent as they are: the zero byte that ends an Evolis transmission goes in the last piece (the maker's own
//! library writes it apart and tolerates its failure, but its machines take it in one write just as well, section 1).

mod link;
mod listing;
mod socket;

use std::thread::sleep;
use std::time::Duration;

use super::hearing::{Ending, hear};
use super::pieces::pieces;
use super::{Transport, TransportError, Whole, WireFault};
use link::Link;

pub use link::device_id;
pub use listing::{NoUsbName, SYSFS, UsbName, UsbPrinter, attached};
pub use socket::names_of;

/// Answers that may be left over from before: one of ours, and some of another program's.
const STALE_MAX: usize = 4;

/// More than so many answers are long; then what comes is something else, and the next exchange will tell.
const STALE_MAX_BYTES: usize = 4096;

/// A machine that did not answer in time, whoever asked it, is given this long once more before our first question.
/// One that speaks whenever it is read is not waited for.
const LATE_LIMIT: Duration = Duration::from_secs(1);

/// A machine that has more to say says it within a few milliseconds.
const QUIET: Duration = Duration::from_millis(100);

/// A USB printer.
pub struct Usb {
    name: UsbName,
    whole: Option<Whole>,
    link: Option<Link>,
    /// A request was sent, its answer not yet read.
    asked: bool,
    /// The last opening ended with a stall.
    stalled: bool,
    sent_bytes: usize,
}

impl Usb {
    /// A wire to the printer of this name. Nothing is opened yet.
    pub fn new(name: UsbName) -> Self {
        Self { name, whole: None, link: None, asked: false, stalled: false, sent_bytes: 0 }
    }

    /// The opened device; opens it if need be.
    fn ready(&mut self) -> Result<&mut Link, WireFault> {
        let link = match self.link.take() {
            Some(link) => link,
            None => {
                let mut link = Link::open(&self.name)?;
                link.end_stalls(self.stalled)?;
                drop_stale(&mut link, self.whole)?;
                self.stalled = false;
                link
            }
        };
        Ok(self.link.insert(link))
    }

    /// Closes the device, so that the next exchange begins afresh.
    fn failed(&mut self, kind: WireFault) -> TransportError {
        self.link = None;
        self.asked = false;
        self.stalled |= kind == WireFault::Stalled;
        TransportError { kind, sent_bytes: self.sent_bytes }
    }

    fn deliver(&mut self, request: &[u8], patience: Duration) -> Result<(), WireFault> {
        let mut broken_off = false;
        self.ready()?;
        for piece in pieces(request) {
            self.sent_bytes += piece.len();
            let link = self.ready()?;
            if let Err(fault) = link.write(piece, patience) {
                if broken_off {
                    link.soft_reset();
                }
                return Err(fault);
            }
            broken_off = true;
        }
        Ok(())
    }
}

impl Transport for Usb {
    fn send(&mut self, request: &[u8], patience: Duration) -> Result<(), TransportError> {
        self.sent_bytes = 0;
        if self.asked {
            // The answer before this one was never fetched.
            self.link = None;
        }
        self.asked = true;
        self.deliver(request, patience).map_err(|fault| self.failed(fault))
    }

    fn receive(&mut self, answer: &mut Vec<u8>, patience: Duration) -> Result<(), TransportError> {
        answer.clear();
        if !std::mem::take(&mut self.asked) {
            self.sent_bytes = 0;
        }
        let whole = self.whole;
        let heard = self.ready().and_then(|link| {
            hear(answer, patience, whole, |into, patience| link.read(into, patience))
        });
        match heard {
            Ok(Ending::Whole) => Ok(()),
            Ok(Ending::BrokenOff) => {
                // The driver judges what came; what may yet come is dropped with the next opening.
                self.failed(WireFault::Silent(patience));
                Ok(())
            }
            Err(fault) => Err(self.failed(fault)),
        }
    }

    fn frame_by(&mut self, whole: Whole) {
        self.whole = Some(whole);
    }

    fn pause(&mut self, span: Duration) {
        sleep(span);
    }
}

/// Reads away what the machine had to say before we asked; see the head of this file.
fn drop_stale(link: &mut Link, whole: Option<Whole>) -> Result<(), WireFault> {
    let (mut answers, mut dropped_bytes) = (0, 0);
    // What came since the last whole answer, and where the transfer began that is being read.
    let (mut dropped, mut transfer) = (Vec::new(), 0);
    let mut patience = LATE_LIMIT;
    while answers < STALE_MAX && dropped_bytes < STALE_MAX_BYTES {
        let before = dropped.len();
        let heard = match link.read(&mut dropped, patience) {
            Ok(heard) => heard,
            Err(WireFault::Silent(_)) => break,
            Err(fault) => return Err(fault),
        };
        dropped_bytes += dropped.len() - before;
        patience = QUIET;
        // The first may be the rest of an answer whose beginning is lost, so the next may be whole by itself only.
        let is_answer = match whole {
            Some(whole) => whole(&dropped) || whole(&dropped[transfer..]),
            None => heard.ended,
        };
        if is_answer {
            answers += 1;
            dropped.clear();
            transfer = 0;
        } else if heard.ended {
            transfer = dropped.len();
        }
    }
    Ok(())
}
