//! The demo's output folder: waits for the jobs, gives each card's files the job's name, checks whether the card came
//! out right, and verifies the record on chip and QR code as another office would. Knows no sample.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use emulators::card::Directory;
use serde_json::Value;

use super::samples::STAFF;
use crate::cli::client::Client;
use crate::cli::verify;
use crate::lifecycle::State;
use crate::record::{self, KeyList};
use crate::render;

/// Mean difference per channel (of 255) between the printed card and the composed one above which the card counts as
/// wrong: dye differs a little from the composed colour, but a swapped panel or a shifted photo differs by far more.
const LIKENESS_LIMIT: f64 = 4.0;
/// The staff card's application and the file with its record, as `staf/chip.toml` creates them.
const APPLICATION: &[u8] = &[0xF0, 0x4B, 0x49, 0x41, 0x01];
const RECORD_FILE: u16 = 0x0101;
/// The event after which only a person can settle the card.
const LEFT_TO_A_PERSON: &str = "left_to_a_person";

/// Waits for jobs and names their cards' files.
pub(super) struct Tray<'c> {
    client: &'c Client,
    folder: &'c Path,
    /// The trusted keys.
    keys: &'c KeyList,
    /// By job id: what was posted.
    open: BTreeMap<String, Posted>,
    pub good: usize,
    pub bad: usize,
}

/// A job that the demo waits for.
struct Posted {
    reference: String,
    /// The photo of a card with a chip; `None`: the card has neither chip nor record.
    photo_of_chip_card: Option<Vec<u8>>,
}

/// A card that came out right.
struct SavedCard {
    files: Vec<String>,
    /// The content of its chip and its QR code.
    record: Option<String>,
}

impl<'c> Tray<'c> {
    pub fn new(client: &'c Client, folder: &'c Path, keys: &'c KeyList) -> Self {
        Tray { client, folder, keys, open: BTreeMap::new(), good: 0, bad: 0 }
    }

    /// Are all jobs finished?
    pub fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    pub fn post(&mut self, body: &Value) -> anyhow::Result<()> {
        let reference = body["ref"].as_str().unwrap_or("").to_owned();
        let job = self
            .client
            .post("/v1/jobs", None, body, "/state")
            .with_context(|| format!("posting {reference}"))?;
        let id = job["id"].as_str().context("a job without id")?.to_owned();
        let photo_of_chip_card = match body["photo"].as_str() {
            Some(photo) if body["product"] == STAFF => Some(STANDARD.decode(photo)?),
            _ => None,
        };
        self.open.insert(id.clone(), Posted { reference, photo_of_chip_card });
        // An earlier run of the demo may have printed it.
        self.settle(&id, job["state"].as_str().unwrap_or(""))
    }

