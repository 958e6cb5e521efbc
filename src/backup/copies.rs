//! The names of copies, which ones lie in a folder, and how old ones and rests of unfinished ones are removed.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::fs::Access;

use crate::ledger::Head;

/// While a copy is made, its folder has this ending and a leading dot.
const UNFINISHED: &str = ".part";
/// While a copy is removed, its folder has this ending and a leading dot.
const LEAVING: &str = ".old";
/// The time in a name, in UTC.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// The name of a copy: `STATION_20260302T020000Z_SEQ-HASH16`. Names of one station sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CopyName {
    station: String,
    time: String,
    head: String,
}

impl CopyName {
    /// The name of the copy that was made of this station then, and ends there.
    pub fn of(station: &str, made_at: Timestamp, head: Head) -> CopyName {
        CopyName { station: plain(station), time: time_of(made_at), head: head.event_id() }
    }

    /// The copy of this name; `None`: no copy has such a name.
    pub fn read(name: &str) -> Option<CopyName> {
        let mut parts = name.rsplitn(3, '_');
        let (head, time, station) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_time = time.len() == 16
            && digits(time.get(..8)?)
            && time.get(8..9) == Some("T")
            && digits(time.get(9..15)?)
            && time.ends_with('Z');
        let seq = head.split('-').next().unwrap_or_default();
        let known = is_time && !seq.is_empty() && digits(seq) && station == plain(station);
        known.then(|| CopyName {
            station: station.to_owned(),
            time: time.to_owned(),
            head: head.to_owned(),
        })
    }

    /// Is it a copy of this station?
    pub fn is_of(&self, station: &str) -> bool {
        self.station == plain(station)
    }

    /// Was it made in this second?
    pub(super) fn is_of_second(&self, moment: Timestamp) -> bool {
        self.time == time_of(moment)
    }

    /// The folder under which it is made.
    pub(super) fn unfinished(&self) -> String {
        format!(".{self}{UNFINISHED}")
    }
}

impl fmt::Display for CopyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.station, self.time, self.head)
    }
}

fn time_of(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).strftime(TIME).to_string()
}

/// A station's name as it may stand in the name of a file on any disk, a stick with FAT included.
fn plain(station: &str) -> String {
    let keep = |letter: char| {
        if letter.is_ascii_alphanumeric() || ".-".contains(letter) { letter } else { '-' }
    };
    let name: String = station.chars().map(keep).take(64).collect();
    let name = name.trim_start_matches('.').to_owned();
    if name.is_empty() { "kartu".to_owned() } else { name }
}

/// The whole copies of a station in a folder, the oldest first.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path, station: &str) -> io::Result<Vec<(CopyName, PathBuf)>> {
    let mut copies = list_all(folder)?;
    copies.retain(|(name, _)| name.is_of(station));
    Ok(copies)
}

/// The whole copies of all stations in a folder, the oldest first.
pub(super) fn list_all(folder: &Path) -> io::Result<Vec<(CopyName, PathBuf)>> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().and_then(CopyName::read) {
            copies.push((name, entry.path()));
        }
    }
    copies.sort_by(|(one, _), (two, _)| (&one.time, one).cmp(&(&two.time, two)));
    Ok(copies)
}

/// What could not be removed. It never keeps a new copy from being made.
#[derive(Debug)]
pub struct NotRemoved {
    /// The folder, which holds personal data.
    pub path: PathBuf,
    /// Why.
    pub why: io::Error,
}

/// What became of the copies beyond those that stay.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    /// The names of those that are gone.
    pub removed: Vec<String>,
    pub not_removed: Vec<NotRemoved>,
}

/// Removes the oldest copies of a station beyond `keep`. `made` stays: it is the newest, even if the clock was set back since
/// the others were made. So do those of another station of the same name.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn remove_beyond(
    folder: &Path,
    station: &str,
    keep: usize,
    made: &CopyName,
    is_anothers: &dyn Fn(&Path) -> bool,
) -> io::Result<Beyond> {
    let mut copies = list(folder, station)?;
    copies.retain(|(name, path)| name != made && !is_anothers(path));
    let beyond = copies.len().saturating_sub(keep.max(1) - 1);
    let mut done = Beyond::default();
    for (name, path) in copies.into_iter().take(beyond) {
        match remove(folder, &name, &path) {
            Ok(()) => done.removed.push(name.to_string()),
            Err(not_removed) => done.not_removed.push(not_removed),
        }
    }
    Ok(done)
}

