//! Claim and settle: which job is next, and what is written down when something has become of it.
//! Every move of a job by the station goes through here. Knows no device.

use drivers::contract::{CardOut, DeviceError, PrinterStatus, Whereabouts};
use jiff::Timestamp;

use crate::codes;
use crate::event::{Attempt, CardEvidence, Event, FaceHash, IntentLine, Lost, MachineWord};
use crate::evidence::{Intent, Verdict, judge_card_out, judge_untouched};
use crate::finding::Finding;
use crate::job::JobId;
use crate::ledger::{Entry, JobRecord, Ledger, LedgerError, Order, StoredRequest};
use crate::lifecycle::State;
use crate::product::Code;
use crate::supplies::SpoilCause;

/// Blanks that may be spoiled for one job before a person must look (a ribbon or a head that spoils every card), unless
/// its product says otherwise.
pub const BLANKS_A_JOB: u32 = 2;

/// This station cannot write the chip that the card needs.
pub const H_NO_ENCODER: &str = "H_NO_ENCODER";
/// This station's printer has no station for what must be written on the card.
pub const H_NO_STATION: &str = "H_NO_STATION";
/// A value or a key that the card's chip needs is missing.
pub const H_CHIP: &str = "H_CHIP";
/// A blank was spoiled, and so would be every other: the profile or the keys are wrong, or the blanks are somebody else's.
pub const H_CHIP_SETUP: &str = "H_CHIP_SETUP";

/// What is stored of the job is not what was accepted.
pub const H_DATA_DAMAGED: Code = Code {
    code: "H_DATA_DAMAGED",
    id: "Data pekerjaan yang tersimpan rusak di cakram, jadi tidak dicetak. Teknisi harus memeriksa cakram.",
    en: "The job's stored data are damaged on the disk, so it is not printed. The technician must check the disk.",
};
/// The job waited longer than its product allows.
pub const H_STALE: Code = Code {
    code: "H_STALE",
    id: "Pekerjaan ini menunggu terlalu lama. Pastikan kartunya masih diperlukan.",
    en: "This job has waited too long. Make sure that its card is still wanted.",
};
/// The office's document key is not in the vault, so the card would come out without its signed record.
pub const H_RECORD_KEY: Code = Code {
    code: "H_RECORD_KEY",
    id: "Kunci dokumen kantor tidak ada, jadi rekaman bertanda tangan kartu ini tidak dapat dibuat. Pasang kuncinya (kartud keys, [vault]), jalankan ulang stasiun.",
    en: "The office's document key is missing, so the signed record of this card cannot be made. Install the key (kartud keys, [vault]), restart the station.",
};
/// As many blanks were spoiled for the job as its product allows.
pub const H_BLANKS_SPOILED: Code = Code {
    code: "H_BLANKS_SPOILED",
    id: "Beberapa blangko rusak untuk pekerjaan ini. Baca sebabnya (kartud job), periksa pita, kepala cetak, pembaca chip dan blangko.",
    en: "Several blanks were spoiled for this job. Read why (kartud job), check ribbon, print head, chip reader and blanks.",
};
/// The program stopped or failed while it worked on the job.
const H_CRASHED: Code = Code {
    code: "H_CRASHED",
    id: "Program berhenti atau gagal saat mengerjakan pekerjaan ini: listrik padam, program dihentikan paksa, atau foto/datanya merusak program. Sekali lagi boleh dicoba; bila terulang, fotonya yang harus lain, dan teknisi harus tahu.",
    en: "The program stopped or failed while it worked on this job: the power went, it was killed, or the job's photo or data break it. It may be tried once more; if it happens again, it needs another photo, and the technician must know.",
};
/// What seems old may not be.
pub const H_CLOCK: Code = Code {
    code: "H_CLOCK",
    id: "Jam komputer melompat, jadi batas waktu mungkin salah dihitung. Betulkan jamnya.",
    en: "The computer's clock jumped, so the time limits may be wrong. Set the clock right.",
};

/// Jobs that one look at the ledger brings at the start.
const PAGE: u32 = 100;

/// A claimed job with its data.
pub struct Claimed {
    /// What the ledger knows.
    pub record: JobRecord,
    /// Its typed card, and the request that it was made of: personal.
    pub request: StoredRequest,
    /// The photo as it came: personal.
    pub photo: Option<Vec<u8>>,
}

/// What is printed, and the photo as it came: personal.
pub type JobData = (StoredRequest, Option<Vec<u8>>);

/// What the front of the queue gave.
pub enum Next {
    /// Nothing waits.
    Nothing,
    /// A job whose stored data are not what was accepted: it is held.
    Held,
    /// A job for the station.
    Claimed(Box<Claimed>),
}

