//! The state file of an emulated machine or card: it is read at the start, and again whenever it changes. A missing
//! file is waited for. Knows none of its keys.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;

use super::client::own;
use super::files;

/// Larger than all keys together, and small enough to read at once.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// How often the file is checked: a person does not notice this delay.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Applies the file's content, completely or not at all; the error sentence says why not.
pub(super) type Take<'a> = &'a (dyn Fn(&Value) -> Result<(), String> + Sync);

/// A file, and its modification stamp when it was last read.
pub(super) struct StateFile {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

impl StateFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, seen: None }
    }

    /// Reads the file if it exists, and reports if it does not.
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

    /// Reads the file and applies it.
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

    /// Reads the file whenever it changes. A fault in it is reported once, and nothing changes.
    pub(super) fn watch(&mut self, take: Take, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(POLL_INTERVAL);
            let stamp = self.stamp();
            // An empty file is still being written.
            if stamp.is_some_and(|(_, bytes)| bytes > 0)
                && stamp != self.seen
                && let Err(fault) = self.read(take)
            {
                eprintln!("kartud: {fault:#}");
            }
        }
    }

    /// `None`: the file is missing, perhaps only while it is being replaced.
    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let found = fs::metadata(&self.path).ok()?;
        Some((found.modified().ok()?, found.len()))
    }
}
