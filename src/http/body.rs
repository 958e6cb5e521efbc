//! Reads the body of every request completely before a handler runs: within a time limit, at a minimum rate, and with
//! bounded memory for all of them together. A request takes no handler's place while its body is read. Knows no route
//! and no content.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_stream::StreamExt as _;

use super::connections::{Progress, Stage};
use super::problem::Problem;
use crate::codes::requests;

/// Time for a body of any size.
const GRACE: Duration = Duration::from_secs(10);
/// A longer body gets more time at this rate, far below the slowest client on this computer.
const BYTES_PER_SECOND: u32 = 64 * 1024;
/// The most time that any body gets.
const BODY_LIMIT: Duration = Duration::from_secs(30);
/// A body up to this size needs no reservation, because the number of connections limits them.
const SMALL_BYTES: usize = 16 * 1024;
/// Memory for larger bodies that are being read or handled, in total: a dozen of the largest photos.
const LARGE_TOTAL_BYTES: usize = 48 * 1024 * 1024;
/// How long a body waits for memory.
const MEMORY_WAIT_LIMIT: Duration = Duration::from_secs(10);
/// While another body waits for memory, a slow client that has held some for this long loses it.
const SLOW_AFTER: Duration = Duration::from_secs(1);
/// Slow means less than this: a hundredth of what a client on this computer sends.
const SLOW_BYTES_PER_SECOND: f64 = 1024.0 * 1024.0;
/// How often slow clients are looked for while another body waits.
const SLOW_CHECK: Duration = Duration::from_millis(200);

/// The state that all bodies share.
#[derive(Clone)]
pub(super) struct Readings {
    max_bytes: usize,
    room: Arc<Semaphore>,
    large: Arc<Mutex<BTreeMap<u64, Arc<Large>>>>,
}

/// A large body that is being read.
struct Large {
    since: Instant,
    heard_bytes: AtomicUsize,
    give_up: Notify,
}

/// The entry of a large body, for as long as it is being read.
struct Entry {
    number: u64,
    readings: Readings,
    large: Arc<Large>,
}

/// A body in memory, and its reservation.
type Whole = (Bytes, Option<OwnedSemaphorePermit>);

/// Reads the whole body and passes the request on.
pub(super) async fn read(
    State(readings): State<Readings>,
    request: Request,
    next: Next,
) -> Response {
    let progress = request.extensions().get::<Progress>().cloned();
    let (parts, body) = request.into_parts();
    let (bytes, room) = match readings.whole(&parts.headers, body).await {
        Ok(whole) => whole,
        Err(problem) => return problem.closing().into_response(),
    };
    if let Some(progress) = progress {
        progress.enter(Stage::Working);
    }
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    drop(room);
    response
}

impl Readings {
    /// No body is longer than `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        let room = kib(LARGE_TOTAL_BYTES.max(max_bytes)) as usize;
        Self { max_bytes, room: Arc::new(Semaphore::new(room)), large: Arc::default() }
    }

    async fn whole(&self, headers: &HeaderMap, body: Body) -> Result<Whole, Problem> {
        if body.is_end_stream() {
            return Ok((Bytes::new(), None));
        }
        let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        if declared.is_some_and(|bytes: usize| bytes > self.max_bytes) {
            return Err(too_large());
        }
        let expected = declared.unwrap_or(self.max_bytes);
        let mut reading = Reading::new(body, self.max_bytes);
        if reading.read_up_to(SMALL_BYTES).await? {
            return Ok((reading.bytes.into(), None));
        }
        let room = self.reserve(expected).await?;
        let entry = self.enter();
        reading.began += reading.last_heard.elapsed();
        let whole = tokio::select! {
            whole = reading.read_rest(&entry.large, expected) => whole,
            () = entry.large.give_up.notified() => Err(too_slow()),
        };
        whole.map(|()| (reading.bytes.into(), Some(room)))
    }

    /// Reserves memory for a whole body at once, so that two half-read bodies never wait for each other.
    async fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let mut room = std::pin::pin!(self.room.clone().acquire_many_owned(kib(bytes)));
        let until = Instant::now() + MEMORY_WAIT_LIMIT;
        while Instant::now() < until {
            if let Ok(room) = tokio::time::timeout(SLOW_CHECK, room.as_mut()).await {
                return room.map_err(|_| super::busy());
            }
            self.give_up_slow();
        }
        Err(super::busy())
    }

    fn give_up_slow(&self) {
        self.lock().values().filter(|large| large.is_slow()).for_each(|it| it.give_up.notify_one());
    }

    fn enter(&self) -> Entry {
        let large = Arc::new(Large {
            since: Instant::now(),
            heard_bytes: AtomicUsize::new(0),
            give_up: Notify::new(),
        });
        let mut all = self.lock();
        let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
        all.insert(number, large.clone());
        Entry { number, readings: self.clone(), large }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Large>>> {
        // A panic cannot leave the data inconsistent.
        self.large.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Large {
    fn is_slow(&self) -> bool {
        let age = self.since.elapsed();
        let heard_bytes = self.heard_bytes.load(Ordering::Relaxed) as f64;
        age > SLOW_AFTER && heard_bytes < age.as_secs_f64() * SLOW_BYTES_PER_SECOND
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.readings.lock().remove(&self.number);
    }
}

/// A body that is being read.
struct Reading {
    pieces: axum::body::BodyDataStream,
    bytes: Vec<u8>,
    max_bytes: usize,
    began: Instant,
    last_heard: Instant,
}

impl Reading {
    fn new(body: Body, max_bytes: usize) -> Self {
        let now = Instant::now();
        let pieces = body.into_data_stream();
        Self { pieces, bytes: Vec::new(), max_bytes, began: now, last_heard: now }
    }

    /// Reads until there are more than this many bytes. `true`: the body ended before.
    async fn read_up_to(&mut self, bytes: usize) -> Result<bool, Problem> {
        while self.bytes.len() <= bytes {
            if !self.read_piece().await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read_rest(&mut self, large: &Large, expected: usize) -> Result<(), Problem> {
        self.bytes.reserve_exact(expected.saturating_sub(self.bytes.len()));
        while self.read_piece().await? {
            large.heard_bytes.store(self.bytes.len(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// `false`: the body has ended.
    async fn read_piece(&mut self) -> Result<bool, Problem> {
        let earned = Duration::from_secs(self.bytes.len() as u64 / u64::from(BYTES_PER_SECOND));
        let until = self.began + (GRACE + earned).min(BODY_LIMIT);
        let piece = timeout_at(until, self.pieces.next()).await.map_err(|_| too_slow())?;
        let Some(piece) = piece else { return Ok(false) };
        let piece = piece.map_err(|_| broken())?;
        if self.bytes.len() + piece.len() > self.max_bytes {
            return Err(too_large());
        }
        // Copied, because a piece of one byte may keep a whole buffer alive.
        self.bytes.extend_from_slice(&piece);
        self.last_heard = Instant::now();
        Ok(true)
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

fn too_slow() -> Problem {
    Problem::said(StatusCode::REQUEST_TIMEOUT, &requests::E_TIMEOUT)
}

pub(super) fn too_large() -> Problem {
    Problem::said(StatusCode::PAYLOAD_TOO_LARGE, &requests::E_TOO_LARGE)
}

pub(super) fn broken() -> Problem {
    Problem::said(StatusCode::BAD_REQUEST, &requests::E_BODY)
}
