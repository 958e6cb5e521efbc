//! Verifies every job against its lines: its columns in `jobs` must equal the fold of the lines, and its data must be
//! the accepted ones. Changes nothing.

use drivers::text::Text;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::lines::text_of;
use super::verify::{Fault, Faults, Progress};
use super::{chain, holder};
use crate::event::{Event, JobState, Parts, Received};
use crate::lifecycle::State;

const JOBS: &str =
    "SELECT seq, id, state, reference, product, reason, kind, approval, findings, faces, evidence,
                           spoiled, waits_since, received_at, changed_at,
                           CASE WHEN replaces IS NULL THEN NULL ELSE
                               coalesce((SELECT old.id FROM jobs old WHERE old.seq = jobs.replaces), '?') END";
/// Appended if the ledger has the column.
const HOLDER: &str = ", holder FROM jobs ORDER BY seq";
const NO_HOLDER: &str = ", NULL FROM jobs ORDER BY seq";
/// What a job was when lines were cut off was verified against them then, so its lines are read from there.
const LINES: &str = "SELECT seq, at, event, state, detail FROM events WHERE job = ?1 AND seq >= coalesce(
                         (SELECT max(seq) FROM events WHERE job = ?1 AND event = 'carried'), 0) ORDER BY seq";
/// Appended after the card's column, if the ledger has one.
const DATA: &str = ", j.idempotency_key, j.body_sha256, d.salt, d.request, p.bytes FROM jobs j
                    JOIN job_data d ON d.job = j.seq LEFT JOIN photos p ON p.job = j.seq WHERE j.seq = ?1";

/// A job's columns that are derived from its lines, in the order of [`JOBS`] after `id`.
const COLUMNS: [&str; 14] = [
    "state",
    "reference",
    "product",
    "reason",
    "kind",
    "approval",
    "findings",
    "faces",
    "evidence",
    "spoiled",
    "waits_since",
    "received_at",
    "changed_at",
    "replaces",
];

/// Indexes in [`COLUMNS`].
const FINDINGS: usize = 6;
const FACES: usize = 7;
const EVIDENCE: usize = 8;

/// What jobs are verified against.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Version of the tables.
    pub version: i32,
    /// The holders of this many first jobs are verified against a separate line.
    pub covered: u64,
    /// Its personal data were erased: no job has personal data, nor findings.
    pub erased: bool,
}

/// Returns the number of jobs.
pub(super) fn verify(
    c: &Connection,
    wanted: Wanted,
    faults: &mut Faults,
    progress: &mut Progress<'_>,
) -> rusqlite::Result<u64> {
    let all: u64 = c.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0))?;
    let holder = if wanted.version < 3 { NO_HOLDER } else { HOLDER };
    let mut statement = c.prepare(&format!("{JOBS}{holder}"))?;
    let mut rows = statement.query([])?;
    let mut done = 0;
    while let Some(row) = rows.next()? {
        let found = Job::of(row)
            .and_then(|job| verify_one(c, wanted, &job, done >= wanted.covered, faults));
        faults.read(found);
        done += 1;
        progress("jobs", done, all);
    }
    Ok(done)
}

struct Job {
    row: i64,
    id: String,
    columns: Vec<Option<String>>,
    holder: Option<Vec<u8>>,
}

impl Job {
    fn of(row: &Row<'_>) -> rusqlite::Result<Job> {
        let columns = (2..2 + COLUMNS.len()).map(|at| match row.get_ref(at)? {
            ValueRef::Integer(n) => Ok(Some(n.to_string())),
            other => Ok(text_of(other)),
        });
        Ok(Job {
            row: row.get(0)?,
            id: text_of(row.get_ref(1)?).unwrap_or_default(),
            columns: columns.collect::<rusqlite::Result<_>>()?,
            holder: blob(row.get_ref(2 + COLUMNS.len())?).map(<[u8]>::to_vec),
        })
    }
}

