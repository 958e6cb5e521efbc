//! The machine's log of jobs, which survives a power loss. Knows no wire and no card.

use std::collections::VecDeque;

use super::protocol::Said;

/// Jobs in the order of their numbers; the oldest are dropped.
#[derive(Default)]
pub struct Log {
    /// Distinguishes this log from an earlier log or another machine's.
    epoch: u16,
    /// Number of the oldest entry that is still kept.
    first: u32,
    entries: VecDeque<Said>,
    most: usize,
}

impl Log {
    /// An empty log of so many entries at most.
    pub fn new(epoch: u16, most: usize) -> Self {
        Self { epoch, first: 1, entries: VecDeque::new(), most: most.max(1) }
    }

    /// Clears the log and begins the next epoch.
    pub fn begin_anew(&mut self) {
        *self = Self::new(self.epoch.wrapping_add(1), self.most);
    }

    /// Adds an entry and returns its number.
    pub fn open(&mut self) -> u32 {
        if self.entries.len() == self.most {
            self.entries.pop_front();
            self.first += 1;
        }
        self.entries.push_back(Said::Open);
        self.first + self.entries.len() as u32 - 1
    }

    /// The name of a job on the wire.
    pub fn name(&self, number: u32) -> String {
        format!("{:04X}-{number}", self.epoch)
    }

    /// The number of a job that this log named.
    pub fn number(&self, name: &str) -> Option<u32> {
        let number = name.strip_prefix(&format!("{:04X}-", self.epoch))?.parse().ok()?;
        (name == self.name(number)).then_some(number)
    }

    /// The state of the job of this name.
    pub fn said(&self, name: &str) -> Said {
        match self.number(name) {
            Some(number) if (1..self.first).contains(&number) => Said::Old,
            Some(number) => self.entry(number).unwrap_or(Said::Other),
            None => Said::Other,
        }
    }

    /// The state of a job that is still in the log.
    pub fn entry(&self, number: u32) -> Option<Said> {
        self.entries.get(number.checked_sub(self.first)? as usize).copied()
    }

    /// Sets the state of a job. A dropped entry stays dropped.
    pub fn write(&mut self, number: u32, said: Said) {
        let at = number.checked_sub(self.first).map(|at| at as usize);
        if let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) {
            *entry = said;
        }
    }

    /// Replaces the state of every entry by what `change` returns.
    pub fn rewrite(&mut self, change: impl Fn(u32, Said) -> Said) {
        for (number, entry) in (self.first..).zip(&mut self.entries) {
            *entry = change(number, *entry);
        }
    }

    /// Does any entry have this state?
    pub fn has(&self, said: Said) -> bool {
        self.entries.contains(&said)
    }
}
