//! What `kartud init` made and what it found: a line for each, and to whom it belongs.

use std::os::unix::fs::{MetadataExt as _, chown, lchown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use drivers::text::Text;

use crate::cli::client::own;

/// Counts what was made.
#[derive(Default)]
pub(super) struct Made(usize);

impl Made {
    /// Something new.
    pub(super) fn added(&mut self, place: &Path, words: Text) -> anyhow::Result<()> {
        self.0 += 1;
        self.kept(place, words)
    }

    /// Something that was there, or could not be made.
    pub(super) fn kept(&self, place: &Path, words: Text) -> anyhow::Result<()> {
        say!("{}: {}", place.display(), own(&words))?;
        Ok(())
    }

    pub(super) fn is_anything(&self) -> bool {
        self.0 > 0
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn folder_of(ledger: &Path) -> &Path {
    ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// As root: gives the files to the owner of the ledger's folder, because the service that runs as that user must open them.
pub(super) fn of_the_folder(
    ledger: &Path,
    files: impl Iterator<Item = PathBuf>,
) -> anyhow::Result<()> {
    if !is_root() {
        return Ok(());
    }
    let folder = std::fs::metadata(folder_of(ledger))?;
    for file in files.filter(|file| file.symlink_metadata().is_ok()) {
        lchown(&file, Some(folder.uid()), Some(folder.gid()))
            .with_context(|| format!("{} cannot be given to its owner", file.display()))?;
    }
    Ok(())
}

/// As root: lets the group of the ledger's folder read a file that stays root's.
pub(super) fn readable_by_the_service(file: &Path, ledger: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if !is_root() {
        return Ok(());
    }
    let told = || format!("{} cannot be made readable for the service", file.display());
    let folder = std::fs::metadata(folder_of(ledger)).with_context(told)?;
    chown(file, None, Some(folder.gid())).with_context(told)?;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o640)).with_context(told)
}
