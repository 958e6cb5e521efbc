//! Puts a copy in the place of a lost ledger and takes it over: the daemon opens it, and whatever could have been printed
//! since the copy was made is held ([`super::adopt`]). Until the take-over is written, the daemon refuses the ledger, so an
//! interruption at any point leaves nothing that prints.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base16ct::lower::encode_string as hex;
use drivers::private_file;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::adopt::{Adopted, take_over};
use super::files::{self, Lock};
use super::head::{self, Head};
use super::offline::Offline;
use super::{LedgerError, reader, schema, verify};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::holder as holder_key;

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

/// Looks at the place before anything is changed.
///
/// # Errors
/// [`LedgerError::InUse`] while a daemon runs there; [`LedgerError::InTheWay`] if there is a ledger that is neither unused nor
/// an older form of the copy.
pub fn place_for(copy: &Path, path: &Path) -> Result<Place, LedgerError> {
    let in_the_way = |why: String| LedgerError::InTheWay { path: path.to_owned(), why };
    let place = |holds_nothing| Ok(Place { path: path.to_owned(), holds_nothing });
    match fs::symlink_metadata(path) {
        Err(error) if files::is_absent(&error) => return place(false),
        Err(source) => return Err(LedgerError::Folder { path: path.to_owned(), source }),
        Ok(found) if !found.is_file() => return Err(in_the_way("it is no regular file".into())),
        Ok(found) if found.len() == 0 => return place(false),
        Ok(_) => {}
    }
    let there = match Offline::open(path) {
        Ok(there) if there.live => return Err(LedgerError::InUse { path: path.to_owned() }),
        Ok(there) => there,
        Err(error) => return Err(in_the_way(format!("it may be newer than the copy ({error})"))),
    };
    if is_unused(&there.connection).map_err(reader::read_error)? {
        return place(true);
    }
    let copy = Offline::open(copy)?;
    let ask = |c: &Offline| reader::head(&c.connection).map_err(reader::read_error);
    let (old, new) = (ask(&there)?, ask(&copy)?);
    let hash = |c: &Offline, seq| reader::hash_of(&c.connection, seq).map_err(reader::read_error);
    if hash(&copy, old.seq)? == Some(old.hash) {
        return place(false);
    }
    Err(in_the_way(if hash(&there, new.seq)? == Some(new.hash) {
        format!("it is newer than the copy: it has {} lines, the copy {}", old.seq, new.seq)
    } else {
        "it is another ledger than the one that was copied".to_owned()
    }))
}

/// Where a copy may be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    /// A ledger lies there that never held a job or a blank, as the first start of a package makes one: nothing is lost with
    /// it, nor with the key `holder` beside it.
    pub holds_nothing: bool,
}

/// Was no job and no blank ever entered?
fn is_unused(c: &Connection) -> rusqlite::Result<bool> {
    c.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM jobs) AND NOT EXISTS (SELECT 1 FROM events WHERE event = 'blanks')",
        [],
        |row| row.get(0),
    )
}

/// Puts the copy, whose bytes have this SHA-256 and whose last line is `known`, at its place, and takes it over.
///
/// # Errors
/// [`LedgerError::InUse`] while a daemon runs there; [`LedgerError::Torn`]. Then nothing was changed.
pub fn put_back(
    copy: &Path,
    sha256: &str,
    known: Head,
    place: &Place,
    by: &Actor,
    clock: &Clock,
) -> Result<PutBack, LedgerError> {
    let path = &*place.path;
    let refuse = |source| LedgerError::Folder { path: path.to_owned(), source };
    let lock = Lock::take(path)?;
    let staged = beside(path, ".restoring");
    let placed = stage(copy, sha256, known, &staged)
        .and_then(|()| put_aside(place, clock.now()).map_err(refuse))
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
fn put_aside(place: &Place, now: jiff::Timestamp) -> io::Result<Vec<PathBuf>> {
    let path = &*place.path;
    let mut aside = Vec::new();
    let key = place.holds_nothing.then(|| holder_key::beside(path));
    let ledger = [files::index_of(path), schema::log_of(path), path.to_owned()];
    for file in key.into_iter().chain(ledger) {
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
