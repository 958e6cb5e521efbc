//! Why `kartud chip` did not start, or what ended it: for a person on standard error, for a program as one JSON object
//! on standard output. Contains no value and no key.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use drivers::text::Text;
use serde_json::{Value, json};

use super::Exit;
use crate::chip::{ChipFault, FaultKind, ProfileFault};
use crate::cli::client::own;

/// Where the reader's address was given.
const ENCODER: Text = Text::fixed(
    "Alamatnya yang ditulis pada --encoder.",
    "Its address is what stands after --encoder.",
);

/// What was wrong before a card was needed.
pub(super) enum Refusal {
    /// A file cannot be read.
    Unreadable { file: PathBuf, why: io::Error },
    /// A profile is wrong.
    Profile { file: PathBuf, faults: Vec<ProfileFault> },
    /// Something that the card's profile needs is missing.
    Card { faults: Vec<ChipFault>, exit: Exit },
}

impl Refusal {
    pub fn unreadable(file: &Path) -> impl FnOnce(io::Error) -> Refusal {
        |why| Refusal::Unreadable { file: file.to_owned(), why }
    }

    /// Reports everything, in both ways if a program asked for JSON.
    pub fn tell(&self, as_json: bool) -> anyhow::Result<Exit> {
        let (faults, exit): (Vec<Value>, _) = match self {
            Refusal::Unreadable { file, why } => {
                let words = unreadable(file, why);
                eprintln!("kartud: {}", own(&words));
                (vec![json!({ "file": file, "message": words })], Exit::Failed)
            }
            Refusal::Profile { file, faults } => {
                for ProfileFault { line, key, words } in faults {
                    eprintln!("{}: line {line}: {key}: {}", file.display(), own(words));
                }
                (faults.iter().map(|fault| profile_json(file, fault)).collect(), Exit::Config)
            }
            Refusal::Card { faults, exit } => {
                faults.iter().for_each(complain);
                (faults.iter().map(fault_json).collect(), *exit)
            }
        };
        if as_json {
            writeln!(io::stdout().lock(), "{:#}", json!({ "faults": faults }))?;
        }
        Ok(exit)
    }
}

fn unreadable(file: &Path, why: &io::Error) -> Text {
    let file = file.display();
    Text::new(
        format!("{file} tidak dapat dibaca: {why}."),
        format!("{file} cannot be read: {why}."),
    )
}

fn profile_json(file: &Path, fault: &ProfileFault) -> Value {
    json!({ "file": file, "line": fault.line, "key": fault.key, "message": fault.words })
}

/// A fault as JSON.
pub(super) fn fault_json(fault: &ChipFault) -> Value {
    json!({
        "step": fault.step,
        "kind": fault.kind.code(),
        "card_touched": fault.card_touched,
        "message": told(fault),
    })
}

/// A fault for a person.
pub(super) fn complain(fault: &ChipFault) {
    eprintln!("kartud: {}", own(&told(fault)));
}

fn told(fault: &ChipFault) -> Text {
    match &fault.kind {
        FaultKind::Reader(error) if error.is_of_the_address() => fault.words().and(&ENCODER),
        _ => fault.words(),
    }
}
