//! `/v1/jobs/{id}/preview/front.png` and `back.png`: the card as it would look, marked CONTOH. Every access to this
//! personal data is recorded.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::App;
use super::jobs::job_id;
use super::problem::Problem;
use crate::ledger::LedgerError;
use crate::panics;

/// The card as it would look, marked CONTOH. Each access is recorded in the ledger.
pub(super) async fn face(
    State(app): State<App>,
    Path((id, face)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let id = job_id(&id)?;
    let side = match face.as_str() {
        "front.png" => "front",
        "back.png" => "back",
        _ => return Err(Problem::not_found()),
    };
    // Both sides and their photo are loaded only when this preview's turn comes.
    let _place = app.previews.try_acquire().map_err(|_| super::busy())?;
    let _turn = app.intake.inspection_turn().await;
    let (ledger, examiner, job) = (app.ledger.clone(), app.intake.examiner(), id.clone());
    let png = panics::passed_on(
        tokio::task::spawn_blocking(move || -> Result<Option<Vec<u8>>, Problem> {
            let received_at = ledger.job(&job)?.received_at;
            let (request, photo) = ledger.job_data(&job)?;
            examiner.preview(&request, photo.as_deref(), side == "back", received_at).map_err(
                |findings| {
                    findings.into_iter().next().map_or_else(Problem::not_found, |first| {
                        Problem::of(StatusCode::CONFLICT, first)
                    })
                },
            )
        })
        .await,
    )
    .ok_or(Problem::from(LedgerError::Closed))??
    .ok_or_else(Problem::not_found)?;
    app.ledger.note_preview(&id, side).await?;
    Ok(([(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, "no-store")], png).into_response())
}
