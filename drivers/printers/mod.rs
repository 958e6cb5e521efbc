//! The families of card printers, a folder each.

pub mod evolis;
