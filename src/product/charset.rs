//! Which characters a text may hold, compiled once so that a check is a bit test. Knows no field.

/// Letters, digits and signs that a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharSet {
    /// Everything that can be seen (`is_unseen` is refused before).
    Printable,
    /// Only these ASCII characters, one bit each.
    Only(u128),
}

impl CharSet {
    /// Compiles `"A-Z0-9./- "`: single ASCII characters and ranges; a hyphen at either end stands for itself.
    /// `None` if the description is empty, holds other than printable ASCII, or a range that runs backwards.
    pub fn compile(description: &str) -> Option<Self> {
        let chars = description.as_bytes();
        if chars.is_empty() || chars.iter().any(|byte| !(b' '..=b'~').contains(byte)) {
            return None;
        }
        let (mut bits, mut at) = (0u128, 0);
        while let Some(&first) = chars.get(at) {
            let last = match (chars.get(at + 1), chars.get(at + 2)) {
                (Some(b'-'), Some(&last)) => last,
                _ => first,
            };
            at += if last == first { 1 } else { 3 };
            if last < first {
                return None;
            }
            (first..=last).for_each(|byte| bits |= 1 << byte);
        }
        Some(CharSet::Only(bits))
    }

    /// Whether every character of `text` is allowed.
    pub fn allows(&self, text: &str) -> bool {
        match self {
            CharSet::Printable => true,
            CharSet::Only(bits) => text.bytes().all(|byte| byte < 128 && bits & (1 << byte) != 0),
        }
    }
}

/// Control characters and those that print nothing or turn the line around (Unicode Cc, and the Cf and Zl/Zp
/// that matter here): they would make the card differ from what a person sees on the screen.
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::CharSet;

    #[test]
    fn ranges_and_single_characters() {
        let set = CharSet::compile("A-Z0-9./- ").expect("a good description");
        assert!(set.allows("123/CS-A.9 Z"));
        for refused in ["a", "Ä", "_", "A\u{0}", ":", "@", "["] {
            assert!(!set.allows(refused), "{refused:?}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_mean() {
        for description in ["", "Z-A", "é", "a\n"] {
            assert_eq!(CharSet::compile(description), None, "{description:?}");
        }
    }
}
