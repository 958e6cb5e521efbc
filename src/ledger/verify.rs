//! Verifies a whole ledger: SQLite's own check, the log beside it, the chain, every job against its lines, the totals,
//! every job's data against their hash. Changes nothing; reports every fault and what to do about it.

use std::collections::BTreeMap;
use std::path::Path;

use drivers::text::Text;
use rusqlite::Connection;

use super::head::{self, Head, KnownHead};
use super::lines::{self, Break, Kind, RawLine};
use super::offline::Offline;
use super::{LedgerError, blanks, cut, erase, holder, open, reader, schema, verify_jobs};
use crate::lifecycle::State;

/// Further faults would say no more than these.
const FAULTS_LIMIT: usize = 1000;

/// One difference from what was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Stable, for programs.
    pub code: &'static str,
    /// The line, if it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The line's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The job, if it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What is wrong and what to do.
    pub message: Text,
}

/// The result.
#[derive(Debug)]
pub struct Verification {
    /// A daemon had it open; anything that the daemon wrote meanwhile is not included.
    pub live: bool,
    /// The last line; an upstream system may store it and pass it in next time.
    pub head: Head,
    /// Jobs in it.
    pub jobs: u64,
    /// Lines up to this one were cut off, and when; the line says where the chain goes on.
    pub cut: Option<(u64, String)>,
    /// In the order of the checks; [`FAULTS_LIMIT`] at most.
    pub faults: Vec<Fault>,
}

/// Progress of a long run: the part, and how much of the total is done.
pub type Progress<'a> = dyn FnMut(&'static str, u64, u64) + 'a;

/// Verifies everything. `known` is a head that was stored elsewhere.
///
/// # Errors
/// [`LedgerError::Unreadable`] when the file cannot be opened as a ledger at all.
pub fn verify(
    path: &Path,
    known: Option<KnownHead>,
    progress: &mut Progress<'_>,
) -> Result<Verification, LedgerError> {
    // Read the head before opening the ledger: the daemon continues to write, and the head must not be newer than the
    // data that are verified.
    let beside = head::read(path);
    let ledger = Offline::open(path)?;
    let c = &ledger.connection;
    let mut faults = Faults::default();
    if !ledger.live
        && let Err(why) = open::log_is_whole(path)
    {
        faults.push(log_is_damaged(&why));
    }
    if let Err(why) = schema::has_our_tables(c, ledger.version) {
        faults.push(unfit(&why));
    }
    progress("SQLite", 0, 1);
    let sound = integrity(c);
    for why in faults.read(sound).unwrap_or_default() {
        faults.push(unfit(&why));
    }
    let (head, jobs) = content(c, ledger.version, &mut faults, progress);
    heads(c, &mut faults, head, known, beside);
    let cut = cut::last(c);
    let cut = faults.read(cut).flatten().map(|cut| (cut.said.last, cut.at));
    if !faults.0.is_empty() && ledger.was_disturbed(path) {
        let why = "a daemon opened it meanwhile; verify it once more".to_owned();
        return Err(LedgerError::Unreadable { path: path.to_owned(), why });
    }
    Ok(Verification { live: ledger.live, head, jobs, cut, faults: faults.0 })
}

/// The first fault of a ledger that is open for writing, with everything but SQLite's own check of a file that is about to
/// be written; `None`: it has none.
pub(super) fn faults_of(c: &Connection) -> Option<Fault> {
    let mut faults = Faults::default();
    content(c, schema::VERSION, &mut faults, &mut |_, _, _| ());
    faults.0.into_iter().next()
}

/// Verifies lines, jobs and sums; returns the last line and the number of jobs.
fn content(
    c: &Connection,
    version: i32,
    faults: &mut Faults,
    progress: &mut Progress<'_>,
) -> (Head, u64) {
    let head = chain(c, faults, progress);
    let covered = holders(c, faults, version);
    let wanted = verify_jobs::Wanted { version, covered, erased: is_erased(c, faults) };
    let jobs = verify_jobs::verify(c, wanted, faults, progress);
    let jobs = faults.read(jobs).unwrap_or(0);
    let counted = counts(c);
    if faults.read(counted) == Some(false) {
        faults.push(Fault::whole("V_COUNTS", Text::fixed(
            "Jumlah pekerjaan per status tidak sama dengan pekerjaan yang ada. Hubungi bantuan; angka di halaman stasiun tidak dapat dipercaya.",
            "The number of jobs in each state is not that of the jobs that are there. Ask for help; the figures on the station's page cannot be trusted.",
        )));
    }
    match blanks::faults(c) {
        Ok(differences) => differences.iter().for_each(|why| faults.push(wrong_sums(why))),
        Err(error) => faults.push(unfit(&error.to_string())),
    }
    (head, jobs)
}

