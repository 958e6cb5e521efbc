//! THE SPECIFICATION: the states of a job, what can move it, and one table of moves.
//! Pure: no clock, no disk, no device. Whoever wants to know what Kartu promises reads this file.
//!
//! ```text
//! Received ─▶ Queued ─▶ Claimed ─▶ Composed ─▶ [Encoding ─▶ Encoded] ─▶ Printing ─▶ Printed ─▶ HandedOver
//!     └─▶ Held ─▶┘                                              └─▶ Unsure ─▶ by evidence only
//! ```
//! Printer trouble is not a state of a job: a job waits, the station has trouble.

use serde::{Deserialize, Serialize};

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Stored and synced; its photo and the fit of its texts are not inspected yet.
    Received,
    /// Waits for a person; the job contains the reasons.
    Held,
    /// Waits for the printer.
    Queued,
    /// The station has claimed it.
    Claimed,
    /// Both faces exist; their hashes are in the ledger.
    Composed,
    /// A blank is being encoded.
    Encoding,
    /// The chip was written and read back.
    Encoded,
    /// The intent to print is in the ledger; a card may be moving.
    Printing,
    /// The machine reported that the card is out, or evidence shows it.
    Printed,
    /// The register officer has given the card to the applicant.
    HandedOver,
    /// A card may or may not have come out: the job is not printed again until evidence decides.
    Unsure,
    /// Ended before any card moved.
    Cancelled,
    /// Ended: the card that came out was found bad, or was destroyed. Its approval is used up.
    Spoiled,
    /// Ended because its approval expired.
    Expired,
}

/// Moves of a job from one state to another; [`crate::event::Event`] has their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// The checks found nothing that a person must decide.
    Queue,
    /// The checks found something that a person must decide.
    Hold,
    /// A person decided: print it.
    Release,
    /// The station claims it.
    Claim,
    /// The faces are composed.
    Compose,
    /// Put back before any card moved (the daemon stopped, the printer was changed).
    PutBack,
    /// Intent: a blank is encoded.
    Encode,
    /// The chip was written and read back.
    ChipGood,
    /// Intent: the card is printed.
    Print,
    /// Evidence: the card is out.
    CardOut,
    /// Evidence: no blank left the feeder.
    NoCard,
    /// Evidence: the blank is spoiled. If no card came out before, there is no good one, and the job waits again under
    /// the same approval; otherwise the approval is used up.
    Spoil,
    /// Contact was lost after the point of no return, so the outcome is unknown.
    #[serde(rename = "lose_sight")]
    OutcomeUnknown,
    /// Somebody withdrew it.
    Cancel,
    /// Its approval expired.
    Expire,
    /// The card was given to the applicant.
    HandOver,
}

/// Every possible move.
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
    /// The job's state.
    pub state: State,
    /// The requested move.
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

    /// The state after a move.
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

    /// The office's name of the state, for pages.
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

    /// Has it ended, well or not? Nothing more is printed for it.
    pub fn is_end(self) -> bool {
        matches!(
            self,
            Self::Printed | Self::HandedOver | Self::Cancelled | Self::Spoiled | Self::Expired
        )
    }

    /// Can a card for this job be inside the machine?
    pub fn has_card_moving(self) -> bool {
        matches!(self, Self::Encoding | Self::Encoded | Self::Printing)
    }
}

impl Move {
    /// Every move.
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

    /// Does it say where a card is? The ledger refuses such a move without evidence.
    pub fn needs_evidence(self) -> bool {
        matches!(self, Self::CardOut | Self::NoCard | Self::Spoil)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state × every move, written by hand a second time, so that a change of the table must be deliberate.
    /// Columns in the order of `Move::ALL`; `.` = refused, else the first letters of the resulting state.
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
