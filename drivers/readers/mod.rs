//! The families of card readers, one folder each.

pub mod pcsc;
pub mod pn532;
