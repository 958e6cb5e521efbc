//! A machine's own log of jobs, queried for one card by a name that was stored before the card moved. Knows no family
//! and no ledger.
//!
//! The station requests a [`Ticket`], stores it with the intent, and only then prints under it. After a loss of the
//! computer, the wire or the machine, the log says what happened to that one card, even if a family reports no card
//! counter.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::{CardOut, DeviceError, PreparedCard};

/// A machine's name for one job.
///
/// A driver makes it from numbers that the machine gave, and it never names another card of that machine: if a machine
/// may restart its numbering, the driver adds what distinguishes the numberings. It consists of capital hexadecimal
/// digits and `-`, in short runs, so that no name and no number of a person fits.
/// short series: no name and no number of a person fits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ticket(String);

/// A text that cannot be a ticket. The text itself is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no ticket of a machine's job: 1 to {TICKET_MAX_CHARS} characters 0-9, A-F and -")]
pub struct NoTicket;

const TICKET_MAX_CHARS: usize = 24;
/// Shorter than a person's number, which has 16 digits.
const SERIES_MAX_CHARS: usize = 12;

impl Ticket {
    /// Parses a ticket.
    ///
    /// # Errors
    /// [`NoTicket`].
    pub fn read(text: &str) -> Result<Self, NoTicket> {
        let fits = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
        let series = |part: &str| part.len() <= SERIES_MAX_CHARS && part.bytes().all(fits);
        let good = text.len() <= TICKET_MAX_CHARS && text.split('-').all(series);
        let empty = text.bytes().all(|byte| byte == b'-');
        if good && !empty { Ok(Self(text.to_owned())) } else { Err(NoTicket) }
    }

    /// The ticket as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Ticket {
    type Error = NoTicket;

    fn try_from(text: String) -> Result<Self, NoTicket> {
        Self::read(&text)
    }
}

impl From<Ticket> for String {
    fn from(ticket: Ticket) -> String {
        ticket.0
    }
}

/// The log's entry for a ticket. It describes only the job, not what anybody did with the card after it left the
/// machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The machine has received the job and moved no card for it. It still may, until
    /// [`crate::contract::CardPrinter::abort_orphaned_job`] has ended the job.
    Waiting,
    /// The machine is working on it.
    AtWork,
    /// The job has stopped, or was asked to keep its card: the card is inside.
    CardInside,
    /// The job ended before a card was moved for it, and none will be. The station prints another card on this answer, so it
    /// is given only for a job that the log still has, and only by a log that meets the promise of [`JobLog`].
    NotPrinted,
    /// The card is completely printed, and the machine has ejected it as a good one.
    Printed,
    /// A card was moved for the job and is spoiled: it was rejected, or somebody took it out before it was completely
    /// printed.
    Spoiled,
    /// The log does not say.
    Unknown(Unlogged),
}

impl Outcome {
    /// Is this the log's last word?
    pub fn is_final(self) -> bool {
        matches!(self, Self::NotPrinted | Self::Printed | Self::Spoiled)
    }
}

/// Why a log does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlogged {
    /// The job is older than the log's oldest entry.
    TooOld,
    /// It is another log: another machine's, or a restarted one.
    OtherLog,
    /// The machine lost power during the job, and does not know what happened to the card.
    Interrupted,
    /// A person took the card out after it was completely printed: somebody may hold a good card.
    TakenOut,
}

/// The log of jobs that a machine keeps even while it is switched off.
///
/// **A loss of power removes no line.** The name of a job is in the log before anybody is told the name, and that a card moves
/// for the job is in the log before the card moves. A log that could lose its last line would deny a card that came out,
/// and the station would print a second one. Where a maker does not promise this, the driver returns no log
/// ([`crate::contract::CardPrinter::job_log`]).
pub trait JobLog {
    /// Opens a job for one card and returns the machine's name for it. Nothing moves, and a job that is never printed
    /// costs nothing.
    ///
    /// # Errors
    /// [`DeviceError`]; the card is [`crate::contract::Whereabouts::Untouched`].
    fn open_job(&mut self) -> Result<Ticket, DeviceError>;

    /// As [`crate::contract::CardPrinter::print`], under a ticket. A ticket is for one card: if the machine has already
    /// received a job under it, or has ended it, the call fails and moves nothing.
    ///
    /// # Errors
    /// [`DeviceError`]; [`JobLog::outcome`] says what happened to the card.
    fn print_as(&mut self, ticket: &Ticket, card: &PreparedCard) -> Result<CardOut, DeviceError>;

    /// What happened to the card of a ticket. Moves no card. A job that was opened but never received is ended by this
    /// query, so that [`Outcome::NotPrinted`] stays true whatever a slow wire still delivers.
    ///
    /// # Errors
    /// [`DeviceError`]: the log could not be read.
    fn outcome(&mut self, ticket: &Ticket) -> Result<Outcome, DeviceError>;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        for text in ["1", "2147483647", "5F3A-17", "0123456789AB-0123456789A"] {
            let ticket = Ticket::read(text).unwrap();
            let written = serde_json::to_string(&ticket).unwrap();
            assert_eq!(written, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Ticket>(&written).unwrap(), ticket);
        }
    }

    #[test]
    fn no_name_and_no_number_of_a_person_is_a_ticket() {
        for text in
            ["", "-", "1301050704159002", "130105-070415900212345678", "BUDI", "5f3a", "1 2", "1\n"]
        {
            assert_eq!(Ticket::read(text), Err(NoTicket), "{text}");
            let told = serde_json::from_value::<Ticket>(text.into()).unwrap_err().to_string();
            assert!(text.len() < 2 || !told.contains(text), "{told}");
        }
    }

    #[test]
    fn an_outcome_is_written_in_words_that_stay() {
        for (outcome, written) in [
            (Outcome::NotPrinted, "\"not_printed\""),
            (Outcome::CardInside, "\"card_inside\""),
            (Outcome::Unknown(Unlogged::OtherLog), "{\"unknown\":\"other_log\"}"),
        ] {
            assert_eq!(serde_json::to_string(&outcome).unwrap(), written);
            assert_eq!(serde_json::from_str::<Outcome>(written).unwrap(), outcome);
        }
    }
}
