//! `kartud printer probe`: everything that a printer reports about itself, for a technician. Queries the printer
//! without a station and moves no card; knows no family.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use drivers::contract::{Cause, DeviceError, Facts};
use serde_json::{Map, Value, json};

use super::client::language;
use super::{Exit, run};
use crate::config::{Config, Fault};
use crate::station::Connection;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Ask a printer everything that it tells of itself; no card moves
    Probe(Probe),
}

#[derive(clap::Args)]
struct Probe {
    /// The configuration that names the printer
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/kartu/kartud.toml",
        conflicts_with = "address"
    )]
    config: PathBuf,
    /// Where the printer is, as in printer.address of the configuration
    #[arg(long, value_name = "ADDR")]
    address: Option<String>,
    /// Family of the printer at that address
    #[arg(
        long,
        requires = "address",
        default_value = "evolis",
        value_parser = clap::builder::PossibleValuesParser::new(drivers::CATALOGUE.iter().map(|f| f.name))
    )]
    family: String,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let What::Probe(args) = &args.what;
    let (named, config) = match &args.address {
        Some(address) => (Path::new("--address"), of_address(address, &args.family)),
        None => (args.config.as_path(), run::read_config(&args.config)),
    };
    let config = match config {
        Ok(config) => config,
        Err(faults) => return Ok(run::refuse(named, &faults)),
    };
    let Some(mut connect) = Connection::of(&config.printer, None)?.into_connect() else {
        eprintln!("{}: no printer is configured (printer.address)", named.display());
        return Ok(Exit::Config);
    };
    let facts = match connect().and_then(|mut printer| printer.facts()) {
        Ok(facts) => facts,
        Err(error) => return Ok(failed(&error)),
    };
    if args.json {
        writeln!(std::io::stdout().lock(), "{:#}", as_json(&facts))?;
    } else {
        print_text(&facts)?;
    }
    Ok(Exit::Done)
}

/// A configuration that contains only this address, so that addresses are parsed in one place.
fn of_address(address: &str, family: &str) -> Result<Config, Vec<Fault>> {
    let mut printer = toml::Table::new();
    printer.insert("address".into(), address.into());
    printer.insert("family".into(), family.into());
    let mut text = toml::Table::new();
    text.insert("printer".into(), printer.into());
    Config::parse(&text.to_string(), Path::new("."))
}

/// Reports what is wrong and what to do.
fn failed(error: &DeviceError) -> Exit {
    let words = error.cause.words();
    let words = if language() == "id" { words.id } else { words.en };
    eprintln!("kartud: {}\n  {words}", error.cause);
    match error.cause {
        Cause::Wire(_) => Exit::Unreachable,
        _ => Exit::Failed,
    }
}

/// `{ group: { name: { "value": …, "message": { "id": …, "en": … } } } }`, with a message where there is one.
fn as_json(facts: &Facts) -> Value {
    let mut groups = Map::new();
    for fact in &facts.0 {
        let mut told = json!({ "value": fact.value });
        if let Some(words) = &fact.words {
            told["message"] = json!(words);
        }
        let group = groups.entry(fact.group).or_insert_with(|| json!({}));
        group[&fact.name] = told;
    }
    Value::Object(groups)
}

fn print_text(facts: &Facts) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut group = "";
    for fact in &facts.0 {
        if fact.group != group {
            group = fact.group;
            writeln!(out, "{group}")?;
        }
        let meaning = fact.words.as_ref().map_or("", |words| {
            if language() == "id" { words.id.as_ref() } else { words.en.as_ref() }
        });
        let line = format!("  {:<28} {:<12} {meaning}", fact.name, fact.value);
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
