//! Files with personal data or secrets: readable by their owner only, and never written through a symbolic link that
//! somebody else has placed. The daemon and the emulated machines create all such files here.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown, lchown,
};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Readable and writable by the owner only.
const FILE_MODE: u32 = 0o600;
/// Accessible by the owner only.
const FOLDER_MODE: u32 = 0o700;

/// Creates a folder and its missing parents, for the owner only. An existing folder is left unchanged.
///
/// # Errors
/// The system's error.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

/// Creates a file and opens it for reading and writing.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if anything has that name, even a dangling symbolic link.
pub fn make_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(path)
}

/// Opens an existing file for reading and writing.
///
/// # Errors
/// Symbolic links and anything that is no regular file are refused.
pub fn open(path: &Path) -> io::Result<File> {
    // A FIFO would block the caller without O_NONBLOCK.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::LOOP) => io::Error::other("this is a symbolic link"),
        _ => error,
    })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("this is no regular file"));
    }
    Ok(file)
}

/// Opens a file for appending, and creates it if it is missing.
///
/// # Errors
/// As [`open`].
pub fn append(path: &Path) -> io::Result<File> {
    match make_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut file = open(path)?;
            file.seek(io::SeekFrom::End(0))?;
            Ok(file)
        }
        made => made,
    }
}

/// Replaces the file of this name, completely or not at all. A symbolic link of that name is replaced, not followed.
///
/// # Errors
/// The system's error; the old file is then unchanged.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    put_in_place(path, content, |_| Ok(()))
}

/// Replaces the file, and syncs it before returning: a power cut leaves either the old file or the new one.
///
/// # Errors
/// The system's error; the old file is then unchanged, or already replaced.
pub fn replace_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    put_in_place(path, content, File::sync_all)?;
    sync_folder_of(path)
}

/// Replaces an existing file that others may read, keeps its owner and its mode, and syncs it.
///
/// # Errors
/// The system's error; the old file is then unchanged, or already replaced.
pub fn replace_same_access(path: &Path, content: &[u8]) -> io::Result<()> {
    let before = fs::metadata(path)?;
    put_in_place(path, content, |file| {
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
            fchown(file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(before.permissions())?;
        file.sync_all()
    })?;
    sync_folder_of(path)
}

/// Gives a file that root created to the owner of its folder; a file of anybody else stays as it is. A command that a
/// technician runs as root must not leave files that the station cannot open.
///
/// # Errors
/// The system's error; that there is no such file is none.
pub fn give_to_owner_of_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    give_to_owner_of(folder.unwrap_or(Path::new(".")), path)
}

/// Gives a file or folder that root created to the owner of another one; what anybody else created stays as it is.
///
/// # Errors
/// The system's error; that there is no such file is none.
pub fn give_to_owner_of(other: &Path, path: &Path) -> io::Result<()> {
    let file = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let other = fs::metadata(other)?;
    if file.uid() != 0 || other.uid() == 0 {
        return Ok(());
    }
    lchown(path, Some(other.uid()), Some(other.gid()))
}

/// Syncs the folder of a file, so that the names in it are on the disk when this returns.
///
/// # Errors
/// The system's error.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn put_in_place(
    path: &Path,
    content: &[u8],
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let beside = unfinished(path);
    // A power cut may have left it behind, or somebody may have placed it: remove the name, not its target.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = make_new(&beside)?;
    let written = file.write_all(content).and_then(|()| finish(&file));
    let placed = written.and_then(|()| fs::rename(&beside, path));
    if placed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    placed
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_laid_down_is_for_its_owner_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let folder = dir.path().join("a/b");
        make_folder(&folder).unwrap();
        make_folder(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&dir.path().join("a"))), (0o700, 0o700));
        let path = folder.join("face.png");
        fs::write(&path, "old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"new"[..], 0o600));
        replace_synced(&path, b"newer").unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(mode(&path), 0o600);
        assert!(make_new(&path).is_err() && open(&path).is_ok());
    }

    #[test]
    fn a_symbolic_link_is_never_written_through() {
        let dir = tempfile::TempDir::new().unwrap();
        let (other, path) = (dir.path().join("other"), dir.path().join("mine"));
        fs::write(&other, "somebody's").unwrap();
        for lead in [other.clone(), dir.path().join("nowhere")] {
            symlink(&lead, &path).unwrap();
            symlink(&lead, unfinished(&path)).unwrap();
            assert!(make_new(&path).is_err());
            assert!(open(&path).is_err());
            replace(&path, b"mine").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"mine");
            assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(fs::read(&other).unwrap(), b"somebody's");
        assert!(!dir.path().join("nowhere").exists());
    }

    #[test]
    fn a_file_that_others_read_stays_readable_when_it_is_replaced() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("kartud.toml");
        assert!(replace_same_access(&path, b"new").is_err(), "there is nothing to replace");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace_same_access(&path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"new"[..], 0o644));
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let dir = tempfile::TempDir::new().unwrap();
        assert!(open(dir.path()).is_err());
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
        assert!(open(&fifo).is_err());
    }
}
