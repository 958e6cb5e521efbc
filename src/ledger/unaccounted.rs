//! Cards that the printer moved while the station was off, and that the ledger does not know. They may be test cards or
//! cards from another computer. They may also be the cards of a ledger that was restored from an old copy together with
//! its own old head: nothing else distinguishes that ledger from a good one, and it would print its cards again.
//!
//! The check runs once per printer at the start, before any event of it is recorded: is its counter ahead of the last
//! value in the ledger? Then every job that could print is held, and so is every job that is posted later with an
//! approval from before, until somebody enters the same number of test cards (`kartud blanks test`). So a person who
//! prints test cards with another program has one thing to do, and the day's blanks balance as well.

use rusqlite::{Connection, params};

use super::adopt;
use super::book::{append, write_error};
use super::record::NewJob;
use super::{LedgerError, cut, reader};
use crate::codes::station::H_CARDS_UNACCOUNTED;
use crate::event::Event;
use crate::finding::Finding;
use crate::supplies::BlankKind;

/// Lines that are searched for the printer's counter: if a station printed none of its cards for this long, its ledger
/// has none that it could print again.
const LINES_MAX: usize = 100_000;

/// The last intent of each job whose card may be moving, or was moving when it was lost.
const IN_FLIGHT: &str = "SELECT event, detail FROM events
    WHERE seq IN (SELECT (SELECT max(seq) FROM events WHERE job = jobs.seq AND event IN ('encode', 'print'))
        FROM jobs WHERE state IN ('encoding', 'encoded', 'printing', 'unsure'))";

/// Records that the printer is ahead of the ledger, and holds every job that could print; returns how many cards the
/// ledger does not know. 0: nothing is recorded.
pub(super) fn account(
    c: &Connection,
    serial: &str,
    counted: u64,
    now: jiff::Timestamp,
) -> Result<u64, LedgerError> {
    let Some(known) = last_counted(c, serial)? else { return Ok(0) };
    let cards = counted.saturating_sub(known).saturating_sub(in_flight(c, serial, known)?);
    if cards == 0 {
        return Ok(0);
    }
    let serial = serial.to_owned();
    append(c, None, &Event::CardsUnaccounted { serial, known, counted, cards }, now)?;
    adopt::hold_all(c, &finding(), now)?;
    Ok(cards)
}

/// Cards that may have increased the counter of this printer by one since it stood at `known`: those whose own intent was
/// written when it had not gone beyond that.
fn in_flight(c: &Connection, serial: &str, known: u64) -> Result<u64, LedgerError> {
    let mut statement = c.prepare_cached(IN_FLIGHT).map_err(write_error)?;
    let mut rows = statement.query([]).map_err(write_error)?;
    let mut cards = 0;
    while let Some(row) = rows.next().map_err(write_error)? {
        let line = || -> rusqlite::Result<_> {
            let detail = reader::text(row, 1, |text| serde_json::from_str(text).ok())?;
            Ok(Event::read(row.get_ref(0)?.as_str()?, &detail).ok())
        };
        let event = line().map_err(write_error)?;
        let before = event.as_ref().and_then(Event::intent).map(|line| &line.intent.before);
        // A line that cannot be read may be about this printer.
        cards += u64::from(before.is_none_or(|before| {
            before.serial == serial && before.cards_entered.is_none_or(|count| count >= known)
        }));
    }
    Ok(cards)
}

/// The last value of this printer's counter.
fn last_counted(c: &Connection, serial: &str) -> Result<Option<u64>, LedgerError> {
    let sql = "SELECT event, detail FROM events ORDER BY seq DESC LIMIT ?1";
    let mut statement = c.prepare_cached(sql).map_err(write_error)?;
    let mut rows = statement.query([LINES_MAX]).map_err(write_error)?;
    while let Some(row) = rows.next().map_err(write_error)? {
        let line = || -> rusqlite::Result<_> {
            let detail = reader::text(row, 1, |text| serde_json::from_str(text).ok())?;
            Ok(Event::read(row.get_ref(0)?.as_str()?, &detail))
        };
        let event = line().map_err(write_error)?;
        if let Some(counted) = event.ok().and_then(|event| event.counted(serial)) {
            return Ok(Some(counted));
        }
    }
    Ok(None)
}

