//! Requests that pages of other sites can make a browser send, and other forbidden ones: refused, whatever they ask
//! for.

use std::net::SocketAddr;

use crate::raw::{RawAnswer, ask};
use crate::test_station::{TestStation, child};

fn address(bench: &TestStation) -> SocketAddr {
    bench.daemon.as_ref().unwrap().address()
}

/// Requests `target` with these header lines; `@` stands for the station's address.
fn send(bench: &TestStation, target: &str, lines: &[u8], body: &[u8]) -> RawAnswer {
    let mut request = format!("{target} HTTP/1.1\r\n").into_bytes();
    request.extend(lines);
    request.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
    let at = address(bench).to_string();
    let request: Vec<u8> = request
        .iter()
        .flat_map(|byte| if *byte == b'@' { at.as_bytes().to_vec() } else { vec![*byte] })
        .chain(body.iter().copied())
        .collect();
    ask(address(bench), &request)
}

#[test]
fn what_is_not_addressed_to_the_station_is_refused() {
    let bench = TestStation::without_printer();
    for (lines, status) in [
        (&b""[..], 421),
        (b"Host: @\r\nHost: @\r\n", 400),
        (b"Host: @\r\nHost: evil.example\r\n", 400),
        (b"Host: evil.example\r\n", 421),
        (b"Host: localhost:1\r\n", 421),
        (b"Host: localhost\r\n", 421),
        (b"Host: 127.0.0.1.evil.example:8631\r\n", 421),
        (b"Host: @\xe9\r\n", 421),
        (b"Host: @\r\n", 200),
    ] {
        let answer = send(&bench, "GET /v1/station", lines, b"");
        assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(lines));
        if status != 200 {
            assert!(answer.body.contains("E_HOST"), "{answer:?}");
        }
    }
    let whole = send(&bench, "GET http://evil.example/v1/station", b"Host: @\r\n", b"");
    assert_eq!(whole.status, 421, "the request line names somebody else");
}

#[test]
fn what_a_page_of_another_site_sends_is_refused() {
    let bench = TestStation::without_printer();
    for (lines, status) in [
        (&b"Origin: http://evil.example\r\n"[..], 403),
        (b"Origin: null\r\n", 403),
        (b"Origin: http://evil\xe9.example\r\n", 403),
        (b"Origin: \xe9\r\n", 403),
        (b"Origin: http://@\r\nOrigin: http://@\r\n", 403),
        (b"Origin: http://@\r\nOrigin: http://evil.example\r\n", 403),
        (b"Origin: https://@\r\n", 403),
        (b"Sec-Fetch-Site: cross-site\r\n", 403),
        (b"Sec-Fetch-Site: same-site\r\n", 403),
        (b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n", 403),
        (b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n", 403),
        (b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n", 200),
        (b"Sec-Fetch-Site: none\r\n", 200),
        (b"Origin: http://@\r\nSec-Fetch-Site: same-origin\r\n", 200),
    ] {
        let lines = [b"Host: @\r\n", lines].concat();
        let answer = send(&bench, "GET /v1/station", &lines, b"");
        assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&lines));
    }
    let link = b"Host: @\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\
                 Content-Type: application/json\r\n";
    assert_eq!(send(&bench, "POST /v1/blanks", link, b"{}").status, 403, "a form is no link");
}

#[test]
fn only_json_is_read_and_forms_where_a_job_is_posted() {
    let bench = TestStation::without_printer();
    let id = bench.accepted(&child("S1"));
    let paths = ["cancel", "resolve", "release"].map(|what| format!("POST /v1/jobs/{id}/{what}"));
    let body = br#"{"by": "petugas-2"}"#;
    for target in paths.iter().map(String::as_str).chain(["POST /v1/blanks", "POST /v1/jobs"]) {
        for kind in [
            "",
            "Content-Type: text/plain\r\n",
            "Content-Type: application/x-www-form-urlencoded\r\n",
            "Content-Type: application/jsonp\r\n",
            "Content-Type: application/json\r\nContent-Type: text/plain\r\n",
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        ] {
            let lines = format!("Host: @\r\n{kind}");
            let answer = send(&bench, target, lines.as_bytes(), body);
            assert_eq!(answer.status, 415, "{target} {kind}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }
    let form = b"Host: @\r\nContent-Type: multipart/form-data; boundary=b\r\n";
    assert_eq!(send(&bench, "POST /v1/blanks", form, body).status, 415);
    assert_eq!(send(&bench, "POST /v1/jobs", form, body).status, 400, "it is read, and is no job");
    assert_eq!(bench.http.get(&format!("/v1/jobs/{id}")).body["state"], "queued");
    let json = b"Host: @\r\nContent-Type: application/json; charset=utf-8\r\n";
    assert_eq!(send(&bench, &paths[0], json, b"").status, 400);
    assert_eq!(send(&bench, &paths[0], json, body).status, 200);
}

#[test]
fn every_answer_is_sealed() {
    let bench = TestStation::without_printer();
    let id = bench.accepted(&child("S1"));
    let preview = format!("GET /v1/jobs/{id}/preview/front.png");
    let own = b"Host: @\r\n".as_slice();
    for (target, lines, status) in [
        ("GET /", own, 200),
        ("GET /page.js", own, 200),
        ("GET /healthz", own, 200),
        ("GET /metrics", own, 200),
        ("GET /openapi.json", own, 200),
        ("GET /v1/jobs", own, 200),
        (&preview, own, 200),
        ("GET /nowhere", own, 404),
        ("DELETE /v1/station", b"Host: @\r\nContent-Type: application/json\r\n", 405),
        ("POST /v1/blanks", own, 415),
        ("GET /v1/jobs?limit=x", own, 400),
        ("GET /v1/jobs", b"Host: evil.example\r\n", 421),
    ] {
        let answer = send(&bench, target, lines, b"");
        assert_eq!(answer.status, status, "{target}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{target} {name}");
        }
        let cache = answer.header("cache-control");
        assert!(matches!(cache, Some("no-store" | "no-cache")), "{target}: {cache:?}");
    }
}
