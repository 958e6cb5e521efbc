//! Steps on a memory card, as pseudo-APDUs of PC/SC part 3: MIFARE Classic sectors, pages of a Type 2 tag, NDEF, locks.
//! Knows no file.
//!
//! A sector's trailer is never written, because wrong access bits make a sector unusable for ever.

use drivers::encoder::apdu::Command;
use zeroize::Zeroizing;

use super::files::not_authentic;
use super::ndef;
use super::run::{Turn, Work};
use super::values::Data;
use super::{Classic, FaultKind, KeyLetter, SecretLength, Step};

/// The class of commands that the reader answers, and not the card.
const READER: u8 = 0xFF;
const LOAD_KEY: u8 = 0x82;
const AUTHENTICATE: u8 = 0x86;
const READ_BINARY: u8 = 0xB0;
const UPDATE_BINARY: u8 = 0xD6;
/// Bytes of a MIFARE Classic block, and of one read of a Type 2 tag.
const BLOCK_BYTES: usize = 16;
/// Bytes of a Type 2 tag's page.
const PAGE_BYTES: usize = 4;
/// Sectors below this one have 4 blocks, of which 3 hold data; from here on they have 16 and 15.
const LARGE_SECTOR: u8 = 32;
/// Sectors of a MIFARE Classic 4K. A smaller card refuses the higher ones.
const SECTORS: u8 = 40;
/// The page of a Type 2 tag that states its size, and the first page of its data.
const CONTAINER_PAGE: u8 = 3;
const DATA_PAGE: u8 = 4;
const STATIC_LOCK_PAGE: u8 = 2;
/// First byte of a capability container.
const NDEF_MAGIC: u8 = 0xE1;
/// "No write access", in the container's last byte.
const READ_ONLY: u8 = 0x0F;

/// The dynamic locks by the container's size byte: their page and its bytes, without the bits for future use
/// (NXP NTAG213/215/216 data sheet, 8.5.3); a MIFARE Ultralight has none.
const DYNAMIC_LOCKS: [(u8, Option<Locks>); 4] = [
    (0x06, None),
    (0x12, Some(Locks { page: 0x28, bytes: [0xFF, 0x0F, 0x3F, 0x00] })),
    (0x3E, Some(Locks { page: 0x82, bytes: [0xFF, 0x00, 0x0F, 0x00] })),
    (0x6D, Some(Locks { page: 0xE2, bytes: [0xFF, 0x3F, 0x7F, 0x00] })),
];

/// A tag's dynamic locks, all of them set.
#[derive(Clone, Copy)]
struct Locks {
    page: u8,
    bytes: [u8; PAGE_BYTES],
}

impl Work<'_, '_> {
    pub(super) fn classic_write(
        &mut self,
        step: &Step,
        classic: &Classic,
        verify: bool,
    ) -> Result<(), Turn> {
        let content = self.value(&classic.data)?;
        let blocks = blocks_from(classic.sector);
        let fits = blocks.len() * BLOCK_BYTES;
        if content.len() > fits {
            return Err(FaultKind::TooLong { needs: content.len(), fits }.into());
        }
        let key = self.sector_key(&classic.key)?;
        self.ask(step, &Command::new(READER, LOAD_KEY, 0, 0).with(key.as_slice()))?;
        self.begin_writing(&classic.data);
        let mut opened = None;
        for (block, bytes) in blocks.iter().zip(content.chunks(BLOCK_BYTES)) {
            self.open_sector(step, *block, classic, &mut opened)?;
            self.write(step, block.number, &filled(bytes, BLOCK_BYTES))?;
        }
        if !verify {
            return Ok(());
        }
        let (mut read, mut opened) = (Zeroizing::new(Vec::new()), None);
        for block in &blocks[..content.len().div_ceil(BLOCK_BYTES)] {
            self.open_sector(step, *block, classic, &mut opened)?;
            read.extend_from_slice(self.read(step, block.number)?.as_slice());
        }
        as_filled(content, &read)?;
        Ok(self.compare(&classic.data, content, content)?)
    }

