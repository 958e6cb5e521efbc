//! `/openapi.json`: the description of this API, written by hand, served as it is. What upstream developers read and
//! generate their clients from. Tests hold it against the routes and against the answers.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// OpenAPI 3.1.
const DOCUMENT: &str = include_str!("openapi.json");

/// This description.
pub(super) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}
