//! Blanks at the station: loaded, printed, spoiled, lost, counted; and days that balance or do not.

use std::process::Command;

use emulators::machine::Lever;
use serde_json::{Value, json};

use crate::test_station::{Answer, TestStation, Wall, child};

/// A station in an office (UTC+7) at 9 o'clock on 10 March 2026.
fn office() -> (TestStation, Wall) {
    let wall = Wall::at("2026-03-10T09:00:00+07:00");
    (TestStation::begun("", wall.clock()), wall)
}

fn enter(bench: &TestStation, kind: &str, cards: i64) -> Answer {
    let cause = (kind == "spoiled").then_some("CACAT_PABRIK");
    let entry = json!({ "kind": kind, "cards": cards, "cause": cause, "by": "petugas-2" });
    let answer = bench.http.post("/v1/blanks", &entry);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer
}

fn day(bench: &TestStation, date: &str) -> Value {
    let days = bench.http.get(&format!("/v1/blanks?from={date}&to={date}")).body;
    assert_eq!(days["days"].as_array().map(Vec::len), Some(1), "{days}");
    days["days"][0].clone()
}

fn print(bench: &TestStation, samples: &[&str]) {
    for sample in samples {
        let id = bench.accepted(&child(sample));
        bench.until(&id, "printed");
    }
}

fn kartud(bench: &TestStation, args: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_kartud"))
        .args(args)
        .env("LC_ALL", "C")
        .env("KARTU_URL", &bench.http.url)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), output.status.code())
}

#[test]
fn a_day_closes_and_the_next_begins_with_its_count() {
    let (bench, wall) = office();
    enter(&bench, "loaded", 100);
    print(&bench, &["S1", "S2"]);
    enter(&bench, "test", 1);
    enter(&bench, "spoiled", 3);
    enter(&bench, "returned", 20);
    enter(&bench, "counted", 74);
    let today = day(&bench, "2026-03-10");
    for (figure, cards) in [("opening", 0), ("loaded", 100), ("good", 2), ("spoiled", 3)] {
        assert_eq!(today[figure], cards, "{figure} of {today}");
    }
    for (figure, cards) in [("test", 1), ("lost", 0), ("returned", 20), ("unsure", 0)] {
        assert_eq!(today[figure], cards, "{figure} of {today}");
    }
    assert_eq!((&today["expected"], &today["counted"]), (&json!(74), &json!(74)));
    assert_eq!((&today["difference"], &today["closes"]), (&json!(0), &json!(true)));
    assert_eq!(
        (&today["remarks"], &today["spoiled_by_cause"]["CACAT_PABRIK"]),
        (&json!([]), &json!(3))
    );
    // After the count, on the same day.
    print(&bench, &["S3"]);
    let today = day(&bench, "2026-03-10");
    assert_eq!((&today["expected"], &today["closes"]), (&json!(73), &json!(true)));
    wall.turn_to("2026-03-12T08:00:00+07:00");
    let days = bench.http.get("/v1/blanks").body["days"].clone();
    assert_eq!(days.as_array().unwrap().len(), 7, "a week unless told");
    assert_eq!((&days[6]["date"], &days[6]["opening"]), (&json!("2026-03-12"), &json!(73)));
    assert_eq!(days[6]["closes"], json!(null), "nobody has counted yet");
    assert_eq!(day(&bench, "2026-03-12"), days[6], "wherever the question begins");
}

