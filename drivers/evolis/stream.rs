//! A transmission as the machine hears it: commands, tags, bitmaps. Knows no state and does nothing.
//!
//! Source: Evolis wire notes, sections 1, 5 and 6.2. Bitmaps are counted, never scanned: their bytes may
//! look like anything. Counting needs the head's size, so a stream is read for one model.

use super::bitmap::{bits_of_levels, panel_bytes};
use super::protocol::{CR, ESC, NUL};
use crate::models::Head;

/// The longest command text; the longest known has 30 bytes, magnetic data up to 107 characters.
const COMMAND_MAX_BYTES: usize = 256;

/// One thing in a transmission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A command with its parameters, without `ESC` and `CR`.
    Command(&'a str),
    /// A spooler's mark such as `<DOC Duplex=0>`.
    Tag(&'a str),
    /// A panel.
    Panel(Panel<'a>),
    /// Bytes that are none of these; the rest of the transmission may be lost with them.
    NotUnderstood,
}

/// One panel of one side.
#[derive(Clone, PartialEq, Eq)]
pub struct Panel<'a> {
    /// `y`, `m`, `c`, `k`, `o`.
    pub letter: char,
    /// Bits a dot.
    pub bits: u32,
    /// Packed, or line-coded.
    pub data: &'a [u8],
    /// Is `data` line-coded (`Dbc`)?
    pub compressed: bool,
}

impl std::fmt::Debug for Panel<'_> {
    /// No data: they are a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Panel({}, {} bits, {} bytes)", self.letter, self.bits, self.data.len())
    }
}

/// Reads a transmission item by item.
pub struct Stream<'a> {
    left: &'a [u8],
    head: Head,
    /// `ESC` may be left out right after a `CR`.
    after_cr: bool,
}

impl<'a> Stream<'a> {
    /// Reads `bytes` as a machine with this head.
    pub fn new(bytes: &'a [u8], head: Head) -> Self {
        Self { left: bytes, head, after_cr: false }
    }

    /// Gives up on the rest.
    fn lost(&mut self) -> Item<'a> {
        self.left = &[];
        Item::NotUnderstood
    }

    fn tag(&mut self) -> Item<'a> {
        let window = &self.left[..self.left.len().min(COMMAND_MAX_BYTES)];
        let Some(end) = window.iter().position(|&b| b == b'>') else { return self.lost() };
        let Ok(text) = std::str::from_utf8(&self.left[..=end]) else { return self.lost() };
        self.left = &self.left[end + 1..];
        Item::Tag(text)
    }

    fn command(&mut self) -> Item<'a> {
        if self.left.starts_with(b"Db") {
            return self.panel().unwrap_or_else(|| self.lost());
        }
        let window = &self.left[..self.left.len().min(COMMAND_MAX_BYTES)];
        let Some(end) = window.iter().position(|&b| b == CR) else { return self.lost() };
        let text = &self.left[..end];
        self.left = &self.left[end + 1..];
        self.after_cr = true;
        match std::str::from_utf8(text) {
            Ok(text) if !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b)) => {
                Item::Command(text)
            }
            _ => Item::NotUnderstood,
        }
    }

    /// `Db;p;levels;`, `Dbx;p;levels;dpi;dpi;` or `Dbc;p;levels;bytes;`, data, `CR`. `None`: cannot be counted.
    fn panel(&mut self) -> Option<Item<'a>> {
        let (name, mut rest) = field(self.left)?;
        let (letter, behind) = field(rest)?;
        let (levels, behind) = field(behind)?;
        rest = behind;
        let letter = match letter {
            "y" | "m" | "c" | "k" | "o" => letter.chars().next()?,
            _ => return None,
        };
        let bits = bits_of_levels(levels.parse().ok()?)?;
        let mut bytes = panel_bytes(&self.head, bits);
        match name {
            "Db" => {}
            "Dbx" => {
                for dpi in [self.head.dpi_x, self.head.dpi_y] {
                    let (said, behind) = field(rest)?;
                    rest = (said.parse() == Ok(dpi)).then_some(behind)?;
                }
            }
            "Dbc" => {
                let (said, behind) = field(rest)?;
                bytes = said.parse().ok()?;
                rest = behind;
            }
            _ => return None,
        }
        let data = rest.get(..bytes)?;
        if rest.get(bytes) != Some(&CR) {
            return None;
        }
        self.left = &rest[bytes + 1..];
        self.after_cr = true;
        Some(Item::Panel(Panel { letter, bits, data, compressed: name == "Dbc" }))
    }
}

impl<'a> Iterator for Stream<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        while let Some((&NUL, rest)) = self.left.split_first() {
            self.left = rest;
        }
        let (&first, rest) = self.left.split_first()?;
        match first {
            ESC => {
                self.left = rest;
                Some(self.command())
            }
            b'<' => Some(self.tag()),
            b if self.after_cr && b.is_ascii_alphabetic() => Some(self.command()),
            _ => {
                // On to the next command; what was between is one thing not understood.
                let next = self.left.iter().position(|&b| b == ESC).unwrap_or(self.left.len());
                self.left = &self.left[next..];
                self.after_cr = false;
                Some(Item::NotUnderstood)
            }
        }
    }
}

/// Text up to the next `;`, and what stands behind it.
fn field(bytes: &[u8]) -> Option<(&str, &[u8])> {
    // The longest field is the number of a panel's bytes.
    let end = bytes.iter().take(12).position(|&b| b == b';')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head { width_px: 4, height_px: 4, dpi_x: 300, dpi_y: 260 };

    fn read(bytes: &[u8]) -> Vec<Item<'_>> {
        Stream::new(bytes, HEAD).collect()
    }

    #[test]
    fn commands_tags_and_nuls_in_any_order() {
        let want = vec![
            Item::Command("Ss"),
            Item::Tag("<DOC Duplex=0>"),
            Item::Command("Se"),
            Item::Command("Rfv"),
        ];
        assert_eq!(read(b"\0\x1bSs\r\0\0<DOC Duplex=0>\x1bSe\rRfv\r\0"), want);
    }

    #[test]
    fn a_panel_is_counted_even_if_it_looks_like_commands() {
        let data: &[u8] = b"\x1bSs\r\x1bSe\r\x1bSs\r\x1bSe\r";
        for head in [&b"\x1bDb;y;256;"[..], b"\x1bDbx;y;256;300;260;", b"\x1bDbc;y;256;16;"] {
            let bytes = [head, data, b"\r\x1bSe\r"].concat();
            let items = read(&bytes);
            assert!(
                matches!(&items[0], Item::Panel(p) if p.data == data && p.letter == 'y' && p.bits == 8)
            );
            assert_eq!(items[1..], [Item::Command("Se")]);
        }
    }

    #[test]
    fn what_cannot_be_counted_ends_the_transmission() {
        for bytes in [
            &b"\x1bDb;q;256;xxxxxxxxxxxxxxxx\r\x1bSe\r"[..],
            b"\x1bDb;y;3;xxxxxxxxxxxxxxxx\r\x1bSe\r",
            b"\x1bDb;y;256;short\r",
            b"\x1bDbx;y;256;300;300;xxxxxxxxxxxxxxxx\r",
            b"\x1bDbc;y;256;99999999999999;x\r",
            b"\x1bSs",
            b"<TAG",
        ] {
            assert_eq!(read(bytes), [Item::NotUnderstood], "{bytes:?}");
        }
    }

    #[test]
    fn noise_before_a_command_is_one_thing_not_understood() {
        assert_eq!(read(b"hello\x1bSs\r"), [Item::NotUnderstood, Item::Command("Ss")]);
    }
}
