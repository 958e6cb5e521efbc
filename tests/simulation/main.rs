//! The simulation: station, machine, disk, clocks and people in one process, from one seed, without waiting. The real
//! station, ledger, driver and emulated machine; only the composition of the faces is left out. After every step the truth
//! (what lies in the trays) is held against the ledger.
//!
//! `KARTU_SIM_CARDS=1000000 cargo test --release --test simulation long -- --ignored --nocapture` runs long, from
//! `KARTU_SIM_SEED` on; a world that breaks is shrunk, and the smallest is told.

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
