//! Malformed posts: duplicate keys, too much of everything, photos in the forms of various libraries, other encodings.
//! Each response says what is wrong with which key, in one language at a time, and repeats none of the content.

use std::process::Command;

use serde_json::{Value, json};

use crate::test_station::{Answer, TestStation, child};

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=b");

fn post(bench: &TestStation, body: &[u8]) -> Answer {
    bench.http.post_with("/v1/jobs", body, &[JSON])
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend(head.bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--b--\r\n");
    body
}

/// A job of a kind-A child: no photo, so its text is short.
fn small() -> Value {
    let mut job = child("S1");
    job["recommendation"]["oleh"] = json!({ "nama": "CONTOH KASI" });
    job["recommendation"]["daftar_periksa"] = json!({ "kk": true });
    job
}

/// The text of a job in which `key` is duplicated, with the second value first.
fn twice(job: &Value, key: &str, value: &str) -> String {
    let text = job.to_string();
    let at = text.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key}"));
    format!("{}\"{key}\":{value},{}", &text[..at], &text[at..])
}

#[test]
fn a_key_that_stands_twice_is_refused_at_every_depth() {
    let bench = TestStation::without_printer();
    let mut job = small();
    job["recommendation"]["daftar_periksa"]["SITI_RAHASIA"] = json!(true);
    job["replaces"] = json!({ "job": "x", "old_card": "lost" });
    let file = bench.dir.path().join("job.json");
    for (key, value, place) in [
        ("ref", "\"A\"", Some("ref")),
        ("nama", "\"AISYAH CONTOH LAIN\"", Some("fields.nama")),
        ("tgl_lahir", "\"2023-08-22\"", Some("fields.tgl_lahir")),
        ("kind", "\"KK\"", Some("attachments[0].kind")),
        ("keputusan", "\"TOLAK\"", Some("recommendation.keputusan")),
        ("kk", "false", Some("recommendation.daftar_periksa.kk")),
        ("SITI_RAHASIA", "false", Some("recommendation.daftar_periksa")),
        ("old_card", "\"kept\"", Some("replaces.old_card")),
    ] {
        let text = twice(&job, key, value);
        std::fs::write(&file, &text).unwrap();
        let as_part = form(&[("job", text.as_bytes())]);
        let part = bench.http.post_with("/v1/jobs", &as_part, &[FORM]);
        for answer in [post(&bench, text.as_bytes()), part] {
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (400, Some("E_JSON")),
                "{key}"
            );
            let field = answer.body["field"].as_str();
            assert!(place.is_none_or(|place| field == Some(place)), "{key}: {field:?}");
            let detail = answer.body["errors"][0]["message"]["en"].as_str().unwrap();
            assert!(detail.contains("stands twice"), "{key}: {detail}");
            assert!(!answer.body.to_string().contains("RAHASIA"), "{}", answer.body);
            assert!(!answer.body.to_string().contains("LAIN"), "{}", answer.body);
        }
        let submit = ["submit", file.to_str().unwrap(), "--url", &bench.http.url];
        let said =
            Command::new(env!("CARGO_BIN_EXE_kartud")).args(submit).env("LC_ALL", "C").output();
        let said = String::from_utf8(said.unwrap().stderr).unwrap();
        assert!(said.contains("stands twice") && !said.contains("RAHASIA"), "{key}: {said}");
    }
    assert_eq!(bench.http.get("/v1/jobs").body["jobs"], json!([]));
}

#[test]
fn the_name_that_another_reader_would_have_printed_is_refused() {
    let bench = TestStation::without_printer();
    let text =
        small().to_string().replace("\"nama\":\"AISYAH", "\"nama\":\"LAIN\",\"nama\":\"AISYAH");
    let answer = post(&bench, text.as_bytes());
    assert_eq!((answer.status, answer.body["field"].as_str()), (400, Some("fields.nama")));
}

