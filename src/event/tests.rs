//! Every event there and back, by its stable name.

use drivers::contract::{Cleaning, Evidence, Identity, Ribbon, Watch, Whereabouts};
use drivers::text::Text;
use serde_json::json;

use super::*;
use crate::chip::Blame;
use crate::evidence::Intent;
use crate::lifecycle::State;
use crate::supplies::BlankKind;

fn findings() -> Vec<Finding> {
    vec![Finding::at("fields.nama", "H_NAME_DIGITS", Text::fixed("Angka.", "Digits."))]
}

fn machine() -> Facts {
    Facts { serial: "EMU0000001".into(), cards_entered: Some(7), ..Facts::default() }
}

fn evidence() -> CardEvidence {
    let machine = MachineWord::Facts(machine());
    CardEvidence::Machine { machine, row: Some(Reason::CameOutWhole) }
}

fn intent() -> IntentLine {
    let ticket = Some(drivers::ticket::Ticket::read("5F3A-17").expect("a ticket"));
    let intent = Intent { before: machine(), ribbon_prints: Some(2), ticket, ..Intent::default() };
    IntentLine { intent, identity: Some(Identity::default()) }
}

fn lost() -> Lost {
    let failure = EncodingFailure {
        step: Some("tulis".into()),
        tracks: vec![2],
        ..EncodingFailure::of("read_back_differs")
    };
    let words = Text::fixed("Lain.", "Differs.");
    Lost {
        said_out: true,
        row: Some(Reason::NotWatched),
        machine: Some(MachineWord::AfterFailure(Evidence::default())),
        watch: Some(Watch { unseen: true, ..Watch::default() }),
        encoding: Some(FailedEncoding { failure, blame: Blame::Card, words }),
        ..Lost::somewhere("the cable was pulled out")
    }
}

fn by() -> Actor {
    Actor::local("petugas-2")
}

/// One of every kind that a job can have after its first, in no order.
pub(crate) fn of_a_job() -> Vec<Event> {
    let job = JobId::parse("01a22ba7-c674-777d-b1b2-caf2a75f230e").expect("a UUID");
    let old_card = OldCard::Destroyed;
    let replaced = CardEvidence::Replaced { replaced_by: job.clone(), old_card };
    let face = FaceHash { side: "front".into(), sha256: "00".repeat(32) };
    vec![
        Event::Queue { findings: vec![] },
        Event::Hold { findings: findings(), attempt: Some(Attempt::Inspect) },
        Event::Release { by: by(), accepted: vec!["H_NAME_DIGITS".into()], findings: vec![] },
        Event::Claim {},
        Event::Compose { faces: vec![face] },
        Event::PutBack {},
        Event::Encode(intent()),
        Event::ChipGood { encoding: EncodedCard { chip: None, stripe: Some(stripe()) } },
        Event::Print(intent()),
        Event::CardOut { evidence: evidence(), findings: Some(findings()) },
        Event::NoCard { evidence: evidence(), findings: None },
        Event::Spoil {
            evidence: replaced,
            cause: Some(SpoilCause::GagalEncode),
            findings: Some(vec![]),
        },
        Event::OutcomeUnknown { lost: Box::new(lost()), findings: None },
        Event::Cancel { by: by() },
        Event::Expire { by: by() },
        Event::HandOver { by: by() },
        Event::Inspecting {},
        Event::Inspected { findings: findings() },
        Event::Previewed { side: "back".into() },
        Event::Looked { machine: machine(), unseen: true },
        Event::AbortOrphanedJob { machine: machine() },
        Event::Reject { machine: machine() },
        Event::RecoveryFailed {
            what: RecoveryStep::Reject,
            card: Whereabouts::InMachine,
            cause: "the printer reports media-jam".into(),
        },
        Event::LeftToAPerson { row: Reason::Silent, machine: machine(), findings: findings() },
        Event::Restored { findings: findings() },
        Event::Replaced { replaced_by: job, old_card },
    ]
}

/// The first of [`of_a_job`] that makes this move.
pub(crate) fn that_makes(step: Move) -> Event {
    let event = of_a_job().into_iter().find(|event| event.step() == Some(step));
    event.expect("every move has an event")
}

fn stripe() -> EncodedStripe {
    EncodedStripe { read_back: true }
}

fn jam() -> TroubleSign {
    TroubleSign { place: Place::Printer, keyword: "media-jam-error".into() }
}

