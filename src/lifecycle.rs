//! THE SPECIFICATION: the states of a job, what can move it, and one table of moves.
//! Pure: no clock, no disk, no device. Whoever wants to know what Kartu promises reads this file.
//!
//! ```text
//! Received ─▶ Queued ─▶ Claimed ─▶ Composed ─▶ [Encoding ─▶ Encoded] ─▶ Printing ─▶ Printed ─▶ HandedOver
//!     └─▶ Held ─▶┘                                              └─▶ Unsure ─▶ by evidence only
//! ```
//! Printer trouble is not a state of a job: a job waits, the station has trouble.

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Stored and synced; its photo and the fit of its texts are still to be looked at.
    Received,
    /// Waits for a person; the reasons stand with the job.
    Held,
    /// Waits for the printer.
    Queued,
    /// The station has taken it up.
    Claimed,
    /// Both faces exist; their hashes are in the ledger.
    Composed,
    /// A blank is at the chip station.
    Encoding,
    /// The chip was written and read back.
    Encoded,
    /// The intent to print is in the ledger; a card may be moving.
    Printing,
    /// The machine said that the card is out, or evidence says so.
    Printed,
    /// The register officer has given the card to the applicant.
    HandedOver,
    /// A card may have come out and may not have: nobody prints it again until evidence speaks.
    Unsure,
    /// Ended before any card moved.
    Cancelled,
    /// Ended: the card that came out was found bad, or was destroyed. Its approval is used up.
    Spoiled,
    /// Ended because its approval grew too old.
    Expired,
}

/// What can move a job from one state to another; what came with it stands in [`crate::event::Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// Checks found nothing that a person must decide.
    Queue,
    /// Checks found something that a person must decide.
    Hold,
    /// A person decided: print it.
    Release,
    /// The station takes it up.
    Claim,
    /// The faces are composed.
    Compose,
    /// Put back before any card moved (the daemon stopped, the printer was changed).
    PutBack,
    /// Intent: a blank goes to the chip station.
    Encode,
    /// The chip was written and read back.
    ChipGood,
    /// Intent: the card is printed.
    Print,
    /// Evidence: the card is out.
    CardOut,
    /// Evidence: no blank left the feeder.
    NoCard,
    /// Evidence: the blank is spoiled. Before a card came out no good one exists, and the job waits again under the
    /// same approval; afterwards the approval is used up.
    Spoil,
    /// Contact was lost after the point of no return.
    #[serde(rename = "lose_sight")]
    OutcomeUnknown,
    /// Somebody withdrew it.
    Cancel,
    /// Its approval grew too old.
    Expire,
    /// The card was given to the applicant.
    HandOver,
}

/// Every move that exists. What is not here cannot happen.
pub const MOVES: &[(State, Move, State)] = {
    use Move::*;
    use State::*;
    &[
        (Received, Queue, Queued),
        (Received, Hold, Held),
        (Queued, Hold, Held),
        (Claimed, Hold, Held),
        (Composed, Hold, Held),
        (Held, Release, Queued),
        (Queued, Claim, Claimed),
        (Claimed, Compose, Composed),
        (Claimed, PutBack, Queued),
        (Composed, PutBack, Queued),
        (Composed, Encode, Encoding),
        (Encoding, ChipGood, Encoded),
        (Composed, Print, Printing),
        (Encoded, Print, Printing),
        (Printing, CardOut, Printed),
        (Unsure, CardOut, Printed),
        (Encoding, NoCard, Queued),
        (Printing, NoCard, Queued),
        (Unsure, NoCard, Queued),
        (Encoding, Spoil, Queued),
        (Encoded, Spoil, Queued),
        (Printing, Spoil, Queued),
        (Unsure, Spoil, Queued),
        (Printed, Spoil, Spoiled),
        (HandedOver, Spoil, Spoiled),
        (Encoding, OutcomeUnknown, Unsure),
        (Encoded, OutcomeUnknown, Unsure),
        (Printing, OutcomeUnknown, Unsure),
        (Printed, HandOver, HandedOver),
        (Received, Cancel, Cancelled),
        (Held, Cancel, Cancelled),
        (Queued, Cancel, Cancelled),
        (Claimed, Cancel, Cancelled),
        (Composed, Cancel, Cancelled),
        (Received, Expire, Expired),
        (Held, Expire, Expired),
        (Queued, Expire, Expired),
    ]
};

/// The move is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {} cannot {}", .state.name(), .step.name())]
pub struct Refused {
    /// Where the job stands.
    pub state: State,
    /// What was asked.
    pub step: Move,
}

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [State; 14] = [
        Self::Received,
        Self::Held,
        Self::Queued,
        Self::Claimed,
        Self::Composed,
        Self::Encoding,
        Self::Encoded,
        Self::Printing,
        Self::Printed,
        Self::HandedOver,
        Self::Unsure,
        Self::Cancelled,
        Self::Spoiled,
        Self::Expired,
    ];

    /// Where an event leads.
    ///
    /// # Errors
    /// [`Refused`] when the table has no such move.
    pub fn after(self, step: Move) -> Result<State, Refused> {
        MOVES
            .iter()
            .find(|(from, on, _)| *from == self && *on == step)
            .map(|(_, _, to)| *to)
            .ok_or(Refused { state: self, step })
    }

    /// Stable name, in the API and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Held => "held",
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Composed => "composed",
            Self::Encoding => "encoding",
            Self::Encoded => "encoded",
            Self::Printing => "printing",
            Self::Printed => "printed",
            Self::HandedOver => "handed_over",
            Self::Unsure => "unsure",
            Self::Cancelled => "cancelled",
            Self::Spoiled => "spoiled",
            Self::Expired => "expired",
        }
    }

    /// The word of the office, for pages.
    pub fn label_id(self) -> &'static str {
        match self {
            Self::Received => "diterima",
            Self::Held => "ditahan",
            Self::Queued => "antre",
            Self::Claimed | Self::Composed => "siap cetak",
            Self::Encoding | Self::Encoded => "mengisi chip",
            Self::Printing => "mencetak",
            Self::Printed => "sudah dicetak",
            Self::HandedOver => "diserahkan",
            Self::Unsure => "tidak pasti",
            Self::Cancelled => "dibatalkan",
            Self::Spoiled => "rusak",
            Self::Expired => "kedaluwarsa",
        }
    }

    /// Reads [`State::name`].
    pub fn from_name(name: &str) -> Option<State> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Nothing more is printed for this job: it ended, well or not.
    pub fn is_end(self) -> bool {
        matches!(
            self,
            Self::Printed | Self::HandedOver | Self::Cancelled | Self::Spoiled | Self::Expired
        )
    }

    /// A card may be inside the machine on behalf of this job.
    pub fn has_card_moving(self) -> bool {
        matches!(self, Self::Encoding | Self::Encoded | Self::Printing)
    }
}

