//! Holds every job against its lines: what stands of it in `jobs` is what the lines make of it, and its data are those
//! that were accepted. Looks only.

use drivers::words::Words;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::Value;

use super::lines::text_of;
use super::record::JobId;
use super::verify::{Fault, Faults, Progress};
use super::{chain, holder};
use crate::lifecycle::{Event, State};

const JOBS: &str =
    "SELECT seq, id, state, reference, product, reason, kind, approval, findings, faces, evidence,
                           spoiled, waits_since, received_at, changed_at,
                           CASE WHEN replaces IS NULL THEN NULL ELSE
                               coalesce((SELECT old.id FROM jobs old WHERE old.seq = jobs.replaces), '?') END";
/// Behind them, where there is one.
const HOLDER: &str = ", holder FROM jobs ORDER BY seq";
const NO_HOLDER: &str = ", NULL FROM jobs ORDER BY seq";
const LINES: &str = "SELECT seq, at, event, state, detail FROM events WHERE job = ?1 ORDER BY seq";
const DATA: &str = "SELECT j.idempotency_key, j.body_sha256, d.salt, d.request, p.bytes FROM jobs j
                    JOIN job_data d ON d.job = j.seq LEFT JOIN photos p ON p.job = j.seq WHERE j.seq = ?1";

/// A job's columns that follow from its lines, in the order of [`JOBS`] behind `id`.
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

/// How many there are. `covered`: of so many of the first ones the holders are held against a line of their own.
pub(super) fn verify(
    c: &Connection,
    version: i32,
    covered: u64,
    faults: &mut Faults,
    progress: &mut Progress<'_>,
) -> rusqlite::Result<u64> {
    let all: u64 = c.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0))?;
    let holder = if version < 3 { NO_HOLDER } else { HOLDER };
    let mut statement = c.prepare(&format!("{JOBS}{holder}"))?;
    let mut rows = statement.query([])?;
    let mut done = 0;
    while let Some(row) = rows.next()? {
        let found = Job::of(row).and_then(|job| verify_one(c, &job, done >= covered, faults));
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
            let message = Words::new(
                format!(
                    "Baris {seq} ({event}, {state}) tidak mungkin sesudah baris sebelumnya dari pekerjaan ini. Jangan cetak pekerjaan ini; hubungi bantuan."
                ),
                format!(
                    "Line {seq} ({event}, {state}) cannot follow the lines before it of this job. Do not print this job; ask for help."
                ),
            );
            faults.push(Fault {
                seq: Some(seq),
                at: Some(at),
                ..Fault::of_job("V_LIFECYCLE", &job.id, message)
            });
        }
    }
    let stored = stored_data(c, job.row)?;
    let mut wrong = fold.differences(job);
    let salt = stored.as_ref().map_or(&[][..], |stored| &stored.salt);
    if own_holder && !fold.is_its_holder(job, salt) {
        wrong.push("holder");
    }
    if !wrong.is_empty() {
        let wrong = wrong.join(", ");
        faults.push(Fault::of_job("V_JOB", &job.id, Words::new(
            format!("Pekerjaan ini tidak sama dengan barisnya ({wrong}). Jangan cetak atau lepaskan pekerjaan ini; hubungi bantuan."),
            format!("This job is not what its lines make of it ({wrong}). Do not print or release it; ask for help."),
        )));
    }
    if fold.data_sha256.is_none() || stored.map(|stored| stored.sha256) != fold.data_sha256 {
        faults.push(Fault::of_job("V_DATA", &job.id, Words::fixed(
            "Data tersimpan pekerjaan ini bukan yang diterima. Pekerjaan ini tidak akan dicetak; batalkan dan kirim lagi dari sistem asal.",
            "The stored data of this job are not those that were accepted. It will not be printed; cancel it and send it again from upstream.",
        )));
    }
    Ok(())
}

/// What has another type than it was stored with is not what was stored.
fn blob(value: ValueRef<'_>) -> Option<&[u8]> {
    value.as_blob_or_null().unwrap_or(Some(b"\0no blob"))
}

struct Stored {
    salt: Vec<u8>,
    sha256: String,
}

