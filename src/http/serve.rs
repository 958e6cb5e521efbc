//! The accept loop: accepts connections within limits of number and time, and ends them in order. Knows no route.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::answer;
use super::connections::{Connections, Place, Stage};
use super::listener::{self, Listener};
use super::stream::Stream;
use super::wire;

/// A client that has not sent the headers of its (next) request by then is disconnected.
const HEAD_LIMIT: Duration = Duration::from_secs(20);
/// Buffer for the headers of a request, and for a part of a body or a response. A request line with headers has less
/// than 8 KiB.
const BUFFER_MAX_BYTES: usize = 32 * 1024;
/// Pause while the system has no descriptors: time for a connection to close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stopping` becomes true; current requests are finished. `limit`: connections at once.
///
/// # Errors
/// When the socket cannot be used.
pub async fn serve(
    listeners: Vec<Listener>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    limit: usize,
) -> io::Result<()> {
    let listeners = listeners.into_iter().map(Listener::into_async);
    let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
    let connections = Connections::new(limit);
    let mut open = JoinSet::new();
    let mut in_trouble = false;
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => break,
            Some(_) = open.join_next(), if !open.is_empty() => continue,
            accepted = listener::accept(&listeners) => accepted,
        };
        match accepted {
            Ok(stream) => {
                if std::mem::take(&mut in_trouble) {
                    tracing::info!("connections are accepted again");
                }
                if let Some(place) = connections.enter() {
                    open.spawn(converse(stream, place, router.clone(), stopping.clone()));
                }
            }
            Err(fault) if is_of_one_client(&fault) => {}
            Err(fault) => {
                if !std::mem::replace(&mut in_trouble, true) {
                    tracing::error!(error = %fault, "no connection can be accepted");
                }
                connections.give_up_one();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listeners);
    while open.join_next().await.is_some() {}
    Ok(())
}

/// Does the error concern a single client, which left before it was accepted? Any other is a shortage of the system.
fn is_of_one_client(fault: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(fault.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Serves one connection from its beginning to its end.
async fn converse(
    stream: Stream,
    place: Place,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let (wire, peer) = wire::open(stream);
    let progress = place.progress();
    let app = TowerToHyperService::new(router);
    let of_requests = peer.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        progress.enter(Stage::Reading);
        request.extensions_mut().insert(of_requests.clone());
        request.extensions_mut().insert(progress.clone());
        let (answered, progress) = (app.call(request), progress.clone());
        async move { answered.await.map(|answer| answer::follow(answer, progress)) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(BUFFER_MAX_BYTES)
        // A client may end its side and still read its response.
        .half_close(true);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(wire), service));
    // An error of one connection must not affect the others.
    let ended = tokio::select! {
        _ = connection.as_mut() => true,
        () = stopped(&mut stopping) => false,
        () = place.given_up() => {
            if !place.is_working() {
                return;
            }
            // Its request became complete at this moment.
            false
        }
    };
    if !ended {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
    place.progress().enter(Stage::Waiting);
    tokio::select! {
        () = peer.linger() => {}
        () = place.given_up() => {}
    }
}

/// A dropped sender means the same as `true`.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}
