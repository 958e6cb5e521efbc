//! `kartud ledger cut` and `kartud ledger checkpoint`: closed months leave the ledger, and somebody else checks what left.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use drivers::private_file;
use drivers::text::Text;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde_json::json;

use super::Exit;
use super::client::{language, own};
use super::ledger::who;
use crate::actor::Actor;
use crate::clock::Clock;
use crate::ledger::{self, Checkpoint, Cut, CutWanted, LocalDisk};
use crate::record::{PublicKey, SigningKey};
use crate::small_file;
use crate::vault::Vault;

/// The key that signs checkpoints, beside the ledger.
const KEY: &str = "checkpoint.key";
/// A public key in PEM is far shorter.
const PEM_BYTES_MAX: u64 = 4096;

#[derive(clap::Args)]
pub(super) struct CutArgs {
    /// The ledger
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// The first month that stays; it must have begun
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    before: Date,
    /// An existing folder; export and checkpoint get a folder of their own in it
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Who does it: officer number or account, no name (it stands in the ledger)
    #[arg(long, value_name = "WHO", value_parser = who)]
    by: String,
    /// Where the office's days begin, as in its configuration
    #[arg(long, value_name = "HOURS", default_value_t = 7, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i8).range(-12..=14))]
    utc_offset_hours: i8,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct CheckpointArgs {
    /// The folder that was written by `kartud ledger cut`
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The public key, PEM; take it from somewhere else than this folder
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The ledger, or a copy of it: it must go on where the checkpoint ends
    #[arg(long, value_name = "LEDGER")]
    ledger: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn cut(args: &CutArgs) -> anyhow::Result<Exit> {
    ledger::must_be_there(&args.ledger)?;
    let key = signing_key(&args.ledger).context("the key for checkpoints cannot be used")?;
    let wanted = CutWanted {
        before: args.before,
        offset: Offset::from_hours(args.utc_offset_hours)?,
        to: &args.to,
        by: &Actor::local(&*args.by),
        key: &key,
    };
    let mut disk = LocalDisk::of(&args.ledger);
    let cut = ledger::cut(&args.ledger, &wanted, &Clock::system(), &mut disk)?;
    if args.json {
        print_json(&cut, &key)?;
    } else {
        print_text(&cut, &key)?;
    }
    let kept_back = cut.done.is_none() && !cut.kept_for.is_empty();
    Ok(if kept_back { Exit::Failed } else { Exit::Done })
}

/// The key beside the ledger; it is made when it is first needed.
fn signing_key(ledger: &Path) -> anyhow::Result<SigningKey> {
    let path = ledger.with_file_name(KEY);
    if let Some(secret) = Vault::file(&path)? {
        return secret.signing().context("it is no private key of P-256 in PEM");
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let key = Vault::make_signing_key(folder, KEY)?;
    private_file::give_to_owner_of_folder(&path)?;
    Ok(key)
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::new("checkpoint", *key.verifying_key())
}

fn print_json(cut: &Cut, key: &SigningKey) -> anyhow::Result<()> {
    let done = cut.done.as_ref().map(|done| {
        json!({
            "folder": done.folder.display().to_string(), "checkpoint": done.checkpoint,
            "head": done.head.to_string(), "free_bytes": done.free_bytes, "kid": public(key).kid(),
        })
    });
    let all = json!({ "cut_to": cut.cut_to, "done": done, "kept_for": cut.kept_for });
    say!("{all:#}")?;
    Ok(())
}

fn print_text(cut: &Cut, key: &SigningKey) -> anyhow::Result<()> {
    let indonesian = language() == "id";
    if let Some(done) = &cut.done {
        let (folder, mib) = (done.folder.display(), done.free_bytes / (1024 * 1024));
        let Checkpoint { first, last, before, jobs, blanks_expected, .. } = &done.checkpoint;
        if indonesian {
            say!(
                "Baris {first} sampai {last} (sebelum {before}) dipotong; ekspornya di {folder}. Keadaan {jobs} pekerjaan tetap; blangko saat itu: {blanks_expected}. {mib} MiB di berkasnya bebas untuk baris baru."
            )?;
        } else {
            say!(
                "Lines {first} to {last} (before {before}) were cut off; their export is in {folder}. The states of {jobs} jobs stay; blanks then: {blanks_expected}. {mib} MiB in the file are free for new lines."
            )?;
        }
        say!("head {}", done.head)?;
        let public = public(key);
        say!("kid {}\n{}", public.kid(), public.to_pem())?;
    } else {
        say!("{}", own(&nothing(cut.cut_to)))?;
    }
    if !cut.kept_for.is_empty() {
        let refs = cut.kept_for.join(", ");
        if indonesian {
            say!(
                "Baris sejak bulan pekerjaan yang belum selesai ini tetap; selesaikan atau batalkan dulu: {refs}"
            )?;
        } else {
            say!(
                "Lines from the month of these unfinished jobs on stay; finish or cancel them first: {refs}"
            )?;
        }
    }
    Ok(())
}

pub(super) fn checkpoint(args: &CheckpointArgs) -> anyhow::Result<Exit> {
    let pem = small_file::read_text(&args.key, PEM_BYTES_MAX)
        .with_context(|| format!("{} cannot be read", args.key.display()))?;
    let key = PublicKey::of_pem("checkpoint", &pem).context("the key is no public key of P-256")?;
    let checked = ledger::check(&args.folder, &key).and_then(|checkpoint| {
        let Some(ledger) = &args.ledger else { return Ok(checkpoint) };
        ledger::goes_on(ledger, &checkpoint).map_err(|error| error.to_string())??;
        Ok(checkpoint)
    });
    let mut out = std::io::stdout().lock();
    let exit = if checked.is_ok() { Exit::Done } else { Exit::Failed };
    if args.json {
        let (checkpoint, fault) = (checked.as_ref().ok(), checked.as_ref().err());
        writeln!(out, "{:#}", json!({ "checkpoint": checkpoint, "fault": fault }))?;
        return Ok(exit);
    }
    match checked {
        Ok(checkpoint) if language() == "id" => writeln!(
            out,
            "Utuh: baris {} sampai {}, {} pekerjaan, blangko saat itu {}; ditandatangani dengan kunci {}.",
            checkpoint.first,
            checkpoint.last,
            checkpoint.jobs,
            checkpoint.blanks_expected,
            key.kid()
        )?,
        Ok(checkpoint) => writeln!(
            out,
            "Whole: lines {} to {}, {} jobs, blanks then {}; signed with the key {}.",
            checkpoint.first,
            checkpoint.last,
            checkpoint.jobs,
            checkpoint.blanks_expected,
            key.kid()
        )?,
        Err(fault) => writeln!(out, "{fault}")?,
    }
    Ok(exit)
}

fn month(text: &str) -> Result<Date, String> {
    let date = format!("{text}-01").parse::<Date>().ok().filter(|_| text.len() == 7);
    date.ok_or_else(|| "write a month, 2026-03".into())
}

/// There was nothing to be cut off.
fn nothing(cut_to: u64) -> Text {
    if cut_to == 0 {
        return Text::fixed(
            "Tidak ada yang dipotong: tidak ada baris yang selesai dari sebelum itu.",
            "Nothing was cut off: there is no closed line from before that.",
        );
    }
    Text::new(
        format!("Tidak ada yang dipotong; baris sampai {cut_to} sudah dipotong."),
        format!("Nothing was cut off; lines up to {cut_to} are cut off already."),
    )
}
