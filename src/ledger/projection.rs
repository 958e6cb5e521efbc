//! Tests that the derived tables of the ledger equal the fold of its lines, for any order of events.

use proptest::prelude::*;
use rusqlite::Connection;

use super::book::{JobData, accept, append};
use super::record::{Accepted, NewJob};
use super::verify::Faults;
use super::{LedgerError, reader, schema, verify_jobs};
use crate::event::{Event, JobState, tests};
use crate::job::JobId;
use crate::lifecycle::State;

/// Three jobs, so that their lines interleave.
const JOBS: usize = 3;

pub(super) fn ledger() -> (Connection, Vec<JobId>) {
    let mut c = Connection::open_in_memory().unwrap();
    schema::create(&mut c).unwrap();
    let jobs = (0..JOBS).map(|number| {
        let state = [State::Received, State::Queued, State::Held][number];
        let job = NewJob::plain(&format!("R-{number}"), state);
        let data = JobData::of(&job).unwrap();
        let accepted = accept(&c, &job, &data, jiff::Timestamp::UNIX_EPOCH, || true);
        assert!(matches!(accepted, Ok(Accepted::New(_))));
        job.id
    });
    let jobs = jobs.collect();
    (c, jobs)
}

/// The fold of the job's lines.
fn replayed(c: &Connection, job: &JobId) -> JobState {
    let lines = reader::events_of(c, job).unwrap();
    let mut state = JobState::begin(lines[0].state.unwrap(), lines[0].at);
    for line in &lines[1..] {
        state.apply(&line.read().unwrap(), line.at).unwrap();
        assert_eq!(Some(state.state), line.state);
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replay_and_projection_come_to_the_same(
        story in proptest::collection::vec((0..JOBS, 0..tests::of_a_job().len(), 0..5i64), 0..120)
    ) {
        let (c, jobs) = ledger();
        let events = tests::of_a_job();
        let mut now = jiff::Timestamp::UNIX_EPOCH;
        for (whose, what, later_s) in story {
            now += jiff::SignedDuration::from_secs(later_s);
            let (job, event): (_, &Event) = (&jobs[whose], &events[what]);
            let before = reader::job(&c, job).unwrap();
            let may = event.step().is_none_or(|step| before.state.after(step).is_ok());
            match append(&c, Some(job), event, now) {
                Ok(entry) => {
                    prop_assert!(may);
                    prop_assert_eq!(&entry.read().unwrap(), event);
                }
                Err(LedgerError::Refused(_)) => {
                    prop_assert!(!may);
                    prop_assert_eq!(before, reader::job(&c, job).unwrap());
                }
                Err(error) => panic!("{error}"),
            }
        }
        for job in &jobs {
            let record = reader::job(&c, job).unwrap();
            let mut lines = replayed(&c, job);
            lines.findings.get_or_insert_default();
            prop_assert_eq!(record.by_its_lines(), lines);
        }
        let mut faults = Faults::default();
        let wanted =
            verify_jobs::Wanted { version: schema::VERSION, covered: 0, erased: false };
        verify_jobs::verify(&c, wanted, &mut faults, &mut |_, _, _| ()).unwrap();
        prop_assert!(faults.is_empty());
    }
}
