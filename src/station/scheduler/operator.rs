//! What operators ask of the station: withdraw, release, and say what became of a card. Their answers enter as events
//! through the same ledger as every other.

use std::collections::BTreeSet;

use super::in_doubt::InDoubt;
use super::recovery::Settlement;
use super::{Action, Answer, Asker, Fault, LedgerError, Question, Scheduler, Then, lines};
use crate::actor::Actor;
use crate::codes::product::H_RECOMMENDATION_EXPIRED;
use crate::event::Event;
use crate::evidence::{self, Reason, Seen};
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::JobRecord;
use crate::lifecycle::{Move, State};
use crate::queue;
use crate::supplies::SpoilCause;
use drivers::contract::PrinterStatus;
use drivers::ticket::Outcome;

/// What is asked for.
#[derive(Debug, Clone)]
pub enum OperatorCommand {
    /// Withdraw a job.
    Cancel {
        /// Which.
        job: JobId,
        /// Who.
        by: Actor,
    },
    /// End a held job whose approval has expired.
    Expire {
        /// Which.
        job: JobId,
        /// Who.
        by: Actor,
    },
    /// The card was given to the applicant.
    HandOver {
        /// Of which job.
        job: JobId,
        /// Who gave it.
        by: Actor,
    },
    /// Print a held job all the same.
    Release {
        /// Which.
        job: JobId,
        /// Who.
        by: Actor,
    },
    /// Somebody looked where the card is.
    Resolve {
        /// Of which job.
        job: JobId,
        /// What was seen.
        look: Look,
    },
}

/// What a person saw who looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What became of the card.
    pub seen: Seen,
    /// Who.
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
    /// Only an expired approval ends a job as expired.
    #[error("the job's approval has not expired")]
    NotExpired,
    /// Held for something that a release does not mend.
    #[error("a release does not mend what it is held for")]
    NotReleasable(Vec<Finding>),
}

/// How far a command is.
#[derive(Debug)]
pub(super) struct Asking {
    asker: Asker,
    job: JobId,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// It is being ended, or its card handed over.
    Ended,
    /// How the job stands is being read, to be ended as expired by this person.
    ReadToExpire(Actor),
    /// How the job stands is being read, to be released by this person.
    ReadToRelease(Actor),
    /// It is being released.
    Released,
    /// How the job stands is being read, for what this person saw.
    ReadToResolve(Look),
    /// What is in doubt is being read.
    InDoubtToResolve(Box<JobRecord>, Look),
}

impl Scheduler {
    pub(super) fn on_command(&mut self, asker: Asker, command: OperatorCommand) {
        match command {
            OperatorCommand::Cancel { job, by } => {
                self.append(&job.clone(), Event::Cancel { by }, asking(asker, job, Step::Ended));
            }
            OperatorCommand::HandOver { job, by } => {
                let line = Event::HandOver { by };
                self.append(&job.clone(), line, asking(asker, job, Step::Ended));
            }
            OperatorCommand::Expire { job, by } => {
                let question = Question::Job(job.clone());
                self.ask(question, asking(asker, job, Step::ReadToExpire(by)));
            }
            OperatorCommand::Release { job, by } => {
                let question = Question::Job(job.clone());
                self.ask(question, asking(asker, job, Step::ReadToRelease(by)));
            }
            OperatorCommand::Resolve { job, look } => {
                let question = Question::Job(job.clone());
                self.ask(question, asking(asker, job, Step::ReadToResolve(look)));
            }
        }
    }

    pub(super) fn on_operator_answer(&mut self, asking: Asking, answer: Answer) {
        let Asking { asker, job, step } = asking;
        let done = match (step, answer) {
            (Step::Ended, Answer::Written(Ok(()))) => {
                self.queue.suspended = None;
                if self.queue.next.as_ref().is_some_and(|card| card.job == job) {
                    self.discard_next();
                }
                Ok(Some(job))
            }
            (Step::Released, Answer::Written(Ok(()))) => {
                self.queue.suspended = None;
                Ok(Some(job))
            }
            (Step::ReadToRelease(by), Answer::Job(Ok(known))) => self.release(asker, *known, by),
            (Step::ReadToExpire(by), Answer::Job(Ok(known))) => self.expire(asker, &known, by),
            (Step::ReadToResolve(look), Answer::Job(Ok(known))) => self.resolve(asker, known, look),
            (Step::InDoubtToResolve(known, look), Answer::InDoubt(read)) => {
                let read = self.on_in_doubt(read).map_err(Unsettled::from);
                read.and_then(|()| self.resolve(asker, known, look))
            }
            (_, Answer::Written(Err(error)) | Answer::Job(Err(error))) => Err(error.into()),
            _ => return self.halt(Fault::OtherAnswer),
        };
        match done {
            Ok(Some(job)) => self.act(Action::Reply(asker, Ok(job))),
            // There is a question first.
            Ok(None) => {}
            Err(why) => self.act(Action::Reply(asker, Err(why))),
        }
    }

    /// Its number stays spent: the section head approves anew, under another one.
    fn expire(
        &mut self,
        asker: Asker,
        known: &JobRecord,
        by: Actor,
    ) -> Result<Option<JobId>, Unsettled> {
        known.state.after(Move::Expire).map_err(LedgerError::from)?;
        if !known.findings.iter().any(|one| one.code == H_RECOMMENDATION_EXPIRED.code) {
            return Err(Unsettled::NotExpired);
        }
        let job = known.id.clone();
        self.append(&known.id, Event::Expire { by }, asking(asker, job, Step::Ended));
        Ok(None)
    }

