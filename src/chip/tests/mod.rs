//! Profiles as text, and their results on cards.
#![allow(clippy::unwrap_used)]

mod bench;
mod cards;
mod profiles;
mod reference;
mod secure;
mod troubles;

use super::{Profile, ProfileFault};

/// A profile with these steps.
pub(super) fn text(steps: &str) -> String {
    format!("name = \"uji\"\nversion = \"1\"\n{steps}")
}

pub(super) fn profile(steps: &str) -> Profile {
    let told = |faults: Vec<ProfileFault>| -> Profile {
        panic!("{:#?}", faults.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    Profile::parse(&text(steps)).unwrap_or_else(told)
}
