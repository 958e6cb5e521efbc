//! Blocks of a progressive file: bands of coefficients, first coarse, then refined bit by bit (ITU-T T.81, annex G).

use super::Fault;
use super::bits::Bits;
use super::frame::ZIGZAG;
use super::huffman::Code;
use super::scan::{Before, difference};

/// Which coefficients a scan brings, in zigzag order, and to which bit.
pub(super) struct Band {
    pub from: usize,
    pub to: usize,
    /// Low bits that were missing before this scan; `None`: all.
    pub before: Option<u8>,
    /// Low bits that are still missing after this scan.
    pub low: u8,
}

impl Band {
    /// The end of a scan's header. A sequential file brings everything at once.
    pub fn read(progressive: bool, (from, to): (u8, u8), bits: u8) -> Option<Self> {
        let (before, low) = (bits >> 4, bits & 15);
        let legal = match progressive {
            false => (from, to, bits) == (0, 63, 0),
            true => {
                let band = if from == 0 { to == 0 } else { from <= to && to < 64 };
                band && low <= 13 && (before == 0 || before == low + 1)
            }
        };
        let before = (before != 0).then_some(before);
        legal.then_some(Self { from: from.into(), to: to.into(), before, low })
    }
}

/// Decodes one block of a scan. `member` distinguishes the components' DC predictions.
pub(super) fn block(
    bits: &mut Bits,
    before: &mut Before,
    code: Option<&Code>,
    band: &Band,
    member: usize,
    block: &mut [i16; 64],
) -> Result<(), Fault> {
    const NONE: Fault = Fault::Structure("no Huffman table");
    match (band.from, band.before) {
        (0, None) => {
            before.dc[member] += difference(bits, code.ok_or(NONE)?)?;
            block[0] = low_bits(before.dc[member], band.low)?;
        }
        (0, Some(_)) => block[0] |= (bits.number(1)? as i16) << band.low,
        (_, None) => first(bits, &mut before.empty, code.ok_or(NONE)?, band, block)?,
        (_, Some(_)) => refine(bits, &mut before.empty, code.ok_or(NONE)?, band, block)?,
    }
    Ok(())
}

fn low_bits(value: i32, low: u8) -> Result<i16, Fault> {
    i16::try_from(value << low)
        .map_err(|_| Fault::Damaged("brighter or darker than a picture can be"))
}

/// Length of an end-of-band run, this block included.
fn run_of_empty(bits: &mut Bits, size: usize) -> Result<u32, Fault> {
    Ok((1 << size) + bits.number(size as u32)? as u32)
}

fn first(
    bits: &mut Bits,
    empty: &mut u32,
    code: &Code,
    band: &Band,
    block: &mut [i16; 64],
) -> Result<(), Fault> {
    let mut at = band.from;
    while *empty == 0 && at <= band.to {
        let word = code.read(bits)?;
        let (zeros, length) = (usize::from(word >> 4), u32::from(word & 15));
        if length == 0 && zeros < 15 {
            *empty = run_of_empty(bits, zeros)?;
            break;
        }
        at += zeros;
        if at > band.to {
            return Err(Fault::Damaged("a block with too many coefficients"));
        }
        if length > 0 {
            let place = usize::from(ZIGZAG[at]);
            block[place] = low_bits(bits.signed(length)?, band.low)?;
        }
        at += 1;
    }
    *empty = empty.saturating_sub(1);
    Ok(())
}

fn refine(
    bits: &mut Bits,
    empty: &mut u32,
    code: &Code,
    band: &Band,
    block: &mut [i16; 64],
) -> Result<(), Fault> {
    let one = 1_i16 << band.low;
    let mut at = band.from;
    while *empty == 0 && at <= band.to {
        let word = code.read(bits)?;
        let (zeros, length) = (usize::from(word >> 4), word & 15);
        let new = match length {
            0 if zeros < 15 => {
                *empty = run_of_empty(bits, zeros)?;
                break;
            }
            0 => 0,
            1 if bits.number(1)? == 1 => one,
            1 => -one,
            _ => return Err(Fault::Damaged("a word that no block has")),
        };
        at = pass(bits, block, at..=band.to, zeros, one)?
            .ok_or(Fault::Damaged("a block with too many coefficients"))?;
        block[usize::from(ZIGZAG[at])] = new;
        at += 1;
    }
    if *empty > 0 {
        if at <= band.to {
            pass(bits, block, at..=band.to, usize::MAX, one)?;
        }
        *empty -= 1;
    }
    Ok(())
}

/// Skips this many coefficients that are still zero, and refines every other one on the way. Returns the position of
/// the zero that follows; `None`: it is not within the band.
fn pass(
    bits: &mut Bits,
    block: &mut [i16; 64],
    band: std::ops::RangeInclusive<usize>,
    mut zeros: usize,
    one: i16,
) -> Result<Option<usize>, Fault> {
    for at in band {
        let value = &mut block[usize::from(ZIGZAG[at])];
        if *value == 0 {
            if zeros == 0 {
                return Ok(Some(at));
            }
            zeros -= 1;
        } else if bits.number(1)? == 1 && value.unsigned_abs() & one.unsigned_abs() == 0 {
            *value = value.saturating_add(if *value > 0 { one } else { -one });
        }
    }
    Ok(None)
}
