//! The output of `kartud chip`: a profile's contents, and the progress of a run. Headers, lengths, status words, times.

use std::io::Write as _;
use std::time::Duration;

use base16ct::upper::encode_string as hex;
use drivers::encoder::channel::Seen;
use drivers::encoder::{Chip, Interface};
use serde_json::{Value, json};

use crate::chip::{ChipFault, Profile, Secret, SecretLength, StepSeen, Written};

/// Describes a profile and what it needs.
pub(super) fn summary(profile: &Profile, as_json: bool) -> anyhow::Result<()> {
    let (values, keys) = (profile.values(), profile.secrets());
    let steps: Vec<&str> = profile.steps.iter().map(|step| step.name.as_str()).collect();
    let mut out = std::io::stdout().lock();
    if as_json {
        let told = json!({
            "name": profile.name, "version": profile.version, "sha256": hex(&profile.sha256),
            "reader": profile.reader, "steps": steps, "values": values,
            "keys": keys.iter().map(key_as_json).collect::<Vec<_>>(),
        });
        writeln!(out, "{told:#}")?;
        return Ok(());
    }
    let listed = |names: Vec<&str>| {
        if names.is_empty() { "-".to_owned() } else { names.join(", ") }
    };
    writeln!(out, "{}: good / baik", profile.full_version())?;
    writeln!(out, "  reader  {}", profile.reader.map_or("any", interface))?;
    writeln!(out, "  steps   {}", listed(steps))?;
    writeln!(out, "  values  {}", listed(values.into_iter().collect()))?;
    if keys.is_empty() {
        writeln!(out, "  keys    -")?;
    }
    for secret in &keys {
        let Secret { name, length } = secret;
        writeln!(out, "  key     {name}: {}, {length} bytes, in hexadecimal", kind(secret))?;
    }
    Ok(())
}

pub(super) fn key_as_json(secret: &Secret<'_>) -> Value {
    let Secret { name, length } = secret;
    json!({ "name": name, "kind": kind(secret), "bytes": length.to_string() })
}

/// The kind of a secret, in words.
pub(super) fn kind(secret: &Secret<'_>) -> &'static str {
    match secret.length {
        SecretLength::Channel => "channel keys ENC MAC DEK",
        SecretLength::Sector => "sector key",
        SecretLength::Pin(_) => "PIN",
    }
}

/// The progress of a run, line by line or collected as JSON.
pub(super) struct Trace {
    as_json: bool,
    card: Value,
    steps: Vec<Value>,
}

impl Trace {
    pub fn new(as_json: bool) -> Self {
        Self { as_json, card: Value::Null, steps: Vec::new() }
    }

    /// The card that was found.
    pub fn card(&mut self, chip: &Chip) {
        let (atr, uid) = (hex(&chip.atr), chip.uid.as_deref().map(hex));
        if !self.as_json {
            let uid = uid.as_deref().unwrap_or("-");
            let _ = say!("card {}  uid {uid}  atr {atr}", interface(chip.interface));
        }
        self.card = json!({ "interface": chip.interface, "atr": atr, "uid": uid });
    }

    pub fn see(&mut self, seen: &StepSeen<'_>) {
        match seen {
            StepSeen::Begins(name) => {
                if !self.as_json {
                    let _ = say!("{name}");
                }
                self.steps.push(json!({ "step": name, "apdus": [] }));
            }
            StepSeen::Apdu(apdu) => {
                if !self.as_json {
                    let _ = say!("  {}", line(apdu));
                }
                let apdus = self.steps.last_mut().and_then(|step| step["apdus"].as_array_mut());
                if let Some(apdus) = apdus {
                    apdus.push(as_json(apdu));
                }
            }
            StepSeen::Ended(done) => {
                if let Some(step) = self.steps.last_mut() {
                    step["ms"] = json!(ms(done.took));
                    step["bytes"] = json!(done.bytes);
                }
            }
        }
    }

    /// Reports the result.
    pub fn end(self, done: &Result<Written, ChipFault>) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        match done {
            _ if self.as_json => writeln!(out, "{:#}", self.told(done))?,
            Ok(written) => writeln!(
                out,
                "good / baik: {} bytes written and read back, sha256 {}, {} commands",
                written.content_bytes,
                hex(&written.content_sha256),
                written.apdus
            )?,
            Err(_) => {}
        }
        Ok(())
    }

    /// All progress and the result.
    pub fn told(self, done: &Result<Written, ChipFault>) -> Value {
        let mut told = json!({ "card": self.card, "steps": self.steps });
        match done {
            Ok(written) => {
                told["written"] = json!({
                    "profile": written.profile, "version": written.version,
                    "profile_sha256": hex(&written.profile_sha256),
                    "content_sha256": hex(&written.content_sha256),
                    "bytes": written.content_bytes, "apdus": written.apdus,
                });
            }
            Err(fault) => told["fault"] = super::refusal::fault_json(fault),
        }
        told
    }
}

/// `00 D6 00 00  Lc 240  Le -    0 bytes  SW 9000   1.2 ms`
fn line(seen: &Seen) -> String {
    let [cla, ins, p1, p2] = seen.header;
    let le = seen.le.map_or("-".to_owned(), |le| le.to_string());
    let status = seen.status.map_or("----".to_owned(), |status| status.to_string());
    format!(
        "{cla:02X} {ins:02X} {p1:02X} {p2:02X}  Lc {:<4} Le {le:<4} {:>5} bytes  SW {status} {:>8.1} ms",
        seen.lc,
        seen.got,
        ms(seen.took)
    )
}

fn as_json(seen: &Seen) -> Value {
    json!({
        "header": hex(&seen.header), "lc": seen.lc, "le": seen.le, "got": seen.got,
        "sw": seen.status.map(|status| status.to_string()), "ms": ms(seen.took),
    })
}

fn interface(interface: Interface) -> &'static str {
    match interface {
        Interface::Contact => "contact",
        Interface::Contactless => "contactless",
    }
}

fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}
