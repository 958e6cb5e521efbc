//! A ledger of some months whose first ones are cut off: what must never be forgotten is there, and what is changed is found.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use p256::SecretKey;
use tempfile::TempDir;

use super::*;
use crate::event::tests::that_makes;
use crate::ledger::book::{self, JobData};
use crate::ledger::{Accepted, LocalDisk, NewJob, check, goes_on, init, verify};
use crate::lifecycle::Move;

const UTC: Offset = Offset::UTC;

/// A ledger in a folder of its own, and a folder for exports.
struct Office {
    dir: TempDir,
    path: PathBuf,
    key: SigningKey,
}

/// An open ledger, and the time of its next line.
struct Book {
    c: Connection,
    path: PathBuf,
    now: Timestamp,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

impl Office {
    fn new() -> Office {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("ledger.db");
        init(&path).unwrap();
        drop(crate::ledger::Ledger::open(&path, Clock::system()).unwrap());
        fs::create_dir(dir.path().join("out")).unwrap();
        let key = SigningKey::from(SecretKey::from_slice(&[7; 32]).unwrap());
        Office { dir, path, key }
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn open(&self, now: &str) -> Book {
        let c = schema::open(&self.path).unwrap();
        Book { c, path: self.path.clone(), now: at(now) }
    }

    fn cut_on(&self, before: &str, now: &str, disk: &mut dyn Disk) -> Result<Cut, LedgerError> {
        let now = at(now);
        let by = Actor::local("op-2");
        let (before, to) = (day(before), self.out());
        let wanted = Wanted { before, offset: UTC, to: &to, by: &by, key: &self.key };
        cut(&self.path, &wanted, &Clock::with_wall(move || now), disk)
    }

    fn cut(&self, before: &str, now: &str) -> Cut {
        self.cut_on(before, now, &mut LocalDisk::of(&self.path)).unwrap()
    }

    fn faults(&self) -> Vec<&'static str> {
        let found = verify(&self.path, None, &mut |_, _, _| ()).unwrap();
        found.faults.iter().map(|fault| fault.code).collect()
    }

    fn public(&self) -> crate::record::PublicKey {
        crate::record::PublicKey::new("", *self.key.verifying_key())
    }
}

impl Book {
    fn accept(&mut self, job: &NewJob) -> Accepted {
        self.now += jiff::SignedDuration::from_secs(1);
        let data = JobData::of(job).unwrap();
        book::accept(&self.c, job, &data, self.now, || true).unwrap()
    }

    fn add(&mut self, id: &JobId, events: &[Move]) {
        for step in events {
            self.now += jiff::SignedDuration::from_secs(1);
            append(&self.c, Some(id), &that_makes(*step), self.now).unwrap();
        }
    }

    fn new_job(&mut self, number: usize) -> JobId {
        let job = NewJob { approval: Some(format!("A-{number}")), ..job(number) };
        assert!(matches!(self.accept(&job), Accepted::New(_)));
        job.id
    }

    fn blanks(&mut self, kind: BlankKind, cards: u32) {
        self.now += jiff::SignedDuration::from_secs(1);
        let by = Actor::local("op-2");
        let handled = blanks::Handled { kind, cards, cause: None, by, batch: None, key: None };
        blanks::enter(&self.c, &handled, self.now).unwrap();
    }

