//! A transmission as it comes over a wire: in pieces; each item is executed as soon as it is complete. Knows no state
//! of the machine and changes none. `stream.rs` defines the items.

use drivers::models::Head;
use drivers::printers::evolis::stream::{COMMAND_MAX_BYTES, Item, Next, Opening, Stream};

/// Receives a transmission in pieces. It buffers an incomplete item: the beginning of at most one command, or one
/// panel; a panel that is complete in one piece is not copied.
pub struct Transmission {
    head: Head,
    after_cr: bool,
    noise: bool,
    lost: bool,
    half: Vec<u8>,
    opening: Option<Opening>,
    /// Data of the panel that is being received; the buffer is reused for the next one.
    data: Vec<u8>,
}

impl Transmission {
    /// For a machine with this head.
    pub fn new(head: Head) -> Self {
        let (half, data) = (Vec::with_capacity(2 * COMMAND_MAX_BYTES), Vec::new());
        Self { head, after_cr: false, noise: false, lost: false, half, opening: None, data }
    }

    /// Receives `bytes` and calls `obey` for each item as soon as it is complete.
    pub fn on_bytes(&mut self, bytes: &[u8], obey: &mut dyn FnMut(Item<'_>)) {
        let mut bytes = bytes;
        while !bytes.is_empty() && !self.lost {
            bytes = if self.opening.is_some() {
                self.gather(bytes, obey)
            } else if self.half.is_empty() {
                self.read(bytes, obey)
            } else {
                self.join(bytes, obey)
            };
        }
    }

    /// Adds to the panel that is being received.
    fn gather<'a>(&mut self, bytes: &'a [u8], obey: &mut dyn FnMut(Item<'_>)) -> &'a [u8] {
        let Some(opening) = self.opening else { return bytes };
        let missing = opening.bytes + 1 - self.data.len();
        let (mine, rest) = bytes.split_at(missing.min(bytes.len()));
        self.data.extend_from_slice(mine);
        if mine.len() == missing {
            self.opening = None;
            let item = opening.close(&self.data);
            self.after_cr = true;
            self.lost = item.is_none();
            obey(item.unwrap_or(Item::NotUnderstood));
            self.data.clear();
        }
        rest
    }

    /// Handles the complete items of this piece; the rest is buffered.
    fn read<'a>(&mut self, bytes: &'a [u8], obey: &mut dyn FnMut(Item<'_>)) -> &'a [u8] {
        let mut stream = self.stream(bytes);
        loop {
            match stream.next_thing() {
                Next::Item(item) => obey(item),
                Next::Nothing => break,
                Next::Unfinished => {
                    self.half.extend_from_slice(stream.left);
                    stream.left = &[];
                    break;
                }
                Next::Panel(opening) => {
                    self.opening = Some(opening);
                    self.data.reserve_exact(opening.bytes + 1);
                    break;
                }
            }
        }
        let left = stream.left;
        (self.after_cr, self.noise, self.lost) = (stream.after_cr, stream.noise, stream.lost);
        left
    }

    /// Completes the one item whose beginning is buffered, with as much of this piece as can belong to it.
    fn join<'a>(&mut self, bytes: &'a [u8], obey: &mut dyn FnMut(Item<'_>)) -> &'a [u8] {
        let mut half = std::mem::take(&mut self.half);
        let known = half.len();
        // One byte for ESC, and one more so that a command that is too long is recognised.
        let room = (COMMAND_MAX_BYTES + 2).saturating_sub(known);
        half.extend_from_slice(&bytes[..room.min(bytes.len())]);
        let mut stream = self.stream(&half);
        let next = stream.next_thing();
        let used = half.len() - stream.left.len();
        (self.after_cr, self.noise, self.lost) = (stream.after_cr, stream.noise, stream.lost);
        let rest = match next {
            Next::Item(item) => {
                obey(item);
                &bytes[used.saturating_sub(known)..]
            }
            Next::Nothing => &bytes[used.saturating_sub(known)..],
            Next::Panel(opening) => {
                self.opening = Some(opening);
                self.data.reserve_exact(opening.bytes + 1);
                // The buffer holds panel data only if the data ended with it.
                &bytes[used.saturating_sub(known)..]
            }
            Next::Unfinished => {
                self.half = half;
                return &bytes[room.min(bytes.len())..];
            }
        };
        half.clear();
        self.half = half;
        rest
    }

    fn stream<'a>(&self, bytes: &'a [u8]) -> Stream<'a> {
        let mut stream = Stream::new(bytes, self.head);
        (stream.after_cr, stream.noise) = (self.after_cr, self.noise);
        stream
    }

    /// The transmission is over. Returns whether an item was incomplete.
    pub fn end(&mut self) -> bool {
        let half = !self.half.is_empty() || self.opening.is_some();
        self.forget();
        half
    }

    /// An answer was sent: an item whose length is unknown no longer swallows the bytes that follow.
    pub fn answered(&mut self) {
        self.lost = false;
    }

    /// Drops the buffered part.
    pub fn forget(&mut self) {
        self.half.clear();
        self.data.clear();
        self.opening = None;
        (self.after_cr, self.noise, self.lost) = (false, false, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head { width_px: 4, height_px: 4, dpi_x: 300, dpi_y: 260 };

    /// The items of a transmission that arrives in these pieces; an incomplete end counts as one more.
    fn heard(pieces: &[&[u8]]) -> Vec<String> {
        let (mut transmission, mut items) = (Transmission::new(HEAD), Vec::new());
        for piece in pieces {
            transmission.on_bytes(piece, &mut |item| items.push(told(&item)));
        }
        if transmission.end() {
            items.push(told(&Item::NotUnderstood));
        }
        items
    }

    fn told(item: &Item<'_>) -> String {
        match item {
            Item::Panel(panel) => format!("{panel:?} {:?} {:?}", panel.form, panel.data),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_transmission_reads_the_same_in_any_two_pieces_and_byte_by_byte() {
        for bytes in [
            &b"\0\x1bSs\r\0\0<DOC Duplex=0>\x1bDb;y;256;\x1bSs\r\x1bSe\r\x1bSs\r\x1bSe\r\r<X>\x1bSe\rRfv\r\0"[..],
            b"\x1bDbc;k;2;4;\0\0\xff\0\r\x1bDbx;o;2;300;260;\x1b\x1b\r\x1bSe\r",
            b"hello\x1bSs\rworld\x1bDb;q;2;xx\r\x1bSe\r",
            b"\x1c\x6e\0\0\0\0",
            b"\x1c\x6e\0\x1bSs\r",
            b"\x1bSs\r\x1bDb;k;2;x",
            b"<TAG",
        ] {
            let whole = heard(&[bytes]);
            assert_eq!(whole, Stream::new(bytes, HEAD).map(|item| told(&item)).collect::<Vec<_>>(), "{bytes:?}");
            for cut in 0..=bytes.len() {
                assert_eq!(heard(&[&bytes[..cut], &bytes[cut..]]), whole, "{cut} of {bytes:?}");
            }
            assert_eq!(heard(&bytes.chunks(1).collect::<Vec<_>>()), whole, "{bytes:?}");
        }
    }

    #[test]
    fn a_command_without_end_is_dropped_and_not_kept_for_ever() {
        let mut transmission = Transmission::new(HEAD);
        let mut lost = 0;
        transmission.on_bytes(b"\x1bDm;1;", &mut |_| lost += 1);
        for _ in 0..10_000 {
            transmission.on_bytes(b"xxxxxxxxxxxxxxxx", &mut |_| lost += 1);
        }
        assert!(lost == 1 && transmission.half.capacity() <= 4 * COMMAND_MAX_BYTES);
        transmission.answered();
        let mut after = Vec::new();
        transmission.on_bytes(b"\x1bSe\r", &mut |item| after.push(told(&item)));
        assert_eq!(after, ["Command(\"Se\")"]);
    }

    #[test]
    fn a_panel_that_lies_whole_in_a_piece_is_not_copied() {
        let bytes = b"\x1bDb;y;256;0123456789abcdef\r";
        let mut transmission = Transmission::new(HEAD);
        let mut at = None;
        transmission.on_bytes(bytes, &mut |item| {
            at = if let Item::Panel(panel) = item { Some(panel.data.as_ptr()) } else { None };
        });
        assert_eq!(at, Some(bytes[10..].as_ptr()));
    }
}
