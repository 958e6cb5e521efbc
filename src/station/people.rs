//! What people ask of the station: withdraw, release, and say what became of a card. Their answers enter as events
//! through the same door as every other.

use std::collections::BTreeSet;

use super::Station;
use super::handle::{Asked, Wish};
use crate::actor::Actor;
use crate::event::{CardEvidence, Event, PersonSaw};
use crate::evidence::{self, Reason, Seen};
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::{JobRecord, LedgerError};
use crate::lifecycle::State;
use crate::queue;
use crate::supplies::SpoilCause;

/// What a person saw who looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What became of the card.
    pub seen: Seen,
    /// Who looked.
    pub by: Actor,
    /// Why the blank is spoiled (DOMAIN 6); absent: the machine spoiled it, at what it was doing then.
    pub cause: Option<SpoilCause>,
    /// Looked twice: the answer stands though the machine says something else.
    pub insist: bool,
}

/// Why a person's answer changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unsettled {
    /// The ledger's answer, such as a move that does not exist.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The machine says something else.
    #[error("the printer contradicts: {}", .0.name())]
    Contradicted(Reason),
    /// A card is moving: the machine must stand still before anybody's word about this one can be held against it.
    #[error("a card is moving")]
    Moving,
    /// Held for something that a release does not mend.
    #[error("a release does not mend what it is held for")]
    NotReleasable(Vec<Finding>),
}

impl Station {
    pub(super) fn hear_person(&mut self, Asked(wish): Asked) {
        // The asker may have gone; what was asked is done all the same.
        match wish {
            Wish::Cancel { job, by, reply } => drop(reply.send(self.cancel(&job, &by))),
            Wish::Release { job, by, reply } => drop(reply.send(self.release(&job, &by))),
            Wish::Resolve { job, look, reply } => drop(reply.send(self.resolve(&job, &look))),
        }
    }

    fn cancel(&mut self, job: &JobId, by: &Actor) -> Result<JobRecord, LedgerError> {
        self.ledger.append(job, Event::Cancel { by: by.clone() }).wait()?;
        self.bench.barred = None;
        if let Some(ready) = self.next.take_if(|ready| ready.record.id == *job) {
            self.bench.take_back(ready.card);
        }
        self.ledger.job(job)
    }

    fn release(&mut self, job: &JobId, by: &Actor) -> Result<JobRecord, Unsettled> {
        let known = self.ledger.job(job)?;
        let stays = queue::not_releasable(&known.findings);
        if known.state == State::Held && !stays.is_empty() {
            return Err(Unsettled::NotReleasable(stays.into_iter().cloned().collect()));
        }
        // What this person decided is written down and not asked again; what a technician was to mend and did not
        // holds the job again on its way to the printer.
        let (accepted, left): (Vec<Finding>, Vec<Finding>) =
            known.findings.into_iter().partition(Finding::holds);
        let accepted: BTreeSet<String> = accepted.into_iter().map(|one| one.code).collect();
        let accepted = accepted.into_iter().collect();
        let released = Event::Release { by: by.clone(), accepted, findings: left };
        self.ledger.append(job, released).wait()?;
        self.bench.barred = None;
        Ok(self.ledger.job(job)?)
    }

    fn resolve(&mut self, job: &JobId, look: &Look) -> Result<JobRecord, Unsettled> {
        let known = self.ledger.job(job)?;
        // Nobody settles a card that is just moving: the machine will say.
        if known.state.has_card_moving() {
            return Err(Unsettled::Moving);
        }
        if let Some(reason) = self.contradiction(job, look)? {
            return Err(Unsettled::Contradicted(reason));
        }
        let Look { seen, by, insist, .. } = look.clone();
        let evidence = CardEvidence::Person { person: PersonSaw { seen, by, insist } };
        let findings =
            (known.state == State::Unsure).then(|| super::recovery::without_doubt(&known.findings));
        let event = match seen {
            Seen::Printed => Event::CardOut { evidence, findings },
            Seen::NoCard => Event::NoCard { evidence, findings },
            Seen::Spoiled => {
                let cause = match look.cause {
                    Some(told) => told,
                    None => self.cause_of_the_machine(job)?,
                };
                Event::Spoil { evidence, cause: Some(cause), findings }
            }
        };
        self.settle_unsure(job, event)?;
        Ok(self.ledger.job(job)?)
    }

    /// Why a blank is spoiled that no person has a cause for.
    fn cause_of_the_machine(&mut self, job: &JobId) -> Result<SpoilCause, LedgerError> {
        let doubt = self.doubts()?.iter().find(|doubt| doubt.job == *job);
        Ok(doubt.map_or(SpoilCause::GagalCetak, super::recovery::Doubt::cause))
    }

    /// What the machine says against the answer, if it is the same machine and its word still counts.
    fn contradiction(&mut self, job: &JobId, look: &Look) -> Result<Option<Reason>, Unsettled> {
        if look.insist || self.ledger.job(job)?.state != State::Unsure {
            return Ok(None);
        }
        let at_work = self.at_work();
        let doubt = self.doubts()?.iter().find(|doubt| doubt.job == *job);
        let Some((intent, since)) = doubt.map(|doubt| (doubt.intent.clone(), doubt.since)) else {
            return Ok(None);
        };
        if at_work && since.others_printed {
            // Another card is only begun on a machine that stands still and is empty, so this one has long been where it is.
            return Ok(evidence::cannot_have_seen(look.seen, &intent));
        }
        let may_be_asked = self.device.is_some() && self.machine.error.is_none();
        if at_work || (may_be_asked && !self.machine.fresh) {
            return Err(Unsettled::Moving);
        }
        // A tray that is empty while the machine still prints says nothing.
        let status = self.machine.status.as_ref().filter(|_| self.machine.fresh);
        let Some(status) = status else { return Ok(Some(Reason::Silent)) };
        let now = evidence::Facts::of(status);
        Ok(evidence::may_have_seen(look.seen, &intent, since, &now).err())
    }
}
