//! The files of a ledger: whether they exist, who may access them, who has locked them, and how the first ones are
//! created. Knows no table and no job.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use drivers::private_file;

use super::head::{self, HeadFile};
use super::{LedgerError, schema};

/// Other users may write.
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
/// Any access for group or others.
const ANYBODY_ELSE: u32 = 0o077;
/// In such a folder only a file's owner may delete it.
const STICKY: u32 = 0o1000;
const OWNER_ALONE: u32 = 0o600;
/// Another process may replace the lock's file between opening and locking it; more often than this is no coincidence.
const LOCK_TRIES: usize = 8;
/// How long a lock that is taken is waited for, and the pause between attempts.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// Content of the lock's file after a ledger was created beside it.
const MARK: &[u8] =
    b"A ledger lies beside this file. If it is missing, it was lost: kartud begins no other one.\n";

/// The result of [`init`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// There was no ledger; an empty one was created.
    Made,
    /// There is a ledger; nothing was touched.
    WasThere,
}

/// Creates a new, empty ledger. Harmless if there is one.
///
/// # Errors
/// [`LedgerError::Lost`] if other files show that there was one: it must be restored, not recreated.
pub fn init(path: &Path) -> Result<Init, LedgerError> {
    if is_there(path)? {
        return Ok(Init::WasThere);
    }
    let lock = Lock::take(path)?;
    let made = match is_there(path) {
        Ok(true) => Ok(Init::WasThere),
        Ok(false) => make(path, &lock).map(|()| Init::Made),
        Err(error) => Err(error),
    };
    if made.is_err() {
        lock.unmake();
    }
    made
}

/// Checks that [`super::Ledger::open`] will find a ledger; creates nothing.
///
/// # Errors
/// [`LedgerError::Missing`], [`LedgerError::Lost`], [`LedgerError::Unfit`].
pub fn must_be_there(path: &Path) -> Result<(), LedgerError> {
    if is_there(path)? { Ok(()) } else { Err(LedgerError::Missing { path: path.to_owned() }) }
}

/// The files of a new ledger.
pub fn files_of(path: &Path) -> [PathBuf; 3] {
    [path.to_owned(), head::path_of(path), lock_of(path)]
}

/// `false` only if nothing shows that there ever was a ledger.
fn is_there(path: &Path) -> Result<bool, LedgerError> {
    match fs::symlink_metadata(path) {
        // SQLite would put its log beside the link's target, where nobody looks for it.
        Ok(found) if found.is_symlink() => Err(unfit(
            path,
            "is a symbolic link; write the name of the file itself into station.ledger",
        )),
        Ok(found) if !found.is_file() => Err(unfit(path, "is no regular file")),
        Ok(found) if found.len() > 0 => Ok(true),
        Ok(_) => not_lost(path).map(|()| false),
        Err(error) if is_absent(&error) => not_lost(path).map(|()| false),
        Err(source) => Err(LedgerError::Folder { path: path.to_owned(), source }),
    }
}

/// A head, a log or a marked lock exist only if a ledger was created beside them. A copy that is only half put back says so
/// even if a power cut left nothing but its name.
fn not_lost(path: &Path) -> Result<(), LedgerError> {
    let holds = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.len() > 0);
    let marks = [head::path_of(path), schema::log_of(path), lock_of(path)];
    let marks = marks.into_iter().filter(|mark| holds(mark));
    let half = Some(restoring(path)).filter(|half| half.symlink_metadata().is_ok());
    let marks: Vec<String> = marks.chain(half).map(|mark| mark.display().to_string()).collect();
    if marks.is_empty() {
        return Ok(());
    }
    Err(LedgerError::Lost { path: path.to_owned(), marks: marks.join(", ") })
}

/// The files of a ledger whose creation was interrupted; the ledger itself first.
pub(super) fn unfinished(path: &Path) -> [PathBuf; 3] {
    let unfinished = with_suffix(path, ".unfinished");
    [unfinished.clone(), schema::log_of(&unfinished), index_of(&unfinished)]
}

/// A copy that is being put in the ledger's place has this name until it is whole.
pub(super) fn restoring(path: &Path) -> PathBuf {
    with_suffix(path, ".restoring")
}

/// The ledger is completed under another name first: a power cut leaves either no ledger or a complete one.
fn make(path: &Path, lock: &Lock) -> Result<(), LedgerError> {
    let refuse = |source| LedgerError::Folder { path: path.to_owned(), source };
    let left = unfinished(path);
    let [unfinished, ..] = left.clone();
    for left in left {
        match fs::remove_file(&left) {
            Err(error) if !is_absent(&error) => return Err(refuse(error)),
            _ => {}
        }
    }
    let file = private_file::make_new(&unfinished).map_err(refuse)?;
    let mut connection = schema::open(&unfinished)?;
    let created = schema::create(&mut connection);
    created.map_err(|error| schema::unreadable(&unfinished, &error))?;
    // Closing the last connection checkpoints the log.
    drop(connection);
    file.sync_all().map_err(refuse)?;
    fs::rename(&unfinished, path).map_err(refuse)?;
    HeadFile::open(path, &head::START).map_err(refuse)?;
    lock.mark().and_then(|()| private_file::sync_folder_of(path)).map_err(refuse)
}

