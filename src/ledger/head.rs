//! The end of the chain, stored beside the ledger (`ledger.head`): distinguishes a ledger that lost its end from a
//! complete one. Knows no table.
//!
//! A chain cannot show that its end was cut off. So after every sync the writer stores number and hash of the last line
//! in a small file, in place and without a sync of its own: after a power cut it may be older than the ledger, never
//! newer. A ledger that ends before its head has lost acknowledged lines, and would print cards again.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base16ct::lower::encode_string as hex;
use drivers::private_file;

use super::chain::{self, Hash};

/// Number and hash of a line, as `SEQ:HASH`; an upstream system may store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The line's number; 0: no line yet.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The head before the first line.
pub const START: Head = Head { seq: 0, hash: chain::START };

/// Digits of a line's hash in the name of an event.
const EVENT_DIGITS: usize = 16;

impl Head {
    /// The line's name as an event: `SEQ-HASH16`, or `0` before the first line. A line of the same number in another
    /// ledger, or a rewritten one, has another name.
    pub fn event_id(&self) -> String {
        if self.seq == 0 {
            return "0".to_owned();
        }
        let mut hash = hex(&self.hash);
        hash.truncate(EVENT_DIGITS);
        format!("{}-{hash}", self.seq)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex(&self.hash))
    }
}

/// The text is not `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a head is SEQ:HASH, a number and 64 hexadecimal digits, as `kartud ledger verify` prints it, or the id of an event, SEQ-HASH with 16 digits"
)]
pub struct NoHead;

impl FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (seq, digits) = text.split_once(':').ok_or(NoHead)?;
        let mut hash = chain::START;
        if digits.len() != 2 * hash.len() || !seq.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NoHead);
        }
        base16ct::mixed::decode(digits, &mut hash).map_err(|_| NoHead)?;
        Ok(Head { seq: seq.parse().map_err(|_| NoHead)?, hash })
    }
}

/// A line that somebody kept elsewhere: as [`Head`], or as the id of its event, which has the first digits of the hash only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownHead {
    /// The line's number.
    pub seq: u64,
    hash: Hash,
    /// So many bytes of the hash are known.
    bytes: usize,
}

impl KnownHead {
    /// Is this the hash of that line, as far as it is known?
    pub fn is_of(&self, hash: &Hash) -> bool {
        self.hash[..self.bytes] == hash[..self.bytes]
    }
}

impl From<Head> for KnownHead {
    fn from(head: Head) -> KnownHead {
        KnownHead { seq: head.seq, hash: head.hash, bytes: head.hash.len() }
    }
}

impl FromStr for KnownHead {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let Some((seq, digits)) = text.split_once('-') else {
            return Head::from_str(text).map(Into::into);
        };
        if digits.len() != EVENT_DIGITS || !seq.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NoHead);
        }
        let mut hash = chain::START;
        let bytes = EVENT_DIGITS / 2;
        base16ct::mixed::decode(digits, &mut hash[..bytes]).map_err(|_| NoHead)?;
        Ok(KnownHead { seq: seq.parse().map_err(|_| NoHead)?, hash, bytes })
    }
}

/// The path of a ledger's head.
pub(super) fn path_of(ledger: &Path) -> PathBuf {
    ledger.with_extension("head")
}

