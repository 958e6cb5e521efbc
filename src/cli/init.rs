//! `kartud init --config FILE`: creates the empty ledger of a new station. `kartud run` creates none by itself, so that
//! a wrong path does not look like a new station without any approvals.

use std::io::Write as _;
use std::path::PathBuf;

use super::client::language;
use super::{Exit, run};
use crate::ledger::{self, Init};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The configuration; its station.ledger says where
    #[arg(long, value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = match run::read_config(&args.config) {
        Ok(config) => config,
        Err(faults) => return Ok(run::refuse(&args.config, &faults)),
    };
    let path = &config.station.ledger;
    let said = match (ledger::init(path)?, language() == "id") {
        (Init::Made, true) => "buku besar baru, masih kosong",
        (Init::Made, false) => "a new ledger, still empty",
        (Init::WasThere, true) => "buku besar sudah ada; tidak ada yang diubah",
        (Init::WasThere, false) => "there is a ledger already; nothing was changed",
    };
    writeln!(std::io::stdout().lock(), "{}: {said}", path.display())?;
    Ok(Exit::Done)
}
