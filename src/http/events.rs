//! `/v1/jobs/{id}/events` and `/v1/events`: the ledger's lines, complete or as they are written.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::{Extension, Json};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::App;
use super::jobs::job_id;
use super::problem::Problem;
use super::wire::Peer;
use crate::ledger::head::{self, Head};
use crate::ledger::{Entry, LedgerError};

/// Lines per query of the ledger.
const PAGE: u32 = 200;
/// Interval of comment lines, so that a dead connection is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One line of the ledger. Contains nothing personal.
#[derive(Debug, Serialize)]
pub(super) struct EntryView {
    /// Its number.
    seq: u64,
    /// Its name as an event: send it as `Last-Event-ID` to continue after it.
    id: String,
    /// Time (RFC 3339).
    at: jiff::Timestamp,
    /// The job; `null`: it concerns the station.
    job: Option<String>,
    /// The job's `ref`.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// What happened.
    event: String,
    /// The job's state after it.
    state: Option<crate::lifecycle::State>,
    /// The details: codes, hashes, counters.
    detail: serde_json::Value,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            seq: entry.seq,
            id: head_of(&entry).event_id(),
            at: entry.at,
            job: entry.job.map(|job| job.to_string()),
            reference: entry.reference,
            event: entry.event,
            state: entry.state,
            detail: entry.detail,
        }
    }
}

/// The events of one job, oldest first.
pub(super) async fn of_job(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Vec<EntryView>>, Problem> {
    let id = job_id(&id)?;
    let entries = app
        .ask(move |ledger| {
            ledger.job(&id)?;
            ledger.events_of(&id)
        })
        .await?;
    Ok(Json(entries.into_iter().map(EntryView::from).collect()))
}

/// Events as they happen (server-sent events).
///
/// Each line of the ledger is an event `job` with `id` `SEQ-HASH16`: its number, and 16 digits of its hash in the
/// chain. Send that as `Last-Event-ID` to continue after it (0 for all that are left). Without it only new ones
/// are sent. Changes of the station are events `station` without `id`.
///
/// If that line is not in this ledger (an older copy was restored, the ledger was adopted, lines were cut off, or it is another ledger), an
/// event `reset` comes first: earlier events may no longer hold, so read `/v1/station`, `/v1/jobs` and whatever else
/// you store again. After it only new lines are sent; `reset` has the `id` to continue after.
pub(super) async fn stream(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let wanted = headers.get("last-event-id").map(EventId::read);
    let start = Start::of(&app, wanted).await?;
    let place = app.listeners.clone().try_acquire_owned().map_err(|_| super::busy())?;
    let (out, stream) = mpsc::channel(16);
    tokio::spawn(async move {
        let _place = place;
        // Ends when the client closes or the daemon stops.
        tokio::select! {
            _ = stream_events(&app, start, &out) => {}
            () = peer.hung_up() => {}
        }
    });
    Ok(Sse::new(ReceiverStream::new(stream)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The client's `Last-Event-ID`.
enum EventId {
    /// No event yet: send everything from the beginning.
    Beginning,
    /// Number and first digits of the hash.
    Line(u64, String),
    /// Anything else: a line's name from before names had a hash, or another server's.
    Unknown,
}

impl EventId {
    fn read(header: &HeaderValue) -> EventId {
        let text = header.to_str().map(str::trim).unwrap_or_default();
        let (seq, hash) =
            text.split_once('-').map_or((text, None), |(seq, hash)| (seq, Some(hash)));
        let is_hash = |hash: &str| {
            hash.len() == HASH_DIGITS
                && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_number = (1..=NUMBER_DIGITS).contains(&seq.len())
            && seq.bytes().all(|digit| digit.is_ascii_digit());
        if !is_number || !hash.is_none_or(is_hash) {
            return EventId::Unknown;
        }
        match (seq.parse(), hash) {
            (Ok(0), None) => EventId::Beginning,
            (Ok(seq), Some(hash)) => EventId::Line(seq, hash.to_owned()),
            _ => EventId::Unknown,
        }
    }
}

const HASH_DIGITS: usize = 16;
const NUMBER_DIGITS: usize = 20;

/// The beginning of a stream.
struct Start {
    behind: Head,
    /// The client's last event is not in this ledger.
    reset: bool,
}

impl Start {
    async fn of(app: &App, wanted: Option<EventId>) -> Result<Start, Problem> {
        let last = *app.ledger.watch().borrow();
        let (seq, digits) = match wanted {
            None => return Ok(Start { behind: last, reset: false }),
            Some(EventId::Beginning) => return Ok(Start { behind: head::START, reset: false }),
            Some(EventId::Unknown) => return Ok(Start { behind: last, reset: true }),
            Some(EventId::Line(seq, digits)) => (seq, digits),
        };
        let there =
            app.ask(move |ledger| ledger.hash_of(seq)).await?.map(|hash| Head { seq, hash });
        let known = there.filter(|head| head.event_id() == format!("{seq}-{digits}"));
        Ok(match known {
            Some(behind) => Start { behind, reset: false },
            None => Start { behind: last, reset: true },
        })
    }
}

fn reset_event(behind: &Head) -> Result<Event, axum::Error> {
    let id = behind.event_id();
    let data = serde_json::json!({
        "last_event": id,
        "message": {
            "id": "Kejadian yang Anda dengar terakhir tidak ada di buku besar ini (salinan lama dipasang kembali, atau buku besar lain). Baca ulang semuanya: /v1/station, /v1/jobs.",
            "en": "The event that you heard last is not in this ledger (an older copy was put back, or it is another ledger). Read everything anew: /v1/station, /v1/jobs.",
        },
    });
    Event::default().event("reset").id(id).json_data(data)
}

fn head_of(entry: &Entry) -> Head {
    Head { seq: entry.seq, hash: entry.hash }
}

/// The client or the ledger is gone.
struct Gone;

type Out = mpsc::Sender<Result<Event, Infallible>>;

async fn stream_events(app: &App, start: Start, out: &Out) -> Result<(), Gone> {
    if start.reset {
        send(out, reset_event(&start.behind)).await?;
    }
    let mut after = start.behind.seq;
    let mut ledger = app.ledger.watch();
    let mut station = app.station.watch();
    let mut stopping = app.stopping.clone();
    station.mark_changed();
    ledger.mark_changed();
    loop {
        tokio::select! {
            changed = ledger.changed() => {
                changed.map_err(|_| Gone)?;
                after = send_entries(app, after, out).await?;
            }
            changed = station.changed() => {
                changed.map_err(|_| Gone)?;
                let snapshot = station.borrow_and_update().clone();
                send(out, Event::default().event("station").json_data(snapshot)).await?;
            }
            _ = stopping.changed() => return Err(Gone),
            () = out.closed() => return Err(Gone),
        }
    }
}

async fn send_entries(app: &App, mut after: u64, out: &Out) -> Result<u64, Gone> {
    loop {
        let from = after;
        let entries: Result<Vec<Entry>, LedgerError> =
            app.ask_raw(move |ledger| ledger.events_after(from, PAGE)).await;
        let entries = entries.map_err(|_| Gone)?;
        let full = entries.len() == PAGE as usize;
        for entry in entries {
            after = entry.seq;
            let view = EntryView::from(entry);
            let event = Event::default().id(&view.id).event("job");
            send(out, event.json_data(view)).await?;
        }
        if !full {
            return Ok(after);
        }
    }
}

async fn send(out: &Out, event: Result<Event, axum::Error>) -> Result<(), Gone> {
    out.send(Ok(event.map_err(|_| Gone)?)).await.map_err(|_| Gone)
}
