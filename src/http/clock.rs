//! `/v1/clock/trust`: a person says that the clock is right, where nothing else can.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::App;
use super::problem::Problem;
use crate::actor::Actor;
use crate::codes::requests::E_BY;

/// Who says so.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    /// Officer number or account, not a name, because it is stored in the ledger.
    by: String,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct TrustView {
    /// The time that is believed from now on.
    now: jiff::Timestamp,
    /// Why it was in doubt; `null`: it was not, and nothing was written.
    was_in_doubt: Option<&'static str>,
}

/// Says that the clock is right. It holds until the computer is started anew.
pub(super) async fn trust(State(app): State<App>, body: Bytes) -> Result<Json<TrustView>, Problem> {
    let word = serde_json::from_slice::<Word>(&body).ok();
    let by = word.and_then(|word| Actor::read(&word.by));
    let by = by.ok_or_else(|| Problem::of(StatusCode::BAD_REQUEST, E_BY.at("by", &[])))?;
    let doubt = app.clock_trust.doubt();
    if let Some(doubt) = doubt {
        let booted_at = app.clock_trust.booted_at();
        app.ledger.note_clock_trusted(by, doubt, booted_at).await?;
        app.clock_trust.trust();
        app.station.wake();
    }
    Ok(Json(TrustView { now: app.ledger.now(), was_in_doubt: doubt.map(|doubt| doubt.name()) }))
}
