//! Reads SQLite's log (`-wal`) to distinguish a torn end from damage. Pure: bytes in, a verdict out; knows no table.
//!
//! SQLite drops everything from the first frame whose checksum is wrong (file format, section 4, "The Write-Ahead
//! Log"). That is right for the last transaction if a power cut tore it: it was never synced, and nobody was told that
//! it is stored. It is wrong for damage in the middle, because acknowledged transactions after it would silently
//! vanish.
//!
//! If the head (`head.rs`) were synced with every group of jobs, it would show the same loss, and this file would be
//! unnecessary. That was measured with `tests/bench/intake` (photo inspected after the answer; medians of alternating
//! runs): 69 jobs/s become 42 with one client, and with 64 clients on a disk that takes 5 ms per sync 385 become 277.
//! So the head stays unsynced, and the log is read at the start.

use std::io::{self, Read};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The lowest bit gives the byte order of the checksums.
const MAGIC: u32 = 0x377F_0682;
const VERSION: u32 = 3_007_000;

/// The state of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// It contains nothing.
    Empty,
    /// It ends with a complete transaction; anything after that belongs to older generations, or was rolled back.
    Whole,
    /// It ends in a transaction that never completed; SQLite drops it.
    Torn,
    /// This frame (from 1; 0: the header) is wrong, and transactions that were synced later follow it.
    Damaged {
        /// The frame.
        frame: u32,
    },
}

type Sums = [u32; 2];

struct Frame {
    salts: [u8; 8],
    /// Does it end a transaction?
    commits: bool,
    stored: Sums,
    /// The checksummed part: the first eight bytes and the page.
    head: [u8; 8],
    page: Vec<u8>,
}

/// Reads a log from its beginning. `page_bytes` is used only if the log's own header cannot be read.
///
/// # Errors
/// The reader's.
pub fn examine(mut log: impl Read, page_bytes: usize) -> io::Result<Log> {
    let mut header = [0; HEADER_BYTES];
    match fill(&mut log, &mut header)? {
        0 => return Ok(Log::Empty),
        HEADER_BYTES => {}
        _ => return Ok(Log::Torn),
    }
    match Header::read(&header) {
        Some(header) => examine_frames(&mut log, &header),
        None => examine_headless(&mut log, page_bytes),
    }
}

struct Header {
    big_endian: bool,
    page_bytes: usize,
    salts: [u8; 8],
    sums: Sums,
}

impl Header {
    /// `None`: SQLite would treat the log as empty.
    fn read(bytes: &[u8; HEADER_BYTES]) -> Option<Header> {
        let magic = word(bytes, 0);
        let page_bytes = word(bytes, 8) as usize;
        let big_endian = magic & 1 == 1;
        let sums = sum(big_endian, [0, 0], &bytes[..24]);
        let good = magic & !1 == MAGIC
            && word(bytes, 4) == VERSION
            && page_bytes.is_power_of_two()
            && (512..=65_536).contains(&page_bytes)
            && sums == [word(bytes, 24), word(bytes, 28)];
        let mut salts = [0; 8];
        salts.copy_from_slice(&bytes[16..24]);
        good.then_some(Header { big_endian, page_bytes, salts, sums })
    }
}

fn examine_frames(log: &mut impl Read, header: &Header) -> io::Result<Log> {
    let (mut number, mut sums, mut finished) = (0_u32, header.sums, true);
    let mut last = loop {
        number = number.saturating_add(1);
        let Some(frame) = Frame::read(log, header.page_bytes)? else {
            return Ok(if finished { Log::Whole } else { Log::Torn });
        };
        if frame.salts != header.salts || !frame.follows(header.big_endian, sums) {
            finished &= frame.salts != header.salts;
            break frame;
        }
        (sums, finished) = (frame.stored, frame.commits);
    };
    // This is the first frame that SQLite does not accept. The writer continues the checksum from the previous frame,
    // and begins a transaction only when the one before is synced. So a later frame that continues from the end of a
    // transaction shows that this transaction was synced, and is lost.
    while let Some(frame) = Frame::read(log, header.page_bytes)? {
        let goes_on = frame.salts == header.salts && frame.follows(header.big_endian, last.stored);
        if goes_on && last.commits {
            return Ok(Log::Damaged { frame: number });
        }
        last = frame;
    }
    Ok(if finished { Log::Whole } else { Log::Torn })
}

/// A header is synced before the first frame after it, and 32 bytes are not torn: if frames follow whose checksums
/// continue from each other, the header is damaged.
fn examine_headless(log: &mut impl Read, page_bytes: usize) -> io::Result<Log> {
    let Some(mut last) = Frame::read(log, page_bytes)? else { return Ok(Log::Torn) };
    // With a single frame no checksum can be continued; but if there is a page, there was a header.
    let mut wrote = last.commits && last.salts != [0; 8];
    while let Some(frame) = Frame::read(log, page_bytes)? {
        let same = frame.salts == last.salts && frame.salts != [0; 8];
        wrote |= same && [false, true].iter().any(|&big| frame.follows(big, last.stored));
        last = frame;
    }
    Ok(if wrote { Log::Damaged { frame: 0 } } else { Log::Torn })
}

