//! Checks every request before its handler: no more at once than can be handled, and nothing that another site's page
//! could make a browser send. Anything doubtful is refused.

use std::future::Future as _;
use std::sync::Arc;
use std::task::Poll;

use axum::extract::{Request, State};
use axum::http::header::AsHeaderName;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::problem::Problem;
use super::wire::Peer;
use crate::codes::requests;

/// Monitoring requests are always answered.
const ALWAYS_ANSWERED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// The only resource that accepts a form besides JSON.
const TAKES_FORMS: &str = "/v1/jobs";

/// Refuses requests beyond the limit at once, with the advice to try again.
pub(super) async fn limit(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    if ALWAYS_ANSWERED.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    match places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => super::busy().into_response(),
    }
}

/// Answers a panic as an internal error and keeps the connection; [`crate::panics`] logs where it happened.
pub(super) async fn panics(request: Request, next: Next) -> Response {
    let mut answer = Box::pin(next.run(request));
    std::future::poll_fn(move |context| {
        let polled = crate::panics::caught(|| answer.as_mut().poll(context));
        polled.unwrap_or_else(|| Poll::Ready(failed().into_response()))
    })
    .await
}

fn failed() -> Problem {
    Problem::said(StatusCode::INTERNAL_SERVER_ERROR, &requests::E_PROGRAM)
}

/// Accepts only media types that a page of another site cannot send without a preflight request.
pub(super) async fn known_media(request: Request, next: Next) -> Response {
    match check_media(request.method(), request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check_media(method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let encoding = single(headers, CONTENT_ENCODING).map_err(|_| encoded())?;
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return Err(encoded());
    }
    // Every action is a POST; other methods have no route, which their answer says.
    if *method != Method::POST {
        return Ok(());
    }
    let forms = path == TAKES_FORMS;
    let kind = single(headers, CONTENT_TYPE).ok().flatten().unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let known = kind.eq_ignore_ascii_case(b"application/json")
        || forms && kind.eq_ignore_ascii_case(b"multipart/form-data");
    if known { Ok(()) } else { Err(media_type(kind, forms)) }
}

/// The refusal of a media type that is neither JSON nor, if accepted, a form; a type that is sent by mistake is named.
pub(super) fn media_type(kind: &[u8], forms: bool) -> Problem {
    let urlencoded = kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded");
    let (id, en) = match (forms, urlencoded, kind.is_empty()) {
        (true, true, _) => (
            "Formulir dikirim sebagai x-www-form-urlencoded. Pakai enctype=\"multipart/form-data\" (bagian job dan photo), atau kirim application/json.",
            "The form was sent as x-www-form-urlencoded. Use enctype=\"multipart/form-data\" (parts job and photo), or send application/json.",
        ),
        (true, _, true) => (
            "Content-Type tidak ada. Tulis application/json (foto dalam base64) atau multipart/form-data (bagian job dan photo).",
            "There is no Content-Type. Say application/json (photo in base64) or multipart/form-data (parts job and photo).",
        ),
        (true, ..) => (
            "Kirim application/json (foto dalam base64) atau multipart/form-data (bagian job dan photo).",
            "Send application/json (photo in base64) or multipart/form-data (parts job and photo).",
        ),
        (false, ..) => (
            "Kirim dengan Content-Type: application/json.",
            "Send it as Content-Type: application/json.",
        ),
    };
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "E_MEDIA_TYPE", id, en)
}

/// The refusal of gzip and the like, whether the headers or the body show it.
pub(super) fn encoded() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "E_MEDIA_TYPE",
        "Kiriman yang dimampatkan (gzip dan sejenisnya) tidak dibaca. Kirim tanpa pemampatan dan tanpa Content-Encoding.",
        "A compressed request (gzip and the like) is not read. Send it without compression and without Content-Encoding.",
    )
}

/// Every page in the operator's browser can reach loopback. So a request must be addressed to a loopback name and our
/// port (against DNS rebinding), and a page's request must come from the page's own origin. No page can reach a Unix
/// socket, so there the rights of its file decide.
pub(super) async fn same_site(State(port): State<u16>, request: Request, next: Next) -> Response {
    if request.extensions().get::<Peer>().is_some_and(Peer::is_local_path) {
        return next.run(request).await;
    }
    let checked = check_address(request.uri(), request.headers(), port)
        .and_then(|host| check_origin(request.method(), request.headers(), host));
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// More than one, where only one is allowed.
struct Several;

fn single(headers: &HeaderMap, name: impl AsHeaderName) -> Result<Option<&[u8]>, Several> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first.map(|value| value.as_bytes())),
        _ => Err(Several),
    }
}

