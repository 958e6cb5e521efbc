//! A card is replaced because it is damaged, lost or wrong. The old approval prints nothing again.

use std::process::Command;

use emulators::machine::Lever;
use serde_json::{Value, json};

use crate::test_station::{Answer, TestStation, child};

/// The job of a child with a numbered approval.
fn approved(sample: &str, reference: &str, number: &str) -> Value {
    let mut job = child(sample);
    job["ref"] = json!(reference);
    job["recommendation"]["nomor"] = json!(number);
    job
}

/// A new card for the child of `old`, because of changed data.
fn replacement(old: &str, old_card: &str, reference: &str, number: &str) -> Value {
    replacement_of("S2", old, old_card, reference, number)
}

fn replacement_of(sample: &str, old: &str, old_card: &str, reference: &str, number: &str) -> Value {
    let mut job = approved(sample, reference, number);
    job["reason"] = json!("PERUBAHAN_DATA");
    job["replaces"] = json!({ "job": old, "old_card": old_card });
    job
}

fn printed(bench: &TestStation) -> String {
    let id = bench.accepted(&approved("S2", "LAMA-1", "470/1"));
    bench.until(&id, "printed");
    id
}

/// The station was off while somebody was at the feeder; it notices before it prints anything.
fn switch_on_with(bench: &mut TestStation, lever: Lever) {
    bench.stop();
    bench.pull(lever);
    bench.start("");
}

fn refused(answer: &Answer) -> (u16, &str, &str) {
    let text = |key: &str| answer.body[key].as_str().unwrap_or("");
    (answer.status, text("code"), text("field"))
}

/// A number from the daily balance of the last days, because the test may run over midnight.
fn blanks(bench: &TestStation, figure: &str) -> i64 {
    let days = bench.http.get("/v1/blanks").body["days"].clone();
    days.as_array().unwrap().iter().map(|day| day[figure].as_i64().unwrap()).sum()
}

fn last_event(bench: &TestStation, id: &str) -> Value {
    let events = bench.http.get(&format!("/v1/jobs/{id}/events")).body;
    events.as_array().unwrap().last().unwrap().clone()
}

#[test]
fn a_destroyed_card_is_replaced_and_stands_in_the_list() {
    let bench = TestStation::new();
    let old = printed(&bench);
    let new = bench.accepted(&replacement(&old, "destroyed", "BARU-1", "470/2"));
    let was = bench.http.get(&format!("/v1/jobs/{old}")).body;
    assert_eq!((&was["state"], &was["replaced_by"]), (&json!("spoiled"), &json!(new)));
    assert_eq!(was["evidence"], json!({ "replaced_by": new, "old_card": "destroyed" }));
    let is = bench.until(&new, "printed");
    assert_eq!(is["replaces"], json!({ "job": old, "old_card": "destroyed" }));
    assert_eq!((&is["replaced_by"], &was["replaces"]), (&Value::Null, &Value::Null));
    assert_eq!(bench.cards_out(), 2);
    let list = bench.http.get("/v1/blanks/spoiled").body["cards"].clone();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!((&list[0]["ref"], &list[0]["job"]), (&json!("LAMA-1"), &json!(old)));
    assert_eq!((&list[0]["cause"], &list[0]["cards"]), (&json!("PERUBAHAN_DATA"), &json!(1)));
    assert_eq!(list[0]["evidence"]["replaced_by"], json!(new));
    assert_eq!((blanks(&bench, "good"), blanks(&bench, "spoiled")), (1, 1), "no second blank");
}

#[test]
fn a_lost_or_kept_card_is_replaced_and_stays_printed() {
    for (fate, sample) in [("lost", "S2"), ("kept", "S3")] {
        let bench = TestStation::new();
        let old = bench.accepted(&approved(sample, "LAMA-1", "470/1"));
        bench.until(&old, "printed");
        let new = bench.accepted(&replacement_of(sample, &old, fate, "BARU-1", "470/2"));
        let was = bench.http.get(&format!("/v1/jobs/{old}")).body;
        assert_eq!((&was["state"], &was["replaced_by"]), (&json!("printed"), &json!(new)));
        let said = last_event(&bench, &old);
        assert_eq!(said["event"], "replaced");
        assert_eq!(said["detail"], json!({ "replaced_by": new, "old_card": fate }));
        bench.until(&new, "printed");
        assert_eq!(bench.http.get("/v1/blanks/spoiled").body["cards"], json!([]));
    }
}

