//! The events of a world, for analysing why it broke. They are recorded only when needed: a world that breaks is run
//! again.

use std::fmt;

/// The lines of one world.
#[derive(Default)]
pub struct Story {
    lines: Vec<String>,
    is_read: bool,
    /// The number of lines, whether they are recorded or not.
    pub length: usize,
}

impl Story {
    /// A story that is recorded.
    pub fn told() -> Story {
        Story { is_read: true, ..Story::default() }
    }

    pub fn tell(&mut self, line: fmt::Arguments<'_>) {
        self.length += 1;
        if self.is_read {
            self.lines.push(line.to_string());
        }
    }

    /// Its lines without what differs between runs: the ledger's lines contain ids and times of day.
    pub fn deeds(&self) -> Vec<String> {
        self.lines.iter().filter(|line| !line.starts_with("ledger")).cloned().collect()
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
