//! Every error response, as RFC 9457 problem details: the only place that maps errors to status codes. Sentences are in
//! Indonesian and English; `detail` is in the language that the client prefers.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header::{
    ACCEPT_LANGUAGE, CONNECTION, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use drivers::text::Text;
use serde::Serialize;

use crate::codes::requests::{
    E_CLOCK_IN_DOUBT, E_DISK_FULL, E_LEDGER, E_METHOD, E_NOT_FOUND, E_REQUEST, E_TOO_LARGE,
};
use crate::codes::{self, Code, Remedy};
use crate::finding::Finding;
use crate::intake::{Refusal, Refused};
use crate::job::json;
use crate::ledger::{LedgerError, words_of_gone};
use crate::lifecycle::State;
use crate::report::Sentence;

/// A clock that the network sets is set within minutes.
const CLOCK_RETRY_S: u32 = 60;

/// An error response. [`render`] writes it, since it knows the client's language.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    findings: Vec<Finding>,
    warnings: Vec<Finding>,
    retry_after_s: Option<u32>,
    closes: bool,
}

/// RFC 9457 problem details, `application/problem+json`.
#[derive(Debug, Serialize)]
pub(super) struct ProblemView {
    /// `urn:kartu:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words, in the language of `detail`.
    title: String,
    /// The HTTP status.
    status: u16,
    /// Stable code of the first fault.
    code: String,
    /// The field of the first fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The first fault in the preferred language (`Accept-Language`; Indonesian by default).
    detail: String,
    /// Every fault.
    errors: Vec<FindingView>,
    /// Warnings that were found beside the faults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<FindingView>,
}

/// One finding of a check.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FindingView {
    /// Stable, for programs; `E_` refuses, `H_` holds, `W_` warns.
    pub code: String,
    /// The field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong and what to do.
    pub message: Sentence,
    /// The recommendation names this warning as seen and accepted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub acknowledged: bool,
    /// How a stored job can be freed of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

impl FindingView {
    /// For a stored job: includes what to do about it, and who does it.
    pub fn of_job(finding: &Finding) -> Self {
        let remedy = codes::remedy(&finding.code);
        let (what, how) = (&finding.words, remedy.words());
        let words = Text::new(
            format!("{} {}", what.id, how.id).trim_end().to_owned(),
            format!("{} {}", what.en, how.en).trim_end().to_owned(),
        );
        Self { remedy: Some(remedy), message: Sentence::from(&words), ..Self::from(finding) }
    }
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.clone(),
            field: finding.field.clone(),
            message: Sentence::from(&finding.words),
            acknowledged: finding.acknowledged,
            remedy: None,
        }
    }
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, id: &'static str, en: &'static str) -> Self {
        Self::of(status, Finding::whole(code, Text::fixed(id, en)))
    }

    pub fn of(status: StatusCode, finding: Finding) -> Self {
        Self::all(status, vec![finding])
    }

    /// A problem with the general sentence of a code.
    pub fn said(status: StatusCode, code: &Code) -> Self {
        Self::of(status, code.whole())
    }

    /// Several findings; there is at least one.
    pub fn all(status: StatusCode, findings: Vec<Finding>) -> Self {
        Self { status, findings, warnings: Vec::new(), retry_after_s: None, closes: false }
    }

    /// Everything that keeps the station from being ready; at least one finding.
    pub fn not_ready(findings: Vec<Finding>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            findings,
            warnings: Vec::new(),
            retry_after_s: Some(10),
            closes: false,
        }
    }

    /// Nothing was stored because of these faults; at least one.
    pub fn refused(findings: Vec<Finding>) -> Self {
        Self::from(Refusal { errors: findings, warnings: Vec::new() })
    }

    pub fn not_found() -> Self {
        Self::said(StatusCode::NOT_FOUND, &E_NOT_FOUND)
    }

    /// Try again after so many seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The rest of the request is not read, so the connection cannot be used for another one.
    pub fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    fn view(&self, english: bool) -> ProblemView {
        let first = &self.findings[0];
        let detail = if english { &first.words.en } else { &first.words.id };
        ProblemView {
            kind: format!("urn:kartu:problem:{}", first.code),
            title: title(self.status, english).to_owned(),
            status: self.status.as_u16(),
            code: first.code.clone(),
            field: first.field.clone(),
            detail: detail.to_string(),
            errors: self.findings.iter().map(FindingView::from).collect(),
            warnings: self.warnings.iter().map(FindingView::from).collect(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unreadable(fault) => fault.into(),
            Refused::TwoPhotos => super::posted::wrong_part(),
            Refused::Rules(refusal) => refusal.into(),
            Refused::ClockInDoubt(doubt) => Self::of(
                StatusCode::SERVICE_UNAVAILABLE,
                Finding::whole(E_CLOCK_IN_DOUBT.code, doubt.words()),
            )
            .retry_after(CLOCK_RETRY_S),
            Refused::Busy => super::busy(),
            Refused::Ledger(error) => error.into(),
        }
    }
}

impl From<json::Fault> for Problem {
    fn from(fault: json::Fault) -> Self {
        let (status, code) = if fault.too_large {
            (StatusCode::PAYLOAD_TOO_LARGE, "E_TOO_LARGE")
        } else {
            (StatusCode::BAD_REQUEST, "E_JSON")
        };
        let mut finding = Finding::whole(code, fault.words);
        finding.field = fault.place;
        Problem::of(status, finding)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            findings: refusal.errors,
            warnings: refusal.warnings,
            retry_after_s: None,
            closes: false,
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NoSuchJob => Self::not_found(),
            LedgerError::Refused(refused) => Self::of(
                StatusCode::CONFLICT,
                Finding::whole("E_STATE", not_in_this_state(refused.state)),
            ),
            LedgerError::Full => {
                Self::said(StatusCode::INSUFFICIENT_STORAGE, &E_DISK_FULL).retry_after(60)
            }
            LedgerError::Gone(gone) => Self::of(
                StatusCode::SERVICE_UNAVAILABLE,
                Finding::whole("E_LEDGER_GONE", words_of_gone(&gone)),
            )
            .retry_after(60),
            // The ledger logs each change of its health; a line per request would only hide it.
            error => {
                // Ledger errors contain nothing personal.
                tracing::debug!(%error, "answered 503");
                Self::said(StatusCode::SERVICE_UNAVAILABLE, &E_LEDGER).retry_after(10)
            }
        }
    }
}

