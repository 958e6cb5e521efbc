//! `/v1/jobs/{id}/events` and `/v1/events`: the ledger's lines, whole or as they come.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
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
use crate::ledger::{Entry, LedgerError};

/// Lines that one question to the ledger brings.
const PAGE: u32 = 200;
/// A comment line now and then, so that a dead connection is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One line of the ledger. Nothing personal.
#[derive(Debug, Serialize)]
pub(super) struct EntryView {
    /// Its number; `Last-Event-ID` to go on behind it.
    seq: u64,
    /// When (RFC 3339).
    at: jiff::Timestamp,
    /// Whose; `null`: it is about the station.
    job: Option<String>,
    /// The job's `ref`.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// What happened.
    event: String,
    /// Where the job stands after it.
    state: Option<crate::lifecycle::State>,
    /// What is known: codes, hashes, counters.
    detail: serde_json::Value,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            seq: entry.seq,
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

/// Events as they come (server-sent events).
///
/// Each line of the ledger is an event `job` with its number as `id`; give that as `Last-Event-ID` to go on
/// behind it (0 for all since the beginning). Without it only new ones come. Changes of the station come as
/// events `station` without `id`.
pub(super) async fn stream(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let new_only = *app.ledger.watch().borrow();
    let after = match headers.get("last-event-id") {
        None => new_only,
        Some(id) => id.to_str().ok().and_then(|id| id.trim().parse().ok()).ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "E_LAST_EVENT_ID",
                "Last-Event-ID harus angka dari kejadian sebelumnya.",
                "Last-Event-ID must be the number of an earlier event.",
            )
        })?,
    };
    let place = app.listeners.clone().try_acquire_owned().map_err(|_| super::busy())?;
    let (out, stream) = mpsc::channel(16);
    tokio::spawn(async move {
        let _place = place;
        // Ends when the listener hangs up or the daemon goes down.
        tokio::select! {
            _ = tell(&app, after, &out) => {}
            () = peer.hung_up() => {}
        }
    });
    Ok(Sse::new(ReceiverStream::new(stream)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The listener or the ledger has gone.
struct Gone;

type Out = mpsc::Sender<Result<Event, Infallible>>;

async fn tell(app: &App, mut after: u64, out: &Out) -> Result<(), Gone> {
    let mut ledger = app.ledger.watch();
    let mut station = app.station.watch();
    let mut stopping = app.stopping.clone();
    station.mark_changed();
    ledger.mark_changed();
    loop {
        tokio::select! {
            changed = ledger.changed() => {
                changed.map_err(|_| Gone)?;
                after = tell_entries(app, after, out).await?;
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

async fn tell_entries(app: &App, mut after: u64, out: &Out) -> Result<u64, Gone> {
    loop {
        let from = after;
        let entries: Result<Vec<Entry>, LedgerError> =
            app.ask_raw(move |ledger| ledger.events_after(from, PAGE)).await;
        let entries = entries.map_err(|_| Gone)?;
        let full = entries.len() == PAGE as usize;
        for entry in entries {
            after = entry.seq;
            let event = Event::default().id(after.to_string()).event("job");
            send(out, event.json_data(EntryView::from(entry))).await?;
        }
        if !full {
            return Ok(after);
        }
    }
}

async fn send(out: &Out, event: Result<Event, axum::Error>) -> Result<(), Gone> {
    out.send(Ok(event.map_err(|_| Gone)?)).await.map_err(|_| Gone)
}
