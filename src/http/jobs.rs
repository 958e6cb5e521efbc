//! `/v1/jobs`: post, list, show, withdraw. Responses contain nothing personal.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use drivers::text::Text;
use jiff::tz::Offset;
use serde::Serialize;

use super::App;
use super::posted;
use super::problem::{FindingView, Problem};
use super::query::{self, Known, Parameters};
use crate::codes::Severity;
use crate::event::{CardEvidence, FaceHash};
use crate::finding::Finding;
use crate::intake::{Refused, Submission};
use crate::job::JobId;
use crate::ledger::{Accepted, JobRecord, Order, Replacing, Wanted};
use crate::report::{CodeLabel, Encoding};

/// Jobs per page by default, and at most.
const PAGE_DEFAULT: u32 = 50;
const PAGE_LIMIT: u32 = 500;

/// A job without anything personal.
#[derive(Debug, Serialize)]
pub(super) struct JobView {
    /// This station's id for it (UUID version 7).
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
    /// Its state; see the README's table of states.
    state: crate::lifecycle::State,
    /// The office's name of the state.
    state_label: &'static str,
    /// Why it waits for a person.
    reasons: Vec<FindingView>,
    /// Every warning, including the acknowledged ones.
    warnings: Vec<FindingView>,
    /// Hashes of the composed faces, once they exist.
    faces: Vec<FaceHash>,
    /// The machine's report about the card, or the person who saw it.
    evidence: Option<CardEvidence>,
    /// Blanks, chip and stripe; only in the response about a single job.
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
    /// Related resources.
    links: Links,
}

/// Related resources.
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
    /// Send it as `cursor` for the next page; `null` at the end.
    next: Option<String>,
}

