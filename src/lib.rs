//! The modules in reading order.

pub mod config;
pub mod finding;
pub mod job;
pub mod ledger;
pub mod lifecycle;
pub mod product;
