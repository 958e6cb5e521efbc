//! The API's description, compared with the station's routes and responses.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::test_station::{TestStation, child};

/// The methods that HTTP knows (RFC 9110), but for HEAD, which is GET without its body.
const METHODS: [&str; 6] = ["get", "post", "put", "delete", "options", "patch"];
/// An id that no job has.
const NOBODY: &str = "0199f3c0-1f5c-7c3e-8f56-3f0a4a1a2b3c";

/// Every operation of the document: method, path, description.
fn operations(api: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = api["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods.iter().map(move |(method, said)| (method.as_str(), path.as_str(), said))
        })
        .collect()
}

/// The target of a `$ref`, or the object itself.
fn followed<'a>(api: &'a Value, thing: &'a Value) -> &'a Value {
    match thing["$ref"].as_str() {
        Some(place) => api.pointer(place.strip_prefix('#').unwrap()).expect(place),
        None => thing,
    }
}

fn filled(path: &str, job: &str) -> String {
    path.replace("{id}", job).replace("{face}", "front.png").replace("{name}", "kia")
}

#[test]
fn the_description_and_the_router_have_the_same_routes() {
    let bench = TestStation::without_printer();
    let api = bench.http.get("/openapi.json").body;
    let described: BTreeSet<_> =
        operations(&api).into_iter().map(|(method, path, _)| (method, path)).collect();
    let routed: BTreeSet<_> = kartu::http::routes().into_iter().collect();
    let only_described: Vec<_> = described.difference(&routed).collect();
    let only_routed: Vec<_> = routed.difference(&described).collect();
    assert!(
        only_described.is_empty() && only_routed.is_empty(),
        "only described: {only_described:?}, only routed: {only_routed:?}"
    );
    assert_eq!(api["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1."));
}