fn ribbon() -> Ribbon {
    Ribbon { panels: "YMCKO".into(), remaining: 292, capacity: 300 }
}

fn cut() -> CutOff {
    CutOff {
        by: by(),
        before: jiff::civil::date(2026, 4, 1),
        first: 1,
        last: 9,
        hash: "00".repeat(32),
        export_sha256: "11".repeat(32),
        kid: "0011223344556677".into(),
        jobs: 2,
        blanks: -1,
        counters: [("1".to_owned(), 7)].into(),
        adopted_at: Some("2026-03-02T02:00:00Z".into()),
        unaccounted: vec![Unaccounted { at: "2026-03-02T02:00:00Z".into(), cards: 2, tested: 1 }],
    }
}

fn of_the_station() -> Vec<Event> {
    vec![
        Event::ClockJumped { against: ClockReference::Steady, by_s: -86_400 },
        Event::ClockTrusted {
            by: by(),
            doubt: "never_set".into(),
            booted_at: jiff::Timestamp::UNIX_EPOCH,
        },
        Event::Migrated { from: 2, to: 3 },
        Event::PrinterSeen { identity: Identity::default(), cards_entered: Some(7) },
        Event::PrinterLost { keyword: "connecting-to-device-error".into() },
        Event::TroubleRaised(jam()),
        Event::TroubleCleared(jam()),
        Event::RibbonCounted { serial: "1".into(), ribbon: ribbon(), cards_entered: None },
        Event::CleaningCounted {
            serial: "1".into(),
            cleaning: Cleaning::default(),
            cards_entered: Some(7),
        },
        Event::SuppliesLoaded { ribbon: ribbon() },
        Event::CardsUnaccounted { serial: "1".into(), known: 7, counted: 9, cards: 2 },
        Event::Adopted { by: by(), why: "its end is missing".into(), held: 3, known_head: None },
        Event::Erased { by: by(), unfinished: 2 },
        Event::Retired { by: by(), open: 3 },
        Event::Cut(Box::new(cut())),
        Event::Holders(Holders {
            key: Some("0011223344556677".into()),
            entered: Some(2),
            by: None,
            jobs: 2,
            sha256: "00".repeat(32),
        }),
        Event::Blanks(BlanksEntry {
            kind: BlankKind::Loaded,
            cards: 100,
            cause: None,
            by: by(),
            batch: Some("B-1".into()),
            key_sha256: None,
        }),
    ]
}

fn every_kind() -> Vec<Event> {
    let received = Received {
        findings: vec!["W_NIK_AREA".into()],
        findings_sha256: "00".repeat(32),
        reference: "1301-2026-S2".into(),
        product: "kia".into(),
        reason: "BARU".into(),
        kind: Some("A".into()),
        approval: Some("470/1".into()),
        replaces: None,
        data_sha256: "11".repeat(32),
        holder_sha256: None,
        by: Some(by()),
    };
    let carried = Carried {
        first: received.clone(),
        was: State::Printed,
        findings_sha256: "00".repeat(32),
        faces_sha256: "11".repeat(32),
        evidence_sha256: None,
        spoiled: 1,
        waits_since: "2026-03-02T02:00:00Z".into(),
        received_at: "2026-03-02T02:00:00Z".into(),
        changed_at: "2026-03-02T02:01:00Z".into(),
    };
    let begin = vec![Event::Received(Box::new(received)), Event::Carried(Box::new(carried))];
    [begin, of_a_job(), of_the_station()].concat()
}

#[test]
fn every_event_is_read_back_by_its_name() {
    let all = every_kind();
    for event in &all {
        let detail = event.detail();
        assert!(detail.is_object(), "{} {detail}", event.name());
        assert_eq!(Event::read(event.name(), &detail).as_ref(), Ok(event), "{detail}");
        let tag = serde_json::to_value(event).unwrap()["event"].clone();
        assert_eq!(tag, event.name(), "the name and the serial form are one");
    }
    let mut names: Vec<&str> = all.iter().map(Event::name).collect();
    names.sort_unstable();
    assert_eq!(names, every_name(), "each event stands once in `of_a_job` or `of_the_station`");
}

/// By the counter, cards are met of which the ledger knows nothing: no event that knows it may be passed over.
#[test]
fn every_event_that_holds_a_counter_is_read_for_it() {
    fn holds_a_counter(value: &Value) -> bool {
        match value {
            Value::Object(object) => object.iter().any(|(key, inside)| {
                key.starts_with("cards_entered") && inside.is_u64() || holds_a_counter(inside)
            }),
            Value::Array(all) => all.iter().any(holds_a_counter),
            _ => false,
        }
    }
    let serials = ["EMU0000001", "1", ""];
    for event in every_kind().iter().filter(|event| holds_a_counter(&event.detail())) {
        let counted = serials.iter().find_map(|serial| event.counted(serial));
        assert!(counted.is_some(), "{}", event.name());
    }
}

