//! Holds the table of the blanks against the events that it follows from. Changes nothing, repairs nothing.

use std::collections::HashMap;

use rusqlite::{Connection, Row};
use serde_json::Value;

use super::{Change, ENTERED, of_job, of_person};
use crate::ledger::LedgerError;
use crate::ledger::reader::{optional, read_error, text};
use crate::lifecycle::{Event, State};

/// Differences that are named one by one.
const NAMED_LIMIT: usize = 20;

/// Where the table differs from what the events say; empty when it does not. Reads the whole ledger.
///
/// # Errors
/// [`LedgerError::Read`] when the ledger cannot be read.
pub fn faults(c: &Connection) -> Result<Vec<String>, LedgerError> {
    let mut comparison = Comparison { table: read_table(c)?, faults: Vec::new(), more: 0 };
    let mut states: HashMap<i64, State> = HashMap::new();
    let mut lines = c
        .prepare("SELECT seq, job, at, event, state, detail FROM events ORDER BY seq")
        .map_err(read_error)?;
    let mut lines = lines.query([]).map_err(read_error)?;
    while let Some(line) = lines.next().map_err(read_error)? {
        let line = line_of(line).map_err(read_error)?;
        let from = line.job.zip(line.state).and_then(|(job, to)| states.insert(job, to));
        comparison.hold(&line, from);
    }
    Ok(comparison.told())
}

struct Line {
    seq: u64,
    job: Option<i64>,
    at: String,
    event: String,
    state: Option<State>,
    detail: Value,
}

fn line_of(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line {
        seq: row.get(0)?,
        job: row.get(1)?,
        at: row.get(2)?,
        event: row.get(3)?,
        state: optional(row, 4, State::from_name)?,
        detail: text(row, 5, |detail| serde_json::from_str(detail).ok())?,
    })
}

impl Line {
    fn changes(&self, from: Option<State>) -> Result<Vec<Change>, LedgerError> {
        match (self.job, from, self.state, Event::from_name(&self.event)) {
            (None, ..) if self.event == ENTERED => of_person(&self.detail),
            (Some(_), Some(from), Some(to), Some(event)) => of_job(from, to, event, &self.detail),
            _ => Ok(Vec::new()),
        }
    }
}

/// A line of the table without its event: job, time, kind, cause, cards.
type Told = (Option<i64>, String, String, Option<String>, i64);

struct Comparison {
    /// By event; what was held against its event is taken out.
    table: HashMap<u64, Vec<Told>>,
    faults: Vec<String>,
    more: usize,
}

impl Comparison {
    fn hold(&mut self, line: &Line, from: Option<State>) {
        let seq = line.seq;
        let mut told = self.table.remove(&seq).unwrap_or_default();
        let Ok(changes) = line.changes(from) else {
            return self.fault(format!("line {seq} does not say what became of its blank"));
        };
        let follows = |change: &Change| {
            let cause = change.cause.map(|cause| cause.name().to_owned());
            (line.job, line.at.clone(), change.kind.name().to_owned(), cause, change.cards)
        };
        let mut wanted: Vec<Told> = changes.iter().map(follows).collect();
        wanted.sort();
        told.sort();
        if wanted != told {
            self.fault(format!("line {seq}: the blanks in the table are not those of the event"));
        }
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < NAMED_LIMIT { self.faults.push(fault) } else { self.more += 1 }
    }

    fn told(mut self) -> Vec<String> {
        let mut strangers: Vec<u64> = self.table.keys().copied().collect();
        strangers.sort_unstable();
        for seq in strangers {
            self.fault(format!("blanks stand in the table for line {seq}, which is not there"));
        }
        if self.more > 0 {
            self.faults.push(format!("{} more lines differ in their blanks", self.more));
        }
        self.faults
    }
}

fn read_table(c: &Connection) -> Result<HashMap<u64, Vec<Told>>, LedgerError> {
    let mut table: HashMap<u64, Vec<Told>> = HashMap::new();
    let sql = "SELECT event, job, at, kind, cause, cards FROM blanks";
    let row = |row: &Row<'_>| -> rusqlite::Result<(u64, Told)> {
        let told = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
        Ok((row.get(0)?, told))
    };
    let mut rows = c.prepare(sql).map_err(read_error)?;
    for told in rows.query_map([], row).map_err(read_error)? {
        let (seq, told) = told.map_err(read_error)?;
        table.entry(seq).or_default().push(told);
    }
    Ok(table)
}
