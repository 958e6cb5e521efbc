//! What one request writes: a job, an event, a note, with the derived tables. Knows no thread and no sync.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;

use super::record::{Accepted, Entry, JobRecord, NewJob};
use super::{LedgerError, adopt, blanks, chain, holder, reader, replacement, unaccounted};
use crate::event::{Event, JobState, Received};
use crate::finding::Finding;
use crate::job::JobId;
use crate::lifecycle::State;

/// The personal data of a new job, serialised and hashed by the calling thread, because the writer's thread serves
/// everybody.
pub(super) struct JobData {
    /// JSON.
    request: String,
    /// The typed card; JSON, too.
    card: Option<String>,
    salt: [u8; 16],
    /// Hash over all of it and the photo ([`chain::Data`]); the job's first line contains it.
    sha256: String,
    /// Hash over the holder's hash and the salt; the first line contains it too.
    holder_sha256: Option<String>,
}

impl JobData {
    pub(super) fn of(job: &NewJob) -> Result<Self, LedgerError> {
        let unwritten = |e: serde_json::Error| LedgerError::Write(e.to_string());
        let request = serde_json::to_string(&job.request).map_err(unwritten)?;
        let card = job.card.as_ref().map(serde_json::to_string).transpose().map_err(unwritten)?;
        let salt = uuid::Uuid::new_v4().into_bytes();
        let data = chain::Data {
            salt: &salt,
            key: job.key.as_deref(),
            body_sha256: &job.body_sha256,
            request: &request,
            card: card.as_deref(),
            photo: job.photo.as_deref(),
        };
        let sha256 = data.sha256();
        let holder_sha256 = job.holder.as_ref().map(|one| holder::salted(&one.hash, &salt));
        Ok(Self { request, card, salt, sha256, holder_sha256 })
    }
}

pub(super) fn accept(
    c: &Connection,
    job: &NewJob,
    data: &JobData,
    now: jiff::Timestamp,
    room: impl FnOnce() -> bool,
) -> Result<Accepted, LedgerError> {
    if let Some(known) = met_before(c, job)? {
        return Ok(known);
    }
    if !room() {
        return Err(LedgerError::Full);
    }
    let old = match &job.request.replaces {
        None => None,
        Some(replaces) => match replacement::replaceable(c, job, replaces)? {
            Ok(old) => Some((old, replaces.old_card)),
            Err(why) => return Ok(Accepted::NotReplaceable(why)),
        },
    };
    let at = now.to_string();
    let old_job = old.as_ref().map(|(old, _)| old);
    let (found, state) = found_while_stored(c, job, old_job, now)?;
    let findings = serde_json::to_string(&found).map_err(|e| LedgerError::Write(e.to_string()))?;
    let row = insert_job(c, job, (old_job.map(|old| old.seq), state), &findings, &at)?;
    insert_data(c, data, job.photo.as_deref(), row)?;
    let received = Event::Received(Box::new(Received {
        findings: found.iter().map(|finding| finding.code.clone()).collect(),
        findings_sha256: chain::sha256_of(&findings),
        reference: job.request.reference.clone(),
        product: job.request.product.clone(),
        reason: job.request.reason.clone(),
        kind: job.kind.clone(),
        approval: job.approval.clone(),
        replaces: job.request.replaces.clone(),
        data_sha256: data.sha256.clone(),
        holder_sha256: data.holder_sha256.clone(),
        by: job.by.clone(),
    }));
    let whose = Whose { row: Some(row), id: Some(&job.id), state: Some(state) };
    write_event(c, whose, received.name(), &received.detail(), &at)?;
    count(c, state, 1)?;
    if let Some((old, fate)) = old {
        replacement::settle_old(c, &old, job, fate, now)?;
    }
    Ok(Accepted::New(Box::new(reader::job(c, &job.id)?)))
}

/// Every finding of a new job, including those that only the ledger can make, and the job's resulting state.
fn found_while_stored(
    c: &Connection,
    job: &NewJob,
    old: Option<&JobRecord>,
    now: jiff::Timestamp,
) -> Result<(Vec<Finding>, State), LedgerError> {
    let more = [
        holder::warned(c, job, old, now)?,
        adopt::approved_before(c, job, now)?,
        unaccounted::approved_before(c, job, now)?,
    ];
    let holds = more.iter().flatten().any(Finding::holds);
    let found = job.findings.iter().cloned().chain(more.into_iter().flatten()).collect();
    let state = if holds && job.state == State::Queued { State::Held } else { job.state };
    Ok((found, state))
}