#[test]
fn what_would_make_memory_grow_is_refused_while_it_is_read() {
    let bench = TestStation::without_printer();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut job = small();
        change(&mut job);
        job.to_string()
    };
    let many = |count: usize, entry: &dyn Fn(usize) -> String| {
        (0..count).map(entry).collect::<Vec<_>>().join(",")
    };
    let fields = format!("{{\"fields\":{{{}}}}}", many(380_000, &|n| format!("\"{n:x}\":\"\"")));
    let papers = format!("{{\"attachments\":[{}]}}", many(600_000, &|_| "{}".to_owned()));
    let deep = format!("{{\"fields\":{}1{}}}", "[".repeat(500_000), "]".repeat(500_000));
    for (body, place) in [
        (fields, "fields"),
        (papers, "attachments"),
        (deep, "fields[0][0][0]"),
        (with(&|job| job["fields"]["alamat"] = json!("J".repeat(3_000_000))), "fields.alamat"),
        (
            with(&|job| job["recommendation"]["peringatan_disetujui"] = json!(vec!["W"; 65])),
            "recommendation.peringatan_disetujui",
        ),
        (with(&|job| job["x".repeat(129)] = json!(1)), ""),
        (with(&|job| job["fields"]["nama"] = json!({ "a": { "b": { "c": [] } } })), "fields.nama"),
    ] {
        let answer = post(&bench, body.as_bytes());
        let told = (answer.status, answer.body["code"].as_str().unwrap());
        assert_eq!(told, (413, "E_TOO_LARGE"), "{place}: {}", answer.body);
        assert_eq!(answer.body["field"].as_str().unwrap_or(""), place, "{}", answer.body);
    }
    let mut fits = small();
    fits["ref"] = json!("FITS");
    bench.accepted(&fits);
}

#[test]
fn a_photo_is_the_same_photo_however_its_library_writes_it() {
    let bench = TestStation::without_printer();
    let job = child("S2");
    let plain = job["photo"].as_str().unwrap().to_owned();
    let id = bench.accepted(&job);
    let lines = plain.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
    for form in [
        format!("data:image/jpeg;base64,{plain}"),
        format!("DATA:image/jpeg;name=foto.jpg;base64,{plain}"),
        lines.collect::<Vec<_>>().join("\r\n"),
        plain.trim_end_matches('=').to_owned(),
        plain.replace('+', "-").replace('/', "_"),
        format!("\n{plain}\n"),
    ] {
        let mut job = job.clone();
        job["photo"] = json!(form);
        let answer = bench.http.post("/v1/jobs", &job);
        assert_eq!(
            (answer.status, answer.body["id"].as_str()),
            (201, Some(&*id)),
            "{}",
            &form[..60]
        );
    }
}

#[test]
fn a_photo_that_cannot_be_read_as_text_is_told_by_its_name() {
    let bench = TestStation::without_printer();
    let plain = child("S2")["photo"].as_str().unwrap().to_owned();
    for (photo, told) in [
        (json!("C:\\foto\\anak.jpg"), "base64"),
        (json!("data:image/jpeg,%FF%D8"), "data URI"),
        (json!(plain[..plain.len() - 3]), "cut off"),
        (json!(format!("{}*{}", &plain[..100], &plain[101..])), "character 101"),
        (json!(["a"]), "a list"),
        (json!(12), "a number"),
    ] {
        let mut job = child("S2");
        job["photo"] = photo.clone();
        let answer = bench.http.post("/v1/jobs", &job);
        assert_eq!((answer.status, answer.body["field"].as_str()), (400, Some("photo")));
        let detail = answer.body["errors"][0]["message"]["en"].as_str().unwrap();
        assert!(detail.contains(told) && !detail.contains("column"), "{detail}");
        assert!(!detail.contains("anak"), "{detail}");
    }
}

