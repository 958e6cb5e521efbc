//! The printer's log of jobs, for a printer that counts nothing and keeps one.

use drivers::ticket::{Outcome, Ticket, Unlogged};

use crate::job::JobId;

/// Jobs, by the number in their ticket; the first is 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    jobs: Vec<Entry>,
    /// So many of the first were forgotten when the log was begun anew.
    forgotten: usize,
}

#[derive(Debug, Clone)]
struct Entry {
    said: Said,
    card_of: Option<JobId>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    /// It was never heard.
    Open,
    Outcome(Outcome),
}

impl Log {
    pub fn open(&mut self) -> Ticket {
        self.jobs.push(Entry { said: Said::Open, card_of: None });
        Ticket::read(&self.jobs.len().to_string()).expect("digits")
    }

    pub fn is_open(&self, ticket: &Ticket) -> bool {
        self.at(ticket).is_some_and(|at| self.jobs[at].said == Said::Open)
    }

    /// Of the job that is printed under this ticket.
    pub fn write(&mut self, ticket: &Ticket, job: &JobId, outcome: Outcome) {
        if let Some(at) = self.at(ticket) {
            let card_of = Some(job.clone());
            self.jobs[at] = Entry { said: Said::Outcome(outcome), card_of };
        }
    }

    /// The card that stood inside goes, or nobody knows.
    pub fn card_goes(&mut self, job: &JobId, outcome: Outcome) {
        let inside = Said::Outcome(Outcome::CardInside);
        let mut jobs = self.jobs[self.forgotten..].iter_mut();
        let is_it =
            |entry: &&mut Entry| entry.said == inside && entry.card_of.as_ref() == Some(job);
        if let Some(entry) = jobs.find(is_it) {
            entry.said = Said::Outcome(outcome);
        }
    }

    /// A job that waits begins: whose card it is.
    pub fn begin_waiting(&mut self) -> Option<JobId> {
        let waiting = Said::Outcome(Outcome::Waiting);
        let entry = self.jobs[self.forgotten..].iter_mut().find(|entry| entry.said == waiting)?;
        entry.said = Said::Outcome(Outcome::Printed);
        entry.card_of.clone()
    }

    /// What has not begun never will.
    pub fn end_jobs(&mut self) {
        for entry in &mut self.jobs {
            if matches!(entry.said, Said::Open | Said::Outcome(Outcome::Waiting)) {
                entry.said = Said::Outcome(Outcome::NotPrinted);
            }
        }
    }

    pub fn begin_anew(&mut self) {
        self.end_jobs();
        self.forgotten = self.jobs.len();
    }

    pub fn owns(&self) -> bool {
        let owns =
            |entry: &Entry| matches!(entry.said, Said::Open | Said::Outcome(Outcome::Waiting));
        self.jobs[self.forgotten..].iter().any(owns)
    }

    /// A job that was never heard is ended by the question.
    pub fn outcome(&mut self, ticket: &Ticket) -> Outcome {
        let Some(at) = self.at(ticket) else { return Outcome::Unknown(Unlogged::OtherLog) };
        match self.jobs[at].said {
            Said::Outcome(outcome) => outcome,
            Said::Open => {
                self.jobs[at].said = Said::Outcome(Outcome::NotPrinted);
                Outcome::NotPrinted
            }
        }
    }

    fn at(&self, ticket: &Ticket) -> Option<usize> {
        let number: usize = ticket.as_str().parse().ok()?;
        (self.forgotten + 1..=self.jobs.len()).contains(&number).then(|| number - 1)
    }
}
