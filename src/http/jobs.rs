//! `/v1/jobs`: post, list, show, withdraw. Nothing personal comes out of here.

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use drivers::words::Words;
use serde::{Deserialize, Serialize};

use super::App;
use super::intake;
use super::problem::{FindingView, Problem};
use crate::finding::{Finding, Severity};
use crate::ledger::{Accepted, FaceHash, JobId, JobRecord, Order, Replacing};
use crate::report::{CodeLabel, Encoding};

/// Jobs on a page unless told, and at most.
const PAGE_DEFAULT: u32 = 50;
const PAGE_LIMIT: u32 = 500;

/// A job as anybody may see it.
#[derive(Debug, Serialize)]
pub(super) struct JobView {
    /// This station's name for it (UUID version 7).
    id: String,
    /// The upstream system's number of the application.
    #[serde(rename = "ref")]
    reference: String,
    /// Kind of card.
    product: String,
    /// Why it is issued.
    reason: String,
    /// `A` or `B`, where the product has kinds.
    kind: Option<String>,
    /// Where it stands; see the README's table of states.
    state: crate::lifecycle::State,
    /// The office's word for it.
    state_label: &'static str,
    /// Why it waits for a person.
    reasons: Vec<FindingView>,
    /// Every warning, also the acknowledged ones.
    warnings: Vec<FindingView>,
    /// Hashes of the composed faces, once they exist.
    faces: Vec<FaceHash>,
    /// What the machine said of the card, or who saw it.
    evidence: Option<serde_json::Value>,
    /// Blanks, chip and stripe; in the answer about one job only.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<Encoding>,
    /// The job whose card this one replaces.
    replaces: Option<Replacing>,
    /// The job that replaces this one's card.
    replaced_by: Option<String>,
    /// When it was accepted (RFC 3339).
    received_at: jiff::Timestamp,
    /// When it last moved (RFC 3339).
    changed_at: jiff::Timestamp,
    /// Where more is.
    links: Links,
}

/// Where more is.
#[derive(Debug, Serialize)]
pub(super) struct Links {
    #[serde(rename = "self")]
    this: String,
    events: String,
    preview_front: String,
    preview_back: String,
}

/// Some jobs.
#[derive(Debug, Serialize)]
pub(super) struct JobsView {
    /// In order of arrival.
    jobs: Vec<JobView>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next: Option<String>,
}

/// Which jobs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only jobs in this state.
    state: Option<String>,
    /// `oldest` first (unless told) or `newest`.
    order: Option<String>,
    /// `next` of the page before.
    cursor: Option<u64>,
    /// Jobs a page, 1 to 500; 50 unless told.
    limit: Option<u32>,
}

/// Who withdraws or releases a job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdrawal {
    /// Officer number or account, no name: it stands in the ledger.
    pub(super) by: String,
}

impl From<JobRecord> for JobView {
    fn from(job: JobRecord) -> Self {
        let warnings = job.findings.iter().filter(|f| f.severity() == Severity::Warning);
        let this = format!("/v1/jobs/{}", job.id);
        Self {
            reasons: job.findings.iter().filter(|f| f.holds()).map(FindingView::of_job).collect(),
            warnings: warnings.map(FindingView::from).collect(),
            links: Links {
                events: format!("{this}/events"),
                preview_front: format!("{this}/preview/front.png"),
                preview_back: format!("{this}/preview/back.png"),
                this,
            },
            id: job.id.to_string(),
            reference: job.reference,
            product: job.product,
            reason: job.reason,
            kind: job.kind,
            state: job.state,
            state_label: job.state.label_id(),
            faces: job.faces,
            evidence: job.evidence,
            encoding: None,
            replaces: job.replaces,
            replaced_by: job.replaced_by.map(|job| job.to_string()),
            received_at: job.received_at,
            changed_at: job.changed_at,
        }
    }
}

/// Post a job.
///
/// Stored and synced before the answer. The same `Idempotency-Key` (or the same `ref`) with the same body
/// gives the same job again. With `Prefer: respond-async` (RFC 7240) the photo's pixels and the fit of the
/// texts are looked at after the answer: the job is then `received` until they are.
pub(super) async fn post(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let _door = app.station.at_the_door();
    let key = intake::read_key(request.headers())?;
    let later = prefers_async(request.headers());
    let request = intake::read_job(request).await?;
    let now = app.ledger.now();
    let examined = app.examine(request, now, later).await.map_err(|refusal| {
        let code = refusal.errors.first().map_or_else(String::new, |f| f.code.clone());
        app.metrics.jobs_refused.get_or_create(&CodeLabel { code }).inc();
        Problem::from(refusal)
    })?;
    let accepted = app.ledger.accept(examined.into_new_job(key)).await?;
    app.station.wake();
    answer(&app, accepted, later)
}

