//! The state file of an emulated machine or card: read at the start, and again whenever it changes. One that is not there
//! yet is waited for. Knows none of its keys.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;

use super::client::own;
use super::files;

/// More than all keys together take, and little enough to read at once.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// How often it is looked at: a person who saved it does not notice this.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Takes what stands in the file, whole or not at all; a sentence says why not.
pub(super) type Take<'a> = &'a (dyn Fn(&Value) -> Result<(), String> + Sync);

/// A file, and how it was when it was last read.
pub(super) struct StateFile {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

impl StateFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, seen: None }
    }

    /// Reads it if it is there, and says so if it is not.
    pub(super) fn read_if_there(&mut self, take: Take) -> anyhow::Result<()> {
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let shown = self.path.display();
                eprintln!("kartud: {shown} is not there yet; it is read as soon as it is");
                Ok(())
            }
            _ => self.read(take),
        }
    }

    /// Reads it and has it taken.
    fn read(&mut self, take: Take) -> anyhow::Result<()> {
        let shown = self.path.display();
        self.seen = self.stamp();
        let mut text = Vec::new();
        File::open(&self.path)
            .and_then(|file| file.take(FILE_MAX_BYTES + 1).read_to_end(&mut text))
            .map_err(|error| anyhow!("{shown}: {}", own(&files::unreadable(&error))))?;
        if text.len() as u64 > FILE_MAX_BYTES {
            bail!("{shown} is longer than {FILE_MAX_BYTES} bytes");
        }
        let change =
            serde_json::from_slice(&text).with_context(|| format!("{shown} is no JSON"))?;
        take(&change).map_err(|fault| anyhow!("{shown}: {fault}"))
    }

    /// Reads it whenever it changes. What is wrong with it is said once, and everything stays as it was.
    pub(super) fn watch(&mut self, take: Take, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(POLL_INTERVAL);
            let stamp = self.stamp();
            // Empty: whoever writes it has just begun.
            if stamp.is_some_and(|(_, bytes)| bytes > 0)
                && stamp != self.seen
                && let Err(fault) = self.read(take)
            {
                eprintln!("kartud: {fault:#}");
            }
        }
    }

    /// `None`: it is not there, perhaps only while somebody puts another in its place.
    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let found = fs::metadata(&self.path).ok()?;
        Some((found.modified().ok()?, found.len()))
    }
}