/// The faults found so far.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub fn push(&mut self, fault: Fault) {
        if self.0.len() < FAULTS_LIMIT {
            self.0.push(fault);
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An unreadable part is a fault, and the rest is verified all the same.
    pub fn read<T>(&mut self, answer: rusqlite::Result<T>) -> Option<T> {
        answer.map_err(|error| self.push(unfit(&error.to_string()))).ok()
    }
}

impl Fault {
    pub(super) fn whole(code: &'static str, message: Text) -> Fault {
        Fault { code, seq: None, at: None, job: None, message }
    }

    pub(super) fn of_job(code: &'static str, job: &str, message: Text) -> Fault {
        Fault { job: Some(job.to_owned()), ..Fault::whole(code, message) }
    }
}

fn unfit(why: &str) -> Fault {
    Fault::whole(
        "V_FILE",
        Text::new(
            format!(
                "Berkas buku besar rusak ({why}). Salin foldernya, lalu pasang kembali salinan terbaru yang utuh."
            ),
            format!(
                "The ledger's file is damaged ({why}). Copy its folder away, then put back the newest copy that is whole."
            ),
        ),
    )
}

fn wrong_sums(why: &str) -> Fault {
    Fault::whole(
        "V_BLANKS",
        Text::new(
            format!(
                "Pembukuan blangko tidak sama dengan kejadiannya ({why}). Hubungi bantuan; jumlah blangko tidak dapat dipercaya."
            ),
            format!(
                "The account of blanks is not that of the events ({why}). Ask for help; the sums of blanks cannot be trusted."
            ),
        ),
    )
}

fn log_is_damaged(why: &str) -> Fault {
    Fault::whole(
        "V_LOG",
        Text::new(
            format!(
                "Baris yang sudah dijawab hilang: {why}. Salin foldernya; pasang kembali salinan terbaru, atau ambil alih dengan `kartud ledger adopt`."
            ),
            format!(
                "Acknowledged lines are lost: {why}. Copy the folder away; put back the newest copy, or take it over with `kartud ledger adopt`."
            ),
        ),
    )
}

fn integrity(c: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut told: Vec<String> = c
        .prepare("PRAGMA integrity_check(20)")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    told.retain(|line| line != "ok");
    let strays: u64 =
        c.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if strays > 0 {
        told.push(format!("{strays} rows belong to nothing"));
    }
    Ok(told)
}

fn chain(c: &Connection, faults: &mut Faults, progress: &mut Progress<'_>) -> Head {
    let all = reader::head(c);
    let all = faults.read(all).map_or(0, |head| head.seq);
    let walked = lines::walk_all(c, |line, _| {
        progress("chain", line.seq, all);
        if line.read().is_none() {
            faults.push(unreadable(line));
        }
    });
    let Some((broken, head)) = faults.read(walked) else { return head::START };
    if let Some(broken) = broken {
        faults.push(break_of(broken));
    }
    head
}

fn unreadable(line: &RawLine) -> Fault {
    let RawLine { seq, at, .. } = line;
    let message = Text::new(
        format!(
            "Baris {seq} ({at}) tidak dapat dibaca: tidak ada versi kartud ini yang menulisnya begitu. Salin foldernya dan hubungi bantuan."
        ),
        format!(
            "Line {seq} ({at}) cannot be read: no version of kartud up to this one wrote it like that. Copy the folder away and ask for help."
        ),
    );
    Fault { code: "V_LINE", seq: Some(*seq), at: Some(at.clone()), job: line.job.clone(), message }
}

fn break_of(broken: Break) -> Fault {
    let Break { seq, at, job, kind } = broken;
    let (id, en) = match kind {
        Kind::Changed => ("diubah", "was changed"),
        Kind::Missing => (
            "bukan yang berikutnya: baris di depannya hilang",
            "is not the next one: lines before it are missing",
        ),
        Kind::Inserted => ("disisipkan", "was put in between"),
    };
    let message = Text::new(
        format!(
            "Rantai putus di baris {seq} ({at}): baris itu {id}. Salin foldernya dan bandingkan dengan salinan lama; semua baris sebelum itu utuh."
        ),
        format!(
            "The chain breaks at line {seq} ({at}): that line {en}. Copy the folder away and compare with an older copy; every line before it is whole."
        ),
    );
    Fault { code: "V_CHAIN", seq: Some(seq), at: Some(at), job, message }
}

