//! Cuts the first lines off a ledger: whole months that are over, exported and signed before ([`super::checkpoint`]). What
//! must never be forgotten stays. Every job keeps its row and its data; how it stood is carried over in a line `carried`.
//! What the lines that go say of blanks, printers' counters and restored copies is carried over in the line `cut`.
//!
//! Everything that is written here is a line at the end of the chain, so no table and no digest of its own is needed: the
//! chain begins behind the line that `cut` names, and holds whatever was carried over. All of it is one transaction.
//!
//! A `cut` line stands directly behind a `holders` line. That makes it quick to find, because those have an index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base16ct::lower::encode_string as hex;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::book::{append, write_error};
use super::checkpoint::{self, Checkpoint};
use super::disk::Disk;
use super::head::{self, Head, HeadFile};
use super::reader::{self, first_event, read_error};
use super::{LedgerError, blanks, chain, holder, lines, open, retire, schema, verify};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::event::{Carried, CutOff, Event, Unaccounted};
use crate::job::JobId;
use crate::lifecycle::State;
use crate::record::{SigningKey, kid};
use crate::supplies::BlankKind;

/// What shall be cut off, and where to.
pub struct Wanted<'a> {
    /// The first day of a month of the office; lines from before it go.
    pub before: Date,
    /// The office's UTC offset.
    pub offset: Offset,
    /// The folder in which the export gets a folder of its own.
    pub to: &'a Path,
    /// Who does it.
    pub by: &'a Actor,
    /// Signs the checkpoint.
    pub key: &'a SigningKey,
}

/// The result of [`cut`].
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// What was cut off; `None`: there was nothing to be cut off, and nothing was changed.
    pub done: Option<Done>,
    /// References of unfinished jobs whose lines stay, and everything behind them.
    pub kept_for: Vec<String>,
    /// The last line that was cut off, now or before; 0: none ever was.
    pub cut_to: u64,
}

/// What was cut off.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The folder of export and checkpoint.
    pub folder: PathBuf,
    /// The checkpoint, as it was signed.
    pub checkpoint: Checkpoint,
    /// The last line of the ledger from now on.
    pub head: Head,
    /// Bytes of the file that are free for new lines.
    pub free_bytes: u64,
}

/// Exports the lines of whole months before a day, verifies the export, and cuts them off.
///
/// # Errors
/// [`LedgerError::NotCut`] with the reason; [`LedgerError::Unreadable`] if the daemon would not trust the ledger;
/// [`LedgerError::InUse`]; [`LedgerError::Write`], [`LedgerError::Full`]. Then the ledger is as it was.
pub fn cut(
    path: &Path,
    wanted: &Wanted<'_>,
    clock: &Clock,
    disk: &mut dyn Disk,
) -> Result<Cut, LedgerError> {
    let not_cut = |why: String| LedgerError::NotCut { path: path.to_owned(), why };
    let (_lock, mut connection, _) = open::to_change(path)?;
    if let Some(at) = retire::retired_at(&connection).map_err(read_error)? {
        return Err(LedgerError::Retired { path: path.to_owned(), at });
    }
    let now = clock.now();
    let month = wanted.offset.to_datetime(now).date().first_of_month();
    if wanted.before > month || wanted.before != wanted.before.first_of_month() {
        return Err(not_cut(format!("only whole months that are over can go, up to {month}")));
    }
    let plan = Plan::of(&connection, wanted, now).map_err(read_error)?;
    let nothing = Cut { done: None, kept_for: plan.kept_for.clone(), cut_to: plan.from.seq };
    let Some(to) = plan.to.filter(|to| to.seq > plan.from.seq) else { return Ok(nothing) };
    is_sound(&connection).map_err(not_cut)?;
    has_room(disk, path, &plan)?;
    let folder = export(&connection, wanted, &plan, to, path)?;
    let all = connection.transaction().map_err(write_error)?;
    let head = replace(&all, wanted, &plan, &folder.checkpoint, now)?;
    if start(&all).map_err(read_error)? != to {
        return Err(not_cut("the chain would not go on where it was cut off".into()));
    }
    is_sound(&all).map_err(|why| not_cut(format!("what would be left is not whole: {why}")))?;
    // A disk that fails now must be noticed before the commit, not by it.
    disk.free_bytes().map_err(|error| not_cut(error.to_string()))?;
    all.commit().map_err(write_error)?;
    HeadFile::open(path, &head)
        .map_err(|source| LedgerError::Folder { path: path.to_owned(), source })?;
    let free_bytes = free_bytes(&connection).map_err(read_error)?;
    let (folder, checkpoint) = (folder.path, folder.checkpoint);
    let done = Done { folder, checkpoint, head, free_bytes };
    Ok(Cut { done: Some(done), cut_to: to.seq, ..nothing })
}

