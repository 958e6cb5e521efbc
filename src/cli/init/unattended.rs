//! `kartud init --unattended`, as the unit runs it before every start: makes the ledger and the keys of a station that has
//! never been configured, and nothing else. A ledger whose disk is not mounted looks like one that never was; an empty one in
//! its place would print every approval again.

use std::fs;
use std::path::Path;

use drivers::text::Text;

use super::made::Made;
use super::{Args, ledger_and_keys};
use crate::cli::Exit;
use crate::cli::client::own;
use crate::config::{Address, Config};
use crate::ledger::{self, LedgerError};
use crate::log;

/// Says nothing where there is a ledger: the unit runs this at every start.
pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<Exit> {
    let path = &config.station.ledger;
    match ledger::must_be_there(path) {
        Ok(()) => return Ok(Exit::Done),
        Err(LedgerError::Missing { .. }) => {}
        Err(lost) => return Err(lost.into()),
    }
    if let Some(sign) = sign_of_use(config) {
        let words = refusal(args, path, &sign);
        eprintln!("{}{}", log::error_mark(), own(&words));
        return Ok(Exit::Failed);
    }
    ledger_and_keys(config, &mut Made::default())?;
    Ok(Exit::Done)
}

/// What shows that a person has put this station to work already. The configuration is not on the ledger's disk, and a
/// station without a printer has printed nothing.
fn sign_of_use(config: &Config) -> Option<Text> {
    if config.printer.address != Address::None {
        return Some(Text::fixed(
            "konfigurasi sudah menyebut printer (printer.address)",
            "the configuration names a printer (printer.address)",
        ));
    }
    if config.office.profile.is_some() {
        return Some(Text::fixed(
            "konfigurasi sudah menyebut kantor (office.profile)",
            "the configuration names an office (office.profile)",
        ));
    }
    if holds_something(&config.station.ledger) {
        return Some(Text::fixed("foldernya tidak kosong", "there are other files in its folder"));
    }
    None
}

/// A fresh disk has its `lost+found`, and a creation that a power cut broke off leaves files that are begun again.
fn holds_something(ledger: &Path) -> bool {
    let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return false };
    let unfinished = ledger::left_by_a_creation(ledger);
    let harmless =
        |path: &Path| path.ends_with("lost+found") || unfinished.iter().any(|one| one == path);
    entries.flatten().any(|entry| !harmless(&entry.path()))
}

fn refusal(args: &Args, ledger: &Path, sign: &Text) -> Text {
    let (ledger, file) = (ledger.display(), args.config.display());
    Text::new(
        format!(
            "tidak ada buku besar di {ledger}, padahal {}: stasiun ini mungkin sudah mencetak, dan buku besar kosong akan mencetak kartu dua kali. Buku besar baru tidak dibuat. Apakah disknya terpasang (mount)? Pasang, atau kembalikan salinan (`kartud restore`). Hanya untuk stasiun yang belum pernah mencetak: `sudo kartud init --config {file}`",
            sign.id
        ),
        format!(
            "there is no ledger at {ledger}, and {}: this station may have printed, and an empty ledger would print its cards again. None was made. Is its disk mounted? Mount it, or put a copy back (`kartud restore`). Only for a station that has printed nothing: `sudo kartud init --config {file}`",
            sign.en
        ),
    )
}
