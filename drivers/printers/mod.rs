//! The families of card printers, one folder each.

pub mod evolis;
