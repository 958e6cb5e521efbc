//! Intake: jobs are accepted, held, refused, and posted twice.

use serde_json::{Value, json};

use crate::test_station::{SAMPLES, TestStation, child};

/// The job of a bad case: a good child's job with one fault.
fn bad_case(case: &Value) -> Value {
    let (field, value) = (case["field"].as_str().unwrap(), case["value"].as_str().unwrap());
    let mut job = child("S2");
    match (field, case["id"].as_str().unwrap()) {
        ("photo", "X9") => drop(job.as_object_mut().unwrap().remove("photo")),
        ("photo", _) => {
            let photo = job["photo"].clone();
            job = child("S1");
            job["photo"] = photo;
        }
        (pair, _) => {
            for (name, part) in pair.split('+').zip(value.split(" + ")) {
                job["fields"][name] = json!(part);
            }
        }
    }
    job
}

#[test]
fn every_bad_case_gets_exactly_its_code() {
    let bench = TestStation::without_printer();
    let samples: Value = serde_json::from_str(SAMPLES).unwrap();
    let mut held = 0;
    for case in samples["bad"].as_array().unwrap() {
        let (id, expected) = (case["id"].as_str().unwrap(), case["expect"].as_str().unwrap());
        let mut job = bad_case(case);
        job["ref"] = json!(format!("BAD-{id}"));
        let answer = bench.http.post("/v1/jobs", &job);
        if expected.starts_with("E_") {
            assert_eq!(answer.status, 422, "{id}: {}", answer.body);
            assert_eq!(answer.codes("errors"), [expected], "{id}");
            assert_eq!(answer.body["code"], expected, "{id}");
            assert_eq!(answer.kind, "application/problem+json");
        } else {
            assert_eq!(answer.status, 201, "{id}: {}", answer.body);
            assert_eq!(answer.codes("warnings"), [expected], "{id}");
            assert_eq!(answer.body["state"], "held", "{id}");
            held += 1;
        }
    }
    let stored = bench.http.get("/v1/jobs").body;
    assert_eq!(stored["jobs"].as_array().unwrap().len(), held, "what is refused is not stored");
}

#[test]
fn several_faults_are_told_together_in_both_languages() {
    let bench = TestStation::without_printer();
    let mut job = child("S2");
    job["fields"]["nik"] = json!("12");
    job["fields"]["gol_darah"] = json!("C");
    job["fields"]["rt"] = json!("1A");
    job["fields"].as_object_mut().unwrap().remove("desa");
    job["fields"]["desaa"] = json!("X");
    job.as_object_mut().unwrap().remove("recommendation");
    let answer = bench.http.post("/v1/jobs", &job);
    assert_eq!(answer.status, 422);
    let mut codes = answer.codes("errors");
    codes.sort();
    let expected = [
        "E_ENUM",
        "E_FIELD_UNKNOWN",
        "E_FORMAT",
        "E_NIK_LEN",
        "E_RECOMMENDATION_REQUIRED",
        "E_REQUIRED",
    ];
    assert_eq!(codes, expected);
    for error in answer.body["errors"].as_array().unwrap() {
        assert_ne!(error["message"]["id"], error["message"]["en"]);
    }
    let english = [("content-type", "application/json"), ("accept-language", "en")];
    let english = bench.http.post_with("/v1/jobs", job.to_string().as_bytes(), &english);
    assert_ne!(english.body["detail"], answer.body["detail"]);
    assert_eq!(english.body["detail"], english.body["errors"][0]["message"]["en"]);
}

#[test]
fn an_acknowledged_warning_does_not_hold() {
    let bench = TestStation::new();
    let mut job = child("S2");
    job["fields"]["jenis_kelamin"] = json!("PEREMPUAN");
    job["recommendation"]["peringatan_disetujui"] = json!(["W_NIK_SEX"]);
    let answer = bench.http.post("/v1/jobs", &job);
    assert_eq!(answer.codes("warnings"), ["W_NIK_SEX"]);
    assert_eq!(answer.codes("reasons"), Vec::<String>::new());
    bench.until(answer.body["id"].as_str().unwrap(), "printed");
}

