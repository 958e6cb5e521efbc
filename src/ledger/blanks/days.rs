//! The daily balance of blanks, and the list of the destroyed ones. Changes nothing.
//!
//! A count is compared with the number expected at that moment, and the next day begins with the count. A loss is
//! noticed when somebody counts, so it belongs to its whole day, whether it was entered before the count or after.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde_json::Value;

use crate::actor::Actor;
use crate::event::{CardEvidence, Event};
use crate::job::JobId;
use crate::ledger::LedgerError;
use crate::ledger::reader::{at_least, optional, read_error, text};
use crate::supplies::{BlankKind, SpoilCause};

/// One day of the office. All figures are cards; a negative figure means that more were used than entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// The date in the office's time zone.
    pub date: Date,
    /// At the station when it began: the last count and everything since.
    pub opening: i64,
    /// Taken from the store.
    pub loaded: i64,
    /// Good cards, less those that were reported spoiled later.
    pub good: i64,
    /// Spoiled blanks by cause.
    pub spoiled: BTreeMap<SpoilCause, i64>,
    /// Test cards.
    pub test: i64,
    /// Lost.
    pub lost: i64,
    /// Brought back to the store.
    pub returned: i64,
    /// Cards begun on this day whose outcome is unknown, less those of earlier days whose outcome became known.
    pub unsure: i64,
    /// How many should be there at its end, or now.
    pub expected: i64,
    /// The last count.
    pub count: Option<Count>,
}

/// A count of the blanks at the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How many were there.
    pub cards: i64,
    /// How many should have been there.
    pub expected: i64,
    /// Time of the count.
    pub at: Timestamp,
}

/// Spoiled and test cards, as listed in the *berita acara pemusnahan*.
#[derive(Debug, Clone, PartialEq)]
pub struct Destroyed {
    /// Number of the ledger's line.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The job's `ref`, if it was spoiled for one.
    pub reference: Option<String>,
    /// The job.
    pub job: Option<JobId>,
    /// The cause.
    pub cause: Option<SpoilCause>,
    /// How many.
    pub cards: i64,
    /// The source of the information, and its evidence.
    pub evidence: Witness,
}

/// The source of the information that a blank was spoiled.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Witness {
    /// The evidence about the job's card.
    Card(CardEvidence),
    /// A person entered it.
    Person {
        /// The person.
        by: Actor,
        /// The batch, as the store names it.
        batch: Option<String>,
    },
    /// The line cannot be read.
    Unknown,
}

struct Line {
    at: Timestamp,
    kind: BlankKind,
    cause: Option<SpoilCause>,
    cards: i64,
}

impl Day {
    fn of(date: Date, opening: i64, lines: &[Line]) -> Day {
        let mut day = Day {
            date,
            opening,
            loaded: 0,
            good: 0,
            spoiled: BTreeMap::new(),
            test: 0,
            lost: lines
                .iter()
                .filter(|line| line.kind == BlankKind::Lost)
                .map(|line| line.cards)
                .sum(),
            returned: 0,
            unsure: 0,
            expected: 0,
            count: None,
        };
        for line in lines {
            match (line.kind, line.cause) {
                (BlankKind::Loaded, _) => day.loaded += line.cards,
                (BlankKind::Good, _) => day.good += line.cards,
                (BlankKind::Spoiled, cause) => {
                    *day.spoiled.entry(cause.unwrap_or(SpoilCause::GagalCetak)).or_default() +=
                        line.cards;
                }
                (BlankKind::Test, _) => day.test += line.cards,
                (BlankKind::Lost, _) => {}
                (BlankKind::Returned, _) => day.returned += line.cards,
                (BlankKind::Unsure, _) => day.unsure += line.cards,
                (BlankKind::Counted, _) => {
                    let expected = day.balance();
                    day.count = Some(Count { cards: line.cards, expected, at: line.at });
                }
            }
        }
        day.expected = day.balance();
        day
    }

    fn balance(&self) -> i64 {
        let spoiled: i64 = self.spoiled.values().sum();
        let used = self.good + spoiled + self.test + self.lost + self.returned + self.unsure;
        self.opening + self.loaded - used
    }

    /// Did anything happen to blanks on this day?
    pub fn has_moved(&self) -> bool {
        let figures = [self.loaded, self.good, self.test, self.lost, self.returned, self.unsure];
        figures.iter().chain(self.spoiled.values()).any(|cards| *cards != 0)
    }

    /// The number with which the next day begins.
    fn closing(&self) -> i64 {
        self.expected + self.difference().unwrap_or(0)
    }

    /// Surplus (or, if negative, shortage) of the count; `None`: there was no count.
    pub fn difference(&self) -> Option<i64> {
        self.count.map(|count| count.cards - count.expected)
    }

    /// Does the day balance? `None`: there was no count. If more were used than there ever were, it cannot balance.
    pub fn closes(&self) -> Option<bool> {
        match self.difference() {
            Some(difference) => Some(difference == 0),
            None if self.expected < 0 => Some(false),
            None => None,
        }
    }
}

/// The days from `from` to `to`, both included.
pub(in crate::ledger) fn days(
    c: &Connection,
    from: Date,
    to: Date,
    offset: Offset,
) -> Result<Vec<Day>, LedgerError> {
    let mut lines: BTreeMap<Date, Vec<Line>> = BTreeMap::new();
    for line in lines_between(c, &start_of(from, offset)?, &start_of(after(to)?, offset)?)? {
        lines.entry(offset.to_datetime(line.at).date()).or_default().push(line);
    }
    let mut opening = opening(c, from, offset)?;
    let mut days = Vec::new();
    for date in from.series(jiff::Span::new().days(1)).take_while(|date| *date <= to) {
        let day = Day::of(date, opening, lines.get(&date).map_or(&[], Vec::as_slice));
        opening = day.closing();
        days.push(day);
    }
    Ok(days)
}