#[test]
fn wrong_types_and_nulls_name_their_key_and_what_is_wanted() {
    let bench = TestStation::without_printer();
    for (path, value, place, wanted) in [
        (
            "/product",
            json!(null),
            "product",
            "must be a text in quotation marks; what came is null",
        ),
        ("/ref", json!(7), "ref", "must be a text in quotation marks; what came is a number"),
        ("/fields", json!([]), "fields", "must be a JSON object"),
        ("/fields", json!(null), "fields", "what came is null"),
        ("/attachments", json!({}), "attachments", "must be a JSON list"),
        ("/attachments/1", json!("AKTA"), "attachments[1]", "must be a JSON object"),
        (
            "/attachments/0/sha256",
            json!(true),
            "attachments[0].sha256",
            "what came is true or false",
        ),
        ("/recommendation", json!("SETUJU"), "recommendation", "must be a JSON object"),
        ("/recommendation/keputusan", json!(true), "recommendation.keputusan", "a text"),
        ("/recommendation/oleh/nama", json!(null), "recommendation.oleh", "whose values are texts"),
        (
            "/recommendation/daftar_periksa/kk",
            json!("ya"),
            "recommendation.daftar_periksa",
            "true or false",
        ),
    ] {
        let mut job = small();
        *job.pointer_mut(path).unwrap() = value;
        let answer = bench.http.post("/v1/jobs", &job);
        let told = (answer.status, answer.body["code"].as_str(), answer.body["field"].as_str());
        assert_eq!(told, (400, Some("E_JSON"), Some(place)), "{path}: {}", answer.body);
        let english = answer.body["errors"][0]["message"]["en"].as_str().unwrap();
        assert!(english.contains(wanted), "{path}: {english}");
    }
    let mut job = small();
    job["fields"]["rt"] = json!(1);
    let answer = bench.http.post("/v1/jobs", &job);
    assert_eq!((answer.status, answer.body["field"].as_str()), (422, Some("fields.rt")));
}

#[test]
fn an_unknown_key_is_not_repeated_but_its_neighbour_is_told() {
    let bench = TestStation::without_printer();
    let job = small().to_string();
    for (body, near, secret) in [
        (job.replacen("\"reason\"", "\"reasson\"", 1), "reason", "reasson"),
        (job.replacen("\"keputusan\"", "\"kepuutusan\"", 1), "keputusan", "kepuutusan"),
        (
            job.replacen("\"nama\":\"AISYAH", "\"siti_nurhaliza\":1,\"nama\":\"AISYAH", 1),
            "",
            "siti",
        ),
    ] {
        let answer = post(&bench, body.as_bytes());
        assert!([400, 422].contains(&answer.status), "{}", answer.body);
        assert!(!answer.body.to_string().contains(secret), "{}", answer.body);
        assert!(answer.body.to_string().contains(near), "{}", answer.body);
    }
    let entry = json!({ "kind": "loaded", "cards": 1, "by": "p", "NAMA ANAK": 1 });
    let answer = bench.http.post("/v1/blanks", &entry);
    assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some("E_JSON")));
    assert!(!answer.body.to_string().contains("ANAK"), "{}", answer.body);
}

