//! Files that were named on the command line: read completely, or refused with the file's name and what to do.

use std::io::{Error, ErrorKind, Read as _};
use std::path::Path;

use anyhow::anyhow;
use drivers::text::Text;

use super::client::own;

/// Larger than any file that a command takes: a job with its photo in base64, a photo, a list of keys.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads a whole file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let told = |error: &Error| anyhow!("{}: {}", path.display(), own(&unreadable(error)));
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| told(&error))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(told(&ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

/// Reads a whole text file.
pub(super) fn read_text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| {
        anyhow!("{}: {}", path.display(), own(&unreadable(&ErrorKind::InvalidData.into())))
    })
}

/// Why a file cannot be read, and what to do.
pub(super) fn unreadable(error: &Error) -> Text {
    let (id, en) = match error.kind() {
        ErrorKind::NotFound => {
            ("berkas ini tidak ada. Periksa namanya.", "there is no such file. Check its name.")
        }
        ErrorKind::IsADirectory => (
            "ini folder, bukan berkas. Tulis berkas di dalamnya.",
            "this is a folder. Name the file in it.",
        ),
        ErrorKind::PermissionDenied => (
            "pengguna ini tidak boleh membacanya. Periksa pemilik dan haknya.",
            "this user may not read it. Check its owner and mode.",
        ),
        ErrorKind::InvalidData => (
            "ini bukan teks UTF-8. Simpan ulang sebagai teks.",
            "this is no text in UTF-8. Save it as one.",
        ),
        ErrorKind::FileTooLarge => (
            "berkas ini terlalu besar. Periksa apakah ini berkas yang benar.",
            "this file is too large. See whether it is the right one.",
        ),
        ErrorKind::InvalidInput => (
            "ini bukan berkas biasa (pipa atau perangkat). Tulis berkas biasa.",
            "this is no regular file (a pipe or a device). Name a regular file.",
        ),
        kind => {
            return Text::new(
                format!("tidak terbaca: {kind}."),
                format!("cannot be read: {kind}."),
            );
        }
    };
    Text::fixed(id, en)
}
