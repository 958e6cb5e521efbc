//! Intake with a ledger and without HTTP: a form, a pulled job or a file meets the same rules as a post.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Body, Examiner, Intake, Refused, Submission};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::config::Config;
use crate::event::Event;
use crate::job::{JobId, JobRequest};
use crate::ledger::{self, Accepted, JobRecord, Ledger, StoredRequest};
use crate::lifecycle::State;

/// A child under five, whose card shows no photo.
fn child() -> Value {
    let mut job: Value =
        serde_json::from_str(include_str!("../../config/job.example.json")).unwrap();
    job["recommendation"]["nomor"] = json!("470/1/KIA/2026");
    job
}

struct Office {
    intake: Intake,
    ledger: Ledger,
    told: Arc<AtomicUsize>,
    _dir: TempDir,
}

fn office(config: &str) -> Office {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("ledger.db");
    ledger::init(&path).unwrap();
    let ledger = Ledger::open(&path, Clock::system()).unwrap();
    let told = Arc::new(AtomicUsize::new(0));
    let counts = told.clone();
    let examiner = Arc::new(examiner(config));
    let intake = Intake::new(examiner, ledger.clone(), move || {
        counts.fetch_add(1, Ordering::SeqCst);
    });
    Office { intake, ledger, told, _dir: dir }
}

fn examiner(config: &str) -> Examiner {
    Examiner::open(&Config::parse(config, Path::new("")).unwrap()).unwrap()
}

impl Office {
    fn receive(&self, submission: Submission<'_>) -> Result<Accepted, Refused> {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        runtime.block_on(self.intake.receive(submission))
    }

    fn accepted(&self, job: &Value) -> JobRecord {
        let text = job.to_string();
        match self.receive(Submission { ..json_of(&text) }) {
            Ok(Accepted::New(job)) => *job,
            other => panic!("{other:?}"),
        }
    }

    fn stored(&self, id: &JobId) -> StoredRequest {
        self.ledger.job_data(id).unwrap().0
    }
}

fn json_of(text: &str) -> Submission<'_> {
    Submission { body: Body::Json(text.as_bytes()), key: None, later: false, by: None }
}

#[test]
fn whoever_hands_a_job_in_stands_in_its_first_line() {
    let office = office("");
    let (text, by) = (child().to_string(), Actor::local("petugas-3"));
    let submission = Submission { key: Some("k"), by: Some(&by), ..json_of(&text) };
    let Ok(Accepted::New(job)) = office.receive(submission) else { panic!("a good job") };
    let first = office.ledger.events_of(&job.id).unwrap()[0].read();
    assert!(matches!(first, Some(Event::Received(line)) if line.by == Some(by.clone())));
    assert_eq!(office.told.load(Ordering::SeqCst), 1, "whoever prints is told");
    let again = office.receive(submission);
    assert!(matches!(again, Ok(Accepted::Before(known)) if known.id == job.id));
}

#[test]
fn what_is_no_job_or_breaks_rules_is_not_stored() {
    let office = office("");
    let refused = office.receive(json_of("{\"product\":1}"));
    assert!(
        matches!(refused, Err(Refused::Unreadable(fault)) if fault.place.as_deref() == Some("product"))
    );
    let mut job = child();
    job["fields"]["nik"] = json!("1");
    let refused = office.receive(json_of(&job.to_string()));
    assert!(matches!(refused, Err(Refused::Rules(found)) if found.errors[0].code == "E_NIK_LEN"));
    job["photo"] = json!("AAAA");
    let text = job.to_string();
    let body = Body::Parts { job: text.as_bytes(), photo: Some(b"photo") };
    assert!(matches!(office.receive(Submission { body, ..json_of("") }), Err(Refused::TwoPhotos)));
    assert_eq!(office.ledger.events_after(0, 9).unwrap(), []);
    assert_eq!(office.told.load(Ordering::SeqCst), 0);
}

#[test]
fn the_stored_card_is_read_and_the_request_is_not_parsed_again() {
    let office = office("");
    let job = office.accepted(&child());
    assert_eq!(job.state, State::Held, "its date of issue is long past");
    let stored = office.stored(&job.id);
    let (examiner, at) = (office.intake.examiner(), job.received_at);
    // An unreadable request does not matter if the stored card was made by the current definitions.
    let card = serde_json::to_string(stored.card().unwrap()).unwrap();
    let torn = |card: Option<&str>| StoredRequest::from_text("{".to_owned(), card);
    let picture = |stored: &StoredRequest| examiner.preview(stored, None, false, at);
    assert_eq!(picture(&torn(Some(&card))), picture(&stored));
    assert!(examiner.inspect(&torn(Some(&card)), None, at).is_empty());
    // Without such a card the request must be read, and it is not what was accepted.
    for card in [None, Some("{}"), Some(&*card.replace("basis\":\"", "basis\":\"0"))] {
        assert_eq!(picture(&torn(card)).unwrap_err()[0].code, "H_DATA_DAMAGED", "{card:?}");
    }
}

#[test]
fn a_card_that_is_made_anew_is_the_one_that_was_stored() {
    let office = office("");
    let job = office.accepted(&child());
    let stored = office.stored(&job.id);
    let request: JobRequest = stored.parse_again().unwrap();
    let (_, anew) = office.intake.examiner().card(&request, false, job.received_at).unwrap();
    assert_eq!(Some(&anew), stored.card());
}

#[test]
fn the_definitions_of_the_day_of_printing_win_over_the_stored_card() {
    let office = office("");
    let job = office.accepted(&child());
    let stored = office.stored(&job.id);
    let front = |examiner: &Examiner| examiner.preview(&stored, None, false, job.received_at);
    let (before, again) = (front(&examiner("")).unwrap(), front(&examiner("")).unwrap());
    assert!(before == again, "the same definitions, the same picture");
    let other = examiner("[product.kia]\nlayout = \"kia1\"\n");
    assert!(front(&other).unwrap() != before, "the layout of today is drawn");
}
