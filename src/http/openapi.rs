//! `/openapi.json`: the description of this API, written by hand and served unchanged. Upstream developers read it and
//! generate clients from it. Tests compare it with the routes and the responses.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// OpenAPI 3.1.
const DOCUMENT: &str = include_str!("openapi.json");

/// This description.
pub(super) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}
