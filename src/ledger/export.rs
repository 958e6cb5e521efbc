//! The lines of a ledger for whoever keeps them elsewhere, in the order of the chain. Nothing personal stands in them.

use std::path::Path;

use serde_json::{Value, json};

use super::lines;
use super::offline::Offline;
use super::{LedgerError, chain, head, reader};

/// Gives every line between `from` and `to` (both included) to `take`, until that fails.
///
/// # Errors
/// [`LedgerError::Unreadable`], [`LedgerError::Read`]; inside, what `take` met.
pub fn export<E>(
    path: &Path,
    from: Option<jiff::Timestamp>,
    to: Option<jiff::Timestamp>,
    mut take: impl FnMut(&Value) -> Result<(), E>,
) -> Result<Result<(), E>, LedgerError> {
    let ledger = Offline::open(path)?;
    let c = &ledger.connection;
    let mut took = Ok(());
    let wanted = |at: &str| match at.parse::<jiff::Timestamp>() {
        Ok(at) => from.is_none_or(|from| at >= from) && to.is_none_or(|to| at <= to),
        // A damaged time is for `verify` to tell, and not for us to leave out.
        Err(_) => true,
    };
    let mut unread = None;
    lines::walk(c, head::START, |line, previous| {
        if took.is_err() || unread.is_some() || !wanted(&line.at) {
            return;
        }
        let reference = line.job.as_deref().map(|job| reader::reference_of(c, job)).transpose();
        let reference = reference.unwrap_or_else(|error| {
            unread = Some(error);
            None
        });
        // What is no JSON any more goes out as the text that lies there.
        let detail =
            serde_json::from_str(&line.detail).unwrap_or(Value::from(line.detail.as_str()));
        took = take(&json!({
            "seq": line.seq, "at": line.at, "job": line.job, "ref": reference, "event": line.event,
            "state": line.state, "detail": detail, "previous": chain::hex(previous),
            "hash": chain::hex(&line.hash),
        }));
    })
    .map_err(reader::read_error)?;
    match unread {
        Some(error) => Err(reader::read_error(error)),
        None => Ok(took),
    }
}
