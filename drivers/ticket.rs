//! What a machine's own log of jobs says of one card, asked by a name that was written down before the card moved. Knows
//! no family and no ledger.
//!
//! Whoever prints asks for a [`Ticket`], keeps it with the intent, and only then prints under it. After a loss of the
//! computer, the wire or the machine the log answers for that one card, where a family tells no count of cards.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::{CardOut, DeviceError, PreparedCard};

/// A machine's name for one job.
///
/// It is made by a driver, of numbers that the machine gave, and never names another card of that machine: where a machine
/// may begin to count anew, the driver puts in what tells one count from the other. Capital hexadecimal digits and `-`, in
/// short series: no name and no number of a person fits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ticket(String);

/// A text that no driver gives as a ticket. The text itself is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no ticket of a machine's job: 1 to {TICKET_MAX_CHARS} characters 0-9, A-F and -")]
pub struct NoTicket;

const TICKET_MAX_CHARS: usize = 24;
/// A number of a person has 16 digits.
const SERIES_MAX_CHARS: usize = 12;

impl Ticket {
    /// Reads one.
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

    /// As it is written.
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

/// What a log says of the card of a ticket. It speaks of the job alone, and not of what anybody did with the card after it
/// had left the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The machine has heard the job and moved no card for it. It may yet, until
    /// [`crate::contract::CardPrinter::come_to_rest`] has ended it.
    Waiting,
    /// The machine is at work on it.
    AtWork,
    /// The job has stopped, or its card was told to stay: it stands inside.
    CardInside,
    /// The job ended before a card was moved for it. None will be. A second card is printed on this word: it is said only of
    /// a job that the log still has, by a machine that keeps its log as [`JobLog`] wants.
    NotPrinted,
    /// All that the job wanted is on the card, and the machine has let it out as a good one.
    Printed,
    /// A card was moved for it, and is no good one: it was rejected, or somebody took it out before all was printed on it.
    Spoiled,
    /// The log does not tell.
    Unknown(Unlogged),
}

impl Outcome {
    /// Will the log never say anything else?
    pub fn is_final(self) -> bool {
        matches!(self, Self::NotPrinted | Self::Printed | Self::Spoiled)
    }
}

/// Why a log does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlogged {
    /// It goes no further back.
    TooOld,
    /// It is another log: another machine's, or it was begun anew.
    OtherLog,
    /// The machine lost its power in the job, and does not know what became of the card.
    Interrupted,
    /// Somebody took the card out of the machine when all was printed on it: it may be a good one in a person's hand.
    TakenOut,
}

/// The log of jobs that a machine keeps, also while it is switched off.
///
/// **No loss of power takes a line away.** The name of a job stands in the log before anybody is told it, and that a card moves
/// for it before the card moves: a log that could lose its last line would deny a card that came out, and the station would
/// print a second one. A machine of which that is not known keeps no log in this sense, and its driver gives none
/// ([`crate::contract::CardPrinter::job_log`]).
pub trait JobLog {
    /// Has the machine open a job for one card, and name it. Nothing moves, and a job that is never printed costs
    /// nothing.
    ///
    /// # Errors
    /// [`DeviceError`]; the card is [`crate::contract::Whereabouts::Untouched`].
    fn open_job(&mut self) -> Result<Ticket, DeviceError>;

    /// As [`crate::contract::CardPrinter::print`], under a ticket. Each serves for one card: where the machine has heard a
    /// job under it already, or has ended it, the call fails and moves nothing.
    ///
    /// # Errors
    /// [`DeviceError`]; what became of the card can be asked with [`JobLog::outcome`].
    fn print_as(&mut self, ticket: &Ticket, card: &PreparedCard) -> Result<CardOut, DeviceError>;

    /// What became of the card of a ticket. Moves no card. A job that was opened and never heard is ended by the question,
    /// so that [`Outcome::NotPrinted`] stays true whatever a slow wire still delivers.
    ///
    /// # Errors
    /// [`DeviceError`]: the log could not be asked.
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
