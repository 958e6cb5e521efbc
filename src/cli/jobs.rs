//! `kartud jobs` and `kartud job ID`

use std::io::Write as _;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Exit;
use super::client::{Client, Where, language};

/// Jobs that one request brings.
const PAGE: u32 = 500;

#[derive(clap::Args)]
pub(super) struct ListArgs {
    /// Only jobs in this state (queued, held, printed, …)
    #[arg(long)]
    state: Option<String>,
    /// One JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

#[derive(clap::Args)]
pub(super) struct ShowArgs {
    /// The job's id
    id: String,
    /// One JSON object: `job` and `events`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

pub(super) fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let client = Client::new(&args.at);
    let mut jobs = Vec::new();
    let mut cursor = String::new();
    loop {
        let state = args.state.as_ref().map_or(String::new(), |s| format!("&state={}", word(s)));
        let mut page = client.get(&format!("/v1/jobs?limit={PAGE}{cursor}{state}"))?;
        let here = page["jobs"].take();
        jobs.extend(here.as_array().context("the station's answer has no jobs")?.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={}", word(next)),
            None => break,
        }
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", Value::Array(jobs))?;
        return Ok(Exit::Done);
    }
    for job in &jobs {
        let codes: Vec<&str> = job["reasons"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|r| r["code"].as_str())
            .collect();
        writeln!(
            out,
            "{}  {:<10}  {:<20}  {:<6}  {}  {}",
            text(job, "id"),
            text(job, "state"),
            text(job, "ref"),
            text(job, "product"),
            text(job, "changed_at"),
            codes.join(" ")
        )?;
    }
    Ok(Exit::Done)
}

pub(super) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let client = Client::new(&args.at);
    let id = word(&args.id);
    let job = client.get(&format!("/v1/jobs/{id}"))?;
    let events = client.get(&format!("/v1/jobs/{id}/events"))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", json!({ "job": job, "events": events }))?;
        return Ok(Exit::Done);
    }
    writeln!(
        out,
        "{}  {}  {}  {}",
        text(&job, "id"),
        text(&job, "ref"),
        text(&job, "product"),
        text(&job, "state")
    )?;
    for finding in job["reasons"].as_array().into_iter().flatten() {
        writeln!(out, "  {}  {}", text(finding, "code"), text(&finding["message"], language()))?;
    }
    for event in events.as_array().into_iter().flatten() {
        writeln!(
            out,
            "  {}  {:<12}  {}  {}",
            text(event, "at"),
            text(event, "event"),
            text(event, "state"),
            event["detail"]
        )?;
    }
    Ok(Exit::Done)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or("")
}

/// What a person typed, made fit for a path: everything but letters, digits, `-` and `_` is dropped.
pub(super) fn word(typed: &str) -> String {
    typed.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}
