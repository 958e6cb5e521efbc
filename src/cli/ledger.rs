//! `kartud ledger verify|export|adopt|rekey|retire|erase|cut|checkpoint`: works on a ledger, or a copy of one, without a daemon.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;

use super::Exit;
use super::client::language;
use super::cut;
use crate::actor::Actor;
use crate::clock::Clock;
use crate::codes::requests::E_BY;
use crate::ledger::head::KnownHead;
use crate::ledger::{self, Verification};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Hold a ledger against itself: file, log, chain, jobs, sums, data. Writes nothing; works while a daemon runs
    Verify(VerifyArgs),
    /// Write the lines of a ledger to stdout, one JSON object a line, nothing personal
    Export(ExportArgs),
    /// Take over a ledger that was put back from an older copy, or lost its end: holds every job that could still print
    Adopt(AdoptArgs),
    /// Forget the lost key `holder`, by which the holders of cards are recognised: the next start takes the one that is
    /// there or makes a new one, and recognises the holders of all stored jobs anew. Stop the daemon first
    Rekey(AdoptArgs),
    /// Write the last line of a ledger whose station moves to another computer: no station prints from it here any more
    Retire(AdoptArgs),
    /// Export the lines of closed months, sign a checkpoint of them, and cut them off. Jobs, spent approvals and the blanks'
    /// balance stay. Stop the daemon first
    Cut(cut::CutArgs),
    /// Check exported lines and their checkpoint by the public key alone
    Checkpoint(cut::CheckpointArgs),
    /// End a station for good: erase all personal data in its ledger and keep the lines. Nothing brings the data back.
    /// Stop the daemon first
    Erase(EraseArgs),
}

#[derive(clap::Args)]
struct VerifyArgs {
    /// The ledger; a copy needs its -wal file beside it, if there was one
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// A line that was kept elsewhere must still be there: a head as an earlier verify printed it, or the id of an event
    #[arg(long, value_name = "SEQ:HASH")]
    head: Option<KnownHead>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct ExportArgs {
    /// The ledger
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// First moment: RFC 3339, or a date (its beginning in UTC)
    #[arg(long, value_name = "T", value_parser = first_moment)]
    from: Option<Timestamp>,
    /// Last moment: RFC 3339, or a date (its end in UTC)
    #[arg(long, value_name = "T", value_parser = last_moment)]
    to: Option<Timestamp>,
}

#[derive(clap::Args)]
struct AdoptArgs {
    /// The ledger; copy its folder away before
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// Who decides it: officer number or account, no name (it stands in the ledger)
    #[arg(long, value_name = "WHO", value_parser = who)]
    by: String,
}

#[derive(clap::Args)]
struct EraseArgs {
    #[command(flatten)]
    of: AdoptArgs,
    /// Do it; without this it only says what would be done
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.task {
        Task::Verify(args) => verify(args),
        Task::Export(args) => export(args),
        Task::Adopt(args) => adopt(args),
        Task::Rekey(args) => rekey(args),
        Task::Retire(args) => retire(args),
        Task::Cut(args) => cut::cut(args),
        Task::Checkpoint(args) => cut::checkpoint(args),
        Task::Erase(args) => erase(args),
    }
}

fn verify(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let to_a_person = std::io::stderr().is_terminal();
    let mut shown = None;
    let found = ledger::verify(&args.ledger, args.head, &mut |part, done, all| {
        let percent = done * 100 / all.max(1);
        if to_a_person && shown != Some((part, percent)) {
            shown = Some((part, percent));
            eprint!("\r{part} {percent} %   ");
        }
    });
    if to_a_person {
        eprint!("\r                    \r");
    }
    let found = found?;
    print_text(args, &found)?;
    Ok(if found.faults.is_empty() { Exit::Done } else { Exit::Failed })
}

fn print_text(args: &VerifyArgs, found: &Verification) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let found = json!({
            "ledger": args.ledger.display().to_string(), "live": found.live, "lines": found.head.seq,
            "jobs": found.jobs, "head": found.head.to_string(), "faults": found.faults,
            "cut_to": found.cut.as_ref().map(|(last, _)| last),
        });
        writeln!(out, "{found:#}")?;
        return Ok(());
    }
    let indonesian = language() == "id";
    for fault in &found.faults {
        let words = if indonesian { &fault.message.id } else { &fault.message.en };
        let job = fault.job.as_deref().map_or(String::new(), |job| format!("{job}  "));
        writeln!(out, "{}  {job}{words}", fault.code)?;
    }
    let live = match (found.live, indonesian) {
        (false, _) => "",
        (true, true) => " (dipakai kartud; diperiksa seperti saat ini)",
        (true, false) => " (in use by a kartud; looked at as it is now)",
    };
    let cut_to = found.cut.as_ref().map_or(0, |(last, _)| *last);
    let (lines, jobs) = (found.head.seq.saturating_sub(cut_to), found.jobs);
    let faults = found.faults.len();
    if indonesian {
        writeln!(out, "{lines} baris, {jobs} pekerjaan, {faults} kesalahan{live}")?;
    } else {
        writeln!(out, "{lines} lines, {jobs} jobs, {faults} faults{live}")?;
    }
    if let Some((last, at)) = &found.cut {
        let words = if indonesian { "baris dipotong pada" } else { "lines were cut off on" };
        writeln!(out, "1-{last}: {words} {at}")?;
    }
    writeln!(out, "head {}", found.head)?;
    Ok(())
}