    fn release(
        &mut self,
        asker: Asker,
        known: JobRecord,
        by: Actor,
    ) -> Result<Option<JobId>, Unsettled> {
        let stays = queue::not_releasable(&known.findings);
        if known.state == State::Held && !stays.is_empty() {
            return Err(Unsettled::NotReleasable(stays.into_iter().cloned().collect()));
        }
        // What this person decided is written down and not asked again; what a technician was to mend and did not
        // holds the job again on its way to the printer.
        let (accepted, findings): (Vec<Finding>, Vec<Finding>) =
            known.findings.into_iter().partition(Finding::holds);
        let accepted: BTreeSet<String> = accepted.into_iter().map(|one| one.code).collect();
        let accepted = accepted.into_iter().collect();
        let line = Event::Release { by, accepted, findings };
        let job = known.id;
        self.append(&job.clone(), line, asking(asker, job, Step::Released));
        Ok(None)
    }

    fn resolve(
        &mut self,
        asker: Asker,
        known: Box<JobRecord>,
        look: Look,
    ) -> Result<Option<JobId>, Unsettled> {
        // Nobody settles a card that is just moving: the machine will say.
        if known.state.has_card_moving() {
            return Err(Unsettled::Moving);
        }
        let is_unsure = known.state == State::Unsure;
        let needs_cause = look.seen == Seen::Spoiled && look.cause.is_none();
        if self.in_doubt.is_none() && (is_unsure || needs_cause) {
            let job = known.id.clone();
            let then = asking(asker, job, Step::InDoubtToResolve(known, look));
            self.ask(Question::InDoubt, then);
            return Ok(None);
        }
        if is_unsure && let Some(reason) = self.contradiction(&known.id, &look)? {
            return Err(Unsettled::Contradicted(reason));
        }
        let cause = look.cause.unwrap_or_else(|| self.cause_of_the_machine(&known.id));
        let findings = is_unsure.then(|| lines::without_doubt(&known.findings));
        let line = lines::settled_by_a_person(&look, cause, findings.clone());
        let left = findings.unwrap_or_else(|| known.findings.clone());
        let waits_again = known.state.after(lines::step_of(look.seen)) == Ok(State::Queued);
        let hold = (waits_again && left.iter().any(Finding::holds)).then_some(left);
        let settlement = Settlement { job: known.id, hold, asker: Some(asker), row: None };
        self.settle_in_doubt(line, settlement);
        Ok(None)
    }

    /// Why a blank is spoiled that no person has a cause for.
    fn cause_of_the_machine(&self, job: &JobId) -> SpoilCause {
        let in_doubt = self.in_doubt.iter().flatten().find(|one| one.job == *job);
        in_doubt.map_or(SpoilCause::GagalCetak, InDoubt::cause)
    }

    /// Does the card's job wait in the log of this machine, or has the log not been asked yet? Then a card may still come.
    fn may_yet_begin(&self, one: &InDoubt, status: &PrinterStatus) -> bool {
        let is_of_this = |serial: &str| serial == status.identity.serial.as_str();
        let is_logged = one.logged_job().is_some_and(|logged| is_of_this(&logged.serial));
        let now = || self.machine.facts_about(&one.intent, evidence::Facts::of(status));
        is_logged
            && !one.since.others_printed
            && matches!(now().logged, None | Some(Outcome::Waiting))
    }

    /// What the machine says against the answer, if it is the same machine and its word still counts. An answer about a card
    /// that may still move is not taken, even if the person insists: whoever looked saw no card, and one comes.
    fn contradiction(&self, job: &JobId, look: &Look) -> Result<Option<Reason>, Unsettled> {
        let at_work = self.at_work();
        let in_doubt = self.in_doubt.iter().flatten().find(|one| one.job == *job);
        let Some(one) = in_doubt else { return Ok(None) };
        let (intent, since) = (&one.intent, one.since);
        if at_work && since.others_printed {
            // Another card is only begun on a machine that stands still and is empty, so this one has long been where it is.
            let seen = (!look.insist).then(|| evidence::cannot_have_seen(look.seen, intent));
            return Ok(seen.flatten());
        }
        let may_be_asked = self.machine.is_configured && self.machine.error.is_none();
        let status = self.machine.status.as_ref().filter(|_| self.machine.is_fresh);
        // A printer that is switched off or gone stands in nobody's way, so a person can always end the job.
        let may_move =
            |status: &PrinterStatus| status.busy || status.owned || self.may_yet_begin(one, status);
        if at_work || (may_be_asked && status.is_none_or(may_move)) {
            return Err(Unsettled::Moving);
        }
        if look.insist {
            return Ok(None);
        }
        let Some(status) = status else { return Ok(Some(Reason::Silent)) };
        let now = self.machine.facts_about(intent, evidence::Facts::of(status));
        Ok(evidence::may_have_seen(look.seen, intent, since, &now).err())
    }
}

fn asking(asker: Asker, job: JobId, step: Step) -> Then {
    Then::Operator(Box::new(Asking { asker, job, step }))
}
