//! `kartud check-config FILE`

mod ground;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use drivers::text::Text;
use serde_json::json;

use super::client::own;
use super::{Exit, run};
use crate::chip::KeySource;
use crate::config::{Config, Fault};
use crate::intake::Examiner;
use crate::render::CardRenderer;
use crate::vault::Vault;
use ground::HostChecks;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The configuration
    #[arg(value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    config: PathBuf,
    /// Everything as one JSON object
    #[arg(long)]
    json: bool,
}

/// What was found in a configuration, and in what it names.
pub(super) struct Checked {
    /// `None`: the file itself is wrong.
    pub config: Option<Config>,
    pub notes: Vec<Text>,
    pub faults: Vec<Fault>,
}

/// Reads a configuration, and opens and checks everything that it names: office, products, faces, chips; and what it needs
/// of this computer.
pub(super) fn check(path: &Path) -> Checked {
    let config = match run::read_config(path) {
        Ok(config) => config,
        Err(faults) => return Checked { config: None, notes: Vec::new(), faults },
    };
    let HostChecks { mut faults, mut notes } = HostChecks::of(&config);
    match Examiner::open(&config) {
        Ok(examiner) => {
            notes.extend(examiner.notices().iter().cloned());
            notes.extend(chips_without_encoder(examiner.renderer()));
            faults.extend(keys_not_there(examiner.renderer(), &config));
        }
        Err(wrong) => faults.extend(wrong),
    }
    Checked { config: Some(config), notes, faults }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Checked { notes, faults, .. } = check(&args.config);
    let mut out = std::io::stdout().lock();
    let (file, good) = (args.config.display(), faults.is_empty());
    if args.json {
        let told = json!({
            "file": args.config, "good": good, "notes": notes,
            "faults": run::faults_json(&args.config, &faults),
        });
        writeln!(out, "{told:#}")?;
    } else {
        for note in &notes {
            writeln!(out, "{file}: note: {}", own(note))?;
        }
        if good {
            writeln!(out, "{file}: good / baik")?;
        }
    }
    Ok(if good { Exit::Done } else { run::refuse(&args.config, &faults) })
}

/// Chips that cannot be written here, which is not a fault.
fn chips_without_encoder(renderer: &CardRenderer) -> impl Iterator<Item = Text> {
    let here = renderer.chips().filter(|(_, chip)| !renderer.can_encode(chip));
    here.map(|(name, chip)| without_encoder(name, chip.rule.required))
}

/// Missing keys of the chips that are written here, which is a fault.
fn keys_not_there(renderer: &CardRenderer, config: &Config) -> Vec<Fault> {
    let vault = Vault::open(config.vault.folder.as_deref().unwrap_or(Path::new("")));
    let mut faults = Vec::new();
    for (name, chip) in renderer.chips().filter(|(_, chip)| renderer.can_encode(chip)) {
        for key in chip.profile.keys() {
            if let Err(why) = KeySource::key(&vault, key) {
                let words = Text::new(
                    format!("{name}/chip.toml memerlukan kunci {key}: {why}"),
                    format!("{name}/chip.toml needs the key {key}: {why}"),
                );
                faults.push(Fault::at(0, words));
            }
        }
    }
    faults
}

fn without_encoder(name: &str, required: bool) -> Text {
    let (id, en) = if required {
        (
            "chip diperlukan, tetapi tidak ada encoder di posisi itu ([encoder]); pekerjaannya akan ditahan (H_NO_ENCODER).",
            "needs its chip written, and no encoder sits at that station ([encoder]); its jobs will be held (H_NO_ENCODER).",
        )
    } else {
        (
            "tidak ada encoder di posisi itu ([encoder]); kartu dicetak tanpa chip.",
            "no encoder sits at that station ([encoder]); its cards are printed without a chip.",
        )
    };
    Text::new(format!("{name}: {id}"), format!("{name}: {en}"))
}
