//! Actions at the machine: hopper, cover, ribbon, a jam.

use emulators::evolis::EvolisSettings;
use emulators::machine::{Finish, Lever, Way};
use serde_json::json;

use crate::chip_setup::stripe;
use crate::printing::staff;
use crate::test_station::{TestStation, child, products};

#[test]
fn hopper_runs_empty() {
    let bench = TestStation::new();
    bench.pull(Lever::EmptyFeeder);
    let id = bench.accepted(&child("S2"));
    bench.until_reason("media-empty-error");
    let station = bench.http.get("/v1/station").body;
    assert_eq!(station["state"], "stopped");
    assert_ne!(
        bench.http.get(&format!("/v1/jobs/{id}")).body["state"],
        "held",
        "a job waits, the station has trouble"
    );
    assert_eq!(bench.cards_out(), 0);
    bench.pull(Lever::LoadFeeder(10));
    bench.until(&id, "printed");
    assert_eq!(bench.cards_out(), 1);
}

#[test]
fn a_machine_that_counts_nothing_prints_one_card_a_job() {
    let bench = TestStation::on_logbook();
    let ids = ["S1", "S2", "S3"].map(|child_of| bench.accepted(&child(child_of)));
    for id in &ids {
        let job = bench.until(id, "printed");
        assert_eq!(job["evidence"]["machine"]["cards_entered_after"], json!(null), "{job}");
    }
    let left = bench.machine.lock().take_departed();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().all(|card| card.way == Way::Hopper && card.finish == Finish::Whole));
}

#[test]
fn cover_opened_and_closed() {
    let bench = TestStation::new();
    bench.pull(Lever::OpenCover);
    let id = bench.accepted(&child("S1"));
    bench.until_reason("cover-open-error");
    bench.pull(Lever::CloseCover);
    bench.until(&id, "printed");
}

#[test]
fn a_jammed_card_is_never_printed_twice() {
    let bench = TestStation::new();
    bench.pull(Lever::JamNextCard);
    let jammed = bench.accepted(&child("S2"));
    let job = bench.until(&jammed, "unsure");
    assert_eq!(job["evidence"], json!(null), "nobody has seen a card");
    let next = bench.accepted(&child("S3"));
    bench.until_reason("media-jam-error");
    assert_eq!(bench.cards_out(), 0, "nothing is printed while a card sticks");
    bench.pull(Lever::TakeCardOut);
    bench.until(&next, "printed");
    assert_eq!(bench.http.get(&format!("/v1/jobs/{jammed}")).body["state"], "unsure");
    let reasons = bench.http.get("/v1/station").body["state_reasons"].to_string();
    assert!(reasons.contains("other-warning"), "somebody must look: {reasons}");
    let cancel = bench.http.post(&format!("/v1/jobs/{jammed}/cancel"), &json!({ "by": "x" }));
    assert_eq!(cancel.status, 409, "a card that may exist cannot be withdrawn");
}

#[test]
fn ribbon_ends_before_a_card() {
    let bench = TestStation::new();
    bench.pull(Lever::EndRibbon);
    let id = bench.accepted(&child("S1"));
    bench.until_reason("marker-supply-empty-error");
    bench.pull(Lever::NewRibbon);
    bench.until(&id, "printed");
}

#[test]
fn without_a_printer_jobs_wait_and_the_station_says_so() {
    let bench = TestStation::without_printer();
    let id = bench.accepted(&child("S2"));
    let station = bench.http.get("/v1/station").body;
    assert_eq!(station["state"], "stopped");
    assert!(station["state_reasons"].to_string().contains("connecting-to-device-error"));
    assert_eq!(bench.http.get(&format!("/v1/jobs/{id}")).body["state"], "queued");
    let ready = bench.http.get("/readyz");
    assert_eq!((ready.status, ready.codes("errors")), (503, vec!["E_PRINTER".to_owned()]));
    let intake = bench.http.get("/readyz?for=intake");
    assert_eq!(intake.status, 200, "jobs can be taken in all the same");
}

/// A two-sided product must not hold up a one-sided one on a machine without a flipper.
#[test]
fn what_does_not_fit_the_machine_waits_and_the_others_are_printed() {
    let folder = products(&stripe);
    let more = format!("[products]\nfolder = {:?}\n", folder.path());
    let mut bench = TestStation::with(&more);
    let machine_without = |option: &[&str]| {
        let not_fitted = option.iter().map(|&option| option.to_owned()).collect();
        let settings = EvolisSettings { not_fitted, ..EvolisSettings::instant() };
        emulators::evolis::emulate(settings).unwrap()
    };
    bench.stop();
    bench.machine = machine_without(&["FLIP"]);
    bench.kia = "layout = \"kia1\"";
    bench.start(&more);
    let first = bench.accepted(&staff());
    let second = bench.accepted(&child("S2"));
    bench.until(&second, "printed");
    bench.until_reason("other-error");
    let station = bench.http.get("/v1/station").body;
    assert!(station["state_reasons"].to_string().contains("membalik kartu"), "{station}");
    let waits = bench.http.get(&format!("/v1/jobs/{first}")).body;
    assert_eq!((&waits["state"], bench.cards_out()), (&json!("queued"), 1), "{waits}");
    bench.stop();
    bench.machine = machine_without(&[]);
    bench.start(&more);
    bench.until(&first, "printed");
}