    pub fn on_event(&mut self, entry: &Value) -> anyhow::Result<()> {
        let (id, state) =
            (entry["job"].as_str().unwrap_or(""), entry["state"].as_str().unwrap_or(""));
        // The printer usually answers what happened to a card; `unsure` is final only when it is left to a person.
        let told_soon = state == State::Unsure.name() && entry["event"] != LEFT_TO_A_PERSON;
        if self.open.contains_key(id) && !told_soon {
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
        let Some(posted) = self.open.remove(id) else { return Ok(()) };
        let verdict = match state {
            State::Printed | State::HandedOver => self.save(id, &posted)?,
            other => Err(format!("{}; see kartud job {id}", other.name())),
        };
        let reference = posted.reference;
        match verdict {
            Ok(SavedCard { files, record }) => {
                self.good += 1;
                say!("{reference}  printed  {}", files.join("  "))?;
                if let Some(found) = record {
                    say!("{reference}  {found}")?;
                }
            }
            Err(why) => {
                self.bad += 1;
                say!("{reference}  NOT GOOD: {why}")?;
            }
        }
        Ok(())
    }

    /// The machine numbers its cards; the job's evidence contains the number of its card.
    fn save(&self, id: &str, posted: &Posted) -> anyhow::Result<Result<SavedCard, String>> {
        let job = self.client.get(&format!("/v1/jobs/{id}"), "/state")?;
        let Some(number) = job["evidence"]["machine"]["cards_entered_after"].as_u64() else {
            return Ok(Err("the evidence names no card".into()));
        };
        let mut files = match self.faces(number, &posted.reference, &job)? {
            Ok(files) => files,
            Err(why) => return Ok(Err(why)),
        };
        let Some(photo) = &posted.photo_of_chip_card else {
            // All emulated blanks have a chip; nothing was written on this one's.
            let _ = std::fs::remove_file(self.machines_name(number, "chip.json"));
            return Ok(Ok(SavedCard { files, record: None }));
        };
        Ok(match self.check_record(number, &posted.reference, photo, &mut files)? {
            Ok(signer) => {
                let uid = job["encoding"]["chip"]["uid"].as_str().unwrap_or("none");
                let found = format!(
                    "chip (UID {uid}) and QR code hold the same good record, signed by {signer}"
                );
                Ok(SavedCard { files, record: Some(found) })
            }
            Err(why) => Err(why),
        })
    }

    /// Names the pictures of a card, and compares them with the composed ones.
    fn faces(
        &self,
        number: u64,
        reference: &str,
        job: &Value,
    ) -> anyhow::Result<Result<Vec<String>, String>> {
        let mut files = Vec::new();
        for face in job["faces"].as_array().into_iter().flatten() {
            let side = face["side"].as_str().unwrap_or("");
            let to = self.name(number, reference, &format!("{side}.png"))?;
            let Ok(card) = std::fs::read(&to) else {
                return Ok(Err(format!("{} did not come out", to.display())));
            };
            let id = job["id"].as_str().unwrap_or("");
            let wanted = self.client.get_bytes(&format!("/v1/jobs/{id}/preview/{side}.png"))?;
            match render::mean_difference(&card, &wanted) {
                Some(difference) if difference <= LIKENESS_LIMIT => {
                    files.push(to.display().to_string())
                }
                _ => return Ok(Err(format!("{} does not look as it should", to.display()))),
            }
        }
        Ok(if files.is_empty() { Err("no face was composed".into()) } else { Ok(files) })
    }

    /// Saves the chip's content beside the faces, and verifies it and the QR code as `kartud verify` does. Returns the
    /// signer.
    fn check_record(
        &self,
        number: u64,
        reference: &str,
        photo: &[u8],
        files: &mut Vec<String>,
    ) -> anyhow::Result<Result<String, String>> {
        let state = self.name(number, reference, "chip.json")?;
        let Some(file) = record_file(&state) else {
            return Ok(Err(format!("{} holds no record", state.display())));
        };
        let read = state.with_extension("bin");
        drivers::private_file::replace_synced(&read, &file)
            .with_context(|| format!("cannot write {}", read.display()))?;
        files.extend([state, read].map(|path| path.display().to_string()));
        let back = std::fs::read(self.name(number, reference, "back.png")?).unwrap_or_default();
        let chip = record::read_chip(&file).unwrap_or_default();
        let found = verify::check(chip, self.keys, Some(photo));
        if let Some(fault) = found.faults.first() {
            return Ok(Err(format!("chip: {}: {}", fault.code(), fault.words().en)));
        }
        // Every module is compared as printed. Other software decodes the code in tests/outside/record.
        if !render::shows_record(&back, &record::base45::encode(chip)) {
            return Ok(Err("the QR code is not that of the chip's record".into()));
        }
        Ok(found.key.ok_or_else(|| "nobody signed the record".into()))
    }

    /// Renames a file of the machine's card to the job's name, if it is not renamed yet; returns its path.
    fn name(&self, number: u64, reference: &str, what: &str) -> anyhow::Result<PathBuf> {
        let from = self.machines_name(number, what);
        let to = self.folder.join(format!("{}-{what}", reference.replace('/', "_")));
        if from.exists() {
            std::fs::rename(&from, &to).with_context(|| format!("cannot name {}", to.display()))?;
        }
        Ok(to)
    }

    fn machines_name(&self, number: u64, what: &str) -> PathBuf {
        self.folder.join(format!("card-{number:06}-{what}"))
    }
}

/// The file with the record, as a reader would read it from the emulated chip.
fn record_file(state: &Path) -> Option<Vec<u8>> {
    let state: Value = serde_json::from_slice(&std::fs::read(state).ok()?).ok()?;
    let content: Vec<Directory> = serde_json::from_value(state["content"].clone()).ok()?;
    let application = content.into_iter().find(|directory| directory.aid == APPLICATION)?;
    application.files.into_iter().find(|file| file.fid == RECORD_FILE).map(|file| file.content)
}
