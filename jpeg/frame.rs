//! What a file declares: size, components, tables, colour. Decodes nothing.

use super::huffman::Code;
use super::{Fault, Reduction};

/// Where the n-th coefficient of a block stands (ITU-T T.81, figure A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A picture's size and components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Stored in several scans that refine one another.
    pub progressive: bool,
    pub(super) components: Vec<Component>,
    /// The largest of the components' factors, across and down.
    pub(super) most: (usize, usize),
    /// Minimum coded units, across and down.
    pub(super) units: (usize, usize),
}

/// One component of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component {
    pub id: u8,
    /// Samples per unit, in blocks.
    pub across: usize,
    pub down: usize,
    /// Index of its quantisation table.
    pub table: usize,
    /// Blocks that hold samples; a scan of this component alone has only these.
    pub blocks: (usize, usize),
    /// Blocks in whole units.
    pub padded: (usize, usize),
}

impl Frame {
    /// Reads SOFn.
    pub(super) fn read(process: u8, body: &[u8]) -> Result<Self, Fault> {
        const BROKEN: Fault = Fault::Structure("a broken frame header");
        let [precision, h1, h0, w1, w0, count, parts @ ..] = body else { return Err(BROKEN) };
        if *precision != 8 {
            return Err(Fault::Unsupported("not 8 bits a sample"));
        }
        let height = u32::from(u16::from_be_bytes([*h1, *h0]));
        let width = u32::from(u16::from_be_bytes([*w1, *w0]));
        if height == 0 {
            return Err(Fault::Unsupported("its height stands behind the picture (DNL)"));
        }
        if width == 0 || parts.len() != 3 * usize::from(*count) {
            return Err(BROKEN);
        }
        match count {
            1 | 3 => {}
            4 => return Err(Fault::Unsupported("four inks (CMYK)")),
            _ => return Err(Fault::Unsupported("neither grey nor colour")),
        }
        let (parts, _) = parts.as_chunks::<3>();
        let sampling = |part: &[u8; 3]| (usize::from(part[1] >> 4), usize::from(part[1] & 15));
        let legal =
            |(across, down): (usize, usize)| (1..=4).contains(&across) && (1..=4).contains(&down);
        if !parts.iter().all(|part| legal(sampling(part)) && part[2] < 4) {
            return Err(BROKEN);
        }
        let most_across = parts.iter().map(|part| sampling(part).0).max().unwrap_or(1);
        let most_down = parts.iter().map(|part| sampling(part).1).max().unwrap_or(1);
        let whole = |part: &[u8; 3]| {
            let (across, down) = sampling(part);
            most_across % across == 0 && most_down % down == 0
        };
        if !parts.iter().all(whole) {
            return Err(Fault::Unsupported("uneven colour subsampling"));
        }
        let (wide, high) = (width as usize, height as usize);
        let units = (wide.div_ceil(8 * most_across), high.div_ceil(8 * most_down));
        let component = |part: &[u8; 3]| {
            let (across, down) = sampling(part);
            Component {
                id: part[0],
                across,
                down,
                table: usize::from(part[2]),
                blocks: (
                    (wide * across).div_ceil(most_across).div_ceil(8),
                    (high * down).div_ceil(most_down).div_ceil(8),
                ),
                padded: (units.0 * across, units.1 * down),
            }
        };
        let components: Vec<Component> = parts.iter().map(component).collect();
        let twice =
            |one: &Component| components.iter().filter(|other| other.id == one.id).count() > 1;
        if components.iter().any(twice) {
            return Err(BROKEN);
        }
        let most = (most_across, most_down);
        Ok(Self { width, height, progressive: process == 2, components, most, units })
    }

    /// 1: grey; 3: colour.
    pub fn channels(&self) -> usize {
        self.components.len()
    }

    /// Pixels of the decoded picture.
    pub fn reduced(&self, reduction: Reduction) -> (u32, u32) {
        let by = 8 / reduction.block() as u32;
        (self.width.div_ceil(by), self.height.div_ceil(by))
    }

