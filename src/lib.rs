//! Kartu, the print station: the modules in reading order.
//!
//! What is promised stands in [`lifecycle`]; what a card is, in [`product`]; how a job runs, in [`station`].

pub mod lifecycle;

pub mod job;
pub mod finding;
pub mod product;
pub mod approval;
pub mod ledger;
pub mod queue;
pub mod compose;
pub mod desk;
pub mod station;
pub mod report;
pub mod http;
pub mod config;
pub mod daemon;
pub mod cli;
