//! `kartud keys new|show NAME`: the keys that sign records. Prints only public data.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Exit, run};
use crate::record::{PublicKey, SigningKey};
use crate::vault::Vault;

const AFTER: &str = "\
The printed entry belongs into the list of everybody who checks cards (kartud verify --keys).
A list begins with the line: format = \"kartu-keys/1\"
Into an entry one may write: from, until (dates), withdrawn = true, revoked = [\"card\", …].
Keep a copy of the key's file where only the office reaches it: it makes records in its name.
Entri yang dicetak masuk ke daftar kunci para pemeriksa kartu. Simpan salinan berkas kunci di tempat aman.";

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Make a new P-256 key in the vault's folder (0600, never overwritten) and print its entry for the key list
    #[command(after_help = AFTER)]
    New(KeyArgs),
    /// Print the key list's entry of a key that is there
    #[command(after_help = AFTER)]
    Show(KeyArgs),
}

#[derive(clap::Args)]
struct KeyArgs {
    /// Name of the key in the vault, as the product asks for it: document, unless its [record] says another
    #[arg(value_name = "NAME")]
    name: String,
    /// What a person who checks a card reads; NAME unless given
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// The folder of keys; without it, vault.folder of the configuration
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    folder: Option<PathBuf>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    config: PathBuf,
    /// The entry as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (Task::New(key) | Task::Show(key)) = &args.task;
    let mut out = std::io::stdout().lock();
    let folder = match &key.folder {
        Some(folder) => Some(folder.clone()),
        None => match run::read_config(&key.config) {
            Ok(config) => config.vault.folder,
            Err(faults) => {
                if key.json {
                    let faults = run::faults_json(&key.config, &faults);
                    writeln!(out, "{:#}", json!({ "faults": faults }))?;
                }
                return Ok(run::refuse(&key.config, &faults));
            }
        },
    };
    let signing = match (&args.task, folder) {
        (Task::Show(_), folder) => {
            Vault::open(folder.as_deref().unwrap_or(Path::new(""))).signing_key(&key.name)?
        }
        (Task::New(_), Some(folder)) => Vault::make_signing_key(&folder, &key.name)?,
        (Task::New(_), None) => anyhow::bail!(
            "{} names no vault.folder; set it, or say --folder DIR",
            key.config.display()
        ),
    };
    let entry = entry(&signing, key.label.as_deref().unwrap_or(&key.name));
    if key.json {
        let told = json!({ "name": entry.name, "kid": entry.kid(), "public": entry.to_pem() });
        writeln!(out, "{told:#}")?;
    } else {
        write!(out, "{}", entry.to_toml())?;
    }
    Ok(Exit::Done)
}

/// The public entry of a key.
pub(super) fn entry(key: &SigningKey, label: &str) -> PublicKey {
    PublicKey::new(label, *key.verifying_key())
}