/// Stores the personal data, in separate tables.
fn insert_data(
    c: &Connection,
    data: &JobData,
    photo: Option<&[u8]>,
    row: i64,
) -> Result<(), LedgerError> {
    c.prepare_cached("INSERT INTO job_data (job, request, salt, card) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut s| s.execute(params![row, data.request, data.salt, data.card]))
        .map_err(write_error)?;
    if let Some(photo) = photo {
        c.prepare_cached("INSERT INTO photos (job, bytes) VALUES (?1, ?2)")
            .and_then(|mut s| s.execute(params![row, photo]))
            .map_err(write_error)?;
    }
    Ok(())
}

fn insert_job(
    c: &Connection,
    job: &NewJob,
    (replaces, state): (Option<u64>, State),
    findings: &str,
    at: &str,
) -> Result<i64, LedgerError> {
    c.prepare_cached(
        "INSERT INTO jobs (id, reference, product, reason, kind, state, findings, idempotency_key,
             body_sha256, approval, replaces, holder, received_at, changed_at, waits_since)
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?13,?13)",
    )
    .and_then(|mut s| {
        s.execute(params![
            job.id.as_str(),
            job.request.reference,
            job.request.product,
            job.request.reason,
            job.kind,
            state.name(),
            findings,
            job.key,
            job.body_sha256,
            job.approval,
            replaces,
            job.holder.as_ref().map(|holder| holder.hash),
            at
        ])
    })
    .map_err(write_error)?;
    Ok(c.last_insert_rowid())
}

/// Was the key used before, or is the same `ref` in a live job?
fn met_before(c: &Connection, job: &NewJob) -> Result<Option<Accepted>, LedgerError> {
    let find = |sql: &str, value: &str| {
        c.prepare_cached(sql)
            .and_then(|mut s| {
                s.query_row([value], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
                })
                .optional()
            })
            .map_err(write_error)
    };
    let record = |id: String| {
        let id = JobId::parse(&id).ok_or_else(|| LedgerError::Read("a job has no name".into()))?;
        reader::job(c, &id).map(Box::new)
    };
    if let Some(key) = &job.key
        && let Some((id, sha)) =
            find("SELECT id, body_sha256 FROM jobs WHERE idempotency_key = ?1", key)?
    {
        let same = sha == job.body_sha256;
        return Ok(Some(if same { Accepted::Before(record(id)?) } else { Accepted::KeyTaken }));
    }
    let live = "SELECT id, body_sha256 FROM jobs
                WHERE reference = ?1 AND state NOT IN ('cancelled', 'expired')";
    if let Some((id, sha)) = find(live, &job.request.reference)? {
        let known = record(id)?;
        let same = sha == job.body_sha256;
        return Ok(Some(if same { Accepted::Before(known) } else { Accepted::RefTaken(known) }));
    }
    let approved = "SELECT id, body_sha256 FROM jobs
                    WHERE approval = ?1 AND state NOT IN ('cancelled', 'expired')";
    let Some(approval) = &job.approval else { return Ok(None) };
    // The approval of an expired job was used for nothing, and stays used all the same.
    let expired = "SELECT id, body_sha256 FROM jobs WHERE approval = ?1 AND state = 'expired'";
    let used = match find(approved, approval)? {
        None => find(expired, approval)?,
        live => live,
    };
    used.map(|(id, _)| record(id).map(Accepted::ApprovalUsed)).transpose()
}

/// Appends one line, and updates the derived tables. A line about a job is checked against the lifecycle.
pub(super) fn append(
    c: &Connection,
    job: Option<&JobId>,
    event: &Event,
    now: jiff::Timestamp,
) -> Result<Entry, LedgerError> {
    let known = job.map(|job| reader::job(c, job)).transpose()?;
    let detail = event.detail();
    let about = known.map(|job| about(c, job, event, &detail, now)).transpose()?;
    let whose = about.as_ref().map_or_else(Whose::default, |about| Whose {
        row: Some(about.row),
        id: Some(&about.job.id),
        state: Some(about.after.state),
    });
    let at = now.to_string();
    let (seq, hash) = write_event(c, whose, event.name(), &detail, &at)?;
    let mut entry = Entry {
        seq,
        at: now,
        job: None,
        reference: None,
        event: event.name().to_owned(),
        state: None,
        detail,
        hash,
    };
    if let Some(About { job, row, after }) = about {
        if event.step().is_some() {
            count(c, job.state, -1)?;
            count(c, after.state, 1)?;
            let (from, to) = (job.state, after.state);
            blanks::follow(c, &blanks::Step { seq, job: row, at: &at, from, to, event })?;
        }
        entry.state = Some(after.state);
        (entry.job, entry.reference) = (Some(job.id), Some(job.reference));
    }
    Ok(entry)
}

