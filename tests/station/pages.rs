//! The station's pages: lists, events, problems, its own description, metrics, the page.

use serde_json::json;

use crate::test_station::{TestStation, child};

#[test]
fn lists_are_paged_and_filtered() {
    let bench = TestStation::without_printer();
    let ids: Vec<String> = (0..5)
        .map(|n| {
            let mut job = child("S1");
            job["ref"] = json!(format!("P-{n}"));
            bench.accepted(&job)
        })
        .collect();
    let mut seen = Vec::new();
    let mut path = "/v1/jobs?limit=2".to_owned();
    loop {
        let page = bench.http.get(&path).body;
        seen.extend(
            page["jobs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/jobs?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    let newest = bench.http.get("/v1/jobs?order=newest&limit=1").body;
    assert_eq!(newest["jobs"][0]["id"], json!(ids[4]));
    assert_eq!(bench.http.get("/v1/jobs?state=printed").body["jobs"], json!([]));
    assert_eq!(bench.http.get("/v1/jobs?state=queued").body["jobs"].as_array().unwrap().len(), 5);
    for wrong in ["state=lost", "limit=0", "limit=501", "order=up", "cursor=x", "colour=red"] {
        assert_eq!(bench.http.get(&format!("/v1/jobs?{wrong}")).status, 400, "{wrong}");
    }
}

#[test]
fn events_go_on_where_a_listener_stopped() {
    let bench = TestStation::new();
    let id = bench.accepted(&child("S1"));
    bench.until(&id, "printed");
    let all = bench.http.listen(0, |_, _, data| data["event"] == "card_out");
    let numbers: Vec<u64> = all.iter().filter_map(|(id, _)| *id).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    let second = all.iter().find(|(id, _)| *id == Some(numbers[1])).unwrap().1["id"].clone();
    let second = second.as_str().unwrap();
    let later = bench.http.listen(second, |_, _, data| data["event"] == "card_out");
    assert_eq!(later.iter().filter_map(|(id, _)| *id).collect::<Vec<_>>(), numbers[2..]);
}

#[test]
fn problems_are_problems_everywhere() {
    let bench = TestStation::without_printer();
    for (path, status) in [
        ("/nothing", 404),
        ("/v1/jobs/7", 404),
        ("/v1/jobs/0199f3c0-1f5c-7c3e-8f56-3f0a4a1a2b3c", 404),
    ] {
        let answer = bench.http.get(path);
        assert_eq!(
            (answer.status, answer.kind.as_str()),
            (status, "application/problem+json"),
            "{path}"
        );
        assert_eq!(answer.body["code"], "E_NOT_FOUND");
    }
    let method = bench.http.post("/v1/station", &json!({}));
    assert_eq!((method.status, method.body["code"].as_str().unwrap()), (405, "E_METHOD"));
    let elsewhere = bench.http.get_with("/v1/jobs", &[("host", "evil.example")]);
    assert_eq!((elsewhere.status, elsewhere.body["code"].as_str().unwrap()), (421, "E_HOST"));
    let page = bench.http.get_with("/v1/jobs", &[("origin", "http://evil.example")]);
    assert_eq!((page.status, page.body["code"].as_str().unwrap()), (403, "E_ORIGIN"));
}

#[test]
fn figures_and_the_page_are_there() {
    let bench = TestStation::new();
    let id = bench.accepted(&child("S2"));
    bench.until(&id, "printed");
    let metrics = bench.http.get("/metrics");
    assert!(metrics.kind.starts_with("application/openmetrics-text; version=1.0.0"));
    let text = metrics.body.as_str().unwrap();
    for line in [
        "kartu_jobs_accepted_total 1",
        "kartu_cards_out_total{product=\"kia\"} 1",
        "kartu_jobs{state=\"printed\"} 1",
        "kartu_blanks_today{kind=\"good\"} ",
        "kartu_blanks_expected -1",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(bench.http.get("/").body.as_str().unwrap().contains("<title>Kartu</title>"));
    assert_eq!(bench.http.get("/healthz").body, "ok\n");
    let preview = bench.http.bytes(&format!("/v1/jobs/{id}/preview/front.png"));
    assert!(preview.starts_with(b"\x89PNG"));
    assert_eq!(bench.http.get(&format!("/v1/jobs/{id}/preview/side.png")).status, 404);
}
