//! Panels as bits on the wire: packing and unpacking, and the command that carries them.
//! Knows no colour and no job. Source: Evolis wire notes, section 5.

use super::Wire;
use crate::models::{Head, Model};

/// Levels of resin and varnish.
pub const RESIN_LEVELS: u16 = 2;

/// Which command carries a model's panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bitmap {
    /// `Db;<panel>;<levels>;`.
    Db,
    /// `Dbx;<panel>;<levels>;<dpi>;<dpi>;`.
    Dbx,
}

/// Bits of one dot; `None` for a number of levels that no machine of the family has.
pub fn bits_of_levels(levels: u16) -> Option<u32> {
    match levels {
        2 => Some(1),
        32 => Some(5),
        64 => Some(6),
        128 => Some(7),
        256 => Some(8),
        _ => None,
    }
}

/// Bytes of a panel: one stream of bits, lines following without padding.
pub fn panel_bytes(head: &Head, bits: u32) -> usize {
    (head.dots() * bits as usize).div_ceil(8)
}

/// Writes the command that precedes a panel's bytes.
pub fn open_panel(model: &Model<Wire>, panel: char, levels: u16, into: &mut Vec<u8>) {
    let mut text = [0; 32];
    into.extend_from_slice(panel_head(model, panel, levels, &mut text));
}

/// The bytes before a panel's data.
pub fn panel_head<'a>(
    model: &Model<Wire>,
    panel: char,
    levels: u16,
    text: &'a mut [u8; 32],
) -> &'a [u8] {
    use std::io::Write;
    let mut left = &mut text[..];
    let written = match model.wire.bitmap {
        Bitmap::Db => write!(left, "\x1bDb;{panel};{levels};"),
        Bitmap::Dbx => {
            write!(left, "\x1bDbx;{panel};{levels};{};{};", model.head.dpi_x, model.head.dpi_y)
        }
    };
    written.expect("the longest head has 24 bytes");
    let free = left.len();
    &text[..32 - free]
}

