//! The ledger: a list of lines. A write may fail, and may be there all the same.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{JOBS, Line, PLAIN, SERIAL, Sabotage, WITH_CHIP, World};
use crate::event::{CardEvidence, Event, JobState};
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::{JobRecord, LedgerError};
use crate::lifecycle::State;
use crate::queue::H_CHIP_SETUP;
use crate::station::scheduler::*;

const AT: Timestamp = Timestamp::UNIX_EPOCH;

impl World {
    pub(super) fn state(&self, job: &JobId) -> State {
        self.jobs.get(job).map_or(State::Received, |known| known.state)
    }

    fn findings(&self, job: &JobId) -> Vec<Finding> {
        self.jobs.get(job).and_then(|known| known.findings.clone()).unwrap_or_default()
    }

    pub(super) fn fold_anew(&mut self) {
        self.jobs = BTreeMap::new();
        for line in &self.lines {
            if let Some(job) = &line.job {
                let begin = || JobState::begin(State::Received, AT);
                let known = self.jobs.entry(job.clone()).or_insert_with(begin);
                known.apply(&line.event, AT).expect("it was taken once");
            }
        }
    }

    /// One line, if the lifecycle has the move.
    pub(super) fn write(&mut self, job: Option<JobId>, event: Event) -> Result<(), LedgerError> {
        if let Some(job) = &job {
            let begin = || JobState::begin(State::Received, AT);
            self.jobs
                .entry(job.clone())
                .or_insert_with(begin)
                .apply(&event, AT)
                .map_err(LedgerError::Refused)?;
            self.note_truth(job, &event);
        }
        let is_synced = event.intent().is_none();
        if is_synced {
            self.lines.iter_mut().for_each(|line| line.is_synced = true);
        }
        self.lines.push(Line { job, event, is_synced });
        Ok(())
    }

    fn note_truth(&mut self, job: &JobId, event: &Event) {
        let Some(truth) = self.truth.get_mut(job) else { return };
        match event {
            Event::Encode(_) | Event::Print(_) => {
                (truth.disturbed, truth.seen, truth.said_out) = (false, false, false);
            }
            Event::NoCard { .. } => (truth.prints, truth.encodes) = (0, 0),
            Event::Spoil { .. } => {
                (truth.prints, truth.encodes) = (0, 0);
                truth.accounted += 1;
            }
            Event::OutcomeUnknown { lost, .. } => truth.said_out = lost.said_out,
            Event::Looked { machine, .. } => {
                truth.disturbed |= machine.disturbed() && !truth.said_out;
            }
            Event::Reject { .. } => (truth.disturbed, truth.seen) = (false, false),
            _ => {}
        }
    }

    /// A machine in which hands may have been cannot say what became of a card.
    pub(super) fn may_settle(&self, job: &JobId, event: &Event) -> Result<(), String> {
        let by_the_machine = matches!(event.evidence(), Some(CardEvidence::Machine { .. }));
        // A log speaks of the one card, whatever hands did afterwards.
        let by_its_log = self.machine.log.is_some();
        let says_where = matches!(event, Event::CardOut { .. } | Event::NoCard { .. });
        let was_unsure = self.state(job) == State::Unsure;
        let truth = &self.truth[job];
        let by_hands = !by_its_log && (truth.disturbed || truth.seen);
        if by_the_machine && says_where && was_unsure && by_hands {
            return self.broken("the machine's word is taken though hands were in between");
        }
        Ok(())
    }

    /// What the scheduler has seen of hands it knows as long as it lives, whatever the disk makes of it.
    fn note_seen(&mut self, job: &JobId, event: &Event) {
        let Some(truth) = self.truth.get_mut(job) else { return };
        if let Event::Looked { machine, .. } = event {
            truth.seen |= machine.disturbed() && !truth.said_out;
        }
    }

    pub(super) fn answer(&mut self, question: Question, how: u8) -> Result<Answer, String> {
        let fails = how.is_multiple_of(13);
        let read = || if fails { Err(LedgerError::Read("no".into())) } else { Ok(()) };
        Ok(match question {
            Question::Append { job, event } => {
                if let Some(job) = &job {
                    self.may_settle(job, &event)?;
                    self.note_seen(job, &event);
                }
                Answer::Written(self.append(job, *event, how))
            }
            Question::Leftovers => Answer::Leftovers(read().map(|()| self.leftovers())),
            Question::Account { .. } => Answer::Accounted(read().map(|()| 0)),
            Question::InDoubt => Answer::InDoubt(read().map(|()| self.in_doubt())),
            Question::Suspended => Answer::Suspended(read().map(|()| self.suspended())),
            Question::Job(job) => Answer::Job(read().map(|()| Box::new(self.record(&job)))),
            Question::Prepare { excluding, .. } => {
                Answer::Prepared(read().and_then(|()| self.prepare(&excluding, how)))
            }
            Question::PutUnfinishedBack => Answer::Written(Ok(())),
            Question::Inspect => Answer::Inspected(Ok(false)),
        })
    }

