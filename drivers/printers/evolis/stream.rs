//! A transmission as the machine receives it: commands, tags, bitmaps. Knows no state of the machine and changes none.
//!
//! Source: Evolis wire notes, sections 1, 5 and 6.2. Bitmaps are skipped by their length, never scanned, because their
//! bytes can look like anything. The length depends on the head's size, so a stream is read for one model. This file
//! reads contiguous bytes; the emulator's `transmission.rs` handles the pieces of a wire.

use super::bitmap::{bits_of_levels, panel_bytes};
use super::protocol::{CR, ESC, NUL};
use crate::models::Head;

/// The longest command text; the longest known has 30 bytes, magnetic data up to 107 characters.
pub const COMMAND_MAX_BYTES: usize = 256;

/// The longest field before a panel's data is the number of its bytes.
const FIELD_MAX_BYTES: usize = 12;

/// The first bytes from a client that looks for another maker's machines (section 1).
const OTHER_FAMILY_PROBE: &[u8] = &[0x1c, 0x6e, 0, 0, 0, 0];

/// One item of a transmission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A command with its parameters, without `ESC` and `CR`.
    Command(&'a str),
    /// A spooler's tag such as `<DOC Duplex=0>`.
    Tag(&'a str),
    /// A panel.
    Panel(Panel<'a>),
    /// The probe for another family's machine.
    OtherFamily,
    /// Bytes that are none of these; they may include the rest of the transmission.
    NotUnderstood,
}

/// Which command carries a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `Db;p;levels;`.
    Plain,
    /// `Dbx;p;levels;dpi;dpi;`.
    WithDpi,
    /// `Dbc;p;levels;bytes;`: line-coded.
    Compressed,
}

/// One panel of one side.
#[derive(Clone, PartialEq, Eq)]
pub struct Panel<'a> {
    /// `y`, `m`, `c`, `k`, `o`.
    pub letter: char,
    /// Bits per dot.
    pub bits: u32,
    /// Packed, or line-coded.
    pub data: &'a [u8],
    /// The command that carried it.
    pub form: Form,
}

impl std::fmt::Debug for Panel<'_> {
    /// Shows no data: they show a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Panel({}, {} bits, {} bytes)", self.letter, self.bits, self.data.len())
    }
}

/// The command before a panel's data.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    letter: char,
    bits: u32,
    form: Form,
    /// Bytes of data; a `CR` follows.
    pub bytes: usize,
}

impl Opening {
    /// Makes the panel; `bytes` are its data and the final `CR`.
    pub fn close<'a>(&self, bytes: &'a [u8]) -> Option<Item<'a>> {
        let (&last, data) = bytes.split_last()?;
        let panel = Panel { letter: self.letter, bits: self.bits, data, form: self.form };
        (last == CR && data.len() == self.bytes).then_some(Item::Panel(panel))
    }
}

/// The next part of contiguous bytes.
pub enum Next<'a> {
    /// A complete item.
    Item(Item<'a>),
    /// A panel whose data are incomplete; the stream is at their first byte.
    Panel(Opening),
    /// An incomplete item; the stream is at its first byte.
    Unfinished,
    /// No byte is left.
    Nothing,
}

/// Reads contiguous bytes, item by item.
pub struct Stream<'a> {
    /// The unread bytes.
    pub left: &'a [u8],
    head: Head,
    /// `ESC` may be omitted directly after a `CR`.
    pub after_cr: bool,
    /// The bytes read last were already noise.
    pub noise: bool,
    /// The rest cannot be understood.
    pub lost: bool,
}

impl<'a> Stream<'a> {
    /// Reads `bytes` for a machine with this head.
    pub fn new(bytes: &'a [u8], head: Head) -> Self {
        Self { left: bytes, head, after_cr: false, noise: false, lost: false }
    }