    fn sector_key(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, FaultKind> {
        let key = self.key(name)?;
        let wanted = SecretLength::Sector;
        if wanted.allows(key.len()) {
            return Ok(key);
        }
        Err(FaultKind::KeyLength { name: name.to_owned(), wanted })
    }

    /// Authenticates to a sector, once.
    fn open_sector(
        &mut self,
        step: &Step,
        block: Block,
        classic: &Classic,
        opened: &mut Option<u8>,
    ) -> Result<(), Turn> {
        if *opened == Some(block.sector) {
            return Ok(());
        }
        let letter = match classic.letter {
            KeyLetter::A => 0x60,
            KeyLetter::B => 0x61,
        };
        let proof = Command::new(READER, AUTHENTICATE, 0, 0).with([1, 0, block.number, letter, 0]);
        self.ask(step, &proof).map_err(|turn| not_authentic(turn, &classic.key))?;
        *opened = Some(block.sector);
        Ok(())
    }

    pub(super) fn page_write(
        &mut self,
        step: &Step,
        page: u8,
        data: &Data,
        verify: bool,
    ) -> Result<(), Turn> {
        let content = self.value(data)?;
        self.write_pages(step, page, data, content)?;
        if verify {
            self.read_pages(step, page, content)?;
            self.compare(data, content, content)?;
        }
        Ok(())
    }

    pub(super) fn ndef(
        &mut self,
        step: &Step,
        data: &Data,
        kind: Option<&str>,
    ) -> Result<(), Turn> {
        let content = self.value(data)?;
        let message = match kind {
            Some(kind) => ndef::external(kind, content),
            None => Zeroizing::new(content.to_vec()),
        };
        let needs = message.len();
        let block = ndef::block(&message);
        let fits = usize::from(self.container(step)?[2]) * 8;
        match block.filter(|block| block.len() <= fits) {
            Some(block) => {
                self.write_pages(step, DATA_PAGE, data, &block)?;
                self.read_pages(step, DATA_PAGE, &block)?;
                // The wrapping was compared above, so what is recorded is the content alone.
                Ok(self.compare(data, content, content)?)
            }
            None => Err(FaultKind::TooLong { needs, fits }.into()),
        }
    }

    /// Makes a tag read-only: first its capability container, then the dynamic locks, and last the static ones.
    pub(super) fn lock(&mut self, step: &Step) -> Result<(), Turn> {
        let container = self.container(step)?;
        let size = container[2];
        let known = DYNAMIC_LOCKS.iter().find(|(known, _)| *known == size);
        let dynamic = known.ok_or(FaultKind::UnknownTag)?.1;
        self.write(step, CONTAINER_PAGE, &[container[0], container[1], size, READ_ONLY])?;
        if let Some(locks) = dynamic {
            self.write(step, locks.page, &locks.bytes)?;
        }
        self.write(step, STATIC_LOCK_PAGE, &[0, 0, 0xFF, 0xFF])?;
        let read = self.read(step, STATIC_LOCK_PAGE)?;
        let mut locked = read[2..4] == [0xFF, 0xFF] && read[7] & READ_ONLY == READ_ONLY;
        if let Some(locks) = dynamic {
            locked &= self.read(step, locks.page)?[..3] == locks.bytes[..3];
        }
        if locked { Ok(()) } else { Err(FaultKind::Different.into()) }
    }

    /// The tag's capability container.
    fn container(&mut self, step: &Step) -> Result<[u8; PAGE_BYTES], Turn> {
        let read = self.read(step, CONTAINER_PAGE)?;
        let container = [read[0], read[1], read[2], read[3]];
        if container[0] == NDEF_MAGIC { Ok(container) } else { Err(FaultKind::NoNdef.into()) }
    }

    fn write_pages(
        &mut self,
        step: &Step,
        page: u8,
        data: &Data,
        content: &[u8],
    ) -> Result<(), Turn> {
        let fits = (usize::from(u8::MAX) + 1 - usize::from(page)) * PAGE_BYTES;
        if content.len() > fits {
            return Err(FaultKind::TooLong { needs: content.len(), fits }.into());
        }
        self.begin_writing(data);
        for (page, bytes) in (page..=u8::MAX).zip(content.chunks(PAGE_BYTES)) {
            self.write(step, page, &filled(bytes, PAGE_BYTES))?;
        }
        Ok(())
    }

    /// Reads pages, which must hold this content, followed by zeros up to the end of the last page.
    fn read_pages(&mut self, step: &Step, page: u8, content: &[u8]) -> Result<(), Turn> {
        let mut read = Zeroizing::new(Vec::new());
        for page in (page..=u8::MAX).step_by(BLOCK_BYTES / PAGE_BYTES) {
            if read.len() >= content.len() {
                break;
            }
            // A read past the last page continues at the first page; the surplus is cut off below.
            read.extend_from_slice(self.read(step, page)?.as_slice());
        }
        read.truncate(content.len().div_ceil(PAGE_BYTES) * PAGE_BYTES);
        Ok(as_filled(content, &read)?)
    }

    fn write(&mut self, step: &Step, place: u8, bytes: &[u8]) -> Result<(), Turn> {
        self.ask(step, &Command::new(READER, UPDATE_BINARY, 0, place).with(bytes)).map(drop)
    }

    fn read(&mut self, step: &Step, place: u8) -> Result<Zeroizing<[u8; BLOCK_BYTES]>, Turn> {
        let command = Command::new(READER, READ_BINARY, 0, place).expecting(BLOCK_BYTES);
        let read = Zeroizing::new(self.ask(step, &command)?.data);
        let read = read.as_slice().try_into().map_err(|_| FaultKind::AnswerLength)?;
        Ok(Zeroizing::new(read))
    }
}

/// A data block of a MIFARE Classic card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    sector: u8,
    number: u8,
}

/// The data blocks from a sector on, without the trailers.
fn blocks_from(sector: u8) -> Vec<Block> {
    let inside = |sector: u8| {
        let (first, data) = match sector.checked_sub(LARGE_SECTOR) {
            None => (sector * 4, 3),
            Some(large) => (128 + large * 16, 15),
        };
        (first..first + data).map(move |number| Block { sector, number })
    };
    (sector..SECTORS).flat_map(inside).collect()
}

/// The bytes read must be this content, followed by zeros.
fn as_filled(content: &[u8], read: &[u8]) -> Result<(), FaultKind> {
    let (read, rest) = read.split_at_checked(content.len()).ok_or(FaultKind::AnswerLength)?;
    let same = read == content && rest.iter().all(|byte| *byte == 0);
    if same { Ok(()) } else { Err(FaultKind::Different) }
}

fn filled(bytes: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut filled = Zeroizing::new(vec![0; length.max(bytes.len())]);
    filled[..bytes.len()].copy_from_slice(bytes);
    filled
}

#[cfg(test)]
mod tests {
    use super::{Block, blocks_from};

    #[test]
    fn a_trailer_never_holds_data() {
        let all = blocks_from(0);
        assert_eq!(all.len(), 32 * 3 + 8 * 15);
        let trailer = |number: u8| if number < 128 { number % 4 == 3 } else { number % 16 == 15 };
        assert!(all.iter().all(|block| !trailer(block.number)), "{all:?}");
        assert_eq!(blocks_from(1)[0], Block { sector: 1, number: 4 });
        assert_eq!(blocks_from(39).last(), Some(&Block { sector: 39, number: 254 }));
    }
}
