//! Cards that nobody saw: what became of them is found out from the machine, row by row of [`crate::evidence`], or left to
//! a person. Every step that moves a card is in the ledger before; nothing is tried because time has passed.

use drivers::contract::DeviceError;

use super::cards::{Phase, Recovery};
use super::in_doubt::{InDoubt, Kept, UnsureJob};
use super::{
    Action, Asker, DeviceCommand, Fault, LedgerError, Question, Scheduler, Task, Then, Unsettled,
    lines,
};
use crate::event::{Event, RecoveryStep};
use crate::evidence::{Facts, Reason, Verdict};
use crate::finding::Finding;
use crate::job::JobId;

/// To rest, and to the reject box; more are given only after pauses.
const ORDERS_AT_ONCE: u32 = 2;

/// One judgement, until what it rests on is in the ledger.
#[derive(Debug)]
pub(super) struct Judged {
    at: usize,
    verdict: Verdict,
    /// The machine said the same the last time.
    is_repeated: bool,
    /// An order follows, which is written down itself.
    acts: bool,
    now: Facts,
}

/// What became of a card that nobody saw, on its way to the ledger.
#[derive(Debug)]
pub(super) struct Settlement {
    pub job: JobId,
    /// What the job is held for as soon as it waits again.
    pub hold: Option<Vec<Finding>>,
    /// The operator who said so; `None`: the machine.
    pub asker: Option<Asker>,
    /// Which row of the evidence decided.
    pub row: Option<Reason>,
}

/// What a person is told of a job, on its way to the ledger.
#[derive(Debug)]
pub(super) struct Left {
    at: usize,
    row: Reason,
    findings: Vec<Finding>,
}

impl Scheduler {
    /// What is in doubt, and which products are suspended by it, is read from the ledger anew.
    pub(super) fn reload_in_doubt(&mut self) {
        for known in self.in_doubt.take().into_iter().flatten() {
            let kept = Kept { news: known.news, heard_at: known.heard_at };
            self.kept.insert(known.job, kept);
        }
        self.queue.suspended = None;
    }

    pub(super) fn on_in_doubt(
        &mut self,
        read: Result<Vec<UnsureJob>, LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut in_doubt: Vec<InDoubt> = read?.into_iter().map(InDoubt::of).collect();
        for one in &mut in_doubt {
            one.go_on_from(self.kept.remove(&one.job).unwrap_or_default());
        }
        self.kept.clear();
        self.in_doubt = Some(in_doubt);
        Ok(())
    }

    /// Goes on with what is in doubt, one card after the other, by what the machine said.
    pub(super) fn recover(&mut self, at: Option<(usize, Facts)>) {
        let Some(how_many) = self.in_doubt.as_ref().map(Vec::len) else {
            // It was there when the walk began: one was settled, and the rest is looked at in the next turn.
            if at.is_some() {
                return self.end_recovery(false);
            }
            return self.ask(Question::InDoubt, Then::InDoubt);
        };
        if how_many == 0 {
            return self.end_recovery(true);
        }
        let (at, now) = match at {
            Some(at) => at,
            None => match self.facts_for_recovery() {
                Some(now) => (0, now),
                None => return self.end_recovery(false),
            },
        };
        // An order was given, or the machine is asked anew: the rest afterwards.
        if self.at_work() || self.machine.outstanding.is_some() {
            return self.end_recovery(false);
        }
        if at >= how_many {
            let is_free = self.turn.as_ref().is_some_and(|turn| turn.free);
            return self.end_recovery(is_free);
        }
        self.next_task(Task::Recover(Some((at + 1, now.clone()))));
        self.judge(at, now);
    }

    /// What the machine says at this moment; if that is not known, does what leads there.
    fn facts_for_recovery(&mut self) -> Option<Facts> {
        if !self.machine.is_configured || self.at_work() || self.unaccounted().is_some() {
            return None;
        }
        if !self.machine.is_known() {
            self.poll_if_it_answers();
            return None;
        }
        self.machine.status.as_ref().map(Facts::of)
    }

    fn end_recovery(&mut self, is_free: bool) {
        if let Some(turn) = &mut self.turn {
            turn.free = is_free;
            turn.task = if self.stopping { Task::Finish } else { Task::Prepare };
        }
    }

