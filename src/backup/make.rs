//! Makes one copy: into a folder that looks unfinished, verified, synced, renamed, noted; then older ones are removed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use base16ct::lower::encode_string as hex;
use drivers::private_file;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::note::{Failed, LastCopy, Note};
use super::{
    BackupError, CopyName, KEYS, LEDGER, MANIFEST, Manifest, NotRemoved, Recipient, copies, seal,
};
use crate::ledger::{self, LedgerError};
use crate::vault::Vault;

/// Accessible by the owner only: a copy holds personal data.
const FOLDER_MODE: u32 = 0o700;
const MIB: u64 = 1024 * 1024;

/// What shall be copied, and where to.
pub struct Wanted<'a> {
    /// The station's name.
    pub station: &'a str,
    /// Its ledger.
    pub ledger: &'a Path,
    /// The folder for copies; it must be there.
    pub folder: &'a Path,
    /// Copies of this station that stay, this one included; `None`: all.
    pub keep: Option<usize>,
    /// The keys to be sealed into the copy, and to whom.
    pub keys: Option<(&'a Vault, &'a [Recipient])>,
}

/// A copy that was made and verified.
#[derive(Debug)]
pub struct Made {
    /// Its folder.
    pub path: PathBuf,
    /// What is told of it.
    pub manifest: Manifest,
    /// It lies on the same file system as the ledger.
    pub same_disk: bool,
    /// The older copies that were removed.
    pub removed: Vec<String>,
    /// What is older, or half of an older one, and could not be removed.
    pub not_removed: Vec<NotRemoved>,
}

/// Copies the ledger, also beside a running daemon.
///
/// # Errors
/// [`BackupError`]; then nothing is left in the folder, and the note beside the ledger says why.
pub fn make(wanted: &Wanted<'_>, now: Timestamp) -> Result<Made, BackupError> {
    let made = make_whole(wanted, now);
    let mut note = Note::beside(wanted.ledger);
    match &made {
        Ok(made) => {
            let head = made.manifest.head(&made.path)?.to_string();
            let (path, same_disk) = (made.path.clone(), made.same_disk);
            note = Note { last: Some(LastCopy { at: now, head, path, same_disk }), failed: None };
        }
        Err(error) => note.failed = Some(Failed { at: now, why: error.to_string() }),
    }
    // Where there is no ledger, nothing is put beside it.
    if wanted.ledger.exists()
        && let Err(error) = note.write(wanted.ledger)
    {
        tracing::warn!(%error, "the copy cannot be noted beside the ledger");
    }
    made
}

fn make_whole(wanted: &Wanted<'_>, now: Timestamp) -> Result<Made, BackupError> {
    let folder = wanted.folder;
    let unusable = |why| BackupError::Folder { folder: folder.to_owned(), why };
    ledger::must_be_there(wanted.ledger)?;
    let there = fs::metadata(folder).map_err(unusable)?;
    if !there.is_dir() {
        return Err(unusable(ErrorKind::NotADirectory.into()));
    }
    let mut not_removed = copies::remove_rests(folder, wanted.station).map_err(unusable)?;
    has_room(wanted)?;
    let now = free_second(wanted, now).map_err(unusable)?;
    let same_disk = fs::metadata(wanted.ledger).is_ok_and(|ledger| ledger.dev() == there.dev());
    // The head is not known before the copy is made, so the copy gets its name when it is whole.
    let begun = CopyName::of(wanted.station, now, ledger::head::START);
    let part = Part::begin(folder.join(begun.unfinished()), wanted.ledger).map_err(unusable)?;
    let manifest = fill(wanted, &part.path, now)?;
    let name = CopyName::of(wanted.station, now, manifest.head(&part.path)?);
    let path = folder.join(name.to_string());
    for file in [LEDGER, MANIFEST, KEYS] {
        give_to_the_station(wanted.ledger, &part.path.join(file));
    }
    part.finish(&path).map_err(|error| failed(wanted, &error))?;
    let mut removed = Vec::new();
    if let Some(keep) = wanted.keep {
        let is_anothers = |copy: &Path| is_of_another_ledger(copy, &manifest);
        let beyond = copies::remove_beyond(folder, wanted.station, keep, &name, &is_anothers);
        let beyond = beyond.map_err(unusable)?;
        removed = beyond.removed;
        not_removed.extend(beyond.not_removed);
    }
    Ok(Made { path, manifest, same_disk, removed, not_removed })
}

/// Two stations that were left with the shipped name may share a folder. Each has a key `holder` of its own.
fn is_of_another_ledger(copy: &Path, made: &Manifest) -> bool {
    let theirs = Manifest::of(copy).ok().and_then(|there| there.holder_key);
    theirs.zip(made.holder_key.as_ref()).is_some_and(|(theirs, ours)| theirs != *ours)
}

/// A copy that root made belongs to the station's user, who removes it when it is the oldest. A disk without owners (FAT)
/// needs none.
fn give_to_the_station(ledger: &Path, path: &Path) {
    if let Err(error) = private_file::give_to_owner_of(ledger, path) {
        tracing::debug!(%error, "the copy stays root's");
    }
}