/// Other users must not be able to change a ledger. If they could read it, the mode is corrected and that is logged.
///
/// # Errors
/// [`LedgerError::Exposed`].
pub(super) fn close_to_others(path: &Path) -> Result<(), LedgerError> {
    let folder = folder_of(path);
    if let Ok(found) = fs::metadata(folder)
        && found.mode() & OTHERS_WRITE != 0
        && found.mode() & STICKY == 0
    {
        return Err(exposed(folder, found.mode(), "0700"));
    }
    let files = [path.to_owned(), schema::log_of(path), index_of(path), head::path_of(path)];
    for file in files {
        match fs::symlink_metadata(&file) {
            Ok(found) if !found.is_file() => return Err(unfit(&file, "is no regular file")),
            Ok(found) => close_file(&file, &found)?,
            Err(error) if is_absent(&error) => {}
            Err(source) => return Err(LedgerError::Folder { path: file, source }),
        }
    }
    Ok(())
}

fn close_file(file: &Path, found: &fs::Metadata) -> Result<(), LedgerError> {
    let me = rustix::process::geteuid().as_raw();
    let a_strangers = found.uid() != me && found.uid() != 0 && me != 0;
    // A group with the user's own number has only that user as a member, as most systems set users up.
    let own_group = found.gid() == me && rustix::process::getegid().as_raw() == me;
    let others_write = found.mode() & OTHERS_WRITE != 0;
    if a_strangers || others_write || (found.mode() & GROUP_WRITES != 0 && !own_group) {
        return Err(exposed(file, found.mode(), "0600"));
    }
    if found.mode() & ANYBODY_ELSE != 0 {
        let closed = fs::set_permissions(file, Permissions::from_mode(OWNER_ALONE));
        closed.map_err(|source| LedgerError::Folder { path: file.to_owned(), source })?;
        let mode = format!("{:04o}", found.mode() & 0o7777);
        tracing::warn!(file = %file.display(), mode, "others could read the ledger; it is 0600 now");
    }
    Ok(())
}

/// One daemon per ledger: the operating system releases the lock however the daemon ends.
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    /// This process has just created the file.
    made: bool,
}

impl Lock {
    /// Takes the lock, or reports who has it.
    pub fn take(ledger: &Path) -> Result<Lock, LedgerError> {
        let folder = folder_of(ledger);
        let path = lock_of(ledger);
        let refuse = |source| LedgerError::Folder { path: folder.to_owned(), source };
        private_file::make_folder(folder).map_err(refuse)?;
        for _ in 0..LOCK_TRIES {
            let (file, made) = match private_file::open(&path) {
                Ok(file) => (file, false),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    match private_file::make_new(&path) {
                        Ok(file) => (file, true),
                        Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                        Err(source) => return Err(LedgerError::Folder { path, source }),
                    }
                }
                Err(source) => return Err(LedgerError::Folder { path, source }),
            };
            let known = file.metadata().map_err(refuse)?;
            match lock_soon(&file) {
                Ok(()) => {}
                // Any user who can open the file could take the lock and keep the station from starting.
                Err(TryLockError::WouldBlock)
                    if known.mode() & ANYBODY_ELSE != 0 && strangers_hold(&known) =>
                {
                    tracing::warn!(lock = %path.display(), "another user held the ledger's lock; it is put aside");
                    fs::remove_file(&path).map_err(refuse)?;
                    continue;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LedgerError::InUse { path: ledger.to_owned() });
                }
                Err(TryLockError::Error(source)) => return Err(refuse(source)),
            }
            let named = fs::symlink_metadata(&path);
            if !named.is_ok_and(|named| (named.dev(), named.ino()) == (known.dev(), known.ino())) {
                continue;
            }
            if known.mode() & ANYBODY_ELSE != 0 {
                file.set_permissions(Permissions::from_mode(OWNER_ALONE)).map_err(refuse)?;
            }
            return Ok(Lock { file, path, made });
        }
        Err(LedgerError::InUse { path: ledger.to_owned() })
    }

    /// Marks that there is a ledger beside the lock.
    pub fn mark(&self) -> io::Result<()> {
        if self.file.metadata()?.len() == 0 {
            (&self.file).write_all(MARK)?;
            self.file.sync_all()?;
        }
        Ok(())
    }

    /// A refused start leaves nothing behind.
    pub fn unmake(self) {
        if self.made {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A process that is ending, or a child between fork and exec, holds the lock for a moment longer.
fn lock_soon(file: &File) -> Result<(), TryLockError> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(LOCK_PAUSE);
            }
            told => return told,
        }
    }
}

/// Do all locks on this file belong to other users' processes? `false` if that cannot be determined.
fn strangers_hold(file: &fs::Metadata) -> bool {
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return false };
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    let name = format!("{major:02x}:{minor:02x}:{}", file.ino());
    let holders: Vec<&str> = locks
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [_, "FLOCK", _, _, pid, at, ..] if *at == name => Some(*pid),
                _ => None,
            }
        })
        .collect();
    let me = rustix::process::geteuid().as_raw();
    let stranger = |pid: &&str| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let uid = uid.and_then(|uids| uids.split_whitespace().nth(1)?.parse::<u32>().ok());
        uid.is_some_and(|uid| uid != me && uid != 0)
    };
    !holders.is_empty() && holders.iter().all(stranger)
}

pub(super) fn lock_of(ledger: &Path) -> PathBuf {
    ledger.with_extension("lock")
}

/// SQLite's index of the log.
pub(super) fn index_of(ledger: &Path) -> PathBuf {
    with_suffix(ledger, "-shm")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The folder in which a ledger lies.
pub(super) fn folder_of(ledger: &Path) -> &Path {
    ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// There is no file of that name, or no folder for it.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unfit(path: &Path, why: &'static str) -> LedgerError {
    LedgerError::Unfit { path: path.to_owned(), why }
}

fn exposed(path: &Path, mode: u32, wanted: &'static str) -> LedgerError {
    LedgerError::Exposed { path: path.to_owned(), mode: mode & 0o7777, wanted }
}
