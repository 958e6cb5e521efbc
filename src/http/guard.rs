//! At the gate: not more than can be worked on, and nothing that another site's page makes a browser send.

use std::future::Future as _;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio_stream::StreamExt as _;

use super::problem::Problem;

/// How much of a request that is too long is heard, in times of what is allowed.
const DRAIN_FACTOR: usize = 8;
/// And for how long.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// More requests than places are answered at once: try again.
pub(super) async fn limit(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    match places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => super::busy().into_response(),
    }
}

/// A fault of the program is answered as one, and the connection goes on; the place is logged by [`crate::panics`].
pub(super) async fn panics(request: Request, next: Next) -> Response {
    let mut answer = Box::pin(next.run(request));
    std::future::poll_fn(move |context| {
        let polled = crate::panics::caught(|| answer.as_mut().poll(context));
        polled.unwrap_or_else(|| Poll::Ready(failed().into_response()))
    })
    .await
}

fn failed() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "E_PROGRAM",
        "Program gagal saat mengerjakan kiriman ini; tidak ada yang disimpan. Kirim foto atau data lain; jika terulang, hubungi teknisi.",
        "The program failed at this request; nothing was stored. Send another photo or other data; if it happens again, call the technician.",
    )
}

/// A request that says how long it is and is too long is heard to its end, within limits, before it is refused:
/// a client that is cut off while it sends never reads the answer.
pub(super) async fn length(
    State(max_bytes): State<usize>,
    request: Request,
    next: Next,
) -> Response {
    let declared =
        request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_none_or(|bytes| bytes <= max_bytes) {
        return next.run(request).await;
    }
    let mut pieces = request.into_body().into_data_stream();
    let drain = async {
        let mut heard = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            heard += piece.len();
            if heard > DRAIN_FACTOR * max_bytes {
                break;
            }
        }
    };
    // Too slow is as good as gone.
    let _ = tokio::time::timeout(DRAIN_LIMIT, drain).await;
    StatusCode::PAYLOAD_TOO_LARGE.into_response()
}

/// Loopback is reachable by every page in the operator's browser: a request must be addressed to a
/// loopback name (no DNS rebinding), and where a page sent it, to the page's own origin.
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !addressed_to_loopback(headers) {
        return Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "E_HOST",
            "Panggil stasiun sebagai localhost atau 127.0.0.1.",
            "Call the station as localhost or 127.0.0.1.",
        )
        .into_response();
    }
    if !from_own_page(headers) {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "E_ORIGIN",
            "Permintaan dari halaman situs lain ditolak.",
            "A request from another site's page is refused.",
        )
        .into_response();
    }
    next.run(request).await
}

fn addressed_to_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|v| v.to_str().ok()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(""),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn from_own_page(headers: &HeaderMap) -> bool {
    let text = |name: &axum::http::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    match (text(&ORIGIN), text(&HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.strip_prefix("http://") == Some(host),
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn only_loopback_names_are_answered() {
        for good in ["localhost:8631", "127.0.0.1:8631", "[::1]:8631", "LOCALHOST", "127.0.0.1"] {
            assert!(addressed_to_loopback(&headers(&[("host", good)])), "{good}");
        }
        for bad in ["evil.example:8631", "10.0.0.1", "", "127.0.0.1.evil.example"] {
            assert!(!addressed_to_loopback(&headers(&[("host", bad)])), "{bad}");
        }
        assert!(!addressed_to_loopback(&HeaderMap::new()));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        assert!(from_own_page(&headers(&[("host", "localhost:1")])));
        assert!(from_own_page(&headers(&[
            ("host", "localhost:1"),
            ("origin", "http://localhost:1")
        ])));
        assert!(!from_own_page(&headers(&[
            ("host", "localhost:1"),
            ("origin", "http://evil.example")
        ])));
        assert!(!from_own_page(&headers(&[("host", "localhost:1"), ("origin", "null")])));
    }
}
