//! THE REDUCER: what a job is by its lines. The ledger stores what it gives, recovery and `kartud ledger verify` fold with
//! it, and nothing else changes a job.

use jiff::Timestamp;

use super::{CardEvidence, Event, FaceHash, Received};
use crate::finding::Finding;
use crate::lifecycle::{Move, Refused, State};

/// What follows from a job's lines.
#[derive(Debug, Clone, PartialEq)]
pub struct JobState {
    /// Where it stands.
    pub state: State,
    /// What stands with it; `None`: what was found when it was accepted, of which its first line has codes and a hash only.
    pub findings: Option<Vec<Finding>>,
    /// Hashes of the composed faces.
    pub faces: Vec<FaceHash>,
    /// Of the last event that says what became of a card.
    pub evidence: Option<CardEvidence>,
    /// Blanks spoiled for it since a person last released it.
    pub spoiled: u32,
    /// Since when it waits: accepted, or last released by a person.
    pub waits_since: Timestamp,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// When it last moved.
    pub changed_at: Timestamp,
}

impl JobState {
    /// A job that was accepted at `at` and then stood in `state`.
    pub fn begin(state: State, at: Timestamp) -> JobState {
        JobState {
            state,
            findings: None,
            faces: Vec::new(),
            evidence: None,
            spoiled: 0,
            waits_since: at,
            received_at: at,
            changed_at: at,
        }
    }

    /// What one event makes of it.
    ///
    /// # Errors
    /// [`Refused`] when the lifecycle has no such move; then nothing has changed.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), Refused> {
        if let Some(step) = event.step() {
            self.state = self.state.after(step)?;
            self.changed_at = at;
            match step {
                Move::Release => (self.spoiled, self.waits_since) = (0, at),
                Move::Spoil => self.spoiled = self.spoiled.saturating_add(1),
                _ => {}
            }
        }
        if let Event::Compose { faces } = event {
            self.faces.clone_from(faces);
        }
        if let Some(evidence) = event.evidence() {
            self.evidence = Some(evidence.clone());
        }
        if let Some(findings) = event.findings() {
            self.findings = Some(findings.to_vec());
        }
        Ok(())
    }
}

impl Received {
    /// The job that it replaces, as its id is written everywhere else.
    pub fn replaced_job(&self) -> Option<String> {
        let typed = &self.replaces.as_ref()?.job;
        Some(crate::job::JobId::parse(typed).map_or_else(|| typed.clone(), |id| id.to_string()))
    }
}
