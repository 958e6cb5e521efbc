//! `kartud status [--watch]`

use std::io::Write as _;
use std::process;

use serde_json::Value;

use super::client::{Client, Listening, Where, language};
use super::local_time::LocalTime;
use super::{Exit, signals};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The station's answer as JSON; with --watch one line a change
    #[arg(long)]
    json: bool,
    /// Go on until Ctrl-C, and say every change
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let client = Client::new(&args.at);
    let now = client.station()?;
    if !args.watch {
        if args.json {
            writeln!(std::io::stdout().lock(), "{now:#}")?;
        } else {
            print_text(&now)?;
        }
        return Ok(Exit::Done);
    }
    let office = LocalTime::of(&now);
    // Ctrl-C is the normal way to end it, not a failure.
    signals::listen(|_| process::exit(Exit::Done as i32))?;
    let last_event = now["last_event"].as_str().unwrap_or("0");
    client.listen(last_event, |name, data| {
        if args.json {
            writeln!(
                std::io::stdout().lock(),
                "{}",
                serde_json::json!({ "event": name, "data": data })
            )?;
        } else {
            match name {
                "station" => print_text(data)?,
                "job" => print_job(data, office)?,
                _ => {}
            }
        }
        Ok(Listening::More)
    })?;
    Ok(Exit::Done)
}

fn print_text(station: &Value) -> anyhow::Result<()> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or("").to_owned();
    let mut out = std::io::stdout().lock();
    let printer = &station["printer"];
    writeln!(
        out,
        "{}  {}  {} {}  ribbon {}",
        text(station, "station"),
        text(station, "state"),
        text(printer, "model"),
        text(printer, "serial"),
        printer["ribbon"]["remaining"].as_u64().map_or("?".into(), |n| n.to_string()),
    )?;
    if let Some(state) = station["encoder"]["state"].as_str() {
        writeln!(out, "  encoder  {state}")?;
    }
    for reason in station["state_reasons"].as_array().into_iter().flatten() {
        writeln!(out, "  {}  {}", text(reason, "keyword"), text(&reason["message"], language()))?;
    }
    let power_cut = &station["power_cut"]["message"];
    if power_cut.is_object() {
        writeln!(out, "  {}", text(power_cut, language()))?;
    }
    let jobs = station["jobs"].as_object().into_iter().flatten();
    for (state, n) in jobs.filter(|(_, n)| n.as_u64() != Some(0)) {
        writeln!(out, "  {state:<12} {n}")?;
    }
    Ok(())
}

fn print_job(entry: &Value, office: LocalTime) -> anyhow::Result<()> {
    let text = |key: &str| entry[key].as_str().unwrap_or("").to_owned();
    writeln!(
        std::io::stdout().lock(),
        "{}  {:<20}  {:<12}  {}",
        office.of_key(entry, "at"),
        text("ref"),
        text("event"),
        text("state")
    )?;
    Ok(())
}