#[test]
fn a_card_that_may_exist_is_not_replaced() {
    let bench = TestStation::new();
    bench.pull(Lever::JamNextCard);
    let old = bench.accepted(&approved("S2", "LAMA-1", "470/1"));
    bench.until(&old, "unsure");
    for fate in ["destroyed", "lost", "kept"] {
        let answer = bench.http.post("/v1/jobs", &replacement(&old, fate, "BARU-1", "470/2"));
        assert_eq!(refused(&answer), (409, "E_REPLACES_UNSURE", "replaces.job"));
        assert!(answer.body["errors"][0]["message"]["en"].as_str().unwrap().contains("settle"));
    }
    assert_eq!(bench.http.get(&format!("/v1/jobs/{old}")).body["state"], "unsure");
    assert_eq!(
        bench.http.get("/v1/jobs").body["jobs"].as_array().unwrap().len(),
        1,
        "nothing is stored"
    );
}

#[test]
fn only_a_card_that_came_out_is_replaced() {
    let bench = TestStation::without_printer();
    let old = bench.accepted(&approved("S2", "LAMA-1", "470/1"));
    let post =
        |old: &str| bench.http.post("/v1/jobs", &replacement(old, "lost", "BARU-1", "470/2"));
    let waits = post(&old);
    assert_eq!(refused(&waits), (409, "E_REPLACES_NOT_PRINTED", "replaces.job"));
    assert!(waits.body["errors"][0]["message"]["en"].as_str().unwrap().contains("Cancel that job"));
    bench.http.post(&format!("/v1/jobs/{old}/cancel"), &json!({ "by": "petugas-2" }));
    let ended = post(&old);
    assert_eq!(refused(&ended), (409, "E_REPLACES_NOT_PRINTED", "replaces.job"));
    assert!(
        ended.body["errors"][0]["message"]["en"].as_str().unwrap().contains("without replaces")
    );
    for unknown in ["0199f3c0-1f5c-7c3e-8f56-3f0a4a1a2b3c", "LAMA-1", "", "XYLOPHONA"] {
        let answer = post(unknown);
        assert_eq!(refused(&answer), (422, "E_REPLACES_UNKNOWN", "replaces.job"));
        assert!(!answer.body.to_string().contains("XYLOPHONA"));
    }
    let mut job = replacement(&old, "lost", "BARU-1", "470/2");
    job["replaces"]["old_card"] = json!("eaten");
    assert_eq!(bench.http.post("/v1/jobs", &job).status, 400);
    job["replaces"] = json!({ "job": old, "old_card": "lost", "why": "XYLOPHONA" });
    let answer = bench.http.post("/v1/jobs", &job);
    assert_eq!((answer.status, answer.body.to_string().contains("XYLOPHONA")), (400, false));
}

#[test]
fn a_card_of_another_kind_is_no_replacement() {
    let bench = TestStation::new();
    let old = printed(&bench);
    let portrait = child("S2")["photo"].clone();
    let job = json!({
        "product": "staf", "ref": "STAF-1", "reason": "RUSAK", "photo": portrait,
        "fields": {
            "nama": "CONTOH PEGAWAI", "jabatan": "ARSIPARIS", "unit": "SEKRETARIAT",
            "no_pegawai": "PSS-00042", "berlaku_hingga": "2099-03-01",
        },
        "recommendation": { "keputusan": "SETUJU", "nomor": "470/2", "oleh": { "nama": "CONTOH SEKRETARIS" } },
        "replaces": { "job": old, "old_card": "kept" },
    });
    let answer = bench.http.post("/v1/jobs", &job);
    assert_eq!(refused(&answer), (422, "E_REPLACES_PRODUCT", "replaces.job"), "{}", answer.body);
}

