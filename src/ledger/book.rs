//! What one request writes: a job, an event, a note, with the tables that follow from it. Knows no thread and no sync.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};

use super::record::{Accepted, Entry, JobId, JobRecord, NewJob};
use super::{LedgerError, adopt, blanks, chain, holder, reader, replacement};
use crate::finding::Finding;
use crate::lifecycle::{Event, State};

/// What is personal in a new job, written out and hashed by whoever posts it: the writer's thread serves everybody.
pub(super) struct JobData {
    /// JSON.
    request: String,
    salt: [u8; 16],
    /// Over all of it and the photo ([`chain::Data`]); it stands in the job's first line.
    sha256: String,
    /// Over the holder's hash and the salt; it stands there too.
    holder_sha256: Option<String>,
}

impl JobData {
    pub(super) fn of(job: &NewJob) -> Result<Self, LedgerError> {
        let request =
            serde_json::to_string(&job.request).map_err(|e| LedgerError::Write(e.to_string()))?;
        let salt = uuid::Uuid::new_v4().into_bytes();
        let data = chain::Data {
            salt: &salt,
            key: job.key.as_deref(),
            body_sha256: &job.body_sha256,
            request: &request,
            photo: job.photo.as_deref(),
        };
        let sha256 = data.sha256();
        let holder_sha256 = job.holder.as_ref().map(|one| holder::salted(&one.hash, &salt));
        Ok(Self { request, salt, sha256, holder_sha256 })
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
    let codes: Vec<&str> = found.iter().map(|f| f.code.as_str()).collect();
    let detail = json!({
        "findings": codes, "findings_sha256": chain::sha256_of(&findings),
        "ref": job.request.reference, "product": job.request.product,
        "reason": job.request.reason, "kind": job.kind, "approval": job.approval,
        "replaces": job.request.replaces, "data_sha256": data.sha256,
        "holder_sha256": data.holder_sha256,
    });
    let whose = Whose { row: Some(row), id: Some(&job.id), state: Some(state) };
    write_event(c, whose, "received", &detail, &at)?;
    count(c, state, 1)?;
    if let Some((old, fate)) = old {
        replacement::settle_old(c, &old, job, fate, now)?;
    }
    Ok(Accepted::New(Box::new(reader::job(c, &job.id)?)))
}

/// Every finding of a new job, with those that only the ledger can make, and where the job then stands.
fn found_while_stored(
    c: &Connection,
    job: &NewJob,
    old: Option<&JobRecord>,
    now: jiff::Timestamp,
) -> Result<(Vec<Finding>, State), LedgerError> {
    let more = [holder::warned(c, job, old, now)?, adopt::approved_before(c, job, now)?];
    let holds = more.iter().flatten().any(Finding::holds);
    let found = job.findings.iter().cloned().chain(more.into_iter().flatten()).collect();
    let state = if holds && job.state == State::Queued { State::Held } else { job.state };
    Ok((found, state))
}

/// What is personal, in tables of its own.
fn insert_data(
    c: &Connection,
    data: &JobData,
    photo: Option<&[u8]>,
    row: i64,
) -> Result<(), LedgerError> {
    c.prepare_cached("INSERT INTO job_data (job, request, salt) VALUES (?1, ?2, ?3)")
        .and_then(|mut s| s.execute(params![row, data.request, data.salt]))
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

/// The same key, or the same `ref` in a live job?
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
    let Some((id, _)) = find(approved, approval)? else { return Ok(None) };
    Ok(Some(Accepted::ApprovalUsed(record(id)?)))
}

pub(super) fn append(
    c: &Connection,
    job: &JobId,
    event: Event,
    detail: &Value,
    now: jiff::Timestamp,
) -> Result<Entry, LedgerError> {
    if event.needs_evidence() && detail.get("evidence").is_none_or(Value::is_null) {
        return Err(LedgerError::NoEvidence(event));
    }
    let (before, row) = as_the_lines_say(c, job)?;
    let state = before.state.after(event)?;
    let at = now.to_string();
    c.prepare_cached(
        "UPDATE jobs SET state = ?2, changed_at = ?3, faces = coalesce(?4, faces),
             evidence = coalesce(?5, evidence), findings = coalesce(?6, findings),
             spoiled = CASE ?7 WHEN 'release' THEN 0 WHEN 'spoil' THEN spoiled + 1 ELSE spoiled END,
             waits_since = CASE ?7 WHEN 'release' THEN ?3 ELSE waits_since END WHERE seq = ?1",
    )
    .and_then(|mut s| {
        let field = |name: &str| detail.get(name).map(Value::to_string);
        s.execute(params![
            row,
            state.name(),
            at,
            field("faces"),
            field("evidence"),
            field("findings"),
            event.name()
        ])
    })
    .map_err(write_error)?;
    count(c, before.state, -1)?;
    count(c, state, 1)?;
    let whose = Whose { row: Some(row), id: Some(&before.id), state: Some(state) };
    let (seq, hash) = write_event(c, whose, event.name(), detail, &at)?;
    let (from, to) = (before.state, state);
    blanks::follow(c, &blanks::Step { seq, job: row, at: &at, from, to, event, detail })?;
    Ok(Entry {
        seq,
        at: now,
        job: Some(before.id),
        reference: Some(before.reference),
        event: event.name().to_owned(),
        state: Some(state),
        detail: detail.clone(),
        hash,
    })
}

/// A job and its row. Where the projection says something else than the lines, a job could be printed twice.
fn as_the_lines_say(c: &Connection, job: &JobId) -> Result<(JobRecord, i64), LedgerError> {
    let job = reader::job(c, job)?;
    let row = i64::try_from(job.seq).map_err(|_| LedgerError::NoSuchJob)?;
    match reader::state_in_lines(c, row)? {
        Some(state) if state == job.state => Ok((job, row)),
        _ => Err(LedgerError::DataDamaged),
    }
}

/// A note moves nothing; what it found may stand with its job.
pub(super) fn note(
    c: &Connection,
    job: Option<&JobId>,
    what: &str,
    detail: &Value,
    now: jiff::Timestamp,
) -> Result<Entry, LedgerError> {
    let known = job.map(|job| reader::job(c, job)).transpose()?;
    let row = known.as_ref().map(|known| i64::try_from(known.seq)).transpose();
    let row = row.map_err(|_| LedgerError::NoSuchJob)?;
    if let (Some(row), Some(findings)) = (row, detail.get("findings")) {
        c.prepare_cached("UPDATE jobs SET findings = ?2 WHERE seq = ?1")
            .and_then(|mut s| s.execute(params![row, findings.to_string()]))
            .map_err(write_error)?;
    }
    let state = known.as_ref().map(|known| known.state);
    let whose = Whose { row, id: job, state };
    let (seq, hash) = write_event(c, whose, what, detail, &now.to_string())?;
    Ok(Entry {
        seq,
        at: now,
        job: job.cloned(),
        reference: known.map(|known| known.reference),
        event: what.to_owned(),
        state,
        detail: detail.clone(),
        hash,
    })
}

/// The job that a line is about, and where it stands then.
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

#[allow(clippy::needless_pass_by_value)] // The shape that `map_err` wants.
pub(super) fn write_error(error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => LedgerError::Full,
        _ => LedgerError::Write(super::error::said(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::schema;

    #[test]
    fn a_file_that_cannot_grow_is_a_full_disk() {
        let mut c = Connection::open_in_memory().unwrap();
        schema::create(&mut c).unwrap();
        let pages: u32 = c.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        c.pragma_update(None, "max_page_count", pages).unwrap();
        let detail = json!({ "told": "x".repeat(100_000) });
        let full = note(&c, None, "told", &detail, jiff::Timestamp::UNIX_EPOCH);
        assert!(matches!(full, Err(LedgerError::Full)), "{full:?}");
        let small = note(&c, None, "told", &json!({}), jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(small.unwrap().seq, 1, "what still fits is written");
    }
}
