//! `kartud init --config FILE`: the first start of a new station. Makes its folders, its keys and its empty ledger, an
//! office profile from the template, and writes the printer's address into the configuration. Everything that is there
//! already is named and kept. `kartud run` makes no ledger by itself, so that a wrong path does not look like a new station
//! without any approvals.

mod edit;
mod made;
mod office;
mod printer;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use drivers::private_file;
use drivers::text::Text;

use super::client::own;
use super::{Exit, run};
use crate::config::Config;
use crate::holder::{self, HolderKey};
use crate::ledger::{self, Init};
use crate::vault::Vault;
use made::{Made, of_the_folder};
use printer::Wanted;

const AFTER: &str = "\
On a terminal it asks for what was not said. Otherwise, or with --yes, it asks nothing.
As root, the ledger and the keys are given to the owner of the ledger's folder.
Pada terminal, yang belum ditulis ditanyakan. Selain itu, atau dengan --yes, tidak ada yang ditanyakan.";

/// Where the package puts the configuration.
const PACKAGED: &str = "/etc/kartu/kartud.toml";
/// systemd runs this computer.
const SYSTEMD: &str = "/run/systemd/system";
/// The key that signs records, as the products that come with the program ask for it.
const DOCUMENT: &str = "document";

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The configuration; its station.ledger says where the ledger goes
    #[arg(long, value_name = "FILE", default_value = PACKAGED)]
    config: PathBuf,
    /// The office's regency as it is printed, such as "KABUPATEN PESISIR SELATAN": makes an office profile from the
    /// template, marked CONTOH until a person has filled it in
    #[arg(long, value_name = "REGENCY")]
    office: Option<String>,
    /// The printer: auto takes the card printer that is plugged in, if there is just one; none leaves it; else its address,
    /// as `kartud usb list` shows it
    #[arg(long, value_name = "auto|none|ADDRESS")]
    printer: Option<Wanted>,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = match run::read_config(&args.config) {
        Ok(config) => config,
        Err(faults) => return Ok(run::refuse(&args.config, &faults)),
    };
    let asks = !args.yes && io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut made = Made::default();
    ledger_and_keys(&config, &mut made)?;
    let mut good = office::make(args, &config, asks, &mut made)?;
    good &= printer::write(args, &config, asks, &mut made)?;
    if made.is_anything() || asks {
        next_steps(args)?;
    }
    Ok(if good { Exit::Done } else { Exit::Failed })
}

/// The keys are made with the ledger, and never again: a station whose key is lost must not get another one unnoticed.
fn ledger_and_keys(config: &Config, made: &mut Made) -> anyhow::Result<()> {
    let path = &config.station.ledger;
    if ledger::init(path)? == Init::WasThere {
        return made.kept(
            path,
            Text::fixed(
                "buku besar sudah ada; tidak ada yang diubah",
                "there is a ledger already; nothing was changed",
            ),
        );
    }
    made.added(path, Text::fixed("buku besar baru, masih kosong", "a new ledger, still empty"))?;
    let folder = config.vault.folder.as_deref();
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        private_file::make_folder(folder)
            .with_context(|| format!("vault.folder: {} cannot be made", folder.display()))?;
        made.added(folder, Text::fixed("folder kunci yang baru", "a new folder of keys"))?;
    }
    let vault = Vault::open(folder.unwrap_or(Path::new("")));
    let mut keys = vec![holder_key(&vault, path, made)?];
    if let Some(folder) = folder {
        keys.push(folder.to_owned());
        keys.extend(document_key(&vault, folder, made)?);
    }
    of_the_folder(path, ledger::files_of(path).into_iter().chain(keys))
}

/// The key that recognises the holders of cards; returns where it lies.
fn holder_key(vault: &Vault, ledger: &Path, made: &mut Made) -> anyhow::Result<PathBuf> {
    let places = || {
        let in_the_vault = vault.folder().map(|folder| folder.join(holder::NAME));
        in_the_vault.into_iter().chain([holder::beside(ledger)]).find(|place| place.exists())
    };
    let was_there = vault.key(holder::NAME).is_ok() || places().is_some();
    HolderKey::open(vault, ledger, None)?;
    let place = places().unwrap_or_else(|| holder::beside(ledger));
    if was_there {
        let words = Text::fixed(
            "kunci pemegang kartu sudah ada; dipakai",
            "the key that recognises the holders of cards is there already; it is used",
        );
        made.kept(&place, words)?;
    } else {
        let words = Text::fixed(
            "kunci baru yang mengenali pemegang kartu; ikut dalam salinan cadangan",
            "a new key that recognises the holders of cards; it belongs into the station's backup",
        );
        made.added(&place, words)?;
    }
    Ok(place)
}

/// The key that signs the records of cards, where there is a folder for it.
fn document_key(vault: &Vault, folder: &Path, made: &mut Made) -> anyhow::Result<Option<PathBuf>> {
    if vault.key(DOCUMENT).is_ok() {
        return Ok(None);
    }
    Vault::make_signing_key(folder, DOCUMENT)?;
    let place = folder.join(DOCUMENT);
    let words = Text::fixed(
        "kunci baru yang menandatangani rekaman kartu; `kartud keys show document` mencetak entrinya",
        "a new key that signs the records of cards; `kartud keys show document` prints its entry",
    );
    made.added(&place, words)?;
    Ok(Some(place))
}

fn next_steps(args: &Args) -> anyhow::Result<()> {
    let file = args.config.display();
    let start = if args.config == Path::new(PACKAGED) && Path::new(SYSTEMD).exists() {
        "sudo systemctl restart kartud".to_owned()
    } else {
        format!("kartud run --config {file}")
    };
    let words = Text::new(
        format!(
            "Langkah berikutnya:\n  1. {start}\n     lalu `kartud status`: apa yang masih kurang pada printer\n  2. kartud blanks load 100 --by op-2\n     blangko yang dimasukkan ke pengumpan: pembukuan hari itu dimulai\n  3. kartud submit JOB.json\n     kartu pertama, bertanda CONTOH sampai profil kantor diisi dan contoh = true dihapus"
        ),
        format!(
            "What to do next:\n  1. {start}\n     then `kartud status`: what the printer still lacks\n  2. kartud blanks load 100 --by op-2\n     the blanks that were put into the feeder: the day's account begins\n  3. kartud submit JOB.json\n     the first card, marked CONTOH until the office profile is filled in and contoh = true taken out"
        ),
    );
    say!("\n{}", own(&words))?;
    Ok(())
}

/// Asks, and reads one line; an end of the input is an empty answer.
fn ask(question: &Text) -> io::Result<String> {
    let mut out = io::stdout().lock();
    write!(out, "{} ", own(question))?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}
