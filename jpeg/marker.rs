//! The segments of a file: marker after marker, without a gap. Knows their lengths, not their contents (ITU-T T.81,
//! B.1).

use super::Fault;

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// SOFn: the picture's size; the number is the process.
    Frame(u8),
    /// DQT.
    Quantisation,
    /// DHT.
    Huffman,
    /// DRI.
    RestartInterval,
    /// SOS; its data follows the segment.
    Scan,
    /// APPn.
    App(u8),
    /// COM.
    Comment,
    /// EOI.
    End,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    pub marker: Marker,
    /// The content, without marker and length.
    pub body: &'a [u8],
}

/// Walks over a file.
pub(super) struct Markers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Markers<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Ok(Self { bytes, at: 2 }),
            _ => Err(Fault::Structure("it does not begin like one")),
        }
    }

    /// The next segment. Anything but a marker at this place is unexplained data, and an error.
    pub fn next(&mut self) -> Result<Segment<'a>, Fault> {
        const CUT: Fault = Fault::Damaged("the file ends too early");
        if *self.bytes.get(self.at).ok_or(CUT)? != 0xFF {
            return Err(Fault::Damaged("data where a marker must stand"));
        }
        // Fill bytes may stand before any marker.
        while *self.bytes.get(self.at).ok_or(CUT)? == 0xFF {
            self.at += 1;
        }
        let code = self.bytes[self.at];
        self.at += 1;
        let marker = marker(code)?;
        if marker == Marker::End {
            return Ok(Segment { marker, body: &[] });
        }
        let length = self.bytes.get(self.at..self.at + 2).ok_or(CUT)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        if length < 2 {
            return Err(Fault::Structure("a segment without a length"));
        }
        let body = self.bytes.get(self.at + 2..self.at + length).ok_or(CUT)?;
        self.at += length;
        Ok(Segment { marker, body })
    }

    /// The bytes after the last segment.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Skips this many bytes of a scan's data.
    pub fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Skips a scan's data up to the next marker; within the data, FF is followed by 00 or by a restart marker.
    pub fn skip_scan(&mut self) -> Result<(), Fault> {
        loop {
            let rest = self.rest();
            let Some(next) = rest.iter().position(|&byte| byte == 0xFF) else {
                return Err(Fault::Damaged("the picture data has no end"));
            };
            self.at += next;
            match rest.get(next + 1) {
                None => return Err(Fault::Damaged("the picture data has no end")),
                Some(0x00 | 0xD0..=0xD7) => self.at += 2,
                // A fill byte; the marker after it may still be a restart marker.
                Some(0xFF) => self.at += 1,
                Some(_) => return Ok(()),
            }
        }
    }
}

fn marker(code: u8) -> Result<Marker, Fault> {
    Ok(match code {
        0xC4 => Marker::Huffman,
        0xC0..=0xC2 => Marker::Frame(code & 15),
        0xC3 | 0xC5..=0xC7 => return Err(Fault::Unsupported("lossless or hierarchical")),
        0xC8..=0xCF => return Err(Fault::Unsupported("arithmetic coding")),
        0xD0..=0xD7 => return Err(Fault::Damaged("a restart marker out of its place")),
        0xD8 => return Err(Fault::Damaged("a second file inside the first")),
        0xD9 => Marker::End,
        0xDA => Marker::Scan,
        0xDB => Marker::Quantisation,
        0xDC => return Err(Fault::Unsupported("its height stands behind the picture (DNL)")),
        0xDD => Marker::RestartInterval,
        0xE0..=0xEF => Marker::App(code & 15),
        0xFE => Marker::Comment,
        _ => return Err(Fault::Structure("an unknown marker")),
    })
}