#[test]
fn two_replacements_race_and_one_is_taken() {
    let bench = TestStation::new();
    let old = printed(&bench);
    let answers: Vec<Answer> = std::thread::scope(|people| {
        let (bench, old) = (&bench, &old);
        let clerk = |n: usize| {
            let job = replacement(old, "destroyed", &format!("BARU-{n}"), &format!("471/{n}"));
            people.spawn(move || bench.http.post("/v1/jobs", &job))
        };
        let clerks: Vec<_> = (0..8).map(clerk).collect();
        clerks.into_iter().map(|clerk| clerk.join().unwrap()).collect()
    });
    let (taken, rest): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(taken.len(), 1);
    let id = taken[0].body["id"].as_str().unwrap();
    for answer in rest {
        assert_eq!(refused(answer), (409, "E_ALREADY_REPLACED", "replaces.job"));
        assert!(answer.body["detail"].as_str().unwrap().contains(id), "{}", answer.body);
    }
    bench.until(id, "printed");
    assert_eq!(bench.cards_out(), 2);
    // The new card is damaged too: the next job replaces that one, not the first.
    let third = bench.accepted(&replacement(id, "destroyed", "BARU-9", "471/9"));
    assert_eq!(bench.until(&third, "printed")["replaces"]["job"], json!(id));
    let spoiled = bench.http.get("/v1/blanks/spoiled").body["cards"].clone();
    assert_eq!(spoiled.as_array().unwrap().len(), 2);
}

#[test]
fn a_withdrawn_replacement_leaves_the_card_to_be_replaced() {
    let mut bench = TestStation::new();
    let old = printed(&bench);
    switch_on_with(&mut bench, Lever::EmptyFeeder);
    let first = bench.accepted(&replacement(&old, "destroyed", "BARU-1", "470/2"));
    let gone = bench.http.post(&format!("/v1/jobs/{first}/cancel"), &json!({ "by": "petugas-2" }));
    assert_eq!(gone.status, 200, "{}", gone.body);
    let was = bench.http.get(&format!("/v1/jobs/{old}")).body;
    assert_eq!((&was["state"], &was["replaced_by"]), (&json!("spoiled"), &Value::Null));
    switch_on_with(&mut bench, Lever::LoadFeeder(10));
    let second = bench.accepted(&replacement(&old, "destroyed", "BARU-2", "470/3"));
    bench.until(&second, "printed");
    let said = last_event(&bench, &old);
    assert_eq!((&said["event"], &said["state"]), (&json!("replaced"), &json!("spoiled")));
    let list = bench.http.get("/v1/blanks/spoiled").body["cards"].clone();
    assert_eq!(list.as_array().unwrap().len(), 1, "one card, destroyed once");
    assert_eq!(bench.cards_out(), 2);
}

#[test]
fn the_old_approval_never_prints_again() {
    let mut bench = TestStation::new();
    let first = approved("S2", "LAMA-1", "470/1");
    let old = bench.accepted(&first);
    bench.until(&old, "printed");
    for (round, (fate, number)) in
        [("kept", "470/2"), ("lost", "470/3"), ("destroyed", "470/4")].into_iter().enumerate()
    {
        // With a new ref, as a replacement, with blanks around the number, without a number.
        assert_eq!(
            refused(&bench.http.post("/v1/jobs", &approved("S2", "LAIN-1", "470/1"))).1,
            "E_APPROVAL_USED"
        );
        for used in ["470/1", " 470/1 "] {
            let answer = bench.http.post("/v1/jobs", &replacement(&old, fate, "LAIN-1", used));
            assert_eq!(refused(&answer), (409, "E_APPROVAL_USED", "recommendation.nomor"));
        }
        for none in [Value::Null, json!(""), json!(" ")] {
            let mut job = replacement(&old, fate, "LAIN-1", "");
            job["recommendation"]["nomor"] = none;
            let answer = bench.http.post("/v1/jobs", &job);
            assert_eq!(refused(&answer), (422, "E_REPLACES_APPROVAL", "recommendation.nomor"));
        }
        // The same job again is accepted as the same; a changed one with its ref is refused.
        assert_eq!(bench.http.post("/v1/jobs", &first).body["id"], json!(old));
        let mut changed = first.clone();
        changed["recommendation"]["nomor"] = json!("470/99");
        assert_eq!(refused(&bench.http.post("/v1/jobs", &changed)).1, "E_REF_TAKEN");
        let again = replacement(&old, fate, "LAMA-1", "470/99");
        assert_eq!(refused(&bench.http.post("/v1/jobs", &again)).1, "E_REF_TAKEN");
        // Nobody can withdraw it to free its approval.
        let cancel =
            bench.http.post(&format!("/v1/jobs/{old}/cancel"), &json!({ "by": "petugas-2" }));
        assert_eq!(cancel.status, 409);
        // Withdrawing a replacement does not free it either.
        switch_on_with(&mut bench, Lever::EmptyFeeder);
        let new = bench.accepted(&replacement(&old, fate, &format!("BARU-{round}"), number));
        assert_eq!(
            bench.http.post(&format!("/v1/jobs/{new}/cancel"), &json!({ "by": "p" })).status,
            200
        );
        let answer = bench.http.post("/v1/jobs", &approved("S2", "LAIN-2", "470/1"));
        assert_eq!(refused(&answer).1, "E_APPROVAL_USED");
    }
    switch_on_with(&mut bench, Lever::LoadFeeder(10));
    let after = bench.accepted(&approved("S3", "LAIN-3", "470/5"));
    bench.until(&after, "printed");
    assert_eq!(bench.cards_out(), 2, "the first card and the last, and none for the old approval");
}

