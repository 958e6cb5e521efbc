//! The disk loses or changes something of the ledger. Every changed byte is either detected, or belongs to no stored
//! data.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use emulators::machine::Lever;
use kartu::clock::Clock;
use kartu::job::JobId;
use kartu::ledger::wal::{self, Log};
use kartu::ledger::{Ledger, LedgerError};
use rusqlite::types::Value as Cell;
use tempfile::TempDir;

use crate::ledger::refusal;
use crate::restart::Process;
use crate::test_station::{TestStation, child};

const PAGE: usize = 16_384;
const FRAME: usize = PAGE + 24;
const HEADER: usize = 32;

/// Pseudo-random numbers, from a seed that is printed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// The files of a closed ledger.
#[derive(Clone)]
struct Files {
    ledger: Vec<u8>,
    log: Vec<u8>,
    head: Vec<u8>,
    /// The key that recognises holders.
    key: Vec<u8>,
}

impl Files {
    fn read(dir: &Path) -> Files {
        let file = |name: &str| std::fs::read(dir.join(name)).unwrap_or_default();
        Files {
            ledger: file("ledger.db"),
            log: file("ledger.db-wal"),
            head: file("ledger.head"),
            key: file("holder.key"),
        }
    }

    /// Writes the files into a new folder.
    fn lay_out(&self) -> (TempDir, PathBuf) {
        let dir = TempDir::new().unwrap();
        for (name, bytes) in [
            ("ledger.db", &self.ledger),
            ("ledger.db-wal", &self.log),
            ("ledger.head", &self.head),
            ("holder.key", &self.key),
        ] {
            if !bytes.is_empty() {
                let path = dir.path().join(name);
                std::fs::write(&path, bytes).unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let path = dir.path().join("ledger.db");
        (dir, path)
    }

    /// Everything that is stored, read back.
    fn content(&self) -> Option<Vec<Vec<Cell>>> {
        let (_dir, path) = self.lay_out();
        let c = rusqlite::Connection::open(path).ok()?;
        let mut all = Vec::new();
        for table in ["jobs", "counts", "job_data", "photos", "events", "blanks"] {
            let mut statement = c.prepare(&format!("SELECT * FROM {table}")).ok()?;
            let columns = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
            let rows: Result<Vec<Vec<Cell>>, _> = statement.query_map([], row).ok()?.collect();
            all.extend(rows.ok()?);
        }
        Some(all)
    }
}

/// Why the daemon would not open them.
fn refused(files: &Files) -> Option<String> {
    let (_dir, path) = files.lay_out();
    match Ledger::open(&path, Clock::system()) {
        Ok(ledger) => {
            ledger.close();
            None
        }
        Err(error) => Some(error.to_string()),
    }
}

/// The result of damaging files.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Met {
    AtStart,
    ByVerify,
    Nothing,
}

/// Opens them as the daemon does; whatever it accepts must be the accepted data, or `verify` must find the fault.
fn meet(
    files: &Files,
    queued: &[JobId],
    data: &[(kartu::ledger::StoredRequest, Option<Vec<u8>>)],
    what: &str,
) -> Met {
    let (_dir, path) = files.lay_out();
    let found = kartu::ledger::verify(&path, None, &mut |_, _, _| ()).map(|found| found.faults);
    let met = !matches!(&found, Ok(faults) if faults.is_empty());
    match Ledger::open(&path, Clock::system()) {
        Err(_) => return Met::AtStart,
        Ok(ledger) => {
            for (id, accepted) in queued.iter().zip(data) {
                match ledger.job_data(id) {
                    Ok(there) => assert!(there == *accepted, "{what}: another child's data"),
                    Err(
                        LedgerError::DataDamaged | LedgerError::Read(_) | LedgerError::NoSuchJob,
                    ) => {
                        assert!(met, "{what}: damaged data that verify does not know");
                    }
                    Err(error) => panic!("{what}: {error}"),
                }
            }
            ledger.close();
        }
    }
    if met { Met::ByVerify } else { Met::Nothing }
}

/// A ledger with two printed jobs and two waiting ones, its files, and the ids of the waiting ones.
fn used_ledger() -> (Files, Vec<JobId>) {
    let mut bench = TestStation::new();
    for name in ["S1", "S3"] {
        let id = bench.accepted(&child(name));
        bench.until(&id, "printed");
    }
    bench.pull(Lever::EmptyFeeder);
    let queued = ["S2", "S4"].map(|name| JobId::parse(&bench.accepted(&child(name))).unwrap());
    bench.until_reason("media-empty");
    bench.stop();
    (Files::read(bench.dir.path()), queued.to_vec())
}

type Data = Vec<(kartu::ledger::StoredRequest, Option<Vec<u8>>)>;

fn data_of(files: &Files, queued: &[JobId]) -> Data {
    let (_dir, path) = files.lay_out();
    let ledger = Ledger::open(&path, Clock::system()).unwrap();
    let data = queued.iter().map(|id| ledger.job_data(id).unwrap()).collect();
    ledger.close();
    data
}

/// Offsets in every page: its header and pointers, and where its cells are; a few in a page full of photo data.
fn offsets(ledger: &[u8], dice: &mut Dice) -> Vec<usize> {
    let mut offsets: Vec<usize> = (0..100).collect();
    for (number, page) in ledger.chunks(PAGE).enumerate() {
        let begin = if number == 0 { 100 } else { 0 };
        let is_tree = matches!(page[begin], 2 | 5 | 10 | 13);
        let cells =
            usize::from(u16::from_be_bytes([page[begin + 5], page[begin + 6]])).max(begin + 12);
        let (front, back) = if is_tree { (13, 14) } else { (1, 2) };
        let at = number * PAGE;
        offsets.extend((0..front).map(|n| at + begin + n.min(12)));
        offsets.extend(
            (0..back).map(|_| at + cells.min(PAGE - 1) + dice.below(PAGE - cells.min(PAGE - 1))),
        );
    }
    offsets
}

#[test]
fn flipped_bytes_are_met() {
    let seed = 20_261_124;
    let mut dice = Dice(seed);
    let (whole, queued) = used_ledger();
    assert!(whole.log.is_empty(), "it was closed");
    let (data, content) = (data_of(&whole, &queued), whole.content().unwrap());
    let (mut start, mut verify, mut nothing) = (0, 0, 0);
    for at in offsets(&whole.ledger, &mut dice) {
        let mut files = whole.clone();
        let bit = 1 << dice.below(8);
        files.ledger[at] ^= bit;
        let what = format!("seed {seed}: byte {at} (page {}), bit {bit}", at / PAGE + 1);
        match meet(&files, &queued, &data, &what) {
            Met::AtStart => start += 1,
            Met::ByVerify => verify += 1,
            Met::Nothing => {
                assert!(files.content().as_ref() == Some(&content), "{what}: changed, and not met");
                nothing += 1;
            }
        }
    }
    println!("{start} refused at start, {verify} found by verify, {nothing} changed nothing");
    assert!(start > 20 && verify > 200, "{start} {verify} {nothing}");
}

/// Offsets of a head's slots, and the length of one.
const SLOTS: [usize; 2] = [0, 4096];
const SLOT: usize = 103;

/// Damage to one slot is recognised, and the other slot is used; if both are damaged, the head is unknown.
#[test]
fn a_head_that_is_torn_in_one_slot_needs_nobody_and_in_both_it_is_met() {
    let (whole, _) = used_ledger();
    assert_eq!(whole.head.len(), SLOTS[1] + SLOT);
    for at in (0..SLOT).step_by(3) {
        for begin in SLOTS {
            let mut files = whole.clone();
            files.head[begin + at] ^= 1;
            assert_eq!(refused(&files), None, "byte {at} of the slot at {begin}");
        }
        let mut files = whole.clone();
        SLOTS.iter().for_each(|begin| files.head[begin + at] ^= 1);
        let why = refused(&files).unwrap_or_else(|| panic!("byte {at}"));
        assert!(why.contains("adopt"), "{why}");
    }
}

/// The power is cut while the head is written, at any byte, in whatever order the disk writes: the station starts
/// without help.
#[test]
fn a_head_that_a_power_cut_tore_anywhere_needs_no_adopt() {
    let (whole, _) = used_ledger();
    let line = |head: &[u8], begin: usize| head[begin..begin + SLOT].to_vec();
    let newest = *SLOTS.iter().max_by_key(|&&begin| line(&whole.head, begin)).unwrap();
    let other = SLOTS[0] + SLOTS[1] - newest;
    let older = line(&whole.head, other);
    for cut in 0..=SLOT {
        let new = line(&whole.head, newest);
        let front = [&new[..cut], &older[cut..]].concat();
        let back = [&older[..cut], &new[cut..]].concat();
        let zeros = [&new[..cut], &vec![0; SLOT - cut][..]].concat();
        for torn in [front, back, zeros] {
            let mut files = whole.clone();
            files.head[newest..newest + SLOT].copy_from_slice(&torn);
            assert_eq!(refused(&files), None, "cut at {cut}");
        }
    }
}

#[test]
fn the_head_of_an_older_kartud_is_read() {
    let (whole, _) = used_ledger();
    let mut files = whole.clone();
    files.head = older_head(&whole);
    assert_eq!(files.head.len(), 86, "one line");
    assert_eq!(refused(&files), None);
    files.head[30] ^= 1;
    assert!(refused(&files).unwrap().contains("adopt"));
}

/// A killed station with two jobs; all of it is still in the log.
fn killed() -> (Files, Vec<JobId>) {
    let dir = TempDir::new().unwrap();
    let process = Process::start(dir.path());
    let ids = ["S1", "S2"].map(|name| {
        let answer = process.http.post("/v1/jobs", &child(name));
        assert_eq!(answer.status, 201);
        JobId::parse(answer.body["id"].as_str().unwrap()).unwrap()
    });
    process.kill();
    (Files::read(dir.path()), ids.to_vec())
}

/// The frame (from 0) after which each transaction of the log begins.
fn transactions(log: &[u8]) -> Vec<usize> {
    let frames = log[HEADER..].chunks(FRAME).enumerate();
    let ends = frames.filter(|(_, frame)| frame[4..8] != [0; 4]).map(|(number, _)| number + 1);
    std::iter::once(0).chain(ends).collect()
}

/// The head as it was before the last line.
fn older_head(files: &Files) -> Vec<u8> {
    let (_dir, path) = files.lay_out();
    let c = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT printf('%020d:%s', seq, lower(hex(hash))) || char(10) FROM events ORDER BY seq DESC LIMIT 1 OFFSET 1";
    c.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap().into_bytes()
}

#[test]
fn a_torn_last_write_is_told_from_damage() {
    let (whole, ids) = killed();
    let transactions = transactions(&whole.log);
    let begins = transactions[transactions.len() - 2];
    let frames = (whole.log.len() - HEADER) / FRAME;
    assert!(frames > begins + 2, "the last transaction has some frames");
    let mut dice = Dice(7);
    let mut cuts: Vec<usize> = (begins..frames)
        .flat_map(|frame| [0, 1, 23, 24, 25, FRAME - 1].map(|more| HEADER + frame * FRAME + more))
        .collect();
    cuts.extend((0..20).map(|_| HEADER + begins * FRAME + dice.below((frames - begins) * FRAME)));
    for cut in cuts {
        let mut files = whole.clone();
        files.log.truncate(cut);
        let why =
            refused(&files).expect("what the head knows was synced, and no power cut tears it");
        assert!(why.contains("lost the acknowledged line"), "{why}");
        files.head = older_head(&whole);
        holds_only_the_first(&files, &ids, &format!("cut at {cut}"));
    }
    for _ in 0..40 {
        let mut files = whole.clone();
        let at = HEADER + begins * FRAME + dice.below((frames - begins) * FRAME);
        files.log[at] ^= 1 << dice.below(8);
        assert_eq!(wal::examine(&files.log[..], PAGE).unwrap(), Log::Torn, "byte {at}");
        assert!(refused(&files).is_some(), "byte {at}");
        files.head = older_head(&whole);
        holds_only_the_first(&files, &ids, &format!("byte {at}"));
    }
}

/// The last transaction, which was never acknowledged, is gone; everything before it is complete.
fn holds_only_the_first(files: &Files, ids: &[JobId], what: &str) {
    let (_dir, path) = files.lay_out();
    let ledger = Ledger::open(&path, Clock::system()).unwrap_or_else(|why| panic!("{what}: {why}"));
    assert!(ledger.job(&ids[0]).is_ok(), "{what}");
    assert!(matches!(ledger.job(&ids[1]), Err(LedgerError::NoSuchJob)), "{what}");
    ledger.close();
    let found = kartu::ledger::verify(&path, None, &mut |_, _, _| ()).unwrap();
    assert_eq!(found.faults, [], "{what}");
}

#[test]
fn flipped_bytes_of_a_log_are_met() {
    let (whole, ids) = killed();
    let data = data_of(&whole, &ids);
    let content = whole.content().unwrap();
    let (transactions, mut dice) = (transactions(&whole.log), Dice(11));
    let last = HEADER + transactions[transactions.len() - 2] * FRAME;
    let mut met = 0;
    let in_between = (0..200).map(|_| HEADER + dice.below(last - HEADER)).collect::<Vec<_>>();
    for at in (0..HEADER).chain(in_between) {
        let mut files = whole.clone();
        files.log[at] ^= 1 << dice.below(8);
        match meet(&files, &ids, &data, &format!("byte {at}")) {
            Met::AtStart => met += 1,
            Met::ByVerify => panic!("byte {at}: the daemon would lose acknowledged lines"),
            Met::Nothing => assert!(files.content().as_ref() == Some(&content), "byte {at}"),
        }
        // Even if there is no head.
        files.head = Vec::new();
        assert!(refused(&files).is_some(), "byte {at}");
    }
    assert!(met > 200, "{met}");
}

#[test]
fn a_lost_log_is_refused() {
    let (mut files, _) = killed();
    files.log.clear();
    let (dir, _) = files.lay_out();
    let why = refusal(dir.path()).unwrap();
    assert!(why.contains("lost the acknowledged lines") && why.contains("-wal"), "{why}");
}

#[test]
fn a_damaged_log_can_be_adopted_up_to_the_damage() {
    let (mut files, ids) = killed();
    let transactions = transactions(&files.log);
    let last = HEADER + transactions[transactions.len() - 2] * FRAME;
    // A transaction after it shows that it was synced.
    let (dir, path) = files.lay_out();
    let ledger = Ledger::open(&path, Clock::system()).unwrap();
    ledger.append(&ids[0], kartu::event::Event::Inspecting {}).wait().unwrap();
    std::mem::forget(ledger);
    files = Files::read(dir.path());
    files.log[last + 100] ^= 1;
    let (dir, path) = files.lay_out();
    let why = refusal(dir.path()).unwrap();
    assert!(why.contains("is damaged at frame"), "{why}");
    let adopted =
        kartu::ledger::adopt(&path, &kartu::actor::Actor::local("teknisi-7"), &Clock::system())
            .unwrap()
            .unwrap();
    assert_eq!(adopted.held, 1, "of two jobs the first is still there");
    assert_eq!(refusal(dir.path()), None);
    let ledger = Ledger::open(&path, Clock::system()).unwrap();
    let job = ledger.job(&ids[0]).unwrap();
    assert_eq!(job.state, kartu::lifecycle::State::Held);
    assert!(job.findings.iter().any(|finding| finding.code == "H_LEDGER_RESTORED"));
    assert!(matches!(ledger.job(&ids[1]), Err(LedgerError::NoSuchJob)));
    ledger.close();
}
