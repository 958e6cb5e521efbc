//! `kartud submit JOB.json [--photo P]`

use std::path::PathBuf;

use base16ct::lower::encode_string as hex;
use base64::Engine as _;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::client::{Client, Where, finding, own};
use super::{Exit, files};
use crate::job::json;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The job, as `POST /v1/jobs` takes it
    #[arg(value_name = "JOB.json")]
    job: PathBuf,
    /// The photo, JPEG or PNG
    #[arg(long, value_name = "FILE")]
    photo: Option<PathBuf>,
    /// Posting the same again gives the same job; made from the content unless given
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Print the job as the station answers it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut body = read_job(&args.job)?;
    if let Some(path) = &args.photo {
        let photo = base64::engine::general_purpose::STANDARD.encode(files::read(path)?);
        body.insert("photo".to_owned(), Value::String(photo));
    }
    let body = Value::Object(body);
    let key = args.key.clone().unwrap_or_else(|| key_of(&body));
    let job = Client::new(&args.at).post("/v1/jobs", Some(&key), &body, "/state")?;
    if args.json {
        say!("{job:#}")?;
    } else {
        let text = |key: &str| job[key].as_str().unwrap_or("").to_owned();
        say!("{}  {}  {}", text("id"), text("ref"), text("state"))?;
        for reason in job["reasons"].as_array().into_iter().flatten() {
            say!("  {}", finding(reason))?;
        }
    }
    Ok(Exit::Done)
}

/// Parses a job file as the station does. An error never shows its content, which is personal.
fn read_job(path: &std::path::Path) -> anyhow::Result<Map<String, Value>> {
    let text = files::read(path)?;
    let products = crate::product::built_in::all().unwrap_or_default();
    let known = |name: &str| products.iter().any(|product| product.knows_name(name));
    json::read(&text, &known).map_err(|fault| unreadable(path, &fault))
}

/// The error for an invalid job file, in the operator's language.
pub(super) fn unreadable(path: &std::path::Path, fault: &json::Fault) -> anyhow::Error {
    let place = fault.place.as_ref().map_or(String::new(), |place| format!("{place}: "));
    anyhow::anyhow!("{}: {place}{}", path.display(), own(&fault.words))
}

/// The key is derived from the content: a second `submit` after a lost answer prints no second card.
fn key_of(body: &Value) -> String {
    hex(&Sha256::digest(body.to_string()))
}