#[test]
fn a_blank_taken_by_hand_keeps_the_day_from_closing() {
    let (bench, wall) = office();
    enter(&bench, "loaded", 10);
    print(&bench, &["S1"]);
    enter(&bench, "counted", 8);
    let today = day(&bench, "2026-03-10");
    assert_eq!((&today["difference"], &today["closes"]), (&json!(-1), &json!(false)));
    let (table, code) = kartud(&bench, &["blanks"]);
    assert_eq!(code, Some(0), "{table}");
    assert!(table.contains("1 blanks fewer than there should be"), "{table}");
    // A loss is noticed by counting, so it explains the count before it.
    enter(&bench, "lost", 1);
    let today = day(&bench, "2026-03-10");
    assert_eq!((&today["expected"], &today["closes"]), (&json!(8), &json!(true)));
    wall.turn_to("2026-03-11T09:00:00+07:00");
    assert_eq!(day(&bench, "2026-03-11")["opening"], 8);
    // One too many, and then the load that was not entered yet: the last count applies.
    enter(&bench, "counted", 9);
    assert_eq!(day(&bench, "2026-03-11")["difference"], 1);
    enter(&bench, "loaded", 1);
    enter(&bench, "counted", 9);
    assert_eq!(day(&bench, "2026-03-11")["closes"], true);
    let past = day(&bench, "2026-03-10");
    assert_eq!(past["closes"], true, "what happens later does not reopen a day: {past}");
}

#[test]
fn a_day_that_did_not_close_stays_so_and_the_next_can_close() {
    let (bench, wall) = office();
    enter(&bench, "loaded", 10);
    enter(&bench, "counted", 7);
    wall.turn_to("2026-03-11T09:00:00+07:00");
    print(&bench, &["S1"]);
    enter(&bench, "counted", 6);
    let days = bench.http.get("/v1/blanks?from=2026-03-10&to=2026-03-11").body["days"].clone();
    assert_eq!((&days[0]["closes"], &days[0]["difference"]), (&json!(false), &json!(-3)));
    assert_eq!((&days[1]["opening"], &days[1]["closes"]), (&json!(7), &json!(true)));
}

#[test]
fn more_cards_than_blanks_are_told_as_what_they_are() {
    let (bench, _) = office();
    print(&bench, &["S1", "S2"]);
    let today = day(&bench, "2026-03-10");
    assert_eq!((&today["expected"], &today["closes"]), (&json!(-2), &json!(false)));
    let remark = today["remarks"][0]["en"].as_str().unwrap();
    assert!(remark.contains("2 more blanks were used than anybody entered"), "{remark}");
    assert!(kartud(&bench, &["blanks"]).0.contains(remark));
}

#[test]
fn a_card_that_nobody_has_seen_is_not_missed() {
    let (bench, wall) = office();
    enter(&bench, "loaded", 5);
    bench.pull(Lever::JamNextCard);
    let id = bench.accepted(&child("S2"));
    bench.until(&id, "unsure");
    enter(&bench, "counted", 5);
    let more = day(&bench, "2026-03-10");
    assert_eq!((&more["difference"], &more["closes"]), (&json!(1), &json!(false)));
    assert!(more["remarks"][1]["en"].as_str().unwrap().contains("Settle that card"), "{more}");
    enter(&bench, "counted", 4);
    let today = day(&bench, "2026-03-10");
    assert_eq!(
        (&today["unsure"], &today["good"], &today["closes"]),
        (&json!(1), &json!(0), &json!(true))
    );
    wall.turn_to("2026-03-11T09:00:00+07:00");
    let tomorrow = day(&bench, "2026-03-11");
    assert_eq!((&tomorrow["opening"], &tomorrow["unsure"]), (&json!(4), &json!(0)));
    assert_eq!(day(&bench, "2026-03-10"), today, "and stays so");
}

