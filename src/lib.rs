//! Kartu, the print station: the modules in reading order.
//!
//! [`lifecycle`] states what is promised; [`product`] defines a card; [`station`] runs a job.

pub mod lifecycle;

pub mod actor;
pub mod approval;
pub mod backup;
pub mod chip;
pub mod cli;
pub mod clock;
pub mod codes;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod heartbeat;
pub mod holder;
pub mod http;
pub mod intake;
pub mod job;
pub mod ledger;
pub mod log;
mod nearest;
mod outbound;
pub mod panics;
pub mod ping;
pub mod product;
pub mod queue;
pub mod record;
pub mod render;
pub mod report;
mod small_file;
pub mod station;
pub mod supplies;
pub mod support;
pub mod systemd;
pub mod toml_sheet;
pub mod vault;
