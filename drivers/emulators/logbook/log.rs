//! The machine's log of jobs, which outlives a loss of power. Knows no wire and no card.

use std::collections::VecDeque;

use super::protocol::Said;

/// Jobs in the order of their numbers; the oldest are forgotten.
#[derive(Default)]
pub struct Log {
    /// Tells this log from one that was begun before it, or by another machine.
    epoch: u16,
    /// Number of the first entry that is still there.
    first: u32,
    entries: VecDeque<Said>,
    most: usize,
}

impl Log {
    /// An empty log of so many entries at most.
    pub fn new(epoch: u16, most: usize) -> Self {
        Self { epoch, first: 1, entries: VecDeque::new(), most: most.max(1) }
    }

    /// The same machine with everything forgotten.
    pub fn begin_anew(&mut self) {
        *self = Self::new(self.epoch.wrapping_add(1), self.most);
    }

    /// A new entry; its number.
    pub fn open(&mut self) -> u32 {
        if self.entries.len() == self.most {
            self.entries.pop_front();
            self.first += 1;
        }
        self.entries.push_back(Said::Open);
        self.first + self.entries.len() as u32 - 1
    }

    /// What a job is called outside.
    pub fn name(&self, number: u32) -> String {
        format!("{:04X}-{number}", self.epoch)
    }

    /// The number of a name that this log gave.
    pub fn number(&self, name: &str) -> Option<u32> {
        let number = name.strip_prefix(&format!("{:04X}-", self.epoch))?.parse().ok()?;
        (name == self.name(number)).then_some(number)
    }

    /// What it says of the job of a name.
    pub fn said(&self, name: &str) -> Said {
        match self.number(name) {
            Some(number) if (1..self.first).contains(&number) => Said::Old,
            Some(number) => self.entry(number).unwrap_or(Said::Other),
            None => Said::Other,
        }
    }

    /// What it says of a job that it still has.
    pub fn entry(&self, number: u32) -> Option<Said> {
        self.entries.get(number.checked_sub(self.first)? as usize).copied()
    }

    /// From now on it says this of a job. An entry that is forgotten stays so.
    pub fn write(&mut self, number: u32, said: Said) {
        let at = number.checked_sub(self.first).map(|at| at as usize);
        if let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) {
            *entry = said;
        }
    }

    /// Changes every entry for which `change` has something else to say.
    pub fn rewrite(&mut self, change: impl Fn(u32, Said) -> Said) {
        for (number, entry) in (self.first..).zip(&mut self.entries) {
            *entry = change(number, *entry);
        }
    }

    /// Is there an entry that says so?
    pub fn has(&self, said: Said) -> bool {
        self.entries.contains(&said)
    }
}
