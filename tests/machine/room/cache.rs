//! A disk with a volatile write cache, and what a power cut leaves of it. Knows no protocol.
//!
//! What was flushed is on the disk. Of what was not, a cut leaves anything: nothing, all up to a moment, or any of the
//! writes in any order, each whole or torn between two sectors. A lying disk says that it has flushed and has not: what
//! a cut leaves of it is all up to a moment, so that the file system on it is whole and only older than it was told.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use fastrand::Rng;

/// A disk writes so much or nothing.
pub const SECTOR: usize = 512;

/// What the disk does when it is told to flush.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// It flushes.
    Honest,
    /// It says so.
    Lying,
}

/// A sector as it was written, by which of the writes.
struct Piece {
    write: u64,
    sector: u64,
    data: [u8; SECTOR],
}

/// A disk: its durable image, and what was written since it last flushed.
pub struct Disk {
    image: File,
    size: u64,
    cache: Cache,
    /// In the order of writing.
    unflushed: Vec<Piece>,
    /// Which of them holds a sector now.
    newest: BTreeMap<u64, usize>,
    writes: u64,
    flushes: u64,
}

/// What a cut left of the writes that were not flushed.
#[derive(Clone, Copy)]
enum Left {
    /// None of them.
    Nothing,
    /// All up to a moment.
    Prefix,
    /// Any of them.
    Some,
    /// Any of them, and any sectors of each.
    Torn,
}

impl Disk {
    /// A disk that was just switched on.
    pub fn new(image: File, cache: Cache) -> io::Result<Self> {
        let size = image.metadata()?.len() / SECTOR as u64 * SECTOR as u64;
        let (unflushed, newest) = (Vec::new(), BTreeMap::new());
        Ok(Self { image, size, cache, unflushed, newest, writes: 0, flushes: 0 })
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Is this a range of whole sectors on the disk?
    pub fn holds(&self, offset: u64, length: u64) -> bool {
        let whole = |number: u64| number.is_multiple_of(SECTOR as u64);
        whole(offset)
            && whole(length)
            && offset.checked_add(length).is_some_and(|end| end <= self.size)
    }

    /// Reads what was written last, flushed or not.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.image.read_exact_at(into, offset)?;
        let first = offset / SECTOR as u64;
        for (sector, &piece) in self.newest.range(first..first + (into.len() / SECTOR) as u64) {
            let at = (sector - first) as usize * SECTOR;
            into[at..at + SECTOR].copy_from_slice(&self.unflushed[piece].data);
        }
        Ok(())
    }

    /// Takes a write into the cache.
    pub fn write(&mut self, offset: u64, data: &[u8]) {
        self.writes += 1;
        for (sector, data) in (offset / SECTOR as u64..).zip(data.chunks_exact(SECTOR)) {
            self.newest.insert(sector, self.unflushed.len());
            let data = data.try_into().expect("a chunk is a sector");
            self.unflushed.push(Piece { write: self.writes, sector, data });
        }
    }

    /// What was written before is durable, or is said to be.
    pub fn flush(&mut self) -> io::Result<()> {
        self.flushes += 1;
        match self.cache {
            Cache::Honest => self.keep(|_| true),
            Cache::Lying => Ok(()),
        }
    }

    /// Switched off in order: every disk then writes what it holds.
    pub fn switched_off(mut self) -> io::Result<String> {
        let unflushed = self.unflushed.len();
        self.keep(|_| true)?;
        Ok(self.told("switched off", unflushed, unflushed))
    }

    /// The power fails now.
    pub fn power_cut(mut self, chance: &mut Rng) -> io::Result<String> {
        let left = match self.cache {
            Cache::Lying => Left::Prefix,
            Cache::Honest => {
                [Left::Nothing, Left::Prefix, Left::Some, Left::Torn][chance.usize(..4)]
            }
        };
        let unflushed = self.unflushed.len();
        let chosen = self.chosen(left, chance);
        let kept = chosen.iter().filter(|&&kept| kept).count();
        self.keep(|piece| chosen[piece])?;
        let name = match left {
            Left::Nothing => "nothing left",
            Left::Prefix => "cut at a moment",
            Left::Some => "any writes left",
            Left::Torn => "any sectors left",
        };
        Ok(self.told(name, unflushed, kept))
    }

    /// Of every piece, in order: did it reach the disk?
    fn chosen(&self, left: Left, chance: &mut Rng) -> Vec<bool> {
        let share = chance.f64();
        let moment = chance.usize(..=self.unflushed.len());
        let (mut write, mut whole) = (0, false);
        let mut choose = |(number, piece): (usize, &Piece)| match left {
            Left::Nothing => false,
            Left::Prefix => number < moment,
            Left::Torn => chance.f64() < share,
            Left::Some => {
                if piece.write != write {
                    (write, whole) = (piece.write, chance.f64() < share);
                }
                whole
            }
        };
        self.unflushed.iter().enumerate().map(&mut choose).collect()
    }

