//! `kartud resolve|release|cancel|hand-over|expire`: decisions on a job that only a person can make.

use serde_json::{Value, json};

use super::Exit;
use super::client::{Client, Where, finding};
use super::find;

#[derive(clap::Args)]
pub(super) struct ResolveArgs {
    /// The job: its id, at least 4 characters of its beginning or end, or its ref
    id: String,
    /// What you saw when you looked into the printer, the output hopper and the reject box
    #[arg(long, value_enum)]
    seen: SeenArg,
    /// Officer number or account, no name
    #[arg(long)]
    by: String,
    /// Why the blank is spoiled: GAGAL_CETAK, RUSAK_FISIK, CACAT_PABRIK, …
    #[arg(long)]
    cause: Option<String>,
    /// You looked twice: the answer stands though the printer says something else
    #[arg(long)]
    insist: bool,
    #[command(flatten)]
    how: How,
}

#[derive(clap::ValueEnum, Clone, Copy)]
enum SeenArg {
    /// The card is there, whole and good
    Printed,
    /// A spoiled blank is there
    Spoiled,
    /// No card came
    #[value(name = "no_card", alias = "no-card")]
    NoCard,
}

#[derive(clap::Args)]
pub(super) struct ByArgs {
    /// The job: its id, at least 4 characters of its beginning or end, or its ref
    id: String,
    /// Officer number or account, no name
    #[arg(long)]
    by: String,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args)]
struct How {
    /// Print the job as the station answers it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

pub(super) fn resolve(args: &ResolveArgs) -> anyhow::Result<Exit> {
    let seen = match args.seen {
        SeenArg::Printed => "printed",
        SeenArg::Spoiled => "spoiled",
        SeenArg::NoCard => "no_card",
    };
    let body = json!({ "seen": seen, "by": args.by, "cause": args.cause, "insist": args.insist });
    ask(&args.id, "resolve", &body, &args.how)
}

pub(super) fn release(args: &ByArgs) -> anyhow::Result<Exit> {
    ask(&args.id, "release", &json!({ "by": args.by }), &args.how)
}

pub(super) fn cancel(args: &ByArgs) -> anyhow::Result<Exit> {
    ask(&args.id, "cancel", &json!({ "by": args.by }), &args.how)
}

pub(super) fn hand_over(args: &ByArgs) -> anyhow::Result<Exit> {
    ask(&args.id, "hand-over", &json!({ "by": args.by }), &args.how)
}

pub(super) fn expire(args: &ByArgs) -> anyhow::Result<Exit> {
    ask(&args.id, "expire", &json!({ "by": args.by }), &args.how)
}

fn ask(id: &str, what: &str, body: &Value, how: &How) -> anyhow::Result<Exit> {
    let client = Client::new(&how.at);
    let path = format!("/v1/jobs/{}/{what}", find::job(&client, id)?);
    let job = client.post(&path, None, body, "/state")?;
    if how.json {
        say!("{job:#}")?;
        return Ok(Exit::Done);
    }
    let text = |key: &str| job[key].as_str().unwrap_or("");
    say!("{}  {}  {}", text("id"), text("ref"), text("state"))?;
    for reason in job["reasons"].as_array().into_iter().flatten() {
        say!("  {}", finding(reason))?;
    }
    Ok(Exit::Done)
}
