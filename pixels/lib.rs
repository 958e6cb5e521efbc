//! What is done with every pixel of a photo: it is made smaller while it is decoded, brought to sRGB, turned upright and
//! measured. Must not know products, rules or what a finding says.
//!
//! A crate of its own, because it is compiled for speed, where the daemon itself is compiled to take little memory.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod orientation;
mod profile;
mod proof;
mod smaller;

pub use orientation::{Orientation, agreed, named};
pub use profile::{Profile, to_srgb};
pub use proof::{Luma, Proof};
pub use smaller::{Smaller, halved};
