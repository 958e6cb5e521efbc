//! A kind of card as data.

mod photo;

pub use photo::{Backdrop, BackgroundRule, PhotoRules};
