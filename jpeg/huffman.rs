//! One Huffman code: a table for its short words, a search for the long ones (ITU-T T.81, annex C and F.2.2.3).

use super::Fault;
use super::bits::Bits;

/// Codes up to this length are decoded by table.
const SHORT: u32 = 9;

pub(super) struct Code {
    /// By the next nine bits: length of the code and its symbol; length 0: a longer code or none.
    short: Box<[(u8, u8); 1 << SHORT]>,
    /// By length: the end of its codes, left-aligned in 16 bits; and the index of its first symbol.
    ends: [u32; 17],
    starts: [i32; 17],
    symbols: Vec<u8>,
}

impl Code {
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, Fault> {
        let mut code = Self {
            short: Box::new([(0, 0); 1 << SHORT]),
            ends: [0; 17],
            starts: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut word, mut index) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let count = u32::from(counts[length as usize - 1]);
            code.starts[length as usize] = index as i32 - word as i32;
            if word + count > 1 << length {
                return Err(Fault::Structure("a broken Huffman table"));
            }
            for _ in 0..count {
                if length <= SHORT {
                    let first = (word << (SHORT - length)) as usize;
                    let same = 1 << (SHORT - length);
                    code.short[first..first + same].fill((length as u8, symbols[index]));
                }
                word += 1;
                index += 1;
            }
            code.ends[length as usize] = word << (16 - length);
            word <<= 1;
        }
        Ok(code)
    }

    /// The next symbol.
    #[inline]
    pub fn read(&self, bits: &mut Bits) -> Result<u8, Fault> {
        let next = bits.peek();
        let (length, symbol) = self.short[usize::from(next >> (16 - SHORT))];
        if length != 0 {
            bits.take(u32::from(length))?;
            return Ok(symbol);
        }
        self.read_long(bits, u32::from(next))
    }

    fn read_long(&self, bits: &mut Bits, next: u32) -> Result<u8, Fault> {
        for length in SHORT + 1..=16 {
            if next < self.ends[length as usize] {
                bits.take(length)?;
                let index = (next >> (16 - length)) as i32 + self.starts[length as usize];
                let symbol = usize::try_from(index).ok().and_then(|n| self.symbols.get(n));
                return symbol.copied().ok_or(Fault::Damaged("a word that is not in the code"));
            }
        }
        Err(Fault::Damaged("a word that is not in the code"))
    }
}