/// May this new job's approval be that of one of the unaccounted cards?
pub(super) fn approved_before(
    c: &Connection,
    job: &NewJob,
    now: jiff::Timestamp,
) -> Result<Option<Finding>, LedgerError> {
    let sql = "SELECT at, detail FROM events WHERE event = 'cards_unaccounted' ORDER BY seq DESC";
    let mut statement = c.prepare_cached(sql).map_err(write_error)?;
    let mut rows = statement.query([]).map_err(write_error)?;
    let mut all = 0;
    while let Some(row) = rows.next().map_err(write_error)? {
        let line = || -> rusqlite::Result<(String, serde_json::Value)> {
            let detail = reader::text(row, 1, |text| serde_json::from_str(text).ok())?;
            Ok((row.get(0)?, detail))
        };
        let (at, detail) = line().map_err(write_error)?;
        let (event, since) = (Event::read("cards_unaccounted", &detail), at.parse().ok());
        let (Ok(Event::CardsUnaccounted { cards, .. }), Some(since)) = (event, since) else {
            return Err(LedgerError::DataDamaged);
        };
        // Test cards entered for a later line do not account for the cards of an earlier one.
        all += cards;
        if adopt::is_approved_before(job, since, now) && tested_since(c, &at)? < all {
            return Ok(Some(finding()));
        }
    }
    let cut = cut::last(c).map_err(write_error)?;
    for carried in cut.into_iter().flat_map(|cut| cut.said.unaccounted).rev() {
        all += carried.cards;
        let since = carried.at.parse().map_err(|_| LedgerError::DataDamaged)?;
        let tested = carried.tested + tested_since(c, &carried.at)?;
        if adopt::is_approved_before(job, since, now) && tested < all {
            return Ok(Some(finding()));
        }
    }
    Ok(None)
}

/// Test cards entered since.
fn tested_since(c: &Connection, at: &str) -> Result<u64, LedgerError> {
    c.prepare_cached("SELECT coalesce(sum(cards), 0) FROM blanks WHERE kind = ?1 AND at >= ?2")
        .and_then(|mut s| s.query_row(params![BlankKind::Test.name(), at], |row| row.get(0)))
        .map_err(write_error)
}

fn finding() -> Finding {
    Finding::whole(H_CARDS_UNACCOUNTED.code, H_CARDS_UNACCOUNTED.words(&[]))
}

#[cfg(test)]
mod tests {
    use drivers::contract::Identity;

    use super::*;
    use crate::event::IntentLine;
    use crate::evidence::{Facts, Intent};
    use crate::ledger::projection::ledger;

    const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

    fn facts(serial: &str, cards_entered: u64) -> Facts {
        let cards_entered = Some(cards_entered);
        Facts { serial: serial.to_owned(), cards_entered, ..Facts::default() }
    }

    /// A card that is on its way in another printer is none of this one's.
    #[test]
    fn a_card_on_its_way_accounts_for_its_own_printer_alone() {
        let (c, jobs) = ledger();
        let append = |event: Event, of_a_job: bool| {
            append(&c, of_a_job.then_some(&jobs[1]), &event, NOW).unwrap();
        };
        let serial = drivers::contract::Designation::read("B2");
        let identity = Identity { serial, ..Identity::default() };
        append(Event::PrinterSeen { identity, cards_entered: Some(7) }, false);
        append(Event::Claim {}, true);
        append(Event::Compose { faces: Vec::new() }, true);
        let intent = Intent { before: facts("A1", 3), ..Intent::default() };
        append(Event::Print(IntentLine { intent, identity: None }), true);
        for (serial, counted, cards) in [("B2", 7, 0), ("A1", 3, 0), ("A1", 4, 0), ("B2", 8, 1)] {
            assert_eq!(account(&c, serial, counted, NOW).unwrap(), cards, "{serial} {counted}");
        }
        assert_eq!(account(&c, "A1", 5, NOW).unwrap(), 1);
    }

    /// Its card is counted already: it would else account for one more, which an old ledger that was put back lacks.
    #[test]
    fn a_card_in_doubt_that_was_counted_accounts_for_no_other() {
        let (c, jobs) = ledger();
        let append = |event: Event| append(&c, Some(&jobs[1]), &event, NOW).unwrap();
        append(Event::Claim {});
        append(Event::Compose { faces: Vec::new() });
        let intent = Intent { before: facts("A1", 1), ..Intent::default() };
        append(Event::Print(IntentLine { intent, identity: None }));
        append(Event::OutcomeUnknown {
            lost: Box::new(crate::event::Lost::somewhere("hung")),
            findings: None,
        });
        assert_eq!(account(&c, "A1", 2, NOW).unwrap(), 0, "it may have entered meanwhile");
        append(Event::Looked { machine: facts("A1", 2), unseen: false });
        assert_eq!(account(&c, "A1", 2, NOW).unwrap(), 0);
        assert_eq!(account(&c, "A1", 3, NOW).unwrap(), 1);
    }
}