#[test]
fn two_clicks_load_once() {
    let (mut bench, wall) = office();
    let entry = json!({ "kind": "loaded", "cards": 50, "by": "petugas-2", "batch": "2026/B-17" });
    let click = |bench: &TestStation, entry: &Value, key: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        bench.http.post_with("/v1/blanks", entry.to_string().as_bytes(), &headers)
    };
    let first = click(&bench, &entry, "click-1");
    assert_eq!((first.status, first.replayed), (201, false));
    let again = click(&bench, &entry, "click-1");
    assert_eq!((again.status, again.replayed), (201, true));
    assert_eq!(again.body, first.body);
    let heard = bench.http.listen(0, |_, _, data| data["event"] == "blanks");
    assert!(
        !format!("{heard:?}").contains("click-1"),
        "a client's own words stay out of the ledger"
    );
    bench.stop();
    bench.start_at("", wall.clock());
    assert!(click(&bench, &entry, "click-1").replayed, "also after a restart");
    let mut other = entry.clone();
    other["cards"] = json!(60);
    let taken = click(&bench, &other, "click-1");
    assert_eq!(
        (taken.status, taken.body["code"].as_str().unwrap()),
        (409, "E_IDEMPOTENCY_KEY_REUSED")
    );
    assert_eq!(day(&bench, "2026-03-10")["loaded"], 50);
    assert!(!click(&bench, &entry, "click-2").replayed, "a second load has a key of its own");
    let raced: Vec<Answer> = std::thread::scope(|people| {
        let clicks: Vec<_> =
            (0..8).map(|_| people.spawn(|| click(&bench, &other, "click-3"))).collect();
        clicks.into_iter().map(|click| click.join().unwrap()).collect()
    });
    assert_eq!(raced.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(raced.iter().all(|answer| answer.status == 201 && answer.body == raced[0].body));
    assert_eq!(day(&bench, "2026-03-10")["loaded"], 50 + 50 + 60);
}

#[test]
fn days_begin_at_midnight_of_the_office() {
    let (bench, wall) = office();
    for (time, cards) in [
        ("2026-03-10T16:59:59.5Z", 1),
        ("2026-03-10T17:00:00Z", 10),
        ("2026-03-10T17:00:00.5Z", 100),
        ("2026-03-11T16:59:59.999Z", 1000),
        ("2026-03-11T17:00:00Z", 5000),
    ] {
        wall.turn_to(time);
        enter(&bench, "loaded", cards);
    }
    let days = bench.http.get("/v1/blanks?from=2026-03-10&to=2026-03-12").body["days"].clone();
    let loaded: Vec<&Value> = days.as_array().unwrap().iter().map(|day| &day["loaded"]).collect();
    assert_eq!(loaded, [1, 1110, 5000]);
    for date in ["2026-03-10", "2026-03-11", "2026-03-12"] {
        let number = date.strip_prefix("2026-03-").unwrap().parse::<usize>().unwrap() - 10;
        assert_eq!(day(&bench, date), days[number]);
    }
}

