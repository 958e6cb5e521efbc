//! `kartud demo`: the same daemon as `kartud run`, on an emulated printer, and the sample children as its
//! clients. What it prints about itself it has heard over HTTP, like anybody else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::client::{Client, Listening, Where};
use super::{Exit, keys, run};
use crate::clock::Clock;
use crate::compose;
use crate::config::Config;
use crate::daemon::Daemon;
use crate::lifecycle::State;
use crate::product::Backdrop;
use crate::record::KeyList;
use crate::vault::Vault;

const CONFIG: &str = include_str!("../../config/demo.toml");
/// Where the demo keeps its keys.
const KEYS: &str = "keys";
/// Fictional children; see the note in the file.
const SAMPLES: &str = include_str!("../../config/kia-samples.json");
/// Mean difference of a channel (of 255) between the card that came out and the composed one, above which it did not
/// come out right: dye is not ink, but a swapped panel or a shifted photo is far above.
const LIKENESS_LIMIT: f64 = 4.0;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the demo keeps its ledger and its cards
    #[arg(long, value_name = "DIR", default_value = "kartu-demo")]
    dir: PathBuf,
    /// Where API and page are; loopback only, port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8631")]
    listen: SocketAddr,
    /// End when all cards are printed: 0 only if every one came out right
    #[arg(long)]
    once: bool,
    /// Sample cards to post; more than there are children go round again
    #[arg(long, value_name = "N", default_value_t = 7)]
    cards: usize,
    /// The printer takes as long as a real one
    #[arg(long)]
    realtime: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut config = match Config::parse(CONFIG, &args.dir) {
        Ok(config) => config,
        Err(faults) => return Ok(run::refuse(Path::new("demo.toml"), &faults)),
    };
    if !args.listen.ip().is_loopback() {
        anyhow::bail!("--listen must be a loopback address: approvals are not checked yet");
    }
    config.http.listen = args.listen;
    if args.realtime {
        config.printer.emulator.slowness = 1.0;
    }
    let keys = own_key(&args.dir)?;
    config.vault.folder = Some(args.dir.join(KEYS));
    // Whoever wants to see the machinery sets RUST_LOG.
    run::start_log("warn");
    let mut daemon = Daemon::start(&config, Clock::system())?;
    let url = format!("http://{}", daemon.address());
    println!("page   {url}/");
    println!("cards  {}", config.printer.emulator.folder.display());
    println!("keys   {}", keys.display());
    let exit = print_samples(args, &url, &config.printer.emulator.folder);
    if args.once || exit.is_err() {
        daemon.stop();
        return exit;
    }
    println!("The station goes on; Ctrl-C ends it. / Stasiun tetap jalan; Ctrl-C untuk berhenti.");
    daemon.wait_for_signal();
    daemon.stop();
    Ok(Exit::Done)
}

/// The demo signs records with a document key of its own, made at the first start; beside it lies the list that
/// `kartud verify --keys` takes.
fn own_key(dir: &Path) -> anyhow::Result<PathBuf> {
    let (folder, name) = (dir.join(KEYS), "document");
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let key = match Vault::of(None, Some(folder.clone())).signing_key(name) {
        Ok(key) => key,
        Err(_) if !folder.join(name).exists() => Vault::make_signing_key(&folder, name)?,
        Err(wrong) => return Err(wrong.into()),
    };
    let (list, path) =
        (KeyList::from_iter([keys::entry(&key, "kartud demo")]), dir.join("keys.toml"));
    std::fs::write(&path, list.to_toml())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn print_samples(args: &Args, url: &str, folder: &Path) -> anyhow::Result<Exit> {
    let client = Client::new(&Where { url: url.to_owned() });
    let last_event = client.get("/v1/station")?["last_event"].as_u64().unwrap_or(0);
    let mut tray = Tray { client: &client, folder, open: BTreeMap::new(), good: 0, bad: 0 };
    for number in 0..args.cards {
        let body = sample_job(number)?;
        let job = client
            .post("/v1/jobs", None, &body)
            .with_context(|| format!("posting {}", body["ref"]))?;
        tray.expect(&job)?;
    }
    if !tray.open.is_empty() {
        client.listen(last_event, |name, data| {
            if name == "job" {
                tray.hear(data)?;
            }
            Ok(if tray.open.is_empty() { Listening::Enough } else { Listening::More })
        })?;
    }
    println!("{} good, {} not", tray.good, tray.bad);
    Ok(if tray.bad == 0 { Exit::Done } else { Exit::Failed })
}

/// Waits for jobs and puts their cards under their own names.
struct Tray<'c> {
    client: &'c Client,
    folder: &'c Path,
    /// Job → ref.
    open: BTreeMap<String, String>,
    good: usize,
    bad: usize,
}