fn export(args: &ExportArgs) -> anyhow::Result<Exit> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    ledger::export(&args.ledger, args.from, args.to, |line| {
        writeln!(out, "{}", serde_json::to_string(line)?)
    })??;
    out.flush()?;
    Ok(Exit::Done)
}

fn adopt(args: &AdoptArgs) -> anyhow::Result<Exit> {
    let adopted = ledger::adopt(&args.ledger, &Actor::local(&*args.by), &Clock::system())
        .context("the ledger cannot be taken over")?;
    let said = match (adopted, language() == "id") {
        (Some(done), true) => format!(
            "Buku besar diambil alih; {} pekerjaan ditahan. Cari kartunya, lalu lepaskan atau batalkan satu per satu.\nKartu yang dicetak setelah salinan itu tidak dikenal lagi: pekerjaan yang disetujui sebelum sekarang ditahan bila dikirim lagi.\nhead {}",
            done.held, done.head
        ),
        (Some(done), false) => format!(
            "The ledger is taken over; {} jobs are held. Look for their cards, then release or cancel each.\nCards that were printed after that copy are not known any more: a job that was approved before now is held when it is posted again.\nhead {}",
            done.held, done.head
        ),
        (None, true) => "Buku besar utuh; tidak ada yang diubah.".into(),
        (None, false) => "The ledger is whole; nothing was changed.".into(),
    };
    writeln!(std::io::stdout().lock(), "{said}")?;
    Ok(Exit::Done)
}

fn rekey(args: &AdoptArgs) -> anyhow::Result<Exit> {
    ledger::rekey(&args.ledger, &Actor::local(&*args.by), &Clock::system())
        .context("the key cannot be forgotten")?;
    let said = if language() == "id" {
        "Kunci `holder` dilupakan; start berikutnya memakai kunci yang ada atau membuat yang baru."
    } else {
        "The key `holder` is forgotten; the next start takes the one that is there or makes a new one."
    };
    writeln!(std::io::stdout().lock(), "{said}")?;
    Ok(Exit::Done)
}

fn retire(args: &AdoptArgs) -> anyhow::Result<Exit> {
    let retired = ledger::retire(&args.ledger, &Actor::local(&*args.by), &Clock::system())
        .context("the ledger cannot be retired")?;
    let (open, head) = (retired.open, retired.head);
    if language() == "id" {
        say!(
            "Buku besar dipensiunkan; {open} pekerjaan belum selesai. Buat salinannya (kartud backup), lalu pasang di komputer baru (kartud restore)."
        )?;
    } else {
        say!(
            "The ledger is retired; {open} jobs are not finished. Copy it (kartud backup), then put the copy back on the new computer (kartud restore)."
        )?;
    }
    say!("head {head}")?;
    Ok(Exit::Done)
}

fn erase(args: &EraseArgs) -> anyhow::Result<Exit> {
    let (path, indonesian) = (&args.of.ledger, language() == "id");
    if !args.yes {
        let shown = path.display();
        if indonesian {
            eprintln!(
                "kartud: data pribadi di {shown} akan dihapus untuk selamanya dan tidak ada stasiun yang memakainya lagi; tulis --yes bila memang itu yang dimaksud"
            );
        } else {
            eprintln!(
                "kartud: this would erase the personal data in {shown} for good, and no station would work with it any more; say --yes if that is meant"
            );
        }
        return Ok(Exit::CommandLine);
    }
    let done = ledger::erase(path, &Actor::local(&*args.of.by), &Clock::system())
        .context("the personal data cannot be erased")?;
    let (jobs, open) = (done.jobs, done.unfinished.len());
    if indonesian {
        say!("Data pribadi {jobs} pekerjaan dihapus; baris buku besar disimpan.")?;
        say!("{open} pekerjaan belum selesai; beri tahu yang mengirimnya:")?;
    } else {
        say!("The personal data of {jobs} jobs are erased; the lines of the ledger are kept.")?;
        say!("{open} jobs are unfinished; tell those who sent them:")?;
    }
    for reference in &done.unfinished {
        say!("  {reference}")?;
    }
    say!("head {}", done.head)?;
    Ok(Exit::Done)
}

fn first_moment(text: &str) -> Result<Timestamp, String> {
    moment(text, |date| date.to_zoned(TimeZone::UTC).map(|day| day.timestamp()))
}

fn last_moment(text: &str) -> Result<Timestamp, String> {
    moment(text, |date| {
        let next = date.tomorrow()?.to_zoned(TimeZone::UTC)?;
        next.timestamp().checked_sub(1.nanosecond())
    })
}

fn moment(
    text: &str,
    of_date: impl FnOnce(Date) -> Result<Timestamp, jiff::Error>,
) -> Result<Timestamp, String> {
    let at = match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => of_date(date).ok(),
        _ => text.parse().ok(),
    };
    at.ok_or_else(|| {
        "write a date (2026-03-02) or a time as RFC 3339 has it (2026-03-02T09:00:00+07:00)".into()
    })
}

pub(super) fn who(text: &str) -> Result<String, String> {
    match Actor::read(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(E_BY.en.to_owned()),
    }
}
