//! `kartud jobs` and `kartud job ID`

use std::io::Write as _;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Exit;
use super::client::{Client, Where, finding, language};
use super::find::{self, encode};

/// Jobs per request.
const PAGE: u32 = 500;

#[derive(clap::Args)]
pub(super) struct ListArgs {
    /// Only jobs in these states (queued, held, printed, …), with commas or said again
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<String>,
    /// Only jobs whose ref begins so
    #[arg(long = "ref", value_name = "PREFIX")]
    reference: Option<String>,
    /// Only jobs of this product
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// Only jobs that came on this day of the office or later (2026-03-01, or an RFC 3339 time)
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Only jobs that came on this day of the office or earlier (or before an RFC 3339 time)
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// One JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

#[derive(clap::Args)]
pub(super) struct ShowArgs {
    /// The job: its id, at least 4 characters of its beginning or end, or its ref
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
    let (wanted, mut cursor) = (wanted(args), String::new());
    loop {
        let mut page = client.get(&format!("/v1/jobs?limit={PAGE}{cursor}{wanted}"), "/jobs")?;
        let here = page["jobs"].take();
        jobs.extend(here.as_array().context("the station's answer has no jobs")?.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={}", encode(next)),
            None => break,
        }
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", Value::Array(jobs))?;
        return Ok(Exit::Done);
    }
    let office = client.local_time()?;
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
            office.of_key(job, "changed_at"),
            codes.join(" ")
        )?;
    }
    Ok(Exit::Done)
}

/// The options as query parameters.
fn wanted(args: &ListArgs) -> String {
    let states = (!args.state.is_empty()).then(|| args.state.join(","));
    let options = [
        ("state", &states),
        ("ref_prefix", &args.reference),
        ("product", &args.product),
        ("received_from", &args.since),
        ("received_until", &args.until),
    ];
    let given = options.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    given.map(|(name, value)| format!("&{name}={}", encode(value))).collect()
}

pub(super) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let client = Client::new(&args.at);
    let id = find::job(&client, &args.id)?;
    let job = client.get(&format!("/v1/jobs/{id}"), "/state")?;
    let events = client.get(&format!("/v1/jobs/{id}/events"), "/0")?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", json!({ "job": job, "events": events }))?;
        return Ok(Exit::Done);
    }
    let office = client.local_time()?;
    writeln!(
        out,
        "{}  {}  {}  {}",
        text(&job, "id"),
        text(&job, "ref"),
        text(&job, "product"),
        text(&job, "state")
    )?;
    for reason in job["reasons"].as_array().into_iter().flatten() {
        writeln!(out, "  {}", finding(reason))?;
    }
    for line in encoding(&job["encoding"], language()) {
        writeln!(out, "  {line}")?;
    }
    if events[0]["event"].as_str().is_some_and(|first| first != "received") {
        let words = match language() {
            "id" => "baris lama pekerjaan ini sudah dipotong; ada di ekspornya",
            _ => "older lines of this job were cut off; they are in the export",
        };
        writeln!(out, "  {words}")?;
    }
    for event in events.as_array().into_iter().flatten() {
        writeln!(
            out,
            "  {}  {:<12}  {}  {}",
            office.of_key(event, "at"),
            text(event, "event"),
            text(event, "state"),
            event["detail"]
        )?;
    }
    Ok(Exit::Done)
}

/// Blanks, chip and stripe in words, without any content.
fn encoding(encoding: &Value, language: &str) -> Vec<String> {
    let say = |id: &'static str, en: &'static str| if language == "id" { id } else { en };
    let mut lines = Vec::new();
    if let Some(blanks) = encoding["blanks_used"].as_u64().filter(|blanks| *blanks > 0) {
        lines.push(format!("{}: {blanks}", say("blangko terpakai", "blanks used")));
    }
    let chip = &encoding["chip"];
    if chip.is_object() {
        // A chip with contacts has no UID; its ATR is all that identifies it.
        let name = match chip["uid"].as_str() {
            Some(uid) => format!("UID {uid}"),
            None => format!("ATR {}", text(chip, "atr")),
        };
        let steps = chip["steps"].as_array().into_iter().flatten();
        let ms: u64 = steps.filter_map(|step| step["ms"].as_u64()).sum();
        lines.push(format!(
            "chip: {name}, {} {} {}, {} {}, {} {}, {}.{:03} s",
            say("profil", "profile"),
            text(chip, "profile"),
            text(chip, "version"),
            chip["apdus"],
            say("perintah", "commands"),
            chip["content_bytes"],
            say("bita dibaca ulang", "bytes read back"),
            ms / 1000,
            ms % 1000
        ));
    }
    if encoding["stripe"].is_object() {
        lines.push(
            say("pita magnetik: ditulis dan dibaca ulang", "stripe: written and read back").into(),
        );
    }
    for failed in encoding["failed"].as_array().into_iter().flatten() {
        let name = ["uid", "atr"].into_iter().find_map(|key| Some((key, failed[key].as_str()?)));
        let name = name.map(|(key, value)| format!(" ({} {value})", key.to_uppercase()));
        lines.push(format!(
            "{}{}: {}",
            say("blangko gagal diisi", "blank that was not encoded"),
            name.unwrap_or_default(),
            text(&failed["message"], language)
        ));
    }
    lines
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_chip_is_said_in_words() {
        let chip = json!({
            "uid": "044b4152545580", "atr": "3B80", "profile": "staf", "version": "1", "apdus": 9,
            "content_bytes": 432, "steps": [{ "step": "write", "ms": 1200 }, { "step": "seal", "ms": 34 }],
        });
        let failed =
            json!([{ "kind": "lost", "uid": "04AA", "message": { "id": "hilang", "en": "lost" } }]);
        let job = json!({ "blanks_used": 2, "chip": chip, "failed": failed });
        assert_eq!(
            encoding(&job, "en"),
            [
                "blanks used: 2",
                "chip: UID 044b4152545580, profile staf 1, 9 commands, 432 bytes read back, 1.234 s",
                "blank that was not encoded (UID 04AA): lost"
            ]
        );
        assert!(encoding(&job, "id")[1].contains("432 bita dibaca ulang"));
        let none = json!({ "blanks_used": 0 });
        assert!(encoding(&none, "en").is_empty(), "a card without a chip says nothing of it");
    }
}