impl Frame {
    /// `None` at the end, or before an incomplete frame.
    fn read(log: &mut impl Read, page_bytes: usize) -> io::Result<Option<Frame>> {
        let mut header = [0; FRAME_HEADER_BYTES];
        if fill(log, &mut header)? < FRAME_HEADER_BYTES {
            return Ok(None);
        }
        let mut page = vec![0; page_bytes];
        if fill(log, &mut page)? < page_bytes {
            return Ok(None);
        }
        let (mut head, mut salts) = ([0; 8], [0; 8]);
        head.copy_from_slice(&header[..8]);
        salts.copy_from_slice(&header[8..16]);
        let stored = [word(&header, 16), word(&header, 20)];
        Ok(Some(Frame { salts, commits: word(&header, 4) != 0, stored, head, page }))
    }

    fn follows(&self, big_endian: bool, before: Sums) -> bool {
        let sums = sum(big_endian, sum(big_endian, before, &self.head), &self.page);
        word(&self.head, 0) != 0 && sums == self.stored
    }
}

fn sum(big_endian: bool, before: Sums, bytes: &[u8]) -> Sums {
    let read = if big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    let [mut one, mut two] = before;
    for pair in bytes.as_chunks::<8>().0 {
        let [a, b, c, d, e, f, g, h] = *pair;
        one = one.wrapping_add(read([a, b, c, d])).wrapping_add(two);
        two = two.wrapping_add(read([e, f, g, h])).wrapping_add(one);
    }
    [one, two]
}

/// A big-endian number of the format; zero if it is missing.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_be_bytes(*four))
}

/// Reads until the buffer is full or the file ends.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match from.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;

    const PAGE: usize = 512;
    const FRAME: usize = PAGE + FRAME_HEADER_BYTES;

    /// A log that SQLite wrote: five transactions of several pages each.
    fn real() -> &'static [u8] {
        static LOG: OnceLock<Vec<u8>> = OnceLock::new();
        LOG.get_or_init(|| {
            let dir = tempfile::TempDir::new().unwrap();
            let path = dir.path().join("x.db");
            let c = Connection::open(&path).unwrap();
            c.pragma_update(None, "page_size", PAGE).unwrap();
            c.pragma_update(None, "journal_mode", "WAL").unwrap();
            c.execute_batch("CREATE TABLE t (a)").unwrap();
            for n in 0..4 {
                c.execute("INSERT INTO t VALUES (randomblob(?1))", [1200 + n]).unwrap();
            }
            std::fs::read(dir.path().join("x.db-wal")).unwrap()
        })
    }

    fn commits() -> Vec<bool> {
        real()[HEADER_BYTES..].chunks(FRAME).map(|frame| word(frame, 4) != 0).collect()
    }

    fn verdict(log: &[u8]) -> Log {
        examine(log, PAGE).unwrap()
    }

    #[test]
    fn a_whole_log_is_whole_and_one_that_ends_early_is_torn() {
        assert_eq!(verdict(real()), Log::Whole);
        assert_eq!(verdict(&[]), Log::Empty);
        let commits = commits();
        assert!(commits.len() > 10, "{commits:?}");
        for end in HEADER_BYTES..real().len() {
            let frames = (end - HEADER_BYTES) / FRAME;
            let finished = frames == 0 || commits[frames - 1];
            let expected = if finished { Log::Whole } else { Log::Torn };
            assert_eq!(verdict(&real()[..end]), expected, "cut at {end}");
        }
    }

    /// Flips every bit of three bytes of every frame, and every byte of the header.
    #[test]
    fn a_flipped_bit_is_a_torn_end_in_the_last_transaction_and_damage_before_it() {
        let commits = commits();
        let last_begins = commits[..commits.len() - 1].iter().rposition(|&c| c).unwrap() + 1;
        for frame in 0..commits.len() {
            for (within, bit) in (0..8).flat_map(|bit| [(0, bit), (30, bit), (400, bit)]) {
                let mut log = real().to_vec();
                log[HEADER_BYTES + frame * FRAME + within] ^= 1 << bit;
                let expected = match frame {
                    frame if frame >= last_begins => Log::Torn,
                    frame => Log::Damaged { frame: frame as u32 + 1 },
                };
                assert_eq!(verdict(&log), expected, "frame {frame}, byte {within}, bit {bit}");
            }
        }
        for at in 0..HEADER_BYTES {
            let mut log = real().to_vec();
            log[at] ^= 0x10;
            assert_eq!(verdict(&log), Log::Damaged { frame: 0 }, "header byte {at}");
        }
    }

    #[test]
    fn pages_of_an_older_generation_behind_the_end_are_no_damage() {
        let mut log = real().to_vec();
        let begin = HEADER_BYTES + 2 * FRAME;
        for frame in log[begin..].chunks_mut(FRAME) {
            frame[8] ^= 0xFF;
        }
        let expected = if commits()[1] { Log::Whole } else { Log::Torn };
        assert_eq!(verdict(&log), expected);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(
            noise in proptest::collection::vec(any::<u8>(), 0..2000),
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let _ = verdict(&noise);
            let mut log = real().to_vec();
            for (at, mask) in flips {
                let at = at.index(log.len());
                log[at] ^= mask;
            }
            let cut = cut.index(log.len());
            let _ = verdict(&log[..cut]);
            log.extend(noise);
            let _ = verdict(&log);
        }
    }
}