/// What goes, and what keeps more from going.
struct Plan {
    /// The line before the first one that is there.
    from: Head,
    /// The last line that goes.
    to: Option<Head>,
    /// The first day of the office whose lines stay.
    before: Date,
    kept_for: Vec<String>,
}

impl Plan {
    fn of(c: &Connection, wanted: &Wanted<'_>, now: Timestamp) -> rusqlite::Result<Plan> {
        let from = start(c)?;
        let (mut before, mut kept_for) = (wanted.before, Vec::new());
        let mut last = last_before(c, before, wanted.offset, now)?;
        let unfinished: Vec<(u64, String)> =
            unfinished(c)?.into_iter().filter(|(seq, _)| *seq <= last).collect();
        if let Some(first) = unfinished.iter().map(|(seq, _)| *seq).min() {
            // Whole months go, so everything of the month in which that job began stays.
            if let Some(at) = time_of(c, first)? {
                before = wanted.offset.to_datetime(at).date().first_of_month();
            }
            last = last_before(c, before, wanted.offset, now)?.min(first - 1);
            kept_for = unfinished.into_iter().map(|(_, reference)| reference).collect();
        }
        let hash = if last == 0 { None } else { reader::hash_of(c, last)? };
        let to = hash.map(|hash| Head { seq: last, hash });
        Ok(Plan { from, to, before, kept_for })
    }
}