fn lines_between(c: &Connection, start: &str, end: &str) -> Result<Vec<Line>, LedgerError> {
    let sql = "SELECT at, kind, cause, cards FROM blanks WHERE at >= ?1 AND at < ?2 ORDER BY event";
    let line = |row: &Row<'_>| {
        Ok(Line {
            at: text(row, 0, |at| at.parse().ok())?,
            kind: text(row, 1, BlankKind::from_name)?,
            cause: optional(row, 2, SpoilCause::from_name)?,
            cards: row.get(3)?,
        })
    };
    c.prepare_cached(sql)
        .and_then(|mut s| s.query_map([start, end], line)?.collect())
        .map_err(read_error)
}

/// The same sum as [`Day::closing`] of the previous day, computed from the last count without visiting every day.
pub(in crate::ledger) fn opening(
    c: &Connection,
    day: Date,
    offset: Offset,
) -> Result<i64, LedgerError> {
    let start = start_of(day, offset)?;
    let last = "SELECT at FROM blanks WHERE kind = 'counted' AND at < ?1 ORDER BY at DESC LIMIT 1";
    let counted: Option<Timestamp> = c
        .prepare_cached(last)
        .and_then(|mut s| {
            s.query_row([&start], |row| text(row, 0, |at| at.parse().ok())).optional()
        })
        .map_err(read_error)?;
    let Some(counted) = counted else { return moved(c, "", &start) };
    let count_day = offset.to_datetime(counted).date();
    let (begin, end) = (start_of(count_day, offset)?, start_of(after(count_day)?, offset)?);
    let sql = "SELECT event, cards FROM blanks WHERE kind = 'counted' AND at >= ?1 AND at < ?2
               ORDER BY event DESC LIMIT 1";
    let (event, cards): (i64, i64) = c
        .prepare_cached(sql)
        .and_then(|mut s| s.query_row([&begin, &end], |r| Ok((r.get(0)?, r.get(1)?))))
        .map_err(read_error)?;
    let same_day = format!(
        "SELECT coalesce(sum({MOVED}), 0) FROM blanks
         WHERE at >= ?1 AND at < ?2 AND event > ?3 AND kind <> 'lost'"
    );
    let rest: i64 = c
        .prepare_cached(&same_day)
        .and_then(|mut s| s.query_row(params![begin, end, event], |row| row.get(0)))
        .map_err(read_error)?;
    Ok(cards + rest + moved(c, &end, &start)?)
}

/// How one row of the table changes the number of blanks at the station.
const MOVED: &str = "CASE kind WHEN 'loaded' THEN cards WHEN 'counted' THEN 0 ELSE -cards END";

fn moved(c: &Connection, start: &str, end: &str) -> Result<i64, LedgerError> {
    let sql = format!("SELECT coalesce(sum({MOVED}), 0) FROM blanks WHERE at >= ?1 AND at < ?2");
    c.prepare_cached(&sql)
        .and_then(|mut s| s.query_row([start, end], |row| row.get(0)))
        .map_err(read_error)
}

/// Spoiled and test cards from `from` to `to`, both included.
pub(in crate::ledger) fn destroyed(
    c: &Connection,
    from: Date,
    to: Date,
    offset: Offset,
) -> Result<Vec<Destroyed>, LedgerError> {
    let sql = "SELECT b.event, b.at, j.reference, j.id, b.cause, b.cards, e.detail, e.event
               FROM blanks b JOIN events e ON e.seq = b.event LEFT JOIN jobs j ON j.seq = b.job
               WHERE b.kind IN ('spoiled', 'test') AND b.at >= ?1 AND b.at < ?2 ORDER BY b.event";
    let card = |row: &Row<'_>| {
        let detail: Value = text(row, 6, |detail| serde_json::from_str(detail).ok())?;
        let evidence = match Event::read(row.get_ref(7)?.as_str()?, &detail) {
            Ok(Event::Spoil { evidence, .. }) => Witness::Card(evidence),
            Ok(Event::Blanks(entry)) => Witness::Person { by: entry.by, batch: entry.batch },
            _ => Witness::Unknown,
        };
        Ok(Destroyed {
            seq: row.get(0)?,
            at: text(row, 1, |at| at.parse().ok())?,
            reference: row.get(2)?,
            job: optional(row, 3, JobId::parse)?,
            cause: optional(row, 4, SpoilCause::from_name)?,
            cards: row.get(5)?,
            evidence,
        })
    };
    let (start, end) = (start_of(from, offset)?, start_of(after(to)?, offset)?);
    c.prepare_cached(sql)
        .and_then(|mut s| s.query_map([start, end], card)?.collect())
        .map_err(read_error)
}

/// The first moment of a day.
fn start_of(day: Date, offset: Offset) -> Result<String, LedgerError> {
    let start = offset.to_timestamp(day.at(0, 0, 0, 0)).map_err(|_| no_such_day())?;
    Ok(at_least(start))
}

fn after(day: Date) -> Result<Date, LedgerError> {
    day.tomorrow().map_err(|_| no_such_day())
}

fn no_such_day() -> LedgerError {
    LedgerError::Read("the day lies outside of every calendar".into())
}
