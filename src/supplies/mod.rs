//! What a station uses up: blanks today, ribbon and cleaning later. Pure; the ledger keeps the sums.

mod blank;

pub use blank::{BlankKind, SpoilCause};
