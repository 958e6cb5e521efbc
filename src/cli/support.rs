//! `kartud support-bundle`: one file to send to whoever helps, without personal data and without keys.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use drivers::private_file;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::client::{Client, Where, language};
use super::{Exit, doctor, run};
use crate::clock::Clock;
use crate::doctor::gather::output;
use crate::{ledger, small_file, support};

/// Lines of the ledger and of the log that are taken.
const LINES: u32 = 2000;
/// Largest configuration, bytes.
const CONFIG_LIMIT: u64 = 1024 * 1024;

const AFTER: &str = "\
What is in it: the doctor's findings, versions, the configuration without texts, the last lines of the ledger with codes and
no content, figures, and the log. Look it through before you send it: it is a tar file of texts.
Periksa isinya sebelum dikirim: berkas tar berisi teks.";

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The file to be written; it must not be there. Without it, kartu-support-TIME.tar in this folder
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/kartu/kartud.toml")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let now = Clock::system().now();
    let stamp = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let to = args.to.clone().unwrap_or_else(|| format!("kartu-support-{stamp}.tar").into());
    let file = private_file::make_new(&to)
        .map_err(|error| anyhow::anyhow!("{} cannot be written: {error}", to.display()))?;
    let written = write(file, &parts(&args.config), now.as_second());
    if written.is_err() {
        let _ = std::fs::remove_file(&to);
    }
    written?;
    say!("{}", to.display())?;
    say!(
        "{}",
        match language() {
            "id" => "Tidak berisi data pribadi dan kunci. Periksa isinya, lalu kirim.",
            _ => "It holds no personal data and no keys. Look it through, then send it.",
        }
    )?;
    Ok(Exit::Done)
}

/// Each part by its name in the bundle.
fn parts(config_path: &Path) -> Vec<(&'static str, String)> {
    let found = doctor::examine(config_path);
    let config_text = small_file::read_text(config_path, CONFIG_LIMIT).ok();
    let places = support::places(config_text.as_deref().unwrap_or_default());
    let masked = |text: &str| support::masked(text, &places);
    let mut parts = vec![
        ("doctor.json", masked(&format!("{:#}", doctor::told(&found)))),
        ("versions.json", format!("{:#}", versions())),
    ];
    if let Some(text) = config_text {
        let shown = support::config(&text).unwrap_or_else(|| "this is no TOML".to_owned());
        parts.push(("kartud.toml", masked(&shown)));
    }
    if let Ok(config) = run::read_config(config_path) {
        parts.push(("ledger.jsonl", lines(&config.station.ledger)));
        let client = Client::impatient(&Where { url: format!("http://{}", config.http.listen) });
        if let Ok(station) = client.station() {
            parts.push(("station.json", format!("{:#}", support::station(&station))));
        }
        if let Ok(figures) = client.get_text("/metrics") {
            parts.push(("metrics.txt", figures));
        }
    }
    let lines = LINES.to_string();
    let journal = ["--unit=kartud.service", "--no-pager", "--output=short-iso", "--lines", &lines];
    if let Some(log) = output("journalctl", &journal) {
        parts.push(("log.txt", masked(&log)));
    }
    parts
}

fn lines(path: &Path) -> String {
    match ledger::last_lines(path, LINES) {
        Ok(entries) => entries.iter().map(|entry| format!("{}\n", support::line(entry))).collect(),
        // The error names the ledger's place.
        Err(error) => {
            support::masked(&format!("{}\n", json!({ "unreadable": error.to_string() })), &[])
        }
    }
}

fn versions() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    json!({
        "kartud": env!("CARGO_PKG_VERSION"),
        "architecture": std::env::consts::ARCH,
        "pcsc": cfg!(feature = "pcsc"),
        "kernel": read("/proc/sys/kernel/osrelease"),
        "system": read("/etc/os-release"),
        "memory": read("/proc/meminfo").lines().next().unwrap_or_default(),
        "board": read("/proc/device-tree/model"),
        "uptime_s": read("/proc/uptime").split('.').next().unwrap_or_default(),
    })
}

fn write(file: std::fs::File, parts: &[(&str, String)], now_s: i64) -> std::io::Result<()> {
    let mut bundle = tar::Builder::new(file);
    for (name, text) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now_s).unwrap_or_default());
        bundle.append_data(&mut header, format!("kartu-support/{name}"), text.as_bytes())?;
    }
    let mut file = bundle.into_inner()?;
    file.flush()?;
    file.sync_all()
}