#[test]
fn a_clerk_submits_a_replacement_twice_and_gets_one() {
    let bench = TestStation::new();
    let old = printed(&bench);
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("job.json");
    std::fs::write(&file, replacement(&old, "lost", "BARU-1", "470/2").to_string()).unwrap();
    let submit = || {
        let output = Command::new(env!("CARGO_BIN_EXE_kartud"))
            .args(["submit", "--json", "--url", &bench.http.url])
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (first, again) = (submit(), submit());
    assert_eq!(first["replaces"], json!({ "job": old, "old_card": "lost" }));
    assert_eq!(first["id"], again["id"]);
    bench.until(first["id"].as_str().unwrap(), "printed");
    assert_eq!(bench.cards_out(), 2);
}

#[test]
fn a_card_found_bad_at_the_desk_is_listed_once_and_replaced() {
    let bench = TestStation::new();
    let old = printed(&bench);
    let seen =
        json!({ "seen": "spoiled", "by": "petugas-2", "cause": "CACAT_PABRIK", "insist": true });
    let settled = bench.http.post(&format!("/v1/jobs/{old}/resolve"), &seen);
    assert_eq!(
        (settled.status, &settled.body["state"]),
        (200, &json!("spoiled")),
        "{}",
        settled.body
    );
    let new = bench.accepted(&replacement(&old, "destroyed", "BARU-1", "470/2"));
    bench.until(&new, "printed");
    let list = bench.http.get("/v1/blanks/spoiled").body["cards"].clone();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!((&list[0]["ref"], &list[0]["cause"]), (&json!("LAMA-1"), &json!("CACAT_PABRIK")));
    assert_eq!((blanks(&bench, "good"), blanks(&bench, "spoiled")), (1, 1));
}

#[test]
fn a_doubtful_card_is_replaced_once_somebody_has_seen_it() {
    let bench = TestStation::new();
    bench.pull(Lever::JamNextCard);
    let old = bench.accepted(&approved("S2", "LAMA-1", "470/1"));
    bench.until(&old, "unsure");
    let new = replacement(&old, "lost", "BARU-1", "470/2");
    assert_eq!(refused(&bench.http.post("/v1/jobs", &new)).1, "E_REPLACES_UNSURE");
    assert_eq!(blanks(&bench, "unsure"), 1);
    bench.pull(Lever::TakeCardOut);
    let seen = json!({ "seen": "printed", "by": "petugas-2", "insist": true });
    let settled = bench.http.post(&format!("/v1/jobs/{old}/resolve"), &seen);
    assert_eq!(
        (settled.status, &settled.body["state"]),
        (200, &json!("printed")),
        "{}",
        settled.body
    );
    let new = bench.accepted(&new);
    bench.until(&new, "printed");
    assert_eq!(blanks(&bench, "unsure"), 0);
}
