//! The supplies that a station uses up: blanks today, ribbon and cleaning later. Pure; the ledger stores the totals.

mod blank;

pub use blank::{BlankKind, SpoilCause};
