//! A raw command of a profile: `00E00000 {lc} 62 04 80 02 {size:record}`. Knows the placeholders in braces, but no
//! card.
//!
//! A command without braces is given completely, including lengths (ISO 7816-4, 5.1).

use drivers::encoder::apdu::Command;
use drivers::text::Text;

use super::values::{Data, Values, hex};

/// Most bytes of a template's data; far more than any card takes in a command chain.
const TEMPLATE_BYTES_MAX: usize = 4096;
/// Expected length of a short command that means all there is.
const ALL_SHORT: usize = 256;

/// WRITE BINARY, WRITE RECORD, UPDATE BINARY, UPDATE RECORD, APPEND RECORD (ISO 7816-4, 11.2 and 11.3).
const WRITING: [u8; 8] = [0xD0, 0xD1, 0xD2, 0xD6, 0xD7, 0xDC, 0xDD, 0xE2];
/// The class of commands that the reader answers for a memory card.
const READERS_OWN: u8 = 0xFF;

/// A command with placeholders for data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    header: [u8; 4],
    body: Vec<Piece>,
    le: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Bytes(Vec<u8>),
    /// A length in two bytes, big-endian.
    Size(Data),
    Data(Data),
}

enum Token {
    Bytes(Vec<u8>),
    Lc,
    Le,
    Size(Data),
    Data(Data),
}

/// Why a template cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfillable {
    /// There is no value of this name.
    Missing(String),
    /// The length does not fit into two bytes.
    TooLong {
        /// Length of the data.
        needs: usize,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence that says what is unreadable, or which lengths do not fit.
    pub fn parse(text: &str) -> Result<Template, Text> {
        let mut tokens = tokens(text)?.into_iter();
        let Some(Token::Bytes(mut head)) = tokens.next() else { return Err(HEADER) };
        if head.len() < 4 || head.len() > TEMPLATE_BYTES_MAX {
            return Err(HEADER);
        }
        let rest = head.split_off(4);
        let header = [head[0], head[1], head[2], head[3]];
        match (tokens.next(), rest.is_empty()) {
            (None, _) => {
                let whole = [head, rest].concat();
                let command = Command::parse(&whole).map_err(|_| LENGTHS)?;
                let body = vec![Piece::Bytes(command.data.clone())];
                Ok(Template { header, body, le: command.le })
            }
            (Some(Token::Lc), true) => {
                let (body, le) = body(tokens)?;
                Ok(Template { header, body, le })
            }
            (Some(Token::Le), true) if tokens.next().is_none() => {
                Ok(Template { header, body: Vec::new(), le: Some(ALL_SHORT) })
            }
            _ => Err(LC_FIRST),
        }
    }

    /// Fills in these values.
    ///
    /// # Errors
    /// [`Unfillable`], with the value's name.
    pub fn fill(&self, values: &Values) -> Result<Command, Unfillable> {
        let [cla, ins, p1, p2] = self.header;
        let mut command = Command { cla, ins, p1, p2, data: Vec::new(), le: self.le };
        for piece in &self.body {
            let named = |data| values.of(data).map_err(Unfillable::Missing);
            match piece {
                Piece::Bytes(bytes) => command.data.extend_from_slice(bytes),
                Piece::Data(data) => command.data.extend_from_slice(named(data)?),
                Piece::Size(data) => {
                    let needs = named(data)?.len();
                    let size = u16::try_from(needs).map_err(|_| Unfillable::TooLong { needs })?;
                    command.data.extend_from_slice(&size.to_be_bytes());
                }
            }
        }
        if command.data.len() > usize::from(u16::MAX) {
            return Err(Unfillable::TooLong { needs: command.data.len() });
        }
        Ok(command)
    }

    /// The data that the command carries to the card.
    pub fn data(&self) -> impl Iterator<Item = &Data> {
        self.body.iter().filter_map(|piece| match piece {
            Piece::Data(data) => Some(data),
            _ => None,
        })
    }

    /// Does it write content to a file without naming the content? A profile could then not check that it is read back.
    pub fn writes_unnamed(&self) -> bool {
        let [cla, ins, ..] = self.header;
        // The commands of ISO 7816-4 itself, and those of PC/SC part 3 for memory cards.
        let plain = cla & 0xF0 == 0 || cla == READERS_OWN;
        let has_bytes =
            self.body.iter().any(|piece| matches!(piece, Piece::Bytes(b) if !b.is_empty()));
        plain && WRITING.contains(&ins) && has_bytes && self.data().next().is_none()
    }

    /// Every value that it needs, including those of which it needs only the size.
    pub fn needs(&self) -> impl Iterator<Item = &Data> {
        self.body.iter().filter_map(|piece| match piece {
            Piece::Data(data) | Piece::Size(data) => Some(data),
            Piece::Bytes(_) => None,
        })
    }
}