/// The name of every event as serde knows them: it names them all when it meets a stranger.
fn every_name() -> Vec<String> {
    let stranger = serde_json::from_value::<Event>(json!({ "event": "?", "detail": {} }));
    let told = stranger.expect_err("there is no such event").to_string();
    let (_, names) = told.split_once("expected one of ").expect("it names the others");
    let names = names.split('`').skip(1).step_by(2);
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_move_has_its_event_and_no_state_is_out_of_reach() {
    for step in Move::ALL {
        assert_eq!(that_makes(step).name(), step.name());
    }
    let mut reached = vec![State::Received];
    for (from, step, to) in crate::lifecycle::MOVES.iter().cycle().take(200) {
        if reached.contains(from) && !reached.contains(to) {
            let mut job = JobState::begin(*from, jiff::Timestamp::UNIX_EPOCH);
            job.apply(&that_makes(*step), jiff::Timestamp::UNIX_EPOCH).unwrap();
            reached.push(job.state);
        }
    }
    assert_eq!(reached.len(), State::ALL.len());
}

/// The forms of lines that lie on disks in offices. Do not change this test: what is written there is there for ever.
#[test]
fn a_line_that_was_written_once_means_the_same_for_ever() {
    for (name, detail) in [
        ("claim", json!({})),
        ("hold", json!({ "findings": [], "attempt": "make" })),
        ("release", json!({ "by": "op-2", "accepted": ["H_STALE"], "findings": [] })),
        (
            "print",
            json!({ "act": "print", "before": { "serial": "10001234", "cards_entered": 4,
                "card_inside": false, "busy": false, "owned": false, "restarted": false,
                "ribbon": ["YMCKO", 292], "errors": [] }, "ribbon_prints": 2,
                "identity": { "model": "Primacy 2", "serial": "10001234", "firmware": "1.0" } }),
        ),
        (
            "print",
            json!({ "act": "print", "before": facts(), "ribbon_prints": null, "ticket": "5F3A-17" }),
        ),
        (
            "left_to_a_person",
            json!({ "row": "log_disagrees", "findings": [], "machine": { "serial": "10001234",
                "cards_entered": null, "card_inside": false, "busy": false, "owned": false,
                "restarted": false, "ribbon": null, "errors": [],
                "logged": { "unknown": "taken_out" } } }),
        ),
        (
            "lose_sight",
            json!({ "lost": { "card": "in_machine", "cause": "the printer reports media-jam",
                "machine": { "cards_entered_before": 4, "cards_entered_after": 5, "owned": false,
                    "card_inside": true, "ribbon_left": null,
                    "watch": { "disturbed": true, "restarted": false, "stood_inside": false,
                        "unseen": false } } } }),
        ),
        (
            "spoil",
            json!({ "evidence": { "person": { "seen": "spoiled", "by": "op-2", "insist": true } },
                "cause": "CACAT_PABRIK" }),
        ),
        ("come_to_rest", json!({ "machine": facts() })),
        ("recovery_failed", json!({ "what": "come_to_rest", "card": "unknown", "cause": "busy" })),
        ("clock_jumped", json!({ "against": "ledger", "by_s": 90 })),
    ] {
        let event = Event::read(name, &detail).expect(name);
        assert_eq!(event.detail(), detail, "{name}");
    }
}

fn facts() -> Value {
    json!({ "serial": "", "cards_entered": null, "card_inside": false, "busy": false, "owned": false,
        "restarted": true, "ribbon": null, "errors": [] })
}

#[test]
fn what_no_event_says_is_told_by_its_name_alone() {
    for (name, detail) in [
        ("kenari", json!({})),
        ("card_out", json!({})),
        ("card_out", json!({ "evidence": null })),
        (
            "spoil",
            json!({ "evidence": { "person": { "seen": "spoiled", "by": "x", "insist": false } },
            "cause": "KENARI" }),
        ),
        ("claim", Value::Null),
    ] {
        let error = Event::read(name, &detail).unwrap_err();
        assert_eq!(error.to_string(), format!("the event {name:?} cannot be read"));
    }
}
