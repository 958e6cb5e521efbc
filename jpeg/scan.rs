//! One scan of a picture: which components it brings, unit after unit, restart after restart; and what all scans so far
//! have brought. A picture is complete when every coefficient of every block has arrived exactly once.

use super::bits::Bits;
use super::frame::{Component, Frame, Tables, ZIGZAG};
use super::huffman::Code;
use super::progressive::{self, Band};
use super::{Fault, Reduction, idct};

/// A coefficient of real samples is at most 1024 and its rounding; encoders that sharpen white edges exceed that by a
/// fourth.
const LOUDEST: i32 = 1536;
/// A scan's blocks of one unit (ITU-T T.81, B.2.3).
const MAX_UNIT_BLOCKS: usize = 10;

/// All components of a picture while it is decoded.
pub(super) struct Planes {
    size: usize,
    planes: Vec<Plane>,
}

/// One component.
struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// For a progressive file: 64 per block.
    coefficients: Vec<i16>,
    /// How many low bits of each coefficient are still to come; `None`: nothing came.
    missing: [Option<u8>; 64],
    /// The table in force at the component's first scan.
    quantisation: Option<[u16; 64]>,
}

/// Decoded samples of one component, padded to whole units.
pub(super) struct Samples {
    pub bytes: Vec<u8>,
    pub stride: usize,
}

/// One component of a scan.
struct Member<'a> {
    index: usize,
    component: &'a Component,
    dc: Option<&'a Code>,
    ac: Option<&'a Code>,
}

/// Decoding state that one block passes to the next; reset at each restart.
#[derive(Default)]
pub(super) struct Before {
    pub dc: [i32; 4],
    /// Further blocks of an end-of-band run.
    pub empty: u32,
}

impl Planes {
    pub fn new(frame: &Frame, reduction: Reduction) -> Self {
        let size = reduction.block();
        let plane = |component: &Component| {
            let (across, down) = component.padded;
            Plane {
                samples: vec![0; across * down * size * size],
                stride: across * size,
                coefficients: vec![0; if frame.progressive { across * down * 64 } else { 0 }],
                missing: [None; 64],
                quantisation: None,
            }
        };
        Self { size, planes: frame.components.iter().map(plane).collect() }
    }

    /// Decodes one scan; returns how many bytes of `data` it used.
    pub fn scan(
        &mut self,
        frame: &Frame,
        tables: &Tables,
        header: &[u8],
        data: &[u8],
    ) -> Result<usize, Fault> {
        let (members, band) = read_header(frame, tables, header)?;
        for member in &members {
            let plane = &mut self.planes[member.index];
            plane.account(&band)?;
            if plane.quantisation.is_none() {
                let table = tables.quantisation[member.component.table];
                plane.quantisation = Some(table.ok_or(Fault::Structure("no quantisation table"))?);
            }
        }
        let mut bits = Bits::new(data);
        let size = self.size;
        walk(frame, &members, tables.restart, &mut bits, |bits, before, member, at| {
            let plane = &mut self.planes[member.index];
            if frame.progressive {
                let place = (at.1 * member.component.padded.0 + at.0) * 64;
                let block = plane.coefficients[place..place + 64].first_chunk_mut::<64>();
                let block = block.ok_or(Fault::Structure("no such block"))?;
                let code = if band.from == 0 { member.dc } else { member.ac };
                return progressive::block(bits, before, code, &band, member.index, block);
            }
            let (Some(dc), Some(ac), Some(quantisation)) =
                (member.dc, member.ac, &plane.quantisation)
            else {
                return Err(Fault::Structure("no Huffman table"));
            };
            let block = sequential(bits, (dc, ac), &mut before.dc[member.index], quantisation)?;
            let corner = at.1 * size * plane.stride + at.0 * size;
            idct::samples(&block, size, &mut plane.samples[corner..], plane.stride);
            Ok(())
        })
    }

    /// Call after the last scan: the picture must be complete.
    pub fn finish(self, frame: &Frame) -> Result<Vec<Samples>, Fault> {
        let size = self.size;
        let mut samples = Vec::new();
        for mut plane in self.planes {
            if plane.missing != [Some(0); 64] {
                return Err(Fault::Damaged("a part of the picture is missing"));
            }
            if frame.progressive {
                plane.transform(size)?;
            }
            samples.push(Samples { bytes: plane.samples, stride: plane.stride });
        }
        Ok(samples)
    }
}

impl Plane {
    /// Records what a scan brings: each coefficient once, then each further bit in its order.
    fn account(&mut self, band: &Band) -> Result<(), Fault> {
        // AC coefficients may not come before their block's DC coefficient.
        if band.from > 0 && self.missing[0].is_none() {
            return Err(Fault::Damaged("a part of the picture is missing"));
        }
        for missing in &mut self.missing[band.from..=band.to] {
            if *missing != band.before {
                return Err(Fault::Damaged("the scans do not follow one another"));
            }
            *missing = Some(band.low);
        }
        Ok(())
    }