fn verify_one(
    c: &Connection,
    wanted: Wanted,
    job: &Job,
    own_holder: bool,
    faults: &mut Faults,
) -> rusqlite::Result<()> {
    let mut statement = c.prepare_cached(LINES)?;
    let mut rows = statement.query([job.row])?;
    let mut fold = Fold::default();
    while let Some(row) = rows.next()? {
        let seq: u64 = row.get(0)?;
        let text = |at: usize| row.get_ref(at).map(|v| text_of(v).unwrap_or_default());
        let [at, event, state, detail] = [text(1)?, text(2)?, text(3)?, text(4)?];
        if !fold.add(&at, &event, &state, &detail) {
            faults.push(cannot_follow(&job.id, seq, at, &event, &state));
        }
    }
    let stored = stored_data(c, wanted.version, job.row)?;
    let mut wrong = fold.differences(job, wanted.erased);
    let salt = stored.as_ref().map_or(&[][..], |stored| &stored.salt);
    if own_holder && !fold.is_its_holder(job, salt) {
        wrong.push("holder");
    }
    if !wrong.is_empty() {
        let wrong = wrong.join(", ");
        faults.push(Fault::of_job("V_JOB", &job.id, Text::new(
            format!("Pekerjaan ini tidak sama dengan barisnya ({wrong}). Jangan cetak atau lepaskan pekerjaan ini; hubungi bantuan."),
            format!("This job is not what its lines make of it ({wrong}). Do not print or release it; ask for help."),
        )));
    }
    let stored = stored.map(|stored| stored.sha256);
    let is_as_accepted = stored.as_deref() == fold.data_sha256() || wanted.erased;
    if fold.data_sha256().is_none() || !is_as_accepted {
        faults.push(Fault::of_job("V_DATA", &job.id, Text::fixed(
            "Data tersimpan pekerjaan ini bukan yang diterima. Pekerjaan ini tidak akan dicetak; batalkan dan kirim lagi dari sistem asal.",
            "The stored data of this job are not those that were accepted. It will not be printed; cancel it and send it again from upstream.",
        )));
    }
    Ok(())
}

fn cannot_follow(job: &str, seq: u64, at: String, event: &str, state: &str) -> Fault {
    let message = Text::new(
        format!(
            "Baris {seq} ({event}, {state}) tidak mungkin sesudah baris sebelumnya dari pekerjaan ini. Jangan cetak pekerjaan ini; hubungi bantuan."
        ),
        format!(
            "Line {seq} ({event}, {state}) cannot follow the lines before it of this job. Do not print this job; ask for help."
        ),
    );
    Fault { seq: Some(seq), at: Some(at), ..Fault::of_job("V_LIFECYCLE", job, message) }
}

/// A value of another type than was stored is not the stored value.
fn blob(value: ValueRef<'_>) -> Option<&[u8]> {
    value.as_blob_or_null().unwrap_or(Some(b"\0no blob"))
}

struct Stored {
    salt: Vec<u8>,
    sha256: String,
}

fn stored_data(c: &Connection, version: i32, row: i64) -> rusqlite::Result<Option<Stored>> {
    let stored = |row: &Row<'_>| {
        let (key, request) = (text_of(row.get_ref(1)?), text_of(row.get_ref(4)?));
        let card = text_of(row.get_ref(0)?);
        let data = chain::Data {
            key: key.as_deref(),
            body_sha256: blob(row.get_ref(2)?).unwrap_or_default(),
            salt: blob(row.get_ref(3)?).unwrap_or_default(),
            request: request.as_deref().unwrap_or_default(),
            card: card.as_deref(),
            photo: blob(row.get_ref(5)?),
        };
        Ok(Stored { salt: data.salt.to_vec(), sha256: data.sha256() })
    };
    let card = if version < 4 { "NULL" } else { "d.card" };
    c.prepare_cached(&format!("SELECT {card}{DATA}"))?.query_row([row], stored).optional()
}

/// The fold of one job's lines, by the same reducer that stores the job.
#[derive(Default)]
struct Fold {
    /// The first event.
    first: Option<Box<Received>>,
    /// Hashes of what was stored with the job when its lines begin.
    stored: Texts,
    job: Option<JobState>,
    /// Findings, faces and evidence of its lines, as the exact texts.
    parts: Parts,
    /// The times as written, which a column must repeat byte for byte.
    times: Times,
}

/// Hashes of the texts that stand with a job if none of its lines says otherwise; `None`: it has none.
#[derive(Default)]
struct Texts {
    findings_sha256: String,
    faces_sha256: Option<String>,
    evidence_sha256: Option<String>,
}

/// When it was accepted, last changed, and last released.
#[derive(Default)]
struct Times {
    received_at: String,
    changed_at: String,
    waits_since: String,
}