#[test]
fn what_cannot_be_an_entry_is_refused_by_field() {
    let (bench, _) = office();
    let whole = json!({ "kind": "loaded", "cards": 1, "cause": null, "by": "petugas-2" });
    for (field, value, code) in [
        ("kind", json!("good"), "E_BLANKS_KIND"),
        ("kind", json!("unsure"), "E_BLANKS_KIND"),
        ("kind", json!("XYLOPHONA"), "E_BLANKS_KIND"),
        ("cards", json!(0), "E_BLANKS_CARDS"),
        ("cards", json!(-1), "E_BLANKS_CARDS"),
        ("cards", json!(10_001), "E_BLANKS_CARDS"),
        ("cause", json!("RUSAK_FISIK"), "E_BLANKS_CAUSE"),
        ("by", json!(""), "E_BY"),
        ("by", json!("BU XYLOPHONA"), "E_BY"),
        ("by", json!("x".repeat(61)), "E_BY"),
        ("batch", json!("XYLOPHONA QUETZAL"), "E_BLANKS_BATCH"),
        ("batch", json!("7".repeat(41)), "E_BLANKS_BATCH"),
    ] {
        let mut entry = whole.clone();
        entry[field] = value;
        let answer = bench.http.post("/v1/blanks", &entry);
        assert_eq!(answer.status, 422, "{entry}");
        assert_eq!(
            (&answer.body["field"], answer.codes("errors")),
            (&json!(field), vec![code.to_owned()])
        );
        assert!(!answer.body.to_string().contains("XYLOPHONA"), "{}", answer.body);
    }
    for cause in [Value::Null, json!("HILANG"), json!("SAKIT")] {
        let entry = json!({ "kind": "spoiled", "cards": 1, "cause": cause, "by": "petugas-2" });
        assert_eq!(bench.http.post("/v1/blanks", &entry).codes("errors"), ["E_BLANKS_CAUSE"]);
    }
    let all = json!({ "kind": "x", "cards": 0, "by": "", "batch": " " });
    assert_eq!(bench.http.post("/v1/blanks", &all).codes("errors").len(), 4, "every fault at once");
    for broken in [
        json!({ "kind": "loaded" }),
        json!({ "kind": "loaded", "cards": 1, "by": "x", "nama": "XYLOPHONA" }),
    ] {
        let answer = bench.http.post("/v1/blanks", &broken);
        assert_eq!((answer.status, answer.body["code"].as_str().unwrap()), (400, "E_JSON"));
        assert!(!answer.body.to_string().contains("XYLOPHONA"));
    }
    for wrong in [
        "from=yesterday",
        "from=2026-03-11&to=2026-03-10",
        "from=2025-01-01&to=2026-03-10",
        "day=1",
        "to=9999-12-31",
    ] {
        for path in ["/v1/blanks", "/v1/blanks/spoiled"] {
            assert_eq!(bench.http.get(&format!("{path}?{wrong}")).status, 400, "{path}?{wrong}");
        }
    }
    let heard = bench.http.listen(0, |kind, _, _| kind == "station");
    assert!(!format!("{heard:?}").contains("\"blanks\""), "nothing of it is in the ledger");
}

#[test]
fn a_store_keeper_at_the_command_line() {
    let (bench, _) = office();
    let by = ["--by", "gudang-1"];
    let run = |args: &[&str]| {
        let (said, code) = kartud(&bench, &[&["blanks"], args, &by].concat());
        assert_eq!(code, Some(0), "{args:?}: {said}");
    };
    run(&["load", "100", "--batch", "2026/B-17", "--key", "k1"]);
    run(&["load", "100", "--batch", "2026/B-17", "--key", "k1"]);
    run(&["return", "10"]);
    run(&["lost", "1"]);
    run(&["test", "2"]);
    run(&["spoil", "3", "--cause", "RUSAK_FISIK"]);
    run(&["count", "84"]);
    let (days, _) =
        kartud(&bench, &["blanks", "--from", "2026-03-10", "--to", "2026-03-10", "--json"]);
    let days: Value = serde_json::from_str(&days).unwrap();
    assert_eq!(
        (&days["days"][0]["closes"], &days["days"][0]["loaded"]),
        (&json!(true), &json!(100))
    );
    let (table, _) = kartud(&bench, &["blanks"]);
    assert!(table.lines().last().unwrap().ends_with("yes"), "{table}");
    let (refused, code) =
        kartud(&bench, &["blanks", "spoil", "3", "--cause", "SAKIT", "--by", "gudang-1"]);
    assert_eq!(code, Some(3), "{refused}");
    assert!(refused.contains("E_BLANKS_CAUSE"), "{refused}");
    assert_eq!(kartud(&bench, &["blanks", "--from", "yesterday"]).1, Some(2));
    let (csv, _) = kartud(&bench, &["blanks", "spoiled", "--csv"]);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows[0], "date,ref,cause,cards,job,at,evidence");
    assert!(rows[1].starts_with("2026-03-10,,UJI_CETAK,2,,2026-03-10 09:00:00 +07:00,"), "{csv}");
    assert!(rows[2].starts_with("2026-03-10,,RUSAK_FISIK,3,"), "{csv}");
    assert!(rows[2].ends_with("\"{\"\"batch\"\":null,\"\"by\"\":\"\"gudang-1\"\"}\""), "{csv}");
    assert_eq!(rows.len(), 3, "what is lost cannot be destroyed: {csv}");
}
