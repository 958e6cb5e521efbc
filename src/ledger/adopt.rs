//! Adopts a ledger that the daemon refuses because its end is not the one that was acknowledged (an older copy was
//! restored, or its log is lost), or because it was retired. Any job that could still print may already have been printed in the lost lines, so all
//! of them are held, and so is every job that is posted afterwards with an approval from before the adoption.

use std::path::Path;

use drivers::text::Text;
use rusqlite::Connection;

use super::files::Lock;
use super::head::{Head, HeadFile};
use super::record::{JobRecord, NewJob, Order, Wanted};
use super::{
    LedgerError, book, cut, erase, files, head, lines, listing, open, reader, retire, schema,
};
use crate::actor::Actor;
use crate::approval;
use crate::clock::Clock;
use crate::event::Event;
use crate::finding::Finding;
use crate::lifecycle::{Move, State};

/// When a ledger was last adopted. The query runs whenever a job is accepted, so it has its own index.
const TAKEN_OVER: &str = "SELECT max(at) FROM events WHERE event = 'adopted'";
/// Jobs per page.
const PAGE: u32 = 500;
/// A card may have come out that the ledger does not know.
const RESTORED: &str = "H_LEDGER_RESTORED";

/// The result of an adoption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adopted {
    /// Jobs that could still print: held, or marked if a person must decide anyway.
    pub held: u64,
    /// The new end.
    pub head: Head,
}

/// `None`: the daemon would accept the ledger as it is, and nothing was done.
///
/// # Errors
/// [`LedgerError::Unreadable`] if it is damaged in another way, which cannot be adopted; [`LedgerError::InUse`].
pub fn adopt(path: &Path, by: &Actor, clock: &Clock) -> Result<Option<Adopted>, LedgerError> {
    files::must_be_there(path)?;
    let lock = Lock::take(path)?;
    take_over(path, &lock, by, clock, None)
}

/// As [`adopt`], for whoever holds the lock already. `known`: why this ledger must be taken over even if it looks whole.
pub(super) fn take_over(
    path: &Path,
    lock: &Lock,
    by: &Actor,
    clock: &Clock,
    known: Option<&str>,
) -> Result<Option<Adopted>, LedgerError> {
    let unreadable = |why: String| LedgerError::Unreadable { path: path.to_owned(), why };
    files::close_to_others(path)?;
    let log = open::log_is_whole(path);
    let mut connection = schema::open(path)?;
    // A ledger of an older version is adopted as it is; the daemon migrates it.
    if schema::version_of(&connection, path)?.is_none() {
        return Err(unreadable("there is no ledger".into()));
    }
    erase::must_not_be_erased(&connection, path)?;
    let retired = retire::retired_at(&connection).map_err(reader::read_error)?;
    let why = match (log.and(open::trusted_head(&connection, path)), known, retired) {
        (_, Some(known), _) => known.to_owned(),
        (Err(why), None, _) => why,
        (Ok(_), None, Some(at)) => format!("it was retired at {at}"),
        (Ok(_), None, None) => return Ok(None),
    };
    let (broken, _) = lines::walk_all(&connection, |_, _| ()).map_err(reader::read_error)?;
    if let Some(broken) = broken {
        return Err(unreadable(format!("its chain is broken at line {}", broken.seq)));
    }
    let known = head::read(path).ok().flatten();
    let all = connection.transaction().map_err(book::write_error)?;
    let now = clock.now();
    let held = hold_all(&all, &restored(), now)?;
    let known_head = known.map(|head| head.to_string());
    let adopted = Event::Adopted { by: by.clone(), why, held, known_head };
    book::append(&all, None, &adopted, now)?;
    let head = reader::head(&all).map_err(book::write_error)?;
    all.commit().map_err(book::write_error)?;
    let refuse = |source| LedgerError::Folder { path: path.to_owned(), source };
    HeadFile::open(path, &head).map_err(refuse)?;
    lock.mark().map_err(refuse)?;
    Ok(Some(Adopted { held, head }))
}

/// Holds every job that could still print, with this finding; returns their number.
pub(super) fn hold_all(
    c: &Connection,
    finding: &Finding,
    now: jiff::Timestamp,
) -> Result<u64, LedgerError> {
    let mut open = Vec::new();
    for state in State::ALL.into_iter().filter(|state| !state.is_end()) {
        open.extend(all_in(c, state)?);
    }
    // List all of them before holding the first, because a job that is held now would be found again among the held
    // ones.
    for job in &open {
        hold(c, job, finding, now)?;
    }
    Ok(open.len() as u64)
}

