//! The modules in reading order.

pub mod approval;
pub mod finding;
pub mod job;
pub mod product;