#[test]
fn other_encodings_are_told_as_what_they_are_in_one_language_at_a_time() {
    let bench = TestStation::without_printer();
    let text = small().to_string();
    let bom = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let surrogate = text.replace("AISYAH", "\\ud800");
    let huge = text.replace("\"000\"", "1e999");
    let not_a_number = text.replace("\"000\"", "NaN");
    let latin1 = [text.as_bytes(), b"\xE9"].concat();
    let other_boundary = ("content-type", "multipart/form-data; boundary=other");
    let good_form = form(&[("job", text.as_bytes())]);
    let cases: [(&[u8], (&str, &str), u16, &str, &str); 16] = [
        (&bom, JSON, 400, "E_JSON", "BOM"),
        (&utf16, JSON, 400, "E_JSON", "UTF-16"),
        (&latin1, JSON, 400, "E_JSON", "UTF-8"),
        (surrogate.as_bytes(), JSON, 400, "E_JSON", "well-formed"),
        (huge.as_bytes(), JSON, 400, "E_JSON", "well-formed"),
        (not_a_number.as_bytes(), JSON, 400, "E_JSON", "well-formed"),
        (&text.as_bytes()[..text.len() / 2], JSON, 400, "E_JSON", "ends too early"),
        (b"", JSON, 400, "E_JSON", "empty"),
        (b"[]", JSON, 400, "E_JSON", "a list"),
        (b"\"job\"", JSON, 400, "E_JSON", "a text"),
        (b"\x1F\x8B\x08\0", JSON, 415, "E_MEDIA_TYPE", "compressed"),
        (text.as_bytes(), ("content-encoding", "gzip"), 415, "E_MEDIA_TYPE", "compressed"),
        (
            b"product=kia",
            ("content-type", "application/x-www-form-urlencoded"),
            415,
            "E_MEDIA_TYPE",
            "enctype",
        ),
        (
            text.as_bytes(),
            ("content-type", "application/json; charset=utf-16"),
            415,
            "E_MEDIA_TYPE",
            "UTF-8",
        ),
        (&good_form, ("content-type", "multipart/form-data"), 400, "E_BODY", "boundary"),
        (&good_form, other_boundary, 400, "E_BODY", "boundary"),
    ];
    for (body, header, status, code, english) in cases {
        let say = |language| {
            let mut headers = vec![("accept-language", language), header];
            if header.0 == "content-encoding" {
                headers.push(JSON);
            }
            bench.http.post_with("/v1/jobs", body, &headers)
        };
        let (id, en) = (say("id"), say("en"));
        assert_eq!((en.status, en.body["code"].as_str()), (status, Some(code)), "{}", en.body);
        assert!(en.body["detail"].as_str().unwrap().contains(english), "{}", en.body);
        for (answer, language) in [(&id, "id"), (&en, "en")] {
            let message = &answer.body["errors"][0]["message"];
            assert_eq!(answer.body["detail"], message[language], "{language}: {}", answer.body);
        }
        assert_ne!(id.body["detail"], en.body["detail"]);
        assert_ne!(id.body["title"], en.body["title"], "{}", id.body);
    }
    assert_eq!(bench.http.get("/v1/jobs").body["jobs"], json!([]));
}

#[test]
fn an_empty_photo_is_no_photo() {
    let bench = TestStation::without_printer();
    for (number, empty) in ["", "  \r\n", "data:image/jpeg;base64,"].iter().enumerate() {
        let mut job = child("S1");
        job["ref"] = json!(format!("EMPTY-{number}"));
        job["photo"] = json!(empty);
        let answer = bench.http.post("/v1/jobs", &job);
        assert_eq!(
            (answer.status, &answer.body["state"]),
            (201, &json!("queued")),
            "{}",
            answer.body
        );
        assert_eq!((&answer.body["reasons"], &answer.body["warnings"]), (&json!([]), &json!([])));
        let mut job = child("S2");
        job["photo"] = json!(empty);
        assert_eq!(bench.http.post("/v1/jobs", &job).codes("errors"), ["E_PHOTO_REQUIRED"]);
    }
    let mut job = child("S1");
    job["ref"] = json!("EMPTY-FORM");
    let body = form(&[("job", job.to_string().as_bytes()), ("photo", b"")]);
    let answer = bench.http.post_with("/v1/jobs", &body, &[FORM]);
    assert_eq!((answer.status, &answer.body["reasons"]), (201, &json!([])), "{}", answer.body);
    let mut job = child("S2");
    job.as_object_mut().unwrap().remove("photo");
    let body = form(&[("job", job.to_string().as_bytes()), ("photo", b"")]);
    let answer = bench.http.post_with("/v1/jobs", &body, &[FORM]);
    assert_eq!(answer.codes("errors"), ["E_PHOTO_REQUIRED"]);
}
