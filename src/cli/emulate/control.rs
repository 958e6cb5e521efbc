//! The control interface of an emulated machine: HTTP with JSON, on loopback. Knows no key and no lever by name. For
//! tests and for people at the same computer; the station has its own API.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Bytes, HttpBody as _};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, serve as serve_http};
use emulators::machine::{Lever, SharedMachine};
use serde_json::{Value, json};

/// Longer than all keys together.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// A client on the same computer has sent everything by then.
const CLIENT_LIMIT: Duration = Duration::from_secs(5);
/// How often the server checks whether to stop.
const STOP_POLL: Duration = Duration::from_millis(5);

/// Serves until `stop` is set.
///
/// # Errors
/// The listener's error.
pub(super) fn serve(
    listener: TcpListener,
    machine: &SharedMachine,
    stop: &AtomicBool,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let routes = Router::new()
        .route("/state", get(show).patch(change).fallback(unknown))
        .route("/levers/{name}", post(pull).fallback(unknown))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(from_fn(guard))
        .with_state(machine.clone());
    let stopped = async {
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(STOP_POLL).await;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::select! {
            ended = serve_http(listener, routes).into_future() => ended,
            () = stopped => Ok(()),
        }
    })
}

/// A client's error, with its HTTP status.
struct Refusal(StatusCode, String);

impl Refusal {
    fn unprocessable(why: impl ToString) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, why.to_string())
    }

    fn too_long() -> Self {
        let why = format!("the body is longer than {BODY_MAX_BYTES} bytes");
        Self(StatusCode::PAYLOAD_TOO_LARGE, why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, pretty(&json!({ "error": self.1 }))).into_response()
    }
}

type Answer = Result<([(HeaderName, &'static str); 1], String), Refusal>;

/// Formatted for a person.
fn pretty(value: &Value) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "application/json")], format!("{value:#}\n"))
}

/// A page in a browser on this computer must not control the machine. One request per connection.
async fn guard(request: Request, next: Next) -> Response {
    let mut answer = if request.headers().contains_key(header::ORIGIN) {
        Refusal(StatusCode::FORBIDDEN, "not from a browser's page".to_owned()).into_response()
    } else if request.body().size_hint().lower() > BODY_MAX_BYTES as u64 {
        // Refuse before the client sends the body.
        Refusal::too_long().into_response()
    } else {
        tokio::time::timeout(CLIENT_LIMIT, next.run(request)).await.unwrap_or_else(|_| {
            let why = format!("the request did not end within {} s", CLIENT_LIMIT.as_secs());
            Refusal(StatusCode::REQUEST_TIMEOUT, why).into_response()
        })
    };
    answer.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    answer
}

async fn show(State(machine): State<SharedMachine>) -> Answer {
    Ok(pretty(&machine.lock().state()))
}

async fn change(
    State(machine): State<SharedMachine>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let change = read(body)?.unwrap_or(Value::Null);
    let mut machine = machine.lock();
    machine.change(&change).map_err(Refusal::unprocessable)?;
    Ok(pretty(&machine.state()))
}

async fn pull(
    State(machine): State<SharedMachine>,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let said = match read(body)? {
        Some(value) => json!({ name: value }),
        None => json!(name),
    };
    let lever: Lever = serde_json::from_value(said).map_err(Refusal::unprocessable)?;
    let mut machine = machine.lock();
    if let Some(why) = machine.refuses(lever) {
        return Err(Refusal::unprocessable(why));
    }
    machine.pull(lever);
    Ok(pretty(&machine.state()))
}

async fn unknown() -> Refusal {
    let known = "known: GET /state, PATCH /state, POST /levers/NAME";
    Refusal(StatusCode::NOT_FOUND, known.to_owned())
}

/// The body as JSON; `None`: there is none.
fn read(body: Result<Bytes, BytesRejection>) -> Result<Option<Value>, Refusal> {
    let body = body.map_err(|fault| match fault.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_long(),
        status => Refusal(status, fault.body_text()),
    })?;
    if body.is_empty() {
        return Ok(None);
    }
    let read = serde_json::from_slice(&body);
    read.map(Some).map_err(|fault| Refusal::unprocessable(format!("the body is no JSON: {fault}")))
}
