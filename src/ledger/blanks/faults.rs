//! Compares the table of the blanks with the events from which it is derived. Changes nothing, repairs nothing.

use std::collections::HashMap;

use rusqlite::{Connection, Row};
use serde_json::Value;

use super::{CARRIED_AT, Change, of_cut, of_job, of_person};
use crate::event::{Event, Unreadable};
use crate::ledger::LedgerError;
use crate::ledger::reader::{optional, read_error, text};
use crate::lifecycle::State;

/// Most differences that are listed individually.
const NAMED_LIMIT: usize = 20;

/// The differences between the table and the events; empty if there are none. Reads both side by side.
///
/// # Errors
/// [`LedgerError::Read`] when the ledger cannot be read.
pub fn faults(c: &Connection) -> Result<Vec<String>, LedgerError> {
    let mut faults = Faults::default();
    let mut states = states_at_the_cut(c).map_err(read_error)?;
    let mut table = c
        .prepare("SELECT event, job, at, kind, cause, cards FROM blanks ORDER BY event, kind")
        .map_err(read_error)?;
    let mut table = table.query_map([], told_of).map_err(read_error)?.peekable();
    let mut lines = c
        .prepare("SELECT seq, job, at, event, state, detail FROM events ORDER BY seq")
        .map_err(read_error)?;
    for line in lines.query_map([], line_of).map_err(read_error)? {
        let line = line.map_err(read_error)?;
        let mut told = Vec::new();
        while let Some(row) = table.next_if(|row| !matches!(row, Ok((seq, _)) if *seq > line.seq)) {
            match row.map_err(read_error)? {
                (seq, row) if seq == line.seq => told.push(row),
                (seq, _) => faults.add(stranger(seq)),
            }
        }
        let from = line.job.zip(line.state).and_then(|(job, to)| states.insert(job, to));
        faults.compare(&line, from, told);
    }
    for row in table {
        faults.add(stranger(row.map_err(read_error)?.0));
    }
    Ok(faults.told())
}

/// The states of the jobs after the last of their lines that were cut off.
fn states_at_the_cut(c: &Connection) -> rusqlite::Result<HashMap<i64, State>> {
    let sql = "SELECT job, detail ->> '$.was' FROM events
               WHERE event = 'carried' AND job IS NOT NULL ORDER BY seq";
    let mut statement = c.prepare(sql)?;
    let states =
        statement.query_map([], |row| Ok((row.get(0)?, text(row, 1, State::from_name)?)))?;
    states.collect()
}

fn stranger(seq: u64) -> String {
    format!("blanks stand in the table for line {seq}, which is not there")
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
    fn changes(&self, from: Option<State>) -> Result<Vec<Change>, Unreadable> {
        let event = Event::read(&self.event, &self.detail)?;
        Ok(match (&event, self.job.and(from), self.state) {
            (Event::Blanks(entry), ..) if self.job.is_none() => of_person(entry),
            (Event::Cut(cut), ..) if self.job.is_none() => vec![of_cut(cut.blanks)],
            (event, Some(from), Some(to)) if event.step().is_some() => of_job(from, to, event),
            _ => Vec::new(),
        })
    }
}

/// A row of the table without its event: job, time, kind, cause, cards.
type Told = (Option<i64>, String, String, Option<String>, i64);

fn told_of(row: &Row<'_>) -> rusqlite::Result<(u64, Told)> {
    let told = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
    Ok((row.get(0)?, told))
}

#[derive(Default)]
struct Faults {
    named: Vec<String>,
    more: usize,
}

impl Faults {
    fn compare(&mut self, line: &Line, from: Option<State>, mut told: Vec<Told>) {
        let seq = line.seq;
        // An unreadable line is a separate fault, which the check of the chain reports.
        let Ok(changes) = line.changes(from) else { return };
        let follows = |change: &Change| {
            let cause = change.cause.map(|cause| cause.name().to_owned());
            let at = if line.event == "cut" { CARRIED_AT } else { &line.at };
            (line.job, at.to_owned(), change.kind.name().to_owned(), cause, change.cards)
        };
        let mut wanted: Vec<Told> = changes.iter().map(follows).collect();
        wanted.sort();
        told.sort();
        if wanted != told {
            self.add(format!("line {seq}: the blanks in the table are not those of the event"));
        }
    }

    fn add(&mut self, fault: String) {
        if self.named.len() < NAMED_LIMIT { self.named.push(fault) } else { self.more += 1 }
    }