/// The last line in front of the first one that is not from before this day. A line from the future has a wrong time and
/// keeps nothing back.
fn last_before(c: &Connection, day: Date, offset: Offset, now: Timestamp) -> rusqlite::Result<u64> {
    let Ok(day) = offset.to_timestamp(day.at(0, 0, 0, 0)) else { return Ok(0) };
    let mut statement = c.prepare("SELECT seq, at FROM events ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let mut last = 0;
    while let Some(row) = rows.next()? {
        let at: Timestamp = reader::text(row, 1, |at| at.parse().ok())?;
        if day <= at && at <= now {
            break;
        }
        last = row.get(0)?;
    }
    Ok(last)
}

/// The jobs that are not at an end: their first lines, and their references.
fn unfinished(c: &Connection) -> rusqlite::Result<Vec<(u64, String)>> {
    let sql = "SELECT (SELECT min(seq) FROM events WHERE job = jobs.seq), reference FROM jobs
               WHERE state = ?1";
    let mut statement = c.prepare(sql)?;
    let mut all = Vec::new();
    for state in State::ALL.into_iter().filter(|state| !state.is_end()) {
        let rows = statement.query_map([state.name()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        all.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    all.sort();
    Ok(all)
}

fn time_of(c: &Connection, seq: u64) -> rusqlite::Result<Option<Timestamp>> {
    let at = |row: &Row<'_>| reader::text(row, 0, |at| at.parse().ok());
    c.query_row("SELECT at FROM events WHERE seq = ?1", [seq], at).optional()
}

fn is_sound(c: &Connection) -> Result<(), String> {
    match verify::faults_of(c) {
        None => Ok(()),
        Some(fault) => Err(format!("{}: {}", fault.code, fault.message.en)),
    }
}

/// The log takes every page of the lines that go, and of those that are written for them.
fn has_room(disk: &mut dyn Disk, path: &Path, plan: &Plan) -> Result<(), LedgerError> {
    const LINE_BYTES: u64 = 2048;
    let lines = plan.to.map_or(0, |to| to.seq - plan.from.seq);
    let not_cut = |why: String| LedgerError::NotCut { path: path.to_owned(), why };
    let free = disk.free_bytes().map_err(|error| not_cut(error.to_string()))?;
    if super::disk::leaves_the_reserve(free, lines.saturating_mul(LINE_BYTES)) {
        return Ok(());
    }
    let needed_mib = lines.saturating_mul(LINE_BYTES) / (1024 * 1024) + 1;
    Err(not_cut(format!(
        "its disk must have {needed_mib} MiB free meanwhile (and 64 more for the jobs that wait)"
    )))
}

fn export(
    c: &Connection,
    wanted: &Wanted<'_>,
    plan: &Plan,
    to: Head,
    path: &Path,
) -> Result<checkpoint::Written, LedgerError> {
    let not_cut = |why: String| LedgerError::NotCut { path: path.to_owned(), why };
    let at = c.query_row("SELECT at FROM events WHERE seq = ?1", [to.seq], |row| row.get(0));
    let checkpoint = Checkpoint {
        format: checkpoint::FORMAT.to_owned(),
        before: plan.before,
        first: plan.from.seq + 1,
        last: to.seq,
        previous: hex(&plan.from.hash),
        hash: hex(&to.hash),
        at: at.map_err(read_error)?,
        lines: to.seq - plan.from.seq,
        export_sha256: String::new(),
        jobs: jobs_until(c, to.seq).map_err(read_error)?.len() as u64,
        blanks_expected: blanks::opening(c, plan.before, wanted.offset)?,
    };
    checkpoint::write(c, plan.from, checkpoint, wanted.to, wanted.key).map_err(not_cut)
}

/// The rows of the jobs with lines up to this one.
fn jobs_until(c: &Connection, last: u64) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT DISTINCT job FROM events WHERE job IS NOT NULL AND seq <= ?1 ORDER BY job";
    c.prepare(sql)?.query_map([last], |row| row.get(0))?.collect()
}

/// Writes what is carried over, deletes the lines, and writes the line that says so. Returns the new end.
fn replace(
    c: &Connection,
    wanted: &Wanted<'_>,
    plan: &Plan,
    checkpoint: &Checkpoint,
    now: Timestamp,
) -> Result<Head, LedgerError> {
    let last = checkpoint.last;
    for row in jobs_until(c, last).map_err(read_error)? {
        let (id, carried) = carried(c, row, last).map_err(read_error)?;
        append(c, Some(&id), &Event::Carried(Box::new(carried)), now)?;
    }
    let (adopted_at, unaccounted) = restored(c, last).map_err(read_error)?;
    let mut said = CutOff {
        by: wanted.by.clone(),
        before: plan.before,
        first: checkpoint.first,
        last,
        hash: checkpoint.hash.clone(),
        export_sha256: checkpoint.export_sha256.clone(),
        kid: hex(&kid(wanted.key.verifying_key())),
        jobs: checkpoint.jobs,
        blanks: 0,
        counters: counters(c).map_err(read_error)?,
        adopted_at,
        unaccounted,
    };
    // A line stands behind those that go, so that the chain never begins anew.
    holder::carry(c, now)?;
    delete(c, last).map_err(write_error)?;
    said.blanks = checkpoint.blanks_expected - blanks::opening(c, plan.before, wanted.offset)?;
    let cards = said.blanks;
    let line = append(c, None, &Event::Cut(Box::new(said)), now)?;
    blanks::carry(c, line.seq, cards)?;
    let opening = blanks::opening(c, plan.before, wanted.offset)?;
    if opening != checkpoint.blanks_expected {
        let why = format!("{opening} blanks would be left of {}", checkpoint.blanks_expected);
        return Err(LedgerError::Write(why));
    }
    Ok(Head { seq: line.seq, hash: line.hash })
}

/// A job as it stands now, which its lines have just been verified to make of it.
fn carried(c: &Connection, row: i64, last: u64) -> rusqlite::Result<(JobId, Carried)> {
    let sql = concat!(
        "SELECT id, ",
        first_event!(),
        ", (SELECT state FROM events WHERE job = jobs.seq AND seq <= ?2 ORDER BY seq DESC LIMIT 1),
           findings, faces, evidence, spoiled, waits_since, received_at, changed_at
         FROM jobs WHERE seq = ?1"
    );
    let carried = |row: &Row<'_>| {
        let sha256 = |text: String| chain::sha256_of(&text);
        let carried = Carried {
            first: reader::text(row, 1, |first| serde_json::from_str(first).ok())?,
            was: reader::text(row, 2, State::from_name)?,
            findings_sha256: sha256(row.get(3)?),
            faces_sha256: sha256(row.get(4)?),
            evidence_sha256: row.get::<_, Option<String>>(5)?.map(sha256),
            spoiled: row.get(6)?,
            waits_since: row.get(7)?,
            received_at: row.get(8)?,
            changed_at: row.get(9)?,
        };
        Ok((reader::text(row, 0, JobId::parse)?, carried))
    };
    c.prepare_cached(sql)?.query_row(params![row, last], carried)
}

/// The last counter of every printer, by the whole ledger.
fn counters(c: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let mut counters = BTreeMap::new();
    lines::walk_all(c, |line, _| match line.read() {
        Some(Event::Cut(cut)) => counters.extend(cut.counters),
        Some(event) => {
            counters.extend(event.counter().map(|(serial, counted)| (serial.to_owned(), counted)));
        }
        None => {}
    })?;
    Ok(counters)
}

/// What lines up to this one, and an earlier cut, say of restored copies: when the ledger was last taken over, and the cards
/// that it could not account for.
fn restored(c: &Connection, until: u64) -> rusqlite::Result<(Option<String>, Vec<Unaccounted>)> {
    let before = last(c)?.map(|cut| cut.said);
    let (earlier, mut unaccounted) =
        before.map_or((None, Vec::new()), |said| (said.adopted_at, said.unaccounted));
    let adopted: Option<String> = c.query_row(
        "SELECT max(at) FROM events WHERE event = 'adopted' AND seq <= ?1",
        [until],
        |row| row.get(0),
    )?;
    let sql = "SELECT at, detail ->> '$.cards' FROM events
               WHERE event = 'cards_unaccounted' AND seq <= ?1 ORDER BY seq";
    let found = |row: &Row<'_>| Ok(Unaccounted { at: row.get(0)?, cards: row.get(1)?, tested: 0 });
    let found = c.prepare(sql)?.query_map([until], found)?.collect::<rusqlite::Result<Vec<_>>>()?;
    unaccounted.extend(found);
    let tested = "SELECT coalesce(sum(cards), 0) FROM blanks
                  WHERE kind = ?1 AND at >= ?2 AND event <= ?3";
    for one in &mut unaccounted {
        let now: u64 =
            c.query_row(tested, params![BlankKind::Test.name(), one.at, until], |row| row.get(0))?;
        one.tested += now;
    }
    Ok((earlier.max(adopted), unaccounted))
}

/// Deletes the lines up to this one, with what was derived from them alone.
fn delete(c: &Connection, last: u64) -> rusqlite::Result<()> {
    c.execute("DELETE FROM blanks WHERE event <= ?1", [last])?;
    c.execute("DELETE FROM events WHERE seq <= ?1", [last])?;
    // A state that no job is in has a row only if a line knows it.
    let unknown = "DELETE FROM counts WHERE jobs = 0 AND state NOT IN
                   (SELECT DISTINCT state FROM events WHERE job IS NOT NULL)";
    c.execute(unknown, []).map(drop)
}

fn free_bytes(c: &Connection) -> rusqlite::Result<u64> {
    // The log goes into the file, and is freed.
    c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let pages: u64 = c.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    Ok(pages * u64::from(schema::PAGE_BYTES))
}

/// The line that says what was cut off.
#[derive(Debug)]
pub(super) struct CutLine {
    pub at: String,
    pub said: CutOff,
}

const LAST: &str = "SELECT e.at, e.detail FROM events h JOIN events e ON e.seq = h.seq + 1
                    WHERE h.event = 'holders' AND e.event = 'cut' ORDER BY h.seq DESC LIMIT 1";

/// The last line of its kind; `None`: nothing was ever cut off.
pub(super) fn last(c: &Connection) -> rusqlite::Result<Option<CutLine>> {
    // Quick for a ledger that begins with its first line.
    let first: Option<u64> =
        c.prepare_cached("SELECT min(seq) FROM events")?.query_row([], |row| row.get(0))?;
    if first.is_none_or(|first| first <= 1) {
        return Ok(None);
    }
    let line = |row: &Row<'_>| {
        let said = reader::text(row, 1, |said| serde_json::from_str(said).ok())?;
        Ok(CutLine { at: row.get(0)?, said })
    };
    c.prepare_cached(LAST)?.query_row([], line).optional()
}

/// The last line that was cut off, to which the first one that is left is chained.
pub(super) fn start(c: &Connection) -> rusqlite::Result<Head> {
    let Some(cut) = last(c)? else { return Ok(head::START) };
    let mut hash = chain::START;
    // A hash that cannot be read breaks the chain at the first line, which is told.
    let _ = base16ct::mixed::decode(&cut.said.hash, &mut hash);
    Ok(Head { seq: cut.said.last, hash })
}

#[cfg(test)]
mod tests;
