//! Runs a reader on a thread of its own and keeps the deadline outside it: some calls to a reader cannot be cancelled
//! at all (a mute card held `SCardTransmit` of pcsc-lite for 232 s), so the caller must be able to stop waiting. Knows
//! no family.
//!
//! A reader never gets a second thread, since the first may still hold the card: a stuck reader stays stuck until its
//! call returns, and is then reopened.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{CardEncoder, Chip, EncoderError};

/// Opens the reader; called on its thread, and again after the reader was stuck or could not be opened.
type Open = Box<dyn FnMut() -> Result<Box<dyn CardEncoder>, EncoderError> + Send>;

/// A request to the thread.
enum Request {
    PowerOn(Duration),
    Transmit(Zeroizing<Vec<u8>>),
    PowerOff,
}

/// A result from the thread.
enum Reply {
    On(Result<Chip, EncoderError>),
    Answered(Result<Zeroizing<Vec<u8>>, EncoderError>),
    Off(Result<(), EncoderError>),
}

/// A reader whose calls return in time.
///
/// Dropping it releases the reader as soon as a pending call returns. Until then the same reader must not be opened
/// again, so keep the value for as long as the reader may be needed.
pub struct Bounded {
    limit: Duration,
    thread: Option<Thread>,
    open: Arc<Mutex<Open>>,
    /// A call timed out and has not returned yet.
    overdue: bool,
}

struct Thread {
    /// A request, and whether the reader must be reopened for it.
    asks: SyncSender<(Request, bool)>,
    answers: Receiver<Reply>,
}

impl Bounded {
    /// A reader that `open` opens at the first call. Every call may take `limit`, plus the patience that it asks for.
    pub fn new(
        open: impl FnMut() -> Result<Box<dyn CardEncoder>, EncoderError> + Send + 'static,
        limit: Duration,
    ) -> Self {
        Self { limit, thread: None, open: Arc::new(Mutex::new(Box::new(open))), overdue: false }
    }

    /// Sends a request and waits for the result, at most for the limit and `patience`.
    fn ask(&mut self, ask: Request, patience: Duration) -> Result<Reply, EncoderError> {
        let stuck = EncoderError::Stuck { limit: self.limit };
        let afresh = self.overdue;
        if self.overdue {
            self.overdue = matches!(self.thread().answers.try_recv(), Err(TryRecvError::Empty));
            if self.overdue {
                return Err(stuck);
            }
        }
        let limit = self.limit.saturating_add(patience);
        let thread = self.thread();
        // The send does not block: no request is sent while another result is outstanding.
        let taken = thread.asks.send((ask, afresh)).is_ok();
        match thread.answers.recv_timeout(limit) {
            Ok(said) if taken => Ok(said),
            Err(RecvTimeoutError::Timeout) => {
                self.overdue = true;
                Err(stuck)
            }
            // The thread panicked, which dropped the reader: the next call starts another thread.
            Ok(_) | Err(RecvTimeoutError::Disconnected) => {
                self.thread = None;
                Err(stuck)
            }
        }
    }

    fn thread(&mut self) -> &Thread {
        let open = &self.open;
        self.thread.get_or_insert_with(|| {
            let (asks, questions) = sync_channel(1);
            let (says, answers) = sync_channel(1);
            let open = Arc::clone(open);
            let work = move || serve(&open, &questions, &says);
            // If no thread can be started, both channels are closed at once, which is reported as a stuck reader.
            let _ = thread::Builder::new().name("card reader".to_owned()).spawn(work);
            Thread { asks, answers }
        })
    }
}

/// Handles requests until the sender is dropped.
fn serve(open: &Mutex<Open>, questions: &Receiver<(Request, bool)>, says: &SyncSender<Reply>) {
    let mut reader: Option<Box<dyn CardEncoder>> = None;
    while let Ok((ask, afresh)) = questions.recv() {
        if afresh {
            reader = None;
        }
        let opened = match &mut reader {
            Some(_) => Ok(()),
            None => {
                let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
                open().map(|fresh| reader = Some(fresh))
            }
        };
        let said = match (&mut reader, opened) {
            (Some(reader), Ok(())) => obey(&mut **reader, ask),
            (_, opened) => refuse(&ask, opened.err()),
        };
        if says.send(said).is_err() {
            return;
        }
    }
}

fn obey(reader: &mut dyn CardEncoder, ask: Request) -> Reply {
    match ask {
        Request::PowerOn(patience) => Reply::On(reader.power_on(patience)),
        Request::Transmit(command) => {
            let mut answer = Zeroizing::default();
            Reply::Answered(reader.transmit(&command, &mut answer).map(|()| answer))
        }
        Request::PowerOff => Reply::Off(reader.power_off()),
    }
}

/// The reader cannot be opened. The error also applies to a card that is in it.
fn refuse(ask: &Request, why: Option<EncoderError>) -> Reply {
    let why = why.unwrap_or(EncoderError::CardLost);
    match ask {
        Request::PowerOn(_) => Reply::On(Err(why)),
        Request::Transmit(_) => Reply::Answered(Err(why)),
        Request::PowerOff => Reply::Off(Err(why)),
    }
}

/// A result of the wrong kind would be a bug of ours; no card is trusted then.
const MIXED_UP: EncoderError = EncoderError::CardLost;

impl CardEncoder for Bounded {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        match self.ask(Request::PowerOn(patience), patience)? {
            Reply::On(result) => result,
            Reply::Answered(_) | Reply::Off(_) => Err(MIXED_UP),
        }
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        answer.clear();
        let command = Zeroizing::new(command.to_vec());
        match self.ask(Request::Transmit(command), Duration::ZERO)? {
            Reply::Answered(result) => result.map(|said| answer.extend_from_slice(&said)),
            Reply::On(_) | Reply::Off(_) => Err(MIXED_UP),
        }
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        match self.ask(Request::PowerOff, Duration::ZERO)? {
            Reply::Off(result) => result,
            Reply::On(_) | Reply::Answered(_) => Err(MIXED_UP),
        }
    }
}

#[cfg(test)]
#[path = "tests/bounded.rs"]
mod tests;
