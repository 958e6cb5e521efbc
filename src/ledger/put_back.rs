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
use super::{LedgerError, cut, reader, schema, verify};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::holder as holder_key;

/// The copy is read and written in pieces of this size.
const PIECE_BYTES: usize = 1024 * 1024;
/// What was put aside has this ending, and the second in which it was.
const ASIDE: &str = ".before-restore-";
/// Content of the head until the copy is taken over.
const UNTRUSTED: &[u8] = b"A copy was put in the ledger's place and is not taken over yet.\n";
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
        "SELECT NOT EXISTS (SELECT 1 FROM jobs) AND NOT EXISTS (SELECT 1 FROM events WHERE event IN ('blanks', 'cut'))",
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
    let aside = match lay(copy, sha256, known, place, clock.now()) {
        Ok(aside) => aside,
        Err(error) => {
            let _ = fs::remove_file(files::restoring(path));
            lock.unmake();
            return Err(error);
        }
    };
    let adopted = take_over(path, &lock, by, clock, Some(WHY))?;
    let adopted = adopted.ok_or(LedgerError::Closed)?;
    give_away(path).map_err(refuse)?;
    Ok(PutBack { adopted, aside })
}

/// Does the ledger at `path` go on from the copy that ends there? Then the copy was put back already, or never lost.
pub fn goes_beyond(path: &Path, copied: Head) -> bool {
    let Ok(there) = Offline::open(path) else { return false };
    let hash = reader::hash_of(&there.connection, copied.seq).ok().flatten();
    let last = reader::head(&there.connection).map_or(0, |head| head.seq);
    // Every ledger has the line before the first.
    copied.seq > 0 && hash == Some(copied.hash) && last > copied.seq
}

/// Lays the copy at its place, so that no daemon opens it before it is taken over; returns what was put aside.
fn lay(
    copy: &Path,
    sha256: &str,
    known: Head,
    place: &Place,
    now: jiff::Timestamp,
) -> Result<Vec<PathBuf>, LedgerError> {
    let path = &*place.path;
    let refuse = |source| LedgerError::Folder { path: path.to_owned(), source };
    let staged = files::restoring(path);
    stage(copy, sha256, known, &staged)?;
    let aside = put_aside(place, now).map_err(refuse)?;
    distrust(path, known).map_err(refuse)?;
    fs::rename(&staged, path).map_err(refuse)?;
    private_file::sync_folder_of(path).map_err(refuse)?;
    Ok(aside)
}

/// The head of an older ledger would vouch for the copy, and so would no head for an empty one: the daemon would open it
/// before anything is held. A head that cannot be read is refused. A later one refuses the copy by itself, and the take-over
/// notes it.
fn distrust(path: &Path, known: Head) -> io::Result<()> {
    match head::read(path) {
        Ok(Some(head)) if head.seq > known.seq => Ok(()),
        _ => private_file::replace_synced(&head::path_of(path), UNTRUSTED),
    }
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
    // After a power cut the name must be there: it keeps the next start from beginning an empty ledger.
    private_file::sync_folder_of(to)?;
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

/// Everything beside the ledger that a restore put aside or left half. It holds personal data, or the key to them.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn left_over(path: &Path) -> io::Result<Vec<PathBuf>> {
    let put_aside =
        [path.to_owned(), schema::log_of(path), files::index_of(path), holder_key::beside(path)];
    let put_aside = put_aside.map(|file| beside(&file, ASIDE));
    let mut left = vec![files::restoring(path)];
    for entry in fs::read_dir(files::folder_of(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let mut asides = put_aside.iter().filter_map(|aside| aside.file_name());
        if asides.any(|aside| name.as_encoded_bytes().starts_with(aside.as_encoded_bytes())) {
            left.push(entry.path());
        }
    }
    Ok(left)
}

/// The log goes first: SQLite would read it into the copy, and an old ledger without its log is refused.
fn put_aside(place: &Place, now: jiff::Timestamp) -> io::Result<Vec<PathBuf>> {
    let path = &*place.path;
    let mut aside = Vec::new();
    let key = place.holds_nothing.then(|| holder_key::beside(path));
    let ledger = [files::index_of(path), schema::log_of(path), path.to_owned()];
    for file in key.into_iter().chain(ledger) {
        let to = beside(&file, &format!("{ASIDE}{}", now.as_second()));
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

#[cfg(test)]
mod tests {
    use super::super::{Init, Ledger, copy, init};
    use super::*;

    #[test]
    fn a_copy_in_its_place_is_not_opened_before_it_is_taken_over() {
        let dir = tempfile::TempDir::new().unwrap();
        let [old, path, stick] = ["old", "ledger", "stick"].map(|name| dir.path().join(name));
        for ledger in [&old, &path] {
            assert_eq!(init(ledger).unwrap(), Init::Made);
        }
        copy(&old, &stick).unwrap();
        let sha256 = write_hashed(&mut File::open(&stick).unwrap(), &dir.path().join("x")).unwrap();
        let clock = Clock::system();
        let lay_it = || {
            let place = place_for(&stick, &path).unwrap();
            lay(&stick, &sha256, head::START, &place, clock.now()).unwrap()
        };
        let aside = lay_it();
        assert!(!aside.is_empty(), "an older ledger was there");
        let left = left_over(&path).unwrap();
        assert!(aside.iter().all(|file| left.contains(file)), "{aside:?} {left:?}");
        let refused = || Ledger::open(&path, clock.clone()).err().map(|error| error.to_string());
        assert!(refused().unwrap().contains("it holds no head"), "{:?}", refused());
        fs::remove_file(head::path_of(&path)).unwrap();
        lay_it();
        assert!(refused().unwrap().contains("it holds no head"), "{:?}", refused());
        super::super::adopt(&path, &Actor::local("t-7"), &clock)
            .unwrap()
            .expect("it is taken over");
        Ledger::open(&path, clock.clone()).unwrap();
    }

    #[test]
    fn nothing_is_begun_or_opened_where_a_copy_is_half_put_back() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("ledger.db");
        fs::write(files::restoring(&path), "").unwrap();
        assert!(matches!(init(&path), Err(LedgerError::Lost { .. })));
        fs::remove_file(files::restoring(&path)).unwrap();
        assert_eq!(init(&path).unwrap(), Init::Made);
        fs::write(files::restoring(&path), "").unwrap();
        let refused = Ledger::open(&path, Clock::system()).err().unwrap().to_string();
        assert!(refused.contains("a restore was cut off"), "{refused}");
        fs::remove_file(files::restoring(&path)).unwrap();
        Ledger::open(&path, Clock::system()).unwrap();
    }
}