    fn station(&mut self, event: &Event) {
        self.now += jiff::SignedDuration::from_secs(1);
        append(&self.c, None, event, self.now).unwrap();
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        HeadFile::open(&self.path, &reader::head(&self.c).unwrap()).unwrap();
    }
}

fn job(number: usize) -> NewJob {
    NewJob::plain(&format!("R-{number}"), State::Queued)
}

const PRINTED: [Move; 4] = [Move::Claim, Move::Compose, Move::Print, Move::CardOut];

/// Three months: blanks of each kind, cards that are printed, handed over a month later, spoiled, and a withdrawn job.
fn three_months(office: &Office) -> Vec<JobId> {
    let mut book = office.open("2026-01-05T02:00:00Z");
    book.blanks(BlankKind::Loaded, 100);
    let counted = |serial: &str, cards| Event::PrinterSeen {
        identity: drivers::contract::Identity {
            serial: drivers::contract::Designation::read(serial),
            ..Default::default()
        },
        cards_entered: Some(cards),
    };
    book.station(&counted("OLD1", 500));
    let mut jobs: Vec<JobId> = (0..4).map(|number| book.new_job(number)).collect();
    for id in &jobs[..3] {
        book.add(id, &PRINTED);
    }
    book.add(&jobs[3], &[Move::Cancel]);
    book.blanks(BlankKind::Test, 2);
    book.blanks(BlankKind::Counted, 94);
    book.now = at("2026-01-31T23:50:00Z");
    jobs.push(book.new_job(4));
    book.now = at("2026-02-01T00:10:00Z");
    book.add(&jobs[4].clone(), &PRINTED);
    book.add(&jobs[0].clone(), &[Move::HandOver]);
    book.add(&jobs[1].clone(), &[Move::Spoil]);
    book.now = at("2026-03-02T02:00:00Z");
    jobs.push(book.new_job(5));
    book.add(&jobs[5].clone(), &PRINTED);
    jobs
}

fn days_of(office: &Office, from: &str, to: &str) -> Vec<blanks::Day> {
    blanks::days(&office.open("2026-04-01T00:00:00Z").c, day(from), day(to), UTC).unwrap()
}

#[test]
fn what_must_never_be_forgotten_is_there_after_every_cut() {
    let office = Office::new();
    let jobs = three_months(&office);
    assert_eq!(office.faults(), [""; 0]);
    let (january, days) = (office.open("2026-04-01T00:00:00Z"), "2026-02-01");
    let before: Vec<_> = jobs.iter().map(|id| reader::job(&january.c, id).unwrap()).collect();
    drop(january);
    let blank_days = days_of(&office, days, "2026-03-31");
    let unchanged = |office: &Office| {
        assert_eq!(office.faults(), [""; 0]);
        let book = office.open("2026-04-01T00:00:00Z");
        let now: Vec<_> = jobs.iter().map(|id| reader::job(&book.c, id).unwrap()).collect();
        assert_eq!(now, before);
    };

    let first = office.cut("2026-02-01", "2026-04-05T00:00:00Z");
    let done = first.done.unwrap();
    assert_eq!((first.kept_for.len(), done.checkpoint.jobs), (0, 5));
    assert_eq!(done.checkpoint.blanks_expected, 94);
    unchanged(&office);
    assert_eq!(days_of(&office, days, "2026-03-31"), blank_days);
    let again = office.cut("2026-02-01", "2026-04-05T00:00:00Z");
    assert_eq!(
        (again.done, again.cut_to),
        (None, done.checkpoint.last),
        "it says that it was done"
    );
    assert_eq!(check(&done.folder, &office.public()).unwrap(), done.checkpoint);
    assert_eq!(goes_on(&office.path, &done.checkpoint).unwrap(), Ok(()));

    let second = office.cut("2026-03-01", "2026-04-06T00:00:00Z").done.unwrap();
    assert_eq!(second.checkpoint.previous, done.checkpoint.hash);
    unchanged(&office);
    assert_eq!(days_of(&office, "2026-03-01", "2026-03-31"), blank_days[28..]);
    assert!(goes_on(&office.path, &done.checkpoint).unwrap().unwrap_err().contains("again"));
    // The third one cuts off the lines of the first two.
    let third = office.cut("2026-05-01", "2026-05-06T00:00:00Z").done.unwrap();
    assert_eq!(third.checkpoint.jobs, 6);
    unchanged(&office);
    assert_eq!(days_of(&office, "2026-05-01", "2026-05-01")[0].opening, blank_days[58].expected);

    let mut book = office.open("2026-05-07T00:00:00Z");
    for number in [0, 4] {
        let posted = NewJob { approval: Some(format!("A-{number}")), ..job(90) };
        assert!(
            matches!(book.accept(&posted), Accepted::ApprovalUsed(old) if old.id == jobs[number])
        );
        assert!(
            matches!(book.accept(&job(number)), Accepted::Before(old) if old.id == jobs[number])
        );
    }
    book.add(&jobs[4], &[Move::HandOver]);
    book.add(&jobs[2], &[Move::Spoil]);
    let counted = crate::ledger::unaccounted::account(&book.c, "OLD1", 503, book.now).unwrap();
    assert_eq!(counted, 3, "the counter of a printer that has long been silent is known");
    drop(book);
    assert_eq!(office.faults(), [""; 0]);
    let ledger = crate::ledger::Ledger::open(&office.path, Clock::system()).unwrap();
    ledger.close();
}

#[test]
fn an_unfinished_job_keeps_its_month_and_is_named() {
    let office = Office::new();
    let mut book = office.open("2026-01-05T02:00:00Z");
    let done = book.new_job(1);
    book.add(&done, &PRINTED);
    book.now = at("2026-02-10T02:00:00Z");
    let done = book.new_job(2);
    book.add(&done, &PRINTED);
    let waits = book.new_job(3);
    drop(book);
    let cut = office.cut("2026-04-01", "2026-04-05T00:00:00Z");
    assert_eq!(cut.kept_for, ["R-3"]);
    assert_eq!(cut.done.unwrap().checkpoint.before, day("2026-02-01"));
    let cut = office.cut("2026-04-01", "2026-04-05T00:00:00Z");
    assert_eq!((cut.done, cut.kept_for.len()), (None, 1), "and nothing more goes");
    let mut book = office.open("2026-04-06T02:00:00Z");
    book.add(&waits, &[Move::Cancel]);
    drop(book);
    let cut = office.cut("2026-04-01", "2026-04-07T00:00:00Z");
    assert!(cut.done.is_some() && cut.kept_for.is_empty());
    assert_eq!(office.faults(), [""; 0]);
    for (before, now) in
        [("2026-05-01", "2026-04-30T23:00:00Z"), ("2026-03-02", "2026-04-30T23:00:00Z")]
    {
        let refused = office.cut_on(before, now, &mut LocalDisk::of(&office.path));
        assert!(matches!(refused, Err(LedgerError::NotCut { .. })), "{refused:?}");
    }
}

#[test]
fn a_restored_ledger_is_remembered_as_restored() {
    let office = Office::new();
    let mut book = office.open("2026-01-05T02:00:00Z");
    let (by, why) = (Actor::local("op-2"), "a test".to_owned());
    book.station(&Event::Adopted { by, why, held: 0, known_head: None });
    book.station(&Event::CardsUnaccounted { serial: "B2".into(), known: 1, counted: 4, cards: 3 });
    book.blanks(BlankKind::Test, 1);
    book.now = at("2026-01-06T02:00:00Z");
    let job = NewJob::plain("R-1", State::Queued);
    let ask = |book: &Book| {
        let taken_over = crate::ledger::adopt::approved_before(&book.c, &job, book.now).unwrap();
        let cards = crate::ledger::unaccounted::approved_before(&book.c, &job, book.now).unwrap();
        (taken_over.is_some(), cards.is_some())
    };
    assert_eq!(ask(&book), (true, true));
    drop(book);
    for (before, now) in
        [("2026-02-01", "2026-02-02T00:00:00Z"), ("2026-03-01", "2026-03-02T00:00:00Z")]
    {
        assert!(office.cut(before, now).done.is_some());
        let mut book = office.open("2026-01-06T02:00:00Z");
        assert_eq!(ask(&book), (true, true), "{before}");
        book.c.execute_batch("BEGIN").unwrap();
        book.now = at(now) + jiff::SignedDuration::from_hours(1);
        book.blanks(BlankKind::Test, 2);
        assert_eq!(
            ask(&Book {
                now: at("2026-01-06T02:00:00Z"),
                c: schema::open(&office.path).unwrap(),
                path: office.path.clone()
            }),
            (true, true)
        );
        book.now = at("2026-01-06T02:00:00Z");
        assert_eq!(ask(&book), (true, false), "all three are entered now");
        book.c.execute_batch("ROLLBACK").unwrap();
    }
}

/// Fails at the n-th question.
struct FailsAt(usize);

impl Disk for FailsAt {
    fn free_bytes(&mut self) -> io::Result<u64> {
        if self.0 == 0 {
            return Err(io::Error::other("pulled out"));
        }
        self.0 -= 1;
        Ok(u64::MAX)
    }
}

#[test]
fn an_interruption_leaves_the_old_ledger_and_another_run_finishes() {
    let office = Office::new();
    three_months(&office);
    let lines = |office: &Office| -> (u64, u64) {
        let sql = "SELECT min(seq), max(seq) FROM events";
        office
            .open("2026-04-01T00:00:00Z")
            .c
            .query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap()
    };
    let before = lines(&office);
    for at in 0..2 {
        let refused = office.cut_on("2026-02-01", "2026-04-05T00:00:00Z", &mut FailsAt(at));
        assert!(matches!(refused, Err(LedgerError::NotCut { .. })), "{refused:?}");
        assert_eq!((lines(&office), office.faults()), (before, vec![]), "{at}");
    }
    let written = fs::read_dir(office.out()).unwrap().count();
    assert_eq!(written, 1, "the export was whole before anything was deleted");
    // The computer failed while it was written.
    let part = office.out().join(".lines-00000001-00000027.part");
    fs::create_dir(&part).unwrap();
    fs::write(part.join("lines.jsonl"), "{").unwrap();
    // It failed between the commit and the head that lies beside the ledger.
    let head = head::path_of(&office.path);
    let old = fs::read(&head).unwrap();
    assert!(office.cut("2026-02-01", "2026-04-05T00:00:00Z").done.is_some());
    fs::write(&head, old).unwrap();
    assert_eq!(office.faults(), [""; 0]);
    assert!(office.cut("2026-02-01", "2026-04-05T00:00:00Z").done.is_none());
    crate::ledger::Ledger::open(&office.path, Clock::system()).unwrap().close();
    // All lines went, and it failed before the head was written: the head is that of the last line that went.
    let old = fs::read(&head).unwrap();
    assert!(office.cut("2026-05-01", "2026-06-05T00:00:00Z").done.is_some());
    fs::write(&head, old).unwrap();
    assert_eq!(office.faults(), [""; 0]);
    crate::ledger::Ledger::open(&office.path, Clock::system()).unwrap().close();
}

#[test]
fn what_is_changed_afterwards_is_found() {
    let office = Office::new();
    three_months(&office);
    let done = office.cut("2026-03-01", "2026-04-05T00:00:00Z").done.unwrap();
    for (what, code) in [
        ("UPDATE jobs SET state = 'queued' WHERE seq = 1", "V_JOB"),
        ("UPDATE jobs SET approval = NULL WHERE seq = 1", "V_JOB"),
        ("UPDATE jobs SET reference = 'X' WHERE seq = 1", "V_JOB"),
        ("UPDATE jobs SET evidence = NULL WHERE seq = 2", "V_JOB"),
        ("UPDATE jobs SET evidence = '{}' WHERE seq = 2", "V_JOB"),
        ("UPDATE jobs SET faces = '[]' WHERE seq = 2", "V_JOB"),
        ("UPDATE jobs SET findings = '[1]' WHERE seq = 2", "V_JOB"),
        ("UPDATE jobs SET spoiled = 7 WHERE seq = 2", "V_JOB"),
        ("UPDATE jobs SET received_at = '2026-01-05T02:00:03Z' WHERE seq = 3", "V_JOB"),
        ("UPDATE job_data SET request = '{}' WHERE job = 3", "V_DATA"),
        ("UPDATE jobs SET idempotency_key = 'x' WHERE seq = 3", "V_DATA"),
        ("UPDATE jobs SET holder = x'00' WHERE seq = 3", "V_HOLDERS"),
        ("UPDATE blanks SET cards = 5 WHERE at < '1971'", "V_BLANKS"),
        (
            "UPDATE events SET detail = replace(detail, 'A-1', 'A-9') WHERE event = 'carried'",
            "V_CHAIN",
        ),
        (
            "UPDATE events SET detail = replace(detail, '\"blanks\":', '\"blanks\":1') WHERE event = 'cut'",
            "V_CHAIN",
        ),
        ("DELETE FROM events WHERE seq = (SELECT min(seq) FROM events)", "V_CHAIN"),
    ] {
        let copy = office.dir.path().join("copy.db");
        let _ = fs::remove_file(&copy);
        fs::copy(&office.path, &copy).unwrap();
        let c = Connection::open(&copy).unwrap();
        c.execute_batch(&format!("PRAGMA foreign_keys = OFF; {what}")).unwrap();
        drop(c);
        let found = verify(&copy, None, &mut |_, _, _| ()).unwrap().faults;
        assert!(found.iter().any(|fault| fault.code == code), "{what}: {found:?}");
    }
    let (folder, key) = (&done.folder, office.public());
    for file in ["lines.jsonl", "checkpoint.jws"] {
        let path = folder.join(file);
        let whole = fs::read_to_string(&path).unwrap();
        for changed in [
            whole.replacen('1', "2", 1),
            whole.replacen("op-2", "op-3", 1),
            whole[..whole.len() - 9].to_owned(),
            whole.lines().skip(1).collect(),
            String::new(),
        ] {
            if changed != whole {
                fs::write(&path, &changed).unwrap();
                assert!(check(folder, &key).is_err(), "{file}: {changed:.60}");
            }
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(check(folder, &key).is_ok());
    let stranger = SigningKey::from(SecretKey::from_slice(&[8; 32]).unwrap());
    let stranger = crate::record::PublicKey::new("", *stranger.verifying_key());
    assert!(check(folder, &stranger).unwrap_err().contains("not signed"));
}

#[test]
fn a_head_of_before_the_cut_is_compared_where_it_can_be() {
    let office = Office::new();
    three_months(&office);
    let hash = |seq| {
        let book = office.open("2026-04-01T00:00:00Z");
        Head { seq, hash: reader::hash_of(&book.c, seq).unwrap().unwrap() }
    };
    let (third, plan) = (hash(3), hash(30));
    let last = office.cut("2026-02-01", "2026-04-05T00:00:00Z").done.unwrap().checkpoint.last;
    let faults = |head: Head| {
        let found = verify(&office.path, Some(head.into()), &mut |_, _, _| ()).unwrap();
        found.faults.iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    assert_eq!(faults(third), ["V_HEAD_CUT"]);
    assert_eq!(faults(plan), [""; 0]);
    assert_eq!(faults(hash(last)), [""; 0]);
    assert_eq!(faults(Head { seq: last, hash: [9; 32] }), ["V_HEAD"]);
    assert!(last < 30);
}

/// It is asked for whenever a job is accepted.
#[test]
fn the_cut_is_found_without_walking_the_lines() {
    let office = Office::new();
    let book = office.open("2026-04-01T00:00:00Z");
    let mut plan = book.c.prepare(&format!("EXPLAIN QUERY PLAN {LAST}")).unwrap();
    let steps = plan.query_map([], |row| row.get(3)).unwrap();
    let steps: Vec<String> = steps.map(Result::unwrap).collect();
    assert!(steps.iter().any(|step| step.contains("events_holders")), "{steps:?}");
    assert!(steps.iter().any(|step| step.contains("PRIMARY KEY")), "{steps:?}");
}

/// `cargo test --release --lib ledger::cut -- --ignored --nocapture` prints figures.
#[test]
#[ignore = "a measurement"]
fn ten_thousand_jobs() {
    let office = Office::new();
    let mut book = office.open("2026-01-05T02:00:00Z");
    book.c.execute_batch("BEGIN").unwrap();
    for number in 0..10_000 {
        let id = book.new_job(number);
        book.add(&id, &PRINTED);
        book.add(&id, &[Move::HandOver]);
        book.now += jiff::SignedDuration::from_secs(600);
    }
    book.c.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(book);
    let used = |path: &Path| {
        let c = Connection::open(path).unwrap();
        let ask = |name| c.pragma_query_value(None, name, |row| row.get::<_, u64>(0)).unwrap();
        (ask("page_count") - ask("freelist_count")) * u64::from(schema::PAGE_BYTES)
    };
    let (before, since) = (used(&office.path), std::time::Instant::now());
    let done = office.cut("2026-04-01", "2026-06-05T00:00:00Z").done.unwrap();
    let (after, took) = (used(&office.path), since.elapsed());
    let export = fs::metadata(done.folder.join("lines.jsonl")).unwrap().len();
    println!(
        "{{\"jobs\":10000,\"lines\":{},\"seconds\":{:.1},\"before\":{before},\"after\":{after},\"export\":{export}}}",
        done.checkpoint.lines,
        took.as_secs_f64()
    );
    assert_eq!(office.faults(), [""; 0]);
}
