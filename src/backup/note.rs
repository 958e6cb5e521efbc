//! When a ledger was last copied, noted beside it (`ledger.copied`), so that the daemon and the doctor can tell that copies
//! have stopped coming. Decides nothing about copies.

use std::io;
use std::path::{Path, PathBuf};

use drivers::private_file;
use drivers::text::Text;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::config;
use crate::small_file;

/// Largest file that is read, bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// The last copies of a ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The last one that was made and verified.
    pub last: Option<LastCopy>,
    /// The last attempt, if it failed.
    #[serde(default)]
    pub failed: Option<Failed>,
}

/// A copy that was made and verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCopy {
    /// When.
    pub at: Timestamp,
    /// The last line in it, `SEQ:HASH`.
    pub head: String,
    /// Its folder.
    pub path: PathBuf,
    /// It lies on the same file system as the ledger, and would be lost with it.
    pub same_disk: bool,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

impl Note {
    /// The note beside a ledger; an absent or unreadable one says nothing.
    pub fn beside(ledger: &Path) -> Note {
        let text = small_file::read_text(&path_of(ledger), BYTES_MAX).ok();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Writes it beside the ledger, readable by the station's user, whoever made the copy.
    pub(super) fn write(&self, ledger: &Path) -> io::Result<()> {
        let path = path_of(ledger);
        private_file::replace_synced(&path, &serde_json::to_vec_pretty(self)?)?;
        private_file::give_to_owner_of_folder(&path)
    }
}

fn path_of(ledger: &Path) -> PathBuf {
    ledger.with_extension("copied")
}

/// Tells how old the last copy is.
#[derive(Debug, Clone)]
pub struct BackupWatch {
    ledger: PathBuf,
    is_configured: bool,
    late_after: SignedDuration,
}

/// The last copy, for whoever asks the station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupView {
    /// Copies are configured here (`[backup] folder`).
    pub configured: bool,
    /// When the last copy was made; `null`: none is known.
    pub last_at: Option<Timestamp>,
    /// Its age, seconds.
    pub age_s: Option<i64>,
    /// The last line in it, `SEQ:HASH`.
    pub head: Option<String>,
    /// It is older than it may be, or there is none.
    pub late: bool,
}

impl BackupWatch {
    /// Watches the copies of this ledger.
    pub fn new(ledger: &Path, config: &config::Backup) -> BackupWatch {
        BackupWatch {
            ledger: ledger.to_owned(),
            is_configured: config.folder.is_some(),
            late_after: SignedDuration::from_hours(i64::from(config.late_after_hours)),
        }
    }

    /// How it is at this moment. Reads a small file.
    pub fn now(&self, now: Timestamp) -> BackupView {
        self.view(Note::beside(&self.ledger).last, now)
    }

    fn view(&self, last: Option<LastCopy>, now: Timestamp) -> BackupView {
        let age = last.as_ref().map(|last| now.duration_since(last.at));
        BackupView {
            configured: self.is_configured,
            last_at: last.as_ref().map(|last| last.at),
            age_s: age.map(|age| age.as_secs().max(0)),
            head: last.map(|last| last.head),
            late: self.is_configured && age.is_none_or(|age| age > self.late_after),
        }
    }
}

impl BackupView {
    /// What to do about a copy that is late; `None`: none is.
    pub fn words(&self) -> Option<Text> {
        if !self.late {
            return None;
        }
        Some(match self.last_at {
            Some(at) => Text::new(
                format!(
                    "Salinan buku besar terlambat: yang terakhir dibuat {at}. Bila disk ini rusak sekarang, semua sesudahnya hilang. Periksa apakah disk salinan terpasang, lalu jalankan `kartud backup`."
                ),
                format!(
                    "The ledger's copy is late: the last one was made at {at}. If this disk failed now, everything since would be lost. See whether the disk for copies is plugged in, then run `kartud backup`."
                ),
            ),
            None => Text::fixed(
                "Buku besar belum pernah disalin, padahal [backup] sudah diatur. Jalankan `kartud backup` dan periksa timer-nya (systemctl list-timers).",
                "The ledger was never copied, though [backup] is configured. Run `kartud backup`, and look at its timer (systemctl list-timers).",
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_772_416_800 + 3600 * hour).unwrap()
    }

    #[test]
    fn a_copy_is_late_only_where_copies_are_wanted() {
        let last = LastCopy { at: at(0), head: "1:ab".into(), path: "/x".into(), same_disk: false };
        let wanted = config::Backup { folder: Some("/copies".into()), ..config::Backup::default() };
        let watch = BackupWatch::new(Path::new("/ledger.db"), &wanted);
        let hours = i64::from(wanted.late_after_hours);
        for (last, hour, late) in [
            (Some(last.clone()), hours, false),
            (Some(last.clone()), hours + 1, true),
            (Some(last.clone()), -5, false),
            (None, 0, true),
        ] {
            let view = watch.view(last, at(hour));
            assert_eq!((view.late, view.words().is_some()), (late, late), "{hour}");
            assert!(view.age_s.is_none_or(|age| age >= 0));
        }
        let unwanted = BackupWatch::new(Path::new("/ledger.db"), &config::Backup::default());
        assert!(!unwanted.view(None, at(0)).late);
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let dir = tempfile::TempDir::new().unwrap();
        let ledger = dir.path().join("ledger.db");
        assert_eq!(Note::beside(&ledger), Note::default());
        let failed = Some(Failed { at: at(1), why: "the disk is full".into() });
        let note = Note { last: None, failed };
        std::fs::write(&ledger, "").unwrap();
        note.write(&ledger).unwrap();
        assert_eq!(Note::beside(&ledger), note);
    }
}