fn answer(app: &App, accepted: Accepted, later: bool) -> Result<Response, Problem> {
    let (job, replayed) = match accepted {
        Accepted::New(job) => {
            app.metrics.jobs_accepted.inc();
            (job, false)
        }
        Accepted::Before(job) => (job, true),
        Accepted::KeyTaken => return Err(key_taken()),
        Accepted::RefTaken(job) => return Err(ref_taken(&job)),
        Accepted::NotReplaceable(why) => return Err(why.into()),
        Accepted::ApprovalUsed(job) => return Err(approval_used(&job)),
    };
    let location =
        HeaderValue::from_str(&format!("/v1/jobs/{}", job.id)).expect("a UUID is a header value");
    let mut response = (StatusCode::CREATED, Json(JobView::from(*job))).into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    if replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    if later {
        headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    }
    Ok(response)
}

pub(super) fn key_taken() -> Problem {
    let words = Words::fixed(
        "Idempotency-Key ini sudah dipakai untuk isi yang lain. Pakai kunci baru untuk pekerjaan baru.",
        "This Idempotency-Key was used with another body. Use a new key for a new job.",
    );
    Problem::of(
        StatusCode::CONFLICT,
        Finding::at("Idempotency-Key", "E_IDEMPOTENCY_KEY_REUSED", words),
    )
}

fn ref_taken(job: &JobRecord) -> Problem {
    let (id, state) = (&job.id, job.state);
    let words = Words::new(
        format!(
            "Nomor permohonan ini sudah ada sebagai pekerjaan {id} ({}). Batalkan yang itu dahulu, atau pakai nomor baru.",
            state.label_id()
        ),
        format!(
            "This ref is already job {id} ({}). Cancel that one first, or use a new ref.",
            state.name()
        ),
    );
    Problem::of(StatusCode::CONFLICT, Finding::at("ref", "E_REF_TAKEN", words))
}

fn approval_used(job: &JobRecord) -> Problem {
    let (id, state) = (&job.id, job.state);
    let words = Words::new(
        format!(
            "Nomor rekomendasi ini sudah dipakai oleh pekerjaan {id} ({}). Satu rekomendasi, satu kartu: minta rekomendasi baru.",
            state.label_id()
        ),
        format!(
            "This recommendation is used by job {id} ({}). One recommendation, one card: ask for a new one.",
            state.name()
        ),
    );
    Problem::of(StatusCode::CONFLICT, Finding::at("recommendation.nomor", "E_APPROVAL_USED", words))
}

/// RFC 7240 section 4.1.
fn prefers_async(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

/// List jobs in the order of their arrival.
pub(super) async fn list(
    State(app): State<App>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<JobsView>, Problem> {
    let Query(wanted) = wanted.map_err(|_| bad_query("query"))?;
    let state = match &wanted.state {
        None => None,
        Some(name) => {
            Some(crate::lifecycle::State::from_name(name).ok_or_else(|| bad_query("state"))?)
        }
    };
    let limit = wanted.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_LIMIT).contains(&limit) {
        return Err(bad_query("limit"));
    }
    let order = match wanted.order.as_deref() {
        None | Some("oldest") => Order::OldestFirst,
        Some("newest") => Order::NewestFirst,
        Some(_) => return Err(bad_query("order")),
    };
    let page = app.ask(move |ledger| ledger.jobs(state, order, wanted.cursor, limit)).await?;
    let jobs = page.jobs.into_iter().map(JobView::from).collect();
    Ok(Json(JobsView { jobs, next: page.next.map(|seq| seq.to_string()) }))
}

fn bad_query(parameter: &str) -> Problem {
    Problem::of(
        StatusCode::BAD_REQUEST,
        Finding::at(
            parameter,
            "E_QUERY",
            Words::fixed(
                "Parameter tidak dikenal: state (nama status), order (oldest, newest), cursor (dari halaman sebelumnya), limit (1 sampai 500).",
                "Not a parameter: state (name of a state), order (oldest, newest), cursor (from the page before), limit (1 to 500).",
            ),
        ),
    )
}

/// Show one job.
pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let id = job_id(&id)?;
    let (job, lines) =
        app.ask(move |ledger| Ok((ledger.job(&id)?, ledger.events_of(&id)?))).await?;
    Ok(Json(JobView { encoding: Some(Encoding::of(&lines)), ..JobView::from(job) }))
}

/// Withdraw a job whose card has not begun to move.
pub(super) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
    body: axum::body::Bytes,
) -> Result<Json<JobView>, Problem> {
    let id = job_id(&id)?;
    let by = super::settle::read_by(&body)?;
    Ok(Json(JobView::from(app.station.cancel(id, by).await?)))
}

pub(super) fn job_id(text: &str) -> Result<JobId, Problem> {
    JobId::parse(text).ok_or_else(Problem::not_found)
}
