//! Reads the lines of the ledger in order and verifies the chain. Changes nothing.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::chain::{self, Hash};
use super::cut;
use super::head::Head;
use crate::event::Event;

const LINES: &str = "SELECT e.seq, e.at, j.id, e.event, e.state, e.detail, e.hash
                     FROM events e LEFT JOIN jobs j ON j.seq = e.job WHERE e.seq > ?1 ORDER BY e.seq";

/// A stored line, whatever it contains.
#[derive(Debug, Clone)]
pub(super) struct RawLine {
    pub seq: u64,
    pub at: String,
    pub job: Option<String>,
    pub event: String,
    pub state: Option<String>,
    pub detail: String,
    pub hash: Hash,
}

/// How a person, or a failing disk, damaged the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The line was changed.
    Changed,
    /// Lines before it are missing.
    Missing,
    /// The line was inserted.
    Inserted,
}

/// The first break of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The line's number.
    pub seq: u64,
    /// Its time, as stored.
    pub at: String,
    /// Its job.
    pub job: Option<String>,
    /// The kind of damage.
    pub kind: Kind,
}

/// [`walk`] over every line that is left.
pub(super) fn walk_all(
    c: &Connection,
    visit: impl FnMut(&RawLine, &Hash),
) -> rusqlite::Result<(Option<Break>, Head)> {
    walk(c, cut::start(c)?, visit)
}

/// Calls `visit` with every line after `from` and the hash before it; returns the first break and the last line.
pub(super) fn walk(
    c: &Connection,
    from: Head,
    mut visit: impl FnMut(&RawLine, &Hash),
) -> rusqlite::Result<(Option<Break>, Head)> {
    let mut statement = c.prepare(LINES)?;
    let mut rows = statement.query([i64::try_from(from.seq).unwrap_or(i64::MAX)])?;
    let mut head = from;
    let (mut broken, mut doubted): (Option<Break>, Option<(RawLine, Hash)>) = (None, None);
    while let Some(row) = rows.next()? {
        let line = RawLine::of(row)?;
        if let Some((before, previous)) = doubted.take() {
            broken = Some(before.broken(kind_of(&before, &previous, Some(&line))));
        }
        if broken.is_none() {
            if line.seq != head.seq + 1 {
                broken = Some(line.broken(Kind::Missing));
            } else if line.hashed(line.seq, &head.hash) != line.hash {
                doubted = Some((line.clone(), head.hash));
            }
        }
        visit(&line, &head.hash);
        head = Head { seq: line.seq, hash: line.hash };
    }
    if let Some((last, previous)) = doubted {
        broken = Some(last.broken(kind_of(&last, &previous, None)));
    }
    Ok((broken, head))
}

/// The line after the broken one shows what happened: it still fits the number and the hash of its original
/// predecessor.
fn kind_of(wrong: &RawLine, previous: &Hash, next: Option<&RawLine>) -> Kind {
    let Some(next) = next else { return Kind::Changed };
    if next.hashed(wrong.seq, previous) == next.hash {
        return Kind::Inserted;
    }
    // The numbers were closed up over the gap; only a few missing lines are searched for.
    let pushed = (1..=64).any(|by| next.hashed(next.seq + by, &wrong.hash) == next.hash);
    if pushed { Kind::Missing } else { Kind::Changed }
}

impl RawLine {
    fn of(row: &Row<'_>) -> rusqlite::Result<RawLine> {
        let text = |at: usize| -> rusqlite::Result<String> {
            Ok(text_of(row.get_ref(at)?).unwrap_or_default())
        };
        let hash = match row.get_ref(6)? {
            ValueRef::Blob(bytes) => bytes.try_into().unwrap_or(chain::START),
            _ => chain::START,
        };
        Ok(RawLine {
            seq: row.get(0)?,
            at: text(1)?,
            job: text_of(row.get_ref(2)?),
            event: text(3)?,
            state: text_of(row.get_ref(4)?),
            detail: text(5)?,
            hash,
        })
    }

    fn hashed(&self, seq: u64, previous: &Hash) -> Hash {
        let line = chain::Line {
            seq,
            at: &self.at,
            job: self.job.as_deref(),
            event: &self.event,
            state: self.state.as_deref(),
            detail: &self.detail,
        };
        line.hash(previous)
    }

    /// The line's event; `None`: no version of this program wrote it.
    pub fn read(&self) -> Option<Event> {
        let detail = serde_json::from_str(&self.detail).ok()?;
        Event::read(&self.event, &detail).ok()
    }

    fn broken(&self, kind: Kind) -> Break {
        Break { seq: self.seq, at: self.at.clone(), job: self.job.clone(), kind }
    }
}

/// A text column; a value that is no text becomes `None`, since nothing of ours writes one.
pub(super) fn text_of(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => Some("\u{FFFD}".to_owned()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ledger::{head, schema};

    /// A ledger of `n` lines about the station, with an unknown event.
    pub fn ledger(n: u64) -> Connection {
        let mut c = Connection::open_in_memory().unwrap();
        schema::create(&mut c).unwrap();
        let mut previous = chain::START;
        for seq in 1..=n {
            let (at, detail) = ("2026-03-02T02:00:00Z", format!("{{\"n\":{seq}}}"));
            let line =
                chain::Line { seq, at, job: None, event: "noted", state: None, detail: &detail };
            previous = line.hash(&previous);
            let sql = "INSERT INTO events (seq, at, event, detail, hash) VALUES (?1, ?2, 'noted', ?3, ?4)";
            c.execute(sql, rusqlite::params![seq, at, detail, previous]).unwrap();
        }
        c
    }

    fn first_break(c: &Connection) -> Option<(u64, Kind)> {
        walk(c, head::START, |_, _| ()).unwrap().0.map(|b| (b.seq, b.kind))
    }

    #[test]
    fn what_was_done_to_the_chain_is_told() {
        let c = ledger(9);
        assert_eq!(first_break(&c), None);
        for (what, expected) in [
            ("UPDATE events SET detail = '{}' WHERE seq = 4", (4, Kind::Changed)),
            ("UPDATE events SET hash = x'00' WHERE seq = 4", (4, Kind::Changed)),
            ("UPDATE events SET at = 'now' WHERE seq = 9", (9, Kind::Changed)),
            ("UPDATE events SET detail = CAST(detail AS BLOB) WHERE seq = 4", (4, Kind::Changed)),
            ("DELETE FROM events WHERE seq BETWEEN 4 AND 6", (7, Kind::Missing)),
            ("DELETE FROM events WHERE seq = 1", (2, Kind::Missing)),
            (
                "DELETE FROM events WHERE seq = 4; UPDATE events SET seq = seq - 1 WHERE seq > 4",
                (4, Kind::Missing),
            ),
            (
                "UPDATE events SET seq = -seq - 1 WHERE seq >= 4; UPDATE events SET seq = -seq WHERE seq < 0;
                 INSERT INTO events (seq, at, event, detail, hash) VALUES (4, 'x', 'x', '{}', zeroblob(32))",
                (4, Kind::Inserted),
            ),
        ] {
            c.execute_batch(&format!("BEGIN; {what}")).unwrap();
            assert_eq!(first_break(&c), Some(expected), "{what}");
            c.execute_batch("ROLLBACK").unwrap();
        }
    }
}
