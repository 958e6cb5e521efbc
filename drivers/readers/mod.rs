//! The families of card readers, a folder each.

pub mod pcsc;
pub mod pn532;
