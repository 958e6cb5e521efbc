//! The simulation: station, machine, disk, clocks and people in one process, from one seed, without waiting. Station,
//! ledger, driver and emulated machine are the real ones; only the composition of the faces is left out. After every
//! step the ledger is compared with the truth (the cards in the trays).
//!
//! `KARTU_SIM_CARDS=1000000 cargo test --release --test simulation long -- --ignored --nocapture` runs long, starting
//! at `KARTU_SIM_SEED`; a world that breaks is shrunk, and the smallest one is reported.

mod cards;
mod chips;
mod every_moment;
mod history;
mod moments;
mod people;
mod power;
mod seeds;
mod shrink;
mod standstill;
mod story;
mod truth;
mod world;
