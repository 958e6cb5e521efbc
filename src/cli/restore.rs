//! `kartud restore FROM --by WHO`: puts a copy back, on this computer or another one.

use std::path::PathBuf;

use serde_json::json;

use super::client::language;
use super::ledger::who;
use super::{Exit, run};
use crate::actor::Actor;
use crate::backup::{self, Identity, Restored, Source};
use crate::clock::Clock;
use crate::log::Log;
use crate::vault::Vault;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder of one copy, as `kartud backup` named it
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// Where the ledger shall lie; without it, station.ledger of the configuration
    #[arg(long, value_name = "LEDGER")]
    to: Option<PathBuf>,
    /// The private key to which the copy's keys were sealed: they are put back, too
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Who decides it: officer number or account, no name (it stands in the ledger)
    #[arg(long, value_name = "WHO", value_parser = who)]
    by: String,
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
    let identity = args.identity.as_deref().map(Identity::read).transpose()?;
    let vault = Vault::open(config.vault.folder.as_deref().unwrap_or("".as_ref()));
    let source = Source {
        copy: &args.from,
        ledger: args.to.as_ref().unwrap_or(&config.station.ledger),
        vault: &vault,
        identity: identity.as_ref(),
        by: &Actor::local(&*args.by),
    };
    let restored = backup::restore(&source, &Clock::system())?;
    tell(args, &restored)?;
    Ok(Exit::Done)
}

fn tell(args: &Args, restored: &Restored) -> anyhow::Result<()> {
    let Restored { manifest, put_back, keys_without_place, needs_holder_key } = restored;
    let adopted = put_back.as_ref().map(|put_back| put_back.adopted);
    let aside = put_back.as_ref().map_or(&[][..], |put_back| &put_back.aside);
    if args.json {
        let told = json!({
            "made_at": manifest.made_at, "held": adopted.map(|adopted| adopted.held),
            "head": adopted.map(|adopted| adopted.head.to_string()),
            "blanks_expected": manifest.blanks_expected, "aside": aside,
            "keys_without_place": keys_without_place, "needs_holder_key": needs_holder_key,
        });
        say!("{told:#}")?;
        return Ok(());
    }
    let indonesian = language() == "id";
    let Some(adopted) = adopted else {
        tell_of_keys_alone()?;
        tell_of_keys(restored);
        return Ok(());
    };
    let (made_at, held, blanks) = (manifest.made_at, adopted.held, manifest.blanks_expected);
    for path in aside {
        say!("{} {}", if indonesian { "disisihkan:" } else { "put aside:" }, path.display())?;
    }
    if indonesian {
        say!("Salinan dari {made_at} dipasang kembali; {held} pekerjaan ditahan.")?;
        say!(
            "Kartu yang dicetak setelah itu tidak dikenal lagi: pekerjaan yang disetujui sebelum sekarang ditahan bila dikirim lagi."
        )?;
        say!(
            "Menurut salinan seharusnya ada {blanks} blangko. Hitung, lalu catat (kartud blanks count)."
        )?;
    } else {
        say!("The copy of {made_at} was put back; {held} jobs are held.")?;
        say!(
            "Cards printed after it are not known any more: a job that was approved before now is held when it is posted again."
        )?;
        say!(
            "By the copy {blanks} blanks should be there. Count them, and enter that (kartud blanks count)."
        )?;
    }
    say!("head {}", adopted.head)?;
    tell_of_keys(restored);
    Ok(())
}

fn tell_of_keys_alone() -> anyhow::Result<()> {
    let words = match language() {
        "id" => {
            "Buku besar di sini sudah memuat salinan itu dan tidak diubah; hanya kuncinya yang dikembalikan."
        }
        _ => {
            "The ledger here has that copy in it already and was not changed; only the keys were put back."
        }
    };
    say!("{words}")?;
    Ok(())
}

fn tell_of_keys(restored: &Restored) {
    for name in &restored.keys_without_place {
        eprintln!("kartud: the key {name} has no place: set vault.folder, and restore it by hand");
    }
    if restored.needs_holder_key {
        let words = match language() {
            "id" => {
                "kunci `holder` tidak ada di sini; kembalikan (--identity, atau holder.key), atau `kartud ledger rekey` bila benar-benar hilang"
            }
            _ => {
                "the key `holder` is not here; bring it back (--identity, or holder.key), or `kartud ledger rekey` if it is lost for good"
            }
        };
        eprintln!("kartud: {words}");
    }
}