impl From<JobRecord> for JobView {
    fn from(job: JobRecord) -> Self {
        let warnings = job.findings.iter().filter(|f| f.severity() == Severity::Warn);
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

/// Posts a job.
///
/// It is stored and synced before the response. The same `Idempotency-Key` (or the same `ref`) with the same body gives
/// the same job again. With `Prefer: respond-async` (RFC 7240) the photo's pixels and the fit of the texts are
/// inspected after the response: until then the job is `received`.
pub(super) async fn post(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let _counted = app.station.begin_request();
    let key = posted::read_key(request.headers())?;
    let later = prefers_async(request.headers());
    let posted = posted::read(request).await?;
    // Without authentication nobody states who posts a job.
    let submission = Submission { body: posted.body(), key: key.as_deref(), later, by: None };
    let accepted = app.intake.receive(submission).await.map_err(|refused| {
        if let Refused::Rules(refusal) = &refused {
            let code = refusal.errors.first().map_or_else(String::new, |f| f.code.clone());
            app.metrics.jobs_refused.get_or_create(&CodeLabel { code }).inc();
        }
        Problem::from(refused)
    })?;
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
    let words = Text::fixed(
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
    let words = Text::new(
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
    let words = Text::new(
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

/// Parameters of the list.
static PARAMETERS: [Known; 10] = [
    Known {
        name: "state",
        repeats: true,
        rule: Text::fixed(
            "state: satu status atau beberapa, misalnya held,unsure. Status: received, held, queued, claimed, composed, encoding, encoded, printing, printed, handed_over, unsure, cancelled, spoiled, expired.",
            "state is one state or several, as held,unsure. States: received, held, queued, claimed, composed, encoding, encoded, printing, printed, handed_over, unsure, cancelled, spoiled, expired.",
        ),
    },
    Known {
        name: "ref",
        repeats: false,
        rule: Text::fixed(
            "ref: nomor permohonan yang persis, 1 sampai 40 karakter A-Z, 0-9, / dan -.",
            "ref is the exact number of the application, 1 to 40 characters A-Z, 0-9, / and -.",
        ),
    },
    Known {
        name: "ref_prefix",
        repeats: false,
        rule: Text::fixed(
            "ref_prefix: awal nomor permohonan, 1 sampai 40 karakter A-Z, 0-9, / dan -.",
            "ref_prefix is how the number of the application begins, 1 to 40 characters A-Z, 0-9, / and -.",
        ),
    },
    Known {
        name: "id",
        repeats: false,
        rule: Text::fixed(
            "id: awal atau akhir nomor pekerjaan, 4 sampai 36 karakter 0-9, a-f dan -.",
            "id is how a job's id begins or ends, 4 to 36 characters 0-9, a-f and -.",
        ),
    },
    Known {
        name: "product",
        repeats: false,
        rule: Text::fixed(
            "product: nama jenis kartu, 1 sampai 64 karakter; lihat /v1/products.",
            "product is the name of a kind of card, 1 to 64 characters; see /v1/products.",
        ),
    },
    Known {
        name: "received_from",
        repeats: false,
        rule: Text::fixed(
            "received_from: hari kantor 2026-03-01 atau waktu RFC 3339 2026-03-01T08:00:00+07:00.",
            "received_from is a day of the office 2026-03-01 or an RFC 3339 time 2026-03-01T08:00:00+07:00.",
        ),
    },
    Known {
        name: "received_until",
        repeats: false,
        rule: Text::fixed(
            "received_until: hari kantor 2026-03-31 (termasuk) atau waktu RFC 3339 (tidak termasuk).",
            "received_until is a day of the office 2026-03-31 (included) or an RFC 3339 time (not included).",
        ),
    },
    Known {
        name: "order",
        repeats: false,
        rule: Text::fixed("order: oldest atau newest.", "order is oldest or newest."),
    },
    Known {
        name: "cursor",
        repeats: false,
        rule: Text::fixed(
            "cursor: nilai next dari halaman sebelumnya.",
            "cursor is the value of next on the page before.",
        ),
    },
    Known {
        name: "limit",
        repeats: false,
        rule: Text::fixed("limit: 1 sampai 500.", "limit is 1 to 500."),
    },
];

/// Lists jobs in the order of their arrival. If several parameters are given, all of them must match.
pub(super) async fn list(State(app): State<App>, uri: Uri) -> Result<Json<JobsView>, Problem> {
    let asked = Parameters::of(&uri, &PARAMETERS)?;
    let wanted = wanted(&asked, app.examiner().offset())?;
    let order = asked.read("order", |text| match text {
        "oldest" => Some(Order::OldestFirst),
        "newest" => Some(Order::NewestFirst),
        _ => None,
    })?;
    let order = order.unwrap_or(Order::OldestFirst);
    let cursor = asked.read("cursor", query::number::<u64>)?;
    let in_range = |limit: &u32| (1..=PAGE_LIMIT).contains(limit);
    let limit = asked.read("limit", |text| query::number(text).filter(in_range))?;
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    let page = app.ask(move |ledger| ledger.find(&wanted, order, cursor, limit)).await?;
    let jobs = page.jobs.into_iter().map(JobView::from).collect();
    Ok(Json(JobsView { jobs, next: page.next.map(|seq| seq.to_string()) }))
}

fn wanted(asked: &Parameters, offset: Offset) -> Result<Wanted, Problem> {
    let of_reference = |text: &str| {
        is_made_of(text, 1..=40, |b| {
            b.is_ascii_uppercase() || b.is_ascii_digit() || b"/-".contains(&b)
        })
    };
    let of_id =
        |text: &str| is_made_of(text, 4..=36, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    Ok(Wanted {
        states: asked.read("state", states)?.unwrap_or_default(),
        reference: asked.read("ref", of_reference)?,
        reference_prefix: asked.read("ref_prefix", of_reference)?,
        id_part: asked.read("id", of_id)?,
        product: asked.read("product", |text| {
            is_made_of(text, 1..=64, |b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        })?,
        received_from: asked.read("received_from", |text| query::moment(text, offset))?,
        received_until: asked.read("received_until", |text| query::end(text, offset))?,
    })
}

fn states(text: &str) -> Option<Vec<crate::lifecycle::State>> {
    let mut states: Vec<_> =
        text.split(',').map(crate::lifecycle::State::from_name).collect::<Option<_>>()?;
    states.sort_unstable();
    states.dedup();
    Some(states)
}

fn is_made_of(
    text: &str,
    length: std::ops::RangeInclusive<usize>,
    allowed: impl Fn(u8) -> bool,
) -> Option<String> {
    (length.contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}

/// Shows one job.
pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let id = job_id(&id)?;
    let (job, lines) =
        app.ask(move |ledger| Ok((ledger.job(&id)?, ledger.events_of(&id)?))).await?;
    // What was written and spoiled stands in lines that may have been cut off; then nothing is said of it.
    let is_whole = lines.first().is_some_and(|line| line.event == "received");
    let encoding = is_whole.then(|| Encoding::of(&lines));
    Ok(Json(JobView { encoding, ..JobView::from(job) }))
}

pub(super) fn job_id(text: &str) -> Result<JobId, Problem> {
    JobId::parse(text).ok_or_else(Problem::not_found)
}
