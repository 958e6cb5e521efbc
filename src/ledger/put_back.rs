//! Puts a copy in the place of a lost ledger and takes it over: the daemon opens it, and whatever could have been printed
//! since the copy was made is held ([`super::adopt`]). Until the take-over is written, the daemon refuses the ledger, so an
//! interruption at any point leaves nothing that prints.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base16ct::lower::encode_string as hex;
use drivers::private_file;
use sha2::{Digest as _, Sha256};

use super::adopt::{Adopted, take_over};
use super::files::{self, Lock};
use super::head::{self, Head};
use super::offline::Offline;
use super::{LedgerError, cut, reader, schema, verify};
use crate::actor::Actor;
use crate::clock::Clock;

/// The copy is read and written in pieces of this size.
const PIECE_BYTES: usize = 1024 * 1024;
/// Why a restored ledger is taken over, as its line says.
const WHY: &str = "a copy of it was put in its place (kartud restore)";

/// The result of [`put_back`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// What was held.
    pub adopted: Adopted,
    /// The older ledger and its files that were put aside.
    pub aside: Vec<PathBuf>,
}

/// Puts the copy, whose bytes have this SHA-256 and whose last line is `known`, at `path`, and takes it over.
///
/// # Errors
/// [`LedgerError::InUse`] while a daemon runs there; [`LedgerError::InTheWay`] if there is a ledger that is not an older
/// form of the copy; [`LedgerError::Torn`]. Then nothing was changed.
pub fn put_back(
    copy: &Path,
    sha256: &str,
    known: Head,
    path: &Path,
    by: &Actor,
    clock: &Clock,
) -> Result<PutBack, LedgerError> {
    let refuse = |source| LedgerError::Folder { path: path.to_owned(), source };
    gives_way(path, copy)?;
    let lock = Lock::take(path)?;
    let staged = beside(path, ".restoring");
    let placed = stage(copy, sha256, known, &staged)
        .and_then(|()| put_aside(path, clock.now()).map_err(refuse))
        .and_then(|aside| {
            fs::rename(&staged, path).map_err(refuse)?;
            private_file::sync_folder_of(path).map_err(refuse)?;
            Ok(aside)
        });
    let aside = match placed {
        Ok(aside) => aside,
        Err(error) => {
            let _ = fs::remove_file(&staged);
            lock.unmake();
            return Err(error);
        }
    };
    let adopted = take_over(path, &lock, by, clock, Some(WHY))?;
    let adopted = adopted.ok_or(LedgerError::Closed)?;
    give_away(path).map_err(refuse)?;
    Ok(PutBack { adopted, aside })
}

/// Is there no ledger, or one that the copy goes beyond?
fn gives_way(path: &Path, copy: &Path) -> Result<(), LedgerError> {
    let in_the_way = |why: String| LedgerError::InTheWay { path: path.to_owned(), why };
    match fs::symlink_metadata(path) {
        Err(error) if files::is_absent(&error) => return Ok(()),
        Err(source) => return Err(LedgerError::Folder { path: path.to_owned(), source }),
        Ok(found) if !found.is_file() => return Err(in_the_way("it is no regular file".into())),
        Ok(found) if found.len() == 0 => return Ok(()),
        Ok(_) => {}
    }
    let there = match Offline::open(path) {
        Ok(there) if there.live => return Err(LedgerError::InUse { path: path.to_owned() }),
        Ok(there) => there,
        Err(error) => return Err(in_the_way(format!("it may be newer than the copy ({error})"))),
    };
    let copy = Offline::open(copy)?;
    let ask = |c: &Offline| reader::head(&c.connection).map_err(reader::read_error);
    let (old, new) = (ask(&there)?, ask(&copy)?);
    let hash = |c: &Offline, seq| reader::hash_of(&c.connection, seq).map_err(reader::read_error);
    if hash(&copy, old.seq)? == Some(old.hash) {
        return Ok(());
    }
    let start = |c: &Offline| cut::start(&c.connection).map_err(reader::read_error);
    let cut_to = start(&there)?.seq.max(start(&copy)?.seq);
    if old.seq.min(new.seq) < cut_to {
        return Err(in_the_way(format!(
            "lines up to {cut_to} were cut off one of them, so it cannot be told whether it is older than the copy: it ends at line {}, the copy at line {}",
            old.seq, new.seq
        )));
    }
    Err(in_the_way(if hash(&there, new.seq)? == Some(new.hash) {
        format!("it is newer than the copy: it has {} lines, the copy {}", old.seq, new.seq)
    } else {
        "it is another ledger than the one that was copied".to_owned()
    }))
}

/// Writes the copy beside its place, and verifies what was written there.
fn stage(copy: &Path, sha256: &str, known: Head, staged: &Path) -> Result<(), LedgerError> {
    let torn = |why: String| LedgerError::Torn { path: copy.to_owned(), why };
    let refuse = |source| LedgerError::Folder { path: staged.to_owned(), source };
    match fs::remove_file(staged) {
        Err(error) if !files::is_absent(&error) => return Err(refuse(error)),
        _ => {}
    }
    let mut from = File::open(copy).map_err(|error| torn(error.to_string()))?;
    let written = write_hashed(&mut from, staged).map_err(refuse)?;
    if written != sha256 {
        return Err(torn("its bytes are not those that were written when it was made".into()));
    }
    let found = verify(staged, Some(known.into()), &mut |_, _, _| ())?;
    match found.faults.first() {
        Some(fault) => Err(torn(format!("{}: {}", fault.code, fault.message.en))),
        None if found.head != known => {
            Err(torn(format!("it ends at line {}, not at line {}", found.head.seq, known.seq)))
        }
        None => Ok(()),
    }
}

/// Copies, syncs, and returns the SHA-256 of what was copied.
fn write_hashed(from: &mut File, to: &Path) -> io::Result<String> {
    let mut file = private_file::make_new(to)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
        file.write_all(&piece[..read])?;
    }
    file.sync_all()?;
    Ok(hex(&hash.finalize()))
}

/// The log goes first: SQLite would read it into the copy, and an old ledger without its log is refused.
fn put_aside(path: &Path, now: jiff::Timestamp) -> io::Result<Vec<PathBuf>> {
    let mut aside = Vec::new();
    for file in [files::index_of(path), schema::log_of(path), path.to_owned()] {
        let to = beside(&file, &format!(".before-restore-{}", now.as_second()));
        match fs::rename(&file, &to) {
            Ok(()) => aside.push(to),
            Err(error) if files::is_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(aside)
}

/// Everything beside the ledger that a start opens.
fn give_away(path: &Path) -> io::Result<()> {
    let beside = [schema::log_of(path), files::index_of(path), head::path_of(path)];
    let files = beside.iter().map(PathBuf::as_path).chain([path]);
    files
        .chain([files::lock_of(path).as_path()])
        .try_for_each(private_file::give_to_owner_of_folder)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