/// A copy that is half removed must not look whole. One that somebody else owns stays as it is, and under its name.
fn remove(folder: &Path, name: &CopyName, path: &Path) -> Result<(), NotRemoved> {
    let not_removed = |path: &Path, why: io::Error| NotRemoved { path: path.to_owned(), why };
    rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| not_removed(path, error.into()))?;
    let leaving = folder.join(format!(".{name}{LEAVING}"));
    fs::rename(path, &leaving).map_err(|error| not_removed(path, error))?;
    fs::remove_dir_all(&leaving).map_err(|error| not_removed(&leaving, error))
}

/// Removes what interrupted runs for this station left, unless another run is still writing it. Returns what stays.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn remove_rests(folder: &Path, station: &str) -> io::Result<Vec<NotRemoved>> {
    let mut not_removed = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix('.')) else { continue };
        let copy = name.strip_suffix(UNFINISHED).or_else(|| name.strip_suffix(LEAVING));
        let is_rest = copy.and_then(CopyName::read).is_some_and(|copy| copy.is_of(station));
        let path = entry.path();
        if is_rest
            && !is_locked(&path)
            && let Err(why) = fs::remove_dir_all(&path)
        {
            not_removed.push(NotRemoved { path, why });
        }
    }
    Ok(not_removed)
}

fn is_locked(folder: &Path) -> bool {
    let Ok(open) = File::open(folder) else { return false };
    matches!(open.try_lock(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(station: &str, second: i64) -> CopyName {
        let head = Head { seq: 42, hash: [0xab; 32] };
        CopyName::of(station, Timestamp::from_second(second).unwrap(), head)
    }

    #[test]
    fn a_name_is_read_as_it_was_written_and_nothing_else_is_one() {
        let copy = name("loket 1/timur", 1_772_416_800);
        assert_eq!(copy.to_string(), "loket-1-timur_20260302T020000Z_42-abababababababab");
        assert_eq!(CopyName::read(&copy.to_string()), Some(copy.clone()));
        assert!(copy.is_of("loket 1/timur") && !copy.is_of("loket"));
        let empty = CopyName::of("..", Timestamp::UNIX_EPOCH, crate::ledger::head::START);
        assert_eq!(CopyName::read(&empty.to_string()), Some(empty));
        for other in [
            "",
            "_",
            "a_b_c",
            ".a_20260302T020000Z_1-ab.part",
            "a_20260302T02000Z_1",
            "a_20260302T020000Z_x",
            "ä_20260302T020000Z_1-ab",
        ] {
            assert_eq!(CopyName::read(other), None, "{other}");
        }
    }

    #[test]
    fn the_oldest_of_this_station_go_and_the_newest_stays() {
        let dir = tempfile::TempDir::new().unwrap();
        for (station, second) in [("a", 10), ("a", 30), ("a", 20), ("a_b", 5), ("b", 1)] {
            fs::create_dir(dir.path().join(name(station, second).to_string())).unwrap();
        }
        fs::create_dir(dir.path().join("somebody's")).unwrap();
        let removed = |keep, made| {
            remove_beyond(dir.path(), "a", keep, &name("a", made), &|_| false).unwrap().removed
        };
        assert_eq!(removed(2, 30), [name("a", 10).to_string()]);
        assert_eq!(removed(0, 20), [name("a", 30).to_string()], "it was made by a clock ahead");
        assert_eq!(list(dir.path(), "a").unwrap().len(), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "others' copies stay");
    }

    #[test]
    fn the_rest_of_an_interrupted_copy_goes_unless_somebody_writes_it() {
        let dir = tempfile::TempDir::new().unwrap();
        let rests = [name("a", 1), name("a", 2)].map(|copy| dir.path().join(copy.unfinished()));
        rests.iter().for_each(|rest| fs::create_dir(rest).unwrap());
        let writing = File::open(&rests[1]).unwrap();
        writing.lock().unwrap();
        let stuck = dir.path().join(name("a", 3).unfinished());
        fs::write(&stuck, "no folder, so it cannot be removed as one").unwrap();
        let stays = remove_rests(dir.path(), "a").unwrap();
        assert_eq!(stays.iter().map(|one| &one.path).collect::<Vec<_>>(), [&stuck]);
        assert_eq!((rests[0].exists(), rests[1].exists()), (false, true));
        assert!(list(dir.path(), "a").unwrap().is_empty(), "neither looks whole");
    }
}
