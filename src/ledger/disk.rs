//! How much can still be written to the ledger's disk. Passed in, so that tests can pass in a full or failing disk.

use std::io;
use std::path::{Path, PathBuf};

/// Queried before every transaction, and while a copy is written.
pub trait Disk: Send {
    /// Bytes that can still be written on the ledger's disk.
    ///
    /// # Errors
    /// The disk cannot be queried, or written: nothing of the transaction is then written.
    fn free_bytes(&mut self) -> io::Result<u64>;

    /// The same, queried every other second while nothing is written. `None`: this disk is queried only before writing.
    ///
    /// # Errors
    /// The disk cannot be queried.
    fn idle_free_bytes(&mut self) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

/// The disk of a file, as the operating system sees it.
pub struct LocalDisk {
    folder: PathBuf,
}

impl LocalDisk {
    /// The disk of a ledger.
    pub fn of(ledger: &Path) -> LocalDisk {
        let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty());
        LocalDisk { folder: folder.unwrap_or(Path::new(".")).to_owned() }
    }
}

impl Disk for LocalDisk {
    fn free_bytes(&mut self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        // Only the space that is not reserved for root counts.
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn idle_free_bytes(&mut self) -> io::Result<Option<u64>> {
        self.free_bytes().map(Some)
    }
}

/// The space left on the disk during one transaction.
///
/// The last part is reserved for accepted jobs: a new job can wait outside, but a card's outcome must be recorded, or
/// it is lost. So a new job is refused if it would use the reserve, while events and notes are written until the disk
/// is full.
pub(super) struct FreeSpace {
    left_bytes: u64,
}

/// Space reserved for the events of accepted jobs: some 1,000 events, more than a printer makes in a day.
const RESERVE_BYTES: u64 = 64 * 1024 * 1024;

/// Can this much be written without using the reserve?
pub(super) fn leaves_the_reserve(free_bytes: u64, needed: u64) -> bool {
    free_bytes.checked_sub(needed).is_some_and(|left| left >= RESERVE_BYTES)
}

impl FreeSpace {
    /// `owed_bytes` are in the log and will be written into the file once more.
    pub fn new(free_bytes: u64, owed_bytes: usize) -> FreeSpace {
        FreeSpace { left_bytes: free_bytes.saturating_sub(owed_bytes as u64) }
    }

    /// Would a job with the largest photo be refused?
    pub fn is_low(&self, job_log_bytes: usize) -> bool {
        let needed = (job_log_bytes as u64).saturating_mul(2);
        self.left_bytes < RESERVE_BYTES.saturating_add(needed)
    }

    /// Takes space for a new job that logs this much: once in the log, once more in the file.
    pub fn take(&mut self, log_bytes: usize) -> bool {
        let needed = (log_bytes as u64).saturating_mul(2);
        match self.left_bytes.checked_sub(needed) {
            Some(left) if left >= RESERVE_BYTES => {
                self.left_bytes = left;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_job_never_takes_of_the_reserve() {
        let mib = 1024 * 1024;
        let mut room = FreeSpace::new(RESERVE_BYTES + 10 * mib, 2 * 1024 * 1024);
        assert!(room.take(3 * 1024 * 1024));
        assert!(!room.take(1024 * 1024 + 1));
        assert!(room.take(1024 * 1024), "a smaller one still fits");
        assert!(!room.take(1));
        assert!(!FreeSpace::new(0, 1).take(0));
        assert!(FreeSpace::new(RESERVE_BYTES + 1, 0).is_low(1));
        assert!(!FreeSpace::new(RESERVE_BYTES + 2, 0).is_low(1));
    }

    #[test]
    fn the_system_tells_what_its_disk_takes() {
        let dir = tempfile::TempDir::new().unwrap();
        assert!(LocalDisk::of(&dir.path().join("ledger.db")).free_bytes().unwrap() > 0);
        assert!(LocalDisk::of(Path::new("ledger.db")).free_bytes().unwrap() > 0);
        assert!(LocalDisk::of(&dir.path().join("gone/ledger.db")).free_bytes().is_err());
    }
}
