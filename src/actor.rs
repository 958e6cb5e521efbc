//! The actor of an event: a person at the station, or a program that acts for one. Only the code that accepts a request
//! creates an actor. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The actor of an event. It is stored in the ledger for ever, so it is an officer number or an account, never a name.
///
/// Its serial form is the account alone, as in every ledger so far.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Actor {
    /// A person at this machine, by the account that they gave. The account is not verified: the daemon listens on
    /// loopback only.
    Local {
        /// Officer number or account.
        name: String,
    },
}

/// Longest officer number or account, characters.
const ACCOUNT_MAX: usize = 60;

impl Actor {
    /// Somebody at this machine. `name`: officer number or account, checked by whoever took it in.
    pub fn local(name: impl Into<String>) -> Actor {
        Actor::Local { name: name.into() }
    }

    /// Somebody at this machine by what they gave, if that can stand in the ledger: one word of ASCII letters, digits and
    /// `._@/-`, 60 characters at most. Officer numbers and accounts are written so, and the names of people are not.
    pub fn read(given: &str) -> Option<Actor> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._@/-".contains(c);
        let is_account = (1..=ACCOUNT_MAX).contains(&given.len()) && given.chars().all(fits);
        is_account.then(|| Actor::local(given))
    }

    /// The account, for display.
    pub fn account(&self) -> &str {
        match self {
            Actor::Local { name } => name,
        }
    }
}

impl From<String> for Actor {
    fn from(name: String) -> Actor {
        Actor::Local { name }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> String {
        match actor {
            Actor::Local { name } => name,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.account())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_one_word_and_a_name_is_none() {
        for good in ["petugas-2", "198701012010011001", "a.b@kantor/loket_1", &"x".repeat(60)] {
            assert_eq!(Actor::read(good), Some(Actor::local(good)));
        }
        for bad in ["", " ", "BU XYLOPHONA", "petugas 2", " petugas", "\u{130}", &"x".repeat(61)] {
            assert_eq!(Actor::read(bad), None, "{bad}");
        }
    }
}