/// Adds the finding to a job that is already held, too: whoever releases it must know. If a card may have moved,
/// recovery decides as usual, and the person who is asked must know too.
fn hold(
    c: &Connection,
    job: &JobRecord,
    finding: &Finding,
    now: jiff::Timestamp,
) -> Result<(), LedgerError> {
    let mut findings = job.findings.clone();
    findings.retain(|known| known.code != finding.code);
    findings.push(finding.clone());
    let event = match job.state.after(Move::Hold) {
        Ok(_) => Event::Hold { findings, attempt: None },
        Err(_) => Event::Restored { findings },
    };
    book::append(c, Some(&job.id), &event, now).map(drop)
}

fn restored() -> Finding {
    Finding::whole(
        RESTORED,
        Text::fixed(
            "Buku besar dipasang kembali dari salinan lama; kartu ini mungkin sudah dicetak setelah salinan itu. Cari kartunya.",
            "The ledger was put back from an older copy; this card may have been printed since. Look for the card.",
        ),
    )
}

/// Could this new job's approval already have a card that only the lost lines recorded? Every job that was approved
/// before the adoption is held until a person has looked for the card.
pub(super) fn approved_before(
    c: &Connection,
    job: &NewJob,
    now: jiff::Timestamp,
) -> Result<Option<Finding>, LedgerError> {
    let taken_over: Option<String> = c
        .prepare_cached(TAKEN_OVER)
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .map_err(book::write_error)?;
    let cut = cut::last(c).map_err(book::write_error)?;
    let taken_over = taken_over.max(cut.and_then(|cut| cut.said.adopted_at));
    let Some(taken_over) = taken_over.and_then(|at| at.parse().ok()) else { return Ok(None) };
    let is_older = is_approved_before(job, taken_over, now);
    let words = || {
        Text::fixed(
            "Disetujui sebelum buku besar dipasang kembali dari salinan lama; kartunya mungkin sudah dicetak, dan catatannya hilang. Cari kartunya, juga pada pemohon, baru lepaskan.",
            "Approved before the ledger was put back from an older copy; its card may have been printed, and the lines about it are lost. Look for the card, at the applicant's too, before you release the job.",
        )
    };
    Ok(is_older.then(|| Finding::whole(RESTORED, words())))
}

/// Was this new job approved before `then`, as far as is known?
pub(super) fn is_approved_before(
    job: &NewJob,
    then: jiff::Timestamp,
    now: jiff::Timestamp,
) -> bool {
    may_be_before(approval::decided_at(job.request.recommendation.as_ref()), then, now)
}

fn may_be_before(
    approved: Option<jiff::Timestamp>,
    then: jiff::Timestamp,
    now: jiff::Timestamp,
) -> bool {
    // The time is unknown, but a recommendation is not used for longer than this.
    let may_be = now.duration_since(then) <= approval::GOOD_FOR;
    match approved {
        None => may_be,
        Some(approved) if approved <= now => approved <= then,
        // Nobody has approved anything in the future: its clock or its time zone is wrong, and says nothing.
        Some(approved) => may_be || approved.duration_since(now) > approval::GOOD_FOR,
    }
}

fn all_in(c: &Connection, state: State) -> Result<Vec<JobRecord>, LedgerError> {
    let (mut all, mut cursor) = (Vec::new(), None);
    let wanted = Wanted { states: vec![state], ..Wanted::default() };
    loop {
        let page = listing::find(c, &wanted, Order::OldestFirst, cursor, PAGE)?;
        all.extend(page.jobs);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_from_the_future_is_not_one_from_after_the_adoption() {
        let at = |day: i64| jiff::Timestamp::from_second(1_772_416_800 + 86_400 * day).unwrap();
        for (approved, then, now, wanted) in [
            (Some(0), 1, 2, true),
            (Some(2), 1, 2, false),
            (Some(3), 1, 2, true),
            (Some(30), 1, 29, false),
            (Some(400), 1, 29, true),
            (None, 1, 8, true),
            (None, 1, 9, false),
        ] {
            let is = may_be_before(approved.map(at), at(then), at(now));
            assert_eq!(is, wanted, "{approved:?} {then} {now}");
        }
    }

    #[test]
    fn the_lines_about_the_station_are_not_walked_when_a_job_is_accepted() {
        let mut c = Connection::open_in_memory().unwrap();
        schema::create(&mut c).unwrap();
        let mut plan = c.prepare(&format!("EXPLAIN QUERY PLAN {TAKEN_OVER}")).unwrap();
        let steps: Vec<String> =
            plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(steps.iter().any(|step| step.contains("events_adopted")), "{steps:?}");
    }
}
