//! What happens in the room: a station, its printer, its ledger, and people who post jobs and lay hands on the
//! machine. Everything goes through configuration, HTTP and the command line, never through inner functions.
#![allow(clippy::unwrap_used, missing_docs)]

mod api;
mod bench;
mod blanks;
mod chip;
mod chip_setup;
mod chip_try;
mod command_line;
mod crowd;
mod disk;
mod emulate;
mod gate;
mod holder;
mod holds;
mod intake;
mod ledger;
mod ledger_columns;
mod ledger_damage;
mod listing;
mod machine;
mod migration;
mod pages;
mod photos;
mod poison;
mod printing;
mod privacy;
mod programs;
mod proxy;
mod raw;
mod record;
mod recovery;
mod replacement;
mod restart;
mod signals;
