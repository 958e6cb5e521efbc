//! Decodes a posted job: JSON with the photo in base64, or multipart with the parts `job` and `photo`. Decides nothing
//! about the job itself: [`crate::intake`] does.

use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use drivers::text::Text;

use super::body::{broken, too_large};
use super::guard;
use super::problem::Problem;
use crate::finding::Finding;
use crate::intake::Body;

/// Longest `Idempotency-Key`; a UUID has 36.
const KEY_LIMIT: usize = 255;

/// A decoded job.
pub(super) enum Posted {
    Json(Bytes),
    Parts { job: Bytes, photo: Option<Bytes> },
}

impl Posted {
    /// The form that intake takes.
    pub fn body(&self) -> Body<'_> {
        match self {
            Posted::Json(text) => Body::Json(text),
            Posted::Parts { job, photo } => Body::Parts { job, photo: photo.as_deref() },
        }
    }
}

/// Decodes the body, in either form.
pub(super) async fn read(request: Request) -> Result<Posted, Problem> {
    let posted = match media_type(request.headers())? {
        Kind::Json => Posted::Json(read_json(request).await?),
        Kind::Multipart => read_multipart(request).await?,
    };
    let (Posted::Json(text) | Posted::Parts { job: text, .. }) = &posted;
    if text.starts_with(&GZIP) { Err(guard::encoded()) } else { Ok(posted) }
}

/// The two forms of a posted job.
enum Kind {
    Json,
    Multipart,
}

/// The media type of the request's body. `guard` has already refused any other type.
fn media_type(headers: &HeaderMap) -> Result<Kind, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    match kind.trim().to_ascii_lowercase().as_str() {
        "application/json" if is_utf8(parameters) => Ok(Kind::Json),
        "application/json" => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "E_MEDIA_TYPE",
            "JSON harus UTF-8. Simpan sebagai UTF-8 tanpa BOM, lalu kirim lagi.",
            "JSON must be UTF-8. Save it as UTF-8 without BOM and send it again.",
        )),
        "multipart/form-data" if parameter(parameters, "boundary").is_none_or(str::is_empty) => {
            Err(no_boundary())
        }
        "multipart/form-data" => Ok(Kind::Multipart),
        other => Err(guard::media_type(other.as_bytes(), true)),
    }
}

/// The value of a parameter of a media type.
fn parameter<'p>(parameters: &'p str, wanted: &str) -> Option<&'p str> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"'))
    })
}

/// No `charset`, or UTF-8.
fn is_utf8(parameters: &str) -> bool {
    parameter(parameters, "charset").is_none_or(|charset| {
        ["utf-8", "utf8", "us-ascii"].iter().any(|ours| charset.eq_ignore_ascii_case(ours))
    })
}

/// `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): visible ASCII, quotes allowed.
pub(super) fn read_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or("").trim_matches('"');
    if key.is_empty() || key.len() > KEY_LIMIT || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Problem::of(
            StatusCode::BAD_REQUEST,
            Finding::at(
                "Idempotency-Key",
                "E_IDEMPOTENCY_KEY",
                Text::fixed(
                    "Idempotency-Key harus 1 sampai 255 huruf ASCII tanpa spasi.",
                    "Idempotency-Key must be 1 to 255 visible ASCII characters.",
                ),
            ),
        ));
    }
    Ok(Some(key.to_owned()))
}

async fn read_json(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|refused| {
        if refused.status() == StatusCode::PAYLOAD_TOO_LARGE { too_large() } else { broken() }
    })
}

async fn read_multipart(request: Request) -> Result<Posted, Problem> {
    let mut parts = Multipart::from_request(request, &()).await.map_err(|_| no_boundary())?;
    let (mut job, mut photo, mut any) = (None, None, false);
    while let Some(part) = parts.next_field().await.map_err(|e| of_multipart(&e, any))? {
        any = true;
        let name = part.name().unwrap_or("").to_owned();
        let bytes = part.bytes().await.map_err(|e| of_multipart(&e, any))?;
        let slot = match name.as_str() {
            "job" => &mut job,
            "photo" => &mut photo,
            _ => return Err(wrong_part()),
        };
        if slot.replace(bytes).is_some() {
            return Err(wrong_part());
        }
    }
    // A browser sends an empty file input as an empty part.
    let photo = photo.filter(|bytes: &Bytes| !bytes.is_empty());
    Ok(Posted::Parts { job: job.ok_or_else(wrong_part)?, photo })
}

/// First bytes of a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// Decodes a small body that is not a job. The parser's message may quote the content, so only its position is passed
/// on, and the name of a known key.
pub(super) fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let said = error.to_string();
        let quoted = |start: &str| said.strip_prefix(start)?.split('`').next();
        let missing = quoted("missing field `");
        let twice = quoted("duplicate field `");
        let (id, en) = match (missing, twice, quoted("unknown field `")) {
            (Some(key), ..) => {
                (format!("Kunci {key} tidak ada."), format!("The key {key} is missing."))
            }
            (_, Some(key), _) => {
                (format!("Kunci {key} ada dua kali."), format!("The key {key} stands twice."))
            }
            (.., Some(unknown)) => unknown_key(unknown, &said),
            _ => {
                let (line, column) = (error.line(), error.column());
                (
                    format!("Kiriman bukan JSON yang diharapkan (baris {line}, kolom {column}). Lihat /openapi.json."),
                    format!("The request is not the JSON that is expected (line {line}, column {column}). See /openapi.json."),
                )
            }
        };
        let mut finding = Finding::whole("E_JSON", Text::new(id, en));
        finding.field = missing.or(twice).map(str::to_owned);
        Problem::of(StatusCode::BAD_REQUEST, finding)
    })
}

/// The parser lists the known keys after the unknown one; the nearest known key is named, the unknown one is not.
fn unknown_key(unknown: &str, said: &str) -> (String, String) {
    let known = said.split('`').skip(3).step_by(2);
    let near = crate::nearest::nearest(unknown, known).unwrap_or("-");
    let letters = unknown.chars().count();
    (
        format!(
            "Satu kunci ({letters} huruf) tidak dikenal; yang paling mirip: {near}. Lihat /openapi.json."
        ),
        format!(
            "A key ({letters} characters) is not known; the nearest is {near}. See /openapi.json."
        ),
    )
}

fn of_multipart(error: &MultipartError, any: bool) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else if any {
        broken()
    } else {
        other_boundary()
    }
}

fn no_boundary() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "E_BODY",
        "Content-Type multipart/form-data tanpa boundary yang benar. Biarkan pustaka HTTP menulis Content-Type sendiri.",
        "The Content-Type multipart/form-data has no proper boundary. Leave the Content-Type to the HTTP library.",
    )
}

fn other_boundary() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "E_BODY",
        "Kiriman multipart kosong, putus, atau boundary di dalamnya lain dari yang tertulis di Content-Type. Biarkan pustaka HTTP menulis Content-Type sendiri.",
        "The multipart request is empty, broke off, or its boundary differs from the one in its Content-Type. Leave the Content-Type to the HTTP library.",
    )
}

pub(super) fn wrong_part() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "E_PART",
        "Kiriman multipart harus punya satu bagian job, paling banyak satu bagian photo, dan tidak ada yang lain.",
        "A multipart request must have one part job, at most one part photo, and nothing else.",
    )
}
