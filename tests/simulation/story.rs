//! What happened in a world, for whoever asks why it broke. Written out only where somebody reads it: a world that breaks
//! is lived again.

use std::fmt;

/// The lines of one world.
#[derive(Default)]
pub struct Story {
    lines: Vec<String>,
    is_read: bool,
    /// How many lines it has, or would have.
    pub length: usize,
}

impl Story {
    /// One that somebody reads.
    pub fn told() -> Story {
        Story { is_read: true, ..Story::default() }
    }

    pub fn tell(&mut self, line: fmt::Arguments<'_>) {
        self.length += 1;
        if self.is_read {
            self.lines.push(line.to_string());
        }
    }

    /// Its lines but for what differs from run to run: ids and times of day stand in the ledger's.
    pub fn deeds(&self) -> Vec<String> {
        self.lines.iter().filter(|line| !line.starts_with("ledger")).cloned().collect()
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