#[test]
fn text_that_does_not_fit_or_cannot_be_written_is_held() {
    let bench = TestStation::new();
    for (reference, field, value, code) in [
        (
            "FIT-1",
            "nama",
            "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW WWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
            "H_TEXT_OVERFLOW",
        ),
        ("FIT-2", "alamat", "JALAN \u{4e2d}\u{6587} NO. 1", "H_GLYPH_MISSING"),
    ] {
        let mut job = child("S2");
        job["ref"] = json!(reference);
        job["fields"][field] = json!(value);
        let answer = bench.http.post("/v1/jobs", &job);
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.body["state"], "held");
        assert!(answer.codes("reasons").contains(&code.to_owned()), "{code}: {}", answer.body);
    }
    assert_eq!(bench.cards_out(), 0);
}

#[test]
fn the_same_key_gives_the_same_job() {
    let bench = TestStation::without_printer();
    let first = bench.http.post_key(&child("S2"), "k-1");
    assert_eq!(first.status, 201);
    assert_eq!(first.location, format!("/v1/jobs/{}", first.body["id"].as_str().unwrap()));
    assert!(!first.replayed);
    let again = bench.http.post_key(&child("S2"), "k-1");
    assert_eq!((again.status, again.replayed), (201, true));
    assert_eq!(again.body["id"], first.body["id"]);
    let other = bench.http.post_key(&child("S3"), "k-1");
    assert_eq!(
        (other.status, other.body["code"].as_str().unwrap()),
        (409, "E_IDEMPOTENCY_KEY_REUSED")
    );
    // The ref is the upstream's own key: the same application never becomes two jobs.
    let lost_key = bench.http.post_key(&child("S2"), "k-2");
    assert_eq!(lost_key.body["id"], first.body["id"]);
    let mut changed = child("S2");
    changed["fields"]["gol_darah"] = json!("A");
    let changed = bench.http.post("/v1/jobs", &changed);
    assert_eq!((changed.status, changed.body["code"].as_str().unwrap()), (409, "E_REF_TAKEN"));
    assert_eq!(bench.http.get("/v1/jobs").body["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn sixty_four_clients_at_once_make_one_job_each() {
    let bench = TestStation::without_printer();
    let job = child("S1");
    std::thread::scope(|scope| {
        for client in 0..64 {
            let (http, mut job) = (bench.http.clone(), job.clone());
            scope.spawn(move || {
                job["ref"] = json!(format!("MANY-{}", client / 2));
                assert_eq!(http.post("/v1/jobs", &job).status, 201);
            });
        }
    });
    let jobs = bench.http.get("/v1/jobs?limit=500").body;
    assert_eq!(
        jobs["jobs"].as_array().unwrap().len(),
        32,
        "two clients with one application make one job"
    );
}

#[test]
fn a_withdrawn_job_is_never_printed_and_its_ref_is_free_again() {
    let mut bench = TestStation::without_printer();
    let id = bench.accepted(&child("S2"));
    let cancel = format!("/v1/jobs/{id}/cancel");
    assert_eq!(bench.http.post(&cancel, &json!({})).status, 400);
    let answer = bench.http.post(&cancel, &json!({ "by": "petugas-2" }));
    assert_eq!((answer.status, answer.body["state"].as_str().unwrap()), (200, "cancelled"));
    assert_eq!(bench.http.post(&cancel, &json!({ "by": "petugas-2" })).status, 409);
    let anew = bench.accepted(&child("S2"));
    assert_ne!(anew, id);
    bench.stop();
    bench.start("");
    bench.until(&anew, "printed");
    assert_eq!(bench.cards_out(), 1);
    let printed =
        bench.http.post(&format!("/v1/jobs/{anew}/cancel"), &json!({ "by": "petugas-2" }));
    assert_eq!((printed.status, printed.body["code"].as_str().unwrap()), (409, "E_STATE"));
}

#[test]
fn multipart_is_the_same_job() {
    use base64::Engine as _;
    let bench = TestStation::new();
    let mut job = child("S2");
    let photo = job.as_object_mut().unwrap().remove("photo").unwrap();
    let photo = base64::engine::general_purpose::STANDARD.decode(photo.as_str().unwrap()).unwrap();
    let form = |parts: &[(&str, &[u8])]| {
        let mut body = Vec::new();
        for (name, bytes) in parts {
            body.extend(
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").bytes(),
            );
            body.extend(*bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--b--\r\n");
        body
    };
    let kind = [("content-type", "multipart/form-data; boundary=b")];
    let text = job.to_string();
    let answer = bench.http.post_with(
        "/v1/jobs",
        &form(&[("job", text.as_bytes()), ("photo", &photo)]),
        &kind,
    );
    assert_eq!(answer.status, 201, "{}", answer.body);
    let as_json = bench.http.post("/v1/jobs", &child("S2"));
    assert_eq!(
        as_json.body["id"], answer.body["id"],
        "the same content is the same job, whichever way it came"
    );
    for wrong in [
        form(&[("photo", &photo)]),
        form(&[("job", text.as_bytes()), ("foto", &photo)]),
        b"--b\r\nrubbish".to_vec(),
    ] {
        assert_eq!(bench.http.post_with("/v1/jobs", &wrong, &kind).status, 400);
    }
}

#[test]
fn respond_async_puts_the_inspection_off_but_not_the_rules() {
    let bench = TestStation::new();
    let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
    let post = |job: &Value| bench.http.post_with("/v1/jobs", job.to_string().as_bytes(), &headers);
    let good = post(&child("S2"));
    assert_eq!((good.status, good.body["state"].as_str().unwrap()), (201, "received"));
    bench.until(good.body["id"].as_str().unwrap(), "printed");
    let mut bad = child("S3");
    bad["fields"]["nik"] = json!("1");
    assert_eq!(post(&bad).codes("errors"), ["E_NIK_LEN"]);
    let mut wide = child("S4");
    wide["fields"]["nama"] = json!("WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW WWWWWWWWWWWWWWWWWWWWWWWWWWWWW");
    let id = post(&wide).body["id"].as_str().unwrap().to_owned();
    let held = bench.until(&id, "held");
    assert!(held["reasons"].to_string().contains("H_TEXT_OVERFLOW"), "{held}");
}

#[test]
fn what_is_no_job_is_refused_with_a_reason() {
    let bench = TestStation::without_printer();
    let json_kind = [("content-type", "application/json")];
    for (body, status, code) in [
        (&b"{"[..], 400, "E_JSON"),
        (b"[]", 400, "E_JSON"),
        (b"\xff\xfe", 400, "E_JSON"),
        (br#"{"product":"kia"}"#, 400, "E_JSON"),
        (br#"{"product":"kia","ref":"A","reason":"BARU","colour":1}"#, 400, "E_JSON"),
        (br#"{"product":"ktp","ref":"A","reason":"BARU"}"#, 422, "E_PRODUCT"),
        (br#"{"product":"kia","ref":"A","reason":"BARU","photo":"***"}"#, 400, "E_JSON"),
    ] {
        let answer = bench.http.post_with("/v1/jobs", body, &json_kind);
        assert_eq!((answer.status, answer.body["code"].as_str().unwrap()), (status, code));
    }
    let xml = bench.http.post_with("/v1/jobs", b"<job/>", &[("content-type", "text/xml")]);
    assert_eq!((xml.status, xml.body["code"].as_str().unwrap()), (415, "E_MEDIA_TYPE"));
    let huge = bench.http.post_with("/v1/jobs", &vec![b' '; 5 * 1024 * 1024], &json_kind);
    assert_eq!((huge.status, huge.body["code"].as_str().unwrap()), (413, "E_TOO_LARGE"));
    let mut key = child("S1");
    key["ref"] = json!("KEY");
    assert_eq!(bench.http.post_key(&key, &"k".repeat(256)).body["code"], "E_IDEMPOTENCY_KEY");
    let mut broken = child("S2");
    broken["photo"] =
        json!(crate::test_station::base64(b"\xff\xd8\xff\xe0 not a picture \xff\xd9"));
    assert_eq!(bench.http.post("/v1/jobs", &broken).codes("errors"), ["E_PHOTO_TRUNCATED"]);
    assert_eq!(bench.http.get("/v1/jobs").body["jobs"], json!([]));
}
