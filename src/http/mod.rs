//! HTTP: one file per resource, `problem` for every error. The only module that knows axum. Loopback only: see
//! [`crate::config`]. Decides nothing about jobs; asks the intake, the ledger, the station.

mod answer;
mod blanks;
mod body;
mod clock;
mod connections;
mod events;
mod guard;
mod jobs;
mod listener;
mod openapi;
mod posted;
mod preview;
mod problem;
mod products;
mod query;
mod ready;
mod replacement;
mod serve;
mod settle;
mod station;
mod stream;
mod wire;

use std::sync::Arc;

pub use listener::Listener;
pub use serve::serve;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::MethodRouter;
use axum::{Router, middleware, routing};
use tokio::sync::{Semaphore, watch};

use crate::backup::BackupWatch;
use crate::clock::ClockTrust;
use crate::codes::requests;
use crate::config;
use crate::heartbeat::Heartbeats;
use crate::intake::{Examiner, Intake};
use crate::ledger::{Ledger, LedgerError};
use crate::panics;
use crate::report::{Metrics, PowerCut};
use crate::station::Handle;
use problem::Problem;

/// Most clients of `/v1/events` at once.
const LISTENERS_LIMIT: usize = 32;
/// Most previews in progress and waiting; further requests are told to come again.
const PREVIEWS_LIMIT: usize = 16;

/// The state that all handlers share.
#[derive(Clone)]
pub struct App {
    ledger: Ledger,
    intake: Arc<Intake>,
    station: Handle,
    metrics: Metrics,
    heartbeats: Heartbeats,
    backups: BackupWatch,
    clock_trust: ClockTrust,
    power_cut: Option<PowerCut>,
    previews: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

/// What is told of how the ledger and the clock are kept, and of the last power cut.
pub struct Kept {
    /// The last copy of the ledger.
    pub backups: BackupWatch,
    /// Is the clock on the wall believed?
    pub clock_trust: ClockTrust,
    /// The last stop that nobody had asked for.
    pub power_cut: Option<PowerCut>,
}

impl App {
    /// Connects the parts.
    pub fn new(
        ledger: Ledger,
        intake: Arc<Intake>,
        station: Handle,
        metrics: Metrics,
        heartbeats: Heartbeats,
        kept: Kept,
        stopping: watch::Receiver<bool>,
    ) -> App {
        let Kept { backups, clock_trust, power_cut } = kept;
        App {
            ledger,
            intake,
            station,
            metrics,
            heartbeats,
            backups,
            clock_trust,
            power_cut,
            previews: Arc::new(Semaphore::new(PREVIEWS_LIMIT)),
            listeners: Arc::new(Semaphore::new(LISTENERS_LIMIT)),
            stopping,
        }
    }

    fn examiner(&self) -> Arc<Examiner> {
        self.intake.examiner()
    }

    /// The day in the office.
    fn today(&self) -> jiff::civil::Date {
        self.examiner().offset().to_datetime(self.ledger.now()).date()
    }

    /// Queries the ledger outside the async threads.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.ask_raw(question).await.map_err(Problem::from)
    }

    async fn ask_raw<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let ledger = self.ledger.clone();
        panics::passed_on(tokio::task::spawn_blocking(move || question(&ledger)).await)
            .unwrap_or(Err(LedgerError::Closed))
    }
}

/// One route: method and path as in `openapi.json`, and its handler.
struct Route {
    method: &'static str,
    path: &'static str,
    answer: MethodRouter<App>,
}

/// Every route. The router is built from it, and a test compares `openapi.json` with it.
fn table() -> Vec<Route> {
    let get = |path, answer| Route { method: "get", path, answer };
    let post = |path, answer| Route { method: "post", path, answer };
    vec![
        post("/v1/jobs", routing::post(jobs::post)),
        get("/v1/jobs", routing::get(jobs::list)),
        get("/v1/jobs/{id}", routing::get(jobs::show)),
        post("/v1/jobs/{id}/cancel", routing::post(settle::cancel)),
        post("/v1/jobs/{id}/resolve", routing::post(settle::resolve)),
        post("/v1/jobs/{id}/release", routing::post(settle::release)),
        post("/v1/jobs/{id}/hand-over", routing::post(settle::hand_over)),
        post("/v1/jobs/{id}/expire", routing::post(settle::expire)),
        get("/v1/jobs/{id}/events", routing::get(events::of_job)),
        get("/v1/jobs/{id}/preview/{face}", routing::get(preview::face)),
        get("/v1/events", routing::get(events::stream)),
        post("/v1/blanks", routing::post(blanks::enter)),
        get("/v1/blanks", routing::get(blanks::days)),
        get("/v1/blanks/spoiled", routing::get(blanks::spoiled)),
        get("/v1/products", routing::get(products::list)),
        get("/v1/products/{name}", routing::get(products::show)),
        get("/v1/products/{name}/job.schema.json", routing::get(products::job_schema)),
        post("/v1/clock/trust", routing::post(clock::trust)),
        get("/v1/station", routing::get(station::station)),
        get("/healthz", routing::get(station::healthz)),
        get("/readyz", routing::get(ready::readyz)),
        get("/metrics", routing::get(station::metrics)),
        get("/openapi.json", routing::get(openapi::openapi)),
        get("/", routing::get(station::page)),
        get("/page.js", routing::get(station::page_script)),
    ]
}

/// Method and path of every route, as `openapi.json` writes them.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    table().into_iter().map(|route| (route.method, route.path)).collect()
}

/// The whole application, ready to be served at a port of this computer.
pub fn router(app: App, settings: &config::Http, port: u16) -> Router {
    let places = Arc::new(Semaphore::new(settings.max_requests));
    let readings = body::Readings::new(settings.max_request_bytes);
    table()
        .into_iter()
        .fold(Router::new(), |router, route| {
            // Applies only if the route has the method; otherwise the response is 405.
            let answer = route.answer.route_layer(middleware::from_fn(guard::known_media));
            router.route(route.path, answer)
        })
        .fallback(async || Problem::not_found())
        .layer(DefaultBodyLimit::max(settings.max_request_bytes))
        // Read upwards from here: the outermost layer is added last.
        .layer(middleware::from_fn_with_state(places, guard::limit))
        .layer(middleware::from_fn_with_state(readings, body::read))
        .layer(middleware::from_fn_with_state(port, guard::same_site))
        .layer(middleware::from_fn_with_state(answer::Outbox::new(), answer::bound))
        .layer(middleware::from_fn(guard::panics))
        .layer(middleware::from_fn(problem::render))
        .layer(middleware::from_fn(answer::seal))
        .with_state(app)
}

fn busy() -> Problem {
    Problem::said(StatusCode::SERVICE_UNAVAILABLE, &requests::E_BUSY).retry_after(1)
}
