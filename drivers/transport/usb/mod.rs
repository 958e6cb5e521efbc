//! The wire over USB, for machines of the printer class: bulk transfers in both directions. Knows no family.
//!
//! The device stays open from the first exchange until a fault or the end; meanwhile the kernel's `usblp` is detached,
//! and gets its interface back afterwards. **After any fault the device is closed, and the next exchange reopens it by
//! its name**: so a printer that was unplugged and plugged in again is found at its new address, a stall is cleared,
//! and nothing needs a restart. No exchange is ever repeated here.
//!
//! # A stale answer must not be taken for this exchange's
//!
//! An answer that nobody fetched (its exchange failed, or another program died) would shift every later one by one:
//! "OK" of one command would be read as "OK" of the next. So before the first exchange after every opening, pending
//! answers are read and dropped, until the machine is silent or [`STALE_MAX`] answers have been dropped. The limit is
//! needed because some machines answer whenever they are read (Evolis sends its status, Evolis wire notes, section 1)
//! and so are never silent; it suffices because a program that sends one command at a time leaves at most one answer
//! behind. A late answer is possible too, so the first read waits a little longer.
//!
//! The printer class has a request for this, SOFT_RESET ("flush all buffers"). It is not used for it: a card may be
//! under the print head when the answer to a poll is lost, and no maker says what a flush does to its panels.
//!
//! SOFT_RESET is used in one case: when a request broke off after its first pieces had been accepted. USB has no
//! half-close, so the machine would take our next commands for the rest of a panel; and that job can never be finished.
//! A command fits into one piece and so never causes this.
//!
//! Bytes are sent unchanged: the zero byte that ends an Evolis transmission goes in the last piece (the maker's own
//! library writes it separately and tolerates its failure, but its machines accept it in one write just as well,
//! section 1).

mod link;
mod listing;
mod socket;

use std::thread::sleep;
use std::time::Duration;

use super::framing::{Ending, read_answer};
use super::pieces::pieces;
use super::{Transport, TransportError, Whole, WireFault};
use link::Link;

pub use link::device_id;
pub use listing::{NoUsbName, SYSFS, UsbName, UsbPrinter, attached};
pub use socket::names_of;

/// Stale answers that may be pending: one of ours, and some of another program's.
const STALE_MAX: usize = 4;

/// Longer than that many answers; the rest is something else, which the next exchange will notice.
const STALE_MAX_BYTES: usize = 4096;

/// Before our first query, a machine whose answer is late, whichever program it is for, gets this much more time. A
/// machine that answers whenever it is read is not waited for.
const LATE_LIMIT: Duration = Duration::from_secs(1);

/// A machine with more to send sends it within a few milliseconds.
const QUIET: Duration = Duration::from_millis(100);

/// A USB printer.
pub struct Usb {
    name: UsbName,
    whole: Option<Whole>,
    link: Option<Link>,
    /// A request was sent and its answer was not read yet.
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

    /// The opened device; opens it if necessary.
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

    /// Closes the device, so that the next exchange reopens it.
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
            // The previous answer was never fetched.
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
            read_answer(answer, patience, whole, |into, patience| link.read(into, patience))
        });
        match heard {
            Ok(Ending::Whole) => Ok(()),
            Ok(Ending::BrokenOff) => {
                // The driver judges the bytes; later ones are dropped at the next opening.
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

/// Reads and drops pending answers; see the head of this file.
fn drop_stale(link: &mut Link, whole: Option<Whole>) -> Result<(), WireFault> {
    let (mut answers, mut dropped_bytes) = (0, 0);
    // Bytes since the last complete answer, and where the current transfer began in them.
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
        // The first bytes may be the rest of an answer whose beginning is lost, so the current transfer is tested alone
        // too.
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