#[test]
fn every_route_answers_as_it_is_described() {
    let bench = TestStation::without_printer();
    let job = bench.accepted(&child("S1"));
    let api = bench.http.get("/openapi.json").body;
    for (method, path, said) in operations(&api) {
        let found = bench.http.ask(method, &filled(path, &job), b"{}");
        is_described(&api, (method, path, said), &found);
        assert!(![404, 405].contains(&found.status().as_u16()), "{method} {path}");
        if method == "get" {
            // Without a printer the station could not print a job now.
            assert_eq!(found.status(), if path == "/readyz" { 503 } else { 200 }, "{path}");
            let described =
                &followed(&api, &said["responses"]["200"])["content"]["application/json"];
            if described.is_object() {
                let body = bench.http.get(&filled(path, &job)).body;
                has_the_described_keys(&api, &described["schema"], &body, path);
            }
        }
        if path.contains("{id}") {
            let seen = if path.ends_with("resolve") { r#","seen":"printed""# } else { "" };
            let body = format!(r#"{{"by":"p"{seen}}}"#);
            let missing = bench.http.ask(method, &filled(path, NOBODY), body.as_bytes());
            is_described(&api, (method, path, said), &missing);
            assert_eq!(missing.status(), 404, "{method} {path}");
        }
        if method == "post" {
            for nonsense in [&b""[..], b"[", b"[]", b"null", b"\xff\xfe"] {
                is_described(
                    &api,
                    (method, path, said),
                    &bench.http.ask(method, &filled(path, &job), nonsense),
                );
            }
        }
    }
}

/// Checks the status, the media type and the required headers.
fn is_described(
    api: &Value,
    (method, path, said): (&str, &str, &Value),
    found: &ureq::http::Response<ureq::Body>,
) {
    let status = found.status().as_u16().to_string();
    let header = |name: &str| found.headers().get(name).and_then(|value| value.to_str().ok());
    let described = followed(api, &said["responses"][&status]);
    assert!(described.is_object(), "{method} {path} answers {status}, which is not described");
    let kind = header("content-type").unwrap_or("").split(';').next().unwrap();
    let kinds: Vec<&String> = described["content"].as_object().unwrap().keys().collect();
    assert!(
        kinds.iter().any(|one| *one == kind),
        "{method} {path} {status}: {kind}, not {kinds:?}"
    );
    for (name, one) in described["headers"].as_object().into_iter().flatten() {
        let one = followed(api, one);
        assert!(
            one["required"] != true || header(name).is_some(),
            "{method} {path} {status}: no {name}"
        );
    }
}

/// The keys that must be there, and no others, however deep. Types and values are compared by `tests/outside/api`.
fn has_the_described_keys(api: &Value, schema: &Value, found: &Value, place: &str) {
    let schema = followed(api, schema);
    if let Some(items) = found.as_array() {
        items.iter().for_each(|one| has_the_described_keys(api, &schema["items"], one, place));
    }
    let (Some(found), Some(described)) = (found.as_object(), schema["properties"].as_object())
    else {
        return;
    };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(found.contains_key(name), "{place}: {name} is missing");
    }
    for (name, inside) in found {
        let inner = described.get(name).or(schema["additionalProperties"]
            .is_object()
            .then_some(&schema["additionalProperties"]));
        let inner = inner.unwrap_or_else(|| panic!("{place}: {name} is not described"));
        has_the_described_keys(api, inner, inside, &format!("{place}/{name}"));
    }
}

#[test]
fn a_method_that_a_route_does_not_have_is_answered_405_with_those_that_it_has() {
    let bench = TestStation::without_printer();
    let routes = kartu::http::routes();
    let paths: BTreeSet<&str> = routes.iter().map(|(_, path)| *path).collect();
    for path in paths {
        let there: BTreeSet<&str> =
            routes.iter().filter(|(_, one)| *one == path).map(|(method, _)| *method).collect();
        for method in METHODS.iter().filter(|method| !there.contains(*method)) {
            let found = bench.http.ask(method, &filled(path, NOBODY), b"{}");
            assert_eq!(found.status(), 405, "{method} {path}");
            let allow = found.headers()["allow"].to_str().unwrap().to_ascii_lowercase();
            let allowed: BTreeSet<&str> =
                allow.split(',').map(str::trim).filter(|method| *method != "head").collect();
            assert_eq!(allowed, there, "{method} {path}");
        }
    }
}

#[test]
fn the_description_is_whole() {
    let bench = TestStation::without_printer();
    let api = bench.http.get("/openapi.json").body;
    let mut faults = Vec::new();
    walk(&api, "", &mut |place, thing| {
        if let Some(to) = thing["$ref"].as_str()
            && to.strip_prefix('#').and_then(|to| api.pointer(to)).is_none()
        {
            faults.push(format!("{place}: {to} is not there"));
        }
        let needed = thing["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(has) = thing["properties"].as_object() {
            faults.extend(
                needed
                    .filter(|name| !has.contains_key(*name))
                    .map(|name| format!("{place}: {name}")),
            );
        }
    });
    for (method, path, said) in operations(&api) {
        let parameters = said["parameters"].as_array().cloned().unwrap_or_default();
        let in_path: BTreeSet<&str> = parameters
            .iter()
            .map(|one| followed(&api, one))
            .filter(|one| one["in"] == "path")
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        let braces: BTreeSet<&str> =
            path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        assert_eq!(in_path, braces, "{method} {path}");
        for (status, answer) in said["responses"].as_object().unwrap() {
            let content = &followed(&api, answer)["content"];
            if status.starts_with(['4', '5']) && content["application/problem+json"].is_null() {
                faults.push(format!("{method} {path} {status} is no problem"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Shows every object of a document, with its path.
fn walk<'a>(thing: &'a Value, place: &str, show: &mut dyn FnMut(&str, &'a Value)) {
    match thing {
        Value::Object(members) => {
            show(place, thing);
            members.iter().for_each(|(name, one)| walk(one, &format!("{place}/{name}"), show));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, one)| walk(one, &format!("{place}/{n}"), show));
        }
        _ => {}
    }
}

#[test]
fn the_example_of_a_job_is_one_that_the_station_takes() {
    let bench = TestStation::without_printer();
    let api = bench.http.get("/openapi.json").body;
    let content = &api["paths"]["/v1/jobs"]["post"]["requestBody"]["content"];
    let mut example = content["application/json"]["example"].clone();
    example["ref"] = json!("EXAMPLE");
    assert_eq!(bench.http.post("/v1/jobs", &example).status, 201);
}