/// Checks the head beside the ledger, and the one that was stored elsewhere.
fn heads(
    c: &Connection,
    faults: &mut Faults,
    last: Head,
    known: Option<KnownHead>,
    beside: std::io::Result<Option<Head>>,
) {
    let start = cut::start(c);
    let start = faults.read(start).unwrap_or(head::START);
    let mut hold = |head: KnownHead, whose: (&str, &str)| {
        if head.seq < start.seq {
            faults.push(Fault { seq: Some(head.seq), ..Fault::whole("V_HEAD_CUT", Text::new(
                format!("Baris {}, yang dicatat {}, sudah dipotong (sampai baris {}); periksa pada ekspornya dengan `kartud ledger checkpoint`.", head.seq, whose.0, start.seq),
                format!("Line {}, as {} has it, was cut off (up to line {}); look for it in the export, with `kartud ledger checkpoint`.", head.seq, whose.1, start.seq),
            ))});
            return;
        }
        let there = reader::hash_of(c, head.seq);
        if faults.read(there).is_some_and(|hash| !hash.is_some_and(|hash| head.is_of(&hash))) {
            let (seq, end) = (head.seq, last.seq);
            faults.push(Fault { seq: Some(seq), ..Fault::whole("V_HEAD", Text::new(
                format!("Baris {seq}, yang dicatat {}, tidak ada lagi seperti itu; buku besar berakhir di baris {end}. Ujungnya hilang atau ditulis ulang: pasang kembali salinan terbaru.", whose.0),
                format!("Line {seq}, as {} has it, is not there any more; the ledger ends at line {end}. Its end was lost or written anew: put back the newest copy.", whose.1),
            ))});
        }
    };
    if let Some(known) = known {
        hold(known, ("di luar (--head)", "--head"));
    }
    match beside {
        Ok(Some(head)) => hold(head.into(), ("ledger.head", "the file ledger.head")),
        // A copy need not have a head.
        Ok(None) => {}
        Err(error) => faults.push(unfit(&format!("ledger.head: {error}"))),
    }
}

/// Verifies the holders' hashes against the last line about all holders; returns how many jobs it covers. Later jobs
/// are verified against their own first lines.
fn holders(c: &Connection, faults: &mut Faults, version: i32) -> u64 {
    if version < 3 {
        return 0;
    }
    let line = holder::last_line(c);
    let Some(Some(line)) = faults.read(line) else { return 0 };
    let jobs = line.holders.jobs;
    let there = holder::digest(c, jobs);
    let wanted = (jobs, line.holders.sha256);
    if faults.read(there).is_some_and(|there| there != wanted) {
        let seq = line.seq;
        faults.push(Fault { seq: Some(seq), ..Fault::whole("V_HOLDERS", Text::new(
            format!("Sidik pemegang kartu bukan yang dicatat di baris {seq}; orang yang sama mungkin tidak dikenali lagi. Hubungi bantuan."),
            format!("The hashes of the cards' holders are not those that line {seq} stands for; the same person might not be recognised. Ask for help."),
        ))});
    }
    jobs
}

/// Were its personal data erased? Then none may lie in it.
fn is_erased(c: &Connection, faults: &mut Faults) -> bool {
    let erased = erase::erased_at(c);
    let erased = faults.read(erased).flatten().is_some();
    if erased {
        let left = erase::is_unerased(c);
        if faults.read(left) == Some(true) {
            faults.push(Fault::whole("V_ERASED", Text::fixed(
                "Data pribadi buku besar ini sudah dihapus, tetapi sebagian masih ada di dalamnya. Jalankan `kartud ledger erase` sekali lagi.",
                "The personal data of this ledger were erased, and some still lie in it. Run `kartud ledger erase` once more.",
            )));
        }
    }
    erased
}

fn counts(c: &Connection) -> rusqlite::Result<bool> {
    let ask = |sql: &str| -> rusqlite::Result<BTreeMap<String, i64>> {
        c.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let told = ask("SELECT state, jobs FROM counts")?;
    // Every state that any job was ever in has its row.
    let mut wanted = ask("SELECT DISTINCT state, 0 FROM events WHERE job IS NOT NULL")?;
    wanted.extend(ask("SELECT state, count(*) FROM jobs GROUP BY state")?);
    let known = told.keys().all(|state| State::from_name(state).is_some());
    // No job is ever removed, so that no number is used twice.
    let last = c.query_row("SELECT max(seq) FROM jobs", [], |row| row.get::<_, Option<i64>>(0))?;
    let given = ask("SELECT name, seq FROM sqlite_sequence")?;
    let numbers = last.map(|seq| ("jobs".to_owned(), seq)).into_iter().collect();
    Ok(known && told == wanted && given == numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::lines::tests::ledger;

    #[test]
    fn a_line_that_no_version_wrote_is_a_fault_of_its_own() {
        let mut faults = Faults::default();
        chain(&ledger(2), &mut faults, &mut |_, _, _| ());
        let found: Vec<_> = faults.0.iter().map(|fault| (fault.code, fault.seq)).collect();
        assert_eq!(found, [("V_LINE", Some(1)), ("V_LINE", Some(2))]);
    }
}
