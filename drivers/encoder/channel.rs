//! Handles what differs between chips, so that a profile's steps need not: responses that must be fetched, wrong
//! lengths, commands that are too long for chip or reader. Knows no profile, no key and no family.

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::apdu::{
    Command, EXTENDED_DATA_MAX_BYTES, EXTENDED_LE_MAX_BYTES, Form, Reply, SHORT_DATA_MAX_BYTES,
    SHORT_LE_MAX_BYTES, Status,
};
use super::{CardEncoder, Chip, EncoderError, Limits};

/// Most pieces of one response: enough for the longest possible, and a limit for a card that never ends.
const PIECES_MAX: usize = 300;
/// The longest response, over all its pieces.
const ANSWER_MAX_BYTES: usize = EXTENDED_LE_MAX_BYTES;
/// Class bit: more blocks of the same command follow (ISO/IEC 7816-4, 5.4.1).
const MORE_FOLLOWS: u8 = 0x10;
const GET_RESPONSE: u8 = 0xC0;
/// The class of PC/SC's pseudo-APDUs, which the reader answers and not the card; they cannot be chained.
const READERS_OWN: u8 = 0xFF;

/// A connection to a chip that is switched on.
pub struct Channel<'a> {
    encoder: &'a mut dyn CardEncoder,
    limits: Limits,
    watcher: Option<Box<dyn FnMut(Seen) + 'a>>,
    answer: Zeroizing<Vec<u8>>,
}

/// One command that was sent and how it ended, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// CLA, INS, P1, P2.
    pub header: [u8; 4],
    /// Length of the command data.
    pub lc: usize,
    /// Expected length.
    pub le: Option<usize>,
    /// Length of the response data.
    pub got: usize,
    /// The status word; `None`: there was no response.
    pub status: Option<Status>,
    /// Time from calling the reader until it returned.
    pub took: Duration,
}

impl<'a> Channel<'a> {
    /// A channel to the chip that `encoder` has switched on.
    pub fn new(encoder: &'a mut dyn CardEncoder, chip: &Chip) -> Self {
        Self { encoder, limits: chip.limits, watcher: None, answer: Zeroizing::default() }
    }

    /// Calls `watcher` for every command from now on.
    pub fn watch(&mut self, watcher: impl FnMut(Seen) + 'a) {
        self.watcher = Some(Box::new(watcher));
    }

    /// Size limits of the chip and its reader.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Most data bytes that one command carries unchained.
    pub fn data_max(&self) -> usize {
        let (most, around) = match self.form() {
            Form::Short => (SHORT_DATA_MAX_BYTES, 4 + 1 + 1),
            Form::Extended => (EXTENDED_DATA_MAX_BYTES, 4 + 3 + 2),
        };
        self.limits.apdu_max_bytes.saturating_sub(around).clamp(1, most)
    }

    /// Most response bytes that arrive without GET RESPONSE.
    pub fn answer_max(&self) -> usize {
        let most = match self.form() {
            Form::Short => SHORT_LE_MAX_BYTES,
            Form::Extended => EXTENDED_LE_MAX_BYTES,
        };
        self.limits.apdu_max_bytes.clamp(1, most)
    }

    /// Sends a command and returns the whole response. Data that are too long for one command are sent as a chain; the
    /// first block that the card refuses ends it, with the card's status.
    ///
    /// # Errors
    /// [`EncoderError`] of the reader; [`EncoderError::Garbled`] for a response without end;
    /// [`EncoderError::Unsupported`] for a pseudo-APDU that is too long.
    pub fn send(&mut self, command: &Command) -> Result<Reply, EncoderError> {
        let most = self.data_max();
        if command.data.len() <= most {
            return self.whole(command);
        }
        if command.cla == READERS_OWN {
            let why = format!("{} bytes in one command, {most} at most", command.data.len());
            return Err(EncoderError::Unsupported(why));
        }
        let (mut block, mut rest) = command.data.split_at(most);
        while !rest.is_empty() {
            let link =
                Command::new(command.cla | MORE_FOLLOWS, command.ins, command.p1, command.p2);
            let reply = self.pass(&link.with(block))?;
            if !reply.status.is_ok() {
                return Ok(reply);
            }
            (block, rest) = rest.split_at(rest.len().min(most));
        }
        let mut last = Command::new(command.cla, command.ins, command.p1, command.p2).with(block);
        last.le = command.le;
        self.whole(&last)
    }

    /// Sends a command that needs no chaining and fetches all pieces of its response.
    fn whole(&mut self, command: &Command) -> Result<Reply, EncoderError> {
        let mut reply = self.with_right_le(command)?;
        for _ in 0..PIECES_MAX {
            let Some(waiting) = reply.status.waiting() else {
                return Ok(reply);
            };
            let fetch = Command::new(class_of_fetching(command.cla), GET_RESPONSE, 0, 0);
            let next = self.with_right_le(&fetch.expecting(waiting))?;
            reply.data.extend_from_slice(&next.data);
            reply.status = next.status;
            if reply.data.len() > ANSWER_MAX_BYTES {
                break;
            }
        }
        Err(EncoderError::Garbled { command: "GET RESPONSE", why: "the answer does not end" })
    }

    /// Sends a command, and repeats it once if the card names the right expected length: the card has not executed it
    /// then.
    fn with_right_le(&mut self, command: &Command) -> Result<Reply, EncoderError> {
        let mut asked = command.clone();
        asked.le = asked.le.map(|le| le.min(self.answer_max()));
        if self.limits.t0 && !asked.data.is_empty() {
            asked.le = None;
        }
        let reply = self.pass(&asked)?;
        match reply.status.right_le() {
            Some(_) if asked.le.is_some() => {
                asked.le = reply.status.right_le();
                self.pass(&asked)
            }
            _ => Ok(reply),
        }
    }

    /// Sends one command and receives one response.
    fn pass(&mut self, command: &Command) -> Result<Reply, EncoderError> {
        let bytes = command
            .encode(command.form())
            .map_err(|why| EncoderError::Unsupported(why.to_string()))?;
        let started = Instant::now();
        let reply = self
            .encoder
            .transmit(&bytes, &mut self.answer)
            .and_then(|()| Reply::parse(&self.answer));
        let took = started.elapsed();
        if let Some(watcher) = &mut self.watcher {
            watcher(Seen {
                header: command.header(),
                lc: command.data.len(),
                le: command.le,
                got: reply.as_ref().map_or(0, |reply| reply.data.len()),
                status: reply.as_ref().ok().map(|reply| reply.status),
                took,
            });
        }
        reply
    }

    fn form(&self) -> Form {
        if self.limits.extended && !self.limits.t0 { Form::Extended } else { Form::Short }
    }
}

/// GET RESPONSE is an interindustry command on the same logical channel, and is never secured itself. For a proprietary
/// class (from `A0`) it is sent in that class.
fn class_of_fetching(cla: u8) -> u8 {
    match cla {
        0x00..=0x1F | 0x80..=0x9F => cla & 0x03,
        0x40..=0x7F | 0xC0..=0xFE => 0x40 | (cla & 0x0F),
        0x20..=0x3F | 0xA0..=0xBF | 0xFF => cla,
    }
}

#[cfg(test)]
#[path = "tests/channel.rs"]
mod tests;