    fn append(&mut self, job: Option<JobId>, event: Event, how: u8) -> Result<(), LedgerError> {
        match how % 13 {
            0 => Err(LedgerError::Write("not written".into())),
            // The disk failed after it had taken the line: nobody is told that it is there.
            1 => {
                self.write(job, event)?;
                Err(LedgerError::Write("written all the same".into()))
            }
            _ => self.write(job, event),
        }
    }

    fn leftovers(&self) -> Leftovers {
        let jobs = self.ids.iter().filter_map(|job| match self.state(job) {
            State::Claimed => Some(Leftover::Computing {
                job: job.clone(),
                findings: self.findings(job),
                attempt: crate::event::Attempt::Make,
            }),
            State::Composed => Some(Leftover::Composed(job.clone())),
            state if state.has_card_moving() => Some(Leftover::Moving(job.clone())),
            _ => None,
        });
        Leftovers { jobs: jobs.collect(), last_line: None }
    }

    fn in_doubt(&self) -> Vec<UnsureJob> {
        let unsure = self.ids.iter().filter(|job| self.state(job) == State::Unsure);
        unsure.map(|job| self.unsure(job)).collect()
    }

    fn unsure(&self, job: &JobId) -> UnsureJob {
        let is_of = |line: &Line| line.job.as_ref() == Some(job);
        let is_intent = |line: &Line| line.event.intent().is_some();
        let begun = self.lines.iter().rposition(|line| is_of(line) && is_intent(line));
        let since = &self.lines[begun.unwrap_or(self.lines.len())..];
        let forgets = self.sabotage == Sabotage::ForgetsDisturbance;
        let kept = |line: &&Line| !(forgets && matches!(line.event, Event::Looked { .. }));
        let lines = since.iter().filter(|line| is_of(line)).filter(kept);
        UnsureJob {
            job: job.clone(),
            findings: self.findings(job),
            lines: lines.map(|line| Some(line.event.clone())).collect(),
            others_printed: since.iter().any(|line| {
                let intent = line.event.intent();
                !is_of(line) && intent.is_some_and(|line| line.intent.before.serial == SERIAL)
            }),
        }
    }

    fn suspended(&self) -> Vec<String> {
        let stands = |job: &&JobId| {
            let waits = matches!(self.state(job), State::Unsure | State::Held);
            waits && self.findings(job).iter().any(|finding| finding.code == H_CHIP_SETUP)
        };
        self.ids.iter().filter(stands).map(|job| self.product(job).to_owned()).collect()
    }

    fn product(&self, job: &JobId) -> &'static str {
        let at = self.ids.iter().position(|id| id == job).unwrap_or(JOBS);
        if at % 2 == 0 { PLAIN } else { WITH_CHIP }
    }

    fn record(&self, job: &JobId) -> JobRecord {
        JobRecord {
            seq: 1,
            id: job.clone(),
            reference: "R".to_owned(),
            product: self.product(job).to_owned(),
            reason: "BARU".to_owned(),
            kind: None,
            state: self.state(job),
            findings: self.findings(job),
            faces: Vec::new(),
            evidence: None,
            replaces: None,
            replaced_by: None,
            spoiled: 0,
            waits_since: AT,
            received_at: AT,
            changed_at: AT,
        }
    }

    fn prepare(&mut self, excluding: &[String], how: u8) -> Result<Preparation, LedgerError> {
        let waits = |job: &&JobId| {
            let is_excluded = excluding.iter().any(|product| product == self.product(job));
            self.state(job) == State::Queued && !is_excluded
        };
        let Some(job) = self.ids.iter().find(waits).cloned() else {
            return Ok(Preparation::Nothing);
        };
        let known = self.findings(&job);
        if known.iter().any(Finding::holds) {
            self.write(Some(job), Event::Hold { findings: known, attempt: None })?;
            return Ok(Preparation::Held);
        }
        self.write(Some(job.clone()), Event::Claim {})?;
        match how % 41 {
            2 => {
                self.write(Some(job), Event::Cancel { by: crate::actor::Actor::local("op") })?;
                return Ok(Preparation::Withdrawn);
            }
            3 => {
                let words = drivers::text::Text::fixed("lama", "old");
                let findings = vec![Finding::whole("H_STALE", words)];
                self.write(Some(job), Event::Hold { findings, attempt: None })?;
                return Ok(Preparation::Held);
            }
            _ => {}
        }
        self.write(Some(job.clone()), Event::Compose { faces: Vec::new() })?;
        Ok(Preparation::Prepared(Card {
            product: self.product(&job).to_owned(),
            is_encoded_first: self.product(&job) == WITH_CHIP,
            job,
            findings: known,
            ribbon_prints: Some(1),
        }))
    }
}