    fn transform(&mut self, size: usize) -> Result<(), Fault> {
        let quantisation = self.quantisation.ok_or(Fault::Structure("no quantisation table"))?;
        let (blocks, _) = self.coefficients.as_chunks::<64>();
        let across = self.stride / size;
        for (n, coefficients) in blocks.iter().enumerate() {
            let mut block = [0; 64];
            for (&at, &step) in ZIGZAG.iter().zip(&quantisation) {
                let value = i32::from(coefficients[usize::from(at)]);
                block[usize::from(at)] = dequantised(value, step)?;
            }
            let corner = (n / across) * size * self.stride + (n % across) * size;
            idct::samples(&block, size, &mut self.samples[corner..], self.stride);
        }
        Ok(())
    }
}

/// Calls `block` for each block of a scan with its place in the component.
fn walk<'a, 'd>(
    frame: &Frame,
    members: &[Member<'a>],
    restart: usize,
    bits: &mut Bits<'d>,
    mut block: impl FnMut(&mut Bits<'d>, &mut Before, &Member<'a>, (usize, usize)) -> Result<(), Fault>,
) -> Result<usize, Fault> {
    let alone = members.len() == 1;
    let (across, down) = if alone { members[0].component.blocks } else { frame.units };
    let mut before = Before::default();
    let mut until_restart = restart;
    let mut restarts = 0;
    for y in 0..down {
        for x in 0..across {
            if restart > 0 && until_restart == 0 {
                before.end()?;
                bits.restart(restarts)?;
                (before, until_restart, restarts) = (Before::default(), restart, restarts + 1);
            }
            until_restart = until_restart.saturating_sub(1);
            if alone {
                block(bits, &mut before, &members[0], (x, y))?;
                continue;
            }
            for member in members {
                let Component { across, down, .. } = *member.component;
                for n in 0..across * down {
                    let at = (x * across + n % across, y * down + n / across);
                    block(bits, &mut before, member, at)?;
                }
            }
        }
    }
    before.end()?;
    bits.end()
}

impl Before {
    fn end(&self) -> Result<(), Fault> {
        match self.empty {
            0 => Ok(()),
            _ => Err(Fault::Damaged("more picture data than the picture takes")),
        }
    }
}

/// SOS.
fn read_header<'a>(
    frame: &'a Frame,
    tables: &'a Tables,
    header: &[u8],
) -> Result<(Vec<Member<'a>>, Band), Fault> {
    const BROKEN: Fault = Fault::Structure("a broken scan header");
    let (&count, rest) = header.split_first().ok_or(BROKEN)?;
    let count = usize::from(count);
    let [parts @ .., from, to, bits] = rest else { return Err(BROKEN) };
    if parts.len() != 2 * count || !(1..=frame.components.len()).contains(&count) {
        return Err(BROKEN);
    }
    let mut members: Vec<Member> = Vec::new();
    for part in parts.as_chunks::<2>().0 {
        let index = frame.components.iter().position(|c| c.id == part[0]).ok_or(BROKEN)?;
        if members.last().is_some_and(|last| last.index >= index) {
            return Err(BROKEN);
        }
        let table = |set: &'a [Option<Code>; 4], n: u8| set.get(usize::from(n))?.as_ref();
        let (dc, ac) = (table(&tables.dc, part[1] >> 4), table(&tables.ac, part[1] & 15));
        members.push(Member { index, component: &frame.components[index], dc, ac });
    }
    let blocks: usize = members.iter().map(|m| m.component.across * m.component.down).sum();
    if count > 1 && blocks > MAX_UNIT_BLOCKS {
        return Err(BROKEN);
    }
    let band = Band::read(frame.progressive, (*from, *to), *bits).ok_or(BROKEN)?;
    if band.from > 0 && count > 1 {
        return Err(BROKEN);
    }
    Ok((members, band))
}

/// A block of a baseline or extended file, dequantised.
#[inline]
fn sequential(
    bits: &mut Bits,
    (dc, ac): (&Code, &Code),
    last_dc: &mut i32,
    quantisation: &[u16; 64],
) -> Result<[i32; 64], Fault> {
    let mut block = [0; 64];
    *last_dc += difference(bits, dc)?;
    block[0] = dequantised(*last_dc, quantisation[0])?;
    let mut at = 1;
    while at < 64 {
        let word = ac.read(bits)?;
        let (zeros, length) = (usize::from(word >> 4), u32::from(word & 15));
        if length == 0 {
            match zeros {
                0 => break,
                15 => at += 16,
                _ => return Err(Fault::Damaged("a word that no block has")),
            }
            continue;
        }
        at += zeros;
        if at > 63 {
            return Err(Fault::Damaged("a block with too many coefficients"));
        }
        let value = bits.signed(length)?;
        block[usize::from(ZIGZAG[at])] = dequantised(value, quantisation[at])?;
        at += 1;
    }
    if at > 64 {
        return Err(Fault::Damaged("a block with too many coefficients"));
    }
    Ok(block)
}

/// Difference between a block's DC coefficient and the previous one; 11 bits at most (ITU-T T.81, table F.1).
pub(super) fn difference(bits: &mut Bits, code: &Code) -> Result<i32, Fault> {
    let length = u32::from(code.read(bits)?);
    if length > 11 {
        return Err(Fault::Damaged("a step in brightness that no picture has"));
    }
    bits.signed(length)
}

#[inline]
fn dequantised(value: i32, step: u16) -> Result<i32, Fault> {
    let step = i32::from(step);
    let loud = value.saturating_mul(step);
    if loud.saturating_abs() > LOUDEST + 2 * step {
        return Err(Fault::Damaged("brighter or darker than a picture can be"));
    }
    Ok(loud)
}
