//! `/readyz`: could the station accept a job and print it now? If not, every reason by name. Changes nothing.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use drivers::text::Text;

use super::App;
use super::problem::Problem;
use crate::codes::requests::{E_CLOCK_IN_DOUBT, E_STATION_ENDED};
use crate::finding::Finding;
use crate::heartbeat::Stopped;
use crate::ledger::{LedgerError, words_of_failing};
use crate::report::{PrinterState, Snapshot, StateReason};

/// Could a job be accepted and printed now?
///
/// 200 when it could; 503 with every reason in `errors` when not. `?for=intake` asks only whether jobs can be taken in:
/// they then wait for their printer.
pub(super) async fn readyz(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<&'static str, Problem> {
    let intake_only = match query.as_deref() {
        None | Some("") => false,
        Some("for=intake") => true,
        Some(_) => return Err(bad_query()),
    };
    let mut reasons = ledger_reasons(&app).await;
    let station = app.station.watch();
    let stopped = app.heartbeats.stopped();
    reasons
        .extend(stopped.iter().map(|stopped| Finding::whole(E_STATION_ENDED.code, ended(stopped))));
    let doubt = app.clock_trust.doubt();
    reasons.extend(doubt.map(|doubt| Finding::whole(E_CLOCK_IN_DOUBT.code, doubt.words())));
    if !intake_only {
        let snapshot = station.borrow().clone();
        let known: Vec<String> = reasons.iter().map(|reason| reason.words.en.to_string()).collect();
        let more = printer_reasons(&snapshot).into_iter();
        reasons.extend(more.filter(|reason| !known.contains(&reason.words.en.to_string())));
    }
    if reasons.is_empty() { Ok("ready\n") } else { Err(Problem::not_ready(reasons)) }
}

async fn ledger_reasons(app: &App) -> Vec<Finding> {
    let troubles = app.ledger.health().borrow().troubles();
    let mut reasons: Vec<Finding> =
        troubles.into_iter().map(|trouble| Finding::whole(trouble.code, trouble.words)).collect();
    let failure = if app.ledger.is_alive() {
        app.ask_raw(|ledger| ledger.counts()).await.err()
    } else {
        Some(LedgerError::Closed)
    };
    if let Some(error) = failure {
        reasons.push(Finding::whole("E_LEDGER", words_of_failing(&error.to_string())));
    }
    reasons
}

/// Why no card would be printed now. A card in progress is not a reason.
fn printer_reasons(station: &Snapshot) -> Vec<Finding> {
    if station.state != PrinterState::Stopped {
        return Vec::new();
    }
    let is_error = |reason: &&StateReason| reason.keyword.ends_with("-error");
    let finding = |reason: &StateReason| Finding {
        field: Some(reason.keyword.clone()),
        ..Finding::whole(
            "E_PRINTER",
            Text::new(reason.message.id.clone(), reason.message.en.clone()),
        )
    };
    let mut reasons: Vec<Finding> =
        station.state_reasons.iter().filter(is_error).map(finding).collect();
    if reasons.is_empty() {
        reasons.push(Finding::whole(
            "E_PRINTER",
            Text::fixed(
                "Printer belum menjawab sejak stasiun dinyalakan. Tunggu sebentar; periksa kabel dan dayanya bila tetap begini.",
                "The printer has not answered since the station was started. Wait a moment; check its cable and its power if this stays.",
            ),
        ));
    }
    reasons
}

fn ended(stopped: &Stopped) -> Text {
    let part = stopped.part.name();
    Text::new(
        format!(
            "Bagian {part} dari program berhenti; kartud akan dinyalakan ulang. Beri tahu teknisi bila ini terulang."
        ),
        format!(
            "{stopped}; kartud will be started anew. Tell the technician if this happens again."
        ),
    )
}

fn bad_query() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "E_QUERY",
        "Satu-satunya parameter adalah for=intake: hanya tanya apakah pekerjaan dapat diterima.",
        "The only parameter is for=intake: it asks only whether jobs can be taken in.",
    )
}