impl Fold {
    /// `false`: this line is not allowed here.
    fn add(&mut self, at: &str, event: &str, state: &str, detail: &str) -> bool {
        let said = State::from_name(state);
        let Ok(detail) = serde_json::from_str(detail) else { return false };
        let (Ok(event), Some(said), Ok(time)) = (Event::read(event, &detail), said, at.parse())
        else {
            return false;
        };
        let Some(job) = &mut self.job else { return self.begin(event, said, at, time) };
        self.parts = std::mem::take(&mut self.parts).and(event.parts(&detail));
        let fits = job.apply(&event, time).is_ok() && job.state == said;
        // Lines after a wrong one are checked against the state that the wrong one states.
        job.state = said;
        if job.changed_at == time {
            at.clone_into(&mut self.times.changed_at);
        }
        if job.waits_since == time {
            at.clone_into(&mut self.times.waits_since);
        }
        fits
    }

    fn begin(&mut self, event: Event, state: State, at: &str, time: jiff::Timestamp) -> bool {
        let at = || at.to_owned();
        match event {
            Event::Received(first) => {
                self.job = Some(JobState::begin(state, time));
                self.stored.findings_sha256.clone_from(&first.findings_sha256);
                self.times = Times { received_at: at(), changed_at: at(), waits_since: at() };
                self.first = Some(first);
            }
            Event::Carried(carried) => {
                let times = [&carried.received_at, &carried.changed_at, &carried.waits_since];
                let [Ok(received_at), Ok(changed_at), Ok(waits_since)] = times.map(|at| at.parse())
                else {
                    return false;
                };
                let (spoiled, job) = (carried.spoiled, JobState::begin(state, received_at));
                self.job = Some(JobState { spoiled, changed_at, waits_since, ..job });
                self.stored = Texts {
                    findings_sha256: carried.findings_sha256,
                    faces_sha256: Some(carried.faces_sha256),
                    evidence_sha256: carried.evidence_sha256,
                };
                let (received_at, changed_at) = (carried.received_at, carried.changed_at);
                self.times = Times { received_at, changed_at, waits_since: carried.waits_since };
                self.first = Some(Box::new(carried.first));
            }
            _ => return false,
        }
        true
    }

    fn data_sha256(&self) -> Option<&str> {
        self.first.as_ref().map(|first| first.data_sha256.as_str())
    }

    /// Is the holder the one with which it was accepted?
    fn is_its_holder(&self, job: &Job, salt: &[u8]) -> bool {
        let there = job.holder.as_deref().map(|holder| holder::salted(holder, salt));
        self.first.as_ref().is_some_and(|first| first.holder_sha256 == there)
    }

    /// Names of the columns that differ.
    fn differences(&self, job: &Job, erased: bool) -> Vec<&'static str> {
        let (Some(first), Some(folded)) = (&self.first, &self.job) else {
            return COLUMNS.to_vec();
        };
        let text = |text: &str| Some(text.to_owned());
        // The first line contains only the findings' codes, and the hash of the stored findings.
        let as_stored = |column: usize, sha256: &str| {
            job.columns[column]
                .clone()
                .filter(|there| chain::sha256_of(there) == sha256)
                .or(text("?"))
        };
        let findings = self.parts.findings.clone();
        let findings = findings.or_else(|| as_stored(FINDINGS, &self.stored.findings_sha256));
        let carried = |column: usize, sha256: Option<&String>| as_stored(column, sha256?);
        let faces = self.parts.faces.clone();
        let faces = faces.or_else(|| carried(FACES, self.stored.faces_sha256.as_ref()));
        let evidence = self.parts.evidence.clone();
        let evidence = evidence.or_else(|| carried(EVIDENCE, self.stored.evidence_sha256.as_ref()));
        let findings = if erased { text("[]") } else { findings };
        let expected = [
            text(folded.state.name()),
            text(&first.reference),
            text(&first.product),
            text(&first.reason),
            first.kind.clone(),
            first.approval.clone(),
            findings,
            faces.or(text("[]")),
            evidence,
            Some(folded.spoiled.to_string()),
            text(&self.times.waits_since),
            text(&self.times.received_at),
            text(&self.times.changed_at),
            first.replaced_job(),
        ];
        let pairs = COLUMNS.iter().zip(expected.iter().zip(&job.columns));
        pairs.filter(|(_, (wanted, there))| wanted != there).map(|(name, _)| *name).collect()
    }
}
