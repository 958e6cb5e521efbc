//! The memory of a MIFARE Classic 1K and the rights that its access bits grant (NXP MF1S50YYX_V1, 8.6 and 8.7). Knows
//! no reader; the radio encryption runs between the card and the reader's chip and is not modelled.
//!
//! Value blocks are read and written like others; counting (`C0`, `C1`, `C2`, `B0`) is refused.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::memory::Answer;

const BLOCK_BYTES: usize = 16;
const BLOCKS: usize = 64;
const BLOCKS_A_SECTOR: usize = 4;
const KEY_BYTES: usize = 6;
/// Access bits and the free byte after them, in a trailer.
const ACCESS: std::ops::Range<usize> = 6..10;
const TRAILER: usize = BLOCKS_A_SECTOR - 1;

const AUTHENTICATE_A: u8 = 0x60;
const AUTHENTICATE_B: u8 = 0x61;
const READ: u8 = 0x30;
const WRITE: u8 = 0xA0;

/// One of a sector's two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    A,
    B,
}

/// The card's memory.
pub(super) struct Classic {
    uid: Vec<u8>,
    blocks: [[u8; BLOCK_BYTES]; BLOCKS],
    /// The sector that was opened, and with which key.
    opened: Option<(usize, Key)>,
}

impl Classic {
    /// A card as delivered: both keys are all ones and may access everything.
    pub(super) fn new(uid: &[u8]) -> Self {
        let mut blocks = [[0; BLOCK_BYTES]; BLOCKS];
        for sector in blocks.chunks_mut(BLOCKS_A_SECTOR) {
            sector[TRAILER] = [0xFF; BLOCK_BYTES];
            sector[TRAILER][ACCESS].copy_from_slice(&[0xFF, 0x07, 0x80, 0x69]);
        }
        let mut card = Self { uid: uid.to_vec(), blocks, opened: None };
        card.blocks[0] = card.makers_block();
        card
    }

