//! `kartud check-config FILE`

use std::path::{Path, PathBuf};

use super::{Exit, client::language, run};
use crate::chip::KeySource;
use crate::config::{Config, Fault};
use crate::desk::Desk;
use crate::vault::Vault;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The configuration
    #[arg(value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (mut faults, mut notices) = (Vec::new(), Vec::new());
    match run::read_config(&args.config)? {
        // What the file names is opened and checked too: office, products, faces, chips.
        Ok(config) => match Desk::open(&config) {
            Ok(desk) => {
                notices.extend(desk.notices().iter().cloned());
                faults.extend(look_at_chips(&desk, &config));
            }
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

/// Says which chips cannot be written here, which is no fault; and finds the keys that are missing, which is one.
fn look_at_chips(desk: &Desk, config: &Config) -> Vec<Fault> {
    for (name, chip) in desk.chips().filter(|(_, chip)| !desk.can_encode(chip)) {
        println!("{}", without_encoder(name, chip.rule.required));
    }
    let vault = Vault::open(config.vault.folder.as_deref().unwrap_or(Path::new("")));
    let mut faults = Vec::new();
    for (name, chip) in desk.chips().filter(|(_, chip)| desk.can_encode(chip)) {
        for key in chip.profile.keys() {
            if let Err(why) = KeySource::key(&vault, key) {
                let sentence = format!("{name}/chip.toml needs the key {key}: {why}");
                faults.push(Fault { line: 0, sentence });
            }
        }
    }
    faults
}

fn without_encoder(name: &str, required: bool) -> String {
    match (language(), required) {
        ("id", true) => format!(
            "{name}: chip diperlukan, tetapi tidak ada encoder di posisi itu ([encoder]); pekerjaannya akan ditahan (H_NO_ENCODER)."
        ),
        ("id", false) => format!(
            "{name}: tidak ada encoder di posisi itu ([encoder]); kartu dicetak tanpa chip."
        ),
        (_, true) => format!(
            "{name}: needs its chip written, and no encoder sits at that station ([encoder]); its jobs will be held (H_NO_ENCODER)."
        ),
        (_, false) => format!(
            "{name}: no encoder sits at that station ([encoder]); its cards are printed without a chip."
        ),
    }
}