    fn told(mut self) -> Vec<String> {
        if self.more > 0 {
            self.named.push(format!("{} more lines differ in their blanks", self.more));
        }
        self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Actor;
    use crate::clock::Clock;
    use crate::event::tests::that_makes;
    use crate::ledger::blanks::Handled;
    use crate::ledger::{Ledger, NewJob};
    use crate::lifecycle::{MOVES, Move};
    use crate::supplies::{BlankKind, SpoilCause};

    /// The shortest sequence of moves from `received` to a state.
    fn way_to(state: State) -> Vec<Move> {
        let mut ways = vec![(State::Received, Vec::new())];
        let mut at = 0;
        while ways[at].0 != state {
            let (here, way) = ways[at].clone();
            for (_, event, to) in MOVES.iter().filter(|(from, _, _)| *from == here) {
                if ways.iter().all(|(known, _)| known != to) {
                    ways.push((*to, [way.as_slice(), &[*event]].concat()));
                }
            }
            at += 1;
        }
        ways[at].1.clone()
    }

    /// A ledger with every move of the lifecycle and every kind of entry, once each.
    async fn every_move(folder: &tempfile::TempDir) -> std::path::PathBuf {
        let path = folder.path().join("ledger.db");
        crate::ledger::init(&path).unwrap();
        let ledger = Ledger::open(&path, Clock::system()).unwrap();
        for (number, (from, event, _)) in MOVES.iter().enumerate() {
            let job = NewJob::plain(&format!("R-{number}"), State::Received);
            let id = job.id.clone();
            ledger.accept(job).await.unwrap();
            for event in way_to(*from).into_iter().chain([*event]) {
                let (ledger, id) = (ledger.clone(), id.clone());
                let append = move || ledger.append(&id, that_makes(event)).wait().map(drop);
                tokio::task::spawn_blocking(append).await.unwrap().unwrap();
            }
        }
        for kind in BlankKind::ALL.into_iter().filter(|kind| kind.is_entered()) {
            let cause = (kind == BlankKind::Spoiled).then_some(SpoilCause::CacatPabrik);
            let by = Actor::local("petugas-2");
            let handled = Handled { kind, cards: 3, cause, by, batch: None, key: None };
            ledger.enter_blanks(handled).await.unwrap();
        }
        let path = ledger.path().to_owned();
        tokio::task::spawn_blocking(move || ledger.close()).await.unwrap();
        path
    }

    fn sum(c: &Connection, kind: &str) -> i64 {
        let sql = "SELECT coalesce(sum(cards), 0) FROM blanks WHERE job IS NOT NULL AND kind = ?1";
        c.query_row(sql, [kind], |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn every_blank_that_left_the_feeder_is_in_one_column() {
        let folder = tempfile::TempDir::new().unwrap();
        let c = Connection::open(every_move(&folder).await).unwrap();
        assert_eq!(faults(&c).unwrap(), Vec::<String>::new());
        let jobs = |states: &[&str]| -> i64 {
            let count = |state: &&str| -> i64 {
                let sql = "SELECT count(*) FROM jobs WHERE state = ?1";
                c.query_row(sql, [state], |row| row.get(0)).unwrap()
            };
            states.iter().map(count).sum()
        };
        assert_eq!(sum(&c, "good"), jobs(&["printed", "handed_over"]));
        assert_eq!(sum(&c, "unsure"), jobs(&["unsure", "encoding", "encoded", "printing"]));
        let spoilt = MOVES.iter().filter(|(_, event, _)| *event == Move::Spoil).count();
        assert_eq!(sum(&c, "spoiled"), i64::try_from(spoilt).unwrap());
        let causes =
            "SELECT count(*) FROM blanks WHERE kind = 'spoiled' AND cause = 'GAGAL_ENCODE'";
        let causes: i64 = c.query_row(causes, [], |row| row.get(0)).unwrap();
        assert_eq!(causes, sum(&c, "spoiled"), "the cause is the event's");
    }

    #[tokio::test]
    async fn a_table_that_was_changed_is_found_out() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = every_move(&folder).await;
        for change in [
            "DELETE FROM blanks WHERE kind = 'loaded'",
            "DELETE FROM blanks WHERE event = (SELECT max(event) FROM blanks WHERE kind = 'good')",
            "UPDATE blanks SET cards = 2 WHERE kind = 'loaded'",
            "UPDATE blanks SET cause = 'SALAH_DATA' WHERE kind = 'test'",
            "UPDATE blanks SET at = '2026-01-01T00:00:00Z' WHERE kind = 'counted'",
            "UPDATE blanks SET kind = 'returned' WHERE kind = 'loaded'",
            "UPDATE blanks SET job = NULL WHERE kind = 'good'",
            "INSERT INTO blanks SELECT 1, NULL, at, 'lost', NULL, 1 FROM events WHERE seq = 1",
            "PRAGMA foreign_keys = OFF; INSERT INTO blanks VALUES (999999, NULL, 'x', 'lost', NULL, 1)",
        ] {
            let mut c = Connection::open(&path).unwrap();
            c.execute_batch(change.split_once("; ").map_or("", |(pragma, _)| pragma)).unwrap();
            let all = c.transaction().unwrap();
            all.execute_batch(change.rsplit("; ").next().unwrap()).unwrap();
            assert_ne!(faults(&all).unwrap(), Vec::<String>::new(), "{change}");
            all.rollback().unwrap();
            assert_eq!(faults(&c).unwrap(), Vec::<String>::new());
        }
    }
}
