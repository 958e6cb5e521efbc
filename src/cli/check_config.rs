//! `kartud check-config FILE`

use std::path::PathBuf;

use super::{Exit, run};
use crate::desk::Desk;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The configuration
    #[arg(value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (mut faults, mut notices) = (Vec::new(), Vec::new());
    match run::read_config(&args.config)? {
        // What the file names is opened and checked too: office, products, faces.
        Ok(config) => match Desk::open(&config) {
            Ok(desk) => notices.extend(desk.notices().iter().cloned()),
            Err(wrong) => faults = wrong,
        },
        Err(wrong) => faults = wrong,
    }
    for notice in &notices {
        println!("{}: note: {notice}", args.config.display());
    }
    if faults.is_empty() {
        println!("{}: good / baik", args.config.display());
        return Ok(Exit::Done);
    }
    Ok(run::refuse(&args.config, &faults))
}
