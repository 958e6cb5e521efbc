//! Who caused something: a person at the station, or a program that acts for one. Whoever lets a request in makes the
//! actor; nobody else invents one. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who caused something. Stands in the ledger for ever, so it is an officer number or an account, never a name.
///
/// Its serial form is the account alone, as every ledger so far has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Actor {
    /// Somebody at this machine, by the account that they gave. Nobody has checked it: the daemon listens on loopback only.
    Local {
        /// Officer number or account.
        name: String,
    },
}

impl Actor {
    /// Somebody at this machine. `name`: officer number or account, checked by whoever took it in.
    pub fn local(name: impl Into<String>) -> Actor {
        Actor::Local { name: name.into() }
    }

    /// The account, as people read it.
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
