//! Common treatment of responses: the headers that all of them have, and how much memory may wait for slow clients.
//! Knows no route.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response};
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connections::{Progress, Stage};

/// Smaller responses fit into the system's buffer of a connection.
const SMALL_BYTES: u64 = 16 * 1024;
/// Memory for larger responses that wait for their clients, in total: some dozens of previews.
const LARGE_TOTAL_KIB: usize = 48 * 1024;
/// Bytes passed on at once, so that the rest of a response is freed when its client leaves.
const PIECE_BYTES: usize = 32 * 1024;

/// Other sites' pages may not show or read these responses, and no cache may store them.
const SEALS: [(HeaderName, &str); 3] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers that every response has.
pub(super) async fn seal(request: Request, next: Next) -> axum::response::Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SEALS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Memory reservations for large responses.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Semaphore>);

impl Outbox {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_TOTAL_KIB)))
    }
}

/// Held with a large response until it is sent.
#[derive(Clone)]
struct Reservation(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

/// Refuses a large response for which there is no memory.
pub(super) async fn bound(
    State(outbox): State<Outbox>,
    request: Request,
    next: Next,
) -> axum::response::Response {
    let mut response = next.run(request).await;
    let bytes = response.body().size_hint().lower();
    if bytes > SMALL_BYTES {
        // A response that is larger than the whole budget takes all of it.
        let kib = (bytes / 1024).min(LARGE_TOTAL_KIB as u64) as u32;
        match outbox.0.clone().try_acquire_many_owned(kib) {
            Ok(room) => drop(response.extensions_mut().insert(Reservation(Arc::new(room)))),
            Err(_) => return super::busy().into_response(),
        }
    }
    response
}

/// The body of a response: its connection counts as busy for as long as it exists.
pub(super) struct Followed {
    body: Body,
    /// Bytes taken from the body and not yet passed on.
    rest: Bytes,
    progress: Progress,
    _room: Option<Reservation>,
}

/// Tracks a response to its end.
pub(super) fn follow(answer: Response<Body>, progress: Progress) -> Response<Followed> {
    let (mut parts, body) = answer.into_parts();
    let room = parts.extensions.remove::<Reservation>();
    Response::from_parts(parts, Followed { body, rest: Bytes::new(), progress, _room: room })
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.progress.enter(Stage::Waiting);
    }
}

impl HttpBody for Followed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)?) else {
                return Poll::Ready(None);
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        match self.body.size_hint().exact() {
            Some(bytes) => SizeHint::with_exact(bytes + rest),
            None => SizeHint::default(),
        }
    }
}
