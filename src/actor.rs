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

impl Actor {
    /// A person at this machine. `name`: officer number or account, already checked by the caller.
    pub fn local(name: impl Into<String>) -> Actor {
        Actor::Local { name: name.into() }
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