/// The request's host: it must be this station, by a loopback name.
fn check_address<'h>(uri: &Uri, headers: &'h HeaderMap, port: u16) -> Result<&'h str, Problem> {
    let host = single(headers, HOST).map_err(|_| host_twice())?;
    let host =
        host.and_then(|host| std::str::from_utf8(host).ok()).ok_or_else(|| misdirected(port))?;
    // The request line may contain the whole address too.
    let same = uri.authority().is_none_or(|told| told.as_str().eq_ignore_ascii_case(host));
    if same && is_ours(host, port) { Ok(host) } else { Err(misdirected(port)) }
}

fn is_ours(host: &str, port: u16) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (name, rest) = match bracketed {
        Some(split) => split,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_loopback = match bracketed {
        Some(_) => name.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        }
    };
    let told = match rest.strip_prefix(':') {
        None if rest.is_empty() => Some(80),
        None => None,
        Some(digits) => digits.parse().ok(),
    };
    is_loopback && told == Some(port)
}

fn check_origin(method: &Method, headers: &HeaderMap, host: &str) -> Result<(), Problem> {
    let origin = single(headers, ORIGIN).map_err(|_| foreign())?;
    let own = |origin: &[u8]| {
        origin.strip_prefix(b"http://").is_some_and(|it| it.eq_ignore_ascii_case(host.as_bytes()))
    };
    if origin.is_some_and(|origin| !own(origin)) {
        return Err(foreign());
    }
    let told = |name: &'static str| single(headers, name).map_err(|_| foreign());
    let navigates = *method == Method::GET
        && told("sec-fetch-mode")? == Some(b"navigate")
        && told("sec-fetch-dest")? == Some(b"document");
    match told("sec-fetch-site")? {
        None | Some(b"same-origin" | b"none") => Ok(()),
        // A person follows a link to the station.
        Some(b"same-site" | b"cross-site") if navigates => Ok(()),
        Some(_) => Err(foreign()),
    }
}

fn host_twice() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "E_HOST",
        "Permintaan menyebut Host lebih dari satu kali.",
        "The request names its Host more than once.",
    )
}

fn misdirected(port: u16) -> Problem {
    let finding = crate::finding::Finding::whole(
        "E_HOST",
        drivers::text::Text::new(
            format!("Panggil stasiun sebagai localhost:{port} atau 127.0.0.1:{port}."),
            format!("Call the station as localhost:{port} or 127.0.0.1:{port}."),
        ),
    );
    Problem::of(StatusCode::MISDIRECTED_REQUEST, finding)
}

fn foreign() -> Problem {
    Problem::said(StatusCode::FORBIDDEN, &requests::E_ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| {
                (k.parse::<axum::http::HeaderName>().unwrap(), v.to_vec().try_into().unwrap())
            })
            .collect()
    }

    #[test]
    fn only_loopback_names_with_our_port_are_ours() {
        for good in
            ["localhost:8631", "127.0.0.1:8631", "[::1]:8631", "LOCALHOST:8631", "127.0.0.2:8631"]
        {
            assert!(is_ours(good, 8631), "{good}");
        }
        assert!(is_ours("localhost", 80), "80 need not be told");
        for bad in [
            "evil.example:8631",
            "10.0.0.1:8631",
            "",
            "127.0.0.1.evil.example:8631",
            "localhost",
            "localhost:",
            "localhost:86310",
            "localhost:80",
            "localhost:8631:8631",
            "[::1]",
            "[::1]8631",
            "::1",
            "[127.0.0.1]:8631",
            "user@localhost:8631",
            "localhost.evil.example:8631",
            "localhost:+8631x",
        ] {
            assert!(!is_ours(bad, 8631), "{bad}");
        }
    }

    #[test]
    fn every_action_is_a_post() {
        let known =
            |(method, path): (&str, &str)| assert!(["get", "post"].contains(&method), "{path}");
        crate::http::routes().into_iter().for_each(known);
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let get = |pairs: &[(&'static str, &[u8])]| {
            check_origin(&Method::GET, &headers(pairs), "localhost:1").is_ok()
        };
        assert!(get(&[]));
        assert!(get(&[("origin", b"http://localhost:1")]));
        for origin in [
            &b"http://evil.example"[..],
            b"null",
            b"http://localhost:1\xe9",
            b"",
            b"https://localhost:1",
        ] {
            assert!(!get(&[("origin", origin)]), "{origin:?}");
        }
        assert!(get(&[("sec-fetch-site", b"none")]));
        assert!(!get(&[("sec-fetch-site", b"cross-site")]));
        assert!(!get(&[("sec-fetch-site", b"later-invention")]));
        let link: [(&str, &[u8]); 3] = [
            ("sec-fetch-site", b"cross-site"),
            ("sec-fetch-mode", b"navigate"),
            ("sec-fetch-dest", b"document"),
        ];
        assert!(get(&link), "a link to the page");
        assert!(check_origin(&Method::POST, &headers(&link), "localhost:1").is_err());
        let frame = [link[0], link[1], ("sec-fetch-dest", b"iframe")];
        assert!(!get(&frame));
    }
}