    /// Drops the rest.
    fn lose(&mut self) -> Next<'a> {
        self.left = &[];
        self.lost = true;
        Next::Item(Item::NotUnderstood)
    }

    /// The next item, or the incomplete beginning of one.
    pub fn next_thing(&mut self) -> Next<'a> {
        while let Some((&NUL, rest)) = self.left.split_first() {
            self.left = rest;
        }
        let Some((&first, rest)) = self.left.split_first() else { return Next::Nothing };
        if first == OTHER_FAMILY_PROBE[0] && !self.noise {
            return self.probe();
        }
        match first {
            ESC => self.command(rest),
            b'<' => self.tag(),
            b if self.after_cr && b.is_ascii_alphabetic() => self.command(self.left),
            _ => {
                // Continue at the next command; the bytes before it count as one item that was not understood.
                let next = self.left.iter().position(|&b| b == ESC).unwrap_or(self.left.len());
                self.left = &self.left[next..];
                self.after_cr = false;
                if std::mem::replace(&mut self.noise, true) {
                    return self.next_thing();
                }
                Next::Item(Item::NotUnderstood)
            }
        }
    }

    fn probe(&mut self) -> Next<'a> {
        if let Some(rest) = self.left.strip_prefix(OTHER_FAMILY_PROBE) {
            self.left = rest;
            return Next::Item(Item::OtherFamily);
        }
        if OTHER_FAMILY_PROBE.starts_with(self.left) {
            return Next::Unfinished;
        }
        self.left = &self.left[1..];
        self.noise = true;
        Next::Item(Item::NotUnderstood)
    }

    fn tag(&mut self) -> Next<'a> {
        let window = &self.left[..self.left.len().min(COMMAND_MAX_BYTES)];
        let Some(end) = window.iter().position(|&b| b == b'>') else {
            return if window.len() < COMMAND_MAX_BYTES { Next::Unfinished } else { self.lose() };
        };
        let Ok(text) = std::str::from_utf8(&self.left[..=end]) else { return self.lose() };
        self.left = &self.left[end + 1..];
        self.noise = false;
        Next::Item(Item::Tag(text))
    }

    /// `text` follows `ESC`.
    fn command(&mut self, text: &'a [u8]) -> Next<'a> {
        if text.starts_with(b"Db") {
            return self.panel(text);
        }
        let window = &text[..text.len().min(COMMAND_MAX_BYTES)];
        let Some(end) = window.iter().position(|&b| b == CR) else {
            return if window.len() < COMMAND_MAX_BYTES { Next::Unfinished } else { self.lose() };
        };
        self.left = &text[end + 1..];
        self.after_cr = true;
        self.noise = false;
        Next::Item(match std::str::from_utf8(&text[..end]) {
            Ok(text) if !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b)) => {
                Item::Command(text)
            }
            _ => Item::NotUnderstood,
        })
    }

    fn panel(&mut self, text: &'a [u8]) -> Next<'a> {
        let (opening, data) = match open_panel(text, &self.head) {
            Ok(found) => found,
            Err(Closed::Unfinished) => return Next::Unfinished,
            Err(Closed::Unreadable) => return self.lose(),
        };
        self.noise = false;
        let Some((whole, rest)) = data.split_at_checked(opening.bytes + 1) else {
            self.left = data;
            return Next::Panel(opening);
        };
        match opening.close(whole) {
            Some(item) => {
                self.left = rest;
                self.after_cr = true;
                Next::Item(item)
            }
            None => self.lose(),
        }
    }
}

impl<'a> Iterator for Stream<'a> {
    type Item = Item<'a>;

    /// An incomplete item at the end was not understood.
    fn next(&mut self) -> Option<Item<'a>> {
        match self.next_thing() {
            Next::Item(item) => Some(item),
            Next::Nothing => None,
            Next::Panel(_) | Next::Unfinished => {
                self.left = &[];
                Some(Item::NotUnderstood)
            }
        }
    }
}

/// Why the command before a panel's data cannot be read.
enum Closed {
    Unfinished,
    Unreadable,
}

/// Parses `Db;p;levels;`, `Dbx;p;levels;dpi;dpi;` or `Dbc;p;levels;bytes;`, and returns the rest too.
fn open_panel<'a>(text: &'a [u8], head: &Head) -> Result<(Opening, &'a [u8]), Closed> {
    let (name, rest) = field(text)?;
    let form = match name {
        "Db" => Form::Plain,
        "Dbx" => Form::WithDpi,
        "Dbc" => Form::Compressed,
        _ => return Err(Closed::Unreadable),
    };
    let (letter, rest) = field(rest)?;
    let (levels, mut rest) = field(rest)?;
    let (&[letter @ (b'y' | b'm' | b'c' | b'k' | b'o')], Ok(levels)) =
        (letter.as_bytes(), levels.parse())
    else {
        return Err(Closed::Unreadable);
    };
    let bits = bits_of_levels(levels).ok_or(Closed::Unreadable)?;
    let mut bytes = panel_bytes(head, bits);
    match form {
        Form::Plain => {}
        Form::WithDpi => {
            for dpi in [head.dpi_x, head.dpi_y] {
                let (said, behind) = field(rest)?;
                rest = (said.parse() == Ok(dpi)).then_some(behind).ok_or(Closed::Unreadable)?;
            }
        }
        Form::Compressed => {
            let (said, behind) = field(rest)?;
            // Line coding adds at most one count byte per dot; a longer panel is invalid.
            let said = said.parse().ok().filter(|&said: &usize| said <= head.dots() + bytes);
            bytes = said.ok_or(Closed::Unreadable)?;
            rest = behind;
        }
    }
    Ok((Opening { letter: char::from(letter), bits, form, bytes }, rest))
}

/// Text up to the next `;`, and the rest.
fn field(bytes: &[u8]) -> Result<(&str, &[u8]), Closed> {
    let Some(end) = bytes.iter().take(FIELD_MAX_BYTES).position(|&b| b == b';') else {
        let cut = bytes.len() < FIELD_MAX_BYTES && !bytes.contains(&CR);
        return Err(if cut { Closed::Unfinished } else { Closed::Unreadable });
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Closed::Unreadable)?;
    Ok((text, &bytes[end + 1..]))
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
