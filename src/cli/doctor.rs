//! `kartud doctor [--json]`: what is wrong, why it matters, what to do.

use std::path::{Path, PathBuf};

use drivers::text::Text;
use serde_json::{Value, json};

use super::Exit;
use super::check_config::{self, Checked};
use super::client::{Client, Where, language, own};
use crate::clock::Clock;
use crate::config::Fault;
use crate::doctor::{self, Answers, Diagnosis, Facts, Level};

const AFTER: &str = "\
Run it as the user of the station, so that rights are those of the station. It changes nothing.
Exit codes: 0 nothing has to be done, 1 something should be done soon, 2 something is wrong now.
Kode keluar: 0 tidak ada yang perlu dilakukan, 1 ada yang sebaiknya dilakukan, 2 ada yang salah sekarang.";

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    pub config: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let found = examine(&args.config);
    let worst = doctor::worst(&found);
    if args.json {
        say!("{:#}", told(&found))?;
    } else {
        for one in &found {
            print(one)?;
        }
    }
    // These codes are the doctor's own, as its help says.
    Ok(match worst {
        Level::Good | Level::Note => Exit::Done,
        Level::Warning => Exit::Failed,
        Level::Fault => Exit::CommandLine,
    })
}

/// The findings as JSON.
pub(super) fn told(found: &[Diagnosis]) -> Value {
    json!({ "version": env!("CARGO_PKG_VERSION"), "worst": doctor::worst(found), "findings": found })
}

/// Examines the station of this configuration.
pub(super) fn examine(path: &Path) -> Vec<Diagnosis> {
    let Checked { config, faults, .. } = check_config::check(path);
    let both = |fault: &Fault| Text::new(fault.told(|text| &text.id), fault.told(|text| &text.en));
    let config_faults = faults.iter().map(both).collect();
    let Some(config) = config else {
        return doctor::of_config_alone(config_faults);
    };
    let now = Clock::system().now();
    let url = format!("http://{}", config.http.listen);
    let answers = Client::impatient(&Where { url }).station().ok().map(|station| answers(&station));
    let facts = Facts { config_faults, answers, ..doctor::gather::facts(&config, now) };
    doctor::examine(&facts)
}

fn answers(station: &Value) -> Answers {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reasons = station["state_reasons"].as_array().into_iter().flatten();
    let version = text(&station["version"]);
    Answers {
        printer_answers: !station["printer"].is_null(),
        state: text(&station["state"]),
        reasons: reasons
            .map(|reason| {
                let message = &reason["message"];
                (text(&reason["keyword"]), Text::new(text(&message["id"]), text(&message["en"])))
            })
            .collect(),
        reader_state: station["encoder"]["state"].as_str().map(str::to_owned),
        other_version: (version != env!("CARGO_PKG_VERSION")).then_some(version),
    }
}

fn print(one: &Diagnosis) -> anyhow::Result<()> {
    let mark = match (one.level, language()) {
        (Level::Good, "id") => "baik   ",
        (Level::Good, _) => "good   ",
        (Level::Note, "id") => "catatan",
        (Level::Note, _) => "note   ",
        (Level::Warning, "id") => "awas   ",
        (Level::Warning, _) => "warning",
        (Level::Fault, "id") => "SALAH  ",
        (Level::Fault, _) => "FAULT  ",
    };
    say!("{mark}  {:<22}  {}", one.code, own(&one.what))?;
    for line in [&one.why, &one.to_do].map(own).into_iter().filter(|line| !line.is_empty()) {
        say!("{:<33}{line}", "")?;
    }
    Ok(())
}
