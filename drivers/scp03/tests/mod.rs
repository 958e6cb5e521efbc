//! Sessions recorded from real cards, both sides of each; and our own two sides against each other.
#![allow(clippy::unwrap_used)]

mod recorded;
mod session;

use super::*;