fn stored_data(c: &Connection, row: i64) -> rusqlite::Result<Option<Stored>> {
    let stored = |row: &Row<'_>| {
        let (key, request) = (text_of(row.get_ref(0)?), text_of(row.get_ref(3)?));
        let data = chain::Data {
            key: key.as_deref(),
            body_sha256: blob(row.get_ref(1)?).unwrap_or_default(),
            salt: blob(row.get_ref(2)?).unwrap_or_default(),
            request: request.as_deref().unwrap_or_default(),
            photo: blob(row.get_ref(4)?),
        };
        Ok(Stored { salt: data.salt.to_vec(), sha256: data.sha256() })
    };
    c.prepare_cached(DATA)?.query_row([row], stored).optional()
}

/// What the lines of one job come to; the same that `book.rs` writes beside them.
#[derive(Default)]
struct Fold {
    state: Option<State>,
    /// What the first line says.
    first: Value,
    received_at: Option<String>,
    changed_at: Option<String>,
    waits_since: Option<String>,
    spoiled: u64,
    faces: Option<String>,
    evidence: Option<String>,
    findings: Option<String>,
    data_sha256: Option<String>,
}

impl Fold {
    /// False: this line cannot stand here.
    fn add(&mut self, at: &str, event: &str, state: &str, detail: &str) -> bool {
        let Ok(detail) = serde_json::from_str::<Value>(detail) else { return false };
        let said = State::from_name(state);
        let Some(before) = self.state else {
            return event == "received" && self.begin(at, said, detail);
        };
        self.findings = detail.get("findings").map(Value::to_string).or(self.findings.take());
        let Some(event) = Event::from_name(event) else { return said == Some(before) };
        self.faces = detail.get("faces").map(Value::to_string).or(self.faces.take());
        self.evidence = detail.get("evidence").map(Value::to_string).or(self.evidence.take());
        self.changed_at = Some(at.to_owned());
        match event {
            Event::Release => (self.spoiled, self.waits_since) = (0, Some(at.to_owned())),
            Event::Spoil => self.spoiled += 1,
            _ => {}
        }
        self.state = said.or(self.state);
        before.after(event).ok() == said
    }

    fn begin(&mut self, at: &str, state: Option<State>, detail: Value) -> bool {
        self.state = state;
        self.received_at = Some(at.to_owned());
        self.changed_at = Some(at.to_owned());
        self.waits_since = Some(at.to_owned());
        self.data_sha256 = detail["data_sha256"].as_str().map(str::to_owned);
        self.first = detail;
        state.is_some()
    }

    /// The job that it replaces, as it is named there.
    fn replaces(&self) -> Option<String> {
        let typed = self.first["replaces"]["job"].as_str()?;
        Some(JobId::parse(typed).map_or_else(|| typed.to_owned(), |id| id.to_string()))
    }

    /// Is the holder the one that it was accepted with?
    fn is_its_holder(&self, job: &Job, salt: &[u8]) -> bool {
        let there = job.holder.as_deref().map(|holder| holder::salted(holder, salt));
        self.first["holder_sha256"].as_str() == there.as_deref()
    }

    /// Names of the columns that say something else.
    fn differences(&self, job: &Job) -> Vec<&'static str> {
        let first = |name: &str| self.first[name].as_str().map(str::to_owned);
        let findings = match &self.findings {
            Some(findings) => Some(findings.clone()),
            // At first only their codes stand in the line, and the hash of all of them.
            None => job.columns[6]
                .clone()
                .filter(|there| self.first["findings_sha256"] == chain::sha256_of(there).as_str()),
        };
        let expected = [
            self.state.map(|state| state.name().to_owned()),
            first("ref"),
            first("product"),
            first("reason"),
            first("kind"),
            first("approval"),
            findings.or(Some("?".into())),
            self.faces.clone().or(Some("[]".into())),
            self.evidence.clone(),
            Some(self.spoiled.to_string()),
            self.waits_since.clone(),
            self.received_at.clone(),
            self.changed_at.clone(),
            self.replaces(),
        ];
        let pairs = COLUMNS.iter().zip(expected.iter().zip(&job.columns));
        pairs.filter(|(_, (wanted, there))| wanted != there).map(|(name, _)| *name).collect()
    }
}