impl Move {
    /// Every event.
    pub const ALL: [Move; 16] = [
        Self::Queue,
        Self::Hold,
        Self::Release,
        Self::Claim,
        Self::Compose,
        Self::PutBack,
        Self::Encode,
        Self::ChipGood,
        Self::Print,
        Self::CardOut,
        Self::NoCard,
        Self::Spoil,
        Self::OutcomeUnknown,
        Self::Cancel,
        Self::Expire,
        Self::HandOver,
    ];

    /// Stable name, in the API and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Claim => "claim",
            Self::Compose => "compose",
            Self::PutBack => "put_back",
            Self::Encode => "encode",
            Self::ChipGood => "chip_good",
            Self::Print => "print",
            Self::CardOut => "card_out",
            Self::NoCard => "no_card",
            Self::Spoil => "spoil",
            Self::OutcomeUnknown => "lose_sight",
            Self::Cancel => "cancel",
            Self::Expire => "expire",
            Self::HandOver => "hand_over",
        }
    }

    /// Reads [`Move::name`].
    pub fn from_name(name: &str) -> Option<Move> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    /// These say where a card is; the ledger refuses them without evidence.
    pub fn needs_evidence(self) -> bool {
        matches!(self, Self::CardOut | Self::NoCard | Self::Spoil)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state × every event, written out by hand a second time: a change of the table must be meant.
    /// Columns in the order of `Move::ALL`; `.` = refused, else the first letters of where it leads.
    const GRID: &str = "
        received    Queued Held . . . . . . . . . . . Cancelled Expired .
        held        . . Queued . . . . . . . . . . Cancelled Expired .
        queued      . Held . Claimed . . . . . . . . . Cancelled Expired .
        claimed     . Held . . Composed Queued . . . . . . . Cancelled . .
        composed    . Held . . . Queued Encoding . Printing . . . . Cancelled . .
        encoding    . . . . . . . Encoded . . Queued Queued Unsure . . .
        encoded     . . . . . . . . Printing . . Queued Unsure . . .
        printing    . . . . . . . . . Printed Queued Queued Unsure . . .
        printed     . . . . . . . . . . . Spoiled . . . HandedOver
        handed_over . . . . . . . . . . . Spoiled . . . .
        unsure      . . . . . . . . . Printed Queued Queued . . . .
        cancelled   . . . . . . . . . . . . . . . .
        spoiled     . . . . . . . . . . . . . . . .
        expired     . . . . . . . . . . . . . . . .";

    #[test]
    fn every_state_meets_every_event() {
        let rows: Vec<Vec<&str>> =
            GRID.trim().lines().map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), State::ALL.len());
        for (row, state) in rows.iter().zip(State::ALL) {
            assert_eq!(row[0], state.name());
            assert_eq!(row.len(), 1 + Move::ALL.len(), "row {}", state.name());
            for (cell, event) in row[1..].iter().zip(Move::ALL) {
                let got = state.after(event).map_or(".".to_owned(), |to| format!("{to:?}"));
                assert_eq!(got, *cell, "{} on {}", state.name(), event.name());
            }
        }
    }

    #[test]
    fn a_card_is_never_printed_after_it_may_exist() {
        for from in [State::Unsure, State::Printed, State::Spoiled, State::HandedOver] {
            assert!(MOVES.iter().all(|(f, _, to)| *f != from || *to != State::Printing));
        }
        for (from, event, to) in MOVES.iter().filter(|(from, _, _)| from.is_end()) {
            assert!(to.is_end(), "{} on {} prints again", from.name(), event.name());
        }
    }

    #[test]
    fn unsure_is_left_by_evidence_only() {
        for (_, event, _) in MOVES.iter().filter(|(from, _, _)| *from == State::Unsure) {
            assert!(event.needs_evidence(), "{}", event.name());
        }
    }

    #[test]
    fn every_state_can_end() {
        for start in State::ALL {
            let mut reached = vec![start];
            let mut at = 0;
            while at < reached.len() {
                let here = reached[at];
                for (_, _, to) in MOVES.iter().filter(|(from, _, _)| *from == here) {
                    if !reached.contains(to) {
                        reached.push(*to);
                    }
                }
                at += 1;
            }
            assert!(reached.iter().any(|s| s.is_end()), "{} never ends", start.name());
        }
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        for event in Move::ALL {
            assert_eq!(Move::from_name(event.name()), Some(event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.name());
        }
    }
}