/// Takes the oldest waiting job; those of some products are passed over, and keep their places.
///
/// # Errors
/// The ledger's.
pub fn claim(ledger: &Ledger, but: &[String]) -> Result<Next, LedgerError> {
    let Some(record) = ledger.oldest(State::Queued, but)? else { return Ok(Next::Nothing) };
    // Found out while its card was moving; written down here, whatever came between.
    if record.findings.iter().any(Finding::holds) {
        hold(ledger, &record.id, &record.findings)?;
        return Ok(Next::Held);
    }
    match data_of(ledger, &record)? {
        Some((request, photo)) => {
            ledger.append(&record.id, Event::Claim {}).wait()?;
            Ok(Next::Claimed(Box::new(Claimed { record, request, photo })))
        }
        None => Ok(Next::Held),
    }
}

/// A waiting job's data; `None`: they are not what was accepted, and the job is held.
///
/// # Errors
/// The ledger's.
pub fn data_of(ledger: &Ledger, record: &JobRecord) -> Result<Option<JobData>, LedgerError> {
    match ledger.job_data(&record.id) {
        Err(LedgerError::DataDamaged) => {
            let known = record.findings.iter().cloned();
            let findings: Vec<_> = known.chain([H_DATA_DAMAGED.at("job", &[])]).collect();
            hold(ledger, &record.id, &findings)?;
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// The products of which the next blank would be spoiled like the last, and nobody has released or cancelled that job
/// since: its chip's profile or keys are wrong, or (of those `with_chip`) several blanks in a row were no good.
///
/// # Errors
/// The ledger's.
pub fn barred(ledger: &Ledger, with_chip: &[String]) -> Result<Vec<String>, LedgerError> {
    let stands = |job: &JobRecord| {
        let has = |code: &str| job.findings.iter().any(|finding| finding.code == code);
        has(H_CHIP_SETUP) || (has(H_BLANKS_SPOILED.code) && with_chip.contains(&job.product))
    };
    let mut products = Vec::new();
    for state in [State::Unsure, State::Held] {
        let jobs = all_in(ledger, state)?;
        products.extend(jobs.into_iter().filter(stands).map(|job| job.product));
    }
    products.sort();
    products.dedup();
    Ok(products)
}

/// Writes down that a job is inspected now.
///
/// # Errors
/// The ledger's; then it may not be inspected.
pub fn begin_to_inspect(ledger: &Ledger, job: &JobId) -> Result<(), LedgerError> {
    ledger.append(job, Event::Inspecting {}).wait().map(drop)
}

/// Holds a job that the program stopped at, or failed at. One that was withdrawn meanwhile stays so.
///
/// # Errors
/// The ledger's.
pub fn hold_crashed(ledger: &Ledger, job: &JobRecord, attempt: Attempt) -> Result<(), LedgerError> {
    tracing::warn!(job = %job.id, attempt = attempt.name(), "the program stopped or failed at this job; it is held");
    let mut findings = job.findings.clone();
    findings.push(H_CRASHED.at("job", &[]));
    let held = Event::Hold { findings, attempt: Some(attempt) };
    match ledger.append(&job.id, held).wait() {
        Ok(_) | Err(LedgerError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Did its inspection never come to an end? A person may release it all the same; it is inspected when it is claimed.
///
/// # Errors
/// The ledger's.
pub fn is_uninspected(ledger: &Ledger, job: &JobId) -> Result<bool, LedgerError> {
    let (mut uninspected, mut before) = (false, None);
    for line in ledger.events_of(job)? {
        let state = line.state;
        uninspected = match line.read() {
            Some(Event::Hold { attempt: Some(Attempt::Inspect), .. }) => true,
            Some(Event::Hold { findings, .. }) if before == Some(State::Received) => {
                uninspected || is_of_a_restored_ledger(&findings)
            }
            Some(Event::Inspected { .. }) => false,
            _ => uninspected,
        };
        before = state;
    }
    Ok(uninspected)
}

/// Held by `kartud ledger adopt`, which looks at no photo and says so last.
fn is_of_a_restored_ledger(findings: &[Finding]) -> bool {
    findings.last().is_some_and(|finding| finding.code == "H_LEDGER_RESTORED")
}

/// Writes down what the inspection found that an earlier one died of.
///
/// # Errors
/// The ledger's.
pub fn inspected(ledger: &Ledger, job: &JobId, findings: &[Finding]) -> Result<(), LedgerError> {
    ledger.append(job, Event::Inspected { findings: findings.to_vec() }).wait().map(drop)
}

/// How the time is when a job is looked at on its way to the printer.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the clock on the wall, but never before the ledger's last line.
    pub now: Timestamp,
    /// The clock jumped, or stands far from the ledger's last line: what seems old may not be.
    pub doubtful: bool,
}

/// What holds a job and does not go away by a release; empty: a person may release it. See [`crate::codes`].
pub fn not_releasable(findings: &[Finding]) -> Vec<&Finding> {
    let stays = |finding: &&Finding| finding.holds() && !codes::remedy(finding).may_release();
    findings.iter().filter(stays).collect()
}

/// The faces exist.
///
/// # Errors
/// The ledger's.
pub fn composed(ledger: &Ledger, job: &JobId, faces: &[FaceHash]) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::Compose { faces: faces.to_vec() }).wait()
}

/// A person must decide.
///
/// # Errors
/// The ledger's.
pub fn hold(ledger: &Ledger, job: &JobId, findings: &[Finding]) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::Hold { findings: findings.to_vec(), attempt: None }).wait()
}

/// Puts a job back that no card was moved for.
///
/// # Errors
/// The ledger's.
pub fn put_back(ledger: &Ledger, job: &JobId) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::PutBack {}).wait()
}

