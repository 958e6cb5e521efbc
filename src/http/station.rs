//! `/v1/station`, `/healthz`, `/readyz`, `/metrics`, `/`: the station's state, for programs and for people.

use axum::Json;
use axum::extract;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde::Serialize;

use super::App;
use super::problem::Problem;
use crate::backup::BackupView;
use crate::codes::requests;
use crate::heartbeat::HeartbeatView;
use crate::lifecycle::State;
use crate::report::{Kept, PowerCutView, Snapshot, StateReason, Waiting};

/// The station, and how many jobs are in each state.
#[derive(Debug, Serialize)]
pub(super) struct StationView {
    #[serde(flatten)]
    station: Snapshot,
    /// State → number of jobs.
    jobs: std::collections::BTreeMap<String, u64>,
    /// The office's name of each state.
    job_labels: std::collections::BTreeMap<&'static str, &'static str>,
    /// Jobs that wait for a person.
    waiting: Waiting,
    /// The essential threads of the daemon.
    threads: Vec<HeartbeatView>,
    /// The ledger's last line, as `Last-Event-ID` takes it.
    last_event: String,
    /// The ledger's last line, as `kartud ledger verify --head` takes it: whoever keeps it elsewhere can tell later that
    /// a ledger lost its end.
    ledger_head: String,
    /// The last copy of the ledger.
    backup: BackupView,
    /// The last stop that nobody had asked for, and its cards; `null`: there was none, or it is long ago.
    power_cut: Option<PowerCutView>,
    /// Why the clock is not believed; `null`: it is.
    clock_doubt: Option<&'static str>,
    /// The office's time zone, hours east of Greenwich: decides which day it is there.
    utc_offset_hours: i32,
}

/// The station's state, in the terms of IPP.
pub(super) async fn station(
    extract::State(app): extract::State<App>,
) -> Result<Json<StationView>, Problem> {
    let head = *app.ledger.watch().borrow();
    let backups = app.backups.clone();
    let (power_cut, offset) = (app.power_cut.clone(), app.examiner().offset());
    let (jobs, waiting, backup, power_cut) = app
        .ask(move |ledger| {
            let jobs = ledger.counts()?;
            let waiting = Waiting::of(&jobs, ledger)?;
            let power_cut = power_cut.map(|cut| cut.view(ledger, offset)).transpose()?.flatten();
            Ok((jobs, waiting, backups.now(ledger.now()), power_cut))
        })
        .await?;
    let mut station = app.station.watch().borrow().clone();
    let late = backup.words().map(|words| StateReason::new("other-warning", &words));
    station.state_reasons.extend(late);
    Ok(Json(StationView {
        station,
        jobs: jobs.into_iter().map(|(state, n)| (state.name().to_owned(), n)).collect(),
        job_labels: State::ALL.into_iter().map(|state| (state.name(), state.label_id())).collect(),
        waiting,
        threads: app.heartbeats.view(),
        last_event: head.event_id(),
        ledger_head: head.to_string(),
        backup,
        power_cut,
        clock_doubt: app.clock_trust.doubt().map(|doubt| doubt.name()),
        utc_offset_hours: app.examiner().offset().seconds() / 3600,
    }))
}

/// The process is alive.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Figures for a scraper (OpenMetrics).
pub(super) async fn metrics(
    extract::State(app): extract::State<App>,
) -> Result<impl IntoResponse, Problem> {
    let (today, offset) = (app.today(), app.examiner().offset());
    let backups = app.backups.clone();
    let (jobs, blanks, backup) = app
        .ask(move |ledger| {
            let days = ledger.blank_days(today, today, offset)?;
            Ok((ledger.counts()?, days, backups.now(ledger.now())))
        })
        .await?;
    let blanks = blanks.first().expect("from today to today is one day");
    let snapshot = app.station.watch().borrow().clone();
    let lines = app.ledger.watch().borrow().seq;
    let kept = Kept { lines, backup_age_s: backup.age_s, backup_late: backup.late };
    let page = app
        .metrics
        .expose(&snapshot, &jobs, blanks, &app.heartbeats.view(), &kept)
        .map_err(|_| Problem::said(StatusCode::SERVICE_UNAVAILABLE, &requests::E_METRICS))?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page))
}

/// The page for a person at the station. It is self-contained: it loads nothing from other hosts.
pub(super) async fn page() -> impl IntoResponse {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; \
                  frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    (
        [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, policy),
            (CACHE_CONTROL, "no-cache"),
        ],
        include_str!("page.html"),
    )
}

/// The page's script.
pub(super) async fn page_script() -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "no-cache")],
        include_str!("page.js"),
    )
}
