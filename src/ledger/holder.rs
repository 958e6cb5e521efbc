//! The holder of each job's card, as a keyed hash (table `jobs`, column `holder`). It detects a second card for one
//! person, and a replacement that names another person's card. Knows no key and no field: the caller computes the hash.
//!
//! The lines determine the column: a job's first line contains a salted hash of it, and a line `holders` contains one
//! hash over those of all jobs before it, written when they were all entered or cleared. No line shows that two jobs
//! belong to the same person.

use std::path::Path;

use base16ct::lower::encode_string as hex;
use drivers::text::Text;
use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::book::{append, write_error};
use super::head::HeadFile;
use super::record::{JobRecord, NewJob};
use super::{LedgerError, open, reader};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::event::{Event, Holders};
use crate::finding::Finding;
use crate::job::JobRequest;
use crate::lifecycle::State;
use crate::panics;

/// A hash of a holder.
pub type HolderHash = [u8; 32];

/// Computes the hash of a stored job's holder; `None`: its product does not identify holders.
pub type HashHolder = dyn Fn(&JobRequest) -> Option<HolderHash> + Send;

/// The person that a new job is for already has another card.
pub const W_SAME_HOLDER: &str = "W_SAME_HOLDER";
/// Jobs per page.
const PAGE: usize = 500;

/// The holder of a new job's card, and when a second card is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The keyed hash.
    pub hash: HolderHash,
    /// The field of the value, `nik`.
    pub field: String,
    /// A card that was printed longer ago is not reported; 0: none is.
    pub same_days: u32,
    /// The recommendation accepts that there is another card.
    pub acknowledged: bool,
    /// The office's UTC offset, for the reported date.
    pub offset: jiff::tz::Offset,
}

/// The value in a job's first line: without the job's salt two of them cannot be compared.
pub(super) fn salted(holder: &[u8], salt: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(holder);
    hex(&hash.finalize())
}

/// The warning added to a new job's findings. It is determined in the transaction that stores the job, so that of two
/// simultaneous posts the second one is warned.
pub(super) fn warned(
    c: &Connection,
    job: &NewJob,
    old: Option<&JobRecord>,
    now: jiff::Timestamp,
) -> Result<Option<Finding>, LedgerError> {
    let Some(holder) = job.holder.as_ref().filter(|holder| holder.same_days > 0) else {
        return Ok(None);
    };
    let other = other_card(c, holder, old, now)?;
    let acknowledged = holder.acknowledged;
    Ok(other.map(|other| Finding { acknowledged, ..same_holder(&other, holder) }))
}

/// Another card of the same holder.
struct Other {
    reference: String,
    state: State,
    changed_at: jiff::Timestamp,
}

/// The newest job that has a card or will have one. A job that ended without a card, a spoiled one, one that a live job
/// replaces, and the one that the new job itself replaces do not count.
fn other_card(
    c: &Connection,
    holder: &Holder,
    old: Option<&JobRecord>,
    now: jiff::Timestamp,
) -> Result<Option<Other>, LedgerError> {
    let sql = "SELECT reference, state, changed_at FROM jobs WHERE holder = ?1 AND seq IS NOT ?2
               AND state NOT IN ('cancelled', 'expired', 'spoiled')
               AND NOT EXISTS (SELECT 1 FROM jobs new
                               WHERE new.replaces = jobs.seq AND new.state NOT IN ('cancelled', 'expired'))
               ORDER BY seq DESC";
    let mut statement = c.prepare_cached(sql).map_err(write_error)?;
    let row = |r: &rusqlite::Row<'_>| {
        Ok(Other {
            reference: r.get(0)?,
            state: reader::text(r, 1, State::from_name)?,
            changed_at: reader::text(r, 2, |t| t.parse().ok())?,
        })
    };
    let others = statement.query_map(params![holder.hash, old.map(|old| old.seq)], row);
    let span = jiff::SignedDuration::from_hours(24 * i64::from(holder.same_days));
    for other in others.map_err(write_error)? {
        let other = other.map_err(write_error)?;
        if !other.state.is_end() || now.duration_since(other.changed_at) <= span {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

fn same_holder(other: &Other, holder: &Holder) -> Finding {
    let (reference, state) = (&other.reference, other.state);
    let day = holder.offset.to_datetime(other.changed_at).date();
    let words = Text::new(
        format!(
            "Pemegang kartu ini sudah punya kartu atau pekerjaan lain: {reference} ({}, {day}). Bila kartu itu diganti, kirim dengan replaces; bila memang perlu kartu kedua, setujui peringatan ini.",
            state.label_id()
        ),
        format!(
            "The holder of this card has another card or job already: {reference} ({}, {day}). If that card is replaced, send this with replaces; if a second card is really wanted, acknowledge the warning.",
            state.name()
        ),
    );
    Finding::at(format!("fields.{}", holder.field), W_SAME_HOLDER, words)
}

/// May the new job's card replace the old job's? Only if both belong to the same person. If the old card's holder is
/// unknown (its stored data are damaged), it may not.
pub(super) fn is_same(c: &Connection, old: &JobRecord, new: &NewJob) -> Result<bool, LedgerError> {
    let Some(holder) = &new.holder else { return Ok(true) };
    let known: Option<Vec<u8>> = c
        .prepare_cached("SELECT holder FROM jobs WHERE seq = ?1")
        .and_then(|mut s| s.query_row([old.seq], |row| row.get(0)))
        .map_err(write_error)?;
    Ok(known.as_deref() == Some(&holder.hash))
}

/// The fingerprint of the key for the hashes.
pub(super) fn key(c: &Connection) -> Result<Option<String>, LedgerError> {
    Ok(last_line(c).map_err(reader::read_error)?.and_then(|line| line.holders.key))
}

/// The last line about all holders.
pub(super) struct HoldersLine {
    /// Its number.
    pub seq: u64,
    /// Its content.
    pub holders: Holders,
}

pub(super) fn last_line(c: &Connection) -> rusqlite::Result<Option<HoldersLine>> {
    let sql = "SELECT seq, detail FROM events WHERE event = 'holders' ORDER BY seq DESC LIMIT 1";
    c.prepare_cached(sql)?
        .query_row([], |row| {
            let holders = reader::text(row, 1, |text| serde_json::from_str(text).ok())?;
            Ok(HoldersLine { seq: row.get(0)?, holders })
        })
        .optional()
}

/// Enters the missing holders of stored jobs: of a ledger that had none, or of a product that has begun to identify
/// holders. Returns how many.
pub(super) fn enter(
    c: &Connection,
    key_now: &str,
    hash: &HashHolder,
    now: jiff::Timestamp,
) -> Result<u64, LedgerError> {
    let (mut entered, mut behind) = (0, 0);
    loop {
        let page = without_holder(c, behind).map_err(write_error)?;
        let Some((last, _)) = page.last() else { break };
        behind = *last;
        for (row, request) in page {
            // Damaged data are reported when the job is printed; one such job must not keep the station from starting.
            let hash = || serde_json::from_str::<JobRequest>(&request).ok().as_ref().and_then(hash);
            let Some(holder) = panics::caught(hash).flatten() else { continue };
            c.prepare_cached("UPDATE jobs SET holder = ?2 WHERE seq = ?1")
                .and_then(|mut s| s.execute(params![row, holder]))
                .map_err(write_error)?;
            entered += 1;
        }
    }
    if entered > 0 || key(c)?.as_deref() != Some(key_now) {
        let all =
            Holders { key: Some(key_now.to_owned()), entered: Some(entered), ..all_holders(c)? };
        append(c, None, &Event::Holders(all), now)?;
    }
    Ok(entered)
}

fn without_holder(c: &Connection, behind: i64) -> rusqlite::Result<Vec<(i64, String)>> {
    let sql = "SELECT j.seq, d.request FROM jobs j JOIN job_data d ON d.job = j.seq
               WHERE j.holder IS NULL AND j.seq > ?1 ORDER BY j.seq LIMIT ?2";
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, super::lines::text_of(row.get_ref(1)?).unwrap_or_default()))
    };
    c.prepare_cached(sql)?.query_map(params![behind, PAGE], row)?.collect()
}