/// Write before you act: what the machine said just before, synced before the card moves.
///
/// # Errors
/// The ledger's; then nothing may be printed.
pub fn intend_to_print(
    ledger: &Ledger,
    job: &JobId,
    intent: &Intent,
    before: &PrinterStatus,
) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::Print(intent_line(intent.clone(), before))).wait()
}

/// The same, before a blank goes to the chip station.
///
/// # Errors
/// The ledger's; then no blank may be fed.
pub fn intend_to_encode(
    ledger: &Ledger,
    job: &JobId,
    before: &PrinterStatus,
) -> Result<Entry, LedgerError> {
    ledger.append(job, Event::Encode(intent_line(Intent::to_encode(before), before))).wait()
}

fn intent_line(intent: Intent, before: &PrinterStatus) -> IntentLine {
    IntentLine { intent, identity: Some(before.identity.clone()) }
}

/// What a finished print means for the job by the table of evidence, and what is written down of it. What the table cannot
/// settle is lost from sight, and found out about as any such card; what the driver saw of it goes with it.
pub fn settlement(result: &Result<CardOut, DeviceError>, intent: &Intent) -> Event {
    match result {
        Ok(out) => match judge_card_out(intent, out) {
            Verdict::Printed(row) => Event::CardOut {
                evidence: CardEvidence::Machine {
                    machine: MachineWord::CardOut(Box::new(out.clone())),
                    row: Some(row),
                },
                findings: None,
            },
            verdict => outcome_unknown(Lost {
                said_out: true,
                row: verdict.row(),
                machine: Some(MachineWord::CardOut(Box::new(out.clone()))),
                watch: Some(out.watch),
                ..Lost::somewhere(
                    "the printer said that the card is out, and its figures were to be asked again",
                )
            }),
        },
        Err(error) => not_finished(error, intent),
    }
}

/// Contact with the card was lost.
pub fn outcome_unknown(lost: Lost) -> Event {
    Event::OutcomeUnknown { lost: Box::new(lost), findings: None }
}

fn not_finished(error: &DeviceError, intent: &Intent) -> Event {
    let told = error.evidence;
    let evidence = |row| CardEvidence::CallFailed {
        card: error.card,
        cause: error.cause.to_string(),
        machine: told,
        row,
    };
    match error.card {
        // An encoded card that the print left untouched still waits inside.
        Whereabouts::Untouched if !intent.waits_inside() => {
            if let Verdict::NoCard(row) = judge_untouched(intent, told.as_ref()) {
                return Event::NoCard { evidence: evidence(Some(row)), findings: None };
            }
        }
        Whereabouts::Rejected => {
            let cause = Some(SpoilCause::GagalCetak);
            return Event::Spoil { evidence: evidence(None), cause, findings: None };
        }
        Whereabouts::Untouched | Whereabouts::InMachine | Whereabouts::Unknown => {}
    }
    outcome_unknown(Lost {
        cause: Some(error.cause.to_string()),
        machine: told.map(MachineWord::AfterFailure),
        watch: Some(told.map(|told| told.watch).unwrap_or_default()),
        ..Lost::at(error.card)
    })
}

/// After a stop that nobody planned: what was composed goes back to the queue; what was just being inspected or made is
/// held, since it may be what the program died of, and would be again; where a card may have moved, nobody knows, and
/// nobody prints it again.
///
/// # Errors
/// The ledger's.
pub fn recover(ledger: &Ledger) -> Result<(), LedgerError> {
    for job in all_in(ledger, State::Received)? {
        let lines = ledger.events_of(&job.id)?;
        if lines.last().and_then(Entry::read) == Some(Event::Inspecting {}) {
            hold_crashed(ledger, &job, Attempt::Inspect)?;
        }
    }
    for job in all_in(ledger, State::Claimed)? {
        hold_crashed(ledger, &job, Attempt::Make)?;
    }
    for job in all_in(ledger, State::Composed)? {
        put_back(ledger, &job.id)?;
    }
    for state in [State::Encoding, State::Encoded, State::Printing] {
        for job in all_in(ledger, state)? {
            let lost = Lost::somewhere("the station stopped while the card was moving");
            ledger.append(&job.id, outcome_unknown(lost)).wait()?;
            tracing::warn!(job = %job.id, "a card may have come out while the station stopped; look at the printer");
        }
    }
    Ok(())
}

/// Every job in a state, oldest first.
///
/// # Errors
/// The ledger's.
pub fn all_in(ledger: &Ledger, state: State) -> Result<Vec<JobRecord>, LedgerError> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let page = ledger.jobs(Some(state), Order::OldestFirst, cursor, PAGE)?;
        all.extend(page.jobs);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(all),
        }
    }
}