/// Packs dots of 8 bits to 7 in place and returns how many bytes they take now: 8 dots in 7 bytes, one
/// stream, most significant bit first. The lowest bit of each dot is dropped, as the maker does.
pub fn pack_seven(dots: &mut [u8]) -> usize {
    let whole = dots.len() / 8;
    for group in 0..whole {
        let mut bits = 0_u64;
        for &dot in &dots[group * 8..group * 8 + 8] {
            bits = bits << 7 | u64::from(dot >> 1);
        }
        dots[group * 7..group * 7 + 7].copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    let rest = dots.len() - whole * 8;
    if rest == 0 {
        return whole * 7;
    }
    let mut bits = 0_u64;
    for &dot in &dots[whole * 8..] {
        bits = bits << 7 | u64::from(dot >> 1);
    }
    bits <<= 7 * (8 - rest);
    let bytes = (rest * 7).div_ceil(8);
    dots[whole * 7..whole * 7 + bytes].copy_from_slice(&bits.to_be_bytes()[1..=bytes]);
    whole * 7 + bytes
}

/// Unpacks a panel to one byte per dot, 0..=255. The inverse of every packing.
pub fn unpack(data: &[u8], bits: u32, dots: usize) -> Vec<u8> {
    let most = (1_u32 << bits) - 1;
    let mut out = Vec::with_capacity(dots);
    let (mut held, mut held_bits) = (0_u32, 0);
    let mut bytes = data.iter();
    while out.len() < dots {
        if held_bits < bits {
            held = held << 8 | u32::from(bytes.next().copied().unwrap_or(0));
            held_bits += 8;
        } else {
            held_bits -= bits;
            let level = held >> held_bits & most;
            out.push(((level * 255 + most / 2) / most) as u8);
        }
    }
    out
}

/// Bytes per line of a panel of two levels. If a head's lines do not fill whole bytes (Badgy, 562 dots), the last dots
/// are left out, at the image's upper edge: captured from the maker's SDK, which pads the panel after the last line.
fn whole_line_bytes(head: &Head) -> usize {
    head.height_px as usize / 8
}

/// Rearranges a panel of two levels, packed in one stream, into lines of whole bytes, in place, and pads it with
/// `rest`. Changes nothing if lines fill whole bytes.
pub fn lay_out_whole_lines(panel: &mut [u8], head: &Head, rest: u8) {
    let (height, line_bytes) = (head.height_px as usize, whole_line_bytes(head));
    if height.is_multiple_of(8) {
        return;
    }
    // Each line moves towards the beginning, so nothing is overwritten before it is read.
    let lines = head.width_px as usize;
    for line in 0..lines {
        for byte in 0..line_bytes {
            let bit = line * height + byte * 8;
            let pair = u16::from(panel[bit / 8]) << 8
                | u16::from(panel.get(bit / 8 + 1).copied().unwrap_or_default());
            panel[line * line_bytes + byte] = (pair >> (8 - bit % 8)) as u8;
        }
    }
    panel[lines * line_bytes..].fill(rest);
}

/// Unpacks a panel of two levels to one byte per dot; the inverse of [`lay_out_whole_lines`]; omitted dots are bare.
pub fn unpack_two_levels(panel: &[u8], head: &Head) -> Vec<u8> {
    let (height, line_bytes) = (head.height_px as usize, whole_line_bytes(head));
    let mut dots = vec![0; head.dots()];
    for (line, bytes) in dots.chunks_exact_mut(height).zip(panel.chunks_exact(line_bytes.max(1))) {
        for (eight, &byte) in line.chunks_exact_mut(8).zip(bytes) {
            for (bit, dot) in eight.iter_mut().enumerate() {
                *dot = if byte & (0x80 >> bit) != 0 { 255 } else { 0 };
            }
        }
    }
    dots
}

/// Unpacks the line coding of compressed resin panels (`Dbc;k;2;<bytes>;`): a count byte, 0 = white
/// line, 255 = black line, else that many bytes follow and the rest of the line is white.
/// `None` if the lines or the bytes do not fit exactly.
pub fn expand_lines(data: &[u8], head: &Head) -> Option<Vec<u8>> {
    let line_bytes = head.height_px.div_ceil(8) as usize;
    let mut out = Vec::with_capacity(line_bytes * head.width_px as usize);
    let mut left = data;
    for _ in 0..head.width_px {
        let (&count, rest) = left.split_first()?;
        let taken = match count {
            255 => {
                out.resize(out.len() + line_bytes, 0xff);
                0
            }
            count if usize::from(count) <= line_bytes => {
                let taken = usize::from(count);
                out.extend_from_slice(rest.get(..taken)?);
                out.resize(out.len() + line_bytes - taken, 0);
                taken
            }
            _ => return None,
        };
        left = &rest[taken..];
    }
    left.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::models;
    use super::*;

    #[test]
    fn panels_have_the_captured_sizes() {
        for (name, dye, resin) in [
            ("Primacy", 658_368, 82_296),
            ("Zenius", 576_072, 82_296),
            ("Badgy200", 499_618, 71_374),
        ] {
            let model = models().iter().find(|m| m.name == name).unwrap();
            let bits = bits_of_levels(model.wire.colour_levels).unwrap();
            assert_eq!(
                (panel_bytes(&model.head, bits), panel_bytes(&model.head, 1)),
                (dye, resin),
                "{name}"
            );
        }
    }

    #[test]
    fn seven_bits_by_hand() {
        // 0x7f 00 00 00 00 00 00 01, each in 7 bits: 1111111 0000000 ... 0000001.
        let mut dots = [0xff, 0, 0, 0, 0, 0, 0, 0x02];
        assert_eq!(pack_seven(&mut dots), 7);
        assert_eq!(dots[..7], [0xfe, 0, 0, 0, 0, 0, 0x01]);
        // Ten dots: 70 bits, 9 bytes, the last two bits are padding.
        let mut dots = [0xff; 10];
        assert_eq!(pack_seven(&mut dots), 9);
        assert_eq!(dots[..9], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc]);
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let dots: Vec<u8> = (0..=255).chain(0..51).collect();
        let mut packed = dots.clone();
        let bytes = pack_seven(&mut packed);
        for (was, is) in dots.iter().zip(unpack(&packed[..bytes], 7, dots.len())) {
            assert_eq!(is >> 1, was >> 1);
        }
        assert_eq!(unpack(&dots, 8, dots.len()), dots);
        assert_eq!(unpack(&[0b1010_0000], 1, 3), [255, 0, 255]);
    }

    /// Three lines of eleven dots: each keeps its first eight in a byte of its own, and the rest of the panel is
    /// padding.
    #[test]
    fn lines_of_two_levels_begin_with_a_byte() {
        let head = Head { width_px: 3, height_px: 11, dpi_x: 300, dpi_y: 260 };
        // 11110000 111 | 10000001 000 | 01010101 011, as one stream of 33 bits.
        let mut panel = [0b1111_0000, 0b1111_0000, 0b0010_0001, 0b0101_0101, 0b1000_0000];
        lay_out_whole_lines(&mut panel, &head, 0);
        assert_eq!(panel, [0b1111_0000, 0b1000_0001, 0b0101_0101, 0, 0]);
        let dots = unpack_two_levels(&panel, &head);
        assert_eq!(dots[..11], [255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(dots[11..22], [255, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0]);
        let even = Head { height_px: 8, ..head };
        let mut panel = [1, 2, 3];
        lay_out_whole_lines(&mut panel, &even, 0);
        assert_eq!(panel, [1, 2, 3]);
        assert_eq!(unpack_two_levels(&panel, &even), unpack(&panel, 1, 24));
    }

    #[test]
    fn heads_byte_for_byte() {
        let of = |name: &str, panel, levels| {
            let mut bytes = Vec::new();
            open_panel(
                models().iter().find(|m| m.name == name).unwrap(),
                panel,
                levels,
                &mut bytes,
            );
            bytes
        };
        assert_eq!(of("Primacy", 'y', 256), b"\x1bDb;y;256;");
        assert_eq!(of("Badgy100", 'k', 2), b"\x1bDbx;k;2;300;260;");
    }

    #[test]
    fn compressed_lines_are_expanded_and_bad_ones_refused() {
        let head = Head { width_px: 3, height_px: 16, dpi_x: 300, dpi_y: 300 };
        assert_eq!(expand_lines(&[0, 255, 1, 0xa5], &head).unwrap(), [0, 0, 0xff, 0xff, 0xa5, 0]);
        assert_eq!(expand_lines(&[0, 255], &head), None);
        assert_eq!(expand_lines(&[0, 0, 3, 1, 2, 3], &head), None);
        assert_eq!(expand_lines(&[0, 0, 0, 0], &head), None);
    }
}
