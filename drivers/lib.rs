//! Drivers and byte-level emulators of ID-card machines. Knows nothing of the daemon.

pub mod contract;
pub mod transport;
pub mod words;
