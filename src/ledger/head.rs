//! The end of the chain, kept beside the ledger (`ledger.head`): tells a ledger that lost its end from a whole one.
//! Knows no table.
//!
//! A chain cannot show that its end was cut off. So after every sync the writer notes number and hash of the last line
//! in a small file, in place and without a sync of its own: after a power cut it may be older than the ledger, never
//! newer. A ledger that ends before its head has lost lines that were acknowledged, and would print cards again.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::chain::{self, Hash};

/// Number and hash of a line, as `SEQ:HASH`; an upstream system may keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The line's number; 0: no line yet.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Before the first line.
pub const START: Head = Head { seq: 0, hash: chain::START };

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, chain::hex(&self.hash))
    }
}

/// Not `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a head is SEQ:HASH, a number and 64 hexadecimal digits, as `kartud ledger verify` prints it"
)]
pub struct NoHead;

impl FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (seq, digits) = text.split_once(':').ok_or(NoHead)?;
        let digits = digits.as_bytes();
        if digits.len() != 64 || !seq.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NoHead);
        }
        let mut hash = chain::START;
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            let nibble = |digit: u8| char::from(digit).to_digit(16).ok_or(NoHead);
            let value = nibble(pair[0])? * 16 + nibble(pair[1])?;
            *byte = u8::try_from(value).map_err(|_| NoHead)?;
        }
        Ok(Head { seq: seq.parse().map_err(|_| NoHead)?, hash })
    }
}

/// Where the head of a ledger lies.
pub(super) fn path_of(ledger: &Path) -> PathBuf {
    ledger.with_extension("head")
}

/// `None` where no file is; what is no head is an error, never a head.
pub(super) fn read(ledger: &Path) -> io::Result<Option<Head>> {
    let text = match std::fs::read(path_of(ledger)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let line = text.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
    let head = line.and_then(|line| line.parse().ok());
    head.map(Some).ok_or(io::Error::new(io::ErrorKind::InvalidData, "it holds no head"))
}

/// A number of twenty digits, a colon, a hash, a line feed.
const LINE_BYTES: u64 = 20 + 1 + 64 + 1;

/// The file that the writer keeps up to date.
pub(super) struct HeadFile(File);

impl HeadFile {
    /// Opens it where it holds this head, or makes it and syncs it and its name: from then on it is only written in
    /// place.
    pub fn open(ledger: &Path, head: &Head) -> io::Result<HeadFile> {
        let path = path_of(ledger);
        let known = read(ledger).ok().flatten();
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        let opened = HeadFile(file);
        if known == Some(*head) {
            return Ok(opened);
        }
        opened.0.set_len(LINE_BYTES)?;
        opened.write(head)?;
        opened.0.sync_all()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(opened)
    }

    /// Always the same length, within one sector: a power cut leaves the old or the new one.
    pub fn write(&self, head: &Head) -> io::Result<()> {
        let line = format!("{:020}:{}\n", head.seq, chain::hex(&head.hash));
        self.0.write_all_at(line.as_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let dir = tempfile::TempDir::new().unwrap();
        let ledger = dir.path().join("ledger.db");
        assert_eq!(read(&ledger).unwrap(), None);
        let file = HeadFile::open(&ledger, &START).unwrap();
        assert_eq!(read(&ledger).unwrap(), Some(START));
        let head = Head { seq: u64::MAX, hash: [0xA7; 32] };
        file.write(&head).unwrap();
        assert_eq!(read(&ledger).unwrap(), Some(head));
        assert_eq!(head.to_string().parse(), Ok(head));
        for wrong in ["", "\n", "1:ab\n", "-1:aa", &"0".repeat(86)] {
            std::fs::write(path_of(&ledger), wrong).unwrap();
            assert!(read(&ledger).is_err(), "{wrong:?}");
        }
    }
}