impl Tray<'_> {
    fn expect(&mut self, job: &Value) -> anyhow::Result<()> {
        let id = job["id"].as_str().context("a job without id")?.to_owned();
        self.open.insert(id.clone(), job["ref"].as_str().unwrap_or("").to_owned());
        // It may have been printed in an earlier life of the demo.
        self.settle(&id, job["state"].as_str().unwrap_or(""))
    }

    fn hear(&mut self, entry: &Value) -> anyhow::Result<()> {
        let (id, state) =
            (entry["job"].as_str().unwrap_or(""), entry["state"].as_str().unwrap_or(""));
        if self.open.contains_key(id) {
            self.settle(id, state)?;
        }
        Ok(())
    }

    fn settle(&mut self, id: &str, state: &str) -> anyhow::Result<()> {
        let waits = |state: State| matches!(state, State::Held | State::Unsure);
        let Some(state) = State::from_name(state).filter(|state| state.is_end() || waits(*state))
        else {
            return Ok(());
        };
        let Some(reference) = self.open.remove(id) else { return Ok(()) };
        let verdict = match state {
            State::Printed | State::HandedOver => self.lay_out(id, &reference)?,
            other => Err(format!("{}; see kartud job {id}", other.name())),
        };
        match verdict {
            Ok(files) => {
                self.good += 1;
                println!("{reference}  printed  {}", files.join("  "));
            }
            Err(why) => {
                self.bad += 1;
                println!("{reference}  NOT GOOD: {why}");
            }
        }
        Ok(())
    }

    /// The machine numbers its cards; the job's evidence says which number was its own.
    fn lay_out(&self, id: &str, reference: &str) -> anyhow::Result<Result<Vec<String>, String>> {
        let job = self.client.get(&format!("/v1/jobs/{id}"))?;
        let Some(number) = job["evidence"]["machine"]["cards_entered_after"].as_u64() else {
            return Ok(Err("the evidence names no card".into()));
        };
        let mut files = Vec::new();
        for face in job["faces"].as_array().into_iter().flatten() {
            let side = face["side"].as_str().unwrap_or("");
            let from = self.folder.join(format!("card-{number:06}-{side}.png"));
            let to = self.folder.join(format!("{}-{side}.png", reference.replace('/', "_")));
            if from.exists() {
                std::fs::rename(&from, &to)
                    .with_context(|| format!("cannot name {}", to.display()))?;
            }
            let Ok(card) = std::fs::read(&to) else {
                return Ok(Err(format!("{} did not come out", to.display())));
            };
            let wanted = self.client.get_bytes(&format!("/v1/jobs/{id}/preview/{side}.png"))?;
            match compose::mean_difference(&card, &wanted) {
                Some(difference) if difference <= LIKENESS_LIMIT => {
                    files.push(to.display().to_string())
                }
                _ => return Ok(Err(format!("{} does not look as it should", to.display()))),
            }
        }
        Ok(if files.is_empty() { Err("no face was composed".into()) } else { Ok(files) })
    }
}

/// The job of one sample child, with a drawn portrait where the kind has a photo.
fn sample_job(number: usize) -> anyhow::Result<Value> {
    let samples: Value = serde_json::from_str(SAMPLES)?;
    let children = samples["children"].as_array().context("no children in the samples")?;
    let child = children[number % children.len()].as_object().context("a sample is no object")?;
    let id = child["id"].as_str().unwrap_or("");
    let reference = match number / children.len() {
        0 => format!("1301-2026-{id}"),
        round => format!("1301-2026-{id}-{}", round + 1),
    };
    let no_field = ["id", "case", "latar"];
    let fields: Map<String, Value> = child
        .iter()
        .filter(|(name, _)| !no_field.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let paper = |kind: &str| {
        let hash = Sha256::digest(format!("{kind} {reference}"));
        json!({ "kind": kind, "sha256": hash.iter().map(|b| format!("{b:02x}")).collect::<String>() })
    };
    let mut body = json!({
        "product": "kia",
        "ref": reference,
        "reason": "BARU",
        "fields": fields,
        "attachments": [paper("KK"), paper("AKTA")],
        "recommendation": { "keputusan": "SETUJU", "nomor": format!("470/{}/KIA/2026", number + 1) },
    });
    let backdrop = match child["latar"].as_str() {
        Some("merah") => Some(Backdrop::Red),
        Some("biru") => Some(Backdrop::Blue),
        _ => None,
    };
    if let Some(backdrop) = backdrop {
        let portrait = compose::portrait::draw_portrait(backdrop, u32::try_from(number)?);
        body["photo"] = Value::String(base64::engine::general_purpose::STANDARD.encode(portrait));
    }
    Ok(body)
}
