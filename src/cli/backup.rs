//! `kartud backup [--to DIR]`: a verified copy of the ledger, beside a running station.

use std::path::PathBuf;

use serde_json::json;

use super::client::language;
use super::{Exit, run};
use crate::backup::{self, Made, NotRemoved, Recipient, Wanted};
use crate::clock::Clock;
use crate::log::Log;
use crate::vault::Vault;

const AFTER: &str = "\
A copy is a folder STATION_TIME_SEQ-HASH with ledger.db and copy.json. It holds personal data: keep it as closed as the
ledger. It holds no keys, unless they are sealed to a public key (--with-keys, or backup.recipient): make that key pair on
another computer (kartud keys new backup --folder DIR), bring only the printed entry here, and keep the private key there.
Salinan memuat data pribadi: simpan setertutup buku besarnya. Kunci tidak ikut, kecuali disegel (--with-keys).";

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The folder of the copies, on another disk; it must be there. Without it, backup.folder of the configuration
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Copies of this station that stay there, this one included; without it, backup.keep of the configuration
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Seal the station's keys into the copy, to this public key (a file); may be repeated
    #[arg(long, value_name = "RECIPIENT")]
    with_keys: Vec<PathBuf>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    config: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = match run::read_config(&args.config) {
        Ok(config) => config,
        Err(faults) => return Ok(run::refuse(&args.config, &faults)),
    };
    Log::start(&config.log.level);
    let Some(folder) = args.to.as_ref().or(config.backup.folder.as_ref()) else {
        eprintln!(
            "kartud: say --to DIR, or set backup.folder in {}: the folder for the copies, on another disk",
            args.config.display()
        );
        return Ok(Exit::CommandLine);
    };
    let recipients = match args.with_keys.as_slice() {
        [] => config.backup.recipient.iter().cloned().collect(),
        named => named.to_vec(),
    };
    let recipients: Vec<Recipient> =
        recipients.iter().map(|path| Recipient::read(path)).collect::<Result<_, _>>()?;
    let vault = Vault::open(config.vault.folder.as_deref().unwrap_or("".as_ref()));
    let wanted = Wanted {
        station: &config.station.name,
        ledger: &config.station.ledger,
        folder,
        keep: Some(args.keep.unwrap_or(config.backup.keep) as usize),
        keys: (!recipients.is_empty()).then_some((&vault, recipients.as_slice())),
    };
    let made = backup::make(&wanted, Clock::system().now())?;
    tell(args, &made)?;
    Ok(Exit::Done)
}

fn tell(args: &Args, made: &Made) -> anyhow::Result<()> {
    let manifest = &made.manifest;
    let head = manifest.head(&made.path)?;
    let not_removed: Vec<_> = made.not_removed.iter().map(|one| &one.path).collect();
    if args.json {
        let told = json!({
            "copy": made.path, "head": head.to_string(), "lines": head.seq, "jobs": manifest.jobs,
            "bytes": manifest.ledger_bytes, "blanks_expected": manifest.blanks_expected,
            "sealed_keys": manifest.sealed_keys, "same_disk": made.same_disk,
            "removed": made.removed, "not_removed": not_removed,
        });
        say!("{told:#}")?;
        return Ok(());
    }
    let indonesian = language() == "id";
    let (lines, jobs, keys) = (head.seq, manifest.jobs, manifest.sealed_keys.len());
    say!("{}", made.path.display())?;
    if indonesian {
        say!("{lines} baris, {jobs} pekerjaan, {keys} kunci tersegel; sudah diperiksa")?;
    } else {
        say!("{lines} lines, {jobs} jobs, {keys} sealed keys; verified")?;
    }
    say!("head {head}")?;
    for name in &made.removed {
        say!("{} {name}", if indonesian { "dihapus:" } else { "removed:" })?;
    }
    for NotRemoved { path, why } in &made.not_removed {
        let path = path.display();
        eprintln!(
            "kartud: {}",
            match indonesian {
                true => format!(
                    "{path} tidak dapat dihapus ({why}); isinya data pribadi: hapus sebagai root, dan buat salinan sebagai pengguna kartu"
                ),
                false => format!(
                    "{path} cannot be removed ({why}); it holds personal data: remove it as root, and make copies as the user kartu"
                ),
            }
        );
    }
    if made.same_disk {
        eprintln!(
            "kartud: {}",
            match indonesian {
                true =>
                    "salinan ini ada di cakram yang sama dengan buku besar; bila cakram itu rusak, keduanya hilang",
                false =>
                    "the copy lies on the same disk as the ledger; when that disk fails, both are lost",
            }
        );
    }
    Ok(())
}