/// A second in which no copy of this station was made: it stands in the copy's name.
fn free_second(wanted: &Wanted<'_>, mut now: Timestamp) -> io::Result<Timestamp> {
    let copies = copies::list(wanted.folder, wanted.station)?;
    while copies.iter().any(|(copy, _)| copy.is_of_second(now)) {
        now = now.saturating_add(SignedDuration::from_secs(1)).map_err(io::Error::other)?;
    }
    Ok(now)
}

/// A full disk is told before anything is written, and not by what is missing at the end.
fn has_room(wanted: &Wanted<'_>) -> Result<(), BackupError> {
    let unusable = |why: io::Error| BackupError::Folder { folder: wanted.folder.to_owned(), why };
    let disk = rustix::fs::statvfs(wanted.folder).map_err(|error| unusable(error.into()))?;
    let (free, needed) = (disk.f_bavail.saturating_mul(disk.f_frsize), needed_bytes(wanted.ledger));
    if free < needed {
        return Err(full(wanted, free));
    }
    Ok(())
}

/// The ledger, with what its log will make it grow by, and some room for names and manifests.
fn needed_bytes(ledger: &Path) -> u64 {
    let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let mut log = ledger.as_os_str().to_owned();
    log.push("-wal");
    length(ledger) + length(Path::new(&log)) + MIB
}

fn full(wanted: &Wanted<'_>, free: u64) -> BackupError {
    let needed_mib = needed_bytes(wanted.ledger).div_ceil(MIB);
    BackupError::Full { folder: wanted.folder.to_owned(), free_mib: free / MIB, needed_mib }
}

fn failed(wanted: &Wanted<'_>, error: &io::Error) -> BackupError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => full(wanted, 0),
        _ => BackupError::Failed { folder: wanted.folder.to_owned(), why: error.to_string() },
    }
}

/// Writes everything that belongs to a copy, and verifies the ledger in it.
fn fill(wanted: &Wanted<'_>, part: &Path, now: Timestamp) -> Result<Manifest, BackupError> {
    // It is read before the ledger: a daemon goes on writing, and the head must not be newer than what is copied.
    let acknowledged = ledger::head_beside(wanted.ledger);
    let copy = part.join(LEDGER);
    ledger::copy(wanted.ledger, &copy).map_err(|error| match error {
        LedgerError::Full => full(wanted, 0),
        LedgerError::Write(why) => BackupError::Failed { folder: wanted.folder.to_owned(), why },
        other => other.into(),
    })?;
    let found = ledger::verify(&copy, acknowledged.map(Into::into), &mut |_, _, _| ())?;
    if let Some(fault) = found.faults.first() {
        return Err(BackupError::unsound(fault));
    }
    let summary = ledger::summary(&copy)?;
    let (ledger_bytes, ledger_sha256) = measure(&copy).map_err(|error| failed(wanted, &error))?;
    let mut sealed_keys = Vec::new();
    if let Some((vault, recipients)) = wanted.keys {
        let keys = seal::gather(vault, wanted.ledger)?;
        let sealed = seal::seal(&keys, recipients)?;
        sealed_keys = keys.names();
        write(&part.join(KEYS), &sealed).map_err(|error| failed(wanted, &error))?;
    }
    let manifest = Manifest {
        jobs: found.jobs,
        last_line_at: summary.last_at,
        blanks_expected: summary.blanks_expected,
        ledger_bytes,
        ledger_sha256,
        holder_key: summary.holder_key,
        sealed_keys,
        is_retired: summary.is_retired,
        ..Manifest::new(wanted.station, now, found.head)
    };
    let text = serde_json::to_vec_pretty(&manifest).expect("a manifest has texts as its keys");
    write(&part.join(MANIFEST), &text).map_err(|error| failed(wanted, &error))?;
    Ok(manifest)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private_file::make_new(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

/// Length and SHA-256 of a file.
fn measure(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut piece = vec![0; MIB as usize];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        bytes += read as u64;
        hash.update(&piece[..read]);
    }
}

/// A copy that is being made; removed when dropped.
struct Part {
    path: PathBuf,
    /// Locked, so that no other run takes it for the rest of an interrupted one.
    folder: File,
    is_finished: bool,
}

impl Part {
    fn begin(path: PathBuf, ledger: &Path) -> io::Result<Part> {
        fs::DirBuilder::new().mode(FOLDER_MODE).create(&path)?;
        // A run of root's that is interrupted leaves what the station's user can remove.
        give_to_the_station(ledger, &path);
        let folder = File::open(&path)?;
        // Some network file systems know no locks; a second run at the same time is then on its own.
        let _ = folder.try_lock();
        Ok(Part { path, folder, is_finished: false })
    }

    fn finish(mut self, path: &Path) -> io::Result<()> {
        self.folder.sync_all()?;
        fs::rename(&self.path, path)?;
        self.is_finished = true;
        private_file::sync_folder_of(path)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