/// `None` if there is no file; a file without a valid head is an error.
///
/// The file has two slots that are written in turn, each with its own checksum. A power cut tears the slot that was
/// being written, which its checksum shows; the other slot holds the previous head, which is valid too. Older files had
/// one line instead of slots; they are still read.
pub(super) fn read(ledger: &Path) -> io::Result<Option<Head>> {
    let bytes = match std::fs::read(path_of(ledger)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let newest = Slots::of(&bytes).newest().or_else(|| one_line(&bytes));
    newest.map(Some).ok_or(io::Error::new(io::ErrorKind::InvalidData, "it holds no head"))
}

/// The older form, without slots.
fn one_line(bytes: &[u8]) -> Option<Head> {
    std::str::from_utf8(bytes.strip_suffix(b"\n")?).ok()?.parse().ok()
}

/// A disk writes sectors of 512 or 4096 bytes, which may be torn, so the slots never share one.
const SLOT_AT: [usize; 2] = [0, 4096];
/// A number of twenty digits, a colon, a hash, a blank, a checksum, a line feed.
const SLOT_BYTES: usize = 20 + 1 + 64 + 1 + SUM_DIGITS + 1;
/// Digits of the SHA-256 of the text before it: a torn line matches by chance once in 2^64.
const SUM_DIGITS: usize = 16;

/// The content of each slot; `None`: it is torn, or empty.
struct Slots([Option<Head>; 2]);

impl Slots {
    fn of(bytes: &[u8]) -> Slots {
        Slots(SLOT_AT.map(|at| slot(bytes.get(at..at + SLOT_BYTES)?)))
    }

    fn newest(&self) -> Option<Head> {
        self.0.iter().flatten().max_by_key(|head| head.seq).copied()
    }

    /// The slot to write next: the one without the newest head.
    fn oldest(&self) -> usize {
        match self.0 {
            [Some(one), Some(two)] if one.seq > two.seq => 1,
            [Some(_), None] => 1,
            _ => 0,
        }
    }
}

fn slot(bytes: &[u8]) -> Option<Head> {
    let line = std::str::from_utf8(bytes.strip_suffix(b"\n")?).ok()?;
    let (head, sum) = line.split_once(' ')?;
    if sum_of(head) != sum {
        return None;
    }
    head.parse().ok()
}

/// All lines have the same length, so that a slot never holds the end of a longer one.
fn slot_line(head: &Head) -> String {
    let text = format!("{:020}:{}", head.seq, hex(&head.hash));
    let sum = sum_of(&text);
    format!("{text} {sum}\n")
}

fn sum_of(text: &str) -> String {
    let mut sum = chain::sha256_of(text);
    sum.truncate(SUM_DIGITS);
    sum
}

/// The open file, which the writer keeps up to date.
pub(super) struct HeadFile {
    file: File,
    path: PathBuf,
    next: usize,
}

impl HeadFile {
    /// Opens the file if both slots are valid and this is the newest head; otherwise it is recreated, and synced with
    /// its name before anything is written into it in place.
    pub fn open(ledger: &Path, head: &Head) -> io::Result<HeadFile> {
        let path = path_of(ledger);
        let known = std::fs::read(&path).map(|bytes| Slots::of(&bytes)).ok();
        let known = known.filter(|known| known.0.iter().all(Option::is_some));
        let next = match known {
            Some(known) if known.newest() == Some(*head) => known.oldest(),
            _ => {
                make(&path, head)?;
                0
            }
        };
        Ok(HeadFile { file: private_file::open(&path)?, path, next })
    }

    /// Writes to both slots in turn, in place, without a sync: after a power cut the head may be older than the ledger,
    /// never newer.
    pub fn write(&mut self, head: &Head) -> io::Result<()> {
        if !self.is_in_place() {
            make(&self.path, head)?;
            self.file = private_file::open(&self.path)?;
            tracing::warn!(head = %self.path.display(), "the ledger's head was taken away; it is made anew");
        }
        self.file.write_all_at(slot_line(head).as_bytes(), SLOT_AT[self.next] as u64)?;
        self.next = 1 - self.next;
        Ok(())
    }

    /// Does the name still refer to the open file?
    fn is_in_place(&self) -> bool {
        let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
        let named = std::fs::symlink_metadata(&self.path).map(identity);
        let held = self.file.metadata().map(identity);
        matches!((named, held), (Ok(named), Ok(held)) if named == held)
    }
}

fn make(path: &Path, head: &Head) -> io::Result<()> {
    let line = slot_line(head);
    let mut bytes = vec![0; SLOT_AT[1] + SLOT_BYTES];
    for at in SLOT_AT {
        bytes[at..at + SLOT_BYTES].copy_from_slice(line.as_bytes());
    }
    private_file::replace_synced(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seq: u64) -> Head {
        Head { seq, hash: [seq.to_le_bytes()[0]; 32] }
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let dir = tempfile::TempDir::new().unwrap();
        let ledger = dir.path().join("ledger.db");
        assert_eq!(read(&ledger).unwrap(), None);
        let mut file = HeadFile::open(&ledger, &START).unwrap();
        assert_eq!(read(&ledger).unwrap(), Some(START));
        for seq in (1..20).chain([u64::MAX]) {
            file.write(&of(seq)).unwrap();
            assert_eq!(read(&ledger).unwrap(), Some(of(seq)));
        }
        let head = of(u64::MAX);
        assert_eq!(head.to_string().parse(), Ok(head));
        for wrong in ["", "\n", "1:ab\n", "-1:aa", &"0".repeat(86), &"0".repeat(5000)] {
            std::fs::write(path_of(&ledger), wrong).unwrap();
            assert!(read(&ledger).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_line_is_known_by_its_whole_hash_or_by_its_event() {
        let head = of(7);
        for text in [head.to_string(), head.event_id()] {
            let known: KnownHead = text.parse().unwrap();
            assert!(known.seq == 7 && known.is_of(&head.hash) && !known.is_of(&[8; 32]), "{text}");
        }
        for wrong in ["7", "7-07", "-0707070707070707", "x-0707070707070707", "7-070707070707070x"]
        {
            assert!(wrong.parse::<KnownHead>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_one_line_of_before_is_read_and_becomes_two_slots() {
        let dir = tempfile::TempDir::new().unwrap();
        let ledger = dir.path().join("ledger.db");
        let line = format!("{:020}:{}\n", 7, hex(&[7; 32]));
        assert_eq!(line.len(), 86);
        std::fs::write(path_of(&ledger), &line).unwrap();
        assert_eq!(read(&ledger).unwrap(), Some(of(7)));
        drop(HeadFile::open(&ledger, &of(7)).unwrap());
        let bytes = std::fs::read(path_of(&ledger)).unwrap();
        assert_eq!(Slots::of(&bytes).0, [Some(of(7)); 2]);
    }

    /// Wherever a power cut tears a slot, the result is the new head or the previous one.
    #[test]
    fn a_head_that_is_torn_anywhere_is_known_as_torn() {
        let dir = tempfile::TempDir::new().unwrap();
        let ledger = dir.path().join("ledger.db");
        let path = path_of(&ledger);
        let mut file = HeadFile::open(&ledger, &START).unwrap();
        let mut before = std::fs::read(&path).unwrap();
        for seq in 1..=4 {
            file.write(&of(seq)).unwrap();
            let after = std::fs::read(&path).unwrap();
            let changed = before.iter().zip(&after).position(|(a, b)| a != b).unwrap();
            let begin = if changed < SLOT_AT[1] { SLOT_AT[0] } else { SLOT_AT[1] };
            for cut in 0..=SLOT_BYTES {
                let front = [&before[..begin], &after[begin..begin + cut], &before[begin + cut..]];
                let back = [&after[..begin], &before[begin..begin + cut], &after[begin + cut..]];
                let mut zeros = after.clone();
                zeros[begin + cut..begin + SLOT_BYTES].fill(0);
                for torn in [front.concat(), back.concat(), zeros] {
                    std::fs::write(&path, &torn).unwrap();
                    let read = read(&ledger).unwrap().unwrap();
                    assert!([of(seq), of(seq - 1), START].contains(&read), "{seq}, cut {cut}");
                    assert!(read.seq + 1 >= seq, "{seq}, cut {cut}: only the last one is lost");
                    // The next start repairs it.
                    drop(HeadFile::open(&ledger, &read).unwrap());
                    assert_eq!(super::read(&ledger).unwrap(), Some(read));
                }
                std::fs::write(&path, &after).unwrap();
            }
            file = HeadFile::open(&ledger, &of(seq)).unwrap();
            before = std::fs::read(&path).unwrap();
        }
    }

    #[test]
    fn a_head_that_is_taken_away_is_made_anew_by_who_knows_it() {
        let dir = tempfile::TempDir::new().unwrap();
        let ledger = dir.path().join("ledger.db");
        let mut file = HeadFile::open(&ledger, &of(3)).unwrap();
        std::fs::remove_file(path_of(&ledger)).unwrap();
        file.write(&of(4)).unwrap();
        assert_eq!(read(&ledger).unwrap(), Some(of(4)));
        std::fs::rename(path_of(&ledger), dir.path().join("kept")).unwrap();
        std::fs::copy(dir.path().join("kept"), path_of(&ledger)).unwrap();
        file.write(&of(5)).unwrap();
        assert_eq!(read(&ledger).unwrap(), Some(of(5)));
    }
}
