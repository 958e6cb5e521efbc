//! The emulated cards, asked as a reader asks them.
