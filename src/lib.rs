//! The modules in reading order.

pub mod finding;
pub mod job;
pub mod product;

pub mod compose;
