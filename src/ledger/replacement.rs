//! A new card for an existing one: which job may be replaced, and what happens to it.
//!
//! What happened to the old card is a fact that a person states with the new job, and it is true whether or not the new
//! card is ever printed. So it is recorded with the acceptance of the new job, in the same transaction. If the record
//! waited for the new card, a destroyed card would count as good for as long as the printer is out of ribbon, and for
//! ever if the new job is withdrawn. After a withdrawal the old job can be replaced again.

use super::book::append;
use super::record::{JobRecord, NewJob, NoReplacement};
use super::{LedgerError, holder, reader};
use crate::event::{CardEvidence, Event};
use crate::job::JobId;
use crate::job::{OldCard, Replaces};
use crate::lifecycle::State;
use crate::supplies::SpoilCause;
use rusqlite::Connection;

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
        // A job whose blank was spoiled before a card came out waits again, so a job in state `spoiled` had a card.
        State::Spoiled => Ok(old),
        State::Unsure => Err(NoReplacement::Unsure),
        state => Err(NoReplacement::NotPrinted(state)),
    })
}

/// Records at the old job what happened to its card.
pub(super) fn settle_old(
    c: &Connection,
    old: &JobRecord,
    new: &NewJob,
    fate: OldCard,
    now: jiff::Timestamp,
) -> Result<(), LedgerError> {
    let (replaced_by, old_card) = (new.id.clone(), fate);
    let event = if fate == OldCard::Destroyed && old.state != State::Spoiled {
        Event::Spoil {
            evidence: CardEvidence::Replaced { replaced_by, old_card },
            cause: Some(SpoilCause::of_replacement(&new.request.reason)),
            findings: None,
        }
    } else {
        Event::Replaced { replaced_by, old_card }
    };
    append(c, Some(&old.id), &event, now).map(drop)
}