fn body(tokens: impl Iterator<Item = Token>) -> Result<(Vec<Piece>, Option<usize>), Text> {
    let (mut body, mut le) = (Vec::new(), None);
    for token in tokens {
        if le.is_some() {
            return Err(LE_LAST);
        }
        match token {
            Token::Bytes(bytes) => body.push(Piece::Bytes(bytes)),
            Token::Size(data) => body.push(Piece::Size(data)),
            Token::Data(data) => body.push(Piece::Data(data)),
            Token::Le => le = Some(ALL_SHORT),
            Token::Lc => return Err(LC_FIRST),
        }
    }
    if body.is_empty() { Err(LC_FIRST) } else { Ok((body, le)) }
}

fn tokens(text: &str) -> Result<Vec<Token>, Text> {
    let (mut tokens, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (plain, braced) = match rest.split_once('{') {
            None => (rest, None),
            Some((plain, after)) => (plain, Some(after.split_once('}').ok_or(BRACE)?)),
        };
        let bytes = hex(plain).ok_or(DIGITS)?;
        if !bytes.is_empty() {
            tokens.push(Token::Bytes(bytes));
        }
        let Some((name, after)) = braced else { break };
        tokens.push(match name.split_once(':') {
            None if name == "lc" => Token::Lc,
            None if name == "le" => Token::Le,
            Some(("size", data)) => Token::Size(Data::parse(data)?),
            Some(("data", data)) => Token::Data(Data::parse(data)?),
            _ => return Err(BRACE),
        });
        rest = after;
    }
    Ok(tokens)
}

const HEADER: Text = Text::fixed(
    "harus diawali CLA INS P1 P2 dalam heksadesimal.",
    "must begin with CLA INS P1 P2 in hexadecimal digits.",
);
const LENGTHS: Text = Text::fixed(
    "panjang Lc atau Le tidak cocok dengan datanya; pakai {lc}.",
    "the length Lc or Le does not fit the data; use {lc}.",
);
const LC_FIRST: Text = Text::fixed(
    "sesudah CLA INS P1 P2 harus ada {lc} dan data, atau {le} saja.",
    "CLA INS P1 P2 must be followed by {lc} and data, or by {le} alone.",
);
const LE_LAST: Text = Text::fixed("{le} harus yang terakhir.", "{le} must be the last.");
const DIGITS: Text = Text::fixed(
    "harus berupa angka heksadesimal berpasangan.",
    "must be pairs of hexadecimal digits.",
);
const BRACE: Text = Text::fixed(
    "dalam kurung kurawal hanya boleh {lc}, {le}, {size:NAMA} atau {data:NAMA}.",
    "in braces only {lc}, {le}, {size:NAME} or {data:NAME} may stand.",
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn filled(text: &str) -> (Vec<u8>, Option<usize>) {
        let values = Values::new().with("record", vec![7; 300]).with("field:nama", *b"ADA");
        let command = Template::parse(text).unwrap().fill(&values).unwrap();
        (command.data.clone(), command.le)
    }

    #[test]
    fn braces_are_filled_and_lengths_are_counted() {
        assert_eq!(filled("00A40400"), (vec![], None));
        assert_eq!(filled("00CA0000 00"), (vec![], Some(256)));
        assert_eq!(filled("00CA0000 {le}"), (vec![], Some(256)));
        assert_eq!(filled("00A40400 02 3F00"), (vec![0x3F, 0], None));
        assert_eq!(filled("00A40400 02 3F00 10"), (vec![0x3F, 0], Some(16)));
        assert_eq!(filled("00E00000 {lc} 80 02 {size:record}"), (vec![0x80, 2, 1, 44], None));
        let told = filled("00DA0000 {lc} 5F 03 {data:field:nama} {data:hex:FF} {le}");
        assert_eq!(told, (vec![0x5F, 3, b'A', b'D', b'A', 0xFF], Some(256)));
    }

    #[test]
    fn what_cannot_be_a_command_is_refused() {
        for wrong in [
            "",
            "00A404",
            "00A4040",
            "{lc}",
            "00A40400 03 3F00",
            "00A40400 {lc}",
            "00A40400 02 {lc} 3F00",
            "00A40400 {data:record}",
            "00A40400 {lc} {le} 00",
            "00A40400 {lc} {data:rekord}",
            "00A40400 {lc} {data:record",
            "00A40400 {lc} {key:x}",
            "00A40400 zz",
            "00A40400 {lc} {lc}",
        ] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_missing_value_is_named_and_nothing_is_sent() {
        let template = Template::parse("00DA0000 {lc} {data:photo}").unwrap();
        assert_eq!(template.fill(&Values::new()).unwrap_err(), Unfillable::Missing("photo".into()));
        let much = Values::new().with("photo", vec![0; 70_000]);
        assert_eq!(template.fill(&much).unwrap_err(), Unfillable::TooLong { needs: 70_000 });
    }
}