/// A job, its row, and an event about it.
struct About {
    job: JobRecord,
    row: i64,
    after: JobState,
}

/// Stores the event's effect on the job; only the columns that the event affects are rewritten.
fn about(
    c: &Connection,
    job: JobRecord,
    event: &Event,
    detail: &Value,
    now: jiff::Timestamp,
) -> Result<About, LedgerError> {
    let row = i64::try_from(job.seq).map_err(|_| LedgerError::NoSuchJob)?;
    // If the projection differs from the lines, a job could be printed twice.
    if event.step().is_some() && reader::state_in_lines(c, row)? != Some(job.state) {
        return Err(LedgerError::DataDamaged);
    }
    let mut after = job.by_its_lines();
    after.apply(event, now)?;
    if event.step().is_none() && event.findings().is_none() {
        return Ok(About { job, row, after });
    }
    let parts = event.parts(detail);
    c.prepare_cached(
        "UPDATE jobs SET state = ?2, changed_at = ?3, spoiled = ?4, waits_since = ?5,
             faces = coalesce(?6, faces), evidence = coalesce(?7, evidence),
             findings = coalesce(?8, findings) WHERE seq = ?1",
    )
    .and_then(|mut s| {
        s.execute(params![
            row,
            after.state.name(),
            after.changed_at.to_string(),
            after.spoiled,
            after.waits_since.to_string(),
            parts.faces,
            parts.evidence,
            parts.findings,
        ])
    })
    .map_err(write_error)?;
    Ok(About { job, row, after })
}

/// The job that a line is about, and its state after the line.
#[derive(Default)]
struct Whose<'a> {
    row: Option<i64>,
    id: Option<&'a JobId>,
    state: Option<State>,
}

fn write_event(
    c: &Connection,
    whose: Whose<'_>,
    event: &str,
    detail: &Value,
    at: &str,
) -> Result<(u64, chain::Hash), LedgerError> {
    let last = reader::head(c).map_err(write_error)?;
    let (seq, detail) = (last.seq + 1, detail.to_string());
    let state = whose.state.map(State::name);
    let job = whose.id.map(JobId::as_str);
    let hash = chain::Line { seq, at, job, event, state, detail: &detail }.hash(&last.hash);
    c.prepare_cached(
        "INSERT INTO events (seq, job, at, event, state, detail, hash) VALUES (?1,?2,?3,?4,?5,?6,?7)",
    )
    .and_then(|mut s| s.execute(params![seq, whose.row, at, event, state, detail, hash]))
    .map_err(write_error)?;
    Ok((seq, hash))
}

fn count(c: &Connection, state: State, by: i64) -> Result<(), LedgerError> {
    c.prepare_cached(
        "INSERT INTO counts (state, jobs) VALUES (?1, ?2)
         ON CONFLICT (state) DO UPDATE SET jobs = jobs + ?2",
    )
    .and_then(|mut s| s.execute(params![state.name(), by]))
    .map(drop)
    .map_err(write_error)
}

#[allow(clippy::needless_pass_by_value)] // The signature that `map_err` needs.
pub(super) fn write_error(error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => LedgerError::Full,
        _ => LedgerError::Write(super::error::said(&error)),
    }
}

#[cfg(test)]
mod tests {
    use drivers::text::Text;

    use super::*;
    use crate::ledger::schema;

    #[test]
    fn a_file_that_cannot_grow_is_a_full_disk() {
        let mut c = Connection::open_in_memory().unwrap();
        schema::create(&mut c).unwrap();
        let pages: u32 = c.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        c.pragma_update(None, "max_page_count", pages).unwrap();
        let restored = |findings| Event::Restored { findings };
        let long = Finding::whole("H_LEDGER_RESTORED", Text::new("x".repeat(100_000), ""));
        let now = jiff::Timestamp::UNIX_EPOCH;
        let full = append(&c, None, &restored(vec![long]), now);
        assert!(matches!(full, Err(LedgerError::Full)), "{full:?}");
        let small = append(&c, None, &restored(vec![]), now);
        assert_eq!(small.unwrap().seq, 1, "what still fits is written");
    }
}