    /// Writes the chosen pieces in their order, and forgets all of them.
    fn keep(&mut self, chosen: impl Fn(usize) -> bool) -> io::Result<()> {
        for (number, piece) in self.unflushed.iter().enumerate() {
            if chosen(number) {
                self.image.write_all_at(&piece.data, piece.sector * SECTOR as u64)?;
            }
        }
        self.unflushed.clear();
        self.newest.clear();
        Ok(())
    }

    fn told(&self, end: &str, unflushed: usize, kept: usize) -> String {
        let Self { writes, flushes, .. } = self;
        format!(
            "{{\"end\": \"{end}\", \"writes\": {writes}, \"flushes\": {flushes}, \
             \"unflushed_sectors\": {unflushed}, \"kept_sectors\": {kept}}}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTORS: u64 = 64;

    fn disk(cache: Cache) -> (Disk, File) {
        let image = tempfile::tempfile().unwrap();
        image.set_len(SECTORS * SECTOR as u64).unwrap();
        (Disk::new(image.try_clone().unwrap(), cache).unwrap(), image)
    }

    fn write(disk: &mut Disk, sector: u64, value: u8, sectors: usize) {
        disk.write(sector * SECTOR as u64, &vec![value; sectors * SECTOR]);
    }

    /// The first byte of every sector.
    fn lies_on(image: &File) -> Vec<u8> {
        let read = |sector: u64| {
            let mut byte = [0];
            image.read_exact_at(&mut byte, sector * SECTOR as u64).unwrap();
            byte[0]
        };
        (0..SECTORS).map(read).collect()
    }

    #[test]
    fn what_was_flushed_survives_every_cut() {
        for seed in 0..200 {
            let (mut disk, image) = disk(Cache::Honest);
            write(&mut disk, 3, 7, 2);
            disk.flush().unwrap();
            write(&mut disk, 10, 8, 2);
            disk.power_cut(&mut Rng::with_seed(seed)).unwrap();
            assert_eq!(lies_on(&image)[3..5], [7, 7], "seed {seed}");
        }
    }

    #[test]
    fn a_cut_leaves_any_of_the_rest_in_any_order() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..400 {
            let (mut disk, image) = disk(Cache::Honest);
            write(&mut disk, 0, 1, 2);
            write(&mut disk, 5, 2, 1);
            disk.power_cut(&mut Rng::with_seed(seed)).unwrap();
            let lies = lies_on(&image);
            seen.insert([lies[0], lies[1], lies[5]]);
        }
        // All eight: nothing, the first, the second alone, a torn first.
        assert_eq!(seen.len(), 8, "{seen:?}");
    }

    #[test]
    fn what_was_written_is_read_whether_it_was_flushed_or_not() {
        let (mut disk, _image) = disk(Cache::Honest);
        write(&mut disk, 1, 5, 3);
        disk.flush().unwrap();
        write(&mut disk, 2, 6, 1);
        let mut read = vec![0; 5 * SECTOR];
        disk.read(0, &mut read).unwrap();
        let firsts: Vec<u8> = read.iter().step_by(SECTOR).copied().collect();
        assert_eq!(firsts, [0, 5, 6, 5, 0]);
    }

    #[test]
    fn a_lying_disk_loses_what_it_said_was_flushed() {
        let lost = (0..50).filter(|&seed| {
            let (mut disk, image) = disk(Cache::Lying);
            write(&mut disk, 3, 7, 1);
            disk.flush().unwrap();
            write(&mut disk, 4, 8, 1);
            disk.flush().unwrap();
            disk.power_cut(&mut Rng::with_seed(seed)).unwrap();
            let lies = lies_on(&image);
            assert!(lies[3] == 7 || lies[4] == 0, "in order");
            lies[4] == 0
        });
        assert!(lost.count() > 20);
    }

    #[test]
    fn switched_off_in_order_nothing_is_lost() {
        let (mut disk, image) = disk(Cache::Lying);
        write(&mut disk, 3, 7, 1);
        disk.switched_off().unwrap();
        assert_eq!(lies_on(&image)[3], 7);
    }

    #[test]
    fn only_whole_sectors_on_the_disk_are_served() {
        let (disk, _image) = disk(Cache::Honest);
        assert!(disk.holds(0, disk.size()));
        assert!(!disk.holds(1, 512) && !disk.holds(0, 100) && !disk.holds(disk.size(), 512));
        assert!(!disk.holds(u64::MAX - 511, 512));
    }
}