/// The digest of all stored holders, without a key.
fn all_holders(c: &Connection) -> Result<Holders, LedgerError> {
    let (jobs, sha256) = digest(c, u64::MAX).map_err(write_error)?;
    Ok(Holders { key: None, entered: None, by: None, jobs, sha256 })
}

/// SHA-256 over the holders of the first `jobs` jobs, and their number.
pub(super) fn digest(c: &Connection, jobs: u64) -> rusqlite::Result<(u64, String)> {
    let mut statement = c.prepare("SELECT id, holder FROM jobs ORDER BY seq LIMIT ?1")?;
    let mut rows = statement.query([i64::try_from(jobs).unwrap_or(i64::MAX)])?;
    let (mut hash, mut count) = (Sha256::new(), 0);
    while let Some(row) = rows.next()? {
        hash.update(row.get_ref(0)?.as_bytes().unwrap_or_default());
        // A value that is not a blob was not written by us, and neither was its type.
        match row.get_ref(1)? {
            rusqlite::types::ValueRef::Null => hash.update([0]),
            rusqlite::types::ValueRef::Blob(holder) => {
                hash.update([1]);
                hash.update(holder);
            }
            _ => hash.update([2]),
        }
        count += 1;
    }
    Ok((count, hex(&hash.finalize())))
}

/// Writes the hashes of all holders anew, of the same key, because the lines that said them are cut off.
pub(super) fn carry(c: &Connection, now: jiff::Timestamp) -> Result<(), LedgerError> {
    let all = Holders { key: key(c)?, ..all_holders(c)? };
    append(c, None, &Event::Holders(all), now).map(drop)
}

/// Clears every hash, and writes the line that says so.
pub(super) fn forget(c: &Connection, by: &Actor, now: jiff::Timestamp) -> Result<(), LedgerError> {
    c.execute("UPDATE jobs SET holder = NULL", []).map_err(write_error)?;
    let forgotten = Holders { by: Some(by.clone()), ..all_holders(c)? };
    append(c, None, &Event::Holders(forgotten), now).map(drop)
}

/// Clears the key's fingerprint and every hash: the next start takes the existing key, or makes a new one, and computes
/// all holders again from the stored data.
///
/// # Errors
/// [`LedgerError::Unreadable`] if the daemon would not trust the ledger, or its version is older;
/// [`LedgerError::InUse`].
pub fn rekey(path: &Path, by: &Actor, clock: &Clock) -> Result<(), LedgerError> {
    let (_lock, mut connection, _) = open::to_change(path)?;
    let all = connection.transaction().map_err(write_error)?;
    forget(&all, by, clock.now())?;
    let head = reader::head(&all).map_err(write_error)?;
    all.commit().map_err(write_error)?;
    HeadFile::open(path, &head)
        .map(drop)
        .map_err(|source| LedgerError::Folder { path: path.to_owned(), source })
}
