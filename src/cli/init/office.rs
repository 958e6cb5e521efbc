//! The office profile of a new station, from the template. It stays marked CONTOH: who signs cards is written by a person.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::anyhow;
use drivers::private_file;
use drivers::text::Text;

use super::made::{Made, readable_by_the_service};
use super::{Args, ask, edit};
use crate::cli::client::own;
use crate::config::Config;
use crate::product::office::{self, Office};

const TEMPLATE: &str = include_str!("../../../config/office.example.toml");
/// Beside the configuration.
const NAME: &str = "office.toml";

/// Makes the profile if a regency is named, and names it in the configuration. `false`: it was asked for and not made.
pub(super) fn make(
    args: &Args,
    config: &Config,
    asks: bool,
    made: &mut Made,
) -> anyhow::Result<bool> {
    let beside = args.config.parent().unwrap_or(Path::new(".")).join(NAME);
    let path = config.office.profile.clone().unwrap_or(beside);
    if path.exists() {
        let words = Text::fixed(
            "profil kantor sudah ada; tidak ada yang diubah",
            "there is an office profile already; nothing was changed",
        );
        made.kept(&path, words)?;
        // One that lies there unnamed may be the profile of a real office: only a person has it used.
        let wanted = args.office.is_some() && config.office.profile.is_none();
        return if wanted { name_it(args, &path, made) } else { Ok(true) };
    }
    let regency = match &args.office {
        Some(regency) => regency.clone(),
        None if asks => ask(&QUESTION)?,
        None => String::new(),
    };
    if regency.is_empty() {
        return Ok(true);
    }
    let text = filled(&regency)?;
    let written =
        write(&path, &text).and_then(|()| readable_by_the_service(&path, &config.station.ledger));
    if let Err(why) = written {
        eprintln!("kartud: {why:#}");
        return Ok(false);
    }
    let words = Text::fixed(
        "profil kantor baru dari templat; isi, lalu hapus contoh = true",
        "a new office profile from the template; fill it in, then take out contoh = true",
    );
    made.added(&path, words)?;
    if config.office.profile.is_some() { Ok(true) } else { name_it(args, &path, made) }
}

/// Names the profile beside the configuration in it.
fn name_it(args: &Args, path: &Path, made: &mut Made) -> anyhow::Result<bool> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    super::printer::set(args, ("office", "profile"), &name.unwrap_or_default(), made)
}

/// The template for this regency.
fn filled(regency: &str) -> anyhow::Result<String> {
    let (kind, name) = office::regency(regency).ok_or_else(|| anyhow!("{}", own(&WRONG)))?;
    let text = edit::with_text(TEMPLATE, "", "kab_jenis", kind)
        .and_then(|text| edit::with_text(&text, "", "kabupaten", name))
        .map_err(anyhow::Error::msg)?;
    Office::parse(&text).map_err(|_| anyhow!("{}", own(&WRONG)))?;
    Ok(text)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let told = |why: std::io::Error| anyhow!("{}: {why}", path.display());
    let mut file = private_file::make_new(path).map_err(told)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if let Err(why) = written.and_then(|()| private_file::sync_folder_of(path)) {
        // Half a profile would be kept by the next try.
        let _ = fs::remove_file(path);
        return Err(told(why));
    }
    Ok(())
}

const QUESTION: Text = Text::fixed(
    "Kabupaten atau kota kantor ini, misalnya KABUPATEN PESISIR SELATAN (Enter: nanti):",
    "The regency of this office, such as KABUPATEN PESISIR SELATAN (Enter: later):",
);
const WRONG: Text = Text::fixed(
    "--office: tulis jenis dan nama kabupaten seperti tercetak, misalnya \"KABUPATEN PESISIR SELATAN\" atau \"KOTA PADANG\"",
    "--office: write kind and name of the regency as they are printed, such as \"KABUPATEN PESISIR SELATAN\" or \"KOTA PADANG\"",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_profile_of_the_regency_and_stays_contoh() {
        let office = Office::parse(&filled("KOTA ADMINISTRASI JAKARTA PUSAT").unwrap()).unwrap();
        assert_eq!(
            (&*office.kab_jenis, &*office.kabupaten),
            ("KOTA ADMINISTRASI", "JAKARTA PUSAT")
        );
        assert!(office.sample, "who signs is written by a person");
        for wrong in ["PESISIR SELATAN", "KABUPATEN", "KABUPATEN ", "kabupaten x", ""] {
            let why = filled(wrong).unwrap_err().to_string();
            assert!(why.contains("KOTA PADANG"), "{wrong}: {why}");
        }
    }
}
