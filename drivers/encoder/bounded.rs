//! A reader on a thread of its own, with the deadline kept outside it: some calls to a reader cannot be ended from
//! anywhere (a mute card held `SCardTransmit` of pcsc-lite for 232 s), so whoever waits must be able to walk away.
//! Knows no family.
//!
//! There is never a second thread for the same reader, since the first may still hold the card: a stuck reader stays
//! stuck until its call has come back, and is then opened anew.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{CardEncoder, Chip, EncoderError};

/// Opens the reader; called on its thread, and again after it was stuck or could not be opened.
type Open = Box<dyn FnMut() -> Result<Box<dyn CardEncoder>, EncoderError> + Send>;

/// What is asked of the thread.
enum Ask {
    PowerOn(Duration),
    Transmit(Zeroizing<Vec<u8>>),
    PowerOff,
}

/// What comes back from it.
enum Said {
    On(Result<Chip, EncoderError>),
    Answered(Result<Zeroizing<Vec<u8>>, EncoderError>),
    Off(Result<(), EncoderError>),
}

/// A reader whose calls come back in time.
///
/// Dropping it lets go of the reader as soon as the call that holds it, if any, comes back; until then nobody should
/// open the same reader, so whoever owns one keeps it.
pub struct Bounded {
    limit: Duration,
    thread: Option<Thread>,
    open: Arc<Mutex<Open>>,
    /// A call whose answer nobody waits for any more.
    overdue: bool,
}

struct Thread {
    /// A question, and whether the reader is to be opened anew for it.
    asks: SyncSender<(Ask, bool)>,
    answers: Receiver<Said>,
}

impl Bounded {
    /// A reader that `open` opens, at the first call; `limit` bounds every call, beyond the patience that it names.
    pub fn new(
        open: impl FnMut() -> Result<Box<dyn CardEncoder>, EncoderError> + Send + 'static,
        limit: Duration,
    ) -> Self {
        Self { limit, thread: None, open: Arc::new(Mutex::new(Box::new(open))), overdue: false }
    }

    /// Asks, and waits no longer than the limit and `patience`.
    fn ask(&mut self, ask: Ask, patience: Duration) -> Result<Said, EncoderError> {
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
        // It takes a question at once: nothing is asked while another answer is outstanding.
        let taken = thread.asks.send((ask, afresh)).is_ok();
        match thread.answers.recv_timeout(limit) {
            Ok(said) if taken => Ok(said),
            Err(RecvTimeoutError::Timeout) => {
                self.overdue = true;
                Err(stuck)
            }
            // Its code panicked, and let go of the reader in that: the next call begins with another thread.
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
            // Without a thread both channels are closed at once, which is told as a stuck reader.
            let _ = thread::Builder::new().name("card reader".to_owned()).spawn(work);
            Thread { asks, answers }
        })
    }
}

/// Obeys until nobody asks any more.
fn serve(open: &Mutex<Open>, questions: &Receiver<(Ask, bool)>, says: &SyncSender<Said>) {
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

fn obey(reader: &mut dyn CardEncoder, ask: Ask) -> Said {
    match ask {
        Ask::PowerOn(patience) => Said::On(reader.power_on(patience)),
        Ask::Transmit(command) => {
            let mut answer = Zeroizing::default();
            Said::Answered(reader.transmit(&command, &mut answer).map(|()| answer))
        }
        Ask::PowerOff => Said::Off(reader.power_off()),
    }
}

/// The reader cannot be opened. A card in it is lost all the same.
fn refuse(ask: &Ask, why: Option<EncoderError>) -> Said {
    let why = why.unwrap_or(EncoderError::CardLost);
    match ask {
        Ask::PowerOn(_) => Said::On(Err(why)),
        Ask::Transmit(_) => Said::Answered(Err(why)),
        Ask::PowerOff => Said::Off(Err(why)),
    }
}

/// The thread answers what it was asked; another answer would be a fault of ours, and no card is trusted then.
const MIXED_UP: EncoderError = EncoderError::CardLost;

impl CardEncoder for Bounded {
    fn power_on(&mut self, patience: Duration) -> Result<Chip, EncoderError> {
        match self.ask(Ask::PowerOn(patience), patience)? {
            Said::On(result) => result,
            Said::Answered(_) | Said::Off(_) => Err(MIXED_UP),
        }
    }

    fn transmit(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Result<(), EncoderError> {
        answer.clear();
        let command = Zeroizing::new(command.to_vec());
        match self.ask(Ask::Transmit(command), Duration::ZERO)? {
            Said::Answered(result) => result.map(|said| answer.extend_from_slice(&said)),
            Said::On(_) | Said::Off(_) => Err(MIXED_UP),
        }
    }

    fn power_off(&mut self) -> Result<(), EncoderError> {
        match self.ask(Ask::PowerOff, Duration::ZERO)? {
            Said::Off(result) => result,
            Said::On(_) | Said::Answered(_) => Err(MIXED_UP),
        }
    }
}

#[cfg(test)]
#[path = "tests/bounded.rs"]
mod tests;