/// Why that is not possible for a job in this state, and what is.
fn not_in_this_state(state: State) -> Text {
    let (id, en) = match state {
        State::Held => (
            "Lepaskan (release) atau batalkan (cancel); alasannya ada di pekerjaan itu.",
            "Release it or cancel it; the reasons stand with the job.",
        ),
        State::Received | State::Queued | State::Claimed | State::Composed => (
            "Belum ada kartu yang bergerak untuknya; pekerjaan ini menunggu printer, atau dibatalkan (cancel).",
            "No card has moved for it yet: it waits for the printer, or is cancelled.",
        ),
        State::Encoding | State::Encoded | State::Printing => (
            "Kartunya sedang dikerjakan; tunggu sampai keluar.",
            "Its card is being made; wait until it is out.",
        ),
        State::Unsure => (
            "Lihat dahulu apa yang terjadi dengan kartunya, lalu jawab (resolve).",
            "See first what became of its card, then say so (resolve).",
        ),
        State::Printed | State::HandedOver | State::Cancelled | State::Spoiled | State::Expired => {
            (
                "Pekerjaan yang sudah selesai tidak dapat diubah begitu lagi.",
                "That cannot be done with it any more.",
            )
        }
    };
    Text::new(
        format!("Pekerjaan berstatus {}. {id}", state.label_id()),
        format!("The job is {}. {en}", state.name()),
    )
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The status in words, in the language of `detail`.
fn title(status: StatusCode, english: bool) -> &'static str {
    if english {
        return status.canonical_reason().unwrap_or("Error");
    }
    match status.as_u16() {
        400 => "Permintaan salah",
        403 => "Dilarang",
        404 => "Tidak ditemukan",
        405 => "Cara tidak diizinkan",
        408 => "Waktu habis",
        409 => "Bertentangan",
        413 => "Terlalu besar",
        415 => "Jenis isi tidak didukung",
        422 => "Isi tidak dapat diterima",
        503 => "Sedang tidak dapat melayani",
        507 => "Penyimpanan penuh",
        _ => "Kesalahan",
    }
}

/// Writes problems in the client's language, and turns the framework's own refusals into problems.
pub(super) async fn render(request: Request, next: Next) -> Response {
    let english = prefers_english(request.headers());
    let asked = Asked::of(&request);
    let mut response = next.run(request).await;
    asked.log(response.status());
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_foreign_error(&response) => foreign(response.status()),
        None => return response,
    };
    let body = serde_json::to_vec(&problem.view(english)).expect("strings and numbers become JSON");
    let allow = response.headers_mut().remove("allow");
    let mut rendered = (problem.status, body).into_response();
    let headers = rendered.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(if english { "en" } else { "id" }));
    headers.insert(VARY, HeaderValue::from_static("accept-language"));
    if let Some(seconds) = problem.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(allow) = allow {
        headers.insert("allow", allow);
    }
    rendered
}

/// A request as it may be logged: its route, never the contents of its path, query or body.
struct Asked {
    method: Method,
    route: String,
    began: Instant,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or("(no route)", MatchedPath::as_str).to_owned();
        Self { method: request.method().clone(), route, began: Instant::now() }
    }

    fn log(&self, status: StatusCode) {
        let (status, ms) = (status.as_u16(), self.began.elapsed().as_millis());
        // An unknown method may be any word, so it is not logged.
        let method = if self.method == Method::GET || self.method == Method::POST {
            self.method.as_str()
        } else {
            "(other)"
        };
        tracing::debug!(method, route = self.route, status, ms, "answered");
    }
}

fn is_foreign_error(response: &Response) -> bool {
    let status = response.status();
    let is_ours =
        response.headers().get(CONTENT_TYPE).is_some_and(|t| t == "text/plain; charset=utf-8");
    (status.is_client_error() || status.is_server_error())
        && (is_ours || !response.headers().contains_key(CONTENT_TYPE))
}

fn foreign(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::said(status, &E_METHOD),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::said(status, &E_TOO_LARGE),
        _ => Problem::said(status, &E_REQUEST),
    }
}

/// RFC 9110 section 12.5.4, as far as two languages need it: English only where it is ranked higher.
fn prefers_english(headers: &HeaderMap) -> bool {
    let Some(wanted) = headers.get(ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()) else {
        return false;
    };
    let quality = |language: &str| {
        wanted
            .split(',')
            .filter_map(|range| {
                let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
                let q =
                    parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse().ok())?;
                let primary = tag.trim().split('-').next()?;
                primary.eq_ignore_ascii_case(language).then_some(q)
            })
            .fold(0.0_f32, f32::max)
    };
    quality("en") > quality("id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn english(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
        prefers_english(&headers)
    }

    #[test]
    fn indonesian_unless_english_is_ranked_higher() {
        assert!(!prefers_english(&HeaderMap::new()));
        assert!(english("en"));
        assert!(english("en-GB,en;q=0.9"));
        assert!(!english("id,en;q=0.9"));
        assert!(english("id;q=0.5, en;q=0.8"));
        assert!(!english("*"));
        assert!(!english("en;q=zzz"));
    }
}