    fn makers_block(&self) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        let check = self.uid.iter().fold(0, |sum, byte| sum ^ byte);
        let parts = self.uid.iter().copied().chain([check, 0x08, 0x04, 0x00]).chain(*b"EMULATED");
        block.iter_mut().zip(parts).for_each(|(place, byte)| *place = byte);
        block
    }

    pub(super) fn forget(&mut self) {
        self.opened = None;
    }

    pub(super) fn on_bytes(&mut self, frame: &[u8]) -> Answer {
        match *frame {
            [code @ (AUTHENTICATE_A | AUTHENTICATE_B), block, ref rest @ ..] => {
                let key = if code == AUTHENTICATE_A { Key::A } else { Key::B };
                self.authenticate(key, usize::from(block), rest)
            }
            [READ, block] => self.read(usize::from(block)).unwrap_or(Answer::Nak),
            [WRITE, block, ref data @ ..] => {
                self.write(usize::from(block), data).map_or(Answer::Nak, |()| Answer::Ack)
            }
            _ => Answer::Nak,
        }
    }

    /// `rest` is what a PN532 receives: six bytes of key, then the card's identifier.
    fn authenticate(&mut self, key: Key, block: usize, rest: &[u8]) -> Answer {
        self.opened = None;
        let Some(trailer) = self.blocks.get(block | TRAILER) else {
            return Answer::Nak;
        };
        let stored = match key {
            Key::A => &trailer[..KEY_BYTES],
            Key::B => &trailer[BLOCK_BYTES - KEY_BYTES..],
        };
        let Some((shown, uid)) = rest.split_at_checked(KEY_BYTES) else {
            return Answer::Nak;
        };
        if !bool::from(shown.ct_eq(stored)) || uid != self.uid {
            return Answer::Silence;
        }
        self.opened = Some((block / BLOCKS_A_SECTOR, key));
        Answer::Data(Vec::new())
    }

    fn read(&self, block: usize) -> Option<Answer> {
        let (key, condition) = self.opened_for(block)?;
        let mut bytes = *self.blocks.get(block)?;
        if block % BLOCKS_A_SECTOR == TRAILER {
            bytes[..KEY_BYTES].fill(0);
            if key == Key::B && b_is_data(condition) {
                return None;
            }
            if !b_is_data(condition) {
                bytes[BLOCK_BYTES - KEY_BYTES..].fill(0);
            }
            return Some(Answer::Data(bytes.to_vec()));
        }
        let may = match condition {
            0b011 | 0b101 => key == Key::B,
            0b111 => false,
            _ => true,
        };
        may.then(|| Answer::Data(bytes.to_vec()))
    }

    fn write(&mut self, block: usize, data: &[u8]) -> Option<()> {
        let (key, condition) = self.opened_for(block)?;
        let data: [u8; BLOCK_BYTES] = data.try_into().ok()?;
        if block % BLOCKS_A_SECTOR == TRAILER {
            return self.write_trailer(block, &data, key, condition);
        }
        let may = match condition {
            0b000 => true,
            0b100 | 0b110 | 0b011 => key == Key::B,
            _ => false,
        };
        // The manufacturer block cannot be written with any key.
        if !may || block == 0 {
            return None;
        }
        self.blocks[block] = data;
        Some(())
    }

    /// Writes a trailer. Each of its three parts has its own access condition.
    fn write_trailer(
        &mut self,
        block: usize,
        data: &[u8; BLOCK_BYTES],
        key: Key,
        condition: u8,
    ) -> Option<()> {
        let keys = match condition {
            0b000 | 0b001 => key == Key::A,
            0b100 | 0b011 => key == Key::B,
            _ => false,
        };
        let access = match condition {
            0b001 => key == Key::A,
            0b011 | 0b101 => key == Key::B,
            _ => false,
        };
        let trailer = &mut self.blocks[block];
        if keys {
            trailer[..KEY_BYTES].copy_from_slice(&data[..KEY_BYTES]);
            trailer[BLOCK_BYTES - KEY_BYTES..].copy_from_slice(&data[BLOCK_BYTES - KEY_BYTES..]);
        }
        if access {
            trailer[ACCESS].copy_from_slice(&data[ACCESS]);
        }
        (keys || access).then_some(())
    }

    /// The key that opened the block's sector, and the access condition of the block. `None`: the sector is not open,
    /// or it was opened with a key B that counts as data, or the access bits are inconsistent, which blocks the sector
    /// for ever.
    fn opened_for(&self, block: usize) -> Option<(Key, u8)> {
        let (sector, key) = self.opened?;
        if block / BLOCKS_A_SECTOR != sector {
            return None;
        }
        let trailer = self.blocks.get(block | TRAILER)?;
        let of_trailer = condition(trailer, TRAILER)?;
        let own = condition(trailer, block % BLOCKS_A_SECTOR)?;
        (key == Key::A || !b_is_data(of_trailer)).then_some((key, own))
    }

    /// The whole memory except the keys.
    pub(super) fn content(&self) -> Vec<u8> {
        let mut blocks = self.blocks;
        for sector in blocks.chunks_mut(BLOCKS_A_SECTOR) {
            sector[TRAILER][..KEY_BYTES].fill(0);
            sector[TRAILER][BLOCK_BYTES - KEY_BYTES..].fill(0);
        }
        blocks.concat()
    }

    /// Sets the whole memory except the keys and the manufacturer block. `content` is as long as [`Classic::content`].
    pub(super) fn set_content(&mut self, content: &[u8]) {
        let blocks = self.blocks.iter_mut().zip(content.chunks_exact(BLOCK_BYTES)).enumerate();
        for (number, (block, new)) in blocks.skip(1) {
            if number % BLOCKS_A_SECTOR == TRAILER {
                block[ACCESS].copy_from_slice(&new[ACCESS]);
            } else {
                block.copy_from_slice(new);
            }
        }
    }
}

impl Drop for Classic {
    fn drop(&mut self) {
        self.blocks.zeroize();
    }
}

/// C1 C2 C3 of one block of a sector; `None` when a bit and its complement are alike.
fn condition(trailer: &[u8; BLOCK_BYTES], block: usize) -> Option<u8> {
    let [not_c2_c1, c1_not_c3, c3_c2] = [trailer[6], trailer[7], trailer[8]];
    let nibbles = [
        (c1_not_c3 >> 4, not_c2_c1 & 0x0F),
        (c3_c2 & 0x0F, not_c2_c1 >> 4),
        (c3_c2 >> 4, c1_not_c3 & 0x0F),
    ];
    nibbles.into_iter().try_fold(0, |bits, (plain, complement)| {
        (plain ^ complement == 0x0F).then_some(bits << 1 | (plain >> block & 1))
    })
}

/// Can key B be read? It then counts as data and opens nothing.
fn b_is_data(of_trailer: u8) -> bool {
    of_trailer <= 0b010
}
