//! A new card for one that is there already: which job may be replaced, and what becomes of it.
//!
//! What became of the old card is a fact that a person states with the new job, true whether or not the new card is
//! ever printed; so it is written with the job's acceptance, in the same transaction. Waiting for the new card would
//! leave a destroyed card standing as good for as long as the printer is out of ribbon, and for ever if the new job
//! is withdrawn. A withdrawn replacement leaves the old job to be replaced anew.

use rusqlite::Connection;
use serde_json::json;

use super::blanks::Cause;
use super::book::{append, note};
use super::record::{JobId, JobRecord, NewJob, NoReplacement};
use super::{LedgerError, holder, reader};
use crate::job::{OldCard, Replaces};
use crate::lifecycle::{Event, State};

/// The job that a new one replaces, or why it may not.
pub(super) fn replaceable(
    c: &Connection,
    job: &NewJob,
    replaces: &Replaces,
) -> Result<Result<JobRecord, NoReplacement>, LedgerError> {
    let Some(id) = JobId::parse(&replaces.job) else { return Ok(Err(NoReplacement::Unknown)) };
    let old = match reader::job(c, &id) {
        Ok(old) => old,
        Err(LedgerError::NoSuchJob) => return Ok(Err(NoReplacement::Unknown)),
        Err(error) => return Err(error),
    };
    if old.product != job.request.product {
        return Ok(Err(NoReplacement::OtherProduct));
    }
    if !holder::is_same(c, &old, job)? {
        return Ok(Err(NoReplacement::OtherHolder));
    }
    if let Some(new) = &old.replaced_by {
        return Ok(Err(NoReplacement::Replaced(Box::new(reader::job(c, new)?))));
    }
    Ok(match old.state {
        State::Printed | State::HandedOver => Ok(old),
        // Spoiled before a card came out is a job that waits again, so a card that is spoiled has been out.
        State::Spoiled => Ok(old),
        State::Unsure => Err(NoReplacement::Unsure),
        state => Err(NoReplacement::NotPrinted(state)),
    })
}

/// Writes down at the old job what became of its card.
pub(super) fn settle_old(
    c: &Connection,
    old: &JobRecord,
    new: &NewJob,
    fate: OldCard,
    now: jiff::Timestamp,
) -> Result<(), LedgerError> {
    let said = json!({ "replaced_by": new.id, "old_card": fate });
    if fate == OldCard::Destroyed && old.state != State::Spoiled {
        let cause = Cause::of_replacement(&new.request.reason).name();
        let detail = json!({ "cause": cause, "evidence": said });
        append(c, &old.id, Event::Spoil, &detail, now)?;
    } else {
        note(c, Some(&old.id), "replaced", &said, now)?;
    }
    Ok(())
}
