//! Retires a ledger whose station moves to another computer: the last line says so, and no daemon opens it any more.
//! Otherwise the old computer, switched on once more, would print what the new one prints.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::head::{Head, HeadFile};
use super::{LedgerError, book, open, reader};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::event::Event;
use crate::lifecycle::State;

/// The result of [`retire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// Its last line from now on.
    pub head: Head,
    /// Jobs that it leaves unfinished.
    pub open: u64,
}

/// Writes the last line of a ledger. A ledger that is retired already stays as it is.
///
/// # Errors
/// [`LedgerError::InUse`] while a daemon runs; [`LedgerError::Unreadable`] if the daemon would not trust it, or its version
/// is older.
pub fn retire(path: &Path, by: &Actor, clock: &Clock) -> Result<Retired, LedgerError> {
    let (_lock, mut connection, head) = open::to_change(path)?;
    let counts = reader::counts(&connection)?;
    let unfinished = |state: &State| !state.is_end();
    let open = counts.iter().filter(|(state, _)| unfinished(state)).map(|(_, jobs)| jobs).sum();
    if retired_at(&connection).map_err(reader::read_error)?.is_some() {
        return Ok(Retired { head, open });
    }
    let all = connection.transaction().map_err(book::write_error)?;
    book::append(&all, None, &Event::Retired { by: by.clone(), open }, clock.now())?;
    let head = reader::head(&all).map_err(book::write_error)?;
    all.commit().map_err(book::write_error)?;
    HeadFile::open(path, &head)
        .map(|_| Retired { head, open })
        .map_err(|source| LedgerError::Folder { path: path.to_owned(), source })
}

/// When the ledger was retired. Nothing but an adoption is ever written behind that line.
pub(super) fn retired_at(c: &Connection) -> rusqlite::Result<Option<String>> {
    let last = "SELECT at, event FROM events ORDER BY seq DESC LIMIT 1";
    let last: Option<(String, String)> =
        c.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(last.filter(|(_, event)| event == RETIRED).map(|(at, _)| at))
}

/// The name of [`Event::Retired`].
const RETIRED: &str = "retired";
