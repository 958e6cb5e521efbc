//! Reads a scan's data bit by bit and removes byte stuffing. It never invents data: a missing bit is an error.

use super::Fault;

const CUT: Fault = Fault::Damaged("the picture data ends too early");

pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the top.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, held: 0, count: 0 }
    }

    #[inline]
    fn refill(&mut self) {
        while self.count <= 56 {
            let Some(&byte) = self.data.get(self.at) else { return };
            if byte == 0xFF {
                if self.data.get(self.at + 1) != Some(&0) {
                    return; // A marker: the data ends here.
                }
                self.at += 1;
            }
            self.at += 1;
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next 16 bits, zeros where there are none; only [`Bits::take`] says whether they were there.
    #[inline]
    pub fn peek(&mut self) -> u16 {
        if self.count < 16 {
            self.refill();
        }
        (self.held >> 48) as u16
    }

    /// Skips at most 16 bits.
    #[inline]
    pub fn take(&mut self, bits: u32) -> Result<(), Fault> {
        if bits > self.count {
            return Err(CUT);
        }
        self.held <<= bits;
        self.count -= bits;
        Ok(())
    }

    /// Reads at most 16 bits as a number.
    #[inline]
    pub fn number(&mut self, bits: u32) -> Result<i32, Fault> {
        if bits == 0 {
            return Ok(0);
        }
        let number = i32::from(self.peek() >> (16 - bits));
        self.take(bits)?;
        Ok(number)
    }

    /// Reads a number whose first bit is its sign (ITU-T T.81, F.2.2.1).
    #[inline]
    pub fn signed(&mut self, bits: u32) -> Result<i32, Fault> {
        let number = self.number(bits)?;
        if bits == 0 || number >> (bits - 1) != 0 {
            return Ok(number);
        }
        Ok(number - (1 << bits) + 1)
    }

    /// Ends a run of units: only the last byte's padding may be left before the next marker. Returns the marker's
    /// position.
    pub fn end(&mut self) -> Result<usize, Fault> {
        self.refill();
        let at_marker = self.data.get(self.at) == Some(&0xFF);
        if self.count >= 8 || (!at_marker && self.at < self.data.len()) {
            return Err(Fault::Damaged("more picture data than the picture takes"));
        }
        if !at_marker {
            return Err(CUT);
        }
        Ok(self.at)
    }

    /// Ends a run of units at the restart marker of this number and starts the next run.
    pub fn restart(&mut self, number: usize) -> Result<(), Fault> {
        let mut at = self.end()?;
        while self.data.get(at) == Some(&0xFF) {
            at += 1;
        }
        if self.data.get(at) != Some(&(0xD0 + (number % 8) as u8)) {
            return Err(Fault::Damaged("a part of the picture data is missing"));
        }
        *self = Self { data: self.data, at: at + 1, held: 0, count: 0 };
        Ok(())
    }
}
