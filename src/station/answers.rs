//! Answers the scheduler's queries from the ledger. Decides nothing.

use super::scheduler::{Leftover, Leftovers, UnsureJob, last_intent};
use crate::event::{Attempt, Event};
use crate::job::JobId;
use crate::ledger::{Entry, JobRecord, Ledger, LedgerError};
use crate::lifecycle::State;
use crate::queue::all_in;

/// Appends one line and waits until it is synced.
pub(super) fn append(
    ledger: &Ledger,
    job: Option<&JobId>,
    event: Event,
) -> Result<(), LedgerError> {
    let written = match job {
        Some(job) => ledger.append(job, event),
        None => ledger.append_of_station(event),
    };
    written.wait().map(drop)
}

/// The job of an earlier run, and when that run last wrote.
pub(super) fn leftovers(ledger: &Ledger) -> Result<Leftovers, LedgerError> {
    let last_line = ledger.last_at()?;
    let mut jobs = Vec::new();
    for job in all_in(ledger, State::Received)? {
        let lines = ledger.events_of(&job.id)?;
        if lines.last().and_then(Entry::read) == Some(Event::Inspecting {}) {
            jobs.push(computing(job, Attempt::Inspect));
        }
    }
    let claimed = all_in(ledger, State::Claimed)?;
    jobs.extend(claimed.into_iter().map(|job| computing(job, Attempt::Make)));
    let composed = all_in(ledger, State::Composed)?;
    jobs.extend(composed.into_iter().map(|job| Leftover::Composed(job.id)));
    for state in [State::Encoding, State::Encoded, State::Printing] {
        jobs.extend(all_in(ledger, state)?.into_iter().map(|job| Leftover::Moving(job.id)));
    }
    Ok(Leftovers { jobs, last_line })
}

fn computing(job: JobRecord, attempt: Attempt) -> Leftover {
    Leftover::Computing { job: job.id, findings: job.findings, attempt }
}

/// Every unsure job, with its lines since its last intent.
pub(super) fn in_doubt(ledger: &Ledger) -> Result<Vec<UnsureJob>, LedgerError> {
    all_in(ledger, State::Unsure)?.into_iter().map(|job| unsure(ledger, job)).collect()
}

fn unsure(ledger: &Ledger, job: JobRecord) -> Result<UnsureJob, LedgerError> {
    let entries = ledger.events_of(&job.id)?;
    let mut lines: Vec<Option<Event>> = entries.iter().map(Entry::read).collect();
    let (mut others_printed, mut begun) = (false, lines.len());
    if let Some((at, intent)) = last_intent(&lines) {
        others_printed = ledger.printed_since(entries[at].seq, &intent.before.serial)?;
        begun = at;
    }
    let lines = lines.split_off(begun);
    Ok(UnsureJob { job: job.id, findings: job.findings, lines, others_printed })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::clock::Clock;
    use crate::ledger::{Disk, init};

    /// A disk that cannot be written.
    struct Broken;

    impl Disk for Broken {
        fn free_bytes(&mut self) -> io::Result<u64> {
            Err(io::Error::other("it is broken"))
        }
    }

    /// The station moves a card once its intent is reported as written. If that report came before the sync, a power
    /// cut would lose the intent.
    #[test]
    fn what_the_disk_did_not_take_is_not_said_to_be_written() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("ledger.db");
        init(&path).expect("an empty ledger");
        let ledger = Ledger::open_on(&path, Clock::system(), Box::new(Broken)).expect("it opens");
        let line = || Event::AbortOrphanedJob { machine: crate::evidence::Facts::default() };
        for _ in 0..3 {
            assert!(append(&ledger, None, line()).is_err());
        }
        assert!(append(&ledger, Some(&JobId::new()), Event::PutBack {}).is_err());
    }
}