    /// Memory that decoding takes, including the result: planes, pixels and, for a progressive file, every coefficient.
    pub fn decoding_bytes(&self, reduction: Reduction) -> u64 {
        let blocks: u64 =
            self.components.iter().map(|c| c.padded.0 as u64 * c.padded.1 as u64).sum();
        let samples = (reduction.block() * reduction.block()) as u64;
        let coefficients = if self.progressive { 128 } else { 0 };
        let (width, height) = self.reduced(reduction);
        blocks * (samples + coefficients)
            + u64::from(width) * u64::from(height) * self.channels() as u64
    }
}

/// Tables and settings in force at some point of a file; each may be replaced between scans.
#[derive(Default)]
pub(super) struct Tables {
    /// In zigzag order.
    pub quantisation: [Option<[u16; 64]>; 4],
    pub dc: [Option<Code>; 4],
    pub ac: [Option<Code>; 4],
    /// Units between restart markers; 0: none.
    pub restart: usize,
}

impl Tables {
    /// DQT.
    pub fn quantisation(&mut self, mut body: &[u8]) -> Result<(), Fault> {
        const BROKEN: Fault = Fault::Structure("a broken quantisation table");
        while let Some((&head, rest)) = body.split_first() {
            let (wide, slot) = (head >> 4, usize::from(head & 15));
            let bytes = 64 << usize::from(wide.min(1));
            if wide > 1 || slot > 3 || rest.len() < bytes {
                return Err(BROKEN);
            }
            let mut table = [0; 64];
            for (n, value) in table.iter_mut().enumerate() {
                *value = match wide {
                    0 => u16::from(rest[n]),
                    _ => u16::from_be_bytes([rest[2 * n], rest[2 * n + 1]]),
                };
            }
            if table.contains(&0) {
                return Err(BROKEN);
            }
            self.quantisation[slot] = Some(table);
            body = &rest[bytes..];
        }
        Ok(())
    }

    /// DHT.
    pub fn huffman(&mut self, mut body: &[u8]) -> Result<(), Fault> {
        const BROKEN: Fault = Fault::Structure("a broken Huffman table");
        while let Some((&head, rest)) = body.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(BROKEN)?;
            let symbols: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let values = rest.get(..symbols).filter(|values| values.len() <= 256).ok_or(BROKEN)?;
            let code = Some(Code::new(counts, values)?);
            match (head >> 4, usize::from(head & 15)) {
                (0, slot @ 0..=3) => self.dc[slot] = code,
                (1, slot @ 0..=3) => self.ac[slot] = code,
                _ => return Err(BROKEN),
            }
            body = &rest[symbols..];
        }
        Ok(())
    }

    /// DRI.
    pub fn restart_interval(&mut self, body: &[u8]) -> Result<(), Fault> {
        let [high, low] = body else { return Err(Fault::Structure("a broken restart interval")) };
        self.restart = usize::from(u16::from_be_bytes([*high, *low]));
        Ok(())
    }
}

/// What JFIF and Adobe segments declare about the colours.
#[derive(Default)]
pub(super) struct Colour {
    jfif: bool,
    adobe: Option<u8>,
}

impl Colour {
    pub fn hear(&mut self, number: u8, body: &[u8]) {
        match number {
            0 => self.jfif |= body.starts_with(b"JFIF\0"),
            14 if body.starts_with(b"Adobe") => self.adobe = body.get(11).copied().or(self.adobe),
            _ => {}
        }
    }

    /// Three components are YCbCr unless a segment declares otherwise; libjpeg made that rule common.
    pub fn is_rgb(&self, frame: &Frame) -> bool {
        if self.jfif {
            return false;
        }
        match self.adobe {
            Some(transform) => transform == 0,
            None => frame.components.iter().map(|c| c.id).eq(*b"RGB"),
        }
    }
}
