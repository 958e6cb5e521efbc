//! Reads a posted job: JSON with the photo in base64, or multipart with the parts `job` and `photo`.
//! Decides nothing about the job itself.

use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use drivers::words::Words;

use super::problem::Problem;
use crate::finding::Finding;
use crate::job::{JobRequest, Photo};

/// Longest `Idempotency-Key`; a UUID has 36.
const KEY_LIMIT: usize = 255;

/// Reads the body, whichever way it was sent.
pub(super) async fn read_job(request: Request) -> Result<JobRequest, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/json" => read_json(request).await,
        "multipart/form-data" => read_multipart(request).await,
        _ => Err(super::guard::media_type(true)),
    }
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
                Words::fixed(
                    "Idempotency-Key harus 1 sampai 255 huruf ASCII tanpa spasi.",
                    "Idempotency-Key must be 1 to 255 visible ASCII characters.",
                ),
            ),
        ));
    }
    Ok(Some(key.to_owned()))
}

async fn read_json(request: Request) -> Result<JobRequest, Problem> {
    let body = axum::body::Bytes::from_request(request, &()).await.map_err(|refused| {
        if refused.status() == StatusCode::PAYLOAD_TOO_LARGE { too_large() } else { broken() }
    })?;
    parse(&body)
}

async fn read_multipart(request: Request) -> Result<JobRequest, Problem> {
    let mut parts = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    let (mut job, mut photo) = (None, None);
    while let Some(part) = parts.next_field().await.map_err(|e| of_multipart(&e))? {
        let name = part.name().unwrap_or("").to_owned();
        let bytes = part.bytes().await.map_err(|e| of_multipart(&e))?;
        let slot = match name.as_str() {
            "job" => &mut job,
            "photo" => &mut photo,
            _ => return Err(wrong_part()),
        };
        if slot.replace(bytes).is_some() {
            return Err(wrong_part());
        }
    }
    let mut request: JobRequest = parse(&job.ok_or_else(wrong_part)?)?;
    if request.photo.is_some() {
        return Err(wrong_part());
    }
    if let Some(bytes) = photo {
        request.photo = Some(Photo(bytes.to_vec()));
    }
    Ok(request)
}

/// The parser's own sentence may quote what was sent, so only its place is passed on, and the name of
/// a key that is missing or unknown.
pub(super) fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let said = error.to_string();
        let about_key =
            ["unknown field `", "missing field `", "duplicate field `"].iter().find_map(|start| {
                let key = said.strip_prefix(start)?.split('`').next()?;
                Some((start.split(' ').next()?, key.chars().take(60).collect::<String>()))
            });
        let place = format!("baris/line {}, kolom/column {}", error.line(), error.column());
        let (id, en) = match &about_key {
            Some(("missing", key)) => {
                (format!("Kunci {key} tidak ada."), format!("The key {key} is missing."))
            }
            Some(("duplicate", key)) => {
                (format!("Kunci {key} ada dua kali."), format!("The key {key} stands twice."))
            }
            Some((_, key)) => (
                format!("Kunci {key} tidak dikenal. Lihat /openapi.json."),
                format!("The key {key} is not known. See /openapi.json."),
            ),
            None => (
                format!("Kiriman bukan JSON yang diharapkan ({place}). Lihat /openapi.json."),
                format!(
                    "The request is not the JSON that is expected ({place}). See /openapi.json."
                ),
            ),
        };
        let mut finding = Finding::whole("E_JSON", Words::new(id, en));
        finding.field = about_key.map(|(_, key)| key);
        Problem::of(StatusCode::BAD_REQUEST, finding)
    })
}

fn of_multipart(error: &MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE { too_large() } else { broken() }
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "E_TOO_LARGE",
        "Kiriman terlalu besar. Foto paling besar 2 MiB.",
        "The request is too large. A photo may have 2 MiB at most.",
    )
}

fn broken() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "E_BODY",
        "Kiriman putus atau rusak; tidak ada yang disimpan. Kirim lagi.",
        "The request broke off or is damaged; nothing was stored. Send it again.",
    )
}

fn wrong_part() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "E_PART",
        "Kiriman multipart harus punya satu bagian job, paling banyak satu bagian photo, dan tidak ada yang lain.",
        "A multipart request must have one part job, at most one part photo, and nothing else.",
    )
}