    /// A card in doubt is in the way of the next one.
    fn is_in_the_way(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.free = false;
        }
    }

    /// One step with one card in doubt.
    fn judge(&mut self, at: usize, now: Facts) {
        let (time, is_backing_off) = (self.now.steady, self.is_backing_off());
        let Some(in_doubt) = self.in_doubt.as_mut().and_then(|all| all.get_mut(at)) else { return };
        let now = self.machine.facts_about(&in_doubt.intent, now);
        let known = in_doubt.since;
        let (verdict, is_repeated) = in_doubt.judge(&now, time);
        let moves = matches!(verdict, Verdict::ComeToRest | Verdict::Reject);
        let acts = is_repeated && !is_backing_off && moves;
        if in_doubt.since != known && !acts {
            in_doubt.news.push(now.clone());
        }
        self.write_news(Judged { at, verdict, is_repeated, acts, now });
    }

    /// What hands may have done since must be remembered over the next power cut: it is written before anything is done.
    fn write_news(&mut self, judged: Judged) {
        let Some(in_doubt) = self.in_doubt.as_ref().and_then(|all| all.get(judged.at)) else {
            return;
        };
        let Some(machine) = in_doubt.news.first().cloned() else { return self.follow(judged) };
        let line = Event::Looked { machine, unseen: in_doubt.since.unseen };
        let job = in_doubt.job.clone();
        self.append(&job, line, Then::Judged(Box::new(judged)));
    }

    pub(super) fn on_observed(&mut self, judged: Judged, done: Result<(), LedgerError>) {
        if let Err(error) = done {
            // The same poll must not be judged once more, as if the printer had said it twice.
            self.machine.is_fresh = false;
            return self.fail(error);
        }
        if let Some(in_doubt) = self.in_doubt.as_mut().and_then(|all| all.get_mut(judged.at)) {
            in_doubt.news.remove(0);
        }
        self.write_news(judged);
    }

    /// Does what the verdict says.
    fn follow(&mut self, judged: Judged) {
        let Judged { at, verdict, is_repeated, acts, now, .. } = judged;
        let counts = !matches!(verdict, Verdict::Wait | Verdict::Help | Verdict::Unsure(_));
        // One wrong byte on the wire must not settle a card, nor move one: what does is said twice.
        if counts && !is_repeated {
            self.machine.is_fresh = false;
            self.poll();
            return self.is_in_the_way();
        }
        let Some(in_doubt) = self.in_doubt.as_mut().and_then(|all| all.get_mut(at)) else { return };
        let job = in_doubt.job.clone();
        in_doubt.orders += u32::from(acts);
        if acts && in_doubt.orders > ORDERS_AT_ONCE {
            // A machine that does not do what it says must not fill the ledger.
            self.back_off();
        }
        match verdict {
            Verdict::Unsure(row) => self.leave_to_a_person(at, row, &now),
            _ => self.is_in_the_way(),
        }
        match verdict {
            Verdict::ComeToRest if acts => {
                let line = Event::AbortOrphanedJob { machine: now };
                self.empty_machine(&job.clone(), Recovery::Aborting(Some(job)), line);
            }
            Verdict::Reject if acts => {
                if let Some(in_doubt) = self.in_doubt.as_mut().and_then(|all| all.get_mut(at)) {
                    in_doubt.since.reject();
                }
                let line = Event::Reject { machine: now };
                self.empty_machine(&job.clone(), Recovery::Rejecting(job), line);
            }
            Verdict::NoCard(row) | Verdict::Spoiled(row) | Verdict::Printed(row) => {
                self.settle_by_the_machine(at, verdict, row, &now);
            }
            Verdict::Wait
            | Verdict::AskLog
            | Verdict::Help
            | Verdict::ComeToRest
            | Verdict::Reject
            | Verdict::Unsure(_) => {}
        }
    }

    /// The intent, synced; then the machine moves.
    fn empty_machine(&mut self, job: &JobId, recovery: Recovery, line: Event) {
        self.phase = Phase::IntentToRecover(recovery);
        self.append(job, line, Then::RecoveryIntent);
    }

    pub(super) fn on_recovery_intent(&mut self, done: Result<(), LedgerError>) {
        let Phase::IntentToRecover(recovery) = std::mem::replace(&mut self.phase, Phase::Idle)
        else {
            return self.halt(Fault::OtherPhase);
        };
        if let Err(error) = done {
            if recovery != Recovery::Aborting(None) {
                self.reload_in_doubt();
            }
            return self.fail(error);
        }
        self.machine.is_used |= recovery == Recovery::Aborting(None);
        self.machine.is_fresh = false;
        let command = match &recovery {
            Recovery::Aborting(job) => DeviceCommand::AbortOrphanedJob(job.clone()),
            Recovery::Rejecting(job) => DeviceCommand::Reject(job.clone()),
        };
        self.phase = Phase::Recovering(recovery);
        self.order(command);
    }

    fn settle_by_the_machine(&mut self, at: usize, verdict: Verdict, row: Reason, now: &Facts) {
        let Some(in_doubt) = self.in_doubt.as_ref().and_then(|all| all.get(at)) else { return };
        let mut findings = lines::without_doubt(&in_doubt.findings);
        // What was taken out by hand stands in the log as that.
        let is_watched = in_doubt.since.said_out || row == Reason::LogPrinted;
        if matches!(verdict, Verdict::Printed(_)) && !is_watched {
            findings.push(lines::not_watched());
        }
        let (job, cause) = (in_doubt.job.clone(), in_doubt.cause());
        let line = lines::settled_by_the_machine(verdict, now, &findings, cause);
        let waits_again = !matches!(verdict, Verdict::Printed(_));
        let hold = (waits_again && findings.iter().any(Finding::holds)).then_some(findings);
        self.settle_in_doubt(line, Settlement { job, hold, asker: None, row: Some(row) });
    }

    /// What became of a card that nobody saw is known. Its job waits again, unless it was found out meanwhile that a
    /// person must look first.
    pub(super) fn settle_in_doubt(&mut self, line: Event, settlement: Settlement) {
        let job = settlement.job.clone();
        self.append(&job, line, Then::InDoubtSettled(settlement));
    }

    pub(super) fn on_in_doubt_settled(
        &mut self,
        settlement: Settlement,
        done: Result<(), LedgerError>,
    ) {
        let Settlement { job, hold, asker, row } = settlement;
        if let Err(error) = done {
            // What failed may stand in the ledger all the same.
            self.reload_in_doubt();
            return match asker {
                Some(asker) => self.act(Action::Reply(asker, Err(error.into()))),
                None => self.fail(error),
            };
        }
        self.reload_in_doubt();
        if let Some(row) = row {
            tracing::info!(%job, row = row.name(), "settled by the printer's word");
        }
        if let Some(findings) = hold {
            let then = Then::HeldAfterSettling(asker.map(|asker| (asker, job.clone())));
            return self.append(&job, Event::Hold { findings, attempt: None }, then);
        }
        if let Some(asker) = asker {
            self.act(Action::Reply(asker, Ok(job)));
        }
    }

    pub(super) fn on_held_after_settling(
        &mut self,
        asker: Option<(Asker, JobId)>,
        done: Result<(), LedgerError>,
    ) {
        match (asker, done) {
            (Some((asker, job)), Ok(())) => self.act(Action::Reply(asker, Ok(job))),
            (Some((asker, _)), Err(error)) => {
                self.act(Action::Reply(asker, Err(Unsettled::Ledger(error))));
            }
            (None, Ok(())) => {}
            // It is held when it is claimed.
            (None, Err(error)) => self.fail(error),
        }
    }

    /// Tells, once, why the machine cannot say; the queue goes on when it is empty.
    fn leave_to_a_person(&mut self, at: usize, row: Reason, now: &Facts) {
        let Some(in_doubt) = self.in_doubt.as_ref().and_then(|all| all.get(at)) else { return };
        if in_doubt.told == Some(row) {
            return;
        }
        let mut findings = lines::without_doubt(&in_doubt.findings);
        findings.push(lines::unsure(row));
        let (job, machine) = (in_doubt.job.clone(), now.clone());
        let line = Event::LeftToAPerson { row, machine, findings: findings.clone() };
        let left = Left { at, row, findings };
        self.append(&job, line, Then::LeftToAPerson(Box::new(left)));
    }

    pub(super) fn on_left_to_a_person(&mut self, left: Left, done: Result<(), LedgerError>) {
        if let Err(error) = done {
            return self.fail(error);
        }
        let Left { at, row, findings } = left;
        if let Some(in_doubt) = self.in_doubt.as_mut().and_then(|all| all.get_mut(at)) {
            tracing::warn!(job = %in_doubt.job, row = row.name(), "only a person can tell what became of the card");
            (in_doubt.told, in_doubt.findings) = (Some(row), findings);
        }
    }

    /// The machine has come to rest, or the card lies in the reject box: a poll will tell.
    pub(super) fn on_recovered(
        &mut self,
        job: Option<&JobId>,
        what: RecoveryStep,
        result: Result<(), DeviceError>,
    ) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Recovering(_) => {}
            other => {
                self.phase = other;
                return self.halt(Fault::OtherPhase);
            }
        }
        let in_doubt = self.in_doubt.iter_mut().flatten().find(|one| Some(&one.job) == job);
        if let (Some(in_doubt), RecoveryStep::Reject) = (in_doubt, what) {
            in_doubt.since.rejected = result.is_ok();
        }
        let Err(error) = result else { return self.poll() };
        self.back_off();
        tracing::warn!(what = what.name(), %error, "the printer cannot be brought to rest");
        let (card, cause) = (error.card, error.cause.to_string());
        let line = Event::RecoveryFailed { what, card, cause };
        self.machine.error = Some(error);
        match job {
            Some(job) => self.append(job, line, Then::FailureNoted),
            None => self.poll(),
        }
    }
}
