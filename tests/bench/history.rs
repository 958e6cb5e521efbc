//! Fills a ledger with finished cards, as years of work leave it, for `tests/bench/history`: every job is accepted
//! with its photo and goes through the lifecycle to printed, through the ledger's own door.
//!
//! `history LEDGER JOB.json PHOTO.jpg JOBS`

use std::path::Path;

use drivers::contract::{CardOut, Identity, Watch};
use kartu::clock::Clock;
use kartu::event::{CardEvidence, Event, FaceHash, IntentLine, MachineWord};
use kartu::evidence::{Intent, Reason};
use kartu::job::JobId;
use kartu::job::JobRequest;
use kartu::ledger::{Accepted, Ledger, NewJob};
use kartu::lifecycle::State;

/// Jobs that share their syncs: what the ledger's writer takes at once.
const TOGETHER: usize = 64;

fn main() {
    // `cargo bench` adds `--bench` of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [ledger, job, photo, jobs] = args.as_slice() else {
        println!("run tests/bench/history");
        return;
    };
    let job = std::fs::read(job).expect("the job file can be read");
    let request: JobRequest = serde_json::from_slice(&job).expect("the envelope is a job");
    let photo = std::fs::read(photo).expect("the photo file can be read");
    let jobs: usize = jobs.parse().expect("a number of jobs");

    let ledger = Path::new(ledger);
    kartu::ledger::init(ledger).expect("a place for a ledger");
    let ledger = Ledger::open(ledger, Clock::system()).expect("a new ledger");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let numbers: Vec<usize> = (0..jobs).collect();
    for some in numbers.chunks(TOGETHER) {
        let ids = runtime.block_on(accept(&ledger, &request, &photo, some));
        finish(&ledger, &ids);
    }
    let printed = ledger.counts().expect("the ledger answers")[&State::Printed];
    assert_eq!(printed, jobs as u64, "every card is finished");
    ledger.close();
}

async fn accept(
    ledger: &Ledger,
    request: &JobRequest,
    photo: &[u8],
    numbers: &[usize],
) -> Vec<JobId> {
    let mut waiting = tokio::task::JoinSet::new();
    for number in numbers {
        let mut request = request.clone();
        request.reference = format!("HISTORY/{number:08}");
        let job = NewJob {
            id: JobId::new(),
            photo: Some(photo.to_vec()),
            key: Some(request.reference.clone()),
            request,
            card: None,
            by: None,
            approval: None,
            holder: None,
            body_sha256: [7; 32],
            kind: Some("B".to_owned()),
            findings: Vec::new(),
            state: State::Queued,
        };
        let ledger = ledger.clone();
        waiting.spawn(async move { ledger.accept(job).await });
    }
    let accepted = waiting.join_all().await.into_iter();
    accepted
        .map(|accepted| match accepted.expect("the disk takes it") {
            Accepted::New(record) => record.id,
            other => panic!("not a new job: {other:?}"),
        })
        .collect()
}

fn finish(ledger: &Ledger, ids: &[JobId]) {
    let face = FaceHash { side: "front".to_owned(), sha256: "00".repeat(32) };
    let identity = Identity { model: "Primacy 2".to_owned(), ..Identity::default() };
    let intent = IntentLine { intent: Intent::default(), identity: Some(identity.clone()) };
    let out = CardOut {
        identity,
        cards_entered_before: Some(1),
        cards_entered_after: Some(2),
        ribbon: None,
        watch: Watch::default(),
    };
    let machine = MachineWord::CardOut(Box::new(out));
    let evidence = CardEvidence::Machine { machine, row: Some(Reason::FollowedOut) };
    for event in [
        Event::Claim {},
        Event::Compose { faces: vec![face] },
        Event::Print(intent),
        Event::CardOut { evidence, findings: None },
    ] {
        let waiting: Vec<_> = ids.iter().map(|id| ledger.append(id, event.clone())).collect();
        for synced in waiting {
            synced.wait().expect("the lifecycle allows it");
        }
    }
}
