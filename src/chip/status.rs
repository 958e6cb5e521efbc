//! Status words as written in a profile: `9000`, `61xx`, `63Cx`. Knows no command.

use std::fmt;

/// A status word, some of whose digits match anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StatusPattern {
    value: u16,
    mask: u16,
}

impl StatusPattern {
    /// `9000`: completed normally.
    pub const DONE: StatusPattern = StatusPattern { value: 0x9000, mask: 0xFFFF };

    /// Parses four hexadecimal digits, of which `x` matches anything; `None` for any other text.
    pub fn parse(text: &str) -> Option<StatusPattern> {
        if text.len() != 4 {
            return None;
        }
        let (mut value, mut mask) = (0, 0);
        for letter in text.chars() {
            let (digit, counts) = match letter {
                'x' | 'X' => (0, 0),
                digit => (digit.to_digit(16)?, 0xF),
            };
            value = value << 4 | u16::try_from(digit).ok()?;
            mask = mask << 4 | counts;
        }
        Some(StatusPattern { value, mask })
    }

    /// Does it match this status word?
    pub fn matches(self, status: u16) -> bool {
        status & self.mask == self.value
    }

    /// Number of fixed digits: of two patterns, the narrower takes precedence.
    pub fn narrowness(self) -> u32 {
        self.mask.count_ones()
    }
}

impl fmt::Debug for StatusPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for shift in [12, 8, 4, 0] {
            match self.mask >> shift & 0xF {
                0 => f.write_str("x")?,
                _ => write!(f, "{:X}", self.value >> shift & 0xF)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::StatusPattern;

    #[test]
    fn an_x_stands_for_any_digit() {
        for (text, fits, not) in [
            ("9000", &[0x9000][..], &[0x9001, 0x6100][..]),
            ("61xx", &[0x6100, 0x61FF], &[0x6200]),
            ("63Cx", &[0x63C0, 0x63CF], &[0x63B0]),
            ("xxxx", &[0, 0xFFFF], &[]),
        ] {
            let pattern = StatusPattern::parse(text).unwrap();
            assert!(fits.iter().all(|status| pattern.matches(*status)), "{text}");
            assert!(!not.iter().any(|status| pattern.matches(*status)), "{text}");
            assert_eq!(format!("{pattern:?}"), text);
        }
        for wrong in ["", "900", "90000", "90G0", "é00", "+900"] {
            assert_eq!(StatusPattern::parse(wrong), None, "{wrong}");
        }
    }
}
